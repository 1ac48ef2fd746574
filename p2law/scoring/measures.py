"""How far predictions lie from what was measured: errors of levels and of slopes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.objectives import huber
from p2law.records.flops import multiplied, per_token
from p2law.records.grouping import groups
from p2law.records.vocabulary import CURVES
from p2law.text.wording import several

HUBER = huber(1e-3, log=True)
"""The objective of the literature on scaling laws; here its mean over rows."""

MEASURES = (
    "rmse",
    "mean_relative",
    "worst_relative",
    "r2",
    "r2_above_base",
    "huber",
    "slope_difference",
)

PER = {"tokens": "token", "flops": "FLOP", "log_tokens": "factor e of tokens"}
"""What slopes may be taken against, and the unit of that."""

ALIKE = 1e-3
"""Errors that differ by no more than this share are the same: one law in two writings."""


@dataclass(frozen=True)
class Measured:
    """What was measured on some rows, as arrays of shape (rows,).

    Attributes
    ----------
    loss : ndarray
        The target of the law.
    base : ndarray
        Loss before pruning, NaN where it is not known.
    run : ndarray of int
        Number of the run, from 0 on.
    curve : ndarray of int
        Number of the curve: rows of one run, seed and evaluation text.
    x : ndarray
        What slopes are taken against, NaN where it is not known.
    """

    loss: Array
    base: Array
    run: Any
    curve: Any
    x: Array

    def at_rows(self, chosen: Any) -> "Measured":
        """The same on some of the rows."""
        return Measured(*(each[chosen] for each in vars(self).values()))

    @property
    def neighbours(self) -> tuple[Any, Any]:
        """Rows that follow each other on a curve: the former and the latter of each pair."""
        known = np.flatnonzero(np.isfinite(self.x))
        order = known[np.lexsort((self.x[known], self.curve[known]))]
        first, second = order[:-1], order[1:]
        on = (self.curve[first] == self.curve[second]) & (self.x[first] < self.x[second])
        return first[on], second[on]


def measures(rows: Measured, predicted: Array) -> dict[str, float]:
    """All errors of some predictions; NaN where rows are too few to have one.

    Parameters
    ----------
    rows : Measured
    predicted : ndarray of shape (rows,)
        Finite.

    Returns
    -------
    dict of str to float
        By the names in `MEASURES`, in that order.
    """
    if not len(predicted):
        return dict.fromkeys(MEASURES, np.nan)
    off = predicted - rows.loss
    with np.errstate(all="ignore"):
        relative = np.abs(off / rows.loss)
        log = HUBER.per_row(HUBER.residuals(predicted, rows.loss))
    known = np.isfinite(rows.base)
    found = (
        np.sqrt(np.mean(off**2)),
        np.mean(relative),
        np.max(relative),
        _r2(rows.loss, off),
        _r2((rows.loss - rows.base)[known], off[known]),
        np.mean(log),
        slopes(rows, predicted).mean(),
    )
    return dict(zip(MEASURES, map(float, found), strict=True))


def same(one: float, other: float) -> bool:
    """Whether two errors are the same but for a share that says nothing."""
    return max(one, other) <= min(one, other) * (1 + ALIKE)


def in_order(rmse: Mapping[str, float], free: Mapping[str, int]) -> list[str]:
    """Laws by their error; of those with the same the one with the fewest coefficients first."""
    order, left = list[str](), dict(rmse)
    while left:
        least = min(left.values())
        alike = sorted((law for law in left if same(left[law], least)), key=free.__getitem__)
        order += alike
        left = {law: error for law, error in left.items() if law not in alike}
    return order


def slopes(rows: Measured, predicted: Array) -> pd.Series:
    """Mean absolute difference of slopes, predicted and measured, of each run that has any.

    Slopes are those between neighbouring checkpoints of a curve.

    Parameters
    ----------
    rows : Measured
    predicted : ndarray of shape (rows,)

    Returns
    -------
    Series
        By number of run.
    """
    first, second = rows.neighbours
    off = predicted - rows.loss
    difference = np.abs((off[second] - off[first]) / (rows.x[second] - rows.x[first]))
    return pd.Series(difference).groupby(rows.run[first]).mean()


def _r2(values: Array, off: Array) -> float:
    """Share of the variance about the mean that is explained; NaN where there is none."""
    spread = float(np.sum((values - values.mean()) ** 2)) if len(values) > 1 else 0.0
    # What rounding leaves of equal values is no spread.
    if spread <= len(values) * (1e-14 * np.abs(values).max(initial=0.0)) ** 2:
        return np.nan
    return 1.0 - float(np.sum(off**2)) / spread


def measured(table: pd.DataFrame, target: str, run: pd.Series, per: str) -> tuple[Measured, str]:
    """Gather what was measured, and what slopes are taken against.

    Parameters
    ----------
    table : DataFrame
        Checked records.
    target : str
    run : Series
        Label of the run of each row.
    per : str
        One of `PER`.

    Returns
    -------
    Measured
    note : str
        How the abscissa was computed, or why there is none.
    """
    labelled = table.assign(run=run.array)
    keys = ["run", *(name for name in CURVES if name in table)]
    x, note = _abscissa(table, per)
    missing = np.full(len(table), np.nan)
    base = table["base_loss"].to_numpy() if "base_loss" in table and target == "loss" else missing
    return Measured(
        loss=table[target].to_numpy(),
        base=base,
        run=groups(labelled, ["run"]),
        curve=groups(labelled, keys),
        x=x,
    ), note


def _abscissa(table: pd.DataFrame, per: str) -> tuple[Array, str]:
    """What slopes are taken against on each row, and a sentence about it."""
    if "tokens" not in table:
        return np.full(len(table), np.nan), "no column tokens: there are no slopes"
    tokens = table["tokens"].to_numpy()
    if per == "tokens":
        return tokens, ""
    if per == "log_tokens":
        zero = int(np.sum(tokens <= 0))
        have = "has" if zero == 1 else "have"
        note = f"{several(zero, 'row')} at zero tokens {have} no slope against ln(tokens)"
        with np.errstate(divide="ignore"):
            return np.where(tokens > 0, np.log(tokens), np.nan), note if zero else ""
    each, note = _flops_per_token(table)
    return tokens * each, note


def _flops_per_token(table: pd.DataFrame) -> tuple[Array, str]:
    """Training FLOP per token: as stated, else 6 for each parameter that is multiplied."""
    stated = np.full(len(table), np.nan)
    if "flops_per_token" in table:
        stated = table["flops_per_token"].to_numpy()
    if np.isfinite(stated).all():
        return stated, "FLOP are tokens x flops_per_token"
    if "params" not in table:
        return stated, "no column params or flops_per_token: FLOP are not known everywhere"
    size = table["params"].to_numpy()
    if "method" in table:
        after = size * (1 - table["pruning_rate"].to_numpy()) if "pruning_rate" in table else size
        if "params_after" in table:
            given = table["params_after"].to_numpy()
            after = np.where(np.isfinite(given), given, after)
        size = multiplied(table["method"], size, after)
    return per_token(stated, size), (
        "FLOP are 6 x parameters x tokens where flops_per_token is not given; parameters after "
        "pruning by depth or width, all of them otherwise"
    )
