"""The learning rate as a function of the tokens seen."""

import math
from typing import Literal

Schedule = Literal["constant", "cosine", "wsd"]


def learning_rate(
    tokens: float,
    *,
    schedule: Schedule,
    peak: float,
    total: float,
    warmup: float = 0,
    decay: float = 0,
    final_rate: float = 0.1,
) -> float:
    """Learning rate of the step after which `tokens` tokens have been seen.

    Parameters
    ----------
    tokens, total : float, tokens
    schedule : str
        ``constant``: after warm-up the rate stays, so that checkpoints of one
        run are comparable. ``cosine``: half a cosine from the end of warm-up to
        `total`. ``wsd``: constant, then a straight fall over the last `decay` tokens.
    peak : float
    warmup : float, tokens
        Straight rise from 0.
    decay : float, tokens
    final_rate : float
        Share of `peak` that cosine and wsd end at.

    Returns
    -------
    float

    Examples
    --------
    >>> [learning_rate(t, schedule="wsd", peak=1.0, total=10, warmup=2, decay=5, final_rate=0)
    ...  for t in (1, 5, 10)]
    [0.5, 1.0, 0.0]
    """
    if tokens < warmup:
        return peak * tokens / warmup
    if schedule == "cosine":
        done = (tokens - warmup) / max(total - warmup, 1)
        return peak * (final_rate + (1 - final_rate) * (1 + math.cos(math.pi * done)) / 2)
    if schedule == "wsd" and tokens > total - decay:
        return peak * (final_rate + (1 - final_rate) * (total - tokens) / decay)
    return peak
