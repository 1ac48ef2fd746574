"""p2law with its defaults, and 1,000 refits, from which intervals come."""

import pandas as pd

import p2law
from p2law import forms

LAWS = ("chinchilla",)


def fit(problem):  # noqa: ANN001, ANN201
    """Fit and refit."""
    records = pd.DataFrame({**problem.columns, "loss": problem.loss})
    found = p2law.fit(records, getattr(forms, problem.law))
    found.known.of_refits(1000).draws  # noqa: B018 - made when asked for
    return dict(found.values)


def version() -> str:
    """Of the package."""
    return f"p2law {p2law.__version__}"
