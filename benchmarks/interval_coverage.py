"""How often an interval of 90 % holds the truth: simulated studies with known laws.

Each cell is a design (sizes x rates), a kind of noise and an objective. In each repeat a
P² law is fitted to 20 log-spaced losses a run, and four predictions are asked for: inside
the data, at 4 times the tokens, at twice the largest size, at 1.4 times the highest rate.
A fit that fails, or that withholds the prediction, counts as a miss. Beside the intervals
of p2law stand others that are in use, made from the same fit:

    wild         residuals as they are, random signs by run
    weights      random weights by run (exponential)
    jackknife-t  fits without each run, quantile of Student's t

    python benchmarks/interval_coverage.py [--save FILE]      # goes on where it stopped
    python benchmarks/interval_coverage.py --jobs 8           # by joblib: 8 processes
    python benchmarks/interval_coverage.py --chinchilla       # errors of alpha and beta, three ways
"""

import functools
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import keeping
import numpy as np
import pandas as pd
import repeating
from options import parser_of
from posing import posed
from scipy import stats
from simulated import (
    ASKED,
    COMPARED,
    COVERS,
    DESIGNS,
    LEVEL,
    METHODS,
    NOISES,
    OBJECTIVES,
    TOKENS,
    TRUTH,
    noise,
)

import p2law
from p2law import forms, testing
from p2law.parallel import mapped
from p2law.solving.refitting import refit

AT_ONCE = 50
"""Studies between two writings to disk."""
LINES = Path(__file__).parent / ".interval_coverage.jsonl"


def asked(sizes: tuple[float, ...], rates: tuple[float, ...]) -> pd.DataFrame:
    """The four predictions."""
    size, rate = np.sqrt(sizes[0] * sizes[-1]), np.sqrt(rates[0] * rates[-1])
    return pd.DataFrame(
        {
            "params": [size, size, 2 * sizes[-1], size],
            "tokens": [1.5e8, 4 * TOKENS[-1], TOKENS[-1], TOKENS[-1]],
            "pruning_rate": [rate, rate, rate, 1.4 * rates[-1]],
            "base_loss": 2.0,
        },
        index=list(ASKED),
    )


