"""A whole study from text alone: trained, pruned in four ways, post-trained, fitted."""

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import p2law
from p2law.cli import main
from p2law.collect import forecast, read
from tests import notebooks

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "collect_on_cpu.toml"
PAGE = (ROOT / "docs" / "collecting.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The commands at the top of the file, in their order: where, and what they print."""
    folder, said = tmp_path_factory.mktemp("example"), []
    (folder / "examples").symlink_to(ROOT / "examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        for words in re.findall(r"^#   p2law (.*)$", EXAMPLE.read_text(), re.MULTILINE):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                assert 0 == main(words.split()), words
            said.append(printed.getvalue())
    return folder, said


def test_the_example_goes_from_text_to_a_fitted_law(studied):
    """
    Models are made, pruned in four ways and post-trained; every loss falls, and a law is fitted.
    """
    folder, (planned, ran, gathered, fitted) = studied
    plan = forecast(read(EXAMPLE)).table()

    assert planned.startswith("two small models on one CPU: 12 runs of 2 models")
    assert ran.startswith("12 done; 100% of ")
    assert "70 records of 10 pruned runs" in gathered
    assert fitted.startswith("p2, holding ")
    records = p2law.load(folder / "losses.csv")
    assert {"depth", "width", "unstructured", "2:4"} == set(records["method"])
    assert {"llama", "qwen2"} == set(records["family"])
    assert len(plan) == records["run"].nunique() + 2

    for run, curve in records.groupby("run"):
        first, last = curve["loss"].iloc[0], curve["loss"].iloc[-1]
        assert last < first, run
        planned = plan.set_index("run").loc[run]
        # SparseGPT may find weights that are zero already; depth and width are exact.
        assert curve["pruning_rate"].iloc[0] == pytest.approx(planned["pruning_rate"], abs=1e-3)


def test_what_the_page_does_from_python_works(studied, monkeypatch, capsys):
    """
    Block by block, as they stand in docs/collecting.md.
    """
    monkeypatch.chdir(studied[0])
    known = {}

    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, known)  # noqa: S102 - the page is ours

    assert "172,656 parameters, of which 0.286 go" in capsys.readouterr().out
    assert 4 == known["pruned"].cut.after.num_hidden_layers


def test_the_notebook_shows_one_model_and_two_cuts_of_a_study(studied, monkeypatch):
    """
    From its own folder; where a study is there, what it trained is not trained again.

    It asks for three runs: each takes seconds of a CPU, and many readers have but one.
    """
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    before = written(studied[0] / "study")
    monkeypatch.chdir(ROOT / "examples")
    monkeypatch.setattr(tempfile, "mkdtemp", lambda: str(studied[0]))

    shown = notebooks.run_through(ROOT / "examples" / "collect_on_cpu.ipynb")

    assert 3 == len(shown["mine"]) == len(shown["report"].done)
    assert {"depth"} == set(shown["records"]["method"])
    assert before == written(studied[0] / "study")


def written(study):
    """What a study measured."""
    return {each.parent.name: each.read_bytes() for each in study.glob("runs/*/records.jsonl")}
