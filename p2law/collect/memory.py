"""Memory that a run needs on each of its GPUs, as a sum of named terms.

In bytes, for N parameters shared by g GPUs:

weights, gradients, Adam
    4 N / g, 4 N / g, 8 N / g: all in float32. Gradients are shared out after every pass.
masks
    One byte for each weight of the pruned matrices.
teacher
    4 bytes a parameter, for distillation.
gathered
    On several GPUs the embeddings in float32, two decoder layers (one ahead) in the
    compute dtype, and the gradients of both in float32.
copies
    With bfloat16 the matrices in bfloat16, which autocast keeps; on several GPUs that
    of the output alone, since those of layers are gathered in bfloat16.
activations
    What autograd keeps of a micro-batch; with checkpointing the inputs of all layers
    and one layer whole.
logits
    Of one chunk or micro-batch: 12 bytes an element, 28 for distillation.

A tenth of the GPU is left for the CUDA context, buffers and fragments.
"""

import math
from collections.abc import Iterator

from p2law.collect.cuts import SPARSE
from p2law.collect.jobs import Run
from p2law.collect.settings import Execution
from p2law.collect.shapes import Shape
from p2law.errors import SweepFileError

USABLE = 0.9
"""Share of a GPU's memory that is planned with."""

CHUNK_ELEMENTS = 1 << 26
"""Logits that the loss holds at once: 256 MiB in float32."""

BYTES = {"float32": 4, "bfloat16": 2}
NODE = 8
"""GPUs of a machine; beyond one, whole machines are counted."""

NORMS = {"float32": 24, "bfloat16": 26}
"""Bytes that two norms and their surroundings keep of one channel."""


def memory_terms(run: Run, execution: Execution, gpus: int) -> dict[str, float]:
    """Bytes that a run needs on each of its GPUs, by what for.

    Parameters
    ----------
    run : Run
    execution : Execution
    gpus : int
        How many share the run.

    Returns
    -------
    dict
        The terms are explained at the top of this module.
    """
    shape, training = trained(run), run.training
    single, width = gpus == 1, BYTES[training.dtype]
    windows = training.batch_tokens // run.sequence
    tokens = min(execution.micro_batch, math.ceil(windows / gpus)) * run.sequence
    distils = training.objective == "kd"
    terms = {
        "weights": 4.0 * shape.params / gpus,
        "gradients": 4.0 * shape.params / gpus,
        "Adam": 8.0 * shape.params / gpus,
        "activations": activations(
            shape, training.dtype, checkpoint=execution.checkpoint_activations
        )
        * tokens,
        "logits": min(CHUNK_ELEMENTS, tokens * shape.vocab_size) * (28.0 if distils else 12.0),
    }
    if not single:
        layers = (width + 4.0) * 2 * shape.layer_params
        terms["gathered"] = 8.0 * shape.embedding_params + layers
    if training.dtype == "bfloat16":
        terms["copies"] = 2.0 * (single * _matrices(shape) + shape.vocab_size * shape.hidden_size)
    if run.cut is not None and run.cut.method in SPARSE:
        terms["masks"] = 1.0 * _matrices(shape) / gpus
    if distils:
        before = run.shape
        gathered = 4.0 * before.embedding_params + width * 2 * before.layer_params
        terms["teacher"] = 4.0 * before.params / gpus + (0 if single else gathered)
    return terms


def activations(shape: Shape, dtype: str, *, checkpoint: bool) -> float:
    """Bytes that autograd keeps of one token through all decoder layers.

    Of each layer: gate, up, their product and the activated gate; queries and
    attention; keys and values; and of the residual stream two norms with float32
    parts, since autocast leaves it in float32. Counted with saved-tensor hooks on
    transformers' Llama with fused attention.

    Parameters
    ----------
    shape : Shape
    dtype : str
        ``"float32"`` or ``"bfloat16"``, of the products.
    checkpoint : bool
        Keep the inputs of layers only, and one layer whole.

    Returns
    -------
    float, byte per token
    """
    width = BYTES[dtype]
    queries = shape.num_attention_heads * shape.head_dim
    keys = shape.num_key_value_heads * shape.head_dim
    layer = (
        width * (4 * shape.intermediate_size + 2 * queries + 2 * keys)
        + NORMS[dtype] * shape.hidden_size
        + 4 * shape.num_attention_heads
        + 8
    )
    if checkpoint:
        return float(shape.num_hidden_layers * 4 * shape.hidden_size + layer)
    return float(shape.num_hidden_layers * layer)


def _counts(windows: int) -> Iterator[int]:
    """Numbers of GPUs that share a batch evenly: powers of two, then whole machines."""
    for gpus in range(1, windows + 1):
        usual = gpus % NODE == 0 if gpus > NODE else NODE % gpus == 0
        if usual and windows % gpus == 0:
            yield gpus


def smallest(run: Run, execution: Execution, gpu_memory: float) -> tuple[int, dict[str, float]]:
    """The smallest number of GPUs that has the memory, and what is in it.

    Parameters
    ----------
    run : Run
    execution : Execution
    gpu_memory : float, byte
        Of one GPU.

    Returns
    -------
    gpus : int
    memory : dict of str to float, byte
        As from `memory_terms`.

    Raises
    ------
    SweepFileError
        No number of GPUs that can share a batch evenly has the memory.
    """
    windows, gpus, terms = run.training.batch_tokens // run.sequence, 1, dict[str, float]()
    for gpus in _counts(windows):
        terms = memory_terms(run, execution, gpus)
        if sum(terms.values()) <= USABLE * gpu_memory:
            return gpus, terms
    largest = sorted(terms, key=lambda name: -terms[name])[:3]
    cures = ["a smaller micro_batch"] * (execution.micro_batch > 1)
    cures += ["checkpoint_activations = true"] * (not execution.checkpoint_activations)
    cures += ["a larger batch_tokens, which more GPUs can share"]
    raise SweepFileError(
        f"{run.id} does not fit: on {gpus} GPUs, the most that can share its {windows} windows a "
        f"batch, each needs {sum(terms.values()) / 1e9:.1f} GB, and "
        f"{USABLE * gpu_memory / 1e9:.1f} of {gpu_memory / 1e9:.1f} GB can be used. Most goes to "
        f"{', '.join(f'{name} {terms[name] / 1e9:.1f} GB' for name in largest)}. "
        f"Try {' or '.join(cures)}"
    )


def trained(run: Run) -> Shape:
    """Shape of the model that is trained."""
    return run.cut.after if run.cut else run.shape


def _matrices(shape: Shape) -> int:
    return shape.num_hidden_layers * shape.matrix_params
