"""Reading files of records: tables, lines of JSON, folders, globs. Nothing is filled or merged."""

import csv
import glob
import gzip
import json
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
import pandas as pd

from p2law.errors import MissingExtraError, P2LawError, RecordError
from p2law.files.lines import Lines
from p2law.files.textfiles import oddity, path_of
from p2law.files.unended import fault_of
from p2law.records import lean
from p2law.records.checking import MOST_COLUMNS, check_names, separated
from p2law.records.vocabulary import LABELS, VOCABULARY
from p2law.text.wording import first_line, got, half, several, short

Source = str | os.PathLike[str]

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".jsonl", ".jsonl.gz")

MANY_COLUMNS = 50
"""In a CSV of more columns the width of every line is looked at before memory is taken for it."""

MANY_CELLS, FEWEST_HELD = 10_000_000, 0.01
"""A JSONL file of more cells (lines times columns) must hold a value in this part of them."""


def paths(source: Source | Sequence[Source]) -> list[Path]:
    """Files that a path, folder or glob, or several of them, stand for."""
    if isinstance(source, (str, os.PathLike)):
        return _files(source)
    if not isinstance(source, Sequence) or not all(
        isinstance(each, (str, os.PathLike)) for each in source
    ):
        raise RecordError(
            f"load takes a file, folder or glob, a list of these, or a DataFrame; got {got(source)}"
        )
    if not source:
        raise RecordError("the list of files is empty; name at least one")
    found = [path for each in source for path in _files(each)]
    doubled = [str(path) for path, count in Counter(found).items() if count > 1]
    if doubled:
        raise RecordError(f"{', '.join(doubled)} would be read more than once; name it once")
    return found


def _files(source: Source) -> list[Path]:
    """Files that one path, folder or glob stands for, by name."""
    try:
        path = path_of(source)
        if path.is_file():
            return [path]
        if path.is_dir():
            found = [each for each in path.iterdir() if each.name.lower().endswith(SUFFIXES)]
            none = f"folder {path} holds no file ending in {', '.join(SUFFIXES)}"
        elif path.exists():
            raise RecordError(f"{source} is {oddity(path) or 'no plain file'}")
        else:
            # Path.glob takes no absolute patterns.
            names = glob.glob(os.fspath(source), recursive=True)  # noqa: PTH207
            found = [Path(name) for name in names]
            here = "" if path.is_absolute() else f" in {Path.cwd()}"
            none = f"{source}: no such file, folder or glob{here}"
        found = sorted(each for each in found if each.is_file())
    except (OSError, ValueError) as error:
        raise RecordError(f"cannot look up {short(source)}: {first_line(error)}") from error
    if not found:
        raise RecordError(none)
    return found


def read(path: Path) -> pd.DataFrame:
    """Read one file by its ending."""
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": _read_csv,
        ".tsv": partial(_read_csv, separator="\t"),
        ".jsonl": _read_jsonl,
        ".parquet": _read_parquet,
    }
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
    except MemoryError:
        raise
    # What a parser raises on bytes that are no table is not limited to any list of types.
    except Exception as error:
        if "out of memory" in str(error):  # pandas' parser has no type of error for it
            raise MemoryError(f"{path}: {first_line(error)}") from error
        raise RecordError(f"{path} cannot be read as {what}: {first_line(error)}") from error


@contextmanager
def _text(path: Path) -> Iterator[Lines]:
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
        yield Lines(path, text)


def _read_csv(path: Path, separator: str = ",") -> pd.DataFrame:
    with _text(path) as text:
        lines = filter(None, csv.reader(text, delimiter=separator))
        header = next(lines, [])
        if not header:
            raise RecordError(f"{path} is empty")
        check_names(header, f"{path}: ")
        if len(header) == 1:
            _check_cells(path, header[0], next(lines, []), separator)
        if len(header) > MANY_COLUMNS:  # pandas would first fill lines that are too short
            _check_width(path, header, separator)
        text.rewind()
        with warnings.catch_warnings():
            # A first line that is longer than the header is worth no more than a warning to pandas.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                labels = [name for name in header if name in ("run", *LABELS)]
                table = _parse_csv(text, separator, labels)
            except (pd.errors.ParserError, pd.errors.ParserWarning):
                _check_width(path, header, separator)
                raise
    if table.iloc[:, -1].isna().any():  # pandas fills lines that are too short
        _check_width(path, header, separator)
    if text.unended:
        _check_end(path, header, separator)
    return table


