"""Curves that are looked at from end to end: where they are lowest, first low enough, and last.

Not all of them fall all along, and not all laws have a value after any number of tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Domain, Form, Mask
from p2law.planning.inverting import LEAST, MOST, crossing
from p2law.records.vocabulary import TOKENS

LOOKS = np.concatenate([np.geomspace(LEAST, 1e20, 161), np.geomspace(1e30, MOST, 28)])
"""Where curves are looked at that may not fall all along."""

FAR = 1e3
"""Above a floor so many times as far from zero as a value, heights have lost digits of it."""

GOLDEN = (5**0.5 - 1) / 2

SECTIONS = 50
"""So many golden sections leave 4e-11 of a bracket, and of a height its last digits."""


def of_tokens(law: Form) -> Domain:
    """After which tokens a law that reads them has a value."""
    (domain,) = (each.domain for each in law.inputs if each.name == TOKENS)
    return domain


@dataclass(frozen=True)
class Span:
    """The tokens about which a law is asked: all from `LEAST` to `MOST` that it has a value at."""

    least: float = LEAST
    most: float = MOST

    @classmethod
    def of(cls, law: Form) -> "Span":
        """That of a law that reads tokens."""
        domain = of_tokens(law)
        return cls(max(LEAST, domain.least), min(MOST, domain.most))

    @property
    def whole(self) -> bool:
        """Whether the law has a value after any tokens."""
        return self == Span()

    @property
    def endless(self) -> bool:
        """Whether the law has a value however many tokens there are."""
        return self.most == MOST

    @property
    def looks(self) -> Array:
        """`LOOKS` inside, from end to end, each once."""
        return np.unique(np.clip(LOOKS, self.least, self.most))

    def place(self, tokens: Array, fewest: float, times: int = 1) -> Array:
        """Where answers are judged: at tokens that the law has a value at.

        None at all are enough where it does not matter how many there are: not after the
        `fewest` on record, nor after several `times` as many. NaN stands for none.
        """
        none = times * max(fewest, LEAST)
        there = np.where(tokens > 0, np.nan_to_num(tokens, posinf=MOST), none)
        return np.asarray(np.clip(there, self.least, self.most))


@dataclass(frozen=True, eq=False)
class Lowest:
    """The least that curves come down to.

    Attributes
    ----------
    height : ndarray
        Where a curve falls all along, what it tends to.
    tokens : ndarray
        Where that is; where a curve falls all along, the most that it is asked about.
    before : ndarray
        The last look before that.
    """

    height: Array
    tokens: Array
    before: Array


def seen(curve: Callable[[Array], Array], shape: tuple[int, ...], span: Span) -> Array:
    """Curves at all looks of a span: (looks, *shape)."""
    with np.errstate(all="ignore"):
        return np.stack([curve(np.full(shape, x)) for x in span.looks])


def seen_at_once(curves: Callable[[Array], Array], count: int, span: Span) -> Array:
    """So many curves that take all looks in one call, (looks, count) of them: as `seen`."""
    with np.errstate(all="ignore"):
        return curves(np.repeat(span.looks[:, None], count, axis=1))


def falls(heights: Array) -> Mask:
    """Tell which curves never rise by more than rounding from one look to the next."""
    with np.errstate(all="ignore"):
        rises = np.diff(heights, axis=0) > 1e-12 * np.abs(heights[:-1])
    return np.asarray(~rises.any(axis=0))


def near(floor: Array, value: Array) -> Mask:
    """Tell which floors are near enough to a value that the heights above them tell it.

    What falls without end has none such, and is asked for by looks.
    """
    return np.asarray(np.abs(floor) <= FAR * np.abs(value))


def lowest(curve: Callable[[Array], Array], endless: Array, heights: Array, span: Span) -> Lowest:
    """Find the least that curves come down to: between the neighbours of the lowest look.

    Parameters
    ----------
    curve : callable
    endless : ndarray of shape (...)
        What each curve tends to.
    heights : ndarray of shape (looks, ...)
        Made by `seen`.
    span : Span
    """
    falling, most = falls(heights), np.full(np.shape(endless), span.most)
    if falling.all():
        return Lowest(endless, most, most)
    looks, least = span.looks, np.fmin.reduce(heights, axis=0)
    at = np.argmax(heights == least, axis=0)
    before, after = looks[np.maximum(at - 1, 0)], looks[np.minimum(at + 1, len(looks) - 1)]
    tokens, height = _golden(curve, before, after)
    lower = height < least
    return Lowest(
        np.where(falling, endless, np.where(lower, height, least)),
        np.where(falling, most, np.where(lower, tokens, looks[at])),
        before,
    )


def _golden(curve: Callable[[Array], Array], low: Array, high: Array) -> tuple[Array, Array]:
    """Golden sections in the logarithm: where curves are lowest between two ends, how low."""
    tokens = _between(low, high)
    low, high = np.log(low), np.log(high)
    with np.errstate(all="ignore"):
        near, far = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        at_near, at_far = curve(tokens(near)), curve(tokens(far))
        for _ in range(SECTIONS):
            left = at_near <= at_far
            low, high = np.where(left, low, near), np.where(left, far, high)
            x = np.where(left, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
            at = curve(tokens(x))
            near, far = np.where(left, x, far), np.where(left, near, x)
            at_near, at_far = np.where(left, at, at_far), np.where(left, at_near, at)
    left = at_near <= at_far
    return tokens(np.where(left, near, far)), np.where(left, at_near, at_far)


def reached(
    curve: Callable[[Array], Array], value: Array, low: Lowest, heights: Array, span: Span
) -> Array:
    """Find where curves first come down to a value.

    Parameters
    ----------
    curve : callable
    value : ndarray of shape (...)
    low : Lowest
        Made by `lowest`.
    heights : ndarray of shape (looks, ...)
        Made by `seen`.
    span : Span

    Returns
    -------
    ndarray
        The least of the span where a curve is down there already, infinite where it never comes
        down.
    """
    straight = falls(heights) & near(low.height, value) & span.whole
    if straight.all():
        return crossing(curve, low.height, value)
    found = _first(curve, value, low, heights, span.looks)
    if not straight.any():
        return found
    return np.where(straight, crossing(curve, low.height, value), found)


def _first(
    curve: Callable[[Array], Array], value: Array, low: Lowest, heights: Array, looks: Array
) -> Array:
    """As `reached`, by looks; the lowest place counts as one."""
    below = heights <= value
    seen, at = below.any(axis=0), np.argmax(below, axis=0)
    left = np.where(seen, looks[np.maximum(at - 1, 0)], low.before)
    right = np.where(seen, looks[at], low.tokens)
    found = _halved(lambda x: ~(curve(x) <= value), left, right)
    found = np.where(seen & (at == 0), looks[0], found)
    found = np.where(seen | (low.height <= value), found, np.inf)
    return np.where(np.isnan(heights).all(axis=0), np.nan, found)


def last(curve: Callable[[Array], Array], heights: Array, value: Array, span: Span) -> Array:
    """Find from where on curves stay below a value.

    Returns
    -------
    ndarray
        The least of the span where a curve is never above the value, infinite where it still is
        at the end.
    """
    looks, above = span.looks, heights[::-1] > value
    at = len(looks) - 1 - np.argmax(above, axis=0)
    after = looks[np.minimum(at + 1, len(looks) - 1)]
    found = _halved(lambda x: curve(x) > value, looks[at], after)
    found = np.where(at == len(looks) - 1, np.inf, found)
    found = np.where(above.any(axis=0), found, span.least)
    return np.where(np.isnan(heights).all(axis=0), np.nan, found)


def _halved(before: Callable[[Array], Mask], low: Array, high: Array) -> Array:
    """Halve brackets in the logarithm; `before` tells which abscissae lie left of the answer."""
    tokens = _between(low, high)
    low, high = np.log(low), np.log(high)
    with np.errstate(all="ignore"):
        for _ in range(64):
            middle = 0.5 * (low + high)
            left = before(tokens(middle))
            low, high = np.where(left, middle, low), np.where(left, high, middle)
    return tokens(high)


def _between(low: Array, high: Array) -> Callable[[Array], Array]:
    """From logarithms to tokens between two ends: rounding leads out of no domain."""
    return lambda x: np.asarray(np.clip(np.exp(x), low, high))
