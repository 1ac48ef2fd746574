"""Pages of figures: sections with the command, the day and the commit that gave each table.

A title of a column stands for the key of its value and for how it is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keeping import FIGURES, UNKNOWN, kept, stamp_of

Row = Mapping[str, Any]
How = str | Callable[[Any], str]
Columns = Mapping[str, tuple[str, How]]
"""Title of a column to the key of its value and how that is formatted ("" as it is)."""

IDLE = 1.5
"""Load of a machine from which on seconds by the wall clock tell of other work."""


@dataclass(frozen=True)
class Part:
    """A section: the file of its figures, what is said before, and its tables."""

    figures: str
    title: str
    intro: str
    tables: Mapping[str, Columns]
    told: Callable[[dict[str, Any]], Sequence[str]] = lambda _: ()
    """Sentences that the figures make."""
    first: Callable[[dict[str, Any]], Sequence[str]] = lambda _: ()
    """Those that are said before all else."""
    wall: Sequence[str] = ()
    """Titles of columns that hold seconds by the wall clock."""


def section(part: Part) -> str:
    """One section; nothing where there are no figures of it."""
    if not (FIGURES / f"{part.figures}.json").exists():
        return ""
    head, intro = f"## {part.title}", part.intro.strip()
    found = kept(part.figures)
    tables = found["tables"]
    blocks, before = [head, *part.first(tables), intro], None
    for name, columns in part.tables.items():
        if not tables.get(name):
            continue
        stamp = stamp_of(found, name)
        if stamp != before:
            blocks += [f"    {stamp['command']}", _where(stamp)]
        busy = [title for title in part.wall if title in columns and not _idle(stamp)]
        shown = {title: how for title, how in columns.items() if title not in busy}
        blocks += [_left_out(stamp)] if busy else []
        blocks.append(table(tables[name], shown))
        before = stamp
    return "\n\n".join([*blocks, *_older(found), *part.told(tables)]) + "\n"


def page_of(intro: str, sections: Iterable[str]) -> str:
    """A page of those sections that there is something to say in."""
    return "\n".join([intro, *filter(None, sections)])


def table(rows: Sequence[Row], columns: Columns) -> str:
    """Rows under titles; a column that no row knows, as in older figures, is left out."""
    columns = {title: how for title, how in columns.items() if any(how[0] in row for row in rows)}
    cells = [[_cell(row.get(key), how) for key, how in columns.values()] for row in rows]
    lines = [list(columns), ["---"] * len(columns), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _where(stamp: Row) -> str:
    """Day, commit and machine."""
    commit = "commit not kept" if stamp["commit"] == UNKNOWN else f"commit {stamp['commit']}"
    told = [stamp["date"], commit, stamp["machine"], f"Python {stamp['python']}"]
    told += [f"{name} {version}" for name, version in stamp["versions"].items() if name != "p2law"]
    told += [] if stamp["load"] is None else [f"load {stamp['load']:g} at the end"]
    return f"{', '.join(told)}."


def _idle(stamp: Row) -> bool:
    """Whether the machine did nothing else, as far as is known."""
    return stamp["load"] is not None and stamp["load"] < IDLE


def _left_out(stamp: Row) -> str:
    """Why there are no seconds by the wall clock."""
    load = "is not known" if stamp["load"] is None else f"was {stamp['load']:g}"
    return f"Seconds by the wall clock are left out, for the load {load}."


def _older(found: Row) -> list[str]:
    """A line where older tables stand in a file that knows one command only."""
    if "commit" in found or "--only" not in found["command"]:
        return []
    told = (
        "What the command above does not make was measured before, by the same script; its day "
        "was not kept."
    )
    return [told]


def _cell(value: object, how: How) -> str:
    """A value as it is written."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = how(value) if callable(how) else format(value, how)
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
