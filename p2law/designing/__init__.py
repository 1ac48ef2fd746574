"""Which runs to do next: those that narrow the wanted interval most for their cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.designing.informing import PRIOR_DRAWS, Ground, ground, variances
from p2law.designing.offers import Offers, offers
from p2law.designing.picks import NextRuns
from p2law.designing.prior import Prior
from p2law.errors import FitError
from p2law.identify import listed
from p2law.result import Fit, asking
from p2law.text.views import number
from p2law.text.wording import got

GUESSES = 24
"""Refits, or draws of a prior, that a design is averaged over."""

PROMISING = 10
"""With fewer fitted runs the widths are said to be too narrow."""

ROUNDS = 10
"""Rounds of exchange at most; two or three are enough as a rule."""


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
        To be spent at most; without one the single run that pays best is chosen. Where no
        run narrows the interval none is, and `trouble` says why.
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
        An input is not a number, or the law has no value there.

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
    form = source.form if isinstance(source, (Fit, Prior)) else None
    if form is None:
        raise FitError(f"a fit or a planning.Prior is asked for, got {type(source).__name__}")
    offered = offers(form, candidates, cost)
    wanted = asking.inputs(form, target, {})
    if isinstance(source, Fit):
        for each in (*offered.rows, wanted):
            asking.check_counts(each, source.records)
    else:
        asking.plain_counts("a candidate", offered.table)
        asking.plain_counts("the wanted prediction", wanted)
    if wanted.empty:
        raise FitError("target has no rows: which prediction is wanted?")
    spend = float(offered.cost.max()) if budget is None else asking.positive("budget", budget)
    if spend < offered.cost.min():
        raise FitError(
            f"a budget of {number(spend)} pays for none of the candidates: the cheapest costs "
            f"{number(float(offered.cost.min()))}"
        )
    search = _Search.of(
        ground(source, pd.concat([*offered.rows, wanted]), guesses), offered, wanted
    )
    chosen = search.best(spend) if budget is not None else search.single()
    idle = [] if chosen else [_idle(source)]
    found = search.answer(chosen, level, (*idle, *_warned(source, wanted, search)))
    return replace(found, budget=None if budget is None else spend)


@dataclass(frozen=True, eq=False)
class _Search:
    """Candidates with what each would tell."""

    base: Ground
    offered: Offers
    parts: Array
    slopes: Array

    @classmethod
    def of(cls, base: Ground, offered: Offers, wanted: pd.DataFrame) -> "_Search":
        parts = np.stack([base.told(rows) for rows in offered.rows], axis=1)
        return cls(base, offered, parts, base.slopes(wanted))

    def spread(self, known: Array) -> Array:
        """Mean standard deviation of the wanted predictions; `known` is (2, ..., guesses, p, p)."""
        return np.asarray(np.sqrt(variances(known, self.slopes)).mean(axis=(-2, -1)))

    def of_set(self, chosen: Sequence[int]) -> float:
        """The same with a set of runs done."""
        return float(self.spread(self._done(chosen)))

    def with_each(self, chosen: Sequence[int]) -> Array:
        """The same with each candidate on top of a set: (candidates,)."""
        return self.spread(self._done(chosen)[:, None] + self.parts)

    def _done(self, chosen: Sequence[int]) -> Array:
        """What is known with a set of runs done: (2, guesses, p, p)."""
        return np.asarray(self.base.before + self.parts[:, list(chosen)].sum(axis=1))

    def single(self) -> list[int]:
        """The run that pays best by itself; none where none narrows."""
        gain = self._gain(self.with_each([]), self.of_set([])) / self.offered.cost
        best = int(np.argmax(gain))
        return [best] if gain[best] > 0 else []

    @staticmethod
    def _gain(after: Array, before: float) -> Array:
        """Narrowing in logarithms, so that halving counts the same everywhere."""
        if before == 0:  # there is nothing to narrow
            return np.zeros_like(after)
        return np.asarray(np.log(before) - np.log(after))

    def best(self, budget: float) -> list[int]:
        """Greedy by narrowing per cost and by narrowing alone, each exchanged; the better."""
        powers = (1.0, 0.5, 0.0)
        found = [self.exchanged(self.greedy(budget, power), budget) for power in powers]
        return min(found, key=self.of_set)

    def greedy(self, budget: float, power: float, begun: Sequence[int] = ()) -> list[int]:
        """Add what narrows most per cost to a power, while the budget lasts and it narrows."""
        chosen, cost = list(begun), self.offered.cost
        while True:
            left = budget - cost[chosen].sum()
            able = cost <= left * (1 + 1e-12)
            able[chosen] = False
            if not able.any():
                return chosen
            gain = self._gain(self.with_each(chosen), self.of_set(chosen)) / cost**power
            best = int(np.argmax(np.where(able, gain, -np.inf)))
            if gain[best] <= 0:
                return chosen
            chosen.append(best)

    def exchanged(self, chosen: list[int], budget: float) -> list[int]:
        """Swap a chosen run for others, and fill up, as long as the interval narrows."""
        best = self.of_set(chosen)
        for _ in range(ROUNDS):
            before = best
            for gone in list(chosen):
                rest = [each for each in chosen if each != gone]
                trial = self.swapped(rest, budget)
                if (found := self.of_set(trial)) < best * (1 - 1e-6):
                    chosen, best = trial, found
            if best > before * (1 - 1e-6):
                break
        return chosen

    def swapped(self, rest: list[int], budget: float) -> list[int]:
        """The best single addition to a set, then whatever the budget still allows."""
        cost = self.offered.cost
        able = cost <= (budget - cost[rest].sum()) * (1 + 1e-12)
        able[rest] = False
        after = np.where(able, self.with_each(rest), np.inf)
        return self.greedy(budget, 1.0, [*rest, int(np.argmin(after))])

    def answer(self, chosen: list[int], level: float, trouble: tuple[str, ...]) -> NextRuns:
        """The chosen runs as a value."""
        times = 2 * NormalDist().inv_cdf((1 + level) / 2)
        ordered = self.ordered(chosen)
        widths = [times * self.of_set(ordered[: k + 1]) for k in range(len(ordered))]
        before, alone = self.of_set([]), self.with_each([])
        table = self.offered.table
        ranking = table.assign(width=times * alone, gain=1 - alone / before)
        ranking["gain_per_cost"] = ranking["gain"] / ranking["cost"]
        return NextRuns(
            chosen=table.iloc[ordered].assign(width=widths).reset_index(drop=True),
            ranking=ranking.sort_values("gain_per_cost", ascending=False, ignore_index=True),
            before=times * before,
            after=widths[-1] if widths else times * before,
            cost=float(self.offered.cost[ordered].sum()),
            budget=None,
            level=level,
            noise=self.base.noise,
            run_noise=self.base.run_noise,
            trouble=trouble,
        )

    def ordered(self, chosen: list[int]) -> list[int]:
        """A set in the order in which its runs narrow most per cost."""
        left, out = list(chosen), list[int]()
        while left:
            gain = self._gain(self.with_each(out)[left], self.of_set(out))
            out.append(left.pop(int(np.argmax(gain / self.offered.cost[left]))))
        return out


def _check_guesses(guesses: Any) -> None:
    whole = isinstance(guesses, Integral) and not isinstance(guesses, bool)
    if not (whole and 1 <= guesses <= PRIOR_DRAWS):
        raise FitError(f"guesses is a whole number from 1 to {PRIOR_DRAWS}, got {got(guesses)}")


def _idle(source: Fit | Prior) -> str:
    """Why no run narrows the interval, and what to do."""
    if isinstance(source, Fit):
        return (
            "the records tell the wanted prediction better than with any of these runs: offer "
            "others, or fewer checkpoints of each, for a fit weighs all of them alike"
        )
    said = "the prior holds the wanted prediction for better known than runs of this noise tell it"
    if source.draws is None and source.form.linear and not source.sizes_at:
        names = listed(list(source.form.linear))
        return (
            f"{said}: without sizes_at the ranges of {names} are the coefficients themselves; if "
            f"they are sizes of terms, state sizes_at, else wider ranges"
        )
    return f"{said}: state wider ranges, or draws that differ more"


def _warned(source: Fit | Prior, wanted: pd.DataFrame, search: _Search) -> tuple[str, ...]:
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
