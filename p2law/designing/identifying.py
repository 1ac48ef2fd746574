"""The cheapest runs that make a law identified: sets are tried in the order of their cost."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law import identify
from p2law.declaring import Array
from p2law.designing.offers import Offers, offered_to
from p2law.designing.picks import IdentifyingRuns
from p2law.designing.prior import Prior
from p2law.errors import FitError
from p2law.result import Fit
from p2law.solving.surface import Surface
from p2law.text.wording import listed

TRIALS = 20_000
"""Sets tried at most before the cheapest one found so far is given, and said to be that."""


def identifying_runs(
    source: Fit | Prior, candidates: pd.DataFrame, *, cost: str = "cost"
) -> IdentifyingRuns:
    """Find the cheapest set of runs that makes the law identified.

    Sets are tried in the order of their cost: does the Jacobian of the records with these
    runs have full rank, by the same tolerance as in a fit?

    Parameters
    ----------
    source : Fit or Prior
        The records so far, or a prior before there is any.
    candidates : DataFrame
        As in `next_runs`.
    cost : str
        Column of costs.

    Returns
    -------
    IdentifyingRuns

    Raises
    ------
    FitError
        Not even all candidates together identify the law, or costs are no positive numbers.
    PlanError, FormError, RecordError
        As in `next_runs`.

    Examples
    --------
    >>> import p2law
    >>> from p2law import forms, planning
    >>> ranges = {"N_C": (0.1, 1), "D_C": (0.1, 1), "E": (0.1, 1), "alpha": (0.2, 0.6)}
    >>> ranges |= {"beta": (0.1, 0.5), "gamma": (-2, -1), "delta": (0.1, 0.3)}
    >>> middle = {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.3, "base_loss": 2.0}
    >>> prior = planning.Prior(forms.p2, 0.005, 0.01, ranges, middle)
    >>> offered = p2law.grid(params=[1e9, 3e9, 8e9], pruning_rate=[0.2, 0.4], tokens=[1e9])
    >>> offered["base_loss"], offered["cost"] = 2.0, offered["params"]
    >>> found = planning.identifying_runs(prior, offered)
    >>> (found.chosen["params"] / 1e9).tolist(), found.chosen["pruning_rate"].nunique()
    ([1.0, 3.0, 8.0], 2)
    """
    offered = offered_to(source, candidates, cost)
    ranks = _Ranks.of(source, offered)
    everything = list(range(len(offered.rows)))
    if not ranks.full(everything):
        free = listed(ranks.free(everything))
        raise FitError(
            f"even all {len(everything)} candidates together leave {free} free; offer runs in "
            f"which more inputs vary: other sizes, rates or token counts"
        )
    chosen, sure = _cheapest(ranks, offered.cost)
    table = offered.table.iloc[chosen].reset_index(drop=True)
    missing = ranks.free([])
    return IdentifyingRuns(table, float(offered.cost[chosen].sum()), sure, missing)


@dataclass(frozen=True, eq=False)
class _Ranks:
    """Triangular factors of the Jacobians of records and candidates: (free, free) each."""

    surface: Surface
    q: Array
    records: Array
    parts: list[Array]

    @classmethod
    def of(cls, source: Fit | Prior, offered: Offers) -> "_Ranks":
        names = source.form.columns
        table = pd.concat(offered.rows, ignore_index=True)
        if isinstance(source, Fit):
            surface = source.known.full
            q = surface.coordinates(source.values)
            # Terms that noise or a held coefficient has put out would hide their exponents.
            q = surface.generic_point() if source.held else surface.off_bounds(q)
            records = surface.factor(q)
        else:
            surface = Surface(source.form, {name: table[name].to_numpy() for name in names})
            q = surface.coordinates({str(n): v for n, v in source.sample(1).iloc[0].items()})
            records = np.zeros((len(q), 1))
        laid = [surface.over([rows[n].to_numpy() for n in names]) for rows in offered.rows]
        return cls(surface, q, records, [each.factor(q) for each in laid])

    def _directions(self, chosen: list[int]) -> identify.Directions:
        stacked = np.hstack([self.records, *(self.parts[k] for k in chosen)])
        return identify.directions(stacked, self.surface.names, self.surface.typical(self.q))

    def full(self, chosen: list[int]) -> bool:
        """Tell whether a set of runs, with the records, determines everything."""
        return bool(self.rank(chosen) == len(self.surface.names))

    def rank(self, chosen: list[int]) -> int:
        """How many combinations of coefficients are determined."""
        if not (np.any(self.records) or chosen):
            return 0
        return self._directions(chosen).rank

    def free(self, chosen: list[int]) -> tuple[str, ...]:
        """Coefficients that move together or move nothing."""
        if not (np.any(self.records) or chosen):
            return self.surface.names
        found = self._directions(chosen)
        together = {name for group in found.together for name in group}
        return tuple(n for n in self.surface.names if n in together or n in found.idle)


def _cheapest(ranks: _Ranks, cost: Array) -> tuple[list[int], bool]:
    """The cheapest set of full rank, and whether that is sure."""
    best = _thrifty(ranks, cost)
    most = float(cost[best].sum())
    for count, chosen in enumerate(_by_cost(cost)):
        if float(cost[chosen].sum()) >= most * (1 - 1e-12):
            return best, True
        if ranks.full(chosen):
            return chosen, True
        if count >= TRIALS:
            break
    return best, False


def _thrifty(ranks: _Ranks, cost: Array) -> list[int]:
    """A cheap set of full rank: add what raises the rank, then leave out what is not needed."""
    order, chosen, rank = np.argsort(cost, kind="stable").tolist(), list[int](), ranks.rank([])
    for k in order:
        if (more := ranks.rank([*chosen, k])) > rank:
            chosen, rank = [*chosen, k], more
    for k in sorted(chosen, key=lambda each: -cost[each]):
        rest = [each for each in chosen if each != k]
        chosen = rest if ranks.full(rest) else chosen
    return chosen


def _by_cost(cost: Array) -> Iterator[list[int]]:
    """All sets, the cheapest first, starting with none."""
    order = np.argsort(cost, kind="stable").tolist()
    yield []
    queue: list[tuple[float, tuple[int, ...]]] = [(float(cost[order[0]]), (0,))]
    while queue:
        spent, places = heapq.heappop(queue)
        yield [order[k] for k in places]
        last = places[-1]
        if last + 1 == len(order):
            continue
        more = float(cost[order[last + 1]])
        heapq.heappush(queue, (spent + more, (*places, last + 1)))
        heapq.heappush(queue, (spent + more - float(cost[order[last]]), (*places[:-1], last + 1)))
