"""What a problem is, and the known ones: the 240 Chinchilla points, and P² at 1,800 rows.

`families.py` draws others at random; `judge.py` judges what is answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import judge
import numpy as np
import pandas as pd
from recovery import truth as p2_truth

import p2law
from p2law import Form, forms, testing
from p2law.objectives import Objective

DATA = Path(__file__).parents[1] / "data"
LAWS = {"chinchilla": forms.chinchilla, "p2": forms.p2}
DELTA = 1e-3
SEED = 0
"""Of the truth behind the timed P² records."""


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

    @property
    def columns(self) -> dict[str, judge.Array]:
        """Inputs of the law, in its order."""
        return {name: self.records[name].to_numpy(float) for name in self.form.columns}

    @property
    def loss(self) -> judge.Array:
        """What was measured."""
        return self.records["loss"].to_numpy(float)

    def judge(self, values: Mapping[str, float] | None) -> float:
        """The objective of coefficients: one function for every tool; infinite if there is none."""
        return judge.objective(self.law, self.columns, self.loss, self.delta, values)

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
        delta = np.nan if self.delta is None else self.delta
        held: dict[str, Any] = {"law": self.law, "delta": delta, "loss": self.loss}
        held |= self.columns
        np.savez(file, **held)


def points() -> Problem:
    """The 240 points of the replication: all but the five highest losses."""
    table = p2law.load(DATA / "chinchilla.csv")
    return Problem("chinchilla", table[table["in_published_fit"] == 1].reset_index(), DELTA)


def points_squared() -> Problem:
    """The same points with plain squares, the only objective of some tools."""
    return Problem("chinchilla", points().records)


def nine_runs(rows: int = 1800) -> Problem:
    """Noisy records of nine runs of a P² law that is drawn at random, as all other truths are."""
    tokens = np.geomspace(2e7, 1e9, rows // 9).tolist()
    table = testing.design((0.5e9, 1.5e9, 3e9), (0.15, 0.25, 0.35), tokens)
    truth = p2_truth(np.random.default_rng(SEED))
    return Problem("p2", testing.synthesize(forms.p2, truth, table, noise=0.003), truth=truth)
