"""What columns are called on axes, and how their values are written there."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axis import Axis, XAxis
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import (
    AutoLocator,
    FuncFormatter,
    Locator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from p2law.declaring import Array
from p2law.result import Fit
from p2law.scoring import Score
from p2law.text.amounts import COUNTS, DIGITS, SHARES, amount
from p2law.text.views import number

SHORT = {"params_after": "left", "pruning_rate": "pruned", "nominal_rate": "pruned"}
"""What a title says in place of the name of an axis."""

MOST_DIGITS = 9
"""Of values that are told apart."""

STEP_DIGITS, MOST_OF_STEPS = 4, 15
"""Of the steps of a map, at least and at most."""

LETTER = 0.6
"""Width of a letter of a number, as a share of its size."""

MOST = 9
"""Labels of an axis that has much room."""


def apart(values: Sequence[float], column: str) -> list[str]:
    """Values of a column in short, in as many digits as tell different ones apart.

    Examples
    --------
    >>> apart([3.7412, 3.7449, 3.9], "base_loss"), apart([1e9, 8e9], "params")
    (['3.741', '3.745', '3.9'], ['1B', '8B'])
    """
    for digits in range(DIGITS, MOST_DIGITS + 1):
        texts = [amount(each, column, digits) for each in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def digits_of(steps: Sequence[float]) -> int:
    """Digits in which steps of one width are written as they are, at least four.

    Examples
    --------
    >>> digits_of([2.1, 2.2]), digits_of([11.025, 11.05]), digits_of([2.00005, 2.0001])
    (4, 5, 6)
    """
    least = 1e-6 * (steps[1] - steps[0])  # of a step: what is left of rounding
    return next(
        digits
        for digits in range(STEP_DIGITS, MOST_OF_STEPS + 1)
        if digits == MOST_OF_STEPS
        or all(abs(float(number(each, digits)) - each) <= least for each in steps)
    )


def named(value: float, column: str, told: str = "") -> str:
    """A value with what it is of, as a title says it: "8B parameters", "30 % pruned".

    `told` is the value as it is written beside others.
    """
    told = told or amount(value, column)
    if column in COUNTS or column in SHARES:
        return f"{told} {SHORT.get(column) or title(column)}"
    return f"{title(column)} {told}"


def title(column: str) -> str:
    """What a column is called on an axis."""
    return COUNTS.get(column) or SHARES.get(column) or column.replace("_", " ")


def target_title(shown: Fit | Score, words: str = "") -> str:
    """What a target is called on an axis, with its unit: "loss (nat)", "loss (test error)"."""
    target = shown.form.target if isinstance(shown, Fit) else shown.target
    unit = shown.unit.removeprefix("in ").replace("_", " ")
    said = words or target.replace("_", " ")
    return said if unit in said.split(" ") else f"{said} ({unit})"


def is_log(column: str, values: Array) -> bool:
    """Tell whether an axis of these values is better logarithmic."""
    positive = values[values > 0]
    return column in COUNTS and len(positive) > 0 and bool(positive.max() > 3 * positive.min())


def from_zero(values: Array) -> float:
    """Where a scale that holds zero beside amounts becomes logarithmic: the decade of the least."""
    return float(10.0 ** np.floor(np.log10(values[values > 0].min())))


def lay(axis: Axis, column: str, *, log: bool) -> None:
    """Give an axis its scale, its name and ticks in plain words."""
    set_scale = axis.axes.set_xscale if isinstance(axis, XAxis) else axis.axes.set_yscale
    axis.set_label_text(title(column))
    if log:
        set_scale("log")
        plain_ticks(axis, column)
    elif column in COUNTS or column in SHARES:
        axis.set_major_formatter(_labels(axis, column))


def plain_ticks(axis: Axis, column: str) -> None:
    """Ticks of a logarithmic axis as plain amounts; labels are as many as there is room for."""
    low, high = axis.get_view_interval()
    fine, coarse = (1.0, 2.0, 5.0), (1.0,)
    major: Locator = MaxNLocator(4, steps=[1, 2, 5, 10])
    minor: Locator = NullLocator()
    if 3 <= _between(fine, low, high) <= MOST:
        major = LogLocator(10, subs=fine, numticks=MOST)
    elif _between(coarse, low, high) > 1:
        major = LogLocator(10, subs=coarse, numticks=MOST)
        minor = LogLocator(10, subs=fine, numticks=24)
    axis.set_major_locator(major)
    axis.set_minor_locator(minor)
    axis.set_major_formatter(_labels(axis, column))
    axis.set_minor_formatter(NullFormatter())


class RoomyLocator(AutoLocator):
    """Ticks below a linear axis, fewer than usual where their labels would touch."""

    def __call__(self) -> Any:
        """Ticks for the panel as it is when it is drawn."""
        axis: Any = self.axis
        for bins in ("auto", 5, 4, 3, 2):
            self.set_params(nbins=bins)
            ticks = super().__call__()
            low, high = sorted(axis.get_view_interval())
            texts = axis.get_major_formatter().format_ticks(ticks)
            shown = [text for at, text in zip(ticks, texts, strict=True) if low <= at <= high]
            apart = axis.axes.bbox.width * (ticks[1] - ticks[0]) / (high - low)
            if len(shown) < 2 or apart >= LETTER * (max(map(len, shown)) + 0.5) * _em(axis):
                break
        return ticks


def _em(axis: Axis) -> float:
    """Size of the letters of an axis's labels, in dots."""
    size = mpl.rcParams["xtick.labelsize" if isinstance(axis, XAxis) else "ytick.labelsize"]
    points: float = FontProperties(size=size).get_size_in_points()
    return points / 72 * axis.axes.figure.dpi


