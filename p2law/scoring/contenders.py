"""Laws that are compared: which rows all of them can use, and what each makes of these."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array, Domain, Form, Mask
from p2law.errors import P2LawError, ScoreError
from p2law.fitting import fit
from p2law.forms.p2 import p2
from p2law.objectives import Objective
from p2law.result import Fit
from p2law.solving.settings import checked_form
from p2law.text.wording import first_line, got, listed, several


@dataclass(frozen=True)
class Contender:
    """A law under the name that the table gives it; None: `p2` with coefficients held as needed."""

    name: str
    asked: Form | None

    @property
    def law(self) -> Form:
        """The law itself."""
        return p2 if self.asked is None else self.asked


@dataclass(frozen=True)
class Attempt:
    """A fit, or why there is none."""

    fit: Fit | None
    why: str = ""


@dataclass(frozen=True)
class Ground:
    """Rows that all laws can use.

    Attributes
    ----------
    mask : ndarray of bool, shape (rows,)
    able : tuple of Contender
    unable : mapping of str to str
        Laws that can use no row, and why.
    left_out : tuple of (str, int)
        Why rows were left out, and how many.
    """

    mask: Mask
    able: tuple[Contender, ...]
    unable: Mapping[str, str]
    left_out: tuple[tuple[str, int], ...]


def contenders(forms: Any) -> tuple[Contender, ...]:
    """Check the laws that are to be compared, and name them apart.

    Raises
    ------
    FormError
        One is no law.
    ScoreError
        There are none, one stands twice, or they do not predict the same column.
    """
    if isinstance(forms, Form) or forms is None:
        forms = (forms,)
    if isinstance(forms, (str, bytes, Mapping)) or not isinstance(forms, Iterable):
        raise ScoreError(f"forms is a list of laws, as (p2law.forms.p2,), got {got(forms)}")
    asked = [None if each is None else checked_form(each) for each in forms]
    if not asked:
        raise ScoreError("forms is a list of laws, and it is empty")
    names = [f"{p2.name} (held as needed)" if each is None else each.name for each in asked]
    if doubled := [name for k, name in enumerate(names) if name in names[:k]]:
        raise ScoreError(f"two laws are called {doubled[0]}; compare each once, under its own name")
    found = tuple(Contender(*each) for each in zip(names, asked, strict=True))
    targets = {each.law.target for each in found}
    if len(targets) > 1:
        said = ", ".join(f"{each.name} predicts {each.law.target}" for each in found)
        raise ScoreError(f"laws of different targets cannot be compared: {said}")
    return found


def ground(
    laws: Sequence[Contender], table: pd.DataFrame, objective: Objective, weight: str | None
) -> Ground:
    """Find the rows that count and on which all laws that can be fitted at all have a value.

    Parameters
    ----------
    laws : sequence of Contender
    table : DataFrame
        Checked records.
    objective : Objective
    weight : str or None
        As in `p2law.fit`: rows of weight 0 are no evidence, neither for a law nor against it.

    Returns
    -------
    Ground

    Raises
    ------
    ScoreError
        No law can use any row, there is no row that all can use, or none of positive weight.
    """
    mask, left_out = np.ones(len(table), dtype=bool), list[tuple[str, int]]()
    if objective.log:
        target = laws[0].law.target
        mask = Domain("> 0").contains(table[target].to_numpy())
        left_out += [(f"a logarithm has no value where {target} is not > 0", int(np.sum(~mask)))]
    if weight not in (None, "run"):
        idle = mask & (table[weight].to_numpy() == 0)
        left_out.append((f"{weight} is 0", int(np.sum(idle))))
        mask &= ~idle
        if not mask.any():
            raise ScoreError(f"{weight} is 0 in every row: none is left to compare laws on")
    unable = {each.name: why for each in laws if (why := _unable(each.law, table, mask))}
    able = tuple(each for each in laws if each.name not in unable)
    if not able:
        reasons = "; ".join(f"{name}: {why}" for name, why in unable.items())
        raise ScoreError(f"none of these laws can be fitted to these records: {reasons}")
    for each in able:
        for one in each.law.inputs:
            inside = one.domain.contains(table[one.name].to_numpy())
            why = f"{each.name} has no value where {one.name} is not {one.domain.where}"
            left_out.append((why, int(np.sum(mask & ~inside))))
            mask &= inside
    gone = tuple((why, count) for why, count in left_out if count)
    if not mask.any():
        reasons = "; ".join(f"{several(count, 'row')}: {why}" for why, count in gone)
        raise ScoreError(f"there is no row that all laws can use ({reasons}); compare fewer")
    return Ground(mask, able, unable, gone)


def _unable(law: Form, table: pd.DataFrame, mask: Mask) -> str:
    """Why a law can use no row, or nothing."""
    if missing := [name for name in law.columns if name not in table]:
        return f"the records have no column {listed(missing)}"
    inside = mask.copy()
    for each in law.inputs:
        inside &= each.domain.contains(table[each.name].to_numpy())
    return "" if inside.any() else "it has a value at none of the rows"


def attempt(contender: Contender, rows: pd.DataFrame, **options: Any) -> Attempt:
    """Fit a law, or say why that is not possible."""
    try:
        return Attempt(fit(rows, contender.asked, **options))
    except P2LawError as error:
        return Attempt(None, first_line(error))
    except Exception as error:  # noqa: BLE001 - a law of the user's may raise anything; it is said
        return Attempt(None, f"{type(error).__name__}: {first_line(error)}")


def points(found: Fit, rows: pd.DataFrame) -> Array:
    """Predictions without intervals, which would take hundreds of refits; NaN if not determined.

    Parameters
    ----------
    found : Fit
    rows : DataFrame

    Returns
    -------
    ndarray of shape (rows,)
    """
    law = found.form
    inputs = [rows[name].to_numpy() for name in law.columns]
    with np.errstate(all="ignore"):
        told = np.broadcast_to(law.function(*inputs, **found.values), len(rows))
    sure = found.known.determines(rows)
    return np.where(sure & np.isfinite(told), told, np.nan)
