"""Refusing rows: which they are, what they hold, and the cure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from p2law.domains import Mask
from p2law.errors import RecordError
from p2law.text.wording import label, short

SHOWN = 5
"""How many rows a message shows."""


def refuse(
    table: pd.DataFrame,
    name: str,
    at: Mask,
    what: str,
    cure: str,
    *,
    keys: Sequence[str] = (),
    first: Mask | None = None,
) -> None:
    """Raise with the rows, their values and the cure, where there are any rows.

    Parameters
    ----------
    table : DataFrame
    name : str
        The column at fault.
    at : ndarray of bool, shape (rows,)
        Where.
    what : str
        What its values are.
    cure : str
    keys : sequence of str
        Columns whose values are shown beside.
    first : ndarray of bool, shape (rows,)
        Rows that are worth showing; all where not given.

    Raises
    ------
    RecordError
        `at` is true anywhere.
    """
    if not at.any():
        return
    rows = np.flatnonzero(at)
    bad = table.iloc[np.flatnonzero(at if first is None else at & first)[:SHOWN]]
    lines = []
    for k, row in enumerate(bad.index):
        value, *others = (f"{each} = {short(bad[each].iloc[k])}" for each in (name, *keys))
        lines.append(f"  row {label(row)}: {value}{' at ' if keys else ''}{', '.join(others)}")
    if len(rows) > len(bad):
        lines.append(f"  and {len(rows) - len(bad)} more")
    have = "has" if len(rows) == 1 else "have"
    head = f"{len(rows)} of {len(table)} records {have} {name} {what}:"
    raise RecordError("\n".join([head, *lines, cure]), table.index[rows].tolist())
