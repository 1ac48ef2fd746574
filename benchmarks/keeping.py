"""What was measured, kept as JSON: the pages of the documentation are made from these files.

A figure without the command, the code and the machine that gave it is worth nothing; they are kept
with it. Tables of one file may be measured one by one: each then keeps its own.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
FIGURES = HERE / "figures"
"""Folder of the figures that the documentation quotes."""

PACKAGES = ("p2law", "numpy", "scipy", "pandas", "lmfit")
STAMP = ("command", "date", "commit", "machine", "load", "python", "versions")
UNKNOWN = "not kept"

Table = Sequence[Mapping[str, object]]


MEASURED = (
    *("p2law", "benchmarks", "tests/hostile", "data"),
    *(f":(exclude)benchmarks/{each}" for each in ("figures", "*.md", "*_text.py", "*_page.py")),
)
"""What figures hang on: the library, what measures it, and the records that it is given."""


def commit_of(tree: Path) -> str:
    """Short hash of the last commit that touched `MEASURED`; "changed" where that is not clean.

    A later commit, of a page or of a test, measures the same.
    """
    git = shutil.which("git")
    if git is None:
        return UNKNOWN
    words = (
        ("log", "-1", "--format=%h", "--abbrev=9", "--", *MEASURED),
        ("status", "--porcelain", "--", *MEASURED),
    )
    asked = [
        subprocess.run([git, "-C", str(tree), *each], capture_output=True, text=True, check=False)  # noqa: S603
        for each in words
    ]
    if any(each.returncode for each in asked):
        return UNKNOWN
    name, changes = (each.stdout.strip() for each in asked)
    return f"{name}, changed" if name and changes else name or UNKNOWN


COMMIT = commit_of(HERE.parent)
"""What is measured, read at the start: a later commit may come while a benchmark runs."""


def keep(
    file: Path,
    tables: Mapping[str, Table],
    packages: Sequence[str] = (),
    measured: Collection[str] | None = None,
    commit: str = COMMIT,
) -> None:
    """Write tables with the command, the day, the commit, the machine and the versions.

    The load of the machine at the end, about one process that waits for a core for each 1, tells
    whether seconds by the wall clock mean much.

    Parameters
    ----------
    file : Path
    tables : mapping of str to sequence of mappings
        Named tables; each row maps column to number or text.
    packages : sequence of str
        Other packages whose version matters, where they are installed.
    measured : collection of str, optional
        Names of the tables that were measured now, all if not given. The others were in the file
        before, and keep what it says of them.
    commit : str
        What was measured, where it is not the commit at the start alone.
    """
    now = stamp(packages, commit)
    older = read(file) if measured is not None and file.exists() else {"tables": {}}
    others = {
        name: stamp_of(older, name)
        for name in tables
        if measured is not None and name not in measured and name in older["tables"]
    }
    found = now | {"of": others} if others else dict(now)
    found["tables"] = {name: [dict(row) for row in table] for name, table in tables.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1, default=_plain) + "\n", encoding="utf-8")


def stamp(packages: Sequence[str] = (), commit: str = COMMIT) -> dict[str, object]:
    """What gave the figures that are measured now, by the names of `STAMP`."""
    name = Path(sys.argv[0]).name
    return {
        "command": shlex.join(["python", f"benchmarks/{name}", *_without_files(sys.argv[1:])]),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "machine": f"{os.cpu_count()} cores, {_processor()}, {_memory()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {each: _version(each) for each in (*PACKAGES, *packages)},
    }


def stamp_of(found: Mapping[str, Any], table: str) -> dict[str, Any]:
    """What gave one table of a file; older files do not say which commit."""
    own = found.get("of", {}).get(table, found)
    return {"commit": UNKNOWN, "load": None} | {key: own[key] for key in STAMP if key in own}


def joined(file: Path, commits: Iterable[str], other: bool) -> str:  # noqa: FBT001 - an option
    """Commits that figures rest on where a benchmark goes on from what a file holds.

    Parameters
    ----------
    file : Path
        What is gone on from.
    commits : iterable of str
        Those that the file names.
    other : bool
        Whether others than the one measured now are wanted, too.

    Returns
    -------
    str
        To be given to `keep`.

    Raises
    ------
    SystemExit
        With words, where the file holds outcomes of another commit, or of one that was not kept.
    """
    found = sorted({*commits} - {COMMIT})
    if found and not other:
        names = ["a commit that was not kept" if x == UNKNOWN else f"commit {x}" for x in found]
        raise SystemExit(
            f"{file} holds outcomes of {' and '.join(names)}, and this is {COMMIT}; "
            f"remove the file to measure this commit alone, or give --other-commit to go on with "
            f"both, which the figures will then say"
        )
    return " and ".join([*found, COMMIT])


def show(tables: Mapping[str, Table]) -> None:
    """Print tables as text."""
    with pd.option_context("display.width", 200, "display.max_columns", None):
        for name, table in tables.items():
            if table:
                found = pd.DataFrame(list(table))
                print(f"\n{name}\n{found.to_string(index=False, float_format='{:.6g}'.format)}")


def read(file: Path) -> dict[str, Any]:
    """Read a file that `keep` wrote."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def part_of(file: Path) -> Path:
    """Where a benchmark that measures bit by bit keeps them until they are all there.

    A run that was stopped leaves this, and no file of figures that looks whole.
    """
    return file.with_name(f"{file.name}.part")


def so_far(file: Path | None) -> dict[str, Any]:
    """What a run that was stopped has left of a file, or else the file; else no tables."""
    return read(held_in(file)) if file and held_in(file).exists() else {"tables": {}}


def held_in(file: Path) -> Path:
    """Where that is: what a run that was stopped has left, if any, comes first."""
    return part_of(file) if part_of(file).exists() else file


def before(file: Path | None, table: str, *, other: bool) -> tuple[list[dict[str, Any]], str]:
    """Rows of a table that a run goes on from, and the commits that they and this run are of."""
    held = so_far(file)
    if file is None or not held["tables"]:
        return [], COMMIT
    commits = stamp_of(held, table)["commit"].split(" and ")
    return list(held["tables"][table]), joined(held_in(file), commits, other)


def finish(file: Path) -> None:
    """Call whole what was kept bit by bit."""
    if part_of(file).exists():
        part_of(file).replace(file)


def kept(name: str) -> dict[str, Any]:
    """Read one file of `FIGURES`."""
    return read(FIGURES / f"{name}.json")


def _without_files(words: Sequence[str]) -> list[str]:
    """Words of a command without the JSON files that it writes and the options before them."""
    kept: list[str] = []
    for word in words:
        if not word.endswith((".json", ".jsonl")):
            kept.append(word)
        elif kept and kept[-1].startswith("--"):
            kept.pop()
    return kept


def _plain(value: object) -> object:
    """A scalar of numpy as the number that it is."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"figures are numbers and text, got {type(value).__name__}")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Its name, where the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return "memory unknown"
    return f"{size / 2**30:.0f} GiB"
