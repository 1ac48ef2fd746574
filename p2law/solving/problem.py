"""One fit in arrays: what an optimiser needs to know, and where it ended.

What is summed over rows is summed block by block, so that memory stays small.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from p2law.declaring import Array
from p2law.objectives import Objective
from p2law.solving.surface import HUGE, Surface

SMALL = 1e-3
"""Share of the largest target below which the logarithm of a row weighs no more in a search."""

IDLE = 1e-7
"""A coefficient that moves the predictions this much less than the foremost one moves none: what
is left of its derivatives is rounding."""


@dataclass(frozen=True)
class Gradient:
    """Derivatives of the objective (of half of it for squares) at one point.

    Attributes
    ----------
    slope : ndarray of shape (free,)
    size : ndarray of shape (free,)
        The slope if no row's contribution cancelled another's.
    cosine : ndarray of shape (free,)
        Cosine between the derivatives and the pull of the residuals; 0 for
        coordinates that move no prediction.
    """

    slope: Array
    size: Array
    cosine: Array


@dataclass(frozen=True)
class Problem:
    """A surface, what it should predict, and how misfit counts.

    Attributes
    ----------
    surface : Surface
    target : ndarray of shape (rows,)
    weight : ndarray of shape (rows,)
        Of each row's objective.
    objective : Objective
    """

    surface: Surface
    target: Array
    weight: Array
    objective: Objective
    _last: dict[bytes, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def residuals(self, q: Array) -> Array:
        """Residuals at coordinates `q`, (rows,)."""
        out = np.empty(self.surface.rows)
        for rows in self.surface.blocks():
            found = self.surface.at_rows(rows).predict(q)
            out[rows] = self.objective.residuals(found, self.target[rows])
        return out

    def cost(self, q: Array) -> float:
        """The objective at coordinates `q`; infinite where the law has no finite value.

        Who is handed a place asks for it again, so the last answer is kept.
        """
        place = np.asarray(q, dtype=float).tobytes()
        if (known := self._last.get(place)) is not None:
            return known
        total = 0.0
        with np.errstate(all="ignore"):
            for rows in self.surface.blocks():
                found = self.surface.at_rows(rows).predict(q)
                residuals = self.objective.residuals(found, self.target[rows])
                total += self.objective.total(residuals, self.weight[rows])
        total = total if np.isfinite(total) else np.inf
        self._last.clear()
        self._last[place] = total
        return total

    def tangents(self, q: Array) -> Iterator[tuple[slice, Array, Array]]:
        """Rows, their residuals and the derivatives of these (free, rows), block by block."""
        for rows in self.surface.blocks():
            found, slopes = self.surface.at_rows(rows).tangent(q)
            with np.errstate(all="ignore"):
                if self.objective.log:
                    slopes /= found
                residuals = self.objective.residuals(found, self.target[rows])
            yield rows, residuals, slopes

    def jacobian(self, q: Array) -> Array:
        """Derivatives of the residuals: (..., free, rows) for `q` of (..., free)."""
        values, slopes = self.surface.tangent(q)
        if self.objective.log:
            slopes /= values[..., None, :]
        return slopes

    def rooted(self, q: Array) -> Array:
        """Derivatives of the residuals times the roots of the weights, (free, rows).

        Small enough to be squared; what has no value tells nothing.
        """
        slopes = self.jacobian(q) * np.sqrt(self.weight)
        return np.clip(np.where(np.isnan(slopes), 0.0, slopes), -HUGE, HUGE)

    def at_rows(self, chosen: Any) -> "Problem":
        """The same problem over some of the rows."""
        return Problem(
            self.surface.at_rows(chosen),
            self.target[chosen],
            self.weight[chosen],
            self.objective,
        )

    def spare(self, q: Array) -> int:
        """Rows beyond those that the coefficients use up."""
        return self.surface.rows - int(np.sum(np.any(self.surface.factor(q) != 0, axis=1)))

    def gradient(self, q: Array) -> Gradient:
        """How the objective changes with each coordinate."""
        slope, size, length, force = np.zeros(len(q)), np.zeros(len(q)), np.zeros(len(q)), 0.0
        with np.errstate(all="ignore"):
            for rows, residuals, slopes in self.tangents(q):
                pull = self.weight[rows] * self.objective.pull(residuals)
                slope += slopes @ pull
                size += np.abs(slopes) @ np.abs(pull)
                length += np.sum(slopes**2, axis=1)
                force += float(np.sum(pull**2))
            cosine = np.abs(slope) / np.sqrt(length * force)
        reach = np.sqrt(length) * self.surface.typical(q)
        moving = np.isfinite(cosine) & (reach > IDLE * reach.max(initial=0.0))
        return Gradient(slope, size, np.where(moving, cosine, 0.0))

    @property
    def rounding(self) -> float:
        """The objective of residuals that are nothing but rounding."""
        with np.errstate(all="ignore"):
            return self.objective.total(1e-12 * np.abs(self.target), self.weight)

    @property
    def square_weight(self) -> Array:
        """Weights with which plain squares imitate the objective's space; finite in any unit."""
        if not self.objective.log:
            return self.weight
        size = np.abs(self.target)
        # A power of two changes no digit.
        size = np.ldexp(size, -np.frexp(size.max())[1])
        return np.asarray(self.weight / np.maximum(size, SMALL) ** 2)


@dataclass(frozen=True)
class End:
    """Where a polish ended: coordinates, objective, work done, steepness."""

    q: Array
    cost: float
    evaluations: int
    gradient: float
