"""How many tokens to pay for: the law turned round, with the interval of every answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law import asking
from p2law.continuation import Continuation
from p2law.continuing import continue_run
from p2law.declaring import Array, Form
from p2law.designing import NextRuns, next_runs
from p2law.errors import FitError, FormError, UnreachableLossError
from p2law.identifying import IdentifyingRuns, identifying_runs
from p2law.inverting import LEAST, crossing
from p2law.prior import Prior
from p2law.result import Fit
from p2law.views import View, number

__all__ = [
    "Budget",
    "Continuation",
    "IdentifyingRuns",
    "NextRuns",
    "Prior",
    "continue_run",
    "identifying_runs",
    "marginal",
    "next_runs",
    "saturation",
    "tokens_for",
]

TOKENS = "tokens"


@dataclass(frozen=True)
class Budget:
    """Tokens that do something, and how sure that is. `float` of it are the tokens.

    Attributes
    ----------
    tokens : float
        Infinite where they never do it, NaN where the records do not tell.
    low, high : float
        Interval; `high` is infinite where some refits never do it.
    reached : float
        Share of the refits that do it at all.
    floor : float
        Loss that endless post-training would reach, in the unit of the target.
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
    """

    tokens: float
    low: float
    high: float
    reached: float
    floor: float
    level: float
    determined: bool
    beyond: str
    purpose: str
    trouble: tuple[str, ...]

    def __float__(self) -> float:
        return self.tokens

    def view(self) -> View:
        """The content of the text and HTML views."""
        low, high = (number(each, 3) for each in (self.low, self.high))
        told = f"{number(self.tokens)} tokens, {100 * self.level:g} % interval {low} to {high}"
        facts = [
            ("reached", f"by {100 * self.reached:.0f} % of the refits"),
            ("floor", f"{number(self.floor)} with endless tokens"),
        ]
        facts += [("beyond", f"the records: {self.beyond}")] if self.beyond else []
        headline = f"{self.purpose}: {told if self.determined else 'not determined'}"
        return View(headline=headline, warnings=self.trouble, facts=facts)

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()


def tokens_for(fit: Fit, *, loss: float, level: float = 0.9, **columns: float) -> Budget:
    """Tokens after which a loss is reached.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    loss : float
        Target, in the unit of the records.
    level : float
        Of the interval.
    **columns : float
        The other inputs of the law.

    Returns
    -------
    Budget

    Raises
    ------
    UnreachableLossError
        Endless post-training would not get there; carries the floor and its interval.
    FitError
        The law does not read `tokens`, or `loss` or `level` is no such number.
    FormError
        An input is missing, or the law does not read one that was given.
    RecordError
        An input is not a number, or the law has no value there.

    Examples
    --------
    >>> import p2law
    >>> from p2law import forms, planning, testing
    >>> truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    >>> grid = p2law.grid(params=[1e8, 1e9, 1e10], tokens=[1e9, 1e10, 1e11])
    >>> fit = p2law.fit(testing.synthesize(forms.chinchilla, truth, grid), forms.chinchilla)
    >>> f"{float(planning.tokens_for(fit, loss=2.4, params=1e9)):.4g}"
    '1.408e+10'
    """
    asked = _Asked.of(fit, columns, level)
    target = asking.positive("loss", loss)
    floors = asked.floors()
    found = crossing(asked.loss, floors, np.full(len(floors), target))
    purpose = f"{fit.form.target} {number(target)}"
    if np.isinf(found[0]) and asked.determined(LEAST):
        raise _unreachable(purpose, floors, found, level)
    trouble = []
    if found[0] <= LEAST:
        trouble.append(f"{purpose} is met before the first token")
        found = np.where(found <= LEAST, 0.0, found)
    return asked.budget(found, floors[0], purpose, trouble)


def saturation(fit: Fit, *, gain: float, level: float = 0.9, **columns: float) -> Budget:
    """Tokens from which the next doubling lowers the loss by less than `gain`.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    gain : float
        In the unit of the target: 0.01 nat is about what seeds differ by.
    level : float
    **columns : float
        The other inputs of the law.

    Returns
    -------
    Budget
        Zero tokens where no doubling ever buys so much.

    Raises
    ------
    FitError, FormError, RecordError
        As `tokens_for`.
    """
    asked = _Asked.of(fit, columns, level)
    wanted = asking.positive("gain", gain)

    def bought(tokens: Array) -> Array:
        return asked.loss(tokens) - asked.loss(2 * tokens)

    floors = asked.floors()
    found = crossing(bought, np.zeros(len(floors)), np.full(len(floors), wanted))
    purpose = f"a doubling buys less than {number(wanted)}"
    return asked.budget(np.where(found <= LEAST, 0.0, found), floors[0], purpose, [])


def marginal(
    fit: Fit, table: pd.DataFrame | None = None, /, *, level: float = 0.9, **columns: Any
) -> pd.DataFrame:
    """What further tokens buy: the fall of the loss with the next doubling, and per token.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    table, **columns
        Inputs, as `Fit.predict` takes them.
    level : float

    Returns
    -------
    DataFrame
        The inputs; `gain` of the next doubling with `low` and `high`; `per_token`, the
        slope of the loss, negative where tokens help; `determined` and `beyond` as in
        `Fit.predict`, of both ends of the doubling.

    Raises
    ------
    FitError, FormError, RecordError
        As `tokens_for`.
    """
    _reads_tokens(fit)
    here = fit.predict(table, level=level, **columns)
    inputs = {name: here[name].to_numpy() for name in fit.form.columns}
    there = fit.predict(pd.DataFrame({**inputs, TOKENS: 2 * inputs[TOKENS]}, index=here.index))
    bought = _at(fit, inputs, 1.0) - _at(fit, inputs, 2.0)
    slope = (_at(fit, inputs, 1 + 1e-5) - _at(fit, inputs, 1 - 1e-5))[0] / (2e-5 * inputs[TOKENS])
    sure = (here["determined"] & there["determined"]).to_numpy()
    low, high = np.quantile(bought[1:], [(1 - level) / 2, (1 + level) / 2], axis=0)
    out = here[list(fit.form.columns)].copy()
    for name, each in (
        ("gain", bought[0]),
        ("low", np.minimum(low, bought[0])),
        ("high", np.maximum(high, bought[0])),
        ("per_token", slope),
    ):
        out[name] = np.where(sure, each, np.nan)
    out["determined"] = sure
    out["beyond"] = there["beyond"]
    return out


def _at(fit: Fit, inputs: Mapping[str, Array], factor: float) -> Array:
    """The law and its refits at so many times the tokens."""
    return fit.known.curves({**inputs, TOKENS: factor * inputs[TOKENS]})


def _reads_tokens(fit: Fit) -> None:
    if not isinstance(fit, Fit) or TOKENS not in fit.form.columns:
        name = fit.form.name if isinstance(fit, Fit) else type(fit).__name__
        raise FitError(f"{name} reads no tokens, so no number of them can be told")


@dataclass(frozen=True)
class _Asked:
    """One question about tokens: a fit and the other inputs."""

    fit: Fit
    others: Mapping[str, float]
    level: float

    @classmethod
    def of(cls, fit: Fit, columns: Mapping[str, Any], level: float) -> "_Asked":
        _reads_tokens(fit)
        asking.interval(level, "mean")
        if TOKENS in columns:
            raise FormError("tokens are what is asked for; leave them out")
        return cls(fit, _single(fit.form, columns), level)

    def loss(self, tokens: Array) -> Array:
        """The fit and its refits, each at tokens of its own: (1 + refits,)."""
        inputs = {name: np.full((1, 1), value) for name, value in self.others.items()}
        return self.fit.known.curves({**inputs, TOKENS: tokens[:, None]})[:, 0]

    def floors(self) -> Array:
        """What endless tokens leave, of the fit and its refits."""
        count = 1 + len(self.fit.draws)
        with np.errstate(all="ignore"):
            endless = self.loss(np.full(count, np.inf))
            return np.where(np.isfinite(endless), endless, self.loss(np.full(count, 1e300)))

    def determined(self, tokens: float) -> bool:
        """Tell whether the records determine the loss after so many tokens."""
        return bool(self._told(tokens)["determined"])

    def _told(self, tokens: float) -> pd.Series:
        return self.fit.predict(pd.DataFrame({**self.others, TOKENS: [tokens]})).iloc[0]

    def budget(self, found: Array, floor: float, purpose: str, trouble: list[str]) -> Budget:
        """Tokens of the fit and of its refits as an answer."""
        sane = float(np.clip(np.nan_to_num(found[0], posinf=1e300), LEAST, 1e300))
        told = self._told(sane)
        low, high = _ends(found[1:], self.level)
        reached = float(np.mean(np.isfinite(found[1:])))
        if not told["determined"]:
            why = "the answer rests on what the records leave free"
            trouble = [*trouble, "; ".join([why, *self.fit.trouble[:1]])]
            found, low, high = np.full(1, np.nan), np.nan, np.nan
        elif reached < 1:
            trouble = [*trouble, f"{100 * (1 - reached):.0f} % of the refits never get there"]
        if TOKENS in told["beyond"] and told["determined"]:
            reach = self.fit.records[TOKENS]
            held = f"the records hold {number(reach.min())} to {number(reach.max())} tokens"
            trouble = [*trouble, f"{held}; beyond them the answer rests on the form of the law"]
        return Budget(
            tokens=float(found[0]),
            low=min(low, float(found[0])),
            high=max(high, float(found[0])),
            reached=reached,
            floor=float(floor) if told["determined"] else float("nan"),
            level=self.level,
            determined=bool(told["determined"]),
            beyond=str(told["beyond"]),
            purpose=purpose,
            trouble=tuple(trouble),
        )


def _single(form: Form, columns: Mapping[str, Any]) -> dict[str, float]:
    """The inputs beside tokens, one value each."""
    checked = asking.inputs(form, None, {**columns, TOKENS: LEAST})
    if len(checked) > 1:
        raise FormError("one question at a time: each input is a single number here")
    return {name: float(checked[name].iloc[0]) for name in form.columns if name != TOKENS}


def _ends(found: Array, level: float) -> tuple[float, float]:
    """Interval of values of which some may be infinite."""
    if np.isnan(found).any():
        return float("nan"), float("nan")
    low = np.quantile(found, (1 - level) / 2, method="lower")
    high = np.quantile(found, (1 + level) / 2, method="higher")
    return float(low), float(high)


def _unreachable(purpose: str, floors: Array, found: Array, level: float) -> UnreachableLossError:
    low, high = _ends(floors[1:], level)
    reached = float(np.mean(np.isfinite(found[1:])))
    return UnreachableLossError(
        f"{purpose} is out of reach: endless post-training would end at {number(floors[0])} "
        f"({100 * level:g} % interval {number(low)} to {number(high)}); "
        f"{100 * reached:.0f} % of the refits get there; ask for more, prune less, or start "
        f"from a better model",
        float(floors[0]),
        low,
        high,
        reached,
    )
