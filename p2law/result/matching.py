"""A saved fit held against the law and the settings that it says it is of."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from p2law.declaring import Form
from p2law.errors import SavedFitError
from p2law.forms import builtin
from p2law.result.verdicts import Status
from p2law.solving.gathering import KEPT, WEIGHT
from p2law.solving.settings import Settings
from p2law.text.wording import got, short

ROUNDED = 1e-9
"""So far, as a share, a coefficient at its bound may lie from it: logarithms are rounded."""


def find_form(name: str, coefficients: Sequence[str], handed: Sequence[Form]) -> Form:
    """Find the law of a saved fit among those handed over and those built in.

    Raises
    ------
    SavedFitError
        There is none, or it has other coefficients, or what was handed over is no law.
    """
    if not isinstance(handed, (list, tuple)) or not all(isinstance(f, Form) for f in handed):
        raise SavedFitError(f"forms are laws, as (my_law,), got {got(handed)}")
    laws: list[Form] = [*handed, *builtin]
    for each in laws:
        if each.name != name:
            continue
        if set(each.names) == set(coefficients):
            return each
        raise SavedFitError(
            f"the saved fit has coefficients {', '.join(coefficients)}, "
            f"but the law {name} has {', '.join(each.names)}"
        )
    raise SavedFitError(
        f"the saved fit is of a law {name!r}, which is not built in; hand it over: forms=({name},)"
    )


def check_asked(
    form: Form,
    settings: Settings,
    values: Mapping[str, float],
    held: Mapping[str, str],
    table: pd.DataFrame,
) -> None:
    """Check that a saved fit holds what its settings asked for.

    Raises
    ------
    SavedFitError
        A coefficient is not held that was to be, or at another value, or one is held that no
        fit would hold there; or rows are weighted that were not to be, or the other way round.
    """
    asked = [*settings.fixed, *settings.tied]
    free = [name for name in asked if name not in held]
    free += [name for name, value in settings.fixed.items() if values.get(name) != value]
    said = f"{free[0]} was to be held (fixed=, tied=) and is not" if free else ""
    for name in held:
        # What the records cannot tell is held where its term is nothing, or at its default.
        usual = name in form.names and values[name] in (0.0, form.coefficient(name).start)
        if name not in asked and not usual:
            said = f"{short(name)} is held, which neither fixed= nor tied= nor its value explain"
    if (settings.weight is None) == (WEIGHT in table):
        had = "weighted" if WEIGHT in table else "not weighted"
        said = f"its weight is {short(settings.weight)}, but its records are {had}"
    if said:
        raise SavedFitError(f"not a whole saved fit: {said}; something in it was changed")


def check_bounds(form: Form, values: Mapping[str, float], status: Status) -> None:
    """Check that a saved fit lies where its law lets coefficients lie.

    Beyond a bound refits would all stand at it, and tell of no noise.

    Raises
    ------
    SavedFitError
        A coefficient lies outside its bounds, or at none though one was; the law has changed.
    """
    at_bound = status is not Status.AT_BOUND
    for name in form.names:
        value, bounds = values[name], form.coefficient(name).bounds
        near = [math.isclose(value, end, rel_tol=ROUNDED) for end in (bounds.least, bounds.most)]
        at_bound |= any(near)
        if not (bounds.least <= value <= bounds.most or any(near)):
            raise SavedFitError(
                f"{name} = {short(value)} of the saved fit lies outside the bounds "
                f"{short(bounds.least)}..{short(bounds.most)} of the law {form.name}; "
                f"hand over the law that was fitted, or fit this one"
            )
    if not at_bound:
        raise SavedFitError(
            f"the saved fit ended at a bound of the law {form.name}, and no coefficient is at one "
            f"now; hand over the law that was fitted, or fit this one"
        )


def kept(table: pd.DataFrame, form: Form) -> pd.DataFrame:
    """The columns of a fit's records, numbers as float64.

    Raises
    ------
    SavedFitError
        A row belongs to no run.
    """
    if (lost := np.flatnonzero(table["run"].isna())).size:
        raise SavedFitError(f"not a whole saved fit: row {lost[0]} of its records names no run")
    labels = table.columns.intersection([*KEPT]).difference([*form.columns, form.target])
    numeric = [*form.columns, form.target, *table.columns.intersection([WEIGHT])]
    return table[list(dict.fromkeys(["run", *numeric, *labels]))].astype(
        dict.fromkeys(numeric, np.float64)
    )
