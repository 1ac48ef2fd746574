"""Measured losses over tokens with the fitted law and its band, a panel a model or rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from p2law import asking
from p2law.errors import PlotError
from p2law.foresight import TOKENS
from p2law.plotting.canvas import Canvas, Panels, Place, alike, canvas, checked_panels, plain
from p2law.plotting.colours import GREY, MANY, Hues, evenly
from p2law.plotting.families import Family, checked_fit, doubts, draw, family, reads
from p2law.plotting.quantities import is_log, lay, named, target_title, title
from p2law.result import Fit
from p2law.wording import got, several

AUTO, ALL = "auto", "all"

PANELS = 12
"""Panels that are drawn where more are not asked for."""

CURVES = 12
"""Curves of the law in one panel; points are drawn all."""

SOME = 24
"""So many values of an input may have panels of their own."""


def curves(
    fit: Fit,
    *,
    by: str = AUTO,
    level: float = 0.9,
    until: float | None = None,
    panels: int = PANELS,
    ax: Place = None,
) -> Panels:
    """Draw measured losses against tokens, with the fitted law and its band.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    by : str
        What has a panel each: an input as ``"params"`` or ``"pruning_rate"``, or a label of
        the records of the fit, as ``"run"``; ``"all"`` for one panel; ``"auto"`` for the model
        size, or another input that has a few values, else one panel.
    level : float
        Of the band.
    until : float, optional
        Tokens up to which the law is drawn; the end of the records without it.
    panels : int
        At most so many, spread evenly over the values; the figure says how many are left out.
    ax : Axes, sequence of Axes, Figure or SubFigure, optional
        Where to draw; panels for which there are no axes are left out, and that is said.

    Returns
    -------
    ndarray of Axes, (panels,)
        Points are measured. The law is solid where `Fit.predict` says that it rests on the
        records, dashed with a lighter band beyond them, and not drawn where they do not
        determine it. Where the law reads the loss before pruning, it is a dotted line.

    Raises
    ------
    PlotError
        The law reads no tokens, or `by`, `until`, `panels` or `ax` is of the wrong kind.
    FitError
        `level` is no probability.
    """
    reads(checked_fit(fit), TOKENS, "draw it with plotting.rates or plotting.predicted")
    asking.interval(level, "mean")
    last = None if until is None else asking.positive("until", until)
    most = checked_panels(panels)
    found = family(fit, TOKENS)
    keys = _keys(found, by)
    together = alike(found.records.groupby(keys.rows)[fit.form.target])
    place = canvas(ax, min(len(keys.values), most), sharex=True, sharey=together)
    shown = evenly(len(keys.values), len(place.axes))
    picture = _Picture(found, keys, _hues(found, keys), level, last)
    drawn = [
        picture.panel(axes, keys.values[k]) for axes, k in zip(place.axes, shown, strict=False)
    ]
    picture.finish(place, len(shown), pd.concat(drawn, ignore_index=True))
    return place.array


@dataclass(frozen=True, eq=False)
class _Keys:
    """What has a panel each: the values of a column, and which rows belong to each."""

    by: str
    values: tuple[Any, ...]
    rows: pd.Series


@dataclass(frozen=True, eq=False)
class _Picture:
    """What all panels share."""

    family: Family
    keys: _Keys
    hues: Hues
    level: float
    until: float | None

    def panel(self, axes: Axes, key: Any) -> pd.DataFrame:
        """Draw one panel; returns what the law says there."""
        records = self.family.records[(self.keys.rows == key).to_numpy()]
        codes = self._spread(records["curve"].unique())
        target = self.family.fit.form.target
        self._bases(axes, records)
        told = self._told(records, codes)
        for code, curve in told.groupby("curve", sort=False):
            draw(axes, curve, TOKENS, target, color=self._colour(code), zorder=2)
        for code, points in records.groupby("curve"):
            self._points(axes, points, code)
        plain(axes)
        if self.keys.by != ALL:
            axes.set_title(_heading(self.keys.by, key), fontsize="medium", loc="left")
        return told

    def finish(self, place: Canvas, shown: int, told: pd.DataFrame) -> None:
        """Axes, explanations, and what must be read."""
        records = self.family.records
        log = is_log(TOKENS, records[TOKENS].to_numpy())
        for axes in place.axes:
            lay(axes.xaxis, TOKENS, log=log)
            axes.set_ylabel(target_title(self.family.fit))
        place.outer_labels()
        place.say(doubts(self.family.fit, told), self._remarks(shown, told))
        self._explain(place)

    # -- parts of a panel --------------------------------------------------------------

    def _told(self, records: pd.DataFrame, codes: Sequence[int]) -> pd.DataFrame:
        """The law along the curves of a panel, each from its first measurement on."""
        positive = records[TOKENS][records[TOKENS] > 0]
        first, last = positive.min(), self.until or self.family.records[TOKENS].max()

        def ends(curve: pd.Series) -> tuple[float, float]:
            several_there = curve["last"] > curve["first"]
            return (curve["first"] if several_there else first), max(last, curve["first"])

        return self.family.told(codes, ends, self.level, log=True)

    def _spread(self, codes: Any) -> list[int]:
        """Some of the curves of a panel, spread evenly over what tells them apart."""
        order = self.family.curves.loc[np.unique(codes)]
        order = order.sort_values([self.hues.column] if self.hues.column else list(order.columns))
        return [order.index[k] for k in evenly(len(order), CURVES)]

    def _points(self, axes: Axes, points: pd.DataFrame, code: Any) -> None:
        """Measured losses; those before the first token stand at the left edge."""
        value = self._value(code)
        look: dict[str, Any] = {"color": self.hues.colour(value), "marker": self.hues.marker(value)}
        look |= {"linestyle": "none", "markersize": 3.2, "markeredgewidth": 0.8, "zorder": 3}
        target = self.family.fit.form.target
        later, first = points[points[TOKENS] > 0], points[points[TOKENS] == 0]
        raster = len(self.family.records) > MANY
        axes.plot(later[TOKENS], later[target], alpha=0.8, rasterized=raster, **look)
        if len(first):
            where = axes.get_yaxis_transform()
            look |= {"markerfacecolor": "none", "clip_on": False}
            axes.plot(np.zeros(len(first)), first[target], transform=where, **look)

    def _bases(self, axes: Axes, records: pd.DataFrame) -> None:
        """The loss before pruning."""
        if self._has_base:
            for value in records["base_loss"].unique():
                axes.axhline(value, color=GREY, linewidth=1, linestyle=":", zorder=1)

    @property
    def _has_base(self) -> bool:
        """Whether there is a loss before pruning to draw."""
        return "base_loss" in self.family.others and self.family.fit.form.target == "loss"

    @property
    def _most(self) -> int:
        """Curves in the fullest panel."""
        return int(self.family.records.groupby(self.keys.rows)["curve"].nunique().max())

    def _value(self, code: Any) -> float:
        column = self.hues.column
        return float(self.family.curves.loc[code, column]) if column else 0.0

    def _colour(self, code: Any) -> str:
        return self.hues.colour(self._value(code))

    # -- what is said beside -----------------------------------------------------------

    def _explain(self, place: Canvas) -> None:
        handles: list[Any] = self.hues.handles()
        for handle, label in zip(handles, self.hues.labels, strict=False):
            handle.set_label(label)
        if self._has_base:
            handles.append(Line2D([], [], color=GREY, linestyle=":", label="base loss"))
        if self.hues.many:
            place.colour_bar(self.hues)
        else:
            place.legend(handles, title(self.hues.column))

    def _remarks(self, shown: int, told: pd.DataFrame) -> list[str]:
        out = [f"points measured, lines the law with its {100 * self.level:g} % band"]
        if (told["beyond"] != "").any():
            out.append("dashed beyond the records")
        if self.hues.many and self._has_base:
            out.append("dotted: the loss before pruning")
        zero = int((self.family.records[TOKENS] == 0).sum())
        out += [f"hollow at the left edge: before the first token ({zero})"] if zero else []
        hidden = len(self.keys.values) - shown
        out += (
            [f"{hidden} of {several(len(self.keys.values), 'panel')} not shown"] if hidden else []
        )
        drawn, all_there = told["curve"].nunique(), len(self.family.curves)
        if not hidden and drawn < all_there:
            out.append(f"the law is drawn for {drawn} of {all_there} settings")
        others = [n for n in self.family.telling if n not in (self.hues.column, self.keys.by)]
        if others and self._most > max(len(self.hues.values), 1):
            out.append(f"curves of one colour differ in {' and '.join(others)}")
        return out


def _keys(found: Family, by: Any) -> _Keys:
    """What has a panel each.

    Raises
    ------
    PlotError
        The records of the fit have no such column.
    """
    records = found.records
    if by == AUTO:
        few = [n for n in found.telling if 1 < records[n].nunique() <= SOME]
        by = few[0] if few and len(found.telling) > 1 else ALL
    if by == ALL:
        return _Keys(ALL, (ALL,), pd.Series(ALL, records.index))
    there = [
        name for name in records.columns if name not in (found.fit.form.target, TOKENS, "curve")
    ]
    if by not in there:
        raise PlotError(f"by is 'auto', 'all' or one of {', '.join(there)}, got {got(by)}")
    values = sorted(records[by].unique()) if by in found.others else list(records[by].unique())
    return _Keys(str(by), tuple(values), records[by])


def _hues(found: Family, keys: _Keys) -> Hues:
    """What colours tell apart in a panel: the input that has most values there."""
    left = [name for name in found.telling if name != keys.by]
    if not left or found.records.groupby(keys.rows)["curve"].nunique().max() < 2:
        return Hues("", (), log=False)
    column = max(left, key=lambda name: found.curves[name].nunique())
    return Hues.of(column, found.curves[column])


def _heading(by: str, key: Any) -> str:
    """The title of a panel."""
    if isinstance(key, str):
        return key if len(key) <= 32 else f"{key[:14]}…{key[-15:]}"
    return named(float(key), by)
