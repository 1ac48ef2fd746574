"""statsmodels' GenericLikelihoodModel with its default optimiser, from sane starts.

What its documentation offers for a model of one's own: normal noise, its size a coefficient too.
"""

from typing import TYPE_CHECKING

import numpy as np
import statsmodels  # type: ignore[import-not-found]
from by_hand import Array, model
from scipy import stats
from statsmodels.base.model import (  # type: ignore[import-not-found]
    GenericLikelihoodModel,
)

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")


def fit(problem: "Problem") -> dict[str, float]:
    """Greatest likelihood of normal noise, on logarithms where these are judged."""
    own = model(problem)

    class Law(GenericLikelihoodModel):  # type: ignore[misc]
        def nloglikeobs(self, params: Array) -> Array:
            found = stats.norm.logpdf(own.residuals(params[:-1]), scale=np.exp(params[-1]))
            return np.asarray(-found)

    start = [*own.start, np.log(np.std(own.residuals(own.start)))]
    names = [*own.names, "log_sigma"]
    rows = np.ones((len(problem.loss), 1))
    found = Law(problem.loss, rows, extra_params_names=names[1:]).fit(start, disp=0)
    return own.values(found.params[:-1])


def version() -> str:
    """Of the package."""
    return f"statsmodels {statsmodels.__version__}"
