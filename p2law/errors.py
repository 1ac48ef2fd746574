"""Every error p2law raises on purpose, for one `except P2LawError`."""

from collections.abc import Mapping, Sequence
from typing import Any


class P2LawError(Exception):
    """Base of all errors that the caller can mend; its text says how."""

    def __reduce__(self) -> Any:
        # Some are made of more than their text; all of them must come back from other processes.
        return _again, (type(self), self.args, vars(self))


class RecordError(P2LawError, ValueError):
    """A table of records cannot be used as it stands.

    Attributes
    ----------
    rows : list
        Index labels of the offending rows; empty when the fault is not in rows.
    """

    def __init__(self, message: str, rows: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.rows = list(rows)


class FormError(P2LawError, ValueError):
    """A functional form is declared wrongly, or asked for what it does not have."""


class FitError(P2LawError, ValueError):
    """A fit was asked for with settings that contradict the form or the records."""


class UnreachableLossError(P2LawError, ValueError):
    """No number of tokens brings the loss down to the one that was asked for.

    Attributes
    ----------
    floor : float
        Loss that endless post-training would reach, in the unit of the records; of a law that
        rises again, or ends, the least that it comes down to.
    low, high : float
        Its interval.
    reachable : float
        Share of the refits that do come down to the loss that was asked for.
    beyond : str
        Inputs that lie outside the records, with commas; tokens, which are endless here, aside.
    trouble : tuple of str
        Sentences that must be read with the floor.
    """

    def __init__(
        self,
        message: str,
        floor: float,
        low: float,
        high: float,
        reachable: float,
        beyond: str = "",
        trouble: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.floor, self.low, self.high, self.reachable = floor, low, high, reachable
        self.beyond, self.trouble = beyond, tuple(trouble)


class PlanError(P2LawError, ValueError):
    """A plan that these fits, candidates, prices or limits do not allow."""


class ScoreError(P2LawError, ValueError):
    """A hold-out, a score or a comparison that these records, fits or laws do not allow."""


class PlotError(P2LawError, ValueError):
    """A picture that this fit, or the axes it was given, do not allow."""


class SavedFitError(P2LawError, ValueError):
    """A text is not a saved fit, or names a law that the caller did not hand over."""


class ModelError(P2LawError, ValueError):
    """A model's config.json is missing or broken, or describes no Llama or Qwen2 handled here."""


class SweepFileError(P2LawError, ValueError):
    """A sweep file cannot be carried out; the text names the file, the key and the cure."""


class PruningError(P2LawError, ValueError):
    """A model cannot be pruned in the way or by the rate that was asked for."""


class RunError(P2LawError, RuntimeError):
    """A run on disk cannot go on."""


class StoppedError(P2LawError, RuntimeError):
    """A run was asked to stop, and did, with a checkpoint; the same command goes on from there.

    Attributes
    ----------
    signal : int
        What asked, SIGTERM or SIGINT; a process that ends of it has exit code 128 + signal.
    """

    def __init__(self, run: str, signal: int) -> None:
        super().__init__(f"{run} was asked to stop; the same command goes on from there")
        self.signal = signal


class MissingExtraError(P2LawError, ImportError):
    """An optional package is needed for what was asked."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the optional package {package!r}, which is not installed; "
            f"install it with: pip install 'p2law[{extra}]'"
        )
        self.package = package
        self.extra = extra


def _again(kind: type[P2LawError], args: Sequence[object], parts: Mapping[str, object]) -> Any:
    """Make an error once more of what it holds."""
    made = kind.__new__(kind, *args)
    vars(made).update(parts)
    return made
