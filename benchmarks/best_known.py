"""The least objective that can be found, whatever it costs: what a default fit is held against."""

import numpy as np
from problems import Problem

from p2law.declaring import Array
from p2law.fitting import polishing
from p2law.solving import projection
from p2law.solving.descent import descend
from p2law.solving.problem import Problem as Posed
from p2law.solving.surface import Surface

STARTS, POLISHED = 40, 8
"""Random starts, and how many of the distinct ends of their descents are polished, lowest first."""


def from_many_starts(problem: Problem, seed: int) -> float:
    """Least objective of p2law's steps from random exponents, and from the truth."""
    surface = Surface(problem.form, problem.columns)
    posed = Posed(surface, problem.loss, np.ones(len(problem.loss)), problem.objective)
    with np.errstate(all="ignore"):
        starts = np.clip(_starts(problem, posed, seed), *surface.box)
        down = [descend(posed, q, gain=1e-12).q for q in starts]
        costs = np.log([posed.cost(q) for q in down])
        _, distinct = np.unique(np.round(costs, 6), return_index=True)
        ends = [polishing.polish(posed, down[k]).q for k in distinct[:POLISHED]]
    return min(problem.judge(surface.coefficients(q)) for q in ends)


def _starts(problem: Problem, posed: Posed, seed: int) -> Array:
    """Coordinates: random exponents and the true ones, with their best linear coefficients."""
    surface, truth = posed.surface, problem.truth
    low, high = surface.box
    count, rng = len(surface.nonlinear), np.random.default_rng(seed)
    exponents = list(rng.uniform(low[:count], high[:count], (STARTS, count)))
    if truth is not None:
        exponents.append(surface.coordinate(np.array([truth[x] for x in surface.nonlinear])))
    starts = [projection.solved(surface, posed.target, posed.square_weight, u) for u in exponents]
    return np.array(starts if truth is None else [*starts, surface.coordinates(truth)])
