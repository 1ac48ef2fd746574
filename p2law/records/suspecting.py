"""What of records looks unlike what their columns mean: said in a sentence each, never refused."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from p2law.domains import Array, Mask, Whole
from p2law.records.grouping import codes, groups
from p2law.records.vocabulary import BILLIONS, PLAIN, counted, unit
from p2law.text.views import number
from p2law.text.wording import label, several, short

UNTRAINED = 5.0
"""Nats per token (a perplexity of 148) that every trained language model is below; who guesses
among 32,000 to 256,000 tokens is at 10.4 to 12.4."""

ROUNDED = 0.1
"""A share removed that is off by more was not rounded, for rates are written in steps of 0.1 at
the coarsest; 'rates' of the layers alone, or of what is kept, are."""

BEYOND_NOISE = 3.0
"""Standard errors that a slope is away from 0 where it is more than noise."""

ROUNDING = 1e-13
"""A part of a loss that a computer may have made of nothing."""

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""An odd number of many digits, so that equal values in two columns do not cancel."""


def suspicions(table: pd.DataFrame, run: pd.Series, reads: Sequence[str]) -> list[str]:
    """Say what looks like a slip in rows that are sound one by one.

    Parameters
    ----------
    table : DataFrame
        Checked records.
    run : Series
        The run of every row.
    reads : sequence of str
        Columns that matter here: those that a law reads, and its target.

    Returns
    -------
    list of str
    """
    with np.errstate(all="ignore"):  # what overflows is no slip of a column
        return list(_suspicions(table, run, {*reads} & {*table.columns}))


def _suspicions(table: pd.DataFrame, run: pd.Series, matter: set[str]) -> Iterator[str]:
    yield from _billions(table)
    if {"params", "base_loss"} <= matter and "model" in table:
        yield from _grown(table)
    if "pruning_rate" in matter and {"params", "params_after"} <= {*table.columns}:
        yield from _removed(table)
    if "loss" in matter:
        yield from _unlike_nats(table, matter)
        yield from _below_base(table) if "base_loss" in matter else ()
        yield from _rising(table, run) if "tokens" in matter else ()


def repeats(table: pd.DataFrame, used: Mask, reads: Sequence[str]) -> list[str]:
    """Say which rows stand more than once, alike in every column.

    Parameters
    ----------
    table : DataFrame
        Checked records.
    used : ndarray of bool, shape (rows,)
        Those that matter.
    reads : sequence of str
        Columns of numbers by which rows are looked for that may be alike.

    Returns
    -------
    list of str
    """
    # A number for each row takes little memory; only rows that share one are held side by side.
    key = np.zeros(len(table), dtype=np.uint64)
    for name in reads:
        key = key * SPREAD ^ pd.util.hash_array(table[name].to_numpy())
    rising = np.sort(key)
    again = rising[1:][rising[1:] == rising[:-1]]
    if not len(again):
        return []
    rows = np.flatnonzero(used & np.isin(key, again))
    alike = table.iloc[rows].copy()
    for column in [each for each in alike if alike[each].dtype == object]:
        alike[column] = alike[column].map(repr)  # lists have no hash, half a character no encoding
    found = rows[alike.duplicated().to_numpy()]
    if not len(found):
        return []
    repeat, they = ("repeats", "it counts") if len(found) == 1 else ("repeat", "they count")
    first = f"{'first ' * (len(found) > 1)}row {label(table.index[found[0]])}"
    what = f"{len(found)} of {int(used.sum())} rows {repeat} another in every column ({first})"
    return [f"{what}: {they} twice; take out what is the same measurement"]


def _billions(table: pd.DataFrame) -> Iterator[str]:
    for name in ("params", "tokens"):
        most = table[name].to_numpy().max() if name in table else 0
        if 0 < most < PLAIN:
            slip = "look like billions" if most >= BILLIONS else "are below 1"
            yield f"{name} {slip}, but `{name}` is a plain count"


