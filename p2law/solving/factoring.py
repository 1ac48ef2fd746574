"""What many rows of derivatives are to least squares, in as few numbers as there are columns."""

from collections.abc import Iterable

import numpy as np

from p2law.declaring import Array


def triangular(parts: Iterable[Array], count: int) -> Array:
    """Triangular factor of a matrix that comes in parts, (count, rows) each.

    It has the lengths and angles of the whole but (count, count) elements; made part by
    part, so that a million rows need no more memory than a few.
    """
    factor = np.zeros((count, 0))
    for part in parts:
        factor = np.asarray(np.linalg.qr(np.hstack([factor, part]).T, mode="r")).T
    return factor


def whitening(factor: Array) -> Array:
    """What makes a matrix with such a factor one of orthogonal rows of length 1.

    Parameters
    ----------
    factor : ndarray of shape (count, any)

    Returns
    -------
    ndarray of shape (ways, count)
        Times the matrix it gives as many ways as that has independent rows; the squares in a
        column of these add up to its leverage.
    """
    length = np.sqrt(np.sum(factor**2, axis=1))
    length = np.where(length > 0, length, np.inf)
    turned, size, _ = np.linalg.svd(factor / length[:, None], full_matrices=False)
    kept = size > 1e-9 * size.max(initial=0.0)
    return np.asarray((turned[:, kept] / size[kept]).T / length)
