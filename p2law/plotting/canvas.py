"""Where a picture is drawn: given axes, a given figure, or a new one; and what it says beside."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from p2law.errors import PlotError
from p2law.plotting.colours import GREY, WARNING, Hues
from p2law.plotting.notes import AS_IT_IS, NOTE, SMALL_NOTE, say_inside, shortened, taken, wrapped
from p2law.plotting.quantities import lay
from p2law.text.wording import got, several

Whole = Figure | SubFigure
"""What panels can be put into."""

Place = Axes | Sequence[Axes] | NDArray[np.object_] | Whole | None
"""What `ax` may be."""

Panels = NDArray[np.object_]
"""Axes, (panels,)."""

SIZE = (3.3, 2.8)
"""A panel's width and height in inches."""

LONE = (6.0, 4.2)
"""Those of a panel that stands alone."""

COLUMNS = 4
LETTERS = 11.0
"""Letters of a title in an inch."""

FEW_TICKS = 5
"""At most so many at the left of a panel where there are several rows of them."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """Axes to draw on, and whether the figure around them is the picture's own."""

    axes: tuple[Axes, ...]
    own: bool

    @property
    def figure(self) -> Whole:
        """The figure, or the part of one, that holds the first of the axes."""
        return self.axes[0].figure

    @property
    def array(self) -> Panels:
        """The axes as an array."""
        out = np.empty(len(self.axes), dtype=object)
        out[:] = self.axes
        return out

    def head(self, axes: Axes, text: str) -> None:
        """Give a panel its title, with its middle left out where it is too long."""
        columns = grid(len(self.axes))[0] if self.own else 1
        whole = self.figure if self.own else axes
        letters = max(16, int(whole.bbox.width / self.figure.dpi / columns * LETTERS))
        axes.set_title(shortened(text, letters), fontsize="medium", loc="left", **AS_IT_IS)

    def legend(
        self, handles: Sequence[Artist], title: str = "", corner: str = "upper right"
    ) -> None:
        """Explain colours, beside the panels of an own figure, else in a corner of the last."""
        if not handles:
            return
        how: dict[str, Any] = {"title": title or None, "fontsize": "small"}
        how |= {"title_fontsize": "small", "frameon": False, "alignment": "left"}
        if self.own:
            # A warning above takes the whole width.
            how["loc"] = "outside right " + ("center" if self.figure.get_suptitle() else "upper")
            made: Legend = self.figure.legend(handles=handles, **how)
            _plain(made)
        else:
            self.corner_legend(self.axes[-1], handles, title, corner)

    def corner_legend(self, axes: Axes, handles: Sequence[Artist], title: str, corner: str) -> None:
        """Explain colours inside a panel, below the notes that stand there."""
        size = "small" if self.own else SMALL_NOTE - 0.5
        how: dict[str, Any] = {"title": title or None, "fontsize": size, "title_fontsize": size}
        if not self.own:
            how |= {"handlelength": 1.2, "handletextpad": 0.4, "labelspacing": 0.1}
            how |= {"borderpad": 0.1, "borderaxespad": 0.3}
        how |= {"loc": corner, "bbox_to_anchor": (0.0, 0.0, 1.0, 1.0 - taken(axes))}
        made = axes.legend(handles=handles, frameon=False, alignment="left", **how)
        _plain(made)
        for each in [] if self.own else made.get_texts():
            each.set_text(wrapped([each.get_text()], 0.8 * axes.bbox.width / axes.figure.dpi))

    def colour_bar(self, hues: Hues) -> None:
        """Explain the colours of many values, by a bar beside all panels."""
        bar = self.figure.colorbar(hues.scale, ax=list(self.axes), aspect=30, pad=0.02)
        lay(bar.ax.yaxis, hues.column, log=hues.log and min(hues.values) > 0)
        bar.outline.set_visible(False)

    def outer_labels(self) -> None:
        """Names and ticks only at the outer panels of an own figure, where these are shared."""
        columns, rows = grid(len(self.axes))
        if not self.own:
            return
        for k, axes in enumerate(self.axes):
            if rows > 1:  # small panels; and ticks are what takes longest to draw
                axes.minorticks_off()
                axes.yaxis.set_major_locator(MaxNLocator(FEW_TICKS))
            if k + columns < len(self.axes):
                axes.set_xlabel("")
                axes.tick_params(labelbottom=not _shared(axes, "x"))
            if k % columns:
                axes.set_ylabel("")
                axes.tick_params(labelleft=not _shared(axes, "y"))

    def say(self, warnings: Sequence[str], missing: Sequence[str], key: Sequence[str]) -> None:
        """Write what must be read above the panels, what is missing and what is what below.

        On axes of a figure that belongs to somebody else only the first two are written, inside;
        there stands also what would replace a title of the figure.
        """
        urgent = [f"! {each}" for each in dict.fromkeys(warnings)]
        rest = ["; ".join(dict.fromkeys(missing if not self.own else [*missing, *key]))]
        rest = [each for each in rest if each]
        # A figure may have a title of its own, or a name below, which stay.
        above = self.own and not self.figure.get_suptitle()
        below = self.own and not self.figure.get_supxlabel()
        wide = self.figure.bbox.width / self.figure.dpi
        how: dict[str, Any] = {"x": 0.01, "ha": "left", "fontsize": NOTE, **AS_IT_IS}
        if urgent and above:
            self.figure.suptitle(wrapped(urgent, wide), color=WARNING, **how)
        if rest and below:
            self.figure.supxlabel(wrapped(rest, wide), color=GREY, **how)
        inside = [*urgent * (not above), *rest * (not below)]
        say_inside(self.axes[0], inside, WARNING if urgent and not above else GREY)


