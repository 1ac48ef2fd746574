"""Intervals: what the spread of refits says of coefficients and predictions."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form, Whole
from p2law.objectives import Objective
from p2law.resampling import FEW, STRETCHES, Draws, few
from p2law.surface import Surface
from p2law.views import number

LEVEL = 0.9

HARDLY = 0.5
"""A coefficient whose interval takes up more than this share of its bounds is hardly known."""


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
            low[rows], high[rows] = np.quantile(values, _ends(level), axis=0)
    return low, high


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


def assumption(codes: Whole, spare: int) -> tuple[str, ...]:
    """Sentences about what the intervals rest on, where the runs alone do not carry them.

    Parameters
    ----------
    codes : ndarray of int, shape (rows,)
        Which run each row belongs to.
    spare : int
        Rows beyond those that the free coefficients use up.
    """
    runs = int(codes.max(initial=-1)) + 1
    if spare <= 0:
        nothing = (
            f"{len(codes)} rows leave nothing over once the coefficients are fitted, so the noise "
            f"and all intervals are unknown (NaN); add rows, or hold a coefficient (fixed=)"
        )
        return (nothing,)
    if few(codes):
        assumed = (
            f"{runs} run{'s' * (runs != 1)}: the intervals assume that no run is shifted as a "
            f"whole and that stretches of a run ({STRETCHES} in all) deviate independently; with "
            f"{FEW} runs or more they assume neither"
        )
        return (assumed,)
    return ()
