"""Whatever comes in, out comes an answer or a refusal in words."""

import pytest

from tests.hostile.running import TARGETS, case

SAMPLE, PARTS = 2_002, 26


@pytest.mark.parametrize("part", range(PARTS))
def test_hostile_input_is_answered_or_refused_in_words(part):
    """
    Files, tables, logs, saved fits, sweep files, commands and laws, all a little or very wrong.

    Nothing but a result or a P2LawError with words, and no warning of numpy's. The cases are
    made from their numbers; `python benchmarks/fuzz.py --only NUMBER` runs one again.
    """
    size = SAMPLE // PARTS
    found = [case(number, seconds=60) for number in range(part * size, (part + 1) * size)]

    assert [each for each in found if each.kind == "unexplained"] == []
    assert {each.target for each in found} == set(TARGETS)
    assert {each.kind for each in found} >= {"result", "refused"}
