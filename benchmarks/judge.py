"""What answers are judged by: the two laws as their papers print them, and what is minimised.

Nothing here comes from p2law, nor from any tool that is judged.
"""

from collections.abc import Mapping

import numpy as np

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Columns = Mapping[str, Array]


def chinchilla(columns: Columns, at: Mapping[str, float]) -> Array:
    """L = E + A / N^alpha + B / D^beta (arXiv:2203.15556, equation 2)."""
    N, D = columns["params"], columns["tokens"]
    return np.asarray(at["E"] + at["A"] / N ** at["alpha"] + at["B"] / D ** at["beta"])


def p2(columns: Columns, at: Mapping[str, float]) -> Array:
    """L = L0 + (1/rho)^gamma (1/N0)^delta (N_C/N0^alpha + D_C/D^beta + E) (arXiv:2411.10272)."""
    N0, D, rho = columns["params"], columns["tokens"], columns["pruning_rate"]
    damage = at["N_C"] / N0 ** at["alpha"] + at["D_C"] / D ** at["beta"] + at["E"]
    scale = (1 / rho) ** at["gamma"] * (1 / N0) ** at["delta"]
    return np.asarray(columns["base_loss"] + scale * damage)


LAWS = {"chinchilla": chinchilla, "p2": p2}


def huber(residuals: Array, delta: float) -> Array:
    """Half the square up to delta, a straight line beyond (Huber 1964)."""
    size = np.abs(residuals)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))


def objective(
    law: str, columns: Columns, loss: Array, delta: float | None, at: Mapping[str, float] | None
) -> float:
    """Sum of squares, or of Huber's function of differences of logarithms where there is a delta.

    Infinite where there are no coefficients, or where the law has no value with them.
    """
    if at is None:
        return float("inf")
    with np.errstate(all="ignore"):
        found = LAWS[law](columns, at)
        if delta is None:
            total = float(np.sum((found - loss) ** 2))
        else:
            total = float(np.sum(huber(np.log(found) - np.log(loss), delta)))
    return total if np.isfinite(total) else float("inf")
