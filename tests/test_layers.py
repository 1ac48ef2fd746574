"""Data flows one way: a module imports only from lines above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import p2law

PACKAGE = Path(p2law.__file__).parent

LAYERS = (
    "_version",
    "errors",
    "textfiles",
    "views",
    "amounts",
    "wording",
    "domains",
    "signatures",
    "declaring",
    "vocabulary",
    "refusing",
    "grouping",
    "numeric",
    "progress",
    "parallel",
    "checking",
    "lean",
    "lines",
    "reading",
    "writing",
    "records",
    "logs",
    "forms",
    "objectives",
    "settings",
    "freeing",
    "calling",
    "terms",
    "gauging",
    "surface",
    "starting",
    "projection",
    "descent",
    "identify",
    "ties",
    "causes",
    "ladder",
    "labelling",
    "gathering",
    "problem",
    "ordering",
    "refitting",
    "resampling",
    "intervals",
    "valley",
    "verdicts",
    "tabling",
    "asking",
    "covering",
    "saving",
    "knowing",
    "searched",
    "telling",
    "result",
    "polishing",
    "searching",
    "fitting",
    "selecting",
    "splitting",
    "holdout",
    "measures",
    "baselines",
    "judging",
    "criteria",
    "contenders",
    "trials",
    "deciding",
    "comparison",
    "comparing",
    "conditions",
    "scoring",
    "inverting",
    "pricing",
    "models",
    "candidates",
    "foresight",
    "budgets",
    "caveats",
    "budgeting",
    "limits",
    "choices",
    "choosing",
    "frontiers",
    "sufficing",
    "deviations",
    "sizing",
    "checkpoints",
    "conditioning",
    "continuation",
    "continuing",
    "watching",
    "prior",
    "informing",
    "offers",
    "picks",
    "designing",
    "identifying",
    "integrations",
    "planning",
    "plotting",
    "synthesis",
    "formulas",
    "contract",
    "testing",
    "report",
    "collect",
    "planfile",
    "shell",
    "judging_cli",
    "planning_cli",
    "next_runs_cli",
    "report_cli",
    "cli",
)
"""The order of the house, from the ground up; CONTRIBUTING.md explains it."""


def imports(path):
    """Modules of the package that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "p2law":
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("p2law."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("p2law."))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_module_imports_only_from_below(layer):
    """
    Whatever a module imports stands above it in the list.
    """
    files = sorted((PACKAGE / layer).glob("*.py")) or [PACKAGE / f"{layer}.py"]
    below = LAYERS[: LAYERS.index(layer)] + ((layer,) if len(files) > 1 else ())

    for path in files:
        assert {name for name in imports(path) if name in LAYERS} <= set(below), path.name


def test_every_module_has_its_place():
    """
    A new module must be put into the order before it can be used.
    """
    modules = {each.stem for each in PACKAGE.glob("*.py")} | {
        each.parent.name for each in PACKAGE.glob("*/__init__.py")
    }

    assert modules - {"__init__", "__main__"} == set(LAYERS)


def test_only_polishing_knows_lmfit():
    """
    The engine can be changed in one place.
    """
    users = [
        path.stem
        for path in PACKAGE.rglob("*.py")
        if "import lmfit" in path.read_text(encoding="utf-8")
    ]

    assert {"polishing", "fitting"} == set(users)
    assert "    import lmfit" in (PACKAGE / "fitting.py").read_text(encoding="utf-8")


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

    assert not {name.split(".")[0] for name in extra} & {
        "scipy",
        "lmfit",
        "matplotlib",
        "torch",
        "jinja2",
        "asteval",
    }


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
