"""Loss over tokens and pruning rate as a map, with what was measured and what was not."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from p2law.declaring import Array, Mask
from p2law.errors import PlotError
from p2law.plotting.canvas import Canvas, Place, canvas
from p2law.plotting.colours import BLACK, MANY, colour_map
from p2law.plotting.families import at_edge, checked_fit, dots, doubts, varies
from p2law.plotting.line_values import write_values
from p2law.plotting.quantities import digits_of, is_log, lay, named, target_title
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.text.views import number
from p2law.text.wording import got, several

SIZE = (6.4, 4.6)
CELLS = 61
"""Places along each axis."""

LEVELS = 9
"""At most so many steps of loss."""

EQUAL, FLAT = 1e-9, 1e-3
"""Losses within this share of each other are one; steps go so far around it, as a share."""

ROOM = 0.2
"""How far beyond the records the map goes, as a share of their range, in log where that is log."""

AFTER = ("pruning_rate", "params")
"""What goes up the axis where nothing is asked for, the first that the law reads."""


def contour(
    fit: Fit, *, x: str = TOKENS, y: str | None = None, ax: Place = None, **columns: float
) -> Axes:
    """Draw the loss over tokens and pruning rate as a map with lines of equal loss.

    Parameters
    ----------
    fit : Fit
        Of a law with two inputs or more.
    x, y : str
        Inputs; without `y` the pruning rate, or else the model size, or else the next input.
    ax : Axes, Figure or SubFigure, optional
        Where to draw.
    **columns : float
        The other inputs, one value each. Those that are not given are as in the setting on
        record with most rows, and the title says what they are.

    Returns
    -------
    Axes
        Dots are the rows of the fit in that setting, hollow dots those of other settings. What
        lies beyond the records is hatched, what they do not determine is left white.

    Raises
    ------
    PlotError
        The law has a single input, `x` or `y` is none or both are one, or `ax` is of the wrong
        kind.
    FormError, RecordError
        `columns` are not what the law reads.
    """
    _input(checked_fit(fit), "x", x)
    column = _other(fit, x) if y is None else _input(fit, "y", y)
    if x == column:
        raise PlotError(f"x and y are two inputs, got {x} twice")
    picture = _Picture(fit, x, column, _setting(fit, (x, column), columns))
    place = canvas(ax, 1, size=SIZE)
    told = picture.draw(place)
    place.say(picture.warnings(told), *picture.remarks(told))
    return place.axes[0]


@dataclass(frozen=True, eq=False)
class _Picture:
    """Two inputs that vary, and the others that do not."""

    fit: Fit
    x: str
    y: str
    setting: dict[str, float]

    def draw(self, place: Canvas) -> pd.DataFrame:
        """The map, lines, hatching and points; returns what the law says."""
        (axes,) = place.axes
        along, up = self._places(self.x), self._places(self.y)
        asked: dict[str, Any] = {self.x: np.tile(along, len(up)), self.y: np.repeat(up, len(along))}
        asked |= self.setting
        told = self.fit.predict(**asked)
        loss = told[self.fit.form.target].to_numpy().reshape(len(up), len(along))
        lay(axes.xaxis, self.x, log=self._log(self.x))
        lay(axes.yaxis, self.y, log=self._log(self.y))
        beyond = (told["beyond"] != "").to_numpy().reshape(loss.shape)
        known = np.isfinite(loss)
        axes.set(xlim=(along[0], along[-1]), ylim=(up[0], up[-1]))
        place.head(axes, ", ".join(named(v, n) for n, v in self.setting.items()))
        if self.is_map(told):
            self._map(place, (along, up), loss, loss[known & ~beyond])
            self._veil(axes, (along, up), beyond & known)
        self._points(axes)
        axes.spines[["top", "right"]].set_visible(False)
        return told

    def warnings(self, told: pd.DataFrame) -> list[str]:
        """What must be read: a status that is not sound, and what is left white."""
        lacking = ~told["determined"].to_numpy()
        white = f"{100 * lacking.mean():.0f} % of the map, which the records do not determine"
        if not self.is_map(told):
            white = "all of the map, which the records do not determine except on a line at most"
        return doubts(self.fit, told[~lacking]) + ([f"white: {white}"] if lacking.any() else [])

    def is_map(self, told: pd.DataFrame) -> bool:
        """Whether the law is known on more than a line."""
        known = told[np.isfinite(told[self.fit.form.target])]
        return len(known) > 0 and all(varies(known[each]) for each in (self.x, self.y))

    def remarks(self, told: pd.DataFrame) -> tuple[list[str], list[str]]:
        """What is not where it belongs, and what is what."""
        records = self.fit.records
        zero = [self._log(each) * int((records[each] == 0).sum()) for each in (self.x, self.y)]
        key = ["dots: rows of the fit in this setting"]
        others = len(records) - int(self._here.sum())
        key += [f"hollow: {several(others, 'row')} of other settings"] if others else []
        beyond = told["determined"] & (told["beyond"] != "")
        key += ["hatched: beyond the records"] if beyond.any() and self.is_map(told) else []
        return [*at_edge(zero[0], self.x), *at_edge(zero[1], self.y, "lower")], key

    def _map(self, place: Canvas, at: tuple[Array, Array], loss: Array, inside: Array) -> None:
        """Filled steps of loss, and lines with their values between them.

        Steps are those of what the records cover: beyond it the loss may rise without end.
        """
        (axes,) = place.axes
        ends = inside if len(inside) > 1 else loss[np.isfinite(loss)]
        low, high = ends.min(), ends.max()
        # Where all losses are equal, steps of rounding errors would say nothing.
        room = FLAT * max(abs(low), abs(high)) if high - low <= EQUAL * abs(high) else 0.0
        locator = MaxNLocator(LEVELS, steps=[1, 2, 2.5, 5, 10])
        steps = locator.tick_values(low - room, high + room)
        shades: dict[str, Any] = {"cmap": colour_map().reversed(), "extend": "both"}
        filled = axes.contourf(*at, loss, steps, **shades)
        lines = axes.contour(*at, loss, steps, colors="white", linewidths=0.8)
        dots = self.fit.records[[self.x, self.y]].to_numpy(dtype=float)
        digits = digits_of(steps)
        shown = dots[(dots > 0).all(axis=1)]
        write_values(axes, lines, lambda value: number(value, digits), shown, 5)
        bar = place.figure.colorbar(filled, ax=axes, aspect=30, pad=0.02)
        bar.set_ticks(list(steps), labels=[number(each, digits) for each in steps])
        bar.set_label(target_title(self.fit))

    def _veil(self, axes: Axes, at: tuple[Array, Array], beyond: Mask) -> None:
        """Pale and hatched: what lies beyond the records."""
        if beyond.any():
            part, veil = beyond.astype(float), (1.0, 1.0, 1.0, 0.4)
            drawn = axes.contourf(*at, part, [0.5, 1.5], colors=[veil], hatches=["///"])
            drawn.set_edgecolor((0.25, 0.25, 0.25, 0.35))
            drawn.set_linewidth(0.0)

    def _points(self, axes: Axes) -> None:
        """Rows of the fit; zero stands at the edge of a logarithmic axis."""
        records, here = self.fit.records, self._here.to_numpy()
        x, y = records[self.x].to_numpy(), records[self.y].to_numpy()
        look: dict[str, Any] = {"marker": "o", "color": BLACK, "markeredgewidth": 0.6, "zorder": 4}
        look |= {"rasterized": len(records) > MANY}
        log, log_up = self._log(self.x), self._log(self.y)
        other = {"markersize": 3, "alpha": 0.6, "markerfacecolor": "none"}
        dots(axes, x[~here], y[~here], log=log, log_up=log_up, **look, **other)
        own = {"markersize": 4, "markeredgecolor": "white"}
        dots(axes, x[here], y[here], log=log, log_up=log_up, **look, **own)

    @property
    def _here(self) -> pd.Series:
        """Which rows of the fit have this setting."""
        records = self.fit.records
        out = pd.Series(data=True, index=records.index)
        for name, value in self.setting.items():
            out &= np.isclose(records[name], value, rtol=1e-9, atol=0)
        return out

    def _log(self, column: str) -> bool:
        """Whether an axis is logarithmic."""
        return is_log(column, self.fit.records[column].to_numpy())

    def _places(self, column: str) -> Array:
        """Places along an axis, somewhat beyond the records, inside the law's domain."""
        values, log = self.fit.records[column].to_numpy(), self._log(column)
        spread = np.geomspace if log else np.linspace
        values = values[values > 0] if log else values
        low, high = values.min(), values.max()
        room = ROOM * (high - low) or 0.25 * abs(high) or 1.0
        ends = (low - room, high + room)
        if log:
            ends = (low * (low / high) ** ROOM, high * (high / low) ** ROOM)
        places = spread(*ends, CELLS)
        domain = next(each.domain for each in self.fit.form.inputs if each.name == column)
        inside = places[domain.contains(places)]
        # Records at the very end of the domain stand on the map too.
        return spread(min(inside[0], low), max(inside[-1], high), CELLS)


