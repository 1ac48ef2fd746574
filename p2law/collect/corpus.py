"""From text to tokens on disk, and which tokens come next: a pure function of the position.

A corpus is tokenised once into one flat file. Windows of `sequence` targets are
cut from it one after the other, the last token of one being the first of the
next, so that a token is trained once an epoch and counts once. The order of an
epoch is a permutation made from the seed, so a run that is resumed, by any number
of processes, needs to know nothing but how many tokens it has seen.
"""

import functools
import gzip
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from p2law.collect.ledger import write_whole
from p2law.errors import MissingExtraError, RunError

LOG = logging.getLogger(__name__)
PIECE = 1 << 22
"""Characters of text that are tokenised at once."""


class Tokenizer(Protocol):
    """What turns text into token ids."""

    @property
    def vocabulary(self) -> int:
        """Number of ids."""
        ...

    @property
    def end(self) -> int:
        """Id that stands between two documents."""
        ...

    def encode(self, text: str) -> NDArray[np.uint32]:
        """Ids of a text, nothing added."""
        ...


@dataclass(frozen=True)
class Bytes:
    """UTF-8 bytes as tokens; byte 0, which text never holds, stands between documents."""

    vocabulary: int = 256
    end: int = 0

    def encode(self, text: str) -> NDArray[np.uint32]:
        """Ids of a text, nothing added."""
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.uint32)


@dataclass(frozen=True)
class HuggingFace:
    """A tokenizer in the format of the `tokenizers` package."""

    vocabulary: int
    end: int
    _tokenizer: Any

    def encode(self, text: str) -> NDArray[np.uint32]:
        """Ids of a text, nothing added."""
        found = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return np.asarray(found, dtype=np.uint32)


