"""How often the interval of `tokens_for` holds the truth: simulated studies with known laws.

The designs and noises of `interval_coverage.py`. In each repeat two targets are asked for: the true
loss at 1.5e8 tokens, inside the data, and at 4 times their most tokens, both in the middle of
the sizes and rates. An interval holds if the true tokens lie in it; a fit that fails, or that
withholds the answer, counts as a miss.

    python benchmarks/planning_coverage.py [--save FILE]    # goes on where it stopped
"""

import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path

import keeping
import numpy as np
import pandas as pd
import repeating
from options import parser_of
from simulated import DESIGNS, LEVEL, NOISES, TOKENS, TRUTH
from simulated import noise as deviations

import p2law
from p2law import forms, planning, testing

ASKED = {"inside": 1.5e8, "4 x tokens": 4 * TOKENS[-1]}
LINES = Path(__file__).parent / ".planning_coverage.jsonl"


def repeat(design: str, noise: str, seed: int) -> dict[str, list[float]]:
    """One simulated study: tokens low, tokens, high of each target, NaN where there is none."""
    sizes, rates = DESIGNS[design]
    table = testing.design(sizes, rates, TOKENS)
    cell = zlib.crc32(f"{design}/{noise}".encode())
    records = testing.synthesize(forms.p2, TRUTH, table)
    records["loss"] += deviations(noise, table, np.random.default_rng([cell, seed]))
    middle = {
        "params": float(np.sqrt(sizes[0] * sizes[-1])),
        "pruning_rate": float(np.sqrt(rates[0] * rates[-1])),
        "base_loss": 2.0,
    }
    fit, found = p2law.fit(records, forms.p2), {}
    for what, tokens in ASKED.items():
        asked = pd.DataFrame({**middle, "tokens": [tokens]})
        target = float(testing.synthesize(forms.p2, TRUTH, asked)["loss"].iloc[0])
        try:
            told = planning.tokens_for(fit, loss=target, level=LEVEL, **middle)
        except p2law.P2LawError:
            found[what] = [np.nan] * 3
        else:
            found[what] = [told.low, told.tokens, told.high]
    return found


def cells(done: Sequence[repeating.Outcome]) -> list[dict[str, object]]:
    """Coverage of each cell, and half the median width of the interval in powers of ten.

    None where more than half of the intervals have no end.
    """
    rows: list[dict[str, object]] = []
    for (kind, design), own in pd.DataFrame(done).groupby(["noise", "design"], sort=False):
        row: dict[str, object] = {"noise": kind, "design": design, "repeats": len(own)}
        for what, true in ASKED.items():
            low, _, high = np.array(own[what].tolist(), dtype=float).T
            row[what] = float(np.mean((low <= true) & (true <= high)))
            half = float(np.nanmedian(np.log10(high / low)) / 2)
            row[f"{what}, decades"] = half if np.isfinite(half) else None
        rows.append(row)
    return rows


def by_noise(found: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Coverage under each kind of noise: the mean of all designs, the lowest and the highest."""
    rows: list[dict[str, object]] = []
    for kind, own in pd.DataFrame(found).groupby("noise", sort=False):
        row: dict[str, object] = {
            "noise": kind,
            "designs": len(own),
            "repeats": own["repeats"].min(),
        }
        for what in ASKED:
            row |= {f"{what}, {how}": own[what].agg(how) for how in ("mean", "min", "max")}
        rows.append(row)
    return rows


def main() -> None:
    """Do what is missing, one line a repeat; then tell how often intervals held."""
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=300)
    repeating.options(parser, LINES)
    asked = parser.parse_args()
    done, commit = repeating.before(asked.lines, asked.other_commit)
    asked_for = (
        {"noise": kind, "design": design, "seed": seed}
        for kind, design, seed in itertools.product(NOISES, DESIGNS, range(asked.repeats))
    )
    found = cells(repeating.completed(asked.lines, done, asked_for, repeat))
    tables = {"noises": by_noise(found), "cells": found}
    keeping.show(tables)
    if asked.save:
        keeping.keep(asked.save, tables, commit=commit)


if __name__ == "__main__":
    main()
