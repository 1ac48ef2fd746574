"""Whatever comes in, out comes an answer or a refusal in words."""

import csv
import itertools
import signal
import warnings

import numpy as np
import pandas as pd
import pytest

from tests.hostile import others, tables
from tests.hostile.apart import outcomes
from tests.hostile.choices import Choices
from tests.hostile.running import TARGETS, case, outcome
from tests.hostile.spoiling import VALUES, spoiled_cell
from tests.hostile.worst import answers, dies, hangs, hogs, leaves

SAMPLE, PARTS = 2_002, 26
SECONDS = 10
"""Of the processor, twice what is promised: the slowest takes four, and a runner may be slow."""


@pytest.mark.parametrize("part", range(PARTS))
def test_hostile_input_is_answered_or_refused_in_words(part):
    """
    Files, tables, logs, saved fits, sweep files, commands and laws, all a little or very wrong.

    Nothing but a result or a P2LawError with words, and no warning of numpy's. The cases are
    made from their numbers; `python benchmarks/fuzz.py --only NUMBER` runs one again. That they
    take no more than a GiB is watched there, not here.
    """
    size = SAMPLE // PARTS
    found = [case(number, seconds=SECONDS) for number in range(part * size, (part + 1) * size)]

    assert [each for each in found if each.kind == "unexplained"] == []
    assert {each.target for each in found} == set(TARGETS)
    assert {each.kind for each in found} >= {"result", "refused"}


@pytest.mark.parametrize(
    "warned",
    [
        lambda: np.array([1e308]) * 10,
        lambda: np.array([1j]).astype(float),
        lambda: warned_in("anywhere", np.exceptions.VisibleDeprecationWarning),
        lambda: warned_in("numpy.lib", DeprecationWarning),
        lambda: warned_in("p2law.solving", FutureWarning),
    ],
)
def test_a_warning_of_numpys_is_unexplained(warned):
    """
    That of another library about its own is none of ours.
    """
    kind, what = outcome(lambda _: warned())

    assert ("unexplained", True) == (kind, "Warning" in what)
    assert ("result", "") == outcome(lambda _: warned_in("pandas.core", DeprecationWarning))


def warned_in(module, kind):
    """Warn as that module would."""
    warnings.warn_explicit("x", kind, "x.py", 1, module)


def test_cells_that_hold_commas_are_written_bare_and_quoted():
    """
    Bare ones are two cells, quoted ones are thousands separators to be told.
    """
    made = [spoiled_cell("a,b,c\n1,2,3", np.random.default_rng(k)) for k in range(1_000)]

    rows = [row for each in made for row in csv.reader(each.splitlines())]
    assert {"1,000", "1.000,5"} < {cell for row in rows for cell in row}
    assert ["1", "1", "000", "3"] in rows


@pytest.mark.parametrize("kind", range(12))
def test_any_table_can_be_spoiled(kind):
    """
    Also one with two columns of one name; what pandas cannot hold as it is, it holds as objects.
    """
    plain, name = tables.table(np.random.default_rng(0)), tables.COLUMNS.index("tokens")
    twice = plain.rename(columns={"seed": "tokens"})

    for made, rest in itertools.product((plain, twice), range(len(VALUES))):
        choices = Choices(bytes([name, kind, *[rest] * 100]))
        assert isinstance(tables._spoiled_frame(made, choices), pd.DataFrame)


def test_a_case_that_kills_its_process_is_named_and_the_others_go_on():
    """
    One that hangs, too, and one that takes too much memory.
    """
    makers = {each.__name__: each for each in (answers, dies, leaves, hangs, hogs)}

    found = [each for each, _ in outcomes(range(6), makers, patience=2)]

    assert [*range(6)] == [each.number for each in found]
    assert [*makers, "answers"] == [each.target for each in found]
    assert ["result", *["unexplained"] * 4, "result"] == [each.kind for each in found]
    died, left, hung, hogged = (each.what for each in found[1:5])
    assert "killed, crashed, or hung for 2 s" in died
    assert died == hung
    assert "SystemExit" in left
    assert "MemoryError" in hogged


def test_what_a_case_begins_with_is_made_before_its_time_runs(monkeypatch):
    """
    The fit that it spoils is not its doing, nor is what making that imports.
    """
    running, made = list[bool](), others.saved_fits

    def saved_fits():
        running.append(signal.getitimer(signal.ITIMER_PROF)[0] > 0)
        return made()

    monkeypatch.setattr(others, "saved_fits", saved_fits)

    case([*TARGETS].index("from_json"))

    assert [False, True] == running
