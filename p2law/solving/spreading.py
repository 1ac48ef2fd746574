"""Few of many, spread evenly: what stands for all where all would take long."""

import numpy as np

from p2law.declaring import Whole


def spread(count: int, most: int) -> Whole:
    """Places of at most so many of so many, the first and the last among them.

    Examples
    --------
    >>> spread(9, 3)
    array([0, 4, 8])
    >>> spread(2, 3)
    array([0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.intp)
