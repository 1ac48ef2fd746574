"""What must be read with the numbers of plans, in sentences."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from p2law.planning.budgets import BEYOND
from p2law.planning.foresight import Seer
from p2law.planning.looking import Span, falls
from p2law.records.vocabulary import METRIC, NATS, TOKENS
from p2law.result import asking
from p2law.result.covering import SLACK
from p2law.text.views import number
from p2law.text.wording import listed

METHODS = ("depth", "width", "2:4", "unstructured")
"""How the names of known methods begin; any other name says what its giver means by it."""


def of(seer: Seer, filled: pd.DataFrame, losses: Sequence[float]) -> tuple[str, ...]:
    """Sentences about fits, about losses that are asked for, and about candidates.

    Parameters
    ----------
    seer : Seer
    filled : DataFrame
        What was found of each candidate: tokens and loss with their intervals, reachable,
        determined and beyond.
    losses : sequence of float
        To be reached; none where a budget is asked for.
    """
    rising = _uneven(seer, filled, first=bool(losses))
    fits = [*_of_fits(seer), *_ending(seer, filled)]
    said = [*fits, *_high(seer, losses), *rising, *_of_rows(seer, filled)]
    return tuple(dict.fromkeys(said))


def uneven(who: str, *, first: bool) -> str:
    """A sentence about what rises again, where the first tokens that reach a value are asked for.

    Otherwise tokens are given, or those after which further ones buy little are asked for.
    """
    what = "; these are the first such tokens" if first else ": after its least, tokens cost loss"
    return f"{who} not fall all along{what}"


def ending(law: str, most: float) -> str:
    """A sentence about a law whose domain of tokens ends."""
    return f"{law} has no value beyond {number(most)} tokens: what takes more is out of reach"


def without_tokens(beyond: str) -> str:
    """Inputs that lie outside the records, of an answer of endless tokens: nobody asked for any."""
    return ", ".join(name for name in beyond.split(", ") if name != TOKENS)


def of_methods(seer: Seer) -> list[str]:
    """Notes on candidates of one known method whose fit has records of another one alone."""
    said = []
    for fit, _, rows in seer.parts:
        kinds = {_kind(each) for each in fit.records.get("method", pd.Series([""])).unique()}
        for name in seer.table["method"].iloc[rows].unique():
            if len(kinds) == 1 and _kind(name) and kinds.isdisjoint({"", _kind(name)}):
                held = _labels(fit.records, "method")
                said.append(f"{name} is foreseen by a fit to records of {held}: was another meant?")
    return said


def _kind(method: object) -> str:
    """Which known method a name begins with; empty where it is none."""
    return next((each for each in METHODS if str(method).strip().lower().startswith(each)), "")


def _unlike(seer: Seer) -> list[str]:
    """Sentences about fits whose losses cannot be compared: of other texts or measures."""
    said = []
    for name, what, alike in (("eval_text", "texts", ()), (METRIC, "measures", NATS)):
        found = [_labels(known.records, name) for _, known, _ in seer.parts]
        held = [
            (str(seer.table["method"].iloc[rows[0]]), NATS[-1] if values in alike else values)
            for values, (_, _, rows) in zip(found, seer.parts, strict=True)
        ]
        if len({values for _, values in held if values}) > 1:
            each = ", ".join(f"{method} {values}" for method, values in held if values)
            said.append(f"losses on different {what} cannot be compared: {each}")
    return said


def _labels(records: pd.DataFrame, name: str) -> str:
    """Every value of a column of labels, in words; empty where there is none."""
    return listed(sorted(map(str, records[name].dropna().unique()))) if name in records else ""


def _of_fits(seer: Seer) -> list[str]:
    """What must be read with the numbers: of the fits."""
    said = _unlike(seer)
    for fit, _, rows in seer.parts:
        method = f"{seer.table['method'].iloc[rows[0]]}: " if len(seer.parts) > 1 else ""
        said += [f"{method}{each}" for each in fit.trouble]
        if not {"pruning_rate", "params_after"} & set(fit.form.columns):
            said.append(
                f"{method}{fit.form.name} reads neither pruning_rate nor params_after: it cannot "
                f"tell one rate from another"
            )
    return said


def _high(seer: Seer, losses: Sequence[float]) -> list[str]:
    """A sentence about losses above all that any fit has seen."""
    most = max(float(fit.records["loss"].max()) for fit, _, _ in seer.parts)
    highest = max(losses, default=0.0)
    if highest <= most:
        return []
    some = f"loss {number(highest)} is above all on record, up to {number(most)}"
    return [f"{some}: what reaching it takes rests on the form of the law"]


def _ending(seer: Seer, filled: pd.DataFrame) -> list[str]:
    """Sentences about laws that have no value where some refits would still have to go."""
    said = []
    for fit, _, rows in seer.parts:
        span = Span.of(fit.form)
        never = (filled["reachable"] < 1) | np.isinf(filled["tokens"])
        if not span.endless and never.iloc[rows].any():
            said.append(ending(fit.form.name, span.most))
    return said


def _uneven(seer: Seer, filled: pd.DataFrame, *, first: bool) -> list[str]:
    """Sentences about laws that do not fall all along: by given tokens, or wherever one looks."""
    tokens, loss, said = filled["tokens"].to_numpy(), filled["loss"].to_numpy(), []
    for (fit, _, rows), heights in zip(seer.parts, seer.heights, strict=True):
        if first:
            rising = ~falls(heights)
        else:
            passed = Span.of(fit.form).looks[:, None] < tokens[rows]
            before = np.fmin.reduce(np.where(passed, heights, np.inf), axis=0)
            rising = before < loss[rows] * (1 - 1e-12)
        if not (count := int(rising.sum())):
            continue
        method = f"{seer.table['method'].iloc[rows[0]]}: " if len(seer.parts) > 1 else ""
        some = f", for {count} of {len(rows)}," if count < len(rows) else ""
        said.append(uneven(f"{method}the law{some} does", first=first))
    return said


def _of_rows(seer: Seer, filled: pd.DataFrame) -> list[str]:
    """What must be read with the numbers: of the candidates."""
    said, count = list[str](), len(filled)
    if free := int((~filled["determined"]).sum()):
        where = f"; what is determined lies at {known}" if (known := _instead(seer, filled)) else ""
        said.append(f"{free} of {count} rest on what the records leave free, and are NaN{where}")
    open_ = filled["tokens_low"].isna() & filled["tokens"].notna() & filled["loss_low"].notna()
    if unsure := int(open_.sum()):
        said.append(f"the interval of {unsure} of {count} rests on what the records leave free")
    if part := int(((filled["reachable"] > 0) & (filled["reachable"] < 1)).sum()):
        said.append(
            f"the loss is reached in only part of the refits by {part} of {count}, and never in "
            f"the others (reachable in .table)"
        )
    beyond = filled["beyond"][filled["beyond"] != ""]
    if len(beyond):
        inputs = Counter(name for each in beyond for name in each.split(", "))
        where = ", ".join(f"{name} ({times})" for name, times in sorted(inputs.items()))
        where = next(iter(inputs)) if [*inputs.values()] == [len(beyond)] else where
        said.append(
            f"{len(beyond)} of {count} lie beyond the records in {where} and rest on the form of "
            f"the law: those with {BEYOND}{_furthest(seer, filled['tokens'])}"
        )
    return said


def _instead(seer: Seer, filled: pd.DataFrame) -> str:
    """Recorded values at which the first candidate that is left free would be determined."""
    free = ~filled["determined"].to_numpy()
    for fit, known, rows in seer.parts:
        asked = seer.table.iloc[rows[free[rows]]].assign(tokens=float(fit.records["tokens"].max()))
        if len(asked) and (said := known.instead(asked[list(fit.form.columns)])):
            return said
    return ""


def _furthest(seer: Seer, tokens: pd.Series) -> str:
    """How far the outermost value of each input lies from the records of its fit."""
    found: dict[str, tuple[float, str]] = {}
    for fit, _, rows in seer.parts:
        asked = seer.table.assign(tokens=tokens).iloc[rows]
        for name in fit.form.columns:
            held, values = fit.records[name], asked[name].to_numpy()
            with np.errstate(all="ignore"):
                times = np.maximum(held.min() / values, values / held.max())
            times[~np.isfinite(times)] = 0.0  # endless tokens, and none
            k = int(np.argmax(times))
            if times[k] > found.get(name, (1 + SLACK, ""))[0]:
                found[name] = times[k], asking.outside(asked.iloc[[k]], fit.records, name)
    said = ", ".join(words for _, words in found.values())
    return f"; furthest {said}" if said else ""
