"""Figures that the documentation quotes: what gave them is kept with them, and pages show all."""

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("figures stay with the source tree", allow_module_level=True)
FILES = sorted((BENCHMARKS / "figures").glob("*.json"))


@pytest.fixture
def keeping(script, monkeypatch):
    """The module that keeps figures, called by a benchmark of a commit of its own."""
    module = script("keeping")
    monkeypatch.setattr(module, "COMMIT", "ccccccccc")
    monkeypatch.setattr(sys, "argv", ["benchmarks/made.py", "--save", "made.json"])
    return module


def test_a_table_that_was_not_measured_again_keeps_what_gave_it(keeping, monkeypatch, tmp_path):
    """
    Its command and its commit, beside those of the table that was.
    """
    file = tmp_path / "made.json"
    tables = {"rows": [{"n": 1}], "runs": [{"n": 2}]}
    keeping.keep(file, tables, measured=["rows", "runs"], commit="aaaaaaaaa")
    monkeypatch.setattr(sys, "argv", ["made.py", "--only", "rows", "--save", "made.json"])
    for _ in range(2):
        keeping.keep(file, tables, measured=["rows"], commit="bbbbbbbbb, changed")

    found = keeping.read(file)
    rows, runs = (keeping.stamp_of(found, name) for name in tables)

    assert ("python benchmarks/made.py", "aaaaaaaaa") == (runs["command"], runs["commit"])
    assert "python benchmarks/made.py --only rows" == rows["command"]
    assert "bbbbbbbbb, changed" == rows["commit"]
    assert found["tables"] == tables


def test_a_file_without_a_commit_can_still_be_read(keeping):
    """
    As the first figures were kept.
    """
    told = keeping.stamp_of({"command": "python x.py", "date": "2026-11-25", "tables": {}}, "rows")

    assert "not kept" == told["commit"]
    assert told["load"] is None


@pytest.mark.parametrize("part", ["p2law", "benchmarks", "tests/hostile", "data"])
def test_a_change_of_what_is_measured_is_kept_beside_the_commit(keeping, tmp_path, part):
    """
    A change or a commit elsewhere is none, and where git knows nothing no commit is named.
    """

    def git(*words):
        who = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *who, *words], check=True, capture_output=True)  # noqa: S603, S607

    assert "not kept" == keeping.commit_of(tmp_path)
    git("init")
    (tmp_path / part).mkdir(parents=True)
    (tmp_path / part / "a.py").write_text("")
    git("add", ".")
    git("commit", "-m", "first")
    clean = keeping.commit_of(tmp_path)
    for other in (tmp_path / "other.py", tmp_path / "benchmarks" / "figures" / "made.json"):
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text("")
        git("add", ".")
        git("commit", "-m", "second")
        other.write_text("1")

    assert 9 == len(clean)
    assert clean == keeping.commit_of(tmp_path)
    (tmp_path / part / "a.py").write_text("1")
    assert f"{clean}, changed" == keeping.commit_of(tmp_path)


def test_nothing_goes_on_from_another_commit_unless_asked(keeping):
    """
    The refusal names both and the cure; what is mixed is said to be.
    """
    with pytest.raises(SystemExit, match=r"of commit aaaaaaaaa, and this is .* --other-commit"):
        keeping.joined(Path("x.json"), ["aaaaaaaaa", keeping.COMMIT], other=False)

    both = keeping.joined(Path("x.json"), ["aaaaaaaaa", keeping.COMMIT], other=True)
    assert f"aaaaaaaaa and {keeping.COMMIT}" == both
    assert keeping.COMMIT == keeping.joined(Path("x.json"), [keeping.COMMIT], other=False)


def test_what_a_file_holds_is_gone_on_from_where_it_is_of_the_same_commit(keeping, tmp_path):
    """
    Its rows, that is; a file that is not there holds none.
    """
    file = tmp_path / "found.json"
    keeping.keep(file, {"targets": [{"target": "plan file"}]}, commit="ccccccccc")

    assert ([{"target": "plan file"}], "ccccccccc") == keeping.before(file, "targets", other=False)
    assert ([], "ccccccccc") == keeping.before(None, "targets", other=False)
    keeping.keep(file, {"targets": [{"target": "plan file"}]}, commit="aaaaaaaaa")
    with pytest.raises(SystemExit, match="of commit aaaaaaaaa"):
        keeping.before(file, "targets", other=False)


