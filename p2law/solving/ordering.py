"""Runs and rows in an order that depends on what they hold, not on where or how they are listed.

Random signs and weights are dealt out to runs one after the other. Would they follow the
order of a table, or the names of its runs, shuffling or renaming would change intervals.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from p2law.declaring import Array, Mask, Whole


def numbered(labels: pd.Series, columns: Sequence[Array]) -> Whole:
    """Number runs by their content: lowest values of each column, then highest, then all rows.

    Parameters
    ----------
    labels : Series
        Which run each row belongs to, by name; names only tell runs apart.
    columns : sequence of ndarray of shape (rows,)
        What the rows hold, the column that decides first in front. Nothing is NaN.

    Returns
    -------
    ndarray of int, shape (rows,)
        From 0 on. Runs of the same content come in any order: nothing tells them apart.

    Examples
    --------
    >>> numbered(pd.Series(["b", "b", "a"]), [np.array([5.0, 6.0, 1.0])])
    array([1, 1, 0])
    """
    code: Whole = np.asarray(pd.factorize(labels)[0])
    count = np.bincount(code)
    keys: list[Array | Whole] = [count, *_extremes(code, columns)]
    order = np.lexsort(keys[::-1])
    new = _changes([each[order] for each in keys])
    doubtful = order[~(new & np.append(new[1:], True)) & (count[order] > 1)]
    if len(doubtful):
        keys.append(_by_all_rows(code, columns, doubtful))
        order = np.lexsort(keys[::-1])
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return np.asarray(place[code])


def within(codes: Whole, columns: Sequence[Array]) -> Array:
    """Values by which the rows of each run are in order: the first column, if no two are equal.

    Parameters
    ----------
    codes : ndarray of int, shape (rows,)
        Which run each row belongs to.
    columns : sequence of ndarray of shape (rows,)
        The column that decides first in front.

    Returns
    -------
    ndarray of shape (rows,)
    """
    order = np.lexsort([columns[0], codes])
    if _changes([codes[order], columns[0][order]]).all():
        return columns[0]
    place = np.empty(len(codes))
    place[np.lexsort(columns[::-1])] = np.arange(len(codes))
    return place


def _extremes(code: Whole, columns: Sequence[Array]) -> list[Array]:
    """Lowest value of each column by run, then the highest ones: (runs,) each."""
    lowest, highest = list[Array](), list[Array]()
    for each in columns:  # what groups the rows takes as much memory as a column
        by_run = pd.Series(each).groupby(code)
        lowest.append(np.asarray(by_run.min(), dtype=float))
        highest.append(np.asarray(by_run.max(), dtype=float))
    return [*lowest, *highest]


def _by_all_rows(code: Whole, columns: Sequence[Array], runs: Whole) -> Whole:
    """Places of some runs by all their rows, these in order themselves; 0 for other runs."""
    rows = np.flatnonzero(np.isin(code, runs))
    held = [each[rows] for each in columns]
    by_content = np.lexsort(held[::-1])
    number = np.empty(len(rows), dtype=np.intp)
    number[by_content] = np.cumsum(_changes([each[by_content] for each in held]))
    sequence = number[np.lexsort([number, code[rows]])].tolist()
    ends = np.cumsum(np.bincount(code[rows]))
    starts = np.append(0, ends)
    by_run = {run: tuple(sequence[starts[run] : ends[run]]) for run in runs.tolist()}
    place = {each: k for k, each in enumerate(sorted(set(by_run.values())))}
    found = np.zeros(int(code.max()) + 1, dtype=np.intp)
    found[list(by_run)] = [place[each] for each in by_run.values()]
    return found


def _changes(keys: Sequence[Array | Whole]) -> Mask:
    """Tell where something differs from the entry before; the first one does."""
    new = np.zeros(len(keys[0]), dtype=bool)
    new[:1] = True
    for each in keys:
        new[1:] |= each[1:] != each[:-1]
    return new
