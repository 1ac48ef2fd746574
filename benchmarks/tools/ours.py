"""p2law with its defaults: records and the name of a law, nothing else."""

from typing import TYPE_CHECKING

import pandas as pd

import p2law
from p2law import forms

if TYPE_CHECKING:
    from run import Problem

LAWS = ("chinchilla", "p2")


def fit(problem: "Problem") -> dict[str, float]:
    """Fit from records alone."""
    records = pd.DataFrame({**problem.columns, "loss": problem.loss})
    objective = p2law.huber(problem.delta, log=True) if problem.delta else p2law.squared()
    return dict(p2law.fit(records, getattr(forms, problem.law), objective=objective).values)


def version() -> str:
    """Of the package."""
    return f"p2law {p2law.__version__}"
