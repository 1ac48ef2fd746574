"""Texts that can be written: Python holds halves of characters, which no encoding has."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from p2law.errors import RecordError
from p2law.refusing import refuse
from p2law.wording import short

CURE = "a text such as \\ud800 was cut within a character, and no file can hold it; mend it"


def is_cut(value: object) -> bool:
    """Tell whether a value is a text with half of a character in it.

    Examples
    --------
    >>> is_cut("2B"), is_cut(chr(0xD800)), is_cut(3)
    (False, True, False)
    """
    if not isinstance(value, str) or value.isascii():
        return False
    return any("\ud800" <= each <= "\udfff" for each in value)


def check_texts(table: pd.DataFrame) -> None:
    """Refuse texts, and names of columns, that no file can hold.

    Parameters
    ----------
    table : DataFrame

    Raises
    ------
    RecordError
        A text has half of a character in it.
    """
    check_whole(table.columns, "the name of a column")
    for name, column in table.items():
        if column.dtype == object:
            at = np.fromiter(map(is_cut, column), bool, len(column))
            refuse(table, str(name), at, "with half of a character", CURE)
        elif isinstance(column.dtype, pd.CategoricalDtype):
            check_whole(column.cat.categories, f"{name}: a label")


def check_whole(texts: Iterable[object], what: str) -> None:
    """Refuse texts with half of a character in them.

    Parameters
    ----------
    texts : iterable
    what : str
        What each of them is.

    Raises
    ------
    RecordError
        There is one.
    """
    if cut := [each for each in texts if is_cut(each)]:
        raise RecordError(f"{what} has half of a character, {short(cut[0])}; {CURE}")
