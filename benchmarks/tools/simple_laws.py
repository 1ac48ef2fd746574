"""simple-scaling-laws with its defaults, one run a row; squares only."""

import os
from importlib import metadata

import polars as pl
from simple_scaling_laws import fit as own_fit

LAWS = ("chinchilla",)
DRAWS = int(os.environ.get("DRAWS", "1"))
"""Bootstrap draws: 1, the least that it takes, is its point fit; 1,000 is its default."""


def fit(problem):  # noqa: ANN001, ANN201
    """Its default law, with coefficients turned back into plain counts."""
    size, data, loss = "model_size__params", "dataset_size__tokens", "test_loss__cross_entropy"
    frame = pl.DataFrame(
        {
            "training_run_id": [f"run {k}" for k in range(len(problem.loss))],
            size: problem.columns["params"],
            data: problem.columns["tokens"],
            loss: problem.loss,
        }
    )
    found = own_fit(frame, n_draws=DRAWS)
    at, about = found.params(loss), found.observed_domain
    A = at["A"] * about[size]["reference"] ** at["alpha"]
    B = at["B"] * about[data]["reference"] ** at["beta"]
    return {"E": at["E"], "A": A, "B": B, "alpha": at["alpha"], "beta": at["beta"]}


def version() -> str:
    """Of the package."""
    return f"simple-scaling-laws {metadata.version('simple-scaling-laws')}"
