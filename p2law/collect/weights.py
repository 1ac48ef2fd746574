"""The tensors of a model, one by one: from a folder of safetensors or from a module.

A model here is its configuration and a mapping from names to tensors. Of a folder,
a tensor is read when it is asked for and given back when it is no longer held, so
that a model larger than memory can be walked through. Nothing but safetensors is
read: other formats can run code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from p2law.collect.configs import from_config, read_config
from p2law.collect.shapes import Shape
from p2law.collect.stored import EMBEDDING, HEAD, NORM, check_sizes, layer_sizes, locate, prefix
from p2law.errors import ModelError

Block = dict[str, Tensor]
"""Some tensors of a model, by name."""


@dataclass(frozen=True)
class Source:
    """A model to be pruned.

    Attributes
    ----------
    config : mapping
        Content of its config.json.
    shape : Shape
    weights : mapping from str to Tensor
        Every tensor of `sizes`, by the names Hugging Face gives them.
    attention : str
        The implementation of attention that its hidden states are computed with.
    rotary : Module, optional
        The rotary positions of a model in memory, else those of the configuration:
        ``model.to(dtype)`` rounds its frequencies, loading in that dtype does not.
    """

    config: Mapping[str, Any]
    shape: Shape
    weights: Mapping[str, Tensor]
    attention: str = "sdpa"
    rotary: nn.Module | None = None

    @property
    def dtype(self) -> torch.dtype:
        """What the model computes in: the dtype of its embedding."""
        return self.weights[EMBEDDING].dtype

    def layer(self, index: int) -> Iterator[tuple[str, Tensor]]:
        """Tensors of one decoder layer, one by one, with their names below the layer."""
        for name in layer_sizes(self.shape):
            yield name, self.weights[prefix(index) + name]


class Folder(Mapping[str, Tensor]):
    """Tensors of safetensors files, each read when it is asked for.

    A tensor is a view of its file: its pages count as memory only once touched, and
    go when the tensor goes. Do not overwrite the files meanwhile.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)

    def __getitem__(self, name: str) -> Tensor:
        path = self._files[name]
        try:
            with safe_open(path, framework="pt") as file:
                tensor: Tensor = file.get_tensor(name)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{path}: tensor {name} cannot be read: {error}") from error
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


# -- reading -------------------------------------------------------------------------


def open_folder(folder: Path) -> Source:
    """Open a model's folder; its tensors are looked up now and read later.

    Parameters
    ----------
    folder : Path
        With config.json, and model.safetensors or its shards and their index.

    Returns
    -------
    Source

    Raises
    ------
    ModelError
        No safetensors there, a shard missing or broken, tensors missing, unknown or
        of other sizes than config.json says.
    """
    folder = Path(folder)
    config = read_config(folder)
    shape = from_config(config, where=str(folder / "config.json"))
    weights = Folder(locate(folder, shape))
    if shape.tie_word_embeddings and HEAD in weights:
        _check_tied(weights, str(folder))
    return Source(config, shape, weights)


def open_module(model: nn.Module) -> Source:
    """Look at a model in memory; its tensors are shared, not copied.

    Parameters
    ----------
    model : LlamaForCausalLM or Qwen2ForCausalLM

    Returns
    -------
    Source

    Raises
    ------
    ModelError
        Another architecture, or names or sizes that are not those of its configuration.
    """
    settings: Any = getattr(model, "config", None)
    if settings is None:
        raise ModelError(
            f"a {type(model).__name__} has no config; pass a LlamaForCausalLM or Qwen2ForCausalLM"
        )
    where = type(model).__name__
    config = settings.to_dict()
    shape = from_config(config, where=where)
    weights = dict(model.state_dict())
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    attention = getattr(settings, "_attn_implementation", None) or "sdpa"
    check_sizes(found, shape, where)
    if shape.tie_word_embeddings and HEAD in weights:
        _check_tied(weights, where)
    return Source(config, shape, weights, attention, model.get_submodule("model.rotary_emb"))


def _check_tied(weights: Mapping[str, Tensor], where: str) -> None:
    head, embedding = weights[HEAD], weights[EMBEDDING]
    if head.data_ptr() != embedding.data_ptr() and not torch.equal(head, embedding):
        raise ModelError(
            f"{where}: tie_word_embeddings is true, yet {HEAD} is not {EMBEDDING}; "
            f"set it to false or leave {HEAD} out"
        )


def ending(source: Source) -> Iterator[Block]:
    """The last norm, and the output layer where there is one.

    Parameters
    ----------
    source : Source

    Yields
    ------
    dict from str to Tensor
    """
    yield {NORM: source.weights[NORM]}
    if not source.shape.tie_word_embeddings:
        yield {HEAD: source.weights[HEAD]}
