"""The smaller shape that comes nearest to a rate, with fewer layers or with narrower ones.

Width, in words
---------------
Llama and Qwen2 configurations know one size for all layers, so every layer is cut
to the same sizes; which neurons, groups and channels go is chosen by importance.
Three axes can be cut: ``"ffn"`` (neurons of the gated FFN), ``"attention"``
(key-value heads, each with all its queries) and ``"hidden"`` (channels of the
residual stream, and with them the embeddings). `head_dim` stays, since rotary
positions are tied to it.

By default FFN and hidden channels go and attention stays. Together they reach
every rate, also where the embeddings are a third of the model, which no other axis
touches. Attention heads are few (all public Qwen 2.5 models below 7B have two
key-value heads: half of the attention or nothing), removing one costs more quality
than removing as many parameters from the FFN, and width-pruned models in use, such
as Llama-3.1-Minitron-4B-Width, keep theirs. Ask for ``axes=("ffn",)`` to leave the
residual stream alone (up to the FFN's share of the parameters), or name all three
for a smaller key-value cache.

Of all sizes whose rate lies within 0.02 of the one asked for, those are taken that
minimise ``(rate missed / 0.005)^2 + (spread / 0.1)^2``, where spread is the
difference between the largest and smallest share that the chosen axes keep: sizes
shrink in step as far as their steps allow. Since the first term is convex in the
rate, a higher rate never removes less. Hidden and FFN sizes are multiples of the
largest power of two up to 128 that still leaves 64 steps (1 in small models), or of
`multiple`. A Llama's hidden size must also be a multiple of its number of heads,
because transformers refuses others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from p2law.collect.shapes import Shape
from p2law.errors import PruningError

Axis = Literal["ffn", "attention", "hidden"]

AXES: tuple[Axis, ...] = ("ffn", "attention", "hidden")
DEFAULT_AXES: tuple[Axis, ...] = ("ffn", "hidden")

TOLERANCE = 0.02
"""How far a width cut may miss the rate that was asked for."""

RATE_SCALE, SPREAD_SCALE = 0.005, 0.1
"""Missing the rate by one weighs as much as kept shares that differ by the other."""


def shallower(shape: Shape, rate: float) -> Shape:
    """The shape with the number of layers nearest to a rate.

    Raises
    ------
    PruningError
        None is within half a layer of it.
    """
    layer = shape.layer_params / shape.params
    layers = math.floor(rate / layer + 0.5)
    most = shape.num_hidden_layers - 1
    if not layers or layers > most:
        can = f"one to {most} of its layers can go, {layer:.3g} to {most * layer:.3g} of all"
        can = can if most else "its only layer must stay"
        raise PruningError(
            f"depth: a rate of {rate:g} cannot be reached within half a layer: {can} parameters"
        )
    return replace(shape, num_hidden_layers=shape.num_hidden_layers - layers)


def narrower(shape: Shape, rate: float, axes: tuple[str, ...], multiple: int | None) -> Shape:
    """The shape whose rate is near and whose axes keep about equal shares.

    Parameters
    ----------
    shape : Shape
    rate : float
        Share of all parameters that is to go.
    axes : tuple of str
        Some of `AXES`.
    multiple : int, optional
        New sizes are multiples of it.

    Returns
    -------
    Shape

    Raises
    ------
    PruningError
        There is none within `TOLERANCE`, or no such axis.
    """
    if not axes or set(axes) - set(AXES):
        raise PruningError(f"width: axes are {list(axes)}; name some of {', '.join(AXES)}")
    if multiple is not None and multiple < 1:
        raise PruningError(f"width: multiple is {multiple}; it must be 1 or more")
    best, nearest = (math.inf, 0, shape), (math.inf, 0.0)
    for after in _candidates(shape, rate, axes, multiple):
        removed = shape.params - after.params
        missed = removed / shape.params - rate
        nearest = min(nearest, (abs(missed), removed / shape.params))
        score = (missed / RATE_SCALE) ** 2 + (_spread(shape, after, axes) / SPREAD_SCALE) ** 2
        if abs(missed) <= TOLERANCE and (score, removed) < best[:2]:
            best = (score, removed, after)
    if math.isinf(best[0]):
        raise PruningError(
            f"width: a rate of {rate:g} cannot be reached within {TOLERANCE:g} along "
            f"{', '.join(axes)}; the nearest is {nearest[1]:.3g}. "
            f"Name more axes{', or a smaller multiple' if multiple else ''}"
        )
    return best[2]


def _candidates(
    shape: Shape, rate: float, axes: tuple[str, ...], multiple: int | None
) -> Iterator[Shape]:
    """Narrower shapes: for each group number and hidden size those FFN sizes that fit the rate."""
    groups = range(1, shape.num_key_value_heads + 1)
    neurons = _sizes(shape.intermediate_size, "ffn" in axes, multiple)
    for kept in groups if "attention" in axes else groups[-1:]:
        heads = shape.num_attention_heads // shape.num_key_value_heads * kept
        for hidden in _sizes(shape.hidden_size, "hidden" in axes, multiple):
            if shape.model_type == "llama" and hidden % heads:
                continue
            narrow = replace(
                shape, hidden_size=hidden, num_attention_heads=heads, num_key_value_heads=kept
            )
            for each in _fitting(shape, narrow, rate, neurons):
                if each != shape:
                    yield each


def _sizes(full: int, cut: bool, multiple: int | None) -> list[int]:  # noqa: FBT001
    """Sizes that an axis may have, ending with the full one."""
    if not cut:
        return [full]
    step = multiple or max(1, min(128, 1 << max(0, (full // 64).bit_length() - 1)))
    return [*range(step, full, step), full]


def _fitting(shape: Shape, narrow: Shape, rate: float, neurons: Sequence[int]) -> list[Shape]:
    """Shapes with FFN sizes within the tolerance of the rate, or the one nearest to it."""
    each = 3 * narrow.hidden_size * narrow.num_hidden_layers
    without = narrow.params - each * narrow.intermediate_size
    wanted = ((1 - rate) * shape.params - without) / each
    reach = TOLERANCE * shape.params / each
    near = [size for size in neurons if abs(size - wanted) <= reach]
    near = near or [min(neurons, key=lambda size: abs(size - wanted))]
    return [replace(narrow, intermediate_size=size) for size in near]


def _spread(shape: Shape, after: Shape, axes: tuple[str, ...]) -> float:
    """Difference between the largest and smallest share that the axes keep."""
    kept = {
        "ffn": after.intermediate_size / shape.intermediate_size,
        "attention": after.num_key_value_heads / shape.num_key_value_heads,
        "hidden": after.hidden_size / shape.hidden_size,
    }
    shares = [kept[axis] for axis in axes]
    return max(shares) - min(shares)
