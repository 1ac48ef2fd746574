"""Prune a model by a cut: one in memory, or one in a folder, layer by layer.

    cut = plan_cut(from_config(read_config(folder)), "depth", 0.25)
    pruned = prune(folder, cut, tokens=tokens, out=Path("smaller"))

The result is an ordinary Llama or Qwen2, which transformers loads without knowing
of us. Nothing is trained here.
"""

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, overload

import torch
from torch import Tensor
from transformers import PreTrainedModel

from p2law.collect.calibrate import Device, checked_tokens
from p2law.collect.configs import to_config
from p2law.collect.cuts import CRITERIA, SPARSE, Cut
from p2law.collect.depth import block_influence, kept_layers, shallower
from p2law.collect.shapes import Shape
from p2law.collect.sparse import sparser
from p2law.collect.stored import EMBEDDING, HEAD
from p2law.collect.weights import Block, Source, open_folder, open_module
from p2law.collect.width import choose, measure_activity, narrower
from p2law.collect.writing import check_free, write_folder
from p2law.errors import PruningError

LOG = logging.getLogger("p2law.collect")

Model = TypeVar("Model", bound=PreTrainedModel)


@dataclass(frozen=True)
class Pruned:
    """A pruned model on disk.

    Attributes
    ----------
    folder : Path
    cut : Cut
        What was asked for.
    removed : int
        Parameters that are gone, or zero in the linear maps, counted in the result.
    """

    folder: Path
    cut: Cut
    removed: int

    @property
    def pruning_rate(self) -> float:
        """Share of all parameters that is removed, embeddings counted."""
        return replace(self.cut, removed=self.removed).pruning_rate

    @property
    def nominal_rate(self) -> float:
        """Share of what the method prunes: decoder layers, or their linear maps if sparse."""
        return replace(self.cut, removed=self.removed).nominal_rate


@overload
def prune(
    model: Model,
    cut: Cut,
    *,
    tokens: Tensor | None = ...,
    out: None = ...,
    device: Device | None = ...,
) -> Model: ...
@overload
def prune(
    model: str | Path,
    cut: Cut,
    *,
    tokens: Tensor | None = ...,
    out: str | Path | None = ...,
    device: Device | None = ...,
) -> Pruned: ...
def prune(
    model: PreTrainedModel | str | Path,
    cut: Cut,
    *,
    tokens: Tensor | None = None,
    out: str | Path | None = None,
    device: Device | None = None,
) -> PreTrainedModel | Pruned:
    """Prune a model.

    Parameters
    ----------
    model : LlamaForCausalLM, Qwen2ForCausalLM, or a folder of one
        One in memory stays as it is. Of a folder, one decoder layer at a time is in
        memory, beside the hidden states of the calibration tokens.
    cut : Cut
        From `p2law.collect.cuts.plan_cut`, for the shape of this model.
    tokens : Tensor of int64, (sequences, length)
        Calibration text, as ids of the model's tokenizer. For all but magnitude.
    out : Path
        Where a folder's pruned model goes: must not exist, or be empty.
    device : str or torch.device
        What computes: by default the CPU for a folder, and where the model is
        otherwise.

    Returns
    -------
    LlamaForCausalLM or Qwen2ForCausalLM, or Pruned
        For a model a model, for a folder what was written.

    Raises
    ------
    PruningError
        The cut is of another shape, tokens are missing or not of this model, or
        `out` is missing or not wanted.
    ModelError
        The model is not one that can be pruned.
    RunError
        `out` cannot be written.
    """
    if isinstance(model, PreTrainedModel):
        if out is not None:
            raise PruningError(
                "out is for models in folders; call save_pretrained on what prune returns"
            )
        source = open_module(model)
        where = model.device if device is None else device
        return _rebuilt(model, cut, pruned_blocks(source, cut, tokens, where))
    if out is None:
        raise PruningError(f"{model} is a folder: say in out where the pruned model goes")
    source, target = open_folder(Path(model)), Path(out)
    check_free(target)
    tally = _Tally(cut)
    blocks = pruned_blocks(source, cut, tokens, device or "cpu")
    write_folder(target, to_config(cut.after, source.config), tally.passing(blocks), Path(model))
    LOG.info("%s: %d of %d parameters removed", target, tally.removed, cut.before.params)
    return Pruned(target, cut, tally.removed)


