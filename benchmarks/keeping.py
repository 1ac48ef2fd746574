"""What was measured, kept as JSON: the pages of the documentation are made from these files.

A figure without the command and the machine that gave it is worth nothing; both are kept with it.
"""

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

FIGURES = Path(__file__).parent / "figures"
"""Folder of the figures that the documentation quotes."""

PACKAGES = ("p2law", "numpy", "scipy", "pandas", "lmfit")

Table = Sequence[Mapping[str, object]]


def keep(file: Path, tables: Mapping[str, Table], packages: Sequence[str] = ()) -> None:
    """Write tables with the command, the day, the machine and the versions that gave them.

    The load of the machine at the end, about one process that waits for a core for each 1, tells
    whether seconds by the wall clock mean much.

    Parameters
    ----------
    file : Path
    tables : mapping of str to sequence of mappings
        Named tables; each row maps column to number or text.
    packages : sequence of str
        Other packages whose version matters, where they are installed.
    """
    left = _without_files(sys.argv[1:])
    name = Path(sys.argv[0]).name
    found = {
        "command": shlex.join(["python", f"benchmarks/{name}", *left]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {_memory()}",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": {each: _version(each) for each in (*PACKAGES, *packages)},
        "tables": {name: [dict(row) for row in table] for name, table in tables.items()},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1, default=_plain) + "\n", encoding="utf-8")


def show(tables: Mapping[str, Table]) -> None:
    """Print tables as text."""
    with pd.option_context("display.width", 200, "display.max_columns", None):
        for name, table in tables.items():
            if table:
                found = pd.DataFrame(list(table))
                print(f"\n{name}\n{found.to_string(index=False, float_format='{:.6g}'.format)}")


def kept(name: str) -> dict[str, object]:
    """Read one file of `FIGURES`."""
    found: dict[str, object] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _without_files(words: Sequence[str]) -> list[str]:
    """Words of a command without the JSON files that it writes and the options before them."""
    kept: list[str] = []
    for word in words:
        if not word.endswith(".json"):
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


def _memory() -> str:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return "memory unknown"
    return f"{size / 2**30:.0f} GiB"
