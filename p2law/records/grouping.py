"""Which rows belong together: runs, and rows that agree in some columns."""

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from p2law.errors import RecordError
from p2law.records.refusing import refuse
from p2law.records.vocabulary import LABELS
from p2law.text.wording import short


def runs(table: pd.DataFrame) -> tuple[pd.Series, str]:
    """Which training curve each row belongs to, and a sentence where that is not given.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    labels : Series
        One label per row; rows of one run share it, rows of two never do.
    note : str
        Empty where the table has a column `run`.

    Raises
    ------
    RecordError
        A column that tells runs apart holds lists or other nested values.
    """
    if "run" in table.columns:
        return table["run"], ""
    telling = [name for name in ("pruning_rate", "nominal_rate", *LABELS) if name in table.columns]
    if not telling:
        rows = pd.Series(np.arange(len(table)), index=table.index, name="run")
        return rows, "no column run: every row counts as a run of its own"
    telling = [name for name in ("params", "base_loss") if name in table.columns] + telling
    group = groups(table, telling)
    first = table.loc[~pd.Series(group).duplicated().to_numpy(), telling]
    names = functools.reduce(
        lambda one, other: one + " " + other, (_said(first[each]) for each in telling)
    )
    if len(set(names)) < len(names):
        names = np.array([f"{name} ({k})" for k, name in enumerate(names)], dtype=object)
    note = f"no column run: runs are told apart by {', '.join(telling)}"
    # Each name becomes a text once, not once a row.
    return pd.Series(names, name="run").take(group).set_axis(table.index), note


def _said(column: pd.Series) -> NDArray[np.object_]:
    """Each value as a word of a run's name."""
    code, values = _factorized(column)
    words = [
        value if isinstance(value, str) else f"{column.name}={_exact(value)}"
        for value in values.tolist()
    ]
    words.append(f"{column.name}=?")  # code -1: missing
    return np.array(words, dtype=object)[code]


def _exact(value: object) -> str:
    """A number short where that is all of it, else in full."""
    text = short(value)
    return text if not isinstance(value, float) or float(text) == value else repr(value)


def groups(table: pd.DataFrame, keys: Sequence[str]) -> NDArray[np.int64]:
    """Number the combinations of values of some columns, in order of appearance."""
    group = np.zeros(len(table), dtype=np.int64)
    for k, name in enumerate(keys):
        group = _with(group, table, name)
        group = pd.factorize(group)[0] if k else group
    return group


def repeated(table: pd.DataFrame, keys: Sequence[str]) -> NDArray[np.intp]:
    """Find the rows whose combination of values of some columns stands more than once.

    Parameters
    ----------
    table : DataFrame
    keys : sequence of str

    Returns
    -------
    ndarray of int, shape (found,)
        Places of the rows, rising.
    """
    group = _with(groups(table, keys[:-1]), table, keys[-1])
    # Sorting takes no more memory than the numbers; a table of all of them takes several times it.
    rising = np.sort(group)
    again = rising[1:][rising[1:] == rising[:-1]]
    return np.flatnonzero(np.isin(group, np.unique(again))) if len(again) else again


def _with(group: NDArray[np.int64], table: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Numbers that tell apart what groups and the values of a column tell apart."""
    code = codes(table, name)
    if code.min(initial=0) < 0:  # missing is a value too
        code = pd.factorize(code)[0]
    return np.asarray(group * (code.max(initial=0) + 1) + code)


def codes(table: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Number the values of one column in order of appearance, -1 where there is none."""
    try:
        return _factorized(table[name])[0]
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        nested = np.array([not _hashable(each) for each in table[name].tolist()])
        cure = "a label is one text or number; write such values into other columns"
        refuse(table, name, nested, "that is nested", cure)
        raise RecordError(f"column {name} cannot be compared ({error}); {cure}") from error


def _factorized(column: pd.Series) -> tuple[NDArray[np.int64], pd.Index]:
    with np.errstate(over="ignore"):  # pandas takes long doubles for doubles
        code, values = pd.factorize(column)
    return code.astype(np.int64, copy=False), pd.Index(values)


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
