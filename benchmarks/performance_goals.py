"""What p2law is meant to reach beside other tools, and what it reaches: met and missed alike."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keeping import FIGURES, kept

Row = Mapping[str, Any]
Tables = dict[str, list[dict[str, Any]]]
Measured = dict[str, float]
"""What was measured, by the problem."""

EXPERT, PACKAGE, SIMPLE = "lmfit, expert", "chinchilla", "simple-scaling-laws"
SEARCH = "lmfit, 30 random starts"
CHINCHILLA, POINT, DRAWS, SLOWEST, SECONDS = 1000, 2, 3, 1.5, 3
"""Times as fast as two tools, times as slow as an expert at most, seconds of a million rows."""
LARGE_ROWS, LARGE_GB = 10**7, 1.5
"""Rows of a Parquet file that are loaded and fitted in less memory than this, in 1e9 bytes."""
FEW = 2
"""Numbers that are told one by one; of more that are all as they are meant, the worst."""
AS_GOOD = 1e-9
"""Relative excess up to which an objective is as good as another."""
SHARE = 0.75
"""Of the usual problems, that a tool is told to solve: 150 of 200."""


@dataclass(frozen=True)
class Goal:
    """What is meant, what was measured of it, and whether one of these is as it is meant.

    `worst` chooses the worst of what was measured.
    """

    meant: str
    measured: Measured
    good: Callable[[float], bool]
    digits: str = ",.1f"
    worst: Callable[..., float] = max

    @property
    def missed(self) -> Measured:
        """What is not as it is meant."""
        return {each: value for each, value in self.measured.items() if not self.good(value)}

    def __str__(self) -> str:
        """One line of a list."""
        shown, count = self.missed or self.measured, len(self.measured)
        if not shown:
            return f"- not measured: {self.meant}."
        state, where = ("**missed**" if self.missed else "met"), ""
        if self.missed:
            where = f" on {len(shown)} of {count} problems"
        elif count > FEW:
            worst = self.worst(shown.values())
            shown = {f"at worst, {each}": own for each, own in shown.items() if own == worst}
            where = f" on all {count} problems"
        told = "; ".join(f"{each}: {value:{self.digits}}" for each, value in shown.items())
        return f"- {state}{where}: {self.meant} ({told})."


def of_goals(tables: Tables) -> list[str]:
    """A list of the goals, and why the one of experts is missed where it is."""
    growth = _tables("growth").get("growth", [])
    expert = against(tables, EXPERT) | {
        f"{row['rows']:,} rows (next section)": row["times_p2law"]
        for row in growth
        if row["tool"] == EXPERT
    }
    drawn = {row["tool"]: row["times_p2law"] for row in tables.get("draws", ())}
    million = [row for row in growth if row["tool"] == "p2law" and round(row["rows"], -1) == 10**6]
    steps = {row["step"]: row for row in _tables("scale").get("rows", ()) if "step" in row}
    goals = (
        Goal(
            "the best known objective on all usual problems",
            {
                f"{row['law']}, of {row['problems']}": row["found"] / row["problems"]
                for row in tables["random"]
                if row["tool"] == "p2law" and row["family"] == "usual"
            },
            lambda share: share == 1,
            ".0%",
            min,
        ),
        Goal(
            f"at least {CHINCHILLA:,} times as fast as `{PACKAGE}`",
            against(tables, PACKAGE),
            lambda times: times >= CHINCHILLA,
            ",.0f",
            min,
        ),
        *(
            Goal(
                f"an objective as good as that of {name} (excess of `p2law` minus that of the "
                f"other: below 0 is better)",
                beyond(tables, tool),
                lambda excess: excess <= AS_GOOD,
                ".1e",
            )
            for name, tool in (
                (f"`{PACKAGE}`", PACKAGE),
                (f"`{SIMPLE}`", SIMPLE),
                ("lmfit by an expert", EXPERT),
            )
        ),
        Goal(
            f"at least {POINT} times as fast as the point fit of `{SIMPLE}`",
            against(tables, SIMPLE),
            lambda times: times >= POINT,
            worst=min,
        ),
        Goal(
            f"at least {DRAWS} times as fast as `{SIMPLE}` with 1,000 draws",
            {"240 points": drawn[SIMPLE]} if SIMPLE in drawn else {},
            lambda times: times >= DRAWS,
            worst=min,
        ),
        Goal(
            f"a fit of a million rows in less than {SECONDS} s of the processor",
            {f"{row['rows']:,} rows": row["cpu_s"] for row in million},
            lambda seconds: seconds < SECONDS,
        ),
        of_memory(steps),
        slow := Goal(
            f"at most {SLOWEST} times as long as lmfit by an expert",
            {problem: 1 / times for problem, times in expert.items()},
            lambda times: times <= SLOWEST,
        ),
    )
    told = ["What `p2law` is meant to reach, and what was measured:", "\n".join(map(str, goals))]
    why = (
        "The expert takes steps from one start that is near the minimum; `p2law` has no start, "
        "and searches."
    )
    search = against(tables, SEARCH).values()
    if search:
        why += (
            f" Where no good start is known, lmfit from 30 random ones takes {min(search):.1f} to "
            f"{max(search):.0f} times as long as `p2law`."
        )
    return [*told, why] if slow.missed else told


def _tables(name: str) -> Tables:
    """Tables of a file of figures, where there is one."""
    return dict(kept(name)["tables"]) if (FIGURES / f"{name}.json").exists() else {}


def of_memory(steps: Mapping[str, Row]) -> Goal:
    """What is meant of the memory of a large table, by the steps that were measured."""
    return Goal(
        f"{LARGE_ROWS:,} rows loaded and fitted in less than {LARGE_GB} GB (1e9 bytes)",
        {
            f"after the {step}, GB": steps[step]["peak MiB"] * 2**20 / 1e9
            for step in ("load", "fit")
            if step in steps
        },
        lambda peak: peak < LARGE_GB,
        ".2f",
    )


def against(tables: Tables, tool: str) -> Measured:
    """How many times as long as p2law a tool takes on every timed problem."""
    own = _rows(tables, "p2law")
    return {
        problem: row["cpu_ms"] / own[problem]["cpu_ms"]
        for problem, row in _rows(tables, tool).items()
    }


def beyond(tables: Tables, tool: str) -> Measured:
    """How far the excess of p2law, the median one of random problems, is above that of a tool."""
    own = _rows(tables, "p2law")
    return {
        problem: _excess(own[problem]) - _excess(row)
        for problem, row in _rows(tables, tool).items()
    }


def _rows(tables: Tables, tool: str) -> dict[str, Row]:
    """What a tool did, by the problem."""
    rows = [(row["problem"], row) for row in tables["known"]]
    rows += [(f"random problems of {place(row)}", row) for row in tables["random"]]
    return {problem: row for problem, row in rows if row["tool"] == tool}


def _excess(row: Row) -> float:
    """Excess of an objective; infinite where there is no answer."""
    excess = row.get("excess", row.get("median_excess"))
    return math.inf if excess is None else float(excess)


def place(row: Row) -> str:
    """Law and family of random problems."""
    return f"{row['law']}, {row['family']}"


def of_usual(rows: list[dict[str, Any]]) -> str:
    """Which tools find the best in enough of the usual problems, and from what start."""
    totals: dict[str, list[int]] = {}
    for row in rows:
        if row["family"] == "usual":
            total = totals.setdefault(row["tool"], [0, 0])
            total[0] += row["found"]
            total[1] += row["problems"]
    own, asked = totals.pop("p2law")
    enough = math.ceil(SHARE * asked)
    able = {tool: found for tool, (found, _) in totals.items() if found >= enough}
    experts = [f"{tool} ({found})" for tool, found in able.items() if _is_expert(tool)]
    alone = [f"{tool} ({found})" for tool, found in able.items() if _is_plain(tool)]
    search = f" from random starts by {SEARCH} ({able[SEARCH]});" if SEARCH in able else ""
    part = [f"{tool} ({found} of {of})" for tool, (found, of) in totals.items() if of < asked]
    told = (
        f"The best of at least {enough} of the {asked} usual problems is found by `p2law` ({own}); "
        f"with the tool's defaults by {', '.join(alone) or 'no other'};{search} with an expert's "
        f"start by {', '.join(experts) or 'none'}."
    )
    if not part:
        return told
    also = ", all of which `p2law` finds, too" if own == asked else ""
    return f"{told} Given only those of a law that they know, or fewer{also}: {', '.join(part)}."


def _is_expert(tool: str) -> bool:
    """Whether a tool is given the start of an expert."""
    return tool.endswith(", expert") or tool == "statsmodels GenericLikelihoodModel"


def _is_plain(tool: str) -> bool:
    """Whether a tool is left to its own defaults."""
    return tool != SEARCH and not _is_expert(tool)
