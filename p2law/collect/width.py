"""Which neurons, attention groups and channels go, and the tensors that stay.

What is least active on the calibration tokens goes (Muralidharan et al. 2024,
"Minitron"). One pass over the whole, unpruned model gives all importances.

When channels of the residual stream go, the mean square that an RMS norm divides by
changes: over fewer channels, the more active ones, it is larger. What is normalised
would come out smaller than before, so each norm's weights are multiplied by
``sqrt((mean square of the kept channels + eps) / (mean square of all + eps))``, measured
on the calibration tokens at that norm; eps is what the norm adds to it. Nothing is
measured, and nothing changes, at full size.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from p2law.collect.calibrate import (
    ATTENTION_IN,
    ATTENTION_OUT,
    FFN_IN,
    FFN_OUT,
    Device,
    Mean,
    embed,
    final_norm,
    layers,
    watching,
)
from p2law.collect.cuts import Cut
from p2law.collect.shapes import Shape
from p2law.collect.stored import EMBEDDING, HEAD, NORM, prefix
from p2law.collect.weights import Block, Source

EPS = 1e-6
"""What transformers takes for `rms_norm_eps` where a config.json has none."""


@dataclass(frozen=True)
class Activity:
    """How active the parts of a model are on the calibration tokens.

    Attributes
    ----------
    hidden : Tensor, (channels,)
        Mean absolute output of the norms, summed over all norms of the model.
    ffn : Tensor, (layers, neurons)
        Mean absolute input of the FFN's last map.
    groups : Tensor, (layers, groups)
        Mean length (l2) of what a key-value head's queries hand to the output map.
    squares : mapping from a norm's name to Tensor, (channels,)
        Mean square of what the norm reads.
    eps : float
        What the norms add to a mean square.
    """

    hidden: Tensor
    ffn: Tensor
    groups: Tensor
    squares: Mapping[str, Tensor]
    eps: float


@dataclass(frozen=True)
class Kept:
    """What stays of a model, as ascending indices.

    Attributes
    ----------
    hidden : Tensor, (channels that stay,)
    ffn : Tensor, (layers, neurons that stay)
    groups : Tensor, (layers, groups that stay)
    norms : mapping from a norm's name to float
        What its weights are multiplied by.
    """

    hidden: Tensor
    ffn: Tensor
    groups: Tensor
    norms: Mapping[str, float]


def measure_activity(source: Source, tokens: Tensor, device: Device = "cpu") -> Activity:
    """Measure how active channels, neurons and attention groups are.

    Parameters
    ----------
    source : Source
    tokens : Tensor of int64, (sequences, length)
    device : str or torch.device

    Returns
    -------
    Activity
    """
    hidden = embed(source, tokens)
    norms: list[Tensor] = []
    ffn: list[Tensor] = []
    groups: list[Tensor] = []
    squares: dict[str, Tensor] = {}
    for index, decoder in layers(source, device):
        outputs, reads = (
            (Mean(torch.abs), Mean(torch.abs)),
            (Mean(torch.square), Mean(torch.square)),
        )
        neurons, heads = Mean(torch.abs), Mean(_group_lengths(source.shape))
        watchers: dict[str, Callable[[Tensor], None]] = {
            "input_layernorm": reads[0],
            "post_attention_layernorm": reads[1],
            ATTENTION_IN: outputs[0],
            FFN_IN: outputs[1],
            ATTENTION_OUT: heads,
            FFN_OUT: neurons,
        }
        with watching(decoder.layer, watchers):
            decoder.advance(hidden)
        norms += [each.value for each in outputs]
        squares[f"{prefix(index)}input_layernorm.weight"] = reads[0].value
        squares[f"{prefix(index)}post_attention_layernorm.weight"] = reads[1].value
        ffn.append(neurons.value)
        groups.append(heads.value)
    last, read = Mean(torch.abs), Mean(torch.square)
    for states, out in zip(hidden, final_norm(source, hidden, device), strict=True):
        read(states.flatten(0, -2))
        last(out.flatten(0, -2))
    squares[NORM] = read.value
    total = torch.stack([*norms, last.value]).sum(0)
    eps = float(source.config.get("rms_norm_eps", EPS))
    return Activity(total, torch.stack(ffn), torch.stack(groups), squares, eps)


def _group_lengths(shape: Shape) -> Callable[[Tensor], Tensor]:
    """Length of what each key-value head's queries give, token by token."""
    return lambda rows: rows.reshape(len(rows), shape.num_key_value_heads, -1).norm(dim=2)


