"""Rows of words and numbers as columns that people can read."""

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], words: Collection[int] = (0,)) -> list[str]:
    """Lines in which words stand to the left and numbers to the right of their column.

    Parameters
    ----------
    rows : sequence of sequences of str
        All of one length; the header is one of them.
    words : collection of int
        Numbers of the columns that hold words.

    Returns
    -------
    list of str

    Examples
    --------
    >>> for line in aligned([["run", "tokens"], ["a", "1,024"], ["long-one", "0"]]):
    ...     print(line)
    run       tokens
    a          1,024
    long-one       0
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if k in words else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
