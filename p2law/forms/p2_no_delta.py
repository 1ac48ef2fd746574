"""The P² law without its size factor: every size recovers at the same speed."""

from typing import Annotated

from p2law.declaring import Array, Bounds, form
from p2law.forms.inputs import BaseLoss, Params, PruningRate, Tokens


@form(
    "L = L0 + rho^-gamma * (N_C * N0^-alpha + D_C * D^-beta + E)",
    linear=("N_C", "D_C", "E"),
    rescales=("params", "tokens"),
    reference="arXiv:2502.12051 prints the P² law so; arXiv:2411.10272 has the size factor",
)
def p2_no_delta(
    params: Params,
    tokens: Tokens,
    pruning_rate: PruningRate,
    base_loss: BaseLoss,
    *,
    N_C: Annotated[float, Bounds(0, None, "nat param^alpha", "damage that shrinks with size")],
    D_C: Annotated[float, Bounds(0, None, "nat token^beta", "damage that tokens remove")],
    E: Annotated[float, Bounds(None, None, "nat", "damage that neither removes")],
    alpha: Annotated[float, Bounds(0.01, 3, "1", "how fast lasting damage falls with size")] = 0.4,
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.4,
    gamma: Annotated[float, Bounds(-12, 4, "1", "minus the power of the pruning rate")] = -1.0,
) -> Array:
    """`p2` with delta = 0: it cannot say that smaller models recover faster."""
    return base_loss + pruning_rate**-gamma * (N_C * params**-alpha + D_C * tokens**-beta + E)
