"""What docs/performance.md says around its tables; every number in it comes from the figures."""

import itertools
import re
from typing import Any

from performance_goals import LARGE_GB, of_usual, place

Tables = dict[str, list[dict[str, Any]]]

INTRO = """# Performance

How fast `p2law` is, how much memory it takes, and how often it finds the best fit, beside what
else one would use. Every table is written by the command above it, on the day and of the commit
named there; `python benchmarks/all.py` runs all of them. The load is the average of the last
minute, when the benchmark ended. From 1.5 on, seconds by the wall clock are left out. Other work
lengthens CPU time too, if less; ratios of what took turns suffer least.
"""

PEERS = """Each tool in an environment of its own, on one thread, the tools taking turns; one
function, which shares no code with any of them, judges all answers. The excess is how far an
objective lies above the best known one, as a share of it.

- **expert**: logarithms, one start, exact derivatives, tolerances of 1e-12 (a default fit ends at
  about 1e-8, some steps earlier), and Huber's function where that is judged.
  For Chinchilla the start is that of the paper. For P² it lies in the middle of the ranges that all
  true laws are drawn from at random, also that behind "P² at 1,800 rows" and the next section: only
  one who knows what to expect has such a start.
  `NonlinearLS` of statsmodels takes neither derivatives nor a robust loss.
- **30 random starts**: the expert's lmfit where no good start is known: exponents and terms at
  random, default tolerances, and the best end taken to the last digit.
- **beginner**: the formula in plain counts, every coefficient from 1, the tool's defaults; for
  lmfit also the bound 0 where the papers say positive, as its message about NaN asks.
- **GenericLikelihoodModel** of statsmodels: starts of the expert, its default optimiser.
- **simple-scaling-laws** fits squares of its own Chinchilla-like law only, and **chinchilla**
  that law only, from the 3,125 starts of its README, with the loss that is judged.
- **p2law**: records, the name of the law, nothing else.

Beside 1,000 draws stands how often the 99 % intervals that are made of them hold the true loss, on
random problems: at the rows that were measured, and at the same rows with ten times the tokens.

The random problems are random laws on random designs with noise, judged by squares where nothing
else is said, in families:

- **usual**: 4 to 6 sizes over two decades and, for P², 3 or 4 rates; tokens over three decades, for
  P² from 2e7 to 1e9;
- **near sizes**: three sizes within one decade;
- **short**: tokens over one decade;
- **few rows**: a random choice of the rows of a usual problem, with k coefficients k + 3 to 2k of
  them;
- **outliers**: a tenth of the rows is off by 0.05 to 0.5 nat; judged by Huber(0.001) on logarithms,
  and given to tools that can minimise that;
- **all at once**: near sizes, short, few rows and outliers.

The best known objective is the least that any tool found within the bounds of the law, or `p2law`
from 40 random starts and from the truth. "Best found" counts an excess of at most 1e-4; an answer
outside the bounds, which are those of `p2law`, may count, too. `chinchilla` is given only the first
few usual problems, because it takes so long.
"""

GROWTH = """The P² law on nine runs with ever more checkpoints, each size and tool in a fresh
process that has fitted 900 rows before; the median of three fits, one of ten million rows. The
peak is that of the whole process, with Python, the packages and the records: these lie in it
twice, as the arrays that the tools are given and as a table (the next section reads them from
Parquet, once). The experts of the section above take one step after another from good starts;
`p2law` also searches.
"""

SPEED = """Refits are what intervals are made of: the same law on losses that might have been
measured. The expert is lmfit as in the first section, and starts each refit from the fit, as
`p2law` does; the excess is that of the worst of 1,000, above the lower of both. Modules are
imported by fresh interpreters in turn, so that a busy machine slows all alike; `p2law` imports
lmfit at the first fit."""

PLANS = (
    """20 base models x 20 rates x 3 methods, a P² fit for each method, 1,000 refits, one thread."""
)

SCALE = """Ten million rows from Parquet, read in parts, ten thousand runs, and a million rows of
which no two are of one run, each in a process of its own; time and peak are those of the whole
process, from its start to the end of a step. Below, refits and hold-outs given to `joblib`'s
backends: the same hash means the same bits."""

NEXT_RUNS = """Sets of runs that `next_runs` chooses, beside a random choice among the same 80
candidates (median of five) and the 3 x 3 grid of the paper (1, 3 and 8 billion parameters, rates
0.15, 0.25, 0.35, a billion tokens each), all for the cost of the grid. A task is a random P² law
and one wanted prediction; compared are the widths of its 90 % interval that fits to 200 sets of
simulated records really have, below 1 where the chosen set is better. "Promised" is the width
that `next_runs` announced over the width found; "more" what a run costs beside its FLOPs, in
runs of the grid.

The gain comes from numbers: where runs cost nothing but FLOPs, many short runs of small models are
chosen, more than most people would start, for whole runs differ, and only more runs average that
out. A prior promises what is found. A fit to six runs promises too much (0.76: intervals come out
a third wider than announced); below ten runs `next_runs` warns of that."""

