"""A fit as text: JSON that reads back bit for bit, and runs nothing when read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from p2law.declaring import Form
from p2law.errors import SavedFitError
from p2law.forms import builtin

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
        Floats in their shortest form that reads back to the same bits.
    """
    columns = {str(name): table[name].tolist() for name in table.columns}
    whole = {"format": FORMAT, **content, "index": table.index.tolist(), "records": columns}
    return json.dumps(whole, allow_nan=False, ensure_ascii=False)


def decode(text: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read what `encode` wrote: content and rows.

    Raises
    ------
    SavedFitError
        The text is nothing that `encode` wrote.
    """
    try:
        content = json.loads(text)
        found = content.pop("format")
        table = pd.DataFrame(content.pop("records"), index=content.pop("index"))
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
        There is none, or it has other coefficients.
    """
    for each in (*handed, *builtin):
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
