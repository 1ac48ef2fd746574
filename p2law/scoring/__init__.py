"""Does a law hold up: its errors on given rows, beside those of what needs no law.

`score` judges one fit, `compare` many laws by what they had not seen, and `conditions`
says whether a fitted P² law means what it should.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.errors import ScoreError
from p2law.result import Fit
from p2law.scoring.comparing import compare
from p2law.scoring.comparison import Comparison
from p2law.scoring.judging import Judged, beaten, judged
from p2law.scoring.meaning import conditions
from p2law.scoring.measures import HUBER, PER
from p2law.text.views import View, number
from p2law.text.wording import got, label, several

__all__ = ["Comparison", "Score", "compare", "conditions", "score"]

LINES = {
    "rmse": "rmse, {unit}",
    "mean_relative": "mean relative error",
    "worst_relative": "worst relative error",
    "r2": "R2 of {target}",
    "r2_above_base": "R2 of loss - base_loss",
    "huber": f"{HUBER}, mean",
    "slope_difference": "slope difference (ASD)",
    "rows": "rows",
}
"""What the lines of the view are called."""


@dataclass(frozen=True, eq=False)
class Score:
    """How well a fit predicts given rows. Made by `p2law.score`; nothing in it changes.

    Attributes
    ----------
    law, target : str
    unit : str
        Of the target, as said after a number.
    rows, runs : int
        How many were judged: those that the fit determines.
    undetermined : int
        Rows that the fit does not determine; they are in none of the errors.
    fitted : int
        Rows that are among the records of the fit: they tell nothing about new ones.
    left_out : tuple of (str, int)
        Why other rows could not be judged, and how many.
    rmse : float
        Root of the mean squared error, in the unit of the target.
    mean_relative, worst_relative : float
        Of ``abs(predicted / measured - 1)``.
    worst_run, worst_row : object
        The run and the row where it is worst; None where no row was judged.
    r2, r2_above_base : float
        Share of the variance explained: of the target, and of loss - base_loss. NaN where
        there is no variance, or no base loss.
    huber : float
        Mean over rows of ``huber(0.001, log=True)``.
    coverage : float
        Share of the rows whose interval, of kind ``"run"`` and level `level`, holds what
        was measured. Rows of one run go together: `runs` says what it rests on.
    level : float
    slope_difference : float
        Mean over runs of the mean absolute difference, between predicted and measured, of
        the slope from one checkpoint to the next.
    per, slope_unit : str
        What slopes are taken against, and their unit.
    pairs : int
        Pairs of checkpoints that slopes were taken of.
    trouble, notes : tuple of str
        Sentences that a reader must, and should, read.
    """

    law: str
    target: str
    unit: str
    rows: int
    runs: int
    undetermined: int
    fitted: int
    left_out: tuple[tuple[str, int], ...]
    rmse: float
    mean_relative: float
    worst_relative: float
    worst_run: object
    worst_row: object
    r2: float
    r2_above_base: float
    huber: float
    coverage: float
    level: float
    slope_difference: float
    per: str
    slope_unit: str
    pairs: int
    trouble: tuple[str, ...]
    notes: tuple[str, ...]
    _baselines: pd.DataFrame
    _residuals: pd.DataFrame
    _by_run: pd.DataFrame

    @property
    def baselines(self) -> pd.DataFrame:
        """Errors of the law, and of what needs none, on rows that continue a fitted run.

        Indexed by what predicts, all on the same rows; empty where there are none, and
        `notes` says why. The columns are `rows` and the errors of the score.
        """
        return self._baselines.copy()

    def residuals(self) -> pd.DataFrame:
        """All rows asked about: measured, predicted with its interval, and the baselines.

        Returns
        -------
        DataFrame
            Index labels are those of the records; columns run, the target, predicted, low,
            high, residual (measured minus predicted), determined, beyond, last, power.
        """
        return self._residuals.copy()

    def by_run(self) -> pd.DataFrame:
        """Errors of each run: rows, rmse, relative errors, coverage, slope difference.

        Returns
        -------
        DataFrame
            Indexed by run; runs of which no row is determined have NaN.
        """
        return self._by_run.copy()

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary of plain values, without single rows."""
        found = {name: each for name, each in vars(self).items() if not name.startswith("_")}
        row = found["worst_row"]
        row = row.item() if isinstance(row, np.generic) else row
        found["worst_row"] = row if isinstance(row, (int, float, str, type(None))) else label(row)
        return found | {"baselines": self._baselines.to_dict("index")}

    def view(self) -> View:
        """The content of the text and HTML views."""
        said = {"unit": self.unit, "target": self.target}
        columns = self._columns()
        rows = []
        for name, words in LINES.items():
            values = [float(each[name]) for each in columns.values()]
            if not np.isnan(values).all():
                cells = ["-" if np.isnan(each) else number(each) for each in values]
                rows.append((words.format(**said), *cells))
        count = f"{several(self.rows, 'row')} of {several(self.runs, 'run')}"
        return View(
            headline=f"{self.law} scored on {count}",
            warnings=self.trouble,
            header=("", *columns),
            rows=rows,
            facts=self._facts(),
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()

    def _columns(self) -> dict[str, Mapping[str, Any]]:
        """What stands side by side: the law, the law on the rows of the baselines, and these."""
        found = self._baselines.to_dict("index")
        beside: dict[str, Any] = {str(name): row for name, row in found.items()}
        same = beside.pop(self.law, None)
        if same and same["rows"] < self.rows:
            beside = {f"{self.law}, same rows": same, **beside}
        return {self.law: vars(self), **beside}

    def _facts(self) -> list[tuple[str, str]]:
        facts = []
        if self.rows:
            facts.append(("worst", f"run {self.worst_run}, row {label(self.worst_row)}"))
            facts.append(("coverage", self._coverage()))
        if self.pairs:
            pairs = several(self.pairs, "pair")
            facts.append(("slopes", f"{self.slope_unit}, {pairs} of neighbouring checkpoints"))
        facts += [("left out", f"{several(count, 'row')}: {why}") for why, count in self.left_out]
        return facts + [("note", each) for each in self.notes]

    def _coverage(self) -> str:
        inside = round(self.coverage * self.rows)
        return (
            f"{number(100 * self.coverage, 3)} %: {inside} of {self.rows} rows of "
            f"{several(self.runs, 'run')} lie in their {number(100 * self.level)} % interval"
            f"{'' if self.fitted else ' for a new run'}"
        )


def score(fit: Fit, records: pd.DataFrame, *, level: float = 0.9, per: str = "log_tokens") -> Score:
    """Judge a fit by rows, best by such as it has not seen.

    Parameters
    ----------
    fit : Fit
    records : DataFrame
        As `p2law.load` returns, with the inputs and the target of the law; for instance
        the `held` rows of a split.
    level : float
        Of the intervals whose coverage is counted.
    per : str
        What slopes are taken against: ``"log_tokens"`` (the natural logarithm),
        ``"tokens"`` or ``"flops"``.

    Returns
    -------
    Score

    Raises
    ------
    RecordError
        The records cannot be used as they stand, or the law has a value at none of them.
    FitError
        `level` is no probability.
    ScoreError
        `fit` is no fit, or `per` none of the above.

    Examples
    --------
    >>> import p2law
    >>> from p2law import forms, testing
    >>> truth = {"floor": 2.0, "scale": 90.0, "beta": 0.3}
    >>> table = p2law.grid(run=["a"], tokens=[1e6, 2e6, 4e6, 8e6, 16e6])
    >>> records = testing.synthesize(forms.token_power, truth, table)
    >>> split = p2law.holdout.last_tokens(records)
    >>> found = p2law.score(p2law.fit(split.kept, forms.token_power), split.held)
    >>> round(found.rmse, 6), found.rows
    (0.0, 1)
    """
    if not isinstance(fit, Fit):
        raise ScoreError(f"score takes what p2law.fit returns, got {got(fit)}")
    if not isinstance(per, str) or per not in PER:
        raise ScoreError(f"per is one of {', '.join(map(repr, PER))}, got {got(per)}")
    rows = judged(fit, records, level, per)
    sure = rows.rows.at_rows(rows.sure)
    worst = int(np.argmax(np.where(rows.sure, rows.relative, -1.0))) if rows.sure.any() else None
    baselines, note = rows.naive(fit.form.name)
    return Score(
        law=fit.form.name,
        target=fit.form.target,
        unit=rows.unit,
        rows=int(rows.sure.sum()),
        runs=len(np.unique(sure.run)),
        undetermined=int(np.sum(~rows.sure)),
        fitted=int(rows.fitted.sum()),
        left_out=rows.left_out,
        worst_run=None if worst is None else rows.residuals["run"].iloc[worst],
        worst_row=None if worst is None else rows.residuals.index[worst],
        coverage=float(np.mean(rows.inside[rows.sure])) if rows.sure.any() else np.nan,
        level=float(level),
        per=per,
        slope_unit=f"{rows.unit.removeprefix('in ')} per {PER[per]}",
        pairs=len(sure.neighbours[0]),
        trouble=(*_trouble(fit, rows), *beaten(baselines, rows.unit)),
        notes=(*_seen(rows), *rows.notes, *filter(None, [note])),
        _baselines=baselines,
        _residuals=rows.residuals,
        _by_run=rows.by_run(),
        **rows.errors(),
    )


def _seen(rows: Judged) -> tuple[str, ...]:
    """A sentence about rows that were fitted themselves."""
    fitted = int(rows.fitted.sum())
    if not fitted:
        return ()
    said = (
        f"{fitted} of {several(len(rows.fitted), 'row')} {'was' if fitted == 1 else 'were'} "
        f"fitted: errors and coverage there tell nothing about new rows"
    )
    return (said,)


def _trouble(fit: Fit, rows: Judged) -> tuple[str, ...]:
    """Sentences about rows that the fit does not determine, with what the fit says of itself."""
    lacking = int(np.sum(~rows.sure))
    if not lacking:
        return ()
    are = "is" if lacking == 1 else "are"
    said = (
        f"{lacking} of {several(len(rows.sure), 'row')} {are} not determined by the fit and in "
        f"none of the errors"
    )
    return (said, *fit.trouble)
