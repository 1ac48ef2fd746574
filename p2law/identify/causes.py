"""Why the records leave coefficients free: which inputs they vary too little, found by trial."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array
from p2law.identify import CLEARLY, Directions, Evidence, at, directions
from p2law.identify.ties import CURE, matters, ties
from p2law.records import counted
from p2law.records.vocabulary import noun
from p2law.solving.starting import spread_rows
from p2law.solving.surface import Surface
from p2law.text.views import number
from p2law.text.wording import listed

HOLD = "the records hold "

FLAT = "the curve hardly shows it over the records'"

AROUND = (0.3, 3.0)
"""Factors that lead from the inputs of the records to others that one may ask about."""

FARTHER = (10.0, 100.0, 1000.0)
"""Factors that lead far out of the range of an input."""

FEW_VALUES = 6
"""Inputs with more distinct values than that have some to spare."""

NEAR = 0.1
"""Values that differ by no more than this share are said to lie near each other."""


@dataclass(frozen=True)
class Loose:
    """Coefficients that the records leave free together, and what the records lack.

    Attributes
    ----------
    names : tuple of str
        One coefficient that moves nothing, or several that move together.
    why : str
        What the records hold too little of.
    further : str
        Which runs would settle them; empty where none are known to.
    """

    names: tuple[str, ...]
    why: str
    further: str = ""

    @property
    def cure(self) -> str:
        """What would settle them."""
        hold = f"hold {'one of them' if len(self.names) > 1 else 'it'} (fixed=)"
        return f"{self.further} or {hold}" if self.further else hold

    def __str__(self) -> str:
        if len(self.names) == 1:
            return f"{self.names[0]} moves no prediction on these records: {self.why}"
        return f"{listed(self.names)} move together: {self.why}"


def loose(surface: Surface, q: Array, found: Directions) -> tuple[Loose, ...]:
    """What the inputs of a surface leave free at coordinates `q`, each with its cause.

    The cause is found by trial: rows in which one input takes further values are
    added, and if that settles the coefficients, this input was lacking.

    Parameters
    ----------
    surface : Surface
    q : ndarray of shape (free,)
    found : Directions
        Null directions at `q`.

    Returns
    -------
    tuple of Loose
    """
    awake = _awake(surface, q)
    jobless = meaningless(surface, q, found.idle)
    # A term that noise has driven to 0 hides what the rows leave free, and seems to free others.
    found = found if np.array_equal(awake, q) else at(surface, awake)
    groups = _groups_of(found) - {(name,) for name in jobless}
    if not groups:
        return ()
    levels = _levels(surface)
    tied = [each for each in ties(surface) if each.exact]
    settles = {
        name: groups - _groups_of(at(_varied(surface, name, (1.0, 0.8, 0.5, 0.3)), awake))
        for name in levels
    }
    out = []
    for group in sorted(groups, key=lambda group: (-len(group), group)):
        lacking = [name for name in levels if group in settles[name]]
        wider = None if lacking else _wider(surface, awake, group)
        facts = [each.fact for each in tied if not lacking or {*lacking} == {*each.names}]
        if wider:
            out.append(Loose(group, *wider))
        elif facts:
            out.append(Loose(group, listed(facts), f"{CURE},"))
        elif lacking:
            out.append(Loose(group, HOLD + listed([levels[name] for name in lacking]), "add some"))
        else:
            out.append(Loose(group, f"{FLAT} ranges"))
    return tuple(out)


def _wider(surface: Surface, q: Array, group: Sequence[str]) -> tuple[str, str] | None:
    """Words for the range of an input in which the law is flat, and for one that settles a group.

    Found by trial: the nearest end; nothing where no input alone settles it.
    """
    others = _loose_names(surface, q) - {*group}
    inputs = list(zip(surface.form.columns, surface.columns, strict=True))
    for times, (k, (name, column)) in itertools.product(FARTHER, enumerate(inputs)):
        low, high = float(column.min()), float(column.max())
        for factor in (times, 1 / times) if low > 0 else ():
            wider = _varied(surface, name, (1.0, factor))
            found = wider.columns[k]
            least, most = float(found.min()), float(found.max())
            if (least, most) == (low, high):
                continue
            left = directions(wider.factor(q), wider.names, wider.typical(q), CLEARLY)
            if not {*left.idle, *itertools.chain(*left.together)} <= others:
                continue
            end = f"up to {number(most)}" if most > high else f"down to {number(least)}"
            within = f"{noun(name, 2)} ({number(low)} to {number(high)})"
            return f"{FLAT} {within}", f"add some {end}"
    return None


def meaningless(surface: Surface, q: Array, idle: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Coefficients that move no prediction anywhere because others are 0, with all these others.

    Parameters
    ----------
    surface : Surface
    q : ndarray of shape (free,)
    idle : sequence of str
        Coefficients that move no prediction on the rows of the surface.

    Returns
    -------
    dict of str to tuple of str
        Any of them would give the coefficient a meaning.
    """
    if not idle:
        return {}
    anywhere = _joined(surface, _around(surface))
    still, found = set(idle) & set(at(anywhere, q).idle), dict[str, tuple[str, ...]]()
    for name in surface.form.linear:
        k = surface.names.index(name) if name in surface.linear else -1
        if k >= 0 and q[k] == 0:
            woken = at(anywhere, np.where(np.arange(len(q)) == k, 1.0, q))
        elif surface.freedom.fixed.get(name) == 0:
            woken = at(anywhere.awaking(name), q)
        else:
            continue
        for each in sorted(still - set(woken.idle)):
            found[each] = (*found.get(each, ()), name)
    return found


