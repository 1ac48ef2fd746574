"""How much work standard jobs take, counted and not timed: the same on every machine.

`golden/work.json` holds what was counted last, with pandas 2, where texts are objects that are
looked at one by one, and with pandas 3. `pytest tests/test_counted_work.py --rewrite-golden`
counts anew with the pandas that is there; do so only where the work has changed on purpose, with
both, and say why in the commit.
"""

import contextlib
import cProfile
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import standard_work

import p2law
from p2law import records
from p2law.fitting import polishing
from p2law.result import saving
from p2law.solving import projection
from p2law.solving.calling import Law
from p2law.text import views

GOLDEN = Path(__file__).parent / "golden" / "work.json"
PANDAS = f"pandas {pd.__version__.split('.', maxsplit=1)[0]}"
ROOM = 1.25
"""How much more than was counted last is still the same: other versions of numpy and scipy."""
LITTLE = 100_000
"""Bytes that are as good as none: what the interpreter keeps for itself comes and goes."""
PACKAGE = str(Path(p2law.__file__).parent)
INLINED = {"<listcomp>", "<setcomp>", "<dictcomp>"}
"""Functions of their own until Python 3.11, and none since."""
LAW = ("calls", "values", "derivative calls", "derivatives")
CODE = ("functions", "asked", "lines")


@contextlib.contextmanager
def counting():
    """Count calls of laws and of their derivatives, and the numbers that these return."""
    count = dict.fromkeys(LAW, 0)

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


def called(work):
    """How often functions of p2law run, and what they ask for: of p2law, numpy, Python.

    What numpy and pandas do inside is theirs, and differs from version to version.
    """
    profile = cProfile.Profile()
    profile.runcall(work)
    own = [
        each
        for each in profile.getstats()
        if not isinstance(each.code, str) and each.code.co_filename.startswith(PACKAGE)
    ]
    asked = [each for caller in own for each in caller.calls or ()]
    return {"functions": _times(own), "asked": _times(asked)}


def _times(entries):
    """Calls of all but comprehensions."""
    return sum(
        each.callcount
        for each in entries
        if isinstance(each.code, str) or each.code.co_name not in INLINED
    )


def lines(work):
    """How many lines of p2law are run, each as often as it is: loops that call nothing, too."""
    count, before = 0, sys.gettrace()

    def inside(_, event, __):
        nonlocal count
        count += event == "line"
        return inside

    def entered(frame, _, __):
        return inside if frame.f_code.co_filename.startswith(PACKAGE) else None

    sys.settrace(entered)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def peak(work):
    """Most bytes held at once by what some work allocates.

    No garbage is collected meanwhile: when that happens hangs on all that was done before.
    """
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


def measured(case):
    """What a case takes: counts, and the most memory held, in sizes of its numeric columns.

    Memory comes first, so that what is made once for all, such as a law's derivatives, is there.
    """
    held = round(max(peak(_ready(case)), LITTLE) / size_of(case), 1)
    work = _ready(case)
    with counting() as count:
        calls = called(work)
    return {**count, **calls, "lines": lines(_ready(case)), "peak": held}


def size_of(case):
    """Bytes of the numeric columns of its records."""
    return 8 * len(case.records) * case.records.select_dtypes("number").shape[1]


def _ready(case):
    """The work of a case, with what it needs made before."""
    given = case.fresh()
    return lambda: case.work(given)


