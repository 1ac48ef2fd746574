"""The comparison with other tools: who judges, what is asked, and how answers are counted."""

import ast
import importlib
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import p2law
from p2law import forms, testing

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks stay with the source tree", allow_module_level=True)
LAWS = ("chinchilla", "p2")
HARD = ("near sizes", "short", "few rows", "outliers", "all at once")
INSTALLING = "pip install simple-scaling-laws==0.2.0"


@pytest.fixture
def asked(script):
    """A random problem by law, family and number."""
    return script("families").random


# -- the judge -----------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("delta", [None, 1e-3])
def test_the_judge_and_p2law_agree(script, asked, law, delta):
    """
    Objectives of random coefficients, near the records and far from them.
    """
    judge, form = script("judge"), getattr(forms, law)
    records = asked(law, "usual", 0).records
    columns = {name: records[name].to_numpy() for name in form.columns}
    objective = p2law.squared() if delta is None else p2law.huber(delta, log=True)

    for seed in range(20):
        at = testing.some_coefficients(form, records, seed)
        ours = objective.total(objective.residuals(form(*columns.values(), **at), records["loss"]))
        assert ours == pytest.approx(
            judge.objective(law, columns, records["loss"].to_numpy(), delta, at), rel=1e-12
        )


def test_the_judge_knows_none_of_the_judged():
    """
    It imports numpy and names of types, and nothing else.
    """
    tree = ast.parse((BENCHMARKS / "judge.py").read_text(encoding="utf-8"))
    names = {each.names[0].name for each in ast.walk(tree) if isinstance(each, ast.Import)}
    names |= {each.module for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}

    assert {"numpy", "collections.abc"} == names


def test_no_answer_and_no_value_are_infinitely_bad(asked):
    """
    A law below zero has no logarithm.
    """
    problem = asked("chinchilla", "outliers", 0)

    assert math.inf == problem.judge(None) == problem.judge({**problem.truth, "E": -1e3})


# -- the problems --------------------------------------------------------------------


def test_the_timed_p2_records_have_a_truth_drawn_as_all_others(script):
    """
    By the generator of the random problems, from a seed; the records lie around it.
    """
    problem, ranges = script("problems").nine_runs(), script("recovery").RANGES

    assert all(low <= problem.truth[name] <= high for name, (low, high) in ranges.items())
    assert 1800 == len(problem.records)
    assert problem.judge(problem.truth) == pytest.approx(1800 * 0.003**2, rel=0.1)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("family", HARD)
def test_a_family_is_as_hard_as_it_says(asked, law, family):
    """
    Sizes, tokens, rows and what is judged, of each of some problems.
    """
    for number in range(5):
        problem = asked(law, family, number)
        records, everything = problem.records, family == "all at once"
        spans = {name: records[name].max() / records[name].min() for name in ("params", "tokens")}
        if everything or family == "near sizes":
            assert records["params"].nunique() <= 3
            assert spans["params"] <= 10
        if everything or family == "short":
            assert spans["tokens"] <= 10 * (1 + 1e-12)
        if everything or family == "few rows":
            assert 3 <= len(records) - len(problem.truth) <= len(problem.truth)
        assert (everything or family == "outliers") == (problem.delta is not None)


@pytest.mark.parametrize("law", LAWS)
def test_outliers_are_a_tenth_of_the_rows(asked, law):
    """
    Off by more than the noise can explain.
    """
    problem = asked(law, "outliers", 3)
    columns = [problem.records[name].to_numpy() for name in problem.form.columns]
    off = np.abs(problem.form(*columns, **problem.truth) - problem.records["loss"])

    assert 0.05 <= np.mean(off > 0.1) <= 0.1


def test_a_problem_is_its_law_its_family_and_its_number(asked):
    """
    The same three give the same records; any other gives others.
    """
    names = [("p2", "usual", 1), ("p2", "usual", 2), ("p2", "short", 1), ("chinchilla", "usual", 1)]
    losses = [asked(*each).records["loss"].iloc[:9].tolist() for each in names]

    assert losses == [asked(*each).records["loss"].iloc[:9].tolist() for each in names]
    assert all(losses[i] != losses[j] for i in range(4) for j in range(i))


