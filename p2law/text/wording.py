"""Values as they may stand in a message: short, whatever they are."""

import difflib
import reprlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def label(row: object) -> str:
    """A row's label: the levels of one that has several, with commas."""
    return ", ".join(map(str, row)) if isinstance(row, tuple) else str(row)


def short(value: Any) -> str:
    """A value as it may stand in a message: numbers to ten digits, long things cut."""
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.10g}"
    plain = value.item() if isinstance(value, (np.number, np.bool_)) else value
    return " ".join(_REPR.repr_instance(plain, 1).split())


def got(value: Any) -> str:
    """What was given in place of something else, with its type."""
    return f"{short(value)} ({type(value).__name__})"


def half(text: str) -> str:
    """What of a text is half a character, which no file can hold; empty where nothing is."""
    if text.isascii():
        return ""
    found = next((each for each in text if "\ud800" <= each <= "\udfff"), "")
    return found.encode("ascii", "backslashreplace").decode("ascii")


def several(count: int, noun: str) -> str:
    """So many of something: "1 row", "2 rows"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def twice(values: Iterable[Any]) -> list[Any]:
    """What stands more than once among some values, each once, in order."""
    return [value for value, count in Counter(values).items() if count > 1]


def nearest(name: str, known: Iterable[str]) -> str:
    """The likely one of some names for one that is none of them, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names) or 'none'}"


def first_line(error: Exception) -> str:
    """What an error says first, cut to a line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def one_line(error: Exception) -> str:
    """All that an error says, in a line."""
    return " ".join(str(error).split()) or type(error).__name__


_REPR = reprlib.Repr()
_REPR.maxother = 60
