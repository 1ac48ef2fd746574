"""Designs, and records with a known truth."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from p2law.declaring import Form
from p2law.errors import FormError, RecordError
from p2law.records import grid
from p2law.result import asking
from p2law.solving.settings import checked_form
from p2law.solving.surface import Surface
from p2law.text.wording import short


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
    base_loss : float or mapping from params to float

    Returns
    -------
    DataFrame
        Columns run, params, tokens, pruning_rate, base_loss.

    Raises
    ------
    RecordError
        A column is given no numbers, or a size no base loss.
    """
    table = grid(params=params, pruning_rate=pruning_rate, tokens=tokens)
    sizes, rates = table["params"].unique().tolist(), table["pruning_rate"].unique().tolist()
    losses = base_loss if isinstance(base_loss, Mapping) else dict.fromkeys(sizes, base_loss)
    if lacking := [size for size in sizes if size not in losses]:
        raise RecordError(f"base_loss holds no value for params = {short(lacking[0])}")
    table["base_loss"] = table["params"].map(dict(losses)).astype(float)
    size = table["params"].map(_names(sizes, 3)).astype(str)
    rate = table["pruning_rate"].map(_names(rates, 6)).astype(str)
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

    Raises
    ------
    FormError
        `form` is no law, `table` lacks an input, or coefficients are missing or unknown.
    RecordError
        An input is not a number, or the law has no value there.
    """
    checked_form(form)
    if odd := sorted(set(form.names) ^ set(coefficients)):
        raise FormError(
            f"{form.name} has coefficients {', '.join(form.names)}; "
            f"missing or unknown: {', '.join(map(str, odd))}"
        )
    rng, inputs = np.random.default_rng(seed), asking.inputs(form, table, {})
    out = table.copy()
    clean = form.function(*(inputs[name].to_numpy() for name in form.columns), **coefficients)
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

    Raises
    ------
    FormError
        `form` is no law, or `table` lacks an input.
    RecordError
        An input is not a number, or the law has no value there.
    """
    inputs = asking.inputs(checked_form(form), table, {})
    rng = np.random.default_rng(seed)
    surface = Surface(form, {name: inputs[name].to_numpy() for name in form.columns})
    q = surface.generic_point()
    exponents = len(surface.nonlinear)
    reach = np.where(surface.log, 0.3, 0.3 * np.maximum(np.abs(q[:exponents]), 0.1))
    q[:exponents] += reach * rng.uniform(-1, 1, exponents)
    q[exponents:] *= rng.uniform(0.2, 1.0, len(surface.linear))
    return surface.coefficients(np.clip(q, *surface.box))
