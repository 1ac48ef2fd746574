"""How many tokens to pay for: the law turned round, with the interval of every answer.

`tokens_for`, `saturation` and `marginal` ask one fit about one model. `budget_table` asks
fits of several methods about many candidates; `choose`, `at_size` and `frontier` say which
of these to take. `continue_run` forecasts a run that has begun, `next_runs` says which to
begin, `identifying_runs` which the law cannot do without.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from p2law.continuing import continue_run
from p2law.continuing.continuation import Continuation
from p2law.declaring import Array
from p2law.designing import next_runs
from p2law.designing.identifying import identifying_runs
from p2law.designing.picks import IdentifyingRuns, NextRuns
from p2law.designing.prior import Prior
from p2law.errors import FitError, UnreachableLossError
from p2law.planning.budgeting import budget_table
from p2law.planning.budgets import Budgets
from p2law.planning.caveats import uneven, without_tokens
from p2law.planning.choices import Choice
from p2law.planning.choosing import at_size, choose
from p2law.planning.combining import candidates
from p2law.planning.fitted import reads_tokens
from p2law.planning.frontiers import Frontier, frontier
from p2law.planning.inverting import LEAST
from p2law.planning.limits import Limits
from p2law.planning.looking import Lowest, falls, last, reached, seen_at_once
from p2law.planning.models import Dense, Model
from p2law.planning.pricing import Prices
from p2law.planning.sufficing import FORM, Budget, Question
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.result.falling import fall
from p2law.result.intervals import ends
from p2law.result.knowing import Knowledge
from p2law.text.views import number

__all__ = [
    "Budget",
    "Budgets",
    "Choice",
    "Continuation",
    "Dense",
    "Frontier",
    "IdentifyingRuns",
    "Limits",
    "Model",
    "NextRuns",
    "Prices",
    "Prior",
    "at_size",
    "budget_table",
    "candidates",
    "choose",
    "continue_run",
    "frontier",
    "identifying_runs",
    "marginal",
    "next_runs",
    "saturation",
    "tokens_for",
]


BLUR = 1e3 * np.finfo(float).eps
"""A difference of losses below this share of them is not known to a thousandth."""


def tokens_for(fit: Fit, *, loss: float, level: float = 0.9, **columns: float) -> Budget:
    """Tokens after which a loss is reached.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    loss : float
        Target, in the unit of the records.
    level : float
        Of the interval.
    **columns : float
        The other inputs of the law.

    Returns
    -------
    Budget

    Raises
    ------
    UnreachableLossError
        Endless post-training, or as much as the law has a value after, would not get there;
        carries the floor and its interval.
    FitError
        The law does not read `tokens`, or `loss` or `level` is no such number.
    PlanError
        The law tells something else than the loss, or its records count tokens in billions.
    FormError
        An input is missing, or the law does not read one that was given.
    RecordError
        An input is not a number, or the law has no value there.

    Examples
    --------
    >>> import p2law
    >>> from p2law import forms, planning, testing
    >>> truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    >>> grid = p2law.grid(params=[1e8, 1e9, 1e10], tokens=[1e9, 1e10, 1e11])
    >>> fit = p2law.fit(testing.synthesize(forms.chinchilla, truth, grid), forms.chinchilla)
    >>> f"{float(planning.tokens_for(fit, loss=2.4, params=1e9)):.4g}"
    '1.408e+10'
    """
    asked = Question.of(fit, columns, level, "loss")
    target = asking.positive("loss", loss)
    found, low, trouble = _reaching(asked, target)
    purpose, lowest = f"{fit.form.target} {number(target, 6)}", float(low.tokens[0])
    if np.isinf(found[0]) and asked.determined(lowest):
        raise _unreachable(asked, purpose, low, found)
    highest, least = float(fit.records[fit.form.target].max()), asked.span.least
    if found[0] <= least:
        if asked.sure(found[0]):
            where = "before the first token"
            if least > LEAST:
                where = f"with the {number(least)} tokens from which on the law has a value"
            trouble = [*trouble, f"{purpose} is met {where}"]
    elif target > highest:
        trouble = [*trouble, f"{purpose} is above all on record, up to {number(highest)}: {FORM}"]
    return asked.budget(found, low, purpose, trouble, rises=lowest < asked.span.most)


def saturation(fit: Fit, *, gain: float, level: float = 0.9, **columns: float) -> Budget:
    """Tokens from which the next doubling lowers the loss by less than `gain`.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    gain : float
        In the unit of the target: 0.01 nat is about what seeds differ by.
    level : float
    **columns : float
        The other inputs of the law.

    Returns
    -------
    Budget
        Tokens after which no doubling buys so much any more; where none does, zero, or the
        tokens from which on the law has a value.

    Raises
    ------
    FitError, FormError, PlanError, RecordError
        As `tokens_for`; or `gain` is below the rounding of the losses.
    """
    asked = Question.of(fit, columns, level, "gain")
    wanted = asking.positive("gain", gain)

    def bought(tokens: Array) -> Array:
        return asked.loss(tokens) - asked.loss(2 * tokens)

    low, heights = asked.lowest()
    count, highest = len(low.height), float(fit.records[fit.form.target].max())
    # A law that falls without end has a floor that no loss comes near.
    about = min(abs(low.height[0]), highest)
    if wanted < (least := BLUR * about):
        raise FitError(
            f"gain = {number(wanted)} is below what the rounding of losses about "
            f"{number(about)} leaves to be seen; ask for {number(2 * least, 1)} or more"
        )
    span = asked.doublings()
    found = last(bought, seen_at_once(bought, count, span), np.full(count, wanted), span)
    found = np.where(found <= LEAST, 0.0, found)
    purpose = f"a doubling buys less than {number(wanted)}"
    rises = bool(~falls(heights)[0])
    warning = uneven("the law does", first=False)
    some = "one token" if span.least == LEAST else f"{number(span.least)} tokens"
    none = f"no doubling above {some} buys {number(wanted)}"
    at_once = bool(found[0] <= span.least) and asked.sure(found[0], doubles=True)
    trouble = [warning] * rises + [none] * at_once
    return asked.budget(found, low, purpose, trouble, rises=rises, doubles=True)


def marginal(
    fit: Fit, table: pd.DataFrame | None = None, /, *, level: float = 0.9, **columns: Any
) -> pd.DataFrame:
    """What further tokens buy: the fall of the loss with the next doubling, and per token.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    table, **columns
        Inputs, as `Fit.predict` takes them.
    level : float

    Returns
    -------
    DataFrame
        The inputs; `gain` of the next doubling with `low` and `high`; `per_token`, the
        fall with one more token here; `determined` and `beyond` as in `Fit.predict`, of both
        ends of the doubling.

    Raises
    ------
    FitError, FormError, PlanError, RecordError
        As `tokens_for`.
    """
    reads_tokens(fit)
    here = fit.predict(table, level=level, **columns)
    inputs = {name: here[name].to_numpy() for name in fit.form.columns}
    there = fit.predict(pd.DataFrame({**inputs, TOKENS: 2 * inputs[TOKENS]}, index=here.index))
    known = fit.known.for_level(level)
    bought = _at(known, inputs, 1.0) - _at(known, inputs, 2.0)
    sure = (here["determined"] & there["determined"]).to_numpy()
    low, high = ends(bought, level)

    def loss(tokens: Array) -> Array:
        columns = {name: np.resize(each, len(tokens)) for name, each in inputs.items()}
        whole = {**columns, TOKENS: tokens}
        found = fit.form.function(*(whole[name] for name in fit.form.columns), **fit.values)
        return np.broadcast_to(found, tokens.shape)

    out = here[list(fit.form.columns)].copy()
    for name, each in (
        ("gain", bought[0]),
        ("low", low),
        ("high", high),
        ("per_token", fall(loss, inputs[TOKENS], fit.records[TOKENS].to_numpy())),
    ):
        out[name] = np.where(sure, each, np.nan)
    out["determined"] = sure
    out["beyond"] = there["beyond"].where(there["beyond"] != "", here["beyond"])
    return out


def _reaching(asked: Question, target: float) -> tuple[Array, Lowest, list[str]]:
    """Tokens that reach a loss and the least loss, of the fit and its refits.

    Then a warning where curves do not fall all along.
    """
    low, heights = asked.lowest()
    falling, wanted = falls(heights), np.full(len(low.height), target)
    found = reached(asked.loss, wanted, low, heights, asked.span)
    found = np.where(found <= LEAST, 0.0, found)
    if falling.all():
        return found, low, []
    share = f"{100 * np.mean(~falling[1:]):.0f} % of the refits do"
    some = "the law does" if not falling[0] else share
    return found, low, [uneven(some, first=True)]


def _at(known: Knowledge, inputs: Mapping[str, Array], factor: float) -> Array:
    """The law and its refits at so many times the tokens."""
    return known.curves({**inputs, TOKENS: factor * inputs[TOKENS]})


def _unreachable(
    asked: Question, purpose: str, furthest: Lowest, found: Array
) -> UnreachableLossError:
    """The error, with all that must be read with the floor."""
    floors, lowest = furthest.height, float(furthest.tokens[0])
    low, high = map(float, ends(floors, asked.level))
    *_, reachable = asked.reached(found, lowest)
    beyond = without_tokens(asked.beyond(lowest))
    least, most = "endless post-training would end at", number(asked.span.most)
    if not asked.span.endless:
        least = f"the law, which has no value beyond {most} tokens, comes down at the least to"
    if lowest < asked.span.most:
        least = "the law, which rises again, comes down at the least to"
    reach = f"{number(100 * reachable, 2)} % of the refits get there; "
    some = "" if np.isnan(reachable) else reach
    trouble = [*asked.fit.trouble, *asked.far(beyond, lowest)]
    return UnreachableLossError(
        f"{purpose} is out of reach: {least} {number(floors[0], 6)} "
        f"({100 * asked.level:g} % interval {number(low, 6)} to {number(high, 6)}); "
        f"{some}ask for a higher loss, prune less, or start from a better model"
        + "".join(f"; {each}" for each in trouble),
        float(floors[0]),
        low,
        high,
        reachable,
        beyond,
        trouble,
    )
