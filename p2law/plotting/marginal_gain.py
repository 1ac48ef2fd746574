"""What the next doubling of the tokens wins, and from where on that is too little."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from p2law import planning
from p2law.errors import PlotError
from p2law.planning.sufficing import Budget
from p2law.plotting.canvas import LONE, Canvas, Place, canvas, plain
from p2law.plotting.colours import GREY, MARKERS, Hues, evenly
from p2law.plotting.families import (
    CURVE,
    checked_fit,
    checked_until,
    doubts,
    draw,
    family,
    is_base,
    reads,
    stretch,
    varies,
)
from p2law.plotting.notes import upright
from p2law.plotting.quantities import apart, lay, plain_ticks, target_title, title
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.text.amounts import amount
from p2law.text.views import number

SETTINGS, FEW = 5, 3
"""Settings on record that are drawn where none is asked for, and on low axes of somebody else."""

LOW = 2.0
"""Inches of height up to which axes are low."""

ALL_OF = {"params": "all sizes", "params_after": "all sizes left", "pruning_rate": "all rates"}
"""What a curve is called that is the same for all values of a column."""

EQUAL = 8
"""Curves that agree in so many digits of the largest gain are one."""

LITTLE = 1e-4
"""A fit that leaves less over than this share of the median target says nothing of noise."""

DEEPEST = 10.0
"""The axis ends so many times below the curves and the level."""

FARTHEST = 100.0
"""A saturation point is looked for within so many times the tokens on record."""


def gain(
    fit: Fit,
    *,
    gain: float | None = None,
    level: float = 0.9,
    until: float | None = None,
    ax: Place = None,
    **columns: Any,
) -> Axes:
    """Draw the loss that the next doubling of the tokens wins, and where that gets too little.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`.
    gain : float, optional
        Saturation is where a doubling wins less than this, in the unit of the target; without
        it the rmse of the fit, for less is not seen in one measurement (or 0.01 % of the median
        target, where that is more).
    level : float
        Of the band, and of the interval of the saturation points.
    until : float, optional
        Tokens up to which to draw; without it as far as the saturation points lie, at most
        100 times the tokens on record.
    ax : Axes, Figure or SubFigure, optional
        Where to draw.
    **columns : float or sequence of float
        The other inputs, as `Fit.predict` takes them, one curve a row. Without any, settings
        on record, spread evenly; those that have the same curve are one.

    Returns
    -------
    Axes
        Dashed where the doubling ends beyond the records; saturation points are the large
        markers on the level line, with their intervals.

    Raises
    ------
    PlotError
        The law reads no tokens, `columns` do, `ax` is no place, or `until` lies before all records.
    FitError, FormError, RecordError
        As in `planning.saturation`.
    """
    reads(checked_fit(fit), TOKENS, "so no number of them can be drawn")
    asking.interval(level, "mean")
    if TOKENS in columns:
        raise PlotError("tokens= is no setting here: the picture is drawn over tokens, see until=")
    least, why = _usual(fit) if gain is None else (asking.positive("gain", gain), "")
    groups = _alike(fit, _settings(fit, columns), level)
    place = canvas(ax, 1, size=LONE)
    chosen = range(len(groups)) if columns else evenly(len(groups), _most(place))
    hidden = len(groups) - len(chosen)
    names = _names(fit, [groups[k] for k in chosen])
    settings = pd.concat([groups[k].iloc[:1] for k in chosen], ignore_index=True)
    asked: list[dict[str, Any]] = settings.to_dict("records")  # type: ignore[assignment]
    points = [planning.saturation(fit, gain=least, level=level, **each) for each in asked]
    last = _reach(fit, points) if until is None else checked_until(fit, until)
    picture = _Picture(fit, settings, names, least, level, last)
    told = picture.draw(place.axes[0], points)
    of = " of settings on record" if place.own else ""
    missing = [f"{hidden} more curves{of} not shown"] if hidden else []
    place.say(doubts(fit, told), missing, picture.key(told, points, why))
    picture.legend(place, points)
    return place.axes[0]


@dataclass(frozen=True, eq=False)
class _Picture:
    """Settings of the other inputs, one curve each, and what they are called."""

    fit: Fit
    settings: pd.DataFrame
    names: list[str]
    worth: float
    level: float
    last: float

    def draw(self, axes: Axes, points: list[Budget]) -> pd.DataFrame:
        """Curves, the level line and the saturation points; returns what was drawn."""
        told = pd.concat([self._told(k) for k in range(len(self.settings))], ignore_index=True)
        positive = bool((told[["gain", "low"]].fillna(1.0) > 0).to_numpy().all())
        axes.axhline(self.worth, color=GREY, linewidth=0.8, zorder=1)
        for k, point in enumerate(points):
            curve = told[told[CURVE] == k]
            draw(axes, curve, TOKENS, "gain", color=self._colour(k), zorder=2)
            self._point(axes, k, point)
        lay(axes.xaxis, TOKENS, log=True)
        if positive and told["determined"].any():
            axes.set_yscale("log")
            # A band that falls to nothing would leave the curves no room.
            least = min(self.worth, told["gain"].min()) / DEEPEST
            axes.set_ylim(bottom=max(axes.get_ylim()[0], least), auto=None)
            plain_ticks(axes.yaxis, "")
        axes.set_xlim(told[TOKENS].min(), self.last)
        target = self.fit.form.target
        # What falls is a gain only where less is better; of a score it is what it is.
        words = f"{target} won by" if target == "loss" else f"fall of {target} with"
        upright(axes, target_title(self.fit, f"{words} the next doubling"))
        plain(axes)
        return told

    def _told(self, k: int) -> pd.DataFrame:
        """What `planning.marginal` says along a curve."""
        places = stretch(self.fit.records[TOKENS], self._first, self.last, log=True)
        asked = self.settings.iloc[[k] * len(places)].assign(**{TOKENS: places})
        return planning.marginal(self.fit, asked, level=self.level).assign(**{CURVE: k})

    def _point(self, axes: Axes, k: int, point: Budget) -> None:
        """A saturation point with its interval; an arrow where that never ends."""
        if not (point.determined and 0 < point.tokens < np.inf):
            return
        first = self._first
        look: dict[str, Any] = {"color": self._colour(k), "zorder": 4, "clip_on": False}
        ends = np.clip([point.low, point.high], first, self.last)
        if ends[1] > ends[0]:
            bar: dict[str, Any] = {"linewidth": 3, "solid_capstyle": "butt"}
            axes.plot(ends, [self.worth] * 2, **look, **bar)
        inside = first <= point.tokens <= self.last
        arrow = "<" if point.tokens < first else ">"
        marker = MARKERS[k % len(MARKERS)] if inside else arrow
        look |= {"markersize": 7, "markeredgecolor": "white"}
        axes.plot(np.clip(point.tokens, first, self.last), self.worth, marker, **look)

    def legend(self, place: Canvas, points: list[Budget]) -> None:
        """Settings, and, beside an own figure, where each is saturated."""
        handles = []
        for k, point in enumerate(points):
            label = f"{self.names[k]}\n  {_words(point)}" if place.own else self.names[k]
            look: dict[str, Any] = {"color": self._colour(k), "marker": MARKERS[k % len(MARKERS)]}
            handles.append(Line2D([], [], label=label, **look))
        # On somebody else's axes it only names them, below curves that fall.
        level = f"{number(self.worth, 3)} {self.fit.unit}"
        title = f"until a doubling wins less\nthan {level}" if place.own else f"line: {level}"
        place.legend(handles, title, "lower left")

    def key(self, told: pd.DataFrame, points: list[Budget], why: str) -> list[str]:
        """What is what."""
        bands = told["low"].notna().any()
        out = [f"band: {100 * self.level:g} % interval of the law"] if bands else []
        out += [f"level: {number(self.worth, 3)} {self.fit.unit}, {why}"] if why else []
        if (told["beyond"] != "").any():
            out.append("dashed: the doubling ends beyond the records")
        if any(0 < p.tokens < np.inf and not self._first <= p.tokens <= self.last for p in points):
            out.append("arrows: saturated outside the picture")
        return out

    @property
    def _first(self) -> float:
        """The fewest tokens on record."""
        tokens = self.fit.records[TOKENS]
        return float(tokens[tokens > 0].min())

    def _colour(self, k: int) -> str:
        """The colour of a setting."""
        return Hues.of("", range(len(self.settings))).colour(k)


def _most(place: Canvas) -> int:
    """How many settings are drawn where none is asked for."""
    (axes,) = place.axes
    low = not place.own and axes.bbox.height / axes.figure.dpi < LOW
    return FEW if low else SETTINGS


def _usual(fit: Fit) -> tuple[float, str]:
    """What is too little where nobody says it, and why."""
    rmse = float(np.sqrt(np.mean(fit.residuals()["residual"] ** 2)))
    typical = float(fit.records[fit.form.target].abs().median())
    if rmse > LITTLE * typical:
        return rmse, "the rmse of the fit"
    few = f"{100 * LITTLE:g} % of the median {fit.form.target}"
    return LITTLE * typical, f"{few}, for the fit leaves hardly anything over"


def _settings(fit: Fit, columns: dict[str, Any]) -> pd.DataFrame:
    """Rows of the other inputs: those asked for, else all on record."""
    if columns:
        return asking.inputs(fit.form, None, {**columns, TOKENS: 1.0}).drop(columns=TOKENS)
    found = family(fit, TOKENS)
    return found.curves[found.others].reset_index(drop=True)


def _alike(fit: Fit, settings: pd.DataFrame, level: float) -> list[pd.DataFrame]:
    """Settings in groups that have the same curve: where tokens stand in a term of their own."""
    tokens = fit.records[TOKENS][fit.records[TOKENS] > 0]
    places = [tokens.min(), tokens.max()]
    index = np.repeat(np.arange(len(settings)), len(places))
    asked = settings.iloc[index].assign(**{TOKENS: np.tile(places, len(settings))})
    told = planning.marginal(fit, asked, level=level)[["gain", "low", "high"]].to_numpy()
    rows = told.reshape(len(settings), -1)
    # Ends of bands near zero are differences of equal losses; so digits count from the gain on.
    digits = np.round(rows / (np.nanmax(np.abs(rows), initial=0.0) or 1.0), EQUAL)
    # What is not determined is like nothing else.
    keys = [str(row if np.isfinite(row[0]) else k) for k, row in enumerate(digits.tolist())]
    return [group for _, group in settings.groupby(np.array(keys), sort=False)]


def _names(fit: Fit, groups: list[pd.DataFrame]) -> list[str]:
    """What groups of settings are called; the loss before pruning only where it is needed."""
    columns = list(groups[0].columns)
    telling = [name for name in columns if not is_base(name)] or columns
    for chosen in (telling, columns):
        names = _called(groups, chosen)
        if len(set(names)) == len(names):
            break
    return [each or fit.form.name for each in names]


def _called(groups: list[pd.DataFrame], columns: list[str]) -> list[str]:
    """Values of some columns, group by group; what varies in a group has all its values."""
    parts = []
    for name in columns:
        lone = [not varies(rows[name]) for rows in groups]
        texts = apart([float(rows[name].iloc[0]) for rows in groups], name)
        whole = ALL_OF.get(name, f"any {title(name)}")
        texts = [f"{title(name)} {text}" if is_base(name) else text for text in texts]
        parts.append([text if one else whole for text, one in zip(texts, lone, strict=True)])
    return [", ".join(each) for each in zip(*parts, strict=True)] or [""] * len(groups)


def _reach(fit: Fit, points: list[Budget]) -> float:
    """Where to end: somewhat beyond the records and the last saturation point."""
    end = float(fit.records[TOKENS].max())
    ends = [each.high if np.isfinite(each.high) else each.tokens for each in points]
    known = [each for each in ends if np.isfinite(each)]
    return float(np.clip(1.3 * max([*known, end]), end, FARTHEST * end))


def _words(point: Budget) -> str:
    """A saturation point in words."""
    if not point.determined:
        return "not determined"
    if np.isnan(point.low):
        return f"{amount(point.tokens)} tokens, interval unknown"
    if point.tokens == 0:
        return "from the first token on"
    high = "without end" if np.isinf(point.high) else amount(point.high)
    told = "never" if np.isinf(point.tokens) else f"{amount(point.tokens)} tokens"
    return f"{told} ({amount(point.low)} to {high})"
