"""The tensors of a model, one by one: from a folder of safetensors or from a module.

A model here is its configuration and a mapping from names to tensors. Of a folder,
a tensor is read when it is asked for and given back when it is no longer held, so
that a model larger than memory can be walked through. Nothing but safetensors is
read: other formats can run code.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from p2law.collect.shapes import Shape, from_config, read_config
from p2law.errors import ModelError

EMBEDDING, NORM, HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"
FILE, INDEX = "model.safetensors", "model.safetensors.index.json"


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


def prefix(index: int) -> str:
    """What the names of one decoder layer's tensors begin with."""
    return f"model.layers.{index}."


def layer_sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Sizes of the tensors of one decoder layer, by their names below the layer."""
    sizes: dict[str, tuple[int, ...]] = {"input_layernorm.weight": (shape.hidden_size,)}
    for name, rows, columns in shape.matrices:
        sizes[f"{name}.weight"] = (rows, columns)
        if shape.qkv_bias and name[-6:] in ("q_proj", "k_proj", "v_proj"):
            sizes[f"{name}.bias"] = (rows,)
    return sizes | {"post_attention_layernorm.weight": (shape.hidden_size,)}


def sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Sizes of all tensors that a model of this shape is saved with, in order.

    Parameters
    ----------
    shape : Shape

    Returns
    -------
    dict from str to tuple of int
        Without the output layer where it is tied to the embedding.
    """
    table = {EMBEDDING: (shape.vocab_size, shape.hidden_size)}
    out: dict[str, tuple[int, ...]] = dict(table)
    for index in range(shape.num_hidden_layers):
        out |= {prefix(index) + name: size for name, size in layer_sizes(shape).items()}
    out[NORM] = (shape.hidden_size,)
    return out if shape.tie_word_embeddings else out | {HEAD: table[EMBEDDING]}


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
    found: dict[str, tuple[int, ...]] = {}
    files: dict[str, Path] = {}
    for path in _shards(folder):
        entries = _entries(path)
        found |= entries
        files |= dict.fromkeys(entries, path)
    weights = Folder(files)
    return Source(config, shape, _fitting(weights, found, shape, str(folder)))


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
    checked = _fitting(weights, found, shape, where)
    return Source(config, shape, checked, attention, model.get_submodule("model.rotary_emb"))


def _shards(folder: Path) -> list[Path]:
    """Files that hold the weights, all of them there."""
    if (folder / INDEX).is_file():
        try:
            listed = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
            names = sorted({str(name) for name in listed.values()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{folder / INDEX} is no index of shards: {error!r}") from error
        outside = [name for name in names if Path(name).name != name]
        if outside:
            raise ModelError(
                f"{folder / INDEX} names {outside[0]!r}; shards lie beside their index"
            )
    elif (folder / FILE).is_file():
        names = [FILE]
    else:
        others = sorted(p.name for p in folder.glob("*.bin")) + [
            p.name for p in folder.glob("*.pt")
        ]
        got = f" ({others[0]} is not read: it could run code)" if others else ""
        raise ModelError(f"{folder} has neither {FILE} nor {INDEX}{got}; save it as safetensors")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} lacks {missing[0]} ({len(missing)} of {len(names)} shards missing); "
            f"copy the model again"
        )
    return [folder / name for name in names]


def _entries(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and sizes in one file, without reading a weight."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is no readable safetensors file: {error}") from error


def _fitting(
    weights: Mapping[str, Tensor], found: Mapping[str, tuple[int, ...]], shape: Shape, where: str
) -> Mapping[str, Tensor]:
    """The weights, once they are those that the shape asks for."""
    expected = sizes(shape)
    missing = [name for name in expected if name not in found]
    if missing:
        raise ModelError(
            f"{where}: {len(missing)} of {len(expected)} tensors are missing, first {missing[0]}; "
            f"config.json and weights must be of one plain model"
        )
    for name, size in expected.items():
        if found[name] != size:
            raise ModelError(f"{where}: {name} is {found[name]}, but config.json makes it {size}")
    unknown = [name for name in found if name not in expected and not _spare(name, shape)]
    if unknown:
        raise ModelError(
            f"{where}: {len(unknown)} tensors are not of a plain {shape.model_type} model, first "
            f"{unknown[0]}; merge adapters and undo wrappers first"
        )
    if shape.tie_word_embeddings and HEAD in found:
        _check_tied(weights, where)
    return weights


def _spare(name: str, shape: Shape) -> bool:
    """Tensors that may lie in old files and mean nothing."""
    return name.endswith("rotary_emb.inv_freq") or (shape.tie_word_embeddings and name == HEAD)


def _check_tied(weights: Mapping[str, Tensor], where: str) -> None:
    head, embedding = weights[HEAD], weights[EMBEDDING]
    if head.data_ptr() != embedding.data_ptr() and not torch.equal(head, embedding):
        raise ModelError(
            f"{where}: tie_word_embeddings is true, yet {HEAD} is not {EMBEDDING}; "
            f"set it to false or leave {HEAD} out"
        )
