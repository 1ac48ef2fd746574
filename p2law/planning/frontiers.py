"""The frontier: plans that no other beats in both loss and cost, or cost and size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import pandas as pd

from p2law.declaring import Array, Whole
from p2law.errors import PlanError
from p2law.planning import combining
from p2law.planning.budgeting import Asked, budget_table, one_of
from p2law.planning.budgets import Budgets, laid_out
from p2law.planning.choosing import NAMED
from p2law.planning.limits import UNPRICED, Limits, checked_limits
from p2law.planning.pricing import ROUNDING, SPENT, STATED, Prices
from p2law.planning.rivals import as_good
from p2law.result import Fit
from p2law.text.views import View
from p2law.text.wording import got, listed, several

AGAINST = ("cost", "gpu_hours", "flops", "tokens", "params_after")

SHOWN = 30
"""Plans that a view shows."""


@dataclass(frozen=True, eq=False)
class Frontier:
    """Plans that no other beats twice. Made by `planning.frontier`; nothing in it changes.

    Attributes
    ----------
    purpose : str
        What was asked for, in words.
    measure, against : str
        The two columns of which each plan has less than those with as little of the other.
    plans : int
        How many there were to choose from.
    left_out : tuple of (str, int)
        Why candidates, each with each amount, are no plan, and how many.
    level : float
    trouble, notes : tuple of str
    """

    purpose: str
    measure: str
    against: str
    plans: int
    left_out: tuple[tuple[str, int], ...]
    level: float
    trouble: tuple[str, ...]
    notes: tuple[str, ...]
    _table: pd.DataFrame
    _candidates: pd.DataFrame
    _currency: str
    _several: bool

    @property
    def currency(self) -> str:
        """The unit of `cost`."""
        return self._currency

    @property
    def candidates(self) -> pd.DataFrame:
        """All that there was to choose from, plans or not; a copy.

        The columns of `Budgets.table`; then `low` and `high`, the interval of `measure`, NaN
        where nothing tells it; `refused`, why a row is no plan, empty where it is one; and
        `chosen`, whether it is on the frontier.
        """
        return self._candidates.copy()

    @property
    def table(self) -> pd.DataFrame:
        """The plans of the frontier, by what they take; a copy.

        The columns of `Budgets.table`; then `ties`, how many other candidates that take no
        more are as good within the noise (NaN where nothing tells that noise), and `tied_with`,
        their names, the best first.
        """
        return self._table.copy()

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary of plain values."""
        found = {name: each for name, each in vars(self).items() if not name.startswith("_")}
        return found | {"table": self._table.to_dict("records")}

    def view(self) -> View:
        """The content of the text and HTML views."""
        dearest = [each for each in SPENT[:0:-1] if self._table[each].notna().any()][:1]
        spent = {"params_after": dearest, "tokens": dearest}.get(self.against, [self.against])
        header, lines = laid_out(self._table.head(SHOWN), self.measure, spent)
        tied = [
            "-" if np.isnan(count) and not names else _few(names)
            for count, names in zip(self._table["ties"], self._table["tied_with"], strict=True)
        ]
        noun = "plan" if self._several else "candidate"
        facts = [("left out", f"{several(n, noun)}: {why}") for why, n in self.left_out]
        more = len(self._table) - SHOWN
        facts += [("more", f"{several(more, 'plan')} in .table")] if more > 0 else []
        return View(
            headline=f"{self.purpose}: {len(self._table)} of {several(self.plans, 'plan')}",
            warnings=self.trouble,
            header=(*header[:-1], "as good within the noise") if lines else (),
            rows=[(*line[:-1], tie) for line, tie in zip(lines, tied, strict=False)],
            facts=[*facts, *(("note", each) for each in self.notes)],
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()


def frontier(
    fits: Fit | Mapping[str, Fit],
    candidates: pd.DataFrame,
    *,
    against: str = "flops",
    limits: Limits | None = None,
    prices: Prices | None = None,
    level: float = 0.9,
    draws: int | None = None,
    **asked: Unpack[Asked],
) -> Frontier:
    """Find the plans that no other beats in both of two things.

    Parameters
    ----------
    fits, candidates, prices, level, draws, **asked
        As in `planning.budget_table`. With several amounts of `tokens`, or of what else may be
        spent, every candidate stands there with each, and the frontier is that of loss and
        `against`. With a `loss`, a single one, it is that of what reaching it takes and `against`.
    against : str
        ``cost``, ``gpu_hours``, ``flops``, ``tokens`` or ``params_after``.
    limits : Limits, optional

    Returns
    -------
    Frontier

    Raises
    ------
    PlanError, FitError, FormError, RecordError
        As in `planning.budget_table`; `limits` are of the wrong kind, `against` is no such
        column, or nothing tells it; or several losses are asked for.
    """
    if against not in AGAINST:
        raise PlanError(f"against is one of {', '.join(AGAINST)}, got {got(against)}")
    bounds = checked_limits(limits)
    what, amounts = one_of(asked)
    if what == "loss" and len(amounts) > 1:
        raise PlanError(
            f"loss is one number here, got {len(amounts)}: what takes less to a higher loss is no "
            f"rival of what takes more to a lower one; ask for a frontier of each"
        )
    sure = bounds.probability if what == "loss" else None
    found = budget_table(
        fits, candidates, prices=prices, probability=sure, level=level, draws=draws, **asked
    )
    return of(found, bounds, against)


def of(found: Budgets, limits: Limits, against: str) -> Frontier:
    """Find the frontier of a table; see `frontier`.

    Raises
    ------
    PlanError
        Nothing tells the column `against`.
    """
    if against == found.measure:
        others = ", ".join(name for name in AGAINST if name != against)
        raise PlanError(
            f"a frontier against {against} says nothing: {against} is what is to be small "
            f"already; name another: {others}"
        )
    whole, why = found.table, limits.refused(found)
    if whole[against].isna().all() and whole["determined"].any():
        raise PlanError(f"nothing tells {against}; give {STATED}")
    dark = whole[against].isna()
    why = [each or UNPRICED * bool(no) for each, no in zip(why, dark, strict=True)]
    plans = np.flatnonzero([not each for each in why])
    x, y = (_places(whole[name].to_numpy()[plans]) for name in (against, found.measure))
    order = np.lexsort((y, x))
    lowest = np.minimum.accumulate(y[order])
    first = np.concatenate([[True], lowest[1:] < lowest[:-1]])[: len(order)]
    on = plans[order[first]]
    chosen = whole.iloc[on].reset_index(drop=True)
    tied = [_ties(found, whole, plans, row, against) for row in on]
    reasons = pd.Series([each for each in why if each], dtype=object).value_counts()
    words = {"params_after": "size", "gpu_hours": "GPU-hours", "flops": "FLOPs"}
    pair = " and ".join(words.get(each, each) for each in (found.measure, against))
    return Frontier(
        purpose=f"frontier of {pair}, {found.purpose}",
        measure=found.measure,
        against=against,
        plans=len(plans),
        left_out=tuple((str(name), int(count)) for name, count in reasons.items()),
        level=found.level,
        trouble=found.trouble,
        notes=found.notes,
        _table=chosen.assign(
            ties=[len(names) if told else np.nan for names, told in tied],
            tied_with=[tuple(names) for names, _ in tied],
        ),
        _candidates=_all(found, why, on),
        _currency=found.currency,
        _several=len(found.amounts) > 1,
    )


def _places(amounts: Array) -> Whole:
    """Where each amount stands among all, in order; those that rounding tells apart share a place.

    Examples
    --------
    >>> _places(np.array([5.3, 2.0, 5.300000000000001]))
    array([1, 0, 1])
    """
    order = np.argsort(amounts, kind="stable")
    held = amounts[order]
    before = np.append(held[:1], held[:-1])
    places = np.empty_like(order)
    places[order] = np.cumsum(held > before + ROUNDING * np.abs(before))
    return places


def _all(found: Budgets, why: Sequence[str], on: Whole) -> pd.DataFrame:
    """Every candidate, with the interval of what is to be small."""
    low, high = (found.table[f"{found.measure}_{end}"] for end in ("low", "high"))
    chosen = np.isin(np.arange(len(why)), on)
    return found.table.assign(low=low, high=high, refused=[*why], chosen=chosen)


def _ties(
    found: Budgets, whole: pd.DataFrame, plans: Whole, row: int, against: str
) -> tuple[list[str], bool]:
    """Other candidates that take no more than a row and are as good within the noise.

    And whether the noise of all that take no more is told.
    """
    x, y = (whole[name].to_numpy() for name in (against, found.measure))
    who = found.candidate
    rivals = plans[(x[plans] <= x[row] * (1 + ROUNDING)) & (who[plans] != who[row])]
    rivals = rivals[np.argsort(y[rivals], kind="stable")]
    # Of each candidate only the row with which it does best: more of it is never better.
    rivals = rivals[np.sort(np.unique(who[rivals], return_index=True)[1])]
    chance = as_good(found, rivals, row)
    tied = rivals[chance >= (1 - found.level) / 2]
    return combining.names(whole.iloc[tied]), not np.isnan(chance).any()


def _few(names: Sequence[str]) -> str:
    """Names as a cell of a view holds them."""
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return listed([*names[:NAMED], *more])
