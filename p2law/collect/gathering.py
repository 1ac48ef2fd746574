"""From the folders of a sweep to tables: what was measured, and what it comes from."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from p2law.collect.ledger import check_system, replacing, write_json
from p2law.collect.place import Place, read_json
from p2law.collect.standing import counted, planned, standing
from p2law.errors import MissingExtraError, RunError

ENDINGS = (".csv", ".jsonl", ".parquet")


FIRST = ("run", "params", "tokens", "pruning_rate", "base_loss", "loss")
"""Columns that open a table, in this order."""

COUNTS = ("params", "tokens", "params_after", "unique_tokens", "seed")


@dataclass(frozen=True)
class LeftOut:
    """A run of which something is missing in the table.

    Attributes
    ----------
    run : str
    state : str
        As `status` calls it, or ``"not in the sweep"``.
    reason : str
    """

    run: str
    state: str
    reason: str


@dataclass(frozen=True)
class Gathered:
    """The measurements of a sweep.

    Attributes
    ----------
    records : DataFrame
        Pruned runs, in the vocabulary of `p2law.load`.
    dense : DataFrame
        Runs that made models: the same without what only a pruned model has.
    left_out : tuple of LeftOut
        Runs that are not in the tables, and those that ended with a loss that was no
        number, of which only what came before is.
    provenance : mapping
        Under "runs" what decided the records of each, the versions and machines that
        made them; under "texts" what was tokenised, with checksums.
    """

    records: pd.DataFrame
    dense: pd.DataFrame
    left_out: tuple[LeftOut, ...]
    provenance: Mapping[str, Any]

    def save(self, path: str | Path) -> tuple[Path, ...]:
        """Write the records, those of dense runs beside them, and where they come from.

        Parameters
        ----------
        path : str or Path
            ``NAME.csv``, ``NAME.jsonl`` or ``NAME.parquet``; beside it come
            ``NAME_dense.csv`` (or the like) where there are dense runs and
            ``NAME.provenance.json``. A table gathered earlier that has no rows now is
            removed, unless it was changed since.

        Returns
        -------
        tuple of Path
            The files written.

        Raises
        ------
        RunError
            They cannot be written, or would replace what was not gathered earlier; or the
            system is Windows.
        MissingExtraError
            A Parquet file, and pyarrow is not installed.
        """
        check_system()
        path = Path(path)
        _check_name(path)
        sources = path.with_name(f"{path.stem}.provenance.json")
        beside = path.with_name(f"{path.stem}_dense{path.suffix}")
        both = {path: self.records, beside: self.dense}
        tables = {name: table for name, table in both.items() if len(table)}
        known = dict(_check_ours([*tables, sources], sources))
        digests = {name.name: _write(table, name) for name, table in tables.items()}
        for name in both.keys() - tables:  # it has no rows now, and those of before are not of it
            _remove(name, known.pop(name.name, ""))
        left_out = {each.run: f"{each.state}: {each.reason}" for each in self.left_out}
        files = {**known, **digests}
        write_json(sources, {**self.provenance, "left_out": left_out, "files": files})
        return (*tables, sources)


# -- writing -------------------------------------------------------------------------


def _check_name(path: Path) -> None:
    if path.suffix not in ENDINGS:
        raise RunError(f"{path}: a table is written as {' or '.join(ENDINGS)}; name such a file")
    if not path.parent.is_dir():
        raise RunError(f"{path}: there is no folder {path.parent}; make it first")


def _check_ours(files: Iterable[Path], sources: Path) -> Mapping[str, str]:
    """Refuse to replace anything but what was written here and not changed since; its checksums."""
    known = (read_json(sources) or {}).get("files", {})
    for each in filter(Path.exists, files):
        ours = (
            known if each == sources else each.is_file() and known.get(each.name) == _digest(each)
        )
        if not ours:
            raise RunError(
                f"{each} is there already and is not, or no longer, what was gathered into it "
                f"earlier; move it away or name another file"
            )
    return dict(known)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(table: pd.DataFrame, path: Path) -> str:
    """Write a table so that it is there whole or not at all; its checksum."""
    try:
        with replacing(path) as draft:
            if path.suffix == ".csv":
                table.to_csv(draft, index=False, lineterminator="\n")
            elif path.suffix == ".jsonl":
                draft.write_text("".join(_lines(table)), encoding="utf-8")
            else:
                table.to_parquet(draft, index=False)
            digest = _digest(draft)
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", f"writing {path}") from error
    return digest


def _remove(path: Path, digest: str) -> None:
    """Remove a table that was gathered earlier, where it is still what was written then."""
    try:
        if path.is_file() and _digest(path) == digest:
            path.unlink()
    except OSError as error:
        raise RunError(f"cannot remove {path}: {error.strerror or error}") from error


def _lines(table: pd.DataFrame) -> Iterator[str]:
    """Rows as JSON, with all digits and without what is not there."""
    for row in table.to_dict("records"):
        yield json.dumps({key: each for key, each in row.items() if pd.notna(each)}) + "\n"


# -- reading -------------------------------------------------------------------------


def gather(
    out: str | Path, *, eval_text: str = "", unfinished: bool = False, earlier: bool = False
) -> Gathered:
    """Read the measurements of all runs of a sweep.

    Parameters
    ----------
    out : str or Path
        Folder of the sweep.
    eval_text : str
        Only losses on this text; on all texts where empty.
    unfinished : bool
        Also take what runs that have not ended have measured so far.
    earlier : bool
        Also take runs that the sweep file that was run last does not name.

    Returns
    -------
    Gathered

    Raises
    ------
    RunError
        There is no sweep in the folder, or no loss yet, or a file is damaged.

    Examples
    --------
    >>> from p2law import collect
    >>> found = collect.gather("study")  # doctest: +SKIP
    >>> found.records.groupby("method")["loss"].min()  # doctest: +SKIP
    >>> found.save("losses.csv")  # doctest: +SKIP
    """
    out = Path(out)
    lines: list[dict[str, Any]] = []
    left_out: list[LeftOut] = []
    provenance = {}
    places, known = _runs(out)
    for place in places:
        missing = _missing(place, unfinished=unfinished)
        if place.run not in known and not earlier:
            missing = LeftOut(place.run, "not in the sweep", "the sweep file does not name it")
        left_out += [missing] if missing else []
        if missing and missing.state != "diverged":
            continue
        lines += [each for each in place.measured() if "trouble" not in each]
        provenance[place.run] = _origin(place)
    table = pd.DataFrame(lines)
    if eval_text and len(table):
        table = _of_text(table, eval_text)
    if table.empty:
        counts = counted(each.state for each in left_out)
        raise RunError(f"{out}: no run has measured a loss yet ({counts})")
    pruned = (
        table["method"].notna() if "method" in table else pd.Series(data=False, index=table.index)
    )
    return Gathered(
        records=_tidy(table[pruned]),
        dense=_tidy(table[~pruned]),
        left_out=tuple(left_out),
        provenance={"runs": provenance, "texts": _texts(out)},
    )


def _runs(out: Path) -> tuple[list[Place], Collection[str]]:
    """Runs that have a folder or should have one, by name; and the ids that the sweep names."""
    folders = {each.parent.name for each in (out / "runs").glob("*/run.json")}
    sweep = planned(out)
    if not folders and sweep is None:
        is_there = "holds no runs" if out.is_dir() else "is no folder"
        raise RunError(f"{out} {is_there}; p2law collect run SWEEP --out {out} makes them")
    known = folders if sweep is None else sweep.runs.keys()
    return [Place(out, name) for name in sorted({*folders, *known})], known


def _missing(place: Place, *, unfinished: bool) -> LeftOut | None:
    """What a run lacks, None where the table has all of it that is wanted."""
    found = standing(place)
    state, tokens = found["state"], found["tokens"]
    if state == "done" or (state != "diverged" and unfinished and pd.notna(found["loss"])):
        return None
    words = {
        "diverged": f"{found['reason']} at {tokens:,} tokens; losses before that are in the table",
        "failed": found["reason"],
        "waiting": "not begun",
    }
    return LeftOut(place.run, state, words.get(state, f"{tokens:,} tokens so far"))


def _of_text(table: pd.DataFrame, eval_text: str) -> pd.DataFrame:
    texts = sorted(table["eval_text"].unique())
    if eval_text not in texts:
        raise RunError(f"no loss was measured on {eval_text!r}; there are {', '.join(texts)}")
    return table[table["eval_text"] == eval_text]


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    """What a law reads comes first; without columns that hold nothing, rows numbered anew."""
    filled = table.dropna(axis="columns", how="all").reset_index(drop=True)
    first = [name for name in FIRST if name in filled]
    found = filled[[*first, *filled.columns.difference(first, sort=False)]]
    counts = {name: "int64" for name in COUNTS if name in found and found[name].notna().all()}
    return found.astype(counts)


def _origin(place: Place) -> dict[str, Any]:
    events = [each for each in place.timing.lines() if each.get("event") == "start"]
    return {
        "run": read_json(place.folder / "run.json"),
        "started": events,
        "seconds": _seconds(place),
    }


def _seconds(place: Place) -> float:
    """Seconds of training over all starts, as far as they led to a measurement."""
    total, latest = 0.0, 0.0
    for each in place.timing.lines():
        if each.get("event") == "start":
            total, latest = total + latest, 0.0
        else:
            latest = float(each.get("seconds", 0.0))
    return round(total + latest, 1)


def _texts(out: Path) -> dict[str, Any]:
    """What was tokenised, by folder."""
    metas = sorted((out / "corpora").glob("*/meta.json"))
    return {each.parent.name: read_json(each) for each in metas}
