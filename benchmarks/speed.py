"""How long what follows a fit takes, and how long p2law takes to import.

1,000 refits of the 240 Chinchilla points (Huber on logarithms) and of P² at 1,800 rows, beside the
same refits with lmfit by an expert, who starts each from the fit as p2law does; a fit with the
interval of a prediction; import beside that of pandas and of other tools, taking turns.
`peers.py` compares fits with those of other tools, `growth.py` tells how time and memory grow.

    python benchmarks/speed.py [--save FILE]
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from options import parser_of

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import environments  # noqa: E402
import keeping  # noqa: E402 - threads must be set first
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import problems  # noqa: E402
from asking_tools import Tool, answers  # noqa: E402
from posing import posed  # noqa: E402

import p2law  # noqa: E402
from p2law.solving.refitting import Refits, refit  # noqa: E402

COUNT = 1000
FIRST = " the fit"
"""Comes before all numbers."""
REFITTING = Tool("lmfit", "lmfit_refits", robust=True)
TURNS = 7
IMPORTS = {
    "p2law": ("", "p2law"),
    "p2law and what its first fit loads": ("", "p2law, lmfit"),
    "pandas": ("", "pandas"),
    "lmfit": ("lmfit", "lmfit"),
    "statsmodels": ("statsmodels", "statsmodels.api"),
    "chinchilla": ("chinchilla", "chinchilla"),
    "simple-scaling-laws": ("simple-scaling-laws", "simple_scaling_laws"),
}
"""Environment ("" is ours) and modules."""


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median CPU time of warm calls."""
    work()
    found = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def refits(name: str, problem: problems.Problem, codes: np.ndarray) -> dict[str, object]:
    """What 1,000 refits cost, and how good those of both are, all judged by one function."""
    fit = p2law.fit(problem.records, problem.form, objective=problem.objective)
    own = posed(fit)
    q = own.surface.coordinates(fit.values)
    shift = np.random.default_rng(0).choice([-1.0, 1.0], (COUNT, codes.max() + 1))[:, codes]
    losses = own.objective.shifted(own.surface.predict(q), shift * own.residuals(q))

    def all_of_them() -> Refits:
        return refit(own.surface, losses, own.weight, own.objective, q)

    took = seconds(all_of_them, 5)
    found = [own.surface.coefficients(each) for each in all_of_them().q]
    again = [replace(problem, records=problem.records.assign(loss=loss)) for loss in losses]
    asked = {FIRST: problem} | {f"{k:04d}": each for k, each in enumerate(again)}
    told = answers(REFITTING, asked, 1).fits
    del told[FIRST]
    expert = sum(sum(each.seconds) for each in told.values())
    judged = np.array(
        [
            [one.judge(values), one.judge(his.values)]
            for one, values, his in zip(again, found, told.values(), strict=True)
        ]
    )
    excess = np.max(judged / judged.min(axis=1, keepdims=True) - 1, axis=0)
    return {
        "problem": name,
        "refits": COUNT,
        "cpu_s": took,
        "expert_cpu_s": expert,
        "times_p2law": expert / took,
        "excess": excess[0],
        "expert_excess": excess[1],
    }


def fit_and_interval(problem: problems.Problem) -> pd.DataFrame:
    """A fit, and a prediction with its interval."""
    fit = p2law.fit(problem.records, problem.form)
    return fit.predict(params=1e9, tokens=1e9, pruning_rate=0.2, base_loss=2.0)


def import_seconds() -> dict[str, float]:
    """Median wall time of a fresh interpreter that imports modules, the tools taking turns."""
    pythons: dict[str, Path | str] = {}
    for name, (environment, _) in IMPORTS.items():
        with contextlib.suppress(environments.MissingPythonError):
            pythons[name] = environments.python_of(environment) if environment else sys.executable
    found: dict[str, list[float]] = {name: [] for name in pythons}
    for turn in range(TURNS + 1):
        for name, python in pythons.items():
            start = time.perf_counter()
            subprocess.run([python, "-c", f"import {IMPORTS[name][1]}"], check=True)  # noqa: S603
            if turn:  # the first turn reads from the disk
                found[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in found.items()}


def main() -> None:
    """Print every figure."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    points, nine = problems.points(), problems.nine_runs()
    runs = pd.factorize(nine.records["run"])[0]
    imports = import_seconds()
    interval = seconds(lambda: fit_and_interval(nine), 5)
    tables = {
        "refits": [
            refits("240 points, Huber", points, np.arange(len(points.records))),
            refits("P² at 1,800 rows", nine, runs),
        ],
        "interval": [{"problem": "P² at 1,800 rows", "cpu_s": interval}],
        "import": [
            {"module": name, "wall_s": took, "times_p2law": took / imports["p2law"]}
            for name, took in imports.items()
        ],
    }
    keeping.show(tables)
    if asked.save:
        keeping.keep(asked.save, tables)


if __name__ == "__main__":
    main()
