"""Checking a table of records: taken as it is, or refused by row and with the cure."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from p2law.domains import Domain, Mask, Whole
from p2law.errors import RecordError
from p2law.records.grouping import codes, groups, repeated
from p2law.records.numeric import numbers
from p2law.records.refusing import refuse
from p2law.records.vocabulary import BILLIONS, LABELS, PLAIN, VOCABULARY
from p2law.text.wording import got, half, short

MOST_COLUMNS = 10_000
EXACT = 2.0**53
"""Up to here a float tells every count from the next."""


def check(
    table: pd.DataFrame,
    *,
    needs: Sequence[str] = ("loss",),
    accept: Sequence[str] = (),
    where: str = "",
    copy: bool = True,
) -> pd.DataFrame:
    """Check a table of records and return a copy with numeric columns as float64.

    Parameters
    ----------
    table : DataFrame
    needs : sequence of str
        Columns that must be there and, but for `run`, be numbers.
    accept : sequence of str
        As in `load`.
    where : str
        Put before every message, for instance the file's name.
    copy : bool
        False: columns that are sound as they stand are shared with `table`, which stays as it is.

    Returns
    -------
    DataFrame

    Raises
    ------
    RecordError
        As in `load`.
    """
    needs, accept = _names("needs", needs), _names("accept", accept)
    try:
        _check_shape(table, needs)
        _check_letters(table)
        checked = table.copy(deep=copy)
        for name in dict.fromkeys([*needs, *VOCABULARY]):
            if name in checked.columns and name != "run" and not _sound(checked[name], name):
                checked[name] = numbers(checked, name)
        _check_units(checked, accept)
        _check_runs(checked)
        _check_base_loss(checked)
        _check_repeats(checked)
    except RecordError as error:
        raise RecordError(f"{where}{error}", error.rows) from None
    return checked


def _names(what: str, names: Sequence[str]) -> list[str]:
    """Names of columns, one or several."""
    found = [names] if isinstance(names, str) else names
    if not isinstance(found, (list, tuple, set)) or not all(isinstance(n, str) for n in found):
        raise RecordError(f"{what} names columns, as ('tokens', 'loss'), got {got(names)}")
    return list(found)


def _check_shape(table: pd.DataFrame, needs: Sequence[str]) -> None:
    if not isinstance(table, pd.DataFrame):
        raise RecordError(f"records are a DataFrame, got {got(table)}; p2law.load reads files")
    if table.columns.nlevels > 1:
        first = short(next(iter(table.columns), ()))
        raise RecordError(f"column {first} has a name of several levels; name columns by one text")
    check_names(table.columns)
    if len(table) == 0:
        raise RecordError("the table has no rows; a fit needs at least one measured loss")
    missing = [name for name in needs if name not in table.columns]
    if not missing:
        return
    columns = [name if isinstance(name, str) else repr(name) for name in table.columns]
    had = ", ".join(each[:80] for each in columns[:20]) or "none"
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    lines = [f"missing columns (the table has {had}{more}):"]
    for name in missing:
        indexed = name in table.index.names
        cure = "it is in the index; pass table.reset_index()" if indexed else ""
        lines.append(f"  {name}: {cure or _nearest(name, columns, needs)}")
    raise RecordError("\n".join([*lines, *filter(None, [separated(columns)])]))


def separated(columns: Sequence[str]) -> str:
    """What to do about a header that is one name, for cells are separated by something else."""
    if len(columns) != 1 or not (found := re.search(r"[;\t|]", columns[0])):
        return ""
    return (
        f"cells seem to be separated by {found[0]!r}; separate them by commas, and write decimal "
        f"points"
    )


def check_names(columns: Iterable[object], where: str = "") -> None:
    """Refuse column names that stand more than once, and too many columns."""
    found = Counter(columns)
    doubled = [str(name)[:80] for name, count in found.items() if count > 1]
    if doubled:
        raise RecordError(f"{where}column {', '.join(doubled)} stands more than once; keep one")
    if len(found) > MOST_COLUMNS:
        raise RecordError(
            f"{where}{len(found):,} columns; keep those that matter, at most {MOST_COLUMNS:,}"
        )


def _check_letters(table: pd.DataFrame) -> None:
    """Refuse labels, and names of columns, that no file and no column of texts can hold."""
    if odd := "".join(map(half, filter(_is_text, table.columns)))[:6]:
        raise RecordError(f"the name of a column holds half a character ({odd}); name it anew")
    index = table.index
    for level in index.levels if isinstance(index, pd.MultiIndex) else [index]:
        if level.dtype == object and (odd := "".join(map(half, filter(_is_text, level)))[:6]):
            raise RecordError(
                f"a label of the rows holds half a character ({odd}), which no file can hold; "
                f"pass table.reset_index(drop=True)"
            )
    for name in ("run", *LABELS):
        if name not in table.columns:
            continue
        column = table[name]
        known = column.cat.categories if column.dtype == "category" else column
        if known.dtype != object:
            continue
        broken = {each for each in set(filter(_is_text, known)) if half(each)}
        if broken:
            at = np.array([_is_text(each) and each in broken for each in column], dtype=bool)
            cure = "a file cannot hold it, so it was read wrongly; write the whole character"
            refuse(table, name, at, "that holds half a character", cure)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _nearest(name: str, columns: Sequence[str], needs: Sequence[str]) -> str:
    """Words for a missing column: the likely one in the table, or what belongs there."""
    known = VOCABULARY.get(name)
    taken = {"run", *LABELS, *VOCABULARY, *needs}
    plain = {
        re.sub(r"\W+", "_", each.strip().lower()): each
        for each in columns
        if each not in taken and len(each) <= 80
    }
    called = [each for each in (name, *(known.aliases if known else ())) if each in plain]
    held = {each.strip().lower() for each in columns}
    made = [how for other, how in (known.made if known else ()) if other in held]
    if made and not called:
        return f"make it: {name} = {made[0]}"
    # Comparing letters takes its time; nobody looks for a name among thousands.
    close = called or difflib.get_close_matches(name, list(plain)[:1000], n=1)
    if close:
        return f"did you mean {plain[close[0]]!r}? rename it to {name!r}"
    return f"add it: {known.meaning}" if known else "add it"


def _sound(column: pd.Series, name: str) -> bool:
    """Tell at a glance whether a column is float64, finite and inside its domain."""
    if column.dtype != np.float64:
        return False
    domain = VOCABULARY[name].domain if name in VOCABULARY else Domain()
    return bool(domain.contains(column.to_numpy()).all())


def _check_units(table: pd.DataFrame, accept: Sequence[str]) -> None:
    """Refuse counts that look like billions, unless they are accepted by name."""
    if wrong := [name for name in accept if name not in ("params", "tokens")]:
        raise RecordError(f"accept takes 'params' and 'tokens', got {', '.join(map(repr, wrong))}")
    for name in ("params", "tokens"):
        if name not in table.columns or name in accept:
            continue
        values = table[name].to_numpy()
        small = (values > 0) & (values < PLAIN)
        if name == "tokens" and values.max() >= PLAIN:
            small &= values % 1 != 0  # a first checkpoint may come early, but after whole tokens
        what, cure = (
            "below 1,000",
            (
                f"These look like billions (or millions); `{name}` is a plain count, so multiply "
                f"by 1e9 (or 1e6)."
            ),
        )
        if values[small].max(initial=0.0) < BILLIONS:
            what, cure = "below 1", f"`{name}` is a plain count; these are none in billions either."
        cure += f" If they are meant as they stand, pass accept=({name!r},)."
        refuse(table, name, small, what, cure)


def _check_runs(table: pd.DataFrame) -> None:
    if "run" in table.columns:
        refuse(
            table,
            "run",
            codes(table, "run") < 0,
            "missing",
            "name the curve of every row, or take the column out: "
            "runs are then told apart by the other columns",
        )


def _check_base_loss(table: pd.DataFrame) -> None:
    """Refuse more than one base loss for one model and evaluation text."""
    keys = [name for name in ("model", "params") if name in table.columns]
    if "base_loss" not in table.columns or not keys:
        return
    keys += [name for name in ("family", "eval_text") if name in table.columns]
    group = groups(table, keys)
    loss = table["base_loss"].groupby(group)
    least, most = loss.min().to_numpy(), loss.max().to_numpy()
    apart = most - least > 1e-9 * most
    if not apart.any():
        return
    _refuse_contradiction(
        table,
        "base_loss",
        apart[group],
        f"that differs within one {', '.join(keys)}",
        "`base_loss` is one number per model and evaluation text; "
        "name models or texts apart in the columns `model` and `eval_text`.",
        keys,
    )


def _check_repeats(table: pd.DataFrame) -> None:
    """Refuse two different losses for one run and token count with the same seed."""
    if not {"run", "tokens", "loss"} <= set(table.columns):
        return
    keys = ["run", "tokens"] + [name for name in ("seed", "eval_text") if name in table.columns]
    rows = repeated(table, keys)
    if not len(rows):
        return
    loss = table["loss"].iloc[rows].groupby(groups(table.iloc[rows], keys))
    apart = np.zeros(len(table), dtype=bool)
    apart[rows] = (loss.transform("min") != loss.transform("max")).to_numpy()
    cure = "One run has one loss at a token count: name repeated trials apart in `run` or `seed`."
    if labels := _differing(table, np.flatnonzero(apart), keys):
        them = " and ".join(f"`{name}`" for name in labels)
        cure += f" {them} differ{'s' * (len(labels) == 1)} between them: each has runs of its own."
    if apart.any() and table["tokens"].to_numpy()[apart].max() >= EXACT:
        cure += (
            f" Counts of {EXACT:.2g} and more are numbers of 53 bits: neighbours are one to them."
        )
    what = f"that differs at one {', '.join(keys)}"
    _refuse_contradiction(table, "loss", apart, what, cure, keys)


def _differing(table: pd.DataFrame, rows: Whole, keys: Sequence[str]) -> list[str]:
    """Labels that tell rows apart which agree in the keys."""
    some = table.iloc[rows]
    labels = [name for name in LABELS if name in table.columns and name not in keys]
    each = len(np.unique(groups(some, keys))) if labels else 0
    return [name for name in labels if len(np.unique(groups(some, [*keys, name]))) > each]


def _refuse_contradiction(
    table: pd.DataFrame, name: str, at: Mask, what: str, cure: str, keys: Sequence[str]
) -> None:
    """Refuse rows that contradict each other: one is shown for each value at each of the keys."""
    first = np.zeros(len(table), dtype=bool)
    if at.any():
        rows = np.flatnonzero(at)
        first[rows] = ~pd.Series(groups(table.iloc[rows], [*keys, name])).duplicated().to_numpy()
    refuse(table, name, at, what, cure, keys=keys, first=first)
