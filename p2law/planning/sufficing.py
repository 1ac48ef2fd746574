"""Tokens that just do something: the question to a fit and its refits, and the answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.errors import FitError, FormError
from p2law.planning.caveats import ending, without_tokens
from p2law.planning.fitted import reads_tokens
from p2law.planning.looking import Lowest, Span, lowest, seen_at_once
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.result.covering import WITH, apart
from p2law.result.intervals import ends, share
from p2law.result.knowing import Knowledge
from p2law.text.views import View, figures, number

FORM = "the answer rests on the form of the law"
"""What is said of answers beyond the records."""


@dataclass(frozen=True)
class Budget:
    """Tokens that do something, and how sure that is. `float` of it are the tokens.

    Attributes
    ----------
    tokens : float
        Infinite where they never do it, NaN where the records do not tell.
    low, high : float
        Interval; `high` is infinite where some refits never do it.
    reachable : float
        Share of the refits that do it at all; NaN where the interval is.
    floor : float
        Loss that endless post-training would reach, in the unit of the target, NaN where the
        records do not tell it; where the law rises again or ends, the least that it comes
        down to.
    level : float
        Of the interval.
    determined : bool
        False where the answer rests on what the records leave free.
    beyond : str
        Inputs that lie outside the records, the tokens of the answer among them.
    purpose : str
        What the tokens do.
    trouble : tuple of str
        Sentences that must be read with the number.
    rises : bool
        Whether the law does not fall all along.
    most : float
        Tokens beyond which the law has no value; infinite where it always has one.
    """

    tokens: float
    low: float
    high: float
    reachable: float
    floor: float
    level: float
    determined: bool
    beyond: str
    purpose: str
    trouble: tuple[str, ...]
    rises: bool = False
    most: float = float("inf")

    def __float__(self) -> float:
        return self.tokens

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary of plain values."""
        return asdict(self)

    def view(self) -> View:
        """The content of the text and HTML views."""
        known = figures(self.tokens, self.low, self.high)
        tokens, low, high = (number(each, known) for each in (self.tokens, self.low, self.high))
        reach = f"{100 * self.level:g} % interval {low} to {high}"
        unsure = np.isnan([self.low, self.high]).any()
        told = f"{tokens} tokens, {'interval not known' if unsure else reach}"
        facts = []
        if self.determined:
            share = f"by {number(100 * self.reachable, 3)} % of the refits"
            share = "not known" if np.isnan(self.reachable) else share
            how = "with endless tokens"
            ended = np.isfinite(self.most)
            how = f"with {number(self.most)} tokens, where the law ends" if ended else how
            how = "at the least, before it rises again" if self.rises else how
            floor = "not determined" if np.isnan(self.floor) else f"{number(self.floor)} {how}"
            facts = [("reached", share), ("floor", floor)]
        facts += [("beyond", f"the records: {self.beyond}")] if self.beyond else []
        headline = f"{self.purpose}: {told if self.determined else 'not determined'}"
        return View(headline=headline, warnings=self.trouble, facts=facts)

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()


