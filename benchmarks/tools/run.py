"""Let one tool fit every problem of a folder; run by the Python of the tool's own environment.

    PYTHON benchmarks/tools/run.py TOOL FOLDER FILE [REPEATS]

TOOL is a module beside this one with a function `fit(problem)`, which returns coefficients in
plain counts, or ends of intervals of the losses that are asked for. Only the fit is timed, as CPU
time of this process and its children; importing and reading are not, nor is the first fit of the
first problem where there are repeats.
"""

import importlib
import json
import resource
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """One fit: a law's name, columns of records, and the loss that is judged."""

    law: str
    columns: dict[str, np.ndarray]
    loss: np.ndarray
    delta: float | None
    """Of Huber's function over differences of logarithms; None: squares of differences."""

    @property
    def asked(self) -> dict[str, np.ndarray]:
        """Inputs of losses that are asked for: those measured, then with ten times the tokens."""
        longer = self.columns | {"tokens": 10 * self.columns["tokens"]}
        return {name: np.concatenate([own, longer[name]]) for name, own in self.columns.items()}


def read(file: Path) -> Problem:
    """Read one problem."""
    with np.load(file) as held:
        found = {name: held[name] for name in held.files}
    law, loss, delta = str(found.pop("law")), found.pop("loss"), float(found.pop("delta"))
    return Problem(law, found, loss, None if np.isnan(delta) else delta)


def spent() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime


def high_water() -> float:
    """Largest resident set of this process so far, in MiB (that of rusage is its parent's too)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def one(tool: Any, problem: Problem, repeats: int) -> dict[str, object]:
    """Fit as often as asked: what the last fit gave, and CPU seconds of each."""
    seconds, values, error = [], None, ""
    for _ in range(repeats):
        before = spent()
        try:
            values = tool.fit(problem)
        except Exception as trouble:  # noqa: BLE001 - whatever a tool raises is its answer
            error = f"{type(trouble).__name__}: {trouble}"[:120]
        seconds.append(spent() - before)
    told = {name: np.asarray(value, float).tolist() for name, value in (values or {}).items()}
    kind = "ends" if "low" in told else "values"
    return {"values": None, "seconds": seconds, "error": error} | ({kind: told} if told else {})


def main() -> None:
    """Fit all, and write what was found."""
    warnings.simplefilter("ignore")
    name, folder, out, *more = sys.argv[1:]
    repeats = int(more[0]) if more else 1
    tool = importlib.import_module(name)
    found: dict[str, dict[str, object]] = {}
    for file in sorted(Path(folder).glob("*.npz")):
        problem = read(file)
        if problem.law not in tool.LAWS:
            continue
        if not found and repeats > 1:
            one(tool, problem, 1)
        found[file.stem] = one(tool, problem, repeats)
    told = {"version": tool.version(), "fits": found, "peak MB": high_water()}
    Path(out).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
