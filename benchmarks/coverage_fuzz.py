"""Hostile input guided by coverage: what reaches new branches of p2law is kept and changed on.

Every outcome must be a result or a refusal in words, as in `fuzz.py`. The fuzzer is atheris, in
an environment of its own. What is unexplained is printed, its input kept beside the corpus.

    python benchmarks/coverage_fuzz.py --minutes 2 --save benchmarks/figures/coverage_fuzz.json
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from keeping import keep

HERE = Path(__file__).parent
ENVIRONMENT, CORPUS = HERE / ".venvs" / "atheris", HERE / ".corpus"
NEEDS = ("atheris==3.0.0", "numpy==2.4.6", "pandas==3.1.1", "scipy==1.17.1", "lmfit==1.3.4")
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


def prepared() -> Path:
    """Interpreter of the environment, made where there is none."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)  # noqa: S603
        install = [str(python), "-m", "pip", "install", "-q", *NEEDS, "pyarrow==26.0.1"]
        subprocess.run(install, check=True, capture_output=True)  # noqa: S603
    return python


def fuzzed(target: str, minutes: float, python: Path) -> dict[str, object]:
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


KINDS = {"results": "result", "refused": "refused", "unexplained": "unexplained"}


def main() -> None:
    """Fuzz the targets one after the other and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="for each target")
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--save", type=Path)
    asked = parser.parse_args()
    python, rows = prepared(), []
    for target in asked.targets:
        rows.append(fuzzed(target, asked.minutes, python))
        print(*rows[-1].values(), sep=" | ", flush=True)
    if asked.save:
        keep(asked.save, {"targets": rows}, ["pyarrow"])


if __name__ == "__main__":
    main()
