"""What fits and all their refits say of many candidates at once, as arrays.

The refits of one fit are paired: they say how two of its candidates differ. Those of
different fits have nothing to do with each other, though they may come from the same seeds.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from p2law.declaring import Array, Mask, Whole
from p2law.errors import PlanError
from p2law.planning.inverting import LEAST
from p2law.planning.looking import Span, falls, lowest, near, of_tokens, reached, seen
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.result.knowing import Knowledge

AT_ONCE = 65_536
"""Values worked on at once, few enough for the cache."""


@dataclass(frozen=True, eq=False)
class Foresight:
    """What is foreseen of candidates, the fit first, then its refits: (1 + refits, candidates).

    Attributes
    ----------
    tokens : ndarray
        (1, candidates) where they are given.
    loss : ndarray
        After these tokens, or after those of `asked`.
    determined : ndarray of bool, shape (candidates,)
        Whether the records determine the loss there.
    beyond : list of str
        Inputs that lie outside the records, alone or two together.
    """

    tokens: Array
    loss: Array
    determined: Mask
    beyond: list[str]


@dataclass(frozen=True, eq=False)
class Seer:
    """Fits, and which of them tells which candidate.

    Attributes
    ----------
    parts : tuple of (Fit, Knowledge, rows)
    table : DataFrame
    """

    parts: tuple[tuple[Fit, Knowledge, Whole], ...]
    table: pd.DataFrame

    @classmethod
    def of(
        cls, fits: Mapping[str, Fit], table: pd.DataFrame, draws: int | None, level: float
    ) -> "Seer":
        """Give every candidate its fit, with as many refits as asked for or as the level needs.

        Raises
        ------
        PlanError
            A method has no fit.
        """
        single = set(fits) == {""}
        method = table["method"].to_numpy()
        lacking = [] if single else sorted({str(each) for each in method} - set(fits))
        if lacking:
            raise PlanError(
                f"no fit for {', '.join(lacking)}; there are fits for {', '.join(fits)}"
            )
        parts: list[tuple[Fit, Knowledge, Whole]] = []
        for name, fit in fits.items():
            known = fit.known.for_level(level) if draws is None else fit.known.of_refits(draws)
            rows = np.arange(len(table)) if single else np.flatnonzero(method == name)
            if len(rows):
                parts.append((fit, known, rows))
        return cls(tuple(parts), table)

    @property
    def refits(self) -> int:
        """How many there are of each fit."""
        return self.parts[0][1].refits

    @property
    def fit(self) -> Whole:
        """Which fit tells each candidate, by number; one of several methods has one."""
        numbers, found = dict[int, int](), np.empty(len(self.table), dtype=int)
        for fit, *_, rows in self.parts:
            found[rows] = numbers.setdefault(id(fit), len(numbers))
        return found

    @functools.cached_property
    def heights(self) -> tuple[Array, ...]:
        """What each fit itself says of its candidates, from end to end: (looks, rows) each."""
        return tuple(_heights(part, self.table) for part in self.parts)

    def outside(self, tokens: Array) -> Mask:
        """Tell which candidates have a law without a value after given tokens, (candidates,)."""
        found = np.zeros(len(tokens), dtype=bool)
        for fit, _, rows in self.parts:
            found[rows] = ~of_tokens(fit.form).contains(tokens[rows])
        return found

    def after(self, tokens: Array, met: Mask | None = None) -> Foresight:
        """Foresee the losses after given tokens, of shape (candidates,); NaN where none.

        Where it is `met`, they stand for what is there before the first token.
        """
        none = ~(tokens > 0)
        loss = np.full((1 + self.refits, len(tokens)), np.nan)
        for part in self.parts:
            fit, _, rows = part
            sound = np.where(none[rows], float(fit.records[TOKENS].max()), tokens[rows])
            loss[:, rows] = _in_blocks(_curves(part, self.table), sound[None])
        loss[:, none] = np.nan
        return self._told(tokens[None], loss, none if met is None else met | none)

    def until(self, target: Array) -> tuple[Foresight, Array]:
        """Foresee the tokens that bring each candidate down to a loss, (candidates,).

        Where the tokens are infinite the loss is that after endless ones. Then the tokens after
        which each is lowest, by the fit itself.
        """
        found = np.empty((1 + self.refits, len(target)))
        loss, lowest = np.empty_like(found), np.empty(len(target))
        for part, looks in zip(self.parts, self.heights, strict=True):
            rows = part[2]
            parts = _reached(part, self.table, target[rows], looks)
            found[:, rows], loss[:, rows], lowest[rows] = parts
        # What is out of reach is judged where the law comes down furthest.
        there = np.where(np.isposinf(found[0]), lowest, found[0])
        told = self._told(there[None], loss, ~(there > LEAST))
        return replace(told, tokens=found), lowest

    def sure(self, tokens: Array) -> Mask:
        """Tell where the records determine the losses after given tokens, (candidates,)."""
        none = ~(tokens > 0)
        found = np.zeros(len(tokens), dtype=bool)
        for fit, known, rows in self.parts:
            for times in (1, 2) if none[rows].any() else (1,):
                inputs = self._judged(fit, rows, tokens, times)
                found[rows] = known.determines(inputs) & (found[rows] | (times == 1))
        return found

    def _told(self, tokens: Array, loss: Array, met: Mask) -> Foresight:
        """Add what is determined, and what lies beyond the records, at the fit's own tokens."""
        own = np.where(met, 0.0, tokens[0])
        beyond = [""] * len(self.table)
        for fit, known, rows in self.parts:
            inputs = self._judged(fit, rows, own)
            for row, names in zip(rows, known.covered.beyond(inputs), strict=True):
                beyond[row] = names
        return Foresight(tokens, loss, self.sure(own), beyond)

    def _judged(self, fit: Fit, rows: Whole, tokens: Array, times: int = 1) -> pd.DataFrame:
        """Where candidates of a fit are judged; see `Span.place`."""
        fewest = float(fit.records[TOKENS].min())
        judged = Span.of(fit.form).place(tokens[rows], fewest, times)
        return _inputs(fit, self.table.iloc[rows], judged)


