"""Moments at which a sweep is killed: at one of its writes, or while something is made.

A moment that is drawn by the clock seldom falls into what takes a thousandth of a second.
So a process can also count what it asks of the disk and kill itself before the n-th of a kind.
"""

import itertools
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITES = ("fsync", "rename", "replace", "unlink", "rmdir")
"""Of `os`: what makes a file whole, gives it its name, or takes it away."""

DRAFTS = {
    "pruning": ("runs/*-depth-*/start.partial", "runs/*-2of4-*/start.partial"),
    "a checkpoint": ("runs/*/checkpoints/*.part",),
}
"""What lies in a sweep's folder while something is being made."""

KINDS = (
    *("corpora", "bases", "checkpoints", "start.json", "start", "model", "records.jsonl"),
    *("timing.jsonl", "run.json", "done.json", "sweep.json"),
)
"""Files and folders of a sweep by the beginnings of their names, as kills are counted."""

# -- at a write ----------------------------------------------------------------------


def noting(out: Path, notes: Path) -> None:
    """Let this process add the kind of each of its writes to a file, a line each."""

    def note(path: str) -> None:
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{kind(out, path)}\n")

    _watch(note)


def dying(out: Path, of: str, at: int) -> None:
    """Let this process kill itself before the n-th of its writes of one kind."""
    numbers = itertools.count(1)

    def die(path: str) -> None:
        if kind(out, path) == of and next(numbers) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch(die)


def kind(out: Path, path: str) -> str:
    """What a file of a sweep is, by the part of its path that says so."""
    parts = path.removeprefix(str(out)).split("/")
    return next((each for part in parts for each in KINDS if part.startswith(each)), "a folder")


def _watch(tell: Callable[[str], None]) -> None:
    for name in WRITES:
        setattr(os, name, _watched(getattr(os, name), tell))


def _watched(write: Callable[..., Any], tell: Callable[[str], None]) -> Callable[..., Any]:
    def watched(what: Any, *more: Any, **further: Any) -> Any:
        folder = further.get("dir_fd")
        path = _open(what) if isinstance(what, int) else os.fspath(what)
        tell(path if folder is None else f"{_open(folder)}/{path}")
        return write(what, *more, **further)

    return watched


def _open(descriptor: int) -> str:
    """Path of an open file."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


# -- while something is made ---------------------------------------------------------


def drafts(out: Path, what: str) -> set[tuple[str, int]]:
    """What is being made, each told from those that a kill has left under the same name."""
    found = set()
    for pattern in DRAFTS[what]:
        for each in out.glob(pattern):
            try:
                found.add((str(each), each.stat().st_ino))
            except FileNotFoundError:  # it was finished meanwhile
                continue
    return found


# -- what a kill has cut off ---------------------------------------------------------


def cut_off(out: Path) -> Counter[str]:
    """What was being made, and measurements that no checkpoint vouches for yet."""
    found = Counter({each: len(drafts(out, each)) for each in DRAFTS})
    for folder in (out / "runs").glob("*"):
        if not (folder / "done.json").exists():
            found["again"] += _beyond(folder)
    return +found


def _beyond(folder: Path) -> int:
    """Lines of a run after those of its last checkpoint."""
    records = folder / "records.jsonl"
    lines = records.read_bytes().count(b"\n") if records.exists() else 0
    names = sorted(each for each in (folder / "checkpoints").glob("step-*") if not each.suffix)
    if not names:
        return lines
    manifest = json.loads((names[-1] / "manifest.json").read_text(encoding="utf-8"))
    return lines - str(manifest["records"]).count("\n")
