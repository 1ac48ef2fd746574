"""Which candidate: the cheapest way to a loss, or the best loss for a budget; and ties."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import pandas as pd

from p2law.declaring import Array, Whole
from p2law.domains import is_number
from p2law.errors import PlanError
from p2law.planning import combining, rivals
from p2law.planning.budgeting import FAR, Asked, budget_table, one_of
from p2law.planning.budgets import Budgets, digits
from p2law.planning.choices import Choice
from p2law.planning.fitted import by_method
from p2law.planning.limits import Limits, checked_limits
from p2law.planning.models import Dense, Model, checked_dense, checked_models
from p2law.planning.pricing import ANY, Prices
from p2law.result import Fit, asking, intervals
from p2law.text.views import number, together
from p2law.text.wording import got, listed

NAMED = 3
"""Ties that a sentence names."""

CLOSE = 0.1
"""Sizes that differ by no more than this share are the same."""


class Options(Asked, total=False):
    """What `choose` takes beside fits and candidates."""

    limits: Limits | None
    dense: Sequence[Dense] | Dense | None
    prices: Prices | None
    level: float
    draws: int | None


def choose(
    fits: Fit | Mapping[str, Fit],
    candidates: pd.DataFrame,
    *,
    limits: Limits | None = None,
    dense: Sequence[Dense] | Dense | None = None,
    prices: Prices | None = None,
    level: float = 0.9,
    draws: int | None = None,
    **asked: Unpack[Asked],
) -> Choice:
    """Find the cheapest way to a loss, or the best loss for a budget.

    Parameters
    ----------
    fits, candidates, prices, level, draws, **asked
        As in `planning.budget_table`. With `loss` the candidate is wanted that takes least, in
        cost where prices tell it, else in GPU-hours, else in FLOPs; otherwise the one with the
        lowest loss. A single amount.
    limits : Limits, optional
    dense : Dense or sequence of Dense, optional
        Smaller models that need not be pruned, to compare with.

    Returns
    -------
    Choice
        Two candidates of one fit are compared by the same refits; of different fits each refit
        goes with each.

    Raises
    ------
    PlanError, FitError, FormError, RecordError
        As in `planning.budget_table`; `limits` or `dense` is of the wrong kind, or several
        amounts are asked for.
    """
    bounds, unpruned = checked_limits(limits), checked_dense(dense)
    what, amounts = one_of(asked)
    if len(amounts) > 1:
        who = "takes" if what == "loss" else "and planning.frontier take"
        raise PlanError(
            f"{what} is one number here, got {len(amounts)}: plans for different amounts are no "
            f"rivals; planning.budget_table {who} several"
        )
    sure = bounds.probability if what == "loss" else None
    found = budget_table(
        fits, candidates, prices=prices, probability=sure, level=level, draws=draws, **asked
    )
    return choice(found, bounds, unpruned)


def at_size(
    fits: Fit | Mapping[str, Fit],
    models: Sequence[Model],
    params_after: float,
    **options: Unpack[Options],
) -> Choice:
    """Compare pruning a larger model harder with pruning a smaller one less, to one final size.

    Parameters
    ----------
    fits : Fit or mapping of str to Fit
        Every method that has a fit is tried; of a single fit nothing tells the method, and
        FLOPs count all parameters.
    models : sequence of Model
        Those that are no larger than the final size are left out, and counted.
    params_after : float
        The final size.
    **options
        As in `planning.choose`: one of `loss`, `tokens`, `flops`, `gpu_hours` and `cost`;
        `limits`, `dense`, `prices`, `level`, `draws`.

    Returns
    -------
    Choice

    Raises
    ------
    PlanError, FitError, FormError, RecordError
        As in `planning.choose`; or no model is larger than the final size.
    """
    if not (is_number(params_after) and 0 < params_after < np.inf):
        raise PlanError(f"params_after is a positive number, got {got(params_after)}")
    asking.plain_count("the final size params_after", params_after)
    every = checked_models(models)
    # The size is given, so that exact ones of other rates have no say.
    larger = [replace(each, params_after=()) for each in every if each.params > params_after]
    if not larger:
        raise PlanError(f"no model is larger than {number(params_after)} parameters")
    methods = [each or ANY for each in by_method(fits)]
    tables = [
        combining.candidates(each, 1 - params_after / each.params, methods) for each in larger
    ]
    table = pd.concat(tables, ignore_index=True)
    table["params_after"] = float(params_after)
    found, small = choose(fits, table, **options), len(methods) * (len(every) - len(larger))
    why = f"no larger than {number(params_after)} before pruning"
    return replace(found, left_out=(*found.left_out, *([(why, small)] if small else [])))


def choice(found: Budgets, limits: Limits, dense: Sequence[Dense]) -> Choice:
    """Put the rows of a table in order; see `choose`."""
    why = limits.refused(found)
    plans = np.flatnonzero([not each for each in why])
    measure = found.measure
    order = plans[np.argsort(found.table[measure].to_numpy()[plans], kind="stable")]
    ranked = found.table.iloc[order].reset_index(drop=True)
    ranked = ranked.drop(columns="why").assign(why="", **behind(found, order))
    names = combining.names(ranked)
    ties = tuple(name for name, tie in zip(names[1:], ranked["tied"][1:], strict=True) if tie)
    reasons = pd.Series([each for each in why if each], dtype=object).value_counts()
    goal = "cheapest way to" if found.asked == "loss" else "lowest loss with"
    return Choice(
        purpose=f"{goal} {found.purpose}{limits.words}",
        measure=measure,
        best=names[0] if names else None,
        ties=ties,
        verdict=_verdict(found, ranked, names, ties),
        dense=tuple(_unpruned(found, order, limits, each) for each in dense),
        left_out=tuple((str(name), int(count)) for name, count in reasons.items()),
        level=found.level,
        trouble=found.trouble,
        notes=found.notes,
        _table=ranked,
    )


def behind(found: Budgets, order: Whole) -> dict[str, Any]:
    """How far rows in order lie behind the first of them, and how often they do not."""
    best = order[0] if len(order) else 0  # of no rows any is the best
    more, chance = rivals.more(found, order, best), rivals.as_good(found, order, best)
    between = np.full((2, len(order)), np.nan)
    # What most refits need and what each of them needs are no numbers to compare.
    sound = ~np.isnan(more).any(axis=0) & (found.probability is None)
    if sound.any():
        between[:, sound] = intervals.between(more[:, sound], found.level)
    own = found.table[found.measure].to_numpy()[order]
    return {
        "behind": own - own[:1],
        "behind_low": between[0],
        "behind_high": between[1],
        "chance": chance,
        "tied": ~(chance < (1 - found.level) / 2),
    }


def _verdict(found: Budgets, ranked: pd.DataFrame, names: list[str], ties: Sequence[str]) -> str:
    """The best, what is held against it, and how sure all this is."""
    if not names:
        return f"no candidate is a plan; below stands why{_least(found)}"
    does = "takes least" if found.asked == "loss" else "has the lowest loss"
    said = f"{names[0]} {does}, {_amount(found, ranked)}"
    return f"{said}{_next(found, ranked, names, ties)}{_rests(ranked, names, len(ties))}"


def _amount(found: Budgets, ranked: pd.DataFrame) -> str:
    """What the best reaches or takes, and how sure that is."""
    best, unit = ranked.iloc[0].to_dict(), found.unit(found.measure)
    measured, low, high = _as_known(best, found.measure)
    said = f"{measured} {unit}"
    if best["tokens"] == 0:
        said += ": the loss is met before the first token"
    sure = best[f"{found.measure}_low"] == best[f"{found.measure}_high"]
    if found.probability is None and not (sure or np.isnan(best[f"{found.measure}_low"])):
        said += f" ({100 * found.level:g} %: {low} to {high})"
    if best["reachable"] < 1:
        missed = number(100 * (1 - best["reachable"]), 2)
        said += f", and in {missed} % of the refits never gets there"
    return said


def _next(found: Budgets, ranked: pd.DataFrame, names: list[str], ties: Sequence[str]) -> str:
    """The next, and what is no larger than noise."""
    if len(names) == 1:
        return "; no other candidate is a plan"
    if np.isnan(ranked["chance"].iloc[1]):
        return f"; nothing tells how much of the difference to {names[1]} is noise"
    if not ties:
        row, unit = ranked.iloc[1], found.unit(found.measure)
        more, low, high = together(row["behind"], row["behind_low"], row["behind_high"])
        known = f" ({100 * found.level:g} %: {low} to {high})" * bool(
            np.isfinite(row["behind_low"])
        )
        return f"; the next, {names[1]}, {more} {unit} more{known}"
    some = listed([*ties[:NAMED], *([f"{len(ties) - NAMED} more"] if len(ties) > NAMED else [])])
    chance = number(100 * ranked["chance"][ranked["tied"]].iloc[1], 2)
    return (
        f"; within the noise {some} {'is' if len(ties) == 1 else 'are'} as good: "
        f"{ties[0]} in {chance} % of the refits"
    )


def _as_known(row: Mapping[Any, Any], measure: str) -> tuple[str, str, str]:
    """What a candidate reaches or takes, from and to, in as many digits as are known."""
    every = row[measure], row[f"{measure}_low"], row[f"{measure}_high"]
    if measure == "loss":
        return together(*every)
    first, second, third = (number(each, digits(row)) for each in every)
    return first, second, third


def _rests(ranked: pd.DataFrame, names: list[str], ties: int) -> str:
    """Which of the best and what is held against it lie beyond the records, and in what."""
    rivals = np.flatnonzero(ranked["tied"].to_numpy()[1:])[:NAMED] + 1 if ties else [1]
    rows = [k for k in (0, *rivals) if k < len(ranked)]
    where = ranked["beyond"].iloc[rows].tolist()
    if len({*where}) == 1:
        alone = "this lies" if len(where) == 1 else "these lie"
        return f"; {alone} beyond the records in {where[0]}" if where[0] else ""
    said = [f"{names[k]} in {each}" for k, each in zip(rows, where, strict=True) if each]
    return f"; beyond the records: {'; '.join(said)}"


def _least(found: Budgets) -> str:
    """What the candidate that comes down furthest reaches, where none reaches the loss."""
    table, floors = found.table, found.losses[0]
    far = (table["why"] == FAR).to_numpy()
    if not (far.any() and (far | ~table["determined"].to_numpy()).all()):
        return ""
    at = int(np.argmin(np.where(far, floors, np.inf)))
    name = combining.names(table.iloc[[at]])[0]
    return f"; the lowest loss within reach is {number(floors[at], 5)} nat, of {name}"


def _unpruned(found: Budgets, order: Whole, limits: Limits, dense: Dense) -> str:
    """What a model that need not be pruned makes of the best candidate."""
    said = f"{dense.name} ({number(dense.params)} parameters, loss {number(dense.loss)})"
    if limits.params_after is not None and dense.params > limits.params_after:
        return f"{said} is above the limit of {number(limits.params_after)} parameters"
    if found.asked == "loss" and dense.loss <= min(found.amounts):
        return f"{said} is there without pruning and without a token"
    if not len(order):
        return f"{said}: there is no plan to compare it with"
    ratio = dense.params / found.table["params_after"].iloc[order[0]]
    said += f", {ratio:.2f} times as large as the best plan," if abs(ratio - 1) > CLOSE else ""
    return f"{said} {_against(found.losses[1:, order[0]], dense.loss, found.level)}"


def _against(losses: Array, dense: float, level: float) -> str:
    """How the losses after pruning, by refit, compare with one that needs no pruning."""
    if np.isnan(losses).any():
        return "cannot be compared: nothing tells how sure the loss after pruning is"
    better, tail = float(np.mean(losses < dense)), (1 - level) / 2
    how = "worse" if better > 1 - tail else "better" if better < tail else "as good in the noise"
    return f"is {how}: the best plan beats it in {number(100 * better, 3)} % of the refits"
