"""What is handed out, built twice: the files must come out the same wherever they are built.

The second time it is built from a fresh clone at another path, with another umask and another seed
of Python's hashes. What is not committed is laid over the clone. Where there is no checkout of git
the same tree is built again, and the rows say so.
"""

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import environments

ROOT = Path(__file__).parents[1]
VENVS = Path(__file__).parent / ".venvs"
SAME = "same the second time"
CLONE, TREE = "a fresh clone elsewhere", "the same tree"
USUAL, STRICT = 0o022, 0o077
"""Masks of what others may do with new files: most machines', and that of the careful."""


def told(
    command: Sequence[object], cwd: Path = ROOT, umask: int = -1, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command and catch what it says; no path of ours leads it to the tree."""
    texts = [str(each) for each in command]
    known = {name: each for name, each in os.environ.items() if name != "PYTHONPATH"} | variables
    return subprocess.run(  # noqa: S603
        texts, cwd=cwd, capture_output=True, text=True, check=False, env=known, umask=umask
    )


def fresh(name: str, python: str, packages: Sequence[object]) -> Path | str:
    """Make an environment; its interpreter, or the last line of what went wrong."""
    place = VENVS / name.replace(", ", "-").replace(" ", "_")
    found = place / "bin" / "python"
    steps = (
        [python, "-m", "venv", "--clear", place],
        [found, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages],
    )
    for step in steps:
        done = told(step)
        if done.returncode:
            return environments.last_error(done.stdout + done.stderr)
    return found


def built(folder: Path, python: str) -> tuple[list[dict[str, object]], list[Path]]:
    """Build twice; a row for each file, and the files."""
    found = fresh("build", python, ["build"])
    if isinstance(found, str):
        raise SystemExit(found)
    git = shutil.which("git")
    epoch = git and told([git, "log", "-1", "--format=%ct"]).stdout.strip()
    again = cloned(ROOT, folder / "clone") or ROOT
    for source, part, umask, seed in ((ROOT, "one", USUAL, "1"), (again, "two", STRICT, "2")):
        done = told(
            [found, "-m", "build", "-o", folder / part, source],
            umask=umask,
            SOURCE_DATE_EPOCH=epoch or "1577836800",
            PYTHONHASHSEED=seed,
        )
        if done.returncode:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    files = sorted((folder / "one").iterdir())
    backend = builder(next(each for each in files if each.suffix == ".whl"))
    rows = [
        {
            "file": each.name,
            "bytes": each.stat().st_size,
            "sha256": _sum(each),
            "built by": backend,
            "second time from": TREE if again == ROOT else CLONE,
            SAME: _sum(each) == _sum(folder / "two" / each.name),
        }
        for each in files
    ]
    return rows, files


def cloned(tree: Path, place: Path) -> Path | None:
    """A clone with what is not committed, for its owner alone to read; None where there is none."""
    git = shutil.which("git")
    if git is None:
        return None
    top = told([git, "rev-parse", "--show-toplevel"], cwd=tree)
    if top.returncode or Path(top.stdout.strip()) != tree:
        return None
    done = told([git, "clone", "-q", tree, place], umask=STRICT)
    if done.returncode:
        raise SystemExit(f"git clone: {environments.last_error(done.stderr)}")
    changed = told([git, "diff", "--name-only", "--no-renames", "-z", "HEAD"], cwd=tree).stdout
    new = told([git, "ls-files", "--others", "--exclude-standard", "-z"], cwd=tree).stdout
    for name in filter(None, (changed + new).split("\0")):
        (place / name).unlink(missing_ok=True)
        if (tree / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tree / name, place / name)
    return place


def builder(wheel: Path) -> str:
    """What made a wheel, with its version, as the wheel says."""
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (each for each in packed.namelist() if each.endswith(".dist-info/WHEEL"))
        said = packed.read(name).decode()
    return next(re.finditer(r"^Generator: (.+)$", said, re.MULTILINE))[1].strip()


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
