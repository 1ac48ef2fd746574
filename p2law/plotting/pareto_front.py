"""Plans that no other beats twice, among all that there were to choose from."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from p2law.errors import PlotError
from p2law.planning import combining
from p2law.planning.budgets import BEYOND
from p2law.planning.frontiers import Frontier
from p2law.plotting.canvas import Place, canvas, plain
from p2law.plotting.colours import BLACK, FAINT, GREY, MARKERS, PALETTE
from p2law.plotting.quantities import from_zero, is_log, lay, title
from p2law.records.vocabulary import TOKENS
from p2law.text.amounts import amount
from p2law.text.wording import got, several

SIZE = (7.4, 4.4)

STAR = (0.08, 0.08)
"""How far right of a point and above it a star stands, in inches."""

LISTED = 12
"""Plans of the frontier that are named."""


def frontier(found: Frontier, *, ax: Place = None) -> Axes:
    """Draw the plans of a frontier, with intervals and ties, among all candidates.

    Parameters
    ----------
    found : Frontier
        What `planning.frontier` returned.
    ax : Axes, Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Axes
        Candidates are small, those that are no plan crosses; the frontier is a line of stairs
        with the interval of what a plan reaches, the first twelve from the left with numbers;
        an own figure says what these are. Rings are as good as a plan of the frontier within
        the noise, and take no more.

    Raises
    ------
    PlotError
        `found` is no frontier, or `ax` of the wrong kind.
    """
    if not isinstance(found, Frontier):
        raise PlotError(f"this picture is of what planning.frontier returns, got {got(found)}")
    rows = found.candidates
    place = canvas(ax, 1, size=SIZE)
    (axes,) = place.axes
    x, y = found.against, found.measure
    there = rows[np.isfinite(rows[x].astype(float)) & np.isfinite(rows[y].astype(float))]
    handles = _candidates(axes, there, x, y)
    front = there[there["chosen"]].sort_values([x, y])
    handles += _front(axes, front, x, y)
    tied = _tied(there, found)
    if len(tied):
        look: dict[str, Any] = {
            "markerfacecolor": "none",
            "markeredgecolor": GREY,
            "markersize": 13,
        }
        axes.plot(tied[x], tied[y], "o", linestyle="none", zorder=6, **look)
        ring = Line2D(
            [], [], marker="o", linestyle="none", label="as good within the noise", **look
        )
        handles.append(ring)
    _stars(axes, there[there["beyond"] != ""], x, y)
    _scales(axes, there, found)
    plain(axes)
    key = [found.purpose, f"strokes: {100 * found.level:g} % intervals"]
    place.say(found.trouble[:2], _missing(found, rows, there), key)
    # On somebody else's axes a list of plans would cover them.
    place.legend(handles, _key(found, front) if place.own else "")
    return axes


def _candidates(axes: Axes, there: pd.DataFrame, x: str, y: str) -> list[Line2D]:
    """All candidates: a colour and a marker a method, crosses for what is no plan."""
    handles = []
    methods = sorted(there["method"].unique())
    for k, method in enumerate(methods):
        rows = there[(there["method"] == method) & (there["refused"] == "")]
        look: dict[str, Any] = {
            "color": PALETTE[k % len(PALETTE)],
            "marker": MARKERS[k % len(MARKERS)],
        }
        look |= {"linestyle": "none", "markersize": 4, "markeredgewidth": 0}
        axes.plot(rows[x], rows[y], alpha=0.55, zorder=1, **look)
        handles += [Line2D([], [], label=str(method) or "any method", **look)] if len(rows) else []
    out = there[there["refused"] != ""]
    if len(out):
        look = {
            "color": FAINT,
            "marker": "x",
            "linestyle": "none",
            "markersize": 3.5,
        }
        axes.plot(out[x], out[y], zorder=1, **look)
        handles.append(Line2D([], [], label="no plan", **look))
    return handles


def _front(axes: Axes, front: pd.DataFrame, x: str, y: str) -> list[Line2D]:
    """The frontier: stairs, intervals, numbers."""
    if not len(front):
        return []
    axes.plot(front[x], front[y], drawstyle="steps-post", color=BLACK, linewidth=1, zorder=2)
    ends = front[["low", "high"]].to_numpy().T.copy()
    ends[:, ~np.isfinite(ends).all(axis=0)] = np.nan
    axes.vlines(front[x], *ends, color=BLACK, linewidth=1, alpha=0.6, zorder=2)
    axes.plot(front[x][LISTED:], front[y][LISTED:], "o", color=BLACK, markersize=5, zorder=3)
    for k, (_, row) in enumerate(front[:LISTED].iterrows(), start=1):
        axes.plot(row[x], row[y], "o", color=BLACK, markersize=9.5, zorder=4)
        axes.text(
            row[x],
            row[y],
            str(k),
            color="white",
            fontsize="x-small",
            ha="center",
            va="center_baseline",
            zorder=5,
        )
    return [Line2D([], [], color=BLACK, marker="o", markersize=7, label="frontier")]


def _stars(axes: Axes, beyond: pd.DataFrame, x: str, y: str) -> None:
    """Mark what lies beyond the records as warnings say, beside the point."""
    beside = axes.transData + ScaledTranslation(*STAR, axes.figure.dpi_scale_trans)
    look: dict[str, Any] = {"color": BLACK, "markersize": 4, "markeredgewidth": 0.3}
    look |= {"linestyle": "none", "marker": f"${BEYOND}$", "transform": beside, "zorder": 7}
    axes.plot(beyond[x], beyond[y], **look)


def _tied(there: pd.DataFrame, found: Frontier) -> pd.DataFrame:
    """The rows that are as good as a plan within the noise: of each candidate its best."""
    names = np.array(combining.names(there), dtype=object)
    plans, hits = (there["refused"] == "").to_numpy(), []
    x, y = (there[each].to_numpy() for each in (found.against, found.measure))
    for _, plan in found.table.iterrows():
        for name in plan["tied_with"]:
            rows = np.flatnonzero(
                plans & (names == name) & (x <= plan[found.against] * (1 + 1e-12))
            )
            hits += [rows[np.argmin(y[rows])]] if len(rows) else []
    return there.iloc[sorted(set(hits))]


def _scales(axes: Axes, there: pd.DataFrame, found: Frontier) -> None:
    """Logarithmic where amounts span more than a few times; names with units.

    Where a plan takes nothing, zero stands a decade below the others.
    """
    for axis, column in ((axes.xaxis, found.against), (axes.yaxis, found.measure)):
        values = there[column].to_numpy(dtype=float)
        log = is_log(column, values)
        zero = log and values.min() <= 0
        if zero:
            set_scale = axes.set_xscale if axis is axes.xaxis else axes.set_yscale
            set_scale("symlog", linthresh=from_zero(values))
        lay(axis, column, log=log and not zero)
        axis.set_label_text(_named(found, column))


def _named(found: Frontier, column: str) -> str:
    """What a column is called, with its unit where the name is none."""
    units = {"loss": "nat", "cost": found.currency}
    return f"{title(column)} ({units[column]})" if column in units else title(column)


def _key(found: Frontier, front: pd.DataFrame) -> str:
    """What the numbers of the frontier are."""
    names = combining.names(front)
    lines = []
    for k, (name, (_, row)) in enumerate(zip(names, front.iterrows(), strict=True), start=1):
        star = BEYOND * bool(row["beyond"])
        spent = "" if found.against == TOKENS else f", {amount(row[TOKENS])} tokens"
        lines.append(f"{k}  {name}{star}{spent}")
    more = len(lines) - LISTED
    return "\n".join(
        [*lines[:LISTED], *([f"{several(more, 'plan')} more in .table"] if more > 0 else [])]
    )


def _missing(found: Frontier, rows: pd.DataFrame, there: pd.DataFrame) -> list[str]:
    """Candidates that are no plans, or not drawn."""
    lacking, words = len(rows) - len(there), "not drawn: out of reach, or not known"
    out = [f"no plan: {several(count, 'candidate')}, {why}" for why, count in found.left_out]
    return out + ([f"{several(lacking, 'candidate')} {words}"] if lacking else [])
