"""How the runs of a sweep stand: what the sweep consists of, and what became of each run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from p2law.collect.columns import aligned
from p2law.collect.ledger import clear_drafts, write_json
from p2law.collect.place import Place, read_json
from p2law.errors import RunError

STATES = ("done", "diverged", "failed", "running", "interrupted", "waiting")
"""All that can become of a run; the first two are endings."""


@dataclass(frozen=True)
class Planned:
    """What ``sweep.json`` says: the runs of a sweep.

    Attributes
    ----------
    runs : mapping of str to int, token
        Those of the sweep file that was run last, with their totals.
    earlier : mapping of str to int, token
        Those that only earlier sweep files, or earlier states of this one, named.
    """

    runs: Mapping[str, int]
    earlier: Mapping[str, int]


def planned(out: Path) -> Planned | None:
    """Which runs a folder is for, None where no sweep was begun in it."""
    found = read_json(out / "sweep.json")
    if found is None:
        return None
    runs: Mapping[str, int] = found["runs"]
    latest = found.get("latest", runs)  # older versions did not tell them apart
    return Planned(
        runs={name: runs[name] for name in latest},
        earlier={name: total for name, total in runs.items() if name not in latest},
    )


def remember(out: Path, name: str, runs: Mapping[str, int]) -> None:
    """Note which runs a sweep consists of; those of earlier files stay on the list.

    Parameters
    ----------
    out : Path
        Folder of the sweep.
    name : str
    runs : mapping of str to int, token
        Totals by id.

    Raises
    ------
    RunError
        The folder cannot be written to.
    """
    from filelock import FileLock  # noqa: PLC0415 - an extra; looking needs none

    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / "sweep.json.lock"):  # another worker may be noting the same
            clear_drafts(out / "sweep.json")
            before = read_json(out / "sweep.json") or {"runs": {}}
            content = {"name": name, "runs": {**before["runs"], **runs}, "latest": list(runs)}
            if content != before:
                write_json(out / "sweep.json", content)
    except OSError as error:
        raise RunError(
            f"cannot write to the folder {out}: {error.strerror or error}; "
            f"name another, or make this one writable"
        ) from error


def status(out: str | Path) -> pd.DataFrame:
    """How the runs of a sweep stand.

    Parameters
    ----------
    out : str or Path
        Folder of the sweep.

    Returns
    -------
    DataFrame
        One row for each run of the sweep file that was run last, in its order. Columns
        run, state (waiting, running, interrupted, failed, diverged, done), tokens, of
        (tokens in all), loss (nat per token, the last one on the first text), reason.

    Raises
    ------
    RunError
        There is no sweep in the folder, or a file in it cannot be read.

    Examples
    --------
    >>> from p2law import collect
    >>> table = collect.status("study")  # doctest: +SKIP
    >>> table[table["state"] == "failed"]["reason"]  # doctest: +SKIP
    """
    out = Path(out)
    found = _begun(out)
    rows = [
        {"run": name, **standing(Place(out, name)), "of": total}
        for name, total in found.runs.items()
    ]
    return pd.DataFrame(rows, columns=["run", "state", "tokens", "of", "loss", "reason"])


def _begun(out: Path) -> Planned:
    found = planned(out)
    if found is None:
        is_there = "holds no sweep" if out.is_dir() else "is no folder"
        raise RunError(f"{out} {is_there}; p2law collect run SWEEP --out {out} begins one")
    return found


def standing(place: Place) -> dict[str, Any]:
    """State, tokens, last loss and reason of one run."""
    ending, lines = place.ending, place.measured()
    measured = [each for each in lines if "loss" in each]
    reason = place.failure
    if ending is not None:
        reason = ending["trouble"]
        state = "diverged" if reason else "done"
    elif place.busy():
        state, reason = "running", ""
    elif reason:
        state = "failed"
    else:
        state = "interrupted" if place.folder.exists() else "waiting"
    first = [each for each in measured if each["eval_text"] == measured[0]["eval_text"]]
    return {
        "state": state,
        "tokens": lines[-1]["tokens"] if lines else 0,
        "loss": first[-1]["loss"] if first else float("nan"),
        "reason": " ".join(reason.split()),
    }


def counted(states: Iterable[str]) -> str:
    """How many there are of each, the endings first: ``"3 done, 1 failed"``."""
    counts = Counter(states)
    known = [*STATES, *(each for each in counts if each not in STATES)]
    return ", ".join(f"{counts[each]} {each}" for each in known if counts[each])


def report(out: str | Path) -> str:
    """`status` as text: progress, a line a run, and the reasons of those that stopped.

    Parameters
    ----------
    out : str or Path
        Folder of the sweep.

    Returns
    -------
    str

    Raises
    ------
    RunError
        As from `status`.
    """
    table, earlier = status(out), len(_begun(Path(out)).earlier)
    total = max(int(table["of"].sum()), 1)
    share = f"{table['tokens'].sum() / total:.0%} of {total:,} tokens"
    rows = [["run", "state", "tokens", "of", "loss"]]
    for run, state, tokens, of, loss, _ in table.itertuples(index=False):
        shown = "" if pd.isna(loss) else f"{loss:.4f}"
        rows.append([run, state, f"{tokens:,}", f"{of:,}", shown])
    stopped = table[table["reason"] != ""]
    said = [f"{counted(table['state'])}; {share}", "", *aligned(rows, words=(0, 1))]
    said += [""] * bool(len(stopped))
    said += [f"! {each.run} {each.state}: {each.reason}" for each in stopped.itertuples()]
    if earlier:
        said += ["", f"{earlier} more of earlier sweep files; p2law collect gather --earlier"]
    return "\n".join(said)
