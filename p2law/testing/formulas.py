"""The text of a law, evaluated: arithmetic and nothing else."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from p2law.domains import Array
from p2law.errors import FormError
from p2law.text.wording import got, several, short

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_FUNCTIONS = {"exp": np.exp, "log": np.log, "min": np.minimum, "max": np.maximum}


def evaluate(formula: str, symbols: Mapping[str, Any]) -> Array:
    """Value of the text of a law: arithmetic, ``^`` for powers, exp, log, min and max of two.

    Parameters
    ----------
    formula : str
        ``"L = ..."`` or the right side alone.
    symbols : mapping of str to float or array of numbers

    Returns
    -------
    ndarray

    Raises
    ------
    FormError
        The text holds anything else, or a symbol is no number.
    """
    if not isinstance(formula, str):
        raise FormError(f"a formula is a text such as 'L = a + b * D^-c', got {got(formula)}")
    if not isinstance(symbols, Mapping):
        raise FormError(f"symbols are numbers by name, as {{'a': 1.0}}, got {got(symbols)}")
    text = formula.split("=", 1)[-1].strip().replace("^", "**")

    try:
        with np.errstate(all="ignore"):
            return np.asarray(_value(ast.parse(text, mode="eval").body, symbols))
    except (
        SyntaxError,
        ValueError,
        TypeError,
        ArithmeticError,
        RecursionError,
        MemoryError,
    ) as error:
        said = error.msg if isinstance(error, SyntaxError) else error
        message = f"cannot read the formula {short(formula)}: {said or type(error).__name__}"
        raise FormError(message) from error


def _value(node: ast.AST, symbols: Mapping[str, Any]) -> Any:
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, symbols), _value(right, symbols))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, symbols)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            # One value more would be where numpy writes what it finds.
            if len(args) != (count := _FUNCTIONS[name].nin):
                raise FormError(
                    f"{name} takes {several(count, 'value')}, {ast.unparse(node)} has {len(args)}"
                )
            return _FUNCTIONS[name](*(_value(each, symbols) for each in args))
        case ast.Name(id=name) if name in symbols:
            if (found := np.asarray(symbols[name])).dtype.kind not in "bifuc":
                raise FormError(f"{name} is no number: {got(symbols[name])}")
            return found
        case ast.Constant(value=int() | float() as number):
            return np.float64(number)  # whole numbers would be taken to any length
    raise FormError(f"it holds {ast.unparse(node)!r}, which is no arithmetic")
