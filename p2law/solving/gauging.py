"""What terms are measured by: how large each of them is at the pivot, the middle of the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from p2law.declaring import Array
from p2law.solving.calling import Law
from p2law.solving.terms import by_coefficient, slopes_of_terms, terms


class Gauge:
    """Sizes of the terms of a law at the pivot of some rows.

    Parameters
    ----------
    law : Law
    columns : sequence of ndarray of shape (rows,)
        The inputs.

    Attributes
    ----------
    pivot : list of float
        Middle of each input: geometric mean where all values are positive.
    """

    def __init__(self, law: Law, columns: Sequence[Array]) -> None:
        self.pivot = [_middle(each) for each in columns]
        few = [each[:: max(1, len(each) // 256)] for each in columns]
        theta = [np.array(law.freedom.start(each)) for each in law.freedom.nonlinear]
        with np.errstate(all="ignore"):
            typical = np.sqrt(np.mean(terms(law, theta, few)[1:] ** 2, axis=-1))
            middle = np.abs(terms(law, theta, self.pivot)[1:, 0])
        vanishes = np.isfinite(typical) & (middle < 1e-3 * typical)
        self._stands, self._flat = ~vanishes, np.where(vanishes, typical, 1.0)
        self._latest: tuple[Any, Any] = (None, None)

    def scale(self, law: Law, theta: Array) -> Array:
        """Size of each term at the pivot per unit of its coefficient, (..., linear)."""
        return self._scale_of(self._at_pivot(law, theta))

    def drift(self, law: Law, theta: Array) -> tuple[Array, Array]:
        """The scale, (..., linear), and its relative slope, (..., nonlinear, linear)."""
        at_pivot = self._at_pivot(law, theta)
        scale = self._scale_of(at_pivot)
        with np.errstate(all="ignore"):
            per_size = np.where(self._stands, np.sign(at_pivot) / scale, 0.0)
            return scale, slopes_of_terms(law, theta, self.pivot) * per_size[..., None, :]

    def _at_pivot(self, law: Law, theta: Array) -> Array:
        """Each term at the pivot per unit of its coefficient, (..., linear)."""
        # Predictions and derivatives at one place both ask for this, one after the other.
        key = (law, theta.shape, theta.tobytes())
        latest = self._latest  # kept and read as one, for threads may share a surface
        if latest[0] != key:
            latest = (key, terms(law, by_coefficient(theta), self.pivot)[..., 1:, 0])
            self._latest = latest
        return np.asarray(latest[1])

    def _scale_of(self, at_pivot: Array) -> Array:
        size = np.abs(at_pivot)
        return np.where(self._stands & (size > 0) & np.isfinite(size), size, self._flat)


def _middle(column: Array) -> float:
    """Geometric mean of positive values, arithmetic mean of others."""
    if np.all(column > 0):
        return float(np.exp(np.mean(np.log(column))))
    return float(np.mean(column))