def _parse_csv(text: Lines, separator: str, labels: Sequence[str]) -> pd.DataFrame:
    """Read a CSV to the last bit; labels stay as they are written, "007" and "1.10" too."""
    options: dict[str, Any] = {}
    if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
        options["float_precision"] = "round_trip"  # the only way since
    table: pd.DataFrame = pd.read_csv(
        cast("TextIO", text),  # pandas asks for no more than read
        sep=separator,
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


def _check_cells(path: Path, header: str, first: Sequence[str], separator: str) -> None:
    """Refuse a header of one cell that, like the line below it, holds what separates several."""
    for held, ending in ((",", ".csv"), ("\t", ".tsv")):
        if len(first) == 1 and first[0].count(held) >= header.count(held) > 0:
            if held == separator:
                raise RecordError(f"{path}: each line is one quoted cell; take the quotes off")
            cure = f"end the file's name in {ending}"
            raise RecordError(f"{path}: cells seem to be separated by {held!r}; {cure}")


def _check_width(path: Path, header: Sequence[str], separator: str) -> None:
    """Refuse the first line of a table that has more or fewer cells than the header."""
    quoted = "comma" if separator == "," else "tab"
    cure = f"quote cells that hold a {quoted}, complete lines that were cut short"
    cure = separated(header) or cure
    with _text(path) as text:
        lines = csv.reader(text, delimiter=separator)
        for cells in lines:
            if len(cells) != len(header) and "".join(cells).strip():
                raise RecordError(
                    f"{path}: line {lines.line_num} has {several(len(cells), 'cell')}, but the "
                    f"header has {len(header)}; {cure}"
                )


def _check_end(path: Path, header: Sequence[str], separator: str) -> None:
    """Refuse a table that seems to be cut short in its last number."""
    with _text(path) as text:
        lines = csv.reader(text, delimiter=separator)
        rows = ((lines.line_num, cells[-1]) for cells in lines if "".join(cells).strip())
        next(rows, None)  # the header
        fault = fault_of(header[-1], rows, typed=True)
    if fault:
        raise RecordError(f"{path}: {fault}")


def _read_jsonl(path: Path) -> pd.DataFrame:
    decode = json.JSONDecoder(object_pairs_hook=_json_object).decode
    rows: list[dict[str, Any]] = []
    names, values = set[str](), 0
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
            if odd := next(filter(None, map(half, _texts_of(row, line))), ""):
                raise RecordError(
                    f"{path}: line {number} holds half a character ({odd}), which is no text; "
                    f"write both halves, or the character itself"
                )
            rows.append(row)
            names.update(row)
            values += len(row)
            if len(names) > MOST_COLUMNS:
                check_names(names, f"{path}: lines up to {number} have ")
    _check_gaps(path, values, (len(rows), len(names)))
    return pd.DataFrame(rows)


def _texts_of(row: dict[str, Any], line: str) -> Iterator[str]:
    """Names and texts of an object, where the line has escapes that can be half a character."""
    if "\\u" in line:
        yield from row
        yield from (each for each in row.values() if isinstance(each, str))


def _check_gaps(path: Path, values: int, shape: tuple[int, int]) -> None:
    """Refuse rows that share so few columns that the gaps would take most of the memory."""
    cells = shape[0] * shape[1]
    if cells > MANY_CELLS and values < FEWEST_HELD * cells:
        raise RecordError(
            f"{path}: its {shape[0]:,} lines have {shape[1]:,} columns, but hold {values:,} of "
            f"{cells:,} values, less than {FEWEST_HELD:.0%}; name columns alike in all lines, or "
            f"keep those that matter"
        )


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; of two values under one name the parser would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        check_names(name for name, _ in pairs)
    return found


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", f"reading {path}") from error
    with parquet.ParquetFile(path) as source:
        check_names(source.schema_arrow.names, f"{path}: ")
        if source.metadata.num_rows > lean.MANY:
            return lean.read_parquet(source)
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except KeyError as error:
        raise RecordError(
            f"{path}: what pandas noted in it names an index {error} that it does not hold; "
            f"write the table again with index=False"
        ) from error


def joined(paths: Sequence[Path], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables below each other, rows labelled by file and row."""
    must = {"run"} | {name for name, each in VOCABULARY.items() if not each.gaps}
    for name in sorted(must):
        has = [name in table.columns for table in tables]
        if any(has) and not all(has):
            lacks, holds = paths[has.index(False)], paths[has.index(True)]
            raise RecordError(f"{lacks} has no column {name}, but {holds} has; add it")
    if sum(map(len, tables)) > lean.MANY:
        tables = lean.alike(tables)
    with warnings.catch_warnings():
        # pandas 2 announces that empty columns will have a say in the type of the whole.
        warnings.simplefilter("ignore", FutureWarning)
        return pd.concat(tables, keys=[str(path) for path in paths])