def choose(activity: Activity, cut: Cut) -> Kept:
    """The most active parts, as many as the cut leaves.

    Parameters
    ----------
    activity : Activity
    cut : Cut
        Its ``after`` says how many channels, neurons and groups stay. Of equally
        active ones the first stay.

    Returns
    -------
    Kept
    """
    hidden = _most(activity.hidden, cut.after.hidden_size)
    ffn = _most(activity.ffn, cut.after.intermediate_size)
    groups = _most(activity.groups, cut.after.num_key_value_heads)
    full = cut.after.hidden_size == cut.before.hidden_size
    norms = {
        name: 1.0 if full else _growth(square, hidden, activity.eps)
        for name, square in activity.squares.items()
    }
    return Kept(hidden, ffn, groups, norms)


def _most(scores: Tensor, count: int) -> Tensor:
    """Ascending indices of the highest scores along the last axis."""
    order = scores.argsort(dim=-1, descending=True, stable=True)
    return order[..., :count].sort(dim=-1).values


def _growth(squares: Tensor, kept: Tensor, eps: float) -> float:
    """How much what a norm divides by grows when only some channels are left."""
    everything = float(squares.mean()) + eps
    return float(((squares[kept].mean() + eps) / everything).sqrt()) if everything else 1.0


def narrower(source: Source, kept: Kept) -> Iterator[Block]:
    """Tensors of the model with these channels, neurons and groups alone.

    Parameters
    ----------
    source : Source
    kept : Kept

    Yields
    ------
    dict from str to Tensor
        The embedding, each layer, the last norm, the output layer.
    """
    shape = source.shape
    yield {EMBEDDING: source.weights[EMBEDDING][:, kept.hidden]}
    for index in range(shape.num_hidden_layers):
        yield {prefix(index) + name: tensor for name, tensor in _narrow_layer(source, kept, index)}
    yield {NORM: _narrow_norm(source.weights[NORM], kept, NORM)}
    if not shape.tie_word_embeddings:
        yield {HEAD: source.weights[HEAD][:, kept.hidden]}


def _narrow_layer(source: Source, kept: Kept, index: int) -> Iterator[tuple[str, Tensor]]:
    shape, hidden = source.shape, kept.hidden
    neurons, groups = kept.ffn[index], kept.groups[index]
    keys = _spread(groups, shape.head_dim)
    queries = _spread(
        groups, shape.head_dim * shape.num_attention_heads // shape.num_key_value_heads
    )
    axes = {  # of the seven linear maps: which outputs and which inputs stay
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (neurons, hidden),
        "mlp.up_proj": (neurons, hidden),
        "mlp.down_proj": (hidden, neurons),
    }
    for name, tensor in source.layer(index):
        module, kind = name.rsplit(".", 1)
        if module not in axes:
            yield name, _narrow_norm(tensor, kept, prefix(index) + name)
        elif kind == "bias":
            yield name, tensor[axes[module][0]]
        else:
            rows, columns = axes[module]
            yield name, tensor[rows][:, columns]


def _spread(groups: Tensor, width: int) -> Tensor:
    """Indices of all channels of these groups."""
    return (groups[:, None] * width + torch.arange(width)).flatten()


def _narrow_norm(weight: Tensor, kept: Kept, name: str) -> Tensor:
    """The weights of a norm, in float32 only while they are multiplied."""
    chosen = weight[kept.hidden]
    return (chosen.float() * kept.norms[name]).to(weight.dtype)
