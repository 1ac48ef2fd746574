"""A polish lets go only what may move, and does nothing to the process that it runs in."""

import threading
import warnings
from typing import Annotated

import numpy as np
import pytest

import p2law
from p2law import forms
from p2law.fitting import polishing
from p2law.objectives import huber, squared
from p2law.solving.problem import Problem
from p2law.solving.spreading import scattered
from p2law.solving.surface import Surface

either = pytest.mark.parametrize("objective", [squared(), huber(1e-3, log=True)], ids=str)


def counted(monkeypatch):
    """Points at which the law or its derivatives are asked for, at all rows, from now on."""
    points = []
    for name in ("cost", "residuals", "tangents", "jacobian"):
        work = getattr(Problem, name)
        monkeypatch.setattr(
            Problem,
            name,
            lambda self, q, work=work: points.extend(np.atleast_2d(q)) or work(self, q),
        )
    return points


def problem_of(objective=None, rows=60, noise=0.01):
    """Losses along tokens, with some noise."""
    columns = {"tokens": np.geomspace(1e6, 1e9, rows)}
    surface = Surface(forms.token_power, columns)
    target = surface.predict(surface.generic_point())
    target *= np.random.default_rng(0).lognormal(0, noise, rows)
    return Problem(surface, target, np.ones(rows), objective or squared())


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_is_pinned_stays_where_nothing_else_can_be_let_go(sign):
    """
    A term of 1e-9 moves no prediction: its exponent at a bound has a slope, but nothing to gain.
    """

    @p2law.form(linear=("E", "A", "C"))
    def law(
        x: Annotated[float, p2law.Domain("> 0")],
        *,
        E: float,
        A: Annotated[float, p2law.Bounds(0, None)],
        C: Annotated[float, p2law.Bounds(0, None)],
        b: Annotated[float, p2law.Bounds(0.01, 3)] = 0.5,
        a: Annotated[float, p2law.Bounds(0.01, 3)] = 0.4,
    ):
        return E + A * x**-a + C * x**b

    x = np.geomspace(1, 100, 30)
    surface = Surface(law, {"x": x})
    at = {"b": 0.7, "a": 0.01, "E": 1.0, "A": 1e-9, "C": 1.0}
    q = np.array([at[name] for name in surface.names])
    pinned = np.isin(surface.names, ["b", "A"])
    target = surface.predict(q) + sign * 1e-3 * x**-0.9

    end = polishing.polish(Problem(surface, target, np.ones(30), squared()), q, pinned)

    assert (end.q[pinned] == q[pinned]).all()


@either
@pytest.mark.parametrize(("rows", "noise"), [(60, 0.01), (60, 0.0), (60, 3.0), (2, 0.01)])
def test_no_filter_of_warnings_is_set(objective, rows, noise, monkeypatch):
    """
    Filters are the whole process's; and with all of them on, no fit warns of anything.
    """
    problem = problem_of(objective, rows, noise)

    def refused(*_, **__):
        raise AssertionError("warnings are not filtered for others")

    monkeypatch.setattr(warnings, "catch_warnings", refused)
    monkeypatch.setattr(warnings, "simplefilter", refused)

    for start in (problem.surface.generic_point(), np.zeros(3)):
        polishing.polish(problem, start, most=100)


def test_fits_in_threads_leave_warnings_as_they_were(monkeypatch):
    """
    The first in is the first out, while the other one is still at it.
    """
    before, jacobian = list(warnings.filters), polishing._Run.jacobian
    inside, done = {"first": threading.Event(), "second": threading.Event()}, threading.Event()

    def waiting(self, params):
        name = threading.current_thread().name
        inside[name].set()
        assert (inside["second"] if name == "first" else done).wait(60)
        return jacobian(self, params)

    def fit():
        polishing.polish(problem_of(), np.ones(3))

    monkeypatch.setattr(polishing._Run, "jacobian", waiting)
    first, second = (threading.Thread(target=fit, name=name) for name in inside)
    first.start()
    assert inside["first"].wait(60)
    second.start()
    first.join()
    done.set()
    second.join()

    assert before == list(warnings.filters)


