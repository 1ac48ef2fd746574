"""Telling others how a run goes: words with its name, a progress bar, trackers of your own.

A tracker is anything with `start`, `log` and `finish`. The record file is the
log; a tracker that fails or is missing loses nothing.
"""

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Protocol

from p2law.errors import RunError

LOG = logging.getLogger(__name__)
_RUN = ContextVar("run", default="")


@contextmanager
def telling_of(run: str) -> Iterator[None]:
    """Let all that is said meanwhile begin with the name of a run."""
    token = _RUN.set(run)
    try:
        yield
    finally:
        _RUN.reset(token)


class Labelled(logging.Formatter):
    """Every line with the name of the run that it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """Label a message, of several lines each."""
        text, run = super().format(record), _RUN.get()
        return "\n".join(f"{run}: {line}" for line in text.splitlines()) if run else text


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
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional

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


def find(name: str) -> Callable[[Path], Tracker] | None:
    """Find what makes a tracker, by name.

    Parameters
    ----------
    name : str
        Empty for none, ``"tensorboard"``, or ``"module:attribute"`` for a callable
        that takes the sweep's folder and returns a tracker.

    Returns
    -------
    callable or None
        From the sweep's folder to a `Tracker`.

    Raises
    ------
    RunError
        There is none of that name, or its package is not installed.
    """
    if not name:
        return None
    if name == "tensorboard":
        try:
            importlib.import_module("torch.utils.tensorboard")
        except ImportError as error:
            raise RunError(
                "--tracker tensorboard needs the package 'tensorboard', which is not installed; "
                "install it with: pip install tensorboard"
            ) from error
        return lambda folder: TensorBoard(folder / "tensorboard")
    module, _, attribute = name.partition(":")
    try:
        found: Callable[[Path], Tracker] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RunError(
            f"--tracker {name!r}: {error}; write 'tensorboard' or module:attribute"
        ) from error
    return found


class Voice:
    """Tells a terminal and a tracker, where there are any, how a run goes.

    A tracker that fails is dropped with a warning: no run ends of it.
    """

    def __init__(self, bar: Any = None, tracker: Callable[[], Tracker] | None = None) -> None:
        self._bar = bar
        self._tracker = tracker and self._try(tracker)

    def start(self, name: str, settings: Mapping[str, Any]) -> None:
        """Begin a run."""
        if self._tracker is not None:
            self._try(self._tracker.start, name, settings)

    def step(self, tokens: int, loss: float) -> None:
        """Tell the terminal about a step."""
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            self._bar.update(tokens - self._bar.n)

    def log(self, record: Mapping[str, Any]) -> None:
        """Tell the tracker about a measurement."""
        if self._tracker is not None:
            self._try(self._tracker.log, record)

    def finish(self) -> None:
        """Fall silent."""
        if self._bar is not None:
            self._bar.close()
        if self._tracker is not None:
            self._try(self._tracker.finish)

    def _try(self, action: Callable[..., Any], *words: Any) -> Any:
        try:
            return action(*words)
        except Exception as error:  # whatever a tracker raises
            LOG.warning("the tracker failed and hears no more: %s: %s", type(error).__name__, error)
            LOG.debug("the tracker failed", exc_info=True)
            self._tracker = None
            return None


def silent() -> Voice:
    """A voice that nobody hears."""
    return Voice()


def voice(name: str, total: int, done: int, tracker: str, folder: Path) -> Voice:
    """A bar counted in tokens on stderr, silent where that is no terminal, and a tracker.

    Raises
    ------
    RunError
        There is no tracker of that name.
    """
    from tqdm import tqdm  # noqa: PLC0415 - labels are needed where it is not

    made = find(tracker)
    bar = tqdm(total=total, initial=done, desc=name, unit="tok", unit_scale=True, disable=None)
    return Voice(bar, made and (lambda: made(folder)))
