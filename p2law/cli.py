"""The command line: `p2law fit`, `p2law predict`; errors are one message and exit code 2."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import p2law
from p2law import forms, objectives
from p2law.declaring import Form
from p2law.errors import FitError, FormError, P2LawError
from p2law.result import Fit

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process where not given.

    Returns
    -------
    int
        0, or 2 after bad input.
    """
    parser = _parser()
    asked, asked.inputs = parser.parse_known_args(arguments)
    if asked.inputs and asked.command != "predict":
        parser.error(f"unrecognized arguments: {' '.join(asked.inputs)}")
    try:
        print(asked.run(asked))
    except P2LawError as error:
        print(f"p2law {asked.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except OSError as error:
        print(f"p2law {asked.command}: {error.strerror}: {error.filename}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="p2law", allow_abbrev=False, description=(p2law.__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--version", action="version", version=f"p2law {p2law.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    fit = commands.add_parser("fit", help="fit a law to records and print it")
    fit.add_argument("records", nargs="+", help="CSV, Parquet or JSONL files, folders or globs")
    fit.add_argument("--form", help="a built-in law, or module:name (default: p2, held as needed)")
    fit.add_argument(
        "--objective", default="squared()", help="squared(), huber(1e-3, log=True), ..."
    )
    fit.add_argument("--weight", help="a column, or 'run': every run counts the same")
    fit.add_argument(
        "--fixed", nargs="+", default=[], metavar="NAME=VALUE", help="hold coefficients"
    )
    fit.add_argument("--tied", nargs="+", default=[], metavar="NAME=OTHER", help="keep them equal")
    fit.add_argument(
        "--accept", nargs="+", default=[], help="params, tokens: small counts are meant"
    )
    fit.add_argument("--save", type=Path, metavar="FILE", help="write the fit as JSON")
    fit.add_argument("--json", action="store_true", help="print JSON instead of text")
    fit.set_defaults(run=_fit)

    predict = commands.add_parser("predict", help="predict from a saved fit: --params 8e9 ...")
    predict.add_argument("fit", type=Path, help="JSON file that `p2law fit --save` wrote")
    predict.add_argument("--form", help="module:name of the law, where it is not built in")
    predict.add_argument("--json", action="store_true", help="print JSON instead of text")
    predict.epilog = (
        "Every input of the law is given as --name value [value ...], for instance "
        "--params 8.03e9 --tokens 1e9 1e10 --pruning-rate 0.25 --base-loss 2.05; "
        "several values give every combination."
    )
    predict.set_defaults(run=_predict)
    return parser


def _fit(asked: argparse.Namespace) -> str:
    table = p2law.load(asked.records, needs=(), accept=asked.accept)
    found = p2law.fit(
        table,
        _find_form(asked.form) if asked.form else None,
        objective=objectives.parse(asked.objective),
        weight=asked.weight,
        fixed={name: _number(name, text) for name, text in _pairs("--fixed", asked.fixed)},
        tied=dict(_pairs("--tied", asked.tied)),
    )
    if asked.save:
        asked.save.write_text(found.to_json(), encoding="utf-8")
    return json.dumps(_summary(found), indent=2) if asked.json else str(found)


def _summary(found: Fit) -> dict[str, Any]:
    """What the text view says, for programs."""
    return {
        "form": found.form.name,
        "formula": found.form.formula,
        "status": found.status.name,
        "values": dict(found.values),
        "held": dict(found.held),
        "trouble": list(found.trouble),
        "notes": list(found.notes),
        "rows": len(found.records),
        "settings": asdict(found.settings),
        "search": asdict(found.search),
    }


def _predict(asked: argparse.Namespace) -> str:
    own = (_find_form(asked.form),) if asked.form else ()
    found = p2law.Fit.from_json(asked.fit.read_text(encoding="utf-8"), forms=own)
    table = found.predict(p2law.grid(**_inputs(asked.inputs)))
    if asked.json:
        return json.dumps(
            json.loads(table.to_json(orient="records", double_precision=15)), indent=2
        )
    said = [f"! {each}" for each in found.trouble] if not table["determined"].all() else []
    return "\n".join([*said, table.to_string(index=False)])


def _inputs(words: Sequence[str]) -> dict[str, list[float]]:
    """Read ``--name value [value ...]`` groups."""
    found: dict[str, list[float]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].replace("-", "_").partition("=")
            found[name] = [_number(name, value)] if value else []
        elif not name:
            message = f"{word!r} stands alone; inputs are given as --name value"
            raise FitError(message)
        else:
            found[name].append(_number(name, word))
    if empty := [name for name, values in found.items() if not values]:
        message = f"--{empty[0].replace('_', '-')} has no value"
        raise FitError(message)
    return found


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"{name} = {text!r} is not a number; write for instance 8e9 or 0.25"
        raise FitError(message) from None


def _pairs(option: str, words: Sequence[str]) -> list[tuple[str, str]]:
    """Read NAME=VALUE words."""
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            message = f"{option} takes NAME=VALUE, got {word!r}"
            raise FitError(message)
        found.append((name, value))
    return found


def _find_form(text: str) -> Form:
    """A built-in law by name, or one of the user's as module:name from the current folder."""
    module, colon, name = text.partition(":")
    if not colon:
        for each in forms.builtin:
            if each.name == text:
                return each
        names = ", ".join(each.name for each in forms.builtin)
        message = f"no built-in law {text!r}; there are {names}; your own is named module:name"
        raise FormError(message)
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        message = f"cannot import {module!r} for the law {text!r}: {error}"
        raise FormError(message) from error
    if not isinstance(found, Form):
        message = f"{text!r} is not a law: {module} has no @form function {name!r}"
        raise FormError(message)
    return found


if __name__ == "__main__":
    sys.exit(main())
