"""A whole sweep: do what is missing and nothing twice, however many work on it.

Workers need not know of each other. Each goes through the runs, passes over those
that are done or locked, and waits only for models that others are making.
"""

import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from p2law.collect import fingerprints, prepare, spec, tracking
from p2law.collect.corpus import check_unchanged
from p2law.collect.documents import check_packages
from p2law.collect.jobs import Run, expand
from p2law.collect.launch import in_processes
from p2law.collect.ledger import check_system
from p2law.collect.place import Place, read_json
from p2law.collect.settings import Corpus, Evaluation, Sweep
from p2law.collect.standing import remember
from p2law.collect.team import Team, assemble, once, told
from p2law.collect.work import carry_out
from p2law.errors import RunError, StoppedError

LOG = logging.getLogger(__name__)
PAUSE = 2.0
"""Seconds between looks at a model that somebody else is making."""


@dataclass(frozen=True)
class Report:
    """What became of the runs that were asked for.

    Attributes
    ----------
    done : tuple of str
        Ids of runs that have ended, now or before; those that diverged, too.
    failed : dict from str to str
        Reasons, by id.
    elsewhere : tuple of str
        Runs that other processes are at.
    diverged : dict from str to str
        Of those done, the ones that ended because a loss was no number; reasons, by id.
    """

    done: tuple[str, ...]
    failed: dict[str, str]
    elsewhere: tuple[str, ...]
    diverged: dict[str, str] = field(default_factory=dict)


def run(
    path: str | Path, out: str | Path, *, only: Sequence[int] = (), tracker: str = ""
) -> Report:
    """Do the runs of a sweep that are missing, one after the other.

    Parameters
    ----------
    path : str or Path
        The sweep file.
    out : str or Path
        Folder that the runs live in.
    only : sequence of int
        Numbers of runs as the plan counts them, from 0; all where empty.
    tracker : str
        ``"tensorboard"``, or ``"module:attribute"`` for a `tracking.Tracker` of your own.

    Returns
    -------
    Report
        A run that fails does not keep the others from being done.

    Raises
    ------
    SweepFileError
        The sweep cannot be carried out.
    RunError
        The folder cannot be used, `only` names no run, or there is no such tracker.
    MissingExtraError
        What reads a text is not installed.
    StoppedError
        SIGTERM or Ctrl-C; the run at hand has made a checkpoint.
    """
    sweep, team = spec.read(path), assemble()
    runs = expand(sweep)
    if wrong := [k for k in only if not 0 <= k < len(runs)]:
        raise RunError(f"there is no run {wrong[0]}; the sweep has runs 0 to {len(runs) - 1}")
    totals = {each.id: each.training.total for each in runs}
    numbers = {each.id: k for k, each in enumerate(runs)}
    wanted = [runs[k] for k in only] if only else list(runs)
    check_means(sweep, [each for each in wanted if not Place(Path(out), each.id).ended], tracker)
    worker = _Worker(sweep, Path(path), Path(out), team, tracker, numbers)
    once(team, lambda: remember(worker.out, sweep.name, totals))
    elsewhere = worker.go_through(wanted)
    gone = {*worker.failed, *elsewhere}
    done = tuple(each.id for each in wanted if each.id not in gone)
    endings = {name: Place(worker.out, name).ending or {} for name in done}
    diverged = {name: each["trouble"] for name, each in endings.items() if each.get("trouble")}
    return Report(done, worker.failed, tuple(elsewhere), diverged)


def check_means(sweep: Sweep, runs: Sequence[Run], tracker: str) -> None:
    """Make sure that what all runs need is there, before the first one begins.

    Parameters
    ----------
    sweep : Sweep
    runs : sequence of Run
        Those that are to be done; where there are none, their texts are not asked for.
    tracker : str
        As in `run`.

    Raises
    ------
    RunError
        The system is Windows, there is no such tracker, or its package is not installed.
    MissingExtraError
        What reads a text is not installed.
    """
    check_system()
    tracking.find(tracker)
    names = {each.training.corpus for each in runs}
    if any(each.prune and each.prune.calibrated for each in runs):
        names.add(sweep.calibration.corpus or "")
    corpora = [each for name, each in sweep.corpora.items() if name in names]
    for text in [*corpora, *sweep.evaluations] if runs else []:
        check_packages(text.hub, text.paths)


