"""What the README promises works as it stands there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import p2law
from p2law import forms, testing
from p2law.cli import main, planfile
from tests import drawing

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


def test_the_first_look_at_a_curve_takes_four_lines_before_the_first_section():
    """
    The law and its picture, then the lines for a notebook, then the two commands.
    """
    top = README.split("\n## ")[0]
    (lines,) = re.findall(r"```python\n(.*?)\n```", top, re.DOTALL)

    assert 4 == len(lines.splitlines())
    assert lines.endswith("p2law.plotting.curves(fit)")
    order = ["L = L0", "](docs/readme.svg)", '".[plot]"', "```python", "```sh"]
    assert sorted(order, key=top.index) == order


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files that the commands in the README name."""
    place = tmp_path_factory.mktemp("readme")
    at = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2}
    at |= {"N_C": 0.3 * 1e9**0.6, "D_C": 0.3 * 1e9**0.5, "E": 0.3 * 1e9**0.2}
    table = testing.design((0.5e9, 3e9, 8e9), (0.15, 0.3, 0.5), np.geomspace(2e7, 1e9, 6))
    records = testing.synthesize(forms.p2, at, table, noise=0.004, seed=2).assign(method="depth")
    for name in ("records", "new_records", "losses"):
        records.to_csv(place / f"{name}.csv", index=False)
    runs = p2law.grid(params=[1e9, 8e9], pruning_rate=[0.15, 0.5], tokens=[2.5e8, 1e9])
    runs = runs.assign(base_loss=2.0, cost=6 * runs["params"] * runs["tokens"])
    runs.to_csv(place / "runs.csv", index=False)
    fit = p2law.fit(records, forms.p2)
    for name in ("fit", "depth", "width"):
        (place / f"{name}.json").write_text(fit.to_json(), encoding="utf-8")
    mine = p2law.load(ROOT / "data" / "byte_llama.csv").query(
        "method == 'depth' and eval_text == 'novels' and tokens >= 1e5"
    )
    (place / "saved.json").write_text(p2law.fit(mine).to_json(), encoding="utf-8")
    (plan,) = re.findall(r"```toml\n(.*?)\n```", README, re.DOTALL)
    (place / "plan.toml").write_text(plan, encoding="utf-8")
    return place


@pytest.mark.parametrize("line", re.findall(r"^ {4}p2law (?!collect).*$", README, re.MULTILINE))
def test_every_command_in_the_readme_runs(folder, monkeypatch, capsys, line):
    """
    As it stands there, but for the collecting of records, which takes models.
    """
    monkeypatch.chdir(folder)
    words = shlex.split(line, comments=True)[1:]
    if "report" in words:
        pytest.importorskip("jinja2", reason="the extra 'report' is not installed")
    if "6.886e5" in words:  # asked of the fit that the first command saves
        words = ["saved.json" if word == "fit.json" else word for word in words]

    code = main(words)

    assert (0, "") == (code, capsys.readouterr().err)
    if "report" in words:
        assert "Does it hold up?" in (folder / "report.html").read_text(encoding="utf-8")


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
    drawing.drawn(ROOT / "docs" / "readme_picture.py", tmp_path / "readme.svg")

    assert "<svg" in (tmp_path / "readme.svg").read_text(encoding="utf-8")
