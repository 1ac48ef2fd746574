"""docs/coverage.md, made of figures/interval_coverage.json alone, where that was measured.

python benchmarks/coverage_page.py
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from keeping import FIGURES
from pages import Columns, Part, page_of, section
from simulated import ASKED, COMPARED, COVERS, LEVEL, NOISES, OBJECTIVES

PAGE = Path(__file__).parents[1] / "docs" / "coverage.md"

INTRO = """# Do the intervals cover?

An interval of 90 % should hold the truth in 90 of 100 studies. Here whole studies are
simulated from a known P² law: three to six model sizes by two to four pruning rates, 20 losses
a run between 2e7 and 1e9 tokens, noise of 0.01 nat (about what seeds of one post-training run
differ by). Asked is the mean curve: inside the data, at 4 times the tokens, at twice the largest
size, at 1.4 times the highest rate. A fit that fails, or withholds the prediction, counts as a
miss. How often the intervals of plans and of forecasts hold: [Reliability](reliability.md).
"""

ABOUT = f"""Width is that of p2law beside the narrowest of three other methods, made from the fits
of the first {COMPARED} studies, among those that cover at least {COVERS:.0%} there: signs of whole
runs on plain residuals, random weights of whole runs, and the jackknife over runs with a quantile
of Student's t. A dash: none of them covers.

Shifts by model, the last tables, are errors of a base loss, shared by all runs of a model. No
resampling of runs can see them, and with few sizes nothing can: what a law makes of
sizes absorbs them. Intervals are then too narrow for anything that depends on size.
Measure base losses on as much text as the others, or with several seeds.

With exactly three sizes alpha, N_C and E are just determined. Such intervals cover where
the law is right, as here; where it is wrong no residual shows it, and the fit says so: "3 model
sizes just suffice for N_C, E and alpha: no further one checks how the law goes with params, and no
interval shows an error in that"."""

LARGE = """Beyond 10,000 rows intervals come from refits of fewer rows, and with 100 runs or more
of one linear step each. Here tables of 10,240 rows stand beside every fourth of their rows, which
are few enough to be refitted as they are: the same four predictions, and the four exponents. Where
rows are independent four times as many should leave half the width; where runs are shifted as a
whole more rows of them tell no more."""

HELD = [f"{rows}, {what}" for rows in ("all", "thinned") for what in ("predictions", "exponents")]
TABLES = [f"{noise}, {objective}" for noise in NOISES for objective in OBJECTIVES]


def _columns(title: str) -> Columns:
    """Those of one table, whose first says what it is of."""
    held = {what: (what, ".1%") for what in ASKED}
    return {title: ("design", ""), **held, **{f"width: {x}": (f"{x}, width", ".2f") for x in ASKED}}


def in_sum(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    """How many studies, and what they say together where sizes are four or more, runs apart."""
    every = [row for rows in tables.values() for row in rows]
    repeats = min(row["repeats"] for row in every)
    chance = 1.96 * math.sqrt(LEVEL * (1 - LEVEL) / repeats)
    rich = [
        row
        for name, rows in tables.items()
        for row in rows
        if not name.startswith(NOISES[-1]) and not row["design"].startswith("3")
    ]
    held = np.array([row[what] for row in rich for what in ASKED])
    ratios = [row[f"{what}, width"] for row in rich for what in ASKED]
    ratio = np.array([each for each in ratios if each is not None])
    told = (
        f"There are {repeats} studies of a cell, with which a coverage of {LEVEL:.0%} comes out "
        f"between {LEVEL - chance:.0%} and {LEVEL + chance:.0%}. In sum, over {len(held)} cells "
        f"with four sizes or more and runs independent of each other: coverage {held.min():.1%} to "
        f"{held.max():.1%}, {held.mean():.1%} on average, below {COVERS:.0%} in "
        f"{(held < COVERS).sum()}, above 95% in {(held > 0.95).sum()}; width "
        f"{np.median(ratio):.2f} times that of the best other in the median, more than 1.25 times "
        f"in {(ratio > 1.25).sum()}."
    )
    return [told]


def of_large(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    """How much less than they promise the worst hold."""
    row = min(tables["cells"], key=lambda row: min(row[name] for name in HELD))
    worst = min(row[name] for name in HELD)
    where = f"{row['design']} ({row['noise']})"
    return [f"The least is {worst:.1%} of {where}, where {LEVEL:.0%} are promised."]


PARTS = (
    Part(
        "interval_coverage",
        "Predictions",
        ABOUT,
        {title: _columns(title) for title in TABLES},
        first=in_sum,
    ),
    Part(
        "large_coverage",
        "Large tables",
        LARGE,
        {
            "cells": {
                "sizes x rates": ("design", ""),
                "noise": ("noise", ""),
                "studies": ("repeats", ","),
                "predictions held": ("all, predictions", ".1%"),
                "of every fourth row": ("thinned, predictions", ".1%"),
                "exponents held": ("all, exponents", ".1%"),
                "of every fourth row, too": ("thinned, exponents", ".1%"),
                "width, all rows beside every fourth": ("width", ".2f"),
            }
        },
        of_large,
    ),
)


def page() -> str:
    """Text of the page."""
    return page_of(INTRO, map(section, PARTS))


if __name__ == "__main__" and (FIGURES / "interval_coverage.json").exists():
    PAGE.write_text(page(), encoding="utf-8")
