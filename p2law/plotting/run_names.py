"""Names of runs, made short by what does not tell them apart."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from p2law.plotting.notes import CUT, shortened

LETTERS = (34, 44, 60)
"""Of a name beside a panel; more only where names would be the same, and at last all."""

HASH = r"[-_/][0-9a-f]{8,}$"
"""What `p2law collect` ends names of runs with."""

BETWEEN = r"(?<=[-_/ ])|(?=[-_/ ])"
"""Between words of a name, which signs stand between."""

LEAST = 4
"""Letters that are left of a word."""


def labels(runs: Iterable[Any]) -> list[str]:
    """Names of runs that fit beside a panel.

    Where one is too long, the hash at the end of all is left out, then what all begin or end
    with, then words that stand in all, and the longest words are cut last; each only as long
    as the names stay different.

    Examples
    --------
    >>> labels(f"llama-390k-depth-{rate}-layer-importance-s0-811f73a6b1" for rate in (0.25, 0.5))
    ['…0.25…', '…0.5…']
    """
    names = [str(run) for run in runs]
    for letters in (*LETTERS, max(map(len, names), default=0)):
        told = _within(names, letters)
        if len(set(told)) == len(set(names)):
            break
    return told


def _within(names: list[str], letters: int) -> list[str]:
    """Names of at most so many letters, different ones as long as that can be."""
    for shorter in (_without_hashes, _without_ends, _without_common):
        if max(map(len, names), default=0) <= letters:
            break
        tried = shorter(names)
        names = tried if len(set(tried)) == len(set(names)) else names
    return [shortened(_cut(each, letters), letters) for each in names]


def _words(name: str) -> list[str]:
    """A name in words and the signs between them."""
    return [each for each in re.split(BETWEEN, name) if each]


def _without_hashes(names: Sequence[str]) -> list[str]:
    """Names less hashes at their ends, where all have one."""
    hashed = all(re.search(HASH, each) for each in names)
    return [re.sub(HASH, "", each) if hashed else each for each in names]


def _without_ends(names: Sequence[str]) -> list[str]:
    """Names less the words that all begin with, and those that all end with."""
    words = [_words(each) for each in names]
    start = _same(words)
    end = _same([each[start:][::-1] for each in words])
    if len(names) < 2 or not start + end:
        return list(names)
    kept = ["".join(each[start : len(each) - end]) for each in words]
    return [f"{CUT * bool(start)}{each}{CUT * bool(end)}" for each in kept]


def _same(words: Sequence[Sequence[str]]) -> int:
    """How many words all begin with."""
    columns = list(zip(*words, strict=False))
    return next((k for k, each in enumerate(columns) if len(set(each)) > 1), len(columns))


def _without_common(names: Sequence[str]) -> list[str]:
    """Names less words that stand in all of them, wherever, where there are several names."""
    words = [_words(each) for each in names]
    common = set.intersection(*map(set, words)) if len(names) > 1 else set[str]()
    common = {each for each in common if each.isalpha()}
    spared = ["".join(CUT if word in common else word for word in each) for each in words]
    return [re.sub(rf"[-_/ ]*{CUT}[-_/ {CUT}]*", CUT, each) for each in spared]


def _cut(name: str, most: int) -> str:
    """A name with its longest words cut, letter by letter; numbers stay whole."""
    words = _words(name)
    while sum(map(len, words)) > most:
        letters = [0 if re.search(r"\d", each) else len(each) for each in words]
        k = int(np.argmax(letters))
        if letters[k] <= LEAST:
            break
        words[k] = words[k][: letters[k] - 2] + CUT
    return "".join(words)
