"""The data-constrained law: what repeated tokens and spare parameters are worth."""

from typing import Annotated

import numpy as np

from p2law.declaring import Array, Bounds, Domain, Published, form
from p2law.forms.inputs import DenseParams, Tokens

Unique = Annotated[Array, Domain("> 0", symbol="U", unit="token")]
PUBLISHED = (
    Published(
        "Muennighoff et al. 2023, arXiv:2305.16264; huggingface/datablations README",
        {
            "E": float(np.exp(0.6254804)),
            "A": float(np.exp(6.255414)),
            "B": float(np.exp(7.3049974)),
            "alpha": 0.3526596,
            "beta": 0.3526596,
            "R_D": 15.387756,
            "R_N": 5.309743,
        },
        "alpha and beta were tied",
    ),
)


def _worth(used: Array, unique: Array, half_life: float) -> Array:
    """Effective amount: what is unique, plus repetitions of fading worth."""
    repeats = np.maximum(used / unique - 1, 0)
    return np.asarray(unique + unique * half_life * (1 - np.exp(-repeats / half_life)))


@form(
    linear=("E",),
    reference="arXiv:2305.16264",
    published=PUBLISHED,
)
def repeated_data(
    params: DenseParams,
    tokens: Tokens,
    unique_tokens: Unique,
    *,
    E: Annotated[float, Bounds(0, None, "nat", "loss that neither size nor tokens remove")],
    A: Annotated[float, Bounds(1e-3, 1e12, "nat param^alpha", "size term", log=True)] = 500.0,
    B: Annotated[float, Bounds(1e-3, 1e12, "nat token^beta", "data term", log=True)] = 1500.0,
    alpha: Annotated[float, Bounds(0.01, 3, "1", "how fast size pays")] = 0.35,
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.35,
    R_D: Annotated[
        float, Bounds(0.01, 1e4, "1", "repetitions until worth is 1/e", log=True)
    ] = 15.0,
    R_N: Annotated[float, Bounds(0.01, 1e4, "1", "spare sizes until worth is 1/e", log=True)] = 5.0,
) -> Array:
    """Loss after training on `tokens`, of which only `unique_tokens` differ.

    L = E + A/N'^alpha + B/D'^beta with D' = U + U R_D (1 - exp(-(D/U - 1)/R_D)) and
    N' likewise from the size that is compute-optimal for U unique tokens,
    N_opt = (U G)^(beta/alpha) G with G = (alpha A / (beta B))^(1/(alpha + beta)).
    """
    unique = np.minimum(unique_tokens, tokens)
    balance = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    optimal = np.minimum(params, (unique * balance) ** (beta / alpha) * balance)
    size, data = _worth(params, optimal, R_N), _worth(tokens, unique, R_D)
    return E + A * size**-alpha + B * data**-beta
