"""What the records can tell apart: null directions of a fit, and words for them.

The Jacobian is taken in pivoted coordinates and its columns are scaled to length
1, so neither units nor the size of a coefficient matters. A direction along which
no row's prediction moves is null: the records say nothing about it, however many
rows there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array

NULL = 1e-7
"""Singular values below this share of the largest are null (rounding leaves 1e-12, a
design that barely determines a law 1e-5)."""

IDLE = 1e-12
"""A column this much shorter than the longest one moves no prediction at all."""


@dataclass(frozen=True)
class Directions:
    """What a set of rows leaves free.

    Attributes
    ----------
    names : tuple of str
        Coefficients, in the order of the columns.
    length : ndarray of shape (coefficients,)
        Length of each column; 0 where the coefficient moves nothing.
    null : ndarray of shape (directions, coefficients)
        Orthonormal null directions, for columns of length 1; idle coefficients left out.
    idle : tuple of str
        Coefficients that move no prediction on these rows.
    """

    names: tuple[str, ...]
    length: Array
    null: Array
    idle: tuple[str, ...]

    @property
    def rank(self) -> int:
        """How many combinations of coefficients the rows determine."""
        return len(self.names) - len(self.idle) - len(self.null)

    @property
    def together(self) -> tuple[tuple[str, ...], ...]:
        """Groups of coefficients that move together along null directions."""
        return _groups(self.names, self.null)

    def determined(self, jacobian: Array) -> Array:
        """Tell which predictions do not move along any null direction.

        Parameters
        ----------
        jacobian : ndarray of shape (coefficients, rows)
            Derivatives of the predictions.

        Returns
        -------
        ndarray of bool, shape (rows,)
        """
        live = self.length > 0
        scaled = jacobian[live] / self.length[live, None]
        size = np.sqrt(np.sum(scaled**2, axis=0))
        along = np.sqrt(np.sum((self.null[:, live] @ scaled) ** 2, axis=0))
        idle = np.abs(jacobian[~live]).max(axis=0, initial=0.0)
        height = np.abs(jacobian).max(axis=0, initial=0.0)
        return np.asarray((along <= 1e-5 * size) & (idle <= 1e-9 * height))


def directions(jacobian: Array, names: Sequence[str], weight: Array | float = 1.0) -> Directions:
    """Null directions of a Jacobian.

    Parameters
    ----------
    jacobian : ndarray of shape (coefficients, rows)
    names : sequence of str
    weight : ndarray of shape (rows,) or float
        Rows of weight 0 tell nothing.

    Returns
    -------
    Directions
    """
    columns = jacobian * np.sqrt(weight)
    length = np.sqrt(np.sum(columns**2, axis=1))
    live = length > IDLE * length.max(initial=0.0)
    length = np.where(live, length, 0.0)
    scaled = columns[live] / length[live, None]
    if scaled.shape[1] > 4 * len(names):
        scaled = np.linalg.qr(scaled.T, mode="r").T
    left, sizes, _ = np.linalg.svd(scaled, full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(len(scaled) - len(sizes))])
    null = np.zeros((int(np.sum(sizes <= NULL * sizes.max(initial=0.0))), len(names)))
    null[:, live] = left[:, sizes <= NULL * sizes.max(initial=0.0)].T
    idle = tuple(name for name, each in zip(names, live, strict=True) if not each)
    return Directions(tuple(names), length, null, idle)


def _groups(names: tuple[str, ...], null: Array) -> tuple[tuple[str, ...], ...]:
    """Split the null space into the smallest sets of coefficients that share a direction."""
    if not len(null):
        return ()
    # Reduced row echelon form: each direction gets a coefficient of its own, so that
    # independent ambiguities do not hide in one another.
    rows = null.copy()
    pivots: list[int] = []
    for k in range(len(rows)):
        free = np.abs(rows[k:]).max(axis=0)
        free[pivots] = 0.0
        column = int(np.argmax(free))
        best = k + int(np.argmax(np.abs(rows[k:, column])))
        rows[[k, best]] = rows[[best, k]]
        rows[k] /= rows[k, column]
        others = np.arange(len(rows)) != k
        rows[others] -= rows[others, column][:, None] * rows[k]
        pivots.append(column)
    sets = [{names[j] for j in np.flatnonzero(np.abs(row) > 1e-4)} for row in rows]
    merged: list[set[str]] = []
    for each in sets:
        touching = [other for other in merged if other & each]
        merged = [other for other in merged if not other & each]
        merged.append(each.union(*touching))
    return tuple(tuple(name for name in names if name in each) for each in merged)


def words(found: Directions) -> list[str]:
    """Sentences that name what moves together."""
    return [f"{listed(group)} move together" for group in found.together]


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
