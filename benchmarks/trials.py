"""Ways to disturb a sweep; each gives the same command again until the sweep has ended."""

import contextlib
import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import moments
from damage import LAST_LINES, OF_CHECKPOINTS, jumping, mounted
from sweeping import Study, ended, half_way, killed, start

TRIES = 3
"""How often a command is given again before a sweep counts as one that does not end."""

KILLS = 5
"""How often one sweep is killed at most."""

FEW: Mapping[str, int] = {"pruning": 2, "a checkpoint": 6}
"""What is interrupted is one of the first few of its kind."""

MOMENT = 0.05
"""Seconds that what is interrupted has been under way at most."""

Trial = Callable[[Study, Path, random.Random], Counter[str]]
"""Disturbs a sweep in a folder and lets it end; how many "faults" there were, and of what kind."""


@dataclass(frozen=True)
class Fault:
    """A way to disturb a sweep.

    Attributes
    ----------
    trial : Trial
    faults : int
        Trials are made until there were so many.
    words : str
        What is looked for in what users are told; nothing is said of a kill.
    study : str
        Which of the sweeps is disturbed.
    mounts : bool
    damages : bool
        Whether files are damaged, so that they must lie aside in the end.
    """

    trial: Trial
    faults: int
    words: str = ""
    study: str = "one"
    mounts: bool = False
    damages: bool = False


def go_on(found: Study, out: Path) -> None:
    """Give the command again until the sweep has ended."""
    for _ in range(TRIES):
        if ended(start(found, out)):
            return


