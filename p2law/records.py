"""The records: their vocabulary, how they are read, and what is refused and why.

One row is one measured loss. Counts are plain counts, losses are in nats, rates
are fractions. Nothing is dropped, filled or clipped here: a table is taken as it
is or refused, by row and with the cure.
"""

import difflib
import glob
import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Domain
from p2law.errors import MissingExtraError, RecordError


@dataclass(frozen=True)
class Column:
    """A numeric column of the vocabulary: where it may lie and what it is often called."""

    domain: Domain
    meaning: str
    noun: str = ""
    aliases: tuple[str, ...] = ()
    gaps: bool = False


VOCABULARY = {
    "params": Column(
        Domain("> 0", "N0", "param"),
        "parameters of the model before pruning",
        "model size",
        ("n0", "n", "model_size", "n_params", "num_params", "parameters", "size"),
    ),
    "tokens": Column(
        Domain(">= 0", "D", "token"),
        "post-training tokens seen so far",
        "token count",
        ("d", "n_tokens", "num_tokens", "tokens_seen", "token_count"),
    ),
    "pruning_rate": Column(
        Domain("[0, 1)", "rho"),
        "fraction of the parameters removed",
        "pruning rate",
        ("rho", "rate", "sparsity", "pruning_ratio", "prune_rate"),
    ),
    "base_loss": Column(
        Domain("> 0", "L0", "nat"),
        "loss before pruning, on the same text",
        "base loss",
        ("l0", "dense_loss", "loss_before", "teacher_loss"),
    ),
    "loss": Column(
        Domain("> 0", "L", "nat"),
        "loss after `tokens` tokens",
        "loss",
        ("l", "val_loss", "eval_loss", "validation_loss", "test_loss", "ce"),
    ),
    "nominal_rate": Column(Domain("[0, 1]"), "share of the pruned layers removed", gaps=True),
    "params_after": Column(Domain("> 0"), "parameters after pruning", gaps=True),
    "unique_tokens": Column(Domain("> 0"), "distinct tokens in the corpus", gaps=True),
    "flops_per_token": Column(Domain("> 0"), "training FLOP per token", gaps=True),
    "train_loss": Column(Domain("> 0"), "smoothed training loss", gaps=True),
}
LABELS = ("model", "family", "method", "seed", "corpus", "eval_text", "schedule")
SUFFIXES = (".csv", ".csv.gz", ".parquet", ".jsonl", ".jsonl.gz")
SHOWN = 5


def load(
    source: str | Path | Sequence[str | Path] | pd.DataFrame,
    *,
    needs: Sequence[str] = ("loss",),
    accept: Sequence[str] = (),
) -> pd.DataFrame:
    """Read records and check them.

    Parameters
    ----------
    source : str, Path, sequence of these, or DataFrame
        A CSV, Parquet (extra ``parquet``) or JSONL file, a folder or a glob of
        these, several of them, or a table. Columns and units are those of the README, section
        "Records"; any other column is kept.
    needs : sequence of str
        Columns that must be there. A fit asks for the columns of its law anyway.
    accept : sequence of str
        ``"params"`` or ``"tokens"``: take small numbers in this column as what
        they say, although they look like billions.

    Returns
    -------
    DataFrame
        A checked copy, numeric columns as float64, rows as they came.

    Raises
    ------
    RecordError
        The table cannot be used; the text names rows, values and the cure.
    MissingExtraError
        A Parquet file, and pyarrow is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> load(pd.DataFrame({"tokens": [1e6, 2e6], "loss": [2.5, 2.4]}))
          tokens  loss
    0  1000000.0   2.5
    1  2000000.0   2.4
    """
    if isinstance(source, pd.DataFrame):
        return check(source, needs=needs, accept=accept)
    paths = _paths(source)
    tables = [check(_read(path), needs=needs, accept=accept, where=f"{path}: ") for path in paths]
    if len(tables) == 1:
        return tables[0]
    for path, table in zip(paths, tables, strict=True):
        lacking = sorted(
            ({*tables[0].columns} & {*VOCABULARY})
            - {*table.columns}
            - {name for name, each in VOCABULARY.items() if each.gaps}
        )
        if lacking:
            message = f"{path} has no column {', '.join(lacking)}, but {paths[0]} has; add it"
            raise RecordError(message)
    together = pd.concat(tables, ignore_index=True)
    return check(together, needs=needs, accept=accept, where=f"{source}: ")


