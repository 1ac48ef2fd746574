"""How much each run would tell of a law: information, and the width that it leaves.

A run is a curve. Its rows share a shift (standard deviation u) and have noise of their own
(e). A fit of squares weighs rows by W, alike where nothing else was asked for, so with the
derivatives J of a run's rows by the coefficients, and V = e² I + u² 11', coefficients vary as
A^-1 B A^-1, where a run adds J'WJ to A and J'WVWJ to B. That is what the fit will really do:
the information J'V^-1 J would promise intervals that only a fit with these weights could keep.
Averages over refits, or over draws of a prior, take the curvature of the law in.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from p2law.declaring import Array, Mask, Whole
from p2law.designing.prior import Prior
from p2law.errors import FitError
from p2law.result import Fit
from p2law.result.knowing import Knowledge
from p2law.solving.gathering import WEIGHT
from p2law.solving.surface import Surface

VAGUE = 10.0
"""Standard deviation of a coordinate that no record tells, in its typical sizes: of a term, in
that of the target."""

EXACT = 1e-6
"""Least noise of rows, as a share of the target."""

PRIOR_DRAWS = 400
"""Draws that give the spread of a prior; the design is averaged over fewer."""


@dataclass(frozen=True)
class Ground:
    """What is known before, and a law at several guesses of its coefficients.

    Attributes
    ----------
    surface : Surface
        The law, free in all that the caller did not hold.
    q : ndarray of shape (guesses, free)
    before : ndarray of shape (2, guesses, free, free)
        A and B of the records, or of the prior.
    noise, run_noise : float
        Standard deviations e and u.
    log : bool
        Whether these are of the logarithm.
    per_run : float or None
        Weight of a run, where every run counts the same; None where rows do.
    hidden : (ndarray of bool, shape (free,), ndarray of shape (guesses, free)) or None
        Exponents that move nothing at `q`, as the term that each is in is held at 0, and the
        guesses with these terms there, where it is seen what they move.
    """

    surface: Surface
    q: Array
    before: Array
    noise: float
    run_noise: float
    log: bool
    per_run: float | None = None
    hidden: tuple[Mask, Array] | None = None

    def slopes(self, inputs: pd.DataFrame) -> Array:
        """Derivatives at some inputs by the coordinates: (guesses, free, rows)."""
        asked = self.surface.over([inputs[name].to_numpy() for name in self.surface.form.columns])
        found = asked.jacobian(self.q)
        if self.hidden is not None:
            which, there = self.hidden
            found = np.where(which[:, None], asked.jacobian(there), found)
        return np.asarray(np.nan_to_num(found, posinf=0.0, neginf=0.0))

    def told(self, inputs: pd.DataFrame) -> Array:
        """What one run adds to A and B: (2, guesses, free, free).

        Rows without a weight of their own have the mean one.
        """
        slopes = self.slopes(inputs)
        if self.log:
            slopes = slopes / self._levels(inputs)
        weight = np.ones(len(inputs))
        if self.per_run is not None:
            weight = weight * (self.per_run / len(inputs))
        elif WEIGHT in inputs:
            weight = inputs[WEIGHT].to_numpy()
        return added(slopes, self.noise, self.run_noise, weight)

    def _levels(self, inputs: pd.DataFrame) -> Array:
        asked = self.surface.over([inputs[name].to_numpy() for name in self.surface.form.columns])
        return asked.predict(self.q)[:, None, :]


def added(slopes: Array, noise: float, run_noise: float, weight: Array | float = 1.0) -> Array:
    """What derivatives (..., free, rows) of one run add to A and B: (2, ..., free, free)."""
    scale = noise**2 + run_noise**2
    weighted = slopes * weight
    whole = weighted @ np.swapaxes(slopes, -1, -2) / scale
    shared = weighted.sum(axis=-1) * (run_noise / scale)
    spread = weighted @ np.swapaxes(weighted, -1, -2) * (noise / scale) ** 2
    spread += shared[..., :, None] * shared[..., None, :]
    return np.stack([whole, spread])


def variances(known: Array, slopes: Array) -> Array:
    """Variances of predictions with derivatives (free, targets, ...): (targets, ...).

    `known` is (2, free, free, ...), symmetric: what stands below the diagonal is not read. Each
    step of the elimination is one for all these matrices. Diagonals are raised by a trifle, so
    that hardly anything told divides by no zero.
    """
    free = range(len(slopes))
    whole = [known[0, k, k:].copy() for k in free]
    spread = [known[1, k, k:] for k in free]
    shape = np.broadcast_shapes(slopes.shape[1:], whole[0].shape[1:])
    weights = np.array(np.broadcast_to(slopes, (len(slopes), *shape)))
    for row in whole:
        row[0] *= 1 + 1e-12
    for k in free:
        share = whole[k][1:] / whole[k][0]
        for i in free[k + 1 :]:
            whole[i] -= share[i - k - 1] * whole[k][i - k :]
        weights[k + 1 :] -= share[:, None] * weights[k]
    found = np.zeros(shape)
    for k in reversed(free):
        weights[k] -= np.sum(whole[k][1:, None] * weights[k + 1 :], axis=0)
        weights[k] /= whole[k][0]
        beside = 2 * np.sum(spread[k][1:, None] * weights[k + 1 :], axis=0)
        found += weights[k] * (beside + spread[k][0] * weights[k])
    return np.maximum(found, 0.0)


def ground(source: Fit | Prior, inputs: pd.DataFrame, guesses: int) -> Ground:
    """Stand on a fit, or on a prior over the inputs asked about."""
    return (
        _of_fit(source, guesses) if isinstance(source, Fit) else _of_prior(source, inputs, guesses)
    )


def _of_fit(fit: Fit, guesses: int) -> Ground:
    known = fit.known
    surface, log = known.full, known.problem.objective.log
    if known.problem.spare(known.problem.surface.coordinates(fit.values)) <= 0:
        raise FitError(
            f"{len(fit.records)} rows leave nothing over once the coefficients are fitted, so "
            f"nothing tells the noise; state it: planning.Prior(form, noise, run_noise, ranges)"
        )
    low, high = surface.box
    refits = known.of_refits(max(known.refits, guesses // 2 * 2)).draws.iloc[: guesses - 1]
    points = [dict(fit.values), *_named(refits.dropna())]
    q = np.array([np.clip(surface.coordinates(each), low, high) for each in points])
    noise, run_noise = components(known)
    table = fit.records
    if WEIGHT in table:
        table[WEIGHT] /= table[WEIGHT].mean()
    per_run = len(table) / table["run"].nunique() if fit.settings.weight == "run" else None
    hidden = _hidden(surface, q, fit.held)
    start = Ground(surface, q, np.zeros(()), noise, run_noise, log, per_run, hidden)
    told = [start.told(rows) for _, rows in table.groupby("run", sort=False)]
    size = np.where(np.isin(surface.names, surface.linear), _level(known), 1.0)
    vague = np.array([np.diag(1 / (VAGUE * size * surface.typical(each)) ** 2) for each in q])
    return replace(start, before=np.sum(told, axis=0) + vague[None])


def _hidden(surface: Surface, q: Array, held: Collection[str]) -> tuple[Mask, Array] | None:
    """Exponents that no record tells as their term is held at 0, and guesses with it there."""
    linear = np.isin(surface.names, surface.linear)
    out = linear & np.isin(surface.names, [*held])
    if not out.any():
        return None
    still = (surface.few().finite_jacobian(q) == 0).all(axis=(0, -1))
    return ~linear & still, np.where(out, surface.generic_point(), q)


def _of_prior(prior: Prior, inputs: pd.DataFrame, guesses: int) -> Ground:
    columns = {name: inputs[name].to_numpy() for name in prior.form.columns}
    surface = Surface(prior.form, columns)
    low, high = surface.box
    many = [surface.coordinates(each) for each in _named(prior.sample(PRIOR_DRAWS))]
    q = np.clip(np.array(many), low, high)
    spread = np.atleast_2d(np.cov(q.T)) + np.diag((1e-6 * surface.typical(q.mean(axis=0))) ** 2)
    before = np.broadcast_to(np.linalg.inv(spread), (2, guesses, *spread.shape))
    return Ground(surface, q[:guesses], before, prior.noise, prior.run_noise, log=False)


def _named(table: pd.DataFrame) -> list[dict[str, float]]:
    """Coefficients by name, one mapping a row."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.to_numpy().tolist()]


def components(known: Knowledge) -> tuple[float, float]:
    """Noise of single rows and of whole runs, from the deviations of a fit.

    Within runs the deviations from the run's mean tell the noise of rows; the means of
    runs tell the rest. Both are divided by what the coefficients leave over.
    """
    problem = known.problem
    off = problem.residuals(problem.surface.coordinates(known.values))
    codes: Whole = np.asarray(pd.factorize(known.records["run"])[0])
    count = np.bincount(codes)
    mean = np.bincount(codes, off) / count
    used, rows, runs = len(problem.surface.names), len(off), len(count)
    within = off - mean[codes]
    own = max(rows - runs - used / 2, 1.0) if rows > runs else 0.0
    noise2 = float(within @ within) / own if own else 0.0
    between = float(mean @ mean) / max(runs - used / 2, 1.0)
    shared = between - noise2 * float(np.mean(1 / count)) if own else 0.0
    noise2 = noise2 if own else between
    least = (EXACT * (1.0 if problem.objective.log else _level(known))) ** 2
    return float(np.sqrt(max(noise2, least))), float(np.sqrt(max(shared, 0.0)))


def _level(known: Knowledge) -> float:
    """How large the target is."""
    return float(np.mean(np.abs(known.problem.target)))
