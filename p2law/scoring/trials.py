"""Laws put to the test: fitted to what each split keeps, asked about what it holds."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law import identify
from p2law.declaring import Array, Mask
from p2law.errors import ScoreError
from p2law.holdout import Split
from p2law.identify import causes
from p2law.identify.ties import ties
from p2law.parallel import mapped
from p2law.records.grouping import codes, groups
from p2law.result import Fit
from p2law.scoring.baselines import baselines
from p2law.scoring.contenders import Contender, Ground, attempt, points
from p2law.text.wording import listed, several

APART = ("params", "pruning_rate", "corpus", "eval_text")
"""Columns by which runs differ in what a law gets wrong, whether or not it reads them."""


@dataclass(frozen=True)
class Trial:
    """Held rows, those of one split after those of another, and what was said of them.

    Attributes
    ----------
    measured : ndarray of shape (held,)
    run : ndarray of int, shape (held,)
        Number of the run in the table.
    cell : ndarray of int, shape (held,)
        Number of the cell: runs of equal inputs, whatever their tokens.
    predicted : mapping of str to ndarray of shape (held,)
        By law; NaN where it determines nothing or was not fitted.
    naive : mapping of str to ndarray of shape (held,)
        By baseline; NaN where a row continues no kept run.
    why : mapping of str to str
        By law, why predictions are missing.
    notes : tuple of str
        About splits that had nothing to keep or to hold.
    """

    measured: Array
    run: Any
    cell: Any
    predicted: Mapping[str, Array]
    naive: Mapping[str, Array]
    why: Mapping[str, str]
    notes: tuple[str, ...]

    def determined(self, law: str) -> int:
        """How many held rows a law predicts."""
        return int(np.isfinite(self.predicted[law]).sum())


def tried(
    table: pd.DataFrame, common: Ground, splits: Sequence[Split], options: Mapping[str, Any]
) -> Trial:
    """Fit every law to what every split keeps, and ask it about what is held.

    Parameters
    ----------
    table : DataFrame
        Checked records with a column `run`.
    common : Ground
        The rows that are used.
    splits : sequence of Split
        Of the table.
    options : mapping
        Of every fit.

    Returns
    -------
    Trial

    Raises
    ------
    ScoreError
        No split has rows to keep and to hold among those that are used.
    """
    parts = [(each, ~each.mask & common.mask, each.mask & common.mask) for each in splits]
    sound = [(each, kept, held) for each, kept, held in parts if kept.any() and held.any()]
    empty = [each.words for each, kept, held in parts if not (kept.any() and held.any())]
    note = (
        f"without rows that all laws can use on both sides, and left out: {len(empty)} of "
        f"{several(len(parts), 'split')} ({_some(empty)})"
    )
    if not sound:
        raise ScoreError(f"nothing can be compared; {note}")
    target = common.able[0].law.target
    rows = np.concatenate([np.flatnonzero(held) for _, _, held in sound])
    predicted, why = dict[str, Array](), dict[str, str]()
    pairs = [(law, split.words, *rows) for law in common.able for split, *rows in sound]
    asked = mapped(functools.partial(_asked, table, options), pairs, "fits to hold-outs")
    for k, law in enumerate(common.able):
        told = asked[k * len(sound) : (k + 1) * len(sound)]
        predicted[law.name] = np.concatenate([each for each, _ in told])
        reasons = dict.fromkeys(reason for _, reason in told if reason)
        why[law.name] = _some(list(reasons))
    return Trial(
        measured=table[target].to_numpy()[rows],
        run=codes(table, "run")[rows],
        cell=cells(table, common)[rows],
        predicted=predicted,
        naive=_naive(table, sound, target),
        why=why,
        notes=(note,) if empty else (),
    )


def cells(table: pd.DataFrame, common: Ground) -> Any:
    """Number the cells of runs that no law in question can tell apart but by their tokens.

    Runs that differ in size, rate or text are apart even where no law reads these.
    """
    inputs = [name for each in common.able for name in each.law.columns if name != "tokens"]
    keys = [name for name in (*APART, *inputs) if name in table]
    code, run = groups(table, list(dict.fromkeys(keys))), codes(table, "run")
    return pd.factorize(pd.Series(code).groupby(run).agg(frozenset))[0][run]


def _asked(
    table: pd.DataFrame, options: Mapping[str, Any], task: tuple[Contender, str, Mask, Mask]
) -> tuple[Array, str]:
    """Predictions of held rows by a law that was fitted to the kept ones, and what is missing."""
    law, words, kept, held = task
    rows = table[held]
    made = attempt(law, table[kept], **options)
    if made.fit is None:
        return np.full(len(rows), np.nan), f"fitted without {words}: {made.why}"
    told = points(made.fit, rows)
    lacking = int(np.sum(~np.isfinite(told)))
    if not lacking:
        return told, ""
    where = f"fitted without {words}: {lacking} of {len(rows)} rows are not determined"
    return told, f"{where}: {cause(made.fit)}"


def cause(found: Fit) -> str:
    """What the records of a fit lack, for which predictions are missing; bounds are no cause."""
    surface = found.known.problem.surface
    q = surface.coordinates(found.values)
    free = identify.at(surface, q)
    said = [*_held(found), *map(str, causes.loose(surface, q, free))]
    said = said or [str(each) for each in ties(surface)]
    said = said or list(causes.faint(surface, identify.evidence(surface, q, free)))
    return "; ".join(said) or "the kept rows say little there"


def _held(found: Fit) -> list[str]:
    """Sentences about coefficients that were held for want of records."""
    by_cause: dict[str, list[str]] = {}
    for name, why in found.held.items():
        if name not in found.settings.fixed and name not in found.settings.tied:
            by_cause.setdefault(why, []).append(name)
    return [
        f"{why}, so {listed(names)} {'were' if len(names) > 1 else 'was'} held"
        for why, names in by_cause.items()
    ]


def _naive(
    table: pd.DataFrame, parts: Sequence[tuple[Split, Mask, Mask]], target: str
) -> dict[str, Array]:
    if "tokens" not in table:
        return {}
    found = [vars(baselines(table[kept], table[held], target)) for _, kept, held in parts]
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def _some(reasons: Sequence[str]) -> str:
    """The first of some reasons, and how many more there are."""
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}" if reasons else ""
