"""Pictures of a fit, of how well it predicts, and of plans (extra ``plot``: matplotlib).

Each takes a fit first, or what the plan or the score returned. Each returns the Axes that
it drew on, several as an array, shows nothing and leaves matplotlib's settings alone.
`ax` is where to draw: an Axes, several of them, or a Figure or SubFigure that makes room
by itself; without it a new figure of pyplot is made, which a notebook shows.

    from p2law import plotting

    plotting.curves(fit)
    plotting.curves(fit, until=1e10, ax=matplotlib.figure.Figure())     # no pyplot, no window
"""

import importlib
from typing import TYPE_CHECKING, Any

from p2law.errors import MissingExtraError

if TYPE_CHECKING:
    from p2law.plotting.coefficient_rows import coefficients
    from p2law.plotting.loss_by_rate import rates
    from p2law.plotting.loss_contour import contour
    from p2law.plotting.loss_curves import curves
    from p2law.plotting.marginal_gain import gain
    from p2law.plotting.measured_predicted import predicted
    from p2law.plotting.pareto_front import frontier
    from p2law.plotting.residual_panels import residuals

__all__ = [
    "coefficients",
    "contour",
    "curves",
    "frontier",
    "gain",
    "predicted",
    "rates",
    "residuals",
]

_HOME = {
    "coefficients": "coefficient_rows",
    "contour": "loss_contour",
    "curves": "loss_curves",
    "frontier": "pareto_front",
    "gain": "marginal_gain",
    "predicted": "measured_predicted",
    "rates": "loss_by_rate",
    "residuals": "residual_panels",
}


def __getattr__(name: str) -> Any:
    """Load a plot when it is asked for; without matplotlib, say which extra has it."""
    if name not in _HOME:
        raise AttributeError(f"module 'p2law.plotting' has no attribute {name!r}")
    try:
        module = importlib.import_module(f"p2law.plotting.{_HOME[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise MissingExtraError("matplotlib", "plot", f"p2law.plotting.{name}") from error
    return getattr(module, name)


def __dir__() -> list[str]:
    """Everything public, loaded or not."""
    return __all__
