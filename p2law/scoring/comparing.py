"""Many laws, one table: fitted to the same rows, judged by the same rows that none had seen."""

import functools
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from p2law import holdout
from p2law.declaring import Array, Form
from p2law.errors import ScoreError
from p2law.holdout import Split
from p2law.holdout.splitting import strangers
from p2law.objectives import Objective, squared
from p2law.parallel import mapped
from p2law.records.checking import check
from p2law.records.grouping import runs
from p2law.records.vocabulary import unit
from p2law.scoring.comparison import Comparison
from p2law.scoring.contenders import Attempt, Contender, Ground, attempt, contenders, ground
from p2law.scoring.criteria import criteria, free
from p2law.scoring.deciding import Contest, contest
from p2law.scoring.judging import NAIVE
from p2law.scoring.trials import Trial, tried
from p2law.solving.gathering import mixtures, unmasked
from p2law.solving.labelling import plain_runs
from p2law.solving.settings import settings
from p2law.text.views import number
from p2law.text.wording import got, listed, short

Hold = Split | str | Iterable[Split] | Callable[[pd.DataFrame], Split | Iterable[Split]]

SQUARED = squared()

PICKED = (
    "the winner was picked by its error on the held rows and then tested on the same rows: chance "
    "does as well somewhat more often than is said"
)

COLUMNS = ("status", "free", "rmse", "aic", "bic", "held_rmse", "determined", "chance", "why")


def compare(
    records: pd.DataFrame,
    forms: Sequence[Form | None],
    hold: Hold,
    *,
    objective: Objective = SQUARED,
    weight: str | None = None,
    seed: int = 0,
) -> Comparison:
    """Fit laws to the same rows, and judge them by rows that they had not seen.

    Parameters
    ----------
    records : DataFrame
        As `p2law.load` returns.
    forms : sequence of Form or None
        The laws; all predict the same column. None: the P² law with as few coefficients
        held as the records allow.
    hold : Split, str, sequence of Split, or function of records
        What is held out: `holdout.largest_model` (as it is, not called), a split or several
        of these records, or an expression as in `holdout.split`.
    objective : Objective
        Of every fit.
    weight : str or None
        As in `p2law.fit`.
    seed : int
        Of the fits, and of the signs that tell a difference from noise.

    Returns
    -------
    Comparison
        A law that cannot be fitted has a row that says why.

    Raises
    ------
    RecordError
        The records cannot be used as they stand.
    FormError
        One of `forms` is no law.
    FitError
        `objective`, `weight` or `seed` is of the wrong kind.
    ScoreError
        There are no laws, they predict different columns, none can use the records, or the
        hold-out leaves nothing to fit or to predict.

    Examples
    --------
    >>> import p2law
    >>> from p2law import forms, testing
    >>> truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    >>> grid = p2law.grid(params=[1e8, 3e8, 1e9, 3e9], tokens=[1e9, 3e9, 1e10, 3e10])
    >>> records = testing.synthesize(forms.chinchilla, truth, grid, noise=0.01)
    >>> laws = (forms.chinchilla, forms.token_power)
    >>> p2law.compare(records, laws, p2law.holdout.largest_model).winner
    'chinchilla'
    """
    settings(objective, weight, None, None, seed)
    laws = contenders(forms)
    table, note = _table(records, laws, weight)
    splits, held = _splits(hold, table)
    common = ground(laws, table, objective, weight)
    options: dict[str, Any] = {"objective": objective, "weight": weight, "seed": seed}
    trial = tried(table, common, splits, options)
    fitted = functools.partial(_attempted, table[common.mask], options)
    attempts = mapped(fitted, common.able, "fits to all rows")
    made = {law.name: each for law, each in zip(common.able, attempts, strict=True)}
    ranks = contest(trial, {name: _count(each) for name, each in made.items()}, seed)
    rows = _rows(laws, common, made, trial, ranks)
    used = table[common.mask]
    said = unit(laws[0].law.target, used)
    return Comparison(
        held=held,
        winner=ranks.winner,
        verdict=ranks.verdict(said),
        fits={name: each.fit for name, each in made.items() if each.fit is not None},
        rows=len(used),
        runs=used["run"].nunique(),
        held_rows=len(trial.measured),
        held_runs=len(np.unique(trial.run)),
        compared=int(ranks.on.sum()),
        left_out=common.left_out,
        trouble=(*mixtures(used), *_trouble(rows, ranks, said)),
        notes=(
            *filter(None, [note]),
            *_said(splits),
            *trial.notes,
            *([PICKED] if ranks.against else []),
            *_criteria_notes(made),
        ),
        _table=rows,
        _by_run=_by_run(table, made, trial, ranks),
    )


def _attempted(rows: pd.DataFrame, options: Mapping[str, Any], law: Contender) -> Attempt:
    """One law fitted to all rows, or why it could not be."""
    return attempt(law, rows, **options)


# -- what is asked --------------------------------------------------------------------------


def _table(
    records: pd.DataFrame, laws: Sequence[Contender], weight: str | None
) -> tuple[pd.DataFrame, str]:
    """Checked records with a column `run`, and a sentence where that was not given."""
    records = unmasked(records, weight)
    inputs = [name for each in laws for name in each.law.columns]
    present = [name for name in inputs if isinstance(records, pd.DataFrame) and name in records]
    weights = [weight] if weight not in (None, "run") else []
    needs = list(dict.fromkeys([*present, laws[0].law.target, *weights]))
    table = check(records, needs=needs, accept=("params", "tokens"))
    labels, note = runs(table)
    return table.assign(run=plain_runs(labels).array), note


