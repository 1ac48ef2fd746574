"""Starting processes: several for one run, several workers side by side, or jobs of a cluster.

All of them end up in the same command, ``p2law collect run``, which does what is missing.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2law.collect.place import Place
from p2law.errors import MissingExtraError, RunError

LOG = logging.getLogger(__name__)
COLLECT = (sys.executable, "-m", "p2law", "collect", "run")


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
    """
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    number = ("--nproc-per-node", str(processes))
    words = [*torchrun, *number, *COLLECT[1:], str(path), "--out", str(out), "--only", run]
    words += ["--tracker", tracker] if tracker else []
    code = subprocess.run(words, check=False).returncode
    place = Place(out, run)
    if place.ending is not None:
        return True
    if place.busy():
        return False
    raise RunError(place.failure or f"{run}: its processes ended with code {code}")


def workers(
    path: Path, out: Path, count: int, gpus: Sequence[str] = (), words: Sequence[str] = ()
) -> int:
    """Start workers side by side and wait for them.

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
    """
    if gpus and len(gpus) % count:
        raise RunError(f"{len(gpus)} GPUs cannot be shared out evenly to {count} workers")
    each = len(gpus) // count
    started: list[subprocess.Popen[bytes]] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        for k in range(count):
            environment = dict(os.environ)
            if gpus:
                environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[k * each : (k + 1) * each])
            command = [*COLLECT, str(path), "--out", str(out), *words]
            started.append(subprocess.Popen(command, env=environment))
        return max(process.wait() for process in started)
    except BaseException:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True)
class Job:
    """One run as a job of a cluster; asked to make room, it is queued again."""

    command: tuple[str, ...]

    def __call__(self) -> int:
        """Do the run."""
        code = subprocess.run(self.command, check=False).returncode
        if code:
            raise RuntimeError(f"{' '.join(self.command)} ended with code {code}")
        return code

    def checkpoint(self) -> Any:
        """What submitit queues again: the same job, which goes on from its checkpoint."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415 - an extra

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
