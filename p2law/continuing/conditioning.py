"""The curve of a run as one normal distribution, conditioned on its first checkpoints.

The law says how such a run goes; the fitted runs say how far a run strays from it in
level, speed, drift and noise (`deviations`), and the refits how far the law itself may be
off. So a run without a checkpoint gets the law with the interval of a new run, and a run
with many gets its own level and speed.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from p2law.continuing.deviations import Along, Deviations
from p2law.declaring import Array
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking

ALIKE = 4.0
"""So many checkpoints would be needed to outweigh that runs stray alike."""

LAST_DIGITS = 1e-12
"""Share of a variance that is lost in rounding."""


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A run, given its checkpoints.

    Attributes
    ----------
    fit : Fit
    curve : DataFrame
        The checkpoints: tokens and the target.
    inputs : mapping of str to float
        The other inputs of the law.
    sizes : Deviations
    wider : float
        So many times as far as the fitted runs may this one stray from the law.
    """

    fit: Fit
    curve: pd.DataFrame
    inputs: Mapping[str, float]
    sizes: Deviations
    wider: float = 1.0

    def asked(self, tokens: Any) -> tuple[Along, pd.DataFrame]:
        """The law at token counts, and its inputs there."""
        table = asking.inputs(self.fit.form, None, {**self.inputs, TOKENS: tokens})
        asking.check_counts(table[[TOKENS]], self.fit.records)
        return self.along(table), table

    def along(self, table: pd.DataFrame) -> Along:
        """The law at rows of inputs."""
        return Along.of(self.fit, {name: table[name].to_numpy() for name in self.fit.form.columns})

    @functools.cached_property
    def _table(self) -> pd.DataFrame:
        """The inputs of the law at the checkpoints used."""
        whole = {**self.inputs, TOKENS: self.curve[TOKENS].to_numpy()}
        return pd.DataFrame(whole, columns=list(self.fit.form.columns))

    @functools.cached_property
    def seen(self) -> Along:
        """The law at the checkpoints."""
        return self.along(self._table)

    @functools.cached_property
    def off(self) -> Array:
        """How far the checkpoints lie from the law."""
        return np.asarray(self.curve[self.fit.form.target].to_numpy() - self.seen.law)

    @functools.cached_property
    def known(self) -> bool:
        """Whether the records determine the law at all checkpoints."""
        return not len(self.off) or bool(self.fit.known.determines(self._table).all())

    def _refits(self, along: Along) -> Array:
        """How far each refit lies from the fit: (refits, rows)."""
        shape = along.ln_tokens.shape
        whole = {name: np.full(shape, value) for name, value in self.inputs.items()}
        curves = self.fit.known.curves({**whole, TOKENS: np.exp(along.ln_tokens)})
        return np.asarray(np.nan_to_num(curves[1:] - along.law), dtype=float)

    def _prior(self, one: Along, other: Along) -> Array:
        """Covariance before any checkpoint: of the law itself, and of a run around it."""
        near, far = self._refits(one), self._refits(other)
        refits = near.T @ far / max(len(near), 1)
        return np.asarray(self.wider**2 * (refits + self.sizes.covariance(one, other)))

    @functools.cached_property
    def _factor(self) -> tuple[Array, Array]:
        """Scales of the checkpoints, and a Cholesky factor of their covariance in these.

        Where noise is next to nothing beside what sets runs apart, neighbours tell the same to
        the last digits; what is added keeps these from being made up.
        """
        noise = self.sizes.noise**2 * np.eye(len(self.off))
        whole = self._prior(self.seen, self.seen) + noise
        scale = np.sqrt(np.diag(whole))
        unit = whole / np.outer(scale, scale) + LAST_DIGITS * np.eye(len(scale))
        return scale, np.linalg.cholesky(unit)

    def _over(self, right: Array) -> Array:
        """Something over the covariance of the checkpoints: (checkpoints, ...)."""
        from scipy.linalg import cho_solve

        scale, factor = self._factor
        found = cho_solve((factor, True), (right.T / scale).T)
        return np.asarray((found.T / scale).T)

    @functools.cached_property
    def pull(self) -> Array:
        """Deviations over their covariance: how hard each checkpoint pulls a forecast."""
        return self._over(self.off)

    def given(self, asked: Along) -> tuple[Array, Array]:
        """Mean and covariance at asked tokens, given the checkpoints."""
        prior = self._prior(asked, asked)
        if not len(self.off):
            return asked.law, prior
        cross = self._prior(asked, self.seen)
        return asked.law + cross @ self.pull, prior - cross @ self._over(cross.T)

    def expected(self, tokens: Array) -> Array:
        """The mean alone, at token counts."""
        return self.given(self.asked(tokens)[0])[0]

    def half(
        self, level: float, asked: Along, ways: Array, covariance: Array, noise: float = 0.0
    ) -> Array:
        """Half the width of intervals of weighted sums; NaN where nothing tells it.

        `noise` is the variance of what comes on top as a checkpoint's noise.
        """
        if not self.fit.known.tells_noise:
            return np.full(len(ways), np.nan)
        variance = np.maximum(np.sum(ways @ covariance * ways, axis=1), 0.0) + noise
        slopes = self.by_size(asked, ways)
        slopes[:, -1] += 2 * noise
        return np.asarray(self.sizes.quantile(level, variance, slopes) * np.sqrt(variance))

    def by_size(self, asked: Along, ways: Array) -> Array:
        """Derivatives of given variances by the logarithms of the five sizes.

        What the checkpoints say is the best guess there is, so that how it is weighed has no
        say to first order.

        Parameters
        ----------
        asked : Along
        ways : ndarray of shape (several, asked)
            Weighted sums of the curve at asked tokens; noise of these left out.

        Returns
        -------
        ndarray of shape (several, 5)
        """
        found = np.zeros((len(ways), 5))
        found[:, :4] = self._squares(asked, asked, ways, ways)
        if len(self.off):
            pulls = -self._over(self._prior(self.seen, asked) @ ways.T).T
            found[:, :4] += 2 * self._squares(asked, self.seen, ways, pulls)
            found[:, :4] += self._squares(self.seen, self.seen, pulls, pulls)
            found[:, 4] = 2 * self.sizes.noise**2 * np.sum(pulls**2, axis=1)
        return found

    def share(self, cross: Array, size: float) -> tuple[float, float]:
        """Mean and standard deviation of a deviation, of this size before any checkpoint.

        `cross` is its covariance with the checkpoints, as for the fitted runs. NaN where the
        law is not known at these: they lie off nothing.
        """
        if not self.known:
            return np.nan, np.nan
        cross, size = self.wider**2 * cross, self.wider * size
        if not len(self.off):
            return 0.0, size
        variance = size**2 - float(cross @ self._over(cross))
        return float(cross @ self.pull), float(np.sqrt(max(variance, 0.0)))

    def _squares(self, one: Along, other: Along, left: Array, right: Array) -> Array:
        """Of derivatives by the sizes, left times them times right, row by row: (several, 4)."""
        parts = self.wider**2 * self.sizes.by_size(one, other)
        return np.asarray(np.einsum("sa,kab,sb->sk", left, parts, right, optimize=True))

    def as_wide_as_it_strays(self) -> "Conditioned":
        """The same run, allowed to stray as far as its checkpoints say that it does.

        How far runs stray is a scale that differs between them, taken for that of the fitted
        runs as firmly as `ALIKE` checkpoints without noise would tell another. The most likely
        one is taken, and never a smaller one than theirs. Where noise hides what sets a run
        apart, its checkpoints have that much less say.
        """
        from scipy.optimize import brentq

        if not len(self.off):
            return self
        size, ways = np.linalg.eigh(self._prior(self.seen, self.seen))
        size, off = np.maximum(size, 0.0), (ways.T @ self.off) ** 2

        def more(log: float) -> float:
            """How much more likely a wider scale is: the slope by its logarithm, doubled."""
            square = np.exp(log)
            whole = square * size + self.sizes.noise**2
            return float(np.sum(square * size / whole * (off / whole - 1)) + ALIKE / square - ALIKE)

        most = 0.0
        while more(most) > 0:
            most += 1.0
        log = brentq(more, most - 1.0, most) if most else 0.0
        return replace(self, wider=float(np.exp(log / 2)))
