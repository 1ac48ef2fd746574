"""Where the values of lines of equal loss are written: clear of edges, of dots and each other."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from scipy.spatial import KDTree

from p2law.declaring import Array

MARGIN = 0.24
"""Nearer to an edge, in inches, no value is written: it would be cut."""

CLEAR = 0.2
"""So far from dots and other values, in inches, is far enough."""

EDGE = "0.2"
"""Around white letters, which light steps would swallow."""


def write_values(
    axes: Axes, lines: ContourSet, written: Callable[[float], str], dots: Array, zorder: float
) -> None:
    """Write their values on lines of equal loss.

    Parameters
    ----------
    axes : Axes
        With its scales and limits.
    lines : ContourSet
    written : callable
        From a value to its text.
    dots : ndarray, (dots, 2)
        What should not be covered, in data.
    zorder : float
        Of the values: above the dots, for where nothing is clear.
    """
    taken, places = np.unique(_inches(axes, dots).round(2), axis=0), list[tuple[float, float]]()
    parts = [part for path in lines.get_paths() for part in _parts(path) if len(part) > 1]
    for part in sorted(parts, key=len):
        along = _inches(axes, part)
        best = _clearest(along, taken, _inches(axes, _ends(axes)))
        if best is not None:
            taken = np.vstack([taken, along[[best]]])
            places.append((float(part[best, 0]), float(part[best, 1])))
    if places:
        axes.clabel(lines, fmt=written, fontsize="small", manual=places, zorder=zorder)
        for each in lines.labelTexts:
            each.set_path_effects([withStroke(linewidth=1.4, foreground=EDGE)])


def _parts(path: Path) -> list[Array]:
    """The lines of one value, each by its points; `allsegs` warns in matplotlib 3.8.0."""
    codes = () if path.codes is None else path.codes
    return np.split(np.asarray(path.vertices), np.flatnonzero(np.equal(codes, Path.MOVETO))[1:])


def _ends(axes: Axes) -> Array:
    """The lower left and the upper right corner of a panel, in data."""
    return np.array([axes.get_xlim(), axes.get_ylim()]).T


def _inches(axes: Axes, places: Array) -> Array:
    """Where places in data stand, in inches."""
    return np.asarray(axes.transData.transform(places)) / axes.figure.dpi


def _clearest(along: Array, taken: Array, ends: Array) -> int | None:
    """The place of a line that is clear and nearest to its middle; none where all are at edges."""
    inside = np.minimum(along - ends[0], ends[1] - along).min(axis=1) > MARGIN
    if not inside.any():
        return None
    clear = KDTree(taken).query(along)[0] if len(taken) else np.full(len(along), CLEAR)
    clear = np.where(inside, np.minimum(clear, CLEAR), -1.0)
    passed = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(along, axis=0).T))])
    good = np.flatnonzero(clear >= clear.max())
    return int(good[np.argmin(np.abs(passed[good] - passed[-1] / 2))])
