"""Variable projection: where a fit starts, without anybody's guess.

Once the exponents are held, most laws are linear in what is left, and the best
linear coefficients follow from one small solve. So only the exponents are
searched: on a grid, all points at once, then downhill from every low point.
Squared residuals only; `fitting` polishes with the true objective.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array
from p2law.surface import Surface, per_exponent

GRID_POINTS = 4096
GRID_SIDES = (64, 24, 12, 7)
GRID_ROWS = 64
DESCENT_ROWS = 256
STARTS = 12
STEPS = 60
ENOUGH = 1e-6
"""Relative gain of a step below which a descent ends; the polish does the rest."""


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
        only = project(surface, target, weight, [])
        return [Minimum(only.linear * surface.scale(np.zeros(0)), float(only.squares))]
    few = _spread_rows(surface, GRID_ROWS)
    starts = _low_points(surface.at_rows(few), target[few], weight[few], seed)
    some = _spread_rows(surface, DESCENT_ROWS)
    return _descend(surface.at_rows(some), target[some], weight[some], starts)


def _spread_rows(surface: Surface, most: int) -> Array:
    """At most so many rows, spread evenly over the design."""
    if surface.rows <= most:
        return np.arange(surface.rows)
    order = np.lexsort(surface.columns)
    return order[np.linspace(0, surface.rows - 1, most).round().astype(int)]


# -- the grid ---------------------------------------------------------------------


def _low_points(surface: Surface, target: Array, weight: Array, seed: int) -> Array:
    """Coordinates of exponents worth descending from, shape (starts, exponents)."""
    ranges = [_search_range(surface, name) for name in surface.nonlinear]
    default = surface.theta(surface.generic_point()[: len(ranges)])
    if len(ranges) <= len(GRID_SIDES):
        axes = [_axis(*each, GRID_SIDES[len(ranges) - 1]) for each in ranges]
        mesh = np.meshgrid(*axes, indexing="ij", sparse=True)
        found = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(ranges))
        squares = project(surface, target, weight, mesh).squares
        worth = _is_low(squares).ravel() & np.isfinite(squares).ravel()
    else:
        found = _low_discrepancy(ranges, seed)
        parts = np.array_split(found, GRID_POINTS // 64)
        squares = np.concatenate(
            [project(surface, target, weight, list(each.T)).squares for each in parts]
        )
        worth = np.isfinite(squares)
    lowest = np.flatnonzero(worth)
    best = lowest[np.argsort(squares.ravel()[lowest], kind="stable")][:STARTS]
    return surface.coordinate(np.vstack([found[best], default]))


def _search_range(surface: Surface, name: str) -> tuple[float, float]:
    """Where to look for a non-linear coefficient: its bounds, or what the data suggest."""
    bounds = surface.bounds[name]
    start = min(max(surface.form.coefficient(name).start, bounds.least), bounds.most)
    low, high = bounds.least, bounds.most
    for each, column in zip(surface.form.inputs, surface.columns, strict=True):
        if bounds.log and bounds.unit == each.domain.unit and np.any(column > 0):
            low = max(low, 1e-2 * float(column[column > 0].min()))
            high = min(high, 1e2 * float(column.max()))
    reach = sorted((start / 10, start * 10)) if start else (-1.0, 1.0)
    low = reach[0] if np.isinf(low) else low
    high = reach[1] if np.isinf(high) else high
    return (low, high) if low < high else (bounds.least, bounds.most)


def default_point(surface: Surface, target: Array, weight: Array) -> Array:
    """Coordinates of the law's own default exponents with the best linear coefficients."""
    u = surface.generic_point()[: len(surface.nonlinear)]
    theta = surface.theta(u)
    linear = project(surface, target, weight, list(theta)).linear
    return np.concatenate([u, linear * surface.scale(theta)])


def _axis(low: float, high: float, points: int) -> Array:
    """Middles of equal cells, equal on a logarithmic scale where the range spans decades."""
    middles = (np.arange(points) + 0.5) / points
    if low > 0 and high / low > 20:
        return np.asarray(low * (high / low) ** middles)
    return np.asarray(low + (high - low) * middles)