READINGS = """A forecast and a gain from so many checkpoints, as the live callback asks for them.
At the first the deviations of the fitted runs are measured."""

PICTURES = """60 runs of 200 points each, ten sizes and six rates, from the call to the bytes of a
file; the fit and its refits are made before."""

MEMORY = """How much the largest resident set grows while a Llama of which a layer is less than a
tenth is pruned from its folder on 16 sequences of 128 tokens, beside loading it whole."""

SHAPES = """One decoder layer (two for depth) in the shape of a public model, random weights in
bfloat16, 4 sequences of 256 tokens: calibrated, pruned from its folder, written, loaded with
transformers; sizes and what is zero are as planned, or the benchmark ends. The memory is how much
the largest resident set grows."""

LOOP = """The loop of `collect` beside a bare loop: transformers' forward, torch's cross entropy,
backward, clip, AdamW, fresh windows from the same file. Llama shapes, float32, medians of turns
that the loops took one after the other. Beside other work ratios of single turns differ by
several per cent."""

HUBER_MISSES = (
    "`p2law` searches with squares, then follows Huber's function down from the lowest minima of "
    "these. Where an outlier stands among hardly more rows than coefficients, Huber's function can "
    "have a lower minimum near none of them."
)
"""Why the best may be missed where all is hard at once."""


def of_peers(tables: Tables) -> list[str]:
    """What the comparison comes to, and where it falls short."""
    versions = sorted({row["version"] for row in tables["known"]} - {""})
    told = [f"Versions: {', '.join(versions)}."]
    told += [
        f"No answer from {row['tool']} on {row['problem']}: {_brief(row['error'])}."
        for row in tables["known"]
        if row["excess"] is None
    ]
    return [*told, *_random(tables["random"]), *_missing(tables)]


def _brief(error: str) -> str:
    """The first sentence of an error, or what is said where there is none."""
    return re.split(r"[.!] ", error or "no word of why")[0].rstrip(".")


def _random(rows: list[dict[str, Any]]) -> list[str]:
    """On how many of the random problems each tool finds the best, p2law family by family."""
    totals: dict[str, list[int]] = {}
    for row in rows:
        total = totals.setdefault(row["tool"], [0, 0])
        total[0] += row["found"]
        total[1] += row["problems"]
    own, asked = totals.pop("p2law")
    parts = "; ".join(
        f"{place(row)}: {row['found']} of {row['problems']}"
        for row in rows
        if row["tool"] == "p2law"
    )
    others = ", ".join(f"{name} {found} of {of}" for name, (found, of) in totals.items())
    return [
        f"Of {asked} random problems `p2law` finds the best known objective in {own} ({parts}).",
        of_usual(rows),
        f"The others, of those that they were given: {others}.",
    ]


def _missing(tables: Tables) -> list[str]:
    told = [
        f"`p2law` missed {each['problem']}: {each['objective']:.9g}, best known {each['best']:.9g}."
        for each in tables["missed"]
    ]
    if any("all at once" in each["problem"] for each in tables["missed"]):
        told.append(HUBER_MISSES)
    return told + [f"{each['tool']} is left out: {each['why']}." for each in tables["left_out"]]


def of_growth(tables: Tables) -> list[str]:
    """How the time grows from one size to the next."""
    own = [row for row in tables["growth"] if row["tool"] == "p2law"]
    steps = [
        f"{later['cpu_s'] / row['cpu_s']:.1f} from {row['rows']:,} to {later['rows']:,}"
        for row, later in itertools.pairwise(own)
    ]
    return [f"The time of `p2law` grows by a factor of {', '.join(steps)} rows."]


def of_scale(tables: Tables) -> list[str]:
    """Whether memory is as it is meant, what takes more of it, and what ended badly."""
    steps = {row["step"]: row for row in tables.get("rows", ()) if "step" in row}
    told = []
    if "refits" in steps:
        told.append(
            f"Less than {LARGE_GB} GB is meant of loading and fitting. The refits behind intervals "
            f"take more: up to {steps['refits']['peak MiB']:,} MiB."
        )
    bad = [
        f"{row.get('backend') or row['after']}: {row['trouble']}"
        for table in tables.values()
        for row in table
        if row["trouble"]
    ]
    return [*told, f"What ended badly: {'; '.join(bad)}."] if bad else told


def grouped(text: str) -> str:
    """Long whole numbers of a text with commas."""
    return re.sub(r"\b\d{4,}\b", lambda found: f"{int(found[0]):,}", text)
