"""All that a sweep leaves, beside what an undisturbed one leaves.

Compared are the names of all files and folders, the bytes of the files, the tables that
``p2law collect gather`` writes and what ``p2law collect status`` says. Only this may differ:

- timing.jsonl, and what the provenance of a table takes from it: when a run was started,
  how often, and the seconds it took;
- bases/checksums.json holds paths and times of files, of which the checksums are compared;
- what a damaged file or checkpoint was renamed to, where a trial has damaged one.
"""

import contextlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeping import Study

from p2law import cli

Content = object
"""What is compared of a file: its bytes, or what lasts of them; None for a folder."""


@dataclass(frozen=True)
class Outcome:
    """What became of a disturbed sweep.

    Attributes
    ----------
    lost, doubled : int
        Lines of its record files.
    differs : tuple of str
        Files, folders and tables that are not those of the undisturbed sweep.
    """

    lost: int
    doubled: int
    differs: tuple[str, ...]

    @property
    def records(self) -> bool:
        """Whether the record files are equal, byte by byte."""
        return not any(each.endswith("records.jsonl") for each in self.differs)

    @property
    def whole(self) -> bool:
        """Whether all is equal that should be."""
        return not self.differs


def compared(found: Study, out: Path, *, damaged: bool = False) -> Outcome:
    """Compare a sweep with the undisturbed one; damaged files may have been set aside."""
    ours, theirs = (dict(_left(each, damaged=damaged)) for each in (out, found.whole))
    names = sorted({*ours, *theirs})
    missing = object()
    differs = [x for x in names if ours.get(x, missing) != theirs.get(x, missing)]
    lost = doubled = 0
    for run in found.runs:
        have, should = (
            _lines(each / "runs" / run / "records.jsonl") for each in (out, found.whole)
        )
        lost += len(should.keys() - have.keys())
        doubled += sum(count - 1 for count in have.values())
    return Outcome(lost, doubled, tuple(differs))


def _lines(path: Path) -> Counter[str]:
    """How often each measurement stands in a record file."""
    content = path.read_bytes() if path.exists() else b""
    return Counter(map(_key, content.split(b"\n")))


def _key(line: bytes) -> str:
    """What tells measurements of a run apart: tokens and text, or the line itself."""
    try:
        found = json.loads(line)
        return f"{found['tokens']} {found.get('eval_text')}"
    except (ValueError, KeyError, TypeError):
        return repr(line)


# -- what is compared ----------------------------------------------------------------


def _left(out: Path, *, damaged: bool) -> Iterator[tuple[str, Content]]:
    """What lasts of a sweep: its files, its tables, its standing."""
    for path in out.rglob("*"):
        name = path.relative_to(out)
        if not (damaged and _set_aside(name)):
            yield str(name), _lasting(path)
    yield from _gathered(out)
    yield "what status says", _said("status", str(out), "--json")


def _set_aside(name: Path) -> bool:
    """Whether a file was set aside, lies in what was, or is the folder kept for its sake."""
    marked = any(".damaged" in part or ".unreadable" in part for part in name.parts)
    return marked or name.name == "checkpoints"


def _lasting(path: Path) -> Content:
    if path.is_dir() or path.name == "timing.jsonl":
        return None
    if path.name == "checksums.json":
        known = json.loads(path.read_text(encoding="utf-8"))
        return {where.split("/runs/")[-1]: checksum for where, (*_, checksum) in known.items()}
    return path.read_bytes()


def _gathered(out: Path) -> Iterator[tuple[str, Content]]:
    """Tables of a sweep as the command writes them, and where they come from."""
    folder = out.with_name(f"{out.name}.gathered")
    folder.mkdir(exist_ok=True)
    _said("gather", str(out), "--output", str(folder / "losses.csv"))
    for path in folder.iterdir():
        yield (
            f"gathered {path.name}",
            _origin(path) if path.suffix == ".json" else path.read_bytes(),
        )


def _origin(path: Path) -> dict[str, Any]:
    """A provenance without times: each start once."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for run in found["runs"].values():
        del run["seconds"]
        starts = [{key: x for key, x in each.items() if key != "time"} for each in run["started"]]
        run["started"] = sorted({json.dumps(each, sort_keys=True) for each in starts})
    return found


def _said(*words: str) -> str:
    """What a command says, but for the folder that it was asked about."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = cli.main(["collect", *words])
    return f"{code} {told.getvalue()}"
