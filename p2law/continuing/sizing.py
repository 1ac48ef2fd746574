"""How large the deviations of runs are, and how well that is known.

The residuals of a fit are smaller than the deviations that made it: the law has followed
these with its coefficients, between runs above all, where few runs stand against them. So
they are first made as large as they were (`deviations.freed`). The sizes are those that make
them most likely, with a weak prior where few runs tell little; the curvature there says how
well they are known. Of very few runs the law takes the level for its own: then levels are
supposed to differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from p2law.continuing.deviations import Along, Deviations, Strayed
from p2law.declaring import Array
from p2law.solving.resampling import FEW

PRIOR_SPREAD = np.array([1.5, 1.0, 1.5, 0.7, 1.5])
"""Standard deviations of the logarithms of the five sizes before any run is seen."""

USUAL_SPEED = 0.3

SUPPOSED, SUPPOSED_RUNS = 0.02, 2
"""Levels differ by this share of the loss before any two runs are seen; that counts as much as
so many differences between runs."""

STEP = 0.01
"""Step in the logarithms of the sizes, of which the curvature is made."""

LEAST = 1e-6
"""Share of the loss that is noise at least: losses are written with so many digits."""

FAR = 12.0
"""How far from the usual ones the logarithms of the sizes are looked for."""


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

    size = float(np.sqrt(np.mean(np.concatenate([each.freed for each in runs]) ** 2)))
    least = LEAST * float(np.mean(np.abs(runs[0].along.law)))
    size = max(size, 3 * least)
    usual = np.log([size, USUAL_SPEED, size / 2, 1.0, size / 3])
    groups = _alike(runs)

    def unlikely(logs: Array) -> tuple[float, Array]:
        strange = (logs - usual) / PRIOR_SPREAD
        value, slope = _unlikely(_sizes(logs, len(runs)), groups)
        return 0.5 * float(strange @ strange) + value, strange / PRIOR_SPREAD + slope

    low = usual - FAR
    low[-1] = max(low[-1], np.log(least))
    box = list(zip(low, usual + FAR, strict=True))
    best = minimize(unlikely, usual, jac=True, method="L-BFGS-B", bounds=box).x
    doubt = _doubt(lambda logs: unlikely(logs)[1], best)
    # The levels of so many runs tell no more than those of fewer that nothing has followed.
    count = sum(1 - each.followed for each in runs)
    known = np.array([np.sqrt(len(runs) / max(count, 1.0)), 1.0, 1.0, 1.0, 1.0])
    found = replace(_sizes(best, len(runs)), doubt=doubt * np.outer(known, known))
    return found if len(runs) >= FEW else _of_few(found, runs)


def _sizes(logs: Array, runs: int) -> Deviations:
    """Sizes from their logarithms."""
    level, speed, drift, reach, noise = np.exp(logs).tolist()
    return Deviations(level, speed, drift, reach, noise, runs, np.zeros((5, 5)))


def _alike(runs: Sequence[Strayed]) -> list[tuple[Along, Array]]:
    """The runs and their deviations, (runs, rows), stacked by how many rows they have."""
    out = []
    for count in sorted({len(each.freed) for each in runs}):
        own = [each for each in runs if len(each.freed) == count]
        out.append((Along.stacked([each.along for each in own]), np.stack([e.freed for e in own])))
    return out


def _unlikely(sizes: Deviations, groups: Sequence[tuple[Along, Array]]) -> tuple[float, Array]:
    """Negative logarithm of the density of deviations, but for a constant.

    Then its slopes by the logarithms of the sizes.
    """
    value, slope = 0.0, np.zeros(5)
    for along, off in groups:
        matrix = sizes.covariance(along, along) + sizes.noise**2 * np.eye(off.shape[1])
        try:
            diagonal = np.diagonal(np.linalg.cholesky(matrix), axis1=-2, axis2=-1)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros(5)
        inverse = np.linalg.inv(matrix)
        pull = (inverse @ off[..., None])[..., 0]
        value += float(np.log(diagonal).sum() + 0.5 * np.sum(off * pull))
        moved = inverse - pull[..., :, None] * pull[..., None, :]
        slope[:4] += 0.5 * np.sum(moved * sizes.by_size(along, along), axis=(1, 2, 3))
        slope[4] += sizes.noise**2 * float(np.trace(moved, axis1=-2, axis2=-1).sum())
    return value, slope


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