def check(
    table: pd.DataFrame,
    *,
    needs: Sequence[str] = ("loss",),
    accept: Sequence[str] = (),
    where: str = "",
) -> pd.DataFrame:
    """Check a table of records and return a copy with numeric columns as float64.

    Parameters
    ----------
    table : DataFrame
    needs : sequence of str
        Columns that must be there and be numbers.
    accept : sequence of str
        As in `load`.
    where : str
        Put before every message, for instance the file's name.

    Returns
    -------
    DataFrame

    Raises
    ------
    RecordError
        As in `load`.
    """
    try:
        _check_shape(table, needs)
        checked = table.copy()
        for name in dict.fromkeys([*needs, *VOCABULARY]):
            if name in checked.columns and not _sound(checked[name], name):
                checked[name] = _numbers(checked, name)
        _check_units(checked, accept)
        _check_base_loss(checked)
        _check_repeats(checked)
    except RecordError as error:
        raise RecordError(f"{where}{error}", error.rows) from None
    return checked


def grid(**columns: Any) -> pd.DataFrame:
    """Every combination of the given values, one row each, the last column fastest.

    Parameters
    ----------
    **columns : float or sequence of float

    Returns
    -------
    DataFrame

    Examples
    --------
    >>> grid(params=1e9, tokens=[1e8, 1e9])
             params        tokens
    0  1000000000.0   100000000.0
    1  1000000000.0  1000000000.0
    """
    values = [np.atleast_1d(each) for each in columns.values()]
    product = np.meshgrid(*values, indexing="ij")
    return pd.DataFrame({name: each.ravel() for name, each in zip(columns, product, strict=True)})


def counted(count: int, name: str) -> str:
    """Words for so many distinct values of a column: "1 model size", "2 values of x"."""
    noun = VOCABULARY[name].noun if name in VOCABULARY else ""
    if not noun:
        return f"{count} value{'s' * (count != 1)} of {name}"
    return (
        f"{count} {noun}{'s' * (count != 1)}"
        if not noun.endswith("ss") or count == 1
        else f"{count} {noun}es"
    )


def runs(table: pd.DataFrame) -> tuple[pd.Series, str]:
    """Which training curve each row belongs to, and a sentence where that is not given.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    labels : Series
        One label per row.
    note : str
        Empty where the table has a column `run`.
    """
    if "run" in table.columns:
        return table["run"], ""
    telling = [name for name in ("pruning_rate", "nominal_rate", *LABELS) if name in table.columns]
    if not telling:
        rows = pd.Series(np.arange(len(table)), index=table.index)
        return rows, "no column run: every row counts as a run of its own"
    telling = [name for name in ("params", "base_loss") if name in table.columns] + telling
    group = table.groupby(telling, sort=False, dropna=False).ngroup()
    first = table.loc[~group.duplicated(), telling]
    names = [
        " ".join(
            f"{name}={value:g}" if isinstance(value, float) else str(value)
            for name, value in row.items()
        )
        for row in first.to_dict("records")
    ]
    return group.map(
        dict(enumerate(names))
    ), f"no column run: runs are told apart by {', '.join(telling)}"


# -- reading -------------------------------------------------------------------------