def test_tools_are_given_only_what_they_can_do(script, asked):
    """
    Neither a law that they do not know nor Huber's function where they have none.
    """
    tools = script("asking_tools").TOOLS
    squares, robust = asked("p2", "usual", 0), asked("p2", "outliers", 0)

    assert not tools["simple-scaling-laws"].can(squares)
    assert not tools["curve_fit, beginner"].can(robust)
    assert ["p2law", "lmfit, expert", "lmfit, 30 random starts", "curve_fit, expert"] == [
        name for name, tool in tools.items() if tool.can(robust)
    ]


@pytest.mark.parametrize("law", ["chinchilla", "p2"])
def test_random_starts_of_an_expert_are_near_the_records(law, asked, monkeypatch):
    """
    A rival is no straw man: a law is no multiple of the losses where it starts.
    """
    monkeypatch.syspath_prepend(BENCHMARKS / "tools")
    by_hand, problem = importlib.import_module("by_hand"), asked(law, "usual", 0)
    own, rng = by_hand.model(problem), np.random.default_rng(0)
    base = problem.columns.get("base_loss", 0.0)

    starts = [own.predict(by_hand.random_start(problem, rng)) - base for _ in range(100)]

    assert np.isfinite(starts).all()
    assert np.median(starts) < np.max(problem.loss) * 2
    assert np.median(starts) > 0.05


# -- how answers are counted ---------------------------------------------------------


def test_answers_are_counted_as_found_lacking_or_outside(script, asked):
    """
    An answer outside the bounds is told apart, and does not set what is best.
    """
    peers, found = script("peers"), script("asking_tools").Found
    problem = asked("chinchilla", "usual", 0)
    outside = found({**problem.truth, "A": -1.0}, [0.1], "")
    own = {"a": found(problem.truth, [0.1], ""), "b": found(None, [0.3], "no"), "c": outside}
    least = problem.judge(problem.truth)

    row = peers._share(dict.fromkeys(own, problem), own, dict.fromkeys(own, least))

    assert (3, 1, 1, 1) == tuple(
        row[name] for name in ("problems", "found", "no_answer", "outside_bounds")
    )
    assert row["worst_excess"] is None
    assert [least] == peers._inside(problem, "c", {"x": own, "y": {"c": own["a"]}})


def test_the_best_known_objective_is_no_worse_than_that_of_the_truth(script, asked):
    """
    Nor than what a fit with its defaults finds.
    """
    problem = asked("p2", "few rows", 0)
    fit = p2law.fit(problem.records, problem.form)

    best = script("best_known").from_many_starts(problem, 0)

    assert best <= min(problem.judge(problem.truth), problem.judge(fit.values)) * (1 + 1e-9)


def test_an_interval_holds_the_truth_or_does_not(script, asked):
    """
    At the rows that were measured and at those with more tokens, each on its own.
    """
    draws, found = script("draws"), script("asking_tools").Found
    problem = asked("chinchilla", "usual", 0)
    rows = len(problem.loss)
    wide, nowhere = [[0.0] * rows, [9.0] * rows], [[8.0] * rows, [9.0] * rows]
    ends = {name: a + b for name, a, b in zip(("low", "high"), wide, nowhere, strict=True)}

    held = draws._held({"000": problem}, {"000": found(None, [0.1], "", ends)})

    assert {"held": 1.0, "held_longer": 0.0} == held


def test_a_stopped_comparison_goes_on_where_it_was(script, monkeypatch, tmp_path):
    """
    With the same command and of the same commit; else from nothing.
    """
    peers, keeping, part = script("peers"), script("keeping"), tmp_path / "peers.json.part"
    monkeypatch.setattr(sys, "argv", ["benchmarks/peers.py", "--save", "peers.json"])
    first = {"law": "chinchilla", "family": "usual"}
    keeping.keep(part, {"known": [], "draws": [], "random": [first], "missed": []})
    asked = []

    def compared(_, law, family, numbers, few):
        asked.append((law, family, len(numbers), few))
        return [{"law": law, "family": family}], []

    monkeypatch.setattr(peers, "compared", compared)
    tables = peers.begun(part)
    steps = len(list(peers.measured(tables, {}, 5, 3)))

    assert 11 == steps == len(asked)
    assert ("chinchilla", "near sizes", 3, 0) == asked[0]
    assert ("p2", "usual", 5, 3) in asked
    assert 12 == len(tables["random"])
    monkeypatch.setattr(sys, "argv", ["benchmarks/peers.py", "--random", "5"])
    assert {} == peers.begun(part) == peers.begun(tmp_path / "none")


