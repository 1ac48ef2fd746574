"""Steps downhill: what they cost is counted, and nothing is worked out twice."""

from typing import Annotated

import numpy as np
import pytest

import p2law
from p2law import forms
from p2law.objectives import huber, squared
from p2law.solving.descent import descend
from p2law.solving.problem import Problem
from p2law.solving.surface import Surface


@pytest.fixture(params=[squared(), huber(1e-3, log=True)], ids=str)
def problem(request):
    """Losses of a law of which every tenth is off."""
    rng = np.random.default_rng(0)
    columns = {"params": 10 ** rng.uniform(8, 10, 60), "tokens": 10 ** rng.uniform(9, 11, 60)}
    surface = Surface(forms.chinchilla, columns)
    target = surface.predict(surface.generic_point()) * rng.lognormal(0, 0.001, 60)
    target[::10] *= 1.3
    return Problem(surface, target, np.ones(60), request.param)


def start(problem):
    """Where a step may well miss: terms ten times too large."""
    return problem.surface.generic_point() * np.array([1.5, 0.5, 10, 10, 10])


def test_every_evaluation_is_counted(problem, monkeypatch):
    """
    What a fit may still spend is told by these, whatever takes the steps.
    """
    asked = []
    for name in ("cost", "tangents"):
        work = getattr(Problem, name)
        monkeypatch.setattr(
            Problem, name, lambda self, q, work=work: asked.append(q) or work(self, q)
        )

    found = descend(problem, start(problem), gain=1e-12)

    assert found.evaluations == len(asked)
    assert found.steps < found.evaluations


def test_a_step_that_gains_nothing_asks_for_no_derivatives_anew(problem, monkeypatch):
    """
    The next one is shorter, or counts other rows, from the same derivatives.
    """
    asked, tangents = [], Problem.tangents
    monkeypatch.setattr(
        Problem, "tangents", lambda self, q: asked.append(tuple(q)) or tangents(self, q)
    )

    descend(problem, start(problem), gain=1e-12)

    assert len(asked) == len({*asked})


def test_a_place_asked_for_again_is_not_computed_again(problem, monkeypatch):
    """
    Who is handed the end of a step asks for its objective; over a million rows that takes long.
    """
    asked, predict = [], Surface.predict
    monkeypatch.setattr(Surface, "predict", lambda self, q: asked.append(1) or predict(self, q))
    here, there = start(problem), problem.surface.generic_point()

    found = [problem.cost(each) for each in (here, here.copy(), there, there, here)]

    assert len(asked) == 3
    assert found[0] == found[1] == found[4] != found[2] == found[3]


def test_derivatives_of_many_rows_are_not_kept(problem, monkeypatch):
    """
    They would take the memory that working block by block saves; the end is the same.
    """
    kept = descend(problem, start(problem), gain=1e-12)
    monkeypatch.setattr("p2law.solving.descent.TOGETHER", 10)

    anew = descend(problem, start(problem), gain=1e-12)

    assert (anew.q == kept.q).all()
    assert anew.steps == kept.steps


def test_the_end_is_a_minimum(problem):
    """
    The gradient vanishes there, beside what its rows would give if they did not cancel.
    """
    end = problem.gradient(descend(problem, start(problem), gain=1e-15).q)

    assert np.abs(end.slope).max() <= 1e-4 * end.size.max()


def test_at_its_end_a_descent_stops_at_once(problem):
    """
    What is left to gain there is rounding, which no shorter step tells from nothing.
    """
    there = descend(problem, start(problem), gain=1e-15).q

    again = descend(problem, there, gain=1e-12, damping=1e-9)

    assert again.steps <= 2
    assert again.q == pytest.approx(there, rel=1e-6)


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
def test_an_exponent_that_moves_next_to_nothing_does_not_stop_the_others(unit):
    """
    Every step along it would go to its bound, where the curve is far too high, in any unit.
    """

    @p2law.form(linear=("scale",))
    def law(
        x,
        *,
        scale: float,
        a: Annotated[float, p2law.Bounds(0.01, 3)] = 0.3,
        faint: Annotated[float, p2law.Bounds(-400, 40)] = 30.0,
    ):
        return scale * (x**-a + np.exp(-faint) * x)

    x = np.geomspace(1, 100, 30)
    surface = Surface(law, {"x": x})
    start = surface.coordinates({"scale": unit, "a": 0.3, "faint": 30.0})
    problem = Problem(surface, unit * x**-0.1, np.ones(30), squared())

    found = surface.coefficients(descend(problem, start, gain=1e-12).q)

    assert found["a"] == pytest.approx(0.1, abs=1e-6)
    assert found["scale"] == pytest.approx(unit, rel=1e-6)


@pytest.mark.parametrize(
    ("objective", "nowhere"),
    [(squared(log=True), [1.35, -0.13, 0.64]), (huber(1e-2, log=True), [0.98, -0.24, 0.74])],
    ids=str,
)
def test_a_descent_from_where_the_objective_has_no_value_goes_on(objective, nowhere):
    """
    A law below zero has no logarithm; the first step to where it has one is not the last.
    """

    @p2law.form(linear=("a", "b"))
    def law(x, *, a, b, k: Annotated[float, p2law.Bounds(0.01, 3)] = 1.0):
        return a + b * x**k

    x = np.linspace(1, 10, 30)
    problem = Problem(Surface(law, {"x": x}), 1 + 0.5 * x**0.7, np.ones(30), objective)
    assert np.isinf(problem.cost(np.array(nowhere)))

    found = descend(problem, np.array(nowhere), gain=1e-12)

    assert problem.cost(found.q) < 1e-20
