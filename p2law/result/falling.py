"""How much curves fall with one more token, wherever they are asked."""

from collections.abc import Callable

import numpy as np

from p2law.declaring import Array

STEP = 1e-4
"""Share of the tokens, or of the fewest on record, over which a curve is looked at."""

SEEN = 1e-9
"""A difference of losses above this share of them is known to a millionth."""


def fall(curve: Callable[[Array], Array], tokens: Array, recorded: Array) -> Array:
    """Fall of curves with one more token: their slope, downwards.

    Three points upwards from each count, as more tokens are what is asked about: there are none
    below 0, and a forecast has a corner at every checkpoint.

    Parameters
    ----------
    curve : callable
        From token counts to losses; the counts asked about come several times, one after another.
    tokens : ndarray of shape (asked,)
    recorded : ndarray
        Tokens of the records: near 0, where a share of the tokens moves a law by less than is
        seen, a share of the fewest of these does.

    Returns
    -------
    ndarray of shape (asked,)
    """
    least = float(recorded[recorded > 0].min()) if (recorded > 0).any() else 1.0
    own, wide = STEP * tokens, STEP * np.maximum(tokens, least)
    points = np.stack([tokens, tokens + own, tokens + 2 * own, tokens + wide, tokens + 2 * wide])
    with np.errstate(all="ignore"):
        here, *there = curve(points.ravel()).reshape(points.shape)
        seen = np.abs(there[0] - here) > SEEN * np.abs(here)
        step = np.where(seen, own, wide)
        near, far = (np.where(seen, *pair) for pair in (there[0::2], there[1::2]))
        return np.asarray((3 * here - 4 * near + far) / (2 * step))
