"""What the page's script must know to predict as `Fit.predict` does, as plain values.

That is the law as steps, the coefficients of the fit and of its refits, how far single
rows lie off, where the law has a value, what the records cover, and by what rule a
prediction is determined.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from p2law.declaring import Array, Form, Input
from p2law.errors import FormError
from p2law.identify import AMPLIFIED, STILL, Directions
from p2law.report import cases, contents
from p2law.report.sliders import slider
from p2law.report.tape import Tape
from p2law.report.tracing import trace
from p2law.result import Fit
from p2law.result.knowing import Knowledge
from p2law.solving.problem import IDLE
from p2law.solving.starting import spread_rows
from p2law.solving.surface import Surface
from p2law.text.amounts import kind, span

HIGHEST = 0.97
"""Level up to which the refits of a fit suffice; a higher one needs more of them."""

SAME = 1e-11
"""Relative difference between the law and its steps that rounding explains."""

AROUND = (0.5, 1.0, 2.0)
"""Factors that lead from inputs of the records to others on which the steps are checked."""


def planner(fit: Fit) -> dict[str, Any]:
    """Everything that the page's script needs of a fit; JSON can hold it.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    dict

    Raises
    ------
    FormError
        The law cannot be written as steps; the page then shows a table in its place.
    """
    known, law = fit.known, fit.form
    tape = checked_tape(fit)
    draws = known.draws[list(law.names)].to_numpy()
    return {
        "law": law.name,
        "target": law.target,
        "unit": fit.unit,
        "steps": _plain(tape.plain(law.columns, law.names)),
        "inputs": [_input(each, fit) for each in law.inputs],
        "pairs": [
            {"inputs": [each.first, each.second], "edges": each.edges.tolist()}
            for each in known.covered.pairs
        ],
        "coefficients": list(law.names),
        "values": _plain([fit.values[name] for name in law.names]),
        "draws": _plain(draws.T.tolist()),
        "noise": _plain(known.drawn.noise.tolist()),
        "log": known.problem.objective.log,
        "highest": HIGHEST,
        "places": [_place(known.full, *each) for each in known.evidence.places],
        "still": STILL,
        "idle": 10 * IDLE,
        "amplified": AMPLIFIED,
        "ties": _ties(known, law),
        "free": _free(fit),
        "start": _plain(cases.start(fit)),
        "cases": cases.choices(fit),
    }


def checked_tape(fit: Fit) -> Tape:
    """The steps of a fit's law, compared with the law itself in and around the records.

    Raises
    ------
    FormError
        It has none, or they give other values.
    """
    law, surface = fit.form, fit.known.full
    tape, few = trace(law), surface.at_rows(spread_rows(surface, 16))
    factors = np.repeat(AROUND, few.rows)
    columns = [np.tile(each, len(AROUND)) * factors for each in few.columns]
    inside = np.logical_and.reduce(
        [each.domain.contains(col) for each, col in zip(law.inputs, columns, strict=True)]
    )
    inputs = {name: col[inside] for name, col in zip(law.columns, columns, strict=True)}
    some = fit.known.draws[list(law.names)].to_numpy()[:20].tolist()
    for row in ([fit.values[name] for name in law.names], *some):
        at: dict[str, Any] = dict(zip(law.names, row, strict=True))
        with np.errstate(all="ignore"):
            own = np.asarray(law.function(*inputs.values(), **at), dtype=float)
        if not np.allclose(tape.run(inputs, at), own, rtol=SAME, atol=SAME, equal_nan=True):
            raise FormError(f"{law.name} does something else when it is called with symbols")
    return tape


def _input(each: Input, fit: Fit) -> dict[str, Any]:
    low, low_open, high, high_open = each.domain.ends
    values = fit.records[each.name].to_numpy()
    covered = next(one for one in fit.known.covered.ranges if one.name == each.name)
    return {
        "name": each.name,
        "symbol": each.domain.symbol,
        "unit": each.domain.unit,
        "domain": {
            "words": str(each.domain),
            "low": _plain(low),
            "lowOpen": low_open,
            "high": _plain(high),
            "highOpen": high_open,
        },
        "records": [covered.low, covered.high],
        "reach": list(covered.reach),
        "floor": covered.floor,
        "span": span(float(values.min()), float(values.max()), each.name),
        "kind": kind(each.name),
        **slider(each, values),
    }


def _place(surface: Surface, q: Array, found: Directions) -> dict[str, Any]:
    """How to tell, at one set of coefficients, whether a prediction is determined."""
    law, live = surface.form, found.length > 0
    values = surface.coefficients(q)
    groups = [surface.freedom.groups[name] for name in surface.names]
    return {
        "values": _plain([values[name] for name in law.names]),
        "groups": [[law.names.index(each) for each in group] for group in groups],
        "chain": _plain(surface.chain(q).tolist()),
        "length": _plain(found.length.tolist()),
        "null": _plain((found.null[:, live] / found.length[live]).tolist()),
        "known": _plain((found.known[:, live] / found.length[live]).tolist()),
    }


def _free(fit: Fit) -> str:
    """Why predictions may be undetermined: the first of what a user must read."""
    why = "The prediction moves with what the records leave free"
    causes = [contents.plain(each) for each in fit.trouble if each not in fit.known.doubts]
    return f"{why}: {causes[0]}." if causes else f"{why}."


def _ties(known: Knowledge, law: Form) -> list[dict[str, Any]]:
    return [
        {
            "names": [law.columns.index(name) for name in each.names],
            "power": each.power,
            "factor": float(np.exp(each.log_factor)),
        }
        for each in known.ties
        if each.exchanged
    ]


def _plain(value: Any) -> Any:
    """The same with a text, as a script reads it, for what is no finite number."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
