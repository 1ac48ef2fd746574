"""Akaike's and Schwarz's criteria of a fit, where there is a likelihood to speak of."""

from dataclasses import dataclass

import numpy as np

from p2law import objectives
from p2law.result import Fit
from p2law.result.verdicts import Status
from p2law.solving.gathering import weights_of


@dataclass(frozen=True)
class Criteria:
    """AIC and BIC but for a constant that all laws on the same rows share, or why not.

    Attributes
    ----------
    aic, bic : float
        NaN where there is none; smaller is better.
    why : str
        Why there is none.
    """

    aic: float = np.nan
    bic: float = np.nan
    why: str = ""


def criteria(fit: Fit) -> Criteria:
    """Weigh misfit against the number of coefficients, as if rows were independent.

    With normal errors of one unknown size, -2 ln(likelihood) is n ln(S / n) but for a
    constant, where S is the sum of the squared residuals of n rows. What is counted is the
    coefficients that are not held, and that size.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Criteria
    """
    objective = objectives.parse(fit.settings.objective)
    rows, count = len(fit.records), free(fit) + 1
    if objective.delta is not None:
        return Criteria(why=f"{objective} is no likelihood: use squared() for AIC and BIC")
    if fit.status in (Status.NOT_IDENTIFIED, Status.STOPPED):
        return Criteria(why=f"the fit is {fit.status.words}: what it has fitted cannot be counted")
    if rows <= count:
        return Criteria(why=f"{rows} rows are too few for {count - 1} coefficients and a noise")
    kept = fit.residuals()
    off = objective.residuals(kept["predicted"].to_numpy(), kept[fit.form.target].to_numpy())
    weight = weights_of(kept)
    total = objective.total(off, weight)
    exact = objective.total(1e-12 * np.abs(kept[fit.form.target].to_numpy()), weight)
    if total <= exact:
        return Criteria(why="the law goes through all rows exactly")
    level = rows * float(np.log(total / rows))
    return Criteria(level + 2 * count, level + float(np.log(rows)) * count)


def free(fit: Fit) -> int:
    """Number of coefficients that were fitted."""
    return len(fit.form.names) - len(fit.held)
