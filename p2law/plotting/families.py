"""The curves of a law over its records: one for each combination of the inputs but one."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from p2law.declaring import Array, Mask
from p2law.errors import PlotError
from p2law.plotting.colours import BLACK
from p2law.plotting.quantities import title
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.result.verdicts import Status
from p2law.text.views import number
from p2law.text.wording import got, several

POINTS = 80
"""Places at which a curve is drawn."""

DASHES = (0, (4, 2.5))
"""Of a curve beyond the records."""

CURVE = "(curve)"
"""Column that numbers the curves; no input can be called so."""


@dataclass(frozen=True, eq=False)
class Family:
    """Curves over one input, one for each combination of the others on record.

    Attributes
    ----------
    fit : Fit
    along : str
        The input on the axis.
    records : DataFrame
        The rows of the fit.
    code : Series
        The number of the curve of each row.
    curves : DataFrame
        The other inputs of each curve, by number.
    ends : DataFrame
        The `first` and the `last` positive place of each curve, by number; NaN for none.
    """

    fit: Fit
    along: str
    records: pd.DataFrame
    code: pd.Series
    curves: pd.DataFrame
    ends: pd.DataFrame

    @property
    def others(self) -> list[str]:
        """The inputs that are not on the axis."""
        return [name for name in self.fit.form.columns if name != self.along]

    @property
    def telling(self) -> list[str]:
        """Those of them that vary, the loss before pruning left out: it follows the model."""
        varying = [name for name in self.others if varies(self.curves[name])]
        return [name for name in varying if not is_base(name)] or varying

    def told(self, asked: Sequence[tuple[int, float, float]], level: float) -> pd.DataFrame:
        """The law along some curves, with its band, at places spread evenly in the logarithm.

        Parameters
        ----------
        asked : sequence of (int, float, float)
            A curve, and where to begin and to end.
        level : float

        Returns
        -------
        DataFrame
            As `Fit.predict` returns, curve by curve in the order asked, with `CURVE`, the place
            in `asked`.
        """
        on_record = self.records[self.along]
        places = [stretch(on_record, low, high, log=True) for _, low, high in asked]
        order = np.repeat(np.arange(len(asked)), [len(each) for each in places])
        rows = self.curves.loc[[code for code, _, _ in asked]].iloc[order]
        table = rows.reset_index(drop=True).assign(**{self.along: np.concatenate(places)})
        return self.fit.predict(table, level=level).assign(**{CURVE: order})


def stretch(on_record: pd.Series, low: float, high: float, *, log: bool) -> Array:
    """Places from one end to another at which to draw a curve.

    The ends of the records are among them: there a curve turns into a guess.
    """
    if not high > low:
        return np.array([low])
    marks = [each for each in (on_record.min(), on_record.max()) if low < each < high]
    spread = np.geomspace if log else np.linspace
    inner = spread(low, high, POINTS)[1:-1]
    return np.unique(np.concatenate([[low, high], inner, marks]))


def family(fit: Fit, along: str) -> Family:
    """Sort the rows of a fit into curves over one of its inputs.

    Raises
    ------
    PlotError
        No row lies at a positive place.
    """
    records = numbered(fit)
    later = records[along] > 0
    if not later.any():
        raise PlotError(f"all rows of the fit lie at {along} = 0; there is no curve to draw")
    others = [name for name in fit.form.columns if name != along]
    code = records.groupby(others).ngroup() if others else pd.Series(0, records.index)
    first = ~code.duplicated()
    curves = records.loc[first, others].set_axis(code[first]).sort_index()
    ends = records[along][later].groupby(code[later]).agg(["min", "max"]).reindex(curves.index)
    return Family(fit, along, records, code, curves, ends.set_axis(["first", "last"], axis=1))


def numbered(fit: Fit) -> pd.DataFrame:
    """The rows of a fit, numbered: labels of records may stand more than once."""
    return fit.records.reset_index(drop=True)


def checked_fit(fit: Any) -> Fit:
    """Check that something is a fit.

    Raises
    ------
    PlotError
        It is not.
    """
    if not isinstance(fit, Fit):
        raise PlotError(f"this picture is of what p2law.fit returns, got {got(fit)}")
    return fit


def reads(fit: Fit, column: str, instead: str) -> None:
    """Check that a law reads an input.

    Raises
    ------
    PlotError
        It does not; the text says what to draw instead.
    """
    if column not in fit.form.columns:
        raise PlotError(
            f"{fit.form.name} reads {', '.join(fit.form.columns)} and no {column}; {instead}"
        )


def checked_until(fit: Fit, until: Any) -> float:
    """Check the tokens up to which a law is drawn.

    Raises
    ------
    FitError
        It is no positive number.
    PlotError
        It lies before all records, so that nothing would be drawn.
    """
    last = asking.positive("until", until)
    tokens = fit.records[TOKENS]
    if last <= (first := float(tokens[tokens > 0].min())):
        raise PlotError(
            f"until is {number(last)} tokens, and the law is drawn from the first on record on, "
            f"{number(first)}: ask for more; the records end at {number(float(tokens.max()))}"
        )
    return last


def varies(values: pd.Series) -> bool:
    """Tell whether there are several different values."""
    return bool((values != values.iloc[0]).any())


def is_base(column: str) -> bool:
    """Tell whether an input is what the model did before it was pruned."""
    return column.startswith("base_")


def draw(
    axes: Axes, told: pd.DataFrame, along: str, value: str, *, fine: bool = False, **how: Any
) -> None:
    """One curve: the law with its band, dashed and lighter beyond the records."""
    x: Array = told[along].to_numpy()
    y, low, high = (told[name].to_numpy() for name in (value, "low", "high"))
    inside = (told["beyond"] == "").to_numpy()
    _lone(axes, x, y, (low, high), how["color"])
    for part, shade, look in (
        (inside, 0.22, {"linewidth": 0.9 if fine else 1.6}),
        (_with_rim(~inside), 0.10, {"linewidth": 0.8 if fine else 1.2, "linestyle": DASHES}),
    ):
        if part.any():
            band = part & np.isfinite(low)
            axes.fill_between(x, low, high, where=band, color=how["color"], alpha=shade, lw=0)
            axes.plot(x, np.where(part, y, np.nan), **{**how, **look})


def dots(axes: Axes, x: Array, y: Array, *, log: bool, log_up: bool = False, **look: Any) -> int:
    """Measured rows; on a logarithmic axis those at zero stand hollow at its lower end.

    Returns
    -------
    int
        How many stand there.
    """
    look = {"linestyle": "none", **look}
    left, low = log & ~(x > 0), log_up & ~(y > 0)
    edge = left | low
    axes.plot(x[~edge], y[~edge], **look)
    hollow = {"markerfacecolor": "none", "clip_on": False, "alpha": 0.8}
    hollow |= {"markeredgewidth": 0.8, "markeredgecolor": look.get("color", BLACK)}
    for part, where in (
        (left & ~low, axes.get_yaxis_transform()),
        (low & ~left, axes.get_xaxis_transform()),
        (left & low, axes.transAxes),
    ):
        if part.any():
            at = np.where(left, 0.0, x)[part], np.where(low, 0.0, y)[part]
            axes.plot(*at, transform=where, **{**look, **hollow})
    return int(edge.sum())


def at_edge(count: int, column: str = TOKENS, edge: str = "left") -> list[str]:
    """A remark on rows at an edge."""
    why = "before the first token" if column == TOKENS else f"{title(column)} 0"
    return [f"hollow at the {edge} edge: {why} ({count})"] if count else []


@contextlib.contextmanager
def still(axes: Axes) -> Iterator[None]:
    """Find the limits of a panel once, at the end; after every curve it would take most time."""
    own = (axes.get_autoscalex_on(), axes.get_autoscaley_on())
    axes.autoscale(enable=False)
    yield
    axes.set_autoscalex_on(own[0])
    axes.set_autoscaley_on(own[1])
    axes.autoscale_view(scalex=own[0], scaley=own[1])


def _lone(axes: Axes, x: Array, y: Array, ends: tuple[Array, Array], colour: str) -> None:
    """Places that are told while their neighbours are not: a dash with its interval."""
    told = np.concatenate([[False], np.isfinite(y), [False]])
    alone = told[1:-1] & ~told[:-2] & ~told[2:]
    if alone.any():
        axes.vlines(x[alone], ends[0][alone], ends[1][alone], color=colour, alpha=0.4, linewidth=5)
        axes.plot(x[alone], y[alone], "_", color=colour, markersize=12, markeredgewidth=1.6)


def status(fit: Fit) -> list[str]:
    """The first sentence of trouble, after a status that is not sound, and how many more."""
    said = first(fit.trouble)
    if fit.status is Status.CONVERGED:
        return said
    return [": ".join([fit.status.words, *(said or [fit.status.value])])]


def first(trouble: Sequence[str]) -> list[str]:
    """The first of some sentences of trouble, and how many more there are."""
    more = f" (+{len(trouble) - 1} more)" if len(trouble) > 1 else ""
    return [f"{each}{more}" for each in trouble[:1]]


def band(told: pd.DataFrame, level: float) -> str:
    """What is said of the band beside lines; nothing where there is none."""
    return f" with its {100 * level:g} % band" if told["low"].notna().any() else ""


def doubts(fit: Fit, told: pd.DataFrame) -> list[str]:
    """What a picture of a fit must say: its trouble, and where it tells nothing."""
    said = status(fit)
    lacking = ~told["determined"].to_numpy()
    if lacking.any() and CURVE in told:
        curves = told[CURVE][lacking].nunique()
        said.append(
            f"not drawn: {100 * lacking.mean():.0f} % of the law on {several(curves, 'curve')}, "
            f"which the records leave undetermined"
        )
    if (~lacking & np.isnan(told["low"].to_numpy())).any():
        why = (*fit.known.doubts, "the interval is unknown")[0]
        said.append("no band" if why in fit.trouble[:1] else f"no band: {why}")
    return said


def _with_rim(part: Mask) -> Mask:
    """Places of a part and their neighbours, so that two parts of a curve meet."""
    out: Mask = part.copy()
    out[:-1] |= part[1:]
    out[1:] |= part[:-1]
    return out
