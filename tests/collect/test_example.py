"""A whole study from text alone: trained, pruned in four ways, post-trained, fitted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import p2law
from p2law.collect import forecast, read, status

EXAMPLE = Path(__file__).parents[2] / "examples" / "collect_on_cpu.toml"


def p2law_says(*words):
    """What a command prints."""
    found = subprocess.run(
        [sys.executable, "-m", "p2law", *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert 0 == found.returncode, found.stdout + found.stderr
    return found.stdout


def test_the_example_goes_from_text_to_a_fitted_law(tmp_path):
    """
    The commands at the top of the file, in their order.
    """
    plan = forecast(read(EXAMPLE)).table()

    p2law_says("collect", "run", EXAMPLE, "--out", tmp_path / "study", "--workers", "2")
    p2law_says("collect", "gather", tmp_path / "study", "-o", tmp_path / "losses.csv")
    said = p2law_says("fit", tmp_path / "losses.csv")

    assert {"done"} == set(status(tmp_path / "study")["state"])
    records = p2law.load(tmp_path / "losses.csv")
    assert {"depth", "width", "unstructured", "2:4"} == set(records["method"])
    assert {"llama", "qwen2"} == set(records["family"])
    assert len(plan) == records["run"].nunique() + 2
    assert said.startswith("p2, holding ")

    for run, curve in records.groupby("run"):
        first, last = curve["loss"].iloc[0], curve["loss"].iloc[-1]
        assert last < first, run
        planned = plan.set_index("run").loc[run]
        # SparseGPT may find weights that are zero already; depth and width are exact.
        assert curve["pruning_rate"].iloc[0] == pytest.approx(planned["pruning_rate"], abs=1e-3)