def _paths(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Files that a path, folder or glob stands for, sorted."""
    if not isinstance(source, (str, Path)):
        return [path for each in source for path in _paths(each)]
    path = Path(source)
    if path.is_dir():
        found = sorted(each for each in path.iterdir() if each.name.endswith(SUFFIXES))
        if not found:
            message = f"folder {path} holds no file ending in {', '.join(SUFFIXES)}"
            raise RecordError(message)
        return found
    if path.is_file():
        return [path]
    found = sorted(Path(each) for each in glob.glob(str(source)) if Path(each).is_file())
    if not found:
        message = f"{source}: no such file, folder or glob"
        raise RecordError(message)
    return found


def _read(path: Path) -> pd.DataFrame:
    """Read one file by its ending."""
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": _read_csv,
        ".jsonl": _read_jsonl,
        ".parquet": _read_parquet,
    }
    ending = path.suffixes[-2] if path.suffix == ".gz" and path.suffixes[1:] else path.suffix
    if ending not in readers:
        message = f"{path}: cannot tell what this is; records end in {', '.join(SUFFIXES)}"
        raise RecordError(message)
    try:
        return readers[ending](path)
    except (OSError, EOFError, UnicodeError, ValueError) as error:
        if isinstance(error, RecordError):
            raise
        message = f"{path} is not a {ending[1:]} table that can be read: {error}"
        raise RecordError(message) from error


def _read_csv(path: Path) -> pd.DataFrame:
    # Only an empty cell is missing: "NA" may be a family, and "NaN" in a number column is refused.
    return pd.read_csv(
        path,
        encoding="utf-8-sig",
        keep_default_na=False,
        na_values=[""],
        float_precision="round_trip",
        low_memory=False,
    )


def _read_jsonl(path: Path) -> pd.DataFrame:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig") as lines:
        return pd.DataFrame(
            [
                _json_row(f"{path}: line {number}", line)
                for number, line in enumerate(lines, 1)
                if line.strip()
            ]
        )


def _json_row(where: str, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        message = f"{where} is not JSON ({error}); if the file was cut short, take this line out"
        raise RecordError(message) from error
    if not isinstance(row, dict):
        message = f"{where} is not a JSON object with one value per column"
        raise RecordError(message)
    return row


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", f"reading {path}") from error


# -- checking ------------------------------------------------------------------------


def _check_shape(table: pd.DataFrame, needs: Sequence[str]) -> None:
    doubled = sorted({str(name) for name in table.columns[table.columns.duplicated()]})
    if doubled:
        message = f"column {', '.join(doubled)} stands more than once; keep one"
        raise RecordError(message)
    missing = [name for name in needs if name not in table.columns]
    if missing:
        lines = [f"  {name}: {_nearest(name, table.columns)}" for name in missing]
        had = ", ".join(str(name) for name in list(table.columns)[:20]) or "none"
        message = "\n".join([f"missing columns (the table has {had}):", *lines])
        raise RecordError(message)
    if table.empty:
        message = "the table has no rows; a fit needs at least one measured loss"
        raise RecordError(message)


def _nearest(name: str, columns: Iterable[object]) -> str:
    """Words for a missing column: the likely one in the table, or what belongs there."""
    lower = {str(each).lower(): str(each) for each in columns}
    known = VOCABULARY.get(name)
    called = [lower[alias] for alias in (known.aliases if known else ()) if alias in lower]
    close = difflib.get_close_matches(name, lower, n=1, cutoff=0.6)
    if called or close:
        found = called[0] if called else lower[close[0]]
        return f"did you mean {found!r}? rename it to {name!r}"
    return f"add it: {known.meaning}" if known else "add it; the law reads it"


def _sound(column: pd.Series, name: str) -> bool:
    """Tell at a glance whether a column is float64, finite and inside its domain."""
    if column.dtype != np.float64:
        return False
    domain = VOCABULARY[name].domain if name in VOCABULARY else Domain()
    return bool(domain.contains(column.to_numpy()).all())


def _numbers(table: pd.DataFrame, name: str) -> pd.Series:
    """One column as float64, refusing what is no finite number inside its domain."""
    column, known = table[name], VOCABULARY.get(name)
    if column.dtype.kind in "bmMc":
        message = f"column {name} holds {column.dtype} values; write plain numbers"
        raise RecordError(message)
    values = pd.to_numeric(column, errors="coerce").astype(float)
    text = column[values.isna() & column.notna()]
    text = text[~text.astype(str).str.strip().str.lower().isin(["nan", "inf", "-inf", "+inf"])]
    _refuse(
        table,
        name,
        text.index,
        "that is not a number",
        "write plain numbers: no thousands separators, units or dates",
    )
    unknown = column.isna() if known and known.gaps else False
    infinite = values.index[~np.isfinite(values) & ~unknown]
    _refuse(
        table,
        name,
        infinite,
        "missing or infinite",
        "a loss that was not measured is no record: measure it or take the row out",
    )
    if known:
        outside = values.index[~known.domain.contains(values.to_numpy()) & values.notna()]
        _refuse(table, name, outside, f"outside {known.domain}", _cure(name, values[outside]))
    return values


def _refuse(table: pd.DataFrame, name: str, rows: pd.Index, what: str, cure: str) -> None:
    """Raise with the rows, their values and the cure, where there are any rows."""
    if not len(rows):
        return
    lines = [
        f"  row {row}: {name} = {_plain(value)}"
        for row, value in table[name][rows].head(SHOWN).items()
    ]
    if len(rows) > SHOWN:
        lines.append(f"  and {len(rows) - SHOWN} more")
    have = "has" if len(rows) == 1 else "have"
    head = f"{len(rows)} of {len(table)} records {have} {name} {what}:"
    raise RecordError("\n".join([head, *lines, cure]), list(rows))


def _plain(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, (int, float)) else repr(value)


def _cure(name: str, values: pd.Series) -> str:
    """What to do about values outside a column's domain."""
    if name == "pruning_rate" and values.between(1, 100).any():
        return "`pruning_rate` is the fraction of parameters removed; divide by 100 if these are percentages."
    if name == "loss":
        return "`loss` is a cross entropy in nats per token and positive; turn the sign of log-likelihoods."
    return f"`{name}`: {VOCABULARY[name].meaning}; it lies in {VOCABULARY[name].domain}."


def _check_units(table: pd.DataFrame, accept: Sequence[str]) -> None:
    """Refuse counts that look like billions, unless they are accepted by name."""
    if wrong := sorted(set(accept) - {"params", "tokens"}):
        message = f"accept takes 'params' and 'tokens', got {', '.join(map(repr, wrong))}"
        raise RecordError(message)
    if "params" in table and "params" not in accept:
        small = table.index[table["params"] < 1000]
        _refuse(table, "params", small, "below 1,000", _looks_like_billions("params"))
    if "tokens" in table and "tokens" not in accept:
        tokens = table["tokens"]
        every = tokens.max() < 1000
        small = table.index[(tokens > 0) & (tokens < 1000) & (every | (tokens % 1 != 0))]
        _refuse(table, "tokens", small, "below 1,000", _looks_like_billions("tokens"))


def _looks_like_billions(name: str) -> str:
    return (
        f"These look like billions; `{name}` is a plain count, so multiply by 1e9. "
        f"If they are meant as they stand, pass accept=({name!r},)."
    )


def _check_base_loss(table: pd.DataFrame) -> None:
    """Refuse more than one base loss for one model and evaluation text."""
    model = [name for name in ("model", "params") if name in table.columns][:1]
    keys = model + [name for name in ("family", "eval_text") if name in table.columns]
    if "base_loss" not in table.columns or not model:
        return
    group = table.groupby(keys, sort=False, dropna=False)["base_loss"]
    least, most = group.transform("min"), group.transform("max")
    rows = table.index[most - least > 1e-9 * most]
    _refuse(
        table,
        "base_loss",
        rows,
        f"that differs within one {' and '.join(keys)}",
        "`base_loss` is one number per model and evaluation text; "
        "name models or texts apart in the columns `model` and `eval_text`.",
    )


def _check_repeats(table: pd.DataFrame) -> None:
    """Refuse two different losses for one run and token count with the same seed."""
    if not {"run", "tokens", "loss"} <= set(table.columns):
        return
    keys = ["run", "tokens"] + [name for name in ("seed", "eval_text") if name in table.columns]
    doubled = table[table.duplicated(keys, keep=False)]
    if doubled.empty:
        return
    different = doubled.groupby(keys, dropna=False)["loss"].transform("nunique") > 1
    _refuse(
        table,
        "loss",
        doubled.index[different],
        f"that differs at one {', '.join(keys)}",
        "One run has one loss at a token count: name repeated trials apart in `run` or `seed`.",
    )
