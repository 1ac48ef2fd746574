"""Runs as jobs of a cluster, which end up in the same command on its nodes."""

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2law.collect.launch import COLLECT, attending
from p2law.errors import MissingExtraError, RunError


@dataclass(frozen=True)
class Job:
    """One run as a job of a cluster; asked to make room, it is queued again."""

    command: tuple[str, ...]
    started: list["subprocess.Popen[str]"] = field(default_factory=list, repr=False)

    def __call__(self) -> int:
        """Do the run."""
        with attending(" ".join(self.command), self.started):
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
