"""What an expert writes around an optimiser: logarithms, sane starts, exact derivatives.

Sizes and tokens of the P² law are counted in 1e9, and its constants start in the middle of what
papers report; the Chinchilla law starts at the coefficients of Hoffmann et al.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from run import Problem

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Function = Callable[[Array], Array]

BILLION = 1e9
STARTS = {
    "chinchilla": {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28},
    "p2": {
        "N_C": 0.3,
        "D_C": 0.3,
        "E": 0.3,
        "alpha": 0.4,
        "beta": 0.4,
        "gamma": -1.0,
        "delta": 0.2,
    },
}
RANGES = {
    "chinchilla": {"alpha": (0.1, 1.0), "beta": (0.1, 1.0)},
    "p2": {"alpha": (0.1, 1.0), "beta": (0.1, 1.0), "gamma": (-3.0, 0.0), "delta": (0.0, 1.0)},
}
"""Of exponents in random starts."""
TERMS = (np.log(0.03), np.log(1.0))
"""Least and most of each term of a random start at the middle of the records: logarithms of nat."""
IN_LOGS = {"chinchilla": ("E", "A", "B"), "p2": ("N_C", "D_C")}


@dataclass(frozen=True)
class Model:
    """Residuals and derivatives of one problem at coordinates that an optimiser likes."""

    law: str
    names: tuple[str, ...]
    start: Array
    predict: Function
    derivatives: Function
    loss: Array
    log: bool

    def residuals(self, q: Array) -> Array:
        """Differences of losses, or of their logarithms."""
        found = self.predict(q)
        return np.log(found / self.loss) if self.log else found - self.loss

    def jacobian(self, q: Array) -> Array:
        """Derivatives of the residuals, (rows, coordinates)."""
        found = self.derivatives(q)
        return (found / self.predict(q) if self.log else found).T

    def cost(self, q: Array, delta: float | None) -> float:
        """Sum of squares, or of Huber's function of the logarithms."""
        off = np.abs(self.residuals(q))
        if delta is None:
            return float(np.sum(off**2))
        return float(np.sum(np.where(off <= delta, off**2 / 2, delta * (off - delta / 2))))

    def values(self, q: Array) -> dict[str, float]:
        """Coefficients in plain counts."""
        at = dict(zip(self.names, q, strict=True))
        at |= {name: np.exp(at[name]) for name in IN_LOGS[self.law]}
        if self.law == "p2":
            at["N_C"] *= BILLION ** (at["alpha"] + at["delta"])
            at["D_C"] *= BILLION ** (at["beta"] + at["delta"])
            at["E"] *= BILLION ** at["delta"]
        return at


def model(problem: "Problem") -> Model:
    """Lay out a problem as an expert would."""
    start = dict(STARTS[problem.law])
    start |= {name: np.log(start[name]) for name in IN_LOGS[problem.law]}
    predict, derivatives = {"chinchilla": _chinchilla, "p2": _p2}[problem.law](problem.columns)
    return Model(
        problem.law,
        tuple(start),
        np.array(list(start.values())),
        predict,
        derivatives,
        problem.loss,
        problem.delta is not None,
    )


def random_start(problem: "Problem", rng: np.random.Generator) -> Array:
    """Coordinates of random exponents and of terms that are random at the middle of the records."""
    at = {name: rng.uniform(*ends) for name, ends in RANGES[problem.law].items()}
    unit = BILLION if problem.law == "p2" else 1.0
    size, tokens = (np.mean(np.log(problem.columns[x] / unit)) for x in ("params", "tokens"))
    one, two, rest = np.exp(rng.uniform(*TERMS, 3))
    scale = 0.0
    if problem.law == "p2":
        rate = np.mean(np.log(problem.columns["pruning_rate"]))
        scale = at["gamma"] * rate + at["delta"] * size
    first = np.log(one) + scale + at["alpha"] * size
    second = np.log(two) + scale + at["beta"] * tokens
    if problem.law == "p2":
        return np.array([first, second, rest * np.exp(scale), *at.values()])
    return np.array(
        [np.log(np.min(problem.loss) * rng.uniform(0.3, 1)), first, second, *at.values()]
    )


def _chinchilla(columns: dict[str, Array]) -> tuple[Function, Function]:
    size, tokens = np.log(columns["params"]), np.log(columns["tokens"])

    def terms(q: Array) -> Array:
        e, a, b, alpha, beta = q
        powers = [np.full_like(size, e), a - alpha * size, b - beta * tokens]
        return np.asarray(np.exp(np.stack(powers)))

    def derivatives(q: Array) -> Array:
        found = terms(q)
        return np.stack([*found, -found[1] * size, -found[2] * tokens])

    return (lambda q: terms(q).sum(axis=0)), derivatives


def _p2(columns: dict[str, Array]) -> tuple[Function, Function]:
    size, tokens = np.log(columns["params"] / BILLION), np.log(columns["tokens"] / BILLION)
    rate, base = np.log(columns["pruning_rate"]), columns["base_loss"]

    def parts(q: Array) -> tuple[Array, ...]:
        n, d, rest, alpha, beta, gamma, delta = q
        scale = np.exp(-gamma * rate - delta * size)
        return scale, scale * np.exp(n - alpha * size), scale * np.exp(d - beta * tokens), rest

    def predict(q: Array) -> Array:
        scale, lasting, transient, rest = parts(q)
        return base + lasting + transient + scale * rest

    def derivatives(q: Array) -> Array:
        scale, lasting, transient, rest = parts(q)
        damage = lasting + transient + scale * rest
        return np.stack(
            [
                lasting,
                transient,
                scale,
                -size * lasting,
                -tokens * transient,
                -rate * damage,
                -size * damage,
            ]
        )

    return predict, derivatives
