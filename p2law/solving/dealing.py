"""Random numbers of refits, dealt so that what few refits get is among what more of them get.

Intervals of another level need another number of refits. Were these other ones altogether, an
interval could become narrower as its level rises, by chance alone.
"""

from dataclasses import dataclass

import numpy as np

from p2law.declaring import Array, Whole

DRAWS = 300
"""Refits as a rule, and how many are dealt at a time."""

COARSE = 10
"""With fewer runs there are too few combinations of signs; sizes vary too (Webb 2023)."""


@dataclass(frozen=True, eq=False)
class Chances:
    """What chance decides of each refit.

    Attributes
    ----------
    factors : ndarray of shape (refits, runs)
        Of mean 0 and variance 1, in pairs of opposite sign: what deviations are multiplied by.
    weights : ndarray of shape (refits, runs) or None
        Of mean 1, exponential; None where runs are not weighed.
    run : ndarray of int, shape (refits,)
        A run from which a deviation of a single row is taken.
    place : ndarray of shape (refits,)
        Which of its rows, from 0 for the first up to 1.
    side : ndarray of shape (refits,)
        1 or -1: its sign.
    """

    factors: Array
    weights: Array | None
    run: Whole
    place: Array
    side: Array


def deal(seed: int, count: int, runs: int, *, weighed: bool) -> Chances:
    """Deal out random numbers to refits.

    Parameters
    ----------
    seed : int
    count : int
        Of refits; even.
    runs : int
    weighed : bool
        Whether runs get weights.

    Returns
    -------
    Chances
        With another even `count`, those of the refits that both have are the same, though not
        in the same places.
    """
    dealt = list[Chances]()
    for begin in range(0, count, DRAWS):
        more = [begin // DRAWS] if begin else []
        whole = _dealt(np.random.default_rng([seed, DRAWS, *more]), runs, weighed=weighed)
        dealt.append(_pairs(whole, min(DRAWS, count - begin) // 2))
    if len(dealt) == 1:  # else all would be held twice
        return dealt[0]
    weights = [each.weights for each in dealt if each.weights is not None]
    return Chances(
        np.concatenate([each.factors for each in dealt]),
        np.concatenate(weights) if weights else None,
        np.concatenate([each.run for each in dealt]),
        np.concatenate([each.place for each in dealt]),
        np.concatenate([each.side for each in dealt]),
    )


def _dealt(rng: np.random.Generator, runs: int, *, weighed: bool) -> Chances:
    half = rng.choice([-1.0, 1.0], (DRAWS // 2, runs))
    if runs < COARSE:
        half *= np.sqrt(rng.choice([0.5, 1.0, 1.5], half.shape))
    return Chances(
        np.concatenate([half, -half]),
        rng.exponential(size=(DRAWS, runs)) if weighed else None,
        rng.integers(runs, size=DRAWS),
        rng.random(DRAWS),
        rng.choice([-1.0, 1.0], DRAWS),
    )


def _pairs(dealt: Chances, pairs: int) -> Chances:
    """The first so many pairs of refits."""
    half = DRAWS // 2
    if pairs == half:
        return dealt
    kept = np.r_[:pairs, half : half + pairs]
    return Chances(
        dealt.factors[kept],
        None if dealt.weights is None else dealt.weights[kept],
        dealt.run[kept],
        dealt.place[kept],
        dealt.side[kept],
    )
