"""Runs that could be done, each with its token counts and its cost."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form
from p2law.designing.prior import Prior
from p2law.errors import FitError, RecordError
from p2law.records.numeric import numbers
from p2law.records.refusing import refuse
from p2law.result import Fit, asking
from p2law.text.views import number
from p2law.text.wording import got, listed

POINTS = 12
"""Checkpoints of a run whose token counts are not given."""

FIRST = 0.02
"""Share of its tokens at which the first of them lies."""


@dataclass(frozen=True)
class Offers:
    """Candidate runs.

    Attributes
    ----------
    table : DataFrame
        One row a run: run, cost and the inputs at its end.
    rows : tuple of DataFrame
        The checkpoints of each.
    cost : ndarray of shape (runs,)
    """

    table: pd.DataFrame
    rows: tuple[pd.DataFrame, ...]
    cost: Array

    @property
    def alike(self) -> list[str]:
        """A sentence where candidates are the same: inputs, token counts and cost."""
        seen = dict[tuple[float, bytes], list[str]]()
        for name, rows, cost in zip(self.table["run"], self.rows, self.cost, strict=True):
            seen.setdefault((cost, rows.to_numpy(dtype=float).tobytes()), []).append(str(name))
        same = [listed(names) for names in seen.values() if len(names) > 1]
        if not same:
            return []
        more = f", and {len(same) - 1} more such groups" if len(same) > 1 else ""
        said = (
            f"{same[0]} are the same candidates{more}: each may be chosen, to be trained anew with "
            f"another seed; drop all but one where it is to be done once"
        )
        return [said]


def offered_to(source: Fit | Prior, candidates: pd.DataFrame, cost: str) -> Offers:
    """Read candidate runs for what is known, with plain counts at the end of each.

    Raises
    ------
    FitError
        Nothing is known, or as in `offers`.
    PlanError
        With a prior: a count looks like billions.
    FormError, RecordError
        As in `offers`, or, with a fit, a count looks like billions.
    """
    if not isinstance(source, (Fit, Prior)):
        raise FitError(f"a fit or a planning.Prior is asked for, got {type(source).__name__}")
    found = offers(source.form, candidates, cost)
    if isinstance(source, Fit):
        asking.check_counts(found.table, source.records)
    else:
        asking.plain_counts("a candidate", found.table)
    return found


def offers(form: Form, candidates: pd.DataFrame, cost: str) -> Offers:
    """Read candidate runs.

    Raises
    ------
    FitError
        There are none, a cost is missing, no positive number, or not one per run, or a run
        has a checkpoint twice.
    RecordError
        A row has no run where others have one, or as in `asking.inputs`.
    FormError
        As there.
    """
    if not isinstance(candidates, pd.DataFrame):
        raise FitError(f"candidates are a DataFrame, one row a run, got {got(candidates)}")
    if candidates.empty:
        raise FitError("there are no candidates to choose from")
    if cost not in candidates.columns:
        had = ", ".join(map(str, candidates.columns))
        raise FitError(f"candidates have no column {cost!r} of costs; they have {had}; name it")
    table = candidates.reset_index(drop=True)
    inputs, paid = asking.inputs(form, table, {}), _costs(table, cost)
    label = _runs(candidates)
    found, rows, costs = [], list[pd.DataFrame](), list[float]()
    for name, where in label.groupby(label, sort=False).indices.items():
        own = inputs.iloc[where]
        if len(set(paid[where])) > 1:
            raise FitError(f"run {name} has several costs; a run is paid for as a whole")
        if (again := own.duplicated()).any():
            raise FitError(
                f"run {name} has a checkpoint twice: {_words(own[again].iloc[0])}; a run that is "
                f"to be done twice needs two names"
            )
        end = own.iloc[int(np.argmax(own["tokens"])) if "tokens" in own else 0]
        found.append({"run": name, "cost": float(paid[where[0]]), **end.to_dict()})
        rows.append(_curve(own) if len(own) == 1 else own)
        costs.append(float(paid[where[0]]))
    return Offers(pd.DataFrame(found), tuple(rows), np.array(costs))


def _words(row: pd.Series) -> str:
    """Inputs of a row with their names."""
    return ", ".join(f"{name} {number(float(each))}" for name, each in row.items())


def _runs(candidates: pd.DataFrame) -> pd.Series:
    """The run of each row; a row is one where none is named."""
    if "run" not in candidates.columns:
        return pd.Series([f"run {k + 1}" for k in range(len(candidates))])
    cure = "name the run of every row, or take the column out: every row is then a run of its own"
    try:
        refuse(candidates, "run", candidates["run"].isna().to_numpy(), "missing", cure)
    except RecordError as error:
        raise RecordError(f"candidates: {error}", error.rows) from None
    return candidates["run"].astype(str).reset_index(drop=True)


def _costs(table: pd.DataFrame, cost: str) -> Array:
    try:
        found = numbers(table, cost)
    except RecordError as error:
        raise FitError(f"costs: {error}") from None
    if not ((found > 0) & np.isfinite(found)).all():
        row = int(np.argmin((found > 0) & np.isfinite(found)))
        raise FitError(f"costs are positive numbers, row {row + 1} has {found[row]:g}")
    return found


def _curve(own: pd.DataFrame) -> pd.DataFrame:
    """One row as a curve of log-spaced checkpoints up to its tokens."""
    if "tokens" not in own:
        return own
    end = float(own["tokens"].iloc[0])
    if end <= 0:
        return own
    many = own.loc[own.index.repeat(POINTS)].reset_index(drop=True)
    return many.assign(tokens=np.geomspace(FIRST * end, end, POINTS))
