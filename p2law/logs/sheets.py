"""Tables of text, with the line of every row: CSV, TSV and their kin."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from p2law.domains import Array
from p2law.errors import RecordError
from p2law.files.unended import fault_of, without_end
from p2law.logs.curves import cut
from p2law.logs.unpacking import text_of
from p2law.records.checking import check_names
from p2law.text.wording import several, short

SEPARATORS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Sheet:
    """A table as it was written.

    Attributes
    ----------
    path : Path
    columns : dict of list of str
        Cells by column.
    lines : list of int
        Where each row ends in the file, counted from 1.
    notes : tuple of str
    """

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    notes: tuple[str, ...]

    @property
    def places(self) -> list[str]:
        """The place of every row."""
        return [f"line {each}" for each in self.lines]

    def sound(self, names: Sequence[str], *, partial: bool) -> "Sheet":
        """The rows before the first cell of some columns that is neither empty nor a number.

        Parameters
        ----------
        names : sequence of str
            Of the columns that are read as numbers.
        partial : bool
            Take them where there is such a cell, and say so.

        Returns
        -------
        Sheet

        Raises
        ------
        RecordError
            A cell is no number, and partial reading was not asked for or no row is before it.
        """
        cells = {name: [each.strip() for each in self.columns[name]] for name in names}
        wrong = [
            (k, name)
            for name, own in cells.items()
            for k, cell in enumerate(own)
            if cell and _number(cell) is None
        ]
        if not wrong:
            return self
        count = sum(bool(cell) for own in cells.values() for cell in own)
        shown = [f"  {self.places[k]}: {name} = {short(cells[name][k])}" for k, name in wrong[:5]]
        fault = "\n".join(
            [
                f"{self.path}: {len(wrong)} of {count} cells are not numbers:",
                *shown,
                "write plain numbers: a decimal point, no thousands separators or units",
            ]
        )
        rows = sorted({k for k, _ in wrong})
        places = [self.places[k] for k in rows]
        notes = cut(fault, rows[0], "rows", partial=partial, places=places)
        columns = {name: own[: rows[0]] for name, own in self.columns.items()}
        return Sheet(self.path, columns, self.lines[: rows[0]], (*self.notes, *notes))

    def holding(self, name: str) -> "Sheet":
        """The rows in which one column is not empty; the notes count the others.

        Parameters
        ----------
        name : str
            Of the loss: loggers leave it empty where they log something else.

        Returns
        -------
        Sheet

        Raises
        ------
        RecordError
            It is empty everywhere.
        """
        held = [bool(cell.strip()) for cell in self.columns[name]]
        kept = [k for k, each in enumerate(held) if each]
        left = [place for place, each in zip(self.places, held, strict=True) if not each]
        if not left:
            return self
        if not kept:
            raise RecordError(f"{self.path}: all {len(left)} cells of {name!r} are empty", left)
        note = (
            f"{len(left)} of {len(held)} rows have an empty {name!r} and were left out: "
            f"{', '.join(left[:5])}{' ...' if len(left) > 5 else ''}; nothing was measured there, "
            f"unless pandas wrote the table, which leaves NaN empty, too"
        )
        columns = {each: [own[k] for k in kept] for each, own in self.columns.items()}
        return Sheet(self.path, columns, [self.lines[k] for k in kept], (*self.notes, note))

    def numbers(self, name: str) -> pd.Series:
        """One column as numbers: NaN where NaN was written, and nothing where nothing was.

        Parameters
        ----------
        name : str
            Of a column that is `sound`.

        Returns
        -------
        Series of float
            Indexed by place; empty cells are not in it.

        Raises
        ------
        RecordError
            A cell is no number.
        """
        cells = self.sound([name], partial=False).columns[name]
        found = {
            place: _number(cell.strip())
            for place, cell in zip(self.places, cells, strict=True)
            if cell.strip()
        }
        return pd.Series(found, dtype=float)

    def column(self, name: str) -> Array:
        """One column as numbers, NaN also where nothing was written.

        Parameters
        ----------
        name : str

        Returns
        -------
        ndarray

        Raises
        ------
        RecordError
            A cell is no number.
        """
        return self.numbers(name).reindex(self.places).to_numpy(dtype=np.float64)


def _number(cell: str) -> float | None:
    """A number as text has it, None for what is none."""
    if cell in ("null", "None"):
        return math.nan
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def sheet(path: Path, *, partial: bool = False) -> Sheet:
    """Read a table of text.

    Parameters
    ----------
    path : Path
        UTF-8, ``.gz`` or plain; the header says what separates cells.
    partial : bool
        Take the rows before the first damaged line.

    Returns
    -------
    Sheet

    Raises
    ------
    RecordError
        It is no such table, or damaged.
    """
    text, fault = text_of(path)
    if text.lstrip().startswith("{"):
        raise RecordError(
            f"{path} is JSON, no table: read_trainer_state reads the state of a Hugging Face "
            f"Trainer; of other logs, export a CSV"
        )
    separator = _separator(text, path)
    header, rows, lines, broken = _rows(text, separator)
    note = ""
    if rows and not broken:
        note, broken = _unended(text, header[-1], rows, lines)
        whole = len(rows) - bool(broken)
        rows, lines = rows[:whole], lines[:whole]
    if not header:
        raise RecordError(f"{path}: {broken}" if broken else f"{path} is empty")
    check_names([name for name in header if name], f"{path}: ")
    fault = fault or (f"{path}: {broken}" if broken else "")
    notes = [*filter(None, [note]), *cut(fault, len(rows), "rows", partial=partial)]
    if not rows:
        raise RecordError(f"{path} has a header and no rows")
    if separator != ",":
        notes.append(f"cells separated by {separator!r}")
    columns = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    return Sheet(path, columns, lines, tuple(notes))


def _separator(text: str, path: Path) -> str:
    """What separates most cells of the header."""
    if ".tsv" in path.suffixes:
        return "\t"
    head = text.lstrip().partition("\n")[0]
    return max(SEPARATORS, key=lambda each: len(_cells(head, each)))


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def _rows(text: str, separator: str) -> tuple[list[str], list[list[str]], list[int], str]:
    """Header, rows up to the first damage, their lines, and the damage."""
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    # Without strict, a quote that is never closed swallows all lines after it.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begin = 1
    try:
        for cells in reader:
            begin = reader.line_num + 1
            if not "".join(cells).strip():
                continue
            if not header:
                header = [each.strip() for each in cells]
                continue
            if len(cells) != len(header):
                held = several(len(cells), "cell")
                what = f"line {reader.line_num} has {held}, the header {len(header)}"
                return header, rows, lines, what
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        why = "a quote is never closed" if reader.line_num > begin else error
        return header, rows, lines, f"line {begin} is no CSV: {why}"
    return header, rows, lines, ""


def _unended(text: str, name: str, rows: list[list[str]], lines: list[int]) -> tuple[str, str]:
    """What is wrong with a last line that has no end: a note, or a fault."""
    if not text.rpartition("\n")[2].rpartition("\r")[2].strip():
        return "", ""
    if fault := fault_of(name, zip(lines, (row[-1] for row in rows), strict=True), typed=False):
        return "", fault
    last = short(rows[-1][-1].strip())
    return f"{without_end(lines[-1])}: if the file was cut short, its {name} = {last} is wrong", ""


def texts(values: Sequence[str]) -> list[object]:
    """Cells as numbers where all of them are some, else as they are written.

    Examples
    --------
    >>> texts(["1e9", "2"]), texts(["a", "2"])
    ([1000000000.0, 2.0], ['a', '2'])
    """
    found = [_number(each.strip()) if each.strip() else math.nan for each in values]
    return list(values) if None in found else list(found)