@pytest.mark.parametrize(
    ("step", "told", "why"),
    [
        ("venv", "no pip in {}/simple-scaling-laws", "venv: no pip in simple-scaling-laws"),
        ("pip", "ERROR: none\nERROR: really none\n[notice] new pip", f"{INSTALLING}: really none"),
        ("pip", "", f"{INSTALLING}: no word of why"),
    ],
)
def test_a_tool_is_left_out_with_the_step_that_failed_and_why(
    script, monkeypatch, tmp_path, step, told, why
):
    """
    The last error of pip, or the last word of what has no such line; no path of this machine.
    """
    made, python = script("environments"), tmp_path / "python"
    monkeypatch.setattr(made, "FOLDER", tmp_path)
    monkeypatch.setattr(made, "_new_enough", lambda _: str(python))
    python.write_text(
        f"""#!/bin/sh
        if [ "$2" = {step} ]; then echo '{told.format(tmp_path)}' >&2; exit 1; fi
        mkdir -p "$4/bin"; cp "$0" "$4/bin/python"
        """,
        encoding="utf-8",
    )
    python.chmod(0o755)

    _, left = script("peers").usable(["simple-scaling-laws"], 3)

    assert [{"tool": "simple-scaling-laws", "why": why}] == left


# -- how they are shown --------------------------------------------------------------


def test_the_page_tells_the_families_apart(script):
    """
    How often p2law finds the best of each.
    """
    text, goals = script("performance_text"), script("performance_goals")
    rows = [
        {"law": "p2", "family": "usual", "tool": "p2law", "found": 9, "problems": 9},
        {"law": "p2", "family": "short", "tool": "p2law", "found": 3, "problems": 4},
        {"law": "p2", "family": "usual", "tool": "lmfit, expert", "found": 8, "problems": 9},
    ]

    own, usual, others = text._random(rows)
    timed = [{**row, "cpu_ms": 8.0 if row["tool"] == "p2law" else 2.0} for row in rows]
    told = " ".join(goals.of_goals({"known": [], "random": timed}))

    assert "Of 13 random problems" in own
    assert "12 (p2, usual: 9 of 9; p2, short: 3 of 4)" in own
    assert "lmfit, expert 8 of 9" in others
    assert "expert's start by lmfit, expert (8)" in usual
    assert "random problems of p2, usual: 4.0" in told


def test_goals_that_are_met_missed_and_not_measured_are_told_alike(script, monkeypatch, tmp_path):
    """
    Each is a line with what was measured; a worse objective is a goal that is missed.
    """
    goals = script("performance_goals")
    monkeypatch.setattr(goals, "FIGURES", tmp_path)
    rows = [
        {"tool": "p2law", "cpu_ms": 1.0, "excess": 1e-3},
        {"tool": "chinchilla", "cpu_ms": 2e3, "excess": 0.0},
        {"tool": "simple-scaling-laws", "cpu_ms": 1.9, "excess": 0.0},
        {"tool": "lmfit, expert", "cpu_ms": 0.8, "excess": 2e-3},
        {"tool": "lmfit, 30 random starts", "cpu_ms": 4.0, "excess": 0.0},
    ]
    known = [{"problem": "points", **row} for row in rows]
    draws = [{"tool": "simple-scaling-laws", "times_p2law": 5.0}]

    random = [{"law": "p2", "family": "usual", "tool": "p2law", "found": 9, "problems": 10}]
    random[0] |= {"cpu_ms": 1.0, "median_excess": 0.0}

    _, lines = goals.of_goals({"known": known, "random": random, "draws": draws})

    assert [
        (
            "- **missed** on 1 of 1 problems: the best known objective on all usual problems "
            "(p2, of 10: 90%)."
        ),
        "- met: at least 1,000 times as fast as `chinchilla` (points: 2,000).",
        (
            "- **missed** on 1 of 1 problems: an objective as good as that of `chinchilla` (excess "
            "of `p2law` minus that of the other: below 0 is better) (points: 1.0e-03)."
        ),
        (
            "- **missed** on 1 of 1 problems: an objective as good as that of "
            "`simple-scaling-laws` (excess of `p2law` minus that of the other: below 0 is better) "
            "(points: 1.0e-03)."
        ),
        (
            "- met: an objective as good as that of lmfit by an expert (excess of `p2law` minus "
            "that of the other: below 0 is better) (points: -1.0e-03)."
        ),
        (
            "- **missed** on 1 of 1 problems: at least 2 times as fast as the point fit of "
            "`simple-scaling-laws` (points: 1.9)."
        ),
        (
            "- met: at least 3 times as fast as `simple-scaling-laws` with 1,000 draws "
            "(240 points: 5.0)."
        ),
        "- not measured: a fit of a million rows in less than 3 s of the processor.",
        "- not measured: 10,000,000 rows loaded and fitted in less than 1.5 GB (1e9 bytes).",
        "- met: at most 1.5 times as long as lmfit by an expert (points: 1.2).",
    ] == lines.splitlines()