def _splits(hold: Any, table: pd.DataFrame) -> tuple[tuple[Split, ...], str]:
    """The splits of a table, and what they hold out."""
    asked = hold
    if callable(hold):
        asked = hold(table)
    elif isinstance(hold, str):
        asked = holdout.split(table, hold)
    several_ = isinstance(asked, Iterable) and not isinstance(asked, (str, bytes, pd.DataFrame))
    splits = (asked,) if isinstance(asked, Split) else tuple(asked) if several_ else ()
    if not splits or not all(isinstance(each, Split) for each in splits):
        raise ScoreError(
            f"hold is a split, several, or a function that makes them, as "
            f"p2law.holdout.largest_model, got {got(hold)}"
        )
    if odd := strangers(splits, table):
        raise ScoreError(
            f"the split {short(odd[0].words)} was made of other records than these; make it of "
            f"the table that is compared on"
        )
    if len(splits) == 1:
        return splits, splits[0].words
    return splits, f"{len(splits)} splits in turn, from {splits[0].words} to {splits[-1].words}"


# -- what is told ---------------------------------------------------------------------------


def _rows(
    laws: Sequence[Contender],
    common: Ground,
    made: Mapping[str, Attempt],
    trial: Trial,
    ranks: Contest,
) -> pd.DataFrame:
    """One row a law, the best first, then the naive baselines."""
    names = [each.name for each in laws]
    order = [*ranks.rmse, *(name for name in names if name not in ranks.rmse)]
    rows = {name: _row(name, common, made.get(name), trial, ranks) for name in order}
    for name, rmse in ranks.naive.items():
        determined = int(np.isfinite(trial.naive[name]).sum())
        rows[f"({NAIVE[name]})"] = {"held_rmse": rmse, "determined": determined}
        if name in ranks.against:
            rows[f"({NAIVE[name]})"]["chance"] = ranks.against[name].chance
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=COLUMNS)
    table.index.name = "law"
    texts = ["status", "why"]
    said = table[texts].astype(object)  # all of a column may be missing
    return table.assign(**said.where(said.notna(), "")).astype(
        {name: float for name in COLUMNS if name not in texts}
    )


def _row(
    name: str, common: Ground, made: Attempt | None, trial: Trial, ranks: Contest
) -> dict[str, Any]:
    """What the table says of a law."""
    if made is None:
        return {"why": common.unable[name]}
    found: dict[str, Any] = {"determined": trial.determined(name), "why": trial.why[name]}
    found["held_rmse"] = ranks.rmse.get(name, np.nan)
    if name in ranks.against:
        found["chance"] = ranks.against[name].chance
    if made.fit is None:
        return found | {"why": "; ".join(filter(None, [made.why, trial.why[name]]))}
    weighed = criteria(made.fit)
    found |= {"status": made.fit.status.words, "free": free(made.fit)}
    found |= {"rmse": _rmse(made.fit.residuals()["residual"].to_numpy())}
    return found | {"aic": weighed.aic, "bic": weighed.bic}


def _count(made: Attempt) -> int:
    """Number of fitted coefficients; more than any law has where there is no fit."""
    return free(made.fit) if made.fit else sys.maxsize


def _rmse(off: Array) -> float:
    return float(np.sqrt(np.mean(off**2)))


def _trouble(table: pd.DataFrame, ranks: Contest, said_in: str) -> tuple[str, ...]:
    """Sentences about laws of which something is missing, and about baselines that win."""
    said = [f"{name}: {why}" for name, why in table["why"].items() if why]
    said += [
        f"{NAIVE[name]} needs no law and does better than all of them: "
        f"rmse {number(ranks.naive[name])} {said_in}"
        for name in ranks.shame
    ]
    return tuple(said)


def _said(splits: Sequence[Split]) -> list[str]:
    """What splits say of themselves, once."""
    return list(dict.fromkeys(note for each in splits for note in each.notes))


def _criteria_notes(made: Mapping[str, Attempt]) -> list[str]:
    """Why laws have no AIC and BIC, and what these take for granted."""
    reasons: dict[str, list[str]] = {}
    fits = {name: each.fit for name, each in made.items() if each.fit is not None}
    for name, each in fits.items():
        reasons.setdefault(criteria(each).why, []).append(name)
    given = reasons.pop("", [])
    notes = [f"no AIC and BIC for {listed(names)}: {why}" for why, names in reasons.items()]
    if given:
        notes.append("AIC and BIC take rows as independent, which those of one run are not")
    return notes


def _by_run(
    table: pd.DataFrame, made: Mapping[str, Attempt], trial: Trial, ranks: Contest
) -> pd.DataFrame:
    """Errors of each law on each run."""
    labels = pd.Index(table["run"].drop_duplicates().array, name="run")
    parts = {}
    for name, each in made.items():
        off = (trial.predicted[name] - trial.measured)[ranks.on]
        held = _of_runs(off, labels[trial.run[ranks.on]])
        inside = _of_runs(np.empty(0), labels[:0])
        if each.fit is not None:
            kept = each.fit.residuals()
            inside = _of_runs(kept["residual"].to_numpy(), pd.Index(kept["run"]))
        if name not in ranks.rmse:
            held = held.iloc[:0]
        parts[name] = inside.reindex(labels).join(held.reindex(labels).add_prefix("held_"))
    found = pd.concat(parts, names=["law", "run"])
    counts = ["rows", "held_rows"]
    return found.assign(**found[counts].fillna(0).astype(int))


def _of_runs(off: Array, run: pd.Index) -> pd.DataFrame:
    """Number of rows and root mean square of each run."""
    squares = pd.Series(off**2).groupby(np.asarray(run))
    return pd.DataFrame({"rows": squares.size(), "rmse": np.sqrt(squares.mean())})
