"""The records: read, checked, and laid out as grids.

One row is one measured loss. Counts are plain counts, losses are in nats, rates
are fractions. Nothing is dropped, filled or clipped: a table is taken as it is or
refused, by row and with the cure.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law.domains import Array
from p2law.errors import RecordError
from p2law.records.checking import MOST_COLUMNS, check
from p2law.records.grouping import runs
from p2law.records.reading import SUFFIXES, Source, joined, paths, read
from p2law.records.vocabulary import LABELS, VOCABULARY, Column, counted
from p2law.text.wording import got

__all__ = [
    "LABELS",
    "MOST_COLUMNS",
    "SUFFIXES",
    "VOCABULARY",
    "Column",
    "check",
    "counted",
    "grid",
    "load",
    "runs",
]


def load(
    source: Source | Sequence[Source] | pd.DataFrame,
    *,
    needs: Sequence[str] = ("loss",),
    accept: Sequence[str] = (),
) -> pd.DataFrame:
    """Read records and check them.

    Parameters
    ----------
    source : str, Path, sequence of these, or DataFrame
        A CSV, TSV, Parquet (extra ``parquet``) or JSONL file, a folder or a glob of
        these, several of them, or a table. Columns and units are those of the
        README, section "Records"; any other column is kept.
    needs : sequence of str
        Columns that must be there. A fit asks for the columns of its law anyway.
    accept : sequence of str
        ``"params"`` or ``"tokens"``: take small numbers in this column as what
        they say, although they look like billions.

    Returns
    -------
    DataFrame
        A checked copy, numeric columns as float64, rows as they came. Several
        files follow each other, those of a folder or glob by name, with new row
        labels; a column that only some of them have is empty for the others. Labels of
        more than a million rows of Parquet, or of several files, are categories.

    Raises
    ------
    RecordError
        The table cannot be used; the text names rows, values and the cure. Rows
        of a file are counted from 0.
    MissingExtraError
        A Parquet file, and pyarrow is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> load(pd.DataFrame({"tokens": [1e6, 2e6], "loss": [2.5, 2.4]}))
          tokens  loss
    0  1000000.0   2.5
    1  2000000.0   2.4
    """
    if isinstance(source, pd.DataFrame):
        return check(source, needs=needs, accept=accept)
    files = paths(source)
    tables = [
        check(read(path), needs=needs, accept=accept, where=f"{path}: ", copy=False)
        for path in files
    ]
    if len(tables) == 1:
        return tables[0]
    whole = joined(files, tables)
    del tables
    return check(whole, needs=needs, accept=accept, copy=False).reset_index(drop=True)


def grid(**columns: Any) -> pd.DataFrame:
    """Every combination of the given values, one row each, the last column fastest.

    Parameters
    ----------
    **columns : float or sequence of float
        A value that all rows have, or several values, by the name of the column.

    Returns
    -------
    DataFrame
        As many rows as there are combinations, columns in the order given.

    Raises
    ------
    RecordError
        What was given for a column is neither a value nor a list of values.

    Examples
    --------
    >>> grid(pruning_rate=[0.25, 0.5], base_loss=2)
       pruning_rate  base_loss
    0          0.25          2
    1          0.50          2
    """
    values = [_values(name, each) for name, each in columns.items()]
    product = np.meshgrid(*values, indexing="ij")
    return pd.DataFrame({name: each.ravel() for name, each in zip(columns, product, strict=True)})


def _values(name: str, given: Any) -> Array:
    """The values of one column of a grid."""
    try:
        found = np.atleast_1d(given)
    except ValueError:
        found = np.empty((0, 0))
    if found.ndim > 1 or found.dtype == object:
        raise RecordError(f"{name} is a value or a list of values, got {got(given)}")
    return found
