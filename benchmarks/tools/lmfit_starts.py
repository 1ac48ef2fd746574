"""lmfit by an expert without a good start: from 30 random ones, of which the best end is kept."""

from typing import TYPE_CHECKING

import numpy as np
from by_hand import random_start
from lmfit_expert import LAWS, fitted, version

if TYPE_CHECKING:
    from run import Problem

__all__ = ["LAWS", "fit", "version"]

STARTS, PATIENCE = 30, 300
"""How many, and evaluations of the law that each may take."""
USUAL = 1e-8
"""About the least step that lmfit and scipy take by default; the best end is then gone on from."""


def fit(problem: "Problem") -> dict[str, float]:
    """Fit from every start as closely as by default, then from the best end to the last digit."""
    rng, ends = np.random.default_rng(0), []
    for _ in range(STARTS):
        try:
            own, q = fitted(problem, random_start(problem, rng), USUAL, PATIENCE)
        except (ValueError, FloatingPointError):  # a start where the law has no value
            continue
        cost = own.cost(q, problem.delta)
        ends += [(cost, q)] if np.isfinite(cost) else []
    _, best = min(ends, key=lambda each: each[0])
    own, q = fitted(problem, best)
    return own.values(q)
