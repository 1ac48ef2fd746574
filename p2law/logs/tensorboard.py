"""TensorBoard: an event file, a run's folder, or a folder of runs."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from p2law.errors import RecordError
from p2law.files.textfiles import LARGE, content_of
from p2law.logs.curves import Curve, cut
from p2law.logs.events import Scalar, scalars
from p2law.logs.naming import TOKENS, chosen, first, one_of
from p2law.logs.options import Options
from p2law.text.wording import first_line

MARK = "tfevents"
"""What the name of every event file holds."""

Placed = list[tuple[str, Scalar]]


def curves_of(source: Path, options: Options) -> tuple[list[Curve], list[str]]:
    """Read the curves of all runs; a run is a folder that holds event files.

    Parameters
    ----------
    source : Path
    options : Options

    Returns
    -------
    curves : list of Curve
    notes : list of str

    Raises
    ------
    RecordError
        There is no event file, one is damaged, or none holds the loss.
    """
    runs, notes = {}, []
    for folder, files in _folders(source).items():
        runs[folder], more = _scalars(files, options)
        notes += more
    where = f"{source}: "
    tags = [scalar.tag for placed in runs.values() for _, scalar in placed]
    loss = chosen(options.loss, tags, where)
    tokens = one_of(options.tokens, tags, where) if options.tokens else first(TOKENS, tags, where)
    tables = {folder: _table(placed, loss, tokens) for folder, placed in runs.items()}
    without = [_name(source, folder) for folder, table in tables.items() if not len(table)]
    if without:
        notes.append(f"without {loss!r} and not read: {', '.join(without)}")
    curves = [
        Curve(_name(source, folder), folder, table, loss, tokens=tokens)
        for folder, table in tables.items()
        if len(table)
    ]
    return curves, notes


def _folders(source: Path) -> dict[Path, list[Path]]:
    """Event files by the folder they lie in, both by name: names begin with the time."""
    if source.exists() and not source.is_dir():
        return {source.parent: [source]}
    found: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(source.rglob(f"*{MARK}*")) if source.is_dir() else ():
        if path.is_file():
            found[path.parent].append(path)
    if not found:
        raise RecordError(f"{source}: no event files (named ...{MARK}...) here or in folders below")
    return found


def _scalars(files: Sequence[Path], options: Options) -> tuple[Placed, list[str]]:
    """All scalars of one run, in the order in which they were logged."""
    placed: Placed = []
    notes: list[str] = []
    for path in files:
        try:
            content = content_of(path, LARGE)
        except (OSError, ValueError) as error:
            raise RecordError(f"{path} cannot be read: {first_line(error)}") from error
        found, fault = scalars(content)
        fault = f"{path}: {fault}" if fault else ""
        notes += cut(fault, len(found), "scalars", partial=options.partial)
        prefix = f"{path.name} " if len(files) > 1 else ""
        placed += [(f"{prefix}record {each.record}", each) for each in found]
    return placed, notes


def _table(placed: Placed, loss: str, tokens: str) -> pd.DataFrame:
    """The loss of one run, with the tokens that were logged at its steps."""
    held = [(place, each) for place, each in placed if each.tag == loss]
    table = pd.DataFrame(
        {"step": [each.step for _, each in held], "loss": [each.value for _, each in held]},
        index=[place for place, _ in held],
        dtype=float,
    )
    seen = {each.step: each.value for _, each in placed if each.tag == tokens}
    return table.assign(tokens=table["step"].map(seen).astype(float)) if seen else table


def _name(source: Path, folder: Path) -> str:
    """A run is called by its folder, below the one that was named."""
    if source.is_dir() and folder != source:
        return folder.relative_to(source).as_posix()
    return folder.resolve().name or "run"
