"""Losses as they were logged, in nats per token."""

import math

import numpy as np
import pandas as pd

from p2law.domains import Array
from p2law.logs.curves import Curve, refuse
from p2law.logs.options import Options
from p2law.text.wording import listed

LOSSES = ("loss", "base_loss", "train_loss")
"""Columns of losses: those of one log are in one unit."""


def in_nats(losses: Array, options: Options) -> Array:
    """Convert losses to nats per token.

    Parameters
    ----------
    losses : ndarray, in `options.unit`
    options : Options

    Returns
    -------
    ndarray, nat per token

    Examples
    --------
    >>> in_nats(np.array([1.0]), Options("eval", unit="bit/byte", bytes_per_token=4.0))
    array([2.77258872])
    """
    if options.unit == "perplexity":
        return np.log(losses)
    if options.unit == "nat":
        return losses
    return losses * math.log(2) * (options.bytes_per_token or 1)


def converted(
    curve: Curve, table: pd.DataFrame, options: Options
) -> tuple[pd.DataFrame, list[str]]:
    """Put all losses of a curve into nats per token.

    Parameters
    ----------
    curve : Curve
    table : DataFrame
    options : Options

    Returns
    -------
    table : DataFrame
    notes : list of str

    Raises
    ------
    RecordError
        A loss cannot be one in this unit.
    """
    found = {name: table[name].to_numpy(dtype=float) for name in LOSSES if name in table}
    least = 1 if options.unit == "perplexity" else 0
    impossible = f"that is not above {least}, as a {options.unit} loss is"
    for name, losses in found.items():
        refuse(curve, table, name, losses <= least, impossible, _cure(name, losses, options))
    some = listed([*found])
    how = {
        "bit": [f"{some} = logged bits x ln 2"],
        "perplexity": [f"{some} = ln(logged perplexity)"],
        "bit/byte": [
            f"{some} = logged bits per byte x ln 2 x {options.bytes_per_token} bytes/token"
        ],
    }
    converted = {name: in_nats(losses, options) for name, losses in found.items()}
    return table.assign(**converted), how.get(options.unit, [])


def _cure(name: str, losses: Array, options: Options) -> str:
    if options.unit == "perplexity":
        known = "unit='nat'" if name == "loss" else f"facts={{'{name}': ...}} takes nats"
        return f"a perplexity is above 1: these may be nats already ({known})"
    if (losses == 0).all() or (losses == 0).any():
        return (
            "a loss of exactly 0 is what some trainers log in place of NaN: look whether the run "
            "diverged, and leave such rows out of the file"
        )
    return f"`{name}` is a cross entropy and positive; turn the sign of log-likelihoods"
