"""Which curves have a panel of their own, and what colours tell apart in it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.errors import PlotError
from p2law.plotting.colours import Hues
from p2law.plotting.families import Family, is_base, varies
from p2law.text.wording import got

AUTO, ALL = "auto", "all"

SOME = 24
"""So many values of an input may have panels of their own without being asked for."""


@dataclass(frozen=True, eq=False)
class Panelling:
    """What has a panel each.

    Attributes
    ----------
    by : str
        A column, or ``"all"``.
    values : tuple
        One a panel.
    rows : Series
        The value of each row of the fit.
    hues : Hues
    fullest : int
        Curves in the panel that has most.
    """

    by: str
    values: tuple[Any, ...]
    rows: pd.Series
    hues: Hues
    fullest: int


def panelling(found: Family, by: Any) -> Panelling:
    """Sort curves into panels.

    Parameters
    ----------
    found : Family
    by : str
        A column of the records, ``"all"`` for one panel, or ``"auto"``.

    Raises
    ------
    PlotError
        The records of the fit have no such column.
    """
    records = found.records
    there = [n for n in records.columns if n not in (found.fit.form.target, found.along)]
    if not isinstance(by, str) or by not in (AUTO, ALL, *there):
        raise PlotError(f"by is 'auto', 'all' or one of {', '.join(there)}, got {got(by)}")
    if by == AUTO:
        by = _usual(found)
    if by == ALL:
        values, rows = (ALL,), pd.Series(ALL, records.index)
    else:
        rows = records[by]
        distinct = rows.unique().tolist()
        values = tuple(sorted(distinct) if by in found.others else distinct)
    fullest = int(found.code.groupby(rows.to_numpy()).nunique().max())
    return Panelling(by, values, rows, _hues(found, by, fullest), fullest)


def _usual(found: Family) -> str:
    """The model size, or another input with a few values, where colours have something left.

    Where nothing but the loss before pruning tells models apart, that has the panels.
    """
    few = [name for name in found.telling if 1 < len(_distinct(found, name)) <= SOME]
    if few and len(found.telling) > 1:
        return few[0]
    bases = [name for name in found.others if is_base(name) and varies(found.curves[name])]
    few = [name for name in bases if len(_distinct(found, name)) <= SOME]
    return few[0] if few else ALL


def _hues(found: Family, by: str, fullest: int) -> Hues:
    """What colours tell apart in a panel: the input that has most values."""
    left = [name for name in found.telling if name != by]
    if not left or fullest < 2:
        return Hues("", (), log=False)
    column = max(left, key=lambda name: len(_distinct(found, name)))
    return Hues.of(column, found.curves[column])


def _distinct(found: Family, name: str) -> Any:
    """The values of an input on record, in order."""
    return np.unique(found.curves[name])
