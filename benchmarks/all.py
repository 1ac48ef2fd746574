"""Every figure that the documentation quotes, by one command.

Runs each benchmark with `--save`, one after the other, into `benchmarks/figures`, and then the
scripts that make pages of these files. What is there already is not measured again; what was
stopped half way lies in a FILE.part or in a file of its own, and goes on; with `--again` all of
it is removed first.

    python benchmarks/all.py                       # what is missing
    python benchmarks/all.py --again --only speed growth
    python benchmarks/all.py --list                # names, commands, about how long each takes
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keeping
from keeping import FIGURES
from options import parser_of

HERE = Path(__file__).parent
PAGES = ("performance_page.py", "reliability_page.py", "coverage_page.py")
OF_DATA = ("../docs/which_law.py", "../docs/p2_on_real_models.py")
"""Pages that are made of `data/` at once, in minutes, where everything is asked for."""


@dataclass(frozen=True)
class Job:
    """One file of figures: the command without `--save`, and minutes of an idle core."""

    command: str
    minutes: float
    goes_on: str = ""
    """File beside the scripts that it would go on from."""


JOBS = {
    "peers": Job("peers.py", 16),
    "speed": Job("speed.py", 1),
    "growth": Job("growth.py", 3),
    "recovery": Job("recovery.py", 2),
    "plans": Job("planning.py --speed", 0.2),
    "round_trips": Job("planning.py --round-trip 1000", 10),
    "interval_coverage": Job("interval_coverage.py", 65, ".interval_coverage.jsonl"),
    "large_coverage": Job("large_coverage.py", 25, ".large_coverage.jsonl"),
    "planning_coverage": Job("planning_coverage.py", 15, ".planning_coverage.jsonl"),
    "continuing_coverage": Job("continuing_coverage.py", 6),
    "ends": Job("continuing.py", 4),
    "readings": Job("continuing.py --speed", 0.2),
    "pictures": Job("plotting.py --turns 5", 2),
    "next_runs": Job("next_runs.py --tasks 100", 80, ".next_runs.jsonl"),
    "loop": Job("loop.py --own-seconds", 4),
    "calibration_memory": Job("calibration_memory.py", 2),
    "real_shapes": Job("real_shapes.py", 45),
    "fuzz": Job("fuzz.py", 60, ".fuzz_done.json"),
    "coverage_fuzz": Job("coverage_fuzz.py", 30),
    "faults": Job("faults.py", 15),
    "scale": Job("scale.py", 5),
    "versions": Job("versions.py --collect", 60),
    "licences": Job("licences.py", 2),
    "audit": Job("audit.py", 2),
}


def removed(name: str) -> None:
    """Remove what was measured before, so that nothing goes on from it."""
    file = FIGURES / f"{name}.json"
    for each in (file, keeping.part_of(file)):
        each.unlink(missing_ok=True)
    if JOBS[name].goes_on:
        (HERE / JOBS[name].goes_on).unlink(missing_ok=True)


def run(name: str) -> dict[str, object]:
    """Run one benchmark; how long it took, and whether it ended well."""
    began = time.monotonic()
    script, *more = JOBS[name].command.split()
    bad = _run([str(HERE / script), *more, "--save", str(FIGURES / f"{name}.json")])
    took = (time.monotonic() - began) / 60
    return {"figures": name, "minutes": took, "ended": "BADLY" if bad else "well"}


def main() -> int:
    """Measure what is asked for and missing, then write the pages; 0 where all ended well."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS))
    parser.add_argument("--again", action="store_true", help="also what is there")
    parser.add_argument("--list", action="store_true", help="say what there is, and do nothing")
    asked = parser.parse_args()
    if asked.list:
        keeping.show({"benchmarks": [told(name) for name in asked.only]})
        hours = sum(JOBS[name].minutes for name in asked.only) / 60
        print(f"\nAbout {hours:.1f} h of an idle core; today's code is {keeping.COMMIT}.")
        return 0
    there = {name for name in JOBS if (FIGURES / f"{name}.json").exists()}
    done = []
    for name in [each for each in asked.only if asked.again or each not in there]:
        if asked.again:
            removed(name)
        done.append(run(name))
    keeping.show({"benchmarks": done})
    bad = [str(each["figures"]) for each in done if each["ended"] != "well"]
    pages = PAGES + (OF_DATA if asked.only == list(JOBS) else ())
    bad += [page for page in pages if _run([str(HERE / page)])]
    if bad:
        print(f"ended badly: {', '.join(bad)}")
    return int(bool(bad))


def _run(words: Sequence[str]) -> int:
    """Run one of the scripts; its exit status."""
    return subprocess.run([sys.executable, *words], check=False).returncode  # noqa: S603


def told(name: str) -> dict[str, object]:
    """A row of the list: what makes the figures, of which code those are that are kept."""
    command, file = f"python benchmarks/{JOBS[name].command}", FIGURES / f"{name}.json"
    row = {"figures": name, "command": command, "about, minutes": JOBS[name].minutes}
    if not file.exists():
        return row | {"commit": "not measured", "of today's code": "-"}
    found = keeping.read(file)
    commits = {keeping.stamp_of(found, table)["commit"] for table in found["tables"]}
    today = "yes" if commits == {keeping.COMMIT} else "no"
    return row | {"commit": " and ".join(sorted(commits)), "of today's code": today}


if __name__ == "__main__":
    sys.exit(main())