def _inputs(fit: Fit, table: pd.DataFrame, tokens: Array | None = None) -> pd.DataFrame:
    """Inputs of a law, from candidates and tokens; the most on record where only others count."""
    counts = float(fit.records[TOKENS].max()) if tokens is None else tokens
    return asking.inputs(fit.form, table.assign(**{TOKENS: counts}), {})


def _curves(
    part: tuple[Fit, Knowledge, Whole], table: pd.DataFrame
) -> Callable[[Array, slice], Array]:
    """From tokens of some columns to the losses of a fit and its refits there."""
    fit, known, rows = part
    inputs = _inputs(fit, table.iloc[rows])
    others = {name: inputs[name].to_numpy()[None] for name in fit.form.columns if name != TOKENS}

    def curve(tokens: Array, columns: slice) -> Array:
        own = {name: each[:, columns] for name, each in others.items()}
        return known.curves({**own, TOKENS: tokens})

    return curve


def blocks(rows: int, columns: int) -> list[slice]:
    """Slices of columns, each small enough for the cache with so many rows."""
    step = max(1, AT_ONCE // rows)
    return [slice(start, start + step) for start in range(0, columns, step)]


def _in_blocks(curve: Callable[[Array, slice], Array], tokens: Array) -> Array:
    """A curve at (1, columns) tokens, some columns at a time."""
    with np.errstate(all="ignore"):
        few = curve(tokens[:, :1], slice(0, 1))
        found = np.empty((len(few), tokens.shape[1]))
        for block in blocks(*found.shape):
            found[:, block] = curve(tokens[:, block], block)
        return found


def _reached(
    part: tuple[Fit, Knowledge, Whole], table: pd.DataFrame, target: Array, looks: Array
) -> tuple[Array, Array, Array]:
    """Tokens that reach a loss, and the loss after endless ones: (1 + refits, columns) each.

    Then the tokens after which the fit itself is lowest, (columns,). A law falls all along or does
    not: refits are looked at all along only where the fit itself, seen from end to end, does not,
    or one of them rises or falls without end, or the law has no value at some tokens.
    """
    curve, count, span = _curves(part, table), 1 + part[1].refits, Span.of(part[0].form)
    found, floors = np.empty((count, len(target))), np.empty((count, len(target)))
    straight, where = span.whole and falls(looks).all(), np.empty(len(target))
    for block in blocks(count, len(target)):
        shape = (count, len(target[block]))

        def own(tokens: Array, block: slice = block) -> Array:
            return curve(tokens, block)

        wanted, endless = np.broadcast_to(target[block], shape), _endless(own, shape[1], span)
        alike = straight and _fall(own, endless, wanted)
        heights = looks[:, None, block] if alike else seen(own, shape, span)
        low = lowest(own, endless, heights, span)
        found[:, block] = reached(own, wanted, low, heights, span)
        floors[:, block], where[block] = low.height, low.tokens[0]
    return found, floors, where


def _fall(curve: Callable[[Array], Array], endless: Array, value: Array) -> bool:
    """Whether curves fall from end to end, and have an end that heights can be measured from."""
    with np.errstate(all="ignore"):
        rising = endless > curve(np.full((1, value.shape[1]), LEAST))
    return bool((near(endless, value) & ~rising).all())


def _endless(curve: Callable[[Array], Array], columns: int, span: Span) -> Array:
    """What endless tokens leave, or the most that a law has a value at."""
    with np.errstate(all="ignore"):
        found = curve(np.full((1, columns), np.inf if span.endless else span.most))
        if np.isfinite(found).all():
            return found
        return np.where(np.isfinite(found), found, curve(np.full((1, columns), span.most)))


def _heights(part: tuple[Fit, Knowledge, Whole], table: pd.DataFrame) -> Array:
    """What a fit itself says of its candidates at all looks: (looks, columns)."""
    fit, _, rows = part
    inputs, looks = _inputs(fit, table.iloc[rows]), Span.of(fit.form).looks
    found = np.empty((len(looks), len(rows)))
    for block in blocks(*found.shape):
        at = {name: np.tile(inputs[name].to_numpy()[block], len(looks)) for name in inputs}
        at[TOKENS] = np.repeat(looks, len(rows[block]))
        with np.errstate(all="ignore"):
            said = fit.form.function(*(at[name] for name in fit.form.columns), **fit.values)
        found[:, block] = np.broadcast_to(said, at[TOKENS].shape).reshape(len(looks), -1)
    return found
