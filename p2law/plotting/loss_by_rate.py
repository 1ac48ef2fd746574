"""Loss against pruning rate, at some amounts of tokens, a panel a model size."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from p2law.declaring import Array
from p2law.errors import PlotError
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
from p2law.plotting.colours import FEW, GREY, Hues, evenly
from p2law.plotting.families import (
    CURVE,
    band,
    checked_fit,
    doubts,
    draw,
    is_base,
    numbered,
    reads,
    still,
    stretch,
    varies,
)
from p2law.plotting.quantities import apart, lay, named, target_title, title
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.text.wording import got, several

RATE = "pruning_rate"

PANELS = 12
"""Panels that are drawn where more are not asked for."""

LINES = 3
"""Amounts of tokens that are drawn where none are asked for."""

NEAR = 0.05
"""Measured within this share of the tokens of a curve, a point belongs to it."""

HALF = 0.5
"""Where more curves than this share fall, a legend stands at the right, else at the left."""

EQUAL = 1e-9
"""Other inputs are the same or are not."""

ROOM = 0.15
"""How far beyond the rates on record the law is drawn, as a share of their range."""


def rates(
    fit: Fit,
    *,
    tokens: float | Sequence[float] | None = None,
    level: float = 0.9,
    panels: int = PANELS,
    ax: Place = None,
) -> Panels:
    """Draw loss against pruning rate, a panel a model size, a curve an amount of tokens.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `pruning_rate`.
    tokens : float or sequence of float, optional
        One curve each; without it the least, a middle and the largest amount on record.
    level : float
        Of the band.
    panels : int
        At most so many, spread evenly over the sizes; the figure says how many are left out.
    ax : Axes, sequence of Axes, Figure or SubFigure, optional
        Where to draw; panels for which there are no axes are left out, and that is said.

    Returns
    -------
    ndarray of Axes, (panels,)
        The law is dashed beyond the records, and not drawn where they do not determine it.
        Points were measured within 5 % of the tokens of their curve.

    Raises
    ------
    PlotError
        The law reads no pruning rate, `panels` or `ax` is of the wrong kind, or no tokens are
        on record and none asked for.
    FitError, RecordError
        `level` is no probability; `tokens` are no such numbers, or the law reads none.
    """
    reads(checked_fit(fit), RATE, "draw it with plotting.curves or plotting.predicted")
    asking.interval(level, "mean")
    if tokens is not None:
        reads(fit, TOKENS, "leave out tokens=")
    picture = _picture(fit, tokens, level)
    keys = picture.keys
    groups = fit.records.groupby(picture.by)[fit.form.target] if picture.by else None
    together = groups is None or alike(groups)
    wanted = min(len(keys), checked_panels(panels))
    place = canvas(ax, wanted, size=LONE if wanted == 1 else SIZE, sharex=True, sharey=together)
    shown = evenly(len(keys), len(place.axes))
    told = [picture.panel(place, axes, keys[k]) for axes, k in zip(place.axes, shown, strict=False)]
    picture.finish(place, len(shown), pd.concat(told, ignore_index=True))
    return place.array


@dataclass(frozen=True, eq=False)
class _Picture:
    """What all panels share: what a panel is, what a curve is."""

    fit: Fit
    by: str
    hues: Hues
    level: float

    @property
    def keys(self) -> list[Any]:
        """What has a panel each."""
        return sorted(numbered(self.fit)[self.by].unique()) if self.by else [None]

    def panel(self, place: Canvas, axes: Axes, key: Any) -> pd.DataFrame:
        """Draw one panel; returns what the law says there."""
        records = numbered(self.fit)
        records = records[records[self.by] == key] if self.by else records
        values = self.hues.values or (0.0,)
        told = self._laws(records, key)
        with still(axes):
            for value, (_, curve) in zip(values, told.groupby(CURVE, sort=False), strict=True):
                colour = self.hues.colour(value)
                draw(axes, curve, RATE, self.fit.form.target, color=colour, zorder=2)
                self._points(axes, self._near(records, value), colour, self.hues.marker(value))
            self._base(axes, records)
        plain(axes)
        if self.by:
            texts = dict(zip(self.keys, apart(self.keys, self.by), strict=True))
            place.head(axes, named(float(key), self.by, texts[key]))
        return told

    def _points(self, axes: Axes, near: pd.DataFrame, colour: str, marker: str) -> None:
        """The measured rows of a curve."""
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4.5}
        x, y = (near[name].to_numpy() for name in (RATE, self.fit.form.target))
        axes.plot(x, y, linestyle="none", zorder=3, alpha=0.8, **look)

    def finish(self, place: Canvas, shown: int, told: pd.DataFrame) -> None:
        """Axes, explanations, and what must be read."""
        for axes in place.axes:
            lay(axes.xaxis, RATE, log=False)
            axes.set_ylabel(target_title(self.fit))
        low, high = told[RATE].min(), told[RATE].max()
        room = 0.02 * (high - low)
        place.axes[0].set_xlim(low - room, high + room)
        place.outer_labels()
        place.say(doubts(self.fit, told), self._missing(shown), self._key(told))
        ends = told.groupby(CURVE)[self.fit.form.target].agg(["first", "last"])
        corner = "left" if (ends["first"] <= ends["last"]).mean() >= HALF else "right"
        if self.hues.many:
            place.colour_bar(self.hues)
        place.legend(self.hues.handles(), title(self.hues.column), f"upper {corner}")

    def _laws(self, records: pd.DataFrame, key: Any) -> pd.DataFrame:
        """The law over rates, an amount of tokens a curve, the other inputs as in the panel."""
        places, values = self._places, self.hues.values or (0.0,)
        asked: dict[str, Any] = {n: records[n].median() for n in self.fit.form.columns if n != RATE}
        column = {self.hues.column: np.repeat(values, len(places))} if self.hues.column else {}
        asked |= {RATE: np.tile(places, len(values)), **column}
        curve = [f"{key}/{k}" for k in range(len(values)) for _ in places]
        return self.fit.predict(pd.DataFrame(asked), level=self.level).assign(**{CURVE: curve})

    @functools.cached_property
    def _places(self) -> Array:
        """The rates at which the law is drawn, those on record among them."""
        whole = numbered(self.fit)[RATE]
        low, high = whole.min(), whole.max()
        room = ROOM * (high - low) or 0.5 * min(low, 1 - high)
        ends = max(low - room, low / 2), min(high + room, (1 + high) / 2)
        return np.union1d(stretch(whole, *ends, log=False), whole.unique())

    def _near(self, records: pd.DataFrame, value: float) -> pd.DataFrame:
        """The measured rows of a curve, of each run the nearest."""
        if not self.hues.column:
            return records
        there = records[self.hues.column]
        if self.hues.column != TOKENS:
            return records[np.isclose(there, value, rtol=EQUAL, atol=0)]
        off: pd.Series = (np.log(there.clip(lower=np.finfo(float).tiny)) - np.log(value)).abs()
        near = records[off <= np.log1p(NEAR)]
        nearest = near.loc[off[near.index].sort_values(kind="stable").index]
        kept: pd.DataFrame = nearest.drop_duplicates(["run", RATE])
        return kept.sort_index()

    def _base(self, axes: Axes, records: pd.DataFrame) -> None:
        """The loss before pruning, where it is one."""
        if self._has_base:
            for each in records["base_loss"].unique():
                axes.axhline(each, color=GREY, linewidth=1, linestyle=":", zorder=1)

    def _missing(self, shown: int) -> list[str]:
        """What is not drawn."""
        records, column = numbered(self.fit), self.hues.column
        hidden = len(self.keys) - shown
        out = [f"{hidden} of {several(len(self.keys), 'panel')} not shown"] if hidden else []
        count = records[column].nunique() if column not in ("", TOKENS) else 0
        if len(self.hues.values) < count:
            out.append(f"the law is drawn for {len(self.hues.values)} of {count} {title(column)}s")
        panel = records[self.by] if self.by else pd.Series(0, records.index)
        others = [n for n in self.fit.form.columns if n not in (RATE, self.by, column)]
        return out + [
            f"the law is drawn at the median {title(name)} of each panel"
            for name in others
            if records[name].groupby(panel).nunique().max() > 1
        ]

    def _key(self, told: pd.DataFrame) -> list[str]:
        """What is what."""
        out = [f"lines the law{band(told, self.level)}"]
        if self.hues.column == TOKENS:
            out.append(f"points measured within {100 * NEAR:g} % of these tokens")
        out += ["dashed beyond the records"] if (told["beyond"] != "").any() else []
        out += ["dotted: the loss before pruning"] if self._has_base else []
        return out

    @property
    def _has_base(self) -> bool:
        """Whether there is a loss before pruning to draw."""
        return "base_loss" in self.fit.form.columns and self.fit.form.target == "loss"


def _picture(fit: Fit, tokens: Any, level: float) -> _Picture:
    """What has a panel, and what has a curve each."""
    records = numbered(fit)
    others = [n for n in fit.form.columns if n not in (RATE, TOKENS) and varies(records[n])]
    sizes = [name for name in others if not is_base(name)] or others
    if TOKENS not in fit.form.columns:
        column = sizes[0] if sizes else ""
        values = records[column].unique() if column else ()
        chosen = [sorted(values)[k] for k in evenly(len(values), FEW)]
        return _Picture(
            fit, "", Hues.of(column, chosen) if column else Hues("", (), log=False), level
        )
    asked = _middle(records) if tokens is None else _amounts(tokens)
    asking.check_counts(pd.DataFrame({TOKENS: asked}), records)
    return _Picture(fit, sizes[0] if sizes else "", Hues.of(TOKENS, asked), level)


def _amounts(tokens: Any) -> Array:
    """Amounts of tokens that were asked for.

    Raises
    ------
    PlotError
        They are no positive numbers.
    """
    try:
        found = np.atleast_1d(np.asarray(tokens, dtype=float)).ravel()
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if not len(found) or not (np.isfinite(found) & (found > 0)).all():
        raise PlotError(f"tokens is a positive number, or a list of these, got {got(tokens)}")
    return found


def _middle(records: pd.DataFrame) -> list[float]:
    """The least, a middle and the largest of the tokens on record.

    Raises
    ------
    PlotError
        There are none.
    """
    there = np.unique(records[TOKENS][records[TOKENS] > 0])
    if not len(there):
        raise PlotError(
            f"all rows of the fit lie at {TOKENS} = 0; say after how many the law is to be drawn, "
            f"as in {TOKENS}=1e9"
        )
    wanted = np.geomspace(there[0], there[-1], LINES)
    # Of two that are equally near but for rounding, the smaller.
    off = np.round(np.abs(np.log(there / wanted[:, None])), 9)
    return [float(each) for each in there[np.argmin(off, axis=1)]]
