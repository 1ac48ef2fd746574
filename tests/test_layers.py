"""Data flows one way: a module imports only from above it in the list of CONTRIBUTING.md."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import p2law

PACKAGE = Path(p2law.__file__).parent
HOME = Path(__file__).parents[1]

CONTRIBUTING = (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z_./]+)` \|", CONTRIBUTING.split("stands apart")[0], re.MULTILINE)
LAYERS = tuple(row.rstrip("/") for row in ROWS)
"""The order of the house, from the ground up, as CONTRIBUTING.md tells it."""
WHOLE = {row.rstrip("/") for row in ROWS if row.endswith("/")}
"""Packages that are one layer; the order inside the larger ones is tested where they are."""
TOP = ""
"""Where `fit` and `load` lie; the command line alone knows it."""


def layer_of(path):
    """The layer that a file belongs to."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] in WHOLE else ".".join(parts).removesuffix("__init__").rstrip(".")


def module(name):
    """The layer that a dotted name lies in: a name of a module, or of something inside one."""
    parts = name.split(".")[1:]
    if parts and parts[0] in WHOLE:
        return parts[0]
    while parts and not PACKAGE.joinpath(*parts).is_dir():
        if PACKAGE.joinpath(*parts).with_suffix(".py").is_file():
            break
        parts.pop()
    return ".".join(parts)


def imported(path):
    """Dotted names that a file imports, wherever in it; relative ones begin with a dot."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            inside = f"{'.' * node.level}{node.module or ''}"
            yield from (f"{inside}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def imports(path):
    """Layers that a file imports; what is relative is none."""
    for name in imported(path):
        if name.startswith("."):
            yield name
        elif name.split(".")[0] == "p2law":
            yield module(name)


FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.parent != PACKAGE or not path.stem.startswith("_")
]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_module_imports_only_from_above(layer):
    """
    Whatever a module imports stands above it in the list.
    """
    above = {*LAYERS[: LAYERS.index(layer)], "_version", layer}
    if layer.split(".")[0] == "cli":
        above.add(TOP)

    for path in (each for each in FILES if layer_of(each) == layer):
        assert set(imports(path)) <= above, path.relative_to(PACKAGE)


def test_every_module_has_its_place():
    """
    A new module must be put into the order before it can be used.
    """
    assert {layer_of(each) for each in FILES} == set(LAYERS)
    assert len(LAYERS) == len(set(LAYERS))


@pytest.mark.parametrize("package", ["collect", "logs", "plotting", "report"])
def test_the_tables_of_packages_name_their_modules(package):
    """
    All that are there, each once, and no other.
    """
    table = CONTRIBUTING.split(f"| module of `{package}` |")[1].split("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    named = [each.rstrip("/") for cell in first for each in re.findall("`([a-z_/]+)`", cell)]
    there = {each.stem for each in (PACKAGE / package).iterdir() if not each.stem.startswith("_")}

    assert sorted(there) == sorted(named)


def test_only_polishing_knows_lmfit():
    """
    The engine can be changed in one place.
    """
    users = {
        layer_of(path)
        for path in FILES
        if "lmfit" in {name.split(".")[0] for name in imported(path)}
    }
    door = (PACKAGE / "fitting" / "__init__.py").read_text(encoding="utf-8")

    assert {"fitting.polishing", "fitting"} == users
    assert "\nimport lmfit" not in door
    assert "    import lmfit" in door


def loaded(code):
    """Modules that a fresh interpreter has loaded after some code."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return set(found.stdout.split())


def test_importing_costs_numpy_and_pandas_and_no_more():
    """
    scipy, lmfit, matplotlib, torch and pyarrow wait until they are needed.
    """
    extra = loaded("import p2law") - loaded("import pandas")

    others = {name.split(".")[0] for name in extra} - sys.stdlib_module_names
    assert others <= {"p2law", "numpy", "pandas"}


def test_fitting_loads_lmfit():
    """
    The engine does load, when a fit is asked for.
    """
    code = (
        "import p2law, pandas as pd\n"
        "p2law.fit(pd.DataFrame({'tokens': [1e6, 2e6, 4e6, 8e6], 'loss': [3.0, 2.6, 2.4, 2.3]}),"
        " p2law.forms.token_power)"
    )

    assert "lmfit" in loaded(code)


def test_public_names_are_the_agreed_ones():
    """
    The top of the package is small; a new name is a decision.
    """
    import p2law

    names = {name for name in p2law.__all__ if not hasattr(getattr(p2law, name), "__path__")}
    modules = {name for name in names if type(getattr(p2law, name)).__name__ == "module"}

    assert {
        "Bounds",
        "Domain",
        "Fit",
        "Form",
        "P2LawError",
        "__version__",
        "compare",
        "fit",
        "form",
        "grid",
        "huber",
        "load",
        "score",
        "squared",
        "tokens_for",
    } == names - modules
