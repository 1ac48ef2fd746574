"""A fit as text: JSON that reads back bit for bit, and runs nothing when read."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from p2law.declaring import Form
from p2law.errors import SavedFitError
from p2law.forms import builtin
from p2law.labelling import is_plain
from p2law.wording import got

FORMAT = "p2law fit 1"


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
    columns = {str(name): table[name].tolist() for name in table.columns}
    whole = {"format": FORMAT, **_written(content), "index": _rows(table.index), "records": columns}
    return json.dumps(whole, allow_nan=False, ensure_ascii=False)


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


def _index(rows: Mapping[str, Any]) -> pd.Index:
    """Labels of rows as `_rows` wrote them."""
    levels, names = rows["levels"], rows["names"]
    if len(levels) == 1:
        found: pd.Index = pd.Index(levels[0], name=names[0])
        return found
    return pd.MultiIndex.from_arrays(levels, names=names)


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
        content = json.loads(text)
        found = content.pop("format")
        table = pd.DataFrame(content.pop("records"), index=_index(content.pop("index")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SavedFitError(f"not a saved fit: {type(error).__name__}: {error}") from error
    if found != FORMAT:
        raise SavedFitError(f"not a fit saved as {FORMAT!r}: its format is {found!r}")
    return content, table


def find_form(name: str, coefficients: Sequence[str], handed: Sequence[Form]) -> Form:
    """Find the law of a saved fit among those handed over and those built in.

    Raises
    ------
    SavedFitError
        There is none, or it has other coefficients, or what was handed over is no law.
    """
    if not isinstance(handed, (list, tuple)) or not all(isinstance(f, Form) for f in handed):
        raise SavedFitError(f"forms are laws, as (my_law,), got {got(handed)}")
    laws: list[Form] = [*handed, *builtin]
    for each in laws:
        if each.name != name:
            continue
        if set(each.names) == set(coefficients):
            return each
        raise SavedFitError(
            f"the saved fit has coefficients {', '.join(coefficients)}, "
            f"but the law {name} has {', '.join(each.names)}"
        )
    raise SavedFitError(
        f"the saved fit is of a law {name!r}, which is not built in; hand it over: forms=({name},)"
    )
