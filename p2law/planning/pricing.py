"""What post-training costs: FLOPs, GPU-hours and money, and what a sum of these pays for."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.domains import is_number
from p2law.errors import PlanError
from p2law.records.flops import FORWARD, SLICED, TRAINING, multiplied, per_token
from p2law.text.views import number
from p2law.text.wording import got

SPENT = ("tokens", "flops", "gpu_hours", "cost")
"""What a budget may be stated in."""

ROUNDING = 1e-12
"""Amounts that differ by no more than this share are the same: only rounding tells them apart."""

ANY = "pruned"
"""The method of candidates that name none."""

SECONDS = 3600.0

STATED = "prices (planning.Prices, in a plan file [prices])"
"""Where it is stated what tokens cost, in words."""

SLOW = 1e9
"""FLOP/s below which no GPU is: the number is in another unit."""


@dataclass(frozen=True)
class Prices:
    """What computing takes and costs.

    Attributes
    ----------
    tokens_per_second : float, optional
        Training tokens that one GPU does a second, whatever the candidate. A column
        `tokens_per_second` of the candidates says it of each, and comes first.
    peak_flops, mfu : float, optional
        Instead: FLOP/s that one GPU could do, and the share of them that it does.
    gpu_hour : float, optional
        Price of one GPU for one hour.
    currency : str
    calibration_tokens : float
        Tokens that go forward through the model before pruning, once.
    evaluation_tokens : float
        Tokens that go forward through the pruned model, all evaluations together.

    Raises
    ------
    PlanError
        A number is not positive, a peak is in another unit than FLOP/s, or a throughput is
        stated twice or by halves.

    Examples
    --------
    >>> Prices(peak_flops=989e12, mfu=0.4, gpu_hour=2.5).gpu_hour
    2.5
    """

    tokens_per_second: float | None = None
    peak_flops: float | None = None
    mfu: float | None = None
    gpu_hour: float | None = None
    currency: str = "USD"
    calibration_tokens: float = 0.0
    evaluation_tokens: float = 0.0

    def __post_init__(self) -> None:
        for name in ("tokens_per_second", "peak_flops", "mfu", "gpu_hour"):
            value = getattr(self, name)
            if value is not None and not (is_number(value) and 0 < value < math.inf):
                raise PlanError(f"{name} is a positive number, got {got(value)}")
        for name in ("calibration_tokens", "evaluation_tokens"):
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value < math.inf):
                raise PlanError(f"{name} is a number of tokens from 0 on, got {got(value)}")
        if self.mfu is not None and self.mfu > 1:
            raise PlanError(f"mfu is a share of the peak, got {self.mfu:g}; 40 per cent are 0.4")
        if self.peak_flops is not None and self.peak_flops < SLOW:
            raise PlanError(
                f"peak_flops is {number(float(self.peak_flops))} FLOP/s, less than any processor "
                f"does; in TFLOP/s, write {number(self.peak_flops * 1e12)}"
            )
        if (self.mfu is None) != (self.peak_flops is None):
            raise PlanError("an mfu says nothing without peak_flops; give both or neither")
        if self.mfu is not None and self.tokens_per_second is not None:
            raise PlanError("give either tokens_per_second or peak_flops with mfu, not both")

    @property
    def fixed(self) -> bool:
        """Whether anything is paid before the first token."""
        return self.calibration_tokens > 0 or self.evaluation_tokens > 0


@dataclass(frozen=True, eq=False)
class Bill:
    """What each candidate's tokens cost; NaN where nothing tells.

    Attributes
    ----------
    per_token : ndarray of shape (candidates,)
        FLOPs of one training token.
    fixed : ndarray of shape (candidates,)
        FLOPs of calibration and evaluation.
    hours : ndarray of shape (candidates,)
        GPU-hours of one FLOP.
    price : float
        Of one GPU-hour.
    notes : tuple of str
        How all this was counted.
    """

    per_token: Array
    fixed: Array
    hours: Array
    price: float
    notes: tuple[str, ...]

    def of(self, tokens: Array) -> dict[str, Array]:
        """What so many tokens take: flops, gpu_hours and cost, each (..., candidates)."""
        with np.errstate(over="ignore"):  # more than any number is endless
            flops = self.fixed + self.per_token * tokens
            hours = flops * self.hours
            return {"flops": flops, "gpu_hours": hours, "cost": hours * self.price}

    def tokens(self, unit: str, amount: Array) -> Array:
        """Tokens that an amount of one of `SPENT` pays for; not positive where it pays for none.

        Raises
        ------
        PlanError
            Nothing tells what the unit has to do with tokens.
        """
        if unit == "tokens":
            return amount
        scale = np.ones(1) if unit == "flops" else self.hours
        scale = scale * self.price if unit == "cost" else scale
        if np.isnan(scale).any():
            cure = "tokens_per_second, or peak_flops with mfu"
            cure += ", and gpu_hour" if unit == "cost" else ""
            raise PlanError(
                f"a budget of {unit} says nothing without a throughput; give {STATED} with {cure}"
            )
        with np.errstate(over="ignore"):
            return np.asarray((amount / scale - self.fixed) / self.per_token)


def bill(table: pd.DataFrame, prices: Prices) -> Bill:
    """Make out what the tokens of each candidate cost.

    Parameters
    ----------
    table : DataFrame
        Candidates, checked.
    prices : Prices

    Returns
    -------
    Bill
    """
    before, after = table["params"].to_numpy(), table["params_after"].to_numpy()
    used = multiplied(table["method"], before, after)
    stated = _column(table, "flops_per_token")
    each = per_token(stated, used)
    forward = each * FORWARD / TRAINING
    # Calibration goes through the model as it was before pruning.
    fixed = prices.evaluation_tokens * forward
    fixed += prices.calibration_tokens * forward * before / used
    price = float("nan") if prices.gpu_hour is None else float(prices.gpu_hour)
    speed = _column(table, "tokens_per_second")
    hours = _hours(each, speed, prices)
    notes = _counted(stated, {*table["method"]} - {*SLICED}) + _priced(prices, speed)
    return Bill(each, fixed, hours, price, tuple(notes))


def _column(table: pd.DataFrame, name: str) -> Array:
    """A column of positive numbers with gaps."""
    if name not in table:
        return np.full(len(table), np.nan)
    found = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float)
    wrong = table[name].notna().to_numpy() & ~((found > 0) & (found < np.inf))
    if wrong.any():
        first = table[name][wrong].iloc[0]
        raise PlanError(
            f"{name} of candidate {table.index[wrong][0]} is {got(first)}; it is a positive "
            f"number, or left empty"
        )
    return found


def _hours(per_token: Array, speed: Array, prices: Prices) -> Array:
    """GPU-hours of one FLOP."""
    by_peak = np.nan
    if prices.peak_flops is not None and prices.mfu is not None:
        by_peak = 1 / (prices.peak_flops * prices.mfu * SECONDS)
    given = np.nan if prices.tokens_per_second is None else prices.tokens_per_second
    speed = np.where(np.isfinite(speed), speed, given)
    return np.where(np.isfinite(speed), 1 / (per_token * speed * SECONDS), by_peak)


def _counted(stated: Array, dense: set[str]) -> list[str]:
    """How FLOPs were counted, in words."""
    known = np.isfinite(stated)
    if known.all():
        return ["FLOPs are tokens x flops_per_token"]
    which = " where flops_per_token is not given" if known.any() else ""
    names = ", ".join(sorted(dense))
    size = "the parameters after pruning"
    if dense:
        size += f" by depth or width, all of them for {names}"
    if ANY in dense:
        size += (
            "; no method is named: where matrices become smaller, name it as fits={'depth': fit} "
            "and in the candidates"
        )
    return [f"FLOPs are 6 x N x tokens{which}, N {size}"]


def _priced(prices: Prices, speed: Array) -> list[str]:
    """What else is counted, in words."""
    said = []
    if prices.fixed:
        said.append(
            f"forward passes of {number(prices.calibration_tokens)} tokens of calibration before "
            f"pruning and {number(prices.evaluation_tokens)} of evaluation after it are counted, "
            f"at a third of a training token"
        )
    if np.isfinite(speed).any():
        said.append("GPU-hours by the candidates' own tokens_per_second")
    if prices.tokens_per_second is not None:
        speed_said = number(prices.tokens_per_second)
        said.append(f"GPU-hours at {speed_said} training tokens a second of one GPU, any candidate")
    if prices.mfu is not None and prices.peak_flops is not None:
        peak = number(prices.peak_flops)
        said.append(f"GPU-hours at {100 * prices.mfu:g} % of {peak} FLOP/s")
    if prices.gpu_hour is not None:
        said.append(f"a GPU-hour costs {number(prices.gpu_hour)} {prices.currency}")
    return said
