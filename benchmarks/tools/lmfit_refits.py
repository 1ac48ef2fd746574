"""Refits with lmfit by an expert: each starts from where the first of all problems ended."""

from typing import TYPE_CHECKING

import lmfit_expert
from lmfit_expert import LAWS, version

if TYPE_CHECKING:
    from by_hand import Array
    from run import Problem

__all__ = ["LAWS", "fit", "version"]

_first: list["Array"] = []


def fit(problem: "Problem") -> dict[str, float]:
    """Fit from the expert's start, and all that come later from the end of that fit."""
    own, q = lmfit_expert.fitted(problem, _first[0] if _first else None)
    if not _first:
        _first.append(q)
    return own.values(q)
