"""What turns text into token ids: bytes, or a tokenizer of the `tokenizers` package."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from p2law.errors import RunError

LOG = logging.getLogger(__name__)

FILES = ("*.json", "*.jinja", "*.model", "*.txt", "tokenizer*")
"""What of a model of the hub its tokenizer may need."""


class Tokenizer(Protocol):
    """What turns text into token ids."""

    @property
    def vocabulary(self) -> int:
        """One more than the largest id."""
        ...

    @property
    def end(self) -> int:
        """Id that stands between two documents."""
        ...

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Ids of each text, nothing added."""
        ...


@dataclass(frozen=True)
class Bytes:
    """UTF-8 bytes as tokens; byte 0 stands between documents.

    Text hardly ever holds the character U+0000. Where it does, it becomes byte 0 like
    any other byte, and looks like the end of a document.
    """

    vocabulary: int = 256
    end: int = 0

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Ids of each text, nothing added."""
        return [np.frombuffer(each.encode(), np.uint8).astype(np.uint32) for each in texts]


@dataclass(frozen=True)
class HuggingFace:
    """A tokenizer in the format of the `tokenizers` package.

    What looks like a special token in a text, for instance ``<|endoftext|>``, is text:
    only the ends of documents become the special token that says so.
    """

    vocabulary: int
    end: int
    _tokenizer: Any

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Ids of each text, nothing added."""
        if not texts:
            return []
        found = self._tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        return [np.asarray(each, dtype=np.uint32) for each in found["input_ids"]]


def tokenizer(name: str) -> Tokenizer:
    """Open a tokenizer.

    Parameters
    ----------
    name : str
        ``"bytes"``, the absolute path of a folder that holds one, or a hub id, for which
        no folder is taken, whatever lies where the command is given.

    Returns
    -------
    Tokenizer

    Raises
    ------
    RunError
        It cannot be read, or has no token that ends a document.
    """
    if name == "bytes":
        return Bytes()
    from transformers import AutoTokenizer  # noqa: PLC0415 - only where one is asked for

    try:
        folder = Path(name) if Path(name).is_absolute() else _fetched(name)
        # Left open, transformers would ask a user whether to run code from the folder.
        found = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise RunError(f"cannot open the tokenizer {name!r}: {said}") from error
    if found.eos_token_id is None:
        raise RunError(f"the tokenizer {name!r} has no eos token to put between documents")
    vocabulary = 1 + max(found.get_vocab().values())
    return HuggingFace(vocabulary, int(found.eos_token_id), found)


def _fetched(name: str) -> Path:
    """Folder of a tokenizer of the hub; given a name, transformers would look here first."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for a hub id

    LOG.info("asking the hub for the tokenizer %s", name)
    return Path(snapshot_download(name, allow_patterns=[*FILES]))


SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
"""Files that name special tokens, the one between documents among them."""


def tokenizer_file(name: str, file: str = "tokenizer.json") -> Path | None:
    """A file of a tokenizer, where this machine has it.

    Parameters
    ----------
    name : str
        As in `tokenizer`.
    file : str

    Returns
    -------
    Path or None
    """
    if name == "bytes":
        return None
    if Path(name).is_absolute():
        found: Any = Path(name) / file
    else:
        from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - only for a hub id

        found = try_to_load_from_cache(name, file)
    return Path(found) if isinstance(found, (str, Path)) and Path(found).is_file() else None


def check_room(by: str, ids: int, vocabulary: int | None) -> None:
    """Refuse a tokenizer with more ids than the model has embeddings."""
    if vocabulary is not None and ids > vocabulary:
        raise RunError(
            f"the tokenizer {by!r} has {ids} ids, and the model's vocab_size is only "
            f"{vocabulary}; take the model's own tokenizer or a larger vocabulary"
        )
