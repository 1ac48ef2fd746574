"""Calling a law: many coefficients at once, and exact derivatives."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from p2law.declaring import Array
from p2law.errors import FormError
from p2law.solving.freeing import Freedom
from p2law.text.wording import got

ANALYTIC, COMPLEX_STEP, CENTRAL = "analytic", "complex step", "central differences"

BIG = 2.0**200
"""Terms are read off as f(c = big) - f(c = 0): what is left of the law without linear
coefficients drowns, so that even a term of 1e-40 keeps all its digits. `Law.big` is that times
the size of what is left, for losses may come in any unit."""


class Law:
    """The function of a form, called with its free coefficients.

    Arrays of coefficients have one more axis than their batch, of length 1, where
    the rows go: (..., 1).

    Parameters
    ----------
    freedom : Freedom
    columns : sequence of ndarray of shape (rows,)
        Inputs on which to find out what the function can take.

    Attributes
    ----------
    derivatives : str
        How slopes are found: analytic, complex step or central differences.
    big : float
        A linear coefficient beside whose term what is left without it drowns.
    """

    def __init__(self, freedom: Freedom, columns: Sequence[Array]) -> None:
        self.freedom = freedom
        self.function, self._exact = freedom.form.function, freedom.form.derivatives
        if not _takes_batches(self.function, [each[:2] for each in columns], freedom):
            self.function = _one_by_one(self.function)
            if self._exact is not None:
                self._exact = _one_by_one(self._exact, self._differentiated())
        self.derivatives = ANALYTIC if freedom.form.derivatives else COMPLEX_STEP
        self.big = BIG * self._size_left([each[:: max(1, len(each) // 256)] for each in columns])

    def _size_left(self, columns: Sequence[Array]) -> float:
        """Power of two, 1 or more, near what is left without linear coefficients."""
        start = [np.array([self.freedom.start(each)]) for each in self.freedom.nonlinear]
        left = np.abs(self(columns, start, [np.zeros(1)] * len(self.freedom.linear)))
        size = float(np.max(left, where=np.isfinite(left), initial=1.0))
        return float(np.ldexp(1.0, min(max(int(np.frexp(size)[1]) - 1, 0), 500)))

    def __call__(self, columns: Sequence[Any], theta: Sequence[Any], linear: Sequence[Any]) -> Any:
        """Value of the law: (..., rows)."""
        at = self.freedom.spread(theta, linear)
        try:
            with np.errstate(all="ignore"):
                return _numeric(self.function(*columns, **at))
        except Exception as error:  # a user's law may raise anything; it is said
            raise FormError(
                f"{self.freedom.form.name} cannot be evaluated: {type(error).__name__}: {error}; "
                f"a law takes arrays and changes none of them"
            ) from error

    def slopes(
        self, columns: Sequence[Any], theta: Sequence[Any], linear: Sequence[Any]
    ) -> list[Array]:
        """Derivative with respect to each free non-linear coefficient: (..., rows) each."""
        if self.derivatives == ANALYTIC:
            return self._analytic(columns, theta, linear)
        step = self._central if self.derivatives == CENTRAL else self._complex_step
        return [step(k, columns, theta, linear) for k in range(len(theta))]

    def _analytic(
        self, columns: Sequence[Any], theta: Sequence[Any], linear: Sequence[Any]
    ) -> list[Array]:
        groups, at = self.freedom.groups, self.freedom.spread(theta, linear)
        try:
            with np.errstate(all="ignore"):
                found = self._exact(*columns, **at) if self._exact else {}
                own = {name: _numeric(found[name]) for name in self._differentiated()}
                return [sum(own[each] for each in groups[root]) for root in self.freedom.nonlinear]
        except Exception as error:  # a user's derivatives may raise anything; it is said
            raise FormError(
                f"the derivatives of {self.freedom.form.name} cannot be evaluated: "
                f"{type(error).__name__}: {error}; they take what the law takes, arrays too, "
                f"and return one array for each of {', '.join(self._differentiated())}"
            ) from error

    def _differentiated(self) -> list[str]:
        """Coefficients of which a law's own derivatives are asked for."""
        return [each for root in self.freedom.nonlinear for each in self.freedom.groups[root]]

    def _complex_step(
        self, k: int, columns: Sequence[Any], theta: Sequence[Any], linear: Sequence[Any]
    ) -> Array:
        # No difference is taken, so the step can be tiny and costs no digits.
        moved = [*theta[:k], theta[k] + 1e-40j, *theta[k + 1 :]]
        return np.asarray(self(columns, moved, linear).imag / 1e-40)

    def _central(
        self, k: int, columns: Sequence[Any], theta: Sequence[Any], linear: Sequence[Any]
    ) -> Array:
        step = np.cbrt(np.finfo(float).eps) * self._size(k, theta)
        with np.errstate(all="ignore"):  # a law may overflow at either side of where it is asked
            ahead, behind = (
                self(columns, [*theta[:k], theta[k] + move, *theta[k + 1 :]], linear)
                for move in (step, -step)
            )
            return np.asarray((ahead - behind) / (2 * step))

    def _size(self, k: int, theta: Sequence[Any]) -> Any:
        """Size of a coefficient by which it may be moved, in its own unit."""
        typical = abs(self.freedom.start(self.freedom.nonlinear[k])) or 1.0
        return np.maximum(np.abs(theta[k]), 1e-3 * typical)

    def distrust(
        self, columns: Sequence[Array], theta: Sequence[Any], linear: Sequence[Any]
    ) -> str:
        """Compare exact slopes with central differences; fall back on these where they differ.

        They agree up to a share of the slope and what rounding leaves of a difference: that
        is as large as what the law returns, in the unit of the coefficient.

        Returns
        -------
        str
            A sentence for the user, empty where the two agree.
        """
        count = range(len(theta))
        sound = [self._central(k, columns, theta, linear) for k in count]
        try:
            exact = self.slopes(columns, theta, linear)
            found = np.abs(self(columns, theta, linear))
            noise = 1e-8 * np.max(found, where=np.isfinite(found), initial=0.0)
            room = [1e-4 * np.max(np.abs(sound[k])) + noise / self._size(k, theta) for k in count]
            agree = all(np.all(np.abs(exact[k] - sound[k]) <= room[k]) for k in count)
        except Exception:  # noqa: BLE001 - whatever exact slopes raise, the others remain
            agree = False
        if agree:
            return ""
        broken, self.derivatives = self.derivatives, CENTRAL
        return (
            f"{CENTRAL} instead of {broken} derivatives: the two disagree for "
            f"{self.freedom.form.name} (np.abs, comparisons and real-only functions break "
            f"complex steps)"
        )


