"""The command line: one command a question; errors are one message and exit code 2."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import p2law
from p2law import objectives
from p2law.cli import judging as judging
from p2law.cli import next_runs as designing
from p2law.cli import planning as planning
from p2law.cli import report as reporting
from p2law.cli.shell import (
    MANY,
    BadWords,
    Parser,
    add_records,
    as_json,
    blaming,
    find_form,
    law_inputs,
    records,
    saved,
)
from p2law.collect import cli as collecting
from p2law.declaring import Form
from p2law.errors import FitError, P2LawError, UnreachableLossError
from p2law.files.writing import check_output, write_whole
from p2law.logs import cli as importing
from p2law.records import reading

if TYPE_CHECKING:
    from p2law.result import Fit

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process where not given.

    Returns
    -------
    int
        0; 2 after bad input, or where no candidate is a plan; 1 where runs of a sweep failed.

    Raises
    ------
    SystemExit
        With code 2 where the words are no command, with 0 after help or version.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        return _carried_out(given)
    except BadWords as error:
        if "--json" in given:
            _say(as_json({"error": error.message}), sys.stdout)
        raise


def _carried_out(given: Sequence[str]) -> int:
    """Carry out what was asked; the exit code."""
    parser = _parser()
    asked, words = parser.parse_known_args(given)
    if words and asked.command not in TAKE_INPUTS:
        parser.error(f"unrecognized arguments: {' '.join(words)}")
    code = 0
    try:
        if asked.command in WITH_CODE:
            text, code = WITH_CODE[asked.command](asked)
        elif asked.command in TAKE_INPUTS:
            text = TAKE_INPUTS[asked.command](asked, words)
        else:
            text = ANSWER[asked.command](asked)
        if text:
            _say(text, sys.stdout)
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (P2LawError, OSError) as error:
        if getattr(asked, "json", False):
            _say(as_json(_told(error)), sys.stdout)
        _say(f"p2law {asked.command}: {error}", sys.stderr)
        return BAD_INPUT
    return code


def _told(error: Exception) -> dict[str, Any]:
    """An error for programs: its message, and the answer that it carries."""
    carried = vars(error) if isinstance(error, UnreachableLossError) else {}
    return {"error": str(error), **carried}


def _say(text: str, stream: TextIO) -> None:
    """Print what a terminal can show, and escape the rest."""
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(  # those of the commands are made of the same class
        prog="p2law", allow_abbrev=False, description=(p2law.__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--version", action="version", version=f"p2law {p2law.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_fit(commands)
    _add_predict(commands)
    judging.add_commands(commands)
    importing.add_command(commands)
    planning.add_commands(commands)
    designing.add_command(commands)
    reporting.add_command(commands)
    collecting.add_commands(commands)
    return parser


def _add_fit(commands: Any) -> None:
    fit = commands.add_parser("fit", allow_abbrev=False, help="fit a law to records and print it")
    add_records(fit)
    fit.add_argument("--form", help="a built-in law, or module:name (default: p2, held as needed)")
    fit.add_argument("--objective", default="squared()", help="squared(), huber(1e-3, log=True)")
    fit.add_argument("--fixed", metavar="NAME=VALUE", help="hold coefficients", **MANY)
    fit.add_argument("--tied", metavar="NAME=OTHER", help="keep coefficients equal", **MANY)
    fit.add_argument("--weight", help="a column, or 'run': every run counts the same")
    fit.add_argument("--seed", type=int, default=0, help="of the refits (default: 0)")
    fit.add_argument("--save", type=Path, metavar="FILE", help="write the fit as JSON")


def _add_predict(commands: Any) -> None:
    predict = commands.add_parser(
        "predict",
        allow_abbrev=False,
        help="predict from a saved fit",
        usage="%(prog)s [-h] [--form MODULE:NAME] [--level LEVEL] [--kind KIND] [--json] FIT "
        "--INPUT VALUE [VALUE ...] ...",
        epilog="The inputs are those of the law, for instance --params 8.03e9 --tokens 1e9 1e10 "
        "--pruning-rate 0.25 --base-loss 2.05; several values give every combination.",
    )
    predict.add_argument("fit", type=Path, help="JSON file that `p2law fit --save` wrote")
    predict.add_argument("--form", help="module:name of the law, where it is not built in")
    predict.add_argument("--level", type=float, default=0.9, help="of the intervals (default: 0.9)")
    predict.add_argument(
        "--kind",
        choices=("mean", "run"),
        default="mean",
        help="intervals of the law itself, or of a single new run (default: mean)",
    )
    predict.add_argument("--json", action="store_true", help="print JSON instead of text")


def _fit(asked: argparse.Namespace) -> str:
    if asked.save:
        check_output("--save", asked.save, reading.paths(asked.records))
    law = find_form(asked.form) if asked.form else None
    objective = objectives.parse(asked.objective)
    fixed = {name: _number(name, text) for name, text in _pairs("--fixed", asked.fixed).items()}
    tied = _pairs("--tied", asked.tied)
    table = records(asked)
    options: dict[str, Any] = {"objective": objective, "weight": asked.weight, "seed": asked.seed}
    found = p2law.fit(table, law, fixed=fixed, tied=tied, **options)
    if asked.save:
        write_whole(asked.save, found.to_json())
    return as_json(_summary(found)) if asked.json else str(found)


def _summary(found: "Fit") -> dict[str, Any]:
    """What the text view says, for programs."""
    return {
        "form": found.form.name,
        "formula": found.form.formula,
        "status": found.status.name,
        "values": found.values,
        "held": found.held,
        "table": found.table().to_dict("index"),
        "trouble": found.trouble,
        "notes": found.notes,
        "rows": len(found.records),
        "settings": found.settings.plain(),
        "search": asdict(found.search),
    }


def _predict(asked: argparse.Namespace, words: Sequence[str]) -> str:
    found = saved(asked.fit, asked.form, "p2law predict fit.json --params 8e9 ...")
    inputs = p2law.grid(**_inputs(asked, words, found.form))
    with blaming(f"{asked.fit} is damaged, or its law fails at these inputs"):
        table = found.predict(inputs, level=asked.level, kind=asked.kind)
    free = not table["determined"].all()
    said = [*found.trouble] if free else []
    known = found.known.instead(inputs) if free else ""
    said += [f"what is determined lies at {known}"] if known else []
    if asked.json:
        rows = table.to_dict("records")
        return as_json([row if row["determined"] else {**row, "trouble": said} for row in rows])
    return "\n".join([*(f"! {each}" for each in said), table.to_string(index=False)])


def _inputs(asked: argparse.Namespace, words: Sequence[str], form: Form) -> dict[str, list[float]]:
    """Read the inputs of a law: ``--name value [value ...]``."""
    taken = {"help", *vars(asked)} - {"command", "fit"}  # the last two are no options
    return law_inputs("predict", "FIT", form.columns, words, taken, nargs="+", action="extend")


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FitError(f"{name} = {text!r} is not a number; write for instance 0.3") from None


def _pairs(option: str, words: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE words."""
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        if not (name and value):
            raise FitError(f"{option} takes NAME=VALUE, got {word!r}")
        if name in found:
            raise FitError(f"{option} names {name} twice")
        found[name] = value
    return found


ANSWER: dict[str, Callable[[argparse.Namespace], str]] = {
    "fit": _fit,
    **dict.fromkeys(judging.COMMANDS, judging.main),
    designing.COMMAND: designing.main,
    reporting.COMMAND: reporting.main,
    "import-log": importing.main,
}
"""What carries out a command; its answer as text."""

WITH_CODE: dict[str, Callable[[argparse.Namespace], tuple[str, int]]] = {
    "collect": collecting.main,
    "plan": planning.plan_main,
}
"""The same for commands whose answer may be a failure: with the exit code."""

TAKE_INPUTS: dict[str, Callable[[argparse.Namespace, Sequence[str]], str]] = {
    "predict": _predict,
    **dict.fromkeys(planning.OF_ONE, planning.main),
}
"""The same for commands whose options are the inputs of a law."""


if __name__ == "__main__":
    sys.exit(main())
