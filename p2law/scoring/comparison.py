"""Laws side by side, as a value: frozen and readable, with the winner named."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from p2law.result import Fit
from p2law.text.views import View, number
from p2law.text.wording import several

SHORT = 180
"""Characters of a sentence that the view shows; two lines, so that the table is seen."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Laws side by side. Made by `p2law.compare`; nothing in it changes.

    Attributes
    ----------
    held : str
        What was held out.
    winner : str or None
        The law with the smallest held-out error; None where no law predicts the held rows.
    verdict : str
        The winner, and whether its difference to the next is larger than its noise.
    fits : mapping of str to Fit
        Each law fitted to all rows that were compared.
    rows, runs, held_rows, held_runs : int
        Rows and runs that all laws can use, and those of them that were held; a row that
        several splits hold counts in each.
    compared : int
        Held rows on which the held-out errors are: those that every law in question
        determines.
    left_out : tuple of (str, int)
        Why rows were left out for all laws, and how many.
    trouble, notes : tuple of str
    """

    held: str
    winner: str | None
    verdict: str
    fits: Mapping[str, Fit]
    rows: int
    runs: int
    held_rows: int
    held_runs: int
    compared: int
    left_out: tuple[tuple[str, int], ...]
    trouble: tuple[str, ...]
    notes: tuple[str, ...]
    _table: pd.DataFrame
    _by_run: pd.DataFrame

    def __post_init__(self) -> None:
        object.__setattr__(self, "fits", MappingProxyType(dict(self.fits)))

    def __reduce__(self) -> Any:
        # Read-only views of mappings do not travel.
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        return Comparison, tuple((parts | {"fits": dict(self.fits)}).values())

    @property
    def table(self) -> pd.DataFrame:
        """One row a law, the best held-out error first, then the naive baselines; a copy.

        `status` of the fit to all rows; `free`, its number of fitted coefficients; `rmse`,
        its error at these rows; `aic` and `bic` of it, NaN where laws cannot be compared so;
        `held_rmse`, the error at held rows of the law fitted without them; `determined`, how
        many held rows it predicts; `chance`, how often chance does as well as the difference
        to the winner, NaN where there is none; `why`, what is missing and why.
        """
        return self._table.copy()

    def by_run(self) -> pd.DataFrame:
        """In-sample and held-out error of each law on each run.

        Returns
        -------
        DataFrame
            Indexed by law and run; columns rows, rmse, held_rows, held_rmse.
        """
        return self._by_run.copy()

    def coefficients(self) -> pd.DataFrame:
        """The tables of coefficients of all laws, fitted to all rows.

        Returns
        -------
        DataFrame
            Indexed by law and coefficient; columns as in `Fit.table`.
        """
        tables = {name: each.table() for name, each in self.fits.items()}
        return pd.concat(tables, names=["law", "coefficient"]) if tables else pd.DataFrame()

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary of plain values, without single runs."""
        found = {name: each for name, each in vars(self).items() if not name.startswith("_")}
        found["fits"] = {name: dict(each.values) for name, each in self.fits.items()}
        return found | {"table": self._table.to_dict("index")}

    def view(self) -> View:
        """The content of the text and HTML views."""
        shown = ("status", "free", "rmse", "held_rmse", "determined", "aic", "bic", "chance")
        laws = sum(not str(name).startswith("(") for name in self._table.index)
        facts = [("winner", self.verdict), ("held out", self._held())]
        facts += [("left out", f"{several(count, 'row')}: {why}") for why, count in self.left_out]
        short = [textwrap.shorten(each, SHORT, placeholder=" ...") for each in self.trouble]
        if any(each.endswith(" ...") for each in short):
            facts.append(("note", "what ends in ... stands whole in `trouble` and `table`"))
        return View(
            headline=(
                f"{several(laws, 'law')} compared on {several(self.rows, 'row')} of "
                f"{several(self.runs, 'run')}"
            ),
            warnings=short,
            header=("", *(name.replace("_", " ") for name in shown)),
            rows=[
                (str(name), *(_cell(row[each]) for each in shown))
                for name, row in self._table.to_dict("index").items()
            ],
            facts=[*facts, *(("note", each) for each in self.notes)],
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()

    def _held(self) -> str:
        what = f"{several(self.held_rows, 'row')} of {several(self.held_runs, 'run')}"
        some = f"; errors are of the {self.compared} that every ranked law determines"
        return f"{self.held}: {what}{some if 0 < self.compared < self.held_rows else ''}"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "-" if np.isnan(value) else number(value)