def _other(fit: Fit, x: str) -> str:
    """What goes up the axis."""
    names = [name for name in fit.form.columns if name != x]
    if not names:
        raise PlotError(f"{fit.form.name} reads {x} alone; draw it with plotting.curves")
    return next((name for name in AFTER if name in names), names[0])


def _input(fit: Fit, name: str, value: Any) -> str:
    """An input of a law by its name; what is none is refused."""
    if not isinstance(value, str) or value not in fit.form.columns:
        allowed = ", ".join(fit.form.columns)
        raise PlotError(f"{name} is an input of {fit.form.name} ({allowed}), got {got(value)}")
    return value


def _setting(fit: Fit, drawn: tuple[str, str], columns: dict[str, Any]) -> dict[str, float]:
    """The inputs that do not vary: what was asked for, else the commonest on record."""
    others = [name for name in fit.form.columns if name not in drawn]
    twice = [name for name in columns if name in drawn]
    if twice:
        raise PlotError(f"{', '.join(twice)} is on an axis already; give x= or y= another input")
    if many := [name for name, value in columns.items() if np.ndim(value)]:
        raise PlotError(f"a map has one value of {many[0]}, got {got(columns[many[0]])}")
    checked = asking.inputs(fit.form, fit.records.iloc[:1], columns)
    asking.check_counts(checked.reset_index(drop=True), fit.records)
    records = fit.records
    for name, value in columns.items():
        close = np.isclose(records[name], float(value), rtol=1e-9, atol=0)
        records = records[close] if close.any() else records
    left = [name for name in others if name not in columns]
    commonest = records.groupby(left).size().idxmax() if left else ()
    told = dict(zip(left, np.atleast_1d(np.asarray(commonest, dtype=float)), strict=True))
    return {name: float(columns[name]) if name in columns else float(told[name]) for name in others}
