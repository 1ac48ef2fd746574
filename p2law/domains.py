"""Where things may lie: the domain of an input, the bounds of a coefficient."""

import math
import re
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from p2law.errors import FormError
from p2law.text.wording import got

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Whole = NDArray[np.intp]


def is_number(value: object) -> bool:
    """Tell whether something is a number that a float can hold."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return False
    try:
        float(value)
    except OverflowError:  # whole numbers have no end
        return False
    return True


@dataclass(frozen=True)
class Bounds:
    """Range, unit and meaning of a coefficient.

    Parameters
    ----------
    low, high : float or None
        Closed bounds; None means none. A linear coefficient has a sign at most.
    unit : str
        For instance ``"nat token^beta"``; ``"1"`` for a pure number. A
        non-linear coefficient whose unit is the unit of an input is searched
        over the range that this input has in the records.
    meaning : str
        What the coefficient says, in a few words.
    log : bool
        Search and fit the coefficient on a logarithmic scale (it is positive
        and its order of magnitude is not known beforehand).
    """

    low: float | None = None
    high: float | None = None
    unit: str = "1"
    meaning: str = ""
    log: bool = False

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            if end is not None and (not is_number(end) or math.isnan(end)):
                raise FormError(
                    f"bounds are numbers or None, got {got(end)}; write Bounds(0, None)"
                )
        for what, text in (("unit", self.unit), ("meaning", self.meaning)):
            if not isinstance(text, str):
                raise FormError(f"{what} of bounds is a text, got {got(text)}; write '1' for none")

    @property
    def least(self) -> float:
        """Lower bound as a number: minus infinity where there is none."""
        return -math.inf if self.low is None else float(self.low)

    @property
    def most(self) -> float:
        """Upper bound as a number: infinity where there is none."""
        return math.inf if self.high is None else float(self.high)


_HALF_LINE = re.compile(r"^(>=|>|<=|<)\s*(\S+)$")
_INTERVAL = re.compile(r"^([\[(])\s*(\S+)\s*,\s*(\S+)\s*([\])])$")


@dataclass(frozen=True)
class Domain:
    """Where a law has a value, for one of its inputs.

    Parameters
    ----------
    rule : str
        ``"> 0"``, ``">= 0"``, ``"< 1"``, ``"(0, 1)"``, ``"[0, 1)"``, or empty
        for every finite number.
    symbol : str
        The input's letter in the formula; its column name where empty.
    unit : str
        For instance ``"token"``.

    Raises
    ------
    FormError
        `rule` cannot be read.
    """

    rule: str = ""
    symbol: str = ""
    unit: str = "1"
    _ends: tuple[float, bool, float, bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", _read_rule(self.rule))

    def contains(self, values: Array) -> Mask:
        """Tell which of `values` lie in the domain."""
        low, low_open, high, high_open = self._ends
        above = values > low if low_open else values >= low
        below = values < high if high_open else values <= high
        return np.asarray(above & below & np.isfinite(values))

    @property
    def ends(self) -> tuple[float, bool, float, bool]:
        """Lower end, whether it is left out, upper end, whether that is left out."""
        return self._ends

    @property
    def least(self) -> float:
        """The least number in it, or minus infinity."""
        low, is_open, *_ = self._ends
        return math.nextafter(low, math.inf) if is_open and math.isfinite(low) else low

    @property
    def most(self) -> float:
        """The greatest number in it, or infinity."""
        *_, high, is_open = self._ends
        return math.nextafter(high, -math.inf) if is_open and math.isfinite(high) else high

    @property
    def where(self) -> str:
        """As it stands after "is" and "is not": "> 0", "in (0, 1)"."""
        return f"in {self}" if self.rule.startswith(("(", "[")) else str(self)

    def __str__(self) -> str:
        return self.rule or "every finite number"


def _read_rule(rule: str) -> tuple[float, bool, float, bool]:
    """Turn a rule into (low, low is open, high, high is open)."""
    try:
        if not isinstance(rule, str):
            raise FormError(f"a domain is a text such as '> 0' or '[0, 1)', got {got(rule)}")
        if not rule:
            return -math.inf, True, math.inf, True
        if half := _HALF_LINE.match(rule):
            sign, bound = half[1], float(half[2])
            if sign.startswith(">"):
                return bound, sign == ">", math.inf, True
            return -math.inf, True, bound, sign == "<"
        if interval := _INTERVAL.match(rule):
            low, high = float(interval[2]), float(interval[3])
            return low, interval[1] == "(", high, interval[4] == ")"
    except ValueError:
        pass
    message = f"cannot read the domain {rule!r}; write for instance '> 0', '>= 0' or '[0, 1)'"
    raise FormError(message)
