"""Which runs to do next: those that narrow the wanted interval most for their cost."""

from dataclasses import replace
from numbers import Integral
from typing import Any

import pandas as pd

from p2law.designing.determining import left_free
from p2law.designing.informing import PRIOR_DRAWS, ground
from p2law.designing.offers import Offers, offered_to
from p2law.designing.picks import NextRuns
from p2law.designing.prior import Prior
from p2law.designing.searching import Search
from p2law.errors import FitError
from p2law.result import Fit, asking
from p2law.text.views import number
from p2law.text.wording import got, listed

GUESSES = 24
"""Refits, or draws of a prior, that a design is averaged over."""

PROMISING = 10
"""With fewer fitted runs the widths are said to be too narrow."""


def next_runs(
    source: Fit | Prior,
    candidates: pd.DataFrame,
    target: pd.DataFrame,
    *,
    cost: str = "cost",
    budget: float | None = None,
    level: float = 0.9,
    guesses: int = GUESSES,
) -> NextRuns:
    """Choose the runs that narrow the interval of wanted predictions most for their cost.

    Widths are to first order, around the fit or the draws of the prior. A fit to few runs
    promises too much: after six runs intervals came out a third wider than announced, or more.
    Of few candidates (14 for one wanted prediction, 12 for four) every set is weighed, of more the
    best of some grown ones is named.

    Parameters
    ----------
    source : Fit or Prior
        What is known: a fit, or a stated prior before there is any record.
    candidates : DataFrame
        Runs that could be done: the inputs of the law and a cost. A row is a run up to its
        `tokens`, logged at twelve log-spaced counts; where there is a column `run`, rows
        with the same run are its token counts.
    target : DataFrame
        Inputs of the wanted prediction, or of several: their mean width is made small.
    cost : str
        Column of costs, in any unit.
    budget : float, optional
        To be spent at most; without one the single run that pays best is chosen. Where
        none that is found narrows the interval none is, and `trouble` says why.
    level : float
        Of the interval.
    guesses : int
        How many refits, or draws of a prior, to average over, at most 400; 1 trusts the
        estimate.

    Returns
    -------
    NextRuns

    Raises
    ------
    FitError
        Costs or the budget are no positive numbers, nothing can be afforded, nothing is
        wanted, a run has a checkpoint twice, or `guesses` is no such number.
    PlanError
        With a prior: a count looks like billions.
    FormError
        An input of the law is missing.
    RecordError
        An input is not a number, the law has no value there, or a candidate's run is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from p2law import forms, planning
    >>> guess = {"floor": (1.5, 2.5), "scale": (0.2, 1.0), "beta": (0.2, 0.5)}
    >>> prior = planning.Prior(forms.token_power, 0.005, 0.01, guess, {"tokens": 1e9})
    >>> offered = pd.DataFrame({"tokens": [1e8, 1e9, 4e9], "cost": [1.0, 10.0, 40.0]})
    >>> wanted = pd.DataFrame({"tokens": [1e11]})
    >>> found = planning.next_runs(prior, offered, wanted, budget=50)
    >>> found.chosen["cost"].sum() <= 50 and found.after < found.before
    True
    """
    asking.interval(level, "mean")
    _check_guesses(guesses)
    offered = offered_to(source, candidates, cost)
    wanted = asking.inputs(source.form, target, {})
    inputs = pd.concat([*offered.rows, wanted])
    if isinstance(source, Fit):
        asking.check_counts(inputs, source.records)
    else:
        asking.plain_counts("the wanted prediction", wanted)
    if wanted.empty:
        raise FitError("target has no rows: which prediction is wanted?")
    spend = float(offered.cost.max()) if budget is None else asking.positive("budget", budget)
    if spend < offered.cost.min():
        raise FitError(
            f"a budget of {number(spend)} pays for none of the candidates: the cheapest costs "
            f"{number(float(offered.cost.min()))}"
        )
    search = Search.of(ground(source, inputs, guesses), offered, wanted)
    chosen = search.best(spend) if budget is not None else search.single()
    done = [offered.rows[k] for k in chosen]
    said = left_free(source, done, wanted) if chosen else [_idle(source)]
    found = search.answer(chosen, level, (*said, *_warned(source, wanted, search)))
    return replace(found, budget=None if budget is None else spend)


def _check_guesses(guesses: Any) -> None:
    whole = isinstance(guesses, Integral) and not isinstance(guesses, bool)
    if not (whole and 1 <= guesses <= PRIOR_DRAWS):
        raise FitError(f"guesses is a whole number from 1 to {PRIOR_DRAWS}, got {got(guesses)}")


def _idle(source: Fit | Prior) -> str:
    """Why no run narrows the interval, and what to do."""
    if isinstance(source, Fit):
        alike = ", or fewer checkpoints of each, for a fit weighs all of them alike"
        return (
            f"the records tell the wanted prediction better than with any of these runs: offer "
            f"others{'' if source.settings.weight == 'run' else alike}"
        )
    said = "the prior holds the wanted prediction for better known than runs of this noise tell it"
    if source.draws is None and source.form.linear and not source.sizes_at:
        names = listed(list(source.form.linear))
        return (
            f"{said}: without sizes_at the ranges of {names} are the coefficients themselves; if "
            f"they are sizes of terms, state sizes_at, else wider ranges"
        )
    return f"{said}: state wider ranges, or draws that differ more"


def _warned(source: Fit | Prior, wanted: pd.DataFrame, search: Search) -> tuple[str, ...]:
    said = []
    if isinstance(source, Fit) and not source.known.determines(wanted).all():
        said.append(
            "the records leave the wanted prediction free so far: its width before is that of a "
            "vague guess"
        )
    if isinstance(source, Fit) and (runs := source.records["run"].nunique()) < PROMISING:
        said.append(
            f"{runs} run{'s' * (runs != 1)} hardly tell by how much whole runs differ: expect "
            f"wider intervals than these"
        )
    if isinstance(source, Fit) and source.settings.weight not in (None, "run"):
        said.append(
            f"the records are weighted by {source.settings.weight}, which candidates are not: "
            f"their rows are taken to weigh as much as those on record do on average"
        )
    said += _beyond(source, wanted, search.offered) if isinstance(source, Fit) else []
    said += search.offered.alike
    if len(search.base.q) == 1:
        said.append("the design trusts one estimate: ask for more guesses where it is uncertain")
    return tuple(said)


def _beyond(fit: Fit, wanted: pd.DataFrame, offered: Offers) -> list[str]:
    """What lies outside the records: the wanted predictions, and candidates."""
    said, ends = [], offered.table[list(fit.form.columns)]
    for what, rows in (("wanted predictions", wanted), ("candidates", ends)):
        outside = [each for each in fit.known.covered.beyond(rows) if each]
        if outside:
            names = ", ".join(sorted({name for each in outside for name in each.split(", ")}))
            said.append(
                f"{len(outside)} of {len(rows)} {what} lie beyond the records in {names}: their "
                f"widths rest on the form of the law"
            )
    return said
