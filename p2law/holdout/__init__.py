"""What a law has not seen: records split into rows to fit and rows to predict.

The three generalisations that the P² paper claims are `last_tokens`, `largest_model` and
`highest_rate`. No hold-out drops a row: each row is either kept or held.
"""

from collections.abc import Iterable
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from p2law.domains import is_number
from p2law.errors import ScoreError
from p2law.holdout import selecting
from p2law.holdout.splitting import Split, made_of, with_runs
from p2law.records.grouping import codes
from p2law.records.vocabulary import counted
from p2law.text.views import number
from p2law.text.wording import got, several, short, twice

__all__ = [
    "Split",
    "each_run",
    "highest_rate",
    "largest_model",
    "last_tokens",
    "rollout",
    "split",
]

SLACK = 1e-9
"""A share of checkpoints that is a whole number but for rounding is taken as one."""


def split(records: pd.DataFrame, expression: str) -> Split:
    """Hold the rows for which an expression is true.

    Parameters
    ----------
    records : DataFrame
        As `p2law.load` returns.
    expression : str
        Comparisons of columns, joined by and, or, not and parentheses; read, never run.
        Texts stand in quotes and are compared by ``==``, ``!=`` and ``in``. Comparisons
        with empty cells are false, and the split says how many there were.

    Returns
    -------
    Split

    Raises
    ------
    RecordError
        The records cannot be used as they stand.
    ScoreError
        The expression cannot be read, or leaves nothing to fit or nothing to predict.

    Examples
    --------
    >>> import pandas as pd
    >>> rates = [0.15, 0.15, 0.35, 0.35]
    >>> records = pd.DataFrame({"pruning_rate": rates, "loss": [2.4, 2.2, 2.9, 2.6]})
    >>> split(records, "pruning_rate > 0.3")
    pruning_rate > 0.3: held 2 rows of 1 run; kept 2 rows of 1 run
    no column run: runs are told apart by pruning_rate
    """
    table, notes = with_runs(records, ())
    held, said = selecting.chosen(table, expression)
    return made_of(table, held, expression.strip(), (*notes, *said), _ranges(table, expression))


def last_tokens(records: pd.DataFrame, share: float = 0.2) -> Split:
    """Hold the last checkpoints of every run, as the P² paper does.

    Parameters
    ----------
    records : DataFrame
    share : float
        Share of the *checkpoints* of each run (its distinct token counts, zero included)
        that is held, not of its tokens. The first 1 - `share` of them, rounded down, are
        kept, so a run of four holds one. Runs of which nothing would be kept are kept
        whole, and the split says how many.

    Returns
    -------
    Split

    Raises
    ------
    RecordError
        The records cannot be used as they stand, or have no column `tokens`.
    ScoreError
        `share` is not between 0 and 1, or no run has enough checkpoints.
    """
    table, notes = with_runs(records, ("tokens",))
    _check_share("share", share)
    words = f"the last {number(100 * share)} % of each run's checkpoints"
    return _after(table, 1.0 - share, words, notes)


def rollout(
    records: pd.DataFrame, shares: Iterable[float] = (0.2, 0.4, 0.6, 0.8)
) -> tuple[Split, ...]:
    """Keep more and more of every run, and hold all that follows.

    Parameters
    ----------
    records : DataFrame
    shares : iterable of float
        Shares of the *checkpoints* of each run that are kept, rounded down, as in
        `last_tokens`.

    Returns
    -------
    tuple of Split
        One a share, in the order of the shares. A share for which no run is long enough
        has none, and the others say so.

    Raises
    ------
    RecordError
        As in `last_tokens`.
    ScoreError
        A share is not between 0 and 1 or stands there twice, there are none, or no run is
        long enough for any.
    """
    table, notes = with_runs(records, ("tokens",))
    chosen = () if isinstance(shares, (str, Real)) else tuple(shares)
    if not chosen:
        raise ScoreError(f"shares is a list of numbers, as (0.5, 0.8), got {got(shares)}")
    for share in chosen:
        _check_share("shares", share)
    if again := twice(map(float, chosen)):
        raise ScoreError(f"shares holds {number(again[0])} twice; name each once")
    made, refused = list[Split](), list[str]()
    for share in chosen:
        words = f"all after the first {number(100 * share)} % of each run's checkpoints"
        try:
            made.append(_after(table, share, words, notes))
        except ScoreError as error:
            refused.append(str(error))
    if not made:
        raise ScoreError(refused[0])
    return tuple(replace(each, notes=(*each.notes, *refused)) for each in made)


