"""statsmodels' NonlinearLS by an expert: logarithms, sane starts.

The class is deprecated, exported nowhere and due to go after 0.16; it is the only non-linear least
squares that statsmodels has. It takes no derivatives and no robust loss.
"""

import numpy as np
import statsmodels
from by_hand import model
from statsmodels.miscmodels.nonlinls import NonlinearLS

LAWS = ("chinchilla", "p2")


def fit(problem):  # noqa: ANN001, ANN201
    """Fit the law where squares of losses are judged, its logarithm where logarithms are."""
    own = model(problem)

    class Law(NonlinearLS):
        def _predict(self, params):  # noqa: ANN001, ANN202
            return np.log(own.predict(params)) if own.log else own.predict(params)

    target = np.log(problem.loss) if own.log else problem.loss
    found, _ = Law(target).fit_minimal(own.start)
    return own.values(found)


def version() -> str:
    """Of the package."""
    return f"statsmodels {statsmodels.__version__}"
