"""What the records can tell apart: null directions of a fit, and what they leave determined.

The Jacobian is taken in pivoted coordinates and its columns are scaled to length
1, so neither units nor the size of a coefficient matters. A direction along which
no row's prediction moves is null: the records say nothing about it, however many
rows there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from p2law.declaring import Array, Mask
from p2law.solving.problem import IDLE
from p2law.solving.surface import Surface

NULL = 1e-7
"""Singular values below this share of the largest are null (rounding leaves 1e-12, a
design that barely determines a law 1e-5)."""

CLEARLY = 100.0
"""How much farther from nothing than usual must be what is to determine a law wherever a fit
ends: what barely does so at one place may not at another."""

STILL = 1e-5
"""A prediction that moves along null directions by no more than this share of how far it can
move at all stays where it is."""

FOREMOST = 1e-5
"""A coefficient with this share in how far a row can move is seen there."""

AMPLIFIED = 1e3
"""A prediction that multiplies the noise of a single row more than so often says nothing."""


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

    def determined(self, jacobian: Array) -> Mask:
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
        times = np.sqrt(np.sum((self.known[:, live] @ scaled) ** 2, axis=0))
        known = (along <= STILL * size) & (idle <= 10 * IDLE * height)
        return np.asarray(known & (times < AMPLIFIED))


def directions(
    jacobian: Array,
    names: Sequence[str],
    typical: Array | float = 1.0,
    margin: float = 1.0,
    foremost: Array | float = 0.0,
) -> Directions:
    """Null directions of a Jacobian, or of its triangular factor.

    Parameters
    ----------
    jacobian : ndarray of shape (coefficients, rows)
    names : sequence of str
    typical : ndarray of shape (coefficients,)
        By how much each coefficient may well differ: tells what moves nothing in any unit.
    margin : float
        Factor by which more than usual is called nothing.
    foremost : ndarray of shape (coefficients,)
        Largest share of a coefficient in how far some row can move: what counts in one row
        is not idle, though another coefficient may move other rows far more.

    Returns
    -------
    Directions
    """
    length = np.sqrt(np.sum(jacobian**2, axis=1))
    reach = length * typical
    live = reach > margin * IDLE * reach.max(initial=0.0)
    live |= (reach > 0) & (np.asarray(foremost) > FOREMOST)
    length = np.where(live, length, 0.0)
    left, sizes, _ = np.linalg.svd(jacobian[live] / length[live, None], full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(len(left) - len(sizes))])
    gone = sizes <= margin * NULL * sizes.max(initial=0.0)
    null = np.zeros((int(gone.sum()), len(names)))
    null[:, live] = left[:, gone].T
    known = np.zeros((int(np.sum(~gone)), len(names)))
    known[:, live] = (left[:, ~gone] / sizes[~gone]).T
    idle = tuple(name for name, each in zip(names, live, strict=True) if not each)
    return Directions(tuple(names), length, null, known, idle)


def _groups(names: tuple[str, ...], null: Array) -> tuple[tuple[str, ...], ...]:
    """Split the null space into the smallest sets of coefficients that share a direction."""
    sets = [{names[j] for j in np.flatnonzero(np.abs(row) > 1e-4)} for row in _reduced(null)[0]]
    merged: list[set[str]] = []
    for each in sets:
        touching = [other for other in merged if other & each]
        merged = [other for other in merged if not other & each]
        merged.append(each.union(*touching))
    return tuple(tuple(name for name in names if name in each) for each in merged)


def _reduced(null: Array, first: Sequence[int] = ()) -> tuple[Array, list[int]]:
    """Null directions that have a coefficient of their own each, and these coefficients.

    Reduced row echelon form, so that independent ambiguities do not hide in one another.
    Coefficients in `first` come before others.
    """
    rows, pivots = null.copy(), list[int]()
    for k in range(len(rows)):
        free = np.abs(rows[k:]).max(axis=0)
        free[pivots] = 0.0
        column = next((j for j in first if free[j] > 1e-4), int(np.argmax(free)))
        best = k + int(np.argmax(np.abs(rows[k:, column])))
        rows[[k, best]] = rows[[best, k]]
        rows[k] /= rows[k, column]
        others = np.arange(len(rows)) != k
        rows[others] -= rows[others, column][:, None] * rows[k]
        pivots.append(column)
    return rows, pivots


def along(found: Directions, names: Sequence[str]) -> dict[str, Array]:
    """How the others move with each of some coefficients while no prediction changes.

    Parameters
    ----------
    found : Directions
    names : sequence of str

    Returns
    -------
    dict of str to ndarray of shape (coefficients,)
        In coordinates; coefficients that cannot move so are left out.
    """
    rows, pivots = _reduced(found.null, [found.names.index(name) for name in names])
    length = np.where(found.length > 0, found.length, np.inf)
    ways = {found.names[column]: row / length for column, row in zip(pivots, rows, strict=True)}
    ways |= {name: np.eye(len(found.names))[found.names.index(name)] for name in found.idle}
    return {name: ways[name] for name in names if name in ways}


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


def at(surface: Surface, q: Array) -> Directions:
    """Null directions of a surface at coordinates `q` of shape (free,).

    A coefficient that its bound has stopped where the law is flat in it is not idle for
    that: it must move nothing at its default either.
    """
    found = _directions(surface, q)
    flat = np.array([name in found.idle for name in surface.names], dtype=bool)
    off = np.where(flat, surface.off_bounds(q), q)
    if np.array_equal(off, q):
        return found
    there = _directions(surface, off).idle
    moved = {name for name, one, other in zip(surface.names, off, q, strict=True) if one != other}
    return replace(found, idle=tuple(n for n in found.idle if n not in moved or n in there))


def _directions(surface: Surface, q: Array) -> Directions:
    """Null directions at one place; what seems idle is looked for in every row."""
    factor, names, typical = surface.factor(q), surface.names, surface.typical(q)
    found = directions(factor, names, typical)
    if not found.idle:
        return found
    foremost, size = np.zeros(len(q)), np.maximum(typical, np.abs(q))
    for rows in surface.blocks():
        part = surface.at_rows(rows)
        most = np.nanmax(np.abs(part.predict(q)), initial=0.0)
        # A term that can be larger than all predictions is not asked to be.
        reach = np.minimum(np.abs(part.finite_jacobian(q)) * size[:, None], most)
        highest = reach.max(axis=0, initial=0.0)
        share = reach / np.where(highest > 0, highest, 1.0)
        foremost = np.maximum(foremost, share.max(axis=1, initial=0.0))
    return directions(factor, names, typical, foremost=foremost)


@dataclass(frozen=True)
class Evidence:
    """What a set of rows determines, at a fit and off its bounds.

    An exponent that noise has driven to a bound moves little there, and one whose term it
    has driven to 0 nothing at all; what the rows say does not depend on where a search ended.

    Attributes
    ----------
    places : tuple of (ndarray of shape (free,), Directions)
    """

    places: tuple[tuple[Array, Directions], ...]

    def determines(self, asked: Surface) -> Mask:
        """Tell which predictions the rows determine: (rows of `asked`,)."""
        sure = [found.determined(asked.jacobian(q)) for q, found in self.places]
        return np.asarray(np.logical_and.reduce(sure))


def evidence(surface: Surface, q: Array, found: Directions) -> Evidence:
    """Weigh what the rows of a surface say, given the fit and its directions."""
    places, off = [(q, found)], surface.off_bounds(q)
    if not np.array_equal(off, q):
        places.append((off, at(surface, off)))
    return Evidence(tuple(places))
