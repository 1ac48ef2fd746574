"""What commands share: records, laws and saved fits from words, and JSON for programs."""

import argparse
import contextlib
import importlib
import json
import math
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import p2law
from p2law import forms
from p2law.declaring import Form
from p2law.errors import FitError, FormError, P2LawError, RecordError, SavedFitError, ScoreError
from p2law.files.textfiles import LARGE, text_of
from p2law.holdout.selecting import chosen
from p2law.records import check, reading
from p2law.text.wording import nearest

if TYPE_CHECKING:
    import pandas as pd

    from p2law.result import Fit

MANY: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
"""An option that takes several words and may be repeated."""


class BadWords(SystemExit):
    """The words are no command: it was said on the side, and ends the program with code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message


class Parser(argparse.ArgumentParser):
    """A parser whose errors carry their message, for those who read JSON.

    Words that begin as negative numbers do are values, however they go on: argparse itself takes
    -5e-1 for an option until Python 3.14.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message: str) -> NoReturn:
        """Say the usage and the message, and end."""
        try:
            super().error(message)
        except SystemExit:
            raise BadWords(message) from None


def add_records(parser: argparse.ArgumentParser) -> None:
    """Add what a command must know to read records."""
    parser.add_argument(
        "records", nargs="+", help="CSV, TSV, Parquet or JSONL files, folders or globs"
    )
    parser.add_argument(
        "--where",
        metavar="EXPR",
        help="take some of the rows: 'method == \"depth\" and tokens >= 1e8'; 'loss == loss' takes "
        "out those without a loss",
    )
    parser.add_argument(
        "--accept", choices=("params", "tokens"), help="small counts are meant", **MANY
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def records(asked: argparse.Namespace) -> "pd.DataFrame":
    """Read records; where they can be accepted as they stand, say how to do it here.

    Raises
    ------
    RecordError
        The records cannot be used.
    ScoreError
        `--where` is no such expression.
    """
    try:
        return _read(asked)
    except RecordError as error:
        named = [name for name in ("params", "tokens") if f"accept=({name!r},)" in str(error)]
        cure = f"\nOn the command line: --accept {' '.join(named)}" if named else ""
        raise RecordError(f"{error}{cure}", error.rows) from error


def _read(asked: argparse.Namespace) -> "pd.DataFrame":
    """Checked records; rows that cannot be used are refused only where they are chosen."""
    try:
        table = p2law.load(asked.records, needs=(), accept=asked.accept)
    except RecordError as error:
        if asked.where is None:
            raise
        return _sound(asked, error)
    return table if asked.where is None else _some(table, asked.where)


def _sound(asked: argparse.Namespace, fault: RecordError) -> "pd.DataFrame":
    """The rows that an expression chooses of a table that is not sound as a whole."""
    files = reading.paths(asked.records)
    tables = [reading.read(path) for path in files]
    table = tables[0] if len(tables) == 1 else reading.joined(files, tables)
    try:
        some = _some(table, asked.where)
    except ScoreError:  # what cannot be compared is what is at fault
        raise fault from None
    where = f"{files[0]}: " if len(files) == 1 else ""
    checked = check(some, needs=(), accept=asked.accept, where=where)
    return checked if len(files) == 1 else checked.reset_index(drop=True)


def _some(table: "pd.DataFrame", where: str) -> "pd.DataFrame":
    """The rows that an expression chooses; how many is said on the side."""
    mask, notes = chosen(table, where)
    if not mask.any():
        raise RecordError(f"none of {len(table):,} records is where {where}")
    for each in (f"{mask.sum():,} of {len(table):,} records are where {where}", *notes):
        print(each, file=sys.stderr)
    return table[mask]


def saved(path: Path, form: str | None, first: str = "") -> "Fit":
    """Read a saved fit, of a built-in law or of the one that is named.

    Where the file cannot be read, `first` shows a command in which it stands where it belongs.

    Raises
    ------
    SavedFitError
        The file cannot be read, or holds no fit.
    """
    own = (find_form(form),) if form else ()
    try:
        text = text_of(path, LARGE)
    except (OSError, ValueError) as error:
        raise SavedFitError(
            f"cannot read the saved fit {str(path)!r}: {error}"
            + (f"\nIt comes first: {first}" if first else "")
        ) from error
    try:
        with blaming(f"{path} is damaged"):
            return p2law.Fit.from_json(text, forms=own)
    except SavedFitError as error:
        cure = "\nOn the command line: --form module:name" if "hand it over" in str(error) else ""
        if str(error).startswith("not a saved fit"):
            cure = "\nA fit is saved by: p2law fit RECORDS --save FILE"
        raise SavedFitError(f"{path}: {error}{cure}") from error


def law_inputs(
    command: str,
    before: str,
    names: Sequence[str],
    words: Sequence[str],
    taken: Collection[str],
    **kind: Any,
) -> dict[str, Any]:
    """Read the inputs of a law: ``--name value``; what is none of them is named first.

    Parameters
    ----------
    command : str
    before : str
        What stands before the inputs, for the usage.
    names : sequence of str
        Of the inputs.
    words : sequence of str
    taken : collection of str
        Names that the command takes for itself.
    **kind
        How many values each takes, as `add_argument` says it.

    Returns
    -------
    dict of str to float or list of float

    Raises
    ------
    SystemExit
        With code 2 where one is missing, unknown or no number, or its name is taken.
    """
    options = {f"--{name.replace('_', '-')}": name for name in names}
    values = "VALUE ..." if "nargs" in kind else "VALUE"
    usage = " ".join([f"p2law {command} {before}", *(f"{each} {values}" for each in options)])
    parser = Parser(f"p2law {command}", usage, allow_abbrev=False, add_help=False)
    for option, name in options.items():
        parser.add_argument(option, dest=name, type=float, **kind)
    if own := [each for each, name in options.items() if name in taken]:
        parser.error(
            f"the law has an input for {own[0]}, which {command} takes for itself; give the input "
            f"another name in the law and the records, or in Python a table to Fit.predict"
        )
    found, unknown = parser.parse_known_args(words)
    if unknown:
        meant = nearest(unknown[0].partition("=")[0], options)
        parser.error(f"unrecognized arguments: {' '.join(unknown)}; {meant}")
    if missing := [each for each, name in options.items() if getattr(found, name) is None]:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    return vars(found)


@contextlib.contextmanager
def blaming(what: str) -> Iterator[None]:
    """Say what went wrong in a file or a law of the user's, which may raise anything.

    Raises
    ------
    FitError
        In place of what is no error of p2law.
    """
    try:
        yield
    except P2LawError:
        raise
    except (Exception, SystemExit) as error:
        raise FitError(f"{what}: {type(error).__name__}: {error}") from error


def find_form(text: str) -> Form:
    """A built-in law by name, or one of the user's as module:name from the current folder.

    Raises
    ------
    FormError
        There is no such law.
    """
    module, colon, name = text.partition(":")
    if not colon:
        for each in forms.builtin:
            if each.name == text:
                return each
        names = ", ".join(each.name for each in forms.builtin)
        raise FormError(f"no built-in law {text!r}; there are {names}; your own is module:name")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    with blaming(f"cannot import {module!r} for the law {text!r}"):
        found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, Form):
        raise FormError(f"{text!r} is not a law: {module} has no @form function {name!r}")
    return found


def as_json(value: Any) -> str:
    """JSON as the standard has it: unknown (NaN) is null, infinite is the text inf or -inf."""

    def plain(each: Any) -> Any:
        if isinstance(each, Mapping):
            return {str(name): plain(part) for name, part in each.items()}
        if isinstance(each, (list, tuple)):
            return [plain(part) for part in each]
        if isinstance(each, float) and not math.isfinite(each):
            return None if math.isnan(each) else str(float(each))
        return each

    return json.dumps(plain(value), indent=2, allow_nan=False)
