"""What a checkpoint names: torch keeps pickles, and these must name tensors and no more.

Torch itself would run whatever they name. So they are read beforehand by readers that
refuse all names but those that a checkpoint of tensors and numbers needs.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint import filesystem, metadata
from torch.serialization import _get_layout

from p2law.errors import RunError

METADATA = ".metadata"
PARTS = {each.__name__: each for each in (filesystem, metadata)}
"""Modules whose own classes say what lies where."""

PLAIN: dict[tuple[str, str], object] = {
    ("pathlib", "PosixPath"): Path,  # where it was written, on whatever system
    ("pathlib", "WindowsPath"): Path,
    ("pathlib", "PurePosixPath"): Path,
    ("torch", "Size"): torch.Size,
    ("torch.serialization", "_get_layout"): _get_layout,
}


class _Reader(pickle.Unpickler):
    """An unpickler that knows the names of a checkpoint."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in PLAIN:
            return PLAIN[module, name]
        found = getattr(torch, name, None) if module == "torch" else None
        if isinstance(found, torch.dtype):
            return found
        found = getattr(PARTS.get(module), name, None)
        if isinstance(found, type) and found.__module__ in PARTS:
            return found
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no checkpoint needs")


def check(place: Path) -> None:
    """Refuse a checkpoint that names more than tensors and numbers need.

    Parameters
    ----------
    place : Path
        Folder of the checkpoint.

    Raises
    ------
    RunError
        It could run code, or cannot be read.
    """
    try:
        with (place / METADATA).open("rb") as file:
            about = _Reader(file).load()
        for index, part in about.storage_data.items():
            if isinstance(about.state_dict_metadata[index.fqn], metadata.BytesStorageMetadata):
                _check_part(place, part)
    except Exception as error:  # unpickling bytes of anybody may raise anything
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"the checkpoint {place} is not read: {words[:200]}. It may run code, or is no "
            f"checkpoint of p2law; go on only from those that your own runs wrote"
        ) from error


def _check_part(place: Path, part: Any) -> None:
    """Read what is no tensor as plain values; torch reads it again as anything."""
    if part.transform_descriptors:
        raise pickle.UnpicklingError("a part of it is packed in a way that p2law does not use")
    with (place / part.relative_path).open("rb") as file:
        file.seek(part.offset)
        torch.load(io.BytesIO(file.read(part.length)), weights_only=True)
