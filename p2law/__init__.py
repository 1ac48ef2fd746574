"""Scaling laws of pruned models: fit, predict, and know what the data cannot tell.

`load` reads records, `fit` fits a law, `Fit.predict` answers. Everything else is
reached through its module: `p2law.forms`, `p2law.testing`, `p2law.fitting`, ...
"""

import importlib
from typing import TYPE_CHECKING, Any

from p2law import forms
from p2law._version import __version__
from p2law.declaring import Bounds, Domain, Form, form
from p2law.errors import P2LawError
from p2law.objectives import huber, squared
from p2law.records import grid, load

if TYPE_CHECKING:
    from p2law import (
        collect,
        fitting,
        holdout,
        logs,
        planning,
        plotting,
        records,
        report,
        result,
        scoring,
        testing,
    )
    from p2law.fitting import fit
    from p2law.planning import tokens_for
    from p2law.result import Fit
    from p2law.scoring import score
    from p2law.scoring.comparing import compare

__all__ = [
    "Bounds",
    "Domain",
    "Fit",
    "Form",
    "P2LawError",
    "__version__",
    "collect",
    "compare",
    "fit",
    "fitting",
    "form",
    "forms",
    "grid",
    "holdout",
    "huber",
    "load",
    "logs",
    "planning",
    "plotting",
    "records",
    "report",
    "result",
    "score",
    "scoring",
    "squared",
    "testing",
    "tokens_for",
]

_LATER = {
    "collect": "p2law.collect",
    "compare": "p2law.scoring.comparing",
    "Fit": "p2law.result",
    "fit": "p2law.fitting",
    "fitting": "p2law.fitting",
    "holdout": "p2law.holdout",
    "logs": "p2law.logs",
    "planning": "p2law.planning",
    "plotting": "p2law.plotting",
    "report": "p2law.report",
    "result": "p2law.result",
    "score": "p2law.scoring",
    "scoring": "p2law.scoring",
    "testing": "p2law.testing",
    "tokens_for": "p2law.planning",
}


def __getattr__(name: str) -> Any:
    """Load what a fit needs when it is first asked for; an import alone stays cheap."""
    if name not in _LATER:
        raise AttributeError(f"module 'p2law' has no attribute {name!r}")
    module = importlib.import_module(_LATER[name])
    found = module if _LATER[name] == f"p2law.{name}" else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Everything public, loaded or not."""
    return __all__
