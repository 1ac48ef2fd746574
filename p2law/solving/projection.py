"""Variable projection: where a fit starts, without anybody's guess.

Once the exponents are held, most laws are linear in what is left, and the best
linear coefficients follow from one small solve. So only the exponents are
searched, downhill from every low point of a grid, all of them at once. Squared
residuals only; `fitting` polishes with the true objective.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Mask
from p2law.solving import starting
from p2law.solving.surface import Surface
from p2law.solving.terms import by_coefficient

DESCENT_ROWS = 256
STEPS = 60
ENOUGH = 1e-4
"""Relative gain of a step below which a descent ends; the polish does the rest."""
FAINT = 1e-7
"""An exponent that moves the predictions by less than this share of what the foremost one does is
damped as if it moved them so far: else every step would take it to a bound, and gain nothing."""


@dataclass(frozen=True)
class Minimum:
    """One local minimum of the projected squares: coordinates and sum of squares."""

    q: Array
    squares: float


def search(surface: Surface, target: Array, weight: Array, seed: int) -> list[Minimum]:
    """Distinct local minima, best first, from a search over the whole range of exponents.

    Parameters
    ----------
    surface : Surface
    target : ndarray of shape (rows,)
        What the law should predict.
    weight : ndarray of shape (rows,)
        Weight of each squared residual.
    seed : int
        For the low-discrepancy set that replaces the grid beyond four exponents.

    Returns
    -------
    list of Minimum
        Empty only where the law has no finite value anywhere in its bounds.
    """
    if not surface.nonlinear:
        q = default_point(surface, target, weight)
        return [Minimum(q, float(np.sum(weight * (surface.predict(q) - target) ** 2)))]
    few = starting.spread_rows(surface, starting.GRID_ROWS)
    sparse = surface.at_rows(few)

    def squares(theta: Sequence[Array]) -> Array:
        return project(sparse, target[few], weight[few], theta).squares

    some = starting.spread_rows(surface, DESCENT_ROWS)
    part, found = surface.at_rows(some), list[Minimum]()
    for reach in starting.REACHES:
        starts = starting.low_points(surface, squares, seed, reach)
        ends = [each.q[: len(surface.nonlinear)] for each in found]
        found = _descend(part, target[some], weight[some], np.vstack([*ends, starts]))
        best = found[0].q[: starts.shape[1]] if found else starts[-1]
        if starting.searched(surface, surface.theta(best), reach):
            break
    return found


def default_point(surface: Surface, target: Array, weight: Array) -> Array:
    """Coordinates of the law's own default exponents with the best linear coefficients."""
    return solved(surface, target, weight, surface.generic_point()[: len(surface.nonlinear)])


def solved(surface: Surface, target: Array, weight: Array, u: Array) -> Array:
    """Coordinates `u` of exponents, completed by the best linear coefficients."""
    theta = surface.theta(u)
    linear = project(surface, target, weight, by_coefficient(theta)).linear
    return np.concatenate([u, linear * surface.scale(theta)])


# -- the linear coefficients ---------------------------------------------------------


@dataclass(frozen=True)
class Projected:
    """Best linear coefficients at given exponents, in the units of the law.

    Attributes
    ----------
    linear : ndarray of shape (..., linear)
    terms : ndarray of shape (..., 1 + linear, rows)
    squares : ndarray of shape (...)
        Infinite where the law has no finite value.
    """

    linear: Array
    terms: Array
    squares: Array


def project(surface: Surface, target: Array, weight: Array, theta: Sequence[Array]) -> Projected:
    """Solve for the linear coefficients at every point that `theta` broadcasts to."""
    terms = surface.terms(theta)
    with np.errstate(all="ignore"):
        rest, basis = target - terms[..., 0, :], terms[..., 1:, :]
        weighted = basis * weight
        normal = weighted @ np.swapaxes(basis, -1, -2)
        right = (weighted @ rest[..., None])[..., 0]
        length = np.sqrt(np.diagonal(normal, axis1=-2, axis2=-1))
        length = np.where(np.isfinite(length) & (length > 0), length, 1.0)
        unit = _finite(normal / (length[..., None, :] * length[..., :, None]))
        linear = signed_solve(unit, _finite(right / length), signs(surface)) / length
        left = rest - (linear[..., None, :] @ basis)[..., 0, :]
        squares = np.sum(weight * left**2, axis=-1)
    return Projected(linear, terms, np.where(np.isfinite(squares), squares, np.inf))


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


