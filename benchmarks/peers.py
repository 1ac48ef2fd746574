"""What a user would pick instead of p2law, on the same problems, judged by the same function.

Each tool runs in an environment of its own. Three known problems are timed (CPU time, median of
repeats, all tools taking turns): the 240 Chinchilla points with Huber(0.001) on logarithms, the
same with plain squares, and P² at 1,800 rows. Then 100 random Chinchilla and 100 random P²
problems with noise, squares (`problems.py`). The best known objective of a problem is the least
within the bounds of the law that any tool found, or p2law from 40 other starts and from the truth.
A tool has found it if its objective is at most 1e-4 of it above it.

    python benchmarks/peers.py [--save FILE] [--random 100] [--package 3] [--tools NAME ...]
"""

import argparse
import statistics
from collections.abc import Mapping
from pathlib import Path

import environments
import keeping
import numpy as np
import problems
from contenders import DRAWING, TOOLS, Answers, Tool, answers
from problems import Problem

from p2law.fitting import polishing
from p2law.solving import projection
from p2law.solving.problem import Problem as Posed
from p2law.solving.surface import Surface

NEAR = 1e-4
"""Relative excess up to which the best objective counts as found."""
ROUNDS, REPEATS, OTHER_STARTS = 3, 7, 40

# -- the known problems --------------------------------------------------------------


def timed(tools: Mapping[str, Tool]) -> list[dict[str, object]]:
    """Rows of the known problems: objective, excess, CPU time and ratio to p2law."""
    known = {
        "240 points, Huber": problems.points(),
        "240 points, squares": problems.points_squared(),
        "P² at 1,800 rows": problems.nine_runs(),
    }
    found: dict[str, list[Answers]] = {name: [] for name in tools}
    for turn in range(ROUNDS):
        for name, tool in tools.items():
            if not tool.slow:
                found[name].append(answers(tool, known, REPEATS))
            elif turn == 0:
                only = {"240 points, Huber": known["240 points, Huber"]}
                found[name].append(answers(tool, only, 1))
    rows = []
    for title, problem in known.items():
        done = {name: turns for name, turns in found.items() if title in turns[0]}
        judged = {name: problem.judge(turns[0][title]["values"]) for name, turns in done.items()}
        spent = {name: _median(turns, title) for name, turns in done.items()}
        best = min(judged.values())
        for name, objective in judged.items():
            rows.append(
                {
                    "problem": title,
                    "tool": name,
                    "version": done[name][0][""]["version"],
                    "objective": _finite(objective),
                    "excess": _finite(objective / best - 1),
                    "cpu_ms": 1e3 * spent[name],
                    "times_p2law": spent[name] / spent["p2law"],
                    "error": done[name][0][title]["error"],
                }
            )
    return rows


def _median(turns: list[Answers], title: str) -> float:
    return statistics.median([each for turn in turns for each in turn[title]["seconds"]])


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def drawn() -> list[dict[str, object]]:
    """CPU seconds of a fit of the 240 points with 1,000 draws; simple-scaling-laws has squares."""
    known, turns = {"points": problems.points_squared()}, {name: [] for name in DRAWING}
    for _ in range(ROUNDS):
        for name, tool in DRAWING.items():
            turns[name].append(answers(tool, known, 3, DRAWS="1000"))
    spent = {name: _median(own, "points") for name, own in turns.items()}
    return [
        {"tool": name, "cpu_s": took, "times_p2law": took / spent["p2law"]}
        for name, took in spent.items()
    ]


# -- the random problems -------------------------------------------------------------


