"""`p2law import-log`: logs of trainers to a table that `p2law fit` reads."""

import argparse
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from p2law import logs
from p2law.errors import RecordError
from p2law.files.writing import check_output, write_whole
from p2law.logs.facts import described
from p2law.logs.options import place
from p2law.logs.tensorboard import MARK
from p2law.logs.trainer import STATE
from p2law.records import LABELS

FACTS = ("model", "params", "pruning-rate", "method", "seed", "corpus", "eval-text")
"""Facts with an option of their own; any other is a --fact."""

_UNTOUCHED = {"drop_first": 0, "drop_first_steps": 0, "thin": None, "smooth": None}
"""How the log of the model before pruning is read: what is done to curves is not for it."""

_OPTIONS = {
    "accept=('params',)": "--accept params",
    "accept=('tokens',)": "--accept tokens",
    "tokens_per_step=": "--tokens-per-step N",
    "partial=True": "--partial",
    "step='": "--step NAME",
    "step= or tokens=": "--step NAME or --tokens NAME",
    "loss=...": "--loss NAME",
    "step=...": "--step NAME (csv: --column step=NAME)",
    "tokens=...": "--tokens NAME (csv: --column tokens=NAME)",
    "averaged=True": "--averaged",
    "repeats='last'": "--repeats last",
    "missing='leave out'": "--missing 'leave out'",
    "facts={'run'": "--run NAME ..., one a log",
    "facts={'base_loss'": "--base-loss VALUE",
    "at='first'": "--base-at first or last",
    "columns needs": "--column loss=NAME step=NAME ...",
    "columns[": "--column NAME=COLUMN, or NAME=COLUMN*1e9",
}
"""What a cure is called here that an error names in Python."""


def add_command(commands: Any) -> None:
    """Add ``import-log`` to a parser.

    Parameters
    ----------
    commands : argparse subparsers action
    """
    parser = commands.add_parser(
        "import-log",
        allow_abbrev=False,
        help="turn logs of trainers into records",
        epilog="A fact with an option of its own is one value for all runs, or RUN=VALUE for each "
        "of them; one of --fact is for all runs.",
    )
    parser.add_argument("log", nargs="+", help="files or folders")
    parser.add_argument("--kind", choices=logs.KINDS, help="of log (guessed, and said)")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="CSV file to write"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    _add_numbers(parser)
    _add_treatment(parser)
    _add_facts(parser)


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    """What the numbers in the log mean."""
    parser.add_argument("--loss", help="eval, train, or the name as logged (needed but for csv)")
    parser.add_argument(
        "--tokens-per-step", type=float, help="sequence length x batch x accumulation x devices"
    )
    parser.add_argument("--step", default="", metavar="NAME", help="column or tag of steps")
    parser.add_argument("--tokens", default="", metavar="NAME", help="column or tag of tokens")
    parser.add_argument("--unit", choices=logs.UNITS, default="nat", help="of all logged losses")
    parser.add_argument("--bytes-per-token", type=float, help="for --unit bit/byte")
    parser.add_argument(
        "--averaged",
        action=argparse.BooleanOptionalAction,
        help="losses are means over the steps since the one before",
    )
    parser.add_argument(
        "--column",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=COLUMN",
        help="csv: where tokens, step, loss, run ... stand; NAME=COLUMN*1e9 for billions",
    )


def _add_treatment(parser: argparse.ArgumentParser) -> None:
    """What is done to them."""
    parser.add_argument("--drop-first", type=float, default=0, help="tokens of warm-up")
    parser.add_argument("--drop-first-steps", type=float, default=0, help="steps of warm-up")
    parser.add_argument("--thin", type=int, help="at most so many rows a run, even in log tokens")
    parser.add_argument("--smooth", type=float, help="over this share of the tokens either side")
    parser.add_argument("--repeats", choices=("refuse", "last"), default="refuse")
    parser.add_argument("--missing", choices=("refuse", "leave out"), default="refuse")
    parser.add_argument("--partial", action="store_true", help="what stands before any damage")
    parser.add_argument(
        "--accept", nargs="+", choices=("params", "tokens"), default=[], help="small counts meant"
    )


def _add_facts(parser: argparse.ArgumentParser) -> None:
    """What is known of the runs."""
    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    for name in FACTS:
        parser.add_argument(f"--{name}", metavar="VALUE", **many)
    parser.add_argument("--run", metavar="NAME", help="names of the runs, one a log", **many)
    parser.add_argument(
        "--fact", metavar="COLUMN=VALUE", help="any other fact, for all runs", **many
    )
    base = parser.add_mutually_exclusive_group()
    told = "loss before pruning, nat/token whatever the --unit of the log"
    base.add_argument("--base-loss", metavar="VALUE", help=told, **many)
    base.add_argument("--base-log", help="log of the model before pruning, of the same --kind")
    parser.add_argument("--base-at", choices=("first", "last"), default="", help="which loss of it")


