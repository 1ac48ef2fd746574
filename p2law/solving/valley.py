"""Newton's steps inside the bounds, for long narrow valleys.

Where noise is large, Gauss-Newton steps, lmfit's among them, creep: they leave out the
curvature that the residuals give. Here it is taken from differences of exact derivatives,
and only that: what the derivatives give themselves would drown in the rounding of differences
wherever a valley is a million times longer than wide.
"""

import numpy as np

from p2law.declaring import Array, Mask
from p2law.solving.descent import to_first_bound
from p2law.solving.problem import Problem

STEPS = 60
TRIALS = 15
ENOUGH = 1e-14
"""Relative gain below which the steps end."""
TINY = 1e-30
"""A curvature below so much of the largest counts as this: what it scales stays finite."""


def walk(problem: Problem, q: Array, free: Mask) -> tuple[Array, int]:
    """Walk downhill; what meets a bound stays on it while the objective falls outwards.

    Parameters
    ----------
    problem : Problem
    q : ndarray of shape (free,)
        Where to start, inside the bounds.
    free : ndarray of bool, shape (free,)
        Coordinates that may move.

    Returns
    -------
    q : ndarray of shape (free,)
    evaluations : int
        Of the law or of its derivatives.
    """
    cost, evaluations = problem.cost(q), 1
    for _ in range(STEPS):
        step, for_step = _step(problem, q, free)
        trial, then, for_share = _best_share(problem, q, step, cost)
        evaluations += for_step + for_share
        if not then < cost:
            break
        gain, q, cost = cost - then, trial, then
        if gain <= ENOUGH * abs(cost):
            break
    return q, evaluations


def _step(problem: Problem, q: Array, free: Mask) -> tuple[Array, int]:
    """Newton's step of what can move, and how many evaluations it took.

    What lies on a bound and would leave it stays, and what has no slope because the law
    overflows.
    """
    low, high = problem.surface.box
    residuals, ways = problem.residuals(q), problem.jacobian(q)
    pull = problem.weight * problem.objective.pull(residuals)
    slope = ways @ pull
    moving = free & np.isfinite(slope) & ~((q <= low) & (slope > 0)) & ~((q >= high) & (slope < 0))
    bend = problem.weight * problem.objective.bend(residuals, 0.0)
    curvature = _of_law(problem, q, moving, ways, pull) + (ways * bend) @ ways.T
    used = 2 + int(moving.sum())
    while True:
        step = np.zeros_like(q)
        step[moving] = _newton(slope[moving], curvature[np.ix_(moving, moving)])
        leaving = ((q <= low) & (step < 0)) | ((q >= high) & (step > 0))
        if not leaving.any():
            return step, used
        moving &= ~leaving


def _of_law(problem: Problem, q: Array, moving: Mask, ways: Array, pull: Array) -> Array:
    """Second derivatives of the law by the moving coordinates, summed as the residuals pull."""
    size = 1e-6 * np.maximum(np.abs(q), 1e-2)
    # Beyond its bounds a law may have no value.
    move = np.where(q + size <= problem.surface.box[1], size, -size)
    found, moved = np.zeros((len(q), len(q))), np.flatnonzero(moving)
    at = q + np.diag(move)[moved]
    for rows in problem.surface.blocks(len(moved) or 1):
        apart = problem.at_rows(rows).jacobian(at) - ways[:, rows]
        found[moved] += apart @ pull[rows] / move[moved, None]
    found = np.where(np.isfinite(found), found, 0.0)
    return (found + found.T) / 2


def _newton(slope: Array, curvature: Array) -> Array:
    """Step to the bottom of the parabola, downhill also where it opens downwards."""
    largest = np.abs(curvature).max(initial=0.0)
    if not largest > 0:  # no parabola at all
        return -slope
    size = np.sqrt(np.maximum(np.abs(np.diagonal(curvature)), TINY * largest))
    values, vectors = np.linalg.eigh(curvature / np.outer(size, size))
    bent = np.maximum(np.abs(values), 1e-12 * np.abs(values).max())
    return np.asarray(-(vectors @ ((vectors.T @ (slope / size)) / bent)) / size)


def _best_share(problem: Problem, q: Array, step: Array, cost: float) -> tuple[Array, float, int]:
    """Go along a step, to the first bound at most, as far as that gains; count the trials.

    At the bottom of a valley that hardly falls the parabola says little about how far it goes.
    """
    low, high = problem.surface.box

    def at(share: float) -> tuple[Array, float]:
        trial = to_first_bound(q, share * step, low, high)
        return trial, problem.cost(trial)

    share, best = 1.0, at(1.0)
    factor = 2.0 if best[1] < cost else 0.25
    trials = 1
    while trials <= TRIALS:
        trials += 1
        share *= factor
        other = at(share)
        if factor > 1 and not other[1] < best[1]:
            break
        best = other
        if factor < 1 and best[1] < cost:
            break
    return *best, trials
