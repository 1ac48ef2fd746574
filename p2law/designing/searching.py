"""The set of runs that narrows an interval most for its cost: greedy, then exchanged."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from p2law.declaring import Array, Whole
from p2law.designing.informing import Ground, variances
from p2law.designing.offers import Offers
from p2law.designing.picks import NextRuns

ROUNDS = 10
"""Rounds of exchange at most; two or three are enough as a rule."""


@dataclass(frozen=True, eq=False)
class Search:
    """Candidates with what each would tell.

    Attributes
    ----------
    base : Ground
        What is known before, in each guess.
    offered : Offers
        The runs, with their costs.
    parts : ndarray of shape (2, candidates, guesses, free, free)
        What each would add, as `Ground.told` says.
    slopes : ndarray
        Derivatives of the wanted predictions in each guess, as `Ground.slopes` says.
    """

    base: Ground
    offered: Offers
    parts: Array
    slopes: Array

    @classmethod
    def of(cls, base: Ground, offered: Offers, wanted: pd.DataFrame) -> "Search":
        """The search among offered runs, for wanted predictions."""
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
        while len(able := self.affordable(chosen, budget)):
            gain = self._gain(self.with_each(chosen), self.of_set(chosen)) / cost**power
            best = int(able[np.argmax(gain[able])])
            if gain[best] <= 0:
                break
            chosen.append(best)
        return chosen

    def affordable(self, chosen: Sequence[int], budget: float) -> Whole:
        """Candidates that are not in a set and that the budget pays for beside it.

        Sums are compared: what a dear set leaves of the budget is known to too few digits.
        """
        cost = self.offered.cost
        able = cost + cost[list(chosen)].sum() <= budget * (1 + 1e-12)
        able[list(chosen)] = False
        return np.flatnonzero(able)

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
        able = self.affordable(rest, budget)
        if not len(able):
            return rest
        best = int(able[np.argmin(self.with_each(rest)[able])])
        return self.greedy(budget, 1.0, [*rest, best])

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
            _chosen=table.iloc[ordered].assign(width=widths).reset_index(drop=True),
            _ranking=ranking.sort_values("gain_per_cost", ascending=False, ignore_index=True),
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
