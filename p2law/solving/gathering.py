"""From a table of records to the arrays of one fit, with an account of every row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype

from p2law.declaring import Array, Domain, Form, Mask
from p2law.errors import RecordError
from p2law.forms import builtin
from p2law.objectives import Objective
from p2law.records import check, runs, suspecting
from p2law.records.grouping import codes
from p2law.records.vocabulary import CURVES, METRIC
from p2law.solving.labelling import plain_rows, plain_runs, plain_texts
from p2law.text.wording import several

MIXTURES = ("family", "method", "eval_text", "schedule")
"""Columns in which one law hardly serves more than one value."""

WEIGHT = "fit_weight"

KEPT = (*CURVES, METRIC, "method")
"""Labels kept beside the numbers: what tells curves apart, what a loss is, how was pruned."""


READ = ("params", "tokens", "pruning_rate", "params_after", "model", *MIXTURES, *KEPT)
"""Columns that are looked at whatever the law reads."""


@dataclass(frozen=True)
class Data:
    """The rows a law can use, and what was said about the others.

    Attributes
    ----------
    table : DataFrame
        Columns run, the inputs, the target, `fit_weight` where rows are weighted, and of
        seed, eval_text, metric and method, as texts, what the records have.
    left_out : tuple of (str, int)
        Why rows were left out, and how many.
    trouble, notes : tuple of str
    """

    table: pd.DataFrame
    left_out: tuple[tuple[str, int], ...]
    trouble: tuple[str, ...]
    notes: tuple[str, ...]

    def arrays(self, law: Form) -> tuple[dict[str, Array], Array, Array]:
        """Inputs by name, target and weights."""
        inputs = {name: self.table[name].to_numpy() for name in law.columns}
        return inputs, self.table[law.target].to_numpy(), weights_of(self.table)


def weights_of(table: pd.DataFrame) -> Array:
    """Weights of gathered rows; 1 where they were not weighted, in no memory then."""
    return table[WEIGHT].to_numpy() if WEIGHT in table else np.broadcast_to(1.0, len(table))


def gather(records: pd.DataFrame, law: Form, weight: str | None, objective: Objective) -> Data:
    """Check records and keep what a law can use.

    Parameters
    ----------
    records : DataFrame
    law : Form
    weight : str or None
        A column, of truths too (1 and 0), or ``"run"``.
    objective : Objective

    Returns
    -------
    Data

    Raises
    ------
    RecordError
        A column is missing or holds what it may not, or no row is left.
    """
    records = unmasked(records, weight)
    needs = [*law.columns, law.target, *([weight] if weight not in (None, "run") else [])]
    table = check(records, needs=needs, accept=("params", "tokens"), copy=False)
    usable, left_out = _usable(table, law, objective)
    for name in table.columns.intersection([*MIXTURES, *KEPT]):
        codes(table, name)  # refuses what cannot be compared
    if weight not in (None, "run"):
        usable, left_out = _weighing(table, weight, usable, left_out)
    labels, note = runs(table)
    reads = (*law.columns, law.target)
    repeated = suspecting.repeats(table, usable, reads)
    whole = bool(usable.all())
    table = table if whole else table.loc[usable, table.columns.intersection([*READ, *needs])]
    runs_used = labels if whole else labels[usable]
    slips = suspecting.suspicions(table, runs_used, reads)  # before the rows are in memory twice
    kept: dict[str, Any] = {"run": plain_runs(runs_used).array}
    kept |= {name: table[name].to_numpy() for name in reads}
    if weight is not None:
        kept[WEIGHT] = _weights(table, runs_used, weight)
    kept |= {name: plain_texts(table[name]) for name in KEPT if name in table and name not in kept}
    return Data(
        # What was picked from the records is ours already; what is all of them is not.
        table=pd.DataFrame(kept, index=plain_rows(table.index), copy=whole),
        left_out=left_out,
        trouble=(*slips, *repeated, *mixtures(table)),
        notes=(note,) if note else (),
    )


def other_laws(records: pd.DataFrame) -> str:
    """Name built-in laws that the columns of a table suffice for, three that read most of them.

    Returns
    -------
    str
        A sentence; empty where there is none.
    """
    held = {name for name, there in records.notna().any().items() if there}
    known = [each for each in builtin if {*each.columns, each.target} <= held]
    if not known:
        return ""
    known.sort(key=lambda each: -len(each.columns))
    named = [f"forms.{each.name} (reads {', '.join(each.columns)})" for each in known[:3]]
    return (
        f"The columns that are there suffice for {' or '.join(named)}; "
        f"name the law: p2law.fit(records, p2law.forms.{known[0].name}), or on the command line "
        f"--form {known[0].name}."
    )


def _usable(
    table: pd.DataFrame, law: Form, objective: Objective
) -> tuple[Mask, tuple[tuple[str, int], ...]]:
    """Rows where the law and the objective have a value, and why others have not."""
    usable = np.ones(len(table), dtype=bool)
    left_out = []
    rules = [(each.name, each.domain, law.name) for each in law.inputs]
    if objective.log:
        rules.append((law.target, Domain("> 0"), "a logarithm"))
    for name, domain, who in rules:
        outside = usable & ~domain.contains(table[name].to_numpy())
        if outside.any():
            left_out.append(
                (f"{who} has no value where {name} is not {domain.where}", int(outside.sum()))
            )
        usable &= ~outside
    if not usable.any():
        reasons = "; ".join(f"{several(count, 'row')}: {why}" for why, count in left_out)
        raise RecordError(f"no row is left for {law.name} ({reasons})", list(table.index))
    return usable, tuple(left_out)


def unmasked(records: Any, weight: str | None) -> Any:
    """The records with weights 1 and 0 where these are truths; anything else as it is."""
    if weight in (None, "run") or not isinstance(records, pd.DataFrame):
        return records
    if weight not in records or not is_bool_dtype(records[weight]):
        return records
    truths = records[weight].to_numpy(dtype=np.float64, na_value=np.nan)
    return records.assign(**{weight: truths})


def _weighing(
    table: pd.DataFrame, weight: str, usable: Mask, left_out: tuple[tuple[str, int], ...]
) -> tuple[Mask, tuple[tuple[str, int], ...]]:
    """Leave out rows of weight 0: they are no evidence, not even of what was tried."""
    weights = table[weight].to_numpy()
    if (weights < 0).any() or not (weights[usable] > 0).any():
        raise RecordError(
            f"weights in column {weight} must not be negative, and some must be positive",
            list(table.index[weights < 0]),
        )
    idle = usable & (weights == 0)
    if idle.any():
        left_out = (*left_out, (f"{weight} is 0", int(idle.sum())))
    return usable & ~idle, left_out


def _weights(table: pd.DataFrame, run: pd.Series, weight: str) -> Array:
    """One weight per row."""
    if weight == "run":
        code = pd.factorize(run)[0]
        size = np.bincount(code)
        return np.asarray(len(run) / (len(size) * size[code]))
    return np.asarray(table[weight].to_numpy())


def mixtures(table: pd.DataFrame) -> list[str]:
    """Sentences about settings that one law can hardly serve together."""
    found = {name: table[name].dropna().unique() for name in MIXTURES if name in table}
    return [
        f"{len(values)} values of {name} in one fit ({', '.join(map(str, values[:4]))}"
        f"{', ...' if len(values) > 4 else ''}): the law cannot tell them apart; fit one at a time"
        for name, values in found.items()
        if len(values) > 1
    ]
