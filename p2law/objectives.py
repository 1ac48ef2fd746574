"""What a fit minimises: always a sum over rows, never a mean.

A mean makes the objective small and lets optimisers stop early; the published
Chinchilla coefficients suffered from just that (arXiv:2404.10102).
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from p2law.declaring import Array
from p2law.errors import FitError
from p2law.text.wording import got

LARGEST = float(np.finfo(float).max)

FAR = 600.0
"""Logarithm of the largest factor between what is predicted and what is measured."""
ENDS = 709.0
"""Logarithm from which on numbers are soon beyond double precision."""


@dataclass(frozen=True)
class Objective:
    """A sum over rows of a function of the residual. Made by `squared` or `huber`.

    Attributes
    ----------
    delta : float or None
        Residual size from which a row counts linearly; None for squares.
    log : bool
        Residuals are differences of logarithms.
    """

    delta: float | None = None
    log: bool = False

    @property
    def unit(self) -> str:
        """Words for the space the residuals live in."""
        return "log" if self.log else "raw"

    def residuals(self, predicted: Array, measured: Array) -> Array:
        """Predicted minus measured, or the difference of their logarithms."""
        if self.log:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.log(predicted) - np.log(measured)
        return predicted - measured

    def shifted(self, predicted: Array, by: Array) -> Array:
        """What must be measured for residuals to be minus `by`, at most within double precision."""
        if not self.log:
            return predicted + by
        with np.errstate(invalid="ignore", divide="ignore"):
            room = ENDS - np.log(predicted)
        return predicted * np.exp(np.fmin(np.clip(by, -FAR, FAR), room))

    def per_row(self, residuals: Array) -> Array:
        """Objective of each row: r^2, or Huber's function of r."""
        if self.delta is None:
            return residuals**2
        size = np.abs(residuals)
        return np.where(size <= self.delta, 0.5 * size**2, self.delta * (size - 0.5 * self.delta))

    def pull(self, residuals: Array) -> Array:
        """Derivative of each row's objective by its residual (of half of it for squares)."""
        if self.delta is None:
            return residuals
        return np.clip(residuals, -self.delta, self.delta)

    def bend(self, residuals: Array, share: Array | float = 1.0) -> Array:
        """Curvature of each row's objective (of half of it for squares).

        Beyond `delta` Huber's function is straight; `share` of the curvature of
        the parabola that majorises it there is given instead.
        """
        if self.delta is None:
            return np.ones_like(residuals)
        size = np.abs(residuals)
        return np.where(size <= self.delta, 1.0, share * self.delta / np.maximum(size, self.delta))

    def total(self, residuals: Array, weight: Array | float = 1.0) -> float:
        """The objective: weighted sum over rows."""
        return float(np.sum(weight * self.per_row(residuals)))

    def __str__(self) -> str:
        if self.delta is None:
            return "squared(log=True)" if self.log else "squared()"
        return f"huber({self.delta!r}, log=True)" if self.log else f"huber({self.delta!r})"


def squared(*, log: bool = False) -> Objective:
    """Sum of squared residuals.

    Parameters
    ----------
    log : bool
        Residuals are differences of logarithms.

    Returns
    -------
    Objective
    """
    return Objective(None, _truth(log))


def huber(delta: float, *, log: bool = False) -> Objective:
    """Sum of Huber's function: half the square up to `delta`, linear beyond.

    Parameters
    ----------
    delta : float
        In the unit of the residuals: nat, or a relative error with `log`.
    log : bool
        Residuals are differences of logarithms.

    Returns
    -------
    Objective

    Raises
    ------
    FitError
        `delta` is not a positive finite number, or `log` neither True nor False.

    Examples
    --------
    >>> str(huber(1e-3, log=True))
    'huber(0.001, log=True)'
    """
    plain: Any = delta.item() if isinstance(delta, np.generic) else delta
    if isinstance(plain, bool) or not isinstance(plain, (int, float)) or not 0 < plain <= LARGEST:
        raise FitError(f"huber needs a positive finite delta, got {got(delta)}; write huber(1e-3)")
    return Objective(float(delta), _truth(log))


def _truth(log: bool) -> bool:  # noqa: FBT001 - it is what is checked
    """Check an option `log`."""
    if not isinstance(log, (bool, np.bool_)):
        raise FitError(f"log is True or False, got {got(log)}")
    return bool(log)


_TEXT = re.compile(
    r"^(squared|huber)\s*\(?\s*([0-9.eE+-]+)?\s*,?\s*(log(?:\s*=\s*(?:True|False))?)?\s*\)?$"
)


def parse(text: str) -> Objective:
    """Read an objective as Python and `str` write it: ``squared()``, ``huber(0.001, log=True)``.

    Raises
    ------
    FitError
        The text names no objective.
    """
    found = _TEXT.match(text.strip())
    kind, delta, said = found.groups(default="") if found else ("", "", "")
    log = said != "" and not said.endswith("False")
    try:
        if kind == "huber" and delta:
            return huber(float(delta), log=log)
        if kind == "squared" and not delta:
            return squared(log=log)
    except ValueError:
        pass
    message = (
        f"cannot read the objective {text!r}; write for instance 'squared()', "
        f"'squared(log=True)', 'huber(0.001)' or 'huber(0.001, log=True)'"
    )
    raise FitError(message)