def _low_discrepancy(ranges: Sequence[tuple[float, float]], seed: int) -> Array:
    """Points that fill the ranges evenly: an additive recurrence, shifted by the seed."""
    # The generalised golden ratio of this dimension (the root of x^(d+1) = x + 1).
    golden = 2.0
    for _ in range(64):
        golden = (1 + golden) ** (1 / (len(ranges) + 1))
    steps = golden ** -np.arange(1.0, len(ranges) + 1)
    shift = np.random.default_rng(seed).random(len(ranges))
    unit = (shift + np.arange(1, GRID_POINTS + 1)[:, None] * steps) % 1
    axes = [_axis(*each, GRID_POINTS) for each in ranges]
    picks = np.minimum((unit * GRID_POINTS).astype(int), GRID_POINTS - 1)
    return np.stack([axis[pick] for axis, pick in zip(axes, picks.T, strict=True)], axis=-1)


def _is_low(squares: Array) -> Array:
    """Grid points that no neighbour along an axis undercuts."""
    low = np.ones(squares.shape, dtype=bool)
    for axis in range(squares.ndim):
        ahead = [slice(None)] * squares.ndim
        behind = [slice(None)] * squares.ndim
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        rises = squares[tuple(ahead)] >= squares[tuple(behind)]
        falls = squares[tuple(ahead)] <= squares[tuple(behind)]
        low[tuple(behind)] &= rises
        low[tuple(ahead)] &= falls
    return low


# -- the linear coefficients ---------------------------------------------------------


@dataclass(frozen=True)
class Projected:
    """Best linear coefficients at given exponents: raw coefficients, terms, squares."""

    linear: Array
    terms: Array
    squares: Array


def project(
    surface: Surface, target: Array, weight: Array, theta: Sequence[Array]
) -> Projected:
    """Solve for the linear coefficients at every point that `theta` broadcasts to."""
    terms = surface.terms(theta)
    with np.errstate(all="ignore"):
        rest, basis = target - terms[..., 0, :], terms[..., 1:, :]
        weighted = basis * weight
        normal = weighted @ np.swapaxes(basis, -1, -2)
        right = (weighted @ rest[..., None])[..., 0]
        length = np.sqrt(np.diagonal(normal, axis1=-2, axis2=-1))
        sound = np.isfinite(length) & (length > 0)
        length = np.where(sound, length, 1.0)
        linear = _signed_solve(
            _clean(normal / (length[..., None, :] * length[..., :, None])),
            _clean(right / length),
            _signs(surface),
        )
        linear = linear / length
        left = rest - (linear[..., None, :] @ basis)[..., 0, :]
        squares = np.sum(weight * left**2, axis=-1)
    return Projected(linear, terms, np.where(np.isfinite(squares), squares, np.inf))


