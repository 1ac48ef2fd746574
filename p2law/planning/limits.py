"""What a plan must not exceed, and which candidates do."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from p2law.declaring import Array, Mask
from p2law.domains import is_number
from p2law.errors import PlanError
from p2law.planning.budgeting import UNSURE
from p2law.planning.budgets import Budgets
from p2law.planning.pricing import ROUNDING, STATED
from p2law.result import asking
from p2law.result.intervals import enough
from p2law.text.views import number
from p2law.text.wording import got, listed

COUNTED = ("params_after", "tokens")
"""Limits that people like to write in billions."""

UNPRICED = "nothing tells its cost"
"""Why a candidate is no plan of which what is limited or compared is not known."""


@dataclass(frozen=True)
class Limits:
    """What a plan must not exceed.

    Attributes
    ----------
    params_after, tokens, flops, gpu_hours, cost, loss : float, optional
        At most so much of each.
    probability : float, optional
        Share of the refits in which the loss, the one that is asked for or the limit, must be
        reached; where it is left out, the fit itself must.

    Raises
    ------
    PlanError
        A limit is not positive, or the probability none.
    """

    params_after: float | None = None
    tokens: float | None = None
    flops: float | None = None
    gpu_hours: float | None = None
    cost: float | None = None
    loss: float | None = None
    probability: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not (is_number(value) and 0 < value < np.inf):
                raise PlanError(f"the limit {each.name} is a positive number, got {got(value)}")
            if value is not None and each.name in COUNTED:
                asking.plain_count(f"the limit {each.name}", value)
        if self.probability is not None and self.probability >= 1:
            raise PlanError(
                f"probability lies between 0 and 1, got {got(self.probability)}; "
                f"90 per cent are 0.9"
            )

    def refused(self, found: Budgets) -> list[str]:
        """Why each row of a table is no plan; empty where it is one.

        Raises
        ------
        PlanError
            A limit is on what nothing tells or below what is asked for, or a probability has
            no loss to go with.
        """
        if self.probability is not None and self.loss is None and found.asked != "loss":
            raise PlanError("probability needs a loss: one to be reached, or the limit loss")
        if self.loss is not None and found.asked == "loss" and self.loss < max(found.amounts):
            raise PlanError(
                f"the limit loss is {number(self.loss)}, below the {number(max(found.amounts))} "
                f"that is asked for: ask for loss={number(self.loss)}, without the limit"
            )
        table, why = found.table, np.array(found.table["why"], dtype=object)
        if self.probability is not None:
            why[~np.isfinite(found.losses[1:]).any(axis=0) & (why == "")] = UNSURE
        for name in ("params_after", "tokens", "flops", "gpu_hours", "cost"):
            most = getattr(self, name)
            if most is None:
                continue
            if table[name].isna().all() and table["determined"].any():
                raise PlanError(
                    f"a limit of {name} needs {STATED} with "
                    f"tokens_per_second, or peak_flops and mfu, and gpu_hour for cost"
                )
            why[table[name].isna().to_numpy() & (why == "")] = UNPRICED
            over = ~_within(table[name].to_numpy(), most) & (why == "")
            why[over] = f"{name} above {number(most)}"
        why[table[found.measure].isna().to_numpy() & (why == "")] = UNPRICED
        if self.loss is not None and found.asked != "loss":
            why[self._too_high(found, self.loss) & (why == "")] = f"loss above {number(self.loss)}"
        return [str(each) for each in why]

    def _too_high(self, found: Budgets, most: float) -> Mask:
        """Which rows miss the limit of the loss."""
        if self.probability is None:
            return ~_within(found.losses[0], most)
        reached = _within(found.losses[1:], most)
        return np.asarray(reached.sum(axis=0) < enough(self.probability, len(reached)))

    @property
    def words(self) -> str:
        """In words after a purpose, with a comma; empty where there are none."""
        given = [
            f"{each.name.replace('_', ' ')} at most {number(getattr(self, each.name))}"
            for each in fields(self)
            if each.name != "probability" and getattr(self, each.name) is not None
        ]
        sure = self.loss is not None and self.probability is not None
        how = f" in {100 * (self.probability or 0):g} % of the refits" if sure else ""
        return f", {listed(given)}{how}" if given else ""


def _within(amounts: Array, most: float) -> Mask:
    """Tell which amounts are no larger than a limit, but for rounding."""
    return np.asarray(amounts <= most * (1 + ROUNDING))


def checked_limits(given: Any) -> Limits:
    """Check limits; none where nothing is given.

    Raises
    ------
    PlanError
        They are something else.
    """
    if given is None:
        return Limits()
    if not isinstance(given, Limits):
        raise PlanError(f"limits are planning.Limits(params_after=4e9, ...), got {got(given)}")
    return given
