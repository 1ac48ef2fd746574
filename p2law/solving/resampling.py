"""What a law would look like had its runs fallen out otherwise: refits for intervals.

Rows of one run share a shift and drift together, so whole runs are resampled, never
rows, and the design stays as it was. How far a run lies off is measured from the fit
without it, for with few runs each one pulls the fit towards itself.
"""

from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Mask, Whole
from p2law.objectives import squared
from p2law.solving.condensing import condense
from p2law.solving.dealing import DRAWS, Chances, deal
from p2law.solving.factoring import solved, whitening
from p2law.solving.problem import Problem
from p2law.solving.refitting import STEPS, Refits, joined, refit
from p2law.solving.starting import spread_rows

FEW = 5
"""With fewer runs, stretches of runs are resampled instead."""

STRETCHES = 12
"""How many stretches there are then, as far as the rows suffice."""

LEAST = 4
"""With fewer runs or stretches nothing tells the noise."""

MANY = 100
"""From so many runs on, runs are weighed instead, which leaves their errors as lopsided as
they are; with fewer, too much would rest on the few that weigh most."""

DEAR = 10_000
"""Rows that are refitted as they are, however many refits there are; of more, some stand for
all."""

CROWD = 10_000
"""Of more runs some are weighed together, or what chance decides would fill the memory."""

TOGETHER = 3_000_000
"""Rows times refits that are made up at once."""

ALONE = 1 - 1e-6
"""Leverage in some direction from which on a run alone tells something."""

CURVE_ROWS, FEW_VALUES = 1000, 256
"""Rows that stand for all where a law is fitted to a curve without noise; among them is each value
of an input that has no more than so many."""


@dataclass(frozen=True)
class Draws:
    """Refits, and what sets a new run apart from the law.

    Attributes
    ----------
    q : ndarray of shape (draws, free)
        Coordinates.
    noise : ndarray of shape (draws,)
        Deviations of single rows of runs, each from the fit without its run.
    stopped : int
        Refits that were given up before they had ended.
    """

    q: Array
    noise: Array
    stopped: int = 0


