"""From curves as logged to checked records: every step in its order, every step told."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from p2law.errors import RecordError
from p2law.logs.curves import Curve
from p2law.logs.facts import described
from p2law.logs.log import Log, finished
from p2law.logs.naming import text_of
from p2law.logs.options import Options
from p2law.logs.placing import placed
from p2law.logs.repeating import settled
from p2law.logs.smoothing import FEWEST, smoothed
from p2law.logs.thinning import finite, thinned, warmed
from p2law.logs.units import converted


def assembled(
    curves: Sequence[Curve],
    options: Options,
    facts: Mapping[str, Any] | None,
    notes: Sequence[str] = (),
) -> Log:
    """Make records of curves.

    Parameters
    ----------
    curves : sequence of Curve
    options : Options
    facts : mapping, optional
        As in `described`.
    notes : sequence of str
        What was noticed about all of them.

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        What was read or asked for cannot become records.
    """
    said, tables = list(notes), []
    for curve in curves:
        table, own = _treated(curve, options)
        tables.append(table.assign(run=curve.run))
        if (text := text_of(curve.loss)) and "eval_text" not in {*(facts or {}), *table.columns}:
            tables[-1]["eval_text"] = text
            own.append(f"eval_text is {text!r}, by the name of the loss")
        said += [f"{curve.run}: {note}" for note in own]
    try:
        log = finished(pd.concat(tables, ignore_index=True), said, options.accept)
        return described(log, facts, options.accept)
    except RecordError as error:
        paths = ", ".join(dict.fromkeys(str(each.path) for each in curves))
        raise RecordError(f"{paths}: {error}", error.rows) from error


def _treated(curve: Curve, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """One curve through all that is done to it, and the account of that."""
    count = len(curve.table)
    notes = [
        f"{curve.loss!r} from {curve.path}, {count} row{'' if count == 1 else 's'}",
        *curve.notes,
    ]
    table, more = settled(curve, options)
    notes += more
    for step in (placed, finite, converted, warmed):
        table, more = step(curve, table, options)
        notes += more
    table, more = _drawn(table, options)
    return table, notes + more


def _drawn(table: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """Thin and smooth; what is thinned away still has its say in the smoothed loss."""
    tokens, losses = table["tokens"].to_numpy(), table["loss"].to_numpy()
    rows, notes = thinned(tokens, options.thin), []
    if options.smooth:
        found, done = smoothed(tokens, losses, rows, options.smooth)
        table = table.iloc[rows].assign(loss=found)
        rest = f"; {(~done).sum()} rows with fewer than {FEWEST} rows around are as logged"
        notes.append(
            f"loss smoothed at {done.sum()} rows: local straight line in log tokens through the "
            f"rows within a factor {1 + options.smooth:g}; neighbours are not independent"
            + (rest if not done.all() else "")
        )
    else:
        table = table.iloc[rows]
    if len(rows) < len(tokens):
        notes.append(f"thinned from {len(tokens)} to {len(rows)} rows, evenly in log tokens")
    return table, notes
