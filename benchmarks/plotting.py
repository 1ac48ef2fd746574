"""How long pictures take: 60 runs of 200 points each, drawn and written as PNG and as SVG.

    python benchmarks/plotting.py [--turns 5] [--save FILE]

The fit and its refits are made before; what is timed is what a notebook does after `fit`.
"""

import io
import os
import statistics
import time
from pathlib import Path

from options import parser_of

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import keeping  # noqa: E402 - threads must be set first
import matplotlib as mpl  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

import p2law  # noqa: E402
from p2law import forms, plotting, testing  # noqa: E402

TRUTH = {
    "alpha": 0.4,
    "beta": 0.3,
    "gamma": -1.2,
    "delta": 0.2,
    "N_C": 7.5e4,
    "D_C": 9.5e3,
    "E": 19.0,
}
PICTURES = ("curves", "rates", "residuals", "predicted", "coefficients", "gain", "contour")


def sixty_runs() -> p2law.Fit:
    """A P² law of ten sizes and six rates, 200 checkpoints each, with its refits."""
    sizes, rates = np.geomspace(3e8, 3e10, 10).tolist(), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    table = testing.design(sizes, rates, np.geomspace(1e7, 1e10, 200).tolist())
    fit = p2law.fit(testing.synthesize(forms.p2, TRUTH, table, noise=0.01, seed=1))
    print(fit.predict(fit.records.iloc[:1]).to_string(), "\n")
    return fit


def timed(name: str, fit: p2law.Fit, kind: str) -> tuple[float, float]:
    """CPU time and wall clock of one picture, from the call to the bytes of a file."""
    cpu, wall = time.process_time(), time.perf_counter()
    drawn = getattr(plotting, name)(fit)
    figure = np.ravel(drawn)[0].figure
    figure.savefig(io.BytesIO(), format=kind)
    spent = time.process_time() - cpu, time.perf_counter() - wall
    plt.close(figure)
    return spent


def main() -> None:
    """Time every picture of a fit."""
    parser = parser_of(__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    turns, rows = asked.turns, []
    mpl.use("agg")
    fit = sixty_runs()
    print(f"{len(fit.records)} rows of {fit.records['run'].nunique()} runs, medians of {turns}")
    for name in PICTURES:
        row: dict[str, object] = {"picture": name}
        for kind in ("png", "svg"):
            timed(name, fit, kind)
            found = [timed(name, fit, kind) for _ in range(turns)]
            cpu, wall = (statistics.median(each) for each in zip(*found, strict=True))
            row |= {f"{kind}, CPU s": cpu, f"{kind}, wall s": wall}
        rows.append(row)
    keeping.show({"pictures": rows})
    if asked.save:
        keeping.keep(asked.save, {"pictures": rows}, ("matplotlib",))


if __name__ == "__main__":
    main()
