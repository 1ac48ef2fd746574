"""What became of a fit: its status, and sentences with cause and cure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from p2law import identify
from p2law.declaring import Array
from p2law.identify import listed
from p2law.ladder import why
from p2law.problem import End, Problem


class Status(enum.Enum):
    """What became of a fit; the worst that applies."""

    CONVERGED = "The coefficients are at the best point found and the records determine them."
    AT_BOUND = (
        "A coefficient lies at a bound: the records would push it further, "
        "or its term is not needed; see `trouble`."
    )
    NOT_IDENTIFIED = (
        "Some coefficients can move without changing any prediction on these records; "
        "hold one of them (fixed=) or add the runs that `trouble` names."
    )
    STOPPED = (
        "The optimiser ended before the gradient vanished; do not use the coefficients: "
        "look at the records for outliers, or hold a coefficient (fixed=)."
    )

    @property
    def words(self) -> str:
        """The status as a headline says it; capitals only for trouble."""
        plain = self.name.replace("_", " ")
        return plain.lower() if self is Status.CONVERGED else plain


@dataclass(frozen=True)
class Verdict:
    """Status of a fit and the sentences that belong to it."""

    status: Status
    trouble: tuple[str, ...]


def judge(problem: Problem, end: End, levels: Mapping[str, int]) -> Verdict:
    """Decide what an optimiser's end is worth.

    Parameters
    ----------
    problem : Problem
    end : End
    levels : mapping of str to int
        Number of distinct values of each input.

    Returns
    -------
    Verdict
    """
    found = identify.directions(
        problem.surface.jacobian(end.q), problem.surface.names, problem.weight
    )
    excused = _excused(problem, end.q, found.idle)
    loose = [name for name in found.idle if name not in excused]
    bound = _at_bound(problem, end.q)
    trouble = []
    if stopped := _stopped(problem, end):
        trouble.append(stopped)
    trouble += [f"{listed(group)} move together: {why(levels)}" for group in found.together]
    trouble += [f"{name} moves no prediction: {why(levels)}" for name in loose]
    trouble += [text for name, text in bound.items() if name not in excused]
    trouble += [f"{name} has no meaning here: {cause} = 0" for name, cause in excused.items()]
    if stopped:
        status = Status.STOPPED
    elif found.together or loose:
        status = Status.NOT_IDENTIFIED
    else:
        status = Status.AT_BOUND if bound else Status.CONVERGED
    return Verdict(status, tuple(trouble))


def _stopped(problem: Problem, end: End) -> str:
    """A sentence where the end is no minimum, else nothing."""
    rounding = problem.objective.total(1e-11 * np.abs(problem.target), problem.weight)
    if end.cost <= rounding or end.gradient < 1e-4:
        return ""
    return (
        f"the optimiser stopped after {end.evaluations} evaluations where the objective still "
        f"falls (gradient cosine {end.gradient:.1e}); look for outliers, or hold a coefficient"
    )


def _excused(problem: Problem, q: Array, idle: tuple[str, ...]) -> dict[str, str]:
    """Idle coefficients that would have a job if another were not 0, with that other."""
    names = problem.surface.names
    first = len(problem.surface.nonlinear)
    found = {}
    for zero in np.flatnonzero(q[first:] == 0) + first:
        awake = q.copy()
        awake[zero] = 1.0
        length = np.linalg.norm(problem.surface.jacobian(awake), axis=1)
        for name in idle:
            if length[names.index(name)] > 1e-6 * length.max():
                found[name] = names[zero]
    return found


def _at_bound(problem: Problem, q: Array) -> dict[str, str]:
    """Sentences about free coefficients that lie at a bound."""
    low, high = problem.box
    surface = problem.surface
    found = {}
    for k, name in enumerate(surface.names):
        bounds = surface.bounds[name]
        if q[k] <= low[k]:
            found[name] = f"{name} is at its lower bound {bounds.low:g}"
        elif q[k] >= high[k]:
            found[name] = f"{name} is at its upper bound {bounds.high:g}"
        if name in found and name in surface.linear:
            found[name] += ": the records do not need its term"
    return found
