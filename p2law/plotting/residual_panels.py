"""What a fit leaves over: measured minus predicted, by run and against tokens."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from p2law.declaring import Mask
from p2law.errors import PlotError
from p2law.plotting.canvas import Panels, Place, exactly, plain
from p2law.plotting.colours import (
    BLACK,
    FAINT,
    FAR,
    FIRM,
    GREY,
    MANY,
    MARKED,
    USED,
    crowded,
    paleness,
)
from p2law.plotting.families import at_edge, checked_fit, dots, status
from p2law.plotting.notes import AS_IT_IS
from p2law.plotting.quantities import RoomyLocator, is_log, lay, plain_ticks, target_title, title
from p2law.plotting.run_names import labels
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit
from p2law.text.views import number
from p2law.text.wording import got

PREDICTED = "predicted"

NAMED = 24
"""So many runs are named; of more only the worst."""

LINE = 9.0
"""Points of height that a name needs."""

WORST = 3


def residuals(fit: Fit, *, against: str | None = None, ax: Place = None) -> Panels:
    """Draw measured minus predicted, by run and against tokens.

    Parameters
    ----------
    fit : Fit
    against : str, optional
        What the second panel has below: an input of the law, or ``"predicted"``; tokens
        without it, or what is predicted where the law reads none.
    ax : two Axes, Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    ndarray of Axes, (2,)
        Runs stand in the order of their means, which are upright strokes where they have
        several rows; the three that lie furthest off are dark diamonds, and are named. The
        grey band is one rmse to both sides.

    Raises
    ------
    PlotError
        `fit` is no fit, `against` nothing that the law reads, or `ax` not two Axes.
    """
    rows = checked_fit(fit).residuals()
    usual = TOKENS if TOKENS in fit.form.columns else PREDICTED
    below, allowed = usual if against is None else against, (*fit.form.columns, PREDICTED)
    if not isinstance(below, str) or below not in allowed:
        raise PlotError(f"against is one of {', '.join(allowed)}, got {got(against)}")
    count = rows["run"].nunique()
    place = exactly(ax, 2, size=(4.2, min(7.0, max(2.8, 0.8 + 0.17 * count))))
    means = rows.groupby("run", sort=False)["residual"].mean().sort_values(kind="stable")
    far = means.abs().nlargest(min(WORST, len(means) - 1))
    worst = far[far > 0].index
    by_run, along = place.axes
    names = dict(zip(means.index, labels(means.index), strict=True))
    _by_run(by_run, rows, names, means, worst)
    zero = _along(along, rows, below, worst)
    name = f"{target_title(fit, 'measured - predicted')}"
    by_run.set_xlabel(name)
    along.set_ylabel(name)
    if below == PREDICTED:
        along.set_xlabel(target_title(fit, f"predicted {fit.form.target}"))
    rmse = float(np.sqrt(np.mean(rows["residual"] ** 2)))
    several_each = ["strokes: means of runs"] if len(rows) > count else []
    remarks = [f"grey: one rmse, {number(rmse, 3)} {fit.unit}", *several_each]
    if len(worst):
        remarks.append(f"diamonds, furthest off: {', '.join(names[run] for run in worst)}")
    place.say(status(fit), at_edge(zero, below), remarks)
    return place.array


def _by_run(
    axes: Axes, rows: pd.DataFrame, names: dict[Any, str], means: pd.Series, worst: pd.Index
) -> None:
    """One line a run."""
    place = pd.Series(np.arange(len(means)), means.index)
    y, x = rows["run"].map(place).to_numpy(), rows["residual"].to_numpy()
    for part, look in _looks(rows, worst):
        axes.plot(x[part], y[part], **look)
    if len(rows) > len(means):
        axes.plot(means, place, "|", color=BLACK, markersize=7, markeredgewidth=1.4)
    _zero(axes, rows, upright=True)
    room = axes.bbox.height / axes.figure.dpi * 72 / (len(means) + 1)
    named = len(means) <= NAMED and room >= LINE
    if named:
        axes.set_yticks(place, list(names.values()), **AS_IT_IS)
        axes.tick_params(axis="y", labelsize="x-small", length=0)
    else:
        axes.set_yticks([])
        axes.set_ylabel("runs, in the order of their means")
    axes.set_ylim(-0.7, len(means) - 0.3, auto=None)
    axes.xaxis.set_major_locator(RoomyLocator())
    axes.set_title(f"by run ({len(means)})", fontsize="medium", loc="left")
    plain(axes)
    axes.grid(visible=named, axis="y")


def _along(axes: Axes, rows: pd.DataFrame, below: str, worst: pd.Index) -> int:
    """Against an input, or what is predicted; returns how many rows are at the left edge."""
    x, y = rows[below].to_numpy(), rows["residual"].to_numpy()
    log = is_log(below, x)
    lay(axes.xaxis, below, log=log)
    zero = sum(dots(axes, x[part], y[part], log=log, **look) for part, look in _looks(rows, worst))
    _zero(axes, rows, upright=False)
    if log:
        plain_ticks(axes.xaxis, below)
    axes.set_title(f"against {title(below)}", fontsize="medium", loc="left")
    plain(axes)
    return zero


def _looks(rows: pd.DataFrame, worst: pd.Index) -> list[tuple[Mask, dict[str, Any]]]:
    """Which rows are light dots, and which, of the runs that lie furthest off, dark diamonds."""
    far, size = rows["run"].isin(worst).to_numpy(), crowded(len(rows))
    look: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0}
    look |= {"rasterized": len(rows) > MANY}
    light = {"color": USED, "marker": "o", "markersize": size, "alpha": FIRM * paleness(len(rows))}
    dark = {"color": MARKED, "marker": "D", "markersize": FAR * size, "alpha": 0.9}
    return [(~far, look | light), (far, look | dark)]


def _zero(axes: Axes, rows: pd.DataFrame, *, upright: bool) -> None:
    """No error, and one rmse to both sides."""
    rmse = float(np.sqrt(np.mean(rows["residual"] ** 2)))
    span, line = (axes.axvspan, axes.axvline) if upright else (axes.axhspan, axes.axhline)
    span(-rmse, rmse, color=FAINT, alpha=0.2, linewidth=0, zorder=0)
    line(0, color=GREY, linewidth=1, zorder=1)
