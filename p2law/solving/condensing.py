"""A large table in few rows: what refits of whole runs need of it.

A run pulls each coefficient by the sum of its rows' pulls, and that is all that a refit near
the fit asks of it. Few rows, taken by chance in proportion to their weights, show the law along
a run; the residuals that they get pull it as all rows of the run do, so that noise of single
rows counts as little as before.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Whole
from p2law.records.vocabulary import TOKENS
from p2law.solving.factoring import solved
from p2law.solving.problem import Problem

GROUPS = 5
"""Rows at one place under Huber's function, for residuals of several sizes: a part of them lies
beyond delta, and which do changes as a run moves."""

STEPS = 3
"""Towards the pull of a run under Huber's function; in squares one leads there."""


@dataclass(frozen=True, eq=False)
class Condensed:
    """A problem of few rows in place of one of many.

    Attributes
    ----------
    problem : Problem
    codes : ndarray of int, shape (few,)
        Which unit each of its rows belongs to.
    row : ndarray of int, shape (rows,)
        Which of its rows stands for each row of the table.
    """

    problem: Problem
    codes: Whole
    row: Whole


def condense(problem: Problem, q: Array, codes: Whole, most: int) -> Condensed:
    """Put few rows in the place of many in each unit, if need be.

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
    size = np.bincount(codes)
    places, steps = (1, 1) if problem.objective.delta is None else (GROUPS, STEPS)
    count = _split(size, [max(1, most // (len(size) * places))] * len(size))
    # By content, so that the order of a table does not matter: rows of like weight together, and
    # of these such as follow each other in a run.
    heavy = np.frexp(problem.weight)[1]
    columns = dict(zip(problem.surface.form.columns, problem.surface.columns, strict=True))
    inputs = [columns[name] for name in sorted(columns, key=lambda name: name == TOKENS)]
    order = np.lexsort([problem.target, *inputs, heavy, codes])
    middle = _by_weight(problem.weight[order], count)
    place, shown = np.repeat(np.arange(len(count)), count), order[middle]
    if places > 1:
        order = order[np.lexsort([problem.residuals(q)[order], place])]
        pieces = np.minimum(count, GROUPS)
        count, shown = _split(count, pieces), np.repeat(shown, pieces)
    row = np.empty(len(order), dtype=np.intp)
    row[order] = np.repeat(np.arange(len(count)), count)
    del order, place  # each as large as a column
    weight, off, pulls = _sums(problem, q, codes, row, len(count))
    surface, own = problem.surface.at_rows(shown), codes[shown]
    few = Problem(surface, surface.predict(q), weight, problem.objective)
    slopes, off = few.jacobian(q), off / weight
    slopes[~np.isfinite(slopes)] = 0.0
    for unit in range(len(size)):
        rows = np.flatnonzero(own == unit)
        ways = slopes[:, rows]
        for _ in range(steps):
            gap = pulls[unit] - ways @ (weight[rows] * problem.objective.pull(off[rows]))
            off[rows] += ways.T @ solved((ways * weight[rows]) @ ways.T, gap, 1e-9)
    target = problem.objective.shifted(few.target, -off)
    return Condensed(Problem(surface, target, weight, problem.objective), own, row)


def _split(size: Whole, pieces: Iterable[int]) -> Whole:
    """Sizes of the pieces of each, as even as can be; no more of them than there is to split."""
    cut = ((rows, min(k, rows)) for rows, k in zip(size.tolist(), pieces, strict=True))
    return np.concatenate([np.diff(np.arange(k + 1) * rows // k) for rows, k in cut])


def _by_weight(weight: Array, count: Whole) -> Whole:
    """A place in each part of so many that follow each other, by chance as its weight says."""
    end = np.cumsum(count)
    sums = np.cumsum(weight)
    before = np.append(0.0, sums[end[:-1] - 1])
    wanted = before + np.random.default_rng(0).random(len(count)) * (sums[end - 1] - before)
    found: Whole = np.searchsorted(sums, wanted, side="right")
    return np.clip(found, end - count, end - 1)


def _sums(
    problem: Problem, q: Array, codes: Whole, row: Whole, few: int
) -> tuple[Array, Array, Array]:
    """Weights and weighted residuals by few rows, and the pulls of each unit, (units, free)."""
    weight, off = np.zeros(few), np.zeros(few)
    pulls = np.zeros((int(codes.max()) + 1, len(q)))
    for rows, residuals, slopes in problem.tangents(q):
        weight += np.bincount(row[rows], problem.weight[rows], few)
        off += np.bincount(row[rows], problem.weight[rows] * residuals, few)
        pull = problem.weight[rows] * problem.objective.pull(residuals)
        np.add.at(pulls, codes[rows], (np.where(np.isfinite(slopes), slopes, 0.0) * pull).T)
    return weight, off, pulls
