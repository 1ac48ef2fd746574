"""What a log does not say of its runs: sizes, rates, base losses, names."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from p2law.errors import RecordError
from p2law.logs.log import Log, Measured, finished
from p2law.records.vocabulary import LABELS, VOCABULARY
from p2law.text.wording import got, half

Facts = Mapping[str, Any]

ALIKE = 0.85
"""Names that share this much of their letters, in order, are one name misspelt."""

_FRONT = ("run", "model", "params", "tokens", "pruning_rate", "base_loss", "loss")


def described(log: Log, facts: Facts | None, accept: Sequence[str] = ()) -> Log:
    """Add to records what is known of their runs.

    Parameters
    ----------
    log : Log
    facts : mapping, optional
        Columns to add: one value for all, or a mapping from runs to values.
    accept : sequence of str
        As in `p2law.load`.

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        A fact is no value, is in the log already, is given for some runs only, has almost the
        name of a known column, or the records cannot be used with it.

    Examples
    --------
    >>> import pandas as pd
    >>> log = Log(pd.DataFrame({"run": ["a", "b"], "tokens": 1e6, "loss": [2.1, 2.2]}), ())
    >>> described(log, {"method": "depth", "pruning_rate": {"a": 0.25, "b": 0.5}}).records
      run     tokens  pruning_rate  loss method
    0   a  1000000.0          0.25   2.1  depth
    1   b  1000000.0          0.50   2.2  depth
    """
    if facts is not None and not isinstance(facts, Mapping):
        raise RecordError(f"facts is a mapping, as {{'params': 1.2e9}}, got {got(facts)}")
    runs, table = log.records["run"], log.records.copy()
    notes = list(log.notes)
    _check_names([*(facts or {})], list(table.columns))
    for name, value in (facts or {}).items():
        own = _by_run(name, value, list(runs.unique()), list(log.records.columns))
        if odd := next((each for each in own.values() if isinstance(each, str) and half(each)), ""):
            raise RecordError(
                f"fact {name} holds half a character ({half(odd)}), which is no text; write both "
                f"halves, or the character itself"
            )
        table[name] = [_plain(own[run]) for run in runs]
        for run, each in own.items():
            if isinstance(each, Measured):
                notes.append(f"{run}: {name} {each.loss:.10g} from {each.source}")
    front = [name for name in _FRONT if name in table.columns]
    table = table[front + [each for each in table.columns if each not in front]]
    return finished(table, notes, accept)


def _check_names(names: Sequence[Any], columns: Sequence[str]) -> None:
    """Refuse names that are almost one of the vocabulary, where that one is not there too."""
    known = [*VOCABULARY, "run", *LABELS]
    lacking = [each for each in known if each not in names and each not in columns]
    for name in names:
        if not isinstance(name, str) or name in known:
            continue
        called = [each for each in lacking if name.lower() in _other_names(each)]
        meant = called or difflib.get_close_matches(name.lower(), lacking, n=1, cutoff=ALIKE)
        if meant:
            raise RecordError(
                f"facts hold {name!r}: did you mean {meant[0]!r}? A column of your own needs a "
                f"name that cannot be taken for it"
            )


def _other_names(column: str) -> list[str]:
    """What a column of the vocabulary is often called, in more than a letter."""
    known = VOCABULARY.get(column)
    return [each for each in known.aliases if len(each) > 1] if known else []


def _by_run(name: Any, value: Any, runs: Sequence[str], columns: Sequence[str]) -> Facts:
    """The value of one fact for each run."""
    if not isinstance(name, str) or (name in columns and name != "run"):
        raise RecordError(f"{name!r} is in the log already; it cannot be a fact too")
    own = value if isinstance(value, Mapping) else dict.fromkeys(runs, value)
    lacking = [run for run in runs if run not in own]
    unknown = [str(run) for run in own if run not in runs]
    if lacking or unknown:
        what = [f"not for {', '.join(lacking)}"] if lacking else []
        what += [f"for {', '.join(unknown)}, which the log does not hold"] if unknown else []
        raise RecordError(
            f"{name} is given by run, but {', and '.join(what)}; "
            f"its runs are {', '.join(runs[:20])}"
        )
    wrong = [each for each in own.values() if not np.isscalar(_plain(each))]
    if wrong:
        raise RecordError(f"{name} is one value, or one for each run, got {got(wrong[0])}")
    if name == "run" and len(set(own.values())) < len(runs):
        raise RecordError(f"{len(runs)} runs need a name each, by run: {', '.join(runs[:20])}")
    return own


def _plain(value: Any) -> Any:
    """A fact as it stands in a table."""
    return value.loss if isinstance(value, Measured) else value
