"""Rows left out on request: no number, warm-up, more than are needed."""

import numpy as np
import pandas as pd

from p2law.domains import Array, Whole
from p2law.errors import RecordError
from p2law.logs.curves import Curve, refuse
from p2law.logs.options import Options

_NO_NUMBER = (
    "find out whether the run diverged; missing='leave out' leaves such rows out and counts them"
)


def finite(curve: Curve, table: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """Rows whose loss is a number.

    Parameters
    ----------
    curve : Curve
    table : DataFrame
    options : Options

    Returns
    -------
    table : DataFrame
    notes : list of str

    Raises
    ------
    RecordError
        There are others, and they were not to be left out, or there is nothing else.
    """
    bad = ~np.isfinite(table["loss"].to_numpy(dtype=float))
    if options.missing == "refuse":
        refuse(curve, table, "loss", bad, "that is no number", _NO_NUMBER)
    if bad.all():
        raise RecordError(f"{curve.where}no loss is a number", table.index.tolist())
    places = ", ".join(map(str, table.index[bad][:5])) + (" ..." if bad.sum() > 5 else "")
    note = f"{bad.sum()} of {len(table)} losses are no number and were left out: {places}"
    return table.loc[~bad], [note] if bad.any() else []


def warmed(curve: Curve, table: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """Rows after the warm-up that was named.

    Parameters
    ----------
    curve : Curve
    table : DataFrame
    options : Options

    Returns
    -------
    table : DataFrame
    notes : list of str

    Raises
    ------
    RecordError
        Nothing remains, or steps were named and the log has none.
    """
    early = table["tokens"].to_numpy() < options.drop_first
    said = [f"{options.drop_first:.12g} tokens"] if options.drop_first else []
    if options.drop_first_steps:
        if "step" not in table.columns:
            raise RecordError(f"{curve.where}drop_first_steps needs steps; name tokens: drop_first")
        early |= table["step"].to_numpy() < options.drop_first_steps
        said.append(f"step {options.drop_first_steps:.12g}")
    if early.all():
        last = table["tokens"].iloc[-1]
        raise RecordError(
            f"{curve.where}all {len(table)} rows lie before {' or '.join(said)}, the last at "
            f"{last:.10g} tokens; leave out fewer"
        )
    note = f"{early.sum()} of {len(table)} rows before {' or '.join(said)} left out (warm-up)"
    return table.loc[~early], [note] if said else []


def thinned(tokens: Array, most: int | None) -> Whole:
    """Positions of rows to keep: evenly in log tokens, first and last among them.

    Parameters
    ----------
    tokens : ndarray
        Rising.
    most : int, optional
        How many; all where not given.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> thinned(np.arange(1.0, 101.0), 3) + 1
    array([  1,  10, 100])
    """
    count = len(tokens)
    if most is None or count <= most:
        return np.arange(count)
    start = int(tokens[0] <= 0)  # no tokens have no logarithm; the first row stays anyway
    logs = np.log(tokens[start:])
    wanted = np.linspace(logs[-1], logs[0], most - start)  # backwards: one is the last
    after = np.clip(np.searchsorted(logs, wanted), 1, len(logs) - 1)
    nearer = wanted - logs[after - 1] < logs[after] - wanted
    return np.unique(np.r_[0, after - nearer + start])
