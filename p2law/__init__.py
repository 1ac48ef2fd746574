"""Scaling laws of pruned models: fit, predict, and know what the data cannot tell.

`load` reads records, `fit` fits a law, `Fit.predict` answers. Everything else is
reached through its module: `p2law.forms`, `p2law.records`, `p2law.testing`.
"""

from p2law import fitting, forms, records, result, testing
from p2law._version import __version__
from p2law.declaring import Bounds, Domain, Form, form
from p2law.errors import P2LawError
from p2law.fitting import fit
from p2law.objectives import huber, squared
from p2law.records import grid, load
from p2law.result import Fit

__all__ = [
    "Bounds",
    "Domain",
    "Fit",
    "Form",
    "P2LawError",
    "__version__",
    "fit",
    "fitting",
    "form",
    "forms",
    "grid",
    "huber",
    "load",
    "records",
    "result",
    "squared",
    "testing",
]
