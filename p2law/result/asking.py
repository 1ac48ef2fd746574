"""What a prediction is asked about: inputs lined up, checked, and held against the records."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form
from p2law.domains import is_number
from p2law.errors import FitError, FormError, PlanError, RecordError
from p2law.records.checking import check_names
from p2law.records.numeric import numbers
from p2law.text.views import number
from p2law.text.wording import first_line, got, label

HIGHEST = 0.999
"""Level of the widest interval."""


COUNTS = {"params", "tokens"}
"""Inputs that people like to write in billions."""

SMALL = 1000.0
"""Counts below it are taken for billions or millions, where nothing else stands to compare with."""

TINY = 1e-4
"""Counts below this share of the least on record are tiny beside it."""


def inputs(form: Form, table: pd.DataFrame | None, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Line up the inputs of a law.

    Parameters
    ----------
    form : Form
    table : DataFrame or None
        Holds inputs by name; other columns are not looked at.
    columns : mapping of str to float or sequence of float
        Single values go with every row, sequences go together.

    Returns
    -------
    DataFrame
        The inputs in the order of the law, float64.

    Raises
    ------
    FormError
        An input is missing, or the law does not read one that was given.
    RecordError
        An input is not a number, lists are of unequal length, or the law has no value there.
    """
    unknown = sorted(set(columns) - set(form.columns))
    given = {name: _one(name, each) for name, each in columns.items() if name not in unknown}
    asked = {**_from_table(form, table), **given}
    missing = [name for name in form.columns if name not in asked]
    if unknown or missing:
        parts = [f"{form.name} reads {', '.join(form.columns)}"]
        parts += [f"missing: {', '.join(missing)}"] if missing else []
        parts += [f"it does not read: {', '.join(unknown)}"] if unknown else []
        raise FormError("; ".join(parts))
    lined = pd.DataFrame(asked, index=_index(table, asked), columns=list(form.columns))
    for each in form.inputs:
        lined[each.name] = _numbers(lined, each.name)
        outside = np.flatnonzero(~each.domain.contains(lined[each.name].to_numpy()))
        if len(outside):
            first = number(float(lined[each.name].iloc[outside[0]]))
            more = f" and in {len(outside) - 1} more rows" if len(outside) > 1 else ""
            raise RecordError(
                f"{form.name} has no value at {each.name} = {first} "
                f"(row {label(lined.index[outside[0]])}{more}); {each.name} must be {each.domain}",
                list(lined.index[outside]),
            )
    return lined


def check_counts(asked: pd.DataFrame, records: pd.DataFrame) -> None:
    """Refuse counts in billions or millions where the records hold plain ones.

    Raises
    ------
    RecordError
        A count would lie with the records if it were in billions or millions, and is below
        1,000 or tiny beside all of them.
    """
    for name in sorted(COUNTS & set(asked.columns)):
        values, held = asked[name].to_numpy(), records[name].to_numpy()
        least, most = held.min(), held.max()
        for unit, word in ((1e9, "billions"), (1e6, "millions")):
            slips = (values < SMALL) & (values / 10 <= most / unit)
            slips |= (values < TINY * least) & (values <= most / unit)
            slips &= (values >= least / unit) & (least > SMALL)
            if slips.any():
                row = asked.index[int(np.argmax(slips))]
                value = number(float(values[slips][0]))
                raise RecordError(
                    f"{name} = {value} (row {label(row)}) looks like {word}, but the records hold "
                    f"{number(least)} to {number(most)}: {name} is a plain count, so write "
                    f"{number(float(values[slips][0]) * unit)}",
                    list(asked.index[slips]),
                )


def outside(asked: pd.DataFrame, records: pd.DataFrame, beyond: str) -> str:
    """How far the inputs of one row lie outside the records, those that `beyond` names.

    Returns
    -------
    str
        Each with its value and the range on record, in brackets; empty where none is named.
    """
    return ", ".join(
        f"{name} {number(float(asked[name].iloc[0]))} (records: {_reach(records[name])})"
        for name in beyond.split(", ")
        if name in asked.columns
    )


