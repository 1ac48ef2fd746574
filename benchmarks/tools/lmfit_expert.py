"""lmfit by an expert: logarithms, sane starts, exact derivatives, Huber where it is judged."""

from typing import TYPE_CHECKING

import lmfit
import numpy as np
from by_hand import Array, model

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")


def fit(problem: "Problem") -> dict[str, float]:
    """Least squares by Levenberg and Marquardt, Huber by a trust region."""
    own, params = model(problem), lmfit.Parameters()
    for name, value in zip(own.names, own.start, strict=True):
        params.add(name, value=value)

    def at(found: lmfit.Parameters) -> Array:
        return np.array(list(found.valuesdict().values()))

    minimizer = lmfit.Minimizer(lambda found: own.residuals(at(found)), params)
    close = {"ftol": 1e-12, "xtol": 1e-12, "gtol": 1e-12}
    if problem.delta is None:
        done = minimizer.leastsq(Dfun=lambda found: own.jacobian(at(found)), **close)
    else:
        done = minimizer.least_squares(
            jac=lambda found: own.jacobian(at(found)), loss="huber", f_scale=problem.delta, **close
        )
    return own.values(at(done.params))


def version() -> str:
    """Of the package."""
    return f"lmfit {lmfit.__version__}"
