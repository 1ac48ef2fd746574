"""A law taken apart: what is left of it without linear coefficients, and the term of each."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from p2law.declaring import Array
from p2law.errors import FormError
from p2law.solving.calling import Law


def terms(law: Law, theta: Sequence[Array], columns: Sequence[Any]) -> Array:
    """What is left without linear coefficients, then the term of each: (..., 1 + linear, rows).

    `theta` holds one array per non-linear coefficient; they broadcast, so a
    grid costs no more powers than it has axes.

    Raises
    ------
    FormError
        The law gives complex numbers for real ones.
    """
    wide = [np.asarray(each)[..., None, None] for each in theta]
    units = _unit_vectors(len(law.freedom.linear), law.big)
    out = law(columns, wide, units)
    if np.iscomplexobj(out):
        raise FormError(
            f"{law.freedom.form.name}: its function gives complex numbers; it must give real ones "
            f"for real inputs, and complex ones only for complex coefficients"
        )
    batch = np.broadcast_shapes(*(each.shape[:-2] for each in wide))
    shape = (*batch, len(units) + 1, np.size(columns[0]))
    # A copy: a law may return one of the very arrays that it was given.
    out = np.array(np.broadcast_to(out, shape), dtype=float)
    with np.errstate(all="ignore"):
        out[..., 1:, :] -= out[..., :1, :]
        out[..., 1:, :] /= law.big
    return out


def slopes_of_terms(law: Law, theta: Array, columns: Sequence[Any]) -> Array:
    """Derivatives of each term at one row: (..., nonlinear, linear) for `theta` (..., nonlinear).

    Parameters
    ----------
    law : Law
    theta : ndarray of shape (..., nonlinear)
    columns : sequence of float
        The inputs of the row.

    Returns
    -------
    ndarray
        Not finite where the law has no finite value.
    """
    count = len(law.freedom.linear)
    wide = [each[..., None, None] for each in by_coefficient(theta)]
    out = np.zeros((*theta.shape, count))
    with np.errstate(all="ignore"):
        for k, each in enumerate(law.slopes(columns, wide, _unit_vectors(count, law.big))):
            full = np.broadcast_to(each, (*theta.shape[:-1], count + 1, 1))[..., 0]
            out[..., k, :] = (full[..., 1:] - full[..., :1]) / law.big
    return out


def by_coefficient(batch: Array) -> list[Array]:
    """Split (..., coefficients) into one (...) array each."""
    return [batch[..., k] for k in range(batch.shape[-1])]


def with_row_axis(batch: Array) -> list[Array]:
    """Split (..., coefficients) into one (..., 1) array each, to meet rows on the last axis."""
    return [batch[..., k, None] for k in range(batch.shape[-1])]


@functools.cache
def _unit_vectors(count: int, big: float) -> tuple[Array, ...]:
    """Linear coefficients, as (1 + count, 1) arrays, that pick out one term after the other."""
    return tuple(np.where(np.arange(count + 1) == k + 1, big, 0.0)[:, None] for k in range(count))
