"""Newton's steps through narrow valleys, and where the law has no value."""

from types import SimpleNamespace

import numpy as np
import pytest

from p2law.solving.valley import _newton, walk


def bowl(slope_of_second):
    """A problem in two coordinates: a parabola in the first, whatever is given in the second."""
    return SimpleNamespace(
        cost=lambda q: float((q[0] - 1) ** 2),
        gradient=lambda q: SimpleNamespace(slope=np.array([2 * (q[0] - 1), slope_of_second(q)])),
        surface=SimpleNamespace(box=(np.full(2, -np.inf), np.full(2, np.inf))),
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
def test_slopes_are_asked_for_within_the_bounds_alone(bound, within):
    """
    A law may have no value beyond its bounds: the curvature next to one comes from inside.
    """
    side = np.sign(bound)
    box = np.sort([bound, -4 * side])
    asked = []

    def gradient(q):
        asked.append(q[0])
        outside = not box[0] <= q[0] <= box[1]
        return SimpleNamespace(slope=np.array([np.nan if outside else 2 * q[0]]))

    problem = SimpleNamespace(
        cost=lambda q: float(q[0] ** 2),
        gradient=gradient,
        surface=SimpleNamespace(box=(box[:1], box[1:])),
    )
    found, _ = walk(problem, np.array([bound - side * within]), np.ones(1, dtype=bool))

    assert box[0] <= min(asked) <= max(asked) <= box[1]
    assert found == pytest.approx([0.0], abs=1e-6)


def test_every_value_and_every_derivative_is_counted():
    """
    A step in two coordinates takes three derivatives, and as many values as shares are tried.
    """
    calls = []
    problem = bowl(lambda _: 0.0)
    counted = SimpleNamespace(
        cost=lambda q: calls.append("value") or problem.cost(q),
        gradient=lambda q: calls.append("slope") or problem.gradient(q),
        surface=problem.surface,
    )

    _, evaluations = walk(counted, np.zeros(2), np.ones(2, dtype=bool))

    assert evaluations == len(calls)


def test_a_saddle_without_curvature_of_its_own_has_a_finite_step():
    """
    Rounding alone is left of the curvature of identical rows, and it may lie off the diagonal.
    """
    slope = np.array([1e-12, 1e-12])

    step = _newton(slope, np.array([[0.0, 1e10], [1e10, 0.0]]))

    assert np.isfinite(step).all()
    assert step @ slope < 0
    assert (_newton(slope, np.zeros((2, 2))) == -slope).all()
