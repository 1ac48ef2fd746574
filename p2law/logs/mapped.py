"""Any table of text, by a map from the vocabulary of records to its columns."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from p2law.errors import RecordError
from p2law.logs.curves import Curve
from p2law.logs.naming import one_of
from p2law.logs.options import Options
from p2law.logs.parting import parted
from p2law.logs.sheets import Sheet, sheet, texts
from p2law.logs.units import LOSSES
from p2law.records import LABELS
from p2law.text.wording import got

_COUNTED = ("step", "tokens", *LOSSES)


def curves_of(
    path: Path, columns: Mapping[str, Any], options: Options
) -> tuple[list[Curve], list[str]]:
    """Read the curves of a table.

    Parameters
    ----------
    path : Path
    columns : mapping
        From names of records to columns, or to (column, factor).
    options : Options

    Returns
    -------
    curves : list of Curve
    notes : list of str

    Raises
    ------
    RecordError
        The map or the table cannot be used.
    """
    table = sheet(path, partial=options.partial)
    chosen = _chosen(columns, table)
    numbers = [column for name, (column, factor) in chosen.items() if _counted(name, factor)]
    table = table.sound(numbers, partial=options.partial)
    rows = pd.DataFrame(
        {name: _values(table, name, *each) for name, each in chosen.items()}, index=table.places
    )
    loss, tokens = chosen["loss"][0], chosen.get("tokens", ("",))[0]
    held = table.holding(loss)
    notes = [*held.notes, *(_scaled(name, *each) for name, each in chosen.items() if each[1] != 1)]
    read = {column for column, _ in chosen.values()}
    if unread := [name for name in table.columns if name and name not in read]:
        notes.append(f"columns not read: {', '.join(unread)}")
    runs = rows.pop("run").rename(chosen["run"][0]) if "run" in rows else None
    curves, more = parted(path, rows.loc[held.places], runs, loss, tokens)
    return curves, notes + more


def _chosen(columns: Mapping[str, Any], table: Sheet) -> dict[str, tuple[str, float]]:
    """Column and factor of everything that is read."""
    where = f"{table.path}: "
    if not isinstance(columns, Mapping):
        raise RecordError(
            f"columns maps names to columns, as {{'loss': 'ppl'}}, got {got(columns)}"
        )
    found = {}
    for name, said in {**_plain(columns, table), **columns}.items():
        column, factor = said if isinstance(said, tuple) and len(said) == 2 else (said, 1)
        if not isinstance(name, str) or isinstance(factor, bool) or not np.isscalar(factor):
            raise RecordError(f"columns[{name!r}] is a column or (column, factor), got {got(said)}")
        if not isinstance(factor, (int, float)) or not np.isfinite(factor):
            raise RecordError(f"columns[{name!r}] has factor {got(factor)}; it is a number")
        found[name] = (one_of(column, table.columns, where), float(factor))
    return found


def _plain(columns: Mapping[str, Any], table: Sheet) -> dict[str, str]:
    """What must be read and was not named, where columns of just these names hold it."""
    needed = [names for names in (("loss",), ("tokens", "step")) if not {*names} & {*columns}]
    found = [[each for each in names if each in table.columns] for names in needed]
    if all(found):
        return {each: each for names in found for each in names}
    lacking = [name for names in needed for name in names]
    meant = [
        f" (did you mean {close[0]!r} by {given!r}?)"
        for given in map(str, columns)
        if (close := get_close_matches(given, lacking, 1))
    ]
    raise RecordError(
        f"{table.path}: columns needs {', and '.join(' or '.join(map(repr, n)) for n in needed)}"
        f"{''.join(meant)}; the table has {', '.join(list(table.columns)[:20])}"
    )


def _values(table: Sheet, name: str, column: str, factor: float) -> Any:
    """One column of the records: numbers, or labels as they are written."""
    if _counted(name, factor):
        return table.column(column) * factor
    cells = table.columns[column]
    return cells if name in ("run", *LABELS) else texts(cells)


def _counted(name: str, factor: float) -> bool:
    """Whether nothing but numbers may stand in it."""
    return name in _COUNTED or factor != 1


def _scaled(name: str, column: str, factor: float) -> str:
    return f"{name} = {column} x {factor:.12g}"
