"""Numbers rounded to how well they are known."""

import math

from p2law.views import number

LARGE = 1e6
"""Size from which on numbers have exponents."""


def together(estimate: float, low: float, high: float) -> tuple[str, str, str]:
    """An estimate and its interval, to two digits of how far its nearer end lies off.

    Examples
    --------
    >>> together(1.38052, 1.37219, 1.38844)
    ('1.381', '1.372', '1.388')
    """
    width, every = high - low, (estimate, low, high)
    most = max(map(abs, every))
    if not 0 < width < math.inf or most >= LARGE:
        first, second, third = (number(each, 3 if width > most / 10 else 5) for each in every)
        return first, second, third
    nearer = min(each for each in (estimate - low, high - estimate) if each > 0)
    room = max(2 * nearer, width / 50)
    decimals = min(max(1 - math.floor(math.log10(room)), 0), 9)
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