@either
def test_what_numpy_says_of_overflows_is_as_it_was(objective, monkeypatch):
    """
    Also where lmfit is stopped on its way, with all of that turned off.
    """
    monkeypatch.setattr(polishing, "PATIENCE", 1)

    with np.errstate(all="raise"):
        polishing.polish(problem_of(objective), np.array([1.0, 1.0, 5.0]))

        assert {*np.geterr().values()} == {"raise"}


@either
@pytest.mark.parametrize(
    "limits",
    [{}, {"PATIENCE": 2}, {"TRIALS": 3}, {"LMFIT_ROWS": 10}, {"VALLEY": 1, "PATIENCE": 1}],
    ids=str,
)
@pytest.mark.parametrize("rows", [60, 300])
def test_every_evaluation_of_a_polish_is_counted(objective, limits, rows, monkeypatch):
    """
    Coming near, lmfit's own and those where it is stopped, valleys, and looking where one is.
    """
    for name, limit in limits.items():
        monkeypatch.setattr(polishing, name, limit)
    problem = problem_of(objective, rows)
    points = counted(monkeypatch)

    end = polishing.polish(problem, np.array([1.0, 1.0, 5.0]))

    assert end.evaluations == len(points)


@either
def test_evaluations_are_counted_where_lmfit_finds_no_value(objective, monkeypatch):
    """
    What it came from is asked for once more then.
    """
    problem = problem_of(objective)
    monkeypatch.setattr(polishing._Run, "minimise", lambda self: np.full(len(self.q), np.nan))
    points = counted(monkeypatch)

    end = polishing.polish(problem, np.array([1.0, 1.0, 5.0]))

    assert np.isfinite(end.cost)
    assert end.evaluations == len(points)


def test_the_work_of_coming_near_leaves_less_for_the_rest(monkeypatch):
    """
    Where that has taken all there was, no long valley is walked.
    """
    walked = []
    monkeypatch.setattr(polishing, "_through_a_valley", lambda _, q, __: walked.append(q) or (q, 0))
    monkeypatch.setattr(polishing, "PATIENCE", 1)

    polishing.polish(problem_of(rows=300), np.array([1.0, 1.0, 5.0]), most=3)

    assert walked == []


@either
@pytest.mark.parametrize("telling", [1, 600], ids=["one row", "every other row"])
def test_few_steps_over_very_many_rows_reach_the_end_that_many_do(objective, telling, monkeypatch):
    """
    Some rows bring the steps near, also where what one row alone tells is not among them; from the
    end of all they lead nowhere.
    """
    rng, rows = np.random.default_rng(0), 1200
    sizes = np.full(rows, 1e9)
    sizes[6 : 6 + 2 * telling : 2] = 3e8
    assert 6 not in scattered(rows, 300)
    columns = {"params": sizes, "tokens": rng.permutation(np.geomspace(1e8, 1e11, rows))}
    surface = Surface(forms.chinchilla, columns, fixed={"alpha": 0.34})
    target = surface.predict(surface.generic_point()) * rng.lognormal(0, 0.001, rows)
    problem = Problem(surface, target, np.ones(rows), objective or squared())
    start = surface.generic_point() * [1.2, 0.9, 1.1, 1.1]
    monkeypatch.setattr(polishing, "LMFIT_ROWS", 1000)
    monkeypatch.setattr(polishing, "SOME_ROWS", rows)
    best = polishing.polish(problem, start)
    monkeypatch.setattr(polishing, "SOME_ROWS", 300)
    passes, tangents = [], Problem.tangents
    monkeypatch.setattr(
        Problem, "tangents", lambda self, q: passes.append(self.surface.rows) or tangents(self, q)
    )

    found = polishing.polish(problem, start)

    assert passes.count(rows) <= 6
    assert found.cost == pytest.approx(best.cost, rel=1e-9)
    assert surface.predict(found.q) == pytest.approx(surface.predict(best.q), rel=1e-7)
    passes.clear()

    polishing.polish(problem, best.q)

    assert passes.count(rows) <= 2
