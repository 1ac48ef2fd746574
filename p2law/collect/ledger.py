"""Measurements on disk: one line each, appended and synced, never lost and never twice.

A checkpoint vouches for the lines that were there when it was made. Whoever
resumes from it cuts off what came later, and measures that again.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2law.errors import RunError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vouched:
    """The part of a ledger that a checkpoint stands for.

    Attributes
    ----------
    size : int
        Bytes from the beginning of the file.
    sha256 : str
        Of these bytes.
    """

    size: int
    sha256: str


NOTHING = Vouched(0, hashlib.sha256().hexdigest())


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

    def vouch(self) -> Vouched:
        """Describe what is there now."""
        content = self.path.read_bytes() if self.path.exists() else b""
        return Vouched(len(content), hashlib.sha256(content).hexdigest())

    def cut_back(self, to: Vouched) -> None:
        """Go back to the lines that a checkpoint vouches for.

        Raises
        ------
        RunError
            These are not the lines that the file begins with; it is left as it is.
        """
        content = self.path.read_bytes() if self.path.exists() else b""
        if hashlib.sha256(content[: to.size]).hexdigest() != to.sha256:
            raise RunError(
                f"{self.path} does not begin with the {to.size} bytes that its checkpoint "
                f"vouches for: somebody changed it; put it back, or move the folder "
                f"{self.path.parent} away to start this run over"
            )
        if len(content) > to.size:
            with self.path.open("r+b") as file:
                file.truncate(to.size)
                file.flush()
                os.fsync(file.fileno())

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
                    f"{self.path}: line {number} is no measurement ({error}); "
                    f"put the file back as it was, or move {self.path.parent} away"
                ) from error
        return found


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Write a small JSON file so that it is there whole or not at all.

    Raises
    ------
    RunError
        The disk is full, the folder read-only, or the like.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        settle(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            draft.unlink(missing_ok=True)
        raise RunError(f"{path}: cannot write it ({error.strerror or error})") from error


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
