"""simple-scaling-laws with its defaults: losses with 99 % intervals from its 1,000 draws."""

from typing import TYPE_CHECKING

from simple_laws import LAWS, LOSS, model, points, version

if TYPE_CHECKING:
    import numpy as np
    from run import Problem

__all__ = ["LAWS", "fit", "version"]
DRAWS = 1000


def fit(problem: "Problem") -> "dict[str, np.ndarray]":
    """Fit, and ask for the losses of the same runs and of longer ones."""
    found = model(problem, DRAWS).predict(points(problem.asked), quantiles=(0.005, 0.995))
    low, high = (name for name in found.columns if name.startswith(LOSS))
    return {"low": found[low].to_numpy(), "high": found[high].to_numpy()}
