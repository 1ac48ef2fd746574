"""How the coefficients of a fit were found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Search:
    """How the coefficients were found.

    Attributes
    ----------
    objective : float
        The minimum: a sum over the rows used.
    minima : tuple of float
        Objective of every distinct local minimum met, best first.
    gradient : float
        Largest cosine between the residuals and a free derivative; 0 at a minimum.
    evaluations : int
        Evaluations of the law and of its derivatives, at all rows, in the polish.
    engine, derivatives : str
    left_out : tuple of (str, int)
        Why rows were left out, and how many.
    """

    objective: float
    minima: tuple[float, ...]
    gradient: float
    evaluations: int
    engine: str
    derivatives: str
    left_out: tuple[tuple[str, int], ...]

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> "Search":
        """Make it from what a saved fit holds: lists for tuples, texts for infinities."""
        found = {
            "objective": float(plain["objective"]),
            "gradient": float(plain["gradient"]),
            "minima": tuple(map(float, plain["minima"])),
            "left_out": tuple((why, count) for why, count in plain["left_out"]),
        }
        return cls(**{**plain, **found})
