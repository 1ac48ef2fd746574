"""Pipes, devices, huge files and marks at every door through which small texts come."""

import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest

import p2law
from p2law import cli, forms, logs, testing
from p2law.cli import planfile
from p2law.collect import spec
from p2law.collect.configs import read_config
from p2law.errors import P2LawError, RecordError, SavedFitError, SweepFileError
from p2law.files import textfiles

MARK = "\ufeff"
EXAMPLES = Path(__file__).parents[1] / "examples"

DOORS = {
    "records": p2law.load,
    "sweep file": spec.read,
    "plan file": planfile.read,
    "config.json": read_config,
    "trainer state": lambda path: logs.read_trainer_state(
        path, loss="eval", tokens_per_step=1_000_000
    ),
    "event file": lambda path: logs.read_tensorboard(path, loss="eval", tokens_per_step=1_000_000),
    "W&B": lambda path: logs.read_wandb(path, loss="eval", tokens_per_step=1_000_000),
    "CSV log": lambda path: logs.read_csv(
        path, {"step": "a", "loss": "b"}, tokens_per_step=1_000_000
    ),
}
COMMANDS = (
    "collect plan {}",
    "plan {}",
    "predict {} --params 1e9",
    "report {} -o page.html",
    "score {} t.csv",
)


@pytest.fixture(autouse=True)
def _alarm():
    """A test that waits for a pipe fails; it does not wait for ever."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_):
        raise AssertionError("waits for ever")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pipe(tmp_path):
    """A pipe with a name, into which nobody writes."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with names")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def fitted(tmp_path):
    """A saved fit in a file."""
    tokens = [2e7, 4e7, 8e7, 2e8, 5e8]
    truth = {"floor": 2.0, "scale": 400.0, "beta": 0.35}
    table = testing.synthesize(forms.token_power, truth, p2law.grid(tokens=tokens))
    path = tmp_path / "fit.json"
    path.write_text(p2law.fit(table, forms.token_power).to_json(), encoding="utf-8")
    return path


@pytest.mark.parametrize("door", DOORS)
def test_a_pipe_is_refused_at_once_by_every_reader(door, pipe):
    """
    Opening it would wait until somebody writes.
    """
    with pytest.raises(P2LawError, match="is a pipe, no plain file; write what it gives into a"):
        DOORS[door](pipe)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such device")
@pytest.mark.parametrize("door", DOORS)
def test_a_device_without_an_end_is_refused_by_every_reader(door):
    """
    Reading it to the end would take all memory.
    """
    with pytest.raises(P2LawError, match=r"zero.* is a device, no plain file"):
        DOORS[door]("/dev/zero" if door == "records" else Path("/dev/zero"))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("device", [False, True])
def test_pipes_and_devices_are_refused_by_every_command(command, device, pipe, capsys):
    """
    One line of complaint, exit code 2.
    """
    named = "/dev/zero" if device else str(pipe)

    assert 2 == cli.main(command.format(named).split())

    kind = "device" if device else "pipe"
    assert f"it is a {kind}, no plain file" in " ".join(capsys.readouterr().err.split())


def test_what_is_read_has_a_size_that_is_looked_at_first(tmp_path):
    """
    A file of a terabyte that takes no room on disk is not read at all.
    """
    huge = tmp_path / "huge.toml"
    with huge.open("wb") as file:
        file.truncate(2**40)

    for read in (spec.read, planfile.read, DOORS["CSV log"], DOORS["trainer state"]):
        with pytest.raises(P2LawError, match=r"has 1,099,511,627,776 bytes, and at most"):
            read(huge)
    assert 2 == cli.main(["predict", str(huge), "--params", "1e9"])


