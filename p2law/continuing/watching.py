"""A running curve, read from measurement to measurement: what it forecasts, whether tokens pay.

It distrusts rather than stops: a curve that has risen, diverges, or is unlike the fitted ones
never counts as saturated, and whatever fails in a forecast is told and goes no further.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from p2law.continuing import continue_run
from p2law.continuing.continuation import Continuation
from p2law.errors import FormError, P2LawError
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.text.wording import first_line, got

LEAST = 3
"""Checkpoints of the curve that are needed before it may stop a run."""

DIVERGED = 2
"""So many readings in a row above the lowest one, by more than noise, are divergence."""


@dataclass(frozen=True)
class Watch:
    """What a running curve is held against.

    Attributes
    ----------
    fit : Fit
        Fitted law of other runs.
    gain : float
        A further doubling that buys less than this does not pay; in the unit of the target.
    inputs : mapping of str to float
        The other inputs of the law, for this run.
    level : float
        Of the intervals.
    stop : bool
        Whether the run will be stopped; for the words alone.

    Raises
    ------
    FitError
        The law does not read tokens, or a number is none.
    FormError
        The inputs are no mapping, or one of the law is missing.
    """

    fit: Fit
    gain: float
    inputs: Mapping[str, float]
    level: float
    stop: bool

    def __post_init__(self) -> None:
        asking.positive("gain", self.gain)
        asking.interval(self.level, "run")
        if not isinstance(self.inputs, Mapping):
            raise FormError(
                f"inputs are those of the law beside tokens, as {{'params': 1.2e9}}, got "
                f"{got(self.inputs)}; for a law of tokens alone, {{}}"
            )

    def doubts(self) -> list[str]:
        """Why no forecast of this run will be known; empty where it may be."""
        known = continue_run(self.fit, **self.inputs)
        return [each for each in known.trouble if "do not determine" in each]

    def read(self, curve: pd.DataFrame, end: float) -> dict[str, Any]:
        """What the last of the readings so far tells, and a sentence that says it.

        Parameters
        ----------
        curve : DataFrame
            Readings in order, at least one: tokens and the target.
        end : float
            Tokens at which the run is planned to end.

        Returns
        -------
        dict
            tokens, loss, `saturated`, `said`, `trouble`, and what is forecast where something is.
        """
        tokens, value = (float(each) for each in curve[[TOKENS, self.fit.form.target]].iloc[-1])
        told: dict[str, Any] = {TOKENS: tokens, "loss": value, "saturated": False}
        if tokens <= 0:
            return {**told, "said": "before the first token there is no forecast", "trouble": []}
        if not math.isfinite(value):
            said = f"the loss is {value}: no forecast, and no stop because of one"
            return {**told, "said": said, "trouble": [said]}
        try:
            sound = self._sound(curve)
            found = continue_run(self.fit, sound, **self.inputs)
            told |= self._forecast(found, tokens, end)
            return told | self._judged(found, sound, told)
        except P2LawError as error:
            said = f"no forecast: {error}"
        # A training of many days must not end of a forecast, whatever is wrong with it.
        except Exception as error:  # noqa: BLE001 - said, and in the log
            said = f"no forecast: {type(error).__name__}: {first_line(error)}"
        return {**told, "said": said, "trouble": [said]}

    def _sound(self, curve: pd.DataFrame) -> pd.DataFrame:
        """The readings that are finite, of each token count the last."""
        sound = curve[(curve[TOKENS] > 0) & curve[self.fit.form.target].map(math.isfinite)]
        return sound.drop_duplicates(TOKENS, keep="last").reset_index(drop=True)

    def _forecast(self, found: Continuation, tokens: float, end: float) -> dict[str, Any]:
        """Final loss, and what the next doubling buys."""
        final = found.predict(max(end, tokens), level=self.level).iloc[0]
        more = found.gain(tokens, level=self.level).iloc[0]
        return {
            "final_tokens": max(end, tokens),
            "final_loss": float(final[self.fit.form.target]),
            "final_low": float(final["low"]),
            "final_high": float(final["high"]),
            "gain": float(more["gain"]),
            "gain_low": float(more["low"]),
            "gain_high": float(more["high"]),
            "gain_per_token": float(more["per_token"]),
        }

    def _judged(
        self, found: Continuation, sound: pd.DataFrame, told: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Whether tokens still pay, and the sentence that says so."""
        said = (
            f"{told[TOKENS]:.3g} tokens, loss {told['loss']:.4f}; {100 * self.level:g} % interval "
            f"at {told['final_tokens']:.3g} tokens {told['final_low']:.4f} to "
            f"{told['final_high']:.4f}; the next doubling buys {told['gain']:.4f} "
            f"({told['gain_low']:.4f} to {told['gain_high']:.4f})"
        )
        distrust = [*found.trouble] if found.risen or found.unlike else []
        if self._diverging(sound, found.sizes.noise):
            distrust.append("the loss rises from reading to reading: the run diverges")
        little = told["gain_high"] < self.gain and len(found.curve) >= LEAST
        if little and distrust:
            said += "; that is too little, but this curve is not to be trusted: not stopped"
        elif little:
            done = "stopping" if self.stop else "it may be stopped"
            said += f": less than {self.gain:g}, tokens have stopped paying; {done}"
        trouble = list(dict.fromkeys([*found.trouble, *distrust]))
        return {"saturated": bool(little and not distrust), "said": said, "trouble": trouble}

    def _diverging(self, sound: pd.DataFrame, noise: float) -> bool:
        """Whether the last readings all lie above the lowest one by more than noise."""
        loss = sound[self.fit.form.target].to_numpy()
        later = loss[-DIVERGED:] - loss.min()
        return len(loss) > DIVERGED and bool((later > 2 * noise).all())
