"""Where the files of a sweep lie, and what they say about each run."""

import contextlib
import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2law.collect.ledger import Ledger
from p2law.errors import RunError

if TYPE_CHECKING:
    from filelock import FileLock

PATIENCE, MOMENT = 0.5, 0.05
"""Seconds for which a worker, and whoever only looks, tries to get a lock: a look takes it for
an instant, which must not be taken for work."""


@dataclass(frozen=True)
class Place:
    """The folder of one run, ``OUT/runs/ID``.

    Attributes
    ----------
    out : Path
        Folder of the sweep.
    run : str
        The run's id.
    """

    out: Path
    run: str

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.out / "runs" / self.run

    @property
    def ledger(self) -> Ledger:
        """Measurements."""
        return Ledger(self.folder / "records.jsonl")

    @property
    def timing(self) -> Ledger:
        """How long things took; kept apart, so that records can be compared byte by byte."""
        return Ledger(self.folder / "timing.jsonl", strict=False)

    @property
    def start(self) -> Path:
        """The model that training starts from."""
        return self.folder / "start"

    @property
    def model(self) -> Path:
        """The trained model."""
        return self.folder / "model"

    @property
    def facts(self) -> dict[str, Any] | None:
        """What was removed from the model, None before it was."""
        return read_json(self.folder / "start.json")

    @property
    def ending(self) -> dict[str, Any] | None:
        """How the run ended, None while it has not."""
        return read_json(self.folder / "done.json")

    @property
    def ended(self) -> bool:
        """Whether the run has ended, whatever can be read of how."""
        return (self.folder / "done.json").exists()

    @property
    def failure(self) -> str:
        """Why the run stopped the last time it was tried, empty where it did not."""
        return str((read_json(self.folder / "failed.json") or {}).get("reason", ""))

    def lock(self) -> "FileLock":
        """The lock of whoever works on the run; the system takes it back when he dies."""
        from filelock import FileLock  # noqa: PLC0415 - an extra; looking needs none

        return FileLock(self.folder / "lock", timeout=PATIENCE)

    def busy(self) -> bool:
        """Whether some process is at it right now."""
        if not self.folder.exists():
            return False
        try:
            from filelock import Timeout  # noqa: PLC0415 - an extra
        except ImportError:
            return _held(self.folder / "lock")
        try:
            with self.lock().acquire(timeout=MOMENT, poll_interval=MOMENT / 5):
                return False
        except Timeout:
            return True
        except OSError:  # not ours to write to
            return False

    def tidy(self) -> None:
        """Remove what a killed run left half written and, once it has ended, needs no more.

        For whoever holds the lock, or for anybody once the run has ended.
        """
        checkpoints = self.folder / "checkpoints"
        left = [*self.folder.glob("*.part*"), *checkpoints.glob("*.part")]
        if self.ending is not None:
            left += [self.start, checkpoints]
        for each in left:
            with contextlib.suppress(OSError):  # it takes room and does no harm
                shutil.rmtree(each) if each.is_dir() else each.unlink()


def _held(path: Path) -> bool:
    """Whether somebody has a lock, as far as the system tells it where filelock is missing."""
    try:
        import fcntl  # noqa: PLC0415 - only on POSIX

        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back with the file
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False


def slug(name: str) -> str:
    """A name as part of a path: itself where it is plain, otherwise with a hash of what it was."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def read_json(path: Path) -> dict[str, Any] | None:
    """Content of a small JSON file, None where there is none.

    Raises
    ------
    RunError
        It cannot be read.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} cannot be read ({error}); put it back or take it away") from error
