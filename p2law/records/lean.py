"""Large tables in little memory: files piece by piece, labels as categories."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from p2law.records.vocabulary import LABELS

MANY = 1_000_000
"""Tables of more rows hold labels as categories: as texts they take more room than all numbers."""

PIECE = 262_144
"""Rows of a file that are read at once."""

NAMES = ("run", *LABELS)


def read_parquet(source: Any) -> pd.DataFrame:
    """Read a Parquet file of many rows, so that it never is in memory twice.

    Parameters
    ----------
    source : pyarrow.parquet.ParquetFile

    Returns
    -------
    DataFrame
        As pandas reads it, but for labels, which are categories where they are texts.
    """
    texts = [each.name for each in source.schema_arrow if each.name in NAMES and _is_text(each)]
    pieces = [
        # A block of memory for each column, so that one column after the other can be let go.
        batch.to_pandas(split_blocks=True, categories=texts)
        for batch in source.iter_batches(PIECE, use_threads=False)
    ]
    index = source.read(columns=[], use_pandas_metadata=True).to_pandas().index
    names = list(pieces[0])
    columns = {name: _below([piece.pop(name) for piece in pieces]) for name in names}
    return pd.DataFrame({name: each.array for name, each in columns.items()}, index, copy=False)


def _is_text(field: Any) -> bool:
    """Tell whether a column of a file holds texts."""
    return str(field.type) in ("string", "large_string", "string_view")


def alike(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Make categories of the labels of several tables, the same in all of them.

    Parameters
    ----------
    tables : sequence of DataFrame

    Returns
    -------
    list of DataFrame
        Labels that are not texts in all tables stay as they are.
    """
    out = list(tables)
    for name in NAMES:
        has = [k for k, each in enumerate(out) if name in each]
        if has and all(_holds_texts(out[k][name]) for k in has):
            columns = _one_set([out[k][name].astype("category") for k in has])
            for k, column in zip(has, columns, strict=True):
                out[k] = out[k].assign(**{name: column})
    return out


def _below(pieces: Sequence[pd.Series]) -> pd.Series:
    """Put pieces of one column below each other; categories stay categories."""
    if all(isinstance(each.dtype, pd.CategoricalDtype) for each in pieces):
        pieces = _one_set(pieces)
    return pd.concat(pieces, ignore_index=True)


def _one_set(pieces: Sequence[pd.Series]) -> list[pd.Series]:
    """Categories by the union of all of them, in order of appearance."""
    sets = [each.cat.categories for each in pieces if len(each.cat.categories)]
    whole = sets[0].append(sets[1:]).unique() if sets else pieces[0].cat.categories
    return [each.cat.set_categories(whole) for each in pieces]


def _holds_texts(column: pd.Series) -> bool:
    """Tell whether a column holds texts and nothing else, gaps aside."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(column.cat.categories)
    return pd.api.types.infer_dtype(column, skipna=True) == "string"
