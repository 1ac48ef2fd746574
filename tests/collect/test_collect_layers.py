"""Inside collect, too, data flows one way, and planning needs no torch."""

import ast
from importlib.util import resolve_name
from pathlib import Path

import pytest

import p2law

PACKAGE = Path(p2law.__file__).parent / "collect"

WITHOUT_TORCH = (
    "shapes",
    "configs",
    "stored",
    "resizing",
    "cuts",
    "schedule",
    "tables",
    "settings",
    "reading",
    "models",
    "spec",
    "sizing",
    "jobs",
    "memory",
    "columns",
    "plan",
    "forecasting",
    "ledger",
    "place",
    "fingerprints",
    "standing",
    "gathering",
    "launch",
    "submitting",
)
LAYERS = (
    *WITHOUT_TORCH,
    "weights",
    "writing",
    "calibrate",
    "depth",
    "width",
    "zeroing",
    "sparse",
    "pruning",
    "documents",
    "tokenizing",
    "corpus",
    "team",
    "loss",
    "masks",
    "zoo",
    "trusting",
    "checkpoint",
    "ruler",
    "tracking",
    "train",
    "prepare",
    "work",
    "sweep",
    "alone",
    "run_options",
    "__init__",
    "cli",
)
"""The order of the rooms, from the ground up; CONTRIBUTING.md explains it."""

OUTSIDE = {"errors", "domains", "records", "_version", "files"}
"""All that collect may know of the rest: the two meet through record files."""


def imports(path):
    """Full names of all that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), "p2law.collect")
            yield from (f"{source}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def parts(layer, package):
    """Parts of a package that a module imports, `__init__` where it is the package itself."""
    names = [f"{name}.__init__" for name in imports(PACKAGE / f"{layer}.py")]
    inside = [name.removeprefix(f"{package}.") for name in names if name.startswith(f"{package}.")]
    return {name.split(".")[0] for name in inside}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_module_imports_only_from_below(layer):
    """
    Whatever a module imports of collect stands above it in the list.
    """
    inside = parts(layer, "p2law.collect")

    assert inside <= set(LAYERS[: LAYERS.index(layer)])


def test_every_module_has_its_place():
    """
    A new module must be put into the order before it can be used.
    """
    assert {each.stem for each in PACKAGE.glob("*.py")} == set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_collect_meets_the_rest_only_through_records(layer):
    """
    No law, no fit, no view is known here.
    """
    assert parts(layer, "p2law") - {"collect"} <= OUTSIDE


@pytest.mark.parametrize("layer", WITHOUT_TORCH)
def test_planning_and_gathering_need_no_torch(layer):
    """
    Sweep files are read, planned and gathered where nothing can be trained.
    """
    roots = {name.split(".")[0] for name in imports(PACKAGE / f"{layer}.py")}

    assert not roots & {"torch", "transformers", "safetensors", "tokenizers", "datasets"}
