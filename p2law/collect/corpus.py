"""From text to tokens on disk, and which tokens come next: a pure function of the position.

A corpus is tokenised once into one flat file. Windows of `sequence` targets are
cut from it one after the other, the last token of one being the first of the
next, so that a token is trained once an epoch and counts once. The order of an
epoch is a permutation made from the seed, so a run that is resumed, by any number
of processes, needs to know nothing but how many tokens it has seen.
"""

import functools
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from p2law.collect.documents import Text, batches, sources
from p2law.collect.ledger import settle, write_json
from p2law.collect.place import read_json
from p2law.collect.tokenizing import SETTINGS, Tokenizer, check_room, tokenizer, tokenizer_file
from p2law.errors import P2LawError, RunError

__all__ = ["Text", "TokenFile", "order", "tokenised", "upcoming"]

LOG = logging.getLogger(__name__)


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


# -- making token files --------------------------------------------------------------


def tokenised(text: Text, by: str, folder: Path, *, vocabulary: int | None = None) -> TokenFile:
    """Tokenise a text into a folder, once.

    Parameters
    ----------
    text : Text
    by : str
        Name of the tokenizer.
    folder : Path
        Made by whoever comes first; others wait for it.
    vocabulary : int, optional
        Of the model that is to read it.

    Returns
    -------
    TokenFile

    Raises
    ------
    RunError
        The text cannot be read, or the model has fewer ids than the tokenizer, or text or
        tokenizer are no longer what they were when it was tokenised.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / "meta.json").exists():
                _make(text, by, folder, vocabulary)
    except OSError as error:
        raise RunError(
            f"cannot write tokens into {folder} ({error.strerror or error}); mend that and give "
            f"the same command again"
        ) from error
    meta = read_json(folder / "meta.json") or {}
    check_unchanged(text, by, meta, folder)
    check_room(by, meta["vocabulary"], vocabulary)
    return _whole(TokenFile(folder / "tokens.bin", int(meta["tokens"]), str(meta["sha256"])))


def _whole(file: TokenFile) -> TokenFile:
    """Refuse a file of tokens that has lost some, or gained."""
    size = file.path.stat().st_size if file.path.exists() else 0
    if size != 4 * file.count:
        raise RunError(
            f"{file.path} has {size:,} bytes, and its {file.count:,} tokens take "
            f"{4 * file.count:,}: move its folder away, and the text is tokenised again"
        )
    return file


def _make(text: Text, by: str, folder: Path, vocabulary: int | None) -> None:
    encoder, draft = tokenizer(by), folder.with_name(folder.name + ".part")
    check_room(by, encoder.vocabulary, vocabulary)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    LOG.info("tokenising %s", text.hub or ", ".join(map(str, text.files)))
    try:
        counted = _write(text, encoder, draft / "tokens.bin")
        file = tokenizer_file(by)
        meta = {
            **counted,
            "tokenizer": by,
            "tokenizer_sha256": _sha256(file) if file else None,
            "tokenizer_settings_sha256": _settings(by),
            "vocabulary": encoder.vocabulary,
            "end_of_document": encoder.end,
            "sources": [_fingerprint(each) for each in text.files] or text.hub,
        }
        write_json(draft / "meta.json", meta)
        draft.rename(folder)
        settle(folder.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(text: Text, encoder: Tokenizer, path: Path) -> dict[str, Any]:
    """Write all tokens of a text to a file; how many there are of what."""
    count, documents, digest = 0, 0, hashlib.sha256()
    with path.open("wb") as file:
        for ids, ends in _encoded(text, encoder):
            content = ids.astype("<u4")
            if text.most is not None:
                content = content[: text.most - count]
            file.write(content.tobytes())
            digest.update(content.tobytes())
            count, documents = count + len(content), documents + ends
            if count == text.most:
                break
        file.flush()
        os.fsync(file.fileno())
    if not count:
        raise RunError(f"{text.hub or text.files}: there is no text")
    return {"tokens": count, "sha256": digest.hexdigest(), "documents": documents}


def _encoded(text: Text, encoder: Tokenizer) -> Iterator[tuple[NDArray[np.uint32], bool]]:
    """Ids of a text piece by piece, and whether a document ends with them.

    Raises
    ------
    RunError
        A file cannot be read, whatever its reader says of that; it is named.
    """
    for where, pieces in sources(text):
        documents = 0
        try:
            for ids, ends in _ids(pieces, encoder):
                yield ids, ends
                documents += ends
        except P2LawError:
            raise
        except Exception as error:  # readers raise what they like; the place is named
            cure = _OF_HUB if text.hub else "mend the file or leave it out"
            raise RunError(
                f"{where}: record {documents + 1} cannot be read "
                f"({type(error).__name__}: {error}); {cure}"
            ) from error


def _ids(
    pieces: Iterator[str | None], encoder: Tokenizer
) -> Iterator[tuple[NDArray[np.uint32], bool]]:
    """Ids of pieces one by one, tokenised many at once: faster, and on all cores."""
    end = np.array([encoder.end], np.uint32)
    for batch in batches(pieces):
        texts = [each for each in batch if each is not None]
        try:
            found = iter(encoder.encode(texts))
        except Exception:  # noqa: BLE001 - one by one tells which of them it was
            found = (encoder.encode([each])[0] for each in texts)
        for each in batch:
            yield (end, True) if each is None else (next(found), False)


_OF_HUB = (
    "it comes from the hub: see that its name, the access and the network are right, or "
    "download it elsewhere and name its files (files = ...)"
)


def _fingerprint(path: Path) -> dict[str, Any]:
    stat = path.stat()
    known = {"file": path.name, "size": stat.st_size, "mtime": stat.st_mtime}
    return {**known, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_unchanged(text: Text, by: str, meta: Mapping[str, Any], folder: Path) -> None:
    """Refuse text files or a tokenizer that are not those of which a folder was made, as it notes.

    Raises
    ------
    RunError
        Their content is another one.
    """
    for path, known in zip(text.files, [] if text.hub else meta["sources"], strict=True):
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
    _check_same_tokenizer(by, meta, folder)


def _settings(by: str) -> dict[str, str]:
    """Checksums of the files that say which token ends a document, as far as they are here."""
    files = {name: tokenizer_file(by, name) for name in SETTINGS}
    return {name: _sha256(file) for name, file in files.items() if file}


def _check_same_tokenizer(by: str, known: Mapping[str, Any], folder: Path) -> None:
    """Refuse a tokenizer that is not the one a text was tokenised with, as far as is known."""
    file = tokenizer_file(by)
    if not file:
        return
    cure = "put it back, or collect into another folder"
    if known.get("tokenizer_sha256") not in (None, _sha256(file)):
        raise RunError(f"{file} has changed since {folder} was tokenised with it: {cure}")
    if known.get("tokenizer_settings_sha256") == _settings(by):
        return
    # Settings may change in what does not matter here; only a look inside tells.
    before, end = known.get("end_of_document"), tokenizer(by).end
    if before not in (None, end):
        raise RunError(
            f"the tokenizer {by!r} now ends documents with token {end}, and {folder} was "
            f"tokenised with {before}: {cure}"
        )
