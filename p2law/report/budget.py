"""The budget table: tokens against loss, with intervals, for some cases."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law import planning
from p2law.errors import UnreachableLossError
from p2law.planning.fitted import unplanned
from p2law.records.vocabulary import TOKENS
from p2law.report import cases
from p2law.result import Fit, asking
from p2law.text.amounts import amount
from p2law.text.views import number, together

CASES, MANY = 6, 20
"""Cases that a table shows, side by side or below each other, where none are named."""

SENSIBLE = 1e16
"""More tokens than anybody will train on."""

GAINS = (0.01, 0.001)
"""A doubling that buys less than this is hardly worth its price, in the unit of the target."""


@dataclass(frozen=True)
class Cell:
    """One answer: its estimate and interval in words, and what to think of it.

    Attributes
    ----------
    estimate, interval : str
    verdict : str
        ``sound``, ``beyond``, ``unknown`` or ``free``.
    beyond : str
    """

    estimate: str
    interval: str
    verdict: str
    beyond: str = ""


@dataclass(frozen=True)
class Table:
    """A table with one column a case.

    Attributes
    ----------
    caption, corner : str
    header : tuple of str
    rows : tuple of (str, tuple of Cell)
    """

    caption: str
    corner: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def tables(
    fit: Fit, asked: pd.DataFrame | None, tokens: Any, losses: Any, level: float
) -> list[Table]:
    """Loss after tokens, and tokens that reach losses, for each case.

    Parameters
    ----------
    fit : Fit
    asked : DataFrame, optional
        Inputs beside tokens, one row a case; some of those on record where left out.
    tokens, losses : sequence of float, optional
    level : float

    Returns
    -------
    list of Table
        Of a law that reads no tokens, one with its predictions; of one that tells no loss,
        or was fitted to tokens in billions, none of tokens that are enough; where losses are
        asked for, theirs says why.
    """
    if TOKENS not in fit.form.columns:
        return [_plainly(fit, cases.recorded(fit, MANY) if asked is None else asked, level)]
    table = cases.recorded(fit, CASES) if asked is None else _checked(fit, asked)
    found = [_after(fit, table, _amounts(fit) if tokens is None else tokens, level)]
    found += [_reaching(fit, table, losses, level)] if losses is not None else []
    return found if unplanned(fit) else [*found, _enough(fit, table, level)]


def _checked(fit: Fit, asked: pd.DataFrame) -> pd.DataFrame:
    """Cases that a law can be asked about; more columns are not looked at."""
    held = float(fit.records[TOKENS].max())
    found = asking.inputs(fit.form, asked.assign(**{TOKENS: held}), {})
    return found[cases.others(fit)].reset_index(drop=True)


def _plainly(fit: Fit, table: pd.DataFrame, level: float) -> Table:
    """What a law predicts that reads no tokens, one line a case."""
    found = fit.predict(table[list(fit.form.columns)], level=level)
    words = cases.names(found[list(fit.form.columns)])
    cells = [(_cell(fit, row),) for row in found.to_dict("records")]
    return Table(
        f"What the law predicts ({plain_unit(fit)}), with {100 * level:g} % intervals",
        "case",
        (fit.form.target,),
        tuple(zip(words, cells, strict=True)),
    )


def _amounts(fit: Fit) -> list[float]:
    """Round token counts from the fewest on record to well beyond the most."""
    records = fit.records[TOKENS]
    if not records.any():
        return [0.0]
    low, high = np.log10([records[records > 0].min(), records.max() * 30])
    steps = [m * 10.0**k for k in range(math.floor(low), int(high) + 1) for m in (1, 3)]
    inside = [each for each in steps if 10**low <= each <= 10**high]
    return inside[:: -(-len(inside) // 9)]


def _after(fit: Fit, table: pd.DataFrame, tokens: Sequence[float], level: float) -> Table:
    amounts = np.asarray(tokens, dtype=float)
    rows = table.loc[table.index.repeat(len(amounts))].reset_index(drop=True)
    rows[TOKENS] = np.tile(amounts, len(table))
    found = fit.predict(rows, level=level)
    cells = [_cell(fit, row) for row in found.to_dict("records")]
    lines = tuple(
        (amount(each, digits=4), tuple(cells[k :: len(amounts)])) for k, each in enumerate(amounts)
    )
    unit = "" if plain_unit(fit) == fit.form.target else f" ({plain_unit(fit)})"
    return Table(
        f"{fit.form.target.capitalize()}{unit} after so many tokens, with "
        f"{100 * level:g} % intervals of the law",
        "tokens",
        _header(table),
        lines,
    )


def _enough(fit: Fit, table: pd.DataFrame, level: float) -> Table:
    return Table(
        f"Where more stops paying: tokens from which a doubling lowers the {fit.form.target} by "
        f"less than a gain, with {100 * level:g} % intervals",
        "gain",
        _header(table),
        tuple(_saturations(fit, table, gain, level) for gain in GAINS),
    )


def _header(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(name or "all records" for name in cases.names(table))


def plain_unit(fit: Fit) -> str:
    """The unit of the target, as it stands in parentheses."""
    return fit.unit.removeprefix("in ")


def _cell(fit: Fit, row: dict[Any, Any]) -> Cell:
    if not row["determined"]:
        return Cell("not determined", "", "free")
    estimate, low, high = together(row[fit.form.target], row["low"], row["high"])
    if np.isnan([row["low"], row["high"]]).any():
        return Cell(estimate, "interval unknown", "unknown", row["beyond"])
    return Cell(estimate, f"{low} to {high}", "beyond" if row["beyond"] else "sound", row["beyond"])


def _saturations(
    fit: Fit, table: pd.DataFrame, gain: float, level: float
) -> tuple[str, tuple[Cell, ...]]:
    found = [
        planning.saturation(fit, gain=gain, level=level, **_columns(case))
        for case in table.to_dict("records")
    ]
    return f"{number(gain)} {plain_unit(fit)}", tuple(map(_tokens, found))


def _columns(case: dict[Any, Any]) -> dict[str, float]:
    return {str(name): float(each) for name, each in case.items()}


def _tokens(found: planning.Budget) -> Cell:
    if not found.determined:
        return Cell("not determined", "", "free")
    if np.isnan([found.low, found.high]).any():
        return Cell(_count(found.tokens), "interval unknown", "unknown", found.beyond)
    interval = f"{_count(found.low)} to {_count(found.high)}"
    return Cell(_count(found.tokens), interval, "beyond" if found.beyond else "sound", found.beyond)


def _count(tokens: float) -> str:
    if np.isinf(tokens):
        return "never"
    return amount(tokens, digits=2) if tokens <= SENSIBLE else f"over {number(SENSIBLE)}"


def _reaching(fit: Fit, table: pd.DataFrame, losses: Sequence[float], level: float) -> Table:
    lines, why, none = [], unplanned(fit), Cell("not told", "", "unknown")
    for loss in losses:
        cells = [
            none if why else _reached(fit, loss, case, level) for case in table.to_dict("records")
        ]
        lines.append((f"{number(float(loss), 6)}", tuple(cells)))
    caption = f"Tokens that reach a {fit.form.target}, with {100 * level:g} % intervals"
    caption = f"Tokens that reach a {fit.form.target} are not told: {why}" if why else caption
    return Table(caption, fit.form.target, _header(table), tuple(lines))


def _reached(fit: Fit, loss: float, case: dict[Any, Any], level: float) -> Cell:
    try:
        found = planning.tokens_for(fit, loss=float(loss), level=level, **_columns(case))
    except UnreachableLossError as error:
        return Cell("out of reach", f"ends at {number(error.floor)}", "unknown")
    return _tokens(found)
