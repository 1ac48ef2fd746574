"""The learning rate is a function of the tokens seen, nothing else."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2law.collect.schedule import learning_rate
from p2law.collect.settings import Training

SCHEDULES = typing.get_args(typing.get_type_hints(Training)["schedule"])
SETTINGS = {"peak": 1e-3, "total": 1000.0, "warmup": 100.0, "decay": 200.0, "final_rate": 0.1}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_rises_straight_to_the_peak(schedule):
    """
    Half of the warm-up gives half of the peak; at its end the peak is reached.
    """
    assert 5e-4 == learning_rate(50, schedule=schedule, **SETTINGS)
    assert 1e-3 == learning_rate(100, schedule=schedule, **SETTINGS)


def test_constant_stays():
    """
    Checkpoints of one run are comparable only if the rate stays.
    """
    rates = {learning_rate(t, schedule="constant", **SETTINGS) for t in range(100, 1001, 50)}

    assert {1e-3} == rates


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_decaying_schedules_end_at_their_share(schedule):
    """
    The last step has the final share of the peak.
    """
    assert learning_rate(1000, schedule=schedule, **SETTINGS) == pytest.approx(1e-4, rel=1e-12)


def test_cosine_is_half_way_down_in_the_middle():
    """
    Half a cosine passes the mean of both ends in the middle.
    """
    assert learning_rate(550, schedule="cosine", **SETTINGS) == pytest.approx(5.5e-4, rel=1e-12)


def test_wsd_holds_and_then_falls_straight():
    """
    Constant up to the decay, then a straight line.
    """
    assert 1e-3 == learning_rate(800, schedule="wsd", **SETTINGS)
    assert learning_rate(900, schedule="wsd", **SETTINGS) == pytest.approx(5.5e-4, rel=1e-12)


@given(st.sampled_from(SCHEDULES), st.floats(1, 1000), st.floats(0, 500), st.floats(0, 1))
def test_the_rate_never_leaves_zero_to_peak(schedule, tokens, warmup, final_rate):
    """
    Whatever the settings, the rate is positive at most where it should be.
    """
    rate = learning_rate(
        tokens,
        schedule=schedule,
        peak=2.0,
        total=1000.0,
        warmup=warmup,
        decay=300.0,
        final_rate=final_rate,
    )

    assert 0 <= rate <= 2.0