def pruned_blocks(
    source: Source,
    cut: Cut,
    tokens: Tensor | None = None,
    device: Device = "cpu",
) -> Iterator[Block]:
    """Tensors of the pruned model: the embedding, its layers in order, the last norm, the output.

    Parameters
    ----------
    source : Source
    cut : Cut
    tokens : Tensor of int64, (sequences, length)
    device : str or torch.device

    Returns
    -------
    iterator of dict from str to Tensor
        Calibration and pruning happen as it is read; what can be refused is refused
        before.

    Raises
    ------
    PruningError
        As `prune`.
    """
    shape = source.shape
    if cut.before != shape:
        raise PruningError(
            f"the cut is for another model: {_difference(cut.before, shape)}; plan it with the "
            f"shape of this one"
        )
    if cut.method in SPARSE and cut.removed and cut.criterion not in CRITERIA:
        raise PruningError(
            f"the cut's criterion is {cut.criterion!r}; it must be one of {', '.join(CRITERIA)}"
        )
    if not cut.removed:
        return shallower(source, range(shape.num_hidden_layers))
    if cut.criterion == "magnitude":
        return sparser(source, cut, None, device)
    seen = checked_tokens(tokens, shape.vocab_size)
    if cut.method in SPARSE:
        return sparser(source, cut, seen, device)
    return _structured(source, cut, seen, device)


# -- how -----------------------------------------------------------------------------


def _structured(source: Source, cut: Cut, tokens: Tensor, device: Device) -> Iterator[Block]:
    """What a depth or width cut leaves."""
    if cut.method == "depth":
        influence = block_influence(source, tokens, device)
        kept = kept_layers(influence, cut.after.num_hidden_layers)
        gone = sorted(set(range(len(influence))) - set(kept))
        LOG.info("layers removed: %s", ", ".join(map(str, gone)))
        yield from shallower(source, kept)
    else:
        yield from narrower(source, choose(measure_activity(source, tokens, device), cut))


def _difference(one: Shape, other: Shape) -> str:
    """The first size in which two shapes differ."""
    name = next(key for key in vars(one) if getattr(one, key) != getattr(other, key))
    return f"its {name} is {getattr(one, name)}, the model's {getattr(other, name)}"


class _Tally:
    """Counts what is gone, while tensors pass by."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._linear = tuple(f"{name}.weight" for name, _, _ in cut.before.matrices)
        self._params = self._zeros = 0

    def passing(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """The blocks, counted."""
        for block in blocks:
            for name, tensor in block.items():
                self._params += tensor.numel()
                if self._cut.method in SPARSE and name.endswith(self._linear):
                    self._zeros += tensor.numel() - int(tensor.count_nonzero())
            yield block
            del block  # or it would stay until the next one is there

    @property
    def removed(self) -> int:
        """Parameters that are gone, or zero in the linear maps."""
        if not self._cut.removed:
            return 0
        if self._cut.method in SPARSE:
            return self._zeros
        return self._cut.before.params - self._params


def _rebuilt(model: Model, cut: Cut, blocks: Iterable[Mapping[str, Tensor]]) -> Model:
    """A new model of the same class from these tensors, which are copied."""
    old: Any = model.config
    config = type(old).from_dict(to_config(cut.after, old.to_dict()))
    config._attn_implementation = old._attn_implementation  # noqa: SLF001 - its only name
    with torch.device("meta"):
        new: Any = type(model)(config)
    tensors = {
        name: tensor.detach().to(model.device, copy=True)
        for block in blocks
        for name, tensor in block.items()
    }
    if cut.after.tie_word_embeddings:
        tensors[HEAD] = tensors[EMBEDDING]
    new.load_state_dict(tensors, assign=True)
    new.tie_weights()
    # The only buffers, and in no state dict: rotary frequencies. Pruning leaves them alone.
    new.model.rotary_emb = copy.deepcopy(model.get_submodule("model.rotary_emb"))
    new.generation_config = copy.deepcopy(model.generation_config)
    result: Model = new.train(model.training)
    return result
