"""One fit in arrays: what an optimiser needs to know, and where it ended."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from p2law.declaring import Array
from p2law.objectives import Objective
from p2law.solving import descent
from p2law.solving.descent import Gradient
from p2law.solving.surface import Surface

SMALL = 1e-3
"""Share of the largest target below which the logarithm of a row weighs no more in a search."""


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

    def residuals(self, q: Array) -> Array:
        """Residuals at coordinates `q`, (rows,)."""
        out = np.empty(self.surface.rows)
        for rows in self.surface.blocks():
            found = self.surface.at_rows(rows).predict(q)
            out[rows] = self.objective.residuals(found, self.target[rows])
        return out

    def cost(self, q: Array) -> float:
        """The objective at coordinates `q`; infinite where the law has no finite value."""
        total = self.objective.total(self.residuals(q), self.weight)
        return total if np.isfinite(total) else np.inf

    def jacobian(self, q: Array) -> Array:
        """Derivatives of the residuals: (..., free, rows) for `q` of (..., free)."""
        values, slopes = self.surface.tangent(q)
        if self.objective.log:
            slopes /= values[..., None, :]
        return slopes

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
        """How the objective changes with each coordinate, block by block."""
        return descent.gradient(self.surface, self.target, self.weight, self.objective, q)

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