def _clean(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


def _signs(surface: Surface) -> Array:
    """+1 for linear coefficients that may not be negative, -1 for not positive, 0 for free."""
    low, high = (each[len(surface.nonlinear) :] for each in surface.box)
    return (low == 0) * 1 - (high == 0) * 1


def _signed_solve(normal: Array, right: Array, signs: Array) -> Array:
    """Least squares with signs: the best of all sets of coefficients held at 0.

    Few coefficients are linear, so all sets are tried (up to eight signed
    coefficients; with more, offenders are dropped one at a time).
    """
    signed = np.flatnonzero(signs)
    solution = _solve(normal, right, np.ones_like(right, dtype=bool))
    wrong = np.any(solution * signs < 0, axis=-1)
    if not wrong.any():
        return solution
    normal, right = normal[wrong], right[wrong]
    if len(signed) > 8:
        solution[wrong] = _drop_offenders(normal, right, signs)
        return solution
    best = np.zeros_like(right)
    best_gain = np.zeros(right.shape[:-1])
    for held in itertools.chain.from_iterable(
        itertools.combinations(signed, count) for count in range(1, len(signed) + 1)
    ):
        free = np.ones(right.shape, dtype=bool)
        free[..., list(held)] = False
        tried = _solve(normal, right, free)
        gain = np.where(np.any(tried * signs < 0, axis=-1), -1.0, np.sum(tried * right, axis=-1))
        better = gain > best_gain
        best[better], best_gain[better] = tried[better], gain[better]
    solution[wrong] = best
    return solution


def _drop_offenders(normal: Array, right: Array, signs: Array) -> Array:
    """Hold the worst coefficient of wrong sign at 0 until none is left."""
    free = np.ones(right.shape, dtype=bool)
    for _ in range(len(signs)):
        tried = _solve(normal, right, free)
        off = np.where(free, tried * signs, 0.0)
        worst = np.argmin(off, axis=-1)
        bad = np.take_along_axis(off, worst[..., None], axis=-1)[..., 0] < 0
        if not bad.any():
            break
        free[bad, worst[bad]] = False
    return np.where(tried * signs < 0, 0.0, tried)


def _solve(normal: Array, right: Array, free: Array) -> Array:
    """Solve many small normal equations at once; coefficients not `free` come out as 0.

    Elimination over the batch: for matrices this small it is many times faster
    than one library call per matrix. The columns have length 1, so the small
    ridge only decides between solutions that fit equally well.
    """
    count = right.shape[-1]
    both = free[..., None, :] & free[..., :, None]
    a = np.where(both, normal, 0.0)
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
    damping, done = np.full(len(u), 1e-2), np.zeros(len(u), dtype=bool)
    now = project(surface, target, weight, per_exponent(surface.theta(u)))
    for _ in range(STEPS):
        gradient, curvature = _quadratic(surface, target, weight, surface.theta(u), now)
        blocked = ((u <= low) & (gradient < 0)) | ((u >= high) & (gradient > 0))
        gradient = np.where(blocked, 0.0, gradient)
        curvature = np.where(blocked[:, None, :] | blocked[:, :, None], 0.0, curvature)
        size = np.maximum(np.diagonal(curvature, axis1=1, axis2=2), 1e-300)
        root = np.sqrt(size)
        damped = curvature / (root[:, :, None] * root[:, None, :])
        damped = damped + damping[:, None, None] * np.eye(u.shape[1])
        step = _solve(damped, gradient / root, ~blocked) / root
        trial = np.clip(u + step, low, high)
        then = project(surface, target, weight, per_exponent(surface.theta(trial)))
        better = then.squares < now.squares
        gain = np.where(better, 1 - then.squares / now.squares, 0.0)
        u = np.where(better[:, None], trial, u)
        now = _choose(better, then, now)
        damping = np.where(better, damping / 5, damping * 5)
        done |= (better & (gain < ENOUGH)) | (damping > 1e6)
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
    slopes = surface.stacked_slopes(theta, now.linear) * surface.jump(theta)[..., None]
    basis = now.terms[:, 1:, :] * (now.linear != 0)[..., None]
    with np.errstate(all="ignore"):
        left = target - now.terms[:, 0, :] - (now.linear[:, None, :] @ basis)[:, 0, :]
        length = np.sqrt(np.sum(weight * basis**2, axis=-1))
        basis = _clean(basis / np.where(length > 0, length, 1.0)[..., None])
        slopes, left = _clean(slopes), _clean(left)
        across = (slopes * weight) @ np.swapaxes(basis, -1, -2)
        inner = (basis * weight) @ np.swapaxes(basis, -1, -2)
        followed = np.stack(
            [_solve(inner, across[:, k], now.linear != 0) for k in range(slopes.shape[1])], axis=1
        ) if slopes.shape[1] else across
        free = slopes - followed @ basis
        gradient = np.sum(free * (weight * left)[:, None, :], axis=-1)
        curvature = (free * weight) @ np.swapaxes(free, -1, -2)
    return gradient, curvature


def _choose(better: Array, then: Projected, now: Projected) -> Projected:
    return Projected(
        np.where(better[:, None], then.linear, now.linear),
        np.where(better[:, None, None], then.terms, now.terms),
        np.where(better, then.squares, now.squares),
    )


def _distinct(surface: Surface, target: Array, u: Array, now: Projected) -> list[Minimum]:
    """Ends whose curves differ visibly, best first."""
    kept: list[Minimum] = []
    curves: list[Array] = []
    visible = 1e-3 * float(np.ptp(target)) + 1e-12
    for k in np.argsort(now.squares, kind="stable"):
        if not np.isfinite(now.squares[k]):
            continue
        curve = now.terms[k, 0] + now.linear[k] @ now.terms[k, 1:]
        if all(np.max(np.abs(curve - other)) > visible for other in curves):
            curves.append(curve)
            q = np.concatenate([u[k], now.linear[k] * surface.scale(surface.theta(u[k]))])
            kept.append(Minimum(q, float(now.squares[k])))
    return kept
