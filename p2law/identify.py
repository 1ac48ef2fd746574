"""What the records can tell apart: null directions of a fit, and words for them.

The Jacobian is taken in pivoted coordinates and its columns are scaled to length
1, so neither units nor the size of a coefficient matters. A direction along which
no row's prediction moves is null: the records say nothing about it, however many
rows there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array
from p2law.descent import IDLE
from p2law.records import counted
from p2law.surface import Surface

NULL = 1e-7
"""Singular values below this share of the largest are null (rounding leaves 1e-12, a
design that barely determines a law 1e-5)."""


AMPLIFIED = 1e3
"""A prediction that multiplies the noise of a single row more than so often says nothing."""

HOLD = "the records hold "


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
    known : ndarray of shape (rank, coefficients)
        The other directions, each divided by how far it moves the predictions.
    idle : tuple of str
        Coefficients that move no prediction on these rows.
    """

    names: tuple[str, ...]
    length: Array
    null: Array
    known: Array
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
        """Tell which predictions do not move along any null direction, or nearly so.

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
        noise = np.sqrt(np.sum((self.known[:, live] @ scaled) ** 2, axis=0))
        return np.asarray((along <= 1e-5 * size) & (idle <= 1e-9 * height) & (noise < AMPLIFIED))


def directions(jacobian: Array, names: Sequence[str]) -> Directions:
    """Null directions of a Jacobian, or of its triangular factor.

    Parameters
    ----------
    jacobian : ndarray of shape (coefficients, rows)
    names : sequence of str

    Returns
    -------
    Directions
    """
    length = np.sqrt(np.sum(jacobian**2, axis=1))
    live = length > IDLE * length.max(initial=0.0)
    length = np.where(live, length, 0.0)
    left, sizes, _ = np.linalg.svd(jacobian[live] / length[live, None], full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(len(left) - len(sizes))])
    gone = sizes <= NULL * sizes.max(initial=0.0)
    null = np.zeros((int(gone.sum()), len(names)))
    null[:, live] = left[:, gone].T
    known = np.zeros((int(np.sum(~gone)), len(names)))
    known[:, live] = (left[:, ~gone] / sizes[~gone]).T
    idle = tuple(name for name, each in zip(names, live, strict=True) if not each)
    return Directions(tuple(names), length, null, known, idle)


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


def spare(found: Directions) -> tuple[str, ...]:
    """Coefficients whose holding removes all null directions, the first of each that can.

    The others are then determined; the order of the names says what is held first.
    """
    null, held = found.null.copy(), []
    for _ in range(len(null)):
        weights = np.abs(null).max(axis=0)
        column = int(np.argmax(weights > 1e-4))
        row = int(np.argmax(np.abs(null[:, column])))
        pivot = null[row] / null[row, column]
        null = np.delete(null - null[:, column][:, None] * pivot, row, axis=0)
        held.append(found.names[column])
    return tuple(held)


@dataclass(frozen=True)
class Loose:
    """Coefficients that the records leave free together, and what the records lack.

    Attributes
    ----------
    names : tuple of str
        One coefficient that moves nothing, or several that move together.
    lacking : tuple of str
        Inputs of which further values would settle them; empty where no single
        input does.
    levels : mapping of str to int
        Number of distinct values that the records hold of each input.
    """

    names: tuple[str, ...]
    lacking: tuple[str, ...]
    levels: Mapping[str, int]

    @property
    def why(self) -> str:
        """What the records hold too little of."""
        if not self.lacking:
            return "the inputs vary together in the records"
        return HOLD + listed([counted(self.levels[name], name) for name in self.lacking])

    def __str__(self) -> str:
        if len(self.names) == 1:
            return f"{self.names[0]} moves no prediction on these records: {self.why}"
        return f"{listed(self.names)} move together: {self.why}"


def loose(surface: Surface, q: Array, found: Directions) -> tuple[Loose, ...]:
    """What the inputs of a surface leave free at coordinates `q`, each with its cause.

    The cause is found by trial: rows in which one input takes further values are
    added, and if that settles the coefficients, this input was lacking.

    Parameters
    ----------
    surface : Surface
    q : ndarray of shape (free,)
    found : Directions
        Null directions at `q`.

    Returns
    -------
    tuple of Loose
    """
    awake = _awake(surface, q)
    groups = _groups_of(found)
    if groups and not np.array_equal(awake, q):
        groups &= _groups_of(at(surface, awake))
    if not groups:
        return ()
    columns = dict(zip(surface.form.columns, surface.columns, strict=True))
    levels = {name: len(np.unique(column)) for name, column in columns.items()}
    settles: dict[str, set[tuple[str, ...]]] = {}
    for name, column in columns.items():
        trial = {other: np.tile(each, 4) for other, each in columns.items()}
        trial[name] = np.concatenate([column, column * 0.8, column * 0.5, column * 0.3])
        settles[name] = groups - _groups_of(at(surface.over(list(trial.values())), awake))
    return tuple(
        Loose(group, tuple(name for name in columns if group in settles[name]), levels)
        for group in sorted(groups, key=lambda group: (-len(group), group))
    )


def at(surface: Surface, q: Array) -> Directions:
    """Null directions of a surface at coordinates `q` of shape (free,)."""
    return directions(surface.factor(q), surface.names)


def _groups_of(found: Directions) -> set[tuple[str, ...]]:
    """Groups of coefficients that the rows leave free together, and single idle ones."""
    return {*found.together, *((name,) for name in found.idle)}


def _awake(surface: Surface, q: Array) -> Array:
    """The same coordinates with a term of size 1 for every term that is 0."""
    linear = np.arange(len(q)) >= len(surface.nonlinear)
    return np.where(linear & (q == 0), 1.0, q)


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