def test_measuring_again_goes_on_from_nothing(script, monkeypatch, tmp_path):
    """
    The figures and the file that a study goes on from are removed before.
    """
    runner = script("all")
    monkeypatch.setattr(runner, "FIGURES", tmp_path)
    monkeypatch.setattr(runner, "HERE", tmp_path)
    names = ("next_runs.json", "next_runs.json.part", ".next_runs.jsonl", "speed.json")
    left = [tmp_path / name for name in names]
    for each in left:
        each.write_text("{}", encoding="utf-8")

    runner.removed("next_runs")

    assert [False, False, False, True] == [each.exists() for each in left]
    assert script("next_runs").LINES.name == runner.JOBS["next_runs"].goes_on
    assert script("fuzz").DONE.name == runner.JOBS["fuzz"].goes_on


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.stem)
def test_figures_were_written_by_the_command_that_makes_them_again(script, file):
    """
    That of `all.py`, or its script with a name of the part that was measured.
    """
    keeping, jobs = script("keeping"), script("all").JOBS
    found = keeping.read(file)
    script_name, *asked = shlex.split(f"benchmarks/{jobs[file.stem].command}")

    for name in found["tables"]:
        words = shlex.split(keeping.stamp_of(found, name)["command"])
        more = [each for each in words[2:] if each != "--other-commit"]
        assert ["python", script_name] == words[:2], name
        part = more[len(asked) :] if more[: len(asked)] == asked else more
        assert more == asked or part[:1] == ["--only"], name


@pytest.fixture
def shown(script, keeping, monkeypatch, tmp_path):
    """Shows figures as a section of a page; `load` is that of the machine."""
    pages = script("pages")
    for module in (pages, keeping):
        monkeypatch.setattr(module, "FIGURES", tmp_path)
    columns = {"what": ("what", ""), "same": ("same", ","), "seconds": ("wall s", ".1f")}
    part = pages.Part("made", "Made", "Of nothing.", dict.fromkeys(("a", "b"), columns))
    part = replace(part, wall=("seconds",))

    def show(load, *tables, commit="aaaaaaaaa"):
        monkeypatch.setattr(keeping.os, "getloadavg", lambda: (load, 0, 0), raising=False)
        row = {"what": "x|y", "same": True, "wall s": 2.0}
        keeping.keep(
            tmp_path / "made.json", {"a": [row], "b": [row]}, measured=tables, commit=commit
        )
        return pages.section(part)

    return show


@pytest.mark.parametrize("known", ["prior", "pilot"])
def test_sets_of_runs_are_compared_before_and_after_the_first_records(script, monkeypatch, known):
    """
    Runs that are there have other names than those that are chosen: each is a run of its own.
    """
    study = script("next_runs")
    monkeypatch.setattr(study, "REPEATS", 20)

    found = study.task(known, number=0, guesses=2, overhead=1.0)

    assert all(0 < found[name] < np.inf for name in ("chosen", "random", "grid", "promised"))


def test_a_page_says_command_and_commit_of_each_table_where_they_differ(shown):
    """
    Once where one command gave them all.
    """
    once = shown(1.0, "a", "b")
    twice = shown(1.0, "b", commit="bbbbbbbbb")

    assert 1 == once.count("commit aaaaaaaaa") == once.count("    python benchmarks/made.py\n")
    assert 2 == twice.count("    python benchmarks/made.py\n")
    assert twice.index("commit aaaaaaaaa") < twice.index("commit bbbbbbbbb")


def test_seconds_by_the_wall_clock_are_shown_of_an_idle_machine_only(shown):
    """
    Elsewhere the page says why they are not; what is true is written as yes.
    """
    idle, busy = shown(1.4, "a", "b"), shown(1.5, "a", "b")

    assert "| x\\|y | yes | 2.0 |" in idle
    assert "| x\\|y | yes |\n" in busy
    assert "left out, for the load was 1.5" in busy
    assert "left out" not in idle


def test_what_was_not_measured_has_no_section(script, monkeypatch, tmp_path):
    """
    A page says what is known, and leaves no gap where nothing is.
    """
    pages = script("pages")
    monkeypatch.setattr(pages, "FIGURES", tmp_path)

    told = pages.page_of("Intro.\n", [pages.section(pages.Part("none", "None", "", {})), "Next.\n"])

    assert "Intro.\n\nNext.\n" == told


def test_where_p2law_falls_short_is_said_first(script):
    """
    Every timed problem on which an expert's lmfit is more than 1.5 times as fast.
    """
    goals, kept = script("performance_goals"), script("keeping").kept
    tables = kept("peers")["tables"]
    _, told, *_ = goals.of_goals(tables)
    rows = [*tables["known"], *kept("growth")["tables"]["growth"]]
    slow = [
        f"{1 / row['times_p2law']:.1f}"
        for row in rows
        if row["tool"] == "lmfit, expert" and row["times_p2law"] < 1 / goals.SLOWEST
    ]
    page = script("performance_page").page()

    assert all(f": {each}" in told for each in slow)
    assert page.index(told) < page.index("Each tool in an environment")


def test_every_benchmark_is_shown_on_a_page(script):
    """
    What `all.py` measures is not measured for nothing.
    """
    pages = [script(each.removesuffix(".py")) for each in script("all").PAGES]
    parts = [part for each in pages for part in each.PARTS]

    assert sorted(script("all").JOBS) == sorted(each.figures for each in parts)
