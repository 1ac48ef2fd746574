"""How far long work is: a bar in a terminal, silence elsewhere."""

from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

Item = TypeVar("Item")

PATIENCE = 2.0
"""Seconds of work that nobody needs to be told of."""


def steps(items: Iterable[Item], what: str, count: int | None = None) -> Iterator[Item]:
    """Go through items and show in a terminal how many are done.

    The bar is tqdm's (extra ``progress``; ``collect`` has it, too). Without tqdm, where errors
    do not go to a terminal, and where the environment says ``TQDM_DISABLE=1``, nothing is shown.

    Parameters
    ----------
    items : iterable
    what : str
        What is done to each, in a word or two.
    count : int, optional
        How many items there are, where they do not know it themselves.

    Yields
    ------
    object
        The items, in order.

    Examples
    --------
    >>> [2 * each for each in steps([1, 2], "doubling")]
    [2, 4]
    """
    total = len(items) if isinstance(items, Sized) else count
    bar = _bar() if total != 1 else None
    if bar is None:
        yield from items
        return
    yield from bar(items, desc=what, total=total, delay=PATIENCE, disable=None, leave=False)


def _bar() -> Any:
    """What draws a bar, or None where it is not installed."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm
