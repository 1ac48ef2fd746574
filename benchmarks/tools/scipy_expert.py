"""scipy's curve_fit by an expert: logarithms, sane starts, exact derivatives, Huber if judged."""

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from by_hand import model
from scipy.optimize import curve_fit

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")


def fit(problem: "Problem") -> dict[str, float]:
    """Fit residuals to nothing, so that logarithms of the law can be taken."""
    own = model(problem)
    close: dict[str, Any] = {"ftol": 1e-12, "xtol": 1e-12, "gtol": 1e-12}
    if problem.delta is None:
        close |= {"method": "lm"}
    else:
        close |= {"method": "trf", "loss": "huber", "f_scale": problem.delta}
    found, _ = curve_fit(
        lambda _, *q: own.residuals(np.array(q)),
        np.arange(len(problem.loss)),
        np.zeros_like(problem.loss),
        p0=own.start,
        jac=lambda _, *q: own.jacobian(np.array(q)),
        **close,
    )
    return own.values(found)


def version() -> str:
    """Of the package."""
    return f"scipy {scipy.__version__}"
