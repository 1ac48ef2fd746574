"""The commands `p2law score` and `p2law compare`."""

import argparse
import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import p2law
from p2law import forms, objectives
from p2law.cli.shell import MANY, add_records, as_json, find_form, records, saved
from p2law.declaring import Form
from p2law.errors import ScoreError

if TYPE_CHECKING:
    import pandas as pd

    from p2law.scoring.comparing import Hold

COMMANDS = ("score", "compare")

HOLDS = ("last-tokens", "largest-model", "highest-rate", "each-run", "rollout")
"""Hold-outs with a name; the first and the last take shares."""

AUTO = "auto"
"""The name of the P² law with coefficients held as needed."""


def add_commands(commands: Any) -> None:
    """Add the two commands to those of the program."""
    score = commands.add_parser("score", allow_abbrev=False, help="judge a saved fit by records")
    score.add_argument("fit", type=Path, help="JSON file that `p2law fit --save` wrote")
    add_records(score)
    score.add_argument("--form", help="module:name of the law, where it is not built in")
    score.add_argument("--level", type=float, default=0.9, help="of the intervals (default: 0.9)")
    score.add_argument(
        "--per",
        choices=("log_tokens", "tokens", "flops"),
        default="log_tokens",
        help="what slopes are taken against (default: log_tokens)",
    )

    compare = commands.add_parser(
        "compare", allow_abbrev=False, help="compare laws by rows that they have not seen"
    )
    add_records(compare)
    compare.add_argument(
        "--hold",
        required=True,
        help=f"what is held out: {', '.join(HOLDS)}, with shares as last-tokens=0.2 or "
        f"rollout=0.5,0.8; or an expression as 'pruning_rate > 0.3'",
    )
    compare.add_argument(
        "--forms",
        metavar="FORM",
        help="built-in laws, module:name, or auto, which is p2 held as needed (default: auto "
        "and all built-in laws that the columns allow)",
        **MANY,
    )
    compare.add_argument(
        "--objective", default="squared()", help="squared(), huber(1e-3, log=True)"
    )
    compare.add_argument("--weight", help="a column, or 'run': every run counts the same")
    compare.add_argument(
        "--seed", type=int, default=0, help="of the fits, and of what chance does (default: 0)"
    )


def main(asked: argparse.Namespace) -> str:
    """Carry out one of the two commands; its answer as text.

    Raises
    ------
    P2LawError
        As in `p2law.score` and `p2law.compare`.
    """
    found = _score(asked) if asked.command == "score" else _compare(asked)
    return as_json(found.plain()) if asked.json else str(found)


def _score(asked: argparse.Namespace) -> Any:
    fit = saved(asked.fit, asked.form)
    table = records(asked)
    return p2law.score(fit, table, level=asked.level, per=asked.per)


def _compare(asked: argparse.Namespace) -> Any:
    objective = objectives.parse(asked.objective)
    laws = [None if name == AUTO else find_form(name) for name in asked.forms]
    table = records(asked)
    hold = _hold(asked.hold)
    chosen = laws or _possible(table)
    return p2law.compare(
        table, chosen, hold, objective=objective, weight=asked.weight, seed=asked.seed
    )


def _possible(table: "pd.DataFrame") -> Sequence[Form | None]:
    """The built-in laws whose columns are there; the P² law with coefficients held as needed."""
    laws = [each for each in forms.builtin if {*each.columns, each.target} <= {*table.columns}]
    if not laws:
        had = ", ".join(map(str, table.columns[:20]))
        raise ScoreError(f"no built-in law can be fitted to the columns {had}; name one by --forms")
    return [None if each is forms.p2 else each for each in laws if each.target == laws[0].target]


def _hold(text: str) -> "Hold":
    """Read what is to be held out."""
    name, equals, value = text.partition("=")
    if name in HOLDS and not value.startswith("="):
        make = getattr(p2law.holdout, name.replace("-", "_"))
        if not equals:
            return make  # type: ignore[no-any-return]
        shares = _shares(text, value)
        if name == "last-tokens" and len(shares) == 1:
            return lambda table: make(table, shares[0])
        if name == "rollout":
            return lambda table: make(table, shares)
        raise ScoreError(
            f"--hold {text}: {name} takes {'one share' if name == HOLDS[0] else 'no share'}"
        )
    close = difflib.get_close_matches(name.replace("_", "-"), HOLDS, n=1, cutoff=0.8)
    if re.fullmatch(r"[\w-]+" if not close else r"[\w-]+(=[^=]*)?", text):
        meant = f"did you mean {close[0]}? " if close else ""
        raise ScoreError(
            f"--hold {text}: {meant}It takes {', '.join(HOLDS)}, or an expression as "
            f"'pruning_rate > 0.3'"
        )
    return text


def _shares(text: str, value: str) -> list[float]:
    try:
        return [float(each) for each in value.split(",")]
    except ValueError:
        raise ScoreError(f"--hold {text}: shares are numbers, as last-tokens=0.2") from None
