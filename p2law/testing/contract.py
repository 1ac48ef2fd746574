"""The contract of a law: what the fitter takes for granted, checked, in words."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form
from p2law.errors import FormError
from p2law.solving.settings import checked_form
from p2law.solving.surface import Surface
from p2law.testing.formulas import evaluate
from p2law.testing.synthesis import some_coefficients, some_inputs
from p2law.testing.valuing import unbounded, value


def check_form(form: Form, table: pd.DataFrame | None = None) -> None:
    """Check what the fitter takes for granted about a law.

    Starts lie inside bounds; the law is finite on its domain; declared linear
    coefficients are linear; the others matter; declared rescalings stay in the family; rows may be
    permuted; scalars and arrays agree; inputs are not changed; exact derivatives
    agree with central differences; the formula, where given, says what the
    function does.

    Parameters
    ----------
    form : Form
    table : DataFrame, optional
        Inputs on which to check, at least one row; made from the domains where not given.

    Raises
    ------
    FormError
        The first breach, in words; or `form` is no law, or `table` lacks an input.
    RecordError
        `table` has no rows, an input is not a number, or the law has no value there.

    Examples
    --------
    >>> from p2law import forms, testing
    >>> testing.check_form(forms.p2)
    """
    checked_form(form)
    inputs = _inputs(form) if table is None else some_inputs(form, table)
    columns = [np.array(inputs[name], dtype=float) for name in form.columns]
    if words := _pure(form, columns, {each.name: each.start for each in form.coefficients}):
        raise FormError(f"{form.name}: {words}")
    at = some_coefficients(form, inputs)
    for check in (_finite, _rowwise, _scalars, _linear, _used, _derivatives, _rescaled, _formula):
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


def _finite(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    words = unbounded(form, columns, value(form, columns, at))
    return words and f"{words}; narrow the domain or mend the function"


def _pure(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    copies = [each.copy() for each in columns]
    first, second = value(form, copies, at), value(form, copies, at)
    if any(not np.array_equal(a, b) for a, b in zip(copies, columns, strict=True)):
        return "changes its inputs; work on copies"
    same = np.array_equal(first, second, equal_nan=True)
    return "" if same else "gives another answer when called twice"


def _rowwise(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    order = np.random.default_rng(3).permutation(len(columns[0]))
    straight = value(form, columns, at)
    permuted = value(form, [each[order] for each in columns], at)
    if np.allclose(permuted, straight[order], rtol=1e-12, atol=0):
        return ""
    return "lets one row depend on another; a prediction may only use its own row"


def _scalars(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    arrays = value(form, columns, at)
    few = range(min(3, len(arrays)))
    singles = [float(value(form, [float(each[k]) for each in columns], at)) for k in few]
    if np.allclose(arrays[:3], singles, rtol=1e-12, atol=0):
        return ""
    return "answers single numbers otherwise than arrays"


def _used(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    for each in form.coefficients:
        if each.name in form.linear:
            continue
        own = at[each.name]
        tried = (own, each.bounds.low, each.bounds.high, 2 * own, own + 1)
        found = [
            value(form, columns, {**at, each.name: one})
            for one in tried
            if one is not None and np.isfinite(one)
        ]
        if found and all(np.array_equal(one, found[0], equal_nan=True) for one in found):
            return f"declares {each.name}, but the prediction does not depend on it"
    return ""


def _linear(form: Form, columns: Sequence[Array], at: Mapping[str, float]) -> str:
    for name in form.linear:
        # Where its term is worth nothing beside the others any coefficient looks linear.
        for size in (at[name], *10.0 ** np.arange(-12, 13, 3)):
            zero, one, three = (value(form, columns, {**at, name: k * size}) for k in (0, 1, 3))
            with np.errstate(all="ignore"):
                once, thrice = one - zero, three - zero
                room = 1e-9 * np.abs(one).max()
                same = np.allclose(thrice, 3 * once, rtol=1e-9, atol=room)
            told = size == at[name] or np.isfinite(thrice).all()  # else it has overflown alone
            if told and not same:
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
        wanted = value(form, columns, at) - terms[0]
        length = np.linalg.norm(terms[1:], axis=1, keepdims=True)
        basis = (terms[1:] / np.where(length > 0, length, 1.0)).T  # a term may vanish here
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
    if np.allclose(said, value(form, columns, at), rtol=1e-12, atol=0):
        return ""
    return f"does not compute what its formula says: {form.formula}"
