"""Whether a table whose last line has no end was cut short in its last number."""

import math
from collections.abc import Iterable

MANY = 20
"""Rows without a shorter number that tell that a table leaves no zeros out at the end of one:
people, and programs that round, do so in one of ten."""

LONG = 10
"""Characters from which on a number was written by a program."""


def fault_of(name: str, cells: Iterable[tuple[int, str]], *, typed: bool) -> str:
    """Tell whether the last cell of a table without a last line end was cut short.

    A table that is cut short in its last number looks whole. Where that is shorter than all
    above it, it is taken for cut. Short numbers of few rows that may have been typed are not,
    unless this one ends as none does.

    Parameters
    ----------
    name : str
        Of the last column.
    cells : iterable of (int, str)
        All of the last column: the line in which each ends, and the cell as it is written.
    typed : bool
        Whether people may have written it, not only programs.

    Returns
    -------
    str
        What is wrong, with the cure; empty where nothing is.

    Examples
    --------
    >>> print(fault_of("loss", [(2, "2.51"), (3, "2.38"), (4, "2.")], typed=True))
    the last line (4) has no line end, and its loss = 2. is shorter than all before it: it may \
be cut short; end the line if it is whole
    >>> fault_of("loss", [(2, "2.51"), (3, "2.38"), (4, "2.4")], typed=True)
    ''
    """
    line, last, least, above = 0, "", math.inf, -1
    for above, (at, cell) in enumerate(cells):
        if above:
            least = min(least, len(last))
        line, last = at, cell.strip()
    if above < 1 or len(last) >= least or not _is_number(last):
        return ""
    if typed and above < MANY and least < LONG and last[-1:].isdigit():
        return ""
    return (
        f"{without_end(line)}, and its {name} = {last or 'nothing'} is shorter than all before "
        f"it: it may be cut short; end the line if it is whole"
    )


def without_end(line: int) -> str:
    """Words for a last line that has no end."""
    return f"the last line ({line}) has no line end"


def _is_number(cell: str) -> bool:
    """Nothing may be the beginning of one."""
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True