def _takes_batches(function: Callable[..., Any], few: Sequence[Array], freedom: Freedom) -> bool:
    """Tell whether a law accepts arrays of coefficients, not only single ones."""
    probe = {
        each.name: freedom.fixed.get(each.name, 1.0 if each.linear else each.start)
        for each in freedom.form.coefficients
    }
    shape = (2, len(few[0]))
    batch = {name: np.array([[value], [0.9 * value]]) for name, value in probe.items()}
    with np.errstate(all="ignore"):
        try:
            together = np.broadcast_to(function(*few, **batch), shape)
            alone = [
                np.broadcast_to(
                    function(*few, **{k: part * v for k, v in probe.items()}), shape[1:]
                )
                for part in (1.0, 0.9)
            ]
            return bool(np.allclose(together, alone, rtol=1e-12, atol=0, equal_nan=True))
        except Exception:  # noqa: BLE001 - whatever a law raises, the slow way is tried
            return False


def _numeric(found: Any) -> Any:
    """What a law returned, as an array of numbers."""
    values = np.asarray(found)
    if values.dtype.kind not in "biufc":
        raise TypeError(f"it returned {got(found)}, which is no number")
    return values


def _one_by_one(
    function: Callable[..., Any], names: Sequence[str] | None = None
) -> Callable[..., Any]:
    """Let a law that takes single coefficients take arrays, or its derivatives by `names`."""

    def looped(*columns: Any, **at: Any) -> Any:
        batch = np.broadcast_shapes(*(np.shape(each)[:-1] for each in at.values()))
        full = {name: np.broadcast_to(each, (*batch, 1)) for name, each in at.items()}
        rows = max(np.shape(each)[-1] if np.ndim(each) else 1 for each in columns)
        own = [np.broadcast_to(each, (*batch, rows)) for each in columns]
        found = [
            function(
                *(each[index] for each in own),
                **{name: each[index][0] for name, each in full.items()},
            )
            for index in np.ndindex(*batch)
        ]

        def together(each: list[Any]) -> Array:
            return np.array([np.broadcast_to(one, rows) for one in each]).reshape(*batch, rows)

        if names is None:
            return together(found)
        return {name: together([each[name] for each in found]) for name in names}

    return looped
