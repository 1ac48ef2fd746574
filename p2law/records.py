"""The records: their vocabulary, how they are read, and what is refused and why.

One row is one measured loss. Counts are plain counts, losses are in nats, rates
are fractions. Nothing is dropped, filled or clipped here: a table is taken as it
is or refused, by row and with the cure.
"""

import csv
import difflib
import functools
import glob
import gzip
import json
import os
import re
import reprlib
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from p2law.domains import Array, Domain, Mask
from p2law.errors import MissingExtraError, P2LawError, RecordError

Source = str | os.PathLike[str]


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
MOST_COLUMNS = 10_000
SHOWN = 5
"""How many rows a message shows."""


def load(
    source: Source | Sequence[Source] | pd.DataFrame,
    *,
    needs: Sequence[str] = ("loss",),
    accept: Sequence[str] = (),
) -> pd.DataFrame:
    """Read records and check them.

    Parameters
    ----------
    source : str, Path, sequence of these, or DataFrame
        A CSV, Parquet (extra ``parquet``) or JSONL file, a folder or a glob of
        these, several of them, or a table. Columns and units are those of the
        README, section "Records"; any other column is kept.
    needs : sequence of str
        Columns that must be there. A fit asks for the columns of its law anyway.
    accept : sequence of str
        ``"params"`` or ``"tokens"``: take small numbers in this column as what
        they say, although they look like billions.

    Returns
    -------
    DataFrame
        A checked copy, numeric columns as float64, rows as they came. Several
        files follow each other, those of a folder or glob by name, with new row
        labels; a column that only some of them have is empty for the others.

    Raises
    ------
    RecordError
        The table cannot be used; the text names rows, values and the cure. Rows
        of a file are counted from 0.
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
    return check(_joined(paths, tables), needs=needs, accept=accept).reset_index(drop=True)


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
        Columns that must be there and, but for `run`, be numbers.
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
    needs, accept = _names(needs), _names(accept)
    try:
        _check_shape(table, needs)
        checked = table.copy()
        for name in dict.fromkeys([*needs, *VOCABULARY]):
            if name in checked.columns and name != "run" and not _sound(checked[name], name):
                checked[name] = _numbers(checked, name)
        _check_units(checked, accept)
        _check_runs(checked)
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
    >>> grid(pruning_rate=[0.25, 0.5], base_loss=2)
       pruning_rate  base_loss
    0          0.25          2
    1          0.50          2
    """
    values = [np.atleast_1d(each) for each in columns.values()]
    product = np.meshgrid(*values, indexing="ij")
    return pd.DataFrame({name: each.ravel() for name, each in zip(columns, product, strict=True)})


def counted(count: int, name: str) -> str:
    """Words for so many distinct values of a column: "1 model size", "2 values of x"."""
    known = VOCABULARY.get(name)
    noun, of = (known.noun, "") if known and known.noun else ("value", f" of {name}")
    plural = "" if count == 1 else "es" if noun.endswith("ss") else "s"
    return f"{count} {noun}{plural}{of}"


def runs(table: pd.DataFrame) -> tuple[pd.Series, str]:
    """Which training curve each row belongs to, and a sentence where that is not given.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    labels : Series
        One label per row; rows of one run share it, rows of two never do.
    note : str
        Empty where the table has a column `run`.

    Raises
    ------
    RecordError
        A column that tells runs apart holds lists or other nested values.
    """
    if "run" in table.columns:
        return table["run"], ""
    telling = [name for name in ("pruning_rate", "nominal_rate", *LABELS) if name in table.columns]
    if not telling:
        rows = pd.Series(np.arange(len(table)), index=table.index, name="run")
        return rows, "no column run: every row counts as a run of its own"
    telling = [name for name in ("params", "base_loss") if name in table.columns] + telling
    group = _groups(table, telling)
    first = table.loc[~pd.Series(group).duplicated().to_numpy(), telling]
    names = functools.reduce(
        lambda one, other: one + " " + other, (_said(first[each]) for each in telling)
    )
    if len(set(names)) < len(names):
        names = np.array([f"{name} ({k})" for k, name in enumerate(names)], dtype=object)
    note = f"no column run: runs are told apart by {', '.join(telling)}"
    return pd.Series(names[group], index=table.index, name="run"), note


def _said(column: pd.Series) -> NDArray[np.object_]:
    """Each value as a word of a run's name."""
    code, values = _factorized(column)
    words = [
        value if isinstance(value, str) else f"{column.name}={_exact(value)}"
        for value in values.tolist()
    ]
    words.append(f"{column.name}=?")  # code -1: missing
    return np.array(words, dtype=object)[code]


