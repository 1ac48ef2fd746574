"""Numbers rounded to how well they are known."""

import math

from p2law.views import number


def together(estimate: float, low: float, high: float) -> tuple[str, str, str]:
    """An estimate and its interval, to two digits of the interval's width.

    Examples
    --------
    >>> together(1.38052, 1.37219, 1.38844)
    ('1.381', '1.372', '1.388')
    """
    width = high - low
    every = (estimate, low, high)
    if not 0 < width < math.inf or max(map(abs, every)) >= 1e6:
        first, second, third = (number(each, 5) for each in every)
        return first, second, third
    decimals = min(max(1 - math.floor(math.log10(width)), 0), 9)
    first, second, third = (f"{each:.{decimals}f}" for each in every)
    return first, second, third


def span(low: float, high: float) -> str:
    """A range in words.

    Examples
    --------
    >>> span(1e6, 4e6), span(0.3, 0.3)
    ('1e6 to 4e6', '0.3')
    """
    return number(low) if low == high else f"{number(low)} to {number(high)}"