def units(codes: Whole, along: Array) -> Whole:
    """What is resampled: runs, or stretches of them where there are few.

    Parameters
    ----------
    codes : ndarray of int, shape (rows,)
        Which run each row belongs to, from 0 on.
    along : ndarray of shape (rows,)
        Order of the rows within a run.

    Returns
    -------
    ndarray of int, shape (rows,)
        From 0 on.
    """
    runs = int(codes.max(initial=-1)) + 1
    if runs >= FEW:
        return codes
    pieces, out, used = -(-STRETCHES // max(runs, 1)), np.empty_like(codes), 0
    for run in range(runs):
        rows = np.flatnonzero(codes == run)
        rows = rows[np.argsort(along[rows], kind="stable")]
        for piece in np.array_split(rows, min(pieces, len(rows))):
            out[piece] = used
            used += 1
    return out


def draw(problem: Problem, q: Array, codes: Whole, seed: int, count: int = DRAWS) -> Draws:
    """Refit a law to what the runs might have been.

    Up to 99 runs: a wild cluster bootstrap. Every run keeps the deviations that it has
    from the fit without it, times a random sign. From 100 runs on: every run gets a
    random weight (exponential; Rubin's Bayesian bootstrap of whole runs). A run that
    alone tells part of the law agrees with it whatever its error, so it is also shifted
    by what is typical of the others. Of more than 10,000 rows as many as that allows
    stand for all of a run; those of 100 runs or more stay as they are, and the weights
    move the fit by one linear step. Of more than 10,000 runs those get a weight in common that
    chance puts together into as many groups.

    Parameters
    ----------
    problem : Problem
    q : ndarray of shape (free,)
        Coordinates of the fit.
    codes : ndarray of int, shape (rows,)
        Which unit each row belongs to, as `units` gives it.
    seed : int
    count : int
        Number of refits; even.

    Returns
    -------
    Draws
        All NaN where nothing tells the noise: no more rows than coefficients, or hardly
        any units.
    """
    runs = int(codes.max(initial=-1)) + 1
    if problem.spare(q) <= 0 or runs < LEAST:
        return Draws(np.full((count, len(q)), np.nan), np.full(count, np.nan))
    if runs > CROWD:
        codes, runs = _grouped(codes, runs), CROWD
    chances, off = deal(seed, count, runs, weighed=runs >= MANY), problem.residuals(q)
    if chances.weights is None:
        few = condense(problem, q, codes, DEAR)
        made, moved = _signed(few.problem, q, few.codes, chances)
        off = _spread(runs) * (off + moved[few.row])
    elif problem.surface.rows <= DEAR:
        made = _weighed(problem, q, codes, chances)
    else:
        made = _linear(problem, q, codes, chances, chances.weights)
    return Draws(made.q, _sample(chances, off, codes), int(np.sum(made.steps >= STEPS)))


def _grouped(codes: Whole, runs: int) -> Whole:
    """Which of 10,000 groups the run of each row belongs to."""
    # By chance, for runs that are alike follow each other in number.
    return np.asarray((np.random.default_rng(0).permutation(runs) % CROWD)[codes])


def _weighed(problem: Problem, q: Array, codes: Whole, chances: Chances) -> Refits:
    """Refits to runs of random weights."""
    shift = _shift_of_lone(problem.residuals(q), codes, alone(problem, q, codes))
    return _refitted(problem, q, codes, chances, problem.target, shift)


def _signed(problem: Problem, q: Array, codes: Whole, chances: Chances) -> tuple[Refits, Array]:
    """Refits to deviations of random sign, and how the fit without its run moves at each row."""
    off = _without_own_run(problem, q, codes)
    wide = _spread(len(np.bincount(codes))) * off
    shift = wide + _shift_of_lone(wide, codes, alone(problem, q, codes))
    made = _refitted(problem, q, codes, chances, problem.surface.predict(q), shift)
    return made, off - problem.residuals(q)


def _refitted(
    problem: Problem, q: Array, codes: Whole, chances: Chances, start: Array, shift: Array
) -> Refits:
    """Refits to what lies off a start by random shares of a shift, both of shape (rows,)."""
    size, parts = max(1, TOGETHER // problem.surface.rows), list[Refits]()
    for begin in range(0, len(chances.factors), size):
        some = slice(begin, begin + size)
        moved = problem.objective.shifted(start, chances.factors[some, codes] * shift)
        weight = problem.weight
        if chances.weights is not None:
            weight = weight * chances.weights[some, codes]
        parts.append(refit(problem.surface, moved, weight, problem.objective, q))
    return joined(parts)


def alone(problem: Problem, q: Array, codes: Whole) -> Mask:
    """Tell which units alone tell part of the law: without one, the others leave that free.

    Parameters
    ----------
    problem : Problem
    q : ndarray of shape (free,)
    codes : ndarray of int, shape (rows,)

    Returns
    -------
    ndarray of bool, shape (units,)
    """
    low, high = problem.surface.box
    free = (q > low) & (q < high)
    surface, weight = problem.surface, np.zeros(int(codes.max(initial=-1)) + 1)
    root = whitening(surface.factor(q)[free])
    for rows in surface.blocks():
        ways = root @ surface.at_rows(rows).finite_jacobian(q)[free]
        weight += np.bincount(codes[rows], np.sum(ways**2, axis=0), minlength=len(weight))
    found = weight >= ALONE
    for unit in np.flatnonzero(found):  # no more than there are coefficients
        own = root @ surface.at_rows(np.flatnonzero(codes == unit)).finite_jacobian(q)[free]
        found[unit] = np.linalg.eigvalsh(own @ own.T)[-1] >= ALONE
    return np.asarray(found)


def _shift_of_lone(off: Array, codes: Whole, lone: Mask) -> Array:
    """For the rows of units that are alone, the typical shift of the others; 0 for others."""
    if not lone.any():
        return np.zeros(len(off))
    shifts = np.bincount(codes, off) / np.bincount(codes)
    typical = shifts[~lone] if np.sum(~lone) > 1 else off
    return np.where(lone[codes], np.sqrt(np.mean(typical**2)), 0.0)


def _spread(runs: int) -> float:
    """Standard deviation of Student's t: the size of deviations is itself an estimate."""
    return float(np.sqrt((runs - 1) / (runs - 3)))


def _without_own_run(problem: Problem, q: Array, codes: Whole) -> Array:
    """Residual of each row from the fit without its run, (rows,)."""
    runs = int(codes.max()) + 1
    weight = np.where(np.arange(runs)[:, None] == codes, 0.0, problem.weight)
    found = refit(problem.surface, problem.target, weight, problem.objective, q)
    off = np.empty(len(codes))
    for run in range(runs):
        rows = np.flatnonzero(codes == run)
        predicted = problem.surface.at_rows(rows).predict(found.q[run])
        off[rows] = problem.objective.residuals(predicted, problem.target[rows])
    return off


def _linear(problem: Problem, q: Array, codes: Whole, chances: Chances, weights: Array) -> Refits:
    """Refits by one linear step, for many runs that are too large to be fitted many times."""
    low, high = problem.surface.box
    residuals = problem.residuals(q)
    shift = _shift_of_lone(residuals, codes, alone(problem, q, codes))
    curvature, pulls, shifts = _by_run(problem, q, codes, shift)
    pulled = weights @ pulls + chances.factors @ shifts
    # What lies at a bound is pulled outwards as a whole, and inwards by some of the runs.
    pulled -= np.where((q > low) & (q < high), pulls.sum(axis=0), 0.0)
    step = -solved(curvature, pulled.T, 1e-14).T
    # A straight step leaves the bounds and the law's curved valleys; refits to the curves that it
    # leads to do not.
    few = problem.surface.at_rows(spread_rows(problem.surface, CURVE_ROWS, FEW_VALUES))
    curves = few.predict(q) + step @ few.jacobian(q)
    return refit(few, curves, np.ones(few.rows), squared(), q)


def _by_run(problem: Problem, q: Array, codes: Whole, shift: Array) -> tuple[Array, Array, Array]:
    """Curvature of the objective, (free, free), and slopes by run, (runs, free).

    The first slopes are those of the residuals, the others those of a shift of each row.
    """
    runs, curvature = int(codes.max()) + 1, np.zeros((len(q), len(q)))
    pulls, shifts = np.zeros((runs, len(q))), np.zeros((runs, len(q)))
    for rows, residuals, slopes in problem.tangents(q):
        bend = problem.weight[rows] * problem.objective.bend(residuals, 0.0)
        pull = problem.weight[rows] * problem.objective.pull(residuals)
        ways = np.where(np.isfinite(slopes), slopes, 0.0)
        np.add.at(pulls, codes[rows], (ways * pull).T)
        np.add.at(shifts, codes[rows], (ways * bend * shift[rows]).T)
        curvature += (ways * bend) @ ways.T
    return curvature, pulls, shifts


def _sample(chances: Chances, off: Array, codes: Whole) -> Array:
    """Deviations of random rows of random runs, as often of one sign as of the other."""
    size, run = np.bincount(codes), chances.run
    start, place = np.cumsum(size) - size, (chances.place * size[run]).astype(np.intp)
    if not np.all(codes[1:] >= codes[:-1]):  # else a large table need not be ordered
        off = off[np.argsort(codes, kind="stable")]
    found = np.empty(len(run))
    for each in np.unique(run):  # by size, for the order of rows is not to matter
        chosen = run == each
        found[chosen] = np.sort(off[start[each] : start[each] + size[each]])[place[chosen]]
    return np.asarray(found * chances.side)
