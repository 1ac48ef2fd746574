"""`p2law collect` does what the functions do, and refuses with one message and code 2."""

import json
import signal
import subprocess
import sys

import folders
import pytest
import studies

from p2law.cli import main
from p2law.collect import run_options, standing
from p2law.errors import MissingExtraError, RunError, StoppedError


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


@pytest.mark.parametrize("hidden", ["filelock", "torch"])
def test_looking_needs_no_extra(tmp_path, hidden):
    """
    A folder that was copied from elsewhere is read where nothing can be run.
    """
    out, table = folders.sweep(tmp_path), tmp_path / "losses.csv"
    code = (
        f"import sys; sys.modules[{hidden!r}] = None\n"
        "from p2law.cli import main\n"
        f"assert 0 == main(['collect', 'status', {str(out)!r}])\n"
        f"sys.exit(main(['collect', 'gather', {str(out)!r}, '-o', {str(table)!r}]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (0, "") == (found.returncode, found.stderr)
    assert "1 done, 1 diverged" in standing.report(out)
    assert table.exists()


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
    assert (0, "3 done; 100% of 8,320 tokens") == (code, said.splitlines()[0])
    assert {"done"} == {
        each["state"] for each in json.loads(run(capsys, "status", out, "--json")[1])
    }
    code, said, _ = run(capsys, "gather", out, "-o", table, "--eval-text", "held-out")

    assert 0 == code
    assert "14 records of 2 pruned runs\n6 records of 1 dense runs\nwrote" in said
    assert 0 == main(["fit", str(table), "--form", "token_power"])


def test_diverged_runs_are_counted_and_told(path, tmp_path, capsys):
    """
    They are done, and nobody reads "1 of 1 done" as "all is well".
    """
    pytest.importorskip("torch")
    path.write_text(path.read_text().replace("learning_rate = 1e-2", "learning_rate = 1e30"))
    out = tmp_path / "out"

    code, said, log = run(capsys, "run", path, "--out", out, "--index", "0")

    assert 0 == code
    assert said.startswith("1 of 1 runs done, 1 of them diverged\nDIVERGED small-llama-dense-s0-")
    assert ": diverged at 256 tokens: the loss on held-out is nan" in log
    again = run(capsys, "run", path, "--out", out, "--index", "0")
    assert said == again[1]


def test_failed_runs_are_code_one(path, tmp_path, capsys):
    """
    The sweep went through, but not all of it: reasons are printed, the code is 1.
    """
    pytest.importorskip("torch")
    code, said, _ = run(capsys, "run", path, "--out", tmp_path / "out", "--index", "1")

    assert 1 == code
    assert "FAILED small-llama-depth-0.25-s0-" in said
    assert "its model is not there yet" in said


OUT = ("--out", "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "PATH", "--out", "out", "--only", "x"), "no run 'x' in this sweep"),
        (("run", "nowhere.toml", "--out", "out"), "nowhere.toml: no such file"),
        (("status", "nowhere"), "nowhere is no folder"),
        (("gather", "nowhere", "-o", "losses.csv"), "nowhere is no folder"),
        (("plan", "PATH", "--mfu", "0.4"), "peak"),
        (("run", "PATH", *OUT, "--submit", "local", "--option", "x"), "NAME=VALUE, got 'x'"),
        (
            ("run", "PATH", *OUT, "--submit", "local", "--option", "x=1", "--option", "x=2"),
            "--option names x twice",
        ),
        (("run", "PATH", *OUT, "--option", "x=1"), "--option is for --submit"),
        (("run", "PATH", *OUT, "--submit", "slurm", "--workers", "2"), "--submit does so already"),
        (("run", "PATH", *OUT, "--submit", "slurm", "--gpus", "0"), "--gpus starts processes here"),
        (("run", "PATH", *OUT, "--workers", "0"), "--workers is 0; it must be 1 or more"),
        (("run", "PATH", *OUT, "--gpus", "0,0"), "--gpus is '0,0'; name each once"),
        (("run", "PATH", *OUT, "--gpus", ""), "--gpus is ''; name each once"),
        (("run", "PATH", *OUT, "--gpus", "0,1"), "1 workers times 1 processes a run"),
        (("run", "PATH", *OUT, "--index", "3"), "there is no run 3; the sweep has runs 0 to 2"),
        (
            ("run", "PATH", *OUT, "--submit", "local", "--index", "-1"),
            "there is no run -1; the sweep has runs 0 to 2",
        ),
        (("plan", "PATH", "--gpu-memory", "80"), "it must be above 1e+08, in bytes: 80e9"),
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


@pytest.mark.parametrize("words", [("--workers", "2"), ("--submit", "slurm")])
def test_processes_that_torchrun_started_start_no_others(path, capsys, monkeypatch, words):
    """
    Each of them would.
    """
    pytest.importorskip("torch")
    monkeypatch.setenv("WORLD_SIZE", "2")

    code, _, error = run(capsys, "run", path, "--out", path.parent / "out", *words)

    assert 2 == code
    assert "torchrun" in error


def test_gpus_that_are_not_there_are_refused(path, capsys, monkeypatch):
    """
    A run that was meant for a GPU never goes to the CPU in silence.
    """
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)

    code, _, error = run(capsys, "run", path, "--out", path.parent / "out", "--gpus", "0")

    assert 2 == code
    assert "--gpus names 0; torch sees 0 here" in error


@pytest.mark.parametrize(
    ("visible", "shared"),
    [(None, "0 1"), ("4,5", "4 5"), (" 5, 4, 7", "5 4"), ("MIG-a,MIG-b", "MIG-a MIG-b")],
)
def test_gpus_are_counted_as_torch_counts_them(monkeypatch, visible, shared):
    """
    Whoever may use two of eight GPUs never starts work on those of others.
    """
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert shared.split() == run_options.shared_gpus("0,1", 2, 1)
    assert shared.split()[::-1] == run_options.shared_gpus("1, 0", 1, 2)
    with pytest.raises(RunError, match="--gpus names 4; torch sees 2 here, and counts them from 0"):
        run_options.shared_gpus("4,0", 2, 1)


@pytest.mark.parametrize("words", ["0,0", "0,00", "0,", "0,GPU-a", ""])
def test_gpus_are_numbers_each_given_once(words):
    """
    What is no number, or the same one, is refused before torch is asked.
    """
    with pytest.raises(RunError, match="name each once, by its number, with commas: 0,1,2,3"):
        run_options.shared_gpus(words, 2, 1)


def test_jobs_name_their_runs_and_pass_the_tracker_on(path, tmp_path, capsys, monkeypatch):
    """
    Dense runs first, each by its id.
    """
    pytest.importorskip("torch")
    from p2law.collect import submitting

    asked = []
    monkeypatch.setattr(
        submitting, "submit", lambda *found, **further: asked.append((found, further)) or [1, 2]
    )
    words = ("--submit", "local", "--index", "2", "0", "2", "--tracker", "json:loads")

    code, said, _ = run(capsys, "run", path, "--out", tmp_path / "out", *words)

    dense, _, sparse = (each.id for each in studies.runs(path))
    assert (0, "2 jobs submitted") == (code, said[:16])
    ((_, _, stages), further) = asked[0]
    assert [[dense], [sparse]] == stages
    assert ["--tracker", "json:loads"] == further["words"]


def test_gather_counts_what_it_leaves_out(tmp_path, capsys):
    """
    By state, then run by run.
    """
    out = folders.sweep(tmp_path / "out")

    code, said, _ = run(capsys, "gather", out, "-o", tmp_path / "losses.csv")

    assert 0 == code
    assert (
        "left out: 1 diverged, 1 failed, 1 interrupted, 1 waiting, 1 not in the sweep\n"
        "  full: failed, cannot write a checkpoint: No space left on device\n"
    ) in said


def test_status_speaks_json(tmp_path, capsys):
    """
    Losses to the last digit, null where there is none.
    """
    out = folders.sweep(tmp_path / "out")

    code, said, _ = run(capsys, "status", out, "--json")

    assert 0 == code
    assert [1.75, 2.5, 2.0, 1.875, None] == [each["loss"] for each in json.loads(said)]
