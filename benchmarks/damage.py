"""What disks and clocks do to the files and the times of a run."""

import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Damage = Callable[[Path, random.Random], None]
"""Spoils a file, or a checkpoint's folder."""

DAY = 86_400.0

# -- the end of a record file --------------------------------------------------------


def half_a_line(path: Path, rng: random.Random) -> None:
    """A line whose end was never written."""
    line = path.read_bytes().splitlines()[-1]
    _append(path, line[: rng.randrange(1, len(line))])


def garbage(path: Path, rng: random.Random) -> None:
    """A line that is none."""
    _append(path, bytes(rng.randrange(1, 256) for _ in range(40)) + b"\n")


def zeros(path: Path, rng: random.Random) -> None:
    """What some file systems leave of a write after a power cut."""
    _append(path, bytes(rng.randrange(1, 400)) + rng.choice([b"", b"\n"]))


def cut_short(path: Path, rng: random.Random) -> None:
    """The last line was whole once."""
    content = path.read_bytes()
    path.write_bytes(content[: -rng.randrange(1, 100)])


def flipped(path: Path, rng: random.Random) -> None:
    """A bit of the last line has turned over."""
    content = bytearray(path.read_bytes())
    content[-rng.randrange(2, 100)] ^= 1 << rng.randrange(7)
    path.write_bytes(bytes(content))


def gone(path: Path, _rng: random.Random) -> None:
    """There is no file any more."""
    path.unlink()


LAST_LINES: tuple[Damage, ...] = (half_a_line, garbage, zeros, cut_short, flipped, gone)


def _append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


# -- a checkpoint --------------------------------------------------------------------


def truncated(place: Path, rng: random.Random) -> None:
    """A file ends too early."""
    path = _any(place, rng)
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def turned_over(place: Path, rng: random.Random) -> None:
    """A bit of a file has turned over."""
    path = _any(place, rng)
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(content))


def empty(place: Path, rng: random.Random) -> None:
    """A file holds nothing."""
    _any(place, rng).write_bytes(b"")


def missing(place: Path, rng: random.Random) -> None:
    """A file is not there."""
    _any(place, rng).unlink()


def bare(place: Path, _rng: random.Random) -> None:
    """No file is there."""
    shutil.rmtree(place)
    place.mkdir()


def another_number(place: Path, _rng: random.Random) -> None:
    """The manifest is still JSON and says something else."""
    path = place / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "entropy": content["entropy"] + 1.0}), encoding="utf-8")


OF_CHECKPOINTS: tuple[Damage, ...] = (truncated, turned_over, empty, missing, bare, another_number)


def _any(place: Path, rng: random.Random) -> Path:
    return rng.choice(sorted(place.iterdir()))


# -- a disk -------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, *words: str, then: str = "") -> Iterator[None]:
    """Mount something on a folder for a while, with options that it takes only then."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *words, str(folder)], check=True)  # noqa: S603, S607
    try:
        if then:
            subprocess.run(["mount", "-o", then, str(folder)], check=True)  # noqa: S603, S607
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607


def can_mount(folder: Path) -> bool:
    """Whether disks can be mounted here."""
    try:
        with mounted(folder / "tried", "-t", "tmpfs", "tmpfs"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


# -- clocks --------------------------------------------------------------------------


def jumping(seed: float) -> None:
    """Let the clocks of this process jump by up to a day at every twentieth look."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, _jumping(getattr(time, name), rng))


def _jumping(true: Callable[[], float], rng: random.Random) -> Callable[[], float]:
    offset = rng.uniform(-DAY, DAY)

    def clock() -> float:
        nonlocal offset
        if rng.random() < 0.05:
            offset = rng.uniform(-DAY, DAY)
        return true() + offset

    return clock
