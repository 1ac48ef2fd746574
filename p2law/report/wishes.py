"""What a report is asked for, checked before anything is worked out."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from p2law.domains import is_number
from p2law.errors import FitError, MissingExtraError
from p2law.holdout.splitting import Split
from p2law.text.wording import got


def check(asked: Mapping[str, Any]) -> None:
    """Refuse what no report can be asked for; None stands for what a report does unasked.

    Raises
    ------
    FitError
        A name is unknown or a value of the wrong kind; the text says what belongs there.
    """
    for name, value in asked.items():
        if name not in KINDS:
            raise FitError(f"a report has no {name}; it can be asked for {', '.join(KINDS)}")
        fits, words = KINDS[name]
        if value is not None and not fits(value):
            raise FitError(f"{name} of a report is {words}, got {got(value)}")


def packages(*names: str) -> None:
    """Refuse a report that cannot be made for want of packages.

    Raises
    ------
    MissingExtraError
        One of them is not installed.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError(name, "report", "a report")


def _some(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Several of a kind, or none."""
    return lambda value: isinstance(value, (list, tuple, np.ndarray)) and all(map(fits, value))


def _count(value: Any) -> bool:
    return is_number(value) and 0 < value < np.inf


def _table(value: Any) -> bool:
    return isinstance(value, pd.DataFrame)


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "title": (lambda value: isinstance(value, str), "a text"),
    "level": (is_number, "a probability, as 0.9"),
    "held": (_table, "a DataFrame of rows that the fit has not seen"),
    "holdouts": (
        _some(lambda value: isinstance(value, Split)),
        "a list of splits, as [p2law.holdout.largest_model(records)], or () for none",
    ),
    "cases": (_table, "a DataFrame with the inputs of the law beside tokens"),
    "tokens": (_some(_count), "a list of positive numbers, as [1e9, 1e10]"),
    "losses": (_some(_count), "a list of positive numbers, as [2.1, 2.0]"),
    "pictures": (lambda value: isinstance(value, bool), "True or False"),
}
"""What each is, and the words for it."""
