"""lmfit by a beginner: plain counts, every coefficient from 1, all defaults."""

import inspect

import lmfit
import plain

LAWS = ("chinchilla", "p2")


def fit(problem):  # noqa: ANN001, ANN201
    """`lmfit.Model` of the law."""
    law, names = plain.LAWS[problem.law], plain.NAMES[problem.law]
    inputs = [each for each in inspect.signature(law).parameters if each not in names]
    own = lmfit.Model(law, independent_vars=inputs)
    params = own.make_params(**dict.fromkeys(names, 1.0))
    return own.fit(problem.loss, params, **problem.columns).params.valuesdict()


def version() -> str:
    """Of the package."""
    return f"lmfit {lmfit.__version__}"
