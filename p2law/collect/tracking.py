"""Telling others how a run goes: a progress bar, and trackers of your own.

A tracker is anything with `start`, `log` and `finish`. The record file is the
log; a tracker that fails or is missing loses nothing.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from p2law.errors import MissingExtraError, RunError


class Tracker(Protocol):
    """Hears of a run while it goes."""

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Begin a run, or go on with it."""
        ...

    def log(self, record: Mapping[str, Any]) -> None:
        """Take one line of the record file."""
        ...

    def finish(self) -> None:
        """Learn that the run is over or interrupted."""
        ...


class TensorBoard:
    """Writes event files below a folder (package `tensorboard`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Open the run's event file."""
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional
        except ImportError as error:
            raise MissingExtraError("tensorboard", "collect", "--tracker tensorboard") from error
        self._writer = SummaryWriter(self._folder / name)
        self._writer.add_text("settings", str(dict(settings)))

    def log(self, record: Mapping[str, Any]) -> None:
        """Write the loss against the tokens."""
        if "loss" in record:
            tag = f"loss/{record['eval_text']}"
            self._writer.add_scalar(tag, record["loss"], record["tokens"])

    def finish(self) -> None:
        """Close the file."""
        self._writer.close()


def find(name: str, folder: Path) -> Tracker | None:
    """Find a tracker by name.

    Parameters
    ----------
    name : str
        Empty for none, ``"tensorboard"``, or ``"module:attribute"`` for a callable
        that takes the sweep's folder and returns a tracker.
    folder : Path
        Of the sweep.

    Returns
    -------
    Tracker or None

    Raises
    ------
    RunError
        There is none of that name.
    """
    if not name:
        return None
    if name == "tensorboard":
        return TensorBoard(folder / "tensorboard")
    module, _, attribute = name.partition(":")
    try:
        found: Tracker = getattr(importlib.import_module(module), attribute)(folder)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise RunError(
            f"--tracker {name!r}: {error}; write 'tensorboard' or module:attribute"
        ) from error
    return found


@dataclass(frozen=True)
class Voice:
    """Tells a terminal and a tracker, where there are any, how a run goes."""

    bar: Any = None
    tracker: Tracker | None = None

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Begin a run."""
        if self.tracker is not None:
            self.tracker.start(name, settings)

    def step(self, tokens: int, loss: float) -> None:
        """Tell the terminal about a step."""
        if self.bar is not None:
            self.bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            self.bar.update(tokens - self.bar.n)

    def log(self, record: Mapping[str, Any]) -> None:
        """Tell the tracker about a measurement."""
        if self.tracker is not None:
            self.tracker.log(record)

    def finish(self) -> None:
        """Fall silent."""
        if self.bar is not None:
            self.bar.close()
        if self.tracker is not None:
            self.tracker.finish()


def silent() -> Voice:
    """A voice that nobody hears."""
    return Voice()


def voice(name: str, total: int, done: int, tracker: str, folder: Path) -> Voice:
    """A bar counted in tokens on stderr, silent where that is no terminal, and a tracker."""
    bar = tqdm(total=total, initial=done, desc=name, unit="tok", unit_scale=True, disable=None)
    return Voice(bar, find(tracker, folder))
