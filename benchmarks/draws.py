"""Intervals from 1,000 draws, by tools that make them: what they cost, and whether they hold.

The cost is that of a fit of the 240 Chinchilla points with squares and 99 % intervals of all
losses. Whether they hold is seen on random problems, where the truth is known: at the rows that
were measured, and at the same rows with ten times the tokens. Both are asked by public calls.
"""

from collections.abc import Mapping

import families
import judge
import numpy as np
import problems
from asking_tools import DRAWING, Answers, Found, answers, median_seconds
from problems import Problem

Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
ROUNDS, REPEATS, PROBLEMS = 3, 3, 50


def drawn(count: int) -> list[dict[str, object]]:
    """One row a tool."""
    known = {"points": problems.points_squared()}
    turns: dict[str, list[Answers]] = {name: [] for name in DRAWING}
    for _ in range(ROUNDS):
        for name, tool in DRAWING.items():
            turns[name].append(answers(tool, known, REPEATS))
    spent = {name: median_seconds(own, "points") for name, own in turns.items()}
    numbers = range(min(count, PROBLEMS))
    asked = {f"{k:03d}": families.random("chinchilla", "usual", k) for k in numbers}
    found = {name: answers(tool, asked, 1).fits for name, tool in DRAWING.items()}
    widths = {name: _width(own) for name, own in found.items()}
    return [
        {
            "tool": name,
            "cpu_s": spent[name],
            "times_p2law": spent[name] / spent["p2law"],
            "problems": len(asked),
            **_held(asked, found[name]),
            "width": widths[name] / widths["p2law"],
        }
        for name in DRAWING
    ]


def _width(found: Mapping[str, Found]) -> float:
    """Typical width of the intervals of one tool: a geometric mean, where all are told."""
    ends = [each.ends for each in found.values() if each.ends]
    logs = [np.log(np.subtract(each["high"], each["low"])) for each in ends]
    return float(np.exp(np.nanmean(np.concatenate(logs)))) if logs else float("nan")


def _held(asked: Mapping[str, Problem], found: Mapping[str, Found]) -> dict[str, float]:
    """Share of the true losses within the intervals; one that is not told holds nothing."""
    measured, longer = list[Mask](), list[Mask]()
    for title, problem in asked.items():
        ends, count = found[title].ends, len(problem.loss)
        if problem.truth is None or ends is None:
            raise ValueError(f"no intervals for problem {title}: {found[title].error}")
        low, high = np.array(ends["low"]), np.array(ends["high"])
        far = problem.columns | {"tokens": 10 * problem.columns["tokens"]}
        for columns, rows, kept in (
            (problem.columns, slice(count), measured),
            (far, slice(count, None), longer),
        ):
            true = judge.LAWS[problem.law](columns, problem.truth)
            kept.append((low[rows] <= true) & (true <= high[rows]))
    return {
        "held": float(np.mean(np.concatenate(measured))),
        "held_longer": float(np.mean(np.concatenate(longer))),
    }
