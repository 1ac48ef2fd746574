"""Where to start looking: a grid over the exponents, or points that fill their ranges.

A grid is cheap because laws are made of powers of single inputs: broadcasting
computes each power once per axis, not once per point.
"""

from collections.abc import Callable, Sequence

import numpy as np

from p2law.declaring import Array, Mask, Whole
from p2law.solving.spreading import scattered
from p2law.solving.surface import Surface

GRID_SIDES = (64, 18, 12, 7)
"""Points per axis with one, two, three and four exponents."""

GRID_ROWS = 48
POINTS = 4096
STARTS = 12

REACHES = (10.0, 100.0, 1000.0)
"""By which factor a coefficient without bounds may differ from its default, and how far it may
lie from a default of 0: farther where the best end lies outside what was searched."""


def spread_rows(surface: Surface, most: int, values: int = 0) -> Whole:
    """Indices of at most so many rows, spread over the design, whatever the order of a table.

    Where some are left out, one row more for each value of every input that has no more values
    than `values`.
    """
    if surface.rows <= most:
        return np.arange(surface.rows)
    order = np.lexsort(surface.columns)
    found = [order[scattered(surface.rows, most)]]
    for column in surface.columns if values else ():
        if len(np.unique(column[scattered(len(column), 100 * values)])) <= values:
            first = np.unique(column[order], return_index=True)[1]
            found += [order[first]] if len(first) <= values else []
    return np.concatenate(found)


def low_points(
    surface: Surface, squares: Callable[[Sequence[Array]], Array], seed: int, reach: float
) -> Array:
    """Coordinates of exponents worth descending from.

    Parameters
    ----------
    surface : Surface
        Its rows say where coefficients in the unit of an input are looked for.
    squares : callable
        Sum of squares at every point that one array per exponent broadcasts to.
    seed : int
        Shifts the points where there are too many exponents for a grid.
    reach : float
        One of `REACHES`.

    Returns
    -------
    ndarray of shape (starts, exponents)
        Lowest points first, then the default of the law.
    """
    ranges = [_search_range(surface, name, reach) for name in surface.nonlinear]
    if len(ranges) <= len(GRID_SIDES):
        axes = [_axis(*each, GRID_SIDES[len(ranges) - 1]) for each in ranges]
        heights = squares(np.meshgrid(*axes, indexing="ij", sparse=True))
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(ranges))
        worth = (_is_low(heights) & np.isfinite(heights)).ravel()
    else:
        points = _fill(ranges, seed)
        heights = np.concatenate([squares(list(each.T)) for each in np.array_split(points, 64)])
        worth = np.isfinite(heights)
    lowest = np.flatnonzero(worth)
    best = lowest[np.argsort(heights.ravel()[lowest], kind="stable")][:STARTS]
    default = surface.generic_point()[: len(ranges)]
    return np.vstack([surface.coordinate(points[best]), default])


def searched(surface: Surface, theta: Array, reach: float) -> bool:
    """Tell whether coefficients without bounds lie where `low_points` looked for them."""
    low, high = np.array([_search_range(surface, name, reach) for name in surface.nonlinear]).T
    low_bound, high_bound = (each[: len(theta)] for each in surface.box)
    inside = ((theta >= low) | ~np.isinf(low_bound)) & ((theta <= high) | ~np.isinf(high_bound))
    return bool(inside.all())


def _search_range(surface: Surface, name: str, reach: float) -> tuple[float, float]:
    """Where to look for a non-linear coefficient: its bounds, or what the data suggest."""
    bounds, start = surface.freedom.bounds[name], surface.freedom.start(name)
    low, high = bounds.least, bounds.most
    for each, column in zip(surface.form.inputs, surface.columns, strict=True):
        if bounds.log and bounds.unit == each.domain.unit and np.any(column > 0):
            low = max(low, 1e-2 * float(column[column > 0].min()))
            high = min(high, 1e2 * float(column.max()))
    # A default of 0 says nothing of a size: it is looked around as far as from 1, either way.
    nearest, farthest = sorted((start / reach, start * reach)) if start else (-reach, reach)
    low = nearest if np.isinf(low) else low
    high = farthest if np.isinf(high) else high
    return (low, high) if low < high else (bounds.least, bounds.most)


def _axis(low: float, high: float, points: int) -> Array:
    """Middles of equal cells, equal on a logarithmic scale where the range spans decades."""
    middles = (np.arange(points) + 0.5) / points
    if low * high > 0 and max(high / low, low / high) > 20:
        return np.asarray(low * (high / low) ** middles)
    return np.asarray(low + (high - low) * middles)


def _fill(ranges: Sequence[tuple[float, float]], seed: int) -> Array:
    """Points that fill the ranges evenly: an additive recurrence, shifted by the seed."""
    # Its steps are powers of the generalised golden ratio, the root of x^(d + 1) = x + 1.
    golden = 2.0
    for _ in range(64):
        golden = (1 + golden) ** (1 / (len(ranges) + 1))
    steps = golden ** -np.arange(1.0, len(ranges) + 1)
    shift = np.random.default_rng(seed).random(len(ranges))
    unit = (shift + np.arange(1, POINTS + 1)[:, None] * steps) % 1
    cells = np.minimum((unit * POINTS).astype(np.intp), POINTS - 1)
    return np.stack([_axis(*each, POINTS)[cells[:, k]] for k, each in enumerate(ranges)], axis=-1)


def _is_low(heights: Array) -> Mask:
    """Grid points that no neighbour along an axis undercuts."""
    low = np.ones(heights.shape, dtype=bool)
    for axis in range(heights.ndim):
        ahead, behind = np.moveaxis(heights, axis, 0)[1:], np.moveaxis(heights, axis, 0)[:-1]
        along = np.moveaxis(low, axis, 0)
        along[:-1] &= ahead >= behind
        along[1:] &= ahead <= behind
    return low
