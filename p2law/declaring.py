"""How a law is declared: one pure function whose signature says everything.

Positional arguments are record columns, keyword-only arguments are coefficients.
`Domain` and `Bounds` annotations carry what a name cannot: where the law has a
value, how far a coefficient may go, and in which unit.
"""

import functools
import inspect
import math
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from p2law.errors import FormError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
_Kind = TypeVar("_Kind", "Bounds", "Domain")


@dataclass(frozen=True)
class Bounds:
    """Range, unit and meaning of a coefficient.

    Parameters
    ----------
    low, high : float or None
        Closed bounds; None means none. A linear coefficient has a sign at most.
    unit : str
        For instance ``"nat token^beta"``; ``"1"`` for a pure number. A
        non-linear coefficient whose unit is the unit of an input is searched
        over the range that this input has in the records.
    meaning : str
        What the coefficient says, in a few words.
    log : bool
        Search and fit the coefficient on a logarithmic scale (it is positive
        and its order of magnitude is not known beforehand).
    """

    low: float | None = None
    high: float | None = None
    unit: str = "1"
    meaning: str = ""
    log: bool = False

    @property
    def least(self) -> float:
        """Lower bound as a number: minus infinity where there is none."""
        return -math.inf if self.low is None else float(self.low)

    @property
    def most(self) -> float:
        """Upper bound as a number: infinity where there is none."""
        return math.inf if self.high is None else float(self.high)


_HALF_LINE = re.compile(r"^(>=|>|<=|<)\s*(\S+)$")
_INTERVAL = re.compile(r"^([\[(])\s*(\S+)\s*,\s*(\S+)\s*([\])])$")


@dataclass(frozen=True)
class Domain:
    """Where a law has a value, for one of its inputs.

    Parameters
    ----------
    rule : str
        ``"> 0"``, ``">= 0"``, ``"< 1"``, ``"(0, 1)"``, ``"[0, 1)"``, or empty
        for every finite number.
    symbol : str
        The input's letter in the formula; its column name where empty.
    unit : str
        For instance ``"token"``.

    Raises
    ------
    FormError
        `rule` cannot be read.
    """

    rule: str = ""
    symbol: str = ""
    unit: str = "1"
    _ends: tuple[float, bool, float, bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", _read_rule(self.rule))

    def contains(self, values: Array) -> Mask:
        """Tell which of `values` lie in the domain."""
        low, low_open, high, high_open = self._ends
        above = values > low if low_open else values >= low
        below = values < high if high_open else values <= high
        return np.asarray(above & below & np.isfinite(values))

    def __str__(self) -> str:
        return self.rule or "every finite number"


def _read_rule(rule: str) -> tuple[float, bool, float, bool]:
    """Turn a rule into (low, low is open, high, high is open)."""
    try:
        if not rule:
            return -math.inf, True, math.inf, True
        if half := _HALF_LINE.match(rule):
            sign, bound = half[1], float(half[2])
            if sign.startswith(">"):
                return bound, sign == ">", math.inf, True
            return -math.inf, True, bound, sign == "<"
        if interval := _INTERVAL.match(rule):
            low, high = float(interval[2]), float(interval[3])
            return low, interval[1] == "(", high, interval[4] == ")"
    except ValueError:
        pass
    message = f"cannot read the domain {rule!r}; write for instance '> 0', '>= 0' or '[0, 1)'"
    raise FormError(message)


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
