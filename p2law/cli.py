"""The command line: `p2law fit`, `predict`, `import-log`, `collect`; bad input is exit code 2."""

import argparse
import contextlib
import importlib
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import p2law
from p2law import forms, objectives
from p2law.collect import cli as collecting
from p2law.declaring import Form
from p2law.errors import FitError, FormError, P2LawError, RecordError, SavedFitError
from p2law.logs import cli as importing

if TYPE_CHECKING:
    import pandas as pd

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
        0; 2 after bad input; 1 where runs of a sweep failed.

    Raises
    ------
    SystemExit
        With code 2 where the words are no command, with 0 after help or version.
    """
    parser = _parser()
    asked, words = parser.parse_known_args(arguments)
    if words and asked.command != "predict":
        parser.error(f"unrecognized arguments: {' '.join(words)}")
    code = 0
    try:
        if asked.command == "collect":
            text, code = collecting.main(asked)
        elif asked.command == "import-log":
            text = importing.main(asked)
        else:
            text = _fit(asked) if asked.command == "fit" else _predict(asked, words)
        _say(text, sys.stdout)
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (P2LawError, OSError) as error:
        _say(f"p2law {asked.command}: {error}", sys.stderr)
        return BAD_INPUT
    return code


def _say(text: str, stream: TextIO) -> None:
    """Print what a terminal can show, and escape the rest."""
    encoding = stream.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="p2law", allow_abbrev=False, description=(p2law.__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--version", action="version", version=f"p2law {p2law.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}

    fit = commands.add_parser("fit", allow_abbrev=False, help="fit a law to records and print it")
    fit.add_argument("records", nargs="+", help="CSV, Parquet or JSONL files, folders or globs")
    fit.add_argument("--form", help="a built-in law, or module:name (default: p2, held as needed)")
    fit.add_argument("--objective", default="squared()", help="squared(), huber(1e-3, log=True)")
    fit.add_argument("--fixed", metavar="NAME=VALUE", help="hold coefficients", **many)
    fit.add_argument("--tied", metavar="NAME=OTHER", help="keep coefficients equal", **many)
    fit.add_argument("--weight", help="a column, or 'run': every run counts the same")
    fit.add_argument(
        "--accept", choices=("params", "tokens"), help="small counts are meant", **many
    )
    fit.add_argument("--save", type=Path, metavar="FILE", help="write the fit as JSON")
    fit.add_argument("--json", action="store_true", help="print JSON instead of text")

    predict = commands.add_parser(
        "predict",
        allow_abbrev=False,
        help="predict from a saved fit",
        usage="%(prog)s [-h] [--form MODULE:NAME] [--json] FIT --INPUT VALUE [VALUE ...] ...",
        epilog="The inputs are those of the law, for instance --params 8.03e9 --tokens 1e9 1e10 "
        "--pruning-rate 0.25 --base-loss 2.05; several values give every combination.",
    )
    predict.add_argument("fit", type=Path, help="JSON file that `p2law fit --save` wrote")
    predict.add_argument("--form", help="module:name of the law, where it is not built in")
    predict.add_argument("--json", action="store_true", help="print JSON instead of text")
    importing.add_command(commands)
    collecting.add_commands(commands)
    return parser


def _fit(asked: argparse.Namespace) -> str:
    if asked.save and (asked.save.is_dir() or not asked.save.parent.is_dir()):
        raise FitError(f"--save {asked.save}: name a file in a folder that exists")
    law = _find_form(asked.form) if asked.form else None
    objective = objectives.parse(asked.objective)
    fixed = {name: _number(name, text) for name, text in _pairs("--fixed", asked.fixed).items()}
    tied = _pairs("--tied", asked.tied)
    table = _records(asked.records, asked.accept)
    found = p2law.fit(table, law, objective=objective, weight=asked.weight, fixed=fixed, tied=tied)
    if asked.save:
        asked.save.write_text(found.to_json(), encoding="utf-8")
    return _json(_summary(found)) if asked.json else str(found)


def _records(sources: Sequence[str], accept: Sequence[str]) -> "pd.DataFrame":
    """Read records; where they can be accepted as they stand, say how to do it here."""
    try:
        return p2law.load(sources, needs=(), accept=accept)
    except RecordError as error:
        named = [name for name in ("params", "tokens") if f"accept=({name!r},)" in str(error)]
        cure = f"\nOn the command line: --accept {' '.join(named)}" if named else ""
        raise RecordError(f"{error}{cure}", error.rows) from error


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
    found = _saved(asked.fit, asked.form)
    inputs = p2law.grid(**_inputs(words, found.form))
    with _blaming(f"{asked.fit} is damaged, or its law fails at these inputs"):
        table = found.predict(inputs)
    if asked.json:
        return _json(table.to_dict("records"))
    said = [] if table["determined"].all() else [f"! {each}" for each in found.trouble]
    return "\n".join([*said, table.to_string(index=False)])


def _saved(path: Path, form: str | None) -> "Fit":
    """Read a saved fit, of a built-in law or of the one that is named."""
    own = (_find_form(form),) if form else ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SavedFitError(
            f"cannot read the saved fit {str(path)!r}: {error}\n"
            f"It comes first: p2law predict fit.json --params 8e9 ..."
        ) from error
    try:
        with _blaming(f"{path} is damaged"):
            return p2law.Fit.from_json(text, forms=own)
    except SavedFitError as error:
        cure = "\nOn the command line: --form module:name" if "hand it over" in str(error) else ""
        raise SavedFitError(f"{path}: {error}{cure}") from error


def _inputs(words: Sequence[str], form: Form) -> dict[str, list[float]]:
    """Read the inputs of a law: ``--name value [value ...]``."""
    options = {f"--{name.replace('_', '-')}": name for name in form.columns}
    usage = f"p2law predict FIT {' '.join(f'{each} VALUE ...' for each in options)}"
    parser = argparse.ArgumentParser("p2law predict", usage, allow_abbrev=False, add_help=False)
    for option, name in options.items():
        parser.add_argument(
            option, dest=name, nargs="+", action="extend", type=float, required=True
        )
    return vars(parser.parse_args(words))


@contextlib.contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Say what went wrong in a file or a law of the user's, which may raise anything."""
    try:
        yield
    except P2LawError:
        raise
    except (Exception, SystemExit) as error:
        raise FitError(f"{what}: {type(error).__name__}: {error}") from error


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


def _find_form(text: str) -> Form:
    """A built-in law by name, or one of the user's as module:name from the current folder."""
    module, colon, name = text.partition(":")
    if not colon:
        for each in forms.builtin:
            if each.name == text:
                return each
        names = ", ".join(each.name for each in forms.builtin)
        raise FormError(f"no built-in law {text!r}; there are {names}; your own is module:name")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    with _blaming(f"cannot import {module!r} for the law {text!r}"):
        found = getattr(importlib.import_module(module), name, None)
    if not isinstance(found, Form):
        raise FormError(f"{text!r} is not a law: {module} has no @form function {name!r}")
    return found


def _json(value: Any) -> str:
    """JSON as the standard has it: what is no number is null."""

    def plain(each: Any) -> Any:
        if isinstance(each, Mapping):
            return {str(name): plain(part) for name, part in each.items()}
        if isinstance(each, (list, tuple)):
            return [plain(part) for part in each]
        return None if isinstance(each, float) and not math.isfinite(each) else each

    return json.dumps(plain(value), indent=2, allow_nan=False)


if __name__ == "__main__":
    sys.exit(main())
