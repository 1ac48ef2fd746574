"""What a prediction is asked about: inputs lined up, checked, and held against the records."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Form
from p2law.errors import FormError, RecordError
from p2law.views import number


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
        An input is not a number, or the law has no value there.
    """
    # Values go together by their order, never by the labels that they bring along.
    columns = {name: np.asarray(each) for name, each in columns.items()}
    given = {} if table is None else {name: table[name] for name in form.columns if name in table}
    unknown = sorted(set(columns) - set(form.columns))
    missing = [name for name in form.columns if name not in given and name not in columns]
    if unknown or missing:
        parts = [f"{form.name} reads {', '.join(form.columns)}"]
        parts += [f"missing: {', '.join(missing)}"] if missing else []
        parts += [f"it does not read: {', '.join(unknown)}"] if unknown else []
        raise FormError("; ".join(parts))
    try:
        lined = pd.DataFrame({**given, **columns}, index=_index(table, columns))
        lined = lined[list(form.columns)].astype(float)
    except (ValueError, TypeError) as error:
        raise RecordError(f"cannot line up the inputs of a prediction: {error}") from error
    for each in form.inputs:
        outside = np.flatnonzero(~each.domain.contains(lined[each.name].to_numpy()))
        if len(outside):
            first = number(float(lined[each.name].iloc[outside[0]]))
            more = f" and in {len(outside) - 1} more rows" if len(outside) > 1 else ""
            raise RecordError(
                f"{form.name} has no value at {each.name} = {first} "
                f"(row {lined.index[outside[0]]}{more}); {each.name} must be {each.domain}",
                list(lined.index[outside]),
            )
    return lined


def _index(table: pd.DataFrame | None, columns: Mapping[str, Any]) -> pd.Index:
    """Rows of the answer: those of the table, or as many as the longest column has."""
    if table is not None:
        return table.index
    return pd.RangeIndex(max((len(each) for each in columns.values() if np.ndim(each)), default=1))


def beyond(asked: pd.DataFrame, records: pd.DataFrame) -> list[str]:
    """Names of the inputs that lie outside the records, for each row, with commas."""
    low, high = records[asked.columns].min(), records[asked.columns].max()
    outside = ((asked < low) | (asked > high)).to_numpy()
    names = np.array(asked.columns, dtype=object)
    return [", ".join(names[row]) for row in outside]