def tokenizer(name: str) -> Tokenizer:
    """Open a tokenizer: ``"bytes"``, a folder that holds one, or a hub id.

    Raises
    ------
    RunError
        It cannot be read, or has no token that ends a document.
    """
    if name == "bytes":
        return Bytes()
    from transformers import AutoTokenizer  # noqa: PLC0415 - only where one is asked for

    try:
        local = Path(name).is_dir()
        # Left open, transformers would ask a user whether to run code from the folder.
        found = AutoTokenizer.from_pretrained(name, local_files_only=local, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise RunError(f"cannot open the tokenizer {name!r}: {error}") from error
    if found.eos_token_id is None:
        raise RunError(f"the tokenizer {name!r} has no eos token to put between documents")
    return HuggingFace(len(found), int(found.eos_token_id), found)


@dataclass(frozen=True)
class Text:
    """Where documents come from.

    Attributes
    ----------
    files : tuple of Path
        ``.txt`` (one document), ``.jsonl`` (also ``.gz``, ``.zst``), ``.parquet``.
    hub, subset, split, revision : str
        A data set of the Hugging Face hub instead, read as a stream.
    field : str
        Where a JSON object or a table holds the text.
    most : int or None
        Read at most so many tokens.
    """

    files: tuple[Path, ...] = ()
    hub: str = ""
    subset: str = ""
    split: str = "train"
    revision: str = ""
    field: str = "text"
    most: int | None = None


@dataclass(frozen=True)
class TokenFile:
    """Tokens on disk.

    Attributes
    ----------
    path : Path
        Little-endian uint32, nothing else.
    count : int
    sha256 : str
        Of the file.
    """

    path: Path
    count: int
    sha256: str

    def windows(self, sequence: int) -> int:
        """How many windows of so many targets there are."""
        return max(0, (self.count - 1) // sequence)

    def read(self, windows: Iterable[int], sequence: int) -> NDArray[np.int64]:
        """Windows by number: (len(windows), sequence + 1)."""
        flat = np.memmap(self.path, dtype="<u4", mode="r")
        return np.stack([flat[k * sequence : (k + 1) * sequence + 1] for k in windows]).astype(
            np.int64
        )


# -- what comes next -----------------------------------------------------------------


@functools.lru_cache(maxsize=4)
def order(windows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Order in which an epoch goes through the windows."""
    return np.random.default_rng([seed, epoch]).permutation(windows)


def upcoming(windows: int, seed: int, start: int, count: int) -> NDArray[np.int64]:
    """Numbers of the windows that come at positions `start` to `start + count`.

    Parameters
    ----------
    windows : int
        In the corpus; after the last an epoch begins in another order.
    seed : int
    start : int
        Windows seen so far.
    count : int

    Returns
    -------
    ndarray of int64, shape (count,)
    """
    positions = np.arange(start, start + count)
    epochs = positions // windows
    found = np.empty(count, dtype=np.int64)
    for epoch in np.unique(epochs):
        here = epochs == epoch
        found[here] = order(windows, seed, int(epoch))[positions[here] % windows]
    return found


def some(text: Text, by: str, sequence: int, count: int) -> NDArray[np.int64]:
    """The first windows of a text, without writing anything: (count, sequence).

    Raises
    ------
    RunError
        The text cannot be read or is too short.
    """
    encoder, parts, have = tokenizer(by), list[NDArray[np.uint32]](), 0
    for piece in _pieces(text):
        parts.append(np.array([encoder.end], np.uint32) if piece is None else encoder.encode(piece))
        have += len(parts[-1])
        if have >= sequence * count:
            break
    if have < sequence * count:
        raise RunError(
            f"{', '.join(map(str, text.files))}: {have} tokens, but {count} windows of {sequence} "
            f"need {sequence * count}; give more text or ask for fewer"
        )
    flat = np.concatenate(parts)[: sequence * count]
    return flat.reshape(count, sequence).astype(np.int64)


# -- making token files --------------------------------------------------------------


def tokenised(text: Text, by: str, folder: Path) -> TokenFile:
    """Tokenise a text into a folder, once.

    Parameters
    ----------
    text : Text
    by : str
        Name of the tokenizer.
    folder : Path
        Made by whoever comes first; others wait for it.

    Returns
    -------
    TokenFile

    Raises
    ------
    RunError
        The text cannot be read, or is no longer what it was when it was tokenised.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "meta.json").exists():
            _make(text, by, folder)
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    _check_unchanged(text, meta["sources"], folder)
    return TokenFile(folder / "tokens.bin", int(meta["tokens"]), str(meta["sha256"]))


def _make(text: Text, by: str, folder: Path) -> None:
    encoder, draft = tokenizer(by), folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    count, documents, digest = 0, 0, hashlib.sha256()
    LOG.info("tokenising %s", text.hub or ", ".join(map(str, text.files)))
    with (draft / "tokens.bin").open("wb") as file:
        for piece in _pieces(text):
            ids = [encoder.end] if piece is None else encoder.encode(piece)
            content = np.asarray(ids, dtype="<u4")
            if text.most is not None:
                content = content[: text.most - count]
            file.write(content.tobytes())
            digest.update(content.tobytes())
            count, documents = count + len(content), documents + (piece is None)
            if count == text.most:
                break
        file.flush()
        os.fsync(file.fileno())
    if not count:
        raise RunError(f"{text.hub or text.files}: there is no text")
    meta = {
        "tokens": count,
        "sha256": digest.hexdigest(),
        "documents": documents,
        "tokenizer": by,
        "vocabulary": encoder.vocabulary,
        "end_of_document": encoder.end,
        "sources": [_fingerprint(each) for each in text.files] or text.hub,
    }
    write_whole(draft / "meta.json", meta)
    draft.rename(folder)


def _pieces(text: Text) -> Iterator[str | None]:
    """Text in pieces that break at line ends; None after each document."""
    for document in _documents(text):
        yield from document
        yield None


def _documents(text: Text) -> Iterator[Iterator[str]]:
    if text.hub:
        yield from map(iter, _from_hub(text))
        return
    for path in text.files:
        name = path.name.lower()
        if name.endswith((".jsonl", ".jsonl.gz")):
            yield from map(iter, _from_jsonl(path, text.field))
        elif name.endswith((".jsonl.zst", ".parquet")):
            kind = "parquet" if name.endswith(".parquet") else "json"
            yield from map(iter, _from_datasets(text, kind, data_files=str(path)))
        else:
            yield _lines(path)


def _lines(path: Path) -> Iterator[str]:
    """A plain text in pieces of whole lines."""
    with path.open(encoding="utf-8") as file:
        while lines := file.readlines(PIECE):
            yield "".join(lines)


def _from_jsonl(path: Path, field: str) -> Iterator[Sequence[str]]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield [_field(json.loads(line), field)]
            except (ValueError, TypeError, KeyError) as error:
                raise RunError(
                    f"{path}: line {number} has no text under {field!r} ({error})"
                ) from error


def _from_hub(text: Text) -> Iterator[Sequence[str]]:
    return _from_datasets(text, text.hub, name=text.subset or None, revision=text.revision or None)


def _from_datasets(text: Text, what: str, **how: Any) -> Iterator[Sequence[str]]:
    """Stream documents through the `datasets` package, in the order they are stored in."""
    try:
        import datasets  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("datasets", "collect-data", f"reading {what}") from error
    split = text.split if text.hub else "train"
    for row in datasets.load_dataset(what, split=split, streaming=True, **how):
        yield [_field(row, text.field)]


def _field(row: Any, field: str) -> str:
    found = row[field]
    if not isinstance(found, str):
        raise TypeError(f"got {type(found).__name__}")
    return found


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stat = path.stat()
    return {"file": path.name, "size": stat.st_size, "mtime": stat.st_mtime, "sha256": digest}


def _check_unchanged(text: Text, sources: Any, folder: Path) -> None:
    """Refuse a text file that is not the one that was tokenised."""
    if text.hub:
        return
    for path, known in zip(text.files, sources, strict=True):
        if not path.exists():
            continue  # what was tokenised is still there
        stat = path.stat()
        if (stat.st_size, stat.st_mtime) == (known["size"], known["mtime"]):
            continue
        if _fingerprint(path)["sha256"] != known["sha256"]:
            raise RunError(
                f"{path} has changed since it was tokenised into {folder}: put it back, "
                f"or collect into another folder"
            )
