"""Disturb a sweep in every way that machines have, go on, and compare the records.

What must come out is made first by an undisturbed sweep: a model that is trained, pruned
by depth and by 2:4, and post-trained with distillation; a checkpoint after every step. A
trial disturbs the same sweep, gives the same command again, and compares the record files
byte by byte. Disks that fill up and folders that nobody may write to are mounted: as root,
or below ``unshare -rm``. A fault that has its figures in the file is not measured again.

    TMPDIR=/dev/shm python benchmarks/faults.py --save benchmarks/figures/faults.json
    python benchmarks/faults.py --only "disk full"
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keeping
from damage import LAST_LINES, OF_CHECKPOINTS, can_mount, jumping, mounted
from sweeping import Study, compared, ended, half_way, killed, said, start, study

TRIES = 3
"""How often a command is given again before a sweep counts as one that does not end."""

COLUMNS = ("trials", "faults", "equal", "lost", "doubled", "unforeseen", "seconds")
"""Of a row: how often, what became of the records, and lines that nobody should have to read."""

STRANGE = re.compile(r"UNFORESEEN|Traceback|\w*Error: |Warning: ")
"""Errors that are not told in our words."""

REFUSED = re.compile(
    r"^FAILED.*(?:cannot write (a \w+|tokens)|/(\w+) cannot be written|/([\w.]+): cannot write it)",
    re.MULTILINE,
)
"""What a disk had no room for."""

Trial = Callable[[Study, Path, random.Random], int]
"""Disturbs a sweep in a folder and lets it end; how many faults there were."""


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
    """

    trial: Trial
    faults: int
    words: str = ""
    study: str = "one"
    mounts: bool = False


def go_on(found: Study, out: Path) -> None:
    """Give the command again until the sweep has ended."""
    for _ in range(TRIES):
        if ended(start(found, out)):
            return


# -- faults --------------------------------------------------------------------------


def kill(found: Study, out: Path, rng: random.Random) -> int:
    """Kill all processes at up to five random moments."""
    faults = 0
    for _ in range(5):
        faults += killed(found, out, rng.uniform(0.02, 0.6) * found.seconds)
    go_on(found, out)
    return faults


def kill_one(found: Study, out: Path, rng: random.Random) -> int:
    """Kill one process of a team; the others must end of themselves."""
    children = start(found, out)
    time.sleep(rng.uniform(0.3, 0.8) * found.seconds)
    first = rng.choice(children)
    os.kill(first, 9)
    began = time.monotonic()
    ended(children)
    if time.monotonic() - began > 60:
        print("the processes that were left did not end", flush=True)
        return 0
    go_on(found, out)
    return 1


def full(found: Study, out: Path, rng: random.Random) -> int:
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
    return faults


def read_only(found: Study, out: Path, rng: random.Random) -> int:
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
    return faults


def two_at_once(found: Study, out: Path, rng: random.Random) -> int:
    """Two commands on one folder; one is killed and given again."""
    first, second = start(found, out), start(found, out)
    ended(second, rng.uniform(0.1, 0.9) * found.seconds)
    third = start(found, out)
    good = [ended(each) for each in (first, third)]
    go_on(found, out)
    return int(all(good))


def diverging(found: Study, out: Path, rng: random.Random) -> int:
    """Two of the runs become NaN; the sweep is killed twice on its way."""
    for _ in range(2):
        killed(found, out, rng.uniform(0.3, 1.0) * found.seconds)
    go_on(found, out)
    endings = (out / "runs").glob("hot-*/done.json")
    return sum(bool(json.loads(each.read_text())["trouble"]) for each in endings)


def last_line(found: Study, out: Path, rng: random.Random) -> int:
    """Damage the end of a record file: of a run half way, and of one that has ended."""
    half, run = halted(found, out, rng), rng.choice(found.runs[:-1])
    for each in (half, out / "runs" / run):
        rng.choice(LAST_LINES)(each / "records.jsonl", rng)
    go_on(found, out)
    return 2


def bad_checkpoint(found: Study, out: Path, rng: random.Random) -> int:
    """Damage a checkpoint; it must lie aside when all is done."""
    half = halted(found, out, rng)
    newest = max(each for each in (half / "checkpoints").glob("step-*") if not each.suffix)
    rng.choice(OF_CHECKPOINTS)(newest, rng)
    go_on(found, out)
    return len(list(half.glob("checkpoints/*.unreadable*")))


def clock(found: Study, out: Path, rng: random.Random) -> int:
    """Let all clocks jump by up to a day, back and forth, and kill the sweep twice."""
    for _ in range(2):
        seed = rng.random()
        killed(found, out, rng.uniform(0.2, 0.8) * found.seconds, lambda s=seed: jumping(s))
    for seed in [rng.random() for _ in range(TRIES)]:
        if ended(start(found, out, lambda s=seed: jumping(s))):
            break
    go_on(found, out)
    return 3


