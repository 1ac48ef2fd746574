"""What is written beside panels and in them: how large, how wide, and how much of it."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet

NOTE, SMALL_NOTE = 8.0, 7.0
"""Size of letters of a note beside panels, and of one inside a panel, in points."""

LABEL = 10.0
"""Size of letters of the name of an axis, in points."""

MOST_LINES, ON_MAP = 3, 2
"""Of one note inside a panel, and of one that covers a map; the fit itself says all of it."""

NOTED = "p2law note"
"""What notes inside a panel are known by."""

AS_IT_IS: dict[str, Any] = {"parse_math": False}
"""How texts are written that may hold names from records: a $ begins no formula."""

CUT = "…"
"""Stands where something is left out."""


def shortened(text: str, letters: int) -> str:
    """A text with its middle left out where it is longer than so many letters."""
    half = (letters - 1) // 2
    return text if len(text) <= letters else f"{text[: letters - 1 - half]}{CUT}{text[-half:]}"


def upright(axes: Axes, text: str) -> None:
    """Name what goes up a panel, in several lines where it is low."""
    letters = axes.bbox.height / axes.figure.dpi * 72 / (0.55 * LABEL)
    axes.set_ylabel(textwrap.fill(text, max(12, int(letters))))


def say_inside(axes: Axes, lines: Sequence[str], colour: str) -> None:
    """Write notes at the top of a panel whose figure belongs to somebody else.

    Outside of it might be another panel, or the edge of the figure.
    """
    if not lines:
        return
    capitals = 0.9  # which trouble begins with are wide
    is_map = any(isinstance(each, ContourSet) for each in axes.collections)
    most = ON_MAP if is_map else MOST_LINES
    text = wrapped(lines, capitals * axes.bbox.width / axes.figure.dpi, most)
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.0}
    where: dict[str, Any] = {"transform": axes.transAxes, "va": "top", "gid": NOTED, "zorder": 6}
    axes.text(0.01, 0.99, text, fontsize=SMALL_NOTE, color=colour, bbox=box, **where, **AS_IT_IS)
    free = axes.get_aspect() == "auto" and axes.get_autoscaley_on()
    if free and not is_map:
        scale = axes.yaxis.get_transform()
        low, high = scale.transform(np.array(axes.get_ylim()))
        top = low + (high - low) / (1 - taken(axes))
        axes.set_ylim(top=float(scale.inverted().transform(np.array([top]))[0]), auto=None)


def taken(axes: Axes) -> float:
    """The share of a panel's height that notes inside it take, at most half."""
    lines = sum(n.get_text().count("\n") + 1 for n in axes.texts if n.get_gid() == NOTED)
    height = (1.35 * lines + bool(lines)) * SMALL_NOTE / 72 * axes.figure.dpi
    return float(min(0.5, height / axes.bbox.height))


def wrapped(lines: Iterable[str], wide: float, most: int | None = None) -> str:
    """Lines that fit into so many inches, each cut after so many."""
    letters = max(20, int(wide * 72 / (0.6 * NOTE)))
    how: dict[str, Any] = {"subsequent_indent": "  ", "max_lines": most, "placeholder": " ..."}
    return "\n".join(textwrap.fill(each, letters, **how) for each in lines)
