"""Cases that overstep every limit, to see that the search for hostile input notices."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from tests.hostile.running import TookTooLong


def answers(_rng: Any, _folder: Path) -> None:
    """Nothing hostile."""


def leaves(_rng: Any, _folder: Path) -> None:
    """End the program."""
    raise SystemExit(3)


def dies(_rng: Any, _folder: Path) -> None:
    """Be killed, as by a crash or for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(_rng: Any, _folder: Path) -> None:
    """Listen to no signal, as in a long call of compiled code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF, signal.SIGALRM})
    time.sleep(600)


def hogs(_rng: Any, _folder: Path) -> None:
    """Take more than a GiB."""
    np.ones(2**28)


def tarries(_rng: Any, _folder: Path) -> None:
    """Be stopped, as after too many seconds."""
    raise TookTooLong("more than 5 s")