@dataclass(frozen=True)
class Question:
    """One question about tokens: a fit and the other inputs."""

    fit: Fit
    others: Mapping[str, float]
    level: float

    @classmethod
    def of(cls, fit: Fit, columns: Mapping[str, Any], level: float, asked: str) -> "Question":
        """Check what is asked: how many tokens a `loss` or a `gain` takes.

        Raises
        ------
        FitError, FormError, PlanError, RecordError
            As `planning.tokens_for`.
        """
        reads_tokens(fit)
        asking.interval(level, "mean")
        if TOKENS in columns:
            raise FormError("tokens are what is asked for; leave them out")
        if own := [name for name in fit.form.columns if name in ("fit", asked, "level")]:
            raise FormError(
                f"{fit.form.name} reads {own[0]}, which means something else in this question; "
                f"give the input another name in the law and the records"
            )
        return cls(fit, _single(fit, columns), level)

    @property
    def known(self) -> Knowledge:
        """The fit with as many refits as the level needs."""
        return self.fit.known.for_level(self.level)

    @property
    def span(self) -> Span:
        """The tokens about which the law is asked."""
        return Span.of(self.fit.form)

    def loss(self, tokens: Array) -> Array:
        """The fit and its refits, each at tokens of its own: (..., 1 + refits) as `tokens`."""
        inputs = {name: np.full((1, 1), value) for name, value in self.others.items()}
        found = self.known.curves({**inputs, TOKENS: np.atleast_2d(tokens).T})
        return found.T.reshape(tokens.shape)

    def lowest(self) -> tuple[Lowest, Array]:
        """The least that the fit and its refits come down to, and all at every look."""
        count, span = 1 + self.known.refits, self.span
        heights = seen_at_once(self.loss, count, span)
        with np.errstate(all="ignore"):
            endless = self.loss(np.full(count, np.inf if span.endless else span.most))
        endless = np.where(np.isfinite(endless), endless, heights[-1])
        return lowest(self.loss, endless, heights, span), heights

    def doublings(self) -> Span:
        """The tokens about which twice as many can be asked, too.

        Raises
        ------
        FitError
            There are none.
        """
        span = self.span if self.span.endless else Span(self.span.least, self.span.most / 2)
        if span.most < span.least:
            raise FitError(
                f"{self.fit.form.name} has a value at {number(self.span.least)} to "
                f"{number(self.span.most)} tokens alone: no doubling lies there"
            )
        return span

    def determined(self, *tokens: float) -> bool:
        """Tell whether the records determine the loss after each of so many tokens."""
        return bool(self.fit.known.determines(self._inputs(*tokens)).all())

    def beyond(self, tokens: float) -> str:
        """Inputs that lie outside the records after so many tokens."""
        return self.fit.known.covered.beyond(self._inputs(tokens))[0]

    def far(self, beyond: str, tokens: float) -> list[str]:
        """A sentence on how far inputs that are beyond the records lie; none where none is."""
        if WITH in beyond:
            return [apart(beyond)]
        endless = self.span.endless and tokens >= self.span.most
        asked = self._inputs(np.inf if endless else tokens)
        said = asking.outside(asked, self.fit.records, beyond)
        return [f"{said}: {FORM}"] if said else []

    def place(self, tokens: float, times: int = 1) -> float:
        """Where an answer is judged; see `Span.place`."""
        fewest = float(self.fit.records[TOKENS].min())
        return float(self.span.place(np.array(tokens), fewest, times))

    def sure(self, tokens: float, *, doubles: bool = False) -> bool:
        """Tell whether the records determine an answer, to a question about a doubling or not."""
        judged = [self.place(tokens)]
        # None at all are enough where it does not matter how many there are.
        judged += [self.place(tokens, 2)] if not tokens > 0 else []
        judged += [self.place(2 * tokens)] if doubles and tokens > 0 else []
        return self.determined(*judged)

    def reached(self, found: Array, lowest: float) -> tuple[float, float, float]:
        """The interval of tokens of the fit and its refits, and the share that get there.

        Parameters
        ----------
        found : ndarray of shape (1 + refits,)
        lowest : float
            Tokens after which the fit is lowest: what is out of reach is judged there.

        Returns
        -------
        low, high, share : float
            NaN where nothing tells the noise, or where the records leave the interval free.
        """
        low, high = map(float, ends(found, self.level))
        if not all(self.sure(lowest if np.isinf(each) else each) for each in (low, high)):
            return float("nan"), float("nan"), float("nan")
        return low, high, float(share(np.isfinite(found), found))

    def _inputs(self, *tokens: float) -> pd.DataFrame:
        """The inputs of the law after so many tokens, one row for each."""
        return pd.DataFrame({**self.others, TOKENS: tokens})[list(self.fit.form.columns)]

    def budget(
        self,
        found: Array,
        least: Lowest,
        purpose: str,
        trouble: list[str],
        *,
        rises: bool,
        doubles: bool = False,
    ) -> Budget:
        """Tokens of the fit and of its refits as an answer; to a question about a doubling or not.

        Nothing of it is told that rests on what the records leave free: not the floor, nor the
        interval, where only the answer is determined.
        """
        span, lowest = self.span, float(least.tokens[0])
        # A loss that is out of reach is judged where the law comes down furthest.
        there = lowest if np.isinf(found[0]) and not doubles else found[0]
        at, determined = self.place(there), self.sure(there, doubles=doubles)
        beyond = self.beyond(at)
        if not determined and np.isinf(found[0]):  # nobody asked for endless tokens
            beyond = without_tokens(beyond)
        low, high, reachable = self.reached(found, lowest)
        floor = float(least.height[0]) if determined and self.determined(lowest) else float("nan")
        said = [*trouble, *self._doubts(found, at, reachable, determined=determined)]
        if determined or WITH not in beyond:
            said += self.far(beyond, at)
        if not determined:
            found, low, high, reachable = np.full(1, np.nan), *(float("nan"),) * 3
        return Budget(
            tokens=float(found[0]),
            low=low,
            high=high,
            reachable=reachable,
            floor=floor,
            level=self.level,
            determined=determined,
            beyond=beyond,
            purpose=purpose,
            trouble=tuple(dict.fromkeys(said)),
            rises=rises,
            most=float("inf") if span.endless else span.most,
        )

    def _doubts(self, found: Array, at: float, reachable: float, *, determined: bool) -> list[str]:
        """What an answer rests on that is not known, in sentences."""
        if not determined:
            why = "the answer rests on what the records leave free"
            known = self.fit.known.instead(self._inputs(at))
            instead = [f"what is determined lies at {known}"] if known else []
            return ["; ".join([why, *instead, *self.fit.trouble[:1]])]
        said = list[str]()
        if np.isnan(found).any():
            said += self.fit.known.doubts[:1]
        elif np.isnan(reachable):
            said += ["its interval rests on what the records leave free"]
        elif reachable < 1:
            said += [f"{number(100 * (1 - reachable), 2)} % of the refits never get there"]
        short = not (self.span.endless or np.isfinite(found).all())
        ended = [ending(self.fit.form.name, self.span.most)] * short
        return [*said, *ended, *self.fit.trouble]


def _single(fit: Fit, columns: Mapping[str, Any]) -> dict[str, float]:
    """The inputs beside tokens, one value each."""
    form = fit.form
    checked = asking.inputs(form, None, {**columns, TOKENS: float(fit.records[TOKENS].max())})
    asking.check_counts(checked.drop(columns=TOKENS), fit.records)
    if len(checked) > 1:
        raise FormError("one question at a time: each input is a single number here")
    return {name: float(checked[name].iloc[0]) for name in form.columns if name != TOKENS}
