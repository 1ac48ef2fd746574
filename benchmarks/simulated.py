"""Simulated studies of a known P² law: designs, kinds of noise, and what is asked of each."""

import numpy as np
import pandas as pd

import p2law

LEVEL = 0.9
TRUTH = {
    "alpha": 0.5,
    "beta": 0.35,
    "gamma": -1.3,
    "delta": 0.25,
    "N_C": 0.3 * 1e9**0.75,
    "D_C": 0.3 * 1e9**0.6,
    "E": 0.2 * 1e9**0.25,
}
SIZES = (0.25e9, 0.5e9, 1e9, 2e9, 4e9, 8e9)
RATES = (0.15, 0.25, 0.35, 0.5)
DESIGNS = {
    "3 x 3": (SIZES[1::2], RATES[:3]),
    "4 x 3": (SIZES[1:5], RATES[:3]),
    "4 x 4": (SIZES[1:5], RATES),
    "5 x 2": (SIZES[:5], RATES[1::2]),
    "6 x 4": (SIZES, RATES),
}
TOKENS = tuple(np.geomspace(2e7, 1e9, 20).tolist())
SIGMA = 0.01
"""Nat: about the spread between seeds of one post-training run."""
NOISES = ("independent", "heavy tails", "shifts by run", "AR(1) along runs", "shifts by model")
OBJECTIVES = {"squared()": p2law.squared(), "huber(0.003)": p2law.huber(0.003)}
METHODS = ("p2law", "wild", "weights", "jackknife-t")
COMPARED = 150
"""Repeats in which the other methods are tried too."""
COVERS = 0.86
"""What another method must hold, at least, for its width to be compared."""
ASKED = ("inside", "4 x tokens", "2 x size", "higher rate")


def noise(kind: str, table: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Deviations of all rows, standard deviation about 0.01 nat."""
    rows, run = len(table), pd.factorize(table["run"])[0]
    runs = int(run.max()) + 1
    small = 0.3 * SIGMA * rng.standard_normal(rows)
    if kind == "independent":
        return SIGMA * rng.standard_normal(rows)
    if kind == "heavy tails":
        return SIGMA * rng.standard_t(3, rows) / 3**0.5
    if kind == "shifts by run":
        return SIGMA * rng.standard_normal(runs)[run] + small
    if kind == "shifts by model":
        model = pd.factorize(table["params"])[0]
        return SIGMA * rng.standard_normal(int(model.max()) + 1)[model] + small
    drift = np.empty((runs, len(TOKENS)))
    drift[:, 0] = rng.standard_normal(len(drift))
    for k in range(1, len(TOKENS)):
        drift[:, k] = 0.9 * drift[:, k - 1] + np.sqrt(1 - 0.81) * rng.standard_normal(len(drift))
    return SIGMA * drift.ravel() + small
