"""Rows to judge a fit by: what was measured, what the fit says, and what needs no law."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law.declaring import Array, Mask
from p2law.errors import RecordError
from p2law.objectives import squared
from p2law.records.checking import check
from p2law.records.grouping import groups
from p2law.records.vocabulary import CURVES, unit
from p2law.result import Fit
from p2law.scoring.baselines import Baselines, baselines
from p2law.scoring.measures import MEASURES, Measured, measured, measures, same, slopes
from p2law.solving.gathering import gather
from p2law.text.views import number
from p2law.text.wording import several

NAIVE = {"last": "last value", "power": "power law of the run"}
"""What needs no law: columns of the residuals, and what they are called."""


@dataclass(frozen=True)
class Judged:
    """Rows, and what is predicted there.

    Attributes
    ----------
    residuals : DataFrame
        Labels of the records; run, target, predicted, low, high, residual, determined,
        beyond, last, power.
    rows : Measured
    sure : ndarray of bool, shape (rows,)
        Where the fit has a prediction.
    fitted : ndarray of bool, shape (rows,)
        Which of them are among the records of the fit.
    left_out : tuple of (str, int)
    notes : tuple of str
    unit : str
        Of what was measured.
    """

    residuals: pd.DataFrame
    rows: Measured
    sure: Mask
    fitted: Mask
    left_out: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    unit: str

    def errors(self) -> dict[str, float]:
        """Errors of the fit on the rows that it determines."""
        return measures(self.rows.at_rows(self.sure), self._of("predicted")[self.sure])

    @property
    def inside(self) -> Mask:
        """Rows whose interval holds what was measured; where there is none, no."""
        with np.errstate(invalid="ignore"):
            above = self._of("low") <= self.rows.loss
            return np.asarray(above & (self.rows.loss <= self._of("high")))

    @property
    def relative(self) -> Array:
        """Relative error of each row."""
        with np.errstate(all="ignore"):
            return np.abs((self._of("predicted") - self.rows.loss) / self.rows.loss)

    def naive(self, law: str) -> tuple[pd.DataFrame, str]:
        """Errors of a law and of what needs none on common rows, and a sentence about these."""
        there = self.sure & np.isfinite(self._of("last"))
        power = there & np.isfinite(self._of("power"))
        names = {"predicted": law, "last": NAIVE["last"]}
        if power.any():
            there, names = power, {**names, "power": NAIVE["power"]}
        found = {
            words: {"rows": int(there.sum())}
            | measures(self.rows.at_rows(there), self._of(name)[there])
            for name, words in names.items()
        }
        table = pd.DataFrame.from_dict(found, orient="index", columns=["rows", *MEASURES])
        if not there.any():
            return table.iloc[:0], ""
        least = "" if power.any() else "; none has three token counts for a power law of its own"
        note = f"{int(there.sum())} of {int(self.sure.sum())} rows continue a fitted run{least}"
        return table, note if least or there.sum() < self.sure.sum() else ""

    def by_run(self) -> pd.DataFrame:
        """Errors of each run."""
        run, sure = self.rows.run[self.sure], self.sure
        values = {
            "squares": (self._of("predicted") - self.rows.loss) ** 2,
            "relative": self.relative,
            "inside": self.inside,
        }
        groups = pd.DataFrame({name: each[sure] for name, each in values.items()}).groupby(run)
        steep = slopes(self.rows.at_rows(sure), self._of("predicted")[sure])
        found = pd.DataFrame(
            {
                "rows": groups.size(),
                "rmse": np.sqrt(groups["squares"].mean()),
                "mean_relative": groups["relative"].mean(),
                "worst_relative": groups["relative"].max(),
                "coverage": groups["inside"].mean(),
                "slope_difference": steep,
            }
        )
        labels = self.residuals["run"].drop_duplicates()
        found = found.reindex(range(len(labels)))
        found["rows"] = found["rows"].fillna(0).astype(int)
        return found.set_axis(pd.Index(labels.array, name="run"))

    def _of(self, name: str) -> Array:
        return self.residuals[name].to_numpy()


def beaten(baselines: pd.DataFrame, unit: str) -> tuple[str, ...]:
    """Sentences about what needs no law and does better than the law.

    A law that is itself a power law errs on a single run as the power law of that run does.

    Parameters
    ----------
    baselines : DataFrame
        As `Judged.naive` gives it: the law first, all on the same rows.
    unit : str
        Of the errors, as said after a number.

    Returns
    -------
    tuple of str
    """
    if baselines.empty:
        return ()
    law, naive = baselines.iloc[0], baselines.iloc[1:]
    return tuple(
        f"{name} needs no law and does better than {law.name}: rmse {number(row['rmse'])} against "
        f"{number(law['rmse'])} {unit}, on the {several(int(row['rows']), 'row')} that "
        f"continue{'s' * (int(row['rows']) == 1)} a fitted run"
        for name, row in naive[naive["rmse"] < law["rmse"]].iterrows()
        if not same(row["rmse"], law["rmse"])
    )


def judged(fit: Fit, records: pd.DataFrame, level: float, per: str) -> Judged:
    """Ask a fit about rows that were measured.

    Parameters
    ----------
    fit : Fit
    records : DataFrame
    level : float
    per : str
        What slopes are taken against.

    Returns
    -------
    Judged

    Raises
    ------
    RecordError, FitError, ScoreError
        As in `scoring.score`.
    """
    law = fit.form
    checked = check(records, needs=[*law.columns, law.target], accept=("params", "tokens"))
    try:
        # Rows are told apart by place: their labels may stand more than once.
        data = gather(checked.set_axis(range(len(checked))), law, None, squared())
    except RecordError as error:
        raise RecordError(str(error), list(checked.index)) from None  # none is left
    whole = checked.iloc[data.table.index.to_numpy()]
    rows, note = measured(whole, law.target, data.table["run"], per)
    told = fit.predict(data.table[list(law.columns)], level=level, kind="run")
    named = {name: data.table[name].array for name in ("run", *CURVES) if name in data.table}
    naive, why = _naive(fit, whole.assign(**named), has_runs="run" in checked)
    residuals = {
        "run": data.table["run"],
        law.target: whole[law.target],
        "predicted": told[law.target],
        "low": told["low"],
        "high": told["high"],
        "residual": whole[law.target].array - told[law.target].array,
        "determined": told["determined"],
        "beyond": told["beyond"],
        **vars(naive),
    }
    return Judged(
        pd.DataFrame({name: np.asarray(each) for name, each in residuals.items()}, whole.index),
        rows,
        np.isfinite(told[law.target].to_numpy()),
        _fitted(fit, data.table),
        data.left_out,
        (*data.notes, *filter(None, [note, why])),
        unit(law.target, data.table),
    )


def _fitted(fit: Fit, rows: pd.DataFrame) -> Mask:
    """Rows of which the fit holds the same: run, inputs and what was measured."""
    names = ["run", *fit.form.columns, fit.form.target]
    code = groups(pd.concat([fit.records[names], rows[names]]), names)
    kept = len(fit.records)
    return np.isin(code[kept:], code[:kept])


def _naive(fit: Fit, rows: pd.DataFrame, *, has_runs: bool) -> tuple[Baselines, str]:
    """Predictions that need no law, and a sentence where there are none."""
    kept, none = fit.records, Baselines(*np.full((2, len(rows)), np.nan))
    if "tokens" not in kept or "tokens" not in rows:
        return none, f"no naive baselines: {fit.form.name} does not read tokens"
    if not has_runs:
        return none, "no naive baselines: no column run says which row continues which"
    found = baselines(kept, rows, fit.form.target)
    if not np.isfinite(found.last).any():
        return found, "no naive baselines: no row continues a run that was fitted"
    return found, ""
