"""An environment of its own for every peer and the fuzzer, by venv and pip with exact versions."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / ".venvs"
BASE = ("numpy==2.4.6", "scipy==1.17.1")
NEEDS = {
    "lmfit": ("lmfit==1.3.4", *BASE),
    "scipy": BASE,
    "chinchilla": ("chinchilla==0.2.0", *BASE),
    "statsmodels": ("statsmodels==0.15.0", *BASE),
    "simple-scaling-laws": ("simple-scaling-laws==0.2.0", *BASE),
    "atheris": ("atheris==3.0.0", "pandas==3.1.1", "lmfit==1.3.4", "pyarrow==26.0.1", *BASE),
}
PYTHONS = {"simple-scaling-laws": (3, 12)}
"""Least Python of a peer, where ours may be too old for it."""
QUIET = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class MissingPythonError(Exception):
    """No Python here is new enough for a peer."""


class FailedError(RuntimeError):
    """A command ended badly; `why` is its last word on it."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def python_of(name: str) -> Path:
    """The Python of a peer's environment, which is made where it is not there as it should be."""
    home = FOLDER / name
    python, note = home / "bin" / "python", home / "needs.txt"
    needs = "\n".join(NEEDS[name])
    if python.exists() and note.exists() and note.read_text(encoding="utf-8") == needs:
        return python
    base = _new_enough(PYTHONS.get(name, (3, 11)))
    _step("venv", base, ["-m", "venv", "--clear", home])
    pip: list[object] = ["-m", "pip", "install", "-q", "--disable-pip-version-check"]
    _step(f"pip install {NEEDS[name][0]}", python, [*pip, *NEEDS[name]])
    note.write_text(needs, encoding="utf-8")
    return python


def run(python: Path | str, command: list[object], **more: str) -> None:
    """Run a command with one thread, and without what this process's Python was told."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment = keep | QUIET | more
    words = [str(each) for each in (python, *command)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise FailedError(f"{command[0]} failed:\n{done.stderr[-2000:]}", last_error(done.stderr))


def last_error(told: str) -> str:
    """The line that says what went wrong: pip's last error, or else the last of all."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no word of why"])[-1].removeprefix("ERROR: ")


def _step(what: str, python: Path | str, command: list[object]) -> None:
    """Run a step of the making; one that fails is named, with its last words."""
    try:
        run(python, command)
    except FailedError as error:
        why = error.why.replace(f"{FOLDER}{os.sep}", "")
        raise FailedError(f"{what}: {why}", why) from error


def newest(least: tuple[int, int]) -> str:
    """The newest Python here that is at least of this version."""
    found = {version: python for python, version in _found(least)}
    if not found:
        raise _missing(least)
    return found[max(found)]


def version_of(python: str) -> tuple[int, ...]:
    """Version of an interpreter; empty where it does not run."""
    code = "import sys; print(*sys.version_info[:3])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()


def _new_enough(least: tuple[int, int]) -> str:
    """A Python of at least this version: this one, one on the path, or one of pyenv's."""
    if sys.version_info[:2] >= least:
        return sys.executable
    for python, _ in _found(least):
        return python
    raise _missing(least)


def _found(least: tuple[int, int]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every Python of at least this version, on the path or of pyenv's, with its version."""
    names = [f"python3.{minor}" for minor in range(least[1], least[1] + 4)]
    found = [shutil.which(name) for name in names]
    found += sorted(map(str, Path.home().glob(".pyenv/versions/3.*/bin/python")))
    for each in filter(None, found):
        version = version_of(each)
        if version[:2] >= least:
            yield each, version


def _missing(least: tuple[int, int]) -> MissingPythonError:
    """What is said where there is no Python of at least this version."""
    version = ".".join(map(str, least))
    return MissingPythonError(f"needs Python {version} or newer, which was not found here")
