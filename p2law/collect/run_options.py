"""What `p2law collect run` is asked for, beyond words that argparse can check."""

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any

from p2law.errors import RunError, SweepFileError


def numbers(asked: argparse.Namespace, ids: Sequence[str]) -> list[int]:
    """Numbers of the runs that were asked for, each once; none for all.

    Raises
    ------
    SweepFileError
        The sweep has no such run.
    """
    for each in asked.only or ():
        if each not in ids:
            raise SweepFileError(f"no run {each!r} in this sweep; p2law collect plan lists them")
    for k in asked.index or ():
        if not 0 <= k < len(ids):
            raise SweepFileError(f"there is no run {k}; the sweep has runs 0 to {len(ids) - 1}")
    return list(dict.fromkeys(asked.index or [ids.index(each) for each in asked.only or ()]))


def check_together(asked: argparse.Namespace) -> None:
    """Refuse options that would not be looked at beside others.

    Raises
    ------
    RunError
        One is, or is out of range.
    """
    started = os.environ.get("WORLD_SIZE", "1") != "1"
    spread = {"--workers": asked.workers, "--gpus": asked.gpus}
    for option, value in spread.items():
        if value is not None and (asked.submit or started):
            by = "--submit" if asked.submit else "torchrun"
            raise RunError(
                f"{option} starts processes here, and {by} does so already; leave it out"
            )
    if asked.submit and started:
        raise RunError("--submit is one command for all jobs; give it without torchrun")
    if asked.option and not asked.submit:
        raise RunError("--option is for --submit; say where to submit, or leave it out")
    if asked.workers is not None and asked.workers < 1:
        raise RunError(f"--workers is {asked.workers}; it must be 1 or more")


def shared_gpus(words: str, workers: int, processes: int) -> list[str]:
    """GPUs to share out, as many a worker as a run has processes.

    Parameters
    ----------
    words : str
        Their numbers as torch counts those that it sees, with commas.
    workers, processes : int

    Returns
    -------
    list of str
        Their names for ``CUDA_VISIBLE_DEVICES``.

    Raises
    ------
    RunError
        There are too few or too many, one is named twice, or torch does not see it.
    """
    said = [each.strip() for each in words.split(",")]
    gpus = [int(each) for each in said if each.isdecimal()]
    if len(set(gpus)) != len(said):
        raise RunError(f"--gpus is {words!r}; name each once, by its number, with commas: 0,1,2,3")
    if len(gpus) != workers * processes:
        raise RunError(
            f"--gpus names {len(gpus)}, but {workers} workers times {processes} processes a run "
            f"(execution.processes) use {workers * processes}; change one of them"
        )
    visible = _visible()
    if max(gpus) >= len(visible):
        raise RunError(
            f"--gpus names {max(gpus)}; torch sees {len(visible)} here, and counts them from 0, "
            f"also where CUDA_VISIBLE_DEVICES calls them otherwise"
        )
    return [visible[k] for k in gpus]


def _visible() -> list[str]:
    """GPUs that torch sees, in its order, each by the name that makes it visible."""
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(count)) if named is None else named.split(",")
    return [each.strip() for each in names][:count]


def submitting_options(words: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE words; values that are JSON are taken as such.

    Raises
    ------
    RunError
        A word is none, or names an option again.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if not (name and value):
            raise RunError(f"--option takes NAME=VALUE, got {word!r}")
        if name in found:
            raise RunError(f"--option names {name} twice")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
