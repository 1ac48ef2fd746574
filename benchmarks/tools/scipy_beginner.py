"""scipy's curve_fit by a beginner: plain counts, and everything else as it comes."""

from typing import TYPE_CHECKING

import plain
import scipy
from scipy.optimize import curve_fit

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")


def fit(problem: "Problem") -> dict[str, float]:
    """`curve_fit` of the law."""
    law, names = plain.LAWS[problem.law], plain.NAMES[problem.law]
    inputs = tuple(problem.columns.values())
    found, _ = curve_fit(lambda x, *at: law(*x, *at), inputs, problem.loss, p0=[1.0] * len(names))
    return dict(zip(names, found, strict=True))


def version() -> str:
    """Of the package."""
    return f"scipy {scipy.__version__}"
