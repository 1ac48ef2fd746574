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


def solved(matrix: Array, right: Array, least: float) -> Array:
    """Solve a symmetric system in columns of length 1; null directions do not move.

    Parameters
    ----------
    matrix : ndarray of shape (count, count)
    right : ndarray of shape (count,) or (count, any)
    least : float
        Share of the largest eigenvalue below which one counts as null.

    Returns
    -------
    ndarray of the shape of `right`
    """
    size = np.sqrt(np.diagonal(matrix))
    size = np.where(size > 0, size, np.inf)
    inverse = np.linalg.pinv(matrix / np.outer(size, size), rcond=least, hermitian=True)
    per_size = size if right.ndim == 1 else size[:, None]
    return np.asarray(inverse @ (right / per_size) / per_size)
