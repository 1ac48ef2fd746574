"""How often one candidate does as well as another, and how far it lies behind.

Candidates of one fit are compared refit by refit. The refits of different fits have nothing to
do with each other: there each goes with each, whatever order they come in.
"""

import numpy as np

from p2law.declaring import Array, Whole
from p2law.planning.budgets import Budgets

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole parts, lie more evenly than those of any other number."""


def as_good(found: Budgets, rows: Whole, other: int) -> Array:
    """Share of the refits in which each of some rows does at least as well as another one.

    Where neither gets there, neither is better; NaN where a refit tells nothing.
    """
    values, own = found.values[1:, rows], found.values[1:, other]
    with np.errstate(invalid="ignore"):
        share = np.asarray(np.mean(values <= own[:, None], axis=0))
    if (apart := found.fit[rows] != found.fit[other]).any():
        less = np.searchsorted(np.sort(own), np.sort(values[:, apart].T), side="left")
        share[apart] = (len(own) ** 2 - less.sum(axis=1)) / len(own) ** 2
    share[np.isnan(values).any(axis=0) | np.isnan(own).any()] = np.nan
    return share


def more(found: Budgets, rows: Whole, other: int) -> Array:
    """By how much each of some rows is above another one, by refit: (refits, rows).

    Of different fits as many pairs as there are refits, spread evenly over all that there are;
    NaN where neither gets there.
    """
    values, own = found.values[1:, rows], found.values[1:, other]
    with np.errstate(invalid="ignore"):
        differences = values - own[:, None]
        if (apart := found.fit[rows] != found.fit[other]).any():
            spread = np.argsort(np.arange(len(own)) * GOLDEN % 1)
            differences[:, apart] = np.sort(values[:, apart], axis=0) - np.sort(own)[spread, None]
    return differences
