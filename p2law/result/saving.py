"""A fit as text: JSON that reads back bit for bit, and runs nothing when read."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law.errors import SavedFitError
from p2law.result.verdicts import Status
from p2law.solving.labelling import is_plain
from p2law.text.wording import got, half, short

Test = Callable[[Any], bool]

FORMAT = "p2law fit 1"
MOST = 1.7976931348623157e308
"""The largest number that a float holds."""


def encode(content: Mapping[str, Any], table: pd.DataFrame) -> str:
    """Write a fit's content and the rows it used as JSON.

    Parameters
    ----------
    content : mapping
        Plain values only.
    table : DataFrame

    Returns
    -------
    str
        Floats in their shortest form that reads back to the same bits; those that JSON
        has no word for as the texts inf, -inf and nan.

    Raises
    ------
    SavedFitError
        Rows are labelled by what JSON cannot keep.
    """
    columns = {str(name): _told(table[name]) for name in table.columns}
    whole = {"format": FORMAT, **_written(content), "index": _rows(table.index), "records": columns}
    return json.dumps(whole, allow_nan=False, ensure_ascii=False)


def _told(column: pd.Series) -> list[Any]:
    """Values of a column, None where one is missing."""
    found: list[Any] = column.tolist()
    for k in np.flatnonzero(column.isna()):
        found[k] = None
    return found


def _written(value: Any) -> Any:
    """The same content with a text for every float that is no finite number."""
    if isinstance(value, Mapping):
        return {name: _written(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(each) for each in value]
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _rows(index: pd.Index) -> dict[str, Any]:
    """Labels of rows: one list a level, with its name."""
    levels = [index.get_level_values(k).tolist() for k in range(index.nlevels)]
    odd = [each for level in (list(index.names), *levels) for each in level if not _keeps(each)]
    if odd:
        raise SavedFitError(
            f"a saved fit keeps texts and numbers as labels of rows, not {got(odd[0])}; "
            f"fit records.reset_index(drop=True)"
        )
    return {"names": list(index.names), "levels": levels}


def _keeps(label: Any) -> bool:
    return label is None or is_plain(label)


def decode(text: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read what `encode` wrote: content and rows.

    Raises
    ------
    SavedFitError
        The text is nothing that `encode` wrote.
    """
    if not isinstance(text, (str, bytes)):
        raise SavedFitError(f"not a saved fit: the text that to_json gives, got {got(text)}")
    try:
        plain = (
            text.removeprefix("\ufeff") if isinstance(text, str) else text
        )  # as Windows marks it
        content = json.loads(plain, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise SavedFitError(f"not a saved fit: {type(error).__name__}: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else content
        raise SavedFitError(f"not a fit saved as {FORMAT!r}: its format is {short(found)}")
    for name, (holds, words) in CONTENT.items():
        if name not in content:
            raise SavedFitError(f"not a whole saved fit: {name} is missing")
        if not holds(content[name]):
            raise SavedFitError(f"not a whole saved fit: {name} must be {words}")
    _check_letters({name: content[name] for name in CONTENT})
    return content, _table(content["records"], content["index"])


def _check_letters(content: Mapping[str, Any]) -> None:
    """Refuse texts that no file and no table of texts can hold."""
    for name, part in content.items():
        if odd := next(filter(None, map(half, _texts(part))), ""):
            raise SavedFitError(
                f"a text in the fit's {name} holds half a character ({odd}), which no file "
                f"can hold; fit the records again and save that"
            )


def _texts(value: Any) -> Iterator[str]:
    """All texts in plain content, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, (list, tuple)):
        for each in value:
            if isinstance(each, (str, Mapping, list, tuple)):
                yield from _texts(each)


def _table(records: Mapping[str, Sequence[Any]], rows: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that a fit used, under their labels."""
    levels, names = rows["levels"], rows["names"]
    lengths = {len(each) for each in [*records.values(), *levels]}
    if len(lengths) != 1 or 0 in lengths or len(levels) != len(names):
        raise SavedFitError("not a whole saved fit: its records are not columns of one length")
    index: pd.Index = pd.Index(levels[0], name=names[0])
    if len(levels) > 1:
        index = pd.MultiIndex.from_arrays(levels, names=names)
    return pd.DataFrame(dict(records), index=index)


def _finite(text: str) -> float:
    """A number; JSON has no other, and what it calls NaN or Infinity is refused."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


# -- what a saved fit holds ----------------------------------------------------------


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    """A number that a float can hold, or the text of one that is not finite."""
    if value in ("inf", "-inf", "nan"):
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MOST


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool)) or _number(value)


def _list(holds: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _by_name(holds: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(holds, value.values()))


def _parts(**parts: Test) -> Test:
    """A mapping with exactly these names, each of its kind."""
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == parts.keys()
        and all(holds(value[name]) for name, holds in parts.items())
    )


def _count(value: Any) -> bool:
    return _number(value) and isinstance(value, int) and value >= 0


def _status(value: Any) -> bool:
    return _text(value) and value in Status.__members__


def _reason(value: Any) -> bool:
    """Why rows were left out, and how many."""
    return isinstance(value, list) and len(value) == 2 and _text(value[0]) and _count(value[1])


CONTENT: dict[str, tuple[Test, str]] = {
    "form": (_text, "the name of a law"),
    "values": (_by_name(_number), "a number for each coefficient"),
    "held": (_by_name(_text), "a reason for each coefficient that was held"),
    "status": (_status, f"one of {', '.join(Status.__members__)}"),
    "trouble": (_list(_text), "a list of sentences"),
    "notes": (_list(_text), "a list of sentences"),
    "settings": (
        _parts(
            objective=_text,
            weight=lambda value: value is None or _text(value),
            fixed=_by_name(_number),
            tied=_by_name(_text),
            seed=_count,
            version=_text,
        ),
        "what the fit was asked for",
    ),
    "search": (
        _parts(
            objective=_number,
            minima=lambda value: _list(_number)(value) and len(value) > 0,
            gradient=_number,
            evaluations=_count,
            engine=_text,
            derivatives=_text,
            left_out=_list(_reason),
        ),
        "how the coefficients were found",
    ),
    "index": (_parts(names=_list(_plain), levels=_list(_list(_plain))), "labels of rows"),
    "records": (_by_name(_list(_plain)), "columns of plain values"),
}
"""What `encode` writes, and what a text must therefore hold to be read."""
