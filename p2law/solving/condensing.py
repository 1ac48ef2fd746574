"""A large table in few rows: what refits of whole runs need of it.

Rows that follow each other within a run see the law nearly alike. In their place stands one
row, with the sum of their weights and the mean of their residuals, so that noise of single
rows counts as little as before.
"""

from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Whole
from p2law.objectives import squared
from p2law.solving.problem import Problem


@dataclass(frozen=True, eq=False)
class Condensed:
    """A problem of few rows in place of one of many.

    Attributes
    ----------
    problem : Problem
        In squares where it is of fewer rows, and like the other near the fit alone.
    codes : ndarray of int, shape (few,)
        Which unit each of its rows belongs to.
    part : ndarray of int, shape (rows,)
        Which of its rows stands for each row of the table.
    """

    problem: Problem
    codes: Whole
    part: Whole


def condense(problem: Problem, q: Array, codes: Whole, most: int) -> Condensed:
    """Put one row in the place of several that follow each other within a unit, if need be.

    Parameters
    ----------
    problem : Problem
    q : ndarray of shape (free,)
        Coordinates of the fit.
    codes : ndarray of int, shape (rows,)
        Which unit each row belongs to, from 0 on.
    most : int
        Rows that need not be fewer. Of more as many are left, alike for all units, but one of
        each at least.

    Returns
    -------
    Condensed
    """
    if problem.surface.rows <= most:
        return Condensed(problem, codes, np.arange(len(codes)))
    order = np.lexsort([problem.target, *problem.surface.columns, codes])
    size = np.bincount(codes)
    parts = np.minimum(size, max(1, most // len(size))).tolist()
    edges = [np.arange(k + 1) * rows // k for k, rows in zip(parts, size.tolist(), strict=True)]
    count = np.concatenate([np.diff(each) for each in edges])
    middle = order[np.cumsum(count) - count + count // 2]
    part = np.empty(len(order), dtype=np.intp)
    part[order] = np.repeat(np.arange(len(count)), count)
    del order  # as large as a column
    weight, pull, bend = _sums(problem, q, part, len(count))
    surface, plain = problem.surface.at_rows(middle), squared(log=problem.objective.log)
    # Huber's function pulls by its middle rows alone: by so much less the objective is bent.
    share = max(bend / float(weight.sum()), 1 / len(part))
    target = plain.shifted(surface.predict(q), -pull / weight / share)
    return Condensed(Problem(surface, target, weight, plain), codes[middle], part)


def _sums(problem: Problem, q: Array, part: Whole, parts: int) -> tuple[Array, Array, float]:
    """Weights and pulls by part, and the curvature of all, block by block."""
    weight, pull, bend = np.zeros(parts), np.zeros(parts), 0.0
    for rows in problem.surface.blocks():
        off = problem.at_rows(rows).residuals(q)
        weight += np.bincount(part[rows], problem.weight[rows], parts)
        pull += np.bincount(part[rows], problem.weight[rows] * problem.objective.pull(off), parts)
        bend += float(problem.weight[rows] @ problem.objective.bend(off, 0.0))
    return weight, pull, bend
