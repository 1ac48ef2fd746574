"""A run with what its first checkpoints tell of the rest, as a value."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law.continuing import telling
from p2law.continuing.checkpoints import Checkpoints
from p2law.continuing.conditioning import Conditioned
from p2law.continuing.deviations import Along, Deviations, Strayed, tried, widening
from p2law.declaring import Array
from p2law.errors import FitError
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.result.falling import fall
from p2law.text.views import View
from p2law.text.wording import got, several

AT_ONCE = 64
"""Rows forecast at once: what each has to do with the others is worked out, and not asked for."""

STRANGE = 4.0
"""Mean square deviation, in expected ones, beyond which a run is unlike those fitted."""


@dataclass(frozen=True, eq=False)
class Continuation:
    """A run with what its first checkpoints tell of the rest. Made by `continue_run`.

    Attributes
    ----------
    fit : Fit
        The prior information.
    sizes : Deviations
        How far the fitted runs stray from the law.
    trouble : tuple of str
        Sentences that must be read with any forecast.
    """

    fit: Fit
    _inputs: Mapping[str, float]
    sizes: Deviations
    trouble: tuple[str, ...]
    _points: Checkpoints
    _runs: Sequence[Strayed]

    @property
    def inputs(self) -> dict[str, float]:
        """The other inputs of the law; a copy."""
        return dict(self._inputs)

    @property
    def curve(self) -> pd.DataFrame:
        """The checkpoints used: tokens and the target."""
        return self._points.used.copy()

    @property
    def early(self) -> pd.DataFrame:
        """Those left out, as they have fewer tokens than any that was fitted."""
        return self._points.early.copy()

    @property
    def thinned(self) -> int:
        """How many checkpoints were left out because those used tell the same."""
        return self._points.thinned

    @functools.cached_property
    def _alike(self) -> Conditioned:
        """What its checkpoints make of it, if it strays from the law as the fitted runs do."""
        return Conditioned(self.fit, self.curve, self.inputs, self.sizes)

    @functools.cached_property
    def _run(self) -> Conditioned:
        """The same, as far as it does stray."""
        return self._alike.as_wide_as_it_strays()

    # -- what it says ----------------------------------------------------------------

    def predict(
        self, tokens: float | Sequence[float] | Array, *, level: float = 0.9
    ) -> pd.DataFrame:
        """Forecast what this run will measure.

        Parameters
        ----------
        tokens : float or sequence of float
            Token counts, at or beyond the last checkpoint or before it.
        level : float
            Probability with which an interval is to hold the measurement.

        Returns
        -------
        DataFrame
            tokens; the forecast under the target's name with `low` and `high`; `law`, what
            the law alone predicts; `determined`, False where the fit leaves the law free
            there (all of these are NaN then). The interval alone is NaN where the fit has no
            rows to spare, and where the forecast lies far above a loss that was measured
            earlier.

        Raises
        ------
        FitError
            `level` is no probability.
        RecordError
            A token count is not a number or looks like billions, or the law has no value there.
        """
        asking.interval(level, "run")
        asked, table = self._run.asked(tokens)
        counts = table[TOKENS].to_numpy()
        mean, half = np.empty(len(counts)), np.empty(len(counts))
        for rows in np.split(np.arange(len(counts)), range(AT_ONCE, len(counts), AT_ONCE)):
            mean[rows], half[rows] = self._measured(asked.at(rows), level)
        half[self._points.deny(counts, mean - half, self.sizes.noise)] = np.nan
        sure = self.fit.known.determines(table)
        target, low, high = self.fit.form.target, mean - half, mean + half
        told = {target: mean, "low": low, "high": high, "law": asked.law}
        shown = {name: np.where(sure, each, np.nan) for name, each in told.items()}
        return pd.DataFrame({TOKENS: counts, **shown, "determined": sure})

    def gain(self, tokens: float | None = None, *, level: float = 0.9) -> pd.DataFrame:
        """Fall of the loss with the next doubling of tokens, noise of checkpoints left out.

        Parameters
        ----------
        tokens : float, optional
            Where the doubling begins; the last checkpoint where not given.
        level : float
            Of the interval.

        Returns
        -------
        DataFrame
            One row: tokens; `gain` with `low` and `high`; `per_token`, the expected fall
            with one more token at the beginning of the doubling; `determined`.

        Raises
        ------
        FitError
            `level` is no probability, `tokens` is no positive number, or there is no
            checkpoint to begin at beyond 0 tokens.
        RecordError
            `tokens` look like billions, or the law has no value there.
        """
        asking.interval(level, "run")
        begin = self.last if tokens is None else asking.positive("tokens", tokens)
        if not begin:
            raise FitError("the last checkpoint is at 0 tokens; name the tokens to begin at")
        asked, table = self._run.asked([begin, 2 * begin])
        mean, covariance = self._run.given(asked)
        ways = np.array([[1.0, -1.0]])
        half = float(self._run.half(level, asked, ways, covariance)[0]) * self._wider(asked)[1]
        if np.isnan(self.predict(begin, level=level)["low"].item()):
            half = np.nan
        gain = float(mean[0] - mean[1])
        near = fall(self._run.expected, np.array([begin]), self.fit.records[TOKENS].to_numpy())[0]
        found = {"gain": gain, "low": gain - half, "high": gain + half, "per_token": float(near)}
        sure = bool(self.fit.known.determines(table).all())
        shown = {name: each if sure else np.nan for name, each in found.items()}
        return pd.DataFrame([{TOKENS: float(begin), **shown, "determined": sure}])

    @property
    def last(self) -> float:
        """Tokens of the last checkpoint used.

        Raises
        ------
        FitError
            None was.
        """
        if self.curve.empty:
            raise FitError("no checkpoint of this run could be used; name the tokens to begin at")
        return float(self.curve[TOKENS].max())

    @property
    def level(self) -> tuple[float, float]:
        """By how much this run lies above the law, and its standard deviation.

        NaN, as speed and strangeness, where the records leave the law free at its checkpoints.
        """
        return self._run.share(np.full(len(self.curve), self.sizes.level**2), self.sizes.level)

    @property
    def speed(self) -> tuple[float, float]:
        """Factor on its tokens that explains this run (2: as if it had seen twice as many).

        With the standard deviation of its logarithm; to first order.
        """
        pull, spread = self._run.share(self.sizes.speed**2 * self._run.seen.slope, self.sizes.speed)
        return float(np.exp(np.clip(pull, -50, 50))), spread

    @property
    def strange(self) -> float:
        """Mean square deviation of the checkpoints from the law, in expected ones."""
        if not self._run.known:
            return np.nan
        return float(self._alike.off @ self._alike.pull / max(len(self._alike.off), 1))

    @property
    def wider(self) -> float:
        """How many times as far as the fitted runs this one may stray, in its forecasts.

        At least 1; as its checkpoints demand.
        """
        return self._run.wider

    @property
    def unlike(self) -> bool:
        """Whether this run strays much further from the law than the fitted ones do."""
        return bool(len(self.curve) and self.strange > STRANGE)

    @property
    def risen(self) -> bool:
        """Whether the last checkpoint lies above an earlier one by more than noise."""
        return self._points.risen(self.sizes.noise)

    @property
    def bump(self) -> float | None:
        """Tokens at which the curve lies far above an earlier checkpoint; None where nowhere."""
        return self._points.bump(self.sizes.noise)

    def tried(self, ratio: float) -> tuple[int, float, float]:
        """The same forecast on the fitted runs themselves, each shown as far as this one.

        Parameters
        ----------
        ratio : float
            Asked tokens over those of the last checkpoint shown.

        Returns
        -------
        runs : int
            How many could be tried.
        error : float
            Mean relative error of their last checkpoint.
        wider : float
            Factor by which intervals must be wider for nine in ten to hold; at least 1.

        Raises
        ------
        FitError
            `ratio` is no number from 1 on.
        """
        if asking.positive("ratio", ratio) < 1:
            raise FitError(f"ratio is 1 or more: tokens asked over those shown, got {got(ratio)}")
        return tried(self._runs, self.sizes, ratio)

    # -- how it looks ----------------------------------------------------------------

    def view(self) -> View:
        """The content of the text and HTML views."""
        count = len(self.curve)
        prior = f"{self.fit.form.name} fitted to {several(self.sizes.runs, 'run')}"
        facts = [*telling.run(self.inputs), ("prior", prior), *telling.thinned(self.thinned)]
        rows = []
        if count:
            facts += telling.strayed(self.level, self.speed, self.fit.unit)
            ahead = self.predict(np.unique(self.last * np.array([1.0, 2.0, 4.0])))
            rows = telling.rows(ahead, self.fit.form.target)
        runs, error, _ = self.tried(4.0)
        if runs:
            told = f"{several(runs, 'fitted run')}, each shown to a quarter of its end"
            facts.append(("error", f"{told}: {100 * error:.2g} % on average"))
        return View(
            headline=f"forecast from {count} checkpoint{'s' * (count != 1)} and the fitted law",
            warnings=self.trouble,
            header=(TOKENS, self.fit.form.target, "90 % from", "to", "law alone") if rows else (),
            rows=rows,
            facts=facts,
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()

    def _measured(self, asked: Along, level: float) -> tuple[Array, Array]:
        """What single checkpoints will be, each by itself, and half the width of its interval."""
        mean, covariance = self._run.given(asked)
        each, noise = np.eye(len(mean)), self.sizes.noise**2
        return mean, self._run.half(level, asked, each, covariance, noise) * self._wider(asked)

    def _wider(self, asked: Along) -> Array:
        """By how much intervals must be wider at each asked row, whatever else is asked."""
        if self.curve.empty:
            return np.ones(len(asked.ln_tokens))
        ahead = asked.ln_tokens - self._run.seen.ln_tokens[-1]
        return np.asarray(np.interp(ahead, *self._widening))

    @functools.cached_property
    def _widening(self) -> tuple[Array, Array]:
        return widening(self._runs, self.sizes)