def canvas(ax: Place, wanted: int, *, size: tuple[float, float] = SIZE, **shared: Any) -> Canvas:
    """Make room for so many panels, or for fewer where only fewer axes were given.

    Parameters
    ----------
    ax : Axes, sequence of Axes, Figure, SubFigure or None
    wanted : int
    size : (float, float)
        Of a panel, where the figure is new; in inches.
    **shared : bool
        `sharex`, `sharey`.

    Returns
    -------
    Canvas

    Raises
    ------
    PlotError
        `ax` is none of these, or a figure that holds axes.
    """
    if ax is None:
        import matplotlib.pyplot as plt  # noqa: PLC0415 - only a figure of its own needs pyplot

        columns, rows = grid(wanted)
        figure: Figure = plt.figure(
            figsize=(columns * size[0] + 0.6, rows * size[1] + 0.4), layout="constrained"
        )
        return Canvas(_filled(figure, wanted, **shared), own=True)
    if isinstance(ax, (Figure, SubFigure)):
        if ax.axes:
            raise PlotError(
                f"ax is a {type(ax).__name__} that holds {len(ax.axes)} Axes, and new "
                f"ones would lie over them; give the Axes, or an empty Figure or SubFigure"
            )
        if isinstance(ax, Figure) and not ax.axes and ax.get_layout_engine() is None:
            ax.set_layout_engine("constrained")
        return Canvas(_filled(ax, wanted, **shared), own=True)
    given = [ax] if isinstance(ax, Axes) else _flat(ax)
    if not given or not all(isinstance(each, Axes) for each in given):
        raise PlotError(
            f"ax is an Axes, several of them, a Figure or a SubFigure of matplotlib, got {got(ax)}"
        )
    return Canvas(tuple(given[:wanted]), own=False)


def exactly(ax: Place, wanted: int, **how: Any) -> Canvas:
    """Make room for so many panels and no fewer.

    Raises
    ------
    PlotError
        Fewer axes were given, or none at all.
    """
    found = canvas(ax, wanted, **how)
    if len(found.axes) < wanted:
        raise PlotError(
            f"this picture has {wanted} panels, and ax holds {len(found.axes)}; give "
            f"{several(wanted, 'Axes').removesuffix('s')}, a Figure, or nothing"
        )
    return found


def checked_panels(panels: Any) -> int:
    """Check a number of panels.

    Raises
    ------
    PlotError
        It is none.
    """
    if isinstance(panels, bool) or not isinstance(panels, Integral) or panels < 1:
        raise PlotError(f"panels is a number of panels, at least 1, got {got(panels)}")
    return int(panels)


def grid(count: int) -> tuple[int, int]:
    """Columns and rows for so many panels, with few places left empty."""
    narrow = (
        COLUMNS < count <= (COLUMNS - 1) * COLUMNS and -count % (COLUMNS - 1) < -count % COLUMNS
    )
    columns = COLUMNS - 1 if narrow else min(count, COLUMNS)
    return columns, -(-count // columns)


def alike(values: Any, most: float = 2.5) -> bool:
    """Tell whether groups of values lie so close together that panels may share an axis.

    Parameters
    ----------
    values : grouped Series
    most : float
        How many times as wide as a usual group all of them together may be.
    """
    low, high = values.min(), values.max()
    return bool(high.max() - low.min() <= most * (high - low).median())


def plain(axes: Axes) -> None:
    """The look of every panel: no box, a faint grid behind all."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="0.92", linewidth=0.6)
    axes.set_axisbelow(True)


def _filled(figure: Whole, count: int, **shared: Any) -> tuple[Axes, ...]:
    """Panels of a figure, row by row; the last row may be short."""
    columns, rows = grid(count)
    places = figure.add_gridspec(rows, columns)
    made: list[Axes] = []
    for k in range(count):
        same = {name: made[0] for name, wish in shared.items() if wish and made}
        made.append(figure.add_subplot(places[divmod(k, columns)], **same))
    return tuple(made)


def _shared(axes: Axes, which: str) -> bool:
    """Tell whether an axis is shared with another panel."""
    group = axes.get_shared_x_axes() if which == "x" else axes.get_shared_y_axes()
    return len(group.get_siblings(axes)) > 1


def _plain(legend: Legend) -> None:
    """Show names as they are, dollar signs too."""
    for each in legend.get_texts():
        each.set(**AS_IT_IS)


def _flat(ax: Any) -> list[Any]:
    """What may be several axes, as a list; empty where it is a heap."""
    try:
        return list(np.asarray(ax, dtype=object).ravel())
    except ValueError:
        return []
