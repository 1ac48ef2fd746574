"""The processes that train one model together: one, or as many as `torchrun` started."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from p2law.errors import P2LawError, RunError

_Made = TypeVar("_Made")

PATIENCE = timedelta(hours=12)
"""How long processes wait for one that tokenises or prunes for all; who fails ends all at once."""


@dataclass(frozen=True)
class Team:
    """A process among its fellows.

    Attributes
    ----------
    rank, size : int
    device : torch.device
    """

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - a device is a constant

    @property
    def leads(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def share(self, value: Any) -> Any:
        """What the first process holds, for all."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, device=self.device)
        return box[0]

    def gather(self, value: Any) -> list[Any]:
        """What every process holds, for all, in the order of their ranks."""
        if self.size == 1:
            return [value]
        boxes: list[Any] = [None] * self.size
        dist.all_gather_object(boxes, value)
        return boxes

    def together(self, trouble: str) -> None:
        """Raise everywhere where anybody is in trouble, so that nobody waits for ever.

        Raises
        ------
        RunError
            With the first process's words.
        """
        words = [each for each in self.gather(trouble) if each]
        if words:
            raise RunError(words[0])


def assemble(device: str = "") -> Team:
    """Find the other processes that `torchrun` started, or be alone.

    Parameters
    ----------
    device : str
        ``"cpu"`` or ``"cuda"``; the GPU where there is one if empty.

    Returns
    -------
    Team
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    place = torch.device(kind)
    if kind == "cuda":
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(place)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Team(device=place)
    if not dist.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE)
    return Team(dist.get_rank(), dist.get_world_size(), place)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many CPU threads, 0 for torch's own choice; then with as many as before."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count:
            torch.set_num_threads(before)


def disband() -> None:
    """Wait for each other and part, before the processes end."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def once(team: Team, make: Callable[[], _Made]) -> _Made:
    """Let the first process make something, and tell all of it, or all of its failure.

    Raises
    ------
    RunError
        It could not be made.
    """
    made, trouble = None, ""
    if team.leads:
        try:
            made = make()
        except Exception as error:  # whatever it is, the others wait to hear of it
            if team.size == 1:
                raise
            trouble = told(error)
    team.together(trouble)
    found: _Made = team.share(made)
    return found


def told(error: BaseException) -> str:
    """An error in words: its own where they are ours or a disk's, otherwise with its kind."""
    if isinstance(error, P2LawError):
        return str(error)
    if isinstance(error, OSError) and error.errno in _CURES:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; {_CURES[error.errno]} and give the same command again"
    if isinstance(error, dist.DistBackendError) or _BACKEND in str(error):
        return (
            "another process of the run is gone or cannot be reached; its own words or those of "
            "the system say why, and the same command goes on from the last checkpoint "
            f"({str(error).splitlines()[0]})"
        )
    return f"{type(error).__name__}: {error}"


_BACKEND = "third_party/gloo"
"""Where errors of torch come from that are told by no type of their own."""

_CURES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it yours to use",
    errno.EPERM: "make it yours to use",
}
"""What helps where a disk refuses."""
