"""The P² law: loss after post-training a pruned model."""

from typing import Annotated, Any

import numpy as np

from p2law.declaring import Array, Bounds, form
from p2law.forms.inputs import BaseLoss, Params, PruningRate, Tokens


def _derivatives(
    params: Array, tokens: Array, pruning_rate: Array, _base_loss: Array, **at: Any
) -> dict[str, Array]:
    """Derivatives of the law with respect to its four exponents."""
    scale = pruning_rate ** -at["gamma"] * params ** -at["delta"]
    lasting = scale * (at["N_C"] * params ** -at["alpha"])
    transient = scale * (at["D_C"] * tokens ** -at["beta"])
    damage = lasting + transient + scale * at["E"]
    size = np.log(params)
    return {
        "alpha": -size * lasting,
        "beta": -np.log(tokens) * transient,
        "gamma": -np.log(pruning_rate) * damage,
        "delta": -size * damage,
    }


@form(
    "L = L0 + rho^-gamma * N0^-delta * (N_C * N0^-alpha + D_C * D^-beta + E)",
    linear=("N_C", "D_C", "E"),
    rescales=("params", "tokens"),
    reference="arXiv:2411.10272",
    derivatives=_derivatives,
)
def p2(
    params: Params,
    tokens: Tokens,
    pruning_rate: PruningRate,
    base_loss: BaseLoss,
    *,
    N_C: Annotated[
        float, Bounds(0, None, "nat param^(alpha+delta)", "damage that shrinks with size")
    ],
    D_C: Annotated[
        float, Bounds(0, None, "nat token^beta param^delta", "damage that tokens remove")
    ],
    E: Annotated[float, Bounds(None, None, "nat param^delta", "damage that neither removes")],
    alpha: Annotated[float, Bounds(0.01, 3, "1", "how fast lasting damage falls with size")] = 0.4,
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.4,
    gamma: Annotated[float, Bounds(-12, 4, "1", "minus the power of the pruning rate")] = -1.0,
    delta: Annotated[float, Bounds(-2, 2, "1", "how fast all damage falls with size")] = 0.2,
) -> Array:
    """Loss after post-training, from size before pruning, tokens, rate and base loss."""
    scale = pruning_rate**-gamma * params**-delta
    return base_loss + scale * (N_C * params**-alpha + D_C * tokens**-beta + E)
