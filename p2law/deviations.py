"""How the runs of a fit stray from its law: in level, in speed, in drift, in noise.

A run lies above or below the law as a whole (level), is ahead of it or behind as if it
had seen more tokens or fewer (speed), wanders (drift, forgotten over some stretch of
ln(tokens)), and each checkpoint has noise of its own. How large each of these is, the
residuals of the fit tell: the most likely sizes, held by a weak prior where few runs
tell little. Of very few runs the law takes the level for its own: then levels are
supposed to differ, and their size counts as known from no more than these runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from p2law.declaring import Array, Whole
from p2law.resampling import FEW
from p2law.result import Fit

TOKENS = "tokens"

STEP = 1e-3
"""Step in ln(tokens) of the slope of the law."""

PRIOR_SPREAD = (1.5, 1.0, 1.5, 0.7, 1.5)
"""Standard deviations of the logarithms of the five sizes before any run is seen."""

USUAL_SPEED = 0.3

SUPPOSED, SUPPOSED_RUNS = 0.02, 2
"""Levels differ by this share of the loss before any two runs are seen; that counts as much as
so many differences between runs."""

ENOUGH_RUNS = 9
"""With fewer fitted runs to try a forecast on, a 90 % quantile of its errors says nothing."""

NORMAL_90 = 1.6448536269514722

MOST_RUNS, MOST_ROWS = 60, 40
"""So many runs, and rows of each, are looked at; more would tell the same."""


@dataclass(frozen=True)
class Along:
    """A law along one run, at some token counts.

    Attributes
    ----------
    ln_tokens, law, slope : ndarray of shape (rows,)
        The law, and its derivative by ln(tokens), in the unit of the target.
    """

    ln_tokens: Array
    law: Array
    slope: Array

    @classmethod
    def of(cls, fit: Fit, inputs: dict[str, Array]) -> "Along":
        """Lay the law of a fit along inputs."""
        with np.errstate(all="ignore"):
            here, more, less = (_law(fit, inputs, np.exp(step)) for step in (0.0, STEP, -STEP))
        return cls(np.log(inputs[TOKENS]), here, (more - less) / (2 * STEP))

    def at(self, rows: Whole) -> "Along":
        """The same law at some of the rows."""
        return Along(self.ln_tokens[rows], self.law[rows], self.slope[rows])


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of what sets a run apart from the law.

    Attributes
    ----------
    level : float
        Of a shift of the whole run, in the unit of the target.
    speed : float
        Of the logarithm of a factor on its tokens, to first order.
    drift : float
        Of what wanders along it, in the unit of the target.
    reach : float
        Stretch of ln(tokens) over which drift is forgotten.
    noise : float
        Of single checkpoints, in the unit of the target.
    runs : int
        How many runs tell this.
    freedom : float
        How many differences between runs the level rests on; infinite where there are enough.
    """

    level: float
    speed: float
    drift: float
    reach: float
    noise: float
    runs: int
    freedom: float = np.inf

    def quantile(self, level: float) -> float:
        """Half the width of an interval, in standard deviations: wider where few runs tell it."""
        if np.isinf(self.freedom):
            return NormalDist().inv_cdf((1 + level) / 2)
        from scipy.stats import t

        return float(t.ppf((1 + level) / 2, self.freedom))

    def covariance(self, one: Along, other: Along) -> Array:
        """Covariance of a run's deviations at two sets of token counts, noise left out."""
        apart = np.abs(np.subtract.outer(one.ln_tokens, other.ln_tokens))
        drift = self.drift**2 * np.exp(-apart / self.reach)
        return np.asarray(self.level**2 + self.speed**2 * np.outer(one.slope, other.slope) + drift)


@dataclass(frozen=True)
class Strayed:
    """One fitted run: the law along it, and how far it lies from that."""

    along: Along
    off: Array


def _law(fit: Fit, inputs: dict[str, Array], factor: float) -> Array:
    """The law at so many times the tokens."""
    there = {**inputs, TOKENS: inputs[TOKENS] * factor}
    found = fit.form.function(*(there[name] for name in fit.form.columns), **fit.values)
    return np.broadcast_to(found, inputs[TOKENS].shape)


def strayed(fit: Fit) -> list[Strayed]:
    """The fitted runs, each with its residuals; of many runs and rows a spread-out choice."""
    table = fit.residuals()
    along = Along.of(fit, {name: table[name].to_numpy() for name in fit.form.columns})
    off, out = table["residual"].to_numpy(), []
    groups = [np.asarray(each) for each in table.groupby("run", sort=False).indices.values()]
    for rows in _some(groups, MOST_RUNS):
        ordered = rows[np.argsort(along.ln_tokens[rows], kind="stable")]
        few = ordered[_spread(len(ordered), MOST_ROWS)]
        out.append(Strayed(along.at(few), off[few]))
    return out


