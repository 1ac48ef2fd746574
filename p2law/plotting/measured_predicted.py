"""Predicted against measured, rows that were held out marked as such."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from p2law.errors import PlotError
from p2law.plotting.canvas import Place, canvas, plain
from p2law.plotting.colours import FAR, FIRM, GREY, MANY, MARKED, USED, crowded, paleness
from p2law.plotting.families import first, status
from p2law.plotting.quantities import target_title
from p2law.result import Fit
from p2law.scoring import Score, score
from p2law.text.views import number
from p2law.text.wording import got, several

SIZE = (4.6, 4.4)
TICK = 0.5
"""Inches that a tick with its label needs."""


def predicted(
    shown: Fit | Score,
    held: Score | pd.DataFrame | None = None,
    *,
    level: float = 0.9,
    ax: Place = None,
) -> Axes:
    """Draw predicted against measured, with rows that the fit has not seen marked.

    Parameters
    ----------
    shown : Fit or Score
        The rows of a fit, or the rows of a score.
    held : Score or DataFrame, optional
        Rows that were held out: what `p2law.score` says of them, or the records themselves,
        which the fit is then asked about.
    level : float
        Of the bars where `held` are records; those of a score have its own level.
    ax : Axes, Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Axes
        Held rows are dark, hollow diamonds with the interval for a new run; the line is where a
        prediction is what was measured. Rows that the fit does not determine are counted, not
        drawn.

    Raises
    ------
    PlotError
        `shown` or `held` is none of the above, `held` is a score of another law or target, or
        `ax` of the wrong kind.
    RecordError, FitError
        The records cannot be used, or `level` is no probability.

    Examples
    --------
    >>> import p2law
    >>> from matplotlib.figure import Figure
    >>> from p2law import forms, plotting, testing
    >>> truth = {"floor": 2.0, "scale": 90.0, "beta": 0.3}
    >>> table = p2law.grid(run=["a"], tokens=[1e6, 2e6, 4e6, 8e6, 16e6])
    >>> split = p2law.holdout.last_tokens(testing.synthesize(forms.token_power, truth, table))
    >>> fit = p2law.fit(split.kept, forms.token_power)
    >>> plotting.predicted(fit, split.held, ax=Figure()).get_xlabel()
    'measured loss (nat)'
    """
    fitted, told = _sides(shown, held, level)
    place = canvas(ax, 1, size=SIZE)
    (axes,) = place.axes
    sides, missing, key = [], list[str](), list[str]()
    if fitted is not None:
        count = len(fitted)
        look: dict[str, Any] = {"color": USED, "markersize": crowded(count), "markeredgewidth": 0}
        look |= {"alpha": FIRM * paleness(count), "rasterized": count > MANY}
        label = _said("fitted", fitted, shown.unit)
        axes.plot(fitted["measured"], fitted["predicted"], "o", label=label, **look)
        sides.append(fitted)
    if told is not None:
        rows = told.residuals()
        rows = rows.assign(measured=rows[told.target])[rows["determined"]]
        _held(axes, rows, told)
        sides.append(rows)
        missing, key = _remarks(told)
    _square(axes, shown, sides)
    plain(axes)
    place.say(_warnings(shown, told), missing, key)
    place.corner_legend(axes, axes.get_legend_handles_labels()[0], "", "upper left")
    return axes


def _warnings(shown: Fit | Score, told: Score | None) -> list[str]:
    """The trouble of the fit, and what else the score has."""
    known = shown.trouble if isinstance(shown, Fit) else ()
    own = [each for each in told.trouble if each not in known] if told is not None else []
    return [*(status(shown) if isinstance(shown, Fit) else []), *first(own)]


def _remarks(told: Score) -> tuple[list[str], list[str]]:
    """Which rows are not there, and what bars are."""
    missing = [f"left out: {several(count, 'row')}, {why}" for why, count in told.left_out]
    if told.undetermined:
        rows = several(told.undetermined, "held row")
        missing.append(f"{rows} not drawn: the fit does not determine them")
    bars = told.residuals()["low"].notna().any()
    return missing, [f"bars: {100 * told.level:g} % interval for a new run"] if bars else []


def _sides(shown: Any, held: Any, level: float) -> tuple[pd.DataFrame | None, Score | None]:
    """Rows that were fitted, and the score of those that were held out."""
    if isinstance(shown, Score):
        if held is not None:
            raise PlotError("held goes with a fit; a score is drawn alone")
        return None, shown
    if not isinstance(shown, Fit):
        raise PlotError(f"this picture is of a Fit or a Score, got {got(shown)}")
    rows = shown.residuals()
    rows = rows.assign(measured=rows[shown.form.target])
    if held is None:
        return rows, None
    if isinstance(held, Score):
        _check_alike(shown, held)
        return rows, held
    if not isinstance(held, pd.DataFrame):
        raise PlotError(f"held is a Score or a table of records, got {got(held)}")
    return rows, score(shown, held, level=level)


def _check_alike(shown: Fit, held: Score) -> None:
    """Refuse a score of another law, or of another target, than those of a fit."""
    fits, scored = (shown.form.name, shown.form.target), (held.law, held.target)
    if fits != scored or shown.unit != held.unit:
        theirs, own = (
            f"{law} ({what}, {unit})"
            for (law, what), unit in ((scored, held.unit), (fits, shown.unit))
        )
        raise PlotError(
            f"held is a score of {theirs}, and the fit is of {own}; give the score of this law, "
            f"or draw the score alone"
        )


def _held(axes: Axes, rows: pd.DataFrame, told: Score) -> None:
    """Rows that were held out, each with its interval."""
    x, y = rows["measured"].to_numpy(), rows["predicted"].to_numpy()
    ends = np.abs(rows[["low", "high"]].to_numpy().T - y)
    axes.errorbar(
        x,
        y,
        yerr=np.nan_to_num(ends),
        fmt="D",
        color=MARKED,
        markersize=FAR * crowded(len(rows)),
        markerfacecolor="none",
        markeredgewidth=0.9,
        elinewidth=0.6,
        ecolor=to_rgba(MARKED, 0.45),
        label=_said("held out", rows, told.unit),
    )


def _said(what: str, rows: pd.DataFrame, unit: str) -> str:
    """An entry of the legend: what the points are, and how far off."""
    count = f"{what}: {several(len(rows), 'row')}"
    if not len(rows):
        return count
    rmse = float(np.sqrt(np.mean((rows["measured"] - rows["predicted"]) ** 2)))
    return f"{count}, rmse {number(rmse, 3)} {unit}"


def _square(axes: Axes, shown: Fit | Score, sides: list[pd.DataFrame]) -> None:
    """The same range on both axes, and the line of no error."""
    values = np.concatenate([each[["measured", "predicted"]].to_numpy().ravel() for each in sides])
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    ends = (low - room, high + room)
    axes.plot(ends, ends, color=GREY, linewidth=1, zorder=1)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    noun = shown.form.target if isinstance(shown, Fit) else shown.target
    inches = min(axes.bbox.width, axes.bbox.height) / axes.figure.dpi
    axes.locator_params(nbins=int(np.clip(inches / TICK, 3, 6)))
    for side, word in ((axes.xaxis, "measured"), (axes.yaxis, "predicted")):
        side.set_label_text(target_title(shown, f"{word} {noun}"))
