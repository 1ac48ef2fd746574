"""A model's folder as Hugging Face reads it, written as its tensors come: whole or not at all."""

import json
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from p2law.collect.stored import FILE, INDEX
from p2law.errors import RunError

LOG = logging.getLogger("p2law.collect")

COMPANIONS = (
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
)
"""Files that go with a model whatever becomes of its weights."""

OF_HERE = frozenset({"_name_or_path"})
"""What transformers adds to a configuration of where it was read; the same model written in
another folder would have another checksum."""

SHARD_BYTES = 2**25
"""A shard is closed at the end of a layer once it holds so much: no more waits in memory."""


def write_folder(
    out: Path,
    config: Mapping[str, Any],
    blocks: Iterable[Mapping[str, Tensor]],
    companions: Path | None = None,
) -> None:
    """Write a model as Hugging Face reads it, as its tensors come.

    A shard is closed with the block that fills it, so no more than that waits in
    memory. The folder appears when it is complete: until then it is called
    ``<out>.partial``, and one that a killed run has left behind is replaced.

    Parameters
    ----------
    out : Path
        Must not exist, or be empty.
    config : mapping
        Content of config.json.
    blocks : iterable of mappings from str to Tensor
        The embedding, one decoder layer after another, the last norm, the output layer.
    companions : Path, optional
        A folder whose tokenizer and generation settings are copied.

    Raises
    ------
    RunError
        `out` holds something, or cannot be written.
    """
    out = Path(out)
    check_free(out)
    partial = out.with_name(out.name + ".partial")
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        _write_shards(partial, blocks)
        _write_json(partial / "config.json", {k: config[k] for k in config.keys() - OF_HERE})
        for name in COMPANIONS:
            if companions is not None and (companions / name).is_file():
                shutil.copyfile(companions / name, partial / name)
        partial.replace(out)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{out} cannot be written: {error}; nothing was changed, free space or choose "
            f"another folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_free(out: Path) -> None:
    """Refuse a folder that holds something.

    Parameters
    ----------
    out : Path

    Raises
    ------
    RunError
        It exists and is not an empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{out} exists and is not empty; nothing is overwritten, choose another")


def _write_shards(folder: Path, blocks: Iterable[Mapping[str, Tensor]]) -> None:
    """Write shards, name them once their number is known, and write their index."""
    shards: list[list[str]] = []
    waiting: dict[str, Tensor] = {}
    params = total = 0
    for block in blocks:
        waiting |= {name: tensor.detach().cpu().contiguous() for name, tensor in block.items()}
        params += sum(tensor.numel() for tensor in block.values())
        total += _bytes(block)
        del block  # or it would stay until the next one is there
        if _bytes(waiting) >= SHARD_BYTES:
            shards.append(_close(folder, len(shards), waiting))
    if waiting:
        shards.append(_close(folder, len(shards), waiting))
    if len(shards) == 1:
        (folder / _temporary(0)).rename(folder / FILE)
        return
    table: dict[str, str] = {}
    for number, names in enumerate(shards):
        final = f"model-{number + 1:05d}-of-{len(shards):05d}.safetensors"
        (folder / _temporary(number)).rename(folder / final)
        table |= dict.fromkeys(names, final)
    sums = {"total_parameters": params, "total_size": total}
    _write_json(folder / INDEX, {"metadata": sums, "weight_map": dict(sorted(table.items()))})


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def _temporary(number: int) -> str:
    return f"shard-{number}"


def _close(folder: Path, number: int, waiting: dict[str, Tensor]) -> list[str]:
    """Write what waits, and let it go."""
    path, names = folder / _temporary(number), list(waiting)
    save_file(waiting, path, metadata={"format": "pt"})
    waiting.clear()
    with path.open("rb+") as file:
        os.fsync(file.fileno())
    LOG.debug("wrote %s with %d tensors", path, len(names))
    return names


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