def _reach(held: pd.Series) -> str:
    """From where to where records reach; one number where that is one."""
    return " to ".join(dict.fromkeys(number(float(each)) for each in (held.min(), held.max())))


def plain_count(what: str, value: float, records: Any = ()) -> None:
    """Refuse a count in billions where it stands alone: a size, a budget, a limit.

    Parameters
    ----------
    what : str
        What it is, as a message says it.
    value : float
    records : sequence of float
        Counts on record; where one of them is as small, small counts are meant.

    Raises
    ------
    PlanError
        It is below 1,000.
    """
    if value < SMALL and not (np.asarray(records, dtype=float) < SMALL).any():
        raise PlanError(
            f"{what} is {number(float(value))}, which looks like billions: it is a plain count, "
            f"so write {number(float(value) * 1e9)}"
        )


def plain_counts(what: str, table: pd.DataFrame) -> None:
    """Refuse counts in billions where no records stand beside them; zero is no slip.

    Raises
    ------
    PlanError
        As `plain_count`.
    """
    for name in sorted(COUNTS & set(table.columns)):
        values = table[name].to_numpy(dtype=float)
        plain_count(f"{name} of {what}", float(values[values > 0].min(initial=SMALL)))


def interval(level: Any, kind: Any) -> None:
    """Check what kind of interval is asked for.

    Raises
    ------
    FitError
        `level` is no probability, or `kind` neither mean nor run.
    """
    if not (is_number(level) and 0 < level < 1):
        raise FitError(
            f"level is a probability between 0 and 1, got {got(level)}; write for instance 0.9"
        )
    if level > HIGHEST:
        raise FitError(f"level is at most {HIGHEST}: beyond it no number of refits is enough")
    if kind not in ("mean", "run"):
        raise FitError(
            f"kind is 'mean' (of the law itself) or 'run' (of a single new run), got {got(kind)}"
        )


def positive(name: str, value: Any) -> float:
    """Check a single number that must be positive and finite.

    Raises
    ------
    FitError
        It is not.
    """
    if not (is_number(value) and 0 < value < np.inf):
        raise FitError(f"{name} is a positive number, got {got(value)}")
    return float(value)


def _from_table(form: Form, table: pd.DataFrame | None) -> dict[str, pd.Series]:
    """The inputs that a table holds."""
    if table is None:
        return {}
    if not isinstance(table, pd.DataFrame) or table.columns.nlevels > 1:
        raise FormError(
            f"predict takes a DataFrame with one name a column, or inputs by name as "
            f"tokens=1e9, got {got(table)}"
        )
    check_names(table.columns)
    return {name: table[name] for name in form.columns if name in table.columns}


def _one(name: str, values: Any) -> Any:
    """One input: a number, or an array of them. They go together by order, not by labels."""
    if isinstance(values, (str, bytes, bytearray, Mapping, AbstractSet)):
        raise RecordError(f"{name} is a number or a list of numbers, got {got(values)}")
    try:
        found = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise RecordError(f"{name} holds no numbers: {first_line(error)}") from error
    odd = found.ndim == 0 and hasattr(found.item(), "__iter__")
    if odd or found.ndim > 1 or found.dtype.kind in "SU" or found.size == 0:
        raise RecordError(
            f"{name} is a number or a list of numbers, got {got(values)}; "
            f"every combination of several inputs is made by p2law.grid"
        )
    return found if found.ndim else found.item()


def _numbers(lined: pd.DataFrame, name: str) -> Array:
    try:
        return numbers(lined, name)
    except RecordError as error:
        raise RecordError(f"cannot predict: {error}", error.rows) from None


def _index(table: pd.DataFrame | None, asked: Mapping[str, Any]) -> pd.Index:
    """Rows of the answer: those of the table, or as many as the lists are long."""
    lengths = {name: len(each) for name, each in asked.items() if np.ndim(each)}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise RecordError(
            f"lists of unequal length: {said}; they go together row by row, "
            f"every combination is made by p2law.grid"
        )
    if table is not None:
        return table.index
    return pd.RangeIndex(next(iter(lengths.values()), 1))
