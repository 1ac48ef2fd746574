"""Candidates in order, the best first, as a value."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.planning.budgets import laid_out
from p2law.planning.pricing import SPENT
from p2law.text.views import View, number
from p2law.text.wording import several

SHOWN = 10
"""Candidates that a view shows."""


@dataclass(frozen=True, eq=False)
class Choice:
    """Candidates in order, the best first. Made by `planning.choose`; nothing in it changes.

    Attributes
    ----------
    purpose : str
        What was asked for, in words.
    measure : str
        What is to be small: ``loss``, ``cost``, ``gpu_hours`` or ``flops``.
    best : str or None
        The name of the best candidate; None where none is a plan.
    ties : tuple of str
        Candidates whose difference to the best is no larger than its noise.
    verdict : str
        The best, and whether its difference to the next is larger than its noise.
    dense : tuple of str
        What each model that need not be pruned makes of it.
    left_out : tuple of (str, int)
        Why candidates are no plan, and how many.
    level : float
        How sure a difference must be, and of the intervals.
    trouble, notes : tuple of str
    """

    purpose: str
    measure: str
    best: str | None
    ties: tuple[str, ...]
    verdict: str
    dense: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]
    level: float
    trouble: tuple[str, ...]
    notes: tuple[str, ...]
    _table: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """The candidates that are plans, the best first; a copy.

        The columns of `Budgets.table`; then `behind`, how much more loss or cost than the best,
        with `behind_low` and `behind_high` (NaN where a probability is asked for: `behind` is
        then of what most refits need, not of each); `chance`, the share of the refits in which the
        candidate does at least as well as the best; `tied`, whether that is within the noise.
        """
        return self._table.copy()

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary of plain values."""
        found = {name: each for name, each in vars(self).items() if not name.startswith("_")}
        return found | {"table": self._table.to_dict("records")}

    def view(self) -> View:
        """The content of the text and HTML views."""
        dearest = [each for each in SPENT[:0:-1] if self._table[each].notna().any()][:1]
        header, lines = laid_out(self._table.head(SHOWN), self.measure, dearest)
        chances = [
            "-" if np.isnan(each) else number(100 * each, 3) for each in self._table["chance"]
        ]
        tied = ["" if k == 0 or not tie else "tie" for k, tie in enumerate(self._table["tied"])]
        facts = [("verdict", self.verdict), *(("unpruned", each) for each in self.dense)]
        facts += [("left out", f"{several(n, 'candidate')}: {why}") for why, n in self.left_out]
        more = len(self._table) - SHOWN
        facts += [("more", f"{several(more, 'candidate')} in .table")] if more > 0 else []
        return View(
            headline=self.purpose,
            warnings=self.trouble,
            header=(*header[:-1], "as good in %", "") if lines else (),
            rows=[
                (*line[:-1], chance, tie)
                for line, chance, tie in zip(lines, chances, tied, strict=False)
            ],
            facts=[*facts, *(("note", each) for each in self.notes)],
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()
