"""The curves of a law over its records: one for each combination of the inputs but one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from p2law.declaring import Array, Mask
from p2law.errors import PlotError
from p2law.result import Fit
from p2law.verdicts import Status
from p2law.wording import got, several

POINTS = 80
"""Places at which a curve is drawn."""

SOUND = (Status.CONVERGED, Status.AT_BOUND)


@dataclass(frozen=True, eq=False)
class Family:
    """Curves over one input, one for each combination of the others on record.

    Attributes
    ----------
    fit : Fit
    along : str
        The input on the axis.
    records : DataFrame
        The rows of the fit, with `curve`, the number of their curve.
    curves : DataFrame
        Indexed by number: the other inputs, and `first`, `last`, the ends of `along` there.
    """

    fit: Fit
    along: str
    records: pd.DataFrame
    curves: pd.DataFrame

    @property
    def others(self) -> list[str]:
        """The inputs that are not on the axis."""
        return [name for name in self.fit.form.columns if name != self.along]

    @property
    def telling(self) -> list[str]:
        """Those of them that vary, the loss before pruning left out: it follows the model."""
        varying = [name for name in self.others if varies(self.curves[name])]
        return [name for name in varying if not is_base(name)] or varying

    def told(self, curves: Sequence[int], ends: Any, level: float, *, log: bool) -> pd.DataFrame:
        """The law along some curves, with its band.

        Parameters
        ----------
        curves : sequence of int
        ends : callable
            From a row of `curves` to the first and last place to draw at.
        level : float
        log : bool
            Whether places are spread evenly in the logarithm.

        Returns
        -------
        DataFrame
            As `Fit.predict` returns, with `curve`.
        """
        asked = []
        for each in curves:
            row = self.curves.loc[each]
            places = stretch(self.records[self.along], *ends(row), log=log)
            asked.append(
                pd.DataFrame({self.along: places, **row[self.others].to_dict(), "curve": each})
            )
        table = pd.concat(asked, ignore_index=True)
        return self.fit.predict(table, level=level).assign(curve=table["curve"].to_numpy())


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
    """Sort the rows of a fit into curves over one of its inputs."""
    records = fit.records
    others = [name for name in fit.form.columns if name != along]
    code = records.groupby(others, sort=True).ngroup() if others else pd.Series(0, records.index)
    records = records.assign(curve=code)
    grouped = records.groupby("curve")
    curves = grouped[others].first() if others else pd.DataFrame(index=[0])
    positive = records[records[along] > 0].groupby("curve")[along]
    curves = curves.assign(first=positive.min(), last=positive.max())
    return Family(fit, along, records, curves)


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


def varies(values: pd.Series) -> bool:
    """Tell whether there are several different values."""
    return bool((values != values.iloc[0]).any())


def is_base(column: str) -> bool:
    """Tell whether an input is what the model did before it was pruned."""
    return column.startswith("base_")


def draw(axes: Axes, told: pd.DataFrame, along: str, value: str, **how: Any) -> None:
    """One curve: the law with its band, dashed and lighter beyond the records."""
    x: Array = told[along].to_numpy()
    y, low, high = (told[name].to_numpy() for name in (value, "low", "high"))
    inside = (told["beyond"] == "").to_numpy()
    for part, shade in ((inside, 0.22), (_with_rim(~inside), 0.10)):
        axes.fill_between(x, low, high, where=part, color=how["color"], alpha=shade, linewidth=0)
    axes.plot(x, np.where(inside, y, np.nan), linewidth=1.6, **how)
    _lone(axes, x, y, (low, high), how["color"])
    if not inside.all():
        beyond = np.where(_with_rim(~inside), y, np.nan)
        axes.plot(x, beyond, linewidth=1.2, **{**how, "linestyle": (0, (4, 2.5))})


def _lone(axes: Axes, x: Array, y: Array, ends: tuple[Array, Array], colour: str) -> None:
    """Places that are told while their neighbours are not: a dash with its interval."""
    told = np.concatenate([[False], np.isfinite(y), [False]])
    alone = told[1:-1] & ~told[:-2] & ~told[2:]
    if alone.any():
        axes.vlines(x[alone], ends[0][alone], ends[1][alone], color=colour, alpha=0.4, linewidth=5)
        axes.plot(x[alone], y[alone], "_", color=colour, markersize=12, markeredgewidth=1.6)


def status(fit: Fit) -> list[str]:
    """A status that is not sound, with the first of its reasons."""
    if fit.status in SOUND:
        return []
    return [f"{fit.status.words}: {(*fit.trouble, fit.status.value)[0]}"]


def doubts(fit: Fit, told: pd.DataFrame) -> list[str]:
    """What a picture of a fit must say: a status that is not sound, and where it tells nothing."""
    said = status(fit)
    lacking = ~told["determined"].to_numpy()
    if lacking.any() and "curve" in told:
        curves = told["curve"][lacking].nunique()
        said.append(
            f"not drawn: {100 * lacking.mean():.0f} % of the law on {several(curves, 'curve')}, "
            f"which the records leave undetermined"
        )
    if (~lacking & np.isnan(told["low"].to_numpy())).any():
        said.append(f"no band: {(*fit.known.doubts, 'the interval is unknown')[0]}")
    return said


def _with_rim(part: Mask) -> Mask:
    """Places of a part and their neighbours, so that two parts of a curve meet."""
    out = part.copy()
    out[:-1] |= part[1:]
    out[1:] |= part[:-1]
    return out
