"""Many fits of one law at once, to many targets or weights, from a fit that is near.

Gauss-Newton steps in the exponents; after each one the linear coefficients are solved
for again, so that narrow curved valleys, where an exponent and a term trade places, are
walked in a few steps. All fits move together in arrays; what is done leaves.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Mask, Whole
from p2law.objectives import Objective
from p2law.parallel import mapped
from p2law.solving.projection import signed_solve, signs, solve
from p2law.solving.surface import Surface
from p2law.solving.terms import by_coefficient

TOGETHER = 131_072
"""Rows times fits that are worked on at once, few enough for the cache."""

STEPS = 200
ENOUGH = 1e-14
"""Share of the objective that one more step must promise to be worth it."""

SMALLEST = 1e-153
"""Length of derivatives below which their squares are no numbers of full precision."""


@dataclass(frozen=True)
class Refits:
    """Coordinates (fits, free), objectives and numbers of steps of many fits."""

    q: Array
    cost: Array
    steps: Array


def refit(surface: Surface, target: Array, weight: Array, objective: Objective, q: Array) -> Refits:
    """Fit a law many times, each time from the same place.

    Parameters
    ----------
    surface : Surface
    target : ndarray of shape (fits, rows) or (rows,)
    weight : ndarray of shape (fits, rows) or (rows,)
    objective : Objective
    q : ndarray of shape (free,)
        Where all of them start.

    Returns
    -------
    Refits
    """
    target, weight = np.broadcast_arrays(np.atleast_2d(target), np.atleast_2d(weight))
    size = max(1, TOGETHER // surface.rows)
    blocks = [slice(begin, begin + size) for begin in range(0, len(target), size)]
    tasks = [(target[each], weight[each]) for each in blocks]
    parts = mapped(functools.partial(_together, surface, objective, q), tasks, "refits")
    return joined(parts)


def joined(parts: Sequence[Refits]) -> Refits:
    """Several sets of refits as one."""
    whole = zip(*((each.q, each.cost, each.steps) for each in parts), strict=True)
    return Refits(*(np.concatenate(each) for each in whole))


@dataclass
class _Moving:
    """The fits that still move: one row each."""

    number: Whole
    target: Array
    weight: Array
    u: Array
    linear: Array
    terms: Array
    predicted: Array
    cost: Array
    damping: Array
    share: Array

    def only(self, chosen: Mask) -> "_Moving":
        return _Moving(**{name: each[chosen] for name, each in vars(self).items()})


def _together(
    surface: Surface, objective: Objective, q: Array, task: tuple[Array, Array]
) -> Refits:
    """Move fits that are few enough to be worked on at once."""
    target, weight = task
    fits = len(target)
    ends = Refits(np.empty((fits, len(q))), np.empty(fits), np.full(fits, STEPS))
    with np.errstate(all="ignore"):
        now = _start(surface, target, weight, objective, q)
        for count in range(1, STEPS + 1):
            done = _move(surface, objective, now)
            done |= count == STEPS
            if done.any():
                gone = now.only(done)
                scale = surface.scale(surface.theta(gone.u))
                ends.q[gone.number] = np.hstack([gone.u, gone.linear * scale])
                ends.cost[gone.number], ends.steps[gone.number] = gone.cost, count
                now = now.only(~done)
            if not len(now.number):
                break
    return ends


def _start(
    surface: Surface, target: Array, weight: Array, objective: Objective, q: Array
) -> _Moving:
    fits, split = len(target), len(surface.nonlinear)
    u = np.tile(q[:split], (fits, 1))
    linear = np.tile(q[split:] / surface.scale(surface.theta(q[:split])), (fits, 1))
    terms = _terms(surface, u)
    predicted = _sum(terms, linear)
    return _Moving(
        number=np.arange(fits),
        target=target,
        weight=weight,
        u=u,
        linear=linear,
        terms=terms,
        predicted=predicted,
        cost=_cost(objective, target, weight, predicted),
        damping=np.full(fits, 1e-6),
        share=np.full(fits, 0.25),
    )


def _move(surface: Surface, objective: Objective, now: _Moving) -> Mask:
    """Take one step each, or none where it does not gain; tell which are done."""
    low, high = (each[: now.u.shape[1]] for each in surface.box)
    bend, pull = _forces(objective, now)
    step, hope = _step(surface, now, bend, pull)
    u = np.clip(now.u + step, low, high)
    terms = _terms(surface, u)
    linear = _solved(surface, terms, bend, bend * now.predicted - pull)
    predicted = _sum(terms, linear)
    cost = _cost(objective, now.target, now.weight, predicted)
    better = cost < now.cost
    for name, new in (("u", u), ("linear", linear), ("terms", terms), ("predicted", predicted)):
        if better.all():
            setattr(now, name, new)
        else:
            getattr(now, name)[better] = new[better]
    now.cost = np.where(better, cost, now.cost)
    now.damping = np.clip(np.where(better, now.damping / 10, now.damping * 10), 1e-12, 1e12)
    now.share = np.clip(np.where(better, now.share / 4, now.share * 16), 1e-5, 1.0)
    return np.asarray((hope <= ENOUGH * now.cost) | (now.damping > 1e8))


def _terms(surface: Surface, u: Array) -> Array:
    """What is left without linear coefficients, then the term of each: (fits, 1 + linear, rows)."""
    found = surface.terms(by_coefficient(surface.theta(u)))
    return found if u.shape[1] else np.tile(found, (len(u), 1, 1))


def _step(surface: Surface, now: _Moving, bend: Array, pull: Array) -> tuple[Array, Array]:
    """Damped step in the exponents, and by how much all together may lower the objective."""
    theta, count = surface.theta(now.u), now.u.shape[1]
    low, high = (each[:count] for each in surface.box)
    slopes = surface.slopes(theta, now.linear) * surface.jump(theta)[..., None]
    ways = np.concatenate([slopes, now.terms[:, 1:] * (now.linear != 0)[..., None]], axis=1)
    ways = np.where(np.isfinite(ways), ways, 0.0)
    curvature = (ways * bend[:, None, :]) @ np.swapaxes(ways, 1, 2)
    down = -(ways @ pull[..., None])[..., 0]
    size = np.sqrt(np.diagonal(curvature, axis1=1, axis2=2))
    free = size > SMALLEST
    free[:, :count] &= ~((now.u <= low) & (down[:, :count] < 0))
    free[:, :count] &= ~((now.u >= high) & (down[:, :count] > 0))
    size = np.where(free, size, 1.0)
    scaled = curvature / (size[:, :, None] * size[:, None, :])
    scaled[:, range(count), range(count)] += now.damping[:, None]
    step = solve(scaled, down / size, free) / size
    return step[:, :count], np.sum(np.where(free, down * step, 0.0), axis=-1)


def _solved(surface: Surface, terms: Array, bend: Array, wanted: Array) -> Array:
    """Linear coefficients whose predictions come nearest to what the rows ask for.

    `wanted` is the prediction that a row asks for, times its `bend`.
    """
    basis = terms[:, 1:]
    weighted = basis * bend[:, None, :]
    normal = weighted @ np.swapaxes(basis, 1, 2)
    right = (basis @ (wanted - bend * terms[:, 0])[..., None])[..., 0]
    length = np.sqrt(np.diagonal(normal, axis1=1, axis2=2))
    length = np.where(np.isfinite(length) & (length > 0), length, 1.0)
    unit = normal / (length[:, None, :] * length[:, :, None])
    unit, right = (np.where(np.isfinite(each), each, 0.0) for each in (unit, right / length))
    return signed_solve(unit, right, signs(surface)) / length


def _forces(objective: Objective, now: _Moving) -> tuple[Array, Array]:
    """Curvature and slope of each row's objective by its prediction."""
    residuals = objective.residuals(now.predicted, now.target)
    bend = now.weight * objective.bend(residuals, now.share[:, None])
    pull = now.weight * objective.pull(residuals)
    if objective.log:
        return bend / now.predicted**2, pull / now.predicted
    return bend, pull


def _sum(terms: Array, linear: Array) -> Array:
    """Predictions from the terms and their coefficients, (fits, rows)."""
    return np.asarray(terms[:, 0] + (linear[:, None, :] @ terms[:, 1:])[:, 0])


def _cost(objective: Objective, target: Array, weight: Array, predicted: Array) -> Array:
    residuals = objective.residuals(predicted, target)
    with np.errstate(all="ignore"):  # where a refit was tried that is far from all records
        cost = np.sum(weight * objective.per_row(residuals), axis=-1)
    return np.where(np.isfinite(cost), cost, np.inf)
