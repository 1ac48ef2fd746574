"""Fitting: from checked records and a law to a frozen `Fit`."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from p2law import objectives
from p2law.declaring import Form
from p2law.errors import FitError, RecordError
from p2law.fitting import polishing, searching
from p2law.forms.p2 import p2
from p2law.identify import ladder
from p2law.objectives import Objective, squared
from p2law.result import Fit, verdicts
from p2law.result.searched import Search
from p2law.solving.gathering import Data, gather, other_laws, weights_of
from p2law.solving.problem import Problem
from p2law.solving.settings import Settings, checked_form, settings
from p2law.solving.surface import Surface
from p2law.text.wording import got

if TYPE_CHECKING:
    import lmfit

LOG = logging.getLogger(__name__)
SQUARED = squared()


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
        A column of weights (truths are 1 and 0), or ``"run"``: every run counts the same,
        however densely it was logged.
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
    end, found, minima = searching.best(problem, asked.seed)
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
        if not missing or any(words in str(error) for words in ("make it: ", "separated by")):
            raise
        renamed = "did you mean" in str(error)  # then that is the cure
        others = "" if renamed else other_laws(records)
        if chosen and not others:
            raise
        cure = others or "To fit a law that reads other columns, name it: forms.chinchilla."
        raise RecordError(f"{error}\n{cure}", error.rows) from None
