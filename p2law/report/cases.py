"""What the records hold beside tokens: models and rates, as cases to ask about."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law.foresight import TOKENS
from p2law.result import Fit
from p2law.views import number

MOST = 60
"""Cases that one can choose from on the page."""


def others(fit: Fit) -> list[str]:
    """Names of the inputs of a law but for tokens."""
    return [name for name in fit.form.columns if name != TOKENS]


def recorded(fit: Fit, most: int = MOST) -> pd.DataFrame:
    """Distinct inputs beside tokens, in order; of many, some that are spread over all.

    Parameters
    ----------
    fit : Fit
    most : int

    Returns
    -------
    DataFrame
        One row a case.
    """
    names = others(fit)
    if not names:
        return pd.DataFrame(index=[0])
    found = fit.records[names].drop_duplicates().sort_values(names, ignore_index=True)
    chosen = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))
    return found.iloc[chosen].reset_index(drop=True)


def named(case: Mapping[str, float], varying: Sequence[str]) -> str:
    """A case in words, by the inputs in which it differs from others."""
    shown = [name for name in case if name in varying] or list(case)
    return ", ".join(f"{name.replace('_', ' ')} {number(case[name])}" for name in shown)


def names(table: pd.DataFrame) -> list[str]:
    """All cases of a table in words, apart wherever they differ."""
    varying = [name for name in table if table[name].nunique() > 1]
    rows = table.to_dict("records")
    return [named({str(k): float(v) for k, v in row.items()}, varying) for row in rows]


def start(fit: Fit) -> dict[str, float]:
    """Where the planner begins: a case in the middle of the records, at its last tokens."""
    table = recorded(fit, 1 << 30)
    middle = {str(k): float(v) for k, v in table.iloc[len(table) // 2].items()}
    if TOKENS not in fit.form.columns:
        return middle
    records = fit.records
    same = np.logical_and.reduce([records[k] == v for k, v in middle.items()] or [True])
    reached = float(records[TOKENS][same].max() if middle else records[TOKENS].max())
    return {name: middle.get(name, reached) for name in fit.form.columns}


def choices(fit: Fit) -> list[dict[str, Any]]:
    """Recorded cases to start from, each in words and numbers; none where there is one."""
    table = recorded(fit)
    if len(table) < 2:
        return []
    rows = [{str(k): float(v) for k, v in row.items()} for row in table.to_dict("records")]
    return [{"label": label, "inputs": row} for label, row in zip(names(table), rows, strict=True)]
