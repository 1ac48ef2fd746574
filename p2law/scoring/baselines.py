"""What needs no law: the last value of a run, and a power law in tokens of that run alone.

A law that does worse than these on the rest of a run has told nothing that the run itself
did not tell. Seeds and texts of one run are curves of their own. The power law is
`forms.token_power`, fitted by least squares to all curves at once: for a given beta the other
two are solved for, and beta is searched in every curve at the same time.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array
from p2law.forms.token_power import token_power
from p2law.records.grouping import groups
from p2law.records.vocabulary import CURVES

LEAST = 3
"""Token counts that a power law with a floor needs."""

GRID = 120
"""Values of beta of which the best is refined; they are 5 % apart."""

REFINED = 45
"""Steps of golden section: they shorten the bracket to 1e-9 of itself."""


@dataclass(frozen=True)
class Baselines:
    """Predictions that need no law, of shape (rows,), NaN where there is none.

    Attributes
    ----------
    last : ndarray
        The loss at the last checkpoint that was fitted of the same run.
    power : ndarray
        A power law with a floor, fitted to the fitted checkpoints of the same run. Losses
        fall; other targets may go either way.
    """

    last: Array
    power: Array


def baselines(kept: pd.DataFrame, rows: pd.DataFrame, target: str) -> Baselines:
    """Predict rows that continue a run that was fitted.

    Parameters
    ----------
    kept : DataFrame
        The rows that were fitted: `run`, `tokens` and the target; `seed` and `eval_text`
        where there are any.
    rows : DataFrame
        The rows to predict: the same but for the target.
    target : str

    Returns
    -------
    Baselines
        NaN where the run was not fitted, or was fitted at as many tokens or more; for the
        power law also where it was fitted at fewer than three token counts above zero.
    """
    code, asked, count = _curves(kept, rows)
    tokens, loss = kept["tokens"].to_numpy(), kept[target].to_numpy()
    end = _by_run(np.maximum, code, tokens, count)
    at_end = tokens == end[code]
    sums = np.bincount(code[at_end], loss[at_end], count)
    last = sums / np.bincount(code[at_end], minlength=count)
    there = rows["tokens"].to_numpy()
    follows = (asked >= 0) & (there > end[asked])
    with np.errstate(all="ignore"):  # what overflows is no prediction
        powers = _powers(code, tokens, loss, count, rises=target != "loss")
        power = token_power(there, **{name: each[asked] for name, each in powers.items()})
    return Baselines(np.where(follows, last[asked], np.nan), np.where(follows, power, np.nan))


def _curves(kept: pd.DataFrame, rows: pd.DataFrame) -> tuple[Any, Any, int]:
    """Number the curves of kept rows, and find those of others: -1 where none was kept."""
    names = [name for name in ("run", *CURVES) if name in kept and name in rows]
    both = pd.concat([kept[names].astype(object), rows[names].astype(object)])
    code = groups(both, names)
    first, then = code[: len(kept)], code[len(kept) :]
    count = int(first.max(initial=-1)) + 1
    return first, np.where(then < count, then, -1), count


def _by_run(reduce: Any, code: Any, values: Array, runs: int) -> Array:
    found = np.full(runs, -np.inf)
    reduce.at(found, code, values)
    return found


def _powers(code: Any, tokens: Array, loss: Array, runs: int, *, rises: bool) -> dict[str, Array]:
    """Coefficients of `token_power` for every run, NaN where it has too few token counts."""
    inside = tokens > 0
    code, tokens, loss = code[inside], tokens[inside], loss[inside]
    distinct = pd.DataFrame({"run": code, "tokens": tokens}).drop_duplicates()
    enough = np.bincount(distinct["run"].to_numpy(), minlength=runs) >= LEAST
    tell = _Runs(code, np.log(tokens), loss, runs, rises)
    bounds = token_power.coefficient("beta").bounds
    log_beta = tell.best(np.linspace(np.log(bounds.least), np.log(bounds.most), GRID))
    floor, scale, _ = tell.solved(np.exp(log_beta))
    return {
        "floor": np.where(enough, floor, np.nan),
        "scale": scale * np.exp(np.exp(log_beta) * tell.middle),
        "beta": np.exp(log_beta),
    }


@dataclass(frozen=True)
class _Runs:
    """Rows of many runs, each of which has a power law of its own; it may rise or may not."""

    code: Any
    log_tokens: Array
    loss: Array
    runs: int
    rises: bool

    @property
    def middle(self) -> Array:
        """Mean of ln(tokens) of each run: scales are taken there."""
        return self.mean(self.log_tokens)

    def mean(self, values: Array) -> Array:
        """Mean over the rows of each run."""
        count = np.maximum(np.bincount(self.code, minlength=self.runs), 1)
        return np.asarray(np.bincount(self.code, values, self.runs) / count)

    def solved(self, beta: Array) -> tuple[Array, Array, Array]:
        """Floor, scale and mean square of each run, for one beta a run; no floor is negative."""
        shape = np.exp(-beta[self.code] * (self.log_tokens - self.middle[self.code]))
        level, high = self.mean(self.loss), self.mean(shape)
        off, from_high = self.loss - level[self.code], shape - high[self.code]
        with np.errstate(all="ignore"):
            slope = self.mean(off * from_high) / self.mean(from_high**2)
            alone = self.mean(self.loss * shape) / self.mean(shape**2)
        falling = np.where((slope > 0) | self.rises, slope, 0.0)
        floor = level - falling * high
        scale, floor = np.where(floor < 0, alone, falling), np.maximum(floor, 0.0)
        misfit = self.mean((floor[self.code] + scale[self.code] * shape - self.loss) ** 2)
        return floor, scale, misfit

    def best(self, grid: Array) -> Array:
        """The ln(beta) of least misfit of each run: the best of a grid, then golden section."""
        misfit = np.array([self.solved(np.full(self.runs, np.exp(each)))[2] for each in grid])
        step, at = grid[1] - grid[0], grid[np.argmin(misfit, axis=0)]
        low, high = np.maximum(at - step, grid[0]), np.minimum(at + step, grid[-1])
        ratio = (np.sqrt(5.0) - 1) / 2
        for _ in range(REFINED):
            left, right = high - ratio * (high - low), low + ratio * (high - low)
            less = self.solved(np.exp(left))[2] <= self.solved(np.exp(right))[2]
            low, high = np.where(less, low, left), np.where(less, right, high)
        return np.asarray((low + high) / 2)
