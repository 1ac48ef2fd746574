"""The compression law of Sengupta et al., first version."""

from typing import Annotated

from p2law.declaring import Array, Bounds, Domain, form
from p2law.forms.inputs import BaseLoss, TokensFromZero

Rate = Annotated[Array, Domain("[0, 1)", symbol="r")]
MILLION = 1e6


@form(
    "L = L0^alpha * (1 + r)^beta * (1 + 1 / (D / 1e6 + 1))^gamma",
    reference="arXiv:2504.04342v1",
)
def compression(
    pruning_rate: Rate,
    tokens: TokensFromZero,
    base_loss: BaseLoss,
    *,
    alpha: Annotated[float, Bounds(-5, 5, "1", "power of the loss before pruning")] = 1.0,
    beta: Annotated[float, Bounds(-10, 20, "1", "power of the pruning rate")] = 1.0,
    gamma: Annotated[float, Bounds(-10, 10, "1", "power of the missing recovery")] = 1.0,
) -> Array:
    """Loss after pruning and recovery fine-tuning.

    The paper adds 1 to D without giving its unit, on which the law depends. We
    count D in millions of tokens, the paper's range being 1 to 25 of them: the
    choice is ours. Fit it with ``squared(log=True)``, as the paper does.
    """
    recovery = 1 + 1 / (tokens / MILLION + 1)
    return base_loss**alpha * (1 + pruning_rate) ** beta * recovery**gamma