def best_from_many_starts(problem: Problem, seed: int) -> float:
    """Least objective of p2law's polish from random exponents, and from the truth."""
    records, form = problem.records, problem.form
    surface = Surface(form, {name: records[name].to_numpy() for name in form.columns})
    posed = Posed(surface, records["loss"].to_numpy(), np.ones(len(records)), problem.objective)
    low, high = surface.box
    count, rng = len(surface.nonlinear), np.random.default_rng(seed)
    starts = rng.uniform(low[:count], high[:count], (OTHER_STARTS, count))
    if problem.truth is not None:
        true = surface.coordinate(np.array([problem.truth[name] for name in surface.nonlinear]))
        starts = np.vstack([true, starts])
    with np.errstate(all="ignore"):
        ends = [
            polishing.polish(
                posed, projection.solved(surface, posed.target, posed.square_weight, u)
            )
            for u in starts
        ]
    return min(problem.judge(surface.coefficients(each.q)) for each in ends)


def compared(tools: Mapping[str, Tool], count: int, few: int) -> tuple[list, list]:
    """Rows of shares found, by tool and law, and rows of what p2law missed."""
    shares, missed = [], []
    for law in ("chinchilla", "p2"):
        asked = {f"{law} {k:03d}": problems.random(law, k) for k in range(count)}
        sample = dict(list(asked.items())[:few])
        found = {
            name: answers(tool, sample if tool.slow else asked, 1)
            for name, tool in tools.items()
            if law == "chinchilla" or tool.environment not in ("chinchilla", "simple-scaling-laws")
            if few or not tool.slow
        }
        best = {
            title: min(best_from_many_starts(problem, k), *_inside(problem, title, found))
            for k, (title, problem) in enumerate(asked.items())
        }
        for name, own in found.items():
            shares.append({"law": law, "tool": name, **_share(asked, own, best)})
        missed += _missed(asked, found["p2law"], best)
    return shares, missed


def _inside(problem: Problem, title: str, found: Mapping[str, Answers]) -> list[float]:
    """Objectives of all answers within the bounds of the law."""
    told = [own[title]["values"] for own in found.values() if title in own]
    return [problem.judge(values) for values in told if values and problem.inside(values)]


def _share(
    asked: Mapping[str, Problem], own: Answers, best: Mapping[str, float]
) -> dict[str, object]:
    titles = [title for title in asked if title in own]
    judged = {title: asked[title].judge(own[title]["values"]) for title in titles}
    excess = np.array([judged[title] / best[title] - 1 for title in titles])
    values = [own[title]["values"] for title in titles]
    beyond = sum(
        bool(each) and not asked[title].inside(each)
        for title, each in zip(titles, values, strict=True)
    )
    return {
        "problems": len(titles),
        "found": int(np.sum(excess <= NEAR)),
        "no_answer": int(np.sum(np.isinf(excess))),
        "outside_bounds": beyond,
        "median_excess": _finite(float(np.median(excess))),
        "worst_excess": _finite(float(np.max(excess))),
        "cpu_ms": 1e3 * statistics.median(own[title]["seconds"][0] for title in titles),
    }


def _missed(asked: Mapping[str, Problem], own: Answers, best: Mapping[str, float]) -> list:
    judged = {title: asked[title].judge(own[title]["values"]) for title in asked}
    return [
        {"problem": title, "objective": objective, "best": best[title]}
        for title, objective in judged.items()
        if objective > best[title] * (1 + NEAR)
    ]


def main() -> None:
    """Print the tables, and keep them where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    parser.add_argument("--random", type=int, default=100, help="random problems of each law")
    parser.add_argument("--package", type=int, default=3, help="of these for `chinchilla`; 0: none")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    asked = parser.parse_args()
    tools, left = {"p2law": TOOLS["p2law"]}, []
    for name in asked.tools:
        if TOOLS[name].slow and not asked.package:
            continue
        try:
            if TOOLS[name].environment:
                environments.python_of(TOOLS[name].environment)
            tools[name] = TOOLS[name]
        except (environments.MissingPythonError, RuntimeError) as error:
            left.append({"tool": name, "why": str(error).splitlines()[0]})
    tables = {"left_out": left, "known": timed(tools)}
    if "simple-scaling-laws" in tools:
        tables["draws"] = drawn()
    tables["random"], tables["missed"] = compared(tools, asked.random, asked.package)
    keeping.show(tables)
    if asked.save:
        keeping.keep(asked.save, tables)


if __name__ == "__main__":
    main()
