"""statsmodels' NonlinearLS by an expert: logarithms, sane starts.

The class is deprecated, exported nowhere and due to go after 0.16; it is the only non-linear least
squares that statsmodels has. It takes no derivatives and no robust loss.
"""

from typing import TYPE_CHECKING

import numpy as np
import statsmodels  # type: ignore[import-not-found]
from by_hand import Array, model
from statsmodels.miscmodels.nonlinls import NonlinearLS  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")


def fit(problem: "Problem") -> dict[str, float]:
    """Fit the law where squares of losses are judged, its logarithm where logarithms are."""
    own = model(problem)

    class Law(NonlinearLS):  # type: ignore[misc]
        def _predict(self, params: Array) -> Array:
            return np.log(own.predict(params)) if own.log else own.predict(params)

    target = np.log(problem.loss) if own.log else problem.loss
    found, _ = Law(target).fit_minimal(own.start)
    return own.values(found)


def version() -> str:
    """Of the package."""
    return f"statsmodels {statsmodels.__version__}"
