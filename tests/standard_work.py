"""What standard work is: the cases whose work `test_counted_work.py` counts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import p2law
from p2law import forms, holdout, planning, testing

DATA = Path(__file__).parents[1] / "data"
TRUTH = {
    "alpha": 0.4,
    "beta": 0.3,
    "gamma": -1.2,
    "delta": 0.2,
    "N_C": 0.3 * 1e9**0.6,
    "D_C": 0.3 * 1e9**0.5,
    "E": 0.3 * 1e9**0.2,
}
HUBER = p2law.huber(1e-3, log=True)
THERE = {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.2, "base_loss": 2.0}
MODELS = [planning.Model(f"{size / 1e9:g}B", size, 2.0) for size in (1.5e9, 3e9, 8e9)]


@dataclass(frozen=True)
class Case:
    """Work on some records, with what is made anew for each turn and not counted."""

    records: pd.DataFrame
    work: Callable[[Any], Any]
    fresh: Callable[[], Any] = int


def points():
    """The 240 points of the replication."""
    table = p2law.load(DATA / "chinchilla.csv")
    return table[table["in_published_fit"] == 1]


def nine_runs(rows=200):
    """P² records of nine runs, of so many rows each."""
    table = testing.design((5e8, 1.5e9, 3e9), (0.15, 0.25, 0.35), np.geomspace(2e7, 1e9, rows))
    return testing.synthesize(forms.p2, TRUTH, table, noise=0.003)


def repeated(epochs):
    """Records of the law of repeated data, each text read so often."""
    unique, sizes = np.geomspace(1e8, 1e10, 4), np.geomspace(1e8, 1e10, 4)
    table = p2law.grid(params=sizes, unique_tokens=unique, epochs=epochs)
    table["tokens"] = table["unique_tokens"] * table["epochs"]
    truth = {"E": 1.9, "A": 520.0, "B": 1500.0, "alpha": 0.35, "beta": 0.35}
    truth |= {"R_D": 15.4, "R_N": 5.3}
    return testing.synthesize(forms.repeated_data, truth, table, noise=0.005, seed=2)


def hopeless():
    """Inputs over 17 orders of magnitude that have nothing to do with the losses."""
    table, rng = repeated([1.0, 4.0]), np.random.default_rng(1)
    columns = ("params", "tokens", "unique_tokens")
    return table.assign(**{name: 10 ** rng.uniform(1, 18, len(table)) for name in columns})


def cases(folder):
    """Every case by its name; files are written to a folder."""
    return _fits() | _files(nine_runs(), folder) | _answers(nine_runs(20))


def _fits():
    """Laws fitted, with what their refits tell."""
    chinchilla, p2 = points(), nine_runs()
    again, spoiled = repeated([1.0, 4.0, 16.0, 60.0]), hopeless()
    return {
        "chinchilla, 240 points": Case(
            chinchilla, lambda _: p2law.fit(chinchilla, forms.chinchilla, objective=HUBER)
        ),
        "p2, 1,800 rows": Case(p2, lambda _: p2law.fit(p2, forms.p2)),
        "p2, 1,000 refits": Case(
            p2, lambda fit: fit.known.of_refits(1000).draws, lambda: p2law.fit(p2, forms.p2)
        ),
        "p2, a prediction with its interval": Case(
            p2, lambda fit: fit.predict(**THERE), lambda: p2law.fit(p2, forms.p2)
        ),
        "repeated_data, 256 rows": Case(again, lambda _: p2law.fit(again, forms.repeated_data)),
        "repeated_data, hopeless": Case(spoiled, lambda _: p2law.fit(spoiled, forms.repeated_data)),
    }


def _files(records, folder):
    """Records read from one file and from many."""
    one, many = folder / "records.csv", folder / "records"
    many.mkdir()
    records.to_csv(one, index=False)
    for k, (_, rows) in enumerate(records.groupby("run")):
        rows.to_csv(many / f"{k}.csv", index=False)
    return {
        "records, one CSV": Case(records, lambda _: p2law.load(one)),
        "records, a folder of nine": Case(records, lambda _: p2law.load(many)),
    }


def _answers(records):
    """What a fit shows and decides, once its refits are there."""
    fit = p2law.fit(records, forms.p2)
    saved, fits = fit.to_json(), {"depth": fit, "width": fit}
    table = planning.candidates(MODELS, (0.2, 0.35), ["depth", "width"])
    laws, asked = (forms.p2, forms.p2_rectified), {"tokens": 5e8, "draws": 200}
    str(fit)
    planning.budget_table(fits, table, **asked)  # both make refits, which the fit then keeps
    return {
        "a fit saved": Case(records, lambda _: fit.to_json()),
        "a saved fit read": Case(records, lambda _: p2law.Fit.from_json(saved)),
        "a fit as text": Case(records, lambda _: str(fit)),
        "a fit as HTML": Case(records, lambda _: fit._repr_html_()),
        "laws compared": Case(records, lambda _: p2law.compare(records, laws, holdout.last_tokens)),
        "a table of budgets": Case(records, lambda _: planning.budget_table(fits, table, **asked)),
        "a frontier": Case(
            records, lambda _: planning.frontier(fits, table, against="params_after", **asked)
        ),
    }
