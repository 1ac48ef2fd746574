"""What a pruning method removes from a shape, before any weight is read.

A rate is asked for; what can be removed comes in whole layers, whole channels or
whole weights. `plan_cut` finds the nearest that there is and says exactly what it
comes to, so that a plan can be refused, and a record is never about a rate that
was only wished for.

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

Zeros, in words
---------------
See `group_zeros`: the one place that says how many weights become zero.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from p2law.collect.shapes import Shape
from p2law.errors import PruningError

Axis = Literal["ffn", "attention", "hidden"]

METHODS = ("none", "depth", "width", "2:4", "unstructured")
SPARSE = ("2:4", "unstructured")
CRITERIA = ("magnitude", "wanda", "sparsegpt")
AXES: tuple[Axis, ...] = ("ffn", "attention", "hidden")
DEFAULT_AXES: tuple[Axis, ...] = ("ffn", "hidden")

SPARSEGPT_BLOCK = 128
"""Columns of a matrix among which SparseGPT chooses at a time."""

TOLERANCE = 0.02
"""How far a width cut may miss the rate that was asked for."""

RATE_SCALE, SPREAD_SCALE = 0.005, 0.1
"""Missing the rate by one weighs as much as kept shares that differ by the other."""


@dataclass(frozen=True)
class Cut:
    """What pruning does to a shape, exactly.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    before, after : Shape
        Equal for sparse methods, which set weights to zero where they are.
    removed : int
        Parameters that are gone, or zero.
    rate : float
        What was asked for; see `pruning_rate` and `nominal_rate` for what it is.
    criterion : str
        One of `CRITERIA`, for ``"2:4"`` and ``"unstructured"``, else empty.
    """

    method: str
    before: Shape
    after: Shape
    removed: int
    rate: float = 0.0
    criterion: str = ""

    @property
    def pruning_rate(self) -> float:
        """Share of all parameters that is removed, embeddings counted."""
        return self.removed / self.before.params

    @property
    def nominal_rate(self) -> float:
        """Share of what the method prunes: decoder layers, or their linear maps if sparse."""
        if self.before == self.after:
            return self.removed / (self.before.num_hidden_layers * self.before.matrix_params)
        return 1 - self.after.stack_params / self.before.stack_params

    @property
    def params_after(self) -> int:
        """Parameters that are left, or not zero."""
        return self.before.params - self.removed


def plan_cut(
    shape: Shape,
    method: str,
    rate: float | None = None,
    *,
    criterion: str = "sparsegpt",
    axes: Sequence[str] = DEFAULT_AXES,
    multiple: int | None = None,
) -> Cut:
    """Find the cut that comes nearest to a rate.

    Parameters
    ----------
    shape : Shape
    method : str
        ``"none"``, ``"depth"`` (whole decoder layers), ``"width"`` (FFN neurons,
        attention groups, hidden channels), ``"2:4"`` (two zeros in every four
        weights of a row) or ``"unstructured"`` (zeros anywhere).
    rate : float, fraction in [0, 1)
        For depth and width the share of *all* parameters that should go, embeddings
        counted; for unstructured the share of the decoder layers' linear maps that
        should become zero. ``"none"`` and ``"2:4"`` take none.
    criterion : str
        For ``"2:4"`` and ``"unstructured"``: one of `CRITERIA`. Of unstructured zeros it
        decides how many weights are compared at a time, and so how many become zero.
    axes : sequence of str
        For ``"width"``: some of ``"ffn"``, ``"attention"``, ``"hidden"``.
    multiple : int, optional
        For ``"width"``: new hidden and FFN sizes are multiples of it.

    Returns
    -------
    Cut
        Rate 0 cuts nothing.

    Raises
    ------
    PruningError
        The rate lies farther than half a layer (depth) or 0.02 (width) from all
        that can be achieved, nothing would be removed, or the matrices do not
        divide into fours.

    Examples
    --------
    >>> from p2law.collect.shapes import Shape
    >>> llama = Shape("llama", 4096, 32, 32, 8, 128, 14336, 128256, False, False)
    >>> cut = plan_cut(llama, "depth", 0.25)
    >>> cut.after.num_hidden_layers, round(cut.pruning_rate, 4), cut.nominal_rate
    (23, 0.2445, 0.28125)
    """
    asked = _checked_rate(method, rate)
    if asked == 0:
        return Cut(method, shape, shape, 0)
    if method == "2:4":
        return Cut(method, shape, shape, _fours(shape), asked, _known(criterion))
    if method == "unstructured":
        return _unstructured(shape, asked, criterion)
    if method == "depth":
        after = _depth(shape, asked)
    else:
        after = _width(shape, asked, tuple(axes), multiple)
    return Cut(method, shape, after, shape.params - after.params, asked)


def zeros(rows: int, columns: int, rate: float, criterion: str) -> int:
    """How many weights of a matrix become zero.

    Parameters
    ----------
    rows, columns : int
        Outputs and inputs of the linear map, as in ``weight.shape``.
    rate : float, fraction in [0, 1)
    criterion : str

    Returns
    -------
    int

    Raises
    ------
    PruningError
        The criterion is not known.
    """
    if criterion == "wanda":
        return rows * group_zeros(columns, rate, criterion)
    if criterion == "magnitude":
        return group_zeros(rows * columns, rate, criterion)
    widths = (min(SPARSEGPT_BLOCK, columns - k) for k in range(0, columns, SPARSEGPT_BLOCK))
    return sum(group_zeros(rows * width, rate, criterion) for width in widths)


def group_zeros(entries: int, rate: float, criterion: str) -> int:
    """How many of the weights that are compared with each other become zero.

    These groups are one row (one output) for Wanda, the whole matrix for magnitude,
    and `SPARSEGPT_BLOCK` columns of all rows for SparseGPT (the last block may be
    narrower). Of each, the ``floor(rate x entries)`` least important weights become
    zero, equally important ones in order of row and column. SparseGPT takes
    one more, because the published code and llm-compressor remove all up to *and
    including* the entry of that rank: so masks agree with theirs position by
    position. At rate 0 nothing is removed.

    Parameters
    ----------
    entries : int
        Weights in the group.
    rate : float, fraction in [0, 1)
    criterion : str

    Returns
    -------
    int

    Raises
    ------
    PruningError
        The criterion is not known.

    Examples
    --------
    >>> group_zeros(4096, 0.5, "wanda"), group_zeros(4096, 0.5, "sparsegpt")
    (2048, 2049)
    """
    one_more = _known(criterion) == "sparsegpt" and rate > 0
    return int(entries * rate) + one_more


# -- sparse --------------------------------------------------------------------------


def _checked_rate(method: str, rate: float | None) -> float:
    if method not in METHODS:
        raise PruningError(f"method is {method!r}; it must be one of {', '.join(METHODS)}")
    fixed = {"none": 0.0, "2:4": 0.5}
    if method in fixed:
        if rate not in (None, fixed[method]):
            raise PruningError(f"{method!r} takes no rate, got {rate}; leave it out")
        return fixed[method]
    if rate is None or not 0 <= rate < 1:
        cure = "; divide by 100 if these are per cent" if rate and 1 < rate <= 100 else ""
        raise PruningError(f"{method}: the rate is {rate}; it must lie in [0, 1){cure}")
    return float(rate)


def _known(criterion: str) -> str:
    if criterion not in CRITERIA:
        raise PruningError(f"criterion is {criterion!r}; it must be one of {', '.join(CRITERIA)}")
    return criterion


def _fours(shape: Shape) -> int:
    for name, _, columns in shape.matrices:
        if columns % 4:
            raise PruningError(
                f"2:4 needs rows that divide into fours, and {name} has {columns} columns; "
                f"prune this model without structure (method = 'unstructured')"
            )
    return shape.num_hidden_layers * shape.matrix_params // 2


def _unstructured(shape: Shape, rate: float, criterion: str) -> Cut:
    per_layer = sum(zeros(rows, columns, rate, criterion) for _, rows, columns in shape.matrices)
    if not per_layer:
        raise PruningError(
            f"unstructured, {criterion}: the rate {rate:g} makes no weight zero, since rows have "
            f"{shape.hidden_size} entries; take a higher one"
        )
    removed = shape.num_hidden_layers * per_layer
    return Cut("unstructured", shape, shape, removed, rate, criterion)


# -- structured ----------------------------------------------------------------------


def _depth(shape: Shape, rate: float) -> Shape:
    """The shape with the number of layers nearest to the rate."""
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


def _width(shape: Shape, rate: float, axes: tuple[str, ...], multiple: int | None) -> Shape:
    """The shape whose rate is near and whose axes keep about equal shares."""
    if not axes or set(axes) - set(AXES):
        raise PruningError(f"width: axes are {list(axes)}; name some of {', '.join(AXES)}")
    if multiple is not None and multiple < 1:
        raise PruningError(f"width: multiple is {multiple}; it must be 1 or more")
    best, nearest = (math.inf, 0, shape), (math.inf, 0.0)
    for after in _narrower(shape, rate, axes, multiple):
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


def _narrower(
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
