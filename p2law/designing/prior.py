"""What is thought of a law before any run: coefficients drawn from stated ranges."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form
from p2law.errors import FitError
from p2law.result import asking
from p2law.solving.settings import checked_form
from p2law.text.views import number
from p2law.text.wording import got

SCATTER = (1e-30, 1e30)
"""Standard deviations from the least to the most; squares of squares of them are numbers, too."""


class _Copied:
    """A table that is handed out as a copy: nobody writes into the one that is kept."""

    def __get__(self, owner: object, kind: type) -> pd.DataFrame | None:
        kept = None if owner is None else vars(owner)["_draws"]
        return kept.copy() if isinstance(kept, pd.DataFrame) else kept

    def __set__(self, owner: object, table: pd.DataFrame | None) -> None:
        vars(owner)["_draws"] = table


_COPIED: Any = _Copied()


@dataclass(frozen=True, eq=False)
class Prior:
    """A law with coefficients that are only guessed so far. Nothing in it changes.

    Attributes
    ----------
    form : Form
    noise : float
        Standard deviation of single checkpoints, in the unit of the target.
    run_noise : float
        Standard deviation of what all checkpoints of a run share.
    ranges : mapping of str to (float, float)
        Every coefficient, equally likely within its range.
    sizes_at : mapping of str to float
        Inputs at which the ranges of linear coefficients are sizes of their terms, in the
        unit of the target; without it they are ranges of the coefficients themselves.
    draws : DataFrame, optional
        Coefficients, one column each, in place of ranges; a copy.
    seed : int

    Raises
    ------
    FitError
        A coefficient is missing, unknown or outside its bounds, or a number is none.
    PlanError
        A count of `sizes_at` looks like billions.

    Examples
    --------
    >>> from p2law import forms, planning
    >>> guess = {"floor": (1.5, 2.5), "scale": (0.2, 1.0), "beta": (0.2, 0.5)}
    >>> prior = planning.Prior(forms.token_power, 0.005, 0.01, guess, {"tokens": 1e9})
    >>> len(prior.sample(50))
    50
    """

    form: Form
    noise: float
    run_noise: float
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    sizes_at: Mapping[str, float] = field(default_factory=dict)
    draws: pd.DataFrame | None = _COPIED
    seed: int = 0

    def __post_init__(self) -> None:
        checked_form(self.form)
        self._keep("ranges", "{'beta': (0.2, 0.5)}")
        self._keep("sizes_at", "{'tokens': 1e9}")
        _check_noise("noise", self.noise)
        if self.run_noise != 0:
            _check_noise("run_noise, where it is not 0,", self.run_noise)
        if self.sizes_at:
            self._check_sizes()
        whole = isinstance(self.seed, Integral) and not isinstance(self.seed, bool)
        if not (whole and self.seed >= 0):
            raise FitError(f"seed is a whole number from 0 on, got {got(self.seed)}")
        if not (self.draws is None or isinstance(self.draws, pd.DataFrame)):
            raise FitError(f"draws are a DataFrame of coefficients, got {got(self.draws)}")
        stated = self.ranges if self.draws is None else self.draws.columns
        if odd := sorted(set(self.form.names) ^ set(stated)):
            raise FitError(
                f"{self.form.name} has coefficients {', '.join(self.form.names)}; the prior "
                f"must state each of them; missing or unknown: {', '.join(map(str, odd))}"
            )
        if self.draws is not None:
            drawn = self.draws[list(self.form.names)].apply(pd.to_numeric, errors="coerce")
            if not np.isfinite(drawn.to_numpy(dtype=float)).all():
                raise FitError("draws hold what is no finite number; leave these draws out")
            object.__setattr__(self, "draws", drawn)
        else:
            object.__setattr__(self, "ranges", MappingProxyType(self._ends()))
        for name, (low, high) in self._ends().items():
            bounds = self.form.coefficient(name).bounds
            if not (np.isfinite([low, high]).all() and bounds.least <= low <= high <= bounds.most):
                raise FitError(
                    f"{name} goes from low to high within {bounds.least:g} to {bounds.most:g}, "
                    f"got {number(low)} to {number(high)}"
                )

    def __reduce__(self) -> Any:
        # Read-only views of mappings do not travel.
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        parts |= {"ranges": dict(self.ranges), "sizes_at": dict(self.sizes_at)}
        return Prior, tuple(parts.values())

    def _keep(self, name: str, example: str) -> None:
        """Take a mapping as it is now."""
        given = getattr(self, name)
        try:
            kept = {} if given is None else dict(given)
        except (TypeError, ValueError):
            raise FitError(
                f"{name} is a mapping of names, as {example}, got {got(given)}"
            ) from None
        object.__setattr__(self, name, MappingProxyType(kept))

    def _ends(self) -> dict[str, tuple[float, float]]:
        """Least and largest value of each coefficient."""
        if self.draws is None:
            return {name: _pair(name, each) for name, each in self.ranges.items()}
        low, high = self.draws.min(), self.draws.max()
        return {name: (float(low[name]), float(high[name])) for name in self.form.names}

    def _check_sizes(self) -> None:
        """Refuse inputs that are missing or no number; where terms have a size, draws show."""
        if missing := [name for name in self.form.columns if name not in self.sizes_at]:
            raise FitError(f"sizes_at states every input of the law; missing: {', '.join(missing)}")
        for name, each in self.sizes_at.items():
            if not (isinstance(each, Real) and np.isfinite(each)):
                raise FitError(f"sizes_at holds one number for each input, {name} is {got(each)}")
        asking.plain_counts("sizes_at", pd.DataFrame([dict(self.sizes_at)]))

    def sample(self, count: int) -> pd.DataFrame:
        """Coefficients in the units of the law: (count, coefficients)."""
        rng = np.random.default_rng(self.seed)
        if self.draws is not None:
            chosen = rng.choice(len(self.draws), count, replace=len(self.draws) < count)
            return self.draws.iloc[chosen].reset_index(drop=True)[list(self.form.names)]
        ends = np.array([self.ranges[name] for name in self.form.names], dtype=float)
        found = rng.uniform(ends[:, 0], ends[:, 1], (count, len(ends)))
        table = pd.DataFrame(found, columns=list(self.form.names))
        return self._in_units(table) if self.sizes_at else table

    def _in_units(self, table: pd.DataFrame) -> pd.DataFrame:
        """Turn sizes of terms into linear coefficients."""
        out = table.copy()
        for name in self.form.linear:
            out[name] = table[name] / [
                self._size(dict(zip(table.columns, row, strict=True)), name)
                for row in table.to_numpy().tolist()
            ]
        return out

    def _size(self, values: Mapping[str, float], name: str) -> float:
        """Size of the term of a linear coefficient of 1."""
        at: list[Array] = [np.asarray(float(self.sizes_at[each])) for each in self.form.columns]
        none = dict.fromkeys(self.form.linear, 0.0)
        big = 2.0**100
        with np.errstate(all="ignore"):
            with_it = self.form.function(*at, **{**values, **none, name: big})
            size = abs(float(with_it - self.form.function(*at, **{**values, **none}))) / big
        if not 0 < size < np.inf:
            raise FitError(
                f"the term of {name} has no size at the inputs of sizes_at; choose others"
            )
        return size


def _check_noise(name: str, value: Any) -> None:
    """Refuse what is no positive number, and what no loss scatters by in any unit."""
    least, most = SCATTER
    if not least <= asking.positive(name, value) <= most:
        raise FitError(f"{name} is from {least:g} to {most:g}, got {got(value)}")


def _pair(name: str, ends: Any) -> tuple[float, float]:
    """Least and most of a range."""
    try:
        low, high = map(float, ends)
    except (TypeError, ValueError):
        raise FitError(
            f"the range of {name} is two numbers, low and high, got {got(ends)}"
        ) from None
    return low, high