def counted_last():
    """What was counted last with this pandas."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))[PANDAS]


def too_much(found, last):
    """Sentences on what is more than was counted last."""
    return [
        f"{case}: {found[case][what]} {what}, last {last[case][what]}"
        for case in last
        for what in last[case]
        if found[case][what] > ROOM * last[case][what]
    ]


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """All cases by name."""
    return standard_work.cases(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def work(cases):
    """All cases, measured."""
    return {name: measured(case) for name, case in cases.items()}


def test_no_standard_job_takes_more_work_than_before(work, request):
    """
    Calls and lines of Python, calls of the law, numbers that it returns, memory: a quarter at most.
    """
    if request.config.getoption("--rewrite-golden"):
        kept = json.loads(GOLDEN.read_text(encoding="utf-8")) | {PANDAS: work}
        GOLDEN.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    assert list(counted_last()) == list(work)
    assert too_much(work, counted_last()) == []


@pytest.mark.parametrize("name", ["chinchilla, 240 points", "records, one CSV", "a fit as text"])
def test_the_count_is_the_same_a_second_time(cases, work, name):
    """
    What is counted does not depend on what ran before.
    """
    again = measured(cases[name])

    assert {**again, "peak": 0} == {**work[name], "peak": 0}
    assert again["peak"] == pytest.approx(work[name]["peak"], rel=0.1)


def test_the_count_is_the_same_in_another_process(work, tmp_path):
    """
    Nor on the order of sets, which each process chooses anew. What other tests have loaded and
    cached may spare, or add, a call of a thousand into numpy and Python.
    """
    names = ["p2, 1,800 rows", "records, a folder of nine", "a fit as HTML", "a frontier"]
    code = "import json, sys, pathlib, standard_work as s, test_counted_work as t\n"
    code += "cases = s.cases(pathlib.Path(sys.argv[1]))\n"
    code += "print(json.dumps({n: t.measured(cases[n]) for n in sys.argv[2:]}))"
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, tmp_path, *names],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )

    again = json.loads(done.stdout)
    for name in names:
        near = {"asked": pytest.approx(work[name]["asked"], rel=1e-3), "peak": again[name]["peak"]}
        assert again[name] == work[name] | near


def test_a_search_done_twice_is_noticed(cases, work, monkeypatch):
    """
    Where every search and every polish runs twice, the guard says so for every count.
    """
    twice(monkeypatch, projection, "search")
    twice(monkeypatch, polishing, "polish")
    name = "chinchilla, 240 points"

    assert {*LAW, *CODE} <= noticed(name, measured(cases[name]), work)


@pytest.mark.parametrize(
    ("name", "module", "part"),
    [
        ("records, one CSV", records, "check"),
        ("records, a folder of nine", records, "check"),
        ("a saved fit read", saving, "decode"),
        ("a fit as text", views.View, "text"),
        ("a fit as HTML", views.View, "html"),
    ],
)
def test_a_part_done_twice_is_noticed(cases, work, monkeypatch, name, module, part):
    """
    Also where no law is called.
    """
    twice(monkeypatch, module, part)

    assert {*CODE} & noticed(name, measured(cases[name]), work)


def test_a_loop_that_calls_nothing_is_counted():
    """
    By its lines; code that is not p2law's is not.
    """

    def loop(times):
        for _ in range(times):
            pass

    assert lines(lambda: loop(100)) == 0
    loop.__code__ = loop.__code__.replace(co_filename=f"{PACKAGE}/loop.py")

    counted = [(lines(lambda n=n: loop(n)), called(lambda n=n: loop(n))) for n in (100, 200)]

    assert counted[1][0] > 1.9 * counted[0][0] > 190
    assert counted[1][1] == counted[0][1] == {"functions": 1, "asked": 0}


@pytest.mark.parametrize("name", ["records, one CSV", "a saved fit read", "a fit as text"])
def test_memory_that_doubles_is_noticed(cases, work, name):
    """
    As much again, held while the work is done, and not a count besides.
    """
    case = cases[name]
    most = round(work[name]["peak"] * size_of(case))
    twice_the_memory = replace(case, work=lambda given: (bytearray(most), case.work(given)))

    assert {"peak"} == noticed(name, measured(twice_the_memory), work)


def twice(monkeypatch, module, name):
    """Let a function of a module do everything twice."""
    once = getattr(module, name)

    def doubled(*asked, **more):
        once(*asked, **more)
        return once(*asked, **more)

    monkeypatch.setattr(module, name, doubled)


def noticed(name, found, work):
    """Counts of one case that the guard says are too high."""
    said = too_much({**work, name: found}, counted_last())
    return {
        what for what in found for each in said if each.startswith(name) and f" {what}," in each
    }
