"""A law laid over fixed inputs: coordinates in, predictions and derivatives out.

The coordinates are what makes a fit well conditioned in any unit. A non-linear
coefficient is its own coordinate (its logarithm where it is declared `log`); the
coordinate of a linear coefficient is the size of its term at the pivot, the
middle of the data, in the unit of the target. The law itself never sees them.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from p2law.declaring import Array, Bounds, Form
from p2law.errors import FitError

# Terms are read off as f(c = BIG) - f(c = 0): with a large power of two the part of the
# law without linear coefficients drowns, so that even a term of 1e-40 keeps all its digits.
BIG = 2.0**200
ROWS_AT_ONCE = 32_768


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
    nonlinear, linear : tuple of str
        Free coefficients; coordinates come in this order.
    pivot : tuple of float
        Middle of each input: geometric mean where all values are positive.
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
        self.pivot = tuple(_middle(each) for each in self.columns)
        self.groups, self.fixed = _groups(form, fixed or {}, tied or {})
        is_linear = {
            root: all(form.coefficient(each).linear for each in members)
            for root, members in self.groups.items()
        }
        self.nonlinear = tuple(root for root in self.groups if not is_linear[root])
        self.linear = tuple(root for root in self.groups if is_linear[root])
        self.bounds = {root: _common_bounds(form, names) for root, names in self.groups.items()}
        self.log = np.array([self.bounds[each].log for each in self.nonlinear], dtype=bool)
        self._units = _unit_vectors(len(self.linear))
        self.function = form.function
        if not self._takes_batches():
            self.function = _one_by_one(form.function)
        self.derivative_kind, self.note = "analytic" if form.derivatives else "complex step", ""
        self.pivots, self.flat = self._terms_with_pivot()

    @property
    def names(self) -> tuple[str, ...]:
        """Free coefficients in the order of the coordinates."""
        return self.nonlinear + self.linear

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0])

    def at_rows(self, chosen: Any) -> "Surface":
        """Lay the same law over some of the rows, with the same pivot."""
        return self.over([each[chosen] for each in self.columns])

    def over(self, columns: Sequence[Array]) -> "Surface":
        """Lay the same law over other inputs, with the same pivot."""
        other = copy.copy(self)
        other.columns = [np.ascontiguousarray(each, dtype=float) for each in columns]
        return other

    # -- coefficients ------------------------------------------------------------

    def spread(self, theta: Sequence[Any], linear: Sequence[Any]) -> dict[str, Any]:
        """All coefficients of the law from the free ones."""
        free = dict(zip(self.names, [*theta, *linear], strict=True))
        return self.fixed | {
            each: free[root] for root, members in self.groups.items() for each in members
        }

    def coefficients(self, q: Array) -> dict[str, float]:
        """Coefficients in the units of the law at one set of coordinates."""
        theta, c = self._raw(np.asarray(q, dtype=float))
        at = self.spread(list(theta), list(c))
        return {name: float(at[name]) for name in self.form.names}

    def coordinates(self, values: Mapping[str, float]) -> Array:
        """Coordinates of given coefficients; inverse of `coefficients`."""
        theta = np.array([values[each] for each in self.nonlinear], dtype=float)
        c = np.array([values[each] for each in self.linear], dtype=float)
        return np.concatenate([self.coordinate(theta), c * self.scale(theta)])

    def theta(self, u: Array) -> Array:
        """Non-linear coefficients from their coordinates, shape (..., nonlinear)."""
        if not self.log.any():
            return u
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
        return theta, q[..., split:] / self.scale(theta)

    # -- the law and its terms ---------------------------------------------------

    def _call(self, columns: Sequence[Any], at: Mapping[str, Any]) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(self.function(*columns, **at))

    def predict(self, q: Array) -> Array:
        """Predictions at coordinates `q` of shape (..., free): shape (..., rows)."""
        theta, c = self._raw(np.asarray(q, dtype=float))
        at = self.spread(_columns_of(theta), _columns_of(c))
        out = np.empty((*theta.shape[:-1], self.rows))
        for part, columns in self._parts(out):
            part[...] = self._call(columns, at)
        return out

    def terms(self, theta: Sequence[Any], columns: Sequence[Any] | None = None) -> Array:
        """What is left without linear coefficients, then the term of each: (..., 1 + linear, rows).

        `theta` holds one array per non-linear coefficient; they broadcast, so a
        grid costs no more powers than it has axes.
        """
        columns = self.columns if columns is None else columns
        with_axes = [np.asarray(each)[..., None, None] for each in theta]
        out = self._call(columns, self.spread(with_axes, self._units))
        shape = np.broadcast_shapes(*(each.shape for each in with_axes), (len(self.linear) + 1, 1))
        shape = (*shape[:-1], np.size(columns[0]))
        out = out if out.shape == shape else np.array(np.broadcast_to(out, shape))
        out[..., 1:, :] -= out[..., :1, :]
        out[..., 1:, :] /= BIG
        return out

    def scale(self, theta: Array) -> Array:
        """Size of each term at the pivot per unit of its coefficient, shape (..., linear)."""
        return self._scale_of(self.terms(per_exponent(theta), self.pivot)[..., 1:, 0])

    def _scale_of(self, at_pivot: Array) -> Array:
        size = np.abs(at_pivot)
        usable = self.pivots & (size > 0) & np.isfinite(size)
        return np.where(usable, size, self.flat)

    def _terms_with_pivot(self) -> tuple[NDArray[np.bool_], Array]:
        """Which terms do not vanish at the pivot, and the scale to use for the others."""
        few = [each[:: max(1, self.rows // 256)] for each in self.columns]
        theta = [np.asarray(self._probe()[each]) for each in self.nonlinear]
        with np.errstate(all="ignore"):
            typical = np.sqrt(np.mean(self.terms(theta, few)[1:] ** 2, axis=-1))
            middle = np.abs(self.terms(theta, self.pivot)[1:, 0])
        vanishes = np.isfinite(typical) & (middle < 1e-3 * typical)
        return ~vanishes, np.where(vanishes, typical, 1.0)

    # -- derivatives ---------------------------------------------------------------

    def slopes(
        self, theta: Sequence[Any], linear: Sequence[Any], columns: Sequence[Any]
    ) -> list[Array]:
        """Derivative of the law with respect to each non-linear coefficient."""
        if self.derivative_kind == "analytic" and self.form.derivatives is not None:
            with np.errstate(all="ignore"):
                found = self.form.derivatives(*columns, **self.spread(theta, linear))
            return [
                np.asarray(sum(found[each] for each in self.groups[root]))
                for root in self.nonlinear
            ]
        step = self._complex_step if self.derivative_kind == "complex step" else self._central
        return [step(k, theta, linear, columns) for k in range(len(self.nonlinear))]

    def _complex_step(
        self, k: int, theta: Sequence[Any], linear: Sequence[Any], columns: Sequence[Any]
    ) -> Array:
        moved = [each + 1e-40j if j == k else each for j, each in enumerate(theta)]
        return self._call(columns, self.spread(moved, linear)).imag / 1e-40

    def _central(
        self, k: int, theta: Sequence[Any], linear: Sequence[Any], columns: Sequence[Any]
    ) -> Array:
        step = 6e-6 * np.maximum(np.abs(theta[k]), 1e-3)
        ends = [
            self._call(
                columns,
                self.spread(
                    [each + sign * step if j == k else each for j, each in enumerate(theta)],
                    linear,
                ),
            )
            for sign in (1, -1)
        ]
        return (ends[0] - ends[1]) / (2 * step)

    def generic_point(self) -> Array:
        """Coordinates at which every term is there: default exponents, terms of size 1."""
        start = [
            min(max(self.form.coefficient(name).start, self.bounds[name].least), self.bounds[name].most)
            for name in self.nonlinear
        ]
        return np.concatenate([self.coordinate(np.array(start)), np.ones(len(self.linear))])

    def coordinate_bounds(self, name: str) -> tuple[float, float]:
        """Bounds of one free coefficient's coordinate."""
        bounds = self.bounds[name]
        if name in self.linear:
            return (
                0.0 if bounds.least == 0 else -np.inf,
                0.0 if bounds.most == 0 else np.inf,
            )
        return (np.log(bounds.least), np.log(bounds.most)) if bounds.log else (bounds.least, bounds.most)

    @property
    def box(self) -> tuple[Array, Array]:
        """Bounds of all coordinates."""
        ends = np.array([self.coordinate_bounds(name) for name in self.names]).reshape(-1, 2)
        return ends[:, 0], ends[:, 1]

    def check_derivatives(self, q: Array | None = None) -> None:
        """Fall back on central differences, with a note, where exact ones disagree with them."""
        few = self.at_rows(np.unique(np.linspace(0, self.rows - 1, 32).astype(int)))
        theta, c = self._raw(self.generic_point() if q is None else q)
        sound = few._central_slopes(theta, c)
        try:
            exact = np.array([np.broadcast_to(each, few.rows) for each in few.slopes(theta, c, few.columns)])
            worst = np.abs(exact - sound)
            size = np.abs(sound).max(axis=-1, keepdims=True, initial=0.0)
            agree = bool(np.all(worst <= 1e-4 * size + 1e-8))
        except (TypeError, ValueError):
            agree = False
        if not agree:
            self.note = (
                f"central differences instead of {self.derivative_kind} derivatives: "
                f"the two disagree for {self.form.name} (np.abs, comparisons and "
                f"real-only functions break complex steps)"
            )
            self.derivative_kind = "central differences"

    def _central_slopes(self, theta: Array, c: Array) -> Array:
        slopes = [
            np.broadcast_to(self._central(k, theta, c, self.columns), self.rows)
            for k in range(len(self.nonlinear))
        ]
        return np.array(slopes).reshape(len(self.nonlinear), self.rows)

    def stacked_slopes(self, theta: Array, c: Array) -> Array:
        """Slopes by each non-linear coefficient, shape (..., nonlinear, rows), in raw units."""
        stacked = np.empty((*theta.shape, self.rows))
        for k, each in enumerate(self.slopes(_columns_of(theta), _columns_of(c), self.columns)):
            stacked[..., k, :] = each
        return stacked

    def jacobian(self, q: Array) -> Array:
        """Derivatives with respect to the coordinates: (..., free, rows) for q of (..., free)."""
        q = np.asarray(q, dtype=float)
        split = len(self.nonlinear)
        theta = self.theta(q[..., :split])
        at_pivot = self.terms(per_exponent(theta), self.pivot)[..., 1:, 0]
        scale = self._scale_of(at_pivot)
        c = q[..., split:] / scale
        # moving an exponent with the term at the pivot held moves the coefficient too
        drift = c[..., None, :] * self._drift(theta, np.sign(at_pivot) / scale)
        out = np.empty((*q.shape, self.rows))
        for part, columns in self._parts(out):
            terms = self.terms(per_exponent(theta), columns)[..., 1:, :]
            for k, each in enumerate(self.slopes(_columns_of(theta), _columns_of(c), columns)):
                part[..., k, :] = each
            part[..., :split, :] -= drift @ terms
            part[..., split:, :] = terms / scale[..., None]
        if self.log.any():
            out[..., :split, :] *= self.jump(theta)[..., None]
        return out

    def factor(self, q: Array, weight: Array | None = None) -> Array:
        """The Jacobian without its rows: (free, free) with the same lengths and angles.

        Triangular factor of the derivatives at one `q`, block by block, so that a
        million rows need no more memory than a few.

        Parameters
        ----------
        q : ndarray of shape (free,)
        weight : ndarray of shape (rows,), optional
            Rows count with its square root.

        Returns
        -------
        ndarray of shape (free, at most rows)
        """
        factor = np.zeros((len(q), 0))
        for start in range(0, self.rows, ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            slopes = self.at_rows(block).jacobian(q)
            if weight is not None:
                slopes *= np.sqrt(weight[block])
            factor = np.linalg.qr(np.hstack([factor, slopes]).T, mode="r").T
        return factor

    def _drift(self, theta: Array, per_size: Array) -> Array:
        """Relative slope of each term at the pivot: (..., nonlinear, linear)."""
        with_axis = [each[..., None, None] for each in per_exponent(theta)]
        out = np.zeros((*theta.shape, len(self.linear)))
        for k, each in enumerate(self.slopes(with_axis, self._units, self.pivot)):
            full = np.broadcast_to(each, (*theta.shape[:-1], len(self.linear) + 1, 1))[..., 0]
            out[..., k, :] = full[..., 1:] - full[..., :1]
        return out * np.where(self.pivots, per_size / BIG, 0.0)[..., None, :]

    # -- helpers -------------------------------------------------------------------

    def _parts(self, out: Array) -> Any:
        """Blocks of rows small enough for the cache, with the matching inputs."""
        for start in range(0, self.rows, ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            yield out[..., block], [each[block] for each in self.columns]

    def _probe(self) -> dict[str, float]:
        """Coefficients at which the law may be tried out."""
        return {
            each.name: self.fixed.get(each.name, 1.0 if each.linear else each.start)
            for each in self.form.coefficients
        }

    def _takes_batches(self) -> bool:
        """Tell whether the law accepts arrays of coefficients, not only single ones."""
        few = [each[:2] for each in self.columns]
        probe = self._probe()
        batch = {name: np.array([[value], [0.9 * value]]) for name, value in probe.items()}
        with np.errstate(all="ignore"):
            try:
                together = np.broadcast_to(self.function(*few, **batch), (2, len(few[0])))
            except Exception:  # noqa: BLE001 - whatever a user's law raises, the slow way is tried
                return False
            alone = [
                np.broadcast_to(
                    self.function(*few, **{name: part * value for name, value in probe.items()}),
                    len(few[0]),
                )
                for part in (1.0, 0.9)
            ]
        return bool(np.allclose(together, alone, rtol=1e-12, atol=0, equal_nan=True))


def _one_by_one(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a law that takes single coefficients take arrays of them (last axis: rows)."""

    def looped(*columns: Any, **at: Any) -> Any:
        shape = np.broadcast_shapes(*(np.shape(each) for each in at.values()))[:-1]
        if not shape:
            return function(*columns, **{name: np.ravel(each)[0] for name, each in at.items()})
        full = {name: np.broadcast_to(each, (*shape, 1)) for name, each in at.items()}
        rows = np.size(columns[0])
        found = [
            np.broadcast_to(
                function(*columns, **{name: each[index][0] for name, each in full.items()}), rows
            )
            for index in np.ndindex(*shape)
        ]
        return np.array(found).reshape(*shape, rows)

    return looped


def _columns_of(batch: Array) -> list[Array]:
    """Split (..., coefficients) into one (..., 1) array each, to meet rows on the last axis."""
    return [batch[..., k, None] for k in range(batch.shape[-1])]


def per_exponent(theta: Array) -> list[Array]:
    """Split (..., coefficients) into one (...) array each."""
    return [theta[..., k] for k in range(theta.shape[-1])]


def _unit_vectors(count: int) -> list[Array]:
    """Linear coefficients, as (1 + count, 1) arrays, that pick out one term after the other."""
    return [np.where(np.arange(count + 1) == k + 1, BIG, 0.0)[:, None] for k in range(count)]


def _middle(column: Array) -> float:
    """Geometric mean of positive values, arithmetic mean of others."""
    if np.all(column > 0):
        return float(np.exp(np.mean(np.log(column))))
    return float(np.mean(column))


def _groups(
    form: Form, fixed: Mapping[str, float], tied: Mapping[str, str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, float]]:
    """Free coefficients with those tied to them, and the held ones with their values."""
    for name in [*fixed, *tied, *tied.values()]:
        form.coefficient(name)
    if both := sorted(set(fixed) & set(tied)):
        message = f"{', '.join(both)}: fixed and tied at once; choose one"
        raise FitError(message)
    root = {name: _root(name, tied) for name in form.names}
    held = {name: float(fixed[root[name]]) for name in form.names if root[name] in fixed}
    for name, value in held.items():
        bounds = form.coefficient(name).bounds
        if not bounds.least <= value <= bounds.most:
            message = f"fixed {name} = {value:g} lies outside its bounds {bounds.low}..{bounds.high}"
            raise FitError(message)
    groups: dict[str, tuple[str, ...]] = {}
    for name in form.names:
        if name not in held:
            groups[root[name]] = (*groups.get(root[name], ()), name)
    return groups, held


def _root(name: str, tied: Mapping[str, str]) -> str:
    """Follow ties to the coefficient that is free or fixed."""
    seen = [name]
    while seen[-1] in tied:
        seen.append(tied[seen[-1]])
        if len(seen) > len(tied) + 1:
            message = f"{' = '.join(seen)}: tied in a circle; leave one of them free"
            raise FitError(message)
    return seen[-1]


def _common_bounds(form: Form, names: Sequence[str]) -> Bounds:
    """Bounds that suit all coefficients tied together."""
    bounds = [form.coefficient(each).bounds for each in names]
    least, most = max(each.least for each in bounds), min(each.most for each in bounds)
    if least >= most:
        message = f"{' and '.join(names)} are tied but their bounds have nothing in common"
        raise FitError(message)
    return Bounds(
        None if np.isneginf(least) else least,
        None if np.isposinf(most) else most,
        bounds[0].unit,
        bounds[0].meaning,
        log=all(each.log for each in bounds),
    )
