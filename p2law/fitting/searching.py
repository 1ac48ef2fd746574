"""The best end of a fit: searched everywhere, polished, and made the one that others find too."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from p2law import identify
from p2law.declaring import Array
from p2law.errors import FitError
from p2law.fitting import polishing
from p2law.identify import Directions
from p2law.solving import projection
from p2law.solving.problem import End, Problem

LARGEST = 1e150
"""Beyond that, and below its inverse, squares overflow or vanish."""

POLISHED = 4
"""How many distinct minima of the projected squares are polished with the true objective."""


def best(problem: Problem, seed: int) -> tuple[End, Directions, tuple[float, ...]]:
    """Search the whole range, polish what is promising, and keep what is best.

    Parameters
    ----------
    problem : Problem
    seed : int
        Of the starts where there are too many exponents for a grid.

    Returns
    -------
    end : End
    found : Directions
        What the end leaves free.
    minima : tuple of float
        Objective of every distinct minimum, the end's first.

    Raises
    ------
    FitError
        The law or the objective has no finite value anywhere in the bounds.
    """
    _check_size(problem)
    starts, others = _starts(problem, seed)
    ends = _polished(problem, starts)
    least = min(each.cost for each in ends)
    if not np.isfinite(least):
        raise FitError(_no_value(problem))
    # Of ends that are equally good, as where like terms may change places, the last one counts:
    # it started from the defaults of the law.
    end = [each for each in ends if each.cost <= least * (1 + 1e-9) + problem.rounding][-1]
    left = polishing.WORK - sum(each.evaluations for each in ends)
    end = _without_needless_terms(problem, _in_order(problem, end, left))
    end, free = _at_default_where_free(problem, end, left)
    apart = _distinct(problem, sorted(ends, key=lambda each: each.cost))
    return end, free, (end.cost, *apart[1:], *others)


def _check_size(problem: Problem) -> None:
    """Refuse a target whose squares are no numbers."""
    largest = float(np.max(np.abs(problem.target)))
    if largest and not 1 / LARGEST <= largest <= LARGEST:
        raise FitError(
            f"{problem.surface.form.target} of {largest:.3g} at most: the square of that is "
            f"beyond double precision; give {problem.surface.form.target} in another unit "
            f"(the largest can be {1 / LARGEST:g} to {LARGEST:g})"
        )


def _starts(problem: Problem, seed: int) -> tuple[list[Array], list[float]]:
    """Where to polish from, and the objectives of the minima that are not worth it."""
    surface, weight = problem.surface, problem.square_weight
    found = projection.search(surface, problem.target, weight, seed)
    if not found:
        raise FitError(
            f"{surface.form.name} has no finite value anywhere in its bounds on these records; "
            f"check the bounds, what is fixed, and the units of {', '.join(surface.form.columns)}"
        )
    costs = [problem.cost(each.q) for each in found]
    order = sorted(range(len(found)), key=costs.__getitem__)
    likely = [k for k in order[:POLISHED] if costs[k] <= 2 * costs[order[0]]]
    starts = [found[k].q for k in likely]
    if np.isinf(np.array(surface.box)[:, : len(surface.nonlinear)]).any():
        starts.append(projection.default_point(surface, problem.target, weight))
    if not np.isfinite(costs[order[0]]):  # plain squares led to where a logarithm has no value
        starts = [_every_term(problem)]
    return starts, [costs[k] for k in order if k not in likely]


def _every_term(problem: Problem) -> Array:
    """Coordinates at which every term is there, together as large as the target."""
    q, split = problem.surface.generic_point(), len(problem.surface.nonlinear)
    q[split:] *= np.median(np.abs(problem.target)) / max(1, len(q) - split)
    return np.clip(q, *problem.surface.box)


def _no_value(problem: Problem) -> str:
    """Words for an objective that is infinite wherever it was asked for."""
    name, objective = problem.surface.form.name, problem.objective
    if not objective.log:
        return f"{objective} of {name} overflows on these records; check units and weights"
    plain = replace(objective, log=False)
    return (
        f"{objective} takes logarithms, but {name} was nowhere found to be > 0 on all records "
        f"within its bounds; check what is fixed, leave out rows where it is 0, or fit with {plain}"
    )


def _polished(problem: Problem, starts: Sequence[Array]) -> list[End]:
    """Polish from every start; all share one measure of work, and each gets a round at least."""
    ends: list[End] = []
    for q in starts:
        used = sum(each.evaluations for each in ends)
        ends.append(polishing.polish(problem, q, most=polishing.WORK - used))
    return ends


def _in_order(problem: Problem, end: End, most: int) -> End:
    """Put like coefficients in the order of their defaults, where the curve stays the same.

    Terms of one kind can change places without changing any prediction. The records
    cannot tell which is which; the defaults can.
    """
    surface = problem.surface
    home, visible = surface.generic_point(), 1e-6 * float(np.ptp(problem.target))
    low, high = surface.box
    for i, j in itertools.combinations(range(len(surface.nonlinear)), 2):
        if (end.q[i] - end.q[j]) * (home[i] - home[j]) >= 0:
            continue
        u = end.q[: len(surface.nonlinear)].copy()
        u[[i, j]] = u[[j, i]]
        if np.any((u < low[: len(u)]) | (u > high[: len(u)])):
            continue
        q = projection.solved(surface, problem.target, problem.square_weight, u)
        apart = np.max(np.abs(surface.predict(q) - surface.predict(end.q)))
        if not apart <= visible:  # nor is what has no value the same curve
            continue
        other = polishing.polish(problem, q, most=most)
        if other.cost <= end.cost * (1 + 1e-9) + problem.rounding:
            end = other
    return end


def _distinct(problem: Problem, ends: Sequence[End]) -> list[float]:
    """Objectives of the ends whose curves differ visibly."""
    if len(ends) == 1:
        return [ends[0].cost]
    kept: list[Array] = []
    costs = []
    size = float(np.abs(problem.target).max())
    visible = 1e-4 * float(np.ptp(problem.target)) + 1e-12 * size
    for each in ends:
        curve = problem.surface.predict(each.q)
        if all(np.max(np.abs(curve - other)) > visible for other in kept):
            kept.append(curve)
            costs.append(each.cost)
    return costs


def _at_default_where_free(problem: Problem, end: End, most: int) -> tuple[End, Directions]:
    """Give what the records leave free its default, not the place where the search ended.

    Many coefficients fit equally well then; these are the ones that another search,
    or another machine, would report too.
    """
    surface = problem.surface
    end, found = _idle_at_default(problem, end)
    spare = {*found.idle, *identify.spare(found)}
    pinned = np.array([name in spare for name in surface.nonlinear + surface.linear])
    pinned[len(surface.nonlinear) :] = False
    if not pinned.any():
        return end, found
    q = np.where(pinned, surface.generic_point(), end.q)
    moved, worst = replace(end, q=q, cost=problem.cost(q)), end.cost * (1 + 1e-6) + problem.rounding
    if spare - {*found.idle} or moved.cost > worst:
        moved = polishing.polish(problem, q, pinned, most)
    if moved.cost > worst:
        return end, found
    there = identify.at(surface, moved.q)
    names = np.array(surface.names)[pinned]
    if {*names} <= {*there.idle, *itertools.chain(*there.together)}:
        return moved, there
    # What was flat where the search ended is not here: it is free to move again.
    freed = polishing.polish(problem, moved.q, most=most)
    if freed.cost < end.cost * (1 - 1e-6) - problem.rounding:
        return _at_default_where_free(problem, freed, most - freed.evaluations)
    return freed, identify.at(surface, freed.q)


def _idle_at_default(problem: Problem, end: End) -> tuple[End, Directions]:
    """Give what moves no prediction its default, wherever the search has left it."""
    surface = problem.surface
    found = identify.at(surface, end.q)
    idle = np.array([name in found.idle for name in surface.names])
    idle[len(surface.nonlinear) :] = False
    q = np.where(idle, surface.generic_point(), end.q)
    if np.array_equal(q, end.q):
        return end, found
    moved = replace(end, q=q, cost=problem.cost(q))
    if moved.cost > end.cost * (1 + 1e-6) + problem.rounding:
        return end, found
    there = identify.at(surface, q)
    return (moved, there) if {*found.idle} <= {*there.idle} else (end, found)


def _without_needless_terms(problem: Problem, end: End) -> End:
    """Put terms that are nothing but rounding on their bound 0, where that costs nothing."""
    low, high = problem.surface.box
    largest = np.abs(problem.target).max()
    small = (np.isfinite(low) | np.isfinite(high)) & (end.q != 0) & (np.abs(end.q) < 1e-6 * largest)
    small[: len(problem.surface.nonlinear)] = False
    if not small.any():
        return end
    size = np.abs(end.q * np.abs(problem.surface.jacobian(end.q)).max(axis=1, initial=0.0))
    needless = small & (size < 1e-9 * largest)
    q = np.where(needless, 0.0, end.q)
    cost = problem.cost(q)
    enough = cost <= end.cost * (1 + 1e-9) + problem.rounding
    return replace(end, q=q, cost=cost) if enough else end
