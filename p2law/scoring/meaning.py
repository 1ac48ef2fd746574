"""What a fitted P² law must satisfy to mean what it says, and whether the records say so."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.errors import ScoreError
from p2law.forms.p2 import p2
from p2law.forms.p2_no_delta import p2_no_delta
from p2law.forms.p2_rectified import p2_rectified
from p2law.result import Fit, asking
from p2law.result.intervals import ends
from p2law.result.tabling import Basis
from p2law.result.verdicts import Status
from p2law.text.wording import got

FAMILY = (p2, p2_no_delta, p2_rectified)

COLUMNS = ("expression", "quantity", "estimate", "low", "high", "unit", "verdict", "reason")

POSITIVE = "damage is positive on the records"
TOKENS = "more tokens never hurt"
SIZE = "smaller models recover faster"
RATE = "more pruning means more loss"


def conditions(fit: Fit, *, level: float = 0.9) -> pd.DataFrame:
    """Tell whether a P² law says what it must, as far as the records know.

    Parameters
    ----------
    fit : Fit
        Of `p2`, `p2_no_delta` or `p2_rectified`.
    level : float
        Of the intervals, which come from the draws of the fit.

    Returns
    -------
    DataFrame
        Indexed by condition, in words. `expression` is what must hold; `quantity`, in
        `unit`, is what `estimate`, `low` and `high` are of; `verdict` is ``"yes"`` where the
        whole interval satisfies it, ``"no"`` where none of it does, else ``"not known"``,
        and `reason` says why. What is held, or rests on what is, or what the records do
        not determine, is not known and has no estimate.

    Raises
    ------
    ScoreError
        `fit` is no fit of a law of this family.
    FitError
        `level` is no probability.
    """
    if not isinstance(fit, Fit):
        raise ScoreError(f"conditions takes what p2law.fit returns, got {got(fit)}")
    if fit.form not in FAMILY:
        family = ", ".join(each.name for each in FAMILY)
        raise ScoreError(
            f"{fit.form.name} is no P² law: the conditions are on the coefficients of {family}"
        )
    asking.interval(level, "mean")
    rows = [_positive(fit, level), _tokens(fit, level), _size(fit, level)]
    rows.append(_rate(fit, level, rows[0]))
    index = pd.Index([POSITIVE, TOKENS, SIZE, RATE], name="condition")
    return pd.DataFrame(rows, index)[list(COLUMNS)]


def _positive(fit: Fit, level: float) -> dict[str, Any]:
    inputs = _inputs(fit)
    base = inputs[fit.form.columns.index("base_loss")]
    row = _judged(fit, level, lambda at: float(np.min(fit.form.function(*inputs, **at) - base)))
    return row | {
        "expression": "N_C * N0^-alpha + D_C * D^-beta + E > 0",
        "quantity": "smallest L - L0 on the records",
        "unit": fit.unit.removeprefix("in "),
    }


def _tokens(fit: Fit, level: float) -> dict[str, Any]:
    # Where all is 0, as tokens before any training, so is the middle.
    middle = [
        np.exp(np.mean(np.log(each[each > 0]))) if each.any() else 0.0 for each in _inputs(fit)
    ]
    tokens = middle[fit.form.columns.index("tokens")]

    def gain(at: Mapping[str, float]) -> float:
        term = fit.form.function(*middle, **at) - fit.form.function(*middle, **{**at, "D_C": 0.0})
        return float(at["beta"] * term * tokens / (tokens + at.get("D_0", 0.0)))

    open_ = _open(fit, "D_C") or (_open(fit, "beta") if fit.values["D_C"] else "")
    return _judged(fit, level, gain, open_=open_) | {
        "expression": "beta * D_C > 0",
        "quantity": "-dL / dln(D) at the middle",
        "unit": f"{fit.unit.removeprefix('in ')} per factor e of tokens",
    }


def _size(fit: Fit, level: float) -> dict[str, Any]:
    row = _judged(fit, level, lambda at: at.get("delta", 0.0), open_=_open(fit, "delta"))
    return row | {"expression": "delta > 0", "quantity": "delta", "unit": "1"}


def _rate(fit: Fit, level: float, positive: Mapping[str, Any]) -> dict[str, Any]:
    """More pruning costs where gamma is negative and damage positive: both are needed.

    Where the records do not tell gamma, they tell nothing of this, whatever the damage.
    """
    open_ = _open(fit, "gamma")
    row = _judged(fit, level, lambda at: at["gamma"], sign=-1.0, open_=open_)
    if row["verdict"] != "no" and positive["verdict"] != "yes":
        why = f"{POSITIVE}: {positive['verdict']}"
        reason = "; ".join(filter(None, [row["reason"], why]))
        row |= {"verdict": "not known" if open_ else positive["verdict"], "reason": reason}
    return row | {
        "expression": "gamma < 0, and damage is positive",
        "quantity": "gamma",
        "unit": "1",
    }


def _judged(
    fit: Fit,
    level: float,
    quantity: Callable[[Mapping[str, float]], float],
    *,
    sign: float = 1.0,
    open_: str = "",
) -> dict[str, Any]:
    """Estimate, interval and verdict of a quantity that must have a sign."""
    if open_ or fit.status is Status.STOPPED:
        none = dict.fromkeys(("estimate", "low", "high"), np.nan)
        return {**none, "verdict": "not known", "reason": open_ or "the fit stopped too early"}
    with np.errstate(all="ignore"):
        estimate = quantity(fit.values)
        names = fit.form.names
        rows = fit.known.for_level(level).draws[list(names)].to_numpy()
        drawn = [quantity(dict(zip(names, row, strict=True))) for row in rows.tolist()]
    low, high = map(float, ends(np.array([estimate, *drawn]), level))
    found = {"estimate": estimate, "low": low, "high": high}
    if np.isnan([low, high]).any():
        return {**found, "verdict": "not known", "reason": "the interval is unknown (NaN)"}
    least, most = sorted((sign * low, sign * high))
    if least > 0:
        return {**found, "verdict": "yes", "reason": ""}
    if most <= 0:
        return {**found, "verdict": "no", "reason": "the whole interval is on the wrong side of 0"}
    return {**found, "verdict": "not known", "reason": "the interval holds 0"}


def _open(fit: Fit, name: str) -> str:
    """Why the records do not tell a coefficient, or nothing."""
    if name not in fit.form.names:
        return f"{fit.form.name} has no {name}: it takes every size to recover alike"
    if name in fit.held:
        return f"{name} is held: {fit.held[name]}"
    footing = fit.known.footings[name]
    return f"{name}: {footing.note}" if footing.basis is Basis.OPEN else ""


def _inputs(fit: Fit) -> list[Array]:
    records = fit.records
    return [records[name].to_numpy() for name in fit.form.columns]
