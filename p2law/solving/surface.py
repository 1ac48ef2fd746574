"""A law laid over fixed inputs: coordinates in, predictions and derivatives out.

The coordinates are what makes a fit well conditioned in any unit. A non-linear
coefficient is its own coordinate (its logarithm where it is declared `log`); the
coordinate of a linear coefficient is the size of its term at the pivot, the
middle of the data, in the unit of the target. The law itself never sees them.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from p2law.declaring import Array, Form, Mask
from p2law.solving.calling import Law
from p2law.solving.factoring import triangular
from p2law.solving.freeing import free
from p2law.solving.gauging import Gauge
from p2law.solving.spreading import scattered
from p2law.solving.terms import by_coefficient, terms, with_row_axis

HUGE = 1e150

BLOCK = 32_768
"""Rows worked on at once, few enough for the cache."""


class Surface:
    """A form over the inputs of some rows, with some coefficients held or tied.

    Parameters
    ----------
    form : Form
    columns : mapping of str to ndarray of shape (rows,)
        The inputs.
    fixed : mapping of str to float
        Coefficients held at a value.
    tied : mapping of str to str
        Coefficients equal to another one.

    Attributes
    ----------
    freedom : Freedom
        The free coefficients; coordinates come in their order.
    note : str
        A sentence where exact derivatives could not be used.
    """

    def __init__(
        self,
        form: Form,
        columns: Mapping[str, Array],
        fixed: Mapping[str, float] | None = None,
        tied: Mapping[str, str] | None = None,
    ) -> None:
        self.form = form
        self.columns = [np.ascontiguousarray(columns[name], dtype=float) for name in form.columns]
        self.freedom = free(form, fixed or {}, tied or {})
        self.log: Mask = np.array([self.freedom.bounds[k].log for k in self.nonlinear], dtype=bool)
        self.law = Law(self.freedom, self.columns)
        self._gauge = Gauge(self.law, self.columns)
        theta, c = self._raw(self.generic_point())
        self.note = self.law.distrust(self.few().columns, list(theta), list(c))

    @property
    def names(self) -> tuple[str, ...]:
        """Free coefficients in the order of the coordinates."""
        return self.freedom.names

    @property
    def nonlinear(self) -> tuple[str, ...]:
        """Free coefficients in which the law is not linear; their coordinates come first."""
        return self.freedom.nonlinear

    @property
    def linear(self) -> tuple[str, ...]:
        """Free coefficients in which the law is linear."""
        return self.freedom.linear

    @property
    def box(self) -> tuple[Array, Array]:
        """Lower and upper bounds of the coordinates."""
        return self.freedom.box

    @property
    def pivot(self) -> list[float]:
        """Middle of each input: geometric mean where all values are positive."""
        return self._gauge.pivot

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0])

    def at_rows(self, chosen: Any) -> "Surface":
        """Lay the same law over some of the rows, with the same pivot."""
        return self.over([each[chosen] for each in self.columns])

    def few(self) -> "Surface":
        """Lay it over rows that stand for all, as they are listed."""
        return self.at_rows(scattered(self.rows, 32))

    def over(self, columns: Sequence[Array]) -> "Surface":
        """Lay the same law over other inputs, with the same pivot."""
        other = copy.copy(self)
        other.columns = [np.ascontiguousarray(each, dtype=float) for each in columns]
        return other

    def awaking(self, name: str) -> "Surface":
        """Lay out the law with a term of size 1 for a linear coefficient that is held at 0."""
        start = [self.freedom.start(each) for each in self.nonlinear]
        at = self.freedom.spread(start, [0.0] * len(self.linear))
        with np.errstate(all="ignore"):
            big, none = (
                self.form.function(*self.pivot, **{**at, name: c}) for c in (self.law.big, 0.0)
            )
            unit = float(np.abs(big - none)) / self.law.big
        held = {**self.freedom.fixed, name: 1.0 / unit if 0 < unit < math.inf else 1.0}
        other = self.over(self.columns)
        other.freedom = replace(self.freedom, fixed=held)
        other.law = Law(other.freedom, self.columns)
        other.law.derivatives = self.law.derivatives
        return other

    def blocks(self, together: int = 1) -> Iterator[slice]:
        """Slices of rows, each small enough for the cache with so many points at once."""
        size = max(1, BLOCK // together)
        for start in range(0, self.rows, size):
            yield slice(start, start + size)

    def coefficients(self, q: Array) -> dict[str, float]:
        """Coefficients in the units of the law at coordinates of shape (free,)."""
        return {name: float(each) for name, each in self.coefficients_at(q).items()}

    def coefficients_at(self, q: Array) -> dict[str, Array]:
        """The same at coordinates of shape (..., free): (...) of each."""
        q = np.asarray(q, dtype=float)
        theta, c = self._raw(q)
        theta = self.freedom.bounded(theta, q) if self.log.any() else theta
        at = self.freedom.spread(by_coefficient(theta), by_coefficient(c))
        return {name: np.broadcast_to(at[name], q.shape[:-1]) for name in self.form.names}

    def coordinates(self, values: Mapping[str, float]) -> Array:
        """Coordinates of given coefficients; inverse of `coefficients`."""
        theta = np.array([values[each] for each in self.nonlinear], dtype=float)
        c = np.array([values[each] for each in self.linear], dtype=float)
        return np.concatenate([self.coordinate(theta), c * self.scale(theta)])

    def generic_point(self) -> Array:
        """Coordinates at which every term is there: default exponents, terms of size 1."""
        start = np.array([self.freedom.start(name) for name in self.nonlinear])
        size = np.where(self.box[1][len(start) :] == 0, -1.0, 1.0)
        return np.concatenate([self.coordinate(start), size])

    def off_bounds(self, q: Array) -> Array:
        """The same coordinates with defaults for exponents at a bound and terms that are 0."""
        low, high = self.box
        at_bound = (q <= low) | (q >= high)
        return np.where(at_bound, self.generic_point(), q) if at_bound.any() else q

    def typical(self, q: Array) -> Array:
        """Size of each coordinate: 1 for a term or a logarithm, else that of the coefficient.

        `q` is of shape (..., free), or holds the non-linear ones alone.
        """
        start = np.array([self.freedom.start(name) for name in self.nonlinear])
        size = np.maximum(np.abs(q[..., : len(start)]), np.abs(start))
        size = np.where(self.log | (size == 0), 1.0, size)
        return np.concatenate([size, np.ones_like(q[..., len(start) :])], axis=-1)

    def theta(self, u: Array) -> Array:
        """Non-linear coefficients from their coordinates, (..., nonlinear)."""
        if not self.log.any():
            return u
        with np.errstate(over="ignore"):
            return np.where(self.log, np.exp(np.where(self.log, u, 0.0)), u)

    def coordinate(self, theta: Array) -> Array:
        """Coordinates of non-linear coefficients; inverse of `theta`."""
        return np.where(self.log, np.log(np.where(self.log, theta, 1.0)), theta)

    def jump(self, theta: Array) -> Array:
        """Derivative of each non-linear coefficient by its coordinate."""
        return np.where(self.log, theta, 1.0)

    def _raw(self, q: Array) -> tuple[Array, Array]:
        split = len(self.nonlinear)
        theta = self.theta(q[..., :split])
        with np.errstate(all="ignore"):
            return theta, q[..., split:] / self.scale(theta)

    def predict(self, q: Array) -> Array:
        """Predictions at coordinates `q` of shape (..., free): (..., rows)."""
        theta, c = self._raw(np.asarray(q, dtype=float))
        theta_, c_ = with_row_axis(theta), with_row_axis(c)
        out = np.empty((*theta.shape[:-1], self.rows))
        for rows in self.blocks():
            out[..., rows] = self.law([each[rows] for each in self.columns], theta_, c_)
        return out

    def anywhere(self, q: Array, columns: Sequence[Array]) -> Array:
        """Predictions at coordinates (points, free), each at inputs of its own: (points, rows).

        Each of `columns` broadcasts to (points, rows).
        """
        theta, c = self._raw(np.asarray(q, dtype=float))
        found = self.law(columns, with_row_axis(theta), with_row_axis(c))
        shape = np.broadcast_shapes(np.shape(found), (len(q), 1), *map(np.shape, columns))
        return np.broadcast_to(found, shape)

    def terms(self, theta: Sequence[Array], columns: Sequence[Any] | None = None) -> Array:
        """What is left without linear coefficients, then the term of each: (..., 1 + linear, rows).

        `theta` holds one array per non-linear coefficient; they broadcast, so a
        grid costs no more powers than it has axes.
        """
        return terms(self.law, theta, self.columns if columns is None else columns)

    def scale(self, theta: Array) -> Array:
        """Size of each term at the pivot per unit of its coefficient, (..., linear)."""
        return self._gauge.scale(self.law, theta)

    def slopes(self, theta: Array, c: Array, columns: Sequence[Array] | None = None) -> Array:
        """Derivatives by the non-linear coefficients in the units of the law.

        Parameters
        ----------
        theta : ndarray of shape (..., nonlinear)
        c : ndarray of shape (..., linear)
        columns : sequence of ndarray, optional
            Inputs in place of the surface's own.

        Returns
        -------
        ndarray of shape (..., nonlinear, rows)
        """
        columns = self.columns if columns is None else columns
        out = np.empty((*theta.shape, np.size(columns[0])))
        found = self.law.slopes(columns, with_row_axis(theta), with_row_axis(c))
        for k, each in enumerate(found):
            out[..., k, :] = each
        return out

    def chain(self, q: Array) -> Array:
        """Derivatives of the free coefficients by the coordinates `q` of shape (free,).

        Returns
        -------
        ndarray of shape (coordinates, coefficients)
            Times derivatives by the coefficients it gives those by the coordinates.
        """
        split = len(self.nonlinear)
        theta, c = self._raw(np.asarray(q, dtype=float))
        jump, (scale, drift) = self.jump(theta), self._gauge.drift(self.law, theta)
        with np.errstate(all="ignore"):  # what overflows is not finite, and seen as that
            out = np.diag(np.concatenate([jump, 1 / scale]))
            out[:split, split:] = -jump[:, None] * (c * drift)
        return out

    def jacobian(self, q: Array) -> Array:
        """Derivatives by the coordinates: (..., free, rows) for `q` of (..., free)."""
        return self.tangent(q)[1]

    def finite_jacobian(self, q: Array) -> Array:
        """The same, small enough to be squared; what has no value tells nothing."""
        found = self.jacobian(q)
        return np.clip(np.where(np.isnan(found), 0.0, found), -HUGE, HUGE)

    def tangent(self, q: Array) -> tuple[Array, Array]:
        """Predictions, made of their terms, and their derivatives by the coordinates."""
        q = np.asarray(q, dtype=float)
        split = len(self.nonlinear)
        theta = self.theta(q[..., :split])
        scale, drift = self._gauge.drift(self.law, theta)
        values, out = np.empty((*q.shape[:-1], self.rows)), np.empty((*q.shape, self.rows))
        with np.errstate(all="ignore"):  # what overflows is not finite, and seen as that
            c = q[..., split:] / scale
            # Moving an exponent while the term at the pivot stays moves its coefficient too.
            drift *= c[..., None, :]
            for rows in self.blocks():
                columns = [each[rows] for each in self.columns]
                whole = self.terms(by_coefficient(theta), columns)
                each_term = whole[..., 1:, :]
                values[..., rows] = whole[..., 0, :] + (c[..., None, :] @ each_term)[..., 0, :]
                out[..., :split, rows] = self.slopes(theta, c, columns) - drift @ each_term
                out[..., split:, rows] = each_term / scale[..., None]
            if self.log.any():
                out[..., :split, :] *= self.jump(theta)[..., None]
        return values, out

    def factor(self, q: Array) -> Array:
        """Triangular factor of the Jacobian at `q` of shape (free,), made block by block."""
        parts = (self.at_rows(rows).finite_jacobian(q) for rows in self.blocks())
        return triangular(parts, len(q))
