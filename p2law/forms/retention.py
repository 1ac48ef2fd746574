"""The retention law of Sengupta et al., second version: scores, not losses."""

from typing import Annotated

from p2law.declaring import Array, Bounds, Domain, form

Rate = Annotated[Array, Domain("[0, 1)", symbol="r")]
BaseScore = Annotated[Array, Domain("> 0", symbol="L0")]


@form(
    "L = L0 * P_0 * (1 - r)^alpha",
    linear=("P_0",),
    reference="arXiv:2504.04342v2",
    target="score",
)
def retention(
    pruning_rate: Rate,
    base_score: BaseScore,
    *,
    P_0: Annotated[float, Bounds(0, None, "1", "what the first cut leaves")],
    alpha: Annotated[float, Bounds(-1, 10, "1", "how fast the score falls with the rate")] = 1.0,
) -> Array:
    """Score (accuracy, or 1 / log perplexity) left after pruning; no size, no tokens."""
    return base_score * P_0 * (1 - pruning_rate) ** alpha
