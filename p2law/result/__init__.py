"""A fit as a value: frozen, readable, savable, and never saying more than it knows."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from p2law.declaring import Array, Form
from p2law.errors import SavedFitError
from p2law.records.vocabulary import unit
from p2law.result import asking, intervals, matching, saving, tabling, telling
from p2law.result.knowing import Knowledge
from p2law.result.searched import Search
from p2law.result.verdicts import Status
from p2law.solving.settings import Settings
from p2law.text.views import View
from p2law.text.wording import several


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law. Made by `p2law.fit`; nothing in it changes.

    Attributes
    ----------
    form : Form
    values : mapping of str to float
        All coefficients, in the units of the law.
    held : mapping of str to str
        Coefficients that were not fitted, and why.
    status : Status
    settings : Settings
    search : Search
    """

    form: Form
    values: Mapping[str, float]
    held: Mapping[str, str]
    status: Status
    _trouble: tuple[str, ...]
    _notes: tuple[str, ...]
    settings: Settings
    search: Search
    _records: pd.DataFrame

    def __post_init__(self) -> None:
        for name in ("values", "held"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> Any:
        # What is computed once is computed again; read-only views of mappings do not travel.
        parts = {each.name: getattr(self, each.name) for each in fields(self)}
        parts |= {"values": dict(self.values), "held": dict(self.held)}
        return Fit, tuple(parts.values())

    @property
    def trouble(self) -> tuple[str, ...]:
        """Sentences that a user of the fit must read."""
        return tuple(dict.fromkeys((*self._trouble, *self.known.doubts)))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was done with the records, and what they leave unchecked."""
        return (*self._notes, *self.known.unchecked)

    @property
    def records(self) -> pd.DataFrame:
        """The rows used: run, inputs, target, weight, and labels of curves; a copy."""
        return self._records.copy()

    @property
    def unit(self) -> str:
        """The unit of the target, as said after a number."""
        return unit(self.form.target, self._records)

    # -- what it says ----------------------------------------------------------------

    def predict(
        self,
        table: pd.DataFrame | None = None,
        /,
        *,
        level: float = 0.9,
        kind: str = "mean",
        **columns: Any,
    ) -> pd.DataFrame:
        """Predict the target where nothing was measured, or where it was.

        Parameters
        ----------
        table : DataFrame
            Holds the inputs of the law; other columns are not looked at.
        level : float
            Probability with which an interval is to hold what it is about.
        kind : str
            What the intervals are about: ``"mean"``, the law itself, or ``"run"``,
            what a single new run will measure.
        **columns : float or sequence of float
            The inputs by name, in the units of the records. Single values go
            with every row, sequences of equal length go together; products are
            made by `p2law.grid`.

        Returns
        -------
        DataFrame
            The inputs, the prediction under the target's name, its interval `low`
            and `high`, `determined` (False where the prediction moves along a
            direction that the records leave free, or lies so far from them that it
            carries their noise more than a thousandfold; all three are NaN then) and
            `beyond`: the inputs that lie outside the records, with commas, or, where none
            does alone, two that no records are near to together ("params with tokens").

        Raises
        ------
        FormError
            An input is missing, or the law does not read one that was given.
        RecordError
            An input is not a number, is a count in billions where the records hold plain
            ones, or the law has no value there.
        FitError
            `level` or `kind` is not one of the above.

        Notes
        -----
        The interval is spread by the runs. An error of a base loss, which all runs of
        a model share, is not in it. Where the refits all lie on one side of the
        estimate, the interval is widened to hold it.
        """
        asking.interval(level, kind)
        inputs = asking.inputs(self.form, table, columns)
        asking.check_counts(inputs, self._records)
        arrays = [inputs[name].to_numpy() for name in self.form.columns]
        with np.errstate(all="ignore"):
            found = self.form.function(*arrays, **self.values)
        determined = self.known.determines(inputs)
        low, high = intervals.holding(found, *self.known.interval(arrays, level, kind))
        out = inputs.copy()
        for name, each in ((self.form.target, found), ("low", low), ("high", high)):
            out[name] = np.where(determined, each, np.nan)
        out["determined"] = determined
        out["beyond"] = self.known.covered.beyond(inputs)
        return out

    def table(self, *, level: float = intervals.LEVEL) -> pd.DataFrame:
        """Coefficients: estimate, interval, unit, size of the term at the middle of the data, note.

        Parameters
        ----------
        level : float
            Of the intervals `low` to `high`; NaN where a coefficient was held or is free.

        Returns
        -------
        DataFrame
            Indexed by coefficient.

        Raises
        ------
        FitError
            `level` is no probability.
        """
        asking.interval(level, "mean")
        known = self.known
        ends = intervals.of_coefficients(known.for_level(level).draws, level)
        return tabling.table(known.full, self.values, known.footings, ends)

    def residuals(self) -> pd.DataFrame:
        """The rows used, with `predicted` and `residual` (measured minus predicted).

        Returns
        -------
        DataFrame
            Index labels are those of the records that were fitted.
        """
        out, found = self.records, self._predicted()
        out["predicted"] = found
        out["residual"] = out[self.form.target] - found
        return out

    def _predicted(self) -> Array:
        """The law at the rows used."""
        columns = [self._records[name].to_numpy() for name in self.form.columns]
        with np.errstate(all="ignore"):
            found = self.form.function(*columns, **self.values)
        return np.broadcast_to(found, len(self._records))

    # -- how it looks ----------------------------------------------------------------

    def view(self) -> View:
        """The content of the text and HTML views."""
        records, form = self._records, self.form
        holding = telling.held(self.held, self.values, self.settings)
        residuals = records[form.target].to_numpy() - self._predicted()
        return View(
            headline=(
                f"{form.name}{holding} fitted to {several(len(records), 'record')} of "
                f"{several(records['run'].nunique(), 'run')}: {self.status.words}"
            ),
            formula=form.formula,
            warnings=self.trouble,
            header=telling.HEADER,
            rows=telling.rows(self.table()),
            facts=[
                ("residuals", telling.misfit(residuals, records["run"], self.unit)),
                ("covered", telling.covered(records, form.columns)),
                *telling.found(self.search, self.settings.objective),
                *(("note", each) for each in self.notes),
            ],
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()

    # -- what it knows ---------------------------------------------------------------

    @property
    def draws(self) -> pd.DataFrame:
        """Coefficients of refits to what the runs might have been; intervals come from these.

        One row a refit, one column a coefficient; NaN where nothing tells the noise.
        """
        return self.known.draws.copy()

    @functools.cached_property
    def known(self) -> Knowledge:
        """What the records tell, for modules that ask more of it than `predict` does."""
        return Knowledge(self.form, self.values, self.held, self.settings, self._records)

    # -- keeping it ------------------------------------------------------------------

    def to_json(self) -> str:
        """The whole fit as JSON text; `from_json` gives the same fit, bit for bit."""
        content = {
            "form": self.form.name,
            "values": dict(self.values),
            "held": dict(self.held),
            "status": self.status.name,
            "trouble": list(self._trouble),
            "notes": list(self._notes),
            "settings": self.settings.plain(),
            "search": asdict(self.search),
        }
        return saving.encode(content, self._records)

    @classmethod
    def from_json(cls, text: str, forms: Sequence[Form] = ()) -> "Fit":
        """Read a fit that `to_json` wrote.

        Nothing is evaluated or imported: a law of your own is found only among the
        `forms` you hand over.

        Parameters
        ----------
        text : str
        forms : sequence of Form
            Laws that are not built in.

        Returns
        -------
        Fit

        Raises
        ------
        SavedFitError
            The text is no saved fit, or its law is neither built in nor handed over, or another.
        """
        content, table = saving.decode(text)
        try:
            form = matching.find_form(content["form"], list(content["values"]), forms)
            found = cls(
                form=form,
                values={name: float(content["values"][name]) for name in form.names},
                held=dict(content["held"]),
                status=Status[content["status"]],
                _trouble=tuple(content["trouble"]),
                _notes=tuple(content["notes"]),
                settings=Settings(**content["settings"]),
                search=Search.read(content["search"]),
                _records=matching.kept(table, form),
            )
            matching.check_bounds(form, found.values, found.status)
            matching.check_asked(form, found.settings, found.values, found.held, table)
            found.known.check_sum(found.search.objective)
            found.known.determines(found.records.iloc[:1])
        except SavedFitError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise SavedFitError(
                f"not a whole saved fit: {type(error).__name__}: {error}"
            ) from error
        return found
