"""What a fit leaves over: measured minus predicted, by run and against tokens."""

import itertools
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from p2law.errors import PlotError
from p2law.foresight import TOKENS
from p2law.plotting.canvas import AS_IT_IS, Panels, Place, exactly, plain, shortened
from p2law.plotting.colours import BLUE, FAINT, GREY, MANY, VERMILION, crowded, paleness
from p2law.plotting.families import at_edge, checked_fit, dots, status
from p2law.plotting.quantities import is_log, lay, plain_ticks, target_title, title
from p2law.result import Fit
from p2law.views import number
from p2law.wording import got

PREDICTED = "predicted"

NAMED = 24
"""So many runs are named; of more only the worst."""

WORST = 3
LETTERS = 30
"""Of a run's name."""

HASH = r"-[0-9a-f]{8,}$"
"""What `p2law collect` ends names of runs with."""


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
        Runs stand in the order of their means, which are upright strokes; the three that
        lie furthest off are marked, and named where there are too many to name all. The
        grey band is one rmse to both sides.

    Raises
    ------
    PlotError
        `fit` is no fit, `against` nothing that the law reads, or `ax` not two Axes.
    """
    rows = checked_fit(fit).residuals()
    below = against or (TOKENS if TOKENS in fit.form.columns else PREDICTED)
    if below not in (*fit.form.columns, PREDICTED):
        allowed = ", ".join((*fit.form.columns, PREDICTED))
        raise PlotError(f"against is one of {allowed}, got {got(against)}")
    count = rows["run"].nunique()
    place = exactly(ax, 2, size=(4.2, min(7.0, max(2.8, 0.8 + 0.17 * count))))
    means = rows.groupby("run", sort=False)["residual"].mean().sort_values(kind="stable")
    worst = means.abs().nlargest(min(WORST, len(means) - 1)).index
    by_run, along = place.axes
    _by_run(by_run, rows, means, worst)
    zero = _along(along, rows, below, worst)
    name = f"{target_title(fit, 'measured - predicted')}"
    by_run.set_xlabel(name)
    along.set_ylabel(name)
    if below == PREDICTED:
        along.set_xlabel(target_title(fit, f"predicted {fit.form.target}"))
    rmse = float(np.sqrt(np.mean(rows["residual"] ** 2)))
    remarks = [f"grey: one rmse, {number(rmse, 3)} {fit.unit}", "strokes: means of runs"]
    if len(worst):
        remarks.append(f"furthest off: {', '.join(shortened(str(run), LETTERS) for run in worst)}")
    place.say(status(fit), at_edge(zero), remarks)
    return place.array


def _by_run(axes: Axes, rows: pd.DataFrame, means: pd.Series, worst: pd.Index) -> None:
    """One line a run."""
    place = pd.Series(np.arange(len(means)), means.index)
    y = rows["run"].map(place).to_numpy()
    colour = np.where(rows["run"].isin(worst), VERMILION, BLUE)
    size, alpha = crowded(len(rows)), 0.7 * paleness(len(rows))
    raster = len(rows) > MANY
    axes.scatter(
        rows["residual"], y, s=size**2, c=colour, alpha=alpha, linewidths=0, rasterized=raster
    )
    axes.plot(means, place, "|", color="black", markersize=7, markeredgewidth=1.4)
    _zero(axes, rows, upright=True)
    if len(means) <= NAMED:
        axes.set_yticks(place, labels(means.index), **AS_IT_IS)
        axes.tick_params(axis="y", labelsize="x-small", length=0)
    else:
        axes.set_yticks([])
        axes.set_ylabel("runs, in the order of their means")
    axes.set_ylim(-0.7, len(means) - 0.3)
    axes.set_title(f"by run ({len(means)})", fontsize="medium", loc="left")
    plain(axes)
    axes.grid(visible=len(means) <= NAMED, axis="y")


def labels(runs: Iterable[Any]) -> list[str]:
    """Names of runs that fit beside a panel.

    Where one is too long, what all begin with is left out, and then the hash at the end, as
    long as the names stay different.
    """
    names = [str(run) for run in runs]
    for shorter in (_without_start, _without_hash):
        if max(map(len, names), default=0) <= LETTERS:
            break
        tried = [shorter(each, names) for each in names]
        names = tried if len(set(tried)) == len(set(names)) else names
    return [shortened(each, LETTERS) for each in names]


def _without_start(name: str, names: list[str]) -> str:
    """A name less the words that all begin with."""
    words = zip(*(each.split("-") for each in names), strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, words))
    return f"…{'-'.join(name.split('-')[same:])}" if len(names) > 1 and same else name


def _without_hash(name: str, names: list[str]) -> str:
    """A name less a hash at its end, where all have one."""
    hashed = all(re.search(HASH, each) for each in names)
    return re.sub(HASH, "", name) if hashed else name


def _along(axes: Axes, rows: pd.DataFrame, below: str, worst: pd.Index) -> int:
    """Against an input, or what is predicted; returns how many rows are at the left edge."""
    x, y = rows[below].to_numpy(), rows["residual"].to_numpy()
    log, far = is_log(below, x), rows["run"].isin(worst).to_numpy()
    lay(axes.xaxis, below, log=log)
    look: dict[str, Any] = {"markersize": crowded(len(rows)), "markeredgewidth": 0}
    look |= {"alpha": 0.7 * paleness(len(rows)), "rasterized": len(rows) > MANY}
    zero = 0
    for part, colour, marker in ((~far, BLUE, "o"), (far, VERMILION, "D")):
        zero += dots(axes, x[part], y[part], log=log, color=colour, marker=marker, **look)
    _zero(axes, rows, upright=False)
    if log:
        plain_ticks(axes.xaxis, below)
    axes.set_title(f"against {title(below)}", fontsize="medium", loc="left")
    plain(axes)
    return zero


def _zero(axes: Axes, rows: pd.DataFrame, *, upright: bool) -> None:
    """No error, and one rmse to both sides."""
    rmse = float(np.sqrt(np.mean(rows["residual"] ** 2)))
    span, line = (axes.axvspan, axes.axvline) if upright else (axes.axhspan, axes.axhline)
    span(-rmse, rmse, color=FAINT, alpha=0.25, linewidth=0, zorder=0)
    line(0, color=GREY, linewidth=1, zorder=1)
