"""The set of runs that narrows an interval most: of few any, of many grown, then exchanged."""

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

EVERY, AT_ONCE = 2**14, 512
"""Every set is weighed where there are no more, times wanted predictions; so many at a time."""

LEFT_OUT = 0.05
"""Share of a set that is left out at once while the budget does not pay for it."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A set of runs.

    Attributes
    ----------
    runs : list of int
    known : ndarray of shape (2, free, free, 1, guesses)
        What is known with them done.
    width : float
        Mean standard deviation of the wanted predictions then.
    """

    runs: list[int]
    known: Array
    width: float


@dataclass(frozen=True, eq=False)
class Search:
    """Candidates with what each would tell.

    Attributes
    ----------
    base : Ground
        What is known before, in each guess.
    offered : Offers
        The runs, with their costs.
    before : ndarray of shape (2, free, free, 1, guesses)
        As `Ground.before`, with the guesses last, as in all of these.
    parts : ndarray of shape (2, free, free, candidates, guesses)
        What each would add, as `Ground.told` says.
    slopes : ndarray of shape (free, targets, 1, guesses)
        Derivatives of the wanted predictions, as `Ground.slopes` says.
    """

    base: Ground
    offered: Offers
    before: Array
    parts: Array
    slopes: Array

    @classmethod
    def of(cls, base: Ground, offered: Offers, wanted: pd.DataFrame) -> "Search":
        """The search among offered runs, for wanted predictions."""
        told = np.stack([base.told(rows) for rows in offered.rows], axis=1)
        before, parts = (_matrices_first(each) for each in (base.before[:, None], told))
        slopes = np.moveaxis(base.slopes(wanted), 0, -1)[:, :, None]
        return cls(base, offered, before, parts, slopes)

    def widths(self, known: Array) -> Array:
        """Mean standard deviation of the wanted predictions: (sets,).

        `known` is (2, free, free, sets, guesses).
        """
        return np.asarray(np.sqrt(variances(known, self.slopes)).mean(axis=(0, -1)))

    def having(self, runs: list[int]) -> Chosen:
        """A set of runs, added up anew."""
        known = self.before + np.sum(self.parts[:, :, :, runs], axis=3, keepdims=True)
        return Chosen(runs, known, self.widths(known).item())

    def plus(self, chosen: Chosen, run: int, width: float) -> Chosen:
        """A set with one more run, of which the width is known."""
        return Chosen([*chosen.runs, run], chosen.known + self.parts[:, :, :, [run]], width)

    def with_each(self, known: Array, able: Whole) -> Array:
        """The width with each of some candidates on top of what is known: (able,)."""
        return self.widths(known + self.parts[:, :, :, able])

    def without_each(self, chosen: list[int]) -> Array:
        """The width with all of a set done but one: (chosen,).

        Sums are taken from both ends: differences would be known to too few digits.
        """
        ahead = np.cumsum(np.append(self.before, self.parts[:, :, :, chosen[:-1]], axis=3), axis=3)
        behind = np.cumsum(self.parts[:, :, :, chosen[:0:-1]], axis=3)[:, :, :, ::-1]
        ahead[:, :, :, :-1] += behind
        return self.widths(ahead)

    def alone(self) -> Array:
        """The width with each candidate by itself: (candidates,)."""
        return self.with_each(self.before, np.arange(len(self.offered.cost)))

    def single(self) -> list[int]:
        """The run that pays best by itself; none where none narrows."""
        gain = self._gain(self.alone(), self.having([]).width) / self.offered.cost
        best = int(np.argmax(gain))
        return [best] if gain[best] > 0 else []

    @staticmethod
    def _gain(after: Array, before: float) -> Array:
        """Narrowing in logarithms, so that halving counts the same everywhere."""
        if before == 0:  # there is nothing to narrow
            return np.zeros_like(after)
        return np.asarray(np.log(before) - np.log(after))

    def best(self, budget: float) -> list[int]:
        """The best of all sets of few candidates; of many the best of some, each exchanged.

        Three grow, by narrowing per cost, per its root, and alone. One is what is left of all that
        can be paid for: where runs widen each by itself and narrow together, nothing grows.
        """
        if 2 ** len(self.offered.cost) * self.slopes.shape[1] <= EVERY:
            return self.best_of_all(budget)
        begun = [self.grown(self.having([]), budget, power) for power in (1.0, 0.5, 0.0)]
        begun.append(self.pruned(budget))
        apart = {frozenset(each.runs): each for each in begun}.values()
        return min((self.exchanged(each, budget) for each in apart), key=lambda it: it.width).runs

    def best_of_all(self, budget: float) -> list[int]:
        """The best of all sets that the budget pays for; of such as are as good the cheapest."""
        runs = np.arange(len(self.offered.cost))
        sets = np.arange(2 ** len(runs))[:, None] >> runs & 1
        cost = sets @ self.offered.cost
        sets, cost = sets[paid := cost <= budget * (1 + 1e-12)], cost[paid]
        step = max(1, AT_ONCE // self.slopes.shape[1])
        widths = [
            self.widths(self.before + np.tensordot(self.parts, some, (3, 1)).swapaxes(-1, -2))
            for some in np.split(sets, range(step, len(sets), step))
        ]
        found = np.nan_to_num(np.concatenate(widths), nan=np.inf)
        good = np.flatnonzero(found <= found.min() * (1 + 1e-9))
        return np.flatnonzero(sets[good[np.argmin(cost[good])]]).tolist()

    def grown(self, chosen: Chosen, budget: float, power: float) -> Chosen:
        """Add what narrows most per cost to a power, while the budget lasts and it narrows."""
        while len(able := self.affordable(chosen.runs, budget)):
            after = self.with_each(chosen.known, able)
            gain = self._gain(after, chosen.width) / self.offered.cost[able] ** power
            best = int(np.argmax(gain))
            if gain[best] <= 0:
                break
            chosen = self.plus(chosen, int(able[best]), float(after[best]))
        return chosen

    def pruned(self, budget: float) -> Chosen:
        """Of all that can be paid for, leave out what narrows least for its cost, then fill up.

        Some at once while the budget does not pay for the rest, then one by one if it narrows.
        """
        chosen = self.having(self.affordable([], budget).tolist())
        while chosen.runs:
            cost = self.offered.cost[chosen.runs]
            gain = self._gain(self.without_each(chosen.runs), chosen.width) / cost
            over = cost.sum() > budget * (1 + 1e-12)
            if gain.max() <= 0 and not over:
                break
            count = max(1, int(LEFT_OUT * len(gain))) if over else 1
            out = np.argsort(-gain, kind="stable")[:count]
            chosen = self.having(np.delete(chosen.runs, out).tolist())
        return self.grown(chosen, budget, 1.0)

    def affordable(self, chosen: Sequence[int], budget: float) -> Whole:
        """Candidates that are not in a set and that the budget pays for beside it.

        Sums are compared: what a dear set leaves of the budget is known to too few digits.
        """
        cost = self.offered.cost
        able = cost + cost[list(chosen)].sum() <= budget * (1 + 1e-12)
        able[list(chosen)] = False
        return np.flatnonzero(able)

    def exchanged(self, chosen: Chosen, budget: float) -> Chosen:
        """Swap a chosen run for others, and fill up, as long as the interval narrows."""
        for _ in range(ROUNDS):
            before = chosen.width
            for gone in chosen.runs:
                rest = self.having([each for each in chosen.runs if each != gone])
                trial = self.swapped(rest, budget)
                if trial.width < chosen.width * (1 - 1e-6):
                    chosen = trial
            if chosen.width > before * (1 - 1e-6):
                break
        return chosen

    def swapped(self, rest: Chosen, budget: float) -> Chosen:
        """The best single addition to a set, then whatever the budget still allows."""
        able = self.affordable(rest.runs, budget)
        if not len(able):
            return rest
        after = self.with_each(rest.known, able)
        best = int(np.argmin(after))
        return self.grown(self.plus(rest, int(able[best]), float(after[best])), budget, 1.0)

    def answer(self, chosen: list[int], level: float, trouble: tuple[str, ...]) -> NextRuns:
        """The chosen runs as a value."""
        times = 2 * NormalDist().inv_cdf((1 + level) / 2)
        ordered = self.ordered(chosen)
        widths = [times * self.having(ordered[: k + 1]).width for k in range(len(ordered))]
        before, alone = self.having([]).width, self.alone()
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
        left, out = list(chosen), self.having([])
        while left:
            after = self.with_each(out.known, np.array(left))
            best = int(np.argmax(self._gain(after, out.width) / self.offered.cost[left]))
            out = self.plus(out, left.pop(best), float(after[best]))
        return out.runs


def _matrices_first(many: Array) -> Array:
    """From (2, sets, guesses, free, free) to (2, free, free, sets, guesses), also in memory."""
    return np.ascontiguousarray(np.moveaxis(many, (-2, -1), (1, 2)))
