"""Problems that every tool is given, and the one function that judges what it answers.

The 240 Chinchilla points with Huber(0.001) on logarithms; P² at 1,800 rows; and random problems:
a random law, 4 to 6 sizes and, for P², 3 or 4 rates at random, and normal noise of 0.001 to 0.02
nat. A problem is its number: the same number is the same problem on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from recovery import BILLION
from recovery import truth as p2_truth

import p2law
from p2law import Form, forms, testing
from p2law.objectives import Objective

DATA = Path(__file__).parents[1] / "data"
LAWS = {"chinchilla": forms.chinchilla, "p2": forms.p2}
DELTA = 1e-3


@dataclass(frozen=True)
class Problem:
    """Records, the law to fit, and Huber's delta over logarithms (None: plain squares)."""

    law: str
    records: pd.DataFrame
    delta: float | None = None
    truth: Mapping[str, float] | None = None

    @property
    def form(self) -> Form:
        """The law."""
        return LAWS[self.law]

    @property
    def objective(self) -> Objective:
        """What is minimised."""
        return p2law.huber(self.delta, log=True) if self.delta else p2law.squared()

    def judge(self, values: Mapping[str, float] | None) -> float:
        """The objective of coefficients: one function for every tool; infinite if there is none."""
        if values is None:
            return np.inf
        columns = [self.records[name].to_numpy() for name in self.form.columns]
        with np.errstate(all="ignore"):
            found = np.asarray(self.form.function(*columns, **values))
            total = self.objective.total(
                self.objective.residuals(found, self.records["loss"].to_numpy())
            )
        return total if np.isfinite(total) else np.inf

    def inside(self, values: Mapping[str, float]) -> bool:
        """Whether coefficients are within the bounds of the law."""
        bounds = {each.name: each.bounds for each in self.form.coefficients}
        return all(
            (bounds[k].least is None or v >= bounds[k].least)
            and (bounds[k].most is None or v <= bounds[k].most)
            for k, v in values.items()
        )

    def write(self, file: Path) -> None:
        """Write what a tool in another environment reads."""
        columns = {name: self.records[name].to_numpy() for name in self.form.columns}
        delta = np.nan if self.delta is None else self.delta
        loss = self.records["loss"].to_numpy()
        np.savez(file, law=self.law, delta=delta, loss=loss, **columns)


def points() -> Problem:
    """The 240 points of the replication: all but the five highest losses."""
    table = p2law.load(DATA / "chinchilla.csv")
    return Problem("chinchilla", table[table["in_published_fit"] == 1].reset_index(), DELTA)


def points_squared() -> Problem:
    """The same points with plain squares, the only objective of some tools."""
    return Problem("chinchilla", points().records)


def nine_runs(rows: int = 1800) -> Problem:
    """Noisy P² records of nine runs."""
    tokens = np.geomspace(2e7, 1e9, rows // 9)
    table = testing.design((0.5e9, 1.5e9, 3e9), (0.15, 0.25, 0.35), tokens)
    truth = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2}
    truth |= {"N_C": 0.3 * 1e9**0.6, "D_C": 0.3 * 1e9**0.5, "E": 0.3 * 1e9**0.2}
    return Problem("p2", testing.synthesize(forms.p2, truth, table, noise=0.003), truth=truth)


def random(law: str, number: int) -> Problem:
    """One random problem."""
    rng = np.random.default_rng([number, len(law)])
    noise = float(np.exp(rng.uniform(*np.log([1e-3, 2e-2]))))
    sizes = _apart(rng, 1e8, 1.6e10, int(rng.integers(4, 7)))
    if law == "p2":
        truth = p2_truth(rng)
        table = testing.design(sizes, np.sort(rng.uniform(0.1, 0.6, int(rng.integers(3, 5)))))
    else:
        truth = dense_truth(rng)
        table = p2law.grid(params=sizes, tokens=np.geomspace(1e9, 1e12, 15))
    records = testing.synthesize(LAWS[law], truth, table, noise=noise, seed=number)
    return Problem(law, records, truth=truth)


def dense_truth(rng: np.random.Generator) -> dict[str, float]:
    """A random Chinchilla law: both terms 0.1 to 0.6 nat at 1e9 parameters and 3e10 tokens."""
    alpha, beta = rng.uniform(0.2, 0.7, 2)
    A, B = rng.uniform(0.1, 0.6, 2) * [BILLION**alpha, (30 * BILLION) ** beta]
    return {"E": rng.uniform(1.2, 2.4), "A": A, "B": B, "alpha": alpha, "beta": beta}


def _apart(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """So many random sizes, one in each part of the range."""
    parts = np.log(low) + np.log(high / low) * (np.arange(count) + rng.uniform(size=count)) / count
    return np.exp(parts)
