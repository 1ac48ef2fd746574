"""Starting processes: several for one run, or several workers side by side.

All of them end up in the same command, ``p2law collect run``, which does what is missing.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from p2law.collect.place import Place
from p2law.errors import RunError, StoppedError

LOG = logging.getLogger(__name__)
COLLECT = (sys.executable, "-m", "p2law", "collect", "run")
TORCHRUN = """
import sys
try:
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.run import main
    main()
except KeyboardInterrupt:
    sys.exit(130)
except SignalException as asked:
    sys.exit(128 + asked.sigval)
"""
"""torchrun, which would end with a traceback where it was asked to stop."""

SHUTDOWN = 300
"""Seconds that torchrun gives its processes for a last step and a checkpoint."""


@contextmanager
def listening(tell: Callable[[], None]) -> Iterator[list[int]]:
    """Collect requests to stop (SIGTERM, Ctrl-C) and go on; a second Ctrl-C stops at once.

    Parameters
    ----------
    tell : callable
        Called at every request.

    Yields
    ------
    list of int
        The signals so far. None are heard outside of the main thread.
    """
    asked: list[int] = []

    def hear(number: int, _frame: object) -> None:
        if number == signal.SIGINT and number in asked:
            raise KeyboardInterrupt
        asked.append(number)
        tell()

    if threading.current_thread() is not threading.main_thread():  # others may not listen
        yield asked
        return
    before = {each: signal.signal(each, hear) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def attending(what: str, started: list["subprocess.Popen[str]"]) -> Iterator[None]:
    """Hand requests to stop on to processes, and wait for them whatever happens.

    Parameters
    ----------
    what : str
        Names what was stopped.
    started : list of Popen
        May grow meanwhile.

    Raises
    ------
    StoppedError
        They were asked to stop, and did.
    """

    def stop() -> None:
        for process in started:
            process.terminate()

    try:
        with listening(stop) as asked:
            yield
            if asked:
                stop()  # who was started meanwhile
            for process in started:
                process.wait()
    except BaseException:  # whatever ends this, Ctrl-C too, leaves no process behind
        stop()
        raise
    if asked:
        raise StoppedError(what, asked[0])


def in_processes(processes: int, run: str, path: Path, out: Path, tracker: str) -> bool:
    """Do one run in several processes on this machine, through torchrun.

    Parameters
    ----------
    processes : int
    run : str
        Its id.
    path : Path
        The sweep file.
    out : Path
    tracker : str

    Returns
    -------
    bool
        False where other processes are at it.

    Raises
    ------
    RunError
        It cannot go on.
    StoppedError
        It was asked to stop, and did.
    """
    torchrun = (sys.executable, "-c", TORCHRUN, "--standalone")
    number = ("--nproc-per-node", str(processes))
    words = [*torchrun, *number, *COLLECT[1:], str(path), "--out", str(out), "--only", run]
    words += ["--tracker", tracker] if tracker else []
    environment = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(SHUTDOWN), **os.environ}
    started: list[subprocess.Popen[str]] = []
    place = Place(out, run)
    if not place.busy():  # or the reason of the last failure would be told if these leave none
        (place.folder / "failed.json").unlink(missing_ok=True)
    with attending(run, started):
        process = subprocess.Popen(words, env=environment, text=True)
        started.append(process)
    if place.ending is not None:
        return True
    if place.busy():
        return False
    raise RunError(place.failure or f"{run}: its processes ended with code {process.returncode}")


def workers(
    path: Path, out: Path, count: int, gpus: Sequence[str] = (), words: Sequence[str] = ()
) -> int:
    """Start workers side by side, wait for them, and log line by line what they say.

    Parameters
    ----------
    path : Path
        The sweep file.
    out : Path
    count : int
        How many.
    gpus : sequence of str
        GPUs, as ``CUDA_VISIBLE_DEVICES`` names them, shared out evenly; each worker sees its
        own only.
    words : sequence of str
        Further words of each worker's command.

    Returns
    -------
    int
        The largest exit code; 128 and the signal's number for one that was killed.

    Raises
    ------
    RunError
        The GPUs cannot be shared out.
    StoppedError
        They were asked to stop, and did.
    """
    if gpus and len(gpus) % count:
        raise RunError(f"{len(gpus)} GPUs cannot be shared out evenly to {count} workers")
    each = len(gpus) // count
    command = [*COLLECT, str(path), "--out", str(out), *words]
    started: list[subprocess.Popen[str]] = []
    listeners: list[threading.Thread] = []
    try:
        with attending("what the workers are at", started):
            for k in range(count):
                mine = {"CUDA_VISIBLE_DEVICES": ",".join(gpus[k * each : (k + 1) * each])}
                started.append(_worker(command, mine if gpus else {}))
                listeners.append(threading.Thread(target=_pass_on, args=(k, started[k].stdout)))
                listeners[k].start()
    finally:
        for listener in listeners:
            listener.join()
    return max(_code(process.returncode) for process in started)


def _code(returned: int) -> int:
    """The exit code of a process, also where a signal ended it, as shells count it."""
    return returned if returned >= 0 else 128 - returned


def _worker(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def _pass_on(number: int, said: IO[str]) -> None:
    """Log what a worker says, in whole lines."""
    with said:
        for line in said:
            LOG.info("worker %d: %s", number, line.rstrip("\n"))
