"""What a fit leaves over: measured minus predicted, by run and against tokens."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from p2law.errors import PlotError
from p2law.foresight import TOKENS
from p2law.plotting.canvas import Panels, Place, exactly, plain
from p2law.plotting.colours import BLUE, FAINT, GREY, MANY, VERMILION
from p2law.plotting.families import checked_fit, status
from p2law.plotting.quantities import is_log, lay, target_title, title
from p2law.result import Fit
from p2law.views import number
from p2law.wording import got

PREDICTED = "predicted"

NAMED = 24
"""So many runs are named; of more only the worst."""

WORST = 3
LETTERS = 30


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
    _along(along, rows, below, worst)
    name = f"{target_title(fit, 'measured - predicted')}"
    by_run.set_xlabel(name)
    along.set_ylabel(name)
    if below == PREDICTED:
        along.set_xlabel(target_title(fit, "predicted"))
    rmse = float(np.sqrt(np.mean(rows["residual"] ** 2)))
    remarks = [f"grey: one rmse, {number(rmse, 3)} {fit.unit}", "strokes: means of runs"]
    if len(worst):
        remarks.append(f"furthest off: {', '.join(_short(str(run)) for run in worst)}")
    place.say(status(fit), remarks)
    return place.array


def _by_run(axes: Axes, rows: pd.DataFrame, means: pd.Series, worst: pd.Index) -> None:
    """One line a run."""
    place = pd.Series(np.arange(len(means)), means.index)
    y = rows["run"].map(place).to_numpy()
    colour = np.where(rows["run"].isin(worst), VERMILION, BLUE)
    big = len(rows) > MANY
    axes.scatter(rows["residual"], y, s=9, c=colour, alpha=0.55, linewidths=0, rasterized=big)
    axes.plot(means, place, "|", color="black", markersize=7, markeredgewidth=1.4)
    _zero(axes, rows, upright=True)
    if len(means) <= NAMED:
        axes.set_yticks(place, [_short(str(run)) for run in means.index])
        axes.tick_params(axis="y", labelsize="x-small", length=0)
    else:
        axes.set_yticks([])
        axes.set_ylabel("runs, in the order of their means")
    axes.set_ylim(-0.7, len(means) - 0.3)
    axes.set_title(f"by run ({len(means)})", fontsize="medium", loc="left")
    plain(axes)
    axes.grid(visible=len(means) <= NAMED, axis="y")


def _along(axes: Axes, rows: pd.DataFrame, below: str, worst: pd.Index) -> None:
    """Against an input, or what is predicted."""
    x = rows[below].to_numpy()
    for mask, colour, marker in (
        (~rows["run"].isin(worst).to_numpy(), BLUE, "o"),
        (rows["run"].isin(worst).to_numpy(), VERMILION, "D"),
    ):
        y = rows["residual"].to_numpy()[mask]
        axes.plot(
            x[mask],
            y,
            marker,
            color=colour,
            markersize=3,
            alpha=0.55,
            markeredgewidth=0,
            rasterized=len(rows) > MANY,
        )
    _zero(axes, rows, upright=False)
    log = is_log(below, x)
    lay(axes.xaxis, below, log=log and bool((x > 0).all()))
    if log and not (x > 0).all():
        axes.set_xscale("symlog", linthresh=float(x[x > 0].min()))
    axes.set_title(f"against {title(below)}", fontsize="medium", loc="left")
    plain(axes)


def _zero(axes: Axes, rows: pd.DataFrame, *, upright: bool) -> None:
    """No error, and one rmse to both sides."""
    rmse = float(np.sqrt(np.mean(rows["residual"] ** 2)))
    span, line = (axes.axvspan, axes.axvline) if upright else (axes.axhspan, axes.axhline)
    span(-rmse, rmse, color=FAINT, alpha=0.2, linewidth=0, zorder=0)
    line(0, color=GREY, linewidth=1, zorder=1)


def _short(name: str) -> str:
    """A run's name with its middle left out where it is long."""
    if len(name) <= LETTERS:
        return name
    return f"{name[: LETTERS // 2]}…{name[-LETTERS // 2 + 1 :]}"