def signs(surface: Surface) -> Array:
    """+1 for linear coefficients that may not be negative, -1 for not positive, 0 for free."""
    low, high = (each[len(surface.nonlinear) :] for each in surface.box)
    return np.where(low == 0, 1.0, 0.0) - np.where(high == 0, 1.0, 0.0)


def signed_solve(normal: Array, right: Array, signs: Array) -> Array:
    """Least squares with signs: the best of all sets of coefficients held at 0.

    Few coefficients are linear, so all sets are tried (up to eight signed
    coefficients; with more, offenders are dropped one at a time).
    """
    solution = solve(normal, right, np.ones(right.shape, dtype=bool))
    wrong = np.any(solution * signs < 0, axis=-1)
    if wrong.any():
        signed = np.flatnonzero(signs)
        repair = _best_set if len(signed) <= 8 else _drop_offenders
        solution[wrong] = repair(normal[wrong], right[wrong], signs)
    return solution


def _best_set(normal: Array, right: Array, signs: Array) -> Array:
    """Try every set of signed coefficients held at 0 and keep what fits best."""
    signed = np.flatnonzero(signs)
    best, best_gain = np.zeros_like(right), np.zeros(right.shape[:-1])
    for count in range(1, len(signed) + 1):
        for held in itertools.combinations(signed, count):
            free = np.ones(right.shape, dtype=bool)
            free[..., list(held)] = False
            tried = solve(normal, right, free)
            feasible = np.all(tried * signs >= 0, axis=-1)
            gain = np.where(feasible, np.sum(tried * right, axis=-1), -1.0)
            better = gain > best_gain
            best[better], best_gain[better] = tried[better], gain[better]
    return best


def _drop_offenders(normal: Array, right: Array, signs: Array) -> Array:
    """Hold the worst coefficient of wrong sign at 0 until none is left."""
    free = np.ones(right.shape, dtype=bool)
    tried = right
    for _ in range(len(signs) + 1):
        tried = solve(normal, right, free)
        off = np.where(free, tried * signs, 0.0)
        worst = np.argmin(off, axis=-1)
        bad = np.take_along_axis(off, worst[..., None], axis=-1)[..., 0] < 0
        if not bad.any():
            break
        free[bad, worst[bad]] = False
    return np.where(tried * signs < 0, 0.0, tried)


def solve(normal: Array, right: Array, free: Mask) -> Array:
    """Solve many small normal equations at once; coefficients not `free` come out as 0.

    Elimination over the batch: for matrices this small it is many times faster
    than one library call per matrix. The columns have length 1, so the small
    ridge only decides between solutions that fit equally well.

    Parameters
    ----------
    normal : ndarray of shape (..., count, count)
    right : ndarray of shape (..., count)
    free : ndarray of bool, shape (..., count)

    Returns
    -------
    ndarray of shape (..., count)
    """
    count = right.shape[-1]
    a = np.where(free[..., None, :] & free[..., :, None], normal, 0.0)
    b = np.where(free, right, 0.0)
    diagonal = np.arange(count)
    a[..., diagonal, diagonal] = np.where(free, a[..., diagonal, diagonal] + 1e-14, 1.0)
    for k in range(count):
        pivot = np.maximum(a[..., k, k], 1e-15)
        for i in range(k + 1, count):
            factor = a[..., i, k] / pivot
            a[..., i, k:] -= factor[..., None] * a[..., k, k:]
            b[..., i] -= factor * b[..., k]
    for k in range(count - 1, -1, -1):
        later = np.sum(a[..., k, k + 1 :] * b[..., k + 1 :], axis=-1)
        b[..., k] = (b[..., k] - later) / np.maximum(a[..., k, k], 1e-15)
    return b


