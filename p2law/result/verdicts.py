"""What became of a fit: its status, and sentences with cause and cure."""

import enum
from dataclasses import dataclass

import numpy as np

from p2law import identify
from p2law.declaring import Array
from p2law.identify import Directions, causes
from p2law.identify.ties import ties
from p2law.solving.problem import End, Problem
from p2law.solving.surface import Surface


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


def judge(problem: Problem, end: End, found: Directions) -> Verdict:
    """Decide what an optimiser's end is worth.

    Parameters
    ----------
    problem : Problem
    end : End
    found : Directions
        Null directions at the end.

    Returns
    -------
    Verdict
    """
    stopped = _stopped(problem, end)
    loose = causes.loose(problem.surface, end.q, found)
    named = {name for each in loose for name in each.names}
    tied = [each for each in ties(problem.surface) if each.exchanged or not each.exact]
    if loose:  # its causes name what is tied, but for coefficients that it does not touch
        tied = [each for each in tied if each.exchanged and not named & {*each.exchanged}]
    exchanged = {name for each in tied for name in each.exchanged}
    excused = causes.meaningless(problem.surface, end.q, found.idle)
    open_ones = named | exchanged
    excused = {name: zeros for name, zeros in excused.items() if name not in open_ones}
    free = open_ones | excused.keys()
    bound = {name: text for name, text in _at_bound(problem, end.q).items() if name not in free}
    trouble = [stopped] if stopped else []
    trouble += [f"{each}; {each.cure}" for each in loose]
    trouble += map(str, tied)
    trouble += bound.values()
    trouble += [] if loose or tied else _faint(problem.surface, end.q, found)
    trouble += [f"{each} has no meaning here: {' = '.join(c)} = 0" for each, c in excused.items()]
    trouble += _backwards(problem, end.q)
    if stopped:
        status = Status.STOPPED
    elif loose or exchanged:
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


def _faint(surface: Surface, q: Array, found: Directions) -> list[str]:
    """Sentences about inputs that hardly vary, so that most predictions would be noise."""
    return [
        f"{why}: predictions far from them would be little but noise and come out as NaN; "
        f"add some that differ more"
        for why in causes.faint(surface, identify.evidence(surface, q, found))
    ]


def _backwards(problem: Problem, q: Array) -> list[str]:
    """A sentence where the fitted damage falls with the pruning rate, by more than rows scatter."""
    surface, names = problem.surface, problem.surface.form.columns
    if not {"pruning_rate", "base_loss"} <= {*names}:
        return []
    rates = surface.columns[names.index("pruning_rate")]
    ends = np.array([rates.min(), rates.max()])
    middle = dict(zip(names, surface.pivot, strict=True)) | {"pruning_rate": ends}
    at = surface.over([np.broadcast_to(middle[name], 2) for name in names])
    few, many = at.predict(q) - middle["base_loss"]
    scatter = np.sqrt(np.mean((problem.target - surface.predict(q)) ** 2))
    if not few - many > scatter:
        return []
    how = f"from {few:.3g} at {ends[0]:.3g} to {many:.3g} at {ends[1]:.3g}"
    cure = "`pruning_rate` is the share removed, not the share kept"
    return [f"the fitted damage falls with the pruning rate, {how}: {cure}"]


def _at_bound(problem: Problem, q: Array) -> dict[str, str]:
    """Sentences about free coefficients that lie at a bound."""
    low, high = problem.surface.box
    surface = problem.surface
    found = {}
    for k, name in enumerate(surface.names):
        bounds = surface.freedom.bounds[name]
        if q[k] <= low[k]:
            found[name] = f"{name} is at its lower bound {bounds.low:g}"
        elif q[k] >= high[k]:
            found[name] = f"{name} is at its upper bound {bounds.high:g}"
        if name in found and name in surface.linear:
            found[name] += ": the records do not need its term"
    return found
