"""How often the interval of `continue_run` holds: simulated studies with few runs.

In each repeat a law is fitted to so many runs of 12 log-spaced checkpoints. Each run lies
off the law by 0.02 nat as a whole (standard deviation) and each checkpoint by 0.002 more.
Two new runs at random places between the fitted ones are forecast to their end: from no
checkpoint, from the first, and from the first four, which is to 3.5 % of the tokens
(Chinchilla's law, sizes 1e8 to 1e10) or to 29 % (P², 5e8 to 8e9 and rates of 15 to 50 %).

    python benchmarks/continuing_coverage.py [--save FILE]      # 200 repeats
    python benchmarks/continuing_coverage.py --laws p2 --runs 6 8
"""

import warnings
from collections.abc import Iterator
from pathlib import Path

import keeping
import numpy as np
import pandas as pd
from options import parser_of
from simulated import TRUTH as P2

import p2law
from p2law import forms, planning, testing

CHINCHILLA = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
NOISE = {"noise": 0.002, "run_noise": 0.02}
SHAPES = {5: (5, 1), 6: (3, 2), 8: (4, 2), 10: (5, 2), 20: (5, 4)}
"""Sizes and rates of so many runs of P²; with one rate, gamma is held."""
SHOWN = (0, 1, 4)
NEW = 2


def runs_of(law: str, count: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Inputs of the runs that are fitted, and of those that are forecast."""
    if law == "chinchilla":
        fitted = pd.DataFrame({"params": np.geomspace(1e8, 1e10, count)})
        return fitted, pd.DataFrame({"params": 10 ** rng.uniform(8, 10, NEW)})
    sizes, rates = SHAPES[count]
    shares = np.linspace(0.15, 0.5, rates) if rates > 1 else np.array([0.25])
    fitted = p2law.grid(params=np.geomspace(5e8, 8e9, sizes), pruning_rate=shares)
    new = pd.DataFrame({"params": np.exp(rng.uniform(np.log(5e8), np.log(8e9), NEW))})
    new["pruning_rate"] = rng.uniform(shares[0], shares[-1], NEW)
    return fitted.assign(base_loss=2.0), new.assign(base_loss=2.0)


def measured(law: str, inputs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Records of runs, with noise."""
    wide = law == "chinchilla"
    tokens = np.geomspace(1e9, 1e11, 12) if wide else np.geomspace(2e8, 2e9, 12)
    table = inputs.assign(run=[f"run {k}" for k in range(len(inputs))])
    table = table.merge(pd.DataFrame({"tokens": tokens}), how="cross")
    form, truth = (forms.chinchilla, CHINCHILLA) if wide else (forms.p2, P2)
    return testing.synthesize(form, truth, table, seed=seed, **NOISE)


def study(law: str, count: int, seed: int) -> Iterator[dict[str, object]]:
    """One repeat: whether intervals held, and half their width."""
    rng = np.random.default_rng([seed, count])
    fitted, new = runs_of(law, count, rng)
    records = measured(law, fitted, 2 * (1000 * seed + count))
    fit = p2law.fit(records, forms.chinchilla if law == "chinchilla" else None)
    for _, run in measured(law, new, 2 * (1000 * seed + count) + 1).groupby("run"):
        end = run.iloc[-1]
        inputs = {name: float(end[name]) for name in fit.form.columns if name != "tokens"}
        for shown in SHOWN:
            seen = run[["tokens", "loss"]].head(shown)
            told = planning.continue_run(fit, seen, **inputs).predict(end["tokens"]).iloc[0]
            yield {
                "law": law,
                "runs": count,
                "shown": shown,
                "held": bool(told["low"] <= end["loss"] <= told["high"]),
                "half": (told["high"] - told["low"]) / 2,
            }


def row(law: str, count: int, found: pd.DataFrame) -> dict[str, object]:
    """Coverage and half the median width of so many runs, by the checkpoints that were shown."""
    told: dict[str, object] = {"law": law, "runs": count}
    for shown, own in found.groupby("shown"):
        told["forecasts"] = len(own)
        told |= {f"{shown}, held": own["held"].mean(), f"{shown}, half": own["half"].median()}
    return told


def main() -> None:
    """Tell coverage and half the median width, by runs and checkpoints shown."""
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--laws", nargs="+", default=["chinchilla", "p2"])
    parser.add_argument("--runs", nargs="+", type=int, default=list(SHAPES))
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    rows = []
    for law in asked.laws:
        for count in asked.runs:
            found = [each for seed in range(asked.repeats) for each in study(law, count, seed)]
            rows.append(row(law, count, pd.DataFrame(found)))
            print(rows[-1], flush=True)
    keeping.show({"forecasts": rows})
    if asked.save:
        keeping.keep(asked.save, {"forecasts": rows})


if __name__ == "__main__":
    main()
