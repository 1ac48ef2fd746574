"""Hostile input: so many cases made from numbers, and what became of each.

Every outcome must be a result or a refusal in words: no other exception, no warning of numpy's,
no more than 5 s and 1 GiB. A case is the same every time, so what is unexplained can be run
again: `python benchmarks/fuzz.py --only 1234`.

    python benchmarks/fuzz.py --cases 100000 --workers 2 --save fuzz.json     # goes on
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.hostile.running import TARGETS, Outcome, case, limit_memory

STEP = 700


def step(first: int) -> tuple[int, list[Outcome], float]:
    """Run the cases from a number on; tell their outcomes and how long the slowest took."""
    slowest, found = 0.0, []
    for number in range(first, first + STEP):
        begun = time.perf_counter()
        found.append(case(number))
        slowest = max(slowest, time.perf_counter() - begun)
    return first, found, slowest


def main() -> None:
    """Run what was not run yet, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", type=Path, default=Path("fuzz.json"))
    parser.add_argument("--only", type=int, nargs="+", default=[])
    asked = parser.parse_args()
    for number in asked.only:
        print(case(number))
    if asked.only:
        return
    done = json.loads(asked.save.read_text()) if asked.save.exists() else {}
    left = [first for first in range(0, asked.cases, STEP) if str(first) not in done]
    context = multiprocessing.get_context("spawn")
    with context.Pool(asked.workers, limit_memory, maxtasksperchild=4) as pool:
        for first, found, slowest in pool.imap_unordered(step, left):
            counts = Counter(f"{each.target}: {each.kind}" for each in found)
            odd = [[e.number, e.target, e.what] for e in found if e.kind == "unexplained"]
            done[str(first)] = {"counts": counts, "unexplained": odd, "slowest": slowest}
            asked.save.write_text(json.dumps(done))
            for each in odd:
                print(*each, flush=True)
    total = sum((Counter(each["counts"]) for each in done.values()), Counter())
    print("| target | cases | results | refused in words | unexplained |\n|---|---|---|---|---|")
    for target in TARGETS:
        kinds = [total[f"{target}: {kind}"] for kind in ("result", "refused", "unexplained")]
        print(f"| {target} | {sum(kinds):,} | {' | '.join(f'{each:,}' for each in kinds)} |")
    print(f"slowest case: {max(each['slowest'] for each in done.values()):.1f} s")


if __name__ == "__main__":
    main()