def largest_model(records: pd.DataFrame) -> Split:
    """Hold the runs of the largest model.

    Parameters
    ----------
    records : DataFrame

    Returns
    -------
    Split

    Raises
    ------
    RecordError
        The records cannot be used as they stand, or have no column `params`.
    ScoreError
        The records hold one model size.
    """
    table, notes = with_runs(records, ("params",))
    params = table["params"].to_numpy()
    sizes = len(np.unique(params))
    words = f"params = {number(params.max())}, the largest of {counted(sizes, 'params')}"
    return made_of(table, params == params.max(), words, notes, "it takes two sizes")


def highest_rate(records: pd.DataFrame, within: float = 0.03) -> Split:
    """Hold the runs of the highest pruning rate.

    Parameters
    ----------
    records : DataFrame
    within : float
        The rate is what was achieved, and models cut alike achieve slightly different
        ones. Rates that lie below the highest by no more than this share, of it and of
        what it leaves, count as the highest; 0 takes the single highest one.

    Returns
    -------
    Split

    Raises
    ------
    RecordError
        The records cannot be used as they stand, or have no column `pruning_rate`.
    ScoreError
        The records hold one pruning rate, or `within` is no share.
    """
    table, notes = with_runs(records, ("pruning_rate",))
    if within != 0:
        _check_share("within", within)
    rate = table["pruning_rate"].to_numpy()
    most = rate.max()
    held = most - rate <= within * min(most, 1 - most)
    least = rate[held].min()
    below = "" if held.all() else f"; the next is {number(rate[~held].max())}"
    span = number(most) if least == most else f"{number(least)} to {number(most)}"
    words = f"pruning_rate = {span}, the highest{below}"
    return made_of(table, held, words, notes, "it takes two rates")


def each_run(records: pd.DataFrame) -> tuple[Split, ...]:
    """Hold each run in turn.

    Parameters
    ----------
    records : DataFrame

    Returns
    -------
    tuple of Split
        One a run, in order of appearance.

    Raises
    ------
    RecordError
        The records cannot be used as they stand.
    ScoreError
        The records hold one run.
    """
    table, notes = with_runs(records, ())
    which, names = codes(table, "run"), table["run"].unique()
    return tuple(
        made_of(table, which == k, f"run {short(name)}", notes, "it takes two runs")
        for k, name in enumerate(names)
    )


# -- parts --------------------------------------------------------------------------------


def _after(table: pd.DataFrame, share: float, words: str, notes: tuple[str, ...]) -> Split:
    """Keep the first checkpoints of every run, and hold the others."""
    tokens = table["tokens"].groupby(codes(table, "run"))
    place, total = tokens.rank("dense").to_numpy(), tokens.transform("nunique").to_numpy()
    keeps = np.floor(share * total + SLACK)
    if few := table["run"][keeps == 0].nunique():
        have, are = ("have", "are") if few > 1 else ("has", "is")
        needed, who = int(np.ceil(1 / share - SLACK)), several(few, "run")
        notes += (f"{who} {have} fewer than {needed} checkpoints and {are} kept whole",)
    cure = f"the longest run has {several(int(total.max()), 'checkpoint')}"
    return made_of(table, (keeps > 0) & (place > keeps), words, notes, cure)


def _ranges(table: pd.DataFrame, expression: str) -> str:
    """Words for what the columns of an expression hold."""
    found = []
    for name in selecting.columns(table, expression):
        column = table[name]
        if pd.api.types.is_numeric_dtype(column.dtype):
            found.append(f"{name} goes from {number(column.min())} to {number(column.max())}")
        else:
            values = ", ".join(map(short, column.unique()[:4]))
            found.append(f"{name} is {values}{', ...' if column.nunique() > 4 else ''}")
    return ", ".join(found)


def _check_share(name: str, share: Any) -> None:
    if not (is_number(share) and 0 < share < 1):
        raise ScoreError(f"{name} lies between 0 and 1, got {got(share)}; write for instance 0.2")
