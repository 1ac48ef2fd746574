"""For tests of your own: designs, records with a known truth, the contract of a law."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form
from p2law.errors import FormError
from p2law.records import grid
from p2law.surface import Surface


def design(
    params: Sequence[float] = (0.5e9, 1.5e9, 3e9, 8e9),
    pruning_rate: Sequence[float] = (0.15, 0.25, 0.35, 0.5),
    tokens: Sequence[float] = tuple(np.geomspace(2e7, 1e9, 40)),
    base_loss: Mapping[float, float] | float = 2.0,
) -> pd.DataFrame:
    """Runs of every size at every rate, each measured at every token count.

    Parameters
    ----------
    params, pruning_rate, tokens : sequence of float
    base_loss : float or mapping from params to float

    Returns
    -------
    DataFrame
        Columns run, params, tokens, pruning_rate, base_loss.
    """
    table = grid(params=params, pruning_rate=pruning_rate, tokens=tokens)
    losses = base_loss if isinstance(base_loss, Mapping) else dict.fromkeys(params, base_loss)
    table["base_loss"] = table["params"].map(dict(losses)).astype(float)
    size = table["params"].map(_names(params, 3))
    rate = table["pruning_rate"].map(_names(pruning_rate, 6))
    table.insert(0, "run", size + "-" + rate)
    return table


def _names(values: Sequence[float], digits: int) -> dict[float, str]:
    """Numbers to so many digits, or to all where these do not tell them apart."""
    short = {each: f"{each:.{digits}g}" for each in values}
    apart = len(set(short.values())) == len(short)
    return short if apart else {each: f"{each:.17g}" for each in values}


def synthesize(
    form: Form,
    coefficients: Mapping[str, float],
    table: pd.DataFrame,
    *,
    noise: float = 0.0,
    run_noise: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Records that a law with known coefficients would give.

    Parameters
    ----------
    form : Form
    coefficients : mapping of str to float
    table : DataFrame
        Holds the inputs of the law, for instance a `design`.
    noise : float
        Standard deviation of independent normal noise on each row.
    run_noise : float
        Standard deviation of a shift that all rows of one run share.
    seed : int

    Returns
    -------
    DataFrame
        A copy of `table` with the target of the law.
    """
    rng = np.random.default_rng(seed)
    out = table.copy()
    clean = form.function(*(out[name].to_numpy() for name in form.columns), **coefficients)
    run = pd.factorize(out["run"])[0] if "run" in out else np.arange(len(out))
    shift = run_noise * rng.standard_normal(int(run.max()) + 1)[run] if len(out) else 0.0
    out[form.target] = clean + shift + noise * rng.standard_normal(len(out))
    return out


def some_coefficients(form: Form, table: pd.DataFrame, seed: int = 0) -> dict[str, float]:
    """Coefficients inside the bounds of a law, every term clearly there.

    Parameters
    ----------
    form : Form
    table : DataFrame
        Inputs; terms of linear coefficients get a size of 0.2 to 1 at their middle.
    seed : int

    Returns
    -------
    dict of str to float
    """
    rng = np.random.default_rng(seed)
    surface = Surface(form, {name: table[name].to_numpy(dtype=float) for name in form.columns})
    q = surface.generic_point()
    exponents = len(surface.nonlinear)
    reach = np.where(surface.log, 0.3, 0.3 * np.maximum(np.abs(q[:exponents]), 0.1))
    q[:exponents] += reach * rng.uniform(-1, 1, exponents)
    q[exponents:] *= rng.uniform(0.2, 1.0, len(surface.linear))
    return surface.coefficients(np.clip(q, *surface.box))


# -- the contract ----------------------------------------------------------------------


def check_form(form: Form, table: pd.DataFrame | None = None) -> None:
    """Check what the fitter takes for granted about a law.

    Starts lie inside bounds; the law is finite on its domain; declared linear
    coefficients are linear; declared rescalings stay in the family; rows may be
    permuted; scalars and arrays agree; inputs are not changed; exact derivatives
    agree with central differences; the formula, where given, says what the
    function does.

    Parameters
    ----------
    form : Form
    table : DataFrame, optional
        Inputs on which to check; made from the domains where not given.

    Raises
    ------
    FormError
        The first breach, in words.

    Examples
    --------
    >>> from p2law import forms, testing
    >>> testing.check_form(forms.p2)
    """
    inputs = _inputs(form) if table is None else table
    columns = [np.array(inputs[name], dtype=float) for name in form.columns]
    if words := _pure(form, columns, {each.name: each.start for each in form.coefficients}):
        raise FormError(f"{form.name}: {words}")
    at = some_coefficients(form, inputs)
    for check in (_finite, _rowwise, _scalars, _linear, _derivatives, _rescaled, _formula):
        if words := check(form, columns, at):
            message = f"{form.name}: {words}"
            raise FormError(message)