def test_of_many_numbers_that_are_as_meant_the_worst_is_told(script):
    """
    The most of what shall be little, the least of what shall be much.
    """
    goals = script("performance_goals")
    measured = {"a": 1.0, "b": 3.0, "c": 2.0}

    most, least = (
        str(goals.Goal("so much", measured, lambda _: True, worst=each)) for each in (max, min)
    )
    missed = str(goals.Goal("so much", measured, lambda value: value > 2))

    assert most == "- met on all 3 problems: so much (at worst, b: 3.0)."
    assert least == "- met on all 3 problems: so much (at worst, a: 1.0)."
    assert missed == "- **missed** on 2 of 3 problems: so much (a: 1.0; c: 2.0)."


def test_peers_that_find_the_best_are_told_by_the_start_that_they_are_given(script):
    """
    Those that were given fewer problems are told apart; those that find too few are not told.
    """
    found = {
        "p2law": (200, 200),
        "lmfit, expert": (150, 200),
        "lmfit, beginner": (149, 200),
        "lmfit, 30 random starts": (155, 200),
        "other": (160, 200),
        "chinchilla": (3, 3),
    }
    rows = [
        {"law": "p2", "family": "usual", "tool": tool, "found": own, "problems": asked}
        for tool, (own, asked) in found.items()
    ]

    told = script("performance_goals").of_usual(rows)

    assert (
        "The best of at least 150 of the 200 usual problems is found by `p2law` (200); with the "
        "tool's defaults by other (160); from random starts by lmfit, 30 random starts (155); "
        "with an expert's start by lmfit, expert (150). Given only those of a law that they know, "
        "or fewer, all of which `p2law` finds, too: chinchilla (3 of 3)."
    ) == told


def test_a_column_that_older_figures_do_not_know_is_left_out(script):
    """
    It is shown where one row has it.
    """
    pages, columns = script("pages"), {"law": ("law", ""), "family": ("family", "")}

    assert "| law |\n| --- |\n| p2 |" == pages.table([{"law": "p2"}], columns)
    rows = [{"law": "p2"}, {"law": "p2", "family": "short"}]
    assert pages.table(rows, columns).endswith("| p2 | - |\n| p2 | short |")


def test_numbers_of_a_large_table_are_written_as_all_others(script):
    """
    Long numbers within words with commas; short ones as they are.
    """
    text = script("performance_text")

    assert "1,000 refits of 1,800 rows within 1.2" == text.grouped(
        "1000 refits of 1,800 rows within 1.2"
    )


def test_what_p2law_missed_is_shown_with_the_reason(script):
    """
    Each problem with both objectives; the reason only where it is the one that was found.
    """
    text = script("performance_text")
    short = {"problem": "p2, short 001", "objective": 2.0, "best": 1.0}
    hard = {**short, "problem": "p2, all at once 006"}

    assert [
        "`p2law` missed p2, all at once 006: 2, best known 1.",
        text.HUBER_MISSES,
    ] == text._missing({"missed": [hard], "left_out": []})
    assert 1 == len(text._missing({"missed": [short], "left_out": []}))


def test_intervals_are_asked_where_runs_end_and_far_beyond(script):
    """
    The measured rows come first, then the same with ten times the tokens.
    """
    tool = script("tools.run")
    columns = {"params": np.array([1.0, 2.0]), "tokens": np.array([3.0, 4.0])}

    asked = tool.Problem("chinchilla", columns, np.ones(2), None).asked

    assert [1, 2, 1, 2] == asked["params"].tolist()
    assert [3, 4, 30, 40] == asked["tokens"].tolist()
