"""Which coefficients a fit may move: what is held, what is tied, and the bounds left."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from p2law.declaring import Array, Bounds, Form
from p2law.errors import FitError


@dataclass(frozen=True)
class Freedom:
    """The free coefficients of a form; coordinates come in the order of `names`.

    Attributes
    ----------
    form : Form
    fixed : mapping of str to float
        Coefficients with a given value, those tied to them included.
    groups : mapping of str to tuple of str
        Each free coefficient, with all coefficients that are tied to it and itself.
    nonlinear, linear : tuple of str
    bounds : mapping of str to Bounds
        Of each free coefficient, narrowed by those tied to it.
    """

    form: Form
    fixed: Mapping[str, float]
    groups: Mapping[str, tuple[str, ...]]
    nonlinear: tuple[str, ...]
    linear: tuple[str, ...]
    bounds: Mapping[str, Bounds]

    @property
    def names(self) -> tuple[str, ...]:
        """Free coefficients, the non-linear ones first."""
        return self.nonlinear + self.linear

    @functools.cached_property
    def box(self) -> tuple[Array, Array]:
        """Lower and upper bounds of all coordinates, each of shape (free,); read-only."""
        ends = np.array([self._ends(name) for name in self.names]).reshape(-1, 2)
        ends.flags.writeable = False
        return ends[:, 0], ends[:, 1]

    def _ends(self, name: str) -> tuple[float, float]:
        bounds = self.bounds[name]
        if bounds.log and name in self.nonlinear:
            # As `Surface.coordinate` does, so that a coefficient at its bound is there again.
            return float(np.log(bounds.least)), float(np.log(bounds.most))
        return bounds.least, bounds.most

    def bounded(self, theta: Array, q: Array) -> Array:
        """Non-linear coefficients as their coordinates `q` mean them, for logarithms round.

        Never outside their bounds, and exactly at one where the coordinate is.
        """
        count = len(self.nonlinear)
        low, high = (each[:count] for each in self.box)
        least = np.array([self.bounds[name].least for name in self.nonlinear])
        most = np.array([self.bounds[name].most for name in self.nonlinear])
        u = q[..., :count]
        inside = np.where(u >= high, most, np.clip(theta, least, most))
        return np.where(u <= low, least, inside)

    def start(self, name: str) -> float:
        """Default of a non-linear coefficient, inside the bounds that ties leave."""
        bounds = self.bounds[name]
        return min(max(self.form.coefficient(name).start, bounds.least), bounds.most)

    def spread(self, theta: Sequence[Any], linear: Sequence[Any]) -> dict[str, Any]:
        """All coefficients of the form from the free ones, as its function takes them."""
        free = dict(zip(self.names, [*theta, *linear], strict=True))
        at: dict[str, Any] = dict(self.fixed)
        for root, members in self.groups.items():
            for each in members:
                at[each] = free[root]
        return at


def free(form: Form, fixed: Mapping[str, float], tied: Mapping[str, str]) -> Freedom:
    """Find what is left to move.

    Parameters
    ----------
    form : Form
    fixed : mapping of str to float
    tied : mapping of str to str

    Returns
    -------
    Freedom

    Raises
    ------
    FormError
        A name is no coefficient of the form.
    FitError
        The settings contradict each other or the bounds.
    """
    for name in [*fixed, *tied, *tied.values()]:
        form.coefficient(name)
    if both := sorted(set(fixed) & set(tied)):
        raise FitError(f"{', '.join(both)}: fixed and tied at once; choose one")
    root = {name: _root(name, tied) for name in form.names}
    held = {name: float(fixed[root[name]]) for name in form.names if root[name] in fixed}
    for name, value in held.items():
        bounds = form.coefficient(name).bounds
        if not bounds.least <= value <= bounds.most:
            raise FitError(
                f"fixed {name} = {value:g} lies outside its bounds {bounds.low}..{bounds.high}"
            )
    _check_units(form, tied)
    groups: dict[str, tuple[str, ...]] = {}
    for name in form.names:
        if name not in held:
            groups[root[name]] = (*groups.get(root[name], ()), name)
    linear = tuple(
        name
        for name, members in groups.items()
        if all(form.coefficient(each).linear for each in members)
    )
    return Freedom(
        form=form,
        fixed=held,
        groups=groups,
        nonlinear=tuple(name for name in groups if name not in linear),
        linear=linear,
        bounds={name: _common(form, members) for name, members in groups.items()},
    )


def _check_units(form: Form, tied: Mapping[str, str]) -> None:
    """Refuse a tie of a linear coefficient to one of another kind and unit.

    The size of a term in one unit of the inputs is no exponent: what such a tie says changes
    with the unit, and mostly it lets neither move anything.
    """
    for name, other in tied.items():
        one, two = form.coefficient(name), form.coefficient(other)
        if one.linear != two.linear and one.bounds.unit != two.bounds.unit:
            raise FitError(
                f"{name} is tied to {other}, but one is in {one.bounds.unit}, the other in "
                f"{two.bounds.unit}: what that says changes with the unit of the inputs; tie "
                f"what is of one kind, or hold one of them (fixed=)"
            )


def _root(name: str, tied: Mapping[str, str]) -> str:
    """Follow ties to the coefficient that is free or fixed."""
    seen = [name]
    while seen[-1] in tied:
        seen.append(tied[seen[-1]])
        if len(seen) > len(tied) + 1:
            raise FitError(f"{' = '.join(seen)}: tied in a circle; leave one of them free")
    return seen[-1]


def _common(form: Form, names: Sequence[str]) -> Bounds:
    """Bounds that suit all coefficients tied together."""
    bounds = [form.coefficient(each).bounds for each in names]
    least, most = max(each.least for each in bounds), min(each.most for each in bounds)
    if least >= most:
        raise FitError(f"{' and '.join(names)} are tied but their bounds have nothing in common")
    return Bounds(
        None if math.isinf(least) else least,
        None if math.isinf(most) else most,
        bounds[0].unit,
        bounds[0].meaning,
        log=all(each.log for each in bounds),
    )
