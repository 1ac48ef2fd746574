"""What is minimised is a sum, and its text says exactly what."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2law
from p2law import objectives
from p2law.errors import FitError


@given(delta=st.floats(1e-12, 1e6), log=st.booleans())
def test_text_and_objective_are_inverse(delta, log):
    """
    `parse` reads what `str` writes, to the last bit of delta.
    """
    for objective in (p2law.huber(delta, log=log), p2law.squared(log=log)):
        assert objective == objectives.parse(str(objective))


@pytest.mark.parametrize(
    "text", ["squared", "huber(1e-3)", "huber(1e-3, log)", "huber( 0.1 , log=True )"]
)
def test_objectives_may_be_written_briefly(text):
    """
    As one types on a command line.
    """
    assert isinstance(objectives.parse(text), objectives.Objective)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("huber(0.001, log=False)", "huber(0.001)"),
        ("huber(0.001, log=True)", "huber(0.001, log=True)"),
        ("squared(log=False)", "squared()"),
        ("squared( log = True )", "squared(log=True)"),
    ],
)
def test_log_may_be_written_out_either_way(text, short):
    """
    Both are what Python takes; what is written stays short.
    """
    assert short == str(objectives.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mse",
        "huber",
        "huber()",
        "huber(-1)",
        "squared(3)",
        "huber(1e-3, raw)",
        "squared(log=no)",
    ],
)
def test_what_names_no_objective_is_refused(text):
    """
    The text is quoted and good ones are shown, or the bad delta is.
    """
    with pytest.raises(FitError, match=r"cannot read the objective|positive finite delta"):
        objectives.parse(text)


@pytest.mark.parametrize(
    "delta", [0, -1, np.nan, np.inf, "1e-3", None, [1e-3], True, 1j, 10**400], ids=str
)
def test_delta_must_be_a_positive_number(delta):
    """
    Zero, negative, infinite and missing are refused where they are given, and what is no number.
    """
    with pytest.raises(FitError, match="huber needs a positive finite delta, got"):
        p2law.huber(delta)


@pytest.mark.parametrize("make", [p2law.squared, lambda log: p2law.huber(1e-3, log=log)])
def test_log_is_true_or_false(make):
    """
    Any other text would count as true.
    """
    with pytest.raises(FitError, match=r"log is True or False, got 'no' \(str\)"):
        make(log="no")


@given(residual=st.floats(-10, 10), delta=st.floats(1e-3, 5))
def test_pull_is_the_derivative_of_the_objective(residual, delta):
    """
    For Huber of the objective, for squares of half of it, away from the kink of the curvature.
    """
    at, step = np.array([residual]), 1e-6
    for objective, factor in ((p2law.huber(delta), 1.0), (p2law.squared(), 0.5)):
        slope = (objective.per_row(at + step) - objective.per_row(at - step)) / (2 * step)

        np.testing.assert_allclose(objective.pull(at), factor * slope, atol=1e-5)


@given(residual=st.floats(-10, 10), delta=st.floats(1e-3, 5))
def test_full_bend_majorises_huber(residual, delta):
    """
    The parabola of a reweighted step lies above Huber's function everywhere.
    """
    objective, at = p2law.huber(delta), np.array([residual])
    there = np.linspace(-12, 12, 241)

    parabola = (
        objective.per_row(at)
        + objective.pull(at) * (there - at)
        + objective.bend(at) * (there - at) ** 2 / 2
    )

    assert (parabola >= objective.per_row(there) - 1e-9).all()


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e200, 1e300])
def test_what_is_shifted_far_stays_a_number(factor):
    """
    In refits of a log objective large losses times large noise are as large as numbers can be.
    """
    objective = p2law.huber(1e-3, log=True)
    predicted = np.array([1.0, 2.0]) * factor

    moved = objective.shifted(predicted, np.array([1e4, 0.5]))

    assert np.isfinite(moved).all()
    assert (moved > predicted).all()
    assert moved[1] == predicted[1] * np.exp(0.5)
