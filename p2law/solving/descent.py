"""Downhill with the true objective, many starts at once.

Damped Gauss-Newton on the normal equations, accumulated block by block so that
memory stays small. Under Huber's function, rows beyond `delta` get a share of the
curvature of the parabola that majorises them: a full share is the safe
reweighted step, none is Newton's; the share falls while steps succeed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Mask
from p2law.objectives import Objective
from p2law.solving.surface import Surface

IDLE = 1e-7
"""A coefficient that moves the predictions this much less than the foremost one moves none: what
is left of its derivatives is rounding."""

TOGETHER = 131_072
"""Rows times starts that are worked on at once."""


@dataclass(frozen=True)
class Descent:
    """Ends of a descent: coordinates (starts, free), objectives and steps taken."""

    q: Array
    cost: Array
    steps: int


def descend(
    surface: Surface,
    target: Array,
    weight: Array,
    objective: Objective,
    q: Array,
    *,
    held: Mask | None = None,
    most: int = 100,
    gain: float = 1e-12,
) -> Descent:
    """Minimise the objective from every start, inside the bounds.

    Parameters
    ----------
    surface : Surface
    target : ndarray of shape (rows,)
    weight : ndarray of shape (rows,)
    objective : Objective
    q : ndarray of shape (starts, free)
        Coordinates to start from.
    held : ndarray of bool, shape (free,)
        Coordinates that stay as they are.
    most : int
        Steps at most.
    gain : float
        A start is done when a step gains less than this share of its objective.

    Returns
    -------
    Descent
    """
    low, high = surface.box
    fixed = np.zeros(q.shape[1], dtype=bool) if held is None else held
    damping, share = np.full(len(q), 1e-3), np.full(len(q), 0.25)
    cost = _cost(surface, target, weight, objective, q)
    done, steps = np.zeros(len(q), dtype=bool), 0
    while steps < most and not done.all():
        steps += 1
        slope, curvature = _quadratic(surface, target, weight, objective, q, share)
        stuck = fixed | ((q <= low) & (slope > 0)) | ((q >= high) & (slope < 0))
        step = _step(slope, curvature, stuck, damping)
        trial = np.clip(q + step, low, high)
        then = _cost(surface, target, weight, objective, trial)
        if np.any(trial != q + step):
            short = to_first_bound(q, step, low, high)
            at_short = _cost(surface, target, weight, objective, short)
            trial = np.where((at_short < then)[:, None], short, trial)
            then = np.minimum(at_short, then)
        better = then < cost
        small = better & (cost - then <= gain * np.abs(cost))
        q, cost = np.where(better[:, None], trial, q), np.where(better, then, cost)
        damping = np.clip(np.where(better, damping / 8, damping * 8), 1e-12, 1e12)
        share = np.clip(np.where(better, share / 4, share * 16), 1e-5, 1.0)
        done |= small | (damping > 1e8)
    return Descent(q, cost, steps)


def _blocks(surface: Surface, starts: int) -> Iterator[slice]:
    size = max(1, TOGETHER // starts)
    for begin in range(0, surface.rows, size):
        yield slice(begin, begin + size)


def _cost(surface: Surface, target: Array, weight: Array, objective: Objective, q: Array) -> Array:
    """Objective of every start; infinite where the law has no finite value."""
    total = np.zeros(len(q))
    with np.errstate(all="ignore"):
        for rows in _blocks(surface, len(q)):
            found = surface.at_rows(rows).predict(q)
            residuals = objective.residuals(found, target[rows])
            total += np.sum(weight[rows] * objective.per_row(residuals), axis=-1)
    return np.where(np.isfinite(total), total, np.inf)


def _quadratic(
    surface: Surface,
    target: Array,
    weight: Array,
    objective: Objective,
    q: Array,
    share: Array,
) -> tuple[Array, Array]:
    """Slope and curvature of half the objective (squares) or of the objective (Huber)."""
    slope, curvature = np.zeros(q.shape), np.zeros((*q.shape, q.shape[1]))
    with np.errstate(all="ignore"):
        for rows in _blocks(surface, len(q)):
            part = surface.at_rows(rows)
            found, slopes = part.tangent(q)
            residuals = objective.residuals(found, target[rows])
            if objective.log:
                slopes /= found[..., None, :]
            pull, bend = objective.pull(residuals), objective.bend(residuals, share[:, None])
            slopes = np.where(np.isfinite(slopes), slopes, 0.0)
            pull = np.where(np.isfinite(pull), weight[rows] * pull, 0.0)
            bend = np.where(np.isfinite(bend), weight[rows] * bend, 0.0)
            slope += (slopes @ pull[..., None])[..., 0]
            curvature += (slopes * bend[..., None, :]) @ np.swapaxes(slopes, -1, -2)
    return slope, curvature


@dataclass(frozen=True)
class Gradient:
    """Derivatives of the objective (of half of it for squares) at one point.

    Attributes
    ----------
    slope : ndarray of shape (free,)
    size : ndarray of shape (free,)
        The slope if no row's contribution cancelled another's.
    cosine : ndarray of shape (free,)
        Cosine between the derivatives and the pull of the residuals; 0 for
        coordinates that move no prediction.
    """

    slope: Array
    size: Array
    cosine: Array


def gradient(
    surface: Surface, target: Array, weight: Array, objective: Objective, q: Array
) -> Gradient:
    """Derivatives of the objective at coordinates `q` of shape (free,)."""
    slope, size, length, force = np.zeros(len(q)), np.zeros(len(q)), np.zeros(len(q)), 0.0
    with np.errstate(all="ignore"):
        for rows in _blocks(surface, 1):
            part = surface.at_rows(rows)
            found, slopes = part.tangent(q)
            if objective.log:
                slopes /= found
            pull = weight[rows] * objective.pull(objective.residuals(found, target[rows]))
            slope += slopes @ pull
            size += np.abs(slopes) @ np.abs(pull)
            length += np.sum(slopes**2, axis=1)
            force += float(np.sum(pull**2))
        cosine = np.abs(slope) / np.sqrt(length * force)
    reach = np.sqrt(length) * surface.typical(q)
    moving = np.isfinite(cosine) & (reach > IDLE * reach.max(initial=0.0))
    return Gradient(slope, size, np.where(moving, cosine, 0.0))


def to_first_bound(q: Array, step: Array, low: Array, high: Array) -> Array:
    """Go along steps until the first coordinate meets its bound, and put that one on it.

    Where terms nearly cancel, cutting a step coordinate by coordinate would break the
    balance. Steps and their starts are of shape (..., free).
    """
    end = np.where(step > 0, high, low)
    with np.errstate(all="ignore"):
        share = np.where(step == 0, np.inf, (end - q) / step)
    least = np.min(share, axis=-1, keepdims=True)
    met = (share == least) & (least < 1)
    return np.where(met, end, np.clip(q + np.minimum(least, 1.0) * step, low, high))


def _step(slope: Array, curvature: Array, stuck: Mask, damping: Array) -> Array:
    """Damped Newton step in columns of length 1; coordinates that are stuck do not move."""
    size = np.sqrt(np.maximum(np.diagonal(curvature, axis1=-2, axis2=-1), 1e-300))
    scaled = curvature / (size[..., :, None] * size[..., None, :])
    both = stuck[..., :, None] | stuck[..., None, :]
    eye = np.eye(slope.shape[1])
    matrix = np.where(both, eye, scaled + damping[:, None, None] * eye)
    right = np.where(stuck, 0.0, -slope / size)
    return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0] / size)
