"""What a fit is asked for: checked before anything is computed, and kept with the answer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Integral
from types import MappingProxyType
from typing import Any

import numpy as np

from p2law._version import __version__
from p2law.declaring import Form
from p2law.domains import is_number
from p2law.errors import FitError, FormError
from p2law.objectives import Objective
from p2law.text.wording import got, short


@dataclass(frozen=True)
class Settings:
    """What was asked for: enough to ask again."""

    objective: str
    weight: str | None
    fixed: Mapping[str, float]
    tied: Mapping[str, str]
    seed: int
    version: str

    def __post_init__(self) -> None:
        for name in ("fixed", "tied"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> Any:
        return Settings, tuple(self.plain().values())

    def plain(self) -> dict[str, Any]:
        """The same as a dictionary of plain values."""
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return found | {"fixed": dict(self.fixed), "tied": dict(self.tied)}


def settings(objective: Any, weight: Any, fixed: Any, tied: Any, seed: Any) -> Settings:
    """Check the settings of a fit.

    Raises
    ------
    FitError
        One is of the wrong kind; the text names it, what it is and what belongs there.
    """
    if not isinstance(objective, Objective):
        cure = "call it" if callable(objective) else "write for instance p2law.huber(1e-3)"
        raise FitError(
            f"objective is p2law.squared() or p2law.huber(delta), got {got(objective)}; {cure}"
        )
    if weight is not None and not isinstance(weight, str):
        raise FitError(
            f"weight is the name of a column, or 'run', got {got(weight)}; "
            f"write weights into a column of the records"
        )
    whole = checked_seed(seed)
    return Settings(
        str(objective), weight and str(weight), _fixed(fixed), _tied(tied), whole, __version__
    )


def checked_seed(seed: Any) -> int:
    """Check that something is a seed.

    Raises
    ------
    FitError
        It is no whole number from 0 on.
    """
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, Integral) or seed < 0:
        raise FitError(f"seed is a whole number from 0 on, got {got(seed)}; write for instance 0")
    return int(seed)


def checked_form(form: Any) -> Form:
    """Check that something is a law.

    Raises
    ------
    FormError
        It is not; the text says how to make or find one.
    """
    if isinstance(form, Form):
        return form
    cure = "pass the law itself"
    if callable(form):
        cure = "declare the function with @p2law.form() above it"
    raise FormError(f"form is a law such as p2law.forms.chinchilla, got {got(form)}; {cure}")


def _fixed(fixed: Any) -> dict[str, float]:
    found = {}
    for name, value in _mapping("fixed", fixed, "{'alpha': 0.3}").items():
        if not (is_number(value) and math.isfinite(value)):
            raise FitError(
                f"fixed {name} = {short(value)} is not a finite number; write for instance 0.3"
            )
        found[name] = float(value)
    return found


def _tied(tied: Any) -> dict[str, str]:
    found = _mapping("tied", tied, "{'beta': 'alpha'}")
    for name, other in found.items():
        if not isinstance(other, str):
            raise FitError(
                f"tied {name} = {short(other)} names no coefficient; write for instance 'alpha', "
                f"or hold it at a number with fixed"
            )
    return {name: str(other) for name, other in found.items()}


def _mapping(what: str, given: Any, example: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not (isinstance(given, Mapping) and all(isinstance(name, str) for name in given)):
        raise FitError(f"{what} maps names of coefficients, as {example}, got {got(given)}")
    return {str(name): value for name, value in given.items()}
