"""One's own run, forecast from its first checkpoints with a fit as prior information."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from p2law.continuing.checkpoints import checkpoints
from p2law.continuing.continuation import Continuation
from p2law.continuing.deviations import Deviations, Strayed, strayed
from p2law.continuing.sizing import SUPPOSED, deviations
from p2law.errors import FitError, FormError
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.result.covering import WITH
from p2law.text.views import number
from p2law.text.wording import several, short


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
        The law does not read `tokens`, or tells something else than the loss.
    FormError
        An input of the law is missing, not one value, or another one in the curve.
    RecordError
        `tokens` or the target are missing, or hold what is no number; tokens look like
        billions; one token count has two losses; or the rows are of several runs, or of
        several values of another label that a run has one of, as `eval_text`.

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
    '2.39'
    """
    if not isinstance(fit, Fit) or TOKENS not in fit.form.columns:
        name = fit.form.name if isinstance(fit, Fit) else type(fit).__name__
        raise FitError(f"{name} reads no tokens, so no run can be continued with it")
    if fit.form.target != "loss":
        raise FitError(
            f"forecasts are of losses, which fall; {fit.form.name} tells {fit.form.target}"
        )
    points = checkpoints(fit, curve)
    inputs = _inputs(fit, pd.DataFrame() if curve is None else curve, columns)
    # A run that is watched is read anew at every log.
    runs, sizes = fit.known.once("strays", functools.partial(_strays, fit))
    found = Continuation(fit, inputs, sizes, (), points, runs)
    return replace(found, trouble=(*points.said, *_doubts(found)))


def _strays(fit: Fit) -> tuple[Sequence[Strayed], Deviations]:
    """How the runs of a fit stray from it: for all continuations, so none may write into it."""
    runs = tuple(strayed(fit))
    sizes = deviations(runs)
    for each in (sizes.doubt, *(array for run in runs for array in run.arrays)):
        each.flags.writeable = False
    return runs, sizes


def _inputs(fit: Fit, table: pd.DataFrame, columns: Mapping[str, float]) -> dict[str, float]:
    """The inputs beside tokens, one value each."""
    if TOKENS in columns:
        raise FormError("tokens are in the curve, or what is asked of the forecast; leave them out")
    held = dict(columns)
    for name in fit.form.columns:
        if name == TOKENS or name not in table.columns or table.empty:
            continue
        values = table[name].unique()
        if len(values) != 1:
            raise FormError(f"{name} is one value in a run, the curve has {len(values)}")
        if name in columns and not np.array_equal(columns[name], values[0]):
            raise FormError(
                f"{name} is {short(values[0])} in the curve and {short(columns[name])} beside it; "
                f"leave one of them out"
            )
        held[name] = values[0]
    checked = asking.inputs(fit.form, None, {**held, TOKENS: float(fit.records[TOKENS].max())})
    asking.check_counts(checked.drop(columns=TOKENS), fit.records)
    if len(checked) > 1:
        raise FormError("one run at a time: each input is a single number here")
    return {name: float(checked[name].iloc[0]) for name in fit.form.columns if name != TOKENS}


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
    said += _fitted(found)
    said += _denied(found)
    if found.unlike:
        said.append(
            f"this run is unlike those fitted: it strays {np.sqrt(found.strange):.1f} times as far "
            f"from the law as they do, and intervals are wider for it; check its inputs and its "
            f"evaluation text"
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


def _fitted(found: Continuation) -> list[str]:
    """Checkpoints that the fit holds already: what they tell would count twice."""
    records, names = found.fit.records, [TOKENS, found.fit.form.target]
    alike = (records[list(found.inputs)] == pd.Series(found.inputs, dtype=float)).all(axis=1)
    twice = len(found.curve.merge(records.loc[alike, names].drop_duplicates(), on=names))
    if not twice:
        return []
    said = (
        f"{twice} of {several(len(found.curve), 'checkpoint')} {'is' if twice == 1 else 'are'} "
        f"among the records of the fit and would count twice; fit the law without this run"
    )
    return [said]


def _denied(found: Continuation) -> list[str]:
    """What checkpoints that were left out as too early have against the forecast."""
    early, first = found.early, float(found.fit.records[TOKENS].min())
    told = found.predict(first).iloc[0] if len(early) else None
    if told is None or not told["determined"] or not np.isnan(told["low"]):
        return []
    if not found.fit.known.tells_noise:
        return []
    low = early.iloc[int(np.argmin(early[found.fit.form.target]))]
    said = (
        f"the loss was {number(low.iloc[1], 5)} at {number(low.iloc[0])} tokens already, far below "
        f"the {number(told[found.fit.form.target], 5)} of the forecast at {number(first)}, and "
        f"losses fall: check the tokens of a step, and the inputs; there is no interval where the "
        f"forecast is above what was measured"
    )
    return [said]


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
