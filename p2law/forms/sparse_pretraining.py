"""The sparse pre-training law: loss of a model trained sparse from the start."""

from typing import Annotated

from p2law.declaring import Array, Bounds, Domain, Published, form
from p2law.forms.inputs import Tokens

SOURCE = "Frantar et al. 2023, arXiv:2309.08520; google-research/jaxpruner, sparsity-scaling.ipynb"
PUBLISHED = (
    Published(
        f"{SOURCE}, T5 on C4",
        {
            "a_S": 0.56778512 * 1e6**0.24513173,
            "b_S": 0.72161276,
            "c_S": 1.52265016 * 1e6**0.24513173,
            "b_N": 0.24513173,
            "a_D": 0.63361517 ** (1 / 0.20270772) * 65_536e5,
            "b_D": 0.20270772,
            "c": 0.65074219,
        },
        "the notebook counts non-zeros in 1e6 and training in 1e5 steps of 65,536 tokens",
    ),
    Published(
        f"{SOURCE}, ViT on JFT-4B",
        {
            "a_S": 1.30485411 * 1e6**0.39222675,
            "b_S": 0.82101251,
            "c_S": 2.07506343 * 1e6**0.39222675,
            "b_N": 0.39222675,
            "a_D": 0.27818217 ** (1 / 0.88979104) * 1e9,
            "b_D": 0.88979104,
            "c": 4.51669257,
        },
        "images in place of tokens; the notebook counts non-zeros in 1e6 and images in 1e9",
    ),
)
Sparsity = Annotated[Array, Domain("[0, 1)", symbol="S")]
NonZeros = Annotated[Array, Domain("> 0", symbol="N", unit="param")]


@form(
    "L = (a_S * (1 - S)^b_S + c_S) * (1 / N)^b_N + (a_D / D)^b_D + c",
    linear=("a_S", "c_S", "c"),
    rescales=("params_after", "tokens"),
    reference="arXiv:2309.08520",
    published=PUBLISHED,
)
def sparse_pretraining(
    pruning_rate: Sparsity,
    params_after: NonZeros,
    tokens: Tokens,
    *,
    a_S: Annotated[float, Bounds(0, None, "nat param^b_N", "what sparsity saves of the size term")],
    b_S: Annotated[float, Bounds(0.01, 3, "1", "how fast it saves")] = 0.7,
    c_S: Annotated[float, Bounds(0, None, "nat param^b_N", "size term of a very sparse model")],
    b_N: Annotated[float, Bounds(0.01, 3, "1", "how fast non-zeros pay")] = 0.3,
    a_D: Annotated[
        float, Bounds(1e-3, 1e18, "token", "tokens at which data cost 1 nat", log=True)
    ] = 1e9,
    b_D: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.3,
    c: Annotated[float, Bounds(0, None, "nat", "loss that nothing removes")],
) -> Array:
    """Loss from sparsity, non-zero parameters (after pruning) and training tokens."""
    size = (a_S * (1 - pruning_rate) ** b_S + c_S) * params_after**-b_N
    return size + (a_D / tokens) ** b_D + c
