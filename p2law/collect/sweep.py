"""A whole sweep: do what is missing and nothing twice, however many work on it.

Workers need not know of each other. Each goes through the runs, passes over those
that are done or locked, and waits only for models that others are making.
"""

import functools
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from p2law.collect.gathering import remember
from p2law.collect.jobs import Run, expand
from p2law.collect.launch import in_processes
from p2law.collect.place import Place
from p2law.collect.prepare import once
from p2law.collect.spec import Sweep
from p2law.collect.team import Team, assemble
from p2law.collect.work import carry_out
from p2law.errors import P2LawError, RunError

LOG = logging.getLogger(__name__)
PAUSE = 2.0
"""Seconds between looks at a model that somebody else is making."""


@dataclass(frozen=True)
class Report:
    """What became of the runs that were asked for.

    Attributes
    ----------
    done : tuple of str
        Ids of runs that have ended, now or before.
    failed : mapping of str to str
        Reasons, by id.
    elsewhere : tuple of str
        Runs that other processes are at.
    """

    done: tuple[str, ...]
    failed: dict[str, str]
    elsewhere: tuple[str, ...]


def run(
    sweep: Sweep,
    path: Path,
    out: Path,
    *,
    only: Sequence[int] = (),
    tracker: str = "",
) -> Report:
    """Do the runs of a sweep that are missing, one after the other.

    Parameters
    ----------
    sweep : Sweep
    path : Path
        The sweep file, for processes that this one starts.
    out : Path
        Folder that the runs live in.
    only : sequence of int
        Numbers of runs as `plan` counts them, from 0; all where empty.
    tracker : str
        As in `tracking.find`.

    Returns
    -------
    Report

    Raises
    ------
    SweepFileError
        The sweep cannot be carried out.
    RunError
        The folder cannot be used, or `only` names no run.
    """
    team, runs = assemble(), expand(sweep)
    if wrong := [k for k in only if not 0 <= k < len(runs)]:
        raise RunError(f"there is no run {wrong[0]}; the sweep has runs 0 to {len(runs) - 1}")
    totals = {each.id: each.training.counts()[-1] for each in runs}
    once(team, lambda: remember(out, sweep.name, totals))
    waiting = [runs[k] for k in only] if only else list(runs)
    failed: dict[str, str] = {}
    elsewhere: list[str] = []
    while waiting:
        left, elsewhere = [], []
        for each in waiting:
            state = once(team, functools.partial(_ready, each, out, failed))
            if state == "go":
                state = _attempt(each, sweep, path, out, team, tracker, failed)
            if state == "elsewhere":
                elsewhere.append(each.id)
            left += [each] if state in ("wait", "elsewhere") else []
        if {each.id for each in left} == set(elsewhere):
            break  # what is left is in good hands
        if len(left) == len(waiting):
            time.sleep(PAUSE)
        waiting = left
    ids = [each.id for each in (([runs[k] for k in only]) if only else runs)]
    gone = {*failed, *elsewhere}
    return Report(tuple(i for i in ids if i not in gone), failed, tuple(elsewhere))


def _ready(run: Run, out: Path, failed: dict[str, str]) -> str:
    """Whether a run is done, can go, must wait for its model, or never can."""
    if Place(out, run.id).ending is not None:
        return "done"
    if not run.base:
        return "go"
    ending = Place(out, run.base).ending
    if ending is None:
        if run.base in failed:
            failed[run.id] = f"its model could not be made: {failed[run.base]}"
            return "failed"
        return "wait"
    if ending["trouble"]:
        failed[run.id] = f"its model could not be made: {ending['trouble']}"
        return "failed"
    return "go"


def _attempt(
    each: Run,
    sweep: Sweep,
    path: Path,
    out: Path,
    team: Team,
    tracker: str,
    failed: dict[str, str],
) -> str:
    """Try one run; a failure is noted and others go on."""
    LOG.info("%s", each.id)
    try:
        if sweep.execution.processes > 1 and "WORLD_SIZE" not in os.environ:
            ours = in_processes(sweep.execution.processes, each.id, path, out, tracker)
        else:
            ours = carry_out(each, sweep, out, team, tracker)
    except P2LawError as error:
        LOG.error("%s: %s", each.id, error)  # noqa: TRY400 - the words are the message
        failed[each.id] = str(error)
        return "failed"
    return "done" if ours else "elsewhere"
