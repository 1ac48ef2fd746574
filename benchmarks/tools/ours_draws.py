"""p2law with its defaults: losses with 99 % intervals, for which it draws 1,000 times."""

from typing import TYPE_CHECKING

import pandas as pd

import p2law
from p2law import forms

if TYPE_CHECKING:
    import numpy as np
    from run import Problem

LAWS = ("chinchilla",)


def fit(problem: "Problem") -> "dict[str, np.ndarray]":
    """Fit, and ask for the losses of the same runs and of longer ones."""
    records = pd.DataFrame({**problem.columns, "loss": problem.loss})
    found = p2law.fit(records, getattr(forms, problem.law))
    told = found.predict(pd.DataFrame(problem.asked), level=0.99)
    return {"low": told["low"].to_numpy(), "high": told["high"].to_numpy()}


def version() -> str:
    """Of the package."""
    return f"p2law {p2law.__version__}"
