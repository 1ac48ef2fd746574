"""Measurements on disk: one line each, appended and synced, never lost and never twice.

A checkpoint vouches for the lines that were there when it was made, and holds them,
too. Whoever resumes from it cuts off what came later, and measures that again; where
the file no longer begins with them it is set aside, and they are put back.
"""

import contextlib
import errno
import glob
import json
import logging
import os
import platform
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from p2law.errors import RunError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ledger:
    """A file of measurements, one JSON object a line.

    Attributes
    ----------
    path : Path
    strict : bool
        Whether every line counts. Where it does not, damaged lines are passed over and
        what a power cut left of a last one is cut off before the next is written.
    """

    path: Path
    strict: bool = True

    def append(self, *lines: Mapping[str, Any]) -> None:
        """Write lines and wait until the disk has them.

        Raises
        ------
        RunError
            The disk is full, the folder read-only, or the like.
        """
        text = "".join(
            json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n" for line in lines
        )
        try:
            begun = self.path.exists()
            if begun and not self.strict:
                self._drop_unfinished()
            with self.path.open("ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            if not begun:
                settle(self.path.parent)
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot write a measurement ({error}); what is there is kept: "
                f"mend that and give the same command again"
            ) from error

    def _drop_unfinished(self) -> None:
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(self.path, content.rfind(b"\n") + 1)

    def vouch(self) -> str:
        """What is there now, for a checkpoint to hold.

        Raises
        ------
        RunError
            A line is not a JSON object, and the ledger is strict.
        """
        self.lines()
        return self._content().decode()

    def holds(self, vouched: str) -> bool:
        """Whether the file is what was there once, no more and no less."""
        return self._content() == vouched.encode()

    def go_back(self, vouched: str) -> None:
        """Go back to the lines that a checkpoint vouches for.

        Where the file does not begin with them it is set aside, and they are put back.

        Raises
        ------
        RunError
            The disk is full, the folder read-only, or the like.
        """
        content, kept = self._content(), vouched.encode()
        if content == kept:
            return
        try:
            if content.startswith(kept):
                with self.path.open("r+b") as file:
                    file.truncate(len(kept))
                    file.flush()
                    os.fsync(file.fileno())
                return
            aside = f"set aside as {set_aside(self.path, 'damaged').name}" if content else "gone"
        except OSError as error:
            raise RunError(f"{self.path}: cannot go back ({error.strerror or error})") from error
        replace_whole(self.path, vouched)
        LOG.warning(
            "%s was not what had been written there: it was %s, and the %d lines that were "
            "measured are back",
            *(self.path, aside, vouched.count("\n")),
        )

    def _content(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def lines(self) -> list[dict[str, Any]]:
        """All whole lines; an unfinished last one is not there yet.

        Raises
        ------
        RunError
            A line is not a JSON object, and the ledger is strict.
        """
        if not self.path.exists():
            return []
        *whole, _ = self.path.read_bytes().split(b"\n")
        found = []
        for number, line in enumerate(whole, 1):
            try:
                found.append(dict(json.loads(line)))
            except (ValueError, TypeError) as error:
                if not self.strict:
                    LOG.warning("%s: line %d is damaged and passed over", self.path, number)
                    continue
                raise RunError(
                    f"{self.path}: line {number} is no measurement ({error}); give the command "
                    f"that makes the run again, which puts back what had been measured"
                ) from error
        return found


def check_system() -> None:
    """Refuse a system on which nothing here could be written, before any work is done for it.

    Raises
    ------
    RunError
        It is Windows.
    """
    if platform.system() == "Windows":
        raise RunError(
            "p2law.collect needs a POSIX system, such as Linux or macOS, to prune, train and "
            "gather, and this is Windows, which cannot sync a folder; use WSL or another machine. "
            "Planning, status and all else of p2law work here"
        )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small JSON file so that it is there whole or not at all.

    Raises
    ------
    RunError
        The disk is full, the folder read-only, or the like.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    replace_whole(path, f"{text}\n")


def replace_whole(path: Path, text: str) -> None:
    """Write a small text so that it is there whole or not at all.

    Raises
    ------
    RunError
        The disk is full, the folder read-only, or the like.
    """
    with replacing(path) as draft:
        draft.write_bytes(text.encode())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft to write, which becomes a file when it is whole and the disk has it.

    Yields
    ------
    Path
        Of the draft, which is gone afterwards, whatever happens.

    Raises
    ------
    RunError
        The disk is full, the folder read-only, or the like; what stood there still stands.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        yield draft
        settle(draft)
        draft.replace(path)
        settle(path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot write it ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            draft.unlink(missing_ok=True)


def clear_drafts(*paths: Path) -> None:
    """Remove what killed processes have left of small files, for whoever holds their lock."""
    for path in paths:
        for draft in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
            with contextlib.suppress(OSError):  # it takes room and does no harm
                draft.unlink()


def set_aside(path: Path, mark: str) -> Path:
    """Give a file or folder that is not what it should be another name; that name.

    Raises
    ------
    OSError
        It cannot be renamed.
    """
    endings = chain([""], map("-{}".format, count(2)))
    names = (f"{path.name}.{mark}{each}" for each in endings)
    aside = next(each for each in map(path.with_name, names) if not each.exists())
    path.rename(aside)
    settle(path.parent)
    return aside


def settle(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder.

    A file that was renamed may be gone after a power cut unless its folder was synced.

    Raises
    ------
    OSError
        The disk cannot.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems do not sync folders
            raise
    finally:
        os.close(descriptor)


def settle_folder(folder: Path) -> None:
    """Wait until the disk has the files of a folder, their names, and its own.

    Raises
    ------
    OSError
        The disk cannot.
    """
    for each in (*folder.iterdir(), folder, folder.parent):
        settle(each)
