"""Runs worth doing, as a value."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from p2law.text.views import View, number
from p2law.text.wording import listed, several


@dataclass(frozen=True, eq=False)
class NextRuns:
    """Runs worth doing. Made by `next_runs`; nothing in it changes.

    Attributes
    ----------
    before, after : float
        Mean width of the wanted interval without and with the chosen runs.
    cost : float
        Of the chosen runs.
    budget : float or None
        What could be spent; None where none was stated, and one run was chosen.
    level : float
        Of the interval.
    noise, run_noise : float
        Standard deviations of single checkpoints and of whole runs that this rests on.
    trouble : tuple of str
    """

    _chosen: pd.DataFrame
    _ranking: pd.DataFrame
    before: float
    after: float
    cost: float
    budget: float | None
    level: float
    noise: float
    run_noise: float
    trouble: tuple[str, ...]

    @property
    def chosen(self) -> pd.DataFrame:
        """The chosen runs in the order in which they pay; a copy.

        The columns are run, cost, the inputs at the end of the run, and `width` of the wanted
        interval once this run and those above it are done. Empty where no run narrows it.
        """
        return self._chosen.copy()

    @property
    def ranking(self) -> pd.DataFrame:
        """Every candidate by itself, best first; a copy.

        `width` with it alone, `gain` (share by which it narrows) and `gain_per_cost`.
        """
        return self._ranking.copy()

    def view(self) -> View:
        """The content of the text and HTML views."""
        names = [name for name in self._chosen.columns if name not in ("run", "cost", "width")]
        rows = [
            (str(row["run"]), *(number(row[name]) for name in (*names, "cost", "width")))
            for row in self._chosen.to_dict("records")
        ]
        count = len(rows)
        noise, shared = number(self.noise, 3), number(self.run_noise, 3)
        what = f"{several(count, 'run')} for {number(self.cost)}"
        wide, level = number(self.before, 3), f"{100 * self.level:g} % interval"
        goes = f"{what}: the {level} goes from {wide} to {number(self.after, 3)} wide"
        stays = f"no run narrows the {level}, which is {wide} wide"
        return View(
            headline=goes if count else stays,
            warnings=self.trouble,
            header=("run", *names, "cost", "width then") if rows else (),
            rows=rows,
            facts=[
                *([] if self.budget is None else [("budget", number(self.budget))]),
                ("noise", f"{noise} of checkpoints, {shared} of whole runs"),
            ],
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()

    def plain(self) -> dict[str, Any]:
        """The content for programs."""
        return {
            "chosen": self._chosen.to_dict("records"),
            "ranking": self._ranking.to_dict("records"),
            "before": self.before,
            "after": self.after,
            "cost": self.cost,
            "budget": self.budget,
            "level": self.level,
            "noise": self.noise,
            "run_noise": self.run_noise,
            "trouble": list(self.trouble),
        }


@dataclass(frozen=True, eq=False)
class IdentifyingRuns:
    """The cheapest runs with which all coefficients are determined. Made by `identifying_runs`.

    Nothing in it changes.

    Attributes
    ----------
    cost : float
    cheapest : bool
        Whether every cheaper set was tried, or could not be.
    missing : tuple of str
        Coefficients that move together, or move nothing, without these runs.
    """

    _chosen: pd.DataFrame
    cost: float
    cheapest: bool
    missing: tuple[str, ...]

    @property
    def chosen(self) -> pd.DataFrame:
        """Run, cost and the inputs at the end of each run; a copy, empty where nothing lacks."""
        return self._chosen.copy()

    def view(self) -> View:
        """The content of the text and HTML views."""
        count = len(self._chosen)
        names = [name for name in self._chosen.columns if name not in ("run", "cost")]
        rows = [
            (str(row["run"]), *(number(row[name]) for name in (*names, "cost")))
            for row in self._chosen.to_dict("records")
        ]
        what = f"{several(count, 'run')} for {number(self.cost)} identify the law"
        warnings = [] if self.cheapest else ["not every cheaper set was tried"]
        facts = [("not known without these runs", listed(self.missing))] if self.missing else []
        facts.append(("mind", "identified is not precise: next_runs says how wide intervals are"))
        return View(
            headline=what if count else "the law is identified without any more runs",
            warnings=warnings,
            header=("run", *names, "cost") if rows else (),
            rows=rows,
            facts=facts,
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()

    def plain(self) -> dict[str, Any]:
        """The content for programs."""
        return {
            "chosen": self._chosen.to_dict("records"),
            "cost": self.cost,
            "cheapest": self.cheapest,
            "missing": list(self.missing),
        }