def faint(surface: Surface, known: Evidence) -> tuple[str, ...]:
    """What the records hold of inputs that vary too little to tell much elsewhere."""
    parts = _around(surface)
    sure = known.determines(_joined(surface, parts))
    if sure.all():
        return ()
    ends = np.cumsum([part.rows for part in parts])
    levels = zip(_levels(surface).values(), np.split(sure, ends[:-1]), strict=True)
    return tuple(HOLD + words for words, each in levels if not each.all())


def barely(surface: Surface) -> tuple[str, ...]:
    """Sentences about inputs whose distinct values just suffice, so that none is left as a check.

    Found by trial: without any one of its values some coefficients would be free.
    """
    few = surface.at_rows(spread_rows(surface, 256, 256))
    q, levels, sentences = surface.generic_point(), _levels(surface), []
    for name, column in zip(few.form.columns, few.columns, strict=True):
        values = np.unique(column)
        if not 2 <= len(values) <= FEW_VALUES or not matters(surface, name):
            continue
        loose = [_loose_names(few.at_rows(np.flatnonzero(column != value)), q) for value in values]
        common = set.intersection(*loose) - _loose_names(few, q)
        if common:
            names = listed([each for each in surface.form.names if each in common])
            sentences.append(
                f"{levels[name]} just suffice for {names}: no further one checks how the law goes "
                f"with {name}, and no interval shows an error in that"
            )
    return tuple(sentences)


def _loose_names(surface: Surface, q: Array) -> set[str]:
    """Coefficients that the rows of a surface leave free."""
    found = at(surface, q)
    return {*found.idle, *itertools.chain(*found.together)}


def _levels(surface: Surface) -> dict[str, str]:
    """Words for the distinct values of each input, and for how near each other they lie."""
    found = {}
    for name, column in zip(surface.form.columns, surface.columns, strict=True):
        spread = float(np.ptp(column) / (np.abs(column).max() or 1.0))
        near = f" within {number(100 * spread, 1)} %" if 0 < spread < NEAR else ""
        found[name] = counted(len(np.unique(column)), name) + near
    return found


def _around(surface: Surface) -> list[Surface]:
    """The same law over a few of the rows and around them, for one input after the other."""
    return [_varied(surface.few(), name, AROUND) for name in surface.form.columns]


def _joined(surface: Surface, parts: Sequence[Surface]) -> Surface:
    """All rows of several surfaces of one law."""
    columns = zip(*(part.columns for part in parts), strict=True)
    return surface.over([np.concatenate(each) for each in columns])


def _varied(surface: Surface, name: str, factors: Sequence[float]) -> Surface:
    """The same law over the same rows with one input multiplied, where the law has a value."""
    columns = [np.tile(each, len(factors)) for each in surface.columns]
    k = surface.form.columns.index(name)
    columns[k] = np.concatenate([factor * surface.columns[k] for factor in factors])
    inside = surface.form.inputs[k].domain.contains(columns[k])
    return surface.over([each[inside] for each in columns])


def _groups_of(found: Directions) -> set[tuple[str, ...]]:
    """Groups of coefficients that the rows leave free together, and single idle ones."""
    return {*found.together, *((name,) for name in found.idle)}


def _awake(surface: Surface, q: Array) -> Array:
    """The same coordinates with a term of size 1 for every term that is 0."""
    linear = np.arange(len(q)) >= len(surface.nonlinear)
    return np.where(linear & (q == 0), 1.0, q)
