"""Disturb a sweep in every way that machines have, go on, and compare all that it leaves.

What must come out is made first by an undisturbed sweep: a model that is trained, pruned
by depth and by 2:4, and post-trained with distillation. Checkpoints are made after every
step, or, where that is said, after every fifth, with measurements between them, so that
steps are repeated and their measurements come again. A trial (`trials`) disturbs the same
sweep, gives the same command again, and compares records, models, tables and all other
files (`outcomes`). Disks that fill up and folders that nobody may write to are mounted: as
root, or below ``unshare -rm``. A fault that has its figures is not measured again; they are
in FILE.part until all are there. A fault that could not be tried often enough ends the run
badly, and is tried again the next time.

    TMPDIR=/dev/shm python benchmarks/faults.py --save benchmarks/figures/faults.json
    python benchmarks/faults.py --only "disk full"
"""

import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keeping
from damage import can_mount
from options import parser_of
from outcomes import compared
from sweeping import Study, said, study
from trials import FAULTS, STUDIES

Row = dict[str, Any]

SUMS = ("trials", "faults", "again", "equal", "whole", "lost", "doubled", "unforeseen")
"""Of a row: how often a sweep was disturbed, and how; measurements that no checkpoint vouched
for, and which were made again; sweeps whose records, and whose whole results, were equal; lines
of records lost and doubled; and lines that nobody should have to read."""

STRANGE = re.compile(r"UNFORESEEN|Traceback|\w*Error: |Warning: ")
"""Errors that are not told in our words."""

REFUSED = re.compile(
    r"^FAILED.*(?:cannot write (a \w+|tokens)|/(\w+) cannot be written|/([\w.]+): cannot write it)",
    re.MULTILINE,
)
"""What a disk had no room for."""


def row(name: str, found: Study, folder: Path, seed: int, most: int) -> Row:
    """Disturb a sweep until there were faults enough; what became of it."""
    fault, rng = FAULTS[name], random.Random(f"{name} {seed}")  # noqa: S311 - no secret
    enough, began = min(fault.faults, most), time.monotonic()
    sums, kinds = Counter(dict.fromkeys(SUMS, 0)), Counter[str]()
    if fault.mounts and not can_mount(folder):
        return {"fault": name, **sums, "said": "nothing can be mounted here"}
    told = ""
    while sums["faults"] < enough and sums["trials"] < 2 * enough:
        out = folder / re.sub(r"\W+", "-", f"{name}-{sums['trials']}")
        tally = fault.trial(found, out, rng)
        words, result = said(out), compared(found, out, damaged=fault.damages)
        strange = [each for each in words.splitlines() if STRANGE.search(each)]
        sums.update({each: tally.pop(each, 0) for each in ("faults", "again")})
        sums.update(trials=1, equal=result.records, whole=result.whole, lost=result.lost)
        sums.update(doubled=result.doubled, unforeseen=len(strange))
        kinds.update(tally)
        kinds.update(map("".join, REFUSED.findall(words)))
        told = told or next((x for x in words.splitlines() if fault.words in x), "")
        if result.whole:
            shutil.rmtree(out)
        else:
            print(f"{out} differs: {', '.join(result.differs)}\n{words}", flush=True)
        print(*strange, sep="\n", end="\n" * bool(strange), flush=True)
    where = ", ".join(f"{each}: {count}" for each, count in kinds.most_common())
    told = told.replace(str(folder), "…") if fault.words else ""
    seconds = round(time.monotonic() - began)
    return {"fault": name, **sums, "seconds": seconds, "where": where, "said": told}


def main() -> int:
    """Print a line a fault; 0 where all results were equal."""
    parser = parser_of(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS))
    parser.add_argument("--faults", type=int, default=100, help="at most so many of each")
    parser.add_argument("--save", type=Path, help="file for the figures")
    parser.add_argument("--other-commit", action="store_true", help="go on from another commit")
    asked = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.nice(10)
    held, commit = keeping.before(asked.save, "faults", other=asked.other_commit)
    rows = {each["fault"]: each for each in held}
    folder, studies = Path(tempfile.mkdtemp()), dict[str, Study]()
    for name in lacking(rows, asked.only, asked.faults):
        kind = FAULTS[name].study
        if kind not in studies:
            studies[kind] = study(folder / kind, **STUDIES[kind])
        rows[name] = row(name, studies[kind], folder, asked.seed, asked.faults)
        print(rows[name], flush=True)
        if asked.save:
            table = [rows[each] for each in FAULTS if each in rows]
            packages = ("torch", "transformers", "safetensors")
            part = keeping.part_of(asked.save)
            keeping.keep(part, {"faults": table}, packages, commit=commit)
    untried = lacking(rows, asked.only, asked.faults)
    if asked.save and not untried:
        keeping.finish(asked.save)
    for name in untried:
        print(f"{name}: {rows[name]['faults']} faults, too few of them")
    good = all(each["trials"] == each["whole"] for each in rows.values())
    if good:
        shutil.rmtree(folder)
    return 0 if good and not untried else 1


def lacking(rows: Mapping[str, Row], names: Iterable[str], most: int) -> list[str]:
    """Faults that were not tried, or less often than they should be."""
    tried = {name: rows[name]["faults"] for name in rows}
    return [name for name in names if tried.get(name, 0) < min(FAULTS[name].faults, most)]


if __name__ == "__main__":
    sys.exit(main())
