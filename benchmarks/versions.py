"""Does what is built work away from the source tree: lowest and newest versions, wheel and sdist.

The wheel and the sdist are built twice from one commit; their sha256 must agree. Then each
environment is made afresh, what was built is installed into it, and the tests run in an empty
folder, from what the sdist holds without the package, so that no module can come from the tree.
One environment has the whole sdist unpacked and runs its own tests there, as a packager would.
The lowest versions are those that pyproject.toml names; the newest are what pip finds.
Environments that were not asked for stay in the file as they were.

    python benchmarks/versions.py [--save FILE] [--only NAME ...] [--python python3.13 ...]
    python benchmarks/versions.py --tests test_records.py test_fitting.py    # some of them only
    python benchmarks/versions.py --collect       # torch and transformers too; many gigabytes
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import environments
import keeping
from options import parser_of

ROOT = Path(__file__).parents[1]
DAY = datetime.now(UTC).date().isoformat()
VENVS = Path(__file__).parent / ".venvs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("plot", "report", "parquet", "progress", "parallel")
TOOLS = ("pytest>=8.2", "pytest-randomly", "pytest-xdist", "hypothesis")
SAME = "same the second time"
COLUMNS = (
    *("environment", "built", "python", "versions", "tests", "passed", "failed", "skipped"),
    *("which failed", "why skipped", "trouble", "CPU seconds", "measured"),
)


@dataclass(frozen=True)
class Environment:
    """What is installed, and what is tested there."""

    title: str
    extras: Sequence[str] = EXTRAS
    lowest: bool = False
    built: str = "whl"
    tests: str = "core"
    whole: bool = False
    """Whether tests run where the whole sdist was unpacked, the package beside them."""


ENVIRONMENTS = (
    Environment("newest"),
    Environment("lowest", lowest=True),
    Environment("core alone, lowest", extras=(), lowest=True),
    Environment("core alone, newest", extras=()),
    Environment("from the sdist, newest", built="tar.gz"),
    Environment("sdist, its own tests", built="tar.gz", whole=True),
)
COLLECTING = (
    Environment("collect, newest", extras=("collect",), tests="collect"),
    Environment("collect, lowest", extras=("collect",), lowest=True, tests="collect"),
    Environment(
        "sdist, its own tests, all extras", ("test",), built="tar.gz", tests="all", whole=True
    ),
)
KNOWN = {each.title: each for each in (*ENVIRONMENTS, *COLLECTING)}


def told(
    command: Sequence[object], cwd: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command and catch what it says; no path of ours leads it to the tree."""
    texts = [str(each) for each in command]
    known = {name: each for name, each in os.environ.items() if name != "PYTHONPATH"} | variables
    return subprocess.run(texts, cwd=cwd, capture_output=True, text=True, check=False, env=known)  # noqa: S603


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


# -- building -------------------------------------------------------------------------------


def built(folder: Path) -> tuple[list[dict[str, object]], list[Path]]:
    """Build twice; a row for each file, and the files."""
    python = fresh("build", sys.executable, ["build"])
    if isinstance(python, str):
        raise SystemExit(python)
    epoch = told(["git", "log", "-1", "--format=%ct"]).stdout.strip() or "1577836800"
    for part in ("one", "two"):
        done = told([python, "-m", "build", "-o", folder / part, ROOT], SOURCE_DATE_EPOCH=epoch)
        if done.returncode:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    files = sorted((folder / "one").iterdir())
    rows = [
        {
            "file": each.name,
            "bytes": each.stat().st_size,
            "sha256": _sum(each),
            SAME: _sum(each) == _sum(folder / "two" / each.name),
        }
        for each in files
    ]
    return rows, files


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def needed(extras: Sequence[str]) -> list[str]:
    """What the project asks for, as it is written."""
    optional = PROJECT["optional-dependencies"]
    return [*PROJECT["dependencies"], *(each for extra in extras for each in optional[extra])]


def lowest(asked: str) -> str:
    """Pin a requirement to the lowest version that it allows."""
    return asked.split(",", maxsplit=1)[0].replace(">=", "==")


# -- testing --------------------------------------------------------------------------------


def tested(
    each: Environment, python: str, files: Sequence[Path], only: Sequence[str]
) -> dict[str, object]:
    """Install, test, and say what came out."""
    asked = list(dict.fromkeys(needed(each.extras)))
    name = next(path for path in files if path.name.endswith(each.built))
    extras = f"[{','.join(each.extras)}]" if each.extras else ""
    pins = [lowest(one) for one in asked] if each.lowest else []
    row: dict[str, object] = dict.fromkeys(COLUMNS, "")
    row |= {"environment": each.title, "built": each.built, "python": _python(python)}
    interpreter = fresh(
        f"{each.title}, {Path(python).name}", python, [f"{name}{extras}", *pins, *TOOLS]
    )
    if isinstance(interpreter, str):
        return row | {"trouble": interpreter}
    with tempfile.TemporaryDirectory() as folder:
        place = unpacked(next(path for path in files if path.suffix == ".gz"), Path(folder))
        if not each.whole:
            shutil.rmtree(place / "p2law")
        _check_origin(interpreter, place, place if each.whole else interpreter.parents[1])
        outcome = _outcome(interpreter, place, each.tests, only)
        return row | _versions(interpreter, asked) | outcome


