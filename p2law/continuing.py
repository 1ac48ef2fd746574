"""One's own run, forecast from its first checkpoints with a fit as prior information."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from p2law import asking
from p2law.continuation import Continuation
from p2law.covering import WITH
from p2law.deviations import TOKENS, Deviations, Strayed, strayed
from p2law.errors import FitError, FormError, RecordError
from p2law.numeric import numbers
from p2law.result import Fit
from p2law.sizing import SUPPOSED, deviations
from p2law.views import number
from p2law.wording import several

MOST = 200
"""So many checkpoints of a run calibrate it; more would tell the same, and take long."""


def continue_run(fit: Fit, curve: pd.DataFrame | None = None, /, **columns: float) -> Continuation:
    """Calibrate a law to one run from its first checkpoints.

    Parameters
    ----------
    fit : Fit
        Of a law that reads `tokens`, to other runs.
    curve : DataFrame, optional
        Checkpoints so far: `tokens` and the target; may hold the other inputs of the law,
        one value each. Checkpoints with fewer tokens than any that was fitted are left
        out, and said to be; of more than 200, those are used that 200 log-spaced token
        counts fall on, and the last one.
    **columns : float
        The other inputs of the law, where the table does not hold them.

    Returns
    -------
    Continuation

    Raises
    ------
    FitError
        The law does not read `tokens`.
    FormError
        An input of the law is missing, or not one value.
    RecordError
        `tokens` or the target are missing, or hold what is no number.

    Examples
    --------
    >>> import numpy as np, pandas as pd, p2law
    >>> from p2law import forms, planning, testing
    >>> truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    >>> grid = p2law.grid(params=[1e8, 3e8, 1e9, 3e9, 1e10], tokens=np.geomspace(1e9, 1e11, 8))
    >>> grid["run"] = grid["params"].astype(str)
    >>> records = testing.synthesize(forms.chinchilla, truth, grid, noise=0.002, run_noise=0.02)
    >>> fit = p2law.fit(records, forms.chinchilla)
    >>> seen = pd.DataFrame({"tokens": [1e9, 2e9, 4e9], "loss": [3.080, 2.883, 2.733]})
    >>> run = planning.continue_run(fit, seen, params=1e9)
    >>> f"{run.predict(6.4e10)['loss'].item():.2f}"
    '2.37'
    """
    if not isinstance(fit, Fit) or TOKENS not in fit.form.columns:
        name = fit.form.name if isinstance(fit, Fit) else type(fit).__name__
        raise FitError(f"{name} reads no tokens, so no run can be continued with it")
    table = pd.DataFrame(columns=[TOKENS, fit.form.target]) if curve is None else curve
    _check_curve(fit, table)
    inputs = _inputs(fit, table, columns)
    usable, said = _usable(fit, table)
    kept = _thinned(usable)
    runs, sizes = _strays(fit)
    found = Continuation(fit, kept, inputs, sizes, (), len(usable) - len(kept), runs)
    return replace(found, trouble=(*said, *_doubts(found)))


@functools.lru_cache(maxsize=8)
def _strays(fit: Fit) -> tuple[Sequence[Strayed], Deviations]:
    """How the runs of a fit stray from it: the same however often a run is read anew."""
    runs = strayed(fit)
    return runs, deviations(runs)


def _check_curve(fit: Fit, table: Any) -> None:
    if not isinstance(table, pd.DataFrame):
        raise RecordError(f"a curve is a DataFrame of checkpoints, got {type(table).__name__}")
    if missing := [name for name in (TOKENS, fit.form.target) if name not in table.columns]:
        had = ", ".join(map(str, table.columns))
        raise RecordError(f"the curve has no column {', '.join(missing)}; it has {had}")


def _inputs(fit: Fit, table: pd.DataFrame, columns: Mapping[str, float]) -> dict[str, float]:
    """The inputs beside tokens, one value each."""
    if TOKENS in columns:
        raise FormError("tokens are in the curve, or what is asked of the forecast; leave them out")
    held = dict(columns)
    for name in fit.form.columns:
        if name == TOKENS or name in held or name not in table.columns:
            continue
        values = table[name].unique()
        if len(values) != 1:
            raise FormError(f"{name} is one value in a run, the curve has {len(values)}")
        held[name] = values[0]
    checked = asking.inputs(fit.form, None, {**held, TOKENS: float(fit.records[TOKENS].max())})
    asking.check_counts(checked.drop(columns=TOKENS), fit.records)
    if len(checked) > 1:
        raise FormError("one run at a time: each input is a single number here")
    return {name: float(checked[name].iloc[0]) for name in fit.form.columns if name != TOKENS}


def _usable(fit: Fit, table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The checkpoints that the fit can be held against, and what is said of the others."""
    target = fit.form.target
    plain = {name: numbers(table, name) for name in (TOKENS, target)} if len(table) else {}
    whole = pd.DataFrame(plain, columns=[TOKENS, target], dtype=float)
    least = float(fit.records[TOKENS].min())
    kept = whole[whole[TOKENS] >= least * (1 - 1e-9)].sort_values(TOKENS, ignore_index=True)
    early, said = len(whole) - len(kept), []
    if early:
        said.append(
            f"{early} checkpoint{'s' * (early != 1)} before {number(least)} tokens left out: "
            f"the fit holds none so early"
        )
    if kept.empty:
        said.append("no checkpoint to go by: the forecast is the law with the spread of runs")
    return kept, said


def _thinned(whole: pd.DataFrame) -> pd.DataFrame:
    """At most so many checkpoints, spread over ln(tokens), the last one among them."""
    if len(whole) <= MOST:
        return whole
    tokens = whole[TOKENS].to_numpy()
    wanted = np.geomspace(tokens[0], tokens[-1], MOST)
    rows = np.searchsorted(tokens, wanted * (1 + 1e-9), side="right") - 1
    return whole.iloc[np.unique([*rows, len(whole) - 1])].reset_index(drop=True)


def _doubts(found: Continuation) -> list[str]:
    """What must be read with a forecast."""
    said, loss = [], found.curve[found.fit.form.target].to_numpy()
    if found.risen:
        said.append(
            f"the curve has risen from {number(loss.min(), 5)} to {number(loss[-1], 5)}: more than "
            f"its noise; the law only falls, so do not trust the forecast before it falls again"
        )
    elif (high := found.bump) is not None:
        said.append(
            f"the curve has a bump at {number(high)} tokens, higher than its noise; it has "
            f"fallen again since, and the law knows no bumps"
        )
    if found.unlike:
        said.append(
            f"this run is unlike those fitted: it strays {np.sqrt(found.strange):.1f} times as far "
            f"from the law as they do; check its inputs and its evaluation text"
        )
    said += _of_few(found)
    fit, end = found.fit, float(found.fit.records[TOKENS].max())
    here = pd.DataFrame({**found.inputs, TOKENS: [end]})[list(fit.form.columns)]
    if not fit.known.determines(here).all():
        said.append("; ".join(["the records do not determine the law here", *fit.trouble[:1]]))
    outside = [each for each in fit.known.covered.beyond(here)[0].split(", ") if each]
    # How far the forecast goes is another question than what this run is.
    of_run = [each for each in outside if TOKENS not in each.split(WITH)]
    if of_run:
        said.append(f"{', '.join(of_run)} outside the records: the law is extended to this run")
    return said


def _of_few(found: Continuation) -> list[str]:
    """What intervals from very few fitted runs rest on."""
    if not found.fit.known.tells_noise:
        return list(found.fit.known.doubts[:1])
    if not found.sizes.supposed:
        return []
    runs = several(found.sizes.runs, "fitted run")
    tell = "tells" if found.sizes.runs == 1 else "tell"
    said = (
        f"{runs} hardly {tell} how far runs lie apart: "
        f"intervals suppose levels that differ by about {100 * SUPPOSED:g} % of the "
        f"{found.fit.form.target}, and are wide"
    )
    return [said]
