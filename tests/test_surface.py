"""Coordinates are well conditioned in any unit, and derivatives are exact."""

from typing import Annotated

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2law
from p2law import forms, testing
from p2law.errors import FormError
from p2law.solving.surface import Surface
from p2law.testing import contract


def a_surface(form=forms.p2, table=None, **options):
    table = testing.design() if table is None else table
    return Surface(form, {name: table[name].to_numpy() for name in form.columns}, **options)


def test_coordinates_and_coefficients_are_inverse(truth):
    """
    There and back, for a law with coefficients from 0.3 to 80,000.
    """
    surface = a_surface()

    back = surface.coefficients(surface.coordinates(truth))

    assert truth == pytest.approx(back, rel=1e-14)


def test_predictions_are_those_of_the_law(truth):
    """
    Through coordinates or straight, the same numbers.
    """
    table = testing.design()
    surface = a_surface(table=table)

    straight = forms.p2(*(table[name].to_numpy() for name in forms.p2.columns), **truth)

    np.testing.assert_allclose(surface.predict(surface.coordinates(truth)), straight, rtol=1e-13)


def test_linear_coordinates_are_sizes_at_the_middle(truth):
    """
    The coordinate of N_C is what its term adds at the geometric mean of every input.
    """
    surface = a_surface()
    size = dict(zip(surface.names, surface.coordinates(truth), strict=True))

    at = {**truth, "D_C": 0.0, "E": 0.0}
    term = forms.p2(*surface.pivot, **at) - surface.pivot[3]

    assert size["N_C"] == pytest.approx(term, rel=1e-12)


@pytest.mark.parametrize("form", forms.builtin, ids=lambda form: form.name)
def test_the_jacobian_agrees_with_central_differences(form):
    """
    In pivoted coordinates, for every law, with a batch of two points at once.
    """
    table = (
        contract._inputs(form)
        if form is not forms.retention
        else p2law.grid(pruning_rate=[0.1, 0.3, 0.5], base_score=[0.5, 0.7])
    )
    surface = a_surface(form, table)
    q = np.stack([surface.coordinates(testing.some_coefficients(form, table, k)) for k in (1, 2)])

    exact = surface.jacobian(q)

    step = 1e-6
    for k in range(q.shape[1]):
        move = np.eye(q.shape[1])[k] * step
        slope = (surface.predict(q + move) - surface.predict(q - move)) / (2 * step)
        np.testing.assert_allclose(exact[:, k], slope, rtol=1e-5, atol=1e-7 * np.abs(slope).max())


def test_the_factor_has_the_lengths_and_angles_of_the_jacobian(truth, monkeypatch):
    """
    Block by block or at once: the same Gram matrix.
    """
    surface = a_surface()
    q = surface.coordinates(truth)
    whole = surface.jacobian(q)

    monkeypatch.setattr("p2law.solving.surface.BLOCK", 37)
    factor = surface.factor(q)

    np.testing.assert_allclose(factor @ factor.T, whole @ whole.T, rtol=1e-9)


@given(exponent=st.floats(-60, 60))
def test_terms_keep_their_digits_whatever_their_size(exponent):
    """
    A term of 1e-60 beside a base of 2 is read off without losing a digit.
    """

    @p2law.form(linear=("a",))
    def law(x, *, a, b=1.0):
        return 2.0 + a * 10.0**exponent * x**b

    x = np.array([1.0, 3.0, 7.0])

    terms = Surface(law, {"x": x}).terms([np.array(1.0)])

    np.testing.assert_allclose(terms[1], 10.0**exponent * x, rtol=1e-14)


def test_a_term_that_vanishes_at_the_middle_does_no_harm():
    """
    A straight line through the pivot has no size there; its typical size serves instead.
    """

    @p2law.form(linear=("a", "b"))
    def line(x, *, a, b):
        return a + b * x

    x = np.linspace(-1, 1, 9)
    surface = Surface(line, {"x": x})

    assert {"a": 2.0, "b": -3.0} == pytest.approx(
        surface.coefficients(surface.coordinates({"a": 2.0, "b": -3.0}))
    )
    assert [1.0, np.sqrt(np.mean(x**2))] == pytest.approx(surface.scale(np.zeros(0)))


def test_a_law_that_takes_only_single_coefficients_is_called_one_by_one():
    """
    `if` on a coefficient is allowed; batches then go through a loop.
    """

    @p2law.form()
    def law(x, *, a: Annotated[float, p2law.Bounds(0, 2)] = 0.5):
        return x * (a if a > 1 else a**2)

    surface = Surface(law, {"x": np.arange(1.0, 4.0)})

    found = surface.predict(np.array([[0.5], [1.5]]))

    np.testing.assert_allclose(found, [[0.25, 0.5, 0.75], [1.5, 3.0, 4.5]])


