"""How far long work is: a bar in a terminal, silence elsewhere."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")

PATIENCE = 2.0
"""Seconds of work that nobody needs to be told of."""


def steps(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Go through items and show in a terminal how many are done.

    The bar is tqdm's (extra ``progress``; ``collect`` has it, too). Without tqdm, where errors
    do not go to a terminal, and where the environment says ``TQDM_DISABLE=1``, nothing is shown.

    Parameters
    ----------
    items : sequence
    what : str
        What is done to each, in a word or two.

    Yields
    ------
    object
        The items, in order.

    Examples
    --------
    >>> [2 * each for each in steps([1, 2], "doubling")]
    [2, 4]
    """
    bar = _bar() if len(items) > 1 else None
    if bar is None:
        yield from items
        return
    yield from bar(items, desc=what, delay=PATIENCE, disable=None, leave=False)


def _bar() -> Any:
    """What draws a bar, or None where it is not installed."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm
