"""How long a fit takes beside what a user would pick instead, in one run on one core.

The 240 Chinchilla points with Huber(0.001) on log residuals, against lmfit tuned by
hand and started at Hoffmann's coefficients; the `chinchilla` package on the grid of
its README (minutes; installed into an environment of its own); 1,000 refits; the P² law at
1,800 rows, with and without intervals; growth with rows; peak memory; import.

    python benchmarks/speed.py [--chinchilla] [--rows 1000000]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import lmfit  # noqa: E402 - threads must be set first
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from posing import posed  # noqa: E402

import p2law  # noqa: E402
from p2law import forms, resampling, testing  # noqa: E402
from p2law.refitting import refit  # noqa: E402

ROOT = Path(__file__).parents[1]
HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
DELTA = 1e-3


def points() -> pd.DataFrame:
    """The 240 points of the replication: all but the five highest losses."""
    table = p2law.load(ROOT / "data" / "chinchilla.csv")
    return table[table["in_published_fit"] == 1][["params", "tokens", "loss"]]


def judge(records: pd.DataFrame, values: dict[str, float]) -> float:
    """Sum of Huber(0.001) of log residuals: one function judges every tool."""
    predicted = forms.chinchilla(records["params"], records["tokens"], **values)
    return p2law.huber(DELTA, log=True).total(np.log(predicted) - np.log(records["loss"]))


def expert(records: pd.DataFrame) -> dict[str, float]:
    """An expert with lmfit: logs, Huber, sane starts, exact derivatives."""
    size, data, loss = (np.log(records[name].to_numpy()) for name in ("params", "tokens", "loss"))
    params = lmfit.Parameters()
    for name, value in HOFFMANN.items():
        in_log = name in "EAB"
        params.add(name, value=np.log(value) if in_log else value)

    def parts(at: lmfit.Parameters) -> np.ndarray:
        e, a, b, alpha, beta = at.valuesdict().values()
        return np.array([np.full_like(size, e), a - alpha * size, b - beta * data])

    def residuals(at: lmfit.Parameters) -> np.ndarray:
        return np.logaddexp.reduce(parts(at)) - loss

    def jacobian(at: lmfit.Parameters) -> np.ndarray:
        terms = parts(at)
        share = np.exp(terms - np.logaddexp.reduce(terms))
        return np.stack([*share, -share[1] * size, -share[2] * data], axis=1)

    done = lmfit.Minimizer(residuals, params).least_squares(
        jac=jacobian, loss="huber", f_scale=DELTA, ftol=1e-12, xtol=1e-12, gtol=1e-12
    )
    found = done.params.valuesdict()
    return {name: float(np.exp(v)) if name in "EAB" else v for name, v in found.items()}


def ours(records: pd.DataFrame) -> dict[str, float]:
    """The same fit by p2law, from records alone."""
    fit = p2law.fit(records, forms.chinchilla, objective=p2law.huber(DELTA, log=True))
    return dict(fit.values)


PACKAGE = """
import json, sys, tempfile, time
import numpy as np, pandas as pd
from chinchilla import Chinchilla
from chinchilla._metrics import log_huber
records = pd.read_csv(sys.argv[1])
def loss_fn(y_true, y_pred): return log_huber(y_true, y_pred, delta=1e-3)
with tempfile.TemporaryDirectory() as folder:
    fit = Chinchilla(folder, param_grid=dict(
        E=np.linspace(1, 2, 5), a=np.linspace(1, 10, 5), b=np.linspace(1, 10, 5),
        alpha=np.linspace(0.1, 0.7, 5), beta=np.linspace(0.1, 0.7, 5)),
        loss_fn=loss_fn, log_level=50)
    for row in records.itertuples():
        work = 6 * row.params * row.tokens
        fit.database.append(C=work, N=row.params, D=row.tokens, loss=row.loss)
    start = time.perf_counter()
    fit.fit()
    print(json.dumps({"seconds": time.perf_counter() - start, "values": {
        k: float(v) for k, v in fit.params.items()}}))
