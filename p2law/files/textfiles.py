"""Text of plain files, looked at before they are opened: a pipe waits, a device never ends."""

import errno
import os
import stat
from pathlib import Path

SMALL = 64 * 2**20
"""Bytes that no file written by hand reaches."""
LARGE = 2**30
"""Bytes of a saved fit with all of its records, or of a log, and more."""

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def path_of(name: str | os.PathLike[str]) -> Path:
    """Take a name for a path; an empty one, of a variable that was never set, is none.

    Parameters
    ----------
    name : str or Path

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        It is empty: `Path` would take it for the current folder.
    """
    if not os.fspath(name):
        raise ValueError("the name is empty; the current folder is '.'")
    return Path(name)


def oddity(path: Path) -> str:
    """Tell what a path is that is neither a file nor a folder.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Words that go on from "it is", with the cure; empty for files and folders.

    Raises
    ------
    OSError
        There is no such path, or it cannot be looked at.
    """
    mode = path.stat().st_mode
    kind = next((words for holds, words in _KINDS if holds(mode)), "")
    return f"{kind}, no plain file; write what it gives into a file and name that" if kind else ""


def content_of(path: Path, most: int = SMALL) -> bytes:
    """Read a plain file of bearable size.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that it may have.

    Returns
    -------
    bytes

    Raises
    ------
    OSError
        There is no such file, or it cannot be read.
    ValueError
        It is a pipe or a device, or larger than `most`; or no system has such a path.
    """
    if odd := oddity(path):
        raise ValueError(f"it is {odd}")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    size = path.stat().st_size
    if size <= most:
        with path.open("rb") as file:
            content = file.read(size + 1)  # memory for `most` would be taken at once
            # What says that it is empty may still hold anything.
            while size < len(content) <= most and (piece := file.read(1 << 20)):
                content += piece
        if len(content) <= most:
            return content
    raise ValueError(f"it has {max(size, most + 1):,} bytes, and at most {most:,} are read")


def text_of(path: Path, most: int = SMALL) -> str:
    """Read the text of a plain file of bearable size, without the mark that Windows writes.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that it may have.

    Returns
    -------
    str
        Lines end as they are written.

    Raises
    ------
    OSError
        There is no such file, or it cannot be read.
    ValueError
        As in `content_of`; a UnicodeDecodeError where it is no UTF-8.
    """
    return content_of(path, most).decode("utf-8-sig")
