"""What a law gives at inputs: a number for each row, or words for why not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from p2law.declaring import Array, Form
from p2law.errors import FormError
from p2law.text.views import number
from p2law.text.wording import got, several


def value(form: Form, columns: Sequence[Any], at: Mapping[str, Any]) -> Array:
    """The law at arrays or numbers, with such coefficients; what is not finite is given, too.

    Raises
    ------
    FormError
        Its function raises something, or gives no real number for each row.
    """
    try:
        with np.errstate(all="ignore"):
            answer = form.function(*columns, **at)
            found = np.asarray(answer)
    except Exception as error:  # a user's law may raise anything; it is said
        raise FormError(
            f"{form.name}: its function raises {type(error).__name__}: {error}; it must take "
            f"arrays and numbers, as np.where does in place of if"
        ) from error
    if found.dtype.kind == "c":
        raise FormError(f"{form.name}: its function gives complex numbers; it must give real ones")
    if found.dtype.kind not in "bifu":
        raise FormError(f"{form.name}: its function gives {got(answer)}; it must give numbers")
    shape = np.shape(columns[0])
    if found.shape not in ((), shape):
        rows = several(shape[0], "row") if shape else "a single number"
        raise FormError(
            f"{form.name}: its function gives {several(found.size, 'value')} for {rows}; it must "
            f"give one a row, and a number for a number"
        )
    return np.broadcast_to(found, shape)


def unbounded(form: Form, columns: Sequence[Array], found: Array) -> str:
    """Say at which inputs the law is not finite first; empty where it is everywhere."""
    if np.isfinite(found).all():
        return ""
    row = int(np.argmin(np.isfinite(found)))
    where = ", ".join(
        f"{name} = {number(float(column[row]))}"
        for name, column in zip(form.columns, columns, strict=True)
    )
    return f"is not finite at {where}"