@dataclass(frozen=True)
class _Worker:
    """Whoever goes through the runs: one process, or a team of them."""

    sweep: Sweep
    path: Path
    out: Path
    team: Team
    tracker: str
    numbers: Mapping[str, int]
    failed: dict[str, str] = field(default_factory=dict)
    looked: dict[Path, str] = field(default_factory=dict)

    def go_through(self, waiting: list[Run]) -> list[str]:
        """Do every run that can be done; ids of those that others are at."""
        while waiting:
            coming, states = {each.id for each in waiting}, {}
            for each in waiting:
                states[each.id] = self._state(each, coming)
            left = [each for each in waiting if states[each.id] in ("wait", "elsewhere")]
            if all(states[each.id] == "elsewhere" for each in left):
                return [each.id for each in left]  # what is left is in good hands
            if len(left) == len(waiting):
                time.sleep(PAUSE)
            waiting = left
        return []

    def _state(self, run: Run, coming: Collection[str]) -> str:
        """Do a run if it can be done; what became of it."""
        try:
            state, why = once(self.team, lambda: self._ready(run, coming))
            if state == "go":
                state = self._attempt(run)
        except StoppedError:
            raise
        except Exception as error:  # whatever ends one run, the others are still done
            if self.team.size > 1:  # who fails alone must not leave the others waiting
                raise
            LOG.debug("%s failed", run.id, exc_info=True)
            state, why = "failed", told(error)
        if state == "failed":
            LOG.error("%s: %s", run.id, why)
            self.failed[run.id] = why
        return state

    def _ready(self, run: Run, coming: Collection[str]) -> tuple[str, str]:
        """Whether a run is done, can go, must wait for its model, or never can."""
        place = Place(self.out, run.id)
        if place.ending is not None:
            place.tidy()
            if not place.intact:
                return "go", ""
            changed = self._changed(run, place)
            return ("failed", changed) if changed else ("done", "")
        base = Place(self.out, run.base)
        ending = base.ending if run.base else {"trouble": ""}
        if ending is not None and not ending["trouble"]:
            return "go", ""
        why = self.failed.get(run.base) or (ending or {}).get("trouble")
        if why:
            return "failed", f"its model could not be made: {why}"
        if run.base in coming or base.busy():
            return "wait", ""
        return "failed", (
            f"its model is not there yet: do {run.base} first, --index {self.numbers[run.base]}"
        )

    def _changed(self, run: Run, place: Place) -> str:
        """Words for a text, tokenizer or model that is not that of an ended run; empty if none."""
        names = {run.training.corpus}
        if run.prune and run.prune.calibrated:
            names.add(self.sweep.calibration.corpus or run.training.corpus)
        texts: list[Corpus | Evaluation] = [self.sweep.corpora[name] for name in sorted(names)]
        checks: dict[Path, Callable[[], Any]] = {}
        for text in (*texts, *self.sweep.evaluations):
            source, folder = prepare.tokens_of(text, run, place)
            if meta := read_json(folder / "meta.json"):
                checks[folder] = partial(check_unchanged, source, run.tokenizer, meta, folder)
        model, note = run.model.folder, prepare.note_of(run, place)
        if model and note.exists() and any(model.glob("*.safetensors")):
            checks[note] = partial(fingerprints.same, model, note)
        for where, check in checks.items():
            if where not in self.looked:
                self.looked[where] = _words(check)
        return next(filter(None, (self.looked[where] for where in checks)), "")

    def _attempt(self, run: Run) -> str:
        """Try one run."""
        LOG.info("%s", run.id)
        processes = self.sweep.execution.processes
        if processes > 1 and "WORLD_SIZE" not in os.environ:
            ours = in_processes(processes, run.id, self.path, self.out, self.tracker)
        else:
            ours = carry_out(run, self.sweep, self.out, self.team, self.tracker)
        return "done" if ours else "elsewhere"


def _words(check: Callable[[], Any]) -> str:
    """What a check refuses, empty where it does not."""
    try:
        check()
    except RunError as error:
        return str(error)
    return ""
