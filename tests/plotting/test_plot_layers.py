"""The order inside the package of pictures, and what it loads."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import p2law
from p2law import plotting
from p2law.errors import MissingExtraError, P2LawError, PlotError

PACKAGE = Path(plotting.__file__).parent

ORDER = (
    "quantities",
    "colours",
    "notes",
    "run_names",
    "canvas",
    "families",
    "panelling",
    "line_values",
    *sorted(plotting._HOME.values()),
)
"""From the ground up; pictures know nothing of each other."""


def imported(path):
    """Dotted names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


@pytest.mark.parametrize("name", ORDER)
def test_a_module_of_pictures_imports_only_from_below(name):
    """
    What all pictures share stands below them, and none imports another.
    """
    below = ORDER[: min(ORDER.index(name), len(ORDER) - len(plotting._HOME))]

    found = [each.split(".") for each in imported(PACKAGE / f"{name}.py")]
    assert {parts[2] for parts in found if parts[:2] == ["p2law", "plotting"]} <= set(below)


def test_every_module_of_pictures_has_its_place():
    """
    A new picture is put into the door.
    """
    assert {each.stem for each in PACKAGE.glob("*.py")} - {"__init__"} == set(ORDER)


def test_only_the_canvas_knows_pyplot():
    """
    A picture on given axes needs no window and no state.
    """
    users = {
        path.stem
        for path in PACKAGE.glob("*.py")
        for name in imported(path)
        if f"{name}.".startswith("matplotlib.pyplot.")
    }

    assert {"canvas"} == users


def test_pictures_are_reached_through_the_package():
    """
    `p2law.plotting` is there without an import of its own, and lists what it has.
    """
    assert p2law.plotting is plotting
    assert sorted(plotting._HOME) == dir(plotting) == plotting.__all__
    with pytest.raises(AttributeError, match=r"'p2law.plotting' has no attribute 'pie'"):
        plotting.pie  # noqa: B018


@pytest.mark.parametrize("name", plotting.__all__)
def test_a_picture_can_be_asked_for_by_name_again_and_again(name):
    """
    No module stands where its function should.
    """
    pytest.importorskip("matplotlib")

    first, second = getattr(plotting, name), getattr(plotting, name)

    assert first is second
    assert callable(first)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    """
    What is missing, for what, and how to get it.
    """
    for name in [name for name in sys.modules if name.startswith("p2law.plotting.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'p2law\[plot\]'") as error:
        plotting.curves  # noqa: B018

    assert ("matplotlib", "plot") == (error.value.package, error.value.extra)
    assert "p2law.plotting.curves needs the optional package" in str(error.value)


def test_another_missing_module_is_not_taken_for_matplotlib(monkeypatch):
    """
    A broken installation is told as it is.
    """

    def broken(_name):
        raise ModuleNotFoundError("no scipy", name="scipy")

    monkeypatch.setattr(importlib, "import_module", broken)

    with pytest.raises(ModuleNotFoundError, match="no scipy"):
        plotting.curves  # noqa: B018


def test_the_door_alone_loads_no_matplotlib():
    """
    It is loaded when a picture is asked for.
    """
    code = "import sys, p2law.plotting; assert 'matplotlib' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_drawing_on_a_figure_loads_no_pyplot():
    """
    Nothing of pyplot is touched where axes are given.
    """
    pytest.importorskip("matplotlib")
    code = (
        "import sys, p2law, pandas as pd\n"
        "from matplotlib.figure import Figure\n"
        "rows = pd.DataFrame({'tokens': [1e6, 2e6, 4e6, 8e6], 'loss': [3, 2.6, 2.4, 2.3]})\n"
        "fit = p2law.fit(rows, p2law.forms.token_power)\n"
        "p2law.plotting.curves(fit, ax=Figure())\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_an_error_of_a_picture_is_one_of_ours():
    """
    One except clause catches all.
    """
    assert issubclass(PlotError, P2LawError)
    assert issubclass(PlotError, ValueError)
