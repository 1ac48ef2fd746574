"""What could be done: every combination of base models, pruning rates and methods."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law import records
from p2law.domains import is_number
from p2law.errors import PlanError
from p2law.planning.models import Model, checked_models
from p2law.planning.pricing import ANY, SPENT
from p2law.records.flops import SLICED
from p2law.result import asking
from p2law.text.views import number
from p2law.text.wording import got, label

NEEDED = ("model", "params", "pruning_rate")
"""Columns that every table of candidates has."""

TAKEN = (
    *("tokens_low", "tokens_high", "reached", "reachable", "loss", "loss_low", "loss_high"),
    *(f"{each}{end}" for each in SPENT[1:] for end in ("", "_low", "_high")),
    *("determined", "beyond", "why", "behind", "behind_low"),
    *("behind_high", "chance", "tied", "ties", "tied_with", "low", "high", "refused", "chosen"),
)
"""Columns that answers add, so that candidates must not have them."""


APART = 0.05
"""Share of all parameters by which a size after pruning may differ from what its rate leaves."""


def candidates(
    models: Sequence[Model] | Model, rates: Sequence[float] | float, methods: Sequence[str] | str
) -> pd.DataFrame:
    """Every model pruned by every rate with every method.

    Parameters
    ----------
    models : Model or sequence of Model
    rates : float or sequence of float
        Shares of all parameters that are removed, between 0 and 1.
    methods : str or sequence of str
        Depth and width make matrices smaller; every other method only sets zeros, so that all
        parameters are still multiplied.

    Returns
    -------
    DataFrame
        Columns model, method, pruning_rate, params, params_after, base_loss, flops_per_token
        (of the pruned model; NaN where not known). Rows may be taken out, and columns added for
        laws that read more, or `tokens_per_second` of each.

    Raises
    ------
    PlanError
        Nothing is given, something twice, or something of the wrong kind.

    Examples
    --------
    >>> eight = Model("8B", params=8e9, base_loss=2.05)
    >>> candidates(eight, [0.25, 0.5], "depth")[["model", "pruning_rate", "params_after"]]
      model  pruning_rate  params_after
    0    8B          0.25  6.000000e+09
    1    8B          0.50  4.000000e+09
    """
    chosen = checked_models(models)
    shares = [_rate(each) for each in _several("rates", rates, "0.25")]
    _check_sizes(chosen, shares)
    ways = [_way(each) for each in _several("methods", methods, "'depth'")]
    return pd.DataFrame(
        [row(*each) for each in itertools.product(chosen, ways, shares)],
    )


def row(model: Model, method: str, rate: float) -> dict[str, Any]:
    """One candidate."""
    after = model.after(rate)
    share = after / model.params if method in SLICED else 1.0
    flops = np.nan if model.flops_per_token is None else model.flops_per_token * share
    achieved = rate if after == model.params * (1 - rate) else 1 - after / model.params
    return {
        "model": model.name,
        "method": method,
        "pruning_rate": achieved,
        "params": float(model.params),
        "params_after": float(after),
        "base_loss": float(model.base_loss),
        "flops_per_token": flops,
    }


def checked(table: Any) -> pd.DataFrame:
    """Check a table of candidates; sizes after pruning are filled in where they are missing.

    Raises
    ------
    PlanError
        It is no table, lacks a column, has no row, the same row twice, or a size that
        pruning cannot leave.
    RecordError
        A column of numbers holds something else.
    """
    if not isinstance(table, pd.DataFrame):
        raise PlanError(
            f"candidates are a DataFrame, got {got(table)}; make it by "
            f"planning.candidates(models, rates, methods)"
        )
    missing = [name for name in NEEDED if name not in table.columns]
    if missing or len(table) == 0:
        what = f"the columns {', '.join(missing)} are missing" if missing else "there is no row"
        raise PlanError(f"no candidates: {what}; planning.candidates(...) makes the table")
    if "tokens" in table.columns:
        raise PlanError("tokens are not part of a candidate: give tokens=, or take the column out")
    if taken := [name for name in TAKEN if name in table.columns]:
        raise PlanError(
            f"candidates have the column{'s' * (len(taken) > 1)} {', '.join(taken)}, which the "
            f"answer fills in; rename or drop what is yours"
        )
    small = pd.to_numeric(table["params"], errors="coerce").min()
    if small > 0:
        asking.plain_count("params of a candidate", small)
    out = records.check(table, needs=("params", "pruning_rate"))
    _check_twice(out)
    if "method" not in out:
        out["method"] = ANY
    for each in out["method"].unique():
        _way(each)
    size = out["params"] * (1 - out["pruning_rate"])
    out["params_after"] = out["params_after"].fillna(size) if "params_after" in out else size
    more = (out["params_after"] > out["params"]).to_numpy()
    if more.any():
        first = out[more].iloc[0]
        raise PlanError(
            f"candidate {first.name} has more parameters after pruning than before: "
            f"{first['params_after']:g} of {first['params']:g}"
        )
    _check_rates(out, size)
    return out


def _check_rates(table: pd.DataFrame, size: pd.Series) -> None:
    """Refuse sizes after pruning that another rate would leave."""
    off = (table["params_after"] - size).abs() > APART * table["params"]
    if off.any():
        first = table[off].iloc[0]
        after, rate = first["params_after"], first["pruning_rate"]
        raise PlanError(
            f"candidate {label(first.name)} ({names(table[off])[0]}): params_after {number(after)} "
            f"of {number(first['params'])} is a rate of {1 - after / first['params']:.3g}, not "
            f"{rate:.3g}; set the one by the other"
        )


def names(table: pd.DataFrame) -> list[str]:
    """What candidates are called: model, method and rate."""
    rows = zip(table["model"], table["method"], table["pruning_rate"], strict=True)
    return [f"{model} {method} {rate:.3g}" for model, method, rate in rows]


def _check_sizes(models: Sequence[Model], rates: Sequence[float]) -> None:
    """Refuse exact sizes of which none is for a rate that is asked for."""
    for model in models:
        known = [rate for rate, _ in model.params_after]
        if known and not any(abs(rate - each) < 1e-9 for rate in known for each in rates):
            raise PlanError(
                f"model {model.name!r} has exact sizes for other rates than are asked for: "
                f"{', '.join(f'{each:g}' for each in known)}, not "
                f"{', '.join(f'{each:g}' for each in rates)}"
            )


def _several(what: str, given: Any, example: str) -> list[Any]:
    """One or several values."""
    scalar = isinstance(given, str) or not hasattr(given, "__iter__")
    found = [given] if scalar else list(given)
    if not found:
        raise PlanError(f"{what} is empty; give one or more, as [{example}]")
    for k, each in enumerate(found):
        if any(type(each) is type(other) and each == other for other in found[:k]):
            raise PlanError(f"{what} holds {got(each)} twice; name each once")
    return found


def _check_twice(table: pd.DataFrame) -> None:
    """Refuse candidates that stand there more than once."""
    found = dict[tuple[str, ...], list[int]]()
    for k, each in enumerate(table.itertuples(index=False)):
        found.setdefault(tuple(map(str, each)), []).append(k)
    again = [rows for rows in found.values() if len(rows) > 1]
    if not again:
        return
    first, more = table.iloc[again[0][0]], sum(map(len, again[1:]))
    by = f", {first['method']}" if "method" in table.columns else ""
    # Labels that are not unique tell no rows apart; places do.
    places = table.index if table.index.is_unique else range(len(table))
    raise PlanError(
        f"candidates in rows {', '.join(label(places[k]) for k in again[0])} are the same: "
        f"{first['model']}, pruning rate {first['pruning_rate']:g}{by}"
        f"{f'; so are {more} more rows' if more else ''}; keep one of each (drop_duplicates), or "
        f"add the column that tells them apart"
    )


def _way(method: Any) -> str:
    """A method by its name; another spelling of one that makes matrices smaller is refused."""
    name = str(method)
    plain = name.strip().lower().removesuffix("_pruning").removesuffix("-pruning")
    if plain in SLICED and name != plain:
        raise PlanError(
            f"method {name!r}: write {plain!r}, or all parameters would be counted as multiplied"
        )
    return name


def _rate(value: Any) -> float:
    if not (is_number(value) and 0 < value < 1):
        raise PlanError(
            f"a pruning rate lies between 0 and 1, got {got(value)}; 25 per cent are 0.25"
        )
    return float(value)
