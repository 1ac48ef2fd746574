"""The Chinchilla law: loss of a dense model from its size and its tokens."""

from typing import Annotated, Any

import numpy as np

from p2law.declaring import Array, Bounds, Published, form
from p2law.forms.inputs import DenseParams, Tokens

PUBLISHED = (
    Published(
        "Hoffmann et al. 2022, arXiv:2203.15556, approach 3, as printed",
        {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
    ),
    Published(
        "Besiroglu et al. 2024, arXiv:2404.10102, official notebook",
        {"E": 1.81686, "A": 482.00572, "B": 2085.43420, "alpha": 0.34781, "beta": 0.36585},
        "maximum of a Huber likelihood with a free scale, not a minimum of huber(0.001, log=True)",
    ),
)


def _derivatives(params: Array, tokens: Array, **at: Any) -> dict[str, Array]:
    """Derivatives of the law with respect to its two exponents."""
    return {
        "alpha": -np.log(params) * (at["A"] * params ** -at["alpha"]),
        "beta": -np.log(tokens) * (at["B"] * tokens ** -at["beta"]),
    }


@form(
    "L = E + A * N^-alpha + B * D^-beta",
    linear=("E", "A", "B"),
    rescales=("params", "tokens"),
    reference="arXiv:2203.15556",
    derivatives=_derivatives,
    published=PUBLISHED,
)
def chinchilla(
    params: DenseParams,
    tokens: Tokens,
    *,
    E: Annotated[float, Bounds(0, None, "nat", "loss that neither size nor tokens remove")],
    A: Annotated[float, Bounds(0, None, "nat param^alpha", "loss that size removes")],
    B: Annotated[float, Bounds(0, None, "nat token^beta", "loss that tokens remove")],
    alpha: Annotated[float, Bounds(0.01, 3, "1", "how fast size pays")] = 0.35,
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.35,
) -> Array:
    """Loss after pre-training, from parameters and training tokens."""
    return E + A * params**-alpha + B * tokens**-beta