def others(fit: p2law.Fit, table: pd.DataFrame, seed: int) -> dict[str, tuple[np.ndarray, ...]]:
    """Intervals of other methods: low and high of each prediction."""
    problem, rng = posed(fit), np.random.default_rng(seed)
    q, codes = problem.surface.coordinates(fit.values), pd.factorize(fit.records["run"])[0]
    runs, objective = codes.max() + 1, problem.objective
    there = problem.surface.over([table[name].to_numpy() for name in fit.form.columns])

    def predicted(target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return there.predict(refit(problem.surface, target, weight, objective, q).q)

    signs = rng.choice([-1.0, 1.0], (300, runs))[:, codes]
    losses = problem.surface.predict(q) + signs * problem.residuals(q)
    wild = predicted(losses, problem.weight)
    weights = predicted(problem.target, rng.exponential(size=(300, runs))[:, codes])
    without = predicted(problem.target, (np.arange(runs)[:, None] != codes).astype(float))
    estimate = there.predict(q)
    spread = np.sqrt((runs - 1) / runs * np.sum((without - estimate) ** 2, axis=0))
    reach = stats.t.ppf((1 + LEVEL) / 2, runs - 1) * spread
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    return {
        "wild": tuple(np.quantile(wild, ends, axis=0)),
        "weights": tuple(np.quantile(weights, ends, axis=0)),
        "jackknife-t": (estimate - reach, estimate + reach),
    }


def repeat(design: str, kind: str, objective: str, seed: int) -> dict[str, list[float]]:
    """One simulated study: for each method hits (0 or 1), then widths, of the four predictions."""
    sizes, rates = DESIGNS[design]
    table = testing.design(sizes, rates, TOKENS)
    cell = zlib.crc32(f"{design}/{kind}".encode())
    records = testing.synthesize(forms.p2, TRUTH, table)
    records["loss"] += noise(kind, table, np.random.default_rng([cell, seed]))
    there = asked(sizes, rates)
    true = testing.synthesize(forms.p2, TRUTH, there)["loss"].to_numpy()
    fit = p2law.fit(records, forms.p2, objective=OBJECTIVES[objective])
    told = fit.predict(there, level=LEVEL)
    found: dict[str, tuple[np.ndarray, ...]] = {
        "p2law": (told["low"].to_numpy(), told["high"].to_numpy())
    }
    if seed < COMPARED:
        found |= others(fit, there, seed)
    return {
        name: [*((low <= true) & (true <= high)).astype(float), *(high - low)]
        for name, (low, high) in found.items()
    } | {"loss": (told["loss"].to_numpy() - true).tolist()}


def repeats(design: str, kind: str, objective: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Simulated studies of one cell, by seed, wherever joblib was told to do them."""
    return mapped(functools.partial(repeat, design, kind, objective), seeds, "studies")


def cells() -> Iterator[tuple[str, str, str]]:
    """All cells, the smallest designs first."""
    for kind in NOISES:
        for objective in OBJECTIVES:
            for design in DESIGNS:
                yield design, kind, objective


def run(lines: Path, done: list[repeating.Outcome], count: int) -> None:
    """Do what is missing, one line a repeat."""
    there = {(*_cell(each), each["seed"]) for each in done}
    for design, kind, objective in cells():
        cell = {"noise": kind, "objective": objective, "design": design}
        left = [seed for seed in range(count) if (kind, objective, design, seed) not in there]
        for begin in range(0, len(left), AT_ONCE):
            seeds = left[begin : begin + AT_ONCE]
            found = zip(seeds, repeats(design, kind, objective, seeds), strict=True)
            done += repeating.add(lines, [{**cell, "seed": seed, **each} for seed, each in found])
        print(*cell.values(), sep=", ", flush=True)


def _cell(study: repeating.Outcome) -> tuple[str, str, str]:
    return study["noise"], study["objective"], study["design"]


def summary(done: Sequence[repeating.Outcome]) -> dict[str, list[dict[str, object]]]:
    """Coverage of each prediction and width beside the narrowest other method that covers.

    A table for each noise and objective, with a row for each design.
    """
    tables: dict[str, list[dict[str, object]]] = {}
    by_cell: dict[tuple[str, str, str], list[repeating.Outcome]] = {}
    for each in done:
        by_cell.setdefault(_cell(each), []).append(each)
    for (kind, objective, design), own in by_cell.items():
        held, width = _methods(own)
        row: dict[str, object] = {"design": design, "repeats": len(own)}
        row |= {what: held["p2law"][k] for k, what in enumerate(ASKED)}
        row |= {f"{what}, width": _times(held, width, k) for k, what in enumerate(ASKED)}
        tables.setdefault(f"{kind}, {objective}", []).append(row)
    return tables


def _methods(studies: Sequence[repeating.Outcome]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Coverage and median width of the four predictions, by method."""
    held, width = {}, {}
    for method in METHODS:
        found = np.array([each[method] for each in studies if method in each])
        # Widths are compared over the studies that every method was applied to.
        both = np.array([each[method] for each in studies if METHODS[-1] in each])
        held[method] = found[:, : len(ASKED)].mean(axis=0)
        width[method] = np.nanmedian(both[:, len(ASKED) :], axis=0)
    return held, width


def _times(held: dict[str, Any], width: dict[str, Any], k: int) -> float | None:
    """Width of our interval over the narrowest of the others that cover, None if none does."""
    covering = [width[name][k] for name in METHODS[1:] if held[name][k] >= COVERS]
    return float(width["p2law"][k] / min(covering)) if covering else None


def chinchilla() -> None:
    """Standard errors of alpha and beta on the 240 points: ours, and rows drawn again."""
    data = Path(__file__).parents[1] / "data" / "chinchilla.csv"
    records = p2law.load(data, needs=()).nsmallest(240, "loss")
    fit = p2law.fit(records, forms.chinchilla, objective=p2law.huber(1e-3, log=True))
    problem = posed(fit)
    q = problem.surface.coordinates(fit.values)
    count = np.random.default_rng(0).multinomial(240, np.full(240, 1 / 240), 4000).astype(float)
    found = refit(problem.surface, problem.target, count, problem.objective, q)
    again = pd.DataFrame([problem.surface.coefficients(each) for each in found.q])
    for name, published in (("alpha", 0.0154), ("beta", 0.0206)):
        print(
            f"{name}: p2law {fit.draws[name].std():.4f}, 4,000 draws of rows with exact refits "
            f"{again[name].std():.4f}, published {published}"
        )


def parallel_jobs(jobs: int) -> AbstractContextManager[Any]:
    """What joblib is told; nothing for one job, which needs no joblib."""
    if jobs == 1:
        return nullcontext()
    import joblib

    told: AbstractContextManager[Any] = joblib.parallel_config(n_jobs=jobs)
    return told


def main() -> None:
    """Do what is missing; then tell how often intervals held."""
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=1, help="processes of joblib")
    parser.add_argument("--chinchilla", action="store_true")
    repeating.options(parser, LINES)
    options = parser.parse_args()
    if options.chinchilla:
        chinchilla()
        return
    done, commit = repeating.before(options.lines, options.other_commit)
    with parallel_jobs(options.jobs):
        run(options.lines, done, options.repeats)
    tables = summary(done)
    keeping.show(tables)
    if options.save:
        keeping.keep(options.save, tables, commit=commit)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
