"""The table of coefficients: what each one is, in which unit, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd

from p2law.declaring import Coefficient, Form
from p2law.identify import Directions, along
from p2law.identify.ties import Tie
from p2law.solving.surface import Surface
from p2law.text.views import number
from p2law.text.wording import listed

MOVES = 1e-3
"""A coefficient that changes by this share rests on what does not stay the size it is."""


class Basis(Enum):
    """How far the records tell a coefficient."""

    TOLD = "they tell it"
    HELD = "it was not fitted to them"
    MIDDLE = "they tell what it makes at their middle, not what it is elsewhere"
    OPEN = "they leave it free"


@dataclass(frozen=True)
class Footing:
    """What an estimate rests on, and the words for it."""

    basis: Basis
    note: str = ""


def footings(
    surface: Surface,
    values: Mapping[str, float],
    held: Mapping[str, str],
    found: Directions,
    ties: Sequence[Tie],
) -> dict[str, Footing]:
    """Tell what each coefficient rests on.

    Parameters
    ----------
    surface : Surface
        The law over the records, free in all that the caller did not hold.
    values : mapping of str to float
        All coefficients.
    held : mapping of str to str
        Those that were not fitted, and why.
    found : Directions
        What the records leave free on the surface.
    ties : sequence of Tie
        Inputs that never vary apart in the records.

    Returns
    -------
    dict of str to Footing
    """
    rests = _resting(surface, values, found, [name for name in surface.names if name in held])
    floats = _resting(surface, values, found, [name for name in found.idle if name not in held])
    together = (*found.together, *(each.exchanged for each in ties))
    return {
        name: Footing(Basis.HELD, f"held: {held[name]}")
        if name in held
        else _fitted(
            name, together, rests.get(name, []), floats.get(name, []), idle=name in found.idle
        )
        for name in surface.form.names
    }


def table(
    surface: Surface,
    values: Mapping[str, float],
    footing: Mapping[str, Footing],
    ends: pd.DataFrame,
) -> pd.DataFrame:
    """Coefficients: estimate, interval, unit, size of the term at the middle of the data, note.

    Parameters
    ----------
    surface : Surface
        The law over the records, free in all that the caller did not hold.
    values : mapping of str to float
        All coefficients.
    footing : mapping of str to Footing
        As `footings` tells it.
    ends : DataFrame
        Columns low and high, indexed by coefficient.

    Returns
    -------
    DataFrame
        Indexed by coefficient.
    """
    size = dict(zip(surface.names, surface.coordinates(values), strict=True))
    rows = []
    for each in surface.form.coefficients:
        told = footing[each.name].basis is Basis.TOLD
        rows.append(
            {
                "coefficient": each.name,
                "estimate": values[each.name],
                **{end: ends.loc[each.name, end] if told else np.nan for end in ("low", "high")},
                "unit": each.bounds.unit,
                "term": _term(surface, each, values, size),
                "note": footing[each.name].note or _at_bound(each, values[each.name]),
            }
        )
    return pd.DataFrame(rows).set_index("coefficient")


def _term(
    surface: Surface, each: Coefficient, values: Mapping[str, float], size: Mapping[str, float]
) -> float:
    """Size of a linear coefficient's term at the pivot; NaN for an exponent."""
    if not each.linear:
        return float("nan")
    if each.name in size:
        return float(size[each.name])
    form: Form = surface.form
    middle = dict(zip(form.columns, np.array(surface.pivot)[:, None], strict=True))
    one = Surface(form, middle)
    return float(dict(zip(one.names, one.coordinates(values), strict=True))[each.name])


def _fitted(
    name: str,
    together: Sequence[tuple[str, ...]],
    rests: Sequence[str],
    floats: Sequence[str],
    *,
    idle: bool,
) -> Footing:
    """What a fitted coefficient rests on: it may move and change no prediction on the records."""
    others = next((each for each in together if name in each), ())
    if rests and others:
        return Footing(Basis.OPEN, f"rests on {listed(rests)}")
    if rests:
        return Footing(Basis.MIDDLE, f"known at the middle, else rests on {listed(rests)}")
    if others:
        others = tuple(each for each in others if each != name)
        return Footing(Basis.OPEN, f"NOT DETERMINED with {listed(others)}")
    if floats:
        return Footing(Basis.MIDDLE, f"ONLY AT THE MIDDLE, with {listed(floats)} free")
    if idle:
        return Footing(Basis.OPEN, "moves no prediction")
    return Footing(Basis.TOLD)


def _at_bound(each: Coefficient, value: float) -> str:
    ends = {"LOWER": each.bounds.low, "UPPER": each.bounds.high}
    return "".join(f"AT {side} BOUND {number(end)}" for side, end in ends.items() if end == value)


def _resting(
    surface: Surface, values: Mapping[str, float], found: Directions, names: Sequence[str]
) -> dict[str, list[str]]:
    """Coefficients that move, in the unit of the law, when one of `names` does and nothing else.

    Where one model size leaves delta free, D_C is known at that size and nowhere else.
    """
    q = surface.coordinates(values)
    resting: dict[str, list[str]] = {}
    for name, way in along(found, names).items():
        step = way / np.abs(way / surface.typical(q)).max()
        with np.errstate(all="ignore"):  # what overflows is not told
            changes = dict(zip(surface.names, np.abs(step @ surface.chain(q)), strict=True))
        for other, change in changes.items():
            if other != name and change > MOVES * abs(values[other]):
                resting.setdefault(other, []).append(name)
    return resting
