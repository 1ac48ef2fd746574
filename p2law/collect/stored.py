"""The tensors that a model's files hold, by their headers: no weight is read, no torch needed.

Which tensors a model must have follows from its config.json. A folder that lacks some,
or has others, is refused: whoever loads it would make up what is missing and drop the
rest. Nothing but safetensors is read: other formats can run code.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

from p2law.collect.shapes import Shape
from p2law.errors import ModelError
from p2law.files.textfiles import text_of

EMBEDDING, NORM, HEAD = "model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"
FILE, INDEX = "model.safetensors", "model.safetensors.index.json"
UNREAD = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.gguf")
"""Weights in formats that are not read."""

LONGEST = 100_000_000
"""Bytes of a header, as the format limits it."""

_NO_HEADER = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)

Sizes = Mapping[str, tuple[int, ...]]


# -- what must be there --------------------------------------------------------------


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


def check_sizes(found: Sizes, shape: Shape, where: str) -> None:
    """Refuse tensors that are not those of a shape.

    Parameters
    ----------
    found : mapping from str to tuple of int
        Sizes by name.
    shape : Shape
    where : str
        Whose they are, for the message.

    Raises
    ------
    ModelError
        Tensors are missing, unknown or of other sizes than config.json says.
    """
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


def _spare(name: str, shape: Shape) -> bool:
    """Tensors that may lie in old files and mean nothing."""
    return name.endswith("rotary_emb.inv_freq") or (shape.tie_word_embeddings and name == HEAD)


# -- what is there -------------------------------------------------------------------


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights of any format; one with a config.json alone can be planned.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    bool
    """
    return any(any(folder.glob(each)) for each in ("*.safetensors", INDEX, *UNREAD))


def locate(folder: Path, shape: Shape) -> dict[str, Path]:
    """Which file holds each tensor of a model, once they are those of its shape.

    Parameters
    ----------
    folder : Path
        With model.safetensors, or shards and their index.
    shape : Shape

    Returns
    -------
    dict from str to Path

    Raises
    ------
    ModelError
        No safetensors there, a shard missing or broken, or as `check_sizes`.
    """
    found: dict[str, tuple[int, ...]] = {}
    files: dict[str, Path] = {}
    for path in _shards(folder):
        entries = _entries(path)
        found |= entries
        files |= dict.fromkeys(entries, path)
    check_sizes(found, shape, str(folder))
    return files


def _shards(folder: Path) -> list[Path]:
    """Files that hold the weights, all of them there."""
    if (folder / INDEX).is_file():
        names = _indexed(folder)
    elif (folder / FILE).is_file():
        names = [FILE]
    else:
        others = sorted(path.name for each in UNREAD for path in folder.glob(each))
        got = f" ({others[0]} is not read: it could run code)" if others else ""
        raise ModelError(f"{folder} has neither {FILE} nor {INDEX}{got}; save it as safetensors")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} lacks {missing[0]} ({len(missing)} of {len(names)} shards missing); "
            f"copy the model again"
        )
    return [folder / name for name in names]


def _indexed(folder: Path) -> list[str]:
    """The shards that an index names."""
    index = folder / INDEX
    try:
        listed = json.loads(text_of(index))["weight_map"]
        names = sorted({str(name) for name in listed.values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{index} is no index of shards: {error!r}") from error
    outside = [name for name in names if Path(name).name != name]
    if outside:
        raise ModelError(f"{index} names {outside[0]!r}; shards lie beside their index")
    if (folder / FILE).is_file() and FILE not in names:
        raise ModelError(
            f"{folder} has both {FILE} and {INDEX}, which names other files; take away the one "
            f"that is not the model"
        )
    return names


def _entries(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and sizes in one file, whose length is what its header says."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, LONGEST)).decode("utf-8"))
        header.pop("__metadata__", None)
        found = {name: tuple(map(int, each["shape"])) for name, each in header.items()}
        ends = [int(each["data_offsets"][1]) for each in header.values()]
    except (OSError, struct.error, *_NO_HEADER) as error:
        raise ModelError(f"{path} is no readable safetensors file: {error}") from error
    end = 8 + length + max(ends, default=0)
    if (size := path.stat().st_size) != end:
        raise ModelError(
            f"{path} is no readable safetensors file: it has {size:,} bytes and should have "
            f"{end:,}; copy the model again"
        )
    return found
