"""The laws as a beginner types them: in plain counts, from the paper."""

from collections.abc import Callable
from typing import Any


def chinchilla(N: Any, D: Any, E: Any, A: Any, B: Any, alpha: Any, beta: Any) -> Any:
    """L = E + A / N^alpha + B / D^beta."""
    return E + A / N**alpha + B / D**beta


def p2(  # noqa: PLR0917 - lmfit and curve_fit read the names
    N: Any,
    D: Any,
    rho: Any,
    L0: Any,
    N_C: Any,
    D_C: Any,
    E: Any,
    alpha: Any,
    beta: Any,
    gamma: Any,
    delta: Any,
) -> Any:
    """L = L0 + (1/rho)^gamma (1/N)^delta (N_C / N^alpha + D_C / D^beta + E)."""
    scale = (1 / rho) ** gamma * (1 / N) ** delta
    return L0 + scale * (N_C / N**alpha + D_C / D**beta + E)


NAMES = {
    "chinchilla": ("E", "A", "B", "alpha", "beta"),
    "p2": ("N_C", "D_C", "E", "alpha", "beta", "gamma", "delta"),
}
LAWS: dict[str, Callable[..., Any]] = {"chinchilla": chinchilla, "p2": p2}
INPUTS = {"chinchilla": ("N", "D"), "p2": ("N", "D", "rho", "L0")}
