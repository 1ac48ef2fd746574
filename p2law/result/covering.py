"""What the records cover: the range of each input, and the hull of every two of them.

Each input alone may be usual and two of them together far from all records: the largest
model after the longest training, where only small models were trained for long.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law.declaring import Array, Mask

MARGIN = 0.1
"""How far from the hull still counts as covered, as a share of what the records span."""

VARIES = 1.1
"""Largest over least value from which on an input counts as varied: rates as achieved do not."""

SLACK = 1e-9
"""Share of an end up to which a value beside it is that end in other digits: 0.1 + 0.2 is 0.3."""

APART = frozenset({"base_loss"})
"""Inputs in no pair: the base loss goes with the model and says the same wherever it is."""

CELLS = 256
"""Parts of a range, of each of which a hull looks at the two outermost records."""

WITH = " with "
"""Between the names of two inputs that are far from the records together."""


@dataclass(frozen=True)
class Range:
    """From where to where the records reach in one input.

    Attributes
    ----------
    name : str
    low, high : float
    floor : float
        Least positive value where places are in logarithms, which 0 counts as; else 0.
    """

    name: str
    low: float
    high: float
    floor: float

    @classmethod
    def of(cls, name: str, values: Array) -> "Range":
        """Read the range of an input off the records."""
        low, high = float(values.min()), float(values.max())
        floor = float(values[values > 0].min()) if high > 0 else 0.0
        logs = low > 0 or (low == 0 and high >= 10 * floor)
        return cls(name, low, high, floor if logs else 0.0)

    @property
    def varies(self) -> bool:
        """Whether there is anything between its ends."""
        if self.floor:
            return self.high > VARIES * self.floor
        return self.high - self.low > (1 - 1 / VARIES) * max(abs(self.low), abs(self.high))

    @property
    def reach(self) -> tuple[float, float]:
        """Its ends, a little further out: what lies beyond these is not on record."""
        return self.low - SLACK * abs(self.low), self.high + SLACK * abs(self.high)

    def outside(self, values: Array) -> Mask:
        """Tell which values lie beyond its ends."""
        low, high = self.reach
        return (values < low) | (values > high)

    def places(self, values: Array) -> Array:
        """Where values lie, from 0 at the least on record to 1 at the largest."""
        if not self.floor:
            return (values - self.low) / (self.high - self.low)
        span = np.log(self.high) - np.log(self.floor)
        return np.asarray((np.log(np.maximum(values, self.floor)) - np.log(self.floor)) / span)


@dataclass(frozen=True, eq=False)
class Pair:
    """The hull of two inputs.

    Attributes
    ----------
    first, second : int
        Which of the inputs.
    edges : ndarray of shape (edges, 3)
        A pair at places x, y lies outside where ``a x + b y > c`` for one of them. Those
        that cut off no pair inside both ranges are left out.
    """

    first: int
    second: int
    edges: Array

    def outside(self, x: Array, y: Array) -> Mask:
        """Tell which pairs of places lie outside."""
        found = np.zeros(len(x), dtype=bool)
        for a, b, c in self.edges:
            found |= a * x + b * y > c
        return found


@dataclass(frozen=True, eq=False)
class Coverage:
    """What the records cover.

    Attributes
    ----------
    ranges : tuple of Range
        In the order of the law.
    pairs : tuple of Pair
        Of inputs that vary, base losses left out.
    """

    ranges: tuple[Range, ...]
    pairs: tuple[Pair, ...]

    @classmethod
    def of(cls, records: pd.DataFrame, names: Sequence[str]) -> "Coverage":
        """Read off the records what they cover of some inputs."""
        columns = [records[name].to_numpy(dtype=float) for name in names]
        ranges = tuple(map(Range.of, names, columns))
        moving = [k for k, each in enumerate(ranges) if each.varies and each.name not in APART]
        at = {k: ranges[k].places(columns[k]) for k in moving}
        pairs = [Pair(i, j, _edges(at[i], at[j])) for i, j in itertools.combinations(moving, 2)]
        return cls(ranges, tuple(pairs))

    def beyond(self, asked: pd.DataFrame) -> list[str]:
        """Name what lies outside the records, for each row, with commas.

        Parameters
        ----------
        asked : DataFrame
            Holds every input.

        Returns
        -------
        list of str
            ``"params, tokens"`` where each of these lies outside by itself; where none does,
            ``"params with tokens"`` for two that no records are near to together.
        """
        columns = [asked[each.name].to_numpy() for each in self.ranges]
        asked_of = zip(self.ranges, columns, strict=True)
        alone = np.array([each.outside(column) for each, column in asked_of])
        within = np.flatnonzero(~alone.any(axis=0))
        told = np.array([each.name for each in self.ranges], dtype=object)
        out = [""] * len(asked)
        for row in np.flatnonzero(alone.any(axis=0)).tolist():
            out[row] = ", ".join(told[alone[:, row]])
        for place, words in self._apart([col[within] for col in columns]).items():
            out[int(within[place])] = ", ".join(words)
        return out

    def _apart(self, columns: Sequence[Array]) -> dict[int, list[str]]:
        """Pairs of inputs that are far from the records together, by row."""
        found: dict[int, list[str]] = {}
        for pair in self.pairs:
            if not len(pair.edges):
                continue
            i, j = pair.first, pair.second
            x, y = (self.ranges[k].places(columns[k]) for k in (i, j))
            name = f"{self.ranges[i].name}{WITH}{self.ranges[j].name}"
            for row in np.flatnonzero(pair.outside(x, y)):
                found.setdefault(int(row), []).append(name)
        return found


def apart(beyond: str) -> str:
    """Sentence about inputs that are far from the records only together.

    Parameters
    ----------
    beyond : str
        As `Coverage.beyond` names them.
    """
    said = [" with such ".join(pair.split(WITH)) for pair in beyond.split(", ")]
    return (
        f"no records lie near such {' or such '.join(said)}, though each alone is covered; "
        f"the answer rests on the form of the law"
    )


def _edges(x: Array, y: Array) -> Array:
    """Edges of the hull of places, a margin outside of it, that cut off a corner of the square."""
    corners = _hull(x, y)
    along = np.roll(corners, -1, axis=0) - corners
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    reach = np.sum(normal * corners, axis=1) + MARGIN
    cuts = np.maximum(normal, 0).sum(axis=1) > reach
    return np.asarray(np.column_stack([normal, reach])[cuts])


def _hull(x: Array, y: Array) -> Array:
    """Corners of the convex hull against the clock, two where all lie on one line: (corners, 2)."""
    points = _outermost(x, y)
    return np.array([*_chain(points)[:-1], *_chain(points[::-1])[:-1]])


def _outermost(x: Array, y: Array) -> list[tuple[float, float]]:
    """The lowest and the highest point of each part of the range of x, sorted."""
    cell = np.minimum(np.floor(x * CELLS), CELLS - 1)
    order = np.argsort(cell + y / 2, kind="stable")
    turns = np.flatnonzero(np.diff(cell[order]))
    some = order[np.concatenate([[0], turns, turns + 1, [len(x) - 1]])]
    return sorted(set(zip(x[some].tolist(), y[some].tolist(), strict=True)))


def _chain(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """One side of the hull of sorted points: those at which it turns to the left."""
    chain: list[tuple[float, float]] = []
    for point in points:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
            chain.pop()
        chain.append(point)
    return chain


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Positive where the way from a over b to c turns to the left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
