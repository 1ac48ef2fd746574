"""Random problems, by family: what is hard about them.

A problem is its law, its family and its number: the same three are the same problem on every
machine. Laws and noise (0.001 to 0.02 nat) are drawn alike in all families.

usual         4 to 6 sizes over two decades and, for P², 3 or 4 rates; tokens over three decades,
              for P² from 2e7 to 1e9
near sizes    three sizes within one decade
short         tokens over one decade
few rows      a random choice of the usual rows: 3 to as many as coefficients more than these
outliers      a tenth of the rows off by 0.05 to 0.5 nat, Huber(0.001) over logarithms
all at once   near sizes, short, few rows and outliers
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from problems import DELTA, LAWS, Problem
from recovery import BILLION
from recovery import truth as p2_truth

import p2law
from p2law import testing

TOKENS = {"chinchilla": (1e9, 1e12, 15), "p2": (2e7, 1e9, 40)}
"""First, last, and how many: evenly apart on a logarithmic scale."""
SMALLEST, LARGEST = 1e8, 1.6e10
SPOILED = 0.1


@dataclass(frozen=True)
class Family:
    """What sets the problems of a family apart from the usual ones."""

    seed: tuple[int, ...]
    near_sizes: bool = False
    short: bool = False
    few_rows: bool = False
    outliers: bool = False


FAMILIES = {
    "usual": Family(()),
    "near sizes": Family((1,), near_sizes=True),
    "short": Family((2,), short=True),
    "few rows": Family((3,), few_rows=True),
    "outliers": Family((4,), outliers=True),
    "all at once": Family((5,), near_sizes=True, short=True, few_rows=True, outliers=True),
}


def random(law: str, name: str, number: int) -> Problem:
    """One random problem of a family."""
    family = FAMILIES[name]
    rng = np.random.default_rng([number, len(law), *family.seed])
    noise = float(np.exp(rng.uniform(*np.log([1e-3, 2e-2]))))
    sizes = _sizes(rng, near=family.near_sizes)
    truth = p2_truth(rng) if law == "p2" else dense_truth(rng)
    rates = _rates(rng) if law == "p2" else []
    tokens = _tokens(rng, law, short=family.short)
    if law == "p2":
        table = testing.design(sizes, rates, tokens)
    else:
        table = p2law.grid(params=sizes, tokens=tokens)
    records = testing.synthesize(LAWS[law], truth, table, noise=noise, seed=number)
    records = _few(rng, records, len(truth)) if family.few_rows else records
    records = _spoiled(rng, records) if family.outliers else records
    return Problem(law, records, DELTA if family.outliers else None, truth)


def dense_truth(rng: np.random.Generator) -> dict[str, float]:
    """A random Chinchilla law: both terms 0.1 to 0.6 nat at 1e9 parameters and 3e10 tokens."""
    alpha, beta = rng.uniform(0.2, 0.7, 2)
    A, B = rng.uniform(0.1, 0.6, 2) * [BILLION**alpha, (30 * BILLION) ** beta]
    return {"E": rng.uniform(1.2, 2.4), "A": A, "B": B, "alpha": alpha, "beta": beta}


def _sizes(rng: np.random.Generator, *, near: bool) -> Sequence[float]:
    """Random sizes: three within a decade, or 4 to 6 over all that is usual."""
    if not near:
        return _apart(rng, SMALLEST, LARGEST, int(rng.integers(4, 7)))
    low = float(np.exp(rng.uniform(*np.log([SMALLEST, LARGEST / 10]))))
    return _apart(rng, low, 10 * low, 3)


def _apart(rng: np.random.Generator, low: float, high: float, count: int) -> list[float]:
    """So many random sizes, one in each part of the range."""
    parts = np.log(low) + np.log(high / low) * (np.arange(count) + rng.uniform(size=count)) / count
    return [float(each) for each in np.exp(parts)]


def _rates(rng: np.random.Generator) -> list[float]:
    """3 or 4 rates."""
    return [float(each) for each in np.sort(rng.uniform(0.1, 0.6, int(rng.integers(3, 5))))]


def _tokens(rng: np.random.Generator, law: str, *, short: bool) -> list[float]:
    """Tokens of every run, over one decade somewhere or over all that is usual."""
    low, high, count = TOKENS[law]
    if short:
        low = float(np.exp(rng.uniform(*np.log([low, high / 10]))))
        high = 10 * low
    return [float(each) for each in np.geomspace(low, high, count)]


def _few(rng: np.random.Generator, records: pd.DataFrame, coefficients: int) -> pd.DataFrame:
    """A few rows more than there are coefficients, at most twice as many as these."""
    count = int(rng.integers(coefficients + 3, 2 * coefficients + 1))
    chosen = np.sort(rng.choice(len(records), count, replace=False))
    return records.iloc[chosen].reset_index(drop=True)


def _spoiled(rng: np.random.Generator, records: pd.DataFrame) -> pd.DataFrame:
    """The same records with some rows off."""
    rows = rng.choice(len(records), max(1, round(SPOILED * len(records))), replace=False)
    by = np.zeros(len(records))
    by[rows] = rng.uniform(0.05, 0.5, len(rows)) * rng.choice([-1, 1], len(rows))
    return records.assign(loss=records["loss"] + by)
