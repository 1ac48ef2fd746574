"""Linear coefficients are solved for, signs and all, and every distinct minimum is met."""

from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import lsq_linear

import p2law
from p2law import forms, testing
from p2law.solving import projection, starting
from p2law.solving.surface import Surface


@pytest.mark.parametrize("signs", [(0, 0, 0), (1, 1, 0), (1, 1, 1), (-1, 1, 0), (-1, -1, -1)])
def test_signed_least_squares_agree_with_scipy(signs):
    """
    For random problems, many at once, the best set of active signs is the one scipy finds.
    """
    rng = np.random.default_rng(0)
    basis, target = rng.normal(size=(40, 3, 12)), rng.normal(size=(40, 12))
    length = np.linalg.norm(basis, axis=-1)
    unit = basis / length[..., None]
    found = projection.signed_solve(
        unit @ np.swapaxes(unit, -1, -2), (unit @ target[..., None])[..., 0], np.array(signs, float)
    )

    low = np.where(np.array(signs) > 0, 0, -np.inf)
    high = np.where(np.array(signs) < 0, 0, np.inf)
    for k in range(40):
        expected = lsq_linear(unit[k].T, target[k], (low, high), method="bvls", tol=1e-14).x
        np.testing.assert_allclose(found[k], expected, atol=1e-8)


def test_with_many_signs_offenders_are_dropped_one_by_one():
    """
    Nine signed coefficients: every answer is feasible and as good as the best.
    """
    rng = np.random.default_rng(1)
    basis, target = rng.normal(size=(10, 9, 60)), rng.normal(size=(10, 60))
    unit = basis / np.linalg.norm(basis, axis=-1)[..., None]

    found = projection.signed_solve(
        unit @ np.swapaxes(unit, -1, -2), (unit @ target[..., None])[..., 0], np.ones(9)
    )

    assert (found >= 0).all()
    for k in range(10):
        best = lsq_linear(unit[k].T, target[k], (0, np.inf)).cost
        assert np.sum((found[k] @ unit[k] - target[k]) ** 2) / 2 <= best * (1 + 1e-9)


def test_a_law_with_two_minima_shows_both():
    """
    Two frequencies fit these points about equally well; both ends are kept, the better one first.
    """
    x = np.linspace(0, 10, 60)
    y = np.sin(1.0 * x) + 0.9 * np.sin(3.0 * x)

    @p2law.form(linear=("a",))
    def wave(x, *, a, w=2.0):
        return a * np.sin(w * x)

    found = projection.search(Surface(wave, {"x": x}), y, np.ones_like(y), seed=0)

    assert [1.0, 3.0] == pytest.approx([each.q[0] for each in found[:2]], abs=0.02)
    assert found[0].squares < found[1].squares


@pytest.mark.parametrize("unit", [2.0**-100, 2.0**-40, 2.0**40])
def test_which_ends_differ_is_the_same_in_any_unit(unit):
    """
    Losses of 1e-12 are no reason to take all ends for one.
    """
    x = np.linspace(0.1, 6, 30)
    y = 2 + np.cos(2 * x) + 0.9 * np.cos(7 * x)

    @p2law.form(linear=("E", "A"))
    def wave(x, *, E: float, A: float, w: Annotated[float, p2law.Bounds(0.1, 20)] = 1.0):
        return E + A * np.cos(w * x)

    def minima(unit):
        found = p2law.fit(pd.DataFrame({"x": x, "loss": y * unit, "run": "a"}), wave)
        return np.array(found.search.minima) / unit**2

    assert len(minima(1.0)) > 2
    assert minima(1.0) == pytest.approx(minima(unit), rel=1e-9)


@pytest.mark.parametrize("objective", [p2law.squared(), p2law.huber(1e-3)], ids=str)
@pytest.mark.parametrize("E", [0.0, 1e-3])
def test_a_coefficient_that_few_rows_show_does_not_keep_a_search_from_the_truth(E, objective):
    """
    Where models have parameters to spare, A moves next to nothing: a step along it is no use.
    """
    truth = {"E": E, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37, "R_D": 15.0, "R_N": 5.0}
    table = testing.design((5e8, 1e9, 3e9, 8e9), (0.3,), np.geomspace(2e7, 1e9, 12))
    table = table.assign(unique_tokens=np.tile([1e8, 1e9, 3e8], 16))
    records = testing.synthesize(forms.repeated_data, truth, table)

    fit = p2law.fit(records, forms.repeated_data, objective=objective)

    assert fit.status.name == ("CONVERGED" if E else "AT_BOUND"), fit.trouble
    assert fit.search.objective < 1e-20
    assert dict(fit.values) == pytest.approx(truth, rel=1e-6)


def test_the_search_ignores_places_where_a_law_has_no_value():
    """
    Half of the range gives NaN; the minimum in the other half is found.
    """
    x = np.linspace(1, 5, 30)

    @p2law.form(linear=("a",))
    def law(x, *, a, b: Annotated[float, p2law.Bounds(-2, 2)] = 0.5):
        return a * x ** np.where(b > 0, b, np.nan)

    found = projection.search(Surface(law, {"x": x}), 2 * x**0.7, np.ones_like(x), seed=0)

    assert 0.7 == pytest.approx(found[0].q[0], abs=1e-6)


@pytest.mark.parametrize("middle", [-3.0, 5.0, 0.25])
def test_a_default_of_zero_is_no_guess_of_the_size(middle):
    """
    Without bounds a coefficient is looked for far from 0 either way, small or not.
    """

    @p2law.form(linear=("floor", "depth"))
    def dip(x, *, floor: float, depth: float, middle: float = 0.0):
        return floor + depth * np.exp(-((x - middle) ** 2) / 2)

    x = middle + np.linspace(-6, 5, 80)
    table = pd.DataFrame({"run": "a", "x": x, "loss": dip(x, floor=3, depth=-2, middle=middle)})

    assert p2law.fit(table, dip).values["middle"] == pytest.approx(middle, abs=1e-9)


def test_points_that_fill_many_dimensions_are_even_and_repeatable():
    """
    Six coefficients: no tenth of any range holds much more than its share, and a seed decides.
    """
    ranges = [(0.0, 1.0)] * 6

    points = starting._fill(ranges, seed=3)

    for column in points.T:
        share = np.histogram(column, bins=10, range=(0, 1))[0] / len(points)
        assert 0.08 < share.min()
        assert share.max() < 0.12
    np.testing.assert_array_equal(points, starting._fill(ranges, seed=3))
    assert not np.array_equal(points, starting._fill(ranges, seed=4))


def test_rows_are_spread_over_the_whole_design():
    """
    A few rows of many still hold every size and every rate.
    """
    table = testing.design()
    surface = Surface(forms.p2, {name: table[name].to_numpy() for name in forms.p2.columns})

    few = table.iloc[starting.spread_rows(surface, 64)]

    assert 64 == len(few)
    assert set(table["params"]) == set(few["params"])
    assert set(table["pruning_rate"]) == set(few["pruning_rate"])
