"""Which rows of a table a text chooses: comparisons of columns, read and never run.

``pruning_rate > 0.3 and method in ("depth", "width")``. The text is parsed, and every part
of it that is not a comparison of columns, or such comparisons joined by and, or, not and
parentheses, is refused.
"""

import ast
import difflib
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Mask
from p2law.errors import ScoreError
from p2law.text.wording import first_line, got, short

EXAMPLE = "write for instance 'pruning_rate > 0.3 and method == \"depth\"'"

LONGEST = 10_000
"""Characters of a text: each of its comparisons goes through all rows."""

ORDERINGS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def chosen(table: pd.DataFrame, text: str) -> tuple[Mask, tuple[str, ...]]:
    """Tell which rows a text chooses.

    Parameters
    ----------
    table : DataFrame
    text : str
        Comparisons of columns with numbers, with texts in quotes, or with other columns:
        ``<``, ``<=``, ``>``, ``>=``, ``==``, ``!=``, ``in`` and ``not in`` a list. Texts know
        no order. A comparison with an empty cell is false, whichever it is.

    Returns
    -------
    chosen : ndarray of bool, shape (rows,)
    notes : tuple of str
        Sentences about empty cells that were compared.

    Raises
    ------
    ScoreError
        The text is no such expression, or names a column that the table does not have.

    Examples
    --------
    >>> table = pd.DataFrame({"rate": [0.1, 0.5], "method": ["depth", "width"]})
    >>> chosen(table, "rate > 0.3 or method == 'depth'")[0].tolist()
    [True, True]
    """
    tree = _parsed(text)
    try:
        found = _truth(tree.body, table, text)
    except RecursionError:
        raise ScoreError(f"{short(text)} is nested too deeply; {EXAMPLE}") from None
    return found, _gaps(table, columns(table, text))


def columns(table: pd.DataFrame, text: str) -> list[str]:
    """Columns of a table that a text names, in the order of the table."""
    named = {each.id for each in ast.walk(_parsed(text)) if isinstance(each, ast.Name)}
    return [name for name in table.columns if name in named]


def _parsed(text: Any) -> ast.Expression:
    if not isinstance(text, str):
        raise ScoreError(f"rows are chosen by a text, got {got(text)}; {EXAMPLE}")
    if len(text) > LONGEST:
        raise ScoreError(
            f"cannot read {short(text)}: it has {len(text):,} characters, and at most "
            f"{LONGEST:,} are read; mark the rows in a column, and choose by that"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else first_line(error)
        raise ScoreError(
            f"cannot read {short(text)} ({why}); {EXAMPLE}; equal is ==, unequal is !="
        ) from None


def _truth(node: ast.expr, table: pd.DataFrame, text: str) -> Mask:
    """Rows in which a part of the text is true."""
    if isinstance(node, ast.BoolOp):
        parts = [_truth(each, table, text) for each in node.values]
        joined = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return np.asarray(joined.reduce(parts))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_truth(node.operand, table, text)
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if not any(isinstance(each, ast.Name) for each in sides):
            raise _refusal(node, text, "compares no column")
        parts = [
            _compared(one, op, other, table, text)
            for one, op, other in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return np.asarray(np.all([np.broadcast_to(each, len(table)) for each in parts], axis=0))
    raise _refusal(node, text, "is no comparison; join comparisons by and, or, not")


def _compared(
    left: ast.expr, op: ast.cmpop, right: ast.expr, table: pd.DataFrame, text: str
) -> Mask:
    """Rows in which one comparison is true."""
    if isinstance(op, (ast.In, ast.NotIn)):
        if not isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            raise _refusal(right, text, "is no list; write in (0.1, 0.2)")
        column = _side(left, table, text)
        found = np.zeros(len(table), dtype=bool)
        for each in right.elts:
            found |= _equal(column, _side(each, table, text), left, each, text)
        return np.asarray(found if isinstance(op, ast.In) else ~found & _there(column))
    one, other = _side(left, table, text), _side(right, table, text)
    if isinstance(op, ast.Eq):
        return _equal(one, other, left, right, text)
    if isinstance(op, ast.NotEq):
        both = _there(one) & _there(other)
        return np.asarray(~_equal(one, other, left, right, text) & both)
    if type(op) not in ORDERINGS:
        raise _refusal(left, text, "is compared by a word; equal is ==, unequal is !=")
    for side, node in ((one, left), (other, right)):
        if _is_text(side):
            raise _refusal(node, text, "is text, which has no order; compare it by ==, != or in")
    return np.asarray(ORDERINGS[type(op)](one, other))


def _equal(one: Any, other: Any, left: ast.expr, right: ast.expr, text: str) -> Mask:
    if _is_text(one) != _is_text(other):
        words, numbers = (left, right) if _is_text(one) else (right, left)
        raise ScoreError(
            f"in {short(text)} {ast.unparse(words)} is text and {ast.unparse(numbers)} is not; "
            f"texts stand in quotes, numbers do not"
        )
    return np.asarray((one == other) & _there(one) & _there(other))


def _side(node: ast.expr, table: pd.DataFrame, text: str) -> Any:
    """One side of a comparison: a number, a text, or a column of these."""
    if isinstance(node, ast.Name):
        return _column(node.id, table, text)
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        node = node.operand
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and sign == 1.0:
            return node.value
        if isinstance(node.value, (int, float)):
            return sign * _float(node.value)
    raise _refusal(node, text, "is neither a column nor a number nor a text in quotes")


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _column(name: str, table: pd.DataFrame, text: str) -> Any:
    """A column as float64, or as objects where it is text."""
    if name not in table.columns:
        known = [str(each) for each in table.columns]
        close = difflib.get_close_matches(name, known[:1000], n=1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        had = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise ScoreError(
            f"no column {name!r}, which {short(text)} names; {meant}"
            f"The table has {had}; texts stand in quotes"
        )
    column = table[name]
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.astype(object).to_numpy()


def _is_text(side: Any) -> bool:
    return isinstance(side, str) or (isinstance(side, np.ndarray) and side.dtype == object)


def _there(side: Any) -> Any:
    """Where a side holds a value of its kind."""
    if isinstance(side, np.ndarray) and side.dtype == object:
        return np.array([isinstance(each, str) for each in side], dtype=bool)
    return True if isinstance(side, str) else ~np.isnan(side)


def _gaps(table: pd.DataFrame, names: list[str]) -> tuple[str, ...]:
    """Sentences about cells that hold nothing to compare."""
    empty = {name: int(np.sum(~_there(_column(name, table, "")))) for name in names}
    return tuple(
        f"{count} row{'s hold' if count != 1 else ' holds'} no {name}: "
        f"comparisons with it are false there"
        for name, count in empty.items()
        if count
    )


def _refusal(node: ast.expr, text: str, why: str) -> ScoreError:
    part = ast.unparse(node)
    where = "" if part == text.strip() else f" in {short(text)}"
    return ScoreError(f"{short(part)}{where} {why}; {EXAMPLE}")