def _exact(value: object) -> str:
    """A number short where that is all of it, else in full."""
    text = _short(value)
    return text if not isinstance(value, float) or float(text) == value else repr(value)


# -- reading -------------------------------------------------------------------------


def _paths(source: Source | Sequence[Source]) -> list[Path]:
    """Files that a path, folder or glob, or several of them, stand for."""
    if isinstance(source, (str, os.PathLike)):
        return _files(source)
    if not isinstance(source, Sequence) or not all(
        isinstance(each, (str, os.PathLike)) for each in source
    ):
        raise RecordError(
            f"load takes a file, folder or glob, a list of these, or a DataFrame; "
            f"got {_short(source)} ({type(source).__name__})"
        )
    if not source:
        raise RecordError("the list of files is empty; name at least one")
    paths = [path for each in source for path in _files(each)]
    doubled = [str(path) for path, count in Counter(paths).items() if count > 1]
    if doubled:
        raise RecordError(f"{', '.join(doubled)} would be read more than once; name it once")
    return paths


def _files(source: Source) -> list[Path]:
    """Files that one path, folder or glob stands for, by name."""
    path = Path(source)
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            found = [each for each in path.iterdir() if each.name.lower().endswith(SUFFIXES)]
            none = f"folder {path} holds no file ending in {', '.join(SUFFIXES)}"
        else:
            # Path.glob takes no absolute patterns.
            names = glob.glob(os.fspath(source), recursive=True)  # noqa: PTH207
            found, none = [Path(name) for name in names], f"{source}: no such file, folder or glob"
        found = sorted(each for each in found if each.is_file())
    except (OSError, ValueError) as error:
        raise RecordError(f"cannot look up {_short(source)}: {_first_line(error)}") from error
    if not found:
        raise RecordError(none)
    return found