def _unlike_nats(table: pd.DataFrame, matter: set[str]) -> Iterator[str]:
    """Losses that are too large for nats per token."""
    if unit("loss", table) != "nat":
        return
    cure = (
        f"above {UNTRAINED:g} nat per token (a perplexity of {np.exp(UNTRAINED):.0f}), unlike a "
        f"trained language model: if these are perplexities, a loss is their logarithm"
    )
    if "base_loss" in matter and (most := table["base_loss"].max()) > UNTRAINED:
        yield f"base_loss is up to {number(most)}, {cure}"
    if table["loss"].to_numpy().max() <= UNTRAINED:
        return
    # A model that is pruned was trained before; the smallest of a study of training may not be.
    keys = ("model", "params") if "base_loss" in matter else ()
    key = next((name for name in keys if name in table), None)
    least = table["loss"].groupby(codes(table, key) if key else np.zeros(len(table))).min()
    high = least[least > UNTRAINED]
    if len(high):
        whose = f" of {len(high)} of {counted(len(least), key)}" if key else ""
        yield f"even the lowest loss{whose} is {number(high.min())}, {cure}"


def _below_base(table: pd.DataFrame) -> Iterator[str]:
    under = (table["base_loss"] - table["loss"]).to_numpy()
    count = int(np.sum(under > 0))
    if 2 * count > len(under):
        yield (
            f"{count} of {len(under)} losses are below the base loss, by up to "
            f"{number(under.max(), 3)}: post-training taught what the model had never learned, or "
            f"`base_loss` is of another text or in another unit than `loss`"
        )


def _grown(table: pd.DataFrame) -> Iterator[str]:
    """Models of several sizes and one base loss: sizes after pruning."""
    keys = [name for name in ("model", "family", "eval_text") if name in table]
    every = [*keys, "params", "base_loss"]
    kinds = table.loc[~pd.Series(groups(table, every)).duplicated().to_numpy(), every]
    sizes = kinds.groupby(keys, dropna=False, observed=True)[["params", "base_loss"]].nunique()
    odd = sizes[(sizes["params"] > 1) & (sizes["base_loss"] == 1)]
    names = list(dict.fromkeys(str(each) for each in odd.index.get_level_values(0)))
    if names:
        shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        yield (
            f"{several(len(names), 'model')} with several values of params and one base_loss "
            f"({shown}): `params` counts before pruning; what is left goes into `params_after`"
        )


def _removed(table: pd.DataFrame) -> Iterator[str]:
    """Sizes after pruning that contradict the rate."""
    left = (table["params_after"] / table["params"]).to_numpy()
    off = np.abs(left - (1 - table["pruning_rate"].to_numpy())) > ROUNDED
    if off.any():
        k = int(np.argmax(off))
        yield (
            f"params_after is not params x (1 - pruning_rate) in {int(off.sum())} of {len(off)} "
            f"rows: row {label(table.index[k])} keeps {number(left[k], 3)} of its parameters at "
            f"pruning_rate = {short(table['pruning_rate'].iloc[k])}, the share removed of all"
        )


def _rising(table: pd.DataFrame, run: pd.Series) -> Iterator[str]:
    """Runs whose loss rises with the logarithm of tokens, by more than noise."""
    code = pd.factorize(run)[0]
    count = np.bincount(code)
    x = _within(np.log(np.maximum(table["tokens"].to_numpy(), 1.0)), code, count)
    y = _within(table["loss"].to_numpy(), code, count)
    xx, xy, yy = (np.bincount(code, a * b) for a, b in ((x, x), (x, y), (y, y)))
    told = (count >= 3) & (xx > 0)
    rises = told & (xy > 0) & (xy**2 * (count - 2) > BEYOND_NOISE**2 * (xx * yy - xy**2))
    rises &= xy**2 > xx * count * (ROUNDING * np.abs(table["loss"].to_numpy()).max()) ** 2
    if 2 * rises.sum() > told.sum():
        yield (
            f"loss rises with tokens in {rises.sum()} of {several(int(told.sum()), 'run')}: "
            f"`tokens` counts those of post-training so far, `loss` is what they lower"
        )


def _within(values: Array, code: Whole, count: Whole) -> Array:
    """Values less the mean of their run."""
    one = np.empty(len(count))
    one[code] = values
    off = values - one[code]  # exactly 0 where all are equal, as their mean need not be
    return np.asarray(off - (np.bincount(code, off) / count)[code])
