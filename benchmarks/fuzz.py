"""Hostile input: so many cases made from numbers, and what became of each.

Every outcome must be a result or a refusal in words: no other exception, no warning of numpy's,
no more than 5 s and 1 GiB. A case is the same every time, so what is unexplained can be run
again: `python benchmarks/fuzz.py --only 1234`.

    python benchmarks/fuzz.py --save benchmarks/figures/fuzz.json

`--done` holds what was run, each part with its commit, so that a run that was stopped goes on.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import keeping

from tests.hostile.running import TARGETS, Outcome, case, limit_memory

STEP, DONE = 700, Path(__file__).parent / ".fuzz_done.json"


def step(first: int) -> tuple[int, list[Outcome], dict[str, float]]:
    """Run the cases from a number on; tell their outcomes and how long the slowest took."""
    slowest, found = dict.fromkeys(TARGETS, 0.0), []
    for number in range(first, first + STEP):
        begun = time.process_time()
        found.append(case(number))
        target = found[-1].target
        slowest[target] = max(slowest[target], time.process_time() - begun)
    return first, found, slowest


def main() -> None:
    """Run what was not run yet, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--done", type=Path, default=DONE)
    parser.add_argument("--other-commit", action="store_true", help="go on from another commit")
    parser.add_argument("--save", type=Path, help="file of figures for the documentation")
    parser.add_argument("--only", type=int, nargs="+", default=[])
    asked = parser.parse_args()
    for number in asked.only:
        print(case(number))
    if asked.only:
        return
    done, commit = before(asked.done, asked.other_commit)
    left = [first for first in range(0, asked.cases, STEP) if str(first) not in done]
    context = multiprocessing.get_context("spawn")
    with context.Pool(asked.workers, limit_memory, maxtasksperchild=4) as pool:
        for first, found, slowest in pool.imap_unordered(step, left):
            counts = Counter(f"{each.target}: {each.kind}" for each in found)
            odd = [[e.number, e.target, e.what] for e in found if e.kind == "unexplained"]
            done[str(first)] = {
                "counts": counts,
                "unexplained": odd,
                "slowest": slowest,
                "commit": keeping.COMMIT,
            }
            asked.done.write_text(json.dumps(done))
            for each in odd:
                print(*each, flush=True)
    report(done, asked.save, commit)


def before(file: Path, other: bool) -> tuple[dict[str, Any], str]:  # noqa: FBT001 - an option
    """Parts that a file holds, by their first case, and the commits they and this run are of."""
    if not file.exists():
        return {}, keeping.COMMIT
    done = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(done, dict) or not all(
        key.isdigit() and isinstance(part, dict) and {"slowest", "commit"} <= part.keys()
        for key, part in done.items()
    ):
        raise SystemExit(
            f"{file} holds something else than outcomes of this command; name another file"
        )
    commits = {part["commit"] for part in done.values()}
    return done, keeping.joined(file, commits, other)


def report(done: Mapping[str, Any], file: Path | None, commit: str) -> None:
    """Print what became of the cases, and keep it where a file is named."""
    total = sum((Counter(each["counts"]) for each in done.values()), Counter[str]())
    kinds = {"results": "result", "refused": "refused", "unexplained": "unexplained"}
    rows: list[dict[str, object]] = []
    for target in TARGETS:
        found = {name: total[f"{target}: {kind}"] for name, kind in kinds.items()}
        cases, slowest = sum(found.values()), max(_slowest(each, target) for each in done.values())
        rows.append({"target": target, "cases": cases, **found, "slowest_cpu_s": round(slowest, 2)})
        print(*rows[-1].values(), sep=" | ")
    if file:
        keeping.keep(file, {"targets": rows}, ["pyarrow"], commit=commit)


def _slowest(part: Mapping[str, Any], target: str) -> float:
    """Seconds of the processor that the slowest case of a target took, in one part of a run."""
    return float(part["slowest"][target])


if __name__ == "__main__":
    main()
