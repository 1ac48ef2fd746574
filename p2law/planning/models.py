"""Models that could be pruned, and smaller ones that need not be."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from p2law.domains import is_number
from p2law.errors import PlanError
from p2law.result import asking
from p2law.text.views import number
from p2law.text.wording import got

COARSE = 0.2
"""Share of a model by which a size may differ from what the rate as asked for leaves: whole layers
are removed (up to an eighth too many or too few, of four), and embeddings stay (a third of small
models: of a rate of 0.5 a sixth)."""

SAME = 1e-9
"""Rates that differ by less are one."""


@dataclass(frozen=True)
class Model:
    """A model that could be pruned.

    Attributes
    ----------
    name : str
    params : float
        Before pruning, embeddings included.
    base_loss : float
        Before pruning, on the text of the records, in nat per token.
    flops_per_token : float, optional
        Training FLOPs of one token before pruning; where it is known, FLOPs are counted by it.
    params_after : tuple of (float, float)
        Exact sizes where they are known: pruning rate as asked for, parameters after pruning.
        Such a candidate's rate is the one that this size has achieved.

    Raises
    ------
    PlanError
        The name is no text or an empty one, or the size looks like billions.
    """

    name: str
    params: float
    base_loss: float
    flops_per_token: float | None = None
    params_after: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        _check_name("model", self.name)
        _check_count(f"model {self.name!r}: params", self.params)

    def after(self, rate: float) -> float:
        """Parameters after pruning by a rate."""
        for asked, exact in self.params_after:
            if abs(asked - rate) < SAME:
                return exact
        return self.params * (1 - rate)


@dataclass(frozen=True)
class Dense:
    """A smaller model that need not be pruned.

    Attributes
    ----------
    name : str
    params : float
    loss : float
        On the text of the records, taken as exact.

    Raises
    ------
    PlanError
        The name is no text or an empty one, or the size looks like billions.
    """

    name: str
    params: float
    loss: float

    def __post_init__(self) -> None:
        _check_name("Dense", self.name)
        _check_count(f"Dense {self.name!r}: params", self.params)


def checked_dense(dense: Any) -> tuple[Dense, ...]:
    """Check models that need not be pruned.

    Raises
    ------
    PlanError
        One is of another kind, or has no size or loss.
    """
    found = (
        _sequence(dense, Dense, "planning.Dense(name, params, loss)") if dense is not None else ()
    )
    for each in found:
        if not isinstance(each, Dense):
            raise PlanError(
                f"a model without pruning is planning.Dense(name, params, loss), got {got(each)}"
            )
        _positive(f"Dense {each.name!r}", {"params": each.params, "loss": each.loss})
    return found


def checked_models(models: Any) -> tuple[Model, ...]:
    """Check models that could be pruned.

    Raises
    ------
    PlanError
        There is none, two have one name, or one is of another kind, has no size or loss, or
        two sizes for one rate.
    """
    found = _sequence(models, Model, "planning.Model(name, params, base_loss)")
    for each in found:
        if not isinstance(each, Model):
            raise PlanError(f"a model is planning.Model(name, params, base_loss), got {got(each)}")
        numbers: dict[str, Any] = {"params": each.params, "base_loss": each.base_loss}
        numbers |= {"flops_per_token": each.flops_per_token} if each.flops_per_token else {}
        _positive(f"model {each.name!r}", numbers)
        for rate, after in each.params_after:
            _check_after(each, rate, after)
        _check_twice(each)
    twice = {each.name for each in found if [other.name for other in found].count(each.name) > 1}
    if twice or not found:
        raise PlanError(f"two models are called {min(twice)!r}" if twice else "no model is given")
    return found


def _check_after(model: Model, rate: float, after: float) -> None:
    """Refuse a size after pruning that the rate cannot have left."""
    _positive(f"model {model.name!r}", {"params_after": after})
    if after > model.params:
        raise PlanError(
            f"model {model.name!r}: params_after {after:g} at rate {rate:g} is more than "
            f"the {model.params:g} before pruning"
        )
    achieved = 1 - after / model.params
    if abs(achieved - rate) > COARSE:
        raise PlanError(
            f"model {model.name!r}: params_after {number(after)} of {number(model.params)} is a "
            f"rate of {number(achieved, 3)}, not {number(rate)}; at that rate about "
            f"{number(model.params * (1 - rate), 3)} stay, so mend the one or the other"
        )


def _check_twice(model: Model) -> None:
    """Refuse two exact sizes for one rate."""
    for (rate, size), (other, again) in itertools.combinations(model.params_after, 2):
        if abs(rate - other) < SAME:
            raise PlanError(
                f"model {model.name!r}: params_after holds two sizes at rate {rate:g}, "
                f"{number(size)} and {number(again)}; keep one, or make them two models"
            )


def _sequence(given: Any, kind: type, example: str) -> tuple[Any, ...]:
    """One value of a kind, or several."""
    if isinstance(given, kind):
        return (given,)
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise PlanError(f"one or several {example} are wanted, got {got(given)}")
    return tuple(given)


def _positive(what: str, numbers: dict[str, Any]) -> None:
    for name, value in numbers.items():
        if not (is_number(value) and 0 < value < np.inf):
            raise PlanError(f"{what}: {name} is a positive number, got {got(value)}")


def _check_name(what: str, name: Any) -> None:
    """Refuse what cannot be read as a name."""
    if not isinstance(name, str) or not name.strip():
        raise PlanError(f"the name of a {what} is a text such as '8B', got {got(name)}")


def _check_count(what: str, value: Any) -> None:
    """Refuse a size in billions; what is no number is told where models are checked."""
    if is_number(value) and value > 0:
        asking.plain_count(what, value)
