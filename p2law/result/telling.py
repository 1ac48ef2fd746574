"""What a view says of a fit: coefficients, what is held, misfit, and what the records cover."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.identify.causes import HOLD
from p2law.result.searched import Search
from p2law.solving.settings import Settings
from p2law.text.views import number, together
from p2law.text.wording import listed

HEADER = ("", "estimate", "90 % from", "to", "at the middle", "unit", "note")


def rows(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """Rows under `HEADER` of a table of coefficients, in as many digits as are known.

    Parameters
    ----------
    table : DataFrame
        As `tabling.table` makes it.

    Returns
    -------
    list of tuple of str
    """
    out: list[tuple[str, ...]] = []
    for name, row in table.to_dict("index").items():
        term = "" if np.isnan(row["term"]) else number(row["term"], 3)
        out.append((str(name), *_known(row), term, row["unit"], row["note"]))
    return out


def _known(row: Mapping[Any, Any]) -> tuple[str, str, str]:
    """A coefficient and its interval in as many digits as are known."""
    found = row["estimate"], row["low"], row["high"]
    return together(*found) if np.isfinite(found).all() else (number(found[0]), "", "")


def held(why: Mapping[str, str], values: Mapping[str, float], settings: Settings) -> str:
    """What the tool itself holds and why, for the first line; nothing where it holds nothing.

    Parameters
    ----------
    why : mapping of str to str
        Coefficients that were not fitted, and why.
    values : mapping of str to float
    settings : Settings
        What the caller asked to be held is not told.

    Returns
    -------
    str
    """
    asked = {*settings.fixed, *settings.tied}
    own = {name: each for name, each in why.items() if name not in asked}
    if not own:
        return ""
    named = listed([f"{name} = {number(values[name])}" for name in own])
    reasons = [*dict.fromkeys(own.values())]
    if not all(each.startswith(HOLD) for each in reasons):
        return f", holding {named} because {listed([each.removeprefix(HOLD) for each in reasons])},"
    # Each input is named once, however many coefficients lack it.
    parts = [part for each in reasons for part in re.split(", | and ", each.removeprefix(HOLD))]
    return f", holding {named} because {HOLD}{listed([*dict.fromkeys(parts)])},"


def misfit(residuals: Array, runs: "pd.Series[Any]", unit: str) -> str:
    """Size of residuals, and which run has the largest.

    Parameters
    ----------
    residuals : ndarray of shape (rows,)
        In the unit of the target.
    runs : Series of length rows
    unit : str
        As said after a number.

    Returns
    -------
    str
    """
    worst = int(np.argmax(np.abs(residuals)))
    largest = abs(residuals[worst])
    # In shares of the largest, for the square of 1e200 is beyond double precision.
    rmse = largest * np.sqrt(np.mean((residuals / (largest or 1.0)) ** 2))
    size, most = (f"{number(each, 3)} {unit}" for each in (rmse, largest))
    return f"rmse {size}, worst {most} (run {runs.iloc[worst]})"


def covered(records: pd.DataFrame, names: Sequence[str]) -> str:
    """Ranges of inputs, column by column."""
    parts = []
    for name in names:
        low, high = records[name].min(), records[name].max()
        parts.append(f"{name} {number(low)}" + ("" if low == high else f"..{number(high)}"))
    return ", ".join(parts)


def found(search: Search, objective: str) -> list[tuple[str, str]]:
    """Labelled facts on how the coefficients were found, and on what was left out."""
    count, total = len(search.minima), number(search.objective, 8)
    minima = "minimum" if count == 1 else "minima"
    facts = [("objective", f"{objective}, summed: {total}; {count} distinct {minima}")]
    facts += [
        ("left out", f"{count} row{'s' * (count != 1)}: {why}") for why, count in search.left_out
    ]
    return facts
