"""Few of many: what stands for all where all would take long."""

import numpy as np

from p2law.declaring import Whole


def spread(count: int, most: int) -> Whole:
    """Places of at most so many of so many, evenly apart, the first and the last among them.

    Examples
    --------
    >>> spread(9, 3)
    array([0, 4, 8])
    >>> spread(2, 3)
    array([0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.intp)


def scattered(count: int, most: int) -> Whole:
    """Places of at most so many of so many, one from each of as many equal parts.

    Which one is left to chance, the same every time, but for the first and the last: places
    evenly apart would meet one size only where sizes take turns.

    Examples
    --------
    >>> scattered(2, 3)
    array([0, 1])
    >>> places = scattered(12_000, 1_000)
    >>> len(places), len(set(places % 12))
    (1000, 12)
    """
    if count <= most:
        return np.arange(count, dtype=np.intp)
    edges = np.arange(most + 1) * count // most
    inside = np.random.default_rng(0).random(most) * np.diff(edges)
    inside[[0, -1]] = 0, edges[-1] - edges[-2] - 1
    return np.asarray(edges[:-1] + inside.astype(np.intp), dtype=np.intp)
