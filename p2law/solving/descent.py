"""Downhill with the true objective, by damped Gauss-Newton steps on the normal equations.

Under Huber's function, rows beyond `delta` get a share of the curvature of the parabola
that majorises them: a full share is the safe reweighted step, none is Newton's; the
share falls while steps succeed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Mask
from p2law.solving.problem import Problem
from p2law.solving.projection import FAINT

TOGETHER = 131_072
"""Rows whose derivatives are kept while no step gains."""


@dataclass(frozen=True)
class Descent:
    """End of a descent: coordinates (free,), steps, and evaluations of law and derivatives."""

    q: Array
    steps: int
    evaluations: int


def descend(
    problem: Problem,
    q: Array,
    *,
    held: Mask | None = None,
    gain: float,
    most: int = 100,
    damping: float = 1e-3,
) -> Descent:
    """Minimise the objective from a start, inside the bounds.

    Parameters
    ----------
    problem : Problem
    q : ndarray of shape (free,)
        Coordinates to start from.
    held : ndarray of bool, shape (free,)
        Coordinates that stay as they are.
    gain : float
        The end is where a step gains less than this share of the objective.
    most : int
        Steps at most.
    damping : float
        Of the first step, beside a curvature of 1: little where the end is known to be near.

    Returns
    -------
    Descent
    """
    low, high = problem.surface.box
    fixed = np.zeros(len(q), dtype=bool) if held is None else held
    share, typical = 0.25, problem.surface.typical(q[: len(problem.surface.nonlinear)])
    cost, steps, evaluations = problem.cost(q), 0, 1
    few, kept = problem.surface.rows <= TOGETHER, None
    while steps < most and damping <= 1e8:
        steps += 1
        if kept is None:
            kept, evaluations = list(problem.tangents(q)) if few else None, evaluations + 1
        slope, curvature = _quadratic(problem, q, share, kept or problem.tangents(q))
        stuck = fixed | ((q <= low) & (slope > 0)) | ((q >= high) & (slope < 0))
        step = _step(slope, curvature, stuck, damping, typical)
        trial = np.clip(q + step, low, high)
        then, evaluations = problem.cost(trial), evaluations + 1
        if np.any(trial != q + step):
            short = to_first_bound(q, step, low, high)
            at_short, evaluations = problem.cost(short), evaluations + 1
            if at_short < then:
                trial, then = short, at_short
        if then < cost:
            # From where the objective has no value any step to where it has one is the first.
            small = np.isfinite(cost) and cost - then <= gain * abs(cost)
            q, cost, kept = trial, then, None
            damping, share = max(damping / 8, 1e-12), max(share / 4, 1e-5)
            if small:
                break
        elif -slope @ step <= gain * abs(cost):
            break  # what is left to gain is less than rounding: no shorter step gains it
        else:
            damping, share = damping * 8, min(share * 16, 1.0)
    return Descent(q, steps, evaluations)


def _quadratic(
    problem: Problem, q: Array, share: float, tangents: Iterable[tuple[slice, Array, Array]]
) -> tuple[Array, Array]:
    """Slope and curvature of half the objective (squares) or of the objective (Huber)."""
    slope, curvature = np.zeros(len(q)), np.zeros((len(q), len(q)))
    with np.errstate(all="ignore"):
        for rows, residuals, slopes in tangents:
            pull = problem.weight[rows] * problem.objective.pull(residuals)
            bend = problem.weight[rows] * problem.objective.bend(residuals, share)
            pull, bend, ways = (
                np.where(np.isfinite(each), each, 0.0) for each in (pull, bend, slopes)
            )
            slope += ways @ pull
            curvature += (ways * bend) @ ways.T
    return slope, curvature


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


def _step(slope: Array, curvature: Array, stuck: Mask, damping: float, typical: Array) -> Array:
    """Damped Newton step in columns of length 1; coordinates that are stuck do not move."""
    size = np.sqrt(np.maximum(np.diagonal(curvature), 1e-300))
    # Exponents come first; all move predictions in the same unit, which terms need not.
    exponents = size[: len(typical)]
    foremost = np.max(exponents * typical, initial=0.0)
    np.maximum(exponents, FAINT * foremost / typical, out=exponents)
    scaled, eye = curvature / np.outer(size, size), np.eye(len(slope))
    both = stuck[:, None] | stuck
    matrix = np.where(both, eye, scaled + damping * eye)
    right = np.where(stuck, 0.0, -slope / size)
    return np.asarray(np.linalg.solve(matrix, right) / size)