def test_its_derivatives_are_called_one_by_one_too():
    """
    They may ask the same `if` as the law, and be given for coefficients that are tied.
    """

    def derivatives(x, *, a, b, c):  # noqa: ARG001
        return {"a": x * (1.0 if a > 1 else 2 * a), "b": 1.0, "c": x**2}

    @p2law.form(derivatives=derivatives)
    def law(x, *, a: Annotated[float, p2law.Bounds(0, 2)] = 0.5, b=1.0, c=1.0):
        return x * (a if a > 1 else a**2) + b + c * x**2

    surface = Surface(law, {"x": np.arange(1.0, 4.0)}, tied={"c": "b"})

    found = surface.jacobian(np.array([[0.5, 1.0], [1.5, 1.0]]))

    assert "" == surface.note
    np.testing.assert_allclose(found, [[[1, 2, 3], [2, 5, 10]], [[1, 2, 3], [2, 5, 10]]])
    assert (0, 2, 3) == surface.jacobian(np.empty((0, 2))).shape


def test_derivatives_that_fail_are_named_with_their_error():
    """
    Where the law takes arrays and they do not, and where they fail only later.
    """

    def derivatives(x, *, a):
        if a > 1:
            raise ZeroDivisionError("oops")
        return {"a": x}

    @p2law.form(derivatives=derivatives)
    def law(x, *, a: Annotated[float, p2law.Bounds(0, 2)] = 0.5):
        return x * a

    surface = Surface(law, {"x": np.arange(1.0, 4.0)})

    with pytest.raises(FormError, match=r"derivatives of law cannot be .* ZeroDivisionError: oops"):
        surface.jacobian(np.array([1.5]))
    with pytest.raises(FormError, match=r"ValueError: The truth value .* take what the law takes"):
        surface.jacobian(np.array([[0.5], [0.6]]))


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("loss", [1e-12, 1.0, 1e12])
def test_a_wrong_derivative_is_noticed_in_any_unit(unit, loss):
    """
    np.abs hides it from a complex step, whether a coefficient is in tokens or in billions.
    """

    @p2law.form()
    def law(x, *, shift: Annotated[float, p2law.Bounds(0, 10 * unit)] = unit):
        return loss * (2 + np.abs((x + shift) / unit) ** -0.4)

    surface = Surface(law, {"x": unit * np.geomspace(0.1, 100, 40)})

    assert "central differences instead of complex step" in surface.note


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("loss", [1e-12, 1.0, 1e12])
def test_an_exact_derivative_is_trusted_in_any_unit(unit, loss):
    """
    Also where it is far below what rounding leaves of a difference.
    """

    @p2law.form()
    def law(x, *, shift: Annotated[float, p2law.Bounds(0, 10 * unit)] = unit, b=1.0):
        return loss * (2 + ((x + shift) / unit) ** -0.4 + 1e-11 * np.log(x / unit) ** b)

    surface = Surface(law, {"x": unit * np.geomspace(10, 100, 40)})

    assert "" == surface.note


@pytest.mark.parametrize("end", [0, 1])
def test_a_coordinate_at_its_bound_is_the_bound_and_there_again(end):
    """
    Logarithms round: e to the logarithm of 1e4 is more than 1e4.
    """
    form = forms.repeated_data
    surface = a_surface(form, testing.design().assign(unique_tokens=1e8))
    q = surface.generic_point()
    bounded = np.arange(len(surface.nonlinear))
    q[bounded] = surface.box[end][bounded]

    found = surface.coefficients(q)

    for name in surface.nonlinear:
        bounds = form.coefficient(name).bounds
        assert found[name] == (bounds.least, bounds.most)[end]
    assert surface.coordinates(found)[bounded].tolist() == q[bounded].tolist()


def test_derivatives_that_overflow_can_still_be_squared():
    """
    D^-3 at 1e-120 tokens is no number; its derivatives say as much as one can.
    """
    columns = {"tokens": np.array([1e-120, 1e3])}
    surface = Surface(forms.token_power, columns)
    q = np.array([3.0, *np.ones(len(surface.names) - 1)])

    assert not np.isfinite(surface.jacobian(q)).all()
    assert np.isfinite(surface.finite_jacobian(q) ** 2).all()
    assert np.isfinite(surface.factor(q)).all()