def test_a_file_that_says_it_is_empty_is_read_no_further_than_allowed():
    """
    Files of the system have no size, and hold something.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("no such system")

    assert 0 == status.stat().st_size
    assert "Name:" in textfiles.text_of(status)
    with pytest.raises(ValueError, match="at most 10 are read"):
        textfiles.content_of(status, most=10)


def test_the_mark_that_windows_writes_is_no_part_of_any_text(tmp_path, capsys):
    """
    Sweep file, plan file, trainer state, saved fit (by name and as text), tables.
    """
    saved = fitted(tmp_path)
    text = saved.read_text(encoding="utf-8")
    saved.write_text(MARK + text, encoding="utf-8")
    plan = 'loss = 2.2\nrates = [0.3]\n[fits]\ndepth = "fit.json"\n'
    plan += '[[models]]\nname = "8B"\nparams = 8e9\nbase_loss = 2.0\n'
    (tmp_path / "plan.toml").write_text(MARK + plan, encoding="utf-8")
    state = {"log_history": [{"step": k, "eval_loss": 3.0 - k / 10} for k in (1, 2, 3)]}
    (tmp_path / "trainer_state.json").write_text(MARK + json.dumps(state), encoding="utf-8")

    assert (2.2,) == planfile.read(tmp_path / "plan.toml").loss
    assert 3 == len(DOORS["trainer state"](tmp_path / "trainer_state.json").records)
    assert p2law.Fit.from_json(MARK + text).values == p2law.Fit.from_json(text).values
    assert 0 == cli.main(["predict", str(saved), "--tokens", "1e8"]), capsys.readouterr().err


def test_half_a_character_in_a_saved_fit_is_refused_in_words(tmp_path):
    r"""
    JSON can say \ud800 in plain ASCII; tables of texts and files cannot hold it.
    """
    content = json.loads(fitted(tmp_path).read_text(encoding="utf-8"))
    rows = len(content["records"]["run"])
    labels = ["\ud800", *content["records"]["run"][1:]]
    named = {**content["records"], "\ud800": [1] * rows}
    spoiled = (
        {**content, "records": {**content["records"], "run": labels}},
        {**content, "records": named},
        {**content, "notes": ["\udfff"]},
        {**content, "index": {"names": ["\ud83d"], "levels": content["index"]["levels"]}},
    )

    for each in spoiled:
        with pytest.raises(SavedFitError, match=r"half a character \(\\ud.*which no file can hold"):
            p2law.Fit.from_json(json.dumps(each))
    assert p2law.Fit.from_json(json.dumps({**content, "notes": ["\U0001f600"]}))


def test_half_a_character_in_a_label_of_rows_is_refused():
    """
    Such a fit could not be saved.
    """
    rows = pd.Index(["a", "b\ud800"], dtype=object)
    table = pd.DataFrame({"tokens": [1e9, 2e9], "loss": [2.0, 1.9]})

    for index in (rows, pd.MultiIndex.from_arrays([rows, [1, 2]])):
        with pytest.raises(RecordError, match=r"label of the rows holds half .*\\ud800.*reset_ind"):
            p2law.load(table.set_index(index))


@pytest.mark.parametrize("name", ["run", "method"])
@pytest.mark.parametrize("kind", [object, "category"])
def test_half_a_character_in_a_label_is_refused_by_row(name, kind):
    """
    Tables in memory may hold it; columns of texts and files may not.
    """
    known = pd.Index(["a", "b\ud800", "c"], dtype=object)
    labels = pd.Series(pd.Categorical.from_codes([0, 0, 1, -1, 2], known)).astype(kind)
    runs = list("abcde")
    table = pd.DataFrame({"tokens": 1e9, "loss": 2.0, "run": runs}).assign(**{name: labels})

    with pytest.raises(RecordError, match="half a character") as caught:
        p2law.load(table)

    assert [2] == caught.value.rows
    assert "\\ud800" in str(caught.value)


@pytest.mark.parametrize("row", ['{"run": "a\\ud800", "loss": 2}', '{"\\udc00": 1, "loss": 2}'])
def test_half_a_character_in_jsonl_is_named_with_its_line(row, tmp_path):
    """
    The file is UTF-8, and nobody is told to save it as such.
    """
    path = tmp_path / "t.jsonl"
    path.write_text(f'{{"run": "\\ud83d\\ude00", "loss": 2}}\n{row}\n', encoding="ascii")

    with pytest.raises(RecordError, match=r"line 2 holds half a character \(\\ud[8c]00\)"):
        p2law.load(path)


LONG = "x" * 10_000


def test_names_longer_than_any_are_refused_in_words_by_every_reader(tmp_path):
    """
    The operating system says so in an error of its own, also when it is only asked whether
    there is such a file.
    """
    for door, read in DOORS.items():
        with pytest.raises(P2LawError, match=r"File name too long|no such file"):
            read(LONG if door == "records" else tmp_path / LONG)


@pytest.mark.parametrize("key", ["tokenizer", "files"])
def test_names_longer_than_any_in_a_sweep_file_are_told_with_their_key(key, tmp_path):
    """
    A tokenizer, and the files of a corpus.
    """
    text = (EXAMPLES / "collect_on_cpu.toml").read_text(encoding="utf-8")
    line = next(each for each in text.splitlines() if each.startswith(f"{key} = "))
    new = f'{key} = "{LONG}"' if key == "tokenizer" else f'{key} = ["{LONG}.txt"]'
    (tmp_path / "text").symlink_to(EXAMPLES / "text")
    path = tmp_path / "sweep.toml"
    path.write_text(text.replace(line, new), encoding="utf-8")

    with pytest.raises(SweepFileError, match="cannot be looked up: File name too long") as caught:
        spec.read(path)

    assert key in str(caught.value)
    assert len(str(caught.value)) < 400
