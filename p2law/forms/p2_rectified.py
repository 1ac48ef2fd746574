"""The P² law made finite at zero tokens (a law of ours)."""

from typing import Annotated

from p2law.declaring import Array, Bounds, form
from p2law.forms.inputs import BaseLoss, Params, PruningRate, TokensFromZero


@form(
    "L = L0 + rho^-gamma * N0^-delta * (N_C * N0^-alpha + D_C * (D + D_0)^-beta + E)",
    linear=("N_C", "D_C", "E"),
    rescales=("params", "tokens"),
    reference="p2law; after the rectified law of arXiv:2402.02314",
)
def p2_rectified(
    params: Params,
    tokens: TokensFromZero,
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
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay in the end")] = 0.4,
    gamma: Annotated[float, Bounds(-12, 4, "1", "minus the power of the pruning rate")] = -1.0,
    delta: Annotated[float, Bounds(-2, 2, "1", "how fast all damage falls with size")] = 0.2,
    D_0: Annotated[float, Bounds(1, 1e15, "token", "tokens a run seems ahead", log=True)] = 1e6,
) -> Array:
    """Loss after post-training, down to the pruned model that has seen no token.

    `p2` counts tokens from a point where the damage is infinite. Post-training
    starts from a pruned model whose loss is finite, as if it had already seen
    D_0 tokens of the same recovery; so the tokens that count are D + D_0. At
    D = 0 the damage that tokens can remove is D_C * D_0^-beta, its slope there is
    finite, and for D much larger than D_0 the law is `p2`, since
    (D + D_0)^-beta = D^-beta * (1 - beta * D_0 / D + ...).
    """
    scale = pruning_rate**-gamma * params**-delta
    return base_loss + scale * (N_C * params**-alpha + D_C * (tokens + D_0) ** -beta + E)
