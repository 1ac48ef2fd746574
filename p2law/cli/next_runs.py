"""The command `p2law next-runs`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from p2law import planning
from p2law.cli.shell import as_json, saved
from p2law.declaring import Form
from p2law.designing import GUESSES
from p2law.errors import FitError
from p2law.records import reading

if TYPE_CHECKING:
    from p2law.designing.picks import NextRuns

COMMAND = "next-runs"


def add_command(commands: Any) -> None:
    """Add the command to those of the program."""
    parser = commands.add_parser(
        COMMAND,
        allow_abbrev=False,
        help="which runs narrow a wanted interval most for their cost",
        epilog="For instance: p2law next-runs fit.json runs.csv --target params=8e9 tokens=1e10 "
        "pruning_rate=0.3 base_loss=2.0 --budget 500",
    )
    parser.add_argument("fit", type=Path, help="JSON file that `p2law fit --save` wrote")
    parser.add_argument(
        "candidates", help="inputs and cost of each run: CSV, TSV, Parquet, JSONL, folder or glob"
    )
    parser.add_argument(
        "--target",
        metavar="INPUT=VALUE",
        nargs="+",
        action="append",
        required=True,
        help="inputs of the wanted prediction; repeated for several predictions",
    )
    parser.add_argument("--budget", type=float, help="to be spent at most (default: one run)")
    parser.add_argument("--cost", default="cost", help="column of costs (default: cost)")
    parser.add_argument("--level", type=float, default=0.9, help="of the interval (default: 0.9)")
    parser.add_argument(
        "--guesses",
        type=int,
        default=GUESSES,
        help="how many refits to average over; 1 trusts the estimate (default: %(default)s)",
    )
    parser.add_argument("--form", help="module:name of the law, where it is not built in")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def main(asked: argparse.Namespace) -> str:
    """Carry out the command; its answer as text.

    Raises
    ------
    P2LawError
        As in `planning.next_runs`.
    """
    found = _found(asked)
    return as_json(found.plain()) if asked.json else str(found)


def _found(asked: argparse.Namespace) -> "NextRuns":
    fit = saved(asked.fit, asked.form, "p2law next-runs fit.json runs.csv ...")
    wanted = pd.DataFrame([_target(words, fit.form) for words in asked.target])
    files = reading.paths(asked.candidates)
    tables = [reading.read(path) for path in files]
    offered = tables[0] if len(tables) == 1 else reading.joined(files, tables)
    chosen = {"cost": asked.cost, "budget": asked.budget, "level": asked.level}
    return planning.next_runs(fit, offered, wanted, guesses=asked.guesses, **chosen)


def _target(words: Sequence[str], form: Form) -> dict[str, float]:
    """Read INPUT=VALUE words."""
    found: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        name = name.replace("-", "_")
        if name not in form.columns:
            raise FitError(f"--target {word}: {form.name} reads {', '.join(form.columns)}")
        if name in found:
            raise FitError(f"--target names {name} twice; write --target again for another one")
        try:
            found[name] = float(value)
        except ValueError:
            raise FitError(f"--target takes INPUT=VALUE, as tokens=1e10, got {word!r}") from None
    return found
