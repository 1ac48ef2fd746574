"""Steps that a log holds more than once, after restarts or by a second evaluation."""

import numpy as np
import pandas as pd

from p2law.domains import Mask
from p2law.logs.curves import Curve, refuse
from p2law.logs.options import Options

_NOUNS = {"step": "step", "tokens": "token count"}

_CURE = (
    "a restarted run, or two runs in one log? repeats='last' lets the later rows win: where "
    "steps go back, what was logged before from there on is left out"
)
_BESIDE = "; missing='leave out' leaves out what is no number beside a loss at the same {noun}"
_UNPLACED = (
    "which {noun} was it? name a count that stands beside every loss: {by}=..., of any CSV "
    "in columns"
)


def settled(curve: Curve, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """Leave every step of a curve once, in order.

    A step that says the same twice is no contradiction and is merged. Otherwise, on
    request, the later rows win: where steps go back, everything logged before at that
    step or after it belonged to the part of the run that was lost. Where losses that are no
    number are to be left out, they win over none that was measured at the same step, but for
    steps that went back in between.

    Parameters
    ----------
    curve : Curve
    options : Options

    Returns
    -------
    table : DataFrame
        Rows in order of steps, or of tokens where there are no steps.
    notes : list of str

    Raises
    ------
    RecordError
        A step is missing, or steps go back or are repeated with another loss, and `repeats` is
        ``"refuse"``.
    """
    table = curve.table
    by = "step" if "step" in table.columns else "tokens"
    unplaced = _UNPLACED.format(noun=_NOUNS[by], by=by)
    refuse(curve, table, by, table[by].isna().to_numpy(), "that is missing", unplaced)
    spare, notes, cure = _spare(table, by), [], _CURE
    if options.missing == "leave out":
        what = f"left out: no number, beside a loss at the same {_NOUNS[by]}"
        table, notes = table.loc[~spare], _counted(spare.sum(), what)
    elif spare.any():
        cure += _BESIDE.format(noun=_NOUNS[by])
    if options.repeats == "last":
        table, more = _latest(table, by)
    else:
        table, more = _merged(curve, table, by, cure)
    return table, notes + more


def _spare(table: pd.DataFrame, by: str) -> Mask:
    """Rows that are no number beside one that is, at one step and with no way back between."""
    numbers = pd.Series(np.isfinite(table["loss"].to_numpy(dtype=float)), index=table.index)
    part = (table[by].diff() < 0).cumsum()
    spare: Mask = (numbers.groupby([part, table[by]]).transform("any") & ~numbers).to_numpy()
    return spare


def _merged(
    curve: Curve, table: pd.DataFrame, by: str, cure: str
) -> tuple[pd.DataFrame, list[str]]:
    """Every step once, if none contradicts itself."""
    noun = _NOUNS[by]
    same = table.duplicated([by, "loss"]).to_numpy() & table["loss"].notna().to_numpy()
    table = table.loc[~same]
    again = table[by].duplicated().to_numpy()
    refuse(curve, table, "loss", again, f"at a {noun} that came before with another", cure)
    at = table[by].to_numpy(dtype=float)
    notes = _counted(same.sum(), f"merged: an earlier {noun} has the same loss")
    notes += _counted((np.diff(at) < 0).sum(), f"put in order: {noun}s went back")
    return table.iloc[np.argsort(at, kind="stable")], notes


def _latest(table: pd.DataFrame, by: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows that no later one overtakes."""
    at = table[by].to_numpy(dtype=float)
    later = np.minimum.accumulate(np.r_[at, np.inf][::-1])[::-1][1:]
    lost = at >= later
    why = f"left out because the run went back to an earlier {_NOUNS[by]} (repeats='last')"
    return table.loc[~lost], _counted(lost.sum(), why)


def _counted(count: int, what: str) -> list[str]:
    """A note about so many rows, or none."""
    return [f"{count} row{'' if count == 1 else 's'} {what}"] if count else []
