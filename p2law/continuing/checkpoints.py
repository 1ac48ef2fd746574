"""Checkpoints of a run, made ready to be held against a fit of other runs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.errors import RecordError
from p2law.records.checking import check_names
from p2law.records.grouping import codes
from p2law.records.numeric import numbers
from p2law.records.vocabulary import METRIC, NATS, TOKENS
from p2law.result import Fit, asking
from p2law.solving.gathering import KEPT
from p2law.text.views import number
from p2law.text.wording import label, several, short

ONE = ("run", "model", *KEPT)
"""Labels of which a run has one value each."""

MOST = 200
"""So many checkpoints of a run calibrate it; more would tell the same, and take long."""

RISEN = 3.0
"""So many standard deviations of noise above its lowest checkpoint, a run has risen."""


@dataclass(frozen=True, eq=False)
class Checkpoints:
    """The checkpoints of a run, in order.

    Attributes
    ----------
    used : DataFrame
        Tokens and the target of those that calibrate the law.
    early : DataFrame
        The same of those with fewer tokens than any that was fitted.
    thinned : int
        How many were left out because those used tell the same.
    said : tuple of str
        What was done to them.
    """

    used: pd.DataFrame
    early: pd.DataFrame
    thinned: int
    said: tuple[str, ...]

    @property
    def losses(self) -> Array:
        """The target of those used."""
        return np.asarray(self.used.to_numpy()[:, 1])

    def risen(self, noise: float) -> bool:
        """Whether the last one lies above an earlier one by more than noise."""
        loss = self.losses
        return bool(len(loss) and loss[-1] > loss.min() + RISEN * np.sqrt(2) * noise)

    def bump(self, noise: float) -> float | None:
        """Tokens at which the curve lies far above an earlier one; None where nowhere."""
        loss = self.losses
        if not len(loss):
            return None
        above = loss - np.minimum.accumulate(loss)
        # Of many checkpoints the lowest and the highest lie far apart by noise alone.
        usual = noise * (RISEN + 2 * np.sqrt(2 * np.log(len(loss))))
        highest = int(np.argmax(above))
        return float(self.used[TOKENS].iloc[highest]) if above[highest] > usual else None

    def deny(self, tokens: Array, low: Array, noise: float) -> Array:
        """Tell where a forecast lies above what was measured before already: losses fall.

        Parameters
        ----------
        tokens, low : ndarray of shape (asked,)
            Where it is asked, and the lower end of its interval.
        noise : float

        Returns
        -------
        ndarray of bool, shape (asked,)
        """
        at, loss = self.early.to_numpy().T
        lowest = np.r_[np.inf, np.minimum.accumulate(loss)]
        before = lowest[np.searchsorted(at, tokens * (1 + 1e-9), side="right")]
        return np.asarray(low > before + RISEN * noise)


def checkpoints(fit: Fit, table: Any) -> Checkpoints:
    """Sort out the checkpoints of a run.

    Parameters
    ----------
    fit : Fit
    table : DataFrame or None
        None where there are no checkpoints.

    Returns
    -------
    Checkpoints

    Raises
    ------
    RecordError
        There is no column of tokens or of the target, one holds what is no number, tokens
        look like billions, one token count has two losses, or a label two values.
    """
    whole, again = _settled(fit, table)
    least = float(fit.records[TOKENS].min())
    late = whole[TOKENS] >= least * (1 - 1e-9)
    used, early = whole[late].reset_index(drop=True), whole[~late].reset_index(drop=True)
    said = [f"{several(again, 'checkpoint')} that stood there twice left out"] if again else []
    if len(early):
        said.append(
            f"{several(len(early), 'checkpoint')} before {number(least)} tokens left out: "
            f"the fit holds none so early"
        )
    if used.empty:
        said.append("no checkpoint to go by: the forecast is the law with the spread of runs")
    said += [] if table is None else _other_text(fit, table)
    kept = _thinned(used)
    return Checkpoints(kept, early, len(used) - len(kept), tuple(said))


def _settled(fit: Fit, table: Any) -> tuple[pd.DataFrame, int]:
    """Tokens and target in order, each token count once; and how many stood there twice."""
    names = [TOKENS, fit.form.target]
    if table is None:
        return pd.DataFrame(columns=names, dtype=float), 0
    if not isinstance(table, pd.DataFrame):
        raise RecordError(f"a curve is a DataFrame of checkpoints, got {type(table).__name__}")
    if missing := [name for name in names if name not in table.columns]:
        had = ", ".join(map(str, table.columns))
        raise RecordError(f"the curve has no column {', '.join(missing)}; it has {had}")
    if not len(table):
        return pd.DataFrame(columns=names, dtype=float), 0
    _check_one(table)
    plain = pd.DataFrame({name: numbers(table, name) for name in names}, index=table.index)
    plain = plain.sort_values(TOKENS, kind="stable")
    asking.check_counts(plain[[TOKENS]].tail(1), fit.records)
    once = plain.drop_duplicates()
    if (again := once[TOKENS].duplicated(keep=False)).any():
        first = once[once[TOKENS] == once.loc[again, TOKENS].iloc[0]]
        rows = "; ".join(
            f"row {label(row)}: {number(loss, 6)}"
            for row, loss in zip(first.index[:2], first[fit.form.target], strict=False)
        )
        raise RecordError(
            f"the curve holds two losses at {number(first[TOKENS].iloc[0])} tokens ({rows}); "
            f"{again.sum()} rows are so in all: two runs, or two evaluations? keep one",
            once.index[again].tolist(),
        )
    return once.reset_index(drop=True), len(plain) - len(once)


def _check_one(table: pd.DataFrame) -> None:
    """Refuse checkpoints of several runs, or of one run measured in several ways."""
    check_names(table.columns, "the curve: ")
    if METRIC in table.columns:  # nats have more than one name
        nats = table[METRIC].isin(NATS)
        table = table.assign(**{METRIC: table[METRIC].astype(object).mask(nats, "nats")})
    for name in [each for each in ONE if each in table.columns]:
        code = codes(table, name)
        if (count := int(code.max()) + 1) > 1:
            first = ", ".join(short(table[name].iloc[int(np.argmax(code == k))]) for k in (0, 1))
            raise RecordError(
                f"{name} is one value in a run, the curve has {count} ({first}"
                f"{', ...' * (count > 2)}); keep the rows of one"
            )


def _other_text(fit: Fit, table: pd.DataFrame) -> list[str]:
    """Say so where this run was measured on what no fitted run was."""
    name = "eval_text"
    if not (name in table.columns and name in fit.records.columns):
        return []
    own, known = ({*map(str, each[name].dropna())} for each in (table, fit.records))
    if not known or not (other := sorted(own - known)):
        return []
    said = (
        f"{name} of this run is {', '.join(other[:3])}, of those fitted "
        f"{', '.join(sorted(known)[:3])}: their losses cannot be compared"
    )
    return [said]


def _thinned(whole: pd.DataFrame) -> pd.DataFrame:
    """At most so many checkpoints, spread over ln(tokens), the last one among them."""
    if len(whole) <= MOST:
        return whole
    tokens = whole[TOKENS].to_numpy()
    wanted = np.geomspace(tokens[tokens > 0][0], tokens[-1], MOST)
    rows = np.searchsorted(tokens, wanted * (1 + 1e-9), side="right") - 1
    return whole.iloc[np.unique([*rows, len(whole) - 1])].reset_index(drop=True)
