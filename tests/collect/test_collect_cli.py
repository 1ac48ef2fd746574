"""`p2law collect` does what the functions do, and refuses with one message and code 2."""

import json
import subprocess
import sys

import pytest
import studies

from p2law.cli import main
from p2law.errors import MissingExtraError


@pytest.fixture
def path(tmp_path):
    """A sweep file."""
    return studies.write(tmp_path)


def run(capsys, *words):
    """Exit code, standard output and standard error of a command."""
    code = main([str(word) for word in ("collect", *words)])
    return (code, *capsys.readouterr())


def test_plan_needs_no_torch(path):
    """
    A plan comes from the sweep file alone.
    """
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from p2law.cli import main\n"
        f"sys.exit(main(['collect', 'plan', {str(path)!r}]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert 0 == found.returncode, found.stderr
    assert "3 runs of 1 model, 1 dense and 2 pruned" in found.stdout


def test_plan_speaks_json(path, capsys):
    """
    For programs: runs with their numbers.
    """
    code, out, _ = run(capsys, "plan", path, "--json")

    assert 0 == code
    assert 3 == len(json.loads(out)["runs"])


def test_without_torch_the_extra_is_named(path, tmp_path):
    """
    p2law works without torch; what needs it says which extra has it, and the code is 2.
    """
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n"
        "sys.modules['torch'] = None\n"
        "import p2law\n"
        "from p2law.cli import main\n"
        f"sys.exit(main(['collect', 'run', {str(path)!r}, '--out', {str(tmp_path / 'out')!r}]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert 2 == found.returncode
    assert "'torch', which is not installed" in found.stderr
    assert "pip install 'p2law[collect]'" in found.stderr


def test_without_torch_the_module_names_the_extra(monkeypatch):
    """
    The same from Python.
    """
    from p2law import collect

    for name in [each for each in sys.modules if each.startswith("p2law.collect.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(MissingExtraError, match=r"p2law.collect.prune needs .*p2law\[collect\]"):
        _ = collect.prune


def test_a_sweep_from_plan_to_table(path, tmp_path, capsys):
    """
    run, status, gather, and p2law fit reads the result.
    """
    pytest.importorskip("torch")
    out, table = tmp_path / "out", tmp_path / "losses.csv"

    assert (0, "3 of 3 runs done\n") == run(capsys, "run", path, "--out", out)[:2]
    code, said, _ = run(capsys, "status", out)
    assert (0, "3 done") == (code, said.splitlines()[-1])
    assert {"done"} == {
        each["state"] for each in json.loads(run(capsys, "status", out, "--json")[1])
    }
    code, said, _ = run(capsys, "gather", out, "-o", table, "--eval-text", "held-out")

    assert 0 == code
    assert "14 records of pruned runs, 6 of dense ones" in said
    assert 0 == main(["fit", str(table), "--form", "token_power"])


def test_failed_runs_are_code_one(path, tmp_path, capsys):
    """
    The sweep went through, but not all of it: reasons are printed, the code is 1.
    """
    pytest.importorskip("torch")
    code, said, _ = run(capsys, "run", path, "--out", tmp_path / "out", "--index", "1")

    assert 1 == code
    assert "FAILED small-llama-depth-0.25-s0-" in said
    assert "its model is not there yet" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "PATH", "--out", "out", "--only", "x"), "no run 'x' in this sweep"),
        (("run", "nowhere.toml", "--out", "out"), "nowhere.toml: no such file"),
        (("status", "nowhere"), "nowhere holds no sweep"),
        (("gather", "nowhere", "-o", "losses.csv"), "nowhere holds no runs"),
        (("plan", "PATH", "--mfu", "0.4"), "peak"),
        (
            ("run", "PATH", "--out", "out", "--submit", "local", "--option", "x"),
            "--option takes NAME=VALUE, got 'x'",
        ),
        (("prune", "nowhere", "out", "--method", "depth", "--rate", "0.2"), "nowhere"),
    ],
)
def test_bad_input_is_one_message_and_code_two(path, tmp_path, capsys, monkeypatch, words, message):
    """
    What is wrong and where, never a traceback.
    """
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)

    code, said, error = run(capsys, *(path if word == "PATH" else word for word in words))

    assert (2, "") == (code, said)
    assert error.startswith("p2law collect: ")
    assert message in error
    assert "Traceback" not in error
