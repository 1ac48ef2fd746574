"""What the README promises works as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import p2law
from p2law import planfile
from p2law.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)


def test_the_two_commands_come_first_and_make_their_own_environment():
    """
    Two lines, each in an environment of its own making, so that no system Python refuses them.
    """
    job, tests = COMMANDS[:2]

    for command in (job, tests):
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && .venv/bin/python -m pip install ")
    assert tests.endswith("&& .venv/bin/python -m pytest")


def test_ci_runs_the_test_command_of_the_readme():
    """
    The script takes the second block from the README instead of repeating it.
    """
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert 'findall(r"```sh\\n(.*?)\\n```"' in script
    assert script.rstrip().endswith('eval "$tests"')


def test_the_main_job_prints_law_reasons_and_prediction(tmp_path, monkeypatch, capsys):
    """
    The first command, from the point where p2law is installed.
    """
    monkeypatch.chdir(ROOT)
    words = [
        shlex.split(part)
        for part in COMMANDS[0].split(" && ")
        if part.startswith(".venv/bin/p2law")
    ]
    saved = str(tmp_path / "fit.json")

    for command in words:
        assert 0 == main([saved if word == "fit.json" else word for word in command[1:]])
    printed = capsys.readouterr().out

    assert "L = L0 + rho^-gamma" in printed
    assert "p2 fitted to 288 records of 24 runs" in printed
    assert "alpha is hardly known" in printed
    assert "determined" in printed
    assert "True" in printed


def test_the_python_in_the_readme_runs(monkeypatch):
    """
    All blocks in one session, as a reader would paste them.
    """
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="the extra 'plot' is not installed")
    monkeypatch.chdir(ROOT)
    pyplot.close("all")
    scope = {}

    for block in re.findall(r"```python\n(.*?)\n```", README, re.DOTALL):
        exec(compile(block, "README.md", "exec"), scope)  # noqa: S102 - that is the point

    drawn = re.findall(r"^(?:p2law\.)?plotting\.", README, re.MULTILINE)
    assert len(pyplot.get_fignums()) == len(drawn)
    pyplot.close("all")
    assert isinstance(scope["fit"], p2law.Fit)
    assert isinstance(scope["fading"], p2law.Form)


def test_the_plan_in_the_readme_can_be_read(tmp_path):
    """
    Every key that stands there is one.
    """
    (text,) = re.findall(r"```toml\n(.*?)\n```", README, re.DOTALL)
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")

    plan = planfile.read(tmp_path / "plan.toml")

    assert {"depth", "width"} == set(plan.fits)
    assert "params_after" == plan.frontier


def test_every_built_in_law_is_in_the_table_of_laws():
    """
    The README lists what `forms.builtin` holds.
    """
    listed = re.findall(r"^\| `(\w+)` \|", README.split("## Laws")[1], re.MULTILINE)

    assert [each.name for each in p2law.forms.builtin] == listed


def test_the_picture_is_made_from_the_records(tmp_path):
    """
    Running its script writes the picture that the README shows, where matplotlib is installed.
    """
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    code = (
        "import sys, pathlib; sys.path.insert(0, 'docs'); import readme_picture as made;"
        f"made.PICTURE = pathlib.Path({str(tmp_path / 'readme.svg')!r}); made.main()"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)  # noqa: S603

    assert "<svg" in (tmp_path / "readme.svg").read_text(encoding="utf-8")
