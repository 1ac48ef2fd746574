"""Colours and markers that tell values apart, also in grey and for the colour-blind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LogNorm, Normalize, SymLogNorm, to_hex
from matplotlib.lines import Line2D

from p2law.plotting.quantities import apart, from_zero, is_log

BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, BLACK = "#cc79a7", "#56b4e9", "#000000"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK)
"""Okabe and Ito's colours, for what has no order."""

USED, MARKED = SKY, "#7f2704"
"""Of points that a fit rests on, and of those beside them that must be seen: light and dark."""

FAR = 1.4
"""How much larger marked points are."""

FIRM = 1.2
"""How much less pale light points are."""

GREY = "0.35"
FAINT = "0.6"
WARNING = "#a13d00"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

FEW = 7
"""So many values have a legend; more have a colour bar."""

MANY = 2000
"""More points than this are an image in a vector file, which would be megabytes otherwise."""

DENSE = 400
"""More points than this in a panel are small and pale, so that a curve is seen on them."""

TOP = 0.82
"""Where the colour map ends: yellow is not seen on white."""


@dataclass(frozen=True)
class Hues:
    """Which colour and marker each value of a column has.

    Attributes
    ----------
    column : str
        Empty where there is nothing to tell apart.
    values : tuple of float
        Distinct, in order.
    log : bool
    """

    column: str
    values: tuple[float, ...]
    log: bool

    @classmethod
    def of(cls, column: str, values: Any) -> "Hues":
        """Colours for the values of a column."""
        distinct = np.unique(np.asarray(values, dtype=float))
        return cls(column, tuple(distinct.tolist()), is_log(column, distinct))

    @property
    def many(self) -> bool:
        """Whether there are more values than a legend can hold."""
        return len(self.values) > FEW

    def colour(self, value: float) -> str:
        """The colour of a value, as text."""
        if len(self.values) < 2:
            return BLUE
        if self.many:
            return to_hex(colour_map()(float(self.norm(value))))
        return to_hex(colour_map()(self._place(value) / (len(self.values) - 1)))

    def marker(self, value: float) -> str:
        """The marker of a value; one for all where a colour bar tells them apart."""
        alone = self.many or not self.values
        return MARKERS[0] if alone else MARKERS[self._place(value) % len(MARKERS)]

    @property
    def scale(self) -> ScalarMappable:
        """What a colour bar shows."""
        return ScalarMappable(self.norm, colour_map())

    def handles(self) -> list[Line2D]:
        """Entries of a legend; none where there is nothing to tell apart, or too much."""
        if len(self.values) < 2 or self.many:
            return []
        return [
            Line2D(
                [],
                [],
                color=self.colour(each),
                marker=self.marker(each),
                markersize=4,
                label=label,
            )
            for each, label in zip(self.values, apart(self.values, self.column), strict=True)
        ]

    @property
    def norm(self) -> Normalize:
        """From values to places on the colour map; zero stands a decade below the others."""
        ends = (min(self.values), max(self.values))
        if self.log and ends[0] <= 0:
            least = from_zero(np.array(self.values))
            return SymLogNorm(least, vmin=ends[0], vmax=ends[1])
        return LogNorm(*ends) if self.log else Normalize(*ends)

    def _place(self, value: float) -> int:
        """The place of a value among all."""
        return int(np.argmin(np.abs(np.array(self.values) - value)))


def colour_map() -> Colormap:
    """Viridis from dark to as light as print allows."""
    whole = mpl.colormaps["viridis"]
    return mpl.colors.ListedColormap(whole(np.linspace(0, TOP, 256)), "viridis, cut")


def crowded(points: int) -> float:
    """Size of a marker among so many."""
    return float(np.clip(3.4 * (DENSE / max(points, 1)) ** 0.5, 1.6, 3.4))


def paleness(points: int) -> float:
    """Opacity of a marker among so many."""
    return 0.8 if points < DENSE else 0.45


def evenly(count: int, most: int) -> Sequence[int]:
    """Places of at most so many out of so many, spread evenly, both ends among them."""
    if count <= most:
        return range(count)
    return sorted({round(each) for each in np.linspace(0, count - 1, max(most, 1))})
