"""How far it goes: many rows, many runs, many machines.

Each measurement has a fresh process; memory is the most that process ever held (VmHWM), time is CPU
time. A cluster here is two processes of one machine: what is shown is that every backend of joblib
gives the same bits, not that it is faster.

A process that ends badly, answers that differ, and a load or a fit of up to 1e7 rows that takes
more than is meant are kept, and then said at the end, which is a bad one.
Tables that were not asked for stay in the file as they were.

    python benchmarks/scale.py [--save FILE] [--rows 1e7] [--runs 10000] [--lone 1e6]
                               [--only rows runs lone jobs]
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import keeping
import numpy as np
import pandas as pd
from environments import last_error
from options import parser_of
from peak import high_water
from performance_goals import LARGE_GB, LARGE_ROWS
from simulated import TRUTH

import p2law
from p2law import forms, holdout, testing

Row = dict[str, Any]


def part(sizes: np.ndarray, rates: np.ndarray, rows: int, seed: int) -> pd.DataFrame:
    """Runs of some sizes at some rates, each of so many rows."""
    tokens = np.geomspace(2e7, 1e9, rows)
    table = testing.design(sizes.tolist(), rates.tolist(), tokens.tolist())
    return testing.synthesize(forms.p2, TRUTH, table, noise=0.01, run_noise=0.01, seed=seed)


def write(path: Path, rows: int) -> None:
    """Write a Parquet file of 1,000 runs, one row group a model size."""
    from pyarrow import Table, parquet

    writer = None
    for k, size in enumerate(np.geomspace(0.25e9, 8e9, 25)):
        table = part(np.array([size]), np.linspace(0.1, 0.6, 40), rows // 1000, k)
        arrow = Table.from_pandas(table, preserve_index=False)
        writer = writer or parquet.ParquetWriter(path, arrow.schema)
        writer.write_table(arrow)
    if writer:
        writer.close()


def rows_in_a_file(path: str) -> Iterator[Row]:
    """Load a file and fit it; then its intervals and its view."""
    yield _step("import", "import p2law")
    records = p2law.load(path)
    yield _step("load", f"load {len(records):,} rows")
    fit = p2law.fit(records, forms.p2)
    yield _step("fit", f"fit, {fit.status.words}")
    _ = fit.draws
    yield _step("refits", f"{len(fit.draws)} refits, one linear step each")
    _ = str(fit)
    yield _step("view", "view")


def many_runs(runs: str) -> Iterator[Row]:
    """Fit many short runs, with 1,000 refits; the view must stay readable."""
    rates = np.linspace(0.1, 0.6, 100)
    records = part(np.geomspace(0.25e9, 8e9, int(runs) // 100), rates, 20, 0)
    yield _step("make", f"made {len(records):,} rows of {records['run'].nunique():,} runs")
    fit = p2law.fit(records, forms.p2)
    yield _step("fit", f"fit, {fit.status.words}")
    view = str(fit)
    lines = view.splitlines()
    yield _step(
        "view", f"view of {len(lines)} lines, the longest of {max(map(len, lines))} letters"
    )
    draws = fit.known.of_refits(1000).draws
    errors = draws.std()
    off = max(abs(fit.values[name] - true) / errors[name] for name, true in TRUTH.items())
    yield _step("refits", f"{len(draws)} refits; the truth lies within {off:.1f} standard errors")


def lone_rows(rows: str) -> Iterator[Row]:
    """Fit rows of which no two are of one run; then their intervals."""
    rng, count = np.random.default_rng(0), int(rows)
    table = pd.DataFrame(
        {
            "params": 10 ** rng.uniform(8.4, 9.9, count),
            "tokens": 10 ** rng.uniform(7.3, 9, count),
            "pruning_rate": rng.uniform(0.1, 0.6, count),
            "base_loss": 2.0,
        }
    )
    records = testing.synthesize(forms.p2, TRUTH, table, noise=0.01)
    yield _step("make", f"made {len(records):,} rows, each a run of its own")
    fit = p2law.fit(records, forms.p2)
    yield _step("fit", f"fit, {fit.status.words}")
    _ = fit.draws
    yield _step("refits", f"{len(fit.draws)} refits")


def _step(step: str, what: str) -> Row:
    """A row for what was done, known by its step."""
    used = {"CPU seconds": round(time.process_time(), 1), "peak MiB": round(high_water())}
    return {"step": step, "after": what, **used, "trouble": ""}


# -- the same bits wherever --------------------------------------------------------------------


def answer() -> str:
    """Refits, hold-outs and coverage studies; a hash of every bit of them."""
    import interval_coverage

    records = part(np.geomspace(0.25e9, 8e9, 5), np.array([0.15, 0.25, 0.35, 0.5]), 40, 0)
    fit = p2law.fit(records, forms.p2)
    told = p2law.compare(records, [forms.p2, forms.p2_no_delta], holdout.rollout)
    studies = interval_coverage.repeats("3 x 3", "independent", "squared()", range(4))
    found = [fit.draws.to_json(double_precision=15), fit.draws.to_numpy().tobytes().hex()]
    found += [told.table.to_json(double_precision=15), json.dumps(studies)]
    return hashlib.sha256("".join(found).encode()).hexdigest()[:16]


@contextmanager
def dask() -> Iterator[None]:
    """Two Dask workers."""
    import joblib
    from dask import config
    from distributed import Client, LocalCluster

    size = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    config.set({f"distributed.comm.timeouts.{each}": "300s" for each in ("connect", "tcp")})
    with LocalCluster(**size) as cluster, Client(cluster), joblib.parallel_config("dask"):
        yield


@contextmanager
def ray() -> Iterator[None]:
    """Two Ray workers."""
    import joblib
    import ray as cluster
    from ray.util.joblib import register_ray

    cluster.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    with joblib.parallel_config("ray", n_jobs=2):
        yield
    cluster.shutdown()


@contextmanager
def local(backend: str) -> Iterator[None]:
    """Two processes or threads of joblib's own."""
    import joblib

    with joblib.parallel_config(backend, n_jobs=2):
        yield


