"""From the function of a law to its steps: it is called with symbols in place of numbers.

Whatever helpers and constants a law uses, what it does to its arguments is all that is
seen. A law that looks at its numbers, to branch on them or to hand them to code outside
numpy, cannot be traced. No source is read, and the page that gets the steps gets no code.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from p2law.declaring import Form
from p2law.errors import FormError
from p2law.report.tape import Tape
from p2law.text.wording import first_line, got

UFUNCS: Mapping[Any, str] = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.divide: "div",
    np.power: "pow",
    np.float_power: "pow",
    np.negative: "neg",
    np.absolute: "abs",
    np.fabs: "abs",
    np.sign: "sign",
    np.exp: "exp",
    np.expm1: "expm1",
    np.log: "log",
    np.log1p: "log1p",
    np.sqrt: "sqrt",
    np.tanh: "tanh",
    np.maximum: "max",
    np.minimum: "min",
    np.less: "lt",
    np.less_equal: "le",
    np.greater: "gt",
    np.greater_equal: "ge",
    np.equal: "eq",
    np.not_equal: "ne",
    np.logical_and: "and",
    np.logical_or: "or",
    np.logical_not: "not",
    np.bitwise_and: "and",
    np.bitwise_or: "or",
    np.invert: "not",
}


def trace(law: Form) -> Tape:
    """Write down what a law does.

    Parameters
    ----------
    law : Form

    Returns
    -------
    Tape

    Raises
    ------
    FormError
        The law does what no step can say.
    """
    book = _Book()
    columns = [book.symbol("input", name) for name in law.columns]
    at = {name: book.symbol("coefficient", name) for name in law.names}
    try:
        last = book.place(law.function(*columns, **at))
    except Exception as error:  # given symbols, a law may raise anything
        raise FormError(
            f"{law.name} cannot be written as arithmetic steps: {first_line(error)}"
        ) from error
    return book.tape(last)


class _Book:
    """Steps in the making; equal ones are written once."""

    def __init__(self) -> None:
        self._places: dict[tuple[Any, ...], int] = {}

    def symbol(self, *step: Any) -> "Symbol":
        """Write a step down, or find it; its result as a symbol."""
        return Symbol(self, self._places.setdefault(step, len(self._places)))

    def apply(self, kind: str, *values: Any) -> "Symbol":
        """Write down an operation on symbols and numbers."""
        return self.symbol(kind, *(self.place(each) for each in values))

    def place(self, value: Any) -> int:
        """Where a value stands: a symbol, or a number that becomes a constant."""
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        if isinstance(value, Symbol):
            return value.place
        if not isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
            raise TypeError(f"it works on {got(value)}, which is no single number")
        return self.symbol("const", float(value)).place

    def tape(self, last: int) -> Tape:
        """The steps that lead to one of them, renumbered."""
        steps, needed = list(self._places), {last}
        for place in range(last, -1, -1):
            if place in needed and steps[place][0] not in ("const", "input", "coefficient"):
                needed |= {*steps[place][1:]}
        order = sorted(needed)
        new = {old: k for k, old in enumerate(order)}
        return Tape(
            tuple(
                (kind, *rest)
                if kind in ("const", "input", "coefficient")
                else (kind, *(new[each] for each in rest))
                for kind, *rest in (steps[old] for old in order)
            )
        )


class Symbol(NDArrayOperatorsMixin):
    """What stands in for a number; arithmetic with it is written down.

    It inherits numpy's operators, for a law may use any of them.
    """

    def __init__(self, book: _Book, place: int) -> None:
        self._book, self.place = book, place

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> "Symbol":
        """Write down what numpy was asked to do elementwise."""
        if method != "__call__" or options:
            raise TypeError(f"np.{ufunc.__name__} with {method} {sorted(options)} is no step")
        return self._written(ufunc, inputs)

    def _written(self, ufunc: Any, inputs: tuple[Any, ...]) -> "Symbol":
        apply = self._book.apply
        if ufunc is np.square:
            return apply("pow", inputs[0], 2.0)
        if ufunc is np.reciprocal:
            return apply("div", 1.0, inputs[0])
        if ufunc in (np.log2, np.log10):
            return apply("div", apply("log", inputs[0]), np.log(2 if ufunc is np.log2 else 10))
        if ufunc is np.positive:
            return apply("add", inputs[0], 0.0)
        if ufunc not in UFUNCS:
            raise TypeError(f"np.{ufunc.__name__} is none of the steps that a page knows")
        return apply(UFUNCS[ufunc], *inputs)

    def __array_function__(
        self, function: Any, _types: Any, given: tuple[Any, ...], options: dict[str, Any]
    ) -> "Symbol":
        """Write down np.where and np.clip; other functions look at whole arrays."""
        apply = self._book.apply
        if function is np.where and len(given) == 3 and not options:
            return apply("where", *given)
        if function is np.clip and len(given) == 3 and not options:
            value, low, high = given
            value = value if low is None else apply("max", value, low)
            return self if value is None else value if high is None else apply("min", value, high)
        raise TypeError(f"np.{function.__name__} is none of the steps that a page knows")

    def __bool__(self) -> bool:
        raise TypeError("it branches on its numbers; np.where would be a step")

    def __float__(self) -> float:
        raise TypeError("it hands its numbers to code outside numpy")

    __int__ = __index__ = __complex__ = __float__

    # What numpy asks of an element where a law has put a symbol into an array.
    def exp(self) -> "Symbol":
        """Write down an exponential."""
        return self._book.apply("exp", self)

    def log(self) -> "Symbol":
        """Write down a logarithm."""
        return self._book.apply("log", self)

    def sqrt(self) -> "Symbol":
        """Write down a square root."""
        return self._book.apply("sqrt", self)
