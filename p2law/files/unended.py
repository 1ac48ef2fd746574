"""Whether a table whose last line has no end was cut short in its last number."""

from collections.abc import Iterable


def fault_of(name: str, cells: Iterable[tuple[int, str]]) -> str:
    """Tell whether the last cell of a table without a last line end was cut short.

    A table that is cut short in its last number looks whole. Where that is shorter than all
    above it, it is taken for cut.

    Parameters
    ----------
    name : str
        Of the last column.
    cells : iterable of (int, str)
        All of the last column: the line in which each ends, and the cell as it is written.

    Returns
    -------
    str
        What is wrong, with the cure; empty where nothing is.

    Examples
    --------
    >>> print(fault_of("loss", [(2, "2.51"), (3, "2.38"), (4, "2.")]))
    the last line (4) has no line end, and its loss = 2. is shorter than all before it: it may \
be cut short; end the line if it is whole
    >>> fault_of("loss", [(2, "2.5"), (3, "2.38"), (4, "2.4")])
    ''
    """
    line, last, least = 0, "", 0
    for k, (at, cell) in enumerate(cells):
        if k:
            least = min(least or len(last), len(last))
        line, last = at, cell.strip()
    if len(last) >= least or not _is_number(last):
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
