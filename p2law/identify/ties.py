"""Inputs that never vary apart: what each of them does is then hardly seen, or not at all.

Counting levels would pass such records, and the rank may pass them too: a law that adds a
power of each input fits them just as well with the two powers exchanged.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from p2law.declaring import Array, Mask, Whole
from p2law.solving.projection import solved
from p2law.solving.spreading import scattered
from p2law.solving.surface import Surface
from p2law.text.views import number
from p2law.text.wording import listed

EXACT = 1e-6
"""Largest deviation of logarithms from a straight line, as a share of their range, that is
still called a fixed relation."""

CURE = "add runs in which they vary apart"

SOME_ROWS = 10_000
"""Rows of a table that are looked at before all of it."""

MOVES = 1e-6
"""Relative change of a derivative that counts as one."""


@dataclass(frozen=True)
class Tie:
    """Two inputs of which one tells the other, always rising or always falling.

    Attributes
    ----------
    names : tuple of str
    exchanged : tuple of str
        Coefficients that can change places without changing any prediction on the records,
        though they change others.
    pairs : int
        Distinct pairs of values in the records.
    power, log_factor : float
        The second is ``exp(log_factor)`` times the first to this power, where `exact`.
    exact : bool
    """

    names: tuple[str, str]
    exchanged: tuple[str, ...]
    pairs: int
    power: float
    log_factor: float
    exact: bool

    @property
    def fact(self) -> str:
        """What the records show."""
        first, second = self.names
        power = "" if abs(self.power - 1) < EXACT else f"^{number(self.power)}"
        line = f"{second} = {number(float(np.exp(self.log_factor)))} {first}{power}"
        how = line if self.exact else f"{self.pairs} pairs of values"
        return f"{first} and {second} vary together in the records ({how})"

    def __str__(self) -> str:
        if self.exchanged:
            return (
                f"{listed(self.exchanged)} cannot be told apart: {self.fact}, and predictions "
                f"elsewhere come out as NaN; {CURE}"
            )
        return f"{self.fact}: what each does is told apart by the form of the law alone; {CURE}"

    def holds(self, first: Array, second: Array) -> Mask:
        """Tell which values are related as recorded; all of them where nothing is exchanged."""
        if not self.exchanged:
            return np.ones(len(first), dtype=bool)
        expected = np.exp(self.log_factor) * first**self.power
        return np.asarray(np.abs(second - expected) <= 1e-3 * np.abs(expected))


def ties(surface: Surface) -> tuple[Tie, ...]:
    """Find the pairs of inputs that never vary apart and that the law looks at.

    Parameters
    ----------
    surface : Surface
        The law over the inputs of the records.

    Returns
    -------
    tuple of Tie
    """
    columns = dict(zip(surface.form.columns, surface.columns, strict=True))
    varying = [name for name, each in columns.items() if (each > 0).all() and np.ptp(each) > 0]
    return tuple(
        _tie(surface, (first, second), rows)
        for first, second in itertools.combinations(varying, 2)
        if _tells(columns[second][rows := _one_of_each(columns[first], columns[second])])
        and matters(surface, first)
        and matters(surface, second)
    )


def _one_of_each(first: Array, second: Array) -> Whole:
    """A row for each value of one input, rising; none where one goes with several of the other."""
    if len(first) > SOME_ROWS:  # mostly some rows show it, and a table of millions takes long
        some = scattered(len(first), SOME_ROWS)
        if not len(_one_of_each(first[some], second[some])):
            return some[:0]
    code, values = pd.factorize(first)  # in one pass, without sorting all rows
    row = np.empty(len(values), dtype=np.intp)
    row[code] = np.arange(len(code))
    if (second[row][code] != second).any():
        return row[:0]
    return np.asarray(row[np.argsort(values)])


def _tells(values: Array) -> bool:
    """Tell whether values rise or fall all the way, in three places."""
    steps = np.diff(values)
    return len(steps) > 1 and bool((steps > 0).all() or (steps < 0).all())


def _tie(surface: Surface, names: tuple[str, str], rows: Whole) -> Tie:
    columns = dict(zip(surface.form.columns, surface.columns, strict=True))
    x, y = (np.log(columns[name][rows]) for name in names)
    power, log_factor = np.polyfit(x, y, 1)
    off = np.abs(power * x + log_factor - y).max()
    exact = bool(off <= EXACT * np.ptp(y))
    # However often a value stands, and wherever: what is exchanged is seen where the two vary.
    some = surface.at_rows(np.append(rows[scattered(len(rows), 32)], scattered(surface.rows, 32)))
    exchanged = _exchanged(some, names[0]) if exact else ()
    return Tie(names, exchanged, len(x), float(power), float(log_factor), exact)


def _beside(surface: Surface, name: str) -> tuple[Surface, Surface]:
    """Rows, and the same with one input a little less."""
    k = surface.form.columns.index(name)
    columns = list(surface.columns)
    columns[k] = 0.9 * columns[k]
    inside = np.flatnonzero(surface.form.inputs[k].domain.contains(columns[k]))
    return surface.at_rows(inside), surface.over(columns).at_rows(inside)


def matters(surface: Surface, name: str) -> bool:
    """Tell whether what any coefficient does changes with an input.

    Parameters
    ----------
    surface : Surface
    name : str
    """
    few = _beside(surface.few(), name)
    before, after = (each.jacobian(surface.generic_point()) for each in few)
    known = np.isfinite(before) & np.isfinite(after)  # else the law overflows there
    before, after = before[known], after[known]
    return bool((np.abs(after - before) > MOVES * np.abs(before).max(initial=0.0)).any())


def _exchanged(surface: Surface, name: str) -> tuple[str, ...]:
    """Coefficients that can change places without changing a prediction on the rows."""
    few, beside = _beside(surface, name)
    count, (low, high) = len(surface.nonlinear), surface.box
    q = surface.generic_point()
    q *= 1 + 0.1 * np.arange(len(q))  # like terms must differ for an exchange to be seen
    q[:count] = np.clip(q[:count], low[:count], high[:count])
    here, there, even = few.predict(q), beside.predict(q), np.ones(few.rows)
    if not (np.isfinite(here).all() and np.isfinite(there).all()):
        return ()
    same = 1e-9 * float(np.ptp(here))
    moved: set[str] = set()
    for i, j in itertools.combinations(range(count), 2):
        u = q[:count].copy()
        u[[i, j]] = u[[j, i]]
        other = solved(few, here, even, u)
        if np.abs(few.predict(other) - here).max() > same:
            continue
        if np.abs(beside.predict(other) - there).max() > 1e3 * same:
            far = np.abs(other - q) > MOVES
            moved |= {each for each, is_far in zip(surface.names, far, strict=True) if is_far}
    return tuple(each for each in surface.form.names if each in moved)
