"""Hold-outs of a fit: its law fitted to some of its records and asked about the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from p2law import fitting, forms, holdout, objectives, scoring
from p2law.errors import P2LawError
from p2law.holdout import Split
from p2law.report import contents
from p2law.result import Fit
from p2law.scoring import Score
from p2law.scoring.judging import beaten
from p2law.solving.gathering import WEIGHT
from p2law.text.views import View, number
from p2law.text.wording import one_line

USUAL: Mapping[str, Any] = {
    "last-tokens": holdout.last_tokens,
    "largest-model": holdout.largest_model,
    "highest-rate": holdout.highest_rate,
}
"""The three generalisations that the P² paper claims."""

NEEDS = {"last-tokens": "tokens", "largest-model": "params", "highest-rate": "pruning_rate"}

HEADER = (
    "asked about",
    "rows",
    "rmse",
    "mean relative error",
    "rows inside the 90 % interval",
    "rmse of last value",
    "rmse of each run's power law",
)


@dataclass(frozen=True)
class Trial:
    """One hold-out: what was held, and the score, or why there is none.

    Attributes
    ----------
    words : str
    score : Score or None
    why : str
    """

    words: str
    score: Score | None
    why: str = ""

    @property
    def view(self) -> View | None:
        """All that the score says."""
        if self.score is None:
            return None
        found = self.score.view()
        return replace(found, warnings=tuple(map(contents.plain, found.warnings)))

    @property
    def row(self) -> tuple[str, ...]:
        """The line of the summary, as `HEADER` has it; empty without a score."""
        if self.score is None:
            return ()
        found, naive = self.score, self.score.baselines["rmse"]
        beside = [number(naive[name], 3) if name in naive else "none" for name in naive.index[1:3]]
        count = f"{found.rows} of {found.rows + found.undetermined}"
        if not found.rows:
            return (self.words, count, *["none"] * (len(HEADER) - 2))
        return (
            self.words,
            count,
            number(found.rmse, 3),
            f"{number(100 * found.mean_relative, 3)} %",
            f"{100 * found.coverage:.0f} %",
            *(beside or ("none", "none")),
        )


def tried(fit: Fit, asked: Iterable[Split] | None, held: pd.DataFrame | None) -> list[Trial]:
    """Hold-outs of a fit's records, and rows that it has never seen.

    Parameters
    ----------
    fit : Fit
    asked : iterable of Split, optional
        Of records like those of the fit; the three usual ones of its own where left out.
    held : DataFrame, optional
        Further rows, judged by the fit as it stands.

    Returns
    -------
    list of Trial
    """
    found = [] if held is None else [_given(fit, held)]
    if asked is not None:
        return found + [_tried(fit, each) for each in asked]
    return found + [_usual(fit, name) for name, needs in NEEDS.items() if needs in fit.form.columns]


def words(holdouts: int, held: int) -> str:
    """How the law was tried: on parts of the records, on rows given, or on both.

    Parameters
    ----------
    holdouts, held : int
        Numbers of trials of either kind.

    Returns
    -------
    str
    """
    parts = (
        "The law is fitted to a part of the records and asked about the rest, which it has not "
        "seen. "
    ) * bool(holdouts)
    given = "The fit as it stands is asked about the rows given. " * bool(held)
    return f"{parts}{given}Beside it stands what needs no law."


def trouble(trials: Iterable[Trial]) -> list[str]:
    """Sentences about hold-outs in which what needs no law does better."""
    return [
        f"{trial.words}: {said}"
        for trial in trials
        if trial.score
        for said in beaten(trial.score.baselines, trial.score.unit)
    ]


def _given(fit: Fit, rows: pd.DataFrame) -> Trial:
    trial = _scored("rows that the fit has not seen", fit, rows)
    if trial.score and (seen := trial.score.fitted):
        return replace(trial, words=f"rows given, of which the fit has seen {seen}")
    return trial


def _usual(fit: Fit, name: str) -> Trial:
    try:
        return _tried(fit, USUAL[name](fit.records))
    except P2LawError as error:
        return Trial(name.replace("-", " "), None, one_line(error))


def _tried(fit: Fit, split: Split) -> Trial:
    try:
        return _scored(split.words, again(fit, split.kept), split.held)
    except P2LawError as error:
        return Trial(split.words, None, one_line(error))


def _scored(words: str, fit: Fit, rows: pd.DataFrame) -> Trial:
    try:
        return Trial(words, scoring.score(fit, rows))
    except P2LawError as error:
        return Trial(words, None, one_line(error))


def again(fit: Fit, records: pd.DataFrame) -> Fit:
    """The law of a fit, fitted to other records by the same settings.

    Parameters
    ----------
    fit : Fit
    records : DataFrame

    Returns
    -------
    Fit

    Raises
    ------
    P2LawError
        It cannot be fitted to these.
    """
    asked = fit.settings
    own = set(fit.held) - set(asked.fixed) - set(asked.tied)
    weighted = asked.weight not in (None, "run") and WEIGHT in records
    return fitting.fit(
        records,
        # What p2law held by itself it may hold anew, as these records need.
        None if own and fit.form is forms.p2 else fit.form,
        objective=objectives.parse(asked.objective),
        weight=WEIGHT if weighted else asked.weight,
        fixed=dict(asked.fixed),
        tied=dict(asked.tied),
        seed=asked.seed,
    )
