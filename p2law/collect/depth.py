"""Which decoder layers go, and the tensors that stay.

Those that change the residual stream least (block influence, Men et al. 2024,
"ShortGPT"), measured in one pass over the whole, unpruned model.
"""

from collections.abc import Iterator, Sequence

from torch import Tensor
from torch.nn import functional

from p2law.collect.calibrate import (
    Decoder,
    Device,
    embed,
    layers,
)
from p2law.collect.stored import EMBEDDING, prefix
from p2law.collect.weights import Block, Source, ending


def block_influence(source: Source, tokens: Tensor, device: Device = "cpu") -> tuple[float, ...]:
    """How much each decoder layer changes the residual stream.

    Parameters
    ----------
    source : Source
    tokens : Tensor of int64, (sequences, length)
    device : str or torch.device

    Returns
    -------
    tuple of float
        For each layer, the mean over tokens of 1 - cosine similarity of what goes in
        and what comes out.
    """
    hidden = embed(source, tokens)
    return tuple(_change(decoder, hidden) for _, decoder in layers(source, device))


def _change(decoder: Decoder, hidden: list[Tensor]) -> float:
    """Advance hidden states; mean over tokens of 1 - cosine similarity."""
    total, count = 0.0, 0
    for number, states in enumerate(hidden):
        hidden[number] = decoder(states)
        change = 1 - functional.cosine_similarity(states.double(), hidden[number].double(), dim=-1)
        total += float(change.sum())
        count += change.numel()
    return total / count


def kept_layers(influence: Sequence[float], count: int) -> tuple[int, ...]:
    """The layers that stay: those of most influence, in their order.

    Parameters
    ----------
    influence : sequence of float
    count : int
        How many stay. Of equally influential layers the later ones go.

    Returns
    -------
    tuple of int
    """
    order = sorted(range(len(influence)), key=lambda index: (-influence[index], index))
    return tuple(sorted(order[:count]))


def shallower(source: Source, kept: Sequence[int]) -> Iterator[Block]:
    """Tensors of the model with these layers alone, numbered anew.

    Parameters
    ----------
    source : Source
    kept : sequence of int
        Layers that stay, ascending.

    Yields
    ------
    dict from str to Tensor
        The embedding, each layer, the last norm, the output layer.
    """
    yield {EMBEDDING: source.weights[EMBEDDING]}
    for new, old in enumerate(kept):
        yield {prefix(new) + name: tensor for name, tensor in source.layer(old)}
    yield from ending(source)
