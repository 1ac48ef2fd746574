"""The command `p2law report`."""

import argparse
from pathlib import Path
from typing import Any

import p2law
from p2law.cli.shell import MANY, blaming, saved
from p2law.files.writing import check_output
from p2law.records import reading

COMMAND = "report"


def add_command(commands: Any) -> None:
    """Add the command to those of the program."""
    report = commands.add_parser(
        COMMAND, allow_abbrev=False, help="one HTML page about a saved fit, with a planner"
    )
    report.add_argument("fit", type=Path, help="JSON file that `p2law fit --save` wrote")
    report.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the page to write"
    )
    report.add_argument("--form", help="module:name of the law, where it is not built in")
    report.add_argument("--title", help="heading of the page")
    report.add_argument("--level", type=float, default=0.9, help="of the intervals (default: 0.9)")
    report.add_argument(
        "--held",
        metavar="RECORDS",
        help="records that the fit has not seen",
        **MANY,
    )
    report.add_argument(
        "--no-holdouts", action="store_true", help="fit nothing anew to parts of the records"
    )
    report.add_argument("--no-pictures", action="store_true", help="a small page, made sooner")
    report.add_argument("--tokens", type=float, help="rows of the budget table", **MANY)
    report.add_argument("--losses", type=float, help="losses to be reached: a second table", **MANY)


def main(asked: argparse.Namespace) -> str:
    """Write the page; a sentence that says where.

    Raises
    ------
    P2LawError
        As in `p2law.report.save`.
    """
    held = reading.paths(asked.held) if asked.held else []
    check_output("--output", asked.output, [asked.fit, *held])
    found = saved(asked.fit, asked.form)
    options: dict[str, Any] = {"title": asked.title, "level": asked.level}
    options |= {"tokens": asked.tokens} if asked.tokens else {}
    options |= {"losses": asked.losses} if asked.losses else {}
    options |= {"pictures": not asked.no_pictures}
    options |= {"holdouts": ()} if asked.no_holdouts else {}
    options |= {"held": p2law.load(asked.held, needs=())} if asked.held else {}
    with blaming(f"{asked.fit} is damaged, or its law fails"):
        place = p2law.report.save(found, asked.output, **options)
    return f"wrote {place} ({place.stat().st_size / 1e3:.0f} kB)"
