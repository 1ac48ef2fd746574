"""The notebooks of examples/ run from top to bottom, and carry no outputs."""

import json
from pathlib import Path

import pytest

from tests import notebooks

ROOT = Path(__file__).parents[1]
BOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
ONES = pytest.mark.parametrize("path", BOOKS, ids=[each.stem for each in BOOKS])


# One trains, and is run where there is a trained study; one is run in a real kernel.
ALONE = [each for each in BOOKS if each.stem not in ("collect_on_cpu", "fit_and_predict")]


@pytest.mark.parametrize("path", ALONE, ids=[each.stem for each in ALONE])
def test_a_notebook_runs_from_its_own_folder_as_in_jupyter(path, monkeypatch):
    """
    Cell by cell in one session; what a cell ends with can be shown as text and as HTML.
    """
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    monkeypatch.chdir(path.parent)

    notebooks.run_through(path)


@ONES
def test_a_notebook_is_kept_without_outputs(path):
    """
    What a cell printed belongs to whoever runs it.
    """
    book = json.loads(path.read_text(encoding="utf-8"))

    assert all(not each.get("outputs") for each in book["cells"])
    assert all(each.get("execution_count") is None for each in book["cells"])


def test_a_notebook_runs_in_a_real_kernel(monkeypatch):
    """
    Jupyter's own way, once: tables and pictures come out, and no error; what a cell ends with
    is shown as text and as HTML.
    """
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a kernel shows pictures by a way of its own
    nbformat = pytest.importorskip("nbformat", reason="the extra 'test' is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra 'test' is not installed")
    path = ROOT / "examples" / "fit_and_predict.ipynb"
    book = nbformat.read(path, as_version=4)

    place = {"metadata": {"path": path.parent}}
    nbclient.NotebookClient(book, timeout=300, resources=place).execute()

    code = [each for each in book.cells if each["cell_type"] == "code"]
    named = [each["outputs"] for each in code if notebooks.last_name(each["source"])]
    assert len(named) > 2
    for *_, shown in named:
        assert shown["data"]["text/plain"]
        assert shown["data"]["text/html"].startswith("<")
    kinds = {kind for cell in book.cells for out in cell.get("outputs", []) for kind in out["data"]}
    assert {"text/plain", "text/html", "image/png"} <= kinds
