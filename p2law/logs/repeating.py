"""Steps that a log holds more than once, after restarts or by a second evaluation."""

import numpy as np
import pandas as pd

from p2law.logs.curves import Curve, refuse
from p2law.logs.options import Options

_NOUNS = {"step": "step", "tokens": "token count"}

_CURE = (
    "a restarted run, or two runs in one log? repeats='last' lets the later rows win: where "
    "steps go back, what was logged before from there on is left out"
)


def settled(curve: Curve, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """Leave every step of a curve once, in order.

    A step that says the same twice is no contradiction and is merged. Otherwise, on
    request, the later rows win: where steps go back, everything logged before at that
    step or after it belonged to the part of the run that was lost.

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
        Steps go back or are repeated with another loss, and `repeats` is ``"refuse"``.
    """
    by = "step" if "step" in curve.table.columns else "tokens"
    return (_latest if options.repeats == "last" else _merged)(curve, by)


def _merged(curve: Curve, by: str) -> tuple[pd.DataFrame, list[str]]:
    """Every step once, if none contradicts itself."""
    noun = _NOUNS[by]
    same = curve.table.duplicated([by, "loss"]).to_numpy() & curve.table["loss"].notna().to_numpy()
    table = curve.table.loc[~same]
    again = table[by].duplicated().to_numpy()
    refuse(curve, table, "loss", again, f"at a {noun} that came before with another", _CURE)
    at = table[by].to_numpy(dtype=float)
    notes = _counted(same.sum(), f"merged: an earlier {noun} has the same loss")
    notes += _counted((np.diff(at) < 0).sum(), f"put in order: {noun}s went back")
    return table.iloc[np.argsort(at, kind="stable")], notes


def _latest(curve: Curve, by: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows that no later one overtakes."""
    at = curve.table[by].to_numpy(dtype=float)
    later = np.minimum.accumulate(np.r_[at, np.inf][::-1])[::-1][1:]
    lost = at >= later
    why = f"left out because the run went back to an earlier {_NOUNS[by]} (repeats='last')"
    return curve.table.loc[~lost], _counted(lost.sum(), why)


def _counted(count: int, what: str) -> list[str]:
    """A note about so many rows, or none."""
    return [f"{count} row{'' if count == 1 else 's'} {what}"] if count else []
