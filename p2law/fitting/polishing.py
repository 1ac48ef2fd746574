"""The last digits: lmfit, with what lies at a bound held there and checked.

lmfit's transform of bounded parameters, started at a bound, stays there and
reports success. So lmfit only ever sees free coordinates without bounds; which are
free is decided here. This is the only module that knows lmfit.
"""

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from p2law.declaring import Array, Mask
from p2law.solving import projection
from p2law.solving.descent import descend
from p2law.solving.problem import End, Problem
from p2law.solving.spreading import scattered
from p2law.solving.valley import walk

if TYPE_CHECKING:
    import lmfit

HUGE = 1e50
"""MINPACK cannot step back from a NaN or an infinity; from a huge residual it does. This is one
times the size of the target, as far as its square is a number."""

SQUARED = 1e150
"""No more than that can be squared."""

ROUNDING = 1e-7
"""Share of its parts below which the sum that makes a slope may be mere rounding."""

LMFIT_ROWS, SOME_ROWS = 200_000, 50_000
"""With more rows block-wise steps go all the way: they need no memory for all derivatives; and how
many of the rows stand for all at first."""

PATIENCE = 30
"""Steps that lmfit may take: the last digits need few, a long narrow valley thousands."""

TRIALS = 600
"""Residuals that lmfit may ask for; where no step gains, scipy would try thousands."""

VALLEY = 200
"""Steps at most through such a valley under Huber's function."""

WORK = 3300
"""Evaluations of the law and of its derivatives, whoever asks for them, after which a polish ends
with the round that it is in: hard problems of NIST take up to 2,700, P² laws mostly 30; who needs
more gets nowhere, and its gradient will say so."""


def polish(problem: Problem, q: Array, pinned: Mask | None = None, most: int = WORK) -> End:
    """Go to the nearest minimum inside the bounds.

    What lies at a bound is held; where lmfit leaves the bounds, steps that do not
    find what lies on them; what is held although the objective falls inwards is let go.

    Parameters
    ----------
    problem : Problem
    q : ndarray of shape (free,)
        Coordinates to start from.
    pinned : ndarray of bool, shape (free,), optional
        Coordinates that stay where they are.
    most : int
        Evaluations of the law and of its derivatives after which no other round is begun. With
        none left, one is, but through no long valley.

    Returns
    -------
    End
    """
    low, high = problem.surface.box
    pinned = np.zeros(len(q), dtype=bool) if pinned is None else pinned
    q, evaluations = _come_near(problem, np.clip(q, low, high), pinned)
    held = (q <= low) | (q >= high) | pinned
    cost = np.inf
    for _ in range(4 * len(q) + 1):
        trial, used, arrived = _move(problem, q, ~held, patient=evaluations < most)
        before, cost = cost, problem.cost(trial)
        if np.isfinite(cost):
            q = trial
        else:  # lmfit has left where the objective has a value, and would not come back
            cost, arrived, used = problem.cost(q), True, used + 1
        held |= (q <= low) | (q >= high)
        found = problem.gradient(q)
        evaluations += used + 2
        inward = held & ~pinned & np.where(q <= low, found.slope < 0, found.slope > 0)
        inward &= (np.abs(found.slope) > ROUNDING * found.size) & (found.cosine > 0)
        arrived |= cost >= before * (1 - 1e-12)
        if (arrived and not inward.any()) or evaluations >= most:
            break
        if arrived:
            held[np.argmax(np.where(inward, found.cosine, 0.0))] = False
    gradient = float(np.max(found.cosine[~held], initial=0.0))
    return End(q, cost, evaluations, gradient)


def engine(problem: Problem) -> str:
    """Name of what polishes a problem of this size and objective."""
    if problem.surface.rows > LMFIT_ROWS:
        return "block-wise Gauss-Newton"
    return f"lmfit {'leastsq' if problem.objective.delta is None else 'least_squares'}"


def rebuild(
    problem: Problem, values: Mapping[str, float], held: Collection[str], tied: Mapping[str, str]
) -> "lmfit.Minimizer":
    """The lmfit minimiser of a problem in the units of its law, with the bounds of the law.

    Parameters
    ----------
    problem : Problem
    values : mapping of str to float
        All coefficients; the start.
    held : collection of str
        Those that do not vary.
    tied : mapping of str to str
        Those that follow another one.

    Returns
    -------
    lmfit.Minimizer
    """
    import lmfit

    law, params = problem.surface.form, lmfit.Parameters()
    for each in law.coefficients:
        low, high = each.bounds.least, each.bounds.most
        free = each.name not in held
        params.add(each.name, value=values[each.name], min=low, max=high, vary=free)
    for name, other in tied.items():
        params[name].expr = other

    def residuals(at: "lmfit.Parameters") -> Array:
        found = np.asarray(law.function(*problem.surface.columns, **at.valuesdict()))
        left = problem.objective.residuals(found, problem.target)
        return np.asarray(np.sqrt(problem.weight) * left)

    return lmfit.Minimizer(residuals, params)


def _come_near(problem: Problem, q: Array, pinned: Mask) -> tuple[Array, int]:
    """Come close with cheap steps where lmfit's are dear (many rows) or stray (Huber)."""
    rows, straight = problem.surface.rows, problem.objective.delta is None
    if rows > LMFIT_ROWS:  # by some of them, which leaves all few steps to go
        before = problem.cost(q)
        found = descend(problem.at_rows(scattered(rows, SOME_ROWS)), q, held=pinned, gain=1e-9)
        nearer = problem.cost(found.q) < before
        return found.q if nearer else q, found.evaluations + 2
    if straight and rows <= projection.DESCENT_ROWS:
        return q, 0
    found = descend(problem, q, held=pinned, gain=1e-9)
    return found.q, found.evaluations


