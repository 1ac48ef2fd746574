"""A noisy loss smoothed without lag: local straight lines in log tokens."""

import math

import numpy as np

from p2law.domains import Array, Mask, Whole

FEWEST = 4
"""Rows that a straight line through noise needs at least."""


def smoothed(tokens: Array, losses: Array, rows: Whole, share: float) -> tuple[Array, Mask]:
    """Losses at some rows, each from a straight line through the rows around it.

    A running average of the past lags behind a falling loss, and a plain mean is off at
    both ends. A weighted least-squares line in log tokens is off by the curvature alone,
    at the ends too, however unevenly the rows lie.

    Parameters
    ----------
    tokens : ndarray
        Rising.
    losses : ndarray
    rows : ndarray of int
        Where losses are wanted.
    share : float
        Rows from D / (1 + share) to D (1 + share) have weight.

    Returns
    -------
    losses : ndarray, shape (rows,)
    done : ndarray of bool, shape (rows,)
        False where too few rows lie around: the loss is the logged one.

    Examples
    --------
    >>> tokens = np.linspace(1e6, 2e6, 50)
    >>> line = 5 - 0.1 * np.log(tokens)
    >>> smooth, done = smoothed(tokens, line, np.array([0, 20, 49]), 0.2)
    >>> bool(np.allclose(smooth, line[[0, 20, 49]])), bool(done.all())
    (True, True)
    """
    with np.errstate(divide="ignore"):
        logs = np.log(tokens)
    reach = math.log1p(share)
    first = np.searchsorted(logs, logs[rows] - reach, side="left")
    end = np.searchsorted(logs, logs[rows] + reach, side="right")
    done = (end - first >= FEWEST) & np.isfinite(logs[rows])
    found = losses[rows].copy()
    for k in np.flatnonzero(done):
        around = slice(first[k], end[k])
        found[k] = _line(logs[around] - logs[rows[k]], losses[around], reach)
    return found, done


def _line(away: Array, losses: Array, reach: float) -> float:
    """Height at 0 of the weighted line; rows near by weigh more, those at the rim nothing."""
    weight = np.maximum(1 - (away / reach) ** 2, 1e-9)
    mean = float(weight @ away / weight.sum())
    level = float(weight @ losses / weight.sum())
    spread = float(weight @ (away - mean) ** 2)
    slope = float(weight @ ((away - mean) * (losses - level))) / spread if spread else 0.0
    return level - slope * mean