def kill(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Kill all processes at up to five random moments."""
    tally = Counter[str]()
    for _ in range(KILLS):
        if killed(found, out, rng.uniform(0.02, 0.6) * found.seconds):
            tally += Counter(faults=1) + moments.cut_off(out)
    go_on(found, out)
    return tally


def kill_at_write(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Let the process kill itself up to five times, before any write of a kind drawn first."""
    tally = Counter[str]()
    for _ in range(KILLS):
        kind = rng.choice(sorted(found.writes))
        at = rng.randint(1, found.writes[kind])
        if not ended(start(found, out, partial(moments.dying, out, kind, at))):
            tally += Counter({"faults": 1, kind: 1, "again": moments.cut_off(out)["again"]})
    go_on(found, out)
    return tally


def kill_during(what: str, found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Kill the process up to five times while something of one kind is being made."""
    tally = Counter[str]()
    for _ in range(KILLS):
        before = moments.drafts(out, what)
        ended(start(found, out), until=_making(what, out, before, rng))
        if moments.drafts(out, what) - before:
            tally += Counter(faults=1, again=moments.cut_off(out)["again"])
    go_on(found, out)
    return tally


def _making(
    what: str, out: Path, before: Collection[tuple[str, int]], rng: random.Random
) -> Callable[[], bool]:
    """Tells, after a moment, that the first few things of one kind are being made."""
    wanted, delay = rng.randint(1, FEW[what]), rng.uniform(0.0, MOMENT)
    seen = set[tuple[str, int]]()

    def making() -> bool:
        seen.update(moments.drafts(out, what).difference(before))
        if len(seen) >= wanted:
            time.sleep(delay)
        return len(seen) >= wanted

    return making


def kill_one(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Kill one process of a team; the others must end of themselves."""
    children = start(found, out)
    time.sleep(rng.uniform(0.3, 0.8) * found.seconds)
    first = rng.choice(children)
    os.kill(first, 9)
    began = time.monotonic()
    ended(children)
    if time.monotonic() - began > 60:
        print("the processes that were left did not end", flush=True)
        return Counter()
    go_on(found, out)
    return Counter(faults=1)


def full(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Fill a disk before or while the command runs, three times, and then make room."""
    needed = sum(each.stat().st_size for each in found.whole.rglob("*") if each.is_file())
    with mounted(out, "-t", "tmpfs", "-o", f"size={4 * needed}", "tmpfs"):
        filler, faults = out / "filler", 0
        for room in sorted(int(rng.uniform(0.01, 1.0) * needed) for _ in range(3)):
            before = rng.random() < 0.5
            if before:
                filler.write_bytes(bytes(max(shutil.disk_usage(out).free - room, 0)))
            children = start(found, out)
            if not before:
                time.sleep(rng.uniform(0.1, 0.9) * found.seconds)
                with contextlib.suppress(OSError):  # the sweep may have taken the last of it
                    filler.write_bytes(bytes(shutil.disk_usage(out).free))
            faults += not ended(children)
            filler.unlink(missing_ok=True)
        go_on(found, out)
        shutil.copytree(out, (copy := out.with_name(f"{out.name}.copy")))
    out.rmdir()
    copy.rename(out)
    return Counter(faults=faults)


def read_only(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Give the command where nobody may write, not even root; before and in the middle."""
    faults = 0
    for seconds in (0.0, rng.uniform(0.1, 0.9) * found.seconds):
        if seconds:
            killed(found, out, seconds)
        out.mkdir(exist_ok=True)
        before = listed(out)
        with mounted(out, "--bind", str(out), then="remount,bind,ro"):
            refused = not ended(start(found, out))
        faults += refused and before == listed(out)
    go_on(found, out)
    return Counter(faults=faults)


def two_at_once(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Two commands on one folder; one is killed and given again."""
    first, second = start(found, out), start(found, out)
    ended(second, rng.uniform(0.1, 0.9) * found.seconds)
    third = start(found, out)
    good = [ended(each) for each in (first, third)]
    go_on(found, out)
    return Counter(faults=int(all(good)))


def diverging(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Two of the runs become NaN; the sweep is killed twice on its way."""
    for _ in range(2):
        killed(found, out, rng.uniform(0.3, 1.0) * found.seconds)
    go_on(found, out)
    endings = (out / "runs").glob("hot-*/done.json")
    diverged = sum(bool(json.loads(each.read_text())["trouble"]) for each in endings)
    return Counter(faults=diverged)


def last_line(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Damage the end of a record file: of a run half way, and of one that has ended."""
    half, run = halted(found, out, rng), rng.choice(found.runs[:-1])
    for each in (half, out / "runs" / run):
        rng.choice(LAST_LINES)(each / "records.jsonl", rng)
    go_on(found, out)
    return Counter(faults=2)


def bad_checkpoint(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Damage a checkpoint; it must lie aside when all is done."""
    half = halted(found, out, rng)
    newest = max(each for each in (half / "checkpoints").glob("step-*") if not each.suffix)
    rng.choice(OF_CHECKPOINTS)(newest, rng)
    go_on(found, out)
    return Counter(faults=len(list(half.glob("checkpoints/*.unreadable*"))))


def clock(found: Study, out: Path, rng: random.Random) -> Counter[str]:
    """Let all clocks jump by up to a day, back and forth, and kill the sweep twice."""
    for _ in range(2):
        seed = rng.random()
        killed(found, out, rng.uniform(0.2, 0.8) * found.seconds, partial(jumping, seed))
    for seed in [rng.random() for _ in range(TRIES)]:
        if ended(start(found, out, partial(jumping, seed))):
            break
    go_on(found, out)
    return Counter(faults=3)


def halted(found: Study, out: Path, rng: random.Random) -> Path:
    """Copy the whole sweep, do one of its runs half anew; the folder of that run."""
    run = rng.choice(found.runs[1:])
    shutil.copytree(found.whole, out, ignore=shutil.ignore_patterns(run))
    ended(start(found, out), until=half_way(out, run))
    return out / "runs" / run


def listed(out: Path) -> dict[str, int]:
    """Files of a folder by path, with their sizes."""
    return {str(each.relative_to(out)): each.stat().st_size for each in out.rglob("*")}


FAULTS = {
    "kill -9": Fault(kill, 50),
    "kill -9, checkpoints apart": Fault(kill, 50, study="apart"),
    "kill -9 at a write": Fault(kill_at_write, 100, study="apart"),
    "kill -9 while pruning": Fault(partial(kill_during, "pruning"), 20, study="apart"),
    "kill -9 in a checkpoint": Fault(partial(kill_during, "a checkpoint"), 30, study="apart"),
    "kill -9, two processes": Fault(kill, 30, study="two"),
    "kill -9 of one of two processes": Fault(kill_one, 5, study="two"),
    "disk full": Fault(full, 30, "No space left", mounts=True),
    "read-only folder": Fault(read_only, 10, "Read-only file system", mounts=True),
    "two sweeps at once": Fault(two_at_once, 10),
    "NaN loss": Fault(diverging, 6, "DIVERGED", study="diverging"),
    "corrupt last line": Fault(last_line, 30, "set aside", damages=True),
    "corrupt checkpoint": Fault(bad_checkpoint, 20, "set aside", damages=True),
    "clock jumps": Fault(clock, 15),
}
STUDIES: Mapping[str, dict[str, Any]] = {
    "one": {},
    "apart": {"apart": 5},
    "two": {"processes": 2, "apart": 5},
    "diverging": {"diverging": True},
}