def _move(problem: Problem, q: Array, free: Mask, *, patient: bool) -> tuple[Array, int, bool]:
    """Move the free coordinates to a minimum inside the bounds; tell whether they are there.

    Without patience a long narrow valley is not walked.
    """
    if not free.any():
        return q, 0, True
    if problem.surface.rows > LMFIT_ROWS:
        found = descend(problem, q, held=~free, gain=1e-13, damping=1e-9)
        return found.q, found.evaluations, True
    run = _Run(problem, q, free)
    try:
        end = run.minimise()
    except _StrayedError:
        q, more = _through_a_valley(problem, q, free) if patient else (q, 0)
        return q, run.trials + run.steps + more, False
    return end, run.trials + run.steps, True


def _through_a_valley(problem: Problem, q: Array, free: Mask) -> tuple[Array, int]:
    """Go down where lmfit creeps: by Newton's steps, under Huber's function after others.

    Beyond delta that function has no curvature, and what is left of it changes with the rows.
    """
    if problem.objective.delta is None:
        return walk(problem, q, free)
    found = descend(problem, q, held=~free, gain=1e-13, most=VALLEY)
    if found.steps < VALLEY:
        return found.q, found.evaluations
    q, more = walk(problem, found.q, free)
    return q, found.evaluations + more


class _StrayedError(Exception):
    """lmfit has left the bounds, or its patience has run out."""


@dataclass
class _Run:
    """What lmfit calls back: parameters in, residuals and derivatives out; both are counted."""

    problem: Problem
    q: Array
    free: Mask
    trials: int = 0
    steps: int = 0

    def minimise(self) -> Array:
        """Go to a minimum inside the bounds."""
        with np.errstate(all="ignore"):  # lmfit sets this too, and leaves it so where it is stopped
            done = self._minimised()
        return self._inside(self.at(done.params))

    def _inside(self, q: Array) -> Array:
        low, high = self.problem.surface.box
        if np.any((q < low) | (q > high)):
            raise _StrayedError
        return q

    def _minimised(self) -> Any:
        """Levenberg-Marquardt for squares, a trust region for Huber."""
        minimizer = self._minimizer()
        if self.problem.objective.delta is None:
            return minimizer.leastsq(
                Dfun=self.jacobian, col_deriv=True, ftol=1e-15, xtol=1e-13, gtol=1e-13
            )
        return minimizer.least_squares(
            jac=lambda params: self.jacobian(params).T,
            loss=self.loss,
            x_scale="jac",
            ftol=1e-14,
            xtol=1e-12,
            gtol=1e-14,
        )

    def _minimizer(self) -> "lmfit.Minimizer":
        import lmfit

        params = lmfit.Parameters()
        for k in np.flatnonzero(self.free):
            params.add(self.problem.surface.names[k], value=float(self.q[k]))
        minimizer = lmfit.Minimizer(self.residuals, params)
        # It would make standard errors after each run, warn of some, and set filters of warnings
        # for the whole process, other threads included; none of these errors is used.
        minimizer._calculate_uncertainties_correlations = lambda: None  # noqa: SLF001
        return minimizer

    def at(self, params: "lmfit.Parameters") -> Array:
        q = self.q.copy()
        q[self.free] = list(params.valuesdict().values())
        return q

    def residuals(self, params: "lmfit.Parameters") -> Array:
        if self.trials > TRIALS:
            raise _StrayedError
        self.trials += 1
        found = self._root_weight() * self.problem.residuals(self.at(params))
        huge = self.huge
        return self._padded(np.clip(np.asarray(np.nan_to_num(found, nan=huge)), -huge, huge))

    @functools.cached_property
    def huge(self) -> float:
        """What stands for a residual that has no value."""
        size = 1.0 if self.problem.objective.log else np.abs(self.problem.target).max()
        return float(min(HUGE * max(1.0, size), SQUARED))

    def jacobian(self, params: "lmfit.Parameters") -> Array:
        """Derivatives; asked for once a step, at the place where it led."""
        q = self._inside(self.at(params))
        if self.steps >= PATIENCE:
            raise _StrayedError
        self.steps += 1
        found = self.problem.jacobian(q)
        found = found if self.free.all() else found[self.free]
        found *= self._root_weight()
        found[~np.isfinite(found)] = 0.0
        return self._padded(found)

    def _root_weight(self) -> Array | float:
        """Weights of residuals; under Huber's function `loss` weighs, not these."""
        return np.sqrt(self.problem.weight) if self.problem.objective.delta is None else 1.0

    def _padded(self, values: Array) -> Array:
        """Add empty rows where there are fewer rows than coefficients, which MINPACK refuses."""
        lacking = int(self.free.sum()) - values.shape[-1]
        if lacking <= 0:
            return values
        return np.concatenate([values, np.zeros((*values.shape[:-1], lacking))], axis=-1)

    def loss(self, z: Array) -> Array:
        """Huber's function in scipy's terms: rho and two derivatives of squared residuals z."""
        delta = min(self.problem.objective.delta or 1.0, self.huge)
        weight = np.zeros(len(z))
        weight[: len(self.problem.weight)] = self.problem.weight
        size = np.sqrt(np.maximum(z, delta**2))
        inside = z <= delta**2
        rho = np.where(inside, z, 2 * delta * size - delta**2)
        first = np.where(inside, 1.0, delta / size)
        second = np.where(inside, 0.0, -0.5 * delta / size**3)
        return np.array([weight * rho, weight * first, weight * second])
