"""From a table of records to the arrays of one fit, with an account of every row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from p2law.declaring import Array, Domain, Form
from p2law.errors import RecordError
from p2law.objectives import Objective
from p2law.records import check, runs

MIXTURES = ("family", "method", "eval_text", "schedule")
"""Columns in which one law hardly serves more than one value."""


@dataclass(frozen=True)
class Data:
    """The rows a law can use, as arrays, and what was said about the others."""

    table: pd.DataFrame
    columns: dict[str, Array]
    target: Array
    weight: Array
    left_out: tuple[tuple[str, int], ...]
    trouble: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def levels(self) -> dict[str, int]:
        return {name: len(np.unique(each)) for name, each in self.columns.items()}


def gather(
    records: pd.DataFrame, law: Form, weight: str | None, objective: Objective, *, chosen: bool
) -> Data:
    needs = [*law.columns, law.target] + ([weight] if weight not in (None, "run") else [])
    try:
        table = check(records, needs=needs, accept=("params", "tokens"))
    except RecordError as error:
        if chosen or "missing columns" not in str(error):
            raise
        message = f"{error}\nTo fit a law that reads other columns, name it: fit(records, forms.chinchilla)"
        raise RecordError(message, error.rows) from None
    usable, left_out = _usable(table, law, objective)
    trouble = (*_units(table[usable]), *_mixtures(table[usable]))
    labels, note = runs(table)
    keep = pd.DataFrame(
        {"run": labels} | {name: table[name] for name in [*law.columns, law.target]}
    )
    keep = keep[usable]
    weights = np.ones(len(keep))
    if weight == "run":
        weights = 1.0 / keep.groupby("run")["run"].transform("size").to_numpy(dtype=float)
        weights *= len(keep) / weights.sum()
    elif weight is not None:
        weights = table.loc[usable, weight].to_numpy()
        if (weights < 0).any() or not (weights > 0).any():
            message = f"weights in {weight!r} must not be negative, and some must be positive"
            raise RecordError(message, list(keep.index[weights < 0]))
    if weight is not None:
        keep["weight"] = weights
    columns = {name: keep[name].to_numpy() for name in law.columns}
    return Data(
        keep,
        columns,
        keep[law.target].to_numpy(),
        weights,
        left_out,
        trouble,
        tuple(filter(None, [note])),
    )


def _usable(
    table: pd.DataFrame, law: Form, objective: Objective
) -> tuple[NDArray[np.bool_], tuple[tuple[str, int], ...]]:
    """Rows where the law and the objective have a value, and why others have not."""
    usable = np.ones(len(table), dtype=bool)
    left_out = []
    rules = [(each.name, each.domain) for each in law.inputs]
    if objective.log:
        rules.append((law.target, Domain("> 0")))
    for name, domain in rules:
        outside = usable & ~domain.contains(table[name].to_numpy())
        if outside.any():
            left_out.append(
                (f"{name} is not {domain}, where {law.name} has no value", int(outside.sum()))
            )
        usable &= ~outside
    if not usable.any():
        reasons = "; ".join(f"{count} rows: {why}" for why, count in left_out)
        message = f"no row is left for {law.name} ({reasons})"
        raise RecordError(message, list(table.index))
    return usable, tuple(left_out)


def _units(table: pd.DataFrame) -> list[str]:
    """Sentences about counts that look like billions."""
    slips = [name for name in ("params", "tokens") if name in table and table[name].max() < 1000]
    return [f"{name} look like billions; `{name}` is meant as a plain count" for name in slips]


def _mixtures(table: pd.DataFrame) -> list[str]:
    """Sentences about settings that one law can hardly serve together."""
    kinds = {name: table[name].dropna().unique() for name in MIXTURES if name in table}
    return [
        f"{len(found)} values of {name} in one fit ({', '.join(map(str, found[:4]))}"
        f"{', ...' if len(found) > 4 else ''}): the law does not tell them apart; fit them one by one"
        for name, found in kinds.items()
        if len(found) > 1
    ]
