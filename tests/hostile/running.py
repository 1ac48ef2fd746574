"""One hostile case: what is made of a number, and what becomes of it."""

import resource
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from p2law.errors import P2LawError
from tests.hostile import likely, others, tables

SECONDS = 5.0
MEMORY = 2**30
NUMERIC = (
    RuntimeWarning,
    np.exceptions.ComplexWarning,
    np.exceptions.VisibleDeprecationWarning,
)
"""Warnings that must not come, wherever from."""

LATER = (DeprecationWarning, FutureWarning)
"""Those that must not come from numpy or from the library: others have their own."""

Makers = Mapping[str, Callable[[np.random.Generator, Path], Any]]

TARGETS: Makers = {
    "load": likely.loading,
    "fit": tables.in_memory,
    "logs": others.log,
    "from_json": likely.saved_fit,
    "sweep file": others.sweep_file,
    "command line": likely.command_line,
    "law": others.law,
}

ASK_FITS = (likely.saved_fit, likely.command_line)
"""Makers of cases that begin with a saved fit."""


class TookTooLong(BaseException):
    """Not an Exception, so that nothing on the way takes it for one of its own."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes
    ----------
    number : int
    target : str
    kind : str
        ``"result"``, ``"refused"`` or ``"unexplained"``.
    what : str
        The words of a refusal, or what went wrong.
    """

    number: int
    target: str
    kind: str
    what: str = ""


def prepare(number: int, makers: Makers = TARGETS) -> None:
    """Make, once in a process, what a case begins with: that is not its doing."""
    if makers[target_of(number, makers)] in ASK_FITS:
        others.saved_fits()


def case(number: int, makers: Makers = TARGETS, seconds: float = SECONDS) -> Outcome:
    """Make the case of a number, run it, and tell what became of it."""
    prepare(number, makers)
    target = target_of(number, makers)
    rng = np.random.default_rng([20261125, number])
    commands = target == "command line"
    found = outcome(lambda folder: makers[target](rng, folder), seconds, commands=commands)
    return Outcome(number, target, *found)


def target_of(number: int, makers: Makers = TARGETS) -> str:
    """What the case of a number is for."""
    return list(makers)[number % len(makers)]


def outcome(
    work: Callable[[Path], Any], seconds: float = SECONDS, *, commands: bool = False
) -> tuple[str, str]:
    """What became of work in a folder of its own: kind and words, as in `Outcome`.

    Commands may say of a path that is none what the operating system says; all else must not.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in NUMERIC:
            warnings.simplefilter("error", kind)
        for kind in LATER:
            warnings.filterwarnings("error", category=kind, module=r"(numpy|p2law)\b")
        try:
            with _alarm(seconds):
                work(Path(folder))
        except P2LawError as error:
            if _of_memory(error):
                return "unexplained", f"took more memory than it may have: {error}"[:500]
            if len(str(error).strip()) < 10:
                return "unexplained", f"no words: {error!r}"
            return "refused", str(error)
        except OSError as error:
            named = commands and bool(error.strerror and error.filename)
            return ("refused", str(error)) if named else ("unexplained", repr(error))
        except (Exception, SystemExit, TookTooLong) as error:  # noqa: BLE001 - that is what is looked for
            return "unexplained", f"{type(error).__name__} {_place(error)}: {error}"[:500]
    return "result", ""


def _of_memory(error: BaseException | None) -> bool:
    """Tell whether a refusal was raised because memory ran out."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error is not None


def _place(error: BaseException) -> str:
    """Where in the library an exception came from."""
    inside = [f for f in traceback.extract_tb(error.__traceback__) if "p2law" in f.filename]
    return f"in {Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else "elsewhere"


def limit_memory() -> None:
    """Let this process take no more than a GiB beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@contextmanager
def _alarm(seconds: float) -> Any:
    """Stop after so many seconds of the processor, or ten times as many of the clock."""

    def stop(which: int, _: Any) -> None:
        timer, most = clocks[which]
        by = " by the clock" if timer == signal.ITIMER_REAL else ""
        raise TookTooLong(f"more than {most:g} s{by}")

    # A busy machine makes nothing slow; what sleeps for ever takes no processor.
    clocks = {
        signal.SIGPROF: (signal.ITIMER_PROF, seconds),
        signal.SIGALRM: (signal.ITIMER_REAL, 10 * seconds),
    }
    before = {each: signal.signal(each, stop) for each in clocks}
    for timer, most in clocks.values():
        signal.setitimer(timer, most)
    try:
        yield
    finally:
        for timer, _ in clocks.values():
            signal.setitimer(timer, 0)
        for each, handler in before.items():
            signal.signal(each, handler)
