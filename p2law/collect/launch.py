"""Starting processes: several for one run, several workers side by side, or jobs of a cluster.

All of them end up in the same command, ``p2law collect run``, which does what is missing.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from p2law.collect.place import Place
from p2law.errors import MissingExtraError, RunError, StoppedError

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
def _attending(what: str, started: list["subprocess.Popen[str]"]) -> Iterator[None]:
    """Hand requests to stop on to processes, and wait for them whatever happens.

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
    except BaseException:
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
    with _attending(run, started):
        process = subprocess.Popen(words, env=environment, text=True)
        started.append(process)
    place = Place(out, run)
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
        GPUs of this machine, shared out evenly; each worker sees its own only.
    words : sequence of str
        Further words of each worker's command.

    Returns
    -------
    int
        The largest exit code.

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
        with _attending("what the workers are at", started):
            for k in range(count):
                mine = {"CUDA_VISIBLE_DEVICES": ",".join(gpus[k * each : (k + 1) * each])}
                started.append(_worker(command, mine if gpus else {}))
                listeners.append(threading.Thread(target=_pass_on, args=(k, started[k].stdout)))
                listeners[k].start()
    finally:
        for listener in listeners:
            listener.join()
    return max(process.returncode for process in started)


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


@dataclass(frozen=True)
class Job:
    """One run as a job of a cluster; asked to make room, it is queued again."""

    command: tuple[str, ...]
    started: list["subprocess.Popen[str]"] = field(default_factory=list, repr=False)

    def __call__(self) -> int:
        """Do the run."""
        with _attending(" ".join(self.command), self.started):
            process = subprocess.Popen(self.command, text=True)
            self.started.append(process)
        if process.returncode:
            raise RuntimeError(f"{' '.join(self.command)} ended with code {process.returncode}")
        return 0

    def checkpoint(self) -> Any:
        """What submitit queues again: the same job, which goes on from its checkpoint."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415 - an extra

        for process in self.started:
            process.terminate()
            with contextlib.suppress(ChildProcessError):  # `__call__`, interrupted, is to reap it
                os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.started.clear()
        return DelayedSubmission(self)


ONE_TASK = ("nodes", "slurm_nodes", "tasks_per_node", "slurm_ntasks_per_node", "slurm_ntasks")
"""Options of submitit that can only be 1."""


def submit(
    path: Path,
    out: Path,
    stages: Sequence[Sequence[str]],
    *,
    cluster: str = "slurm",
    options: Mapping[str, Any] | None = None,
    words: Sequence[str] = (),
) -> list[Any]:
    """Submit runs as array jobs, those that need models after those that make them.

    Parameters
    ----------
    path : Path
        The sweep file.
    out : Path
    stages : sequence of sequences of str
        Ids of runs; a stage begins when the one before has ended. A job does the run of
        its id, whatever becomes of the order of the sweep file while it waits.
    cluster : str
        ``"slurm"``, or ``"local"`` for processes on this machine.
    options : mapping
        Parameters of submitit, for instance ``slurm_partition`` or ``timeout_min``.
    words : sequence of str
        Further words of each job's command.

    Returns
    -------
    list of submitit.Job

    Raises
    ------
    MissingExtraError
        submitit is not installed.
    RunError
        It does not know an option, or finds no such cluster here.
    """
    try:
        import submitit  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("submitit", "collect-slurm", "submitting jobs") from error
    for name in ONE_TASK:
        if (options or {}).get(name, 1) != 1:
            raise RunError(
                f"{name} = {(options or {})[name]}: a job is one task on one node, which starts "
                f"its own processes; for several nodes give torchrun in a job of your own"
            )
    jobs: list[Any] = []
    for stage in filter(None, stages):
        try:
            executor = submitit.AutoExecutor(folder=out / "jobs", cluster=cluster)
        except RuntimeError as error:
            raise RunError(f"submitit: {error}") from error
        settings = dict(options or {})
        if jobs and cluster == "slurm":
            before = ":".join(sorted({job.job_id.split("_")[0] for job in jobs}))
            extra = dict(settings.get("slurm_additional_parameters", {}))
            settings["slurm_additional_parameters"] = {**extra, "dependency": f"afterany:{before}"}
        elif jobs:
            for job in jobs:
                job.wait()
        try:
            executor.update_parameters(**settings)
        except (NameError, ValueError, TypeError) as error:
            raise RunError(f"submitit: {error}") from error
        with executor.batch():
            found = [executor.submit(_job(path, out, run, words)) for run in stage]
        jobs += found
    return jobs


def _job(path: Path, out: Path, run: str, words: Sequence[str]) -> Job:
    where = (str(path.resolve()), "--out", str(out.resolve()))
    return Job((*COLLECT, *where, "--only", run, *words))
