"""Ranges in words."""

from p2law.views import number


def span(low: float, high: float) -> str:
    """A range in words.

    Examples
    --------
    >>> span(1e6, 4e6), span(0.3, 0.3)
    ('1e6 to 4e6', '0.3')
    """
    return number(low) if low == high else f"{number(low)} to {number(high)}"
