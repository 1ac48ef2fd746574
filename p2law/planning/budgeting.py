"""What every candidate takes to reach a loss, or reaches with a budget."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.domains import is_number
from p2law.errors import PlanError
from p2law.planning import caveats, combining
from p2law.planning.budgets import Budgets
from p2law.planning.fitted import by_method
from p2law.planning.foresight import Foresight, Seer
from p2law.planning.inverting import LEAST
from p2law.planning.pricing import SPENT, Bill, Prices, bill
from p2law.result import Fit, asking
from p2law.result.intervals import ends, enough, share
from p2law.text.views import number
from p2law.text.wording import got, nearest, twice

ASKED = ("loss", *SPENT)

OPTIONS = ("prices", "probability", "limits", "dense", "against", "level", "draws")
"""What else plans are asked with, to find what was meant by a slip."""

FREE = "the records leave this free"

FAR = "the loss is out of reach"

TOO_LITTLE = "the budget does not pay for one token"

UNSURE = "too few rows tell how sure its loss is"
"""Why a candidate is no plan where a probability is asked for and there are no refits."""

OUTSIDE = "the law has no value after so many tokens"

UNPAID = "the budget does not pay for calibration and evaluation"


class Asked(TypedDict, total=False):
    """What is asked for: a loss to reach, or a budget. One of them, a number or several."""

    loss: float | Sequence[float]
    tokens: float | Sequence[float]
    flops: float | Sequence[float]
    gpu_hours: float | Sequence[float]
    cost: float | Sequence[float]


def budget_table(
    fits: Fit | Mapping[str, Fit],
    candidates: pd.DataFrame,
    *,
    prices: Prices | None = None,
    probability: float | None = None,
    level: float = 0.9,
    draws: int | None = None,
    **asked: Unpack[Asked],
) -> Budgets:
    """Tokens, loss, FLOPs, GPU-hours and cost of every candidate.

    Parameters
    ----------
    fits : Fit, or mapping of str to Fit
        One for all candidates, or one for each method.
    candidates : DataFrame
        As `planning.candidates` makes them.
    prices : Prices, optional
    probability : float, optional
        With `loss`: share of the refits that are to reach it within the tokens.
    level : float
        Of the intervals.
    draws : int, optional
        Number of refits; as many as `level` needs where it is left out.
    **asked : float or sequence of float
        One of `loss`, in nat per token, to be reached; or a budget for each candidate:
        `tokens`, `flops`, `gpu_hours`, `cost`. Of several numbers each is asked for.

    Returns
    -------
    Budgets

    Raises
    ------
    PlanError
        Fits, candidates, prices or what is asked for do not go together, or a budget is no
        number that can be spent.
    FitError
        A law reads no tokens, or `level` is no probability.
    FormError, RecordError
        Candidates lack an input of the law, or the law has no value there.

    Examples
    --------
    >>> import p2law
    >>> from p2law import forms, planning, testing
    >>> truth = {"N_C": 0.3, "D_C": 800.0, "E": 0.2, "alpha": 0.4, "beta": 0.4}
    >>> records = testing.synthesize(
    ...     forms.p2, truth | {"gamma": -1.0, "delta": 0.0}, testing.design()
    ... )
    >>> fit = p2law.fit(records)
    >>> models = [planning.Model("3B", 3e9, 2.0), planning.Model("8B", 8e9, 2.0)]
    >>> found = planning.budget_table(
    ...     fit, planning.candidates(models, [0.2, 0.4], "depth"), loss=2.15
    ... )
    >>> [f"{each:.3g}" for each in found.table["tokens"]]
    ['8.07e+07', '1.41e+09', '8.07e+07', '1.41e+09']
    """
    found, rows = by_method(fits), combining.checked(candidates)
    asking.interval(level, "mean")
    what, amounts = one_of(asked)
    sure = _probability(probability, what)
    _check_counts(found, what, amounts)
    costs = prices or Prices()
    which = np.repeat(np.arange(len(rows)), len(amounts))
    rows = rows.iloc[which].reset_index(drop=True)
    wanted = np.resize(amounts, len(rows))
    billed = bill(rows, costs)
    seer = Seer.of(found, rows, _draws(draws), level)
    parts = _until(seer, billed, wanted, sure, level) if what == "loss" else None
    if parts is None:
        parts = _within(seer, billed, what, wanted, level)
    filled, loss, spent = parts
    return Budgets(
        asked=what,
        amounts=tuple(map(float, amounts)),
        level=level,
        refits=seer.refits,
        probability=sure,
        currency=costs.currency,
        trouble=caveats.of(seer, filled, amounts.tolist() if what == "loss" else ()),
        notes=(*billed.notes, *caveats.of_methods(seer)),
        _table=pd.concat([rows, filled], axis=1),
        _loss=loss,
        _spent=spent,
        _candidate=which,
        _fit=seer.fit,
    )


def _until(
    seer: Seer, billed: Bill, target: Array, probability: float | None, level: float
) -> tuple[pd.DataFrame, Array, Mapping[str, Array]]:
    """Columns for a loss to be reached; losses and what is spent, by refit."""
    seen, lowest = seer.until(target)
    needed = np.where(seen.tokens <= LEAST, 0.0, seen.tokens)
    low, high = ends(needed, level)
    # What refits need elsewhere tells nothing where the records leave that free.
    low, high = (np.where(np.isposinf(each), lowest, each) for each in (low, high))
    known, free = seen.determined, ~(seer.sure(low) & seer.sure(high))
    needed[1:, free] = np.nan
    chosen = needed[0]
    if probability is not None:
        count = enough(probability, len(needed) - 1)
        unknown = np.isnan(needed[1:]).any(axis=0)
        chosen = np.where(unknown, np.nan, np.partition(needed[1:], count - 1, axis=0)[count - 1])
        known = known & ~free
    tokens = np.where(np.isfinite(chosen), np.maximum(chosen, LEAST), np.nan)
    after = seer.after(tokens, chosen <= LEAST)
    never = np.isposinf(chosen)
    loss = np.where(never, seen.loss, after.loss)
    known = known & (after.determined | never)
    low, high = ends(needed, level)
    out = {
        "tokens": chosen,
        "tokens_low": np.minimum(low, chosen),
        "tokens_high": np.maximum(high, chosen),
        "reached": share((needed <= chosen) & np.isfinite(needed), needed),
        "reachable": share(np.isfinite(needed), needed),
    }
    beyond = [
        a if np.isfinite(t) else caveats.without_tokens(b)
        for a, b, t in zip(after.beyond, seen.beyond, chosen, strict=True)
    ]
    both = Foresight(chosen[None], loss, known, beyond)
    why = np.select([never, np.isnan(chosen)], [FAR, UNSURE], "")
    spent = billed.of(needed)
    return _columns(out, billed, both, level, why), loss, spent


def _within(
    seer: Seer, billed: Bill, what: str, amounts: Array, level: float
) -> tuple[pd.DataFrame, Array, Mapping[str, Array]]:
    """Columns for a budget; losses and what is spent, by refit."""
    tokens = np.asarray(billed.tokens(what, amounts), dtype=float)
    paid = (tokens >= LEAST) & ~seer.outside(tokens)
    spent = billed.of(tokens)
    endless = np.logical_or.reduce([np.isinf(each) for each in (tokens, *spent.values())])
    if endless.any():
        raise PlanError(
            f"a budget of {what} is {number(amounts[endless][0])}: what it pays for, or what that "
            f"takes, is more than any number can say; check its unit"
        )
    seen = seer.after(np.where(paid, tokens, np.nan))
    none = np.full(len(tokens), np.nan)
    own = seen.tokens[0]
    out = {"tokens": own, "tokens_low": own, "tokens_high": own, "reached": none, "reachable": none}
    whys = ["", OUTSIDE, TOO_LITTLE]
    why = np.select([paid, tokens >= LEAST, tokens > 0], whys, UNPAID)
    filled = _columns(out, billed, seen, level, why)
    # All of it is spent: the amount itself, not what rounding makes of the tokens it pays for.
    for each in (what, f"{what}_low", f"{what}_high"):
        filled[each] = filled[each].where(filled[each].isna(), amounts)
    return filled, seen.loss, billed.of(seen.tokens)


def _columns(
    out: dict[str, Array], billed: Bill, seen: Foresight, level: float, why: Any
) -> pd.DataFrame:
    """Fill in losses and costs; NaN where the records do not determine them."""
    low, high = ends(seen.loss, level)
    out |= {
        "loss": seen.loss[0],
        "loss_low": low,
        "loss_high": high,
        **_spent(billed, out),
    }
    told = pd.DataFrame(
        {name: np.where(seen.determined, each, np.nan) for name, each in out.items()}
    )
    told["determined"], told["beyond"] = seen.determined, seen.beyond
    told["why"] = np.where(seen.determined, why, FREE)
    return told


def _spent(billed: Bill, out: Mapping[str, Array]) -> dict[str, Array]:
    """What tokens take, and the ends of their interval."""
    found = {end: billed.of(out[f"tokens{end}"]) for end in ("", "_low", "_high")}
    return {f"{name}{end}": found[end][name] for name in SPENT[1:] for end in found}


def one_of(asked: Mapping[str, Any]) -> tuple[str, Array]:
    """Check the one thing that is asked for, and its amounts.

    Raises
    ------
    PlanError
        It is none of `ASKED`, or there are several, or an amount is no positive number, or
        stands there twice.
    """
    given = {name: each for name, each in asked.items() if each is not None}
    if odd := [name for name in given if name not in ASKED]:
        raise PlanError(f"there is no {odd[0]}=: {nearest(odd[0], (*ASKED, *OPTIONS))}")
    if len(given) != 1:
        said = ", ".join(given) or "none"
        raise PlanError(f"ask for exactly one of {', '.join(ASKED)}; got {said}")
    ((name, value),) = given.items()
    amounts = list(value) if hasattr(value, "__iter__") and not isinstance(value, str) else [value]
    for each in amounts:
        if not (is_number(each) and 0 < each < np.inf):
            raise PlanError(f"{name} is a positive number, got {got(each)}")
    if not amounts:
        raise PlanError(f"{name} is an empty list; give a number or several")
    if again := twice(map(float, amounts)):
        raise PlanError(f"{name} holds {number(again[0])} twice; name each once")
    return name, np.array(amounts, dtype=float)


def _check_counts(fits: Mapping[str, Fit], what: str, amounts: Array) -> None:
    """Refuse a budget in billions."""
    if what == "tokens":
        held = [fit.records["tokens"].max() for fit in fits.values()]
        asking.plain_count("a budget of tokens", amounts.min(), held)


def _probability(given: Any, what: str) -> float | None:
    if given is None:
        return None
    if not (is_number(given) and 0 < given < 1):
        raise PlanError(
            f"probability lies between 0 and 1, got {got(given)}; write for instance 0.9"
        )
    if what != "loss":
        raise PlanError(f"probability goes with a loss; {what} is what is asked for")
    return float(given)


def _draws(given: Any) -> int | None:
    if given is None:
        return None
    whole = isinstance(given, (int, np.integer)) and not isinstance(given, bool)
    if not (whole and 20 <= given <= 100_000 and given % 2 == 0):
        raise PlanError(
            f"draws is an even number of refits, 20 to 100,000, got {got(given)}; "
            f"leave it out for those that the fit has"
        )
    return int(given)
