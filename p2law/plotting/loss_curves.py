"""Measured losses over tokens with the fitted law and its band, a panel a model or rate."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from p2law.declaring import Mask
from p2law.plotting.canvas import (
    LONE,
    SIZE,
    Canvas,
    Panels,
    Place,
    alike,
    canvas,
    checked_panels,
    plain,
)
from p2law.plotting.colours import FEW, GREY, MANY, crowded, evenly, paleness
from p2law.plotting.families import (
    CURVE,
    Family,
    at_edge,
    band,
    checked_fit,
    checked_until,
    dots,
    doubts,
    draw,
    family,
    reads,
    still,
)
from p2law.plotting.panelling import ALL, AUTO, Panelling, panelling
from p2law.plotting.quantities import apart, is_log, lay, named, plain_ticks, target_title, title
from p2law.plotting.run_names import labels
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.text.wording import listed, several

PANELS = 12
"""Panels that are drawn where more are not asked for."""

PANEL, CODE = "(panel)", "(code)"
"""Columns beside a prediction: where it is drawn, and which curve of the family it is."""

EARLY = 0.05
"""Curves of single measurements begin where this share of all of them has begun."""

CURVES = 12
"""Curves of the law in one panel; points are drawn all."""


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
        The law reads no tokens, `by`, `panels` or `ax` is of the wrong kind, or `until` lies
        before all records.
    FitError
        `level` is no probability.
    """
    reads(checked_fit(fit), TOKENS, "draw it with plotting.rates or plotting.predicted")
    asking.interval(level, "mean")
    last = None if until is None else checked_until(fit, until)
    most = checked_panels(panels)
    found = family(fit, TOKENS)
    sorted_out = panelling(found, by)
    together = alike(found.records[fit.form.target].groupby(sorted_out.rows.to_numpy()))
    count = min(len(sorted_out.values), most)
    place = canvas(ax, count, size=LONE if count == 1 else SIZE, sharex=True, sharey=together)
    picture = _Picture(found, sorted_out, place)
    told = picture.told(last, level)
    picture.draw(told)
    place.say(doubts(fit, told), picture.missing(told), picture.key(told, level))
    picture.explain()
    return place.array


