"""How a law is declared: one pure function whose signature says everything.

Positional arguments are record columns, keyword-only arguments are coefficients.
`Domain` and `Bounds` annotations carry what a name cannot: where the law has a
value, how far a coefficient may go, and in which unit.
"""

import functools
import inspect
import math
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from p2law.domains import Array, Bounds, Domain, Mask
from p2law.errors import FormError

__all__ = [
    "Array",
    "Bounds",
    "Coefficient",
    "Domain",
    "Form",
    "Input",
    "Mask",
    "Published",
    "form",
]

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


@dataclass(frozen=True)
class Published:
    """Coefficients of a law as somebody published them.

    Parameters
    ----------
    source : str
        Where they are printed.
    values : mapping of str to float
        In the units of the form.
    note : str
        Units and setting, as far as they matter.
    """

    source: str
    values: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True, eq=False)
class Form:
    """A law: a pure function and what is declared about it.

    Made by `form`, not by hand. Calling a form calls its function.

    Attributes
    ----------
    name : str
        Name of the function.
    function : callable
        Positional columns in, keyword-only coefficients in, predictions out.
    inputs : tuple of Input
    coefficients : tuple of Coefficient
    formula : str
        Text of the law, empty where none was given.
    rescales : tuple of str
        Inputs whose unit may change without leaving the family.
    reference : str
    target : str
        Column that the law predicts.
    derivatives : callable or None
        Same arguments as `function`; returns a mapping from each non-linear
        coefficient to the derivative of the prediction.
    published : tuple of Published
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[Input, ...]
    coefficients: tuple[Coefficient, ...]
    formula: str = ""
    rescales: tuple[str, ...] = ()
    reference: str = ""
    target: str = "loss"
    derivatives: Callable[..., Mapping[str, Any]] | None = None
    published: tuple[Published, ...] = ()

    def __post_init__(self) -> None:
        for attribute in (*functools.WRAPPER_ASSIGNMENTS, "__wrapped__"):
            own = self.function if attribute == "__wrapped__" else getattr(self.function, attribute)
            object.__setattr__(self, attribute, own)

    def __call__(self, *columns: Any, **coefficients: Any) -> Any:
        """Evaluate the law: columns in declared order, coefficients by name."""
        return self.function(*columns, **coefficients)

    def __reduce__(self) -> Any:
        # A law that its module holds travels by name, one from a notebook by its parts.
        module = sys.modules.get(self.function.__module__)
        if getattr(module, self.name, None) is self:
            return self.name
        return Form, tuple(getattr(self, each.name) for each in fields(self))

    def __repr__(self) -> str:
        return f"<form {self.name}: {self.formula or ', '.join(self.names)}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all coefficients, in declared order."""
        return tuple(each.name for each in self.coefficients)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns the law reads."""
        return tuple(each.name for each in self.inputs)

    @property
    def linear(self) -> tuple[str, ...]:
        """Names of the coefficients in which the law is linear."""
        return tuple(each.name for each in self.coefficients if each.linear)

    def coefficient(self, name: str) -> Coefficient:
        """One coefficient by name.

        Raises
        ------
        FormError
            The law has no such coefficient.
        """
        for each in self.coefficients:
            if each.name == name:
                return each
        message = f"{self.name} has no coefficient {name!r}; it has {', '.join(self.names)}"
        raise FormError(message)


def form(
    formula: str = "",
    *,
    linear: tuple[str, ...] = (),
    rescales: tuple[str, ...] = (),
    reference: str = "",
    target: str = "loss",
    derivatives: Callable[..., Mapping[str, Any]] | None = None,
    published: tuple[Published, ...] = (),
) -> Callable[[Callable[..., Any]], Form]:
    """Declare a law: decorate a pure function of columns and coefficients.

    Parameters
    ----------
    formula : str
        Text of the law with the symbols of the inputs and the names of the
        coefficients, ``^`` for powers: ``"L = floor + scale * D^-beta"``.
    linear : tuple of str
        Coefficients in which the law is linear once the others are held. The
        fitter solves for them, so they take no default.
    rescales : tuple of str
        Inputs whose unit may change without leaving the family.
    reference : str
        Where the law comes from.
    target : str
        Column that the law predicts.
    derivatives : callable
        Optional exact derivatives with respect to the non-linear coefficients,
        as a mapping; complex-step derivatives are used without it.
    published : tuple of Published

    Returns
    -------
    callable
        A decorator that turns the function into a `Form`.

    Raises
    ------
    FormError
        The declaration contradicts itself; the text names the argument.

    Examples
    --------
    >>> from typing import Annotated
    >>> import p2law
    >>> @p2law.form("L = floor + scale * D^-beta", linear=("floor", "scale"))
    ... def fading(
    ...     tokens: Annotated[float, p2law.Domain("> 0", symbol="D", unit="token")],
    ...     *,
    ...     floor: Annotated[float, p2law.Bounds(0, None, "nat", "what no data removes")],
    ...     scale: Annotated[float, p2law.Bounds(0, None, "nat token^beta", "what data remove")],
    ...     beta: Annotated[float, p2law.Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.4,
    ... ):
    ...     return floor + scale * tokens**-beta
    >>> fading(100.0, floor=2.0, scale=3.0, beta=0.5)
    2.3
    """
    if callable(formula):
        message = "write @form() with parentheses above the function, not @form"
        raise FormError(message)

    def declare(function: Callable[..., Any]) -> Form:
        inputs, coefficients = _read_signature(function, linear)
        unknown = set(rescales) - {each.name for each in inputs}
        if unknown:
            message = f"{function.__name__}: rescales names {sorted(unknown)}, which are not inputs"
            raise FormError(message)
        return Form(
            name=function.__name__,
            function=function,
            inputs=inputs,
            coefficients=coefficients,
            formula=formula,
            rescales=rescales,
            reference=reference,
            target=target,
            derivatives=derivatives,
            published=published,
        )

    return declare


def _read_signature(
    function: Callable[..., Any], linear: tuple[str, ...]
) -> tuple[tuple[Input, ...], tuple[Coefficient, ...]]:
    """Split a function's parameters into inputs and coefficients."""
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
    start = _default_start(bounds) if not has_default else float(parameter.default)
    if not bounds.least <= start <= bounds.most:
        message = (
            f"{law}: the start {name} = {start:g} lies outside its bounds "
            f"{bounds.low}..{bounds.high}; give a default inside them"
        )
        raise FormError(message)
    return Coefficient(name, bounds, start, linear=False)


def _default_start(bounds: Bounds) -> float:
    """A point inside the bounds: their middle, or one unit inside the only one."""
    if math.isfinite(bounds.least) and math.isfinite(bounds.most):
        if bounds.log:
            return math.sqrt(bounds.least * bounds.most)
        return (bounds.least + bounds.most) / 2
    if math.isfinite(bounds.least):
        return bounds.least + 1
    return bounds.most - 1 if math.isfinite(bounds.most) else 1.0