def _read(path: Path) -> pd.DataFrame:
    """Read one file by its ending."""
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    ending = "".join(path.suffixes[-2:]).lower()
    kind = next((each for each in readers if ending.removesuffix(".gz").endswith(each)), "")
    if not kind:
        raise RecordError(f"{path}: cannot tell what this is; records end in {', '.join(SUFFIXES)}")
    what = "Parquet" if kind == ".parquet" else kind[1:].upper()
    try:
        return readers[kind](path)
    except P2LawError:
        raise
    except UnicodeError as error:
        raise RecordError(f"{path} is not UTF-8 text: {error}; save it as UTF-8") from error
    # What a parser raises on bytes that are no table is not limited to any list of types.
    except Exception as error:
        raise RecordError(f"{path} cannot be read as {what}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def _text(path: Path) -> TextIO:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    return cast("TextIO", opener(path, "rt", encoding="utf-8-sig", newline=""))


def _read_csv(path: Path) -> pd.DataFrame:
    with _text(path) as text:
        header = next(filter(None, csv.reader(text)), [])
        if not header:
            raise RecordError(f"{path} is empty")
        _check_names(header, f"{path}: ")
        text.seek(0)
        with warnings.catch_warnings():
            # A first line that is longer than the header is worth no more than a warning to pandas.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                table = _parse_csv(text, [name for name in header if name in ("run", *LABELS)])
            except (pd.errors.ParserError, pd.errors.ParserWarning):
                _check_width(path, len(header))
                raise
    if table.iloc[:, -1].isna().any():  # pandas fills lines that are too short
        _check_width(path, len(header))
    return table


def _parse_csv(text: TextIO, labels: Sequence[str]) -> pd.DataFrame:
    """Read a CSV to the last bit; labels stay as they are written, "007" and "1.10" too."""
    options: dict[str, Any] = {}
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        options["float_precision"] = "round_trip"  # the only way since
    table: pd.DataFrame = pd.read_csv(
        text,
        index_col=False,
        dtype=dict.fromkeys(labels, str),
        # Only an empty cell is missing: "NA" may be a family, and "NaN" as a loss is refused.
        keep_default_na=False,
        na_values=[""],
        low_memory=False,
        **options,
    )
    for name in labels:
        if all(isinstance(each, str) and _WHOLE.match(each) for each in table[name].unique()):
            table[name] = table[name].astype(np.int64)
    return table


_WHOLE = re.compile(r"^(0|-?[1-9][0-9]{0,17})$")


def _check_width(path: Path, width: int) -> None:
    """Refuse the first line of a CSV that has more or fewer cells than the header."""
    with _text(path) as text:
        lines = csv.reader(text)
        for cells in lines:
            if len(cells) != width and "".join(cells).strip():
                raise RecordError(
                    f"{path}: line {lines.line_num} has {len(cells)} cells, but the header has "
                    f"{width}; quote cells that hold a comma, complete lines that were cut short"
                )


def _read_jsonl(path: Path) -> pd.DataFrame:
    decode = json.JSONDecoder(object_pairs_hook=_json_object).decode
    rows = []
    with _text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = decode(line)
            except (ValueError, RecursionError) as error:
                last = not any(each.strip() for each in lines)
                cure = "; it is the last: if the file was cut short, take it out" if last else ""
                what = getattr(error, "msg", error)
                message = f"{path}: line {number} is not JSON ({what}){cure}"
                raise RecordError(message) from error
            if not isinstance(row, dict):
                message = f"{path}: line {number} is not a JSON object with one value per column"
                raise RecordError(message)
            rows.append(row)
    return pd.DataFrame(rows)


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; of two values under one name the parser would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        _check_names(name for name, _ in pairs)
    return found


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", f"reading {path}") from error


def _joined(paths: Sequence[Path], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other, rows labelled by file and row."""
    must = {"run"} | {name for name, each in VOCABULARY.items() if not each.gaps}
    for name in sorted(must):
        has = [name in table.columns for table in tables]
        if any(has) and not all(has):
            lacks, holds = paths[has.index(False)], paths[has.index(True)]
            raise RecordError(f"{lacks} has no column {name}, but {holds} has; add it")
    with warnings.catch_warnings():
        # pandas 2 announces that empty columns will have a say in the type of the whole.
        warnings.simplefilter("ignore", FutureWarning)
        return pd.concat(tables, keys=[str(path) for path in paths])


# -- checking ------------------------------------------------------------------------


def _names(names: Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _check_shape(table: pd.DataFrame, needs: Sequence[str]) -> None:
    if not isinstance(table, pd.DataFrame):
        raise RecordError(
            f"records are a DataFrame, got {_short(table)} ({type(table).__name__}); "
            f"p2law.load reads files"
        )
    if table.columns.nlevels > 1:
        first = _short(next(iter(table.columns), ()))
        raise RecordError(f"column {first} has a name of several levels; name columns by one text")
    _check_names(table.columns)
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
    if len(columns) == 1 and (separator := re.search(r"[;\t|]", columns[0])):
        lines.append(f"cells seem to be separated by {separator[0]!r}; separate them by commas")
    raise RecordError("\n".join(lines))


def _check_names(columns: Iterable[object], where: str = "") -> None:
    found = Counter(columns)
    doubled = [str(name)[:80] for name, count in found.items() if count > 1]
    if doubled:
        raise RecordError(f"{where}column {', '.join(doubled)} stands more than once; keep one")
    if len(found) > MOST_COLUMNS:
        raise RecordError(
            f"{where}{len(found):,} columns; keep those that matter, at most {MOST_COLUMNS:,}"
        )


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
    # Comparing letters takes its time; nobody looks for a name among thousands.
    close = called or difflib.get_close_matches(name, list(plain)[:1000], n=1)
    if close:
        return f"did you mean {plain[close[0]]!r}? rename it to {name!r}"
    return f"add it: {known.meaning}" if known else "add it; the law reads it"


def _sound(column: pd.Series, name: str) -> bool:
    """Tell at a glance whether a column is float64, finite and inside its domain."""
    if column.dtype != np.float64:
        return False
    domain = VOCABULARY[name].domain if name in VOCABULARY else Domain()
    return bool(domain.contains(column.to_numpy()).all())


def _numbers(table: pd.DataFrame, name: str) -> Array:
    """One column as float64, refusing what is no finite number inside its domain."""
    known = VOCABULARY.get(name)
    values, text = _floats(table[name])
    _refuse(
        table,
        name,
        text,
        "that is not a number",
        "write plain numbers: no thousands separators, percent signs, units or dates",
    )
    empty = table[name].isna().to_numpy() if known and known.gaps else np.zeros(len(table), bool)
    _refuse(table, name, ~np.isfinite(values) & ~empty, "missing or infinite", _filling(name))
    if known:
        outside = ~known.domain.contains(values) & ~empty
        what = f"{'outside' if ',' in known.domain.rule else 'that is not'} {known.domain}"
        _refuse(table, name, outside, what, _cure(name, values[outside]))
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


def _refuse(
    table: pd.DataFrame, name: str, at: Mask, what: str, cure: str, keys: Sequence[str] = ()
) -> None:
    """Raise with the rows, their values and the cure, where there are any rows.

    With `keys` the rows contradict each other: one row is shown for each value
    at each value of the keys, and these are shown too.
    """
    if not at.any():
        return
    rows = np.flatnonzero(at)
    bad = table.iloc[rows]
    shown = ~pd.Series(_groups(bad, [*keys, name])).duplicated().to_numpy() if keys else rows >= 0
    bad = bad[shown].head(SHOWN)
    lines = []
    for k, label in enumerate(bad.index):
        value, *others = (f"{each} = {_short(bad[each].iloc[k])}" for each in (name, *keys))
        lines.append(f"  row {_label(label)}: {value}{' at ' if keys else ''}{', '.join(others)}")
    if len(rows) > len(bad):
        lines.append(f"  and {len(rows) - len(bad)} more")
    have = "has" if len(rows) == 1 else "have"
    head = f"{len(rows)} of {len(table)} records {have} {name} {what}:"
    raise RecordError("\n".join([head, *lines, cure]), table.index[rows].tolist())


def _label(label: object) -> str:
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _short(value: Any) -> str:
    """A value as it may stand in a message: numbers to ten digits, long things cut."""
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.10g}"
    return _REPR.repr_instance(
        value.item() if isinstance(value, (np.number, np.bool_)) else value, 1
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
    return f"`{name}`: {VOCABULARY[name].meaning}; it lies in {VOCABULARY[name].domain}."


def _check_units(table: pd.DataFrame, accept: Sequence[str]) -> None:
    """Refuse counts that look like billions, unless they are accepted by name."""
    if wrong := [name for name in accept if name not in ("params", "tokens")]:
        raise RecordError(f"accept takes 'params' and 'tokens', got {', '.join(map(repr, wrong))}")
    for name in ("params", "tokens"):
        if name not in table.columns or name in accept:
            continue
        values = table[name].to_numpy()
        small = (values > 0) & (values < 1000)
        if name == "tokens" and values.max() >= 1000:
            small &= values % 1 != 0  # a first checkpoint may come early, but after whole tokens
        cure = (
            f"These look like billions (or millions); `{name}` is a plain count, so multiply "
            f"by 1e9 (or 1e6). If they are meant as they stand, pass accept=({name!r},)."
        )
        _refuse(table, name, small, "below 1,000", cure)


def _check_runs(table: pd.DataFrame) -> None:
    if "run" in table.columns:
        _refuse(
            table,
            "run",
            _codes(table, "run") < 0,
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
    loss = table["base_loss"].groupby(_groups(table, keys))
    least, most = loss.transform("min").to_numpy(), loss.transform("max").to_numpy()
    _refuse(
        table,
        "base_loss",
        most - least > 1e-9 * most,
        f"that differs within one {', '.join(keys)}",
        "`base_loss` is one number per model and evaluation text; "
        "name models or texts apart in the columns `model` and `eval_text`.",
        keys=keys,
    )


def _check_repeats(table: pd.DataFrame) -> None:
    """Refuse two different losses for one run and token count with the same seed."""
    if not {"run", "tokens", "loss"} <= set(table.columns):
        return
    keys = ["run", "tokens"] + [name for name in ("seed", "eval_text") if name in table.columns]
    group = _groups(table, keys)
    if group.max() + 1 == len(table):
        return
    loss = table["loss"].groupby(group)
    _refuse(
        table,
        "loss",
        (loss.transform("min") != loss.transform("max")).to_numpy(),
        f"that differs at one {', '.join(keys)}",
        "One run has one loss at a token count: name repeated trials apart in `run` or `seed`.",
        keys=keys,
    )


def _groups(table: pd.DataFrame, keys: Sequence[str]) -> NDArray[np.int64]:
    """Number the combinations of values of some columns, in order of appearance."""
    group = np.zeros(len(table), dtype=np.int64)
    for k, name in enumerate(keys):
        code = _codes(table, name)
        if code.min(initial=0) < 0:  # missing is a value too
            code = pd.factorize(code)[0]
        both = group * (code.max(initial=0) + 1) + code
        group = pd.factorize(both)[0] if k else code
    return group


def _codes(table: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Number the values of one column in order of appearance, -1 where there is none."""
    try:
        return _factorized(table[name])[0]
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        nested = np.array([not _hashable(each) for each in table[name].tolist()])
        cure = "a label is one text or number; write such values into other columns"
        _refuse(table, name, nested, "that is nested", cure)
        raise RecordError(f"column {name} cannot be compared ({error}); {cure}") from error


def _factorized(column: pd.Series) -> tuple[NDArray[np.int64], pd.Index]:
    with np.errstate(over="ignore"):  # pandas takes long doubles for doubles
        code, values = pd.factorize(column)
    return code.astype(np.int64), pd.Index(values)


def _hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


_REPR = reprlib.Repr()
_REPR.maxother = 60
