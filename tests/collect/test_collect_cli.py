"""`p2law collect` does what the functions do, and refuses with one message and code 2."""

import json
import signal
import subprocess
import sys

import pytest
import studies

from p2law.cli import main
from p2law.errors import MissingExtraError, StoppedError


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


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (StoppedError("some-run", signal.SIGTERM), 143, "some-run was asked to stop; the same"),
        (StoppedError("some-run", signal.SIGINT), 130, "some-run was asked to stop; the same"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_request_to_stop_is_an_exit_code(path, tmp_path, capsys, monkeypatch, error, code, words):
    """
    That of the signal, as a shell has it; a sentence where a run was stopped, no traceback.
    """
    pytest.importorskip("torch")
    from p2law.collect import sweep

    def stopped(*_words, **_settings):
        raise error

    monkeypatch.setattr(sweep, "run", stopped)

    found, said, told = run(capsys, "run", path, "--out", tmp_path / "out")

    assert (code, "") == (found, said)
    assert words in told
    assert "Traceback" not in told


def test_one_model_can_be_pruned_alone(tmp_path, capsys):
    """
    A folder in, a smaller model out, rates achieved printed.
    """
    pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    from p2law.collect import zoo

    config = {
        "model_type": "qwen2",
        "vocab_size": 256,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "tie_word_embeddings": True,
    }
    zoo.make(config, 0, tmp_path / "model")
    words = ["prune", tmp_path / "model", tmp_path / "small", "--method", "depth", "--rate", "0.2"]
    words += ["--text", studies.TEXT / "treasure_island_one.txt", "--tokenizer", "bytes"]
    words += ["--sequence", "32", "--sequences", "4", "--json"]

    code, said, _ = run(capsys, *words)

    facts = json.loads(said)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "small")
    assert 0 == code
    assert 3 == model.config.num_hidden_layers
    assert facts["params_after"] == sum(each.numel() for each in model.parameters())
    assert facts["pruning_rate"] == (facts["params"] - facts["params_after"]) / facts["params"]
