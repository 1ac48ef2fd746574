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

PATIENCE = 0.5
"""Seconds for which a worker tries to get a lock: a look takes it for an instant, which must not
be taken for work."""


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
    def intact(self) -> bool:
        """Whether the measurements of a run that has ended are those that it ended with."""
        told = (self.ending or {}).get("records")
        return told is None or self.ledger.holds(told)

    def measured(self) -> list[dict[str, Any]]:
        """All measurements so far.

        Raises
        ------
        RunError
            They are damaged, or no longer those that the run ended with.
        """
        if not self.intact:
            raise RunError(
                f"{self.ledger.path} is no longer what the run ended with; give the command that "
                f"makes the run again, which sets this file aside and puts the other back"
            )
        return self.ledger.lines()

    def restore(self) -> None:
        """Put back the measurements of a run that has ended, for whoever holds the lock.

        Raises
        ------
        RunError
            The folder cannot be written to.
        """
        if not self.intact:
            self.ledger.go_back((self.ending or {})["records"])

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
        path = self.folder / "lock"
        if not path.exists():
            return False
        try:
            import fcntl  # noqa: PLC0415 - only on POSIX
        except ImportError:  # where no run can be at work
            return False
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: others may look, too
                fcntl.flock(file, fcntl.LOCK_UN)
        except BlockingIOError:
            return True
        except OSError:  # gone meanwhile, or not ours to read
            return False
        return False

    def tidy(self) -> None:
        """Remove what a killed run left half written and, once it has ended, needs no more.

        What was set aside stays. For whoever holds the lock, or for anybody once the run
        has ended.
        """
        checkpoints = self.folder / "checkpoints"
        left = [*self.folder.glob("*.part*"), *checkpoints.glob("*.part")]
        if self.ending is not None:
            left += [self.start, *(each for each in checkpoints.glob("*") if not each.suffix)]
        for each in left:
            with contextlib.suppress(OSError):  # it takes room and does no harm
                shutil.rmtree(each) if each.is_dir() else each.unlink()
        if self.ending is not None:
            with contextlib.suppress(OSError):  # not there, or it holds what was set aside
                checkpoints.rmdir()


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