FAULTS = {
    "kill -9": Fault(kill, 50),
    "kill -9, two processes": Fault(kill, 15, study="two"),
    "kill -9 of one of two processes": Fault(kill_one, 5, study="two"),
    "disk full": Fault(full, 30, "No space left", mounts=True),
    "read-only folder": Fault(read_only, 10, "Read-only file system", mounts=True),
    "two sweeps at once": Fault(two_at_once, 10),
    "NaN loss": Fault(diverging, 6, "DIVERGED", study="diverging"),
    "corrupt last line": Fault(last_line, 30, "set aside"),
    "corrupt checkpoint": Fault(bad_checkpoint, 20, "set aside"),
    "clock jumps": Fault(clock, 15),
}
STUDIES: Mapping[str, dict[str, Any]] = {
    "one": {},
    "two": {"processes": 2},
    "diverging": {"diverging": True},
}

# -- means ---------------------------------------------------------------------------


def halted(found: Study, out: Path, rng: random.Random) -> Path:
    """Copy the whole sweep, do one of its runs half anew; the folder of that run."""
    run = rng.choice(found.runs[1:])
    shutil.copytree(found.whole, out, ignore=shutil.ignore_patterns(run))
    ended(start(found, out), until=half_way(out, run))
    return out / "runs" / run


def listed(out: Path) -> dict[str, int]:
    """Files of a folder by path, with their sizes."""
    return {str(each.relative_to(out)): each.stat().st_size for each in out.rglob("*")}


def row(name: str, found: Study, folder: Path, seed: int, most: int) -> dict[str, object]:
    """Disturb a sweep until there were faults enough; what became of it."""
    fault, rng = FAULTS[name], random.Random(f"{name} {seed}")  # noqa: S311 - no secret
    made, enough = {"fault": name}, min(fault.faults, most)
    if fault.mounts and not can_mount(folder):
        return {**made, **dict.fromkeys(COLUMNS, 0), "said": "nothing can be mounted here"}
    trials = faults = equal = lost = doubled = unforeseen = 0
    told, places = "", Counter[str]()
    began = time.monotonic()
    while faults < enough and trials < 2 * enough:
        out = folder / re.sub(r"\W+", "-", f"{name}-{trials}")
        faults += fault.trial(found, out, rng)
        trials += 1
        result, words = compared(found, out), said(out)
        equal, lost = equal + result.equal, lost + result.lost
        doubled += result.doubled
        strange = [each for each in words.splitlines() if STRANGE.search(each)]
        unforeseen += len(strange)
        places.update(map("".join, REFUSED.findall(words)))
        told = told or next((x for x in words.splitlines() if fault.words in x), "")
        if result.equal:
            shutil.rmtree(out)
        else:
            print(f"{out} differs:\n{words}", flush=True)
        print(*strange, sep="\n", end="\n" * bool(strange), flush=True)
    told = told.replace(str(folder), "…") if fault.words else ""
    told += "".join(f"; no room for {each}: {count}" for each, count in places.most_common())
    figures = (trials, faults, equal, lost, doubled, unforeseen, round(time.monotonic() - began))
    return {**made, **dict(zip(COLUMNS, figures, strict=True)), "said": told}


def main() -> int:
    """Print a line a fault; 0 where all trials were equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--faults", type=int, default=100, help="at most so many of each")
    parser.add_argument("--save", type=Path, help="file for the figures")
    parser.add_argument("--other-commit", action="store_true", help="go on from another commit")
    asked = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.nice(10)
    rows: dict[str, dict[str, object]] = {}
    commit = keeping.COMMIT
    if asked.save and asked.save.exists():
        known = keeping.read(asked.save)
        rows = {each["fault"]: each for each in known["tables"]["faults"]}
        measured = keeping.stamp_of(known, "faults")["commit"].split(" and ")
        commit = keeping.joined(asked.save, measured, asked.other_commit)
    folder, studies = Path(tempfile.mkdtemp()), dict[str, Study]()
    for name in [each for each in asked.only if each not in rows]:
        kind = FAULTS[name].study
        if kind not in studies:
            studies[kind] = study(folder / kind, **STUDIES[kind])
        rows[name] = row(name, studies[kind], folder, asked.seed, asked.faults)
        print(rows[name], flush=True)
        if asked.save:
            table = [rows[each] for each in FAULTS if each in rows]
            packages = ("torch", "transformers", "safetensors")
            keeping.keep(asked.save, {"faults": table}, packages, commit=commit)
    good = all(each["trials"] == each.get("equal", 0) for each in rows.values())
    if good:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
