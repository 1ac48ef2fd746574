"""One command measures every figure, says which are old, and writes the pages."""

import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks stay with the source tree", allow_module_level=True)


def test_one_command_runs_the_versions_of_every_dependency(script):
    """
    Those of the extra that collects records, too: `all.py` asks for all that `versions.py` knows.
    """
    _, *words = shlex.split(script("all").JOBS["versions"].command)

    assert [*script("versions").KNOWN.values()] == script("versions")._asked(words).chosen


def test_the_list_says_which_code_figures_are_of(script, monkeypatch, tmp_path):
    """
    All commits of a file, whether they are today's, and a command that can be pasted.
    """
    runner, keeping = script("all"), script("keeping")
    monkeypatch.setattr(runner, "FIGURES", tmp_path)
    monkeypatch.setattr(keeping, "COMMIT", "ccccccccc")
    tables = {"rows": [{"n": 1}], "runs": [{"n": 2}]}
    keeping.keep(tmp_path / "speed.json", tables, commit="ccccccccc")
    keeping.keep(tmp_path / "scale.json", tables, commit="aaaaaaaaa")
    keeping.keep(tmp_path / "scale.json", tables, measured=["runs"], commit="ccccccccc")

    rows = [runner.told(name) for name in ("speed", "scale", "growth")]

    assert ["yes", "no", "-"] == [each["of today's code"] for each in rows]
    assert ["ccccccccc", "aaaaaaaaa and ccccccccc", "not measured"] == [
        each["commit"] for each in rows
    ]
    assert "python benchmarks/growth.py" == rows[2]["command"]


def test_a_page_that_cannot_be_written_hides_no_benchmark(script, monkeypatch, tmp_path, capsys):
    """
    How each ended is shown before pages are made, all of which are tried, and the run ends badly.
    """
    runner, tried = script("all"), []

    def run(command, **_):
        tried.append(Path(command[1]).name)
        shown = "speed" in capsys.readouterr().out
        assert shown == (tried[1:] == ["performance_page.py"])
        return subprocess.CompletedProcess(command, tried[-1] == "performance_page.py")

    monkeypatch.setattr(runner.subprocess, "run", run)
    monkeypatch.setattr(runner, "FIGURES", tmp_path)
    monkeypatch.setattr(sys, "argv", ["all.py", "--only", "speed"])

    assert 1 == runner.main()
    assert ["speed.py", *runner.PAGES] == tried
    assert "ended badly: performance_page.py" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("planning", [], "give --round-trip 1000, --speed, or both"),
        ("next_runs", ["--kinds", "nonsense"], "choose from"),
    ],
)
def test_what_would_measure_nothing_is_refused(script, monkeypatch, capsys, name, words, told):
    """
    With what can be asked for, and not with an empty table that ends well.
    """
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *words])

    with pytest.raises(SystemExit, match="2"):
        script(name).main()
    assert told in capsys.readouterr().err


def test_help_keeps_the_lines_of_a_description(script, monkeypatch, capsys):
    """
    So that commands in it can be pasted.
    """
    runner = script("all")
    monkeypatch.setattr(sys, "argv", ["all.py", "--help"])

    with pytest.raises(SystemExit, match="0"):
        runner.main()
    assert runner.__doc__.strip() in capsys.readouterr().out


def test_no_benchmark_hides_a_module_of_its_name():
    """
    Workers have the folder on their path, where a `coverage.py` would be taken for the package;
    tests have it there beside their own.
    """
    names = {each.stem for each in BENCHMARKS.glob("*.py")}
    others = {*sys.stdlib_module_names, *metadata.packages_distributions(), "coverage"}
    others |= {each.stem for each in Path(__file__).parent.rglob("*.py")}

    assert set() == names & others


def test_an_audit_without_an_answer_is_no_figure(script, monkeypatch):
    """
    Words and the cure, nothing kept, and no path of the machine for a reason.
    """
    audit = script("audit")
    dead = subprocess.CompletedProcess([], 1, "", "x: No module named pip_audit")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: dead)

    with pytest.raises(SystemExit, match=r"nothing is kept: .*pip install pip-audit"):
        audit.outcome(["numpy==2.0.0"])
