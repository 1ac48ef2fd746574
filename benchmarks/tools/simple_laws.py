"""simple-scaling-laws with its defaults, one run a row; squares only."""

from importlib import metadata
from typing import TYPE_CHECKING, Any

import polars as pl  # type: ignore[import-not-found]  # in an environment of its own
from simple_scaling_laws import fit as own_fit  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from run import Problem

LAWS = ("chinchilla",)
SIZE, DATA = "model_size__params", "dataset_size__tokens"
LOSS = "test_loss__cross_entropy"


def points(columns: "Mapping[str, np.ndarray]") -> pl.DataFrame:
    """Inputs by the names that it wants."""
    return pl.DataFrame({SIZE: columns["params"], DATA: columns["tokens"]})


def model(problem: "Problem", draws: int) -> Any:
    """Fit its default law with so many draws."""
    ids = pl.Series("training_run_id", [f"run {k}" for k in range(len(problem.loss))])
    frame = points(problem.columns).with_columns(ids, pl.Series(LOSS, problem.loss))
    return own_fit(frame, n_draws=draws)


def fit(problem: "Problem") -> dict[str, float]:
    """Its point fit (one draw is the least that it takes), turned back into plain counts."""
    found = model(problem, 1)
    at, about = found.params(LOSS), found.observed_domain
    A = at["A"] * about[SIZE]["reference"] ** at["alpha"]
    B = at["B"] * about[DATA]["reference"] ** at["beta"]
    return {"E": at["E"], "A": A, "B": B, "alpha": at["alpha"], "beta": at["beta"]}


def version() -> str:
    """Of the package."""
    return f"simple-scaling-laws {metadata.version('simple-scaling-laws')}"
