"""What a user would pick instead of p2law, on the same problems, judged by the same function.

Each tool runs in an environment of its own, and `judge.py` judges all of them. Three known problems
are timed (CPU time, median of repeats, all tools taking turns): the 240 Chinchilla points with
Huber(0.001) on logarithms, the same with plain squares, and P² at 1,800 rows. Then random problems
of each law and family (`families.py`), and intervals from 1,000 draws (`draws.py`).

The best known objective of a problem is the least within the bounds of the law that any tool found,
or p2law from 40 other starts and from the truth. A tool has found it if its objective is at most
1e-4 of it above it.

    python benchmarks/peers.py [--save FILE] [--random 100] [--package 3] [--tools NAME ...]

`--random` is the number of usual problems of each law; every harder family has half of it. What is
done is saved at once, family by family, in FILE.part; the same command goes on from there.
"""

import itertools
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import best_known
import environments
import families
import keeping
import numpy as np
import problems
from asking_tools import TOOLS, Answers, Found, Tool, answers, median_seconds
from draws import drawn
from options import parser_of
from problems import Problem

Row = dict[str, object]

NEAR = 1e-4
"""Relative excess up to which the best objective counts as found."""
ROUNDS, REPEATS = 3, 7
HUBER = "240 points, Huber"

# -- the known problems --------------------------------------------------------------


def timed(tools: Mapping[str, Tool]) -> list[Row]:
    """Rows of the known problems: objective, excess, CPU time and ratio to p2law."""
    known = {
        HUBER: problems.points(),
        "240 points, squares": problems.points_squared(),
        "P² at 1,800 rows": problems.nine_runs(),
    }
    found: dict[str, list[Answers]] = {name: [] for name in tools}
    for turn in range(ROUNDS):
        for name, tool in tools.items():
            if not tool.slow:
                found[name].append(answers(tool, known, REPEATS))
            elif turn == 0:
                found[name].append(answers(tool, {HUBER: known[HUBER]}, 1))
    return [row for title in known for row in _times(title, known[title], found)]


def _times(title: str, problem: Problem, found: Mapping[str, list[Answers]]) -> list[Row]:
    """One row a tool that knows the law."""
    done = {name: turns for name, turns in found.items() if title in turns[0].fits}
    judged = {name: problem.judge(turns[0].fits[title].values) for name, turns in done.items()}
    spent = {name: median_seconds(turns, title) for name, turns in done.items()}
    best = min(best_known.from_many_starts(problem, 0), *judged.values())
    return [
        {
            "problem": title,
            "tool": name,
            "version": done[name][0].version,
            "objective": _finite(objective),
            "excess": _finite(objective / best - 1),
            "cpu_ms": 1e3 * spent[name],
            "times_p2law": spent[name] / spent["p2law"],
            "error": done[name][0].fits[title].error,
        }
        for name, objective in judged.items()
    ]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# -- the random problems -------------------------------------------------------------


def compared(
    tools: Mapping[str, Tool], law: str, family: str, numbers: range, few: int
) -> tuple[list[Row], list[Row]]:
    """Rows of shares found by each tool, and rows of what p2law missed."""
    asked = {f"{law}, {family} {k:03d}": families.random(law, family, k) for k in numbers}
    found = {}
    for name, tool in tools.items():
        some = itertools.islice(asked.items(), few if tool.slow else None)
        own = {title: problem for title, problem in some if tool.can(problem)}
        if own:
            found[name] = answers(tool, own, 1).fits
    best = {
        title: min(best_known.from_many_starts(problem, k), *_inside(problem, title, found))
        for k, (title, problem) in enumerate(asked.items())
    }
    place: Row = {"law": law, "family": family}
    shares = [{**place, "tool": name, **_share(asked, own, best)} for name, own in found.items()]
    return shares, _missed(asked, found["p2law"], best)


def _inside(problem: Problem, title: str, found: Mapping[str, Mapping[str, Found]]) -> list[float]:
    """Objectives of all answers within the bounds of the law."""
    told = [own[title].values for own in found.values() if title in own]
    return [problem.judge(values) for values in told if values and problem.inside(values)]


def _share(
    asked: Mapping[str, Problem], own: Mapping[str, Found], best: Mapping[str, float]
) -> Row:
    excess = np.array([asked[title].judge(own[title].values) / best[title] - 1 for title in own])
    told = {title: each.values for title, each in own.items() if each.values}
    return {
        "problems": len(own),
        "found": int(np.sum(excess <= NEAR)),
        "no_answer": int(np.sum(np.isinf(excess))),
        "outside_bounds": sum(not asked[title].inside(values) for title, values in told.items()),
        "median_excess": _finite(float(np.median(excess))),
        "worst_excess": _finite(float(np.max(excess))),
        "cpu_ms": 1e3 * statistics.median(each.seconds[0] for each in own.values()),
    }


def _missed(
    asked: Mapping[str, Problem], own: Mapping[str, Found], best: Mapping[str, float]
) -> list[Row]:
    judged = {title: problem.judge(own[title].values) for title, problem in asked.items()}
    return [
        {"problem": title, "objective": objective, "best": best[title]}
        for title, objective in judged.items()
        if objective > best[title] * (1 + NEAR)
    ]


# -- all of it -----------------------------------------------------------------------


def usable(names: list[str], few: int) -> tuple[dict[str, Tool], list[Row]]:
    """The tools that can be had here, p2law first, and why others cannot."""
    tools, left = {"p2law": TOOLS["p2law"]}, list[Row]()
    for name in names:
        if TOOLS[name].slow and not few:
            continue
        try:
            if TOOLS[name].environment:
                environments.python_of(TOOLS[name].environment)
            tools[name] = TOOLS[name]
        except (environments.MissingPythonError, environments.FailedError) as error:
            left.append({"tool": name, "why": str(error)})
    return tools, left


def begun(part: Path) -> dict[str, list[Row]]:
    """Tables that the same command had saved, of the same commit, before it was stopped."""
    if not part.exists():
        return {}
    held, now = keeping.read(part), keeping.stamp()
    same = all(held[name] == now[name] for name in ("command", "commit"))
    return dict(held["tables"]) if same else {}


def measured(
    tables: dict[str, list[Row]], tools: Mapping[str, Tool], count: int, few: int
) -> Iterator[None]:
    """Fill in what tables lack, step by step."""
    if "known" not in tables:
        tables["known"] = timed(tools)
        yield
    if "draws" not in tables:
        tables["draws"] = drawn(count) if "simple-scaling-laws" in tools else []
        yield
    shares, missed = (tables.setdefault(name, []) for name in ("random", "missed"))
    done = {(row["law"], row["family"]) for row in shares}
    for law, family in itertools.product(problems.LAWS, families.FAMILIES):
        if (law, family) in done:
            continue
        usual = family == "usual"
        numbers = range(count if usual else -(-count // 2))
        found, lost = compared(tools, law, family, numbers, few if usual else 0)
        shares += found
        missed += lost
        yield


def main() -> None:
    """Print the tables, and keep them where asked."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    parser.add_argument("--random", type=int, default=100, help="usual problems of each law")
    parser.add_argument("--package", type=int, default=3, help="of these for `chinchilla`; 0: none")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    asked = parser.parse_args()
    tools, left = usable(asked.tools, asked.package)
    part = asked.save and keeping.part_of(asked.save)
    tables = {**(begun(part) if part else {}), "left_out": left}
    for _ in measured(tables, tools, asked.random, asked.package):
        if part:
            keeping.keep(part, tables)
    keeping.show(tables)
    if asked.save:
        keeping.keep(asked.save, tables)
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
