"""Long studies: each outcome is a line of a file, so that one goes on where it was stopped."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keeping

Outcome = dict[str, Any]


def options(parser: ArgumentParser, lines: Path) -> None:
    """Add what such a study can be told: its file of lines, and where the figures go."""
    parser.add_argument("--lines", type=Path, default=lines, help="goes on from what is there")
    parser.add_argument("--other-commit", action="store_true", help="go on from another commit")
    parser.add_argument("--save", type=Path, help="keep the figures in this file")


def before(file: Path, other: bool) -> tuple[list[Outcome], str]:  # noqa: FBT001 - an option
    """Outcomes that a file holds, and the commits that they and this run are of.

    A last line that was cut off in the middle is removed.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole, encoding="utf-8")
    done = [json.loads(line) for line in whole.splitlines()]
    commits = [each.get("commit", keeping.UNKNOWN) for each in done]
    return done, keeping.joined(file, commits, other)


def add(file: Path, outcomes: Iterable[Mapping[str, object]]) -> list[Outcome]:
    """Write outcomes to the end of a file, with the commit that they are of."""
    made = [{**each, "commit": keeping.COMMIT} for each in outcomes]
    with file.open("a", encoding="utf-8") as opened:
        opened.writelines(f"{json.dumps(each)}\n" for each in made)
    return made


def completed(
    file: Path,
    done: Sequence[Outcome],
    cells: Iterable[Mapping[str, Any]],
    work: Callable[..., Mapping[str, object]],
) -> list[Outcome]:
    """Outcomes of all cells: work out those that are not done, given by name, one line each."""
    every, names = list(done), list[str]()
    there = set[tuple[Any, ...]]()
    for cell in cells:
        if not names:
            names = [*cell]
            there = {tuple(each[name] for name in names) for each in every}
        if tuple(cell.values()) not in there:
            every += add(file, [{**cell, **work(**cell)}])
    return every
