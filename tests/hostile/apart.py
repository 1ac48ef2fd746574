"""Hostile cases in a process of their own: one that kills it is an outcome like any other."""

import faulthandler
import multiprocessing
import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from tests.hostile.running import (
    SECONDS,
    TARGETS,
    Makers,
    Outcome,
    case,
    limit_memory,
    prepare,
    target_of,
)

PATIENCE = 20 * SECONDS
"""Seconds by the clock after which a case that no signal stops is killed."""


def outcomes(
    numbers: Iterable[int], makers: Makers = TARGETS, patience: float = PATIENCE
) -> Iterator[tuple[Outcome, float]]:
    """What becomes of cases, one by one and in little memory, and their seconds of the processor.

    A case during which the process dies is unexplained, and its seconds are not known; the next
    one has a new process. One that cannot even start is an error.

    Parameters
    ----------
    numbers : iterable of int
    makers : mapping of str to function
        As for `case`; functions that another process can import.
    patience : float
        Seconds by the clock that a case may take where it does not even listen to signals.
    """
    process = _begun()
    try:
        for number in numbers:
            try:
                yield process.submit(_timed, number, makers, patience).result()
            except BrokenProcessPool:
                died = f"its process was killed, crashed, or hung for {patience:g} s"
                yield Outcome(number, target_of(number, makers), "unexplained", died), 0.0
                process.shutdown()
                process = _begun()
    finally:
        process.shutdown()


def _begun() -> ProcessPoolExecutor:
    """A process that is ready: what goes wrong from now on is a case's doing."""
    process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _prepare)
    process.submit(os.getpid).result()
    return process


def _prepare() -> None:
    """Say where a crash was, end with the process that asks, take little memory."""
    faulthandler.enable()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit_memory()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _timed(number: int, makers: Makers, patience: float) -> tuple[Outcome, float]:
    """What becomes of a case in this process, and the seconds of the processor that it took."""
    prepare(number, makers)
    begun = time.process_time()
    faulthandler.dump_traceback_later(patience, exit=True)
    try:
        return case(number, makers), time.process_time() - begun
    finally:
        faulthandler.cancel_dump_traceback_later()
