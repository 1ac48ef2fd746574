"""Fitting: from checked records and a law to a frozen `Fit`."""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from p2law import identify, ladder, objectives, polishing, projection, verdicts
from p2law.declaring import Array, Form
from p2law.errors import FitError, RecordError
from p2law.forms.p2 import p2
from p2law.gathering import Data, gather, other_laws, weights_of
from p2law.identify import Directions
from p2law.objectives import Objective, squared
from p2law.problem import End, Problem
from p2law.result import Fit, Search
from p2law.settings import Settings, checked_form, settings
from p2law.surface import Surface
from p2law.wording import got

if TYPE_CHECKING:
    import lmfit

LOG = logging.getLogger(__name__)
SQUARED = squared()
POLISHED = 4
"""How many distinct minima of the projected squares are polished with the true objective."""


def fit(
    records: pd.DataFrame,
    form: Form | None = None,
    *,
    objective: Objective = SQUARED,
    weight: str | None = None,
    fixed: Mapping[str, float] | None = None,
    tied: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Fit:
    """Fit a law to records; no starting values, no units to choose.

    Parameters
    ----------
    records : DataFrame
        As `load` returns; the columns that the law reads, and its target, are
        needed. Rows where the law has no value are left out and counted.
    form : Form or None
        The law. None: the P² law with as few coefficients held as the records
        allow, and the result says which and why.
    objective : Objective
        `squared()` or `huber(delta, log=...)`; always summed over rows.
    weight : str or None
        A column of weights, or ``"run"``: every run counts the same, however
        densely it was logged.
    fixed : mapping of str to float
        Coefficients to hold at a value.
    tied : mapping of str to str
        Coefficients to keep equal to another, ``{"beta": "alpha"}``.
    seed : int
        Of every interval of this fit, which come from random refits, and of the
        low-discrepancy starts of laws with more than four non-linear coefficients.

    Returns
    -------
    Fit

    Raises
    ------
    RecordError
        A column is missing or holds what it may not, or no row can be used.
    FormError
        `form` is no law, or `fixed` or `tied` names a coefficient that it does not have.
    FitError
        A setting is of the wrong kind, `fixed` and `tied` contradict each other or the
        bounds, or the law has no finite value anywhere in its bounds.

    Examples
    --------
    >>> import p2law
    >>> from p2law import forms, testing
    >>> truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    >>> grid = p2law.grid(params=[1e8, 1e9, 1e10], tokens=[1e9, 1e10, 1e11])
    >>> found = p2law.fit(testing.synthesize(forms.chinchilla, truth, grid), forms.chinchilla)
    >>> round(found.values["alpha"], 6), found.status.name
    (0.34, 'CONVERGED')
    """
    asked = settings(objective, weight, fixed, tied, seed)
    law = p2 if form is None else checked_form(form)
    data = _gather(records, law, weight, objective, chosen=form is not None)
    with np.errstate(all="ignore"):  # what overflows is no minimum; that is seen in what comes out
        found = _fitted(data, law, objective, asked, chosen=form is not None)
    rows, total = len(data.table), found.search.objective
    LOG.info("%s fitted to %d rows: %s, objective %.6g", law.name, rows, found.status.words, total)
    return found


def _fitted(data: Data, law: Form, objective: Objective, asked: Settings, *, chosen: bool) -> Fit:
    columns, target, weights = data.arrays(law)
    surface = Surface(law, columns, asked.fixed, asked.tied)
    rung = ladder.Rung({}, {}) if chosen else ladder.choose(surface)
    if rung.held:
        surface = Surface(law, columns, {**asked.fixed, **rung.held}, asked.tied)
    problem = Problem(surface, target, weights, objective)
    end, found, minima = _best(problem, asked.seed)
    held = dict.fromkeys(asked.fixed, "asked for")
    held |= {name: f"tied to {other}" for name, other in asked.tied.items()} | rung.why
    verdict = verdicts.judge(problem, end, found)
    return Fit(
        form=law,
        values=surface.coefficients(end.q),
        held=held,
        status=verdict.status,
        _trouble=(*verdict.trouble, *rung.trouble, *data.trouble),
        _notes=(*data.notes, *filter(None, [surface.note])),
        settings=asked,
        search=Search(
            objective=end.cost,
            minima=minima,
            gradient=end.gradient,
            evaluations=end.evaluations,
            engine=polishing.engine(problem),
            derivatives=surface.law.derivatives,
            left_out=data.left_out,
        ),
        _records=data.table,
    )


def minimizer(fitted: Fit) -> "lmfit.Minimizer":
    """Rebuild the lmfit minimiser of a fit, for `conf_interval` or `emcee`.

    Its parameters are the free coefficients in the units of the law, at the
    fitted values and with the bounds of the law; its residuals are those of the
    objective (for `huber`, whose loss lmfit applies elsewhere, the plain ones).

    Parameters
    ----------
    fitted : Fit

    Returns
    -------
    lmfit.Minimizer

    Raises
    ------
    FitError
        `fitted` is no fit.
    """
    if not isinstance(fitted, Fit):
        raise FitError(f"minimizer takes what p2law.fit returns, got {got(fitted)}")
    objective = objectives.parse(fitted.settings.objective)
    data = fitted.records
    columns = {name: data[name].to_numpy() for name in fitted.form.columns}
    target = data[fitted.form.target].to_numpy()
    problem = Problem(Surface(fitted.form, columns), target, weights_of(data), objective)
    return polishing.rebuild(problem, fitted.values, fitted.held, fitted.settings.tied)


def _gather(
    records: pd.DataFrame, law: Form, weight: str | None, objective: Objective, *, chosen: bool
) -> Data:
    """Gather the rows; where columns of the law are missing, name laws whose columns are there."""
    try:
        return gather(records, law, weight, objective)
    except RecordError as error:
        missing = isinstance(records, pd.DataFrame) and {*law.columns} - {*records.columns}
        renamed = "did you mean" in str(error)  # then that is the cure
        others = other_laws(records) if missing and not renamed else ""
        if not (others or (missing and not chosen)):
            raise
        cure = others or "To fit a law that reads other columns, name it: forms.chinchilla."
        raise RecordError(f"{error}\n{cure}", error.rows) from None


# -- search and polish -------------------------------------------------------------------


def _best(problem: Problem, seed: int) -> tuple[End, Directions, tuple[float, ...]]:
    """The best end, what it leaves free, and the objective of every distinct minimum."""
    surface = problem.surface
    found = projection.search(surface, problem.target, problem.square_weight, seed)
    if not found:
        message = (
            f"{surface.form.name} has no finite value anywhere in its bounds on these records; "
            f"check the bounds, what is fixed, and the units of {', '.join(surface.form.columns)}"
        )
        raise FitError(message)
    costs = [problem.cost(each.q) for each in found]
    order = sorted(range(len(found)), key=costs.__getitem__)
    likely = [k for k in order[:POLISHED] if costs[k] <= 2 * costs[order[0]]]
    starts = [found[k].q for k in likely]
    if np.isinf(np.array(surface.box)[:, : len(surface.nonlinear)]).any():
        starts.append(projection.default_point(surface, problem.target, problem.square_weight))
    ends = _polished(problem, starts)
    least = min(each.cost for each in ends)
    # Of ends that are equally good, as where like terms may change places, the last one counts:
    # it started from the defaults of the law.
    best = [each for each in ends if each.cost <= least * (1 + 1e-9) + _floor(problem)][-1]
    best = _without_needless_terms(problem, _in_order(problem, best))
    best, free = _at_default_where_free(problem, best)
    apart = _distinct(problem, sorted(ends, key=lambda each: each.cost))
    others = (costs[k] for k in order if k not in likely)
    return best, free, (best.cost, *apart[1:], *others)


def _polished(problem: Problem, starts: Sequence[Array]) -> list[End]:
    """Polish from every start; all share one measure of work, and each gets a round at least."""
    ends: list[End] = []
    for q in starts:
        used = sum(each.evaluations for each in ends)
        ends.append(polishing.polish(problem, q, most=polishing.WORK - used))
    return ends


def _in_order(problem: Problem, end: End) -> End:
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
        if np.max(np.abs(surface.predict(q) - surface.predict(end.q))) > visible:
            continue
        other = polishing.polish(problem, q)
        if other.cost <= end.cost * (1 + 1e-9) + _floor(problem):
            end = other
    return end


def _distinct(problem: Problem, ends: Sequence[End]) -> list[float]:
    """Objectives of the ends whose curves differ visibly."""
    if len(ends) == 1:
        return [ends[0].cost]
    kept: list[Array] = []
    costs = []
    visible = 1e-4 * float(np.ptp(problem.target)) + 1e-12
    for each in ends:
        curve = problem.surface.predict(each.q)
        if all(np.max(np.abs(curve - other)) > visible for other in kept):
            kept.append(curve)
            costs.append(each.cost)
    return costs


def _at_default_where_free(problem: Problem, end: End) -> tuple[End, Directions]:
    """Give what the records leave free its default, not the place where the search ended.

    Many coefficients fit equally well then; these are the ones that another search,
    or another machine, would report too.
    """
    surface = problem.surface
    found = identify.at(surface, end.q)
    spare = {*found.idle, *identify.spare(found)}
    pinned = np.array([name in spare for name in surface.nonlinear + surface.linear])
    pinned[len(surface.nonlinear) :] = False
    if not pinned.any():
        return end, found
    q = np.where(pinned, surface.generic_point(), end.q)
    moved, most = replace(end, q=q, cost=problem.cost(q)), end.cost * (1 + 1e-6) + _floor(problem)
    if spare - {*found.idle} or moved.cost > most:
        moved = polishing.polish(problem, q, pinned)
    if moved.cost > most:
        return end, found
    there = identify.at(surface, moved.q)
    names = np.array(surface.names)[pinned]
    if {*names} <= {*there.idle, *itertools.chain(*there.together)}:
        return moved, there
    # What was flat where the search ended is not here: it is free to move again.
    freed = polishing.polish(problem, moved.q)
    if freed.cost < end.cost * (1 - 1e-6) - _floor(problem):
        return _at_default_where_free(problem, freed)
    return freed, identify.at(surface, freed.q)


def _floor(problem: Problem) -> float:
    """Objective of residuals that are nothing but rounding."""
    return problem.objective.total(1e-12 * np.abs(problem.target), problem.weight)


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
    enough = cost <= end.cost * (1 + 1e-9) + _floor(problem)
    return replace(end, q=q, cost=cost) if enough else end
