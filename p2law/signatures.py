"""What the signature of a law says: columns, coefficients, and what their annotations carry."""

import inspect
import math
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from p2law.domains import Bounds, Domain, is_number
from p2law.errors import FormError
from p2law.text.wording import got

_Kind = TypeVar("_Kind", "Bounds", "Domain")


@dataclass(frozen=True)
class Input:
    """One column that a law reads."""

    name: str
    domain: Domain

    @property
    def symbol(self) -> str:
        """Letter of the input in the formula."""
        return self.domain.symbol or self.name


@dataclass(frozen=True)
class Coefficient:
    """One number that a law leaves to the data."""

    name: str
    bounds: Bounds
    start: float
    linear: bool


def read_signature(
    function: Callable[..., Any], linear: tuple[str, ...]
) -> tuple[tuple[Input, ...], tuple[Coefficient, ...]]:
    """Split a function's parameters into inputs and coefficients.

    Parameters
    ----------
    function : callable
    linear : tuple of str
        Names of the coefficients in which it is linear.

    Returns
    -------
    inputs : tuple of Input
    coefficients : tuple of Coefficient

    Raises
    ------
    FormError
        The declaration contradicts itself; the text names the argument.
    """
    if isinstance(function, type) or not callable(function) or not hasattr(function, "__name__"):
        raise FormError(f"a law is a function of columns and coefficients, got {got(function)}")
    name = function.__name__
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        message = f"{name}: an annotation cannot be resolved ({error}); define it at module level"
        raise FormError(message) from error
    inputs: list[Input] = []
    coefficients: list[Coefficient] = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            message = f"{name}: *{parameter.name} hides what the law reads; name every argument"
            raise FormError(message)
        if parameter.kind is parameter.KEYWORD_ONLY:
            coefficients.append(_read_coefficient(name, parameter, hint, linear))
        else:
            inputs.append(Input(parameter.name, _annotation(hint, Domain)))
    if not inputs or not coefficients:
        message = (
            f"{name}: a law needs at least one positional argument (a column) and one "
            f"keyword-only argument (a coefficient); put a * between them"
        )
        raise FormError(message)
    if unknown := sorted(set(linear) - {each.name for each in coefficients}):
        message = f"{name}: linear names {', '.join(unknown)}, which is no keyword-only argument"
        raise FormError(message)
    return tuple(inputs), tuple(coefficients)


def _annotation(hint: Any, kind: type[_Kind]) -> _Kind:
    """First annotation of the wanted kind, or the widest one."""
    found = (each for each in getattr(hint, "__metadata__", ()) if isinstance(each, kind))
    return next(found, kind())


def _read_coefficient(
    law: str, parameter: inspect.Parameter, hint: Any, linear: tuple[str, ...]
) -> Coefficient:
    """Read one keyword-only parameter, refusing what contradicts itself."""
    name, bounds = parameter.name, _annotation(hint, Bounds)
    has_default = parameter.default is not parameter.empty
    if bounds.least >= bounds.most:
        message = f"{law}: {name} has bounds {bounds.low}..{bounds.high}, which hold nothing"
        raise FormError(message)
    if name in linear:
        if has_default:
            message = (
                f"{law}: {name} is linear, so the fitter solves for it; "
                f"remove its default {parameter.default!r}"
            )
            raise FormError(message)
        if not {bounds.least, bounds.most} <= {0.0, math.inf, -math.inf}:
            message = (
                f"{law}: {name} is linear and may have a sign (0, None) or (None, 0) but no "
                f"other bounds; got {bounds.low}..{bounds.high}"
            )
            raise FormError(message)
        return Coefficient(name, bounds, math.nan, linear=True)
    if bounds.log and not bounds.least > 0:
        message = f"{law}: {name} is on a logarithmic scale, so its lower bound must be above 0"
        raise FormError(message)
    start = _start(law, name, parameter.default) if has_default else _default_start(bounds)
    if not bounds.least <= start <= bounds.most:
        message = (
            f"{law}: the start {name} = {start:g} lies outside its bounds "
            f"{bounds.low}..{bounds.high}; give a default inside them"
        )
        raise FormError(message)
    return Coefficient(name, bounds, start, linear=False)


def _start(law: str, name: str, default: Any) -> float:
    """The number at which a search starts."""
    if not is_number(default) or math.isinf(default):
        raise FormError(
            f"{law}: the default of {name} is the number where a search starts, got {got(default)}"
        )
    return float(default)


def _default_start(bounds: Bounds) -> float:
    """A point inside the bounds: their middle, or one unit inside the only one."""
    if math.isfinite(bounds.least) and math.isfinite(bounds.most):
        if bounds.log:
            return math.sqrt(bounds.least * bounds.most)
        return (bounds.least + bounds.most) / 2
    if math.isfinite(bounds.least):
        return bounds.least + 1
    return bounds.most - 1 if math.isfinite(bounds.most) else 1.0
