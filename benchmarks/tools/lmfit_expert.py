"""lmfit by an expert: logarithms, sane starts, exact derivatives, Huber where it is judged."""

from typing import TYPE_CHECKING

import lmfit
import numpy as np
from by_hand import Array, Model, model

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")


CLOSE = 1e-12
"""What ftol, xtol and gtol are: as close to the minimum as the tools that are compared."""


def fit(problem: "Problem") -> dict[str, float]:
    """Fit from the expert's start."""
    own, q = fitted(problem)
    return own.values(q)


def fitted(
    problem: "Problem",
    start: Array | None = None,
    close: float = CLOSE,
    most: int | None = None,
) -> tuple[Model, Array]:
    """Least squares by Levenberg and Marquardt, Huber by a trust region: model, coordinates."""
    own, params = model(problem), lmfit.Parameters()
    for name, value in zip(own.names, own.start if start is None else start, strict=True):
        params.add(name, value=value)

    def at(found: lmfit.Parameters) -> Array:
        return np.array(list(found.valuesdict().values()))

    minimizer = lmfit.Minimizer(lambda found: own.residuals(at(found)), params, max_nfev=most)
    ends = dict.fromkeys(("ftol", "xtol", "gtol"), close)
    if problem.delta is None:
        done = minimizer.leastsq(Dfun=lambda found: own.jacobian(at(found)), **ends)
    else:
        done = minimizer.least_squares(
            jac=lambda found: own.jacobian(at(found)), loss="huber", f_scale=problem.delta, **ends
        )
    return own, at(done.params)


def version() -> str:
    """Of the package."""
    return f"lmfit {lmfit.__version__}"
