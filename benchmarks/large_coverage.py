"""How often intervals hold the truth where a table is too large for refits of all its rows.

Beyond 10,000 rows few runs are refitted in fewer rows, and many are moved by one linear step.
Each study is a table of 10,240 rows, 4 sizes by 4 rates or by 32, from the law, the tokens and the
noises of `interval_coverage.py`, and beside it the same table thinned evenly to 2,560 rows, of
which all are refitted. Asked are the predictions of that script, and the four exponents.

    python benchmarks/large_coverage.py [--save FILE]      # goes on where it stopped
"""

import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path

import keeping
import numpy as np
import pandas as pd
import repeating
from interval_coverage import asked
from options import parser_of
from simulated import LEVEL, SIGMA, SIZES, TOKENS, TRUTH

import p2law
from p2law import forms, testing

ROWS, THINNED = 10_240, 4
RATES = {"4 x 4": (0.15, 0.25, 0.35, 0.5), "4 x 32": tuple(np.linspace(0.15, 0.5, 32).tolist())}
NOISES = ("independent", "shifts by run")
EXPONENTS = ("alpha", "beta", "gamma", "delta")
LINES = Path(__file__).parent / ".large_coverage.jsonl"


def records(design: str, kind: str, seed: int) -> pd.DataFrame:
    """A large table of a known law, one run after the other."""
    sizes, rates = SIZES[1:5], RATES[design]
    per_run = ROWS // (len(sizes) * len(rates))
    table = testing.design(sizes, rates, np.geomspace(TOKENS[0], TOKENS[-1], per_run).tolist())
    rng = np.random.default_rng([zlib.crc32(f"{design}/{kind}".encode()), seed])
    own, shared = (SIGMA, 0.0) if kind == "independent" else (0.3 * SIGMA, SIGMA)
    made = testing.synthesize(forms.p2, TRUTH, table)
    run = np.repeat(np.arange(len(sizes) * len(rates)), per_run)
    made["loss"] += shared * rng.standard_normal(run[-1] + 1)[run]
    made["loss"] += own * rng.standard_normal(len(made))
    return made


def study(design: str, noise: str, seed: int) -> dict[str, object]:
    """Whether intervals of the whole table, and of every fourth row, held; and their widths."""
    whole, found = records(design, noise, seed), dict[str, object]()
    inputs = asked(SIZES[1:5], RATES[design])
    truth = testing.synthesize(forms.p2, TRUTH, inputs)["loss"].to_numpy()
    for name, table in (("all", whole), ("thinned", whole.iloc[::THINNED])):
        fit = p2law.fit(table, forms.p2)
        told, exponents = fit.predict(inputs, level=LEVEL), fit.table(level=LEVEL)
        low, high = told["low"].to_numpy(), told["high"].to_numpy()
        found[name] = ((low <= truth) & (truth <= high)).tolist()
        found[f"{name}, width"] = (high - low).tolist()
        ends = exponents.loc[list(EXPONENTS), ["low", "high"]].to_numpy(dtype=float)
        true = np.array([TRUTH[each] for each in EXPONENTS])
        found[f"{name}, exponents"] = ((ends[:, 0] <= true) & (true <= ends[:, 1])).tolist()
    return found


def cells(done: Sequence[repeating.Outcome]) -> list[dict[str, object]]:
    """Of each design and noise: shares held, and how wide all rows leave intervals beside few."""
    rows: list[dict[str, object]] = []
    for (design, kind), own in pd.DataFrame(done).groupby(["design", "noise"], sort=False):
        wide, narrow = (np.array(own[f"{name}, width"].tolist()) for name in ("thinned", "all"))
        row: dict[str, object] = {"design": design, "noise": kind, "repeats": len(own)}
        for name in ("all", "thinned"):
            row[f"{name}, predictions"] = float(np.mean(own[name].tolist()))
            row[f"{name}, exponents"] = float(np.mean(own[f"{name}, exponents"].tolist()))
        rows.append(row | {"width": float(np.nanmedian(narrow / wide))})
    return rows


def main() -> None:
    """Do what is missing, one line a study; then tell how often intervals held."""
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=150)
    repeating.options(parser, LINES)
    told = parser.parse_args()
    done, commit = repeating.before(told.lines, told.other_commit)
    asked_for = (
        {"design": design, "noise": noise, "seed": seed}
        for design, noise, seed in itertools.product(RATES, NOISES, range(told.repeats))
    )
    tables = {"cells": cells(repeating.completed(told.lines, done, asked_for, study))}
    keeping.show(tables)
    if told.save:
        keeping.keep(told.save, tables, commit=commit)


if __name__ == "__main__":
    main()
