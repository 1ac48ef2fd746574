"""Loss of one pruned model as a power law in post-training tokens alone."""

from typing import Annotated

from p2law.declaring import Array, Bounds, form
from p2law.forms.inputs import Tokens


@form("L = floor + scale * D^-beta", linear=("floor", "scale"), rescales=("tokens",))
def token_power(
    tokens: Tokens,
    *,
    floor: Annotated[float, Bounds(0, None, "nat", "loss that no data removes")],
    scale: Annotated[float, Bounds(0, None, "nat token^beta", "what data still removes")],
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.4,
) -> Array:
    """The smallest law a budget can be planned with: one model, one pruning rate.

    Compare it with `p2` before trusting either: three coefficients against
    seven, so on a single model this one should win.
    """
    return floor + scale * tokens**-beta
