"""Zeros among the weights of a model, layer by layer.

The seven linear maps of every decoder layer are pruned; embeddings, norms, biases
and the output layer are not. Layers come in order, and what a layer is calibrated
on has gone through the pruned layers before it.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from p2law.collect.calibrate import SHARED, Decoder, Device, Gram, Mean, embed, layers, watching
from p2law.collect.cuts import Cut
from p2law.collect.stored import EMBEDDING, prefix
from p2law.collect.weights import Block, Source, ending
from p2law.collect.zeroing import Choice, chooser, curvature, magnitude, sparsegpt, wanda


def sparser(
    source: Source, cut: Cut, tokens: Tensor | None, device: Device = "cpu"
) -> Iterator[Block]:
    """Tensors of the model with zeros in its linear maps.

    Parameters
    ----------
    source : Source
    cut : Cut
        Of method ``"2:4"`` or ``"unstructured"``.
    tokens : Tensor of int64, (sequences, length)
        Not needed for magnitude.
    device : str or torch.device

    Yields
    ------
    dict from str to Tensor
        The embedding, each layer, the last norm, the output layer.
    """
    choose = chooser(cut)
    yield {EMBEDDING: source.weights[EMBEDDING]}
    if cut.criterion == "magnitude":
        yield from _by_magnitude(source, choose, device)
    else:
        hidden = embed(source, tokens)
        for index, decoder in layers(source, device):
            _prune_layer(decoder, hidden, choose, cut.criterion)
            decoder.advance(hidden)
            yield _tensors(source, decoder, index)
    yield from ending(source)


def _by_magnitude(source: Source, choose: Choice, device: Device) -> Iterator[Block]:
    linear = {f"{name}.weight" for name, _, _ in source.shape.matrices}
    for index in range(source.shape.num_hidden_layers):
        yield {
            prefix(index) + name: magnitude(each.to(device), choose) if name in linear else each
            for name, each in source.layer(index)
        }


def _prune_layer(decoder: Decoder, hidden: list[Tensor], choose: Choice, criterion: str) -> None:
    """Prune the linear maps of the layer that runs, by what flows through it unpruned."""
    seen: dict[str, Gram | Mean] = {
        read: Gram() if criterion == "sparsegpt" else Mean(torch.square) for read in SHARED
    }
    with watching(decoder.layer, seen):
        for states in hidden:
            decoder(states)
    for read, names in SHARED.items():
        prune = _pruner(seen.pop(read), choose, f"layer {decoder.index}, {read}")
        for name in names:
            linear = decoder.layer.get_submodule(name)
            linear.weight = nn.Parameter(prune(linear.get_parameter("weight")), requires_grad=False)


def _pruner(seen: Gram | Mean, choose: Choice, where: str) -> Callable[[Tensor], Tensor]:
    """What is done to each linear map that reads these inputs."""
    if isinstance(seen, Mean):
        squares = seen.value
        return lambda weight: wanda(weight, squares, choose)
    curve = curvature(seen.take(), where)
    return lambda weight: sparsegpt(weight, curve, choose)


def _tensors(source: Source, decoder: Decoder, index: int) -> Block:
    """The layer as the source has it, but for its linear maps."""
    linear = {f"{name}.weight" for name, _, _ in source.shape.matrices}
    return {
        prefix(index) + name: (
            decoder.layer.get_parameter(name).detach().to(tensor.dtype)
            if name in linear
            else tensor
        )
        for name, tensor in source.layer(index)
    }
