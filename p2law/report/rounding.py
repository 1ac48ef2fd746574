"""Amounts and ranges in words, as the pictures of a fit write them."""

from p2law.views import number

COUNTS = ("params", "params_after", "tokens", "unique_tokens", "flops", "flops_per_token")
"""Columns that span decades: plain counts."""

SHARES = ("pruning_rate", "nominal_rate")
"""Columns that are shares of a whole, written as percentages."""

STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))

TALL = 1e15
"""From here on a count is written by its power of ten."""


def kind(column: str) -> str:
    """How the values of a column are written: as a ``count``, a ``share``, or plainly."""
    return "count" if column in COUNTS else "share" if column in SHARES else ""


def amount(value: float, column: str = "tokens", digits: int = 4) -> str:
    """A value of a column in short.

    Examples
    --------
    >>> amount(1e9), amount(2.5e5), amount(0.3, "pruning_rate"), amount(1.3516, "base_loss")
    ('1B', '250k', '30 %', '1.352')
    """
    if kind(column) == "share":
        return f"{number(100 * value, digits)} %"
    if kind(column) == "count" and abs(value) < TALL:
        rounded = float(f"{value:.{digits}g}")
        for step, letter in STEPS:
            if abs(rounded) >= step:
                return f"{number(rounded / step, digits)}{letter}"
    return number(value, digits)


def span(low: float, high: float, column: str = "tokens") -> str:
    """A range of a column in words.

    Examples
    --------
    >>> span(1e6, 4e6), span(0.3, 0.3, "pruning_rate")
    ('1M to 4M', '30 %')
    """
    least, most = amount(low, column), amount(high, column)
    return least if low == high else f"{least} to {most}"
