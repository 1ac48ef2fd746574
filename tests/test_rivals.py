"""How often one candidate does as well as another: refit by refit, or each with each."""

import itertools

import numpy as np
import pytest

from p2law import planning
from p2law.planning import rivals

MODEL = planning.Model("3B", 3e9, 2.0)


@pytest.mark.parametrize("asked", [{"tokens": 3e8}, {"loss": 2.3}])
def test_how_fits_are_named_changes_nothing_of_a_choice_nor_of_a_frontier(plan_fits, asked):
    """
    Neither chances nor intervals of differences hang on which fit stands first.
    """
    rows = planning.candidates(MODEL, [0.3, 0.35], [*plan_fits])
    found = []

    for names in itertools.permutations(plan_fits):
        fits = {name: plan_fits[name] for name in names}
        choice = planning.choose(fits, rows, **asked).table
        front = planning.frontier(fits, rows, against="params_after", **asked).table
        ties = front[["ties", "tied_with"]].to_dict("list")
        found.append((choice[["behind_low", "behind_high", "chance"]].to_numpy(), ties))

    assert 0 < sum(found[0][1]["ties"])
    for numbers, ties in found[1:]:
        np.testing.assert_array_equal(numbers, found[0][0])
        assert ties == found[0][1]


@pytest.mark.parametrize("asked", [{"tokens": 3e8}, {"loss": 2.1}])
def test_each_refit_of_one_fit_goes_with_each_of_another(plan_fits, asked):
    """
    By the definition, pair by pair, also where many never get there; of one fit refit by refit.
    """
    rows = planning.candidates(MODEL, [0.3, 0.35, 0.5], ["width", "2:4"])
    found = planning.budget_table(plan_fits, rows, draws=100, **asked)
    values, every = found.values[1:], np.arange(len(rows))

    for other in every:
        pairs = values[:, None] <= values[None, :, [other]]
        paired = np.mean(values <= values[:, [other]], axis=0)
        expected = np.where(found.fit == found.fit[other], paired, pairs.mean(axis=(0, 1)))
        np.testing.assert_allclose(rivals.as_good(found, every, other), expected, rtol=1e-14)

    assert [0, 0, 0, 1, 1, 1] == (found.fit != found.fit[0]).astype(int).tolist()


def test_differences_of_different_fits_are_spread_over_all_pairs(plan_fits):
    """
    Their interval is that of all pairs, to a few hundredths of its width.
    """
    rows = planning.candidates(MODEL, 0.35, ["width", "2:4", "depth"])
    found = planning.budget_table(plan_fits, rows, tokens=3e8)
    values = found.values[1:]

    for row, other in itertools.permutations(range(3), 2):
        told = np.quantile(rivals.more(found, np.array([row]), other), [0.05, 0.95])
        every = np.quantile(values[:, None, row] - values[None, :, other], [0.05, 0.95])
        np.testing.assert_allclose(told, every, atol=0.05 * (every[1] - every[0]))


def test_one_fit_of_two_methods_is_compared_by_the_same_refits(plan_fits):
    """
    It is one fit, by whatever names.
    """
    fits = {"depth": plan_fits["2:4"], "width": plan_fits["2:4"]}

    found = planning.choose(fits, planning.candidates(MODEL, 0.35, [*fits]), tokens=3e8).table

    assert [0, 0] == found["behind_high"].tolist()
    assert [1, 1] == found["chance"].tolist()