@dataclass(frozen=True, eq=False)
class _Picture:
    """Curves, sorted into panels, and where these are."""

    family: Family
    panels: Panelling
    place: Canvas

    # -- what is drawn -----------------------------------------------------------------

    def told(self, until: float | None, level: float) -> pd.DataFrame:
        """The law along the curves of all panels, with `PANEL` and `CODE`."""
        asked, panel = list[tuple[int, float, float]](), list[int]()
        last = until or float(self.family.records[TOKENS].max())
        ends = self.family.ends
        for k, key in enumerate(self._shown):
            codes = self._spread(self.family.code[self._rows(key)])
            all_first = ends["first"][np.unique(self.family.code[self._rows(key)])]
            first = float(all_first.quantile(EARLY))
            own = zip(codes, *(ends.loc[codes, n] for n in ("first", "last")), strict=True)
            for code, begin, end in own:
                # A single measurement says little of where its curve is worth looking at.
                start = begin if end > begin else first
                asked.append((code, start, max(last, start)))
                panel.append(k)
        told = self.family.told(asked, level)
        which, order = np.array([code for code, _, _ in asked]), told[CURVE].to_numpy()
        return told.assign(**{PANEL: np.array(panel)[order], CODE: which[order]})

    def draw(self, told: pd.DataFrame) -> None:
        """All panels."""
        target = self.family.fit.form.target
        for k, (axes, key) in enumerate(zip(self.place.axes, self._shown, strict=True)):
            records = self.family.records[self._rows(key)]
            lay(axes.xaxis, TOKENS, log=self._log)
            with still(axes):
                self._bases(axes, records)
                for _, points in records.groupby(self.family.code[self._rows(key)]):
                    self._points(axes, points, len(records))
                for _, curve in told[told[PANEL] == k].groupby(CURVE):
                    colour = self.panels.hues.colour(self._value(curve[CODE].iloc[0]))
                    draw(axes, curve, TOKENS, target, fine=self._fine, color=colour, zorder=3)
            axes.set_ylabel(target_title(self.family.fit))
            plain(axes)
            if self.panels.by != ALL:
                self.place.head(axes, self._headings[k])
        for axes in self.place.axes if self._log else ():
            plain_ticks(axes.xaxis, TOKENS)
        self.place.outer_labels()

    @property
    def _log(self) -> bool:
        """Whether tokens span so much that their axis is logarithmic."""
        return is_log(TOKENS, self.family.records[TOKENS].to_numpy())

    @property
    def _fine(self) -> bool:
        """Whether curves are many, so that thick ones would cover the points."""
        return self.panels.hues.many and self.panels.fullest > FEW

    @property
    def _raster(self) -> bool:
        """Whether points are too many to be single shapes in a vector file."""
        return len(self.family.records) > MANY

    @property
    def _shown(self) -> list[Any]:
        """The values that have a panel: as many as there are axes, spread evenly."""
        values = self.panels.values
        return [values[k] for k in evenly(len(values), len(self.place.axes))]

    @property
    def _headings(self) -> list[str]:
        """The titles of the panels."""
        if any(isinstance(key, str) for key in self._shown):
            return labels(self._shown)
        values, by = [float(key) for key in self._shown], self.panels.by
        texts = apart(values, by)
        return [named(each, by, text) for each, text in zip(values, texts, strict=True)]

    def _rows(self, key: Any) -> Mask:
        """The rows of a panel."""
        return np.asarray(self.panels.rows == key)

    def _spread(self, codes: pd.Series) -> list[int]:
        """Some of the curves of a panel, spread evenly over what tells them apart."""
        order = self.family.curves.loc[np.unique(codes)]
        hues = self.panels.hues
        if not hues.column or len(order) <= CURVES:
            return [int(order.index[k]) for k in evenly(len(order), CURVES)]
        order = order.sort_values(hues.column, kind="stable")
        place = order[hues.column].to_numpy(dtype=float)
        place = np.asarray(hues.norm(place))
        if place[0] == place[-1]:
            return [int(order.index[k]) for k in evenly(len(order), CURVES)]
        wanted = np.linspace(place[0], place[-1], CURVES)
        near = {int(np.argmin(np.abs(place - each))) for each in wanted}
        return [int(order.index[k]) for k in sorted(near)]

    def _points(self, axes: Axes, points: pd.DataFrame, crowd: int) -> None:
        """Measured losses of one curve; those before the first token stand at the left edge."""
        value, hues = self._value(self.family.code[points.index[0]]), self.panels.hues
        size = crowded(crowd)
        look: dict[str, Any] = {"color": hues.colour(value), "marker": hues.marker(value)}
        look |= {"alpha": paleness(crowd), "rasterized": self._raster}
        look |= {"markersize": size, "markeredgewidth": 0.0 if self._fine else 0.25 * size}
        x, y = (points[name].to_numpy() for name in (TOKENS, self.family.fit.form.target))
        dots(axes, x, y, log=self._log, **look)

    def _bases(self, axes: Axes, records: pd.DataFrame) -> None:
        """The loss before pruning."""
        if self._has_base:
            for value in records["base_loss"].unique():
                axes.axhline(value, color=GREY, linewidth=1, linestyle=":", zorder=1)

    @property
    def _has_base(self) -> bool:
        """Whether there is a loss before pruning to draw."""
        return "base_loss" in self.family.others and self.family.fit.form.target == "loss"

    def _value(self, code: int) -> float:
        """What the colour of a curve stands for."""
        column = self.panels.hues.column
        return float(self.family.curves[column].loc[code]) if column else 0.0

    # -- what is said beside -----------------------------------------------------------

    def explain(self) -> None:
        """A legend, or a colour bar."""
        hues = self.panels.hues
        if hues.many:
            self.place.colour_bar(hues)
            return
        handles = hues.handles()
        if self._has_base:
            handles.append(Line2D([], [], color=GREY, linestyle=":", label="base loss"))
        self.place.legend(handles, title(hues.column))

    def missing(self, told: pd.DataFrame) -> list[str]:
        """What is not drawn, or not where it belongs."""
        count, drawn = len(self.panels.values), told[CODE].nunique()
        hidden = count - len(self.place.axes)
        out = [f"{hidden} of {several(count, 'panel')} not shown"] if hidden else []
        if not hidden and drawn < len(self.family.curves):
            out.append(f"the law is drawn for {drawn} of {len(self.family.curves)} settings")
        zero = int((self.family.records[TOKENS] == 0).sum())
        out += at_edge(zero if self._log else 0)
        told_by = (self.panels.hues.column, self.panels.by)
        others = [title(name) for name in self.family.telling if name not in told_by]
        if others and self.panels.fullest > max(len(self.panels.hues.values), 1):
            out.append(f"curves of one colour differ in {listed(others)}")
        return out

    def key(self, told: pd.DataFrame, level: float) -> list[str]:
        """What is what."""
        out = [f"points measured, lines the law{band(told, level)}"]
        out += ["dashed beyond the records"] if (told["beyond"] != "").any() else []
        out += ["dotted: the loss before pruning"] * (self.panels.hues.many and self._has_base)
        return out