@contextmanager
def nothing() -> Iterator[None]:
    """No joblib at all."""
    yield


BACKENDS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "without joblib": nothing,
    "joblib, loky, 2 processes": lambda: local("loky"),
    "joblib, 2 threads": lambda: local("threading"),
    "Dask, 2 workers": dask,
    "Ray, 2 workers": ray,
}


def backend(name: str) -> Iterator[Row]:
    """The same work by one backend."""
    with BACKENDS[name]():
        found = answer()
    yield {"backend": name, "hash of all answers": found, "trouble": ""}


# -- processes ---------------------------------------------------------------------------------

KINDS = {"rows": rows_in_a_file, "runs": many_runs, "lone": lone_rows, "jobs": backend}
NO_STEP = {"step": "none", "after": "no further step", "CPU seconds": None, "peak MiB": None}
FILE = "records.parquet"


def apart(kind: str, argument: object, folder: Path | None = None) -> list[Row]:
    """Measure in a fresh process, in a folder; what ended badly has a last row that says why."""
    command = [sys.executable, __file__, "--alone", kind, str(argument)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode:
        job = {"backend": str(argument), "hash of all answers": None}
        found.append((job if kind == "jobs" else NO_STEP) | {"trouble": _why(done)})
    for row in found:
        print(json.dumps(row), flush=True)
    return found


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """Why a process ended badly: the signal that killed it, or its last word."""
    if done.returncode < 0:
        return f"killed by {signal.Signals(-done.returncode).name}"
    return last_error(done.stderr)


def wrong(tables: Mapping[str, Sequence[Row]], rows: float) -> list[str]:
    """What is not as it should be in tables, the first of them of so many rows of a file."""
    told = [
        f"{kind}, {row.get('backend') or row['after']}: {row['trouble']}"
        for kind, table in tables.items()
        for row in table
        if row["trouble"]
    ]
    jobs = [row for row in tables.get("jobs", ()) if not row["trouble"]]
    if len({row["hash of all answers"] for row in jobs}) > 1:
        each = ", ".join(f"{row['backend']} {row['hash of all answers']}" for row in jobs)
        told.append(f"answers differ: {each}")
    taken = {
        str(row["after"]): row["peak MiB"] * 2**20 / 1e9
        for row in tables.get("rows", ())
        if row["step"] in {"load", "fit"}
    }
    return told + [
        f"{after}: {peak:.2f} GB at the most, where less than {LARGE_GB} GB is meant"
        for after, peak in taken.items()
        if rows <= LARGE_ROWS and peak >= LARGE_GB
    ]


def main() -> None:
    """Measure what is asked for; keep it, and end with what is not as it should be."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--rows", type=float, default=1e7)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--lone", type=float, default=1e6)
    parser.add_argument("--only", nargs="+", choices=[*KINDS], default=[*KINDS])
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        for row in KINDS[options.alone[0]](options.alone[1]):
            print(json.dumps(row), flush=True)
        return
    tables: dict[str, list[Row]] = {}
    if options.save and options.save.exists():
        tables = json.loads(options.save.read_text(encoding="utf-8"))["tables"]
    if "rows" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / FILE, int(options.rows))
            tables["rows"] = apart("rows", FILE, Path(folder))
    if "runs" in options.only:
        tables["runs"] = apart("runs", options.runs)
    if "lone" in options.only:
        tables["lone"] = apart("lone", int(options.lone))
    if "jobs" in options.only:
        tables["jobs"] = [row for name in BACKENDS for row in apart("jobs", name)]
    if options.save:
        packages = ("pyarrow", "joblib", "distributed", "ray")
        keeping.keep(options.save, tables, packages, options.only)
    bad = wrong({kind: tables[kind] for kind in options.only}, options.rows)
    if bad:
        sys.exit(f"not as it should be: {'; '.join(bad)}")


if __name__ == "__main__":
    main()
