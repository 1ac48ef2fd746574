"""FLOPs of a token, where they are not stated: a few for each parameter that is multiplied."""

import numpy as np
import pandas as pd

from p2law.declaring import Array

TRAINING, FORWARD = 6.0, 2.0
"""For each parameter that is multiplied: forward and backward, forward alone."""

SLICED = ("depth", "width")
"""Methods that make a model smaller; others multiply by zeros."""


def multiplied(method: pd.Series, before: Array, after: Array) -> Array:
    """Parameters that a token is multiplied by, of models with sizes before and after pruning."""
    return np.where(method.isin(SLICED).to_numpy(), after, before)


def per_token(stated: Array, parameters: Array) -> Array:
    """Training FLOPs of a token: as stated, NaN where they are not, else of the parameters."""
    return np.where(np.isfinite(stated), stated, TRAINING * parameters)
