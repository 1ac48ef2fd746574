"""statsmodels' GenericLikelihoodModel with its default optimiser, from sane starts.

What its documentation offers for a model of one's own: normal noise, its size a coefficient too.
"""

import numpy as np
import statsmodels
from by_hand import model
from scipy import stats
from statsmodels.base.model import GenericLikelihoodModel

LAWS = ("chinchilla", "p2")


def fit(problem):  # noqa: ANN001, ANN201
    """Greatest likelihood of normal noise, on logarithms where these are judged."""
    own = model(problem)

    class Law(GenericLikelihoodModel):
        def nloglikeobs(self, params):  # noqa: ANN001, ANN202
            return -stats.norm.logpdf(own.residuals(params[:-1]), scale=np.exp(params[-1]))

    start = [*own.start, np.log(np.std(own.residuals(own.start)))]
    names = [*own.names, "log_sigma"]
    rows = np.ones((len(problem.loss), 1))
    found = Law(problem.loss, rows, extra_params_names=names[1:]).fit(start, disp=0)
    return own.values(found.params[:-1])


def version() -> str:
    """Of the package."""
    return f"statsmodels {statsmodels.__version__}"
