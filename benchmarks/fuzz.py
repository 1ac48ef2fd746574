"""Hostile input: so many cases made from numbers, and what became of each.

Every outcome must be a result or a refusal in words: no other exception, no warning of numpy's,
no more than 5 s of the processor, 50 s by the clock and 1 GiB, no process that dies. A case is the
same every time, so what is unexplained can be run again, within the same limits:
`python benchmarks/fuzz.py --only 1234`. What took too long while other cases ran is run again at
the end, alone, and counts as it does then, with its seconds.

    python benchmarks/fuzz.py --save benchmarks/figures/fuzz.json

`--done` holds what was run, each part with its commit, so that a run that was stopped goes on;
told is only what was asked for.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import keeping
from options import parser_of

from p2law.files.writing import write_whole
from p2law.text.wording import several
from tests.hostile.apart import outcomes
from tests.hostile.running import TARGETS, Outcome, target_of

STEP, DONE = 700, Path(__file__).parent / ".fuzz_done.json"
KINDS = {"results": "result", "refused": "refused", "unexplained": "unexplained"}
"""Columns of figures, and the outcomes that they count."""

Part = dict[str, Any]


def step(first: int) -> Part:
    """Run the cases from a number on; count their outcomes and tell how long the slowest took."""
    counts, slowest = Counter[str](), dict.fromkeys(TARGETS, 0.0)
    odd: list[list[object]] = []
    for found, seconds in outcomes(range(first, first + STEP), TARGETS):
        counts[f"{found.target}: {found.kind}"] += 1
        if not _late(found):  # its seconds are those that it takes alone
            slowest[found.target] = max(slowest[found.target], seconds)
        if found.kind == "unexplained":
            odd.append([found.number, found.target, found.what])
            print(*odd[-1], flush=True)
    return {"counts": counts, "unexplained": odd, "slowest": slowest, "commit": keeping.COMMIT}


def settled(part: Part) -> Part:
    """A part with what took too long in it run again, now that nothing else runs.

    Cores that share a cache or a clock make each other slower; what hangs does so alone, too. No
    case is given a third time.
    """
    counts, again = Counter[str](part["counts"]), list(part.get("again", []))
    slowest = dict(part["slowest"])
    odd: list[list[object]] = []
    for number, target, what in part["unexplained"]:
        found = Outcome(number, target, "unexplained", what)
        if _late(found) and number not in again:
            [(found, seconds)] = outcomes([number], TARGETS)
            slowest[target] = max(slowest[target], seconds)
            again.append(number)
            counts.subtract([f"{target}: unexplained"])
            counts.update([f"{target}: {found.kind}"])
        if found.kind == "unexplained":
            odd.append([number, target, found.what])
    return {**part, "counts": counts, "unexplained": odd, "again": again, "slowest": slowest}


def _late(found: Outcome) -> bool:
    """Tell whether a case was stopped for the time that it took."""
    return "TookTooLong" in found.what


def main() -> None:
    """Run what was not run yet, and count what was asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--done", type=Path, default=DONE)
    parser.add_argument("--other-commit", action="store_true", help="go on from another commit")
    parser.add_argument("--save", type=Path, help="file of figures for the documentation")
    parser.add_argument("--only", type=int, nargs="+", default=[])
    asked = parser.parse_args()
    if asked.only:
        for found, _ in outcomes(asked.only, TARGETS):
            print(found)
        return
    held, parts = before(asked.done), [str(x) for x in range(0, asked.cases, STEP)]
    commits = {held[each]["commit"] for each in parts if each in held}
    commit = keeping.joined(asked.done, commits, asked.other_commit)
    run([each for each in parts if each not in held], held, asked.done, asked.workers)
    for each in parts:
        if held[each]["unexplained"]:
            held[each] = settled(held[each])
            write_whole(asked.done, json.dumps(held))
    done = [held[each] for each in parts]
    report(done, asked.save, commit)
    if odd := sum(len(each["unexplained"]) for each in done):
        raise SystemExit(
            f"{several(odd, 'case')} unexplained; {asked.done} names {'it' if odd == 1 else 'them'}"
        )


def run(parts: Sequence[str], held: dict[str, Part], file: Path, workers: int) -> None:
    """Run parts and add each to those that a file holds, as soon as it is done."""
    # A thread waits for a process of its own, so that it knows which case ended that.
    pool = ThreadPoolExecutor(workers)
    try:
        left = {pool.submit(step, int(each)): each for each in parts}
        for each in as_completed(left):
            held[left[each]] = each.result()
            write_whole(file, json.dumps(held))
    finally:
        pool.shutdown(cancel_futures=True)


def before(file: Path) -> dict[str, Part]:
    """Parts that a file holds, by their first case; refused with words where it holds others."""
    if not file.exists():
        return {}
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SystemExit(f"{file} is damaged, remove it or name another file: {error}") from error
    if not isinstance(held, dict) or not all(
        key.isdigit() and isinstance(part, dict) and {"counts", "slowest", "commit"} <= part.keys()
        for key, part in held.items()
    ):
        raise SystemExit(
            f"{file} holds something else than outcomes of this command; name another file"
        )
    return held


def report(done: Sequence[Part], file: Path | None, commit: str) -> None:
    """Print what became of the cases, and keep it where a file is named."""
    total = sum((Counter(each["counts"]) for each in done), Counter[str]())
    rows: list[dict[str, object]] = []
    for target in TARGETS:
        found = {name: total[f"{target}: {kind}"] for name, kind in KINDS.items()}
        cases, slowest = sum(found.values()), max(_slowest(each, target) for each in done)
        again = sum(target_of(n, TARGETS) == target for each in done for n in each.get("again", ()))
        row = {"cases": cases, **found, "again": again, "slowest_cpu_s": round(slowest, 2)}
        rows.append({"target": target, **row})
        print(*rows[-1].values(), sep=" | ")
    if file:
        keeping.keep(file, {"targets": rows}, ["pyarrow"], commit=commit)


def _slowest(part: Part, target: str) -> float:
    """Seconds of the processor that the slowest case of a target took, in one part of a run."""
    return float(part["slowest"][target])


if __name__ == "__main__":
    main()