def _labels(axis: Axis, column: str) -> FuncFormatter:
    """Plain amounts, some left out where all would touch.

    A panel finds its place only when it is drawn, so room is measured then, once for all
    labels of an axis: matplotlib asks for them one after the other, the first one first.
    """
    labelled: list[float] = []

    def label(value: float, place: int | None = None) -> str:
        """An amount, or nothing; a cursor, which has no place among the ticks, has its amount."""
        if place is None:
            return amount(value, column)
        if place == 0:
            labelled[:] = _with_room(axis, column)
        return amount(value, column) if value in labelled else ""

    return FuncFormatter(label)


def _with_room(axis: Axis, column: str) -> list[float]:
    """The ticks that have a label: all, or powers of ten, or every second one, and so on."""
    low, high = sorted(axis.get_view_interval())
    ticks = [float(each) for each in axis.get_majorticklocs() if low <= each <= high]
    powers = [each for each in ticks if _is_power(each)]
    choices = [ticks, *([powers] if 1 < len(powers) < len(ticks) else [])]
    base = choices[-1]
    choices += [base[::step] for step in range(2, len(base))]
    return next((each for each in choices if not _touch(axis, column, each)), base[:1])


def _is_power(value: float) -> bool:
    """Tell a power of ten."""
    return value > 0 and abs(math.log10(value) - round(math.log10(value))) < 1e-6


def _touch(axis: Axis, column: str, ticks: list[float]) -> bool:
    """Tell whether labels at these ticks would touch."""
    along = isinstance(axis, XAxis)
    span = axis.get_transform().transform(np.array([*ticks, *axis.get_view_interval()]))
    whole = axis.axes.bbox.width if along else axis.axes.bbox.height
    places = whole * span[:-2] / abs(span[-1] - span[-2])
    wide = [0.66 * len(amount(each, column)) + 0.5 if along else 1.3 for each in ticks]
    needed = 0.5 * _em(axis) * (np.array(wide[1:]) + np.array(wide[:-1]))
    return bool((np.abs(np.diff(places)) < needed).any())


def _between(digits: tuple[float, ...], low: float, high: float) -> int:
    """How many of these digits times powers of ten lie on an axis."""
    if not 0 < low < high:
        return 0
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.outer(powers, digits)
    return int(np.sum((ticks >= low) & (ticks <= high)))
