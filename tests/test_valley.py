"""Newton's steps through narrow valleys, and where the law has no value."""

from types import SimpleNamespace

import numpy as np
import pytest

from p2law import forms
from p2law.objectives import huber, squared
from p2law.solving.problem import Problem
from p2law.solving.surface import Surface
from p2law.solving.valley import _newton, _of_law, walk


def problem_of(residuals, jacobian, low=-np.inf, high=np.inf):
    """A problem in squares of one residual a coordinate; `jacobian` is that at one point."""
    box = np.full(2, low), np.full(2, high)
    problem = SimpleNamespace(
        cost=lambda q: float(np.sum(residuals(q) ** 2)),
        residuals=residuals,
        jacobian=lambda q: np.array([jacobian(each) for each in q.reshape(-1, 2)]).reshape(
            *q.shape, 2
        ),
        weight=np.ones(2),
        objective=squared(),
        surface=SimpleNamespace(box=box, blocks=lambda _: [slice(None)]),
    )
    problem.at_rows = lambda _: problem
    return problem


def bowl(way_of_second):
    """A parabola in the first coordinate, whatever derivative is given in the second."""
    return problem_of(
        lambda q: np.array([q[0] - 1, 1.0]),
        lambda q: np.array([[1.0, 0.0], [0.0, way_of_second(q)]]),
    )


@pytest.mark.parametrize("where", [lambda _: np.nan, lambda q: np.nan if q[0] != 0.0 else 0.0])
def test_what_has_no_slope_stays_and_the_rest_walks_on(where):
    """
    Where a term overflows there is no derivative by its exponent, or none beside it.
    """
    found, evaluations = walk(bowl(where), np.zeros(2), np.ones(2, dtype=bool))

    assert found == pytest.approx([1.0, 0.0], abs=1e-6)
    assert evaluations > 0


@pytest.mark.parametrize("bound", [-1.0, 1.0, 3.0])
@pytest.mark.parametrize("within", [0.0, 1e-9, 1e-3])
def test_derivatives_are_asked_for_within_the_bounds_alone(bound, within):
    """
    A law may have no value beyond its bounds: the curvature next to one comes from inside.
    """
    side = np.sign(bound)
    low, high = np.sort([bound, -4 * side])
    asked = []

    def jacobian(q):
        asked.extend(q)
        return np.diag(np.where((low <= q) & (q <= high), 2 * q, np.nan))

    problem = problem_of(lambda q: q**2 + 1, jacobian, low, high)
    found, _ = walk(problem, np.full(2, bound - side * within), np.ones(2, dtype=bool))

    assert low <= min(asked) <= max(asked) <= high
    assert found == pytest.approx([0.0, 0.0], abs=1e-3)


def test_every_value_and_every_derivative_is_counted():
    """
    A step in two coordinates takes three derivatives, and as many values as shares are tried.
    """
    points = []
    problem = bowl(lambda _: 0.0)

    def counted(work):
        return lambda q: points.extend(q.reshape(-1, 2)) or work(q)

    for name in ("cost", "residuals", "jacobian"):
        setattr(problem, name, counted(getattr(problem, name)))
    _, evaluations = walk(problem, np.zeros(2), np.ones(2, dtype=bool))

    assert evaluations == len(points)


@pytest.mark.parametrize("objective", [squared(), huber(0.1, log=True)])
def test_the_curvature_of_a_law_is_that_of_its_rows_block_by_block(objective, monkeypatch):
    """
    What the residuals pull the law to bend, against differences taken one coordinate at a time.
    """
    rng = np.random.default_rng(0)
    columns = {"params": 10 ** rng.uniform(8, 10, 40), "tokens": 10 ** rng.uniform(9, 11, 40)}
    surface = Surface(forms.chinchilla, columns)
    target = surface.predict(surface.generic_point()) * rng.lognormal(0, 0.1, 40)
    problem = Problem(surface, target, rng.uniform(0.5, 2, 40), objective)
    q = surface.generic_point()
    ways, pull = problem.jacobian(q), problem.weight * objective.pull(problem.residuals(q))
    steps = 1e-6 * np.diag(np.maximum(np.abs(q), 1e-2))
    apart = np.array([(problem.jacobian(q + each) - ways) @ pull / each.sum() for each in steps])
    monkeypatch.setattr("p2law.solving.surface.BLOCK", 64)

    found = _of_law(problem, q, np.ones(len(q), dtype=bool), ways, pull)

    assert found == pytest.approx((apart + apart.T) / 2, rel=1e-6, abs=1e-6 * np.abs(apart).max())


def test_a_saddle_without_curvature_of_its_own_has_a_finite_step():
    """
    Rounding alone is left of the curvature of identical rows, and it may lie off the diagonal.
    """
    slope = np.array([1e-12, 1e-12])

    step = _newton(slope, np.array([[0.0, 1e10], [1e10, 0.0]]))

    assert np.isfinite(step).all()
    assert step @ slope < 0
    assert (_newton(slope, np.zeros((2, 2))) == -slope).all()