"""


def package(records: pd.DataFrame, folder: Path) -> tuple[float, dict[str, float]]:
    """The `chinchilla` package on the grid of its README, on one core."""
    python = folder / ".venv-chinchilla" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)  # noqa: S603
        subprocess.run([python, "-m", "pip", "install", "-q", "chinchilla==0.2.0"], check=True)  # noqa: S603
    table = folder / ".chinchilla-points.csv"
    records.to_csv(table, index=False)
    command = ["taskset", "-c", "0", python, "-c", PACKAGE, table]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    told = json.loads(found.stdout.strip().splitlines()[-1])
    return told["seconds"], told["values"]


def seconds(work: Callable[[], object], repeats: int = 15) -> float:
    """Median of warm calls."""
    work()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def p2_records(rows: int) -> pd.DataFrame:
    """Noisy P² records of nine runs."""
    tokens = np.geomspace(2e7, 1e9, rows // 9)
    table = testing.design((0.5e9, 1.5e9, 3e9), (0.15, 0.25, 0.35), tokens)
    truth = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2}
    truth |= {"N_C": 0.3 * 1e9**0.6, "D_C": 0.3 * 1e9**0.5, "E": 0.3 * 1e9**0.2}
    return testing.synthesize(forms.p2, truth, table, noise=0.003)


def refits(name: str, fit: p2law.Fit, codes: np.ndarray, one_by_one: int = 20) -> None:
    """Print what 1,000 refits cost, and how far they are from the same refits one by one."""
    problem = posed(fit)
    q = problem.surface.coordinates(fit.values)
    took = seconds(lambda: resampling.draw(problem, q, codes, 0, 1000), 3)
    shift = np.random.default_rng(0).choice([-1.0, 1.0], (one_by_one, codes.max() + 1))[:, codes]
    losses = problem.objective.shifted(problem.surface.predict(q), shift * problem.residuals(q))
    found = refit(problem.surface, losses, problem.weight, problem.objective, q)
    worst = 0.0
    for loss, own in zip(losses, found.q, strict=True):
        records = fit.records.assign(loss=loss)
        alone = p2law.fit(records, fit.form, objective=problem.objective)
        curve = loss - alone.residuals()["residual"].to_numpy()
        worst = max(worst, float(np.abs(problem.surface.predict(own) - curve).max()))
    print(f"{name}: 1,000 refits {took:.2f} s; {one_by_one} one by one differ by {worst:.1e} nat")


def in_fresh_process(rows: int) -> tuple[float, float]:
    """Warm seconds and peak megabytes of a P² fit of so many rows."""
    code = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        import resource, speed, p2law
        records = speed.p2_records({rows})
        p2law.fit(records.iloc[:: max(1, {rows} // 2000)], p2law.forms.p2)
        took = speed.seconds(lambda: p2law.fit(records, p2law.forms.p2), 3)
        print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    out = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    took, peak = map(float, out.stdout.split())
    return took, peak


def import_seconds(name: str) -> float:
    """Median wall time of a fresh interpreter that imports a module."""
    command = [sys.executable, "-c", f"import {name}"]
    return seconds(lambda: subprocess.run(command, check=True), 15)  # noqa: S603


def main() -> None:
    """Print every figure with its ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--chinchilla", action="store_true", help="also run the package: minutes")
    parser.add_argument("--rows", type=int, default=1_000_000, help="most rows to grow to")
    asked = parser.parse_args()

    records = points()
    by_us, by_expert = seconds(lambda: ours(records)), seconds(lambda: expert(records))
    print(f"240 points: p2law {1e3 * by_us:.1f} ms, objective {judge(records, ours(records)):.13f}")
    print(
        f"240 points: lmfit by hand {1e3 * by_expert:.1f} ms, objective "
        f"{judge(records, expert(records)):.13f}; p2law takes {by_us / by_expert:.2f} times as long"
    )
    if asked.chinchilla:
        took, values = package(records, Path(__file__).parent)
        print(
            f"240 points: chinchilla {took:.1f} s, objective {judge(records, values):.13f}; "
            f"p2law is {took / by_us:,.0f} times faster"
        )
    fit = p2law.fit(records, forms.chinchilla, objective=p2law.huber(DELTA, log=True))
    refits("240 points", fit, np.arange(240))
    fit = p2law.fit(p2_records(1800), forms.p2)
    refits("p2 at 1,800 rows", fit, np.arange(1800) // 200)
    asking = {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.2, "base_loss": 2.0}
    took = seconds(lambda: p2law.fit(p2_records(1800), forms.p2).predict(**asking), 5)
    print(f"p2 at 1,800 rows: fit and intervals {took:.2f} s")
    before = 0.0
    for rows in (1_800, 10_000, 100_000, asked.rows):
        took, peak = in_fresh_process(rows)
        growth = f"; {took / before:.1f} times the time of the line above" if before else ""
        print(f"p2 at {rows:,} rows: {1e3 * took:.1f} ms, peak {peak:.0f} MB{growth}")
        before = took
    own, pandas = import_seconds("p2law"), import_seconds("pandas")
    print(f"import p2law {own:.3f} s, import pandas {pandas:.3f} s, ratio {own / pandas:.3f}")


if __name__ == "__main__":
    main()
