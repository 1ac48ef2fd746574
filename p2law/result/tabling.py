"""The table of coefficients: what each one is, in which unit, and what it rests on."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from p2law.declaring import Coefficient, Form
from p2law.identify import Directions, along
from p2law.identify.ties import ties
from p2law.solving.surface import Surface
from p2law.text.views import number
from p2law.text.wording import listed

STEP = 1e-6


def table(
    surface: Surface,
    values: Mapping[str, float],
    held: Mapping[str, str],
    found: Directions,
    ends: pd.DataFrame,
) -> pd.DataFrame:
    """Coefficients: estimate, interval, unit, size of the term at the middle of the data, note.

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
    ends : DataFrame
        Columns low and high, indexed by coefficient.

    Returns
    -------
    DataFrame
        Indexed by coefficient.
    """
    size = dict(zip(surface.names, surface.coordinates(values), strict=True))
    rests = _resting(surface, values, found, [name for name in surface.names if name in held])
    floats = _resting(surface, values, found, [name for name in found.idle if name not in held])
    together = (*found.together, *(each.exchanged for each in ties(surface)))
    rows = []
    for each in surface.form.coefficients:
        name = each.name
        note = f"held: {held[name]}" if name in held else ""
        note = note or _free(name, together, rests.get(name, []), floats.get(name, []))
        note = note or ("moves no prediction" if name in found.idle and name not in held else "")
        known = each.name not in held and not note
        rows.append(
            {
                "coefficient": each.name,
                "estimate": values[each.name],
                **{end: ends.loc[each.name, end] if known else np.nan for end in ("low", "high")},
                "unit": each.bounds.unit,
                "term": _term(surface, each, values, size),
                "note": note or _at_bound(each, values[each.name]),
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


def _free(
    name: str,
    together: Sequence[tuple[str, ...]],
    rests: Sequence[str],
    floats: Sequence[str],
) -> str:
    """Words for a coefficient that can move without changing any prediction on the records."""
    others = next((each for each in together if name in each), ())
    if rests:
        return f"{'' if others else 'known at the middle, else '}rests on {listed(rests)}"
    if others:
        return f"NOT DETERMINED with {listed([each for each in others if each != name])}"
    if floats:
        return f"ONLY AT THE MIDDLE, with {listed(floats)} free"
    return ""


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
        step = STEP * way / np.abs(way / surface.typical(q)).max()
        moved, before = surface.coefficients(q + step), surface.coefficients(q)
        for other in surface.names:
            change = abs(moved[other] - before[other])
            if other != name and change > 1e-3 * STEP * abs(before[other]):
                resting.setdefault(other, []).append(name)
    return resting
