"""Documents of a text, out of any file or the hub, in pieces small enough to be tokenised."""

import contextlib
import glob
import gzip
import importlib.util
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2law.errors import MissingExtraError, RunError

LOG = logging.getLogger(__name__)

PIECE = 1 << 22
"""Characters of text that are tokenised at once."""

MOST = 2_000
"""Documents and their ends that are tokenised at once."""


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


def sources(text: Text) -> Iterator[tuple[str, Iterator[str | None]]]:
    """Where a text comes from, each with its pieces, which break at line ends.

    Parameters
    ----------
    text : Text

    Yields
    ------
    where : str
        Path of a file, or a name of the hub.
    pieces : iterator of str or None
        None after each document.

    Raises
    ------
    RunError
        A line of JSON holds no text. Whatever else readers raise is not caught here.
    MissingExtraError
        The package that reads a file is not installed.
    """
    if text.hub:
        yield text.hub, _from_hub(text)
    for path in text.files:
        name = path.name.lower()
        if name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst")):
            yield str(path), _from_jsonl(path, text.field)
        elif name.endswith(".parquet"):
            only = glob.escape(str(path))  # datasets takes names for globs
            yield str(path), _from_datasets(text, str(path), path="parquet", data_files=only)
        else:
            yield str(path), _lines(path)


def batches(pieces: Iterator[str | None]) -> Iterator[list[str | None]]:
    """Pieces many at a time, in the order they came; what came before an error comes before it.

    Parameters
    ----------
    pieces : iterator of str or None

    Yields
    ------
    list of str or None
        `PIECE` characters or a little more, and no more than `MOST` items.
    """
    batch: list[str | None] = []
    size = 0
    try:
        for piece in pieces:
            batch.append(piece)
            size += len(piece or "")
            if size >= PIECE or len(batch) >= MOST:
                yield batch
                batch, size = [], 0
    except Exception:  # whatever a reader raises, what it read before stays
        yield batch
        raise
    yield batch


def check_packages(hub: str, files: Iterable[Path]) -> None:
    """Make sure that what reads a text is installed.

    Parameters
    ----------
    hub : str
        Name of a data set of the hub, empty for files.
    files : iterable of Path

    Raises
    ------
    MissingExtraError
        It is not.
    """
    names = [path.name.lower() for path in files]
    needed = {
        "datasets": hub or next((each for each in names if each.endswith(".parquet")), ""),
        "zstandard": next((each for each in names if each.endswith(".zst")), ""),
    }
    for package, what in needed.items():
        if what and importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "collect-data", f"reading {what}")


def _lines(path: Path) -> Iterator[str | None]:
    """A plain text in pieces of whole lines."""
    with path.open(encoding="utf-8") as file:
        while lines := file.readlines(PIECE):
            yield "".join(lines)
    yield None


def _from_jsonl(path: Path, field: str) -> Iterator[str | None]:
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                found = _field(json.loads(line), field)
            except (ValueError, TypeError, KeyError) as error:
                raise RunError(
                    f"{path}: line {number} has no text under {field!r} ({error})"
                ) from error
            yield found
            yield None


def _opened(path: Path) -> Any:
    """Lines of a text, unpacked where its name says that it is packed."""
    if path.suffix.lower() == ".zst":
        return contextlib.closing(_unpacked_lines(path))
    opener: Any = gzip.open if path.suffix.lower() == ".gz" else open
    return opener(path, "rt", encoding="utf-8")


def _unpacked_lines(path: Path) -> Iterator[str]:
    rest = b""
    for piece in _unpacked(path):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode()
    yield rest.decode()


def _unpacked(path: Path) -> Iterator[bytes]:
    """Content of a .zst file; one that was cut short is an error, not a shorter text."""
    try:
        import zstandard  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("zstandard", "collect-data", f"reading {path}") from error
    unpacker = zstandard.ZstdDecompressor(max_window_size=2**31)
    frame, begun = unpacker.decompressobj(), False
    with path.open("rb") as file:
        while raw := file.read(PIECE // 4):
            while raw:
                begun = True
                yield frame.decompress(raw)
                if raw := frame.unused_data:
                    frame = unpacker.decompressobj()
                elif frame.eof:
                    frame, begun = unpacker.decompressobj(), False
    if begun:
        raise EOFError("the file ends in the middle: it was cut short")


def _from_hub(text: Text) -> Iterator[str | None]:
    if Path(text.hub).is_dir():  # which datasets would read
        raise RunError(
            f"{text.hub!r} is meant on the hub, but {Path(text.hub).absolute()} is a folder, which "
            f"would be read instead; give the command elsewhere, or name files (files = ...)"
        )
    LOG.info("asking the hub for the data set %s", text.hub)
    how = {"name": text.subset or None, "revision": text.revision or None}
    return _from_datasets(text, text.hub, path=text.hub, **how)


def _from_datasets(text: Text, where: str, **how: Any) -> Iterator[str | None]:
    """Stream documents through the `datasets` package, in the order they are stored in."""
    try:
        import datasets  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("datasets", "collect-data", f"reading {where}") from error
    split = text.split if text.hub else "train"
    for row in datasets.load_dataset(split=split, streaming=True, **how):
        if text.field not in row:
            raise RunError(
                f"{where} has no column {text.field!r}; it has "
                f"{', '.join(map(repr, row))}: name the one with the text in `field`"
            )
        yield _field(row, text.field)
        yield None


def _field(row: Any, field: str) -> str:
    found = row[field]
    if not isinstance(found, str):
        raise TypeError(f"got {type(found).__name__}")
    return found
