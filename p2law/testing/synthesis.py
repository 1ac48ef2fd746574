"""Designs, and records with a known truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Form
from p2law.domains import Array, is_number
from p2law.errors import FitError, FormError, RecordError
from p2law.records import grid
from p2law.records.numeric import numbers
from p2law.result import asking
from p2law.solving.settings import checked_form, checked_seed
from p2law.solving.surface import Surface
from p2law.testing.valuing import unbounded, value
from p2law.text.views import number
from p2law.text.wording import got, label, short


def design(
    params: Sequence[float] | float = (0.5e9, 1.5e9, 3e9, 8e9),
    pruning_rate: Sequence[float] | float = (0.15, 0.25, 0.35, 0.5),
    tokens: Sequence[float] | float = tuple(np.geomspace(2e7, 1e9, 40)),
    base_loss: Mapping[float, float] | float = 2.0,
) -> pd.DataFrame:
    """Runs of every size at every rate, each measured at every token count.

    Parameters
    ----------
    params, pruning_rate, tokens : float or sequence of float
        Each value once.
    base_loss : float or mapping from params to float
        One for all sizes, or one for each.

    Returns
    -------
    DataFrame
        Columns run, params, pruning_rate, tokens, base_loss; no rows where a list is empty.

    Raises
    ------
    RecordError
        What is given for a column is no number that it can hold, or stands twice; or a size has
        no base loss.
    """
    columns = {"params": params, "pruning_rate": pruning_rate, "tokens": tokens}
    table = grid(**{name: _each_once(name, given) for name, given in columns.items()})
    sizes, rates = table["params"].unique().tolist(), table["pruning_rate"].unique().tolist()
    losses = base_loss if isinstance(base_loss, Mapping) else dict.fromkeys(sizes, base_loss)
    if lacking := [size for size in sizes if size not in losses]:
        raise RecordError(f"base_loss holds no value for params = {short(lacking[0])}")
    known = numbers(pd.DataFrame({"base_loss": [losses[size] for size in sizes]}), "base_loss")
    table["base_loss"] = table["params"].map(dict(zip(sizes, known, strict=True)))
    size = table["params"].map(_names(sizes, 3)).astype(str)
    rate = table["pruning_rate"].map(_names(rates, 6)).astype(str)
    table.insert(0, "run", size + "-" + rate)
    return table


def _each_once(name: str, given: Any) -> Array:
    """The values of a column, none of them twice."""
    values = numbers(grid(**{name: given}), name)
    if len(twice := values[pd.Series(values).duplicated()]):
        raise RecordError(f"{name} holds {number(twice[0])} twice; give each value once")
    return values


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
        Standard deviation of independent normal noise on each row, 0 or more.
    run_noise : float
        Standard deviation of a shift that all rows of one run share, 0 or more.
    seed : int
        From 0 on.

    Returns
    -------
    DataFrame
        A copy of `table` with the target of the law.

    Raises
    ------
    FormError
        `form` is no law, or one that fails; `table` lacks an input; or coefficients are missing,
        unknown or no numbers.
    FitError
        `noise`, `run_noise` or `seed` is not one of the above.
    RecordError
        An input is not a number, a row names no run, or the law has no value there.
    """
    _check_coefficients(checked_form(form), coefficients)
    for name, size in (("noise", noise), ("run_noise", run_noise)):
        if not (is_number(size) and 0 <= size < np.inf):
            raise FitError(f"{name} is a number from 0 on, got {got(size)}")
    rng, inputs = np.random.default_rng(checked_seed(seed)), asking.inputs(form, table, {})
    out, columns = table.copy(), [inputs[name].to_numpy() for name in form.columns]
    clean = value(form, columns, coefficients)
    if words := unbounded(form, columns, clean):
        raise RecordError(f"{form.name} {words} with these coefficients")
    if "run" in out and (lost := np.flatnonzero(out["run"].isna())).size:
        raise RecordError(f"row {label(out.index[lost[0]])} names no run; name it")
    run = pd.factorize(out["run"])[0] if "run" in out else np.arange(len(out))
    shift = run_noise * rng.standard_normal(int(run.max()) + 1)[run] if len(out) else 0.0
    out[form.target] = clean + shift + noise * rng.standard_normal(len(out))
    return out


def _check_coefficients(form: Form, coefficients: Any) -> None:
    """Refuse what is not one number for each coefficient of a law."""
    if not isinstance(coefficients, Mapping):
        raise FormError(f"coefficients are numbers by name, got {got(coefficients)}")
    if odd := sorted(set(form.names) ^ set(coefficients), key=str):
        raise FormError(
            f"{form.name} has coefficients {', '.join(form.names)}; "
            f"missing or unknown: {', '.join(map(str, odd))}"
        )
    for name, each in coefficients.items():
        if not (is_number(each) and np.isfinite(float(each))):
            raise FormError(f"coefficient {name} of {form.name} is a number, got {got(each)}")


def some_inputs(form: Form, table: pd.DataFrame) -> pd.DataFrame:
    """The inputs of a law, at least one row of them.

    Raises
    ------
    FormError
        `table` lacks an input.
    RecordError
        It has no rows, an input is not a number, or the law has no value there.
    """
    inputs = asking.inputs(form, table, {})
    if not len(inputs):
        raise RecordError(f"the table has no rows; {form.name} is tried on one at least")
    return inputs


def some_coefficients(form: Form, table: pd.DataFrame, seed: int = 0) -> dict[str, float]:
    """Coefficients inside the bounds of a law, every term clearly there.

    Parameters
    ----------
    form : Form
    table : DataFrame
        Inputs, at least one row; terms of linear coefficients get a size of 0.2 to 1 at their
        middle.
    seed : int
        From 0 on.

    Returns
    -------
    dict of str to float

    Raises
    ------
    FormError
        `form` is no law, or one that fails; or `table` lacks an input.
    FitError
        `seed` is no whole number from 0 on.
    RecordError
        `table` has no rows, an input is not a number, or the law has no value there.
    """
    inputs = some_inputs(checked_form(form), table)
    rng = np.random.default_rng(checked_seed(seed))
    surface = Surface(form, {name: inputs[name].to_numpy() for name in form.columns})
    q = surface.generic_point()
    exponents = len(surface.nonlinear)
    reach = np.where(surface.log, 0.3, 0.3 * np.maximum(np.abs(q[:exponents]), 0.1))
    q[:exponents] += reach * rng.uniform(-1, 1, exponents)
    q[exponents:] *= rng.uniform(0.2, 1.0, len(surface.linear))
    return surface.coefficients(np.clip(q, *surface.box))