def deviations(runs: list[Strayed]) -> Deviations:
    """Most likely sizes of the deviations of fitted runs.

    Parameters
    ----------
    runs : list of Strayed

    Returns
    -------
    Deviations
    """
    from scipy.optimize import minimize

    size = float(np.sqrt(np.mean(np.concatenate([each.off for each in runs]) ** 2)))
    size = max(size, 1e-6 * float(np.mean(np.abs(runs[0].along.law))))
    usual = np.log([size, USUAL_SPEED, size / 2, 1.0, size / 3])

    def unlikely(logs: Array) -> float:
        strange = (logs - usual) / np.array(PRIOR_SPREAD)
        found = _sizes(logs, len(runs))
        return 0.5 * float(strange @ strange) + sum(_unlikely(found, each) for each in runs)

    best = minimize(unlikely, usual, method="L-BFGS-B")
    found = _sizes(best.x, len(runs))
    return found if len(runs) >= FEW else _of_few(found, runs)


def _of_few(found: Deviations, runs: Sequence[Strayed]) -> Deviations:
    """The same with a level that so few runs can vouch for."""
    count, freedom = len(runs), SUPPOSED_RUNS + len(runs) - 1
    size = SUPPOSED * float(np.mean(np.abs(np.concatenate([each.along.law for each in runs]))))
    variance = (SUPPOSED_RUNS * size**2 + count * found.level**2) / freedom
    # The law goes through the mean of these runs, which lies off itself.
    level = float(np.sqrt(variance * (1 + 1 / count)))
    return replace(found, level=level, freedom=float(freedom))


def forecast_of(run: Strayed, sizes: Deviations, ahead: float) -> tuple[float, float] | None:
    """Forecast the end of a fitted run from its beginning.

    Parameters
    ----------
    run : Strayed
    sizes : Deviations
    ahead : float
        ln(tokens) between the last checkpoint shown and the end.

    Returns
    -------
    (float, float) or None
        Relative error, and the error in standard deviations; None where nothing is shown.
    """
    x = run.along.ln_tokens
    shown, end = np.flatnonzero(x <= x[-1] - ahead + 1e-9), np.array([len(x) - 1])
    shown = shown[shown < len(x) - 1]
    if not len(shown):
        return None
    seen, asked = run.along.at(shown), run.along.at(end)
    matrix = sizes.covariance(seen, seen) + sizes.noise**2 * np.eye(len(shown))
    cross = sizes.covariance(asked, seen)
    weights = np.linalg.solve(matrix, cross.T).T
    error = float(run.off[-1] - (weights @ run.off[shown])[0])
    variance = float((sizes.covariance(asked, asked) - weights @ cross.T)[0, 0]) + sizes.noise**2
    return abs(error / (run.along.law[-1] + run.off[-1])), abs(error) / float(np.sqrt(variance))


def tried(runs: Sequence[Strayed], sizes: Deviations, ratio: float) -> tuple[int, float, float]:
    """Try forecasts on the fitted runs themselves, each shown to a share of its end.

    Parameters
    ----------
    runs : sequence of Strayed
    sizes : Deviations
    ratio : float
        Tokens at the end over those of the last checkpoint shown.

    Returns
    -------
    runs : int
        How many could be tried.
    error : float
        Mean relative error of their last checkpoint.
    wider : float
        Factor by which intervals must be wider for nine in ten to hold; at least 1.
    """
    found = [each for run in runs if (each := forecast_of(run, sizes, float(np.log(ratio))))]
    if not found:
        return 0, float("nan"), 1.0
    errors, deviates = np.array(found).T
    rank = min(int(np.ceil(0.9 * (len(found) + 1))), len(found)) - 1
    wider = float(np.sort(deviates)[rank]) / NORMAL_90 if len(found) >= ENOUGH_RUNS else 1.0
    return len(found), float(errors.mean()), max(wider, 1.0)


def _sizes(logs: Array, runs: int) -> Deviations:
    """Sizes from their logarithms."""
    level, speed, drift, reach, noise = np.exp(np.clip(logs, -40, 40)).tolist()
    return Deviations(level, speed, drift, reach, noise, runs)


def _unlikely(sizes: Deviations, run: Strayed) -> float:
    """Negative logarithm of the density of a run's deviations, but for a constant."""
    matrix = sizes.covariance(run.along, run.along)
    matrix[np.diag_indices_from(matrix)] += sizes.noise**2
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return 1e10
    white = np.linalg.solve(factor, run.off)
    return 0.5 * float(white @ white) + float(np.log(np.diag(factor)).sum())


def _some(groups: list[Whole], most: int) -> list[Whole]:
    """At most so many of the groups."""
    return [groups[k] for k in _spread(len(groups), most)]


def _spread(count: int, most: int) -> Whole:
    """At most so many of so many places, spread evenly, the last one among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
