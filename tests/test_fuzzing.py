"""The search for hostile input: limits hold, nothing is lost, what is told was asked for."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from tests.hostile.running import Outcome
from tests.hostile.worst import answers, hogs, tarries

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("figures stay with the source tree", allow_module_level=True)


@pytest.fixture
def script(monkeypatch):
    """The benchmark, of a commit of its own and with two cases a part, of which one is too much."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("fuzz")
    monkeypatch.setattr(module.keeping, "COMMIT", "ccccccccc")
    monkeypatch.setattr(module, "STEP", 2)
    monkeypatch.setattr(module, "TARGETS", {"answers": answers, "hogs": hogs})
    return module


@pytest.fixture
def file(tmp_path):
    """Where it keeps what was done."""
    return tmp_path / "done.json"


@pytest.fixture
def fuzz(script, file, monkeypatch):
    """Calls it with what is done already; what it then holds as done."""

    def called(*words, held=None):
        if held is not None:
            file.write_text(held if isinstance(held, str) else json.dumps(held), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["fuzz.py", "--done", str(file), *words])
        script.main()
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    return called


def fuzzed(commit="ccccccccc", **counts):
    """A part as the search for hostile input keeps it."""
    counts = {f"answers: {kind}": count for kind, count in counts.items()}
    slowest = {"answers": 0.5, "hogs": 0.5}
    return {"counts": counts, "unexplained": [], "slowest": slowest, "commit": commit}


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({"0": fuzzed("aaaaaaaaa")}, "of commit aaaaaaaaa"),
        ({"commit": "aaaaaaaaa", "parts": {"0": fuzzed()}}, "something else than outcomes"),
        ({"tables": {}}, "something else than outcomes"),
        ([], "something else than outcomes"),
        ('{"0": {"counts"', "is damaged, remove it or name another"),
    ],
)
def test_fuzzing_goes_on_from_its_own_commit_only(fuzz, held, words):
    """
    What is there is refused with words.
    """
    with pytest.raises(SystemExit, match=words):
        fuzz("--cases", "2", held=held)


def test_fuzzing_tells_what_was_asked_for_alone(fuzz, script, tmp_path):
    """
    Neither outcomes nor the commit of what else the file holds, which stays there.
    """
    held = {"0": fuzzed(result=2), "2": fuzzed("aaaaaaaaa", refused=2)}
    saved = tmp_path / "fuzz.json"

    assert held == fuzz("--cases", "2", "--save", str(saved), held=held)

    found = script.keeping.read(saved)
    assert "ccccccccc" == found["commit"]
    assert [(2, 2, 0), (0, 0, 0)] == [
        (each["cases"], each["results"], each["refused"]) for each in found["tables"]["targets"]
    ]


def test_fuzzing_keeps_a_part_whole_or_not_at_all(fuzz, script, monkeypatch):
    """
    Where the disk is full, what was done before is still there.
    """

    def full(self, _content):
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    held = {"0": fuzzed(result=2)}
    monkeypatch.setattr(script, "step", lambda _first: fuzzed(result=2))
    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            fuzz("--cases", "4", held=held)

    assert held == fuzz("--cases", "2")


def test_one_case_is_fuzzed_again_with_as_little_memory(fuzz, capsys):
    """
    What is unexplained in a long search is so when it is run alone.
    """
    fuzz("--only", "0", "1")

    answered, hogged = capsys.readouterr().out.splitlines()
    assert "kind='result'" in answered
    assert "kind='unexplained'" in hogged
    assert "MemoryError" in hogged


def test_fuzzing_counts_a_case_that_takes_too_much(fuzz, file, capsys):
    """
    In a part of its own beside those that were there, says so at once, and ends badly.
    """
    with pytest.raises(SystemExit, match=r"1 case unexplained; .*done\.json names it"):
        fuzz("--cases", "4", "--workers", "1", held={"0": fuzzed(result=2)})

    done = json.loads(file.read_text(encoding="utf-8"))
    assert {"answers: result": 1, "hogs: unexplained": 1} == done["2"]["counts"]
    assert [3, "hogs"] == done["2"]["unexplained"][0][:2]
    assert "answers | 3 | 3 | 0 | 0 | 0 | 0.5" in capsys.readouterr().out


def late():
    """A part with a case that took too long."""
    found = fuzzed(result=1)
    found["counts"]["hogs: unexplained"] = 1
    found["unexplained"] = [[1, "hogs", "TookTooLong in x.py:1: more than 5 s"]]
    return found


def test_a_case_that_took_too_long_beside_others_counts_as_it_does_alone(
    fuzz, script, tmp_path, monkeypatch
):
    """
    And the page says how many were run again, and the seconds that they then took.
    """
    monkeypatch.setattr(script, "TARGETS", {"answers": answers, "hogs": answers})
    alone = Outcome(1, "hogs", "result")
    monkeypatch.setattr(script, "outcomes", lambda *_: [(alone, 1.5)])
    saved = tmp_path / "fuzz.json"

    fuzz("--cases", "2", "--save", str(saved), held={"0": late()})

    row = script.keeping.read(saved)["tables"]["targets"][1]
    assert {"cases": 1, "results": 1, "unexplained": 0, "again": 1}.items() <= row.items()
    assert 1.5 == row["slowest_cpu_s"]


def test_the_seconds_at_which_a_case_was_stopped_are_not_those_that_it_takes(script, monkeypatch):
    """
    They hang on what else ran, and it runs again.
    """
    stopped = Outcome(1, "hogs", "unexplained", "TookTooLong in x.py:1: more than 5 s")
    found = [(Outcome(0, "answers", "result"), 0.5), (stopped, 5.1)]
    monkeypatch.setattr(script, "outcomes", lambda *_: found)

    assert {"answers": 0.5, "hogs": 0.0} == script.step(0)["slowest"]


def test_a_case_that_takes_too_long_alone_stays_unexplained(fuzz, script, monkeypatch):
    """
    However often the command is given: no third run excuses it.
    """
    monkeypatch.setattr(script, "TARGETS", {"answers": answers, "hogs": tarries})
    with pytest.raises(SystemExit, match="1 case unexplained"):
        fuzz("--cases", "2", held={"0": late()})

    monkeypatch.setattr(script, "TARGETS", {"answers": answers, "hogs": answers})
    with pytest.raises(SystemExit, match="1 case unexplained"):
        fuzz("--cases", "2")
