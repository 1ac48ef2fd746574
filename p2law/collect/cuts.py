"""What a pruning method removes from a shape, before any weight is read.

A rate is asked for; what can be removed comes in whole layers, whole channels or
whole weights. `plan_cut` finds the nearest that there is and says exactly what it
comes to, so that a plan can be refused, and a record is never about a rate that
was only wished for.

`resizing` says which smaller shape depth and width lead to, and `group_zeros` is the
one place that says how many weights become zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from p2law.collect.resizing import DEFAULT_AXES, narrower, shallower
from p2law.collect.shapes import Shape
from p2law.errors import PruningError

METHODS = ("none", "depth", "width", "2:4", "unstructured")
SPARSE = ("2:4", "unstructured")
CRITERIA = ("magnitude", "wanda", "sparsegpt")

SPARSEGPT_BLOCK = 128
"""Columns of a matrix among which SparseGPT chooses at a time."""


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
    >>> from p2law.collect.resizing import DEFAULT_AXES, narrower, shallower
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
        after = shallower(shape, asked)
    else:
        after = narrower(shape, asked, tuple(axes), multiple)
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
    if rate is None:
        raise PruningError(f"{method} needs a rate: the share of all parameters that is to go")
    if not 0 <= rate < 1:
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
