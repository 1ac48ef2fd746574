"""Weights & Biases: the CSV of a panel, or of `run.history()`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from p2law.errors import RecordError
from p2law.logs.curves import Curve
from p2law.logs.naming import STEPS, TOKENS, chosen, first, one_of, plain
from p2law.logs.options import Options
from p2law.logs.parting import parted
from p2law.logs.sheets import Sheet, sheet

BETWEEN = " - "
"""Stands between run and metric in the columns of a panel."""
OWN = "_step"
"""W&B's own count, in the columns of a history."""
SAMPLED = 500
"""Rows that `run.history()` draws where it is not told otherwise."""
_RANGE = re.compile(r"__(MIN|MAX)$")
_COUNTS = (
    "W&B's own step counts calls of wandb.log, not optimiser steps: where the trainer logged "
    "every k steps, or twice a step, take the trainer's own count (step='train/global_step')"
)


def curves_of(path: Path, options: Options) -> tuple[list[Curve], list[str]]:
    """Read the curves of an exported table.

    Parameters
    ----------
    path : Path
    options : Options

    Returns
    -------
    curves : list of Curve
    notes : list of str

    Raises
    ------
    RecordError
        It is no such table, or does not hold the loss.
    """
    table = sheet(path, partial=options.partial)
    notes = list(table.notes)
    names = [each for each in table.columns if each and not _RANGE.search(each)]
    runs = _runs(names)
    metrics = [metric for held in runs.values() for metric in held] or names
    loss = chosen(options.loss, metrics, f"{path}: ")
    if not runs:
        curves, more = _of_history(table, names, loss, options)
        return curves, notes + more
    held = [run for run, own in runs.items() if loss in own and _any(table, run, loss)]
    if without := [run for run in runs if run not in held]:
        notes.append(f"without {loss!r} and not read: {', '.join(without)}")
    if not held:
        raise RecordError(f"{path}: the columns of {loss!r} are empty; export another panel")
    return [_of_panel(table, names[0], run, loss, options) for run in held], notes


def _any(table: Sheet, run: str, loss: str) -> bool:
    """Tell whether a run has the metric at all: its column may be empty."""
    return any(each.strip() for each in table.columns[f"{run}{BETWEEN}{loss}"])


def is_export(names: Sequence[str]) -> bool:
    """Tell W&B's tables by their header.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    bool

    Examples
    --------
    >>> is_export(["Step", "run-1 - loss"]), is_export(["tokens", "loss"])
    (True, False)
    """
    marks = {"_step", "_runtime", "_timestamp"} & set(names)
    return bool(marks) or any(_RANGE.search(each) or BETWEEN in each for each in names)


def _runs(names: Sequence[str]) -> Mapping[str, list[str]]:
    """Metrics of each run in a panel, none where the table is of another shape."""
    found: dict[str, list[str]] = {}
    for name in names:
        run, between, metric = name.rpartition(BETWEEN)
        if between:
            found.setdefault(run, []).append(metric)
    return found


def _of_panel(table: Sheet, x: str, run: str, loss: str, options: Options) -> Curve:
    """One run of a panel: the first column says where, another one what."""
    column = f"{run}{BETWEEN}{loss}"
    along, kind, notes = _along(table, x, run, options)
    own = table.sound([column, along, *_range(table, column)], partial=options.partial)
    losses = own.numbers(column)
    at = own.numbers(along).reindex(losses.index).to_numpy()
    notes += [*own.notes[len(table.notes) :], *_averages(own, column)]
    if run.startswith("Group: "):
        notes.append("a mean over the runs of a group; its runs are not told apart")
    found = pd.DataFrame({kind: at, "loss": losses})
    tokens = along if kind == "tokens" else ""
    return Curve(run, table.path, found, loss, tuple(notes), tokens=tokens)


def _along(table: Sheet, x: str, run: str, options: Options) -> tuple[str, str, list[str]]:
    """The column that says how far the run was, and whether in steps or tokens."""
    where = f"{table.path}: "
    if options.tokens:
        return one_of(options.tokens, table.columns, where), "tokens", []
    if options.step:
        return one_of(options.step, table.columns, where), "step", []
    if first(TOKENS, [x]):
        return x, "tokens", [f"tokens are the panel's x axis, {x!r}"]
    if first(STEPS, [x]):
        own = plain(x) == "step"
        return x, "step", [_COUNTS] if own else [f"steps are {x!r}"]
    if (name := f"{run}{BETWEEN}_step") in table.columns:
        return name, "step", [_COUNTS]
    raise RecordError(
        f"{where}the panel's x axis is {x!r}, neither steps nor tokens; set it to Step or to the "
        "trainer's step and export again, or say what it counts: step= or tokens="
    )


def _range(table: Sheet, column: str) -> list[str]:
    """The columns with the least and the most of what a point stands for, where there are such."""
    ends = [f"{column}__{end}" for end in ("MIN", "MAX")]
    return ends if set(ends) <= set(table.columns) else []


def _averages(table: Sheet, column: str) -> list[str]:
    """Say so where a point stands for several, which W&B shows by their range."""
    if not (ends := _range(table, column)):
        return []
    least, most = (table.column(each) for each in ends)
    apart = int((np.isfinite(least) & np.isfinite(most) & (least < most)).sum())
    if not apart:
        return []
    what = "loss is an average" if apart == 1 else "losses are averages"
    return [f"{apart} {what} of several points that W&B made (__MIN and __MAX differ)"]


def _step(names: Sequence[str], options: Options, where: str) -> tuple[str, list[str]]:
    """The column of steps, W&B's own only where there is no other, and what to say of it."""
    if options.step:
        return one_of(options.step, names, where), []
    found = first(STEPS, [each for each in names if each != OWN], where)
    step = found or (OWN if OWN in names else "")
    own = step == OWN or (plain(step) == "step" and OWN not in names)
    return step, [_COUNTS] if own else [f"steps are {step!r}"] if step else []


def _of_history(
    table: Sheet, names: Sequence[str], loss: str, options: Options
) -> tuple[list[Curve], list[str]]:
    """Runs of a table with one row a call of wandb.log."""
    where = f"{table.path}: "
    tokens = one_of(options.tokens, names, where) if options.tokens else first(TOKENS, names, where)
    step, more = _step(names, options, where)
    if not (tokens or step):
        raise RecordError(f"{where}no column counts steps or tokens; name one: step= or tokens=")
    columns = {kind: name for kind, name in (("step", step), ("tokens", tokens)) if name}
    whole = table.sound([*columns.values(), loss], partial=options.partial)
    own = whole.holding(loss)
    counted = bool(tokens) and options.tokens_per_step is None
    notes = [*own.notes[len(table.notes) :], *([] if counted else more)]
    if len(table.lines) == SAMPLED:
        notes.append(
            f"exactly {SAMPLED} rows: run.history() draws so many at random unless told "
            "otherwise; run.scan_history() gives all"
        )
    read = {kind: own.column(name) for kind, name in (*columns.items(), ("loss", loss))}
    rows = pd.DataFrame(read, index=own.places)
    run = next((each for each in ("run", "run_name", "name") if each in names), "")
    runs = pd.Series(whole.columns[run], whole.places, name=run) if run else None
    curves, more = parted(table.path, rows, runs, loss, tokens)
    return curves, notes + more
