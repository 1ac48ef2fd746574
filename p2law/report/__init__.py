"""One self-contained page about a fit, with a planner that works without Python.

The page shows the law, what it rests on and what it cannot tell, and predicts in the
reader's browser from the fit's own refits, by the rule of `Fit.predict`. It needs no
network and no server.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pandas as pd

from p2law.errors import FitError, FormError
from p2law.files.writing import write_whole
from p2law.holdout.splitting import Split
from p2law.report import budget, contents, figures, holding, planner, wishes
from p2law.report.rendering import render
from p2law.result import Fit, asking
from p2law.text.wording import got

__all__ = ["Asked", "html", "save"]

LARGEST = 1_000_000
"""Characters of a saved fit that a page carries along."""


class Asked(TypedDict, total=False):
    """What a report may be asked for; None asks for what it does by default.

    Attributes
    ----------
    title : str
        Heading of the page.
    level : float
        Of the intervals, 0.9 by default.
    held : DataFrame
        Rows that the fit has not seen, to be judged by them.
    holdouts : list of Split
        Records in two parts, as `p2law.holdout` makes them; the law is fitted anew to what
        each keeps. By default the last tokens, the largest model and the highest rate of
        the fit's own records; none with ``()``.
    cases : DataFrame
        Inputs beside tokens, each a column of the budget table; by default some of those
        on record.
    tokens : sequence of float
        Rows of the budget table.
    losses : sequence of float
        To be reached: a second table.
    pictures : bool
        True by default; without them the page is small, and matplotlib is not needed. While
        they are drawn, matplotlib's settings are those of the page, in other threads too.
    """

    title: str | None
    level: float | None
    held: pd.DataFrame | None
    holdouts: Sequence[Split] | None
    cases: pd.DataFrame | None
    tokens: Sequence[float] | None
    losses: Sequence[float] | None
    pictures: bool | None


def html(fit: Fit, **asked: Unpack[Asked]) -> str:
    """One self-contained HTML page about a fit.

    Parameters
    ----------
    fit : Fit
    **asked
        As `Asked` has it.

    Returns
    -------
    str
        The same for the same fit and packages, byte for byte.

    Raises
    ------
    MissingExtraError
        Jinja2 or matplotlib is not installed.
    FitError
        `fit` is no fit, `level` no probability, or what is asked for of the wrong kind.
    FormError, RecordError
        Cases lack an input of the law, or the law has no value there.
    """
    if not isinstance(fit, Fit):
        raise FitError(f"a report is of what p2law.fit returns, got {got(fit)}")
    wishes.check(asked)
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    level = given.get("level", 0.9)
    asking.interval(level, "mean")
    pictures = given.get("pictures", True)
    wishes.packages("jinja2", *["matplotlib"] * pictures)
    trials = holding.tried(fit, given.get("holdouts"), given.get("held"))
    about = contents.summary(fit)
    first = next((each.score for each in trials if each.score), None)
    drawn = figures.pictures(fit, first, level) if pictures else ([], [])
    return render(
        {
            "title": given.get("title") or f"{about['law']} fitted to {about['about']}",
            "about": about,
            "level": f"{100 * level:g}",
            "trouble": (*map(contents.plain, fit.trouble), *holding.trouble(trials)),
            "unit": budget.plain_unit(fit),
            "start_level": f"{min(100 * level, 100 * planner.HIGHEST):g}",
            **_planner(fit),
            "budgets": budget.tables(
                fit, given.get("cases"), given.get("tokens"), given.get("losses"), level
            ),
            "caption": contents.caption(fit, level),
            "coefficients": contents.coefficients(fit, level),
            "unknowns": contents.unknowns(fit),
            "hardly": contents.hardly(fit),
            "trials": trials,
            "tried": holding.words(len(trials) - ("held" in given), "held" in given),
            "trial_header": holding.HEADER,
            "conditions": contents.conditions(fit, level),
            "covered": contents.covered(fit),
            "figures": drawn[0],
            "no_figures": drawn[1],
            "settings": contents.settings(fit),
            "versions": contents.versions(fit),
            "recipe": contents.recipe(fit),
            "saved": _saved(fit),
        }
    )


def save(fit: Fit, path: str | Path, **asked: Unpack[Asked]) -> Path:
    """Write the page about a fit into a file.

    Parameters
    ----------
    fit : Fit
    path : str or Path
    **asked
        As `Asked` has it.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    MissingExtraError, FitError, FormError, RecordError
        As `html`.
    OSError
        The file cannot be written; what stood there still stands.
    """
    place = Path(path)
    write_whole(place, html(fit, **asked))
    return place


def _planner(fit: Fit) -> dict[str, Any]:
    """What the planner needs, or why there is none and what a table says instead."""
    try:
        return {"plan": planner.planner(fit), "why_not": ""}
    except FormError as error:
        return {"plan": None, "why_not": str(error)}


def _saved(fit: Fit) -> str:
    """The fit as JSON, where a page can carry it."""
    text = fit.to_json()
    return text if len(text) <= LARGEST else ""
