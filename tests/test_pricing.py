"""What tokens cost: what is multiplied, what is paid besides, and what a sum pays for."""

import numpy as np
import pandas as pd
import pytest

from p2law.errors import PlanError
from p2law.planning.combining import candidates
from p2law.planning.limits import Limits
from p2law.planning.models import Model
from p2law.planning.pricing import Prices, bill

EIGHT = Model("8B", params=8e9, base_loss=2.0)


def test_sliced_models_multiply_what_is_left_and_masked_ones_everything():
    """
    6 N a token; zeros are multiplied like other numbers.
    """
    table = candidates(EIGHT, 0.5, ["depth", "width", "2:4", "unstructured"])

    found = bill(table, Prices())

    assert [6 * 4e9, 6 * 4e9, 6 * 8e9, 6 * 8e9] == found.per_token.tolist()
    assert (
        "FLOPs are 6 x N x tokens, N the parameters after pruning by depth or width, all of them "
        "for 2:4, unstructured"
    ) in found.notes


def test_known_flops_per_token_come_first():
    """
    Those of the model, less by what structured pruning takes away.
    """
    known = Model("8B", params=8e9, base_loss=2.0, flops_per_token=5e10)
    table = candidates([known, Model("3B", 3e9, 2.2)], 0.25, ["depth", "2:4"])

    found = bill(table, Prices())

    np.testing.assert_allclose(found.per_token, [0.75 * 5e10, 5e10, 6 * 2.25e9, 6 * 3e9])
    assert "where flops_per_token is not given" in found.notes[0]


def test_calibration_and_evaluation_are_forward_passes():
    """
    2 N a token: before pruning the one, after it the other.
    """
    table = candidates(EIGHT, 0.5, ["depth", "2:4"])
    prices = Prices(calibration_tokens=1e6, evaluation_tokens=1e7)

    found = bill(table, prices).of(np.array([1e9, 1e9]))

    expected = [
        6 * 4e9 * 1e9 + 2 * 8e9 * 1e6 + 2 * 4e9 * 1e7,
        6 * 8e9 * 1e9 + 2 * 8e9 * 1e6 + 2 * 8e9 * 1e7,
    ]
    np.testing.assert_allclose(found["flops"], expected)
    assert np.isnan(found["gpu_hours"]).all()
    assert any("forward passes of 1e6 tokens" in each for each in bill(table, prices).notes)


def test_gpu_hours_come_from_peak_and_mfu_and_money_from_them():
    """
    FLOPs over what a GPU really does, times the price.
    """
    prices = Prices(peak_flops=1e15, mfu=0.4, gpu_hour=2.0)

    found = bill(candidates(EIGHT, 0.5, "depth"), prices).of(np.array([1e9]))

    hours = 6 * 4e9 * 1e9 / 0.4e15 / 3600
    np.testing.assert_allclose([found["gpu_hours"][0], found["cost"][0]], [hours, 2 * hours])


def test_a_stated_throughput_is_that_of_training_tokens():
    """
    A million tokens a second: so many seconds. A candidate's own comes first.
    """
    table = candidates(EIGHT, [0.25, 0.5], "depth").assign(tokens_per_second=[np.nan, 2e6])

    found = bill(table, Prices(tokens_per_second=1e6)).of(np.array([3.6e9, 3.6e9]))

    np.testing.assert_allclose(found["gpu_hours"], [1.0, 0.5])


@pytest.mark.parametrize("unit", ["tokens", "flops", "gpu_hours", "cost"])
def test_what_a_budget_pays_for_costs_the_budget(unit):
    """
    There and back.
    """
    table = candidates(EIGHT, [0.25, 0.5], ["depth", "2:4"])
    prices = Prices(tokens_per_second=1e5, gpu_hour=3.0, calibration_tokens=1e6)
    found = bill(table, prices)

    tokens = found.tokens(unit, np.full(4, 1e20 if unit == "flops" else 1e3))

    back = {"tokens": tokens, **found.of(tokens)}[unit]
    np.testing.assert_allclose(back, 1e20 if unit == "flops" else 1e3)


def test_money_without_a_price_pays_for_nothing_that_is_known():
    """
    The cure names what is missing.
    """
    found = bill(candidates(EIGHT, 0.5, "depth"), Prices(tokens_per_second=1e5))

    with pytest.raises(PlanError, match=r"a budget of cost says nothing.*and gpu_hour"):
        found.tokens("cost", np.ones(1))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mfu": 0.4}, "an mfu says nothing without peak_flops"),
        ({"peak_flops": 1e15}, "give both or neither"),
        ({"mfu": 40, "peak_flops": 1e15}, "mfu is a share of the peak, got 40; 40 per cent are"),
        ({"gpu_hour": -1}, r"gpu_hour is a positive number, got -1 \(int\)"),
        ({"gpu_hour": True}, "gpu_hour is a positive number, got True"),
        ({"calibration_tokens": -1}, "calibration_tokens is a number of tokens from 0 on"),
        (
            {"tokens_per_second": 1e5, "mfu": 0.4, "peak_flops": 1e15},
            "either tokens_per_second or peak_flops with mfu, not both",
        ),
    ],
)
def test_prices_that_contradict_themselves_are_refused(wrong, words):
    """
    When they are stated, not when they are used.
    """
    with pytest.raises(PlanError, match=words):
        Prices(**wrong)


def test_a_throughput_that_is_none_is_refused_with_its_row():
    """
    Which candidate, and what stands there.
    """
    table = pd.concat([candidates(EIGHT, 0.5, "depth")] * 2, ignore_index=True)

    with pytest.raises(PlanError, match="tokens_per_second of candidate 1 is -5"):
        bill(table.assign(tokens_per_second=[1e5, -5.0]), Prices())


def test_a_peak_in_other_units_is_refused():
    """
    TFLOP/s are the usual slip.
    """
    with pytest.raises(PlanError, match=r"peak_flops is 989 FLOP/s.*; in TFLOP/s, write 9.89e14"):
        Prices(peak_flops=989, mfu=0.4)


def test_a_probability_in_per_cent_is_told_the_cure():
    """
    Shares lie below one.
    """
    with pytest.raises(PlanError, match=r"probability lies between 0 and 1, got 90 .*are 0\.9"):
        Limits(probability=90)
