"""Tables of text, with the line of every row: CSV, TSV and their kin."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from p2law.checking import check_names
from p2law.domains import Array
from p2law.errors import RecordError
from p2law.logs.curves import cut
from p2law.logs.unpacking import text_of
from p2law.wording import short

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

    def numbers(self, name: str) -> pd.Series:
        """One column as numbers: NaN where NaN was written, and nothing where nothing was.

        Parameters
        ----------
        name : str

        Returns
        -------
        Series of float
            Indexed by place; empty cells are not in it.

        Raises
        ------
        RecordError
            A cell is no number.
        """
        cells = dict(zip(self.places, map(str.strip, self.columns[name]), strict=True))
        found = {place: _number(cell) for place, cell in cells.items() if cell}
        wrong = [place for place, number in found.items() if number is None]
        if wrong:
            shown = "\n".join(f"  {each}: {name} = {short(cells[each])}" for each in wrong[:5])
            raise RecordError(
                f"{self.path}: {len(wrong)} of {len(found)} cells are not numbers:\n{shown}\n"
                "write plain numbers: a decimal point, no thousands separators or units",
                wrong,
            )
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
    separator = _separator(text, path)
    header, rows, lines, broken = _rows(text, separator)
    if not header:
        raise RecordError(f"{path} is empty")
    check_names([name for name in header if name], f"{path}: ")
    fault = fault or (f"{path}: {broken}" if broken else "")
    notes = list(cut(fault, len(rows), "rows", partial=partial))
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
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for cells in reader:
            if not "".join(cells).strip():
                continue
            if not header:
                header = [each.strip() for each in cells]
                continue
            if len(cells) != len(header):
                what = f"line {reader.line_num} has {len(cells)} cells, the header {len(header)}"
                return header, rows, lines, what
            rows.append(cells)
            lines.append(reader.line_num)
    except csv.Error as error:
        return header, rows, lines, f"line {reader.line_num} is no CSV: {error}"
    return header, rows, lines, ""


def texts(values: Sequence[str]) -> list[object]:
    """Cells as numbers where all of them are some, else as they are written.

    Examples
    --------
    >>> texts(["1e9", "2"]), texts(["a", "2"])
    ([1000000000.0, 2.0], ['a', '2'])
    """
    found = [_number(each.strip()) if each.strip() else math.nan for each in values]
    return list(values) if None in found else list(found)
