"""How long what follows a fit takes, and how long p2law takes to import.

1,000 refits of the 240 Chinchilla points (Huber on logarithms) and of P² at 1,800 rows, beside as
many with lmfit by an expert, and how far they lie from the same refits made one by one with
`p2law.fit`; a fit with the interval of a prediction; import beside that of pandas, taking turns.
`peers.py` compares fits with those of other tools, `growth.py` tells how time and memory grow.

    python benchmarks/speed.py [--save FILE]
"""

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

import keeping  # noqa: E402 - threads must be set first
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import problems  # noqa: E402
from asking_tools import TOOLS, answers  # noqa: E402
from posing import posed  # noqa: E402

import p2law  # noqa: E402
from p2law.solving import resampling  # noqa: E402
from p2law.solving.refitting import refit  # noqa: E402

COUNT, ONE_BY_ONE = 1000, 20
TURNS = 15


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
    """What 1,000 refits cost, and how far some are from the same refits one by one."""
    fit = p2law.fit(problem.records, problem.form, objective=problem.objective)
    own = posed(fit)
    q = own.surface.coordinates(fit.values)
    took = seconds(lambda: resampling.draw(own, q, codes, 0, COUNT), 5)
    shift = np.random.default_rng(0).choice([-1.0, 1.0], (COUNT, codes.max() + 1))[:, codes]
    losses = own.objective.shifted(own.surface.predict(q), shift * own.residuals(q))
    expert = expert_seconds(problem, losses)
    losses = losses[:ONE_BY_ONE]
    found = refit(own.surface, losses, own.weight, own.objective, q)
    worst = 0.0
    for loss, each in zip(losses, found.q, strict=True):
        records = fit.records.assign(loss=loss)
        alone = p2law.fit(records, fit.form, objective=own.objective)
        curve = loss - alone.residuals()["residual"].to_numpy()
        worst = max(worst, float(np.abs(own.surface.predict(each) - curve).max()))
    return {
        "problem": name,
        "refits": COUNT,
        "cpu_s": took,
        "expert_cpu_s": expert,
        "times_p2law": expert / took,
        "checked": ONE_BY_ONE,
        "nat": worst,
    }


def expert_seconds(problem: problems.Problem, losses: np.ndarray) -> float:
    """CPU time of refits with lmfit by an expert, each from the expert's start."""
    asked = {
        f"{k:04d}": replace(problem, records=problem.records.assign(loss=loss))
        for k, loss in enumerate(losses)
    }
    found = answers(TOOLS["lmfit, expert"], asked, 1).fits
    return sum(sum(each.seconds) for each in found.values())


def fit_and_interval(problem: problems.Problem) -> pd.DataFrame:
    """A fit, and a prediction with its interval."""
    fit = p2law.fit(problem.records, problem.form)
    return fit.predict(params=1e9, tokens=1e9, pruning_rate=0.2, base_loss=2.0)


def import_seconds(names: tuple[str, ...]) -> dict[str, float]:
    """Median wall time of a fresh interpreter that imports a module, the modules in turn."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(TURNS + 1):
        for name in names:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)  # noqa: S603
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
    imports = import_seconds(("p2law", "pandas"))
    interval = seconds(lambda: fit_and_interval(nine), 5)
    tables = {
        "refits": [
            refits("240 points, Huber", points, np.arange(len(points.records))),
            refits("P² at 1,800 rows", nine, runs),
        ],
        "interval": [{"problem": "P² at 1,800 rows", "cpu_s": interval}],
        "import": [
            {"module": name, "wall_s": took, "times_pandas": took / imports["pandas"]}
            for name, took in imports.items()
        ],
    }
    keeping.show(tables)
    if asked.save:
        keeping.keep(asked.save, tables)


if __name__ == "__main__":
    main()
