"""Hostile input guided by coverage: what reaches new branches of p2law is kept and changed on.

Every outcome must be a result or a refusal in words, as in `fuzz.py`. The fuzzer is atheris, in
an environment of its own. What is unexplained is printed, its input kept beside the corpus.

    python benchmarks/coverage_fuzz.py --minutes 2 --save benchmarks/figures/coverage_fuzz.json

Each target begins with its seeds, and is kept once its minutes are over, in FILE.part until all
are done: a run that was stopped goes on with the targets that it lacks.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import environments
import keeping
from fuzz import KINDS
from options import parser_of

HERE = Path(__file__).parent
CORPUS = HERE / ".corpus"
Row = dict[str, object]
TARGETS = (
    "load, CSV",
    "load, JSONL",
    "load, choices",
    "log, trainer",
    "log, wandb",
    "log, tensorboard",
    "from_json, text",
    "from_json, choices",
    "sweep file, text",
    "sweep file, choices",
    "plan file",
    "command line",
    "law, choices",
    "law, formula",
    "rows chosen",
)


def fuzzed(target: str, minutes: float, python: Path) -> Row:
    """One target for so many minutes, as a row."""
    folder = CORPUS / re.sub(r"\W+", "_", target)
    counts = folder / "counts.json"
    counts.unlink(missing_ok=True)
    command = [str(python), str(HERE / "coverage_targets.py"), target, str(minutes), str(folder)]
    surroundings = os.environ | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603
        command, env=surroundings, capture_output=True, text=True, errors="replace", check=False
    )
    if not counts.exists():
        raise SystemExit(f"{target} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    told = json.loads(counts.read_text(encoding="utf-8"))
    for each in told["unexplained"]:
        print(f"{target}: {each} (inputs in {folder})", flush=True)
    reached = [int(each) for each in re.findall(r" cov: (\d+)", done.stderr)]
    outcomes = {name: told["counts"].get(kind, 0) for name, kind in KINDS.items()}
    return {
        "target": target,
        "inputs": sum(outcomes.values()),
        **outcomes,
        "branches_first": reached[0],
        "branches": reached[-1],
        "kept": told["kept"],
        "slowest_cpu_s": round(told["slowest"], 2),
    }


def main() -> None:
    """Fuzz the targets that were not done yet, one after the other, and print a row for each."""
    parser = parser_of(__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="for each target")
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--other-commit", action="store_true", help="go on from another commit")
    parser.add_argument("--save", type=Path)
    asked = parser.parse_args()
    rows, commit = keeping.before(asked.save, "targets", other=asked.other_commit)
    done, python = {each["target"] for each in rows}, environments.python_of("atheris")
    for target in [each for each in asked.targets if each not in done]:
        rows.append(fuzzed(target, asked.minutes, python))
        print(*rows[-1].values(), sep=" | ", flush=True)
        if asked.save:
            part = keeping.part_of(asked.save)
            keeping.keep(part, {"targets": rows}, ["pyarrow"], commit=commit)
    if asked.save:
        keeping.finish(asked.save)


if __name__ == "__main__":
    main()
