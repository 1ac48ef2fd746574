"""From where to where a slider of the page leads, and on which scale."""

from typing import Any

import numpy as np

from p2law.declaring import Array, Input

COUNTS = ("param", "token")
"""Units of what is asked about in orders of magnitude."""

WIDE = 4.0
"""Largest over smallest value from which on a scale is logarithmic."""


def slider(each: Input, values: Array) -> dict[str, Any]:
    """Ends and scale of the slider of one input.

    Parameters
    ----------
    each : Input
    values : ndarray of shape (rows,)
        What the records hold of it.

    Returns
    -------
    dict
        `from`, `to` and `log`.
    """
    low, low_open, high, high_open = each.domain.ends
    if np.isfinite(low) and np.isfinite(high):
        margin = 0.01 * (high - low)
        ends = low + margin * low_open, high - margin * high_open
        return {"from": ends[0], "to": ends[1], "log": False}
    positive = values[values > 0]
    if low >= 0 and len(positive) and _in_magnitudes(each, positive):
        return {"from": float(positive.min()) / 8, "to": float(values.max()) * 32, "log": True}
    least, most = float(values.min()), float(values.max())
    room = max(most - least, 0.5 * abs(most), 0.5 * abs(least)) or 1.0
    return {
        "from": float(np.clip(least - room, max(low, 0.25 * least) if low >= 0 else low, high)),
        "to": float(np.clip(most + room, low, high)),
        "log": False,
    }


def _in_magnitudes(each: Input, positive: Array) -> bool:
    return each.domain.unit in COUNTS or bool(positive.max() >= WIDE * positive.min())
