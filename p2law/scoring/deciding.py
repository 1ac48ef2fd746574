"""Which law errs least, and is that more than noise: paired over cells of equal runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from p2law.declaring import Array, Mask
from p2law.scoring.judging import NAIVE
from p2law.scoring.measures import in_order, same
from p2law.scoring.trials import Trial
from p2law.text.views import number
from p2law.text.wording import listed, several

LEVEL = 0.9
"""How sure one must be that a difference is more than noise."""

ENOUGH = 5
"""Cells with which a difference can be told at all: with 4, one arrangement of signs in 8 is as
lopsided as the one found, whatever was measured."""

EXACT = 12
"""Up to so many cells all arrangements of signs are tried."""

RANDOM = 4095
"""With more cells, so many random ones."""


@dataclass(frozen=True)
class Difference:
    """How much smaller one error is than another, and how often chance does as well.

    Attributes
    ----------
    cells : int
        Cells with rows that were compared: runs of equal inputs make one.
    runs : int
        Runs in these.
    chance : float
        Share of the arrangements of signs whose difference is as large as the one found.
    """

    cells: int
    runs: int
    chance: float

    @property
    def told(self) -> bool:
        """Whether there are cells enough to tell."""
        return self.cells >= ENOUGH

    @property
    def more_than_noise(self) -> bool:
        """Whether the difference is larger than its noise."""
        return self.told and self.chance <= 1 - LEVEL

    @property
    def verdict(self) -> str:
        """The same in words."""
        return f"{'larger' if self.more_than_noise else 'no larger'} than its noise"

    @property
    def share(self) -> str:
        """How often chance does as well; of random arrangements one is the one found."""
        least = 1 / (RANDOM + 1)
        if self.cells > EXACT and self.chance <= least:
            return f"chance does as well in less than {number(100 * least + 0.0005, 2)} % of cases"
        return f"chance does as well in {number(100 * self.chance, 2)} % of cases"

    @property
    def over(self) -> str:
        """What it was paired over."""
        if self.cells == self.runs:
            return several(self.runs, "run")
        return f"{several(self.cells, 'cell')} ({self.runs} runs, those of equal inputs together)"


@dataclass(frozen=True)
class Partial:
    """Laws that predict too few of the held rows to be ranked.

    Attributes
    ----------
    laws : mapping of str to int
        How many rows each predicts.
    held : int
    best : str
        That with the least error on the rows that all of these, and the winner, determine;
        empty where there is none.
    rmse, winner : float
        Its error there, and that of the winner.
    """

    laws: Mapping[str, int]
    held: int
    best: str = ""
    rmse: float = np.nan
    winner: float = np.nan

    def words(self, winner: str | None, unit: str) -> str:
        """Which laws, how many rows, and how well."""
        least, most = min(self.laws.values()), max(self.laws.values())
        count = f"{least}" if least == most else f"{least} to {most}"
        one = len(self.laws) == 1
        said = (
            f"{listed([*self.laws])} {'predicts' if one else 'predict'} {count} of {self.held} "
            f"rows and {'was' if one else 'were'} not ranked"
        )
        if not self.best:
            return said
        return (
            f"{said} (rmse there: {self.best} {number(self.rmse)} {unit}, "
            f"{winner} {number(self.winner)} {unit})"
        )


@dataclass(frozen=True)
class Contest:
    """Laws in the order of their held-out error.

    Attributes
    ----------
    on : ndarray of bool, shape (held,)
        The held rows that count: those that every law in question determines.
    rmse : mapping of str to float
        By law, the best first; only laws that predict at least half of the held rows.
    naive : mapping of str to float
        By baseline, where there is one for every row that counts.
    against : mapping of str to Difference
        By law or baseline, to the winner; not of those with the same error.
    partial : Partial or None
        Laws that were not ranked though they predict some rows.
    """

    on: Mask
    rmse: Mapping[str, float]
    naive: Mapping[str, float]
    against: Mapping[str, Difference]
    partial: Partial | None = None

    @property
    def winner(self) -> str | None:
        """The law with the smallest held-out error."""
        return next(iter(self.rmse), None)

    @property
    def better(self) -> tuple[str, ...]:
        """Baselines that err less than every law."""
        least = min(self.rmse.values(), default=-np.inf)
        return tuple(
            name for name, rmse in self.naive.items() if rmse < least and name in self.against
        )

    @property
    def shame(self) -> tuple[str, ...]:
        """Those of them that do so by more than noise."""
        return tuple(name for name in self.better if self.against[name].more_than_noise)

    def verdict(self, unit: str) -> str:
        """The winner, whether its difference to the next is noise, and what it does not beat."""
        some = self.partial.words(self.winner, unit) if self.partial else ""
        if self.winner is None:
            return (
                f"no law predicts {'half of ' * bool(some)}the held rows{'; ' * bool(some)}{some}"
            )
        alone = not any(name in self.against for name in self.rmse)
        some = some or ("no other law predicts these rows" if alone else "")
        simple = [
            f"{NAIVE[name]} needs no law and errs less, rmse {number(self.naive[name])} {unit}, a "
            f"difference {self.against[name].verdict}"
            for name in self.better
        ]
        return "; ".join(filter(None, [self._ranked(unit), *simple, some]))

    def _ranked(self, unit: str) -> str:
        """The winner, and whether its difference to the next is larger than its noise."""
        best, *others = self.rmse
        said = f"{best} has the smallest held-out error, rmse {number(self.rmse[best])} {unit}"
        least = min(self.rmse.values())
        alike = [each for each in others if same(self.rmse[each], least)]
        others = others[len(alike) :]
        said += f", and so {'have' if len(alike) > 1 else 'has'} {listed(alike)}" if alike else ""
        if not others:
            return said
        found = self.against[others[0]]
        head = f"{said}; the difference to {others[0]} ({number(self.rmse[others[0]])} {unit})"
        if not found.told:
            return f"{head} cannot be told from noise: {found.over} held out, and it takes {ENOUGH}"
        limit = f"{100 * (1 - LEVEL):.0f} % is the limit"
        return f"{head} is {found.verdict}: paired over {found.over}, {found.share}, and {limit}"


def contest(trial: Trial, free: Mapping[str, int], seed: int) -> Contest:
    """Rank laws by their error on the held rows that all of them determine.

    A law that determines less than half of them would leave too few to the others: it is
    not ranked. Of laws with the same error the one with the fewest coefficients comes first.

    Parameters
    ----------
    trial : Trial
    free : mapping of str to int
        Number of fitted coefficients of each law.
    seed : int

    Returns
    -------
    Contest
    """
    count = len(trial.measured)
    laws = [law for law in trial.predicted if 2 * trial.determined(law) >= count]
    on = np.ones(count, dtype=bool) if laws else np.zeros(count, dtype=bool)
    for law in laws:
        on &= np.isfinite(trial.predicted[law])
    if not on.any():
        return Contest(on, {}, {}, {}, _partial(trial, laws, None))
    off = {law: (trial.predicted[law] - trial.measured)[on] for law in laws}
    rmse = {law: float(np.sqrt(np.mean(each**2))) for law, each in off.items()}
    least = min(rmse.values())
    order = in_order(rmse, free)
    alike = [law for law in order if same(rmse[law], least)]
    simple = {
        name: (each - trial.measured)[on]
        for name, each in trial.naive.items()
        if np.isfinite(each[on]).all()
    }
    naive = {name: float(np.sqrt(np.mean(each**2))) for name, each in simple.items()}
    others = {law: off[law] for law in order[len(alike) :]}
    others |= {name: each for name, each in simple.items() if not same(naive[name], least)}
    best, run, cell = off[order[0]], trial.run[on], trial.cell[on]
    return Contest(
        on,
        {law: rmse[law] for law in order},
        naive,
        {name: difference(best, each, run, cell, seed) for name, each in others.items()},
        _partial(trial, laws, order[0]),
    )


def _partial(trial: Trial, ranked: Sequence[str], winner: str | None) -> Partial | None:
    """Laws that predict some held rows, but too few to be ranked."""
    count = {law: trial.determined(law) for law in trial.predicted if law not in ranked}
    count = {law: rows for law, rows in count.items() if rows}
    if not count:
        return None
    off = {law: trial.predicted[law] - trial.measured for law in (*count, *filter(None, [winner]))}
    common = np.isfinite([*off.values()]).all(axis=0)
    if winner is None or not common.any():
        return Partial(count, len(trial.measured))
    rmse = {law: float(np.sqrt(np.mean(each[common] ** 2))) for law, each in off.items()}
    best = min(count, key=rmse.__getitem__)
    return Partial(count, len(trial.measured), best, rmse[best], rmse[winner])


def difference(one: Array, other: Array, run: Any, cell: Any = None, seed: int = 0) -> Difference:
    """Compare the squared errors of two laws on the same rows.

    Were the laws equally good, the difference that a run contributes would as well have
    had the other sign. Rows of one run go together, and so do runs of equal inputs, which
    share what a law gets wrong: whole cells change sign.

    Parameters
    ----------
    one, other : ndarray of shape (rows,)
        Errors.
    run : ndarray of int, shape (rows,)
        Which run each row belongs to.
    cell : ndarray of int, shape (rows,), optional
        Which cell each row belongs to; each run makes one where not given.
    seed : int

    Returns
    -------
    Difference
    """
    _, code = np.unique(run if cell is None else cell, return_inverse=True)
    by_cell = np.bincount(code, one**2 - other**2)
    found = abs(by_cell.sum())
    # By size, without signs: neither how rows are listed nor which law comes first has a say.
    arranged = np.abs(_signs(len(by_cell), seed) @ np.sort(np.abs(by_cell)))
    return Difference(
        len(by_cell), len(np.unique(run)), float(np.mean(arranged >= found * (1 - 1e-9)))
    )


def _signs(cells: int, seed: int) -> Array:
    """Arrangements of signs, (arrangements, cells); all alike first, as lopsided as can be."""
    if cells <= EXACT:
        bits = np.arange(2**cells)[:, None] >> np.arange(cells) & 1
        return np.asarray(1.0 - 2.0 * bits)
    drawn = np.random.default_rng(seed).choice([-1.0, 1.0], (RANDOM, cells))
    return np.vstack([np.ones(cells), drawn])
