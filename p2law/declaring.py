"""How a law is declared: one pure function whose signature says everything.

Positional arguments are record columns, keyword-only arguments are coefficients.
`Domain` and `Bounds` annotations carry what a name cannot: where the law has a
value, how far a coefficient may go, and in which unit.
"""

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from p2law.domains import Array, Bounds, Domain, Mask, Whole
from p2law.errors import FormError
from p2law.signatures import Coefficient, Input, read_signature
from p2law.text.wording import got

__all__ = [
    "Array",
    "Bounds",
    "Coefficient",
    "Domain",
    "Form",
    "Input",
    "Mask",
    "Published",
    "Whole",
    "form",
]


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
        # A law that its module holds travels by name; other processes know nothing of a script's
        # or a notebook's own module, so that its laws carry their parts, too.
        parts = tuple(getattr(self, each.name) for each in fields(self))
        module = sys.modules.get(self.function.__module__)
        if getattr(module, self.name, None) is not self:
            return Form, parts
        return (_at_home, (self.name, _packed(parts))) if module is _main() else self.name

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


def _packed(parts: tuple[Any, ...]) -> Any:
    """The parts so that every pickler takes them, where joblib is there for that; else none."""
    joblib = sys.modules.get("joblib")
    return joblib.wrap_non_picklable_objects(parts, keep_wrapper=False) if joblib else ()


def _at_home(name: str, parts: tuple[Any, ...]) -> Form:
    """The law of a script or notebook: its own where it is at home, else made of its parts."""
    own = getattr(_main(), name, None)
    return own if isinstance(own, Form) else Form(*parts)


def _main() -> Any:
    return sys.modules["__main__"]


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
    linear, rescales = _named("linear", linear), _named("rescales", rescales)
    _check_options(formula, target, derivatives, published)

    def declare(function: Callable[..., Any]) -> Form:
        inputs, coefficients = read_signature(function, linear)
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
            published=tuple(published),
        )

    return declare


def _named(what: str, names: Any) -> tuple[str, ...]:
    """Names of arguments, one or several."""
    found = (names,) if isinstance(names, str) else names
    if not isinstance(found, (list, tuple)) or not all(isinstance(each, str) for each in found):
        raise FormError(f"{what} names arguments, as ('scale',), got {got(names)}")
    return tuple(found)


def _check_options(formula: Any, target: Any, derivatives: Any, published: Any) -> None:
    for what, text in (("formula", formula), ("target", target)):
        if not isinstance(text, str):
            raise FormError(f"{what} is a text, got {got(text)}")
    if not (derivatives is None or callable(derivatives)):
        raise FormError(
            f"derivatives is a function of the arguments of the law, got {got(derivatives)}"
        )
    several = isinstance(published, (list, tuple))
    if not several or not all(isinstance(each, Published) for each in published):
        raise FormError(f"published holds Published coefficients, got {got(published)}")
