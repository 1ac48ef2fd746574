"""Intervals: what the spread of refits says of coefficients and predictions."""

import math
from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form, Mask, Whole
from p2law.objectives import Objective
from p2law.solving.dealing import DRAWS
from p2law.solving.resampling import FEW, LEAST, Draws
from p2law.solving.surface import Surface
from p2law.text.views import number
from p2law.text.wording import listed, several

LEVEL = 0.9

HARDLY = 0.5
"""A coefficient whose interval takes up more than this share of its bounds is hardly known."""


def draws_for(level: float) -> int:
    """How many refits an interval of a level needs: a few beyond each of its ends."""
    return DRAWS if level <= 0.97 else 2 * math.ceil(5 / (1 - level))


OUTER: tuple[Literal["lower"], Literal["higher"]] = ("lower", "higher")
"""Which of two refits is further out at each end."""


def of_predictions(
    asked: Surface, objective: Objective, drawn: Draws, level: float, kind: str
) -> tuple[Array, Array]:
    """Ends of the intervals of predictions.

    Parameters
    ----------
    asked : Surface
        The law over the inputs asked about.
    objective : Objective
        Its space is the one in which a new run deviates.
    drawn : Draws
    level : float
    kind : str
        ``"mean"`` or ``"run"``.

    Returns
    -------
    low, high : ndarray of shape (rows,)
    """
    low, high = np.empty(asked.rows), np.empty(asked.rows)
    with np.errstate(all="ignore"):
        for rows in asked.blocks(len(drawn.q)):
            values = asked.at_rows(rows).predict(drawn.q)
            if kind == "run":
                values = objective.shifted(values, drawn.noise[:, None])
            low[rows], high[rows] = between(values, level)
    return low, high


def between(values: Array, level: float) -> Array:
    """Ends of the intervals of values by refit, (refits, ...): (2, ...).

    Between two refits of which one never gets there is nothing: the end is then the outer one.
    NaN where a refit has no value.
    """
    with np.errstate(invalid="ignore"):
        found = np.asarray(np.quantile(values, _ends(level), axis=0))
        for k, share in enumerate(_ends(level)):
            open_, outer = ~np.isfinite(found[k]), OUTER[k]
            if open_.any():
                found[k, open_] = np.quantile(values[:, open_], share, axis=0, method=outer)
    return found


def ends(values: Array, level: float) -> tuple[Array, Array]:
    """Ends of the intervals of values by refit, the fit first, whose own they always hold."""
    return holding(values[0], *between(values[1:], level))


def holding(estimate: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Ends of intervals, moved out to the estimate where all refits lie on one side of it."""
    return np.minimum(low, estimate), np.maximum(high, estimate)


def share(hits: Mask, values: Array) -> Array:
    """Share of the refits that hit, the fit first and not counted; NaN where one has no value."""
    return np.where(np.isnan(values).any(axis=0), np.nan, np.mean(hits[1:], axis=0))


def enough(asked: float, refits: int) -> int:
    """How many of the refits are at least the asked share of them, which may be rounded.

    Examples
    --------
    >>> enough(0.55, 100), 0.55 * 100
    (55, 55.00000000000001)
    """
    return math.ceil(asked * refits * (1 - 1e-12))


def of_coefficients(draws: pd.DataFrame, level: float) -> pd.DataFrame:
    """Ends of the intervals of coefficients: columns low and high, indexed by coefficient."""
    found = np.quantile(draws.to_numpy(), _ends(level), axis=0)
    return pd.DataFrame(found.T, index=draws.columns, columns=["low", "high"])


def _ends(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]


def hardly_known(form: Form, draws: pd.DataFrame, fitted: Collection[str]) -> tuple[str, ...]:
    """Sentences about coefficients whose interval takes up most of their bounds."""
    found, sentences = of_coefficients(draws, LEVEL), []
    for each in form.coefficients:
        low, high = found["low"][each.name], found["high"][each.name]
        room = each.bounds.most - each.bounds.least
        if each.name in fitted and np.isfinite(room) and high - low > HARDLY * room:
            sentences.append(
                f"{each.name} is hardly known: {number(low, 2)}..{number(high, 2)} "
                f"({100 * LEVEL:g} % interval), where {each.bounds.low:g}..{each.bounds.high:g} "
                f"is allowed"
            )
    return tuple(sentences)


def assumption(codes: Whole, units: Whole, spare: int) -> tuple[str, ...]:
    """Sentences about what the intervals rest on, where the runs alone do not carry them.

    Parameters
    ----------
    codes : ndarray of int, shape (rows,)
        Which run each row belongs to.
    units : ndarray of int, shape (rows,)
        Which unit of resampling.
    spare : int
        Rows beyond those that the free coefficients use up.
    """
    runs, count = (int(each.max(initial=-1)) + 1 for each in (codes, units))
    if spare <= 0 or count < LEAST:
        rows, one = several(len(codes), "row"), len(codes) == 1
        nothing = (
            f"{rows} {'leaves' if one else 'leave'} nothing over once the coefficients are fitted"
            if spare <= 0
            else f"{rows} {'is' if one else 'are'} too few to tell their noise"
        )
        return (f"{nothing}: all intervals are unknown (NaN); add rows",)
    if runs >= FEW:
        return ()
    each = resampled(codes, units)
    assumed = (
        f"{several(runs, 'run')}: the intervals assume that no run is shifted as a whole and that "
        f"{each} deviate independently; from {FEW} runs on whole runs are resampled"
    )
    return (assumed,)


def resampled(codes: Whole, units: Whole) -> str:
    """What intervals come from: whole runs, stretches of them or rows; as `assumption` has it."""
    runs, count = (int(each.max(initial=-1)) + 1 for each in (codes, units))
    if runs >= FEW:
        return "whole runs"
    return "rows" if count == len(codes) else f"stretches of runs ({count} in all)"


def carried_alone(names: Sequence[str], coefficients: Sequence[str]) -> str:
    """A sentence about runs that alone tell part of a law."""
    one = len(names) == 1
    tells, lies, cure = ("tells", "it lies", "a run like it")
    if not one:
        tells, lies, cure = ("tell", "they lie", "runs like them")
    return (
        f"{listed(list(names))} alone {tells} {listed(list(coefficients))}: how far {lies} off "
        f"cannot be seen, and intervals there take that from the other runs; add {cure}"
    )


def given_up(drawn: Draws) -> tuple[str, ...]:
    """A sentence where many refits did not end."""
    if drawn.stopped <= 0.05 * len(drawn.q):
        return ()
    return (f"{drawn.stopped} of {len(drawn.q)} refits were stopped early: intervals are rough",)
