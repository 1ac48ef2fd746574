"""Benchmarks that measure bit by bit: what was stopped does not look whole, and goes on."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks stay with the source tree", allow_module_level=True)


@pytest.fixture
def script(monkeypatch):
    """Imports a benchmark by its name, all of one commit."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setattr(importlib.import_module("keeping"), "COMMIT", "ccccccccc")
    return importlib.import_module


def test_guided_fuzzing_that_was_stopped_leaves_no_file_that_looks_whole(
    script, monkeypatch, tmp_path
):
    """
    `all.py` takes a file that is there for measured; the first targets are in another until then.
    """
    fuzz, file, done = script("coverage_fuzz"), tmp_path / "found.json", []

    def fuzzed(target, *_):
        if len(done) == 1:
            done.append("stopped")
            raise KeyboardInterrupt
        done.append(target)
        return {"target": target}

    monkeypatch.setattr(fuzz, "fuzzed", fuzzed)
    monkeypatch.setattr(fuzz.environments, "python_of", lambda _: Path(sys.executable))
    monkeypatch.setattr(sys, "argv", ["coverage_fuzz.py", "--save", str(file)])
    with pytest.raises(KeyboardInterrupt):
        fuzz.main()
    assert not file.exists()

    fuzz.main()

    assert [*fuzz.TARGETS] == [each for each in done if each != "stopped"]
    kept = fuzz.keeping.read(file)["tables"]["targets"]
    assert [*fuzz.TARGETS] == [row["target"] for row in kept]
    assert ["found.json"] == [each.name for each in tmp_path.iterdir()]
