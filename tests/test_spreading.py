"""Few rows that stand for many fall in step with nothing."""

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import forms, testing
from p2law.solving import resampling
from p2law.solving.factoring import triangular, whitening
from p2law.solving.spreading import scattered, spread


@pytest.mark.parametrize("most", [32, 48, 256, 1000])
@pytest.mark.parametrize("turns", [2, 3, 6, 12])
def test_of_values_that_take_turns_all_are_met_alike(most, turns):
    """
    Places evenly apart would meet a single one of them, over and over.
    """
    for count in (turns * (most - 1) + 1, 3 * turns * (most - 1) + 1):
        met = np.bincount(scattered(count, most) % turns, minlength=turns)

        assert len(set(spread(count, most) % turns)) == 1
        assert np.sum(met > 0) >= 0.9 * turns
        assert met.max() < 3 * most / turns


@pytest.mark.parametrize(("count", "most"), [(1, 1), (5, 5), (5, 9), (33, 32), (1001, 48)])
def test_places_rise_from_the_first_to_the_last(count, most):
    """
    None stands twice, and nothing at either end is left out.
    """
    places = scattered(count, most)

    assert len(places) == min(count, most)
    assert (np.diff(places) > 0).all()
    assert (places[0], places[-1]) == (0, count - 1)


@pytest.mark.parametrize("per", [20, 24])
def test_sizes_that_take_turns_leave_intervals_as_wide_as_they_are(per, monkeypatch):
    """
    120 runs of twelve sizes at the same token counts: every twelfth row is one size. The refits of
    large tables of many runs go to some of the rows; were these of few sizes, widths would be
    others.
    """
    grid = p2law.grid(
        part=np.arange(10) / 4.9,
        tokens=np.geomspace(1e9, 1e10, per, endpoint=False),
        params=np.geomspace(1e8, 1e10, 12),
    )
    grid["run"] = grid["params"].astype(str) + " " + grid["part"].astype(str)
    grid["tokens"] *= 10 ** grid.pop("part")
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    records = testing.synthesize(forms.chinchilla, truth, grid, noise=0.002, run_noise=0.02, seed=3)
    monkeypatch.setattr(resampling, "DEAR", 1000)
    monkeypatch.setattr(resampling, "FEW_VALUES", 0)  # else a row of each size would be among them
    monkeypatch.setattr(resampling, "CURVE_ROWS", len(records) // 12 + 1)

    def widths():
        told = p2law.fit(records, forms.chinchilla).predict(params=[1e9, 1e11], tokens=1e11)
        return (told["high"] - told["low"]).to_numpy()

    found = widths()
    monkeypatch.setattr(resampling, "CURVE_ROWS", len(records))

    assert found == pytest.approx(widths(), rel=0.02)


def test_ways_are_of_length_one_and_their_squares_the_leverage():
    """
    Also where a column is nothing, or the sum of two others.
    """
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(4, 50)) * np.array([1e-8, 1.0, 1e8, 1.0])[:, None]
    matrix = np.vstack([matrix, 0 * matrix[0], matrix[1] + matrix[3]])

    ways = whitening(triangular(np.split(matrix, 5, axis=1), 6)) @ matrix

    assert ways @ ways.T == pytest.approx(np.eye(4), abs=1e-9)
    even = matrix[:4] / np.abs(matrix[:4]).max(axis=1)[:, None]
    hat = even.T @ np.linalg.solve(even @ even.T, even)
    assert np.sum(ways**2, axis=0) == pytest.approx(np.diagonal(hat))


def test_a_weighty_run_is_followed_as_far_as_it_weighs():
    """
    What the law follows is told by the hat matrix of the weighted rows.
    """
    rng = np.random.default_rng(0)
    tokens = np.tile(np.geomspace(1e8, 1e10, 6), 8)
    loss = 2 + (tokens / 1e8) ** -0.4 + 0.003 * rng.standard_normal(48)
    run = np.repeat([*"abcdefgh"], 6)
    records = pd.DataFrame({"run": run, "tokens": tokens, "loss": loss})
    records["trust"] = np.where(run == "a", 1000.0, 1.0)
    fit = p2law.fit(records, forms.token_power, weight="trust", objective=p2law.squared(log=True))
    problem = fit.known.problem
    slopes = problem.jacobian(problem.surface.coordinates(fit.values)) * np.sqrt(problem.weight)

    ways = fit.known.ways(np.arange(48))

    hat = slopes.T @ np.linalg.solve(slopes @ slopes.T, slopes)
    assert ways.T @ ways == pytest.approx(hat, abs=1e-7)
    assert np.sum(ways[:, run == "a"] ** 2) > 2.9
