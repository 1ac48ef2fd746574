"""The `chinchilla` package on the grid of its README, with the loss that is judged."""

import contextlib
import io
import tempfile
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
from chinchilla import Chinchilla  # type: ignore[import-not-found]
from chinchilla._metrics import log_huber, mse  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla",)
GRID = {
    "E": np.linspace(1, 2, 5),
    "a": np.linspace(1, 10, 5),
    "b": np.linspace(1, 10, 5),
    "alpha": np.linspace(0.1, 0.7, 5),
    "beta": np.linspace(0.1, 0.7, 5),
}


def fit(problem: "Problem") -> dict[str, float]:
    """3,125 starts."""

    def robust(true: Any, predicted: Any) -> Any:
        return log_huber(true, predicted, delta=problem.delta)

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        loss = mse if problem.delta is None else robust
        own = Chinchilla(folder, param_grid=GRID, loss_fn=loss, log_level=50)
        sizes, tokens = problem.columns["params"], problem.columns["tokens"]
        for N, D, found in zip(sizes, tokens, problem.loss, strict=True):
            own.database.append(C=6 * N * D, N=N, D=D, loss=found)
        own.fit()
        return {name: own.params[name] for name in ("E", "A", "B", "alpha", "beta")}


def version() -> str:
    """Of the package."""
    return f"chinchilla {metadata.version('chinchilla')}"
