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


def test_what_was_stopped_at_another_commit_is_refused_by_the_name_of_its_file(script, tmp_path):
    """
    That is the one to remove, not the figures that were whole before.
    """
    keeping, file = script("keeping"), tmp_path / "found.json"
    tables = {"targets": [{"target": "a"}]}
    keeping.keep(file, tables)
    keeping.keep(keeping.part_of(file), tables, commit="aaaaaaaaa")

    with pytest.raises(SystemExit, match=r"json\.part holds outcomes of commit aaaaaaaaa"):
        keeping.before(file, "targets", other=False)


@pytest.fixture
def faults(script, monkeypatch):
    """The script that disturbs sweeps, of which `can` says how often each fault was tried."""
    pytest.importorskip("torch")
    made, can = script("faults"), dict[str, int]()
    can.update({name: fault.faults for name, fault in made.FAULTS.items()})

    def row(name, *_):
        tried = can[name]
        return {"fault": name, **dict.fromkeys(made.SUMS, 0), "faults": tried}

    monkeypatch.setattr(made, "row", row)
    monkeypatch.setattr(made, "study", lambda *_, **__: None)
    monkeypatch.setattr(made.os, "nice", lambda _: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return made, can


def test_a_fault_that_could_not_be_tried_ends_the_run_badly(faults, monkeypatch, tmp_path, capsys):
    """
    It is named, keeps the figures from looking whole, and is tried again the next time.
    """
    (made, can), file = faults, tmp_path / "faults.json"
    monkeypatch.setattr(sys, "argv", ["faults.py", "--save", str(file)])
    can |= {"disk full": 0, "clock jumps": 14}

    assert 1 == made.main()
    assert not file.exists()
    told = capsys.readouterr().out
    assert "disk full: 0 faults, too few of them" in told
    assert "clock jumps: 14 faults, too few of them" in told

    can |= {"disk full": 30, "clock jumps": 15}

    assert 0 == made.main()
    asked = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert 2 == len(asked)
    assert [*made.FAULTS] == [each["fault"] for each in made.keeping.read(file)["tables"]["faults"]]
    assert not made.keeping.part_of(file).exists()


def test_fewer_faults_are_enough_where_fewer_are_asked_for(faults, monkeypatch):
    """
    With --faults; where nothing is kept, too.
    """
    made, can = faults
    can |= dict.fromkeys(can, 3)

    for wanted, code in (("3", 0), ("4", 1)):
        monkeypatch.setattr(sys, "argv", ["faults.py", "--faults", wanted])
        assert code == made.main()
