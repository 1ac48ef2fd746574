"""Amounts and ranges in short, as pictures and reports write them: 8B, 250k, 30 %."""

from p2law.text.views import number

COUNTS = {
    "params": "parameters",
    "params_after": "parameters after pruning",
    "tokens": "tokens",
    "unique_tokens": "distinct tokens",
    "flops": "FLOPs",
    "gpu_hours": "GPU-hours",
    "flops_per_token": "FLOPs per token",
    "cost": "cost",
}
"""Columns that span decades, plain counts, and what they are called."""

SHARES = {"pruning_rate": "pruning rate", "nominal_rate": "nominal pruning rate"}
"""Columns that are shares of a whole, written as percentages."""

STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))

TALL = 1e15
"""From here on a count is written by its power of ten."""

DIGITS = 3
"""Of a value in short."""


def kind(column: str) -> str:
    """How the values of a column are written: as a ``count``, a ``share``, or plainly."""
    return "count" if column in COUNTS else "share" if column in SHARES else ""


def amount(value: float, column: str = "tokens", digits: int = DIGITS) -> str:
    """A value of a column in short.

    Examples
    --------
    >>> amount(1e9), amount(2.5e5), amount(0.3, "pruning_rate"), amount(1.3516, "base_loss")
    ('1B', '250k', '30 %', '1.35')
    """
    if kind(column) == "share":
        return f"{number(100 * value, digits)} %"
    if kind(column) == "count" and abs(value) < TALL:
        # 999.6M to three digits is 1B, not 1e+03M.
        rounded = float(f"{value:.{digits}g}")
        for step, letter in STEPS:
            if abs(rounded) >= step:
                return f"{number(rounded / step, digits)}{letter}"
    return number(value, digits)


def span(low: float, high: float, column: str = "tokens") -> str:
    """A range of a column in words, to four digits.

    Examples
    --------
    >>> span(1e6, 4e6), span(0.3, 0.3, "pruning_rate")
    ('1M to 4M', '30 %')
    """
    least, most = amount(low, column, 4), amount(high, column, 4)
    return least if low == high else f"{least} to {most}"
