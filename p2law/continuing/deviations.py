"""How the runs of a fit stray from its law: in level, in speed, in drift, in noise.

A run lies above or below the law as a whole (level), is ahead of it or behind as if it
had seen more tokens or fewer (speed), wanders (drift, forgotten over some stretch of
ln(tokens)), and each checkpoint has noise of its own. How large each of these is, and how
well that is known, the runs of the fit tell (`sizing`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Whole
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit
from p2law.solving.resampling import ALONE
from p2law.solving.spreading import scattered, spread

STEP = 1e-3
"""Step in ln(tokens) of the slope of the law."""

ENOUGH_RUNS = 9
"""With fewer fitted runs to try a forecast on, a 90 % quantile of its errors says nothing."""

NORMAL_90 = 1.6448536269514722

LEAST_LEFT = 0.01
"""What is left of a deviation that the law has followed is made up to ten times as large."""

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
        tokens, known = inputs[TOKENS], fit.records[TOKENS].to_numpy()
        # A logarithm knows no beginning: it counts as a decade before the first on record.
        begin = np.min(known, where=known > 0, initial=known.max() or 1.0) / 10
        return cls(np.log(np.where(tokens > 0, tokens, begin)), here, (more - less) / (2 * STEP))

    @classmethod
    def stacked(cls, several: "Sequence[Along]") -> "Along":
        """Put several of the same number of rows together: arrays of (several, rows)."""
        parts = [(each.ln_tokens, each.law, each.slope) for each in several]
        return cls(*(np.stack(each) for each in zip(*parts, strict=True)))

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
    doubt : ndarray of shape (5, 5)
        Covariance of the logarithms of the five sizes, in this order: they are estimates.
    supposed : bool
        Whether the runs tell the level so little that it is supposed.
    """

    level: float
    speed: float
    drift: float
    reach: float
    noise: float
    runs: int
    doubt: Array
    supposed: bool = False

    def covariance(self, one: Along, other: Along) -> Array:
        """Covariance of a run's deviations at two sets of token counts, noise left out."""
        level, speed, drift, _ = self._parts(one, other)
        return np.asarray(level + speed + drift)

    def by_size(self, one: Along, other: Along) -> Array:
        """Its derivatives by the logarithms of the sizes but noise: (4, ..., ones, others)."""
        level, speed, drift, forgotten = self._parts(one, other)
        return np.stack([2 * level, 2 * speed, 2 * drift, drift * forgotten])

    def _parts(self, one: Along, other: Along) -> tuple[Array, Array, Array, Array]:
        """Covariance of level, speed and drift, and how many reaches the counts lie apart."""
        apart = np.abs(one.ln_tokens[..., :, None] - other.ln_tokens[..., None, :]) / self.reach
        speed = self.speed**2 * one.slope[..., :, None] * other.slope[..., None, :]
        return np.full(apart.shape, self.level**2), speed, self.drift**2 * np.exp(-apart), apart

    def quantile(self, level: float, variance: Array, slopes: Array) -> Array:
        """Half the width of intervals, in standard deviations: Student's t.

        A variance made of estimated sizes is itself an estimate, and counts as one with so
        many degrees of freedom as one of squares of normal numbers would need to be as sure
        (Satterthwaite).

        Parameters
        ----------
        level : float
        variance : ndarray of shape (asked,)
        slopes : ndarray of shape (asked, 5)
            Its derivatives by the logarithms of the sizes.

        Returns
        -------
        ndarray of shape (asked,)
        """
        from scipy.stats import t

        own = np.einsum("ai,ij,aj->a", slopes, self.doubt, slopes)
        freedom = 2 * variance**2 / np.maximum(own, 2e-9 * variance**2)
        return np.asarray(t.ppf((1 + level) / 2, freedom))


@dataclass(frozen=True)
class Strayed:
    """One fitted run: the law along it, and how far it lies from that.

    Attributes
    ----------
    along : Along
    off : ndarray of shape (rows,)
    freed : ndarray of shape (rows,)
        The same as large as it was before the law followed this run.
    followed : float
        Share of the variance of its level that the law has followed.
    """

    along: Along
    off: Array
    freed: Array
    followed: float

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All that can be written into."""
        return self.along.ln_tokens, self.along.law, self.along.slope, self.off, self.freed


def _law(fit: Fit, inputs: dict[str, Array], factor: float) -> Array:
    """The law at so many times the tokens."""
    there = {**inputs, TOKENS: inputs[TOKENS] * factor}
    found = fit.form.function(*(there[name] for name in fit.form.columns), **fit.values)
    return np.broadcast_to(found, inputs[TOKENS].shape)


def strayed(fit: Fit) -> list[Strayed]:
    """The fitted runs, each with its residuals; of many runs and rows a spread-out choice."""
    table, code = fit.residuals(), fit.known.codes
    along = Along.of(fit, {name: table[name].to_numpy() for name in fit.form.columns})
    off, out = table["residual"].to_numpy(), []
    # Which runs and rows are chosen must not hang on how the records list them.
    order = np.lexsort([table[fit.form.target].to_numpy(), along.ln_tokens, code])
    groups = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
    for rows in (groups[k] for k in scattered(len(groups), MOST_RUNS)):
        few = rows[spread(len(rows), MOST_ROWS)]
        ways = fit.known.ways(few) * np.sqrt(len(rows) / len(few))
        level = np.full(len(few), len(few) ** -0.5)
        followed = min(float(np.sum((ways @ level) ** 2)), 1.0)
        out.append(Strayed(along.at(few), off[few], freed(off[few], ways), followed))
    return out


def freed(off: Array, ways: Array) -> Array:
    """Undo how far a law has followed a run (bias-reduced residuals; Bell and McCaffrey).

    Parameters
    ----------
    off : ndarray of shape (rows,)
        Residuals of a run.
    ways : ndarray of shape (ways, rows)
        Orthogonal over all runs; in one of them the law follows a run as far as the run pulls.

    Returns
    -------
    ndarray of shape (rows,)
    """
    _, size, own = np.linalg.svd(ways, full_matrices=False)
    left = 1 - np.minimum(size, 1.0) ** 2
    # What the law follows wholly leaves nothing to be made larger.
    factor = np.where(left > 1 - ALONE, np.maximum(left, LEAST_LEFT) ** -0.5, 1.0)
    return np.asarray(off + own.T @ ((factor - 1) * (own @ off)))


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


def widening(runs: Sequence[Strayed], sizes: Deviations) -> tuple[Array, Array]:
    """Try forecasts as far ahead as the fitted runs reach, in doublings of the tokens.

    Returns
    -------
    ahead : ndarray of shape (tried,)
        ln of the tokens at the end over those of the last checkpoint shown.
    wider : ndarray of shape (tried,)
        Factor by which intervals must be wider there, never less than nearer by: few runs are
        long enough to be tried far ahead.
    """
    longest = max(np.ptp(run.along.ln_tokens) for run in runs)
    ahead = np.arange(0.0, longest + 1e-9, np.log(2))
    wider = [tried(runs, sizes, float(np.exp(each)))[2] for each in ahead]
    return ahead, np.maximum.accumulate(wider)
