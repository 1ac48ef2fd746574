"""Processes hear what their starter hears, and what they say comes out whole."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

pytest.importorskip("filelock")

from p2law.collect import launch, submitting
from p2law.collect.place import Place
from p2law.errors import RunError, StoppedError

PATIENT = """
import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path(sys.argv[-1]).write_text("checkpoint")
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(60)
"""
"""A process that makes its checkpoint when it is asked to stop."""


def ask_soon(number, path):
    """Ask this process to stop once a process of PATIENT is ready; it has written its id."""

    def ask():
        for _ in range(500):
            if path.exists():
                break
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), number)

    threading.Thread(target=ask).start()


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Note every process that is started, and when it is ready."""
    ready, found = tmp_path / "ready", []
    begin = subprocess.Popen

    def popen(_words, **how):
        script = PATIENT.replace('print("ready"', f'pathlib.Path({str(ready)!r}).touch(); print(""')
        process = begin([sys.executable, "-c", script, str(tmp_path / f"kept{len(found)}")], **how)
        found.append(process)
        return process

    monkeypatch.setattr(launch.subprocess, "Popen", popen)
    return ready, found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_reaches_the_processes_of_a_run(tmp_path, started, number):
    """
    They make their checkpoint and end before their starter does; nobody is left behind.
    """
    ready, found = started
    before = signal.getsignal(number)
    ask_soon(number, ready)

    with pytest.raises(StoppedError, match="some-run was asked to stop; the same") as error:
        launch.in_processes(2, "some-run", tmp_path / "s.toml", tmp_path, "")

    assert number == error.value.signal
    assert [143] == [each.returncode for each in found]
    assert "checkpoint" == (tmp_path / "kept0").read_text()
    assert before == signal.getsignal(number)


@pytest.mark.parametrize("name", ["done", "failed"])
def test_processes_of_a_run_say_how_it_went_in_its_folder(tmp_path, monkeypatch, name):
    """
    Ended, failed with its reason, or gone without a word.
    """
    place = Place(tmp_path, "some-run")
    place.folder.mkdir(parents=True)
    words = json.dumps({"tokens": 1, "trouble": "", "reason": "no space left"})
    path = str(place.folder / f"{name}.json")
    script = f"import pathlib, sys; pathlib.Path({path!r}).write_text({words!r}); sys.exit(9)"

    monkeypatch.setattr(launch, "TORCHRUN", "import sys; sys.exit(9)")
    with pytest.raises(RunError, match="some-run: its processes ended with code 9"):
        launch.in_processes(2, "some-run", tmp_path / "s.toml", tmp_path, "")
    monkeypatch.setattr(launch, "TORCHRUN", script)
    if name == "done":
        assert launch.in_processes(2, "some-run", tmp_path / "s.toml", tmp_path, "")
    else:
        with pytest.raises(RunError, match="no space left"):
            launch.in_processes(2, "some-run", tmp_path / "s.toml", tmp_path, "")


def test_processes_that_leave_no_reason_are_not_given_the_one_before(tmp_path, monkeypatch):
    """
    Why a run failed the last time is no reason why its processes end today.
    """
    place = Place(tmp_path, "some-run")
    place.folder.mkdir(parents=True)
    (place.folder / "failed.json").write_text('{"reason": "no space left"}')
    monkeypatch.setattr(launch, "TORCHRUN", "import sys; sys.exit(2)")

    with pytest.raises(RunError, match="some-run: its processes ended with code 2"):
        launch.in_processes(2, "some-run", tmp_path / "s.toml", tmp_path, "")

    assert "" == place.failure


def test_the_reason_of_a_run_that_others_are_at_is_theirs(tmp_path, monkeypatch):
    """
    Whoever holds the lock has taken away the reason of before; what is there is his own.
    """
    place = Place(tmp_path, "some-run")
    place.folder.mkdir(parents=True)
    (place.folder / "failed.json").write_text('{"reason": "no space left"}')
    monkeypatch.setattr(launch, "TORCHRUN", "")

    with place.lock():
        assert not launch.in_processes(2, "some-run", tmp_path / "s.toml", tmp_path, "")

    assert "no space left" == place.failure


def test_a_request_to_stop_reaches_all_workers(tmp_path, started):
    """
    Each of them ends with a checkpoint of its own.
    """
    ready, found = started
    ask_soon(signal.SIGTERM, ready)

    with pytest.raises(StoppedError, match="what the workers are at was asked to stop"):
        launch.workers(tmp_path / "s.toml", tmp_path, 2)

    assert {143, -15} >= {each.returncode for each in found}
    assert 2 == len(found)


def test_a_job_that_must_make_room_keeps_what_it_has(tmp_path, started):
    """
    It is queued again once its process has made a checkpoint.
    """
    pytest.importorskip("submitit")
    ready, found = started
    job, queued = submitting.Job(("p2law",)), []

    def make_room():
        while not ready.exists():
            time.sleep(0.01)
        queued.append(job.checkpoint())

    maker = threading.Thread(target=make_room)
    maker.start()
    with pytest.raises(RuntimeError, match="p2law ended with code 143"):
        job()
    maker.join()

    assert "checkpoint" == (tmp_path / "kept0").read_text()
    assert [143] == [each.returncode for each in found]
    assert submitting.Job(("p2law",)) == queued[0].function


def test_a_second_interrupt_stops_at_once():
    """
    Whoever presses Ctrl-C twice does not want to wait.
    """
    heard = []
    with launch.listening(lambda: heard.append(1)) as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)

    assert [signal.SIGTERM, signal.SIGINT] == asked
    assert [1, 1] == heard


def test_what_workers_say_comes_out_line_by_line(tmp_path, monkeypatch, caplog):
    """
    Each line with the number of the worker, whatever it is written to and in however many pieces.
    """
    script = (
        "import os, sys, time\n"
        "for piece in ('one: to', 'kenising\\n', 'two: fa'):\n"
        "    sys.stderr.write(piece); sys.stderr.flush(); time.sleep(0.02)\n"
        "print('iled\\n3 of 3 runs done')\n"
    )
    monkeypatch.setattr(launch, "COLLECT", (sys.executable, "-c", script))

    with caplog.at_level(logging.INFO, "p2law"):
        assert 0 == launch.workers(tmp_path / "s.toml", tmp_path, 2)

    lines = ["one: tokenising", "two: failed", "3 of 3 runs done"]
    expected = {f"worker {k}: {line}" for k in range(2) for line in lines}
    assert sorted(expected) == sorted(each.getMessage() for each in caplog.records)


@pytest.mark.parametrize("number", [0, 1])
def test_a_worker_that_was_killed_is_no_success(tmp_path, monkeypatch, number):
    """
    Not even where the other one ends well.
    """
    begin, scripts = launch._worker, ["print('3 of 3 runs done')"] * 2
    scripts[number] = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    def worker(_command, environment):
        return begin([sys.executable, "-c", scripts.pop()], environment)

    monkeypatch.setattr(launch, "_worker", worker)

    assert 128 + signal.SIGKILL == launch.workers(tmp_path / "s.toml", tmp_path, 2)


def test_gpus_that_do_not_go_round_are_refused(tmp_path):
    """
    Three GPUs cannot be shared out evenly to two workers.
    """
    with pytest.raises(RunError, match="3 GPUs cannot be shared out evenly to 2 workers"):
        launch.workers(tmp_path, tmp_path, 2, ["0", "1", "2"])
