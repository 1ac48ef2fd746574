"""The notebooks of examples/ run from top to bottom, and carry no outputs."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
ONES = pytest.mark.parametrize("path", BOOKS, ids=[each.stem for each in BOOKS])


def cells(path, kind="code"):
    """The source of each cell of a kind."""
    book = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(each["source"]) for each in book["cells"] if each["cell_type"] == kind]


@ONES
def test_a_notebook_runs_from_the_folder_of_the_repository(path, monkeypatch):
    """
    Cell by cell in one session; what a cell ends with can be shown as text and as HTML.
    """
    plt = pytest.importorskip("matplotlib.pyplot", reason="the extra 'plot' is not installed")
    if path.stem.startswith("collect"):
        pytest.importorskip("torch", reason="the extra 'collect' is not installed")
    monkeypatch.chdir(ROOT)
    plt.switch_backend("agg")
    scope = {"__name__": "notebook"}

    for number, source in enumerate(cells(path)):
        exec(compile(source, f"{path.name}[{number}]", "exec"), scope)  # noqa: S102 - the point
        last = source.strip().split("\n")[-1]
        if last.isidentifier():
            assert repr(scope[last])
            assert scope[last]._repr_html_().startswith("<")
        plt.close("all")


@ONES
def test_a_notebook_is_kept_without_outputs(path):
    """
    What a cell printed belongs to whoever runs it.
    """
    book = json.loads(path.read_text(encoding="utf-8"))

    assert all(not each.get("outputs") for each in book["cells"])
    assert all(each.get("execution_count") is None for each in book["cells"])


def test_the_notebook_on_collecting_trains_one_model_and_two_cuts_of_it(monkeypatch):
    """
    Each run takes seconds of a CPU, and many readers have but one.
    """
    monkeypatch.chdir(ROOT)
    scope = {"__name__": "notebook"}
    plan, study, *_ = cells(ROOT / "examples" / "collect_on_cpu.ipynb")

    exec(compile(plan, "plan", "exec"), scope)  # noqa: S102 - the point
    exec(compile(study.split("report = ")[0], "study", "exec"), scope)  # noqa: S102 - the point

    assert 3 == len(scope["mine"])


def test_a_notebook_runs_in_a_real_kernel(monkeypatch):
    """
    Jupyter's own way, once: tables and pictures come out, and no error.
    """
    monkeypatch.delenv("MPLBACKEND", raising=False)  # a kernel shows pictures by a way of its own
    nbformat = pytest.importorskip("nbformat", reason="the extra 'test' is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra 'test' is not installed")
    book = nbformat.read(ROOT / "examples" / "fit_and_predict.ipynb", as_version=4)

    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": ROOT}}).execute()

    kinds = {kind for cell in book.cells for out in cell.get("outputs", []) for kind in out["data"]}
    assert {"text/plain", "text/html", "image/png"} <= kinds