# -- downhill ------------------------------------------------------------------------


def _descend(surface: Surface, target: Array, weight: Array, u: Array) -> list[Minimum]:
    """Levenberg-Marquardt on the exponents alone, all starts at once; distinct ends."""
    low, high = (each[: len(surface.nonlinear)] for each in surface.box)
    typical, damping, done = surface.typical(u), np.full(len(u), 1e-2), np.zeros(len(u), dtype=bool)
    now = project(surface, target, weight, by_coefficient(surface.theta(u)))
    for _ in range(STEPS):
        gradient, curvature = _quadratic(surface, target, weight, surface.theta(u), now)
        stuck = ((u <= low) & (gradient < 0)) | ((u >= high) & (gradient > 0))
        size = np.sqrt(np.diagonal(curvature, axis1=1, axis2=2))
        foremost = np.max(size * typical, axis=1, keepdims=True, initial=1e-140)
        size = np.maximum(size, FAINT * foremost / typical)
        damped = curvature / (size[:, :, None] * size[:, None, :])
        damped += damping[:, None, None] * np.eye(u.shape[1])
        trial = np.clip(u + solve(damped, gradient / size, ~stuck) / size, low, high)
        then = project(surface, target, weight, by_coefficient(surface.theta(trial)))
        better = then.squares < now.squares
        done |= (better & (then.squares > (1 - ENOUGH) * now.squares)) | (damping > 1e6)
        u, now = np.where(better[:, None], trial, u), _choose(better, then, now)
        damping = np.where(better, damping / 5, damping * 5)
        if done.all():
            break
    return _distinct(surface, target, u, now)


def _quadratic(
    surface: Surface, target: Array, weight: Array, theta: Array, now: Projected
) -> tuple[Array, Array]:
    """Gradient and Gauss-Newton curvature of the projected squares, per start.

    The part of each slope that the linear coefficients can follow is projected
    out (Kaufman's form of variable projection).
    """
    slopes = _finite(surface.slopes(theta, now.linear) * surface.jump(theta)[..., None])
    used = now.linear != 0
    with np.errstate(all="ignore"):
        basis = now.terms[:, 1:, :]
        left = _finite(target - now.terms[:, 0, :] - (now.linear[:, None, :] @ basis)[:, 0, :])
        length = np.sqrt(np.sum(weight * basis**2, axis=-1))
        basis = _finite(basis / np.where(length > 0, length, 1.0)[..., None])
        inner = (basis * weight) @ np.swapaxes(basis, -1, -2)
        for k in range(slopes.shape[1]):
            across = ((slopes[:, k, None, :] * weight) @ np.swapaxes(basis, -1, -2))[:, 0]
            slopes[:, k] -= (solve(inner, across, used)[:, None, :] @ basis)[:, 0]
        gradient = np.sum(slopes * (weight * left)[:, None, :], axis=-1)
        curvature = (slopes * weight) @ np.swapaxes(slopes, -1, -2)
    return gradient, curvature


def _choose(better: Mask, then: Projected, now: Projected) -> Projected:
    return Projected(
        np.where(better[:, None], then.linear, now.linear),
        np.where(better[:, None, None], then.terms, now.terms),
        np.where(better, then.squares, now.squares),
    )


def _distinct(surface: Surface, target: Array, u: Array, now: Projected) -> list[Minimum]:
    """Ends whose curves differ visibly, best first."""
    kept: list[Minimum] = []
    curves: list[Array] = []
    visible = 1e-3 * float(np.ptp(target)) + 1e-12 * float(np.abs(target).max())
    for k in np.argsort(now.squares, kind="stable"):
        if not np.isfinite(now.squares[k]):
            break
        curve = now.terms[k, 0] + now.linear[k] @ now.terms[k, 1:]
        if all(np.max(np.abs(curve - other)) > visible for other in curves):
            curves.append(curve)
            q = np.concatenate([u[k], now.linear[k] * surface.scale(surface.theta(u[k]))])
            kept.append(Minimum(q, float(now.squares[k])))
    return kept
