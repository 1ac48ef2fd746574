"""Files that commands write: whole or not at all, and never over what was read."""

import gzip
import os
from collections.abc import Iterable
from pathlib import Path

from p2law.errors import RecordError


def check_output(option: str, path: Path, read: Iterable[Path]) -> None:
    """Refuse an output before any work is done for it.

    Parameters
    ----------
    option : str
        The words that named it, for the message.
    path : Path
    read : iterable of Path
        What the command reads; folders and what does not exist are not looked at.

    Raises
    ------
    RecordError
        It is no file in a folder that exists, or one of those that are read.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise RecordError(f"{option} {path}: name a file in a folder that exists")
    if not path.exists():
        return
    for each in read:
        if each.is_file() and path.samefile(each):
            raise RecordError(
                f"{option} {path}: {each} is read, and would be lost; name another file to write"
            )


def write_whole(path: Path, text: str) -> None:
    """Write a text beside a file and put it in its place, so that no failure leaves half of it.

    What ends in ``.gz`` is compressed, the same text always to the same bytes.

    Parameters
    ----------
    path : Path
        A pipe or a device is written to as it is; of a link, what it leads to.
    text : str

    Raises
    ------
    OSError
        It cannot be written; what stood there still stands.
    """
    content = text.encode("utf-8")
    if path.suffix.lower() == ".gz":
        content = gzip.compress(content, mtime=0)
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    whole = path.resolve()
    draft = whole.with_name(f"{whole.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(content)
        draft.replace(whole)
    finally:
        draft.unlink(missing_ok=True)
