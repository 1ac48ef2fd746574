"""The benchmark that turns plans round: what it counts as no answer, and what it does not."""

import importlib
from pathlib import Path

import pytest

from p2law import forms
from p2law.errors import RecordError, UnreachableLossError

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks stay with the source tree", allow_module_level=True)


@pytest.fixture
def trip(monkeypatch):
    """One trip of the smallest law, with plans that end in an error."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    script = importlib.import_module("planning")

    def called(error):
        def refused(*_, **__):
            raise error

        monkeypatch.setattr(script.planning, "tokens_for", refused)
        return script.there_and_back(forms.token_power, seed=0)

    return called


def test_a_target_that_is_the_floor_has_no_tokens(trip):
    """
    To the last digit it may be; then endless tokens are right.
    """
    assert float("inf") == trip(UnreachableLossError("the floor", 2.0, 2.0, 2.0, 0.0))["tokens"]


def test_any_other_refusal_of_a_plan_is_seen(trip):
    """
    It would be a fault of the plan, and is not counted as a floor.
    """
    with pytest.raises(RecordError, match="a fault"):
        trip(RecordError("a fault"))
