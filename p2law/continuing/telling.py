"""What a view says of a forecast."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from p2law.records.vocabulary import TOKENS
from p2law.text.views import alike, give_or_take, number
from p2law.text.wording import several

Fact = tuple[str, str]


def run(inputs: Mapping[str, float]) -> list[Fact]:
    """Which run it is; nothing where the law reads tokens alone."""
    said = ", ".join(f"{name} {number(each)}" for name, each in inputs.items())
    return [("run", said)] if said else []


def thinned(count: int) -> list[Fact]:
    """How many checkpoints were left out because others tell the same."""
    return [("thinned", f"{several(count, 'checkpoint')} between these not used")] if count else []


def strayed(level: tuple[float, float], speed: tuple[float, float], unit: str) -> list[Fact]:
    """How a run goes against the law; nothing where the law is not known there."""
    (shift, spread), (factor, log_spread) = level, speed
    if np.isnan(shift):
        return []
    far, give = give_or_take(shift, spread)
    fast, _ = give_or_take(factor, factor * log_spread)
    sign = "+" * (shift >= 0)
    return [
        ("level", f"{sign}{far} ± {give} {unit} against the law"),
        ("speed", f"its tokens count {fast} times (ln ± {log_spread:.2g})"),
    ]


def rows(ahead: pd.DataFrame, target: str) -> list[tuple[str, ...]]:
    """Tokens, forecast, interval and the law alone, in as many digits as are known."""
    found = []
    for told in ahead.to_dict("records"):
        known = told[target], told["low"], told["high"]
        found.append((number(told[TOKENS], 5), *alike((*known, told["law"]), *known)))
    return found