def unpacked(sdist: Path, folder: Path) -> Path:
    """Folder that an sdist holds, laid into another."""
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    return next(folder.iterdir())


def _check_origin(interpreter: Path, folder: Path, home: Path) -> None:
    """Refuse to test another p2law than that of a home."""
    code = "import p2law; print(p2law.__file__)"
    place = told([interpreter, "-c", code], cwd=folder).stdout
    if not place.startswith(str(home)):
        raise SystemExit(f"p2law comes from {place}, not from {home}")


def _versions(interpreter: Path, asked: Sequence[str]) -> dict[str, object]:
    """Versions of what was asked for."""
    done = told(
        [interpreter, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    )
    there = {each["name"].lower(): each["version"] for each in json.loads(done.stdout)}
    names = [re.split(r"[<>=\[]", one)[0].lower() for one in asked]
    return {"versions": ", ".join(f"{name} {there.get(name, '?')}" for name in names)}


def _python(command: str) -> str:
    """Version of an interpreter."""
    return told([command, "-c", "import platform; print(platform.python_version())"]).stdout.strip()


def _outcome(interpreter: Path, folder: Path, which: str, only: Sequence[str]) -> dict[str, object]:
    """Run the tests of a folder, and count what became of them."""
    collect = folder / "tests" / "collect"
    whole = collect if which == "collect" else folder / "tests"
    left = [f"--ignore={collect}"] if which == "core" else []
    tests = [whole / name for name in only] or [whole]
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "--tb=line", *left]
    done = told(
        [interpreter, "-m", "pytest", *options, "--junitxml", folder / "told.xml", *tests],
        cwd=folder,
        OMP_NUM_THREADS="1",
        MPLBACKEND="agg",
    )
    if done.returncode not in {0, 1}:  # neither all passed nor some failed
        return {"tests": "none", "trouble": " ".join((done.stdout + done.stderr).split())[-300:]}
    return {"tests": ", ".join(only) or f"all of {which}"} | _counted(folder / "told.xml")


def _counted(file: Path) -> dict[str, object]:
    """Tests that passed, failed and were skipped; which failed, and why others were skipped."""
    cases = list(ET.parse(file).iter("testcase"))  # noqa: S314 - pytest wrote it
    bad = [
        case for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    skipped = [each for case in cases if (each := case.find("skipped")) is not None]
    reasons = sorted({each.get("message", "") for each in skipped})
    return {
        "passed": len(cases) - len(bad) - len(skipped),
        "failed": len(bad),
        "skipped": len(skipped),
        "which failed": ", ".join(f"{each.get('classname')}.{each.get('name')}" for each in bad),
        "why skipped": "; ".join(reasons),
    }


def main() -> None:
    """Build, install, test; keep what came out, and end with what is not as it should be."""
    options = _asked()
    with tempfile.TemporaryDirectory() as folder:
        files, paths = built(Path(folder))
        print(json.dumps(files, indent=1), flush=True)
        rows: list[Mapping[str, object]] = list(
            keeping.so_far(options.save)["tables"].get("environments", [])
        )
        bad = [each["file"] for each in files if not each[SAME]]
        for python in options.python:
            for each in options.chosen:
                before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
                row = tested(each, python, paths, options.tests)
                used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
                row["CPU seconds"] = round(used)
                row["measured"] = f"{DAY}, commit {keeping.COMMIT}"
                rows = _with(rows, row)
                bad += [each.title] if row["failed"] or row["trouble"] else []
                print(json.dumps(row, indent=1), flush=True)
                if options.save:
                    part = keeping.part_of(options.save)
                    keeping.keep(part, {"built": files, "environments": rows})
    if options.save:
        keeping.finish(options.save)
    if bad:
        sys.exit(f"not as it should be: {', '.join(map(str, bad))}")


def _asked(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for, and the environments that are `chosen` by it."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--only", nargs="+", choices=KNOWN, metavar="NAME", help=", ".join(KNOWN))
    parser.add_argument("--python", nargs="+", default=[sys.executable])
    parser.add_argument("--tests", nargs="+", default=[], help="files of tests; all if not given")
    parser.add_argument("--collect", action="store_true")
    asked = parser.parse_args(words)
    lost = [each for each in asked.python if shutil.which(each) is None]
    if lost:
        parser.error(f"--python {' '.join(lost)}: no such interpreter here")
    usual = (*ENVIRONMENTS, *(COLLECTING if asked.collect else ()))
    asked.chosen = [KNOWN[each] for each in asked.only] if asked.only else list(usual)
    return asked


def _with(
    rows: Sequence[Mapping[str, object]], row: Mapping[str, object]
) -> list[Mapping[str, object]]:
    """All rows, one of them new: in the place of an older one of its environment and Python."""
    same = [
        each["environment"] == row["environment"] and each["python"] == row["python"]
        for each in rows
    ]
    if not any(same):
        return [*rows, row]
    return [row if old else each for each, old in zip(rows, same, strict=True)]


if __name__ == "__main__":
    main()
