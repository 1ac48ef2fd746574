"""Does what is built work away from the source tree: lowest and newest versions, wheel and sdist.

The wheel and the sdist are built twice (`building.py`); their sha256 must agree. Then each
environment is made afresh, what was built is installed into it, and the tests run in an empty
folder, from what the sdist holds without the package, so that no module can come from the tree.
One environment has the whole sdist unpacked and runs its own tests there, as a packager would.
The lowest versions are those that pyproject.toml names; the newest are what pip finds. One
environment has the newest Python that is found here, where that is newer than all of `--python`.
Environments that were not asked for stay in the file as they were.

    python benchmarks/versions.py [--save FILE] [--only NAME ...] [--python python3.13 ...]
    python benchmarks/versions.py --tests test_records.py test_fitting.py    # some of them only
    python benchmarks/versions.py --collect       # torch and transformers too; many gigabytes
"""

import argparse
import json
import re
import resource
import shutil
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import environments
import keeping
from building import ROOT, SAME, built, fresh, told
from options import parser_of

DAY = datetime.now(UTC).date().isoformat()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("plot", "report", "parquet", "progress", "parallel")
COLLECT = ("collect", "collect-data", "collect-slurm")
TOOLS = ("pytest>=8.2", "pytest-randomly", "pytest-xdist", "hypothesis")
COLUMNS = (
    *("environment", "built", "python", "versions", "tests", "passed", "failed", "skipped"),
    *("which failed", "why skipped", "trouble", "CPU seconds", "measured"),
)
COUNTS = ("passed", "failed", "skipped")


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
    beside: Sequence[str] = ()
    """Packages of the extra `test` that tests want beside the extras."""
    ahead: bool = False
    """Whether the newest Python that is here runs it, and not one that was asked for."""


ENVIRONMENTS = (
    Environment("newest"),
    Environment("newest, newest Python", ahead=True),
    Environment("lowest", lowest=True),
    Environment("core alone, lowest", extras=(), lowest=True),
    Environment("core alone, newest", extras=()),
    Environment("from the sdist, newest", built="tar.gz"),
    Environment("sdist, its own tests", built="tar.gz", whole=True),
)
COLLECTING = (
    Environment("collect, newest", COLLECT, tests="collect", beside=("accelerate",)),
    Environment("collect, lowest", COLLECT, lowest=True, tests="collect", beside=("accelerate",)),
    Environment(
        "sdist, its own tests, all extras", ("test",), built="tar.gz", tests="all", whole=True
    ),
)
KNOWN = {each.title: each for each in (*ENVIRONMENTS, *COLLECTING)}


def needed(each: Environment) -> list[str]:
    """What the project asks for in an environment, as it is written; each once."""
    optional = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *(one for extra in each.extras for one in optional[extra])]
    return list(
        dict.fromkeys([*asked, *(one for one in optional["test"] if name(one) in each.beside)])
    )


def name(asked: str) -> str:
    """Name of a package that is asked for."""
    return re.split(r"[<>=\[]", asked)[0].lower()


def lowest(asked: str) -> str:
    """Pin a requirement to the lowest version that it allows."""
    return asked.split(",", maxsplit=1)[0].replace(">=", "==")


# -- testing --------------------------------------------------------------------------------


def tested(
    each: Environment, python: str, files: Sequence[Path], only: Sequence[str]
) -> dict[str, object]:
    """Install, test, and say what came out."""
    asked = needed(each)
    file = next(path for path in files if path.name.endswith(each.built))
    extras = f"[{','.join(each.extras)}]" if each.extras else ""
    beside = [one for one in asked if name(one) in each.beside]
    more = [lowest(one) for one in asked] if each.lowest else beside
    row = empty(each) | {"python": _python(python)}
    interpreter = fresh(
        f"{each.title}, {Path(python).name}", python, [f"{file}{extras}", *more, *TOOLS]
    )
    if isinstance(interpreter, str):
        return row | {"tests": "none", "trouble": interpreter}
    with tempfile.TemporaryDirectory() as folder:
        place = unpacked(next(path for path in files if path.suffix == ".gz"), Path(folder))
        if not each.whole:
            shutil.rmtree(place / "p2law")
        _check_origin(interpreter, place, place if each.whole else interpreter.parents[1])
        outcome = _outcome(interpreter, place, each.tests, only)
        return row | _versions(interpreter, asked) | outcome


def empty(each: Environment) -> dict[str, object]:
    """Row of an environment in which nothing was tested yet."""
    row: dict[str, object] = dict.fromkeys(COLUMNS, "") | dict.fromkeys(COUNTS)
    return row | {"environment": each.title, "built": each.built}


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
    return {"versions": ", ".join(f"{one} {there.get(one, '?')}" for one in map(name, asked))}


def _python(command: str) -> str:
    """Version of an interpreter."""
    return told([command, "-c", "import platform; print(platform.python_version())"]).stdout.strip()


def _outcome(interpreter: Path, folder: Path, which: str, only: Sequence[str]) -> dict[str, object]:
    """Run the tests of a folder, and count what became of them."""
    home = folder / "tests"
    collect = home / "collect"
    # The callback of the Trainer stands with the core, and takes what collecting takes.
    whole = [collect, home / "test_stop_when_saturated.py"] if which == "collect" else [home]
    left = [f"--ignore={collect}"] if which == "core" else []
    tests = [whole[0] / each for each in only] or whole
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
        files, paths = built(Path(folder).resolve(), sys.executable)
        print(json.dumps(files, indent=1), flush=True)
        rows: list[Mapping[str, object]] = list(
            keeping.so_far(options.save)["tables"].get("environments", [])
        )
        bad = [each["file"] for each in files if not each[SAME]]
        for each, python, why in turns(options.chosen, options.python):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            row = empty(each) | {"tests": "none", "why skipped": why}
            row = row if why else tested(each, python, paths, options.tests)
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


def turns(
    chosen: Sequence[Environment], pythons: Sequence[str]
) -> Iterator[tuple[Environment, str, str]]:
    """Each environment with each interpreter, or why there is none for it."""
    for python in pythons:
        yield from ((each, python, "") for each in chosen if not each.ahead)
    ahead = [each for each in chosen if each.ahead]
    if not ahead:
        return
    newest = max(map(environments.version_of, pythons)) or sys.version_info
    python, why = "", ""
    try:
        python = environments.newest((newest[0], newest[1] + 1))
    except environments.MissingPythonError as error:
        why = str(error)
    yield from ((each, python, why) for each in ahead)


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
    """All rows, one of them new: in the place of an older one of its environment and Python.

    The newest Python of today is another tomorrow: of that environment there is one row.
    """
    ahead = KNOWN[str(row["environment"])].ahead
    same = [
        each["environment"] == row["environment"] and (ahead or each["python"] == row["python"])
        for each in rows
    ]
    if not any(same):
        return [*rows, row]
    return [row if old else each for each, old in zip(rows, same, strict=True)]


if __name__ == "__main__":
    main()
