"""One curve as a log tells it, every row with its place in the file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from p2law.domains import Mask
from p2law.errors import RecordError
from p2law.records.refusing import SHOWN
from p2law.text.wording import short


@dataclass(frozen=True)
class Curve:
    """The losses of one run as they were logged.

    Attributes
    ----------
    run : str
    path : Path
        File or folder that they were read from.
    table : DataFrame
        `loss` as logged, `step` and `tokens` where the log has them (NaN where not), and
        whatever else is known by row. The index is the place: "line 14", "entry 3".
    loss : str
        Name of the loss in the log.
    notes : tuple of str
        What was noticed when reading.
    averaged : bool
        The log is known to hold means over the steps since the row before.
    tokens : str
        Name of the count of tokens in the log, where there is one.
    cure : str
        How this log's tokens per step are found, for the message that asks for them.
    """

    run: str
    path: Path
    table: pd.DataFrame
    loss: str
    notes: tuple[str, ...] = ()
    averaged: bool = False
    tokens: str = ""
    cure: str = ""

    @property
    def where(self) -> str:
        """File and run, for messages."""
        return f"{self.path}, run {self.run}: "


def refuse(curve: Curve, table: pd.DataFrame, name: str, at: Mask, what: str, cure: str) -> None:
    """Raise with the places, their values and the cure, where there are any.

    Parameters
    ----------
    curve : Curve
    table : DataFrame
        Rows of the curve.
    name : str
        Column at fault.
    at : ndarray of bool, shape (rows,)
    what : str
        What its values are.
    cure : str

    Raises
    ------
    RecordError
        `at` is true anywhere; `rows` are the places.
    """
    if not at.any():
        return
    bad = table.loc[at]
    lines = [
        f"  {place}{_step(bad, k)}: {name} = {short(bad[name].iloc[k])}"
        for k, place in enumerate(bad.index[:SHOWN])
    ]
    if len(bad) > SHOWN:
        lines.append(f"  and {len(bad) - SHOWN} more")
    head = f"{curve.where}{len(bad)} of {len(table)} rows have {name} {what}:"
    raise RecordError("\n".join([head, *lines, cure]), bad.index.tolist())


def _step(table: pd.DataFrame, k: int) -> str:
    """The step of a row, where it has one."""
    step = table["step"].iloc[k] if "step" in table.columns else np.nan
    return f" (step {step:g})" if np.isfinite(step) else ""


def cut(
    fault: str, count: int, noun: str, *, partial: bool, places: Sequence[str] = ()
) -> Sequence[str]:
    """Refuse a damaged file, or say what was taken of it where that was asked for.

    Parameters
    ----------
    fault : str
        What is wrong and where; empty where nothing is.
    count : int
        How much can be read before it.
    noun : str
        Of what, in the plural.
    partial : bool
    places : sequence of str
        Those at fault, where they are known.

    Returns
    -------
    sequence of str
        A note, or none.

    Raises
    ------
    RecordError
        There is a fault, and partial reading was not asked for or there is nothing to read.
    """
    if not fault:
        return ()
    if not count:
        raise RecordError(f"{fault}; nothing can be read before it", places)
    if not partial:
        cure = f"{count} {noun} before it can be read: partial=True takes what there is"
        raise RecordError(f"{fault}\n{cure}", places)
    return (f"damaged: {fault}; the {count} {noun} before it were taken (partial=True)",)
