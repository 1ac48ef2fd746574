"""How large the deviations of runs are, and how well that is known.

The residuals of a fit are smaller than the deviations that made it: the law has followed
these with its coefficients, between runs above all, where few runs stand against them. So
the sizes are those that make most likely what the law cannot follow (restricted maximum
likelihood), with a weak prior where few runs tell little; the curvature there says how well
they are known. Where the runs hardly tell the level, levels are supposed to differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from p2law.declaring import Array
from p2law.deviations import Along, Deviations, Strayed
from p2law.resampling import FEW

PRIOR_SPREAD = np.array([1.5, 1.0, 1.5, 0.7, 1.5])
"""Standard deviations of the logarithms of the five sizes before any run is seen."""

USUAL_SPEED = 0.3

SUPPOSED, SUPPOSED_RUNS = 0.02, 2
"""Levels differ by this share of the loss before any two runs are seen; that counts as much as
so many differences between runs."""

STEP = 0.01
"""Step in the logarithms of the sizes, of which the curvature is made."""

FAR = 12.0
"""How far from the usual ones the logarithms of the sizes are looked for."""


@dataclass(frozen=True, eq=False)
class _Alike:
    """Runs with the same number of rows, worked on at once.

    Attributes
    ----------
    along : Along
        Its arrays are of shape (runs, rows).
    right : ndarray of shape (runs, rows, 1 + ways)
        How far they lie from the law; then the ways in which it can go, as orthogonal ones.
    """

    along: Along
    right: Array


def deviations(runs: Sequence[Strayed]) -> Deviations:
    """Most likely sizes of the deviations of fitted runs.

    Parameters
    ----------
    runs : sequence of Strayed

    Returns
    -------
    Deviations
    """
    from scipy.optimize import minimize

    size = float(np.sqrt(np.mean(np.concatenate([each.off for each in runs]) ** 2)))
    size = max(size, 1e-6 * float(np.mean(np.abs(runs[0].along.law))))
    usual = np.log([size, USUAL_SPEED, size / 2, 1.0, size / 3])
    groups = _alike(runs)

    def unlikely(logs: Array) -> tuple[float, Array]:
        strange = (logs - usual) / PRIOR_SPREAD
        value, slope = _unlikely(_sizes(logs, len(runs)), groups)
        return 0.5 * float(strange @ strange) + value, strange / PRIOR_SPREAD + slope

    box = list(zip(usual - FAR, usual + FAR, strict=True))
    best = minimize(unlikely, usual, jac=True, method="L-BFGS-B", bounds=box).x
    found = replace(_sizes(best, len(runs)), doubt=_doubt(lambda logs: unlikely(logs)[1], best))
    return found if len(runs) >= FEW else _of_few(found, runs)


def _sizes(logs: Array, runs: int) -> Deviations:
    """Sizes from their logarithms."""
    level, speed, drift, reach, noise = np.exp(logs).tolist()
    return Deviations(level, speed, drift, reach, noise, runs, np.zeros((5, 5)))


def _alike(runs: Sequence[Strayed]) -> list[_Alike]:
    """The runs, stacked by how many rows they have."""
    whole = np.hstack([each.ways for each in runs])
    length = np.sqrt(np.sum(whole**2, axis=1))
    told = length > 0
    _, size, ways = np.linalg.svd(whole[told] / length[told, None], full_matrices=False)
    ways = ways[size > 1e-9 * size.max(initial=0.0)]
    counts = [len(each.off) for each in runs]
    parts = np.split(ways, np.cumsum(counts)[:-1], axis=1)
    out = []
    for count in sorted(set(counts)):
        own = [k for k, each in enumerate(counts) if each == count]
        right = [np.column_stack([runs[k].off, parts[k].T]) for k in own]
        out.append(_Alike(Along.stacked([runs[k].along for k in own]), np.stack(right)))
    return out


def _unlikely(sizes: Deviations, groups: Sequence[_Alike]) -> tuple[float, Array]:
    """Negative logarithm of the density of what the law cannot follow, but for a constant.

    Then its slopes by the logarithms of the sizes.
    """
    try:
        whitened = [_whitened(sizes, each) for each in groups]
        products = np.sum([each for _, _, _, each in whitened], axis=0)
        factor = np.linalg.cholesky(products[1:, 1:])
    except np.linalg.LinAlgError:
        return 1e10, np.zeros(5)
    inner = np.linalg.inv(products[1:, 1:])
    followed = inner @ products[1:, 0]
    value = sum(each for _, _, each, _ in whitened) + float(np.log(np.diag(factor)).sum())
    value += 0.5 * float(products[0, 0] - products[0, 1:] @ followed)
    slope = np.zeros(5)
    for group, (inverse, pulled, _, _) in zip(groups, whitened, strict=True):
        pull, ways = pulled[..., 0] - pulled[..., 1:] @ followed, pulled[..., 1:]
        moved = inverse - ways @ inner @ np.swapaxes(ways, -1, -2)
        moved -= pull[..., :, None] * pull[..., None, :]
        slope[:4] += 0.5 * np.sum(moved * sizes.by_size(group.along, group.along), axis=(1, 2, 3))
        slope[4] += sizes.noise**2 * float(np.trace(moved, axis1=-2, axis2=-1).sum())
    return value, slope


def _whitened(sizes: Deviations, group: _Alike) -> tuple[Array, Array, float, Array]:
    """Inverse covariance of each run, that times `right`, half its log determinant, products."""
    rows = group.right.shape[1]
    matrix = sizes.covariance(group.along, group.along) + sizes.noise**2 * np.eye(rows)
    diagonal = np.diagonal(np.linalg.cholesky(matrix), axis1=-2, axis2=-1)
    inverse = np.asarray(np.linalg.inv(matrix), dtype=float)
    pulled = inverse @ group.right
    products = np.asarray(np.einsum("rni,rnj->ij", group.right, pulled), dtype=float)
    return inverse, pulled, float(np.log(diagonal).sum()), products


def _doubt(slope: Callable[[Array], Array], best: Array) -> Array:
    """Covariance of the logarithms of the sizes, never wider than before any run is seen."""
    steps = STEP * np.eye(len(best))
    curvature = np.array([slope(best + step) - slope(best - step) for step in steps]) / (2 * STEP)
    prior = np.outer(PRIOR_SPREAD, PRIOR_SPREAD)
    size, ways = np.linalg.eigh(prior * (curvature + curvature.T) / 2)
    return np.asarray(prior * ((ways / np.maximum(size, 1.0)) @ ways.T))


def _of_few(found: Deviations, runs: Sequence[Strayed]) -> Deviations:
    """The same with a level that so few runs can vouch for."""
    count, freedom = len(runs), SUPPOSED_RUNS + len(runs) - 1
    size = SUPPOSED * float(np.mean(np.abs(np.concatenate([each.along.law for each in runs]))))
    variance = (SUPPOSED_RUNS * size**2 + count * found.level**2) / freedom
    # The law goes through the mean of these runs, which lies off itself.
    level = float(np.sqrt(variance * (1 + 1 / count)))
    doubt = found.doubt.copy()
    doubt[0], doubt[:, 0] = 0.0, 0.0
    doubt[0, 0] = 1 / (2 * freedom)
    return replace(found, level=level, doubt=doubt, supposed=True)
