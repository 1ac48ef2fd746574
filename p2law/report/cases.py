"""What the records hold beside tokens: models and rates, as cases to ask about."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from p2law.records.vocabulary import TOKENS
from p2law.result import Fit
from p2law.solving.spreading import spread
from p2law.text.amounts import amount

MOST = 60
"""Cases that one can choose from on the page."""

DOTS = 60
"""Measured rows of a case that the planner's curve shows."""


def others(fit: Fit) -> list[str]:
    """Names of the inputs of a law but for tokens."""
    return [name for name in fit.form.columns if name != TOKENS]


def recorded(fit: Fit, most: int = MOST) -> pd.DataFrame:
    """Distinct inputs beside tokens, in order; of many, some that are spread over all.

    Parameters
    ----------
    fit : Fit
    most : int

    Returns
    -------
    DataFrame
        One row a case.
    """
    names = others(fit)
    if not names:
        return pd.DataFrame(index=[0])
    found = fit.records[names].drop_duplicates().sort_values(names, ignore_index=True)
    return found.iloc[spread(len(found), most)].reset_index(drop=True)


def named(case: Mapping[str, float], varying: Sequence[str]) -> str:
    """A case in words, by the inputs in which it differs from others."""
    shown = [name for name in case if name in varying] or list(case)
    return ", ".join(f"{name.replace('_', ' ')} {amount(case[name], name, 4)}" for name in shown)


def names(table: pd.DataFrame) -> list[str]:
    """All cases of a table in words, apart wherever they differ."""
    varying = [str(name) for name in table if len(table[name].unique()) > 1]
    return [named(_row(row), varying) for _, row in table.iterrows()]


def inside(value: float, low: float, high: float) -> float:
    """A value in few digits, still within a range that holds it."""
    for digits in range(4, 17):
        short = float(f"{value:.{digits}g}")
        step = 10.0 ** (math.floor(math.log10(abs(value) or 1.0)) + 1 - digits)
        for other in (short, short - step, short + step):
            near = float(f"{other:.{digits}g}")
            if low <= near <= high and abs(near - value) <= step:
                return near
    return value


def start(fit: Fit) -> dict[str, float]:
    """Where the planner begins: a case in the middle of the records, at its last tokens."""
    table = recorded(fit, 1 << 30)
    middle = _row(table.iloc[len(table) // 2])
    if TOKENS not in fit.form.columns:
        return _short(fit, middle)
    records = fit.records
    same = (records[list(middle)] == pd.Series(middle)).all(axis=1)
    reached = float(records[TOKENS][same].max())
    return _short(fit, {name: middle.get(name, reached) for name in fit.form.columns})


def choices(fit: Fit) -> list[dict[str, Any]]:
    """Recorded cases to start from, in words and numbers, and what was measured in each."""
    table = recorded(fit)
    rows = [_row(row) for _, row in table.iterrows()] if others(fit) else []
    return [
        {"label": label, "inputs": _short(fit, row), "measured": _measured(fit, row)}
        for label, row in zip(names(table), rows, strict=False)
    ]


def _measured(fit: Fit, case: Mapping[str, float]) -> list[list[float]]:
    """Tokens and target of the rows of one case, some of many."""
    if TOKENS not in fit.form.columns:
        return []
    records = fit.records
    same = (records[list(case)] == pd.Series(case)).all(axis=1)
    pairs = records.loc[same, [TOKENS, fit.form.target]].to_numpy()
    return [[float(x), float(y)] for x, y in pairs[spread(len(pairs), DOTS)]]


def _row(row: pd.Series) -> dict[str, float]:
    return {str(name): float(value) for name, value in row.items()}


def _short(fit: Fit, case: Mapping[str, float]) -> dict[str, float]:
    """The same case in numbers that a reader can take in."""
    ends = {name: (fit.records[name].min(), fit.records[name].max()) for name in case}
    return {name: inside(value, *ends[name]) for name, value in case.items()}
