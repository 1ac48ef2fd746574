"""What the records of a fit tell, and what they do not: worked out when asked for, once."""

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from p2law import identify, objectives
from p2law.declaring import Array, Form, Mask, Whole
from p2law.errors import SavedFitError
from p2law.identify import causes
from p2law.identify.ties import Tie, ties
from p2law.result import intervals, tabling
from p2law.result.covering import Coverage
from p2law.solving import ordering, resampling
from p2law.solving.dealing import DRAWS
from p2law.solving.factoring import triangular, whitening
from p2law.solving.gathering import WEIGHT, weights_of
from p2law.solving.problem import Problem
from p2law.solving.settings import Settings
from p2law.solving.surface import Surface
from p2law.text.views import exact

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Knowledge:
    """A fitted law over its records.

    Attributes
    ----------
    form : Form
    values : mapping of str to float
    held : mapping of str to str
    settings : Settings
    records : DataFrame
        The rows used: run, inputs, target and weight.
    refits : int
        How many refits tell how sure it is.
    """

    form: Form
    values: Mapping[str, float]
    held: Mapping[str, str]
    settings: Settings
    records: pd.DataFrame
    refits: int = DRAWS

    # -- what can be said ------------------------------------------------------------

    @functools.cached_property
    def doubts(self) -> tuple[str, ...]:
        """Sentences about intervals: what they rest on, and which tell hardly anything."""
        groups = (*self.directions.together, *(each.exchanged for each in self.ties))
        loose = {*self.held, *self.directions.idle, *itertools.chain(*groups)}
        fitted = [name for name in self.form.names if name not in loose]
        return (
            *intervals.assumption(self.codes, self._units, self.problem.spare(self._q)),
            *self._carried_alone(),
            *intervals.given_up(self.drawn),
            *intervals.hardly_known(self.form, self.draws, fitted),
        )

    def _carried_alone(self) -> list[str]:
        """Sentences about runs without which the others would leave coefficients free."""
        if not (self.tells_noise and np.array_equal(self.codes, self._units)):
            return []
        lone = np.flatnonzero(resampling.alone(self.problem, self._q, self._units))
        by_names: dict[tuple[str, ...], list[str]] = {}
        for unit in lone:
            rest = self.problem.surface.at_rows(np.flatnonzero(self._units != unit))
            found = identify.at(rest, self._q)
            free = {*found.idle, *itertools.chain(*found.together)}
            names = tuple(name for name in self.form.names if name in free)
            run = str(self.records["run"].to_numpy()[self._units == unit][0])
            by_names.setdefault(names or ("part of the law",), []).append(f"run {run}")
        return [intervals.carried_alone(runs, names) for names, runs in by_names.items()]

    @functools.cached_property
    def unchecked(self) -> tuple[str, ...]:
        """Sentences about inputs of which the records hold no value to spare."""
        settled = not (self.directions.idle or len(self.directions.null))
        return causes.barely(self.problem.surface) if settled else ()

    def determines(self, inputs: pd.DataFrame) -> Mask:
        """Tell which predictions do not move with anything that the records leave free."""
        asked = self.full.over([inputs[name].to_numpy() for name in self.form.columns])
        with np.errstate(all="ignore"):  # what is not finite anywhere near is not determined
            sure = self.evidence.determines(asked)
        for each in self.ties:
            sure &= each.holds(*(inputs[name].to_numpy() for name in each.names))
        return sure

    def instead(self, inputs: pd.DataFrame) -> str:
        """Say at which recorded values the first prediction that is left free is determined.

        Inputs of which the records hold few values are tried, one alone and else two together.

        Returns
        -------
        str
            "params 3e9 or params 8e9"; empty where nothing is left free, or no such values help.
        """
        free = inputs[~self.determines(inputs)].iloc[:1]
        few = [
            name for name in self.form.columns if self.records[name].nunique() <= causes.FEW_VALUES
        ]
        for count in (1, 2) if len(free) else ():
            said = list[str]()
            for names in itertools.combinations(few, count):
                held = self.records[list(names)].drop_duplicates().sort_values([*names])
                columns = {name: held[name].to_numpy() for name in names}
                known = held[self.determines(free.iloc[[0] * len(held)].assign(**columns))]
                said += [
                    " with ".join(
                        f"{name} {exact(each)}" for name, each in zip(names, row, strict=True)
                    )
                    for row in known.to_numpy().tolist()
                ]
            if said:
                return " or ".join(said[: causes.FEW_VALUES])
        return ""

    def interval(self, arrays: list[Array], level: float, kind: str) -> tuple[Array, Array]:
        """Ends of the intervals of predictions at inputs in the order of the law."""
        asked = self.problem.surface.over(arrays)
        drawn = self.for_level(level).drawn
        return intervals.of_predictions(asked, self.problem.objective, drawn, level, kind)

    def curves(self, inputs: Mapping[str, Array]) -> Array:
        """The law at the fit and at every refit: (1 + refits, rows), the fit first.

        Parameters
        ----------
        inputs : mapping of str to ndarray
            By name; each broadcasts to that shape.
        """
        columns = [inputs[name] for name in self.form.columns]
        return self.problem.surface.anywhere(self._points, columns)

    def for_level(self, level: float) -> "Knowledge":
        """The same with as many refits as the ends of such an interval need."""
        return self.of_refits(max(self.refits, intervals.draws_for(level)))

    def of_refits(self, count: int) -> "Knowledge":
        """The same with another number of refits, an even one; made once."""
        if count == self.refits:
            return self
        return self.once(f"{count} refits", lambda: replace(self, refits=count))

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What another module works out of the fit: made once, and gone when the fit is."""
        if name not in self._once:
            self._once[name] = make()
        found: Made = self._once[name]
        return found

    @functools.cached_property
    def _once(self) -> dict[str, Any]:
        return {}

    # -- what is left free -----------------------------------------------------------

    @functools.cached_property
    def full(self) -> Surface:
        """The law over the records, free in all that the caller did not hold."""
        return Surface(self.form, self._columns, self.settings.fixed, self.settings.tied)

    @functools.cached_property
    def directions(self) -> identify.Directions:
        """What the records leave free, at the fitted coefficients."""
        return identify.at(self.full, self.full.coordinates(self.values))

    @functools.cached_property
    def footings(self) -> Mapping[str, tabling.Footing]:
        """What each coefficient rests on."""
        return tabling.footings(self.full, self.values, self.held, self.directions, self.ties)

    @functools.cached_property
    def covered(self) -> Coverage:
        """How far the records reach, in each input and in every two together."""
        return Coverage.of(self.records, self.form.columns)

    @functools.cached_property
    def ties(self) -> tuple[Tie, ...]:
        """Inputs that never vary apart in the records."""
        return ties(self.full)

    @functools.cached_property
    def evidence(self) -> identify.Evidence:
        """What the records determine, at the fit and off its bounds."""
        return identify.evidence(self.full, self.full.coordinates(self.values), self.directions)

    # -- how sure the rest is --------------------------------------------------------

    @functools.cached_property
    def problem(self) -> Problem:
        """The fit as it was posed, with what was held."""
        held = {n: self.values[n] for n in self.held if n not in self.settings.tied}
        return Problem(
            Surface(self.form, self._columns, held, self.settings.tied),
            self.records[self.form.target].to_numpy(),
            weights_of(self.records),
            objectives.parse(self.settings.objective),
        )

    def check_sum(self, stated: float) -> None:
        """Check that coefficients, rows and objective of a fit belong together.

        Raises
        ------
        SavedFitError
            The objective at the fit is not the one stated.
        """
        problem = self.problem
        with np.errstate(all="ignore"):
            found = problem.cost(self._q)
        if not (found < np.inf and abs(found - stated) <= 1e-6 * abs(stated) + problem.rounding):
            raise SavedFitError(
                f"not a whole saved fit: its objective is {stated:.6g}, but its coefficients "
                f"give {found:.6g} on its records; something in it was changed, or "
                f"{self.form.name} is not the law that was fitted"
            )

    @functools.cached_property
    def draws(self) -> pd.DataFrame:
        """Coefficients of the refits: (refits, coefficients)."""
        return pd.DataFrame(self.problem.surface.coefficients_at(self.drawn.q))

    @functools.cached_property
    def drawn(self) -> resampling.Draws:
        """The refits, by coordinates."""
        seed = self.settings.seed
        return resampling.draw(self.problem, self._q, self._units, seed, self.refits)

    @property
    def resampled(self) -> str:
        """What intervals come from, in words; empty where there are none."""
        return intervals.resampled(self.codes, self._units) if self.tells_noise else ""

    @property
    def tells_noise(self) -> bool:
        """Whether there are rows and runs enough to tell how sure anything is."""
        return bool(np.isfinite(self.drawn.noise).all())

    @functools.cached_property
    def _points(self) -> Array:
        """Coordinates of the fit, then of its refits."""
        return np.vstack([self._q, self.drawn.q])

    def ways(self, rows: Whole) -> Array:
        """Derivatives of weighted residuals at rows by what lies inside its bounds: (ways, rows).

        Put together so that over all rows they are orthogonal and of length 1: their squares
        add up to the leverage of a row.
        """
        return np.asarray(self._whitening @ self.problem.at_rows(rows).rooted(self._q))

    @functools.cached_property
    def _whitening(self) -> Array:
        """What makes derivatives of weighted residuals ways, (ways, free)."""
        problem, q = self.problem, self._q
        low, high = problem.surface.box
        parts = (problem.at_rows(rows).rooted(q) for rows in problem.surface.blocks())
        inside = (low < q) & (q < high)
        return whitening(np.where(inside[:, None], triangular(parts, len(q)), 0.0))

    @property
    def _q(self) -> Array:
        return self.problem.surface.coordinates(self.values)

    @functools.cached_property
    def codes(self) -> Whole:
        """Which run each row belongs to, from 0 on, by what the runs hold."""
        return ordering.numbered(self.records["run"], self._content)

    @functools.cached_property
    def _units(self) -> Whole:
        """What is resampled together."""
        if int(self.codes.max(initial=-1)) + 1 >= resampling.FEW:
            return self.codes
        return resampling.units(self.codes, ordering.within(self.codes, self._content))

    @property
    def _content(self) -> list[Array]:
        """All that sets rows apart, the tokens first."""
        names = sorted(self.form.columns, key=lambda name: name != "tokens")
        more = [self.form.target, *([WEIGHT] if WEIGHT in self.records else [])]
        return [self.records[name].to_numpy() for name in (*names, *more)]

    @property
    def _columns(self) -> dict[str, Array]:
        return {name: self.records[name].to_numpy() for name in self.form.columns}
