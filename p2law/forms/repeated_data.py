"""The data-constrained law: what repeated tokens and spare parameters are worth."""

from typing import Annotated, Any

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


def _optimal(params: Array, unique: Array, A: Any, B: Any, alpha: Any, beta: Any) -> Array:
    """Size that is compute-optimal for so many unique tokens, at most the size itself."""
    raw = (alpha * A / (beta * B) * unique**beta) ** (1 / alpha)
    return np.asarray(np.minimum(params, raw))


def _derivatives(params: Array, tokens: Array, unique_tokens: Array, **at: Any) -> dict[str, Array]:
    """Derivatives of the law with respect to all coefficients but E."""
    A, B, alpha, beta, R_D, R_N = (at[name] for name in ("A", "B", "alpha", "beta", "R_D", "R_N"))
    unique = np.minimum(unique_tokens, tokens)
    optimal = _optimal(params, unique, A, B, alpha, beta)
    size, data = _worth(params, optimal, R_N), _worth(tokens, unique, R_D)
    by_size, by_data = -alpha * A * size ** (-alpha - 1), -beta * B * data ** (-beta - 1)
    spare, again = (params / optimal - 1) / R_N, (tokens / unique - 1) / R_D
    fades, fades_again = np.exp(-spare), np.exp(-again)
    # What a relative change of the optimal size does to the loss; nothing where it is clipped.
    moves = by_size * optimal * (1 + R_N * (1 - fades) - fades * params / optimal)
    moves = np.where(optimal < params, moves, 0.0)
    return {
        "A": size**-alpha + moves / (alpha * A),
        "B": data**-beta - moves / (alpha * B),
        "alpha": -A * np.log(size) * size**-alpha + moves * (1 / alpha - np.log(optimal)) / alpha,
        "beta": -B * np.log(data) * data**-beta + moves * (np.log(unique) - 1 / beta) / alpha,
        "R_D": by_data * unique * (1 - fades_again * (1 + again)),
        "R_N": by_size * optimal * (1 - fades * (1 + spare)),
    }


@form(
    linear=("E",),
    reference="arXiv:2305.16264",
    published=PUBLISHED,
    derivatives=_derivatives,
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
    N_opt = (alpha A U^beta / (beta B))^(1/alpha), which is Muennighoff's (U G)^(beta/alpha) G
    with G = (alpha A / (beta B))^(1/(alpha + beta)).
    """
    unique = np.minimum(unique_tokens, tokens)
    optimal = _optimal(params, unique, A, B, alpha, beta)
    size, data = _worth(params, optimal, R_N), _worth(tokens, unique, R_D)
    return E + A * size**-alpha + B * data**-beta
