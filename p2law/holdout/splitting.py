"""Records in two parts, as a value; no row is dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law.declaring import Mask
from p2law.errors import ScoreError
from p2law.records.checking import check
from p2law.records.grouping import runs
from p2law.records.vocabulary import VOCABULARY
from p2law.text.wording import several


@dataclass(frozen=True, eq=False)
class Split:
    """Records in two parts. Made by the functions of `p2law.holdout`.

    Attributes
    ----------
    words : str
        What is held out.
    notes : tuple of str
        What a reader should know about how it was chosen.
    """

    words: str
    notes: tuple[str, ...]
    _records: pd.DataFrame
    _mask: Mask

    @property
    def kept(self) -> pd.DataFrame:
        """Rows to fit, under their own labels; a copy."""
        return _own(self._records[~self._mask])

    @property
    def held(self) -> pd.DataFrame:
        """Rows to predict, under their own labels; a copy."""
        return _own(self._records[self._mask])

    @property
    def mask(self) -> Mask:
        """Where the records are held, (rows of the records,); a copy."""
        return self._mask.copy()

    def __str__(self) -> str:
        parts = [
            f"{name} {_size(each)}" for name, each in (("held", self.held), ("kept", self.kept))
        ]
        return "\n".join([f"{self.words}: {'; '.join(parts)}", *self.notes])

    __repr__ = __str__


def _own(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that were taken out of a table, as a table: pandas 2 warns where they are changed."""
    return rows.copy(deep=False)


def with_runs(records: pd.DataFrame, needs: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A checked copy with a column `run`, and a sentence where that was not given.

    Raises
    ------
    RecordError
        The records cannot be used as they stand.
    """
    table = check(records, needs=needs, accept=("params", "tokens"))
    labels, note = runs(table)
    if not note:
        return table, ()
    table.insert(0, "run", labels)
    return table, (note,)


def made_of(
    table: pd.DataFrame, held: Mask, words: str, notes: tuple[str, ...], cure: str
) -> Split:
    """A split, or a refusal where one side is empty.

    Raises
    ------
    ScoreError
        All rows are held, or none.
    """
    if held.all() or not held.any():
        whole = f"all {len(table)} rows" if held.all() else f"none of {len(table)} rows"
        left = "nothing is left to fit" if held.all() else "nothing is left to predict"
        raise ScoreError(f"held out: {words}: that holds {whole}, {left}{cure and '; '}{cure}")
    mask = np.array(held, dtype=bool)
    return Split(words, notes, table, mask)


def strangers(splits: Sequence[Split], records: pd.DataFrame) -> list[Split]:
    """Splits that were made of other records than these.

    Parameters
    ----------
    splits : sequence of Split
    records : DataFrame
        Checked.

    Returns
    -------
    list of Split
    """
    # Splits that were made together share their records, which are then compared once.
    sources = {id(each._records): each._records for each in splits}  # noqa: SLF001 - its own
    same = {key for key, each in sources.items() if _alike(each, records)}
    return [each for each in splits if id(each._records) not in same]  # noqa: SLF001 - its own


def _size(rows: pd.DataFrame) -> str:
    return f"{several(len(rows), 'row')} of {several(rows['run'].nunique(), 'run')}"


def _alike(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two tables have the same rows and the same numbers."""
    if not one.index.equals(other.index):
        return False
    shared = [name for name in VOCABULARY if name in one and name in other]
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in shared)
