"""lmfit by a beginner: plain counts, every coefficient from 1, all else as it comes.

Without bounds lmfit stops at the first NaN and its message asks for bounds; so what the papers
say is positive has the bound 0.
"""

from typing import TYPE_CHECKING

import lmfit
import plain

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")
POSITIVE = {"A", "B", "N_C", "D_C", "alpha", "beta"}


def fit(problem: "Problem") -> dict[str, float]:
    """`lmfit.Model` of the law."""
    names, inputs = plain.NAMES[problem.law], plain.INPUTS[problem.law]
    own = lmfit.Model(plain.LAWS[problem.law], independent_vars=list(inputs))
    params = own.make_params(**dict.fromkeys(names, 1.0))
    for name in POSITIVE.intersection(names):
        params[name].min = 0.0
    columns = dict(zip(inputs, problem.columns.values(), strict=True))
    return dict(own.fit(problem.loss, params, **columns).params.valuesdict())


def version() -> str:
    """Of the package."""
    return f"lmfit {lmfit.__version__}"
