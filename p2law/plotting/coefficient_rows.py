"""Coefficients with their intervals, each on a scale of its own, and how they move together."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from p2law.declaring import Array, Bounds
from p2law.plotting.canvas import Canvas, Panels, Place, exactly
from p2law.plotting.colours import BLACK, BLUE, FAINT, GREY, VERMILION
from p2law.plotting.families import checked_fit, status
from p2law.result import Fit, asking
from p2law.text.views import number, together

ROOM = 2.2
"""A row shows so many half-widths of the interval to both sides of its middle."""

DECADES = 1.5
"""From so many in the interval of a positive coefficient on its row is logarithmic."""

TICKS = 30
"""At most so many on a logarithmic row."""

TOUCHING = 0.1
"""Marks of a row that are nearer are one."""

LOG_SCALE = "log scale"
"""What is said beside a logarithmic row."""

BINS = 48
HEIGHT = 0.75
LETTERS = 60
"""Of a note; the table of the fit has all of it."""

INSIDE, LETTERS_AN_INCH = 0.45, 17
"""Where numbers begin that stand inside the panel, and how many letters fit into an inch there."""

TWO_LINES = 19.0
"""Points of height from which on a row has room for two lines."""

UNDER_NOTES = 0.75
"""The share of a panel that notes inside it leave."""

UPRIGHT = 2
"""Letters up to which the names below the correlation stand upright."""

DARK = 0.6
"""From this correlation on numbers are white on the dark cell."""


def coefficients(fit: Fit, *, level: float = 0.9, ax: Place = None) -> Panels:
    """Draw the coefficients with their intervals, and how they move together.

    Parameters
    ----------
    fit : Fit
    level : float
        Of the intervals.
    ax : two Axes, Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    ndarray of Axes, (2,)
        Left, a row a coefficient: the refits as a hill, the interval as a bar, the estimate as
        a stroke, numbers beside. Each row has a scale of its own, so that its interval is as
        wide as that of every other row; that of a positive coefficient which spans more than
        1.5 decades is logarithmic, which ticks and a word say. Right, the rank correlation of
        the coefficients over the refits. What was held, or cannot be told, is named in words.

    Raises
    ------
    PlotError
        `fit` is no fit, or `ax` not two Axes.
    FitError
        `level` is no probability.
    """
    asking.interval(level, "mean")
    table = checked_fit(fit).table(level=level)
    draws = fit.known.for_level(level).draws
    place = exactly(ax, 2, size=(5.0, max(2.6, 0.9 + 0.42 * len(table))))
    rows, matrix = place.axes
    beside = _Beside.of(place, len(table))
    for k, (name, row) in enumerate(table.iterrows()):
        bounds = fit.form.coefficient(str(name)).bounds
        _row(rows, k, row, draws[str(name)].to_numpy(), bounds, beside)
    _frame(rows, table, beside)
    told = [str(name) for name, row in table.iterrows() if np.isfinite(row["low"])]
    _correlation(matrix, draws[told])
    place.say(status(fit), [], _key(rows, len(draws), level) if told else [])
    return place.array


def _key(axes: Axes, refits: int, level: float) -> list[str]:
    """What is what."""
    bars = f"bars: {100 * level:g} % intervals, each row on a scale of its own"
    log = any(LOG_SCALE in each.get_text() for each in axes.texts)
    key = [f"hills: {refits} refits", bars, *(["ticks: decades"] if log else [])]
    return [*key, "dotted: zero", "thick grey: a bound", "right: rank correlation over the refits"]


@dataclass(frozen=True)
class _Scale:
    """From values of a coefficient to places in its row, -1 to 1 for the interval.

    Attributes
    ----------
    middle, half : float
        Of the interval, in decades where `log`.
    log : bool
    """

    middle: float
    half: float
    log: bool

    @classmethod
    def of(cls, low: float, high: float, bounds: Bounds) -> "_Scale":
        """The scale that suits an interval."""
        log = bounds.least >= 0 and low > 0 and high > 10**DECADES * low
        ends = np.log10([low, high]) if log else np.array([low, high])
        return cls(float(ends.mean()), float(ends[1] - ends[0]) / 2 or 1.0, log)

    def places(self, values: Any) -> Array:
        """Where values stand; what lies outside the row stands just there."""
        told = np.asarray(values, dtype=float)
        if self.log:
            told = np.log10(np.maximum(told, np.finfo(float).tiny))
        return np.clip((told - self.middle) / self.half, -2 * ROOM, 2 * ROOM)

    @property
    def ticks(self) -> tuple[Array, int]:
        """Powers of ten in the row as places, and how many decades lie between two."""
        low, high = (self.middle + side * ROOM * self.half for side in (-1, 1))
        step = next(each for each in (1, 5, 20, 100) if high - low <= each * TICKS)
        powers = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
        return (powers - self.middle) / self.half, step


@dataclass(frozen=True)
class _Beside:
    """Where the numbers beside rows stand.

    Attributes
    ----------
    start : float
        As a share of the panel's width, which hills and bars are left of.
    letters : int
        Of a small text.
    low : bool
        Whether a row has room for one line only.
    """

    start: float
    letters: int
    low: bool

    @classmethod
    def of(cls, place: Canvas, rows: int) -> "_Beside":
        """Right of the panel; inside it where nothing would make room for them there."""
        axes = place.axes[0]
        high = axes.bbox.height / axes.figure.dpi * 72 * (1.0 if place.own else UNDER_NOTES)
        fixed = not place.own and axes.figure.get_layout_engine() is None
        if not fixed:
            return cls(1.0, LETTERS, high / rows < TWO_LINES)
        wide = (1 - INSIDE) * axes.bbox.width / axes.figure.dpi
        return cls(INSIDE, int(wide * LETTERS_AN_INCH), high / rows < TWO_LINES)


def _row(axes: Axes, k: int, row: pd.Series, drawn: Array, bounds: Bounds, beside: _Beside) -> None:
    """One coefficient: hill, bar, stroke, and its numbers beside."""
    unit = "" if row["unit"] == "1" else row["unit"]
    if not np.isfinite(row["low"]):
        _aside(axes, k, number(row["estimate"]), unit, [row["note"] or "interval unknown"], beside)
        return
    scale = _Scale.of(row["low"], row["high"], bounds)
    _hill(axes, k, scale.places(drawn))
    axes.plot(
        scale.places([row["low"], row["high"]]),
        [k, k],
        color=BLUE,
        linewidth=3,
        solid_capstyle="butt",
    )
    axes.plot([scale.places(row["estimate"])] * 2, [k - 0.2, k + 0.2], color=BLACK, linewidth=1.6)
    _marks(axes, k, scale, bounds)
    estimate, low, high = together(row["estimate"], row["low"], row["high"])
    notes = [_decades(axes, k, scale), row["note"]]
    _aside(axes, k, f"{estimate} ({low} to {high})", unit, notes, beside)


def _marks(axes: Axes, k: int, scale: _Scale, bounds: Bounds) -> None:
    """Bounds as thick strokes, and zero as a dotted one where it is not at a bound."""
    wall: dict[str, Any] = {"color": FAINT, "linewidth": 3, "zorder": 1}
    zero: dict[str, Any] = {"color": VERMILION, "linewidth": 1.2, "linestyle": ":"}
    nought, *ends = scale.places([0.0, bounds.least, bounds.most])
    at_bound = min(abs(nought - end) for end in ends) < TOUCHING
    for place, look in ((nought, {} if at_bound else zero), *((end, wall) for end in ends)):
        if look and abs(place) < ROOM:
            axes.plot([place] * 2, [k - HEIGHT, k + 0.2], **look)


def _decades(axes: Axes, k: int, scale: _Scale) -> str:
    """Ticks of a logarithmic row, and what they are in words; nothing in another."""
    if not scale.log:
        return ""
    places, step = scale.ticks
    axes.vlines(places, k + 0.06, k + 0.2, color=GREY, linewidth=0.7)
    return LOG_SCALE if step == 1 else f"{LOG_SCALE}, ticks {step} decades apart"


def _aside(axes: Axes, k: int, told: str, unit: str, notes: list[str], beside: _Beside) -> None:
    """Numbers beside a row, and below them, smaller, unit and note; notes alone where it is low."""
    where: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center"}
    x = beside.start + 0.02
    lines = [[told, *notes], []] if beside.low else [[told], [unit, *notes]]
    told, said = (
        textwrap.shorten("; ".join(filter(None, each)), beside.letters, placeholder=" ...")
        for each in lines
    )
    axes.text(
        x, k - 0.17 * bool(said), told, fontsize="x-small" if beside.low else "small", **where
    )
    axes.text(x, k + 0.22, said, fontsize="x-small", color=GREY, **where)


def _hill(axes: Axes, k: int, scaled: Array) -> None:
    """The refits, as a smooth histogram above the bar."""
    inside = scaled[np.abs(scaled) <= ROOM]
    counts, edges = np.histogram(inside, BINS, (-ROOM, ROOM))
    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    smooth = np.convolve(counts, kernel, mode="same")
    if smooth.max() > 0:
        top = k - HEIGHT * smooth / smooth.max()
        axes.fill_between(0.5 * (edges[1:] + edges[:-1]), k, top, color=BLUE, alpha=0.2, lw=0)


def _frame(axes: Axes, table: pd.DataFrame, beside: _Beside) -> None:
    """Names at the left, no scale below: each row has its own."""
    axes.set_title("coefficients", fontsize="medium", loc="left")
    axes.set_yticks(range(len(table)), [*table.index])
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    axes.set_xlim(-ROOM, ROOM * (2 / beside.start - 1))
    axes.set_ylim(len(table) - 0.5, -0.9, auto=None)
    axes.spines[:].set_visible(False)


def _correlation(axes: Axes, draws: pd.DataFrame) -> None:
    """How coefficients move together over the refits, by their ranks."""
    axes.set_title("correlation", fontsize="medium", loc="left")
    if draws.shape[1] < 2:
        axes.set_axis_off()
        axes.text(0, 0.9, "needs two coefficients with intervals", color=GREY, fontsize="small")
        return
    found = draws.rank().corr().to_numpy()
    edges = np.arange(len(found) + 1) - 0.5
    look: dict[str, Any] = {"cmap": "PuOr", "vmin": -1, "vmax": 1}
    axes.pcolormesh(edges, edges, found, edgecolors="white", linewidth=1, **look)
    axes.set(aspect="equal", ylim=(edges[-1], edges[0]))
    for i, j in np.ndindex(*found.shape):
        colour = "white" if abs(found[i, j]) > DARK else "black"
        text = "-" if np.isnan(found[i, j]) else f"{found[i, j]:.2f}"
        axes.text(j, i, text, ha="center", va="center", fontsize="x-small", color=colour)
    places = range(len(found))
    long = max(map(len, draws.columns)) > UPRIGHT
    axes.set_xticks(places, [*draws.columns], fontsize="small", rotation=90 * long)
    axes.set_yticks(places, [*draws.columns], fontsize="small")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
