"""The pictures of a report: those of `p2law.plotting`, as SVG that a page can hold."""

import io
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from p2law import plotting
from p2law.errors import P2LawError
from p2law.records.vocabulary import TOKENS
from p2law.report.rendering import drawing
from p2law.result import Fit
from p2law.scoring import Score
from p2law.text.wording import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BROAD, HALF = 11.5, 5.7
"""Widths in inches of what fills the page and of what stands side by side."""

PANEL = 2.9
"""Height of a row of panels, in inches."""

COLUMNS = 4

MANY = 2_000
"""Points from which on they are drawn as one image, for a page must stay small."""

STYLE = {"svg.fonttype": "none", "font.size": 10.0, "text.parse_math": False}
"""On top of matplotlib's own: a page looks the same whatever style its maker works in."""

_ALONE = threading.Lock()
"""Settings of matplotlib and filters of warnings are those of all threads: one picture at a time
changes them, so that each finds them as they were and leaves them so."""


@dataclass(frozen=True)
class Picture:
    """One picture: the drawing as markup, its caption, and whether it fills the page."""

    drawing: Any
    caption: str
    wide: bool


@dataclass(frozen=True)
class _Plan:
    """How a picture is made; `draw` gets an empty figure and returns the axes it drew on."""

    name: str
    caption: str
    width: float
    draw: Callable[..., Any]


def pictures(fit: Fit, score: Score | None, level: float) -> tuple[list[Picture], list[str]]:
    """All pictures that a fit has, and sentences about those that it has not.

    Parameters
    ----------
    fit : Fit
    score : Score, optional
        Held-out rows, marked among predicted and measured ones.
    level : float
        Of bands and intervals.

    Returns
    -------
    list of Picture, list of str
    """
    made, missing = list[Picture](), list[str]()
    for plan in _plans(fit, score, level):
        try:
            with _own_style(plan.name):
                svg = _drawn(plan)
        except P2LawError as error:
            missing.append(f"{plan.name}: {one_line(error)}")
        else:
            made.append(Picture(drawing(svg, plan.name), plan.caption, plan.width == BROAD))
    return made, missing


@contextmanager
def _own_style(name: str) -> Iterator[None]:
    """Settings of matplotlib for one picture, whatever they are before and after."""
    from matplotlib import style  # noqa: PLC0415 - loads when a report is asked for

    with (
        _ALONE,
        style.context(["default", {**STYLE, "svg.hashsalt": name}]),
        warnings.catch_warnings(),
    ):
        # The page holds texts, for which a browser has other fonts.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def _plans(fit: Fit, score: Score | None, level: float) -> Iterator[_Plan]:
    columns, target = fit.form.columns, fit.form.target.replace("_", " ")
    band = f"{100 * level:g} % bands"
    if TOKENS in columns:
        until = float(fit.records[TOKENS].max()) * 10
        yield _Plan(
            "curves",
            f"Measured {target} (points) and the fitted law (lines) with {band}. Dashed beyond the "
            "records; not drawn where they do not determine it.",
            BROAD,
            lambda ax: plotting.curves(fit, level=level, until=until, ax=ax),
        )
    if "pruning_rate" in columns:
        yield _Plan(
            "rates",
            f"{target.capitalize()} against pruning rate after few, some and many tokens, with "
            f"{band}.",
            BROAD,
            lambda ax: plotting.rates(fit, level=level, ax=ax),
        )
    if TOKENS in columns:
        yield _Plan(
            "gain",
            "What the next doubling of the tokens wins, and where that is less than one sees.",
            BROAD,
            lambda ax: plotting.gain(fit, level=level, ax=ax),
        )
    yield from _checks(fit, score, level)
    yield _Plan(
        "coefficients",
        f"Coefficients with {100 * level:g} % intervals, and how their refits go together.",
        BROAD,
        lambda ax: plotting.coefficients(fit, level=level, ax=ax),
    )


def _checks(fit: Fit, score: Score | None, level: float) -> Iterator[_Plan]:
    held = "" if score is None else "; diamonds are rows judged, with intervals for a new run"
    yield _Plan(
        "predicted",
        f"Predicted against measured{held}.",
        HALF,
        lambda ax: plotting.predicted(fit, score, level=level, ax=ax),
    )
    if TOKENS in fit.form.columns and len(fit.form.columns) > 1:
        yield _Plan(
            "contour",
            f"Lines of equal {fit.form.target}; hatched beyond the records, white where not "
            "determined.",
            HALF,
            lambda ax: plotting.contour(fit, ax=ax),
        )
    yield _Plan(
        "residuals",
        "Measured minus predicted, by run and along the records; grey is one rmse.",
        BROAD,
        lambda ax: plotting.residuals(fit, ax=ax),
    )


def _drawn(plan: _Plan) -> str:
    """One picture as text; the same every time."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - loads when a report is asked for

    figure = Figure(figsize=(plan.width, 4.2), layout="constrained")
    panels = np.atleast_1d(plan.draw(ax=figure))
    _fit_height(figure, len(panels), plan)
    _flatten(panels.tolist())
    written = io.StringIO()
    empty = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(written, format="svg", metadata=empty, facecolor="none", dpi=150)
    return written.getvalue()


def _fit_height(figure: "Figure", panels: int, plan: _Plan) -> None:
    """Give panels the height that their number asks for."""
    if plan.name in ("curves", "rates"):
        rows = -(-panels // COLUMNS)
        figure.set_size_inches(BROAD, max(rows * PANEL + 0.6, 4.4 if panels == 1 else 0.0))


def _flatten(panels: Sequence[Any]) -> None:
    """Draw very many points as an image within the picture."""
    for axes in panels:
        for each in axes.collections:
            if len(each.get_offsets()) > MANY:
                each.set_rasterized(True)
        for line in axes.lines:
            if line.get_marker() not in ("", "None", None) and len(line.get_xdata()) > MANY:
                line.set_rasterized(True)
