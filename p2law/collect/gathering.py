"""From the folders of a sweep to tables: what was measured, how runs stand, what made them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from p2law.collect.ledger import write_whole
from p2law.collect.place import Place, read_json
from p2law.errors import RunError


@dataclass(frozen=True)
class Gathered:
    """The measurements of a sweep.

    Attributes
    ----------
    records : DataFrame
        Pruned runs, in the vocabulary of `p2law.load`.
    dense : DataFrame
        Runs that made models: the same without what only a pruned model has.
    left_out : tuple of (str, str)
        Runs of which something is missing, and what: a loss that was no number, a
        run that has not ended.
    provenance : mapping
        Under "runs" what decided the records of each, the versions and machines that
        made them; under "texts" what was tokenised, with checksums.
    """

    records: pd.DataFrame
    dense: pd.DataFrame
    left_out: tuple[tuple[str, str], ...]
    provenance: Mapping[str, Any]

    def save(self, path: Path) -> tuple[Path, ...]:
        """Write the records, those of dense runs beside them, and where they come from.

        Parameters
        ----------
        path : Path
            ``NAME.csv``; beside it come ``NAME_dense.csv`` where there are dense runs
            and ``NAME.provenance.json``.

        Returns
        -------
        tuple of Path
            The files written.

        Raises
        ------
        RunError
            They cannot be written.
        """
        tables = {path: self.records, path.with_name(f"{path.stem}_dense.csv"): self.dense}
        written = [name for name, table in tables.items() if len(table)]
        try:
            for name in written:
                tables[name].to_csv(name, index=False, lineterminator="\n")
        except OSError as error:
            raise RunError(f"cannot write {error.filename}: {error.strerror}") from error
        sources = path.with_name(f"{path.stem}.provenance.json")
        write_whole(sources, {**self.provenance, "left_out": dict(self.left_out)})
        return (*written, sources)


def gather(out: str | Path, *, eval_text: str = "", unfinished: bool = False) -> Gathered:
    """Read the measurements of all runs of a sweep.

    Parameters
    ----------
    out : str or Path
        Folder of the sweep.
    eval_text : str
        Only losses on this text; on all texts where empty.
    unfinished : bool
        Also take what runs that have not ended have measured so far.

    Returns
    -------
    Gathered

    Raises
    ------
    RunError
        There is no sweep in the folder, or no loss yet, or a file is damaged.
    """
    out = Path(out)
    lines: list[dict[str, Any]] = []
    left_out: list[tuple[str, str]] = []
    provenance = {}
    for place in places(out):
        measured = place.ledger.lines()
        if place.ending is None and not unfinished:
            left_out.append((place.run, f"not ended; {len(measured)} measurements so far"))
            continue
        left_out += [(place.run, each["trouble"]) for each in measured if "trouble" in each]
        lines += [each for each in measured if "trouble" not in each]
        provenance[place.run] = _origin(place)
    table = pd.DataFrame(lines)
    if eval_text and len(table):
        table = _of_text(table, eval_text)
    if table.empty:
        raise RunError(f"{out}: no run has measured a loss yet ({len(left_out)} runs left out)")
    pruned = (
        table["method"].notna() if "method" in table else pd.Series(data=False, index=table.index)
    )
    return Gathered(
        records=_tidy(table[pruned]),
        dense=_tidy(table[~pruned]),
        left_out=tuple(left_out),
        provenance={"runs": provenance, "texts": _texts(out)},
    )


def places(out: Path) -> Iterator[Place]:
    """The runs whose folders are there, by name.

    Raises
    ------
    RunError
        There are none.
    """
    found = sorted(each.parent.name for each in (out / "runs").glob("*/run.json"))
    if not found:
        raise RunError(f"{out} holds no runs; p2law collect run SWEEP --out {out} makes them")
    for name in found:
        yield Place(out, name)


def _of_text(table: pd.DataFrame, eval_text: str) -> pd.DataFrame:
    texts = sorted(table["eval_text"].unique())
    if eval_text not in texts:
        raise RunError(f"no loss was measured on {eval_text!r}; there are {', '.join(texts)}")
    return table[table["eval_text"] == eval_text]


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    """Without columns that hold nothing, rows numbered anew."""
    return table.dropna(axis="columns", how="all").reset_index(drop=True)


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


# -- how the runs stand --------------------------------------------------------------


def status(out: str | Path) -> pd.DataFrame:
    """How the runs of a sweep stand.

    Parameters
    ----------
    out : Path
        Folder of the sweep.

    Returns
    -------
    DataFrame
        Columns run, state (waiting, running, interrupted, failed, diverged, done),
        tokens, of (tokens in all), loss (the last one, first text), reason.

    Raises
    ------
    RunError
        There is no sweep in the folder.
    """
    out = Path(out)
    planned = read_json(out / "sweep.json")
    if planned is None:
        raise RunError(f"{out} holds no sweep; p2law collect run SWEEP --out {out} begins one")
    rows = [_standing(Place(out, name), total) for name, total in planned["runs"].items()]
    return pd.DataFrame(rows, columns=["run", "state", "tokens", "of", "loss", "reason"])


def _standing(place: Place, total: int) -> dict[str, Any]:
    ending, lines = place.ending, place.ledger.lines()
    measured = [each for each in lines if "loss" in each]
    reason = place.failure
    if ending is not None:
        reason = ending["trouble"]
        state = "diverged" if reason else "done"
    elif place.busy():
        state = "running"
    elif reason:
        state = "failed"
    else:
        state = "interrupted" if place.folder.exists() else "waiting"
    first = [each for each in measured if each["eval_text"] == measured[0]["eval_text"]]
    return {
        "run": place.run,
        "state": state,
        "tokens": lines[-1]["tokens"] if lines else 0,
        "of": total,
        "loss": first[-1]["loss"] if first else float("nan"),
        "reason": reason.splitlines()[0] if reason else "",
    }


def remember(out: Path, name: str, runs: Mapping[str, int]) -> None:
    """Note which runs a sweep consists of; those of earlier files stay on the list.

    Raises
    ------
    RunError
        The folder cannot be written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {out}: {error.strerror}") from error
    with FileLock(out / "sweep.json.lock"):  # another worker may be noting the same
        before = read_json(out / "sweep.json") or {"runs": {}}
        content = {"name": name, "runs": {**before["runs"], **runs}}
        if content != before:
            write_whole(out / "sweep.json", content)
