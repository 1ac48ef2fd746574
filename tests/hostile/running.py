"""One hostile case: what is made of a number, and what becomes of it."""

import resource
import signal
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from p2law.errors import P2LawError
from tests.hostile import others, tables

SECONDS = 5.0
MEMORY = 2**30

TARGETS: dict[str, Callable[[np.random.Generator, Path], Any]] = {
    "load": tables.from_file,
    "fit": tables.in_memory,
    "logs": others.log,
    "from_json": others.saved_fit,
    "sweep file": others.sweep_file,
    "command line": others.command_line,
    "law": others.law,
}


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


def case(number: int, seconds: float = SECONDS) -> Outcome:
    """Make the case of a number, run it, and tell what became of it."""
    names = list(TARGETS)
    target = names[number % len(names)]
    rng = np.random.default_rng([20261125, number])
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            with _alarm(seconds):
                TARGETS[target](rng, Path(folder))
        except P2LawError as error:
            if len(str(error).strip()) < 10:
                return Outcome(number, target, "unexplained", f"no words: {error!r}")
            return Outcome(number, target, "refused", str(error))
        except OSError as error:
            # A path that is none: the operating system's own words are the best there are.
            named = bool(error.strerror and error.filename)
            return Outcome(number, target, "refused" if named else "unexplained", repr(error))
        except (Exception, TookTooLong) as error:  # noqa: BLE001 - that is what is looked for
            return Outcome(number, target, "unexplained", f"{type(error).__name__}: {error}"[:500])
    return Outcome(number, target, "result")


def limit_memory() -> None:
    """Let this process take no more than a GiB beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@contextmanager
def _alarm(seconds: float) -> Any:
    def stop(*_: Any) -> None:
        raise TookTooLong(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