def _inputs(form: Form) -> pd.DataFrame:
    """Sensible inputs for a law, from the vocabulary and the declared domains."""
    rng = np.random.default_rng(7)
    usual = {
        "params": (1e8, 1e10),
        "params_after": (1e8, 1e10),
        "tokens": (1e7, 1e10),
        "unique_tokens": (1e7, 1e9),
        "pruning_rate": (0.1, 0.6),
        "base_loss": (1.5, 3.0),
    }
    columns = {}
    for each in form.inputs:
        low, high = usual.get(each.name, (0.1, 0.9))
        values = np.exp(rng.uniform(np.log(low), np.log(high), 24))
        if not each.domain.contains(values).all():
            message = (
                f"{form.name}: give check_form a table; its domain of {each.name} is {each.domain}"
            )
            raise FormError(message)
        columns[each.name] = values
    return pd.DataFrame(columns)


def _value(form: Form, columns: Sequence[Any], at: Mapping[str, Any]) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(form.function(*columns, **at))


def _finite(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    found = np.broadcast_to(_value(form, columns, at), columns[0].shape)
    if np.isfinite(found).all():
        return ""
    row = int(np.argmin(np.isfinite(found)))
    where = ", ".join(
        f"{name} = {column[row]:.4g}" for name, column in zip(form.columns, columns, strict=True)
    )
    return f"is not finite at {where}; narrow the domain or mend the function"


def _pure(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    copies = [each.copy() for each in columns]
    first, second = _value(form, copies, at), _value(form, copies, at)
    if any(not np.array_equal(a, b) for a, b in zip(copies, columns, strict=True)):
        return "changes its inputs; work on copies"
    same = np.array_equal(first, second, equal_nan=True)
    return "" if same else "gives another answer when called twice"


def _rowwise(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    order = np.random.default_rng(3).permutation(len(columns[0]))
    straight = np.broadcast_to(_value(form, columns, at), columns[0].shape)
    permuted = np.broadcast_to(
        _value(form, [each[order] for each in columns], at), columns[0].shape
    )
    if np.allclose(permuted, straight[order], rtol=1e-12, atol=0):
        return ""
    return "lets one row depend on another; a prediction may only use its own row"


def _scalars(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    arrays = np.broadcast_to(_value(form, columns, at), columns[0].shape)
    singles = [float(_value(form, [float(each[k]) for each in columns], at)) for k in range(3)]
    if np.allclose(arrays[:3], singles, rtol=1e-12, atol=0):
        return ""
    return "answers single numbers otherwise than arrays"


def _linear(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    for name in form.linear:
        zero, one, three = (_value(form, columns, {**at, name: k * at[name]}) for k in (0, 1, 3))
        if not np.allclose(
            three - zero, 3 * (one - zero), rtol=1e-9, atol=1e-9 * np.abs(one).max()
        ):
            return f"declares {name} linear, but the prediction is not linear in it"
    return ""


def _derivatives(form: Form, columns: Sequence[Array], _at: Mapping[str, float]) -> str:
    surface = Surface(form, dict(zip(form.columns, columns, strict=True)))
    if note := surface.note:
        return f"{note}; write it with powers, exp, log and np.maximum"
    return ""


def _rescaled(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    for name in form.rescales:
        unit = next(each.domain.unit for each in form.inputs if each.name == name)
        factor = 0.5
        moved = [
            each * factor if other == name else each
            for other, each in zip(form.columns, columns, strict=True)
        ]
        theta = {
            each.name: at[each.name] * (factor if each.bounds.unit == unit and unit != "1" else 1.0)
            for each in form.coefficients
        }
        surface = Surface(form, dict(zip(form.columns, moved, strict=True)))
        terms = surface.terms([np.asarray(theta[each]) for each in surface.nonlinear])
        wanted = _value(form, columns, at) - terms[0]
        length = np.linalg.norm(terms[1:], axis=1, keepdims=True)
        basis = (terms[1:] / length).T
        left = (
            wanted - basis @ np.linalg.lstsq(basis, wanted, rcond=None)[0] if basis.size else wanted
        )
        if np.abs(left).max() > 1e-8 * np.abs(wanted).max():
            return f"declares that {name} may be rescaled, but no coefficients make up for it"
    return ""


def _formula(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    if not form.formula:
        return ""
    symbols = {each.symbol: column for each, column in zip(form.inputs, columns, strict=True)}
    said = evaluate(form.formula, {**at, **symbols})
    if np.allclose(said, _value(form, columns, at), rtol=1e-12, atol=0):
        return ""
    return f"does not compute what its formula says: {form.formula}"


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
    """Value of the text of a law: arithmetic, ``^`` for powers, exp, log, min, max.

    Parameters
    ----------
    formula : str
        ``"L = ..."`` or the right side alone.
    symbols : mapping of str to float or ndarray

    Returns
    -------
    ndarray

    Raises
    ------
    FormError
        The text holds anything else.
    """
    text = formula.split("=", 1)[-1].strip().replace("^", "**")

    def value(node: ast.AST) -> Any:
        match node:
            case ast.Expression(body=body):
                return value(body)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](value(left), value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.Call(func=ast.Name(id=name), args=args) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*map(value, args))
            case ast.Name(id=name) if name in symbols:
                return symbols[name]
            case ast.Constant(value=int() | float() as number):
                return number
        message = f"cannot read {ast.unparse(node)!r} in the formula {formula!r}"
        raise FormError(message)

    try:
        return np.asarray(value(ast.parse(text, mode="eval")))
    except SyntaxError as error:
        message = f"cannot read the formula {formula!r}: {error.msg}"
        raise FormError(message) from error
