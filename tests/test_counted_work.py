"""How much work standard fits take, counted and not timed: the same on every machine.

`golden/work.json` holds what was counted last. `pytest tests/test_counted_work.py --rewrite-golden`
counts anew; do so only where the work has changed on purpose, and say why in the commit.
"""

import contextlib
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import p2law
from p2law import forms, testing
from p2law.fitting import polishing
from p2law.solving import projection
from p2law.solving.calling import Law

GOLDEN = Path(__file__).parent / "golden" / "work.json"
ROOM = 1.25
"""How much more than was counted last is still the same: other versions of numpy and scipy."""
DATA = Path(__file__).parents[1] / "data"
TRUTH = {
    "alpha": 0.4,
    "beta": 0.3,
    "gamma": -1.2,
    "delta": 0.2,
    "N_C": 0.3 * 1e9**0.6,
    "D_C": 0.3 * 1e9**0.5,
    "E": 0.3 * 1e9**0.2,
}


def points():
    """The 240 points of the replication."""
    table = p2law.load(DATA / "chinchilla.csv")
    return table[table["in_published_fit"] == 1]


def nine_runs():
    """P² records of nine runs, 200 rows each."""
    table = testing.design((5e8, 1.5e9, 3e9), (0.15, 0.25, 0.35), np.geomspace(2e7, 1e9, 200))
    return testing.synthesize(forms.p2, TRUTH, table, noise=0.003)


def repeated(epochs):
    """Records of the law of repeated data, each text read so often."""
    unique, sizes = np.geomspace(1e8, 1e10, 4), np.geomspace(1e8, 1e10, 4)
    table = p2law.grid(params=sizes, unique_tokens=unique, epochs=epochs)
    table["tokens"] = table["unique_tokens"] * table["epochs"]
    truth = {"E": 1.9, "A": 520.0, "B": 1500.0, "alpha": 0.35, "beta": 0.35}
    truth |= {"R_D": 15.4, "R_N": 5.3}
    return testing.synthesize(forms.repeated_data, truth, table, noise=0.005, seed=2)


def hopeless():
    """Inputs over 17 orders of magnitude that have nothing to do with the losses."""
    table, rng = repeated([1.0, 4.0]), np.random.default_rng(1)
    columns = ("params", "tokens", "unique_tokens")
    return table.assign(**{name: 10 ** rng.uniform(1, 18, len(table)) for name in columns})


def cases():
    """Name, records, and what is done with them."""
    huber, there = p2law.huber(1e-3, log=True), {"params": 1e9, "tokens": 1e9}
    there |= {"pruning_rate": 0.2, "base_loss": 2.0}
    chinchilla = points()
    p2, again, spoiled = nine_runs(), repeated([1.0, 4.0, 16.0, 60.0]), hopeless()
    return {
        "chinchilla, 240 points": (
            chinchilla,
            lambda: p2law.fit(chinchilla, forms.chinchilla, objective=huber),
        ),
        "p2, 1,800 rows": (p2, lambda: p2law.fit(p2, forms.p2)),
        "p2, 1,000 refits": (
            p2,
            lambda: p2law.fit(p2, forms.p2).known.of_refits(1000).draws,
        ),
        "p2, a prediction with its interval": (
            p2,
            lambda: p2law.fit(p2, forms.p2).predict(**there),
        ),
        "repeated_data, 256 rows": (again, lambda: p2law.fit(again, forms.repeated_data)),
        "repeated_data, hopeless": (spoiled, lambda: p2law.fit(spoiled, forms.repeated_data)),
    }


@contextlib.contextmanager
def counting():
    """Count calls of laws and of their derivatives, and the numbers that these return."""
    count = dict.fromkeys(("calls", "values", "derivative calls", "derivatives"), 0)

    def value(self, *asked):
        found = CALL(self, *asked)
        count["calls"] += 1
        count["values"] += int(np.size(found))
        return found

    def slopes(self, *asked):
        found = SLOPES(self, *asked)
        count["derivative calls"] += 1
        count["derivatives"] += sum(int(np.size(each)) for each in found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Law, "__call__", value)
        patch.setattr(Law, "slopes", slopes)
        yield count


CALL, SLOPES = Law.__call__, Law.slopes


def peak(work):
    """Most bytes held at once by what some work allocates."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def measured(records, work):
    """What a case takes: counts, and the most memory held, in sizes of its numeric columns."""
    with counting() as count:
        work()
    size = 8 * len(records) * records.select_dtypes("number").shape[1]
    return {**count, "peak": round(peak(work) / size, 1)}


def too_much(found, last):
    """Sentences on what is more than was counted last."""
    return [
        f"{case}: {found[case][what]} {what}, last {last[case][what]}"
        for case in last
        for what in last[case]
        if found[case][what] > ROOM * last[case][what]
    ]


@pytest.fixture(scope="module")
def work():
    """All cases, measured."""
    return {name: measured(*case) for name, case in cases().items()}


def test_no_standard_fit_takes_more_work_than_before(work, request):
    """
    Calls of the law, numbers that it returns, derivatives, and memory: at most a quarter more.
    """
    if request.config.getoption("--rewrite-golden"):
        GOLDEN.write_text(json.dumps(work, indent=1) + "\n", encoding="utf-8")
    last = json.loads(GOLDEN.read_text(encoding="utf-8"))

    assert list(last) == list(work)
    assert too_much(work, last) == []


def test_the_count_is_the_same_a_second_time(work):
    """
    What is counted does not depend on what ran before.
    """
    name = "chinchilla, 240 points"

    again = measured(*cases()[name])

    assert {**again, "peak": 0} == {**work[name], "peak": 0}
    assert again["peak"] == pytest.approx(work[name]["peak"], rel=0.1)


def test_a_search_done_twice_is_noticed(work, monkeypatch):
    """
    Where every search and every polish runs twice, the guard says so for every count.
    """
    for module, name in ((projection, "search"), (polishing, "polish")):
        once = getattr(module, name)

        def twice(*asked, once=once, **more):
            return once(*asked, **more) and once(*asked, **more)

        monkeypatch.setattr(module, name, twice)
    name = "chinchilla, 240 points"

    found = {**work, name: measured(*cases()[name])}

    said = too_much(found, json.loads(GOLDEN.read_text(encoding="utf-8")))
    for what in ("calls", "values", "derivative calls", "derivatives"):
        assert any(each.startswith(name) and f" {what}," in each for each in said), said


def test_memory_that_doubles_is_noticed(work):
    """
    The peak is compared as the counts are.
    """
    last = {case: {**counts, "peak": counts["peak"] / 2} for case, counts in work.items()}

    assert [each for each in too_much(work, last) if " peak, " not in each] == []
    assert len(too_much(work, last)) == len(work)