def main(asked: argparse.Namespace) -> str:
    """Carry out what was asked.

    Parameters
    ----------
    asked : Namespace

    Returns
    -------
    str
        To be printed.

    Raises
    ------
    RecordError
        The logs cannot become records, or the output is one of them, no file, or no CSV.
    """
    every = asked.log if asked.base_log is None else [*asked.log, asked.base_log]
    check_output("-o", asked.output, _files(every))
    check_output("account of -o", _beside(asked.output), _files(every))
    _check_ending(asked.output)
    names = asked.run or [None] * len(asked.log)
    if len(names) != len(asked.log):
        raise RecordError(f"--run names {len(names)} runs for {len(asked.log)} logs; one a log")
    with _cures():
        facts = _facts(asked)
        found = [_read(path, asked, name) for path, name in zip(asked.log, names, strict=True)]
        log = described(logs.together(found), facts, asked.accept)
    write_whole(asked.output, log.records.to_csv(index=False))
    account = _account(asked.output, log)
    if not asked.json:
        beside = f", this account to {account}" if account else ""
        return f"{log}\n\nwritten to {asked.output}{beside}"
    runs = {str(name): len(part) for name, part in log.records.groupby("run", sort=False)}
    told = {"output": str(asked.output), "account": account and str(account)}
    return json.dumps({**told, "runs": runs, "trouble": log.trouble, "notes": log.notes}, indent=2)


@contextlib.contextmanager
def _cures() -> Iterator[None]:
    """Say what cures that are named in Python are called here."""
    try:
        yield
    except RecordError as error:
        cures = [option for words, option in _OPTIONS.items() if words in str(error)]
        cure = f"\nOn the command line: {', '.join(cures)}" if cures else ""
        raise RecordError(f"{error}{cure}", error.rows) from error


def _check_ending(output: Path) -> None:
    """Refuse a name by which the records would be read as what they are not."""
    if output.exists() and not output.is_file():
        return
    if not output.name.lower().endswith((".csv", ".csv.gz")):
        raise RecordError(f"-o {output}: records are written as CSV; end the name in .csv")


def _beside(output: Path) -> Path:
    """Where the account of records stands."""
    return output.with_name(f"{output.name}.account.txt")


def _account(output: Path, log: logs.Log) -> Path | None:
    """Write what was done to the records beside them, as the table cannot hold it."""
    if not output.is_file():
        return None
    path = _beside(output)
    write_whole(path, f"{log}\n")
    return path


def _files(names: Sequence[str]) -> Iterator[Path]:
    """Logs that are files, and those in folders."""
    for path in map(place, names):
        yield path
        for pattern in (STATE, f"*{MARK}*"):
            yield from path.rglob(pattern)


def _read(path: str, asked: argparse.Namespace, run: str | None) -> logs.Log:
    """Read one log by its kind; a guess is said."""
    kind = asked.kind or logs.kind_of(path)
    facts = {"run": run} if run else None
    names = logs.Asked.__annotations__
    how: Any = {name: value for name, value in vars(asked).items() if name in names}
    if kind == "csv":
        log = logs.read_csv(path, _columns(asked.column), facts=facts, **how)
    elif not asked.loss:
        raise RecordError(f"{path}: say which loss is meant: --loss eval, train, or its name")
    else:
        readers = {
            "trainer": logs.read_trainer_state,
            "wandb": logs.read_wandb,
            "tensorboard": logs.read_tensorboard,
        }
        log = readers[kind](path, loss=asked.loss, facts=facts, **how)
    if asked.kind:
        return log
    return logs.Log(log.records, (f"{path} taken for {kind} (--kind)", *log.notes))


def _columns(words: Sequence[str]) -> Mapping[str, tuple[str, float]]:
    """Read NAME=COLUMN and NAME=COLUMN*FACTOR."""
    found = {}
    for name, text in _pairs("--column", words).items():
        column, star, factor = text.rpartition("*")
        number = _value(factor)
        scaled = bool(star) and isinstance(number, float)
        found[name] = (column, number) if scaled else (text, 1.0)
    return found


def _facts(asked: argparse.Namespace) -> dict[str, Any]:
    """Facts by the names of their columns."""
    given = {name.replace("-", "_"): getattr(asked, name.replace("-", "_")) for name in FACTS}
    given["base_loss"] = asked.base_loss
    facts: dict[str, Any] = {name: _fact(name, words) for name, words in given.items() if words}
    for name, value in _pairs("--fact", asked.fact).items():
        if name in facts:
            raise RecordError(f"{name} is given twice")
        facts[name] = _value(value)
    if asked.base_log is not None:
        whole = argparse.Namespace(**{**vars(asked), **_UNTOUCHED})
        facts["base_loss"] = _read(asked.base_log, whole, None).base_loss(asked.base_at)
    return facts


def _fact(name: str, words: Sequence[str]) -> Any:
    """One value, or one for each run; labels stay as they are written."""
    read = str if name in LABELS else _value
    if len(words) == 1 and "=" not in words[0]:
        return read(words[0])
    return {run: read(text) for run, text in _pairs(f"--{name}", words, last=True).items()}


def _pairs(option: str, words: Sequence[str], *, last: bool = False) -> dict[str, str]:
    """Read NAME=VALUE words; the name of a run may hold a '=' of its own."""
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.rpartition("=") if last else word.partition("=")
        if not (name and value) or name in found:
            raise RecordError(f"{option} takes NAME=VALUE, each name once; got {word!r}")
        found[name] = value
    return found


def _value(text: str) -> Any:
    """A number where it is one."""
    try:
        return text if "_" in text else float(text)
    except ValueError:
        return text
