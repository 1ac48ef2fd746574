"""Columns of numbers: float64 or a refusal, by row and with the cure."""

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from p2law.domains import Array, Mask
from p2law.records.refusing import refuse
from p2law.records.vocabulary import VOCABULARY


def numbers(table: pd.DataFrame, name: str) -> Array:
    """One column as float64, refusing what is no finite number inside its domain."""
    known = VOCABULARY.get(name)
    values, text = _floats(table[name])
    refuse(
        table,
        name,
        text,
        "that is not a number",
        "write plain numbers: no thousands separators, percent signs, units or dates",
    )
    empty = table[name].isna().to_numpy() if known and known.gaps else np.zeros(len(table), bool)
    gone = ~np.isfinite(values) & ~empty
    cure = (name == "loss" and _ended(table, gone)) or _filling(name)
    refuse(table, name, gone, "missing or infinite", cure)
    if known:
        outside = ~known.domain.contains(values) & ~empty
        what = f"{'outside' if ',' in known.domain.rule else 'that is not'} {known.domain}"
        refuse(table, name, outside, what, _cure(name, values[outside]))
    return values


def _floats(column: pd.Series) -> tuple[Array, Mask]:
    """Values as float64, NaN where there is none, and where there is no number but something."""
    if column.dtype.kind in "iuf":
        with np.errstate(over="ignore"):  # long doubles
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return values, np.zeros(len(column), dtype=bool)
    found = [_float(each) for each in column.tolist()]
    text = np.array([each is None for each in found], dtype=bool)
    return np.array([np.nan if each is None else each for each in found], dtype=np.float64), text


def _float(value: Any) -> float | None:
    """A number as float, NaN for nothing, None for what is no number."""
    if value is None or value is pd.NA or value is pd.NaT:
        return np.nan
    if isinstance(value, (bool, np.timedelta64)) or not isinstance(value, (str, Real, Decimal)):
        return None
    if isinstance(value, str) and "_" in value:
        return None
    try:
        return float(value)
    except OverflowError:
        return np.inf
    except (ValueError, TypeError):
        return None


def _ended(table: pd.DataFrame, gone: Mask) -> str:
    """What to do about the last line of a run that diverged, where there is such a line."""
    if "trouble" not in table.columns:
        return ""
    reasons = [each for each in table["trouble"][gone] if isinstance(each, str) and each]
    if not reasons:
        return ""
    return (
        f"the run ended there ({reasons[0][:200]}): take the row out, or let "
        f"`p2law collect gather` make the table, which leaves it out and lists it"
    )


def _filling(name: str) -> str:
    """What to do about values that are missing or infinite."""
    if name in VOCABULARY and VOCABULARY[name].gaps:
        return "leave the cell empty where it is not known"
    if name == "loss":
        return "a loss that was not measured is no record: measure it or take the row out"
    return f"write it, or take the rows out (or the column {name}, where the law does not read it)"


def _cure(name: str, values: Array) -> str:
    """What to do about values outside a column's domain."""
    if name == "pruning_rate" and ((values > 1) & (values <= 100)).any():
        return (
            "`pruning_rate` is the fraction of parameters removed; "
            "divide by 100 if these are percentages."
        )
    if name == "pruning_rate" and (values == 1).any():
        return (
            "`pruning_rate` is the fraction of parameters removed: "
            "1 would remove all, and a dense model has 0."
        )
    if name == "loss":
        return (
            "`loss` is a cross entropy in nats per token and positive; "
            "turn the sign of log-likelihoods."
        )
    rule = VOCABULARY[name].domain.rule
    return f"`{name}`: {VOCABULARY[name].meaning}; it {'lies in' if ',' in rule else 'is'} {rule}."
