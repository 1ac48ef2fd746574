"""What candidates take or reach, as a value: frozen and readable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from p2law.declaring import Array, Whole
from p2law.planning import combining
from p2law.planning.pricing import SPENT
from p2law.text.views import View, figures, number, together
from p2law.text.wording import several

SHOWN = 20
"""Rows of a table that its view shows."""

BEYOND = "*"
"""Marks what lies beyond the records."""

Numbers = TypeVar("Numbers", Array, Whole)


@dataclass(frozen=True, eq=False)
class Budgets:
    """What candidates take or reach. Made by `planning.budget_table`; nothing in it changes.

    Attributes
    ----------
    asked : str
        ``loss``, ``tokens``, ``flops``, ``gpu_hours`` or ``cost``.
    amounts : tuple of float
    level : float
        Of the intervals.
    refits : int
        From which intervals and shares come.
    probability : float or None
        Share of the refits that reach the loss within the tokens of the table; None for what
        the fit itself needs.
    currency : str
    trouble, notes : tuple of str
    """

    asked: str
    amounts: tuple[float, ...]
    level: float
    refits: int
    probability: float | None
    currency: str
    trouble: tuple[str, ...]
    notes: tuple[str, ...]
    _table: pd.DataFrame
    _loss: Array
    _spent: Mapping[str, Array]
    _candidate: Whole
    _fit: Whole

    @property
    def candidate(self) -> Whole:
        """Which candidate each row is about, from 0 on: (rows,); read-only."""
        return _locked(self._candidate)

    @property
    def fit(self) -> Whole:
        """Which fit tells each row, from 0 on, one of several methods once: (rows,); read-only."""
        return _locked(self._fit)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each candidate and amount; a copy.

        The columns of the candidates, then `tokens` with `tokens_low` and `tokens_high`;
        `reached`, the share of the refits that reach the loss with these tokens, and
        `reachable`, with endless ones (NaN where no loss is asked for); `loss` after these
        tokens with `loss_low` and `loss_high`; `flops`, `gpu_hours` and `cost` of these tokens,
        each with `_low` and `_high`, NaN where nothing tells them; `determined` and `beyond` as
        in `Fit.predict`; `why`, what keeps a row from being a plan, empty where nothing does.
        """
        return self._table.copy()

    @property
    def values(self) -> Array:
        """What is to be small, by refit: the loss, or what reaching it takes.

        The fit first, then its refits: (1 + refits, rows). Refits of one fit are paired; those
        of different fits (see `fit`) come from the same seeds, and there each goes with each.
        Read-only.
        """
        return _locked(self._spent[self.measure] if self.asked == "loss" else self._loss)

    @property
    def losses(self) -> Array:
        """Loss after the tokens of each row by refit, the fit first: (1 + refits, rows).

        Read-only.
        """
        return _locked(self._loss)

    @property
    def measure(self) -> str:
        """What is to be small: the loss, or for a given loss cost, GPU-hours or FLOPs, as known."""
        if self.asked != "loss":
            return "loss"
        known = [name for name in ("cost", "gpu_hours") if self._table[name].notna().any()]
        return known[0] if known else "flops"

    def unit(self, name: str) -> str:
        """The unit of a column, as it stands after a number."""
        units = {"loss": "nat", "cost": self.currency, "flops": "FLOPs"}
        return units.get(name, name.replace("_after", "").replace("gpu_hours", "GPU-hours"))

    @property
    def purpose(self) -> str:
        """What was asked, in words."""
        amounts = [number(each) for each in self.amounts]
        some = amounts[0] if len(amounts) == 1 else f"{amounts[0]} to {amounts[-1]}"
        sure = "" if self.probability is None else f" in {100 * self.probability:g} % of the refits"
        return f"{self.asked.replace('_', ' ')} {some}{sure}"

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary of plain values, without single refits."""
        found = {name: each for name, each in vars(self).items() if not name.startswith("_")}
        return found | {"table": self._table.to_dict("records")}

    def view(self) -> View:
        """The content of the text and HTML views."""
        rows, count = len(self._table), len(np.unique(self._candidate))
        facts = [("note", each) for each in self.notes]
        facts += [("more", f"{several(rows - SHOWN, 'row')} in .table")] if rows > SHOWN else []
        asked = self.asked == "loss"
        spent = () if asked else SPENT[1:]
        header, lines = laid_out(self._table.head(SHOWN), self.measure, spent, both=asked)
        return View(
            headline=f"what {several(count, 'candidate')} take or reach: {self.purpose}",
            warnings=self.trouble,
            header=header,
            rows=lines,
            facts=facts,
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()


def _locked(array: Numbers) -> Numbers:
    """A view of an array that cannot be written into; large ones are not copied."""
    view = array.view()
    view.flags.writeable = False
    return view


def laid_out(
    table: pd.DataFrame, measure: str, spent: Sequence[str], *, both: bool = False
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """A header and rows for a view: what is known of candidates, in short.

    Parameters
    ----------
    table : DataFrame
    measure : str
        What is to be small; its interval is shown.
    spent : sequence of str
        What else of FLOPs, GPU-hours and cost is shown, where it is known.
    both : bool
        Show the interval of the tokens, too.
    """
    columns = ["params_after", "tokens", *(["tokens_low", "tokens_high"] if both else [])]
    columns += [measure, f"{measure}_low", f"{measure}_high"]
    columns += ["loss"] if measure != "loss" else []
    columns += [each for each in spent if each != measure and table[each].notna().any()]
    header = ("", *map(_title, columns))
    rows = [
        (name, *(_cells(row)[each] for each in columns), row["why"])
        for name, row in zip(_marked(table), table.to_dict("records"), strict=True)
    ]
    return (*header, ""), rows


def _title(column: str) -> str:
    """What a column is called in a view, where room is short."""
    if column.endswith("_low"):
        return "from"
    if column.endswith("_high"):
        return "to"
    return {"params_after": "size"}.get(column, column.replace("_", " "))


def _marked(table: pd.DataFrame) -> list[str]:
    """Names of candidates, with a mark where they lie beyond the records."""
    names = zip(combining.names(table), table["beyond"], strict=True)
    return [f"{name}{BEYOND * bool(beyond)}" for name, beyond in names]


def digits(row: Mapping[Any, Any]) -> int:
    """How many digits of a candidate's tokens are known, and so of all that they take."""
    return figures(row["tokens"], row["tokens_low"], row["tokens_high"])


def _cells(row: Mapping[Any, Any]) -> dict[str, str]:
    """What is known of a candidate, each in as many digits as are known; a dash for nothing."""
    loss = row["loss"], row["loss_low"], row["loss_high"]
    ends = [f"{each}{end}" for each in SPENT for end in ("", "_low", "_high")]
    known = {each: number(row[each], digits(row)) for each in ends}
    known |= dict(zip(("loss", "loss_low", "loss_high"), together(*loss), strict=True))
    known["params_after"] = number(row["params_after"])
    return {name: "-" if np.isnan(row[name]) else text for name, text in known.items()}
