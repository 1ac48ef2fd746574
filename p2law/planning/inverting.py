"""Where a falling curve meets a value: many curves at once, none of them written out.

Most laws fall to their floor by a power of the tokens: then the logarithm of what is left
above the floor is straight in the logarithm of the tokens, and two evaluations give the
answer. The others are bracketed until nothing is left to halve.
"""

from collections.abc import Callable

import numpy as np

from p2law.declaring import Array, Mask

LEAST, MOST = 1.0, 1e300
"""Where a crossing is looked for: from one token on, without end."""

STEPS = 200

PROBE = np.log(1e4)
"""Where a second point of every straight line is looked for, in the logarithm."""


def crossing(curve: Callable[[Array], Array], floor: Array, value: Array) -> Array:
    """Find where curves come down to a value.

    Parameters
    ----------
    curve : callable
        From abscissae to values, both of one shape.
    floor : ndarray
        What each curve tends to, in that shape.
    value : ndarray
        In that shape.

    Returns
    -------
    ndarray
        `LEAST` where a curve is down there already, infinite where it never comes down.
    """
    with np.errstate(all="ignore"):
        wanted = np.log(value - floor)

        def height(x: Array) -> Array:
            return np.asarray(np.log(curve(np.exp(x)) - floor) - wanted)

        low = np.full(np.shape(value), np.log(LEAST))
        high = np.full(np.shape(value), np.log(MOST))
        start = curve(np.exp(low))
        at_low, at_high = np.log(start - floor) - wanted, height(high)
        unknown = np.isnan(value) | np.isnan(floor)
        never, met = ~(value > floor), ~(start > value)
        done = never | met | unknown
        # What rounding leaves of the height: the curve has no more digits than that.
        blur = 8 * np.finfo(float).eps * np.maximum(1.0, np.abs(value) / np.abs(value - floor))
        x = _between(height, (low, high), (at_low, at_high), blur, done)
    out = np.where(met, LEAST, np.where(never, np.inf, np.exp(x)))
    return np.where(unknown, np.nan, out)


def _between(
    height: Callable[[Array], Array],
    ends: tuple[Array, Array],
    heights: tuple[Array, Array],
    blur: Array,
    done: Mask,
) -> Array:
    """Close a bracket by straight lines, and by halves where lines do not help."""
    (low, high), (at_low, at_high) = ends, heights
    done, x = done.copy(), np.where(done, low, PROBE)
    at = height(x)
    # The far end may lie on the floor to the last digit, where no line starts.
    slope = (at - at_low) / (x - low)
    for count in range(STEPS):
        near = x - at / slope
        line = near if count < 2 else low + at_low / (at_low - at_high) * (high - low)
        sound = (line > low) & (line < high) & (count % 3 < 2)
        x = np.where(done, x, np.where(sound, line, 0.5 * (low + high)))
        at = height(x)
        above = at > 0
        # Halving the height of the end that stays lets the next line reach over the crossing.
        at_low, at_high = np.where(above, at, at_low / 2), np.where(above, at_high / 2, at)
        low, high = np.where(above, x, low), np.where(above, high, x)
        done |= (np.abs(at) <= blur) | (high - low <= 4e-16 * np.abs(high))
        if done.all():
            break
    return x
