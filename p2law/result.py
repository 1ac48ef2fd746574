"""A fit as a value: frozen, readable, savable, and never saying more than it knows."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from p2law import identify, objectives
from p2law.declaring import Array, Form
from p2law.errors import FormError, RecordError, SavedFitError
from p2law.identify import listed
from p2law.surface import Surface
from p2law.verdicts import Status
from p2law.views import View, number


@dataclass(frozen=True)
class Settings:
    """What was asked for: enough to ask again."""

    objective: str
    weight: str | None
    fixed: Mapping[str, float]
    tied: Mapping[str, str]
    seed: int
    version: str


@dataclass(frozen=True)
class Search:
    """How the coefficients were found.

    Attributes
    ----------
    objective : float
        The minimum: a sum over the rows used.
    minima : tuple of float
        Objective of every distinct local minimum met, best first.
    gradient : float
        Largest cosine between the residuals and a free derivative; 0 at a minimum.
    evaluations : int
        Evaluations of the law in the polish, derivatives not counted.
    engine, derivatives : str
    left_out : tuple of (str, int)
        Why rows were left out, and how many.
    """

    objective: float
    minima: tuple[float, ...]
    gradient: float
    evaluations: int
    engine: str
    derivatives: str
    left_out: tuple[tuple[str, int], ...]


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
    trouble : tuple of str
        Sentences that a user of the fit must read.
    notes : tuple of str
        Sentences about what was done with the records.
    settings : Settings
    search : Search
    """

    form: Form
    values: Mapping[str, float]
    held: Mapping[str, str]
    status: Status
    trouble: tuple[str, ...]
    notes: tuple[str, ...]
    settings: Settings
    search: Search
    _records: pd.DataFrame

    @property
    def records(self) -> pd.DataFrame:
        """The rows used: run, inputs, target and weight; a copy."""
        return self._records.copy()

    # -- what it says ----------------------------------------------------------------

    def predict(self, table: pd.DataFrame | None = None, /, **columns: Any) -> pd.DataFrame:
        """Predict the target where nothing was measured, or where it was.

        Parameters
        ----------
        table : DataFrame
            Holds the inputs of the law; other columns are not looked at.
        **columns : float or sequence of float
            The inputs by name, in the units of the records. Single values go
            with every row, sequences of equal length go together; products are
            made by `p2law.grid`.

        Returns
        -------
        DataFrame
            The inputs, the prediction under the target's name, `determined`
            (False where the prediction moves along a direction that the records
            leave free; it is NaN then) and `beyond` (the inputs that lie outside
            the records, with commas).

        Raises
        ------
        FormError
            An input is missing, or the law does not read one that was given.
        RecordError
            An input is not a number, or the law has no value there.
        """
        inputs = self._inputs(table, columns)
        columns = [inputs[name].to_numpy() for name in self.form.columns]
        found = self.form.function(*columns, **self.values)
        slopes = self._full.over(columns).jacobian(self._full.coordinates(self.values))
        determined = self._directions.determined(slopes)
        out = inputs.copy()
        out[self.form.target] = np.where(determined, found, np.nan)
        out["determined"] = determined
        out["beyond"] = self._beyond(inputs)
        return out

    def table(self) -> pd.DataFrame:
        """Coefficients: estimate, unit, size of the term at the middle of the data, note.

        Returns
        -------
        DataFrame
            Indexed by coefficient.
        """
        size = dict(zip(self._full.names, self._full.coordinates(self.values), strict=True))
        rows = [
            {
                "coefficient": each.name,
                "estimate": self.values[each.name],
                "unit": each.bounds.unit,
                "term": size[each.name] if each.linear else np.nan,
                "note": self._note(each.name),
            }
            for each in self.form.coefficients
        ]
        return pd.DataFrame(rows).set_index("coefficient")

    def residuals(self) -> pd.DataFrame:
        """The rows used, with `predicted` and `residual` (measured minus predicted).

        Returns
        -------
        DataFrame
            Index labels are those of the records that were fitted.
        """
        out = self.records
        columns = [out[name].to_numpy() for name in self.form.columns]
        out["predicted"] = np.broadcast_to(self.form.function(*columns, **self.values), len(out))
        out["residual"] = out[self.form.target] - out["predicted"]
        return out

    # -- how it looks ----------------------------------------------------------------

    def view(self) -> View:
        """The content of the text and HTML views."""
        table = self.table()
        count = table.reset_index()
        rows = [
            (
                row.coefficient,
                number(row.estimate),
                "" if np.isnan(row.term) else number(row.term, 3),
                row.unit,
                row.note,
            )
            for row in count.itertuples()
        ]
        curves = self._records["run"].nunique()
        return View(
            headline=(
                f"{self.form.name}{self._holding()} fitted to {len(self._records)} records of {curves} "
                f"run{'s' * (curves != 1)}: {self.status.words}"
            ),
            formula=self.form.formula,
            warnings=self.trouble,
            header=("", "estimate", "at the middle", "unit", "note"),
            rows=rows,
            facts=self._facts(),
        )

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()

    def _holding(self) -> str:
        """What the tool itself holds and why, for the first line."""
        own = {
            name: why
            for name, why in self.held.items()
            if name not in self.settings.fixed and name not in self.settings.tied
        }
        if not own:
            return ""
        named = listed([f"{name} = {number(self.values[name])}" for name in own])
        return f", holding {named} because {listed(list(dict.fromkeys(own.values())))},"

    def _facts(self) -> list[tuple[str, str]]:
        """What the text view says below the table."""
        found, target = self.residuals(), self.form.target
        worst = found["residual"].abs().idxmax() if found.index.is_unique else None
        where = f" (run {found['run'].loc[worst]})" if worst is not None else ""
        unit = "nat" if target == "loss" else f"in {target}"
        rmse = float(np.sqrt(np.mean(found["residual"] ** 2)))
        largest = float(found["residual"].abs().max())
        facts = [
            (
                "residuals",
                f"rmse {number(rmse, 3)} {unit}, worst {number(largest, 3)} {unit}{where}",
            ),
            ("covered", ", ".join(self._covered())),
            (
                "objective",
                f"{self.settings.objective}, summed: {number(self.search.objective, 8)}; "
                f"{len(self.search.minima)} distinct minim{'um' if len(self.search.minima) == 1 else 'a'}",
            ),
        ]
        facts += [("left out", f"{count} rows: {why}") for why, count in self.search.left_out]
        return facts + [("note", each) for each in self.notes]

    def _covered(self) -> list[str]:
        parts = []
        for name in self.form.columns:
            low, high = self._records[name].min(), self._records[name].max()
            parts.append(f"{name} {number(low)}" + ("" if low == high else f"..{number(high)}"))
        return parts

    def _note(self, name: str) -> str:
        """The last column of the table."""
        if name in self.held:
            return f"held: {self.held[name]}"
        for group in self._directions.together:
            if name in group:
                others = [each for each in group if each != name]
                rests = [each for each in others if each in self.held]
                return f"rests on {rests[0]}" if rests else f"NOT DETERMINED with {listed(others)}"
        if name in self._directions.idle:
            return "moves no prediction"
        bounds = self.form.coefficient(name).bounds
        ends = {"LOWER": bounds.low, "UPPER": bounds.high}
        at = [
            f"AT {side} BOUND {number(end)}"
            for side, end in ends.items()
            if end == self.values[name]
        ]
        return "".join(at)

    # -- what it knows ---------------------------------------------------------------

    @functools.cached_property
    def _full(self) -> Surface:
        """The law over the records, free in all that the caller did not hold."""
        return Surface(
            self.form,
            {name: self._records[name].to_numpy() for name in self.form.columns},
            self.settings.fixed,
            self.settings.tied,
        )

    @functools.cached_property
    def _directions(self) -> identify.Directions:
        """What the records leave free, at the fitted coefficients."""
        factor = self._full.factor(self._full.coordinates(self.values))
        return identify.directions(factor, self._full.names)

    def _beyond(self, inputs: pd.DataFrame) -> list[str]:
        outside = {
            name: (inputs[name] < self._records[name].min())
            | (inputs[name] > self._records[name].max())
            for name in self.form.columns
        }
        return [
            ", ".join(name for name in self.form.columns if outside[name].iloc[row])
            for row in range(len(inputs))
        ]

    def _inputs(self, table: pd.DataFrame | None, columns: Mapping[str, Any]) -> pd.DataFrame:
        """The inputs as float columns, checked against what the law reads."""
        given = (
            {}
            if table is None
            else {name: table[name] for name in self.form.columns if name in table}
        )
        unknown = sorted(set(columns) - set(self.form.columns))
        missing = [name for name in self.form.columns if name not in given and name not in columns]
        if unknown or missing:
            message = (
                f"{self.form.name} reads {', '.join(self.form.columns)}"
                + (f"; missing: {', '.join(missing)}" if missing else "")
                + (f"; it does not read: {', '.join(unknown)}" if unknown else "")
            )
            raise FormError(message)
        try:
            inputs = pd.DataFrame({**given, **columns}, index=_index(table, columns))
            inputs = inputs[list(self.form.columns)].astype(float)
        except (ValueError, TypeError) as error:
            message = f"cannot line up the inputs of a prediction: {error}"
            raise RecordError(message) from error
        for each in self.form.inputs:
            bad = ~each.domain.contains(inputs[each.name].to_numpy())
            if bad.any():
                rows = inputs.index[bad]
                message = (
                    f"{self.form.name} has no value at {each.name} = "
                    f"{number(inputs[each.name].iloc[int(np.argmax(bad))])} (row {rows[0]}"
                    f"{f' and {len(rows) - 1} more' if len(rows) > 1 else ''}): "
                    f"{each.name} must be {each.domain}"
                )
                raise RecordError(message, list(rows))
        return inputs

    # -- keeping it ------------------------------------------------------------------

    def to_json(self) -> str:
        """The whole fit as JSON text; `from_json` gives the same fit, bit for bit."""
        table = {name: self._records[name].tolist() for name in self._records.columns}
        content = {
            "format": FORMAT,
            "form": self.form.name,
            "values": dict(self.values),
            "held": dict(self.held),
            "status": self.status.name,
            "trouble": list(self.trouble),
            "notes": list(self.notes),
            "settings": {**asdict(self.settings)},
            "search": asdict(self.search),
            "index": self._records.index.tolist(),
            "records": table,
        }
        return json.dumps(content, allow_nan=False, ensure_ascii=False)


FORMAT = "p2law fit 1"


def from_json(text: str, forms: Sequence[Form] = ()) -> Fit:
    """Read a fit that `Fit.to_json` wrote.

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
        The text is no saved fit, or its law is neither built in nor handed over.
    """
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            message = f"not a fit saved as {FORMAT!r}: format is {content['format']!r}"
            raise SavedFitError(message)
        return _rebuild(content, _find_form(content, forms))
    except SavedFitError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"not a saved fit: {type(error).__name__} {error}"
        raise SavedFitError(message) from error


def _find_form(content: Mapping[str, Any], handed: Sequence[Form]) -> Form:
    from p2law.forms import builtin

    for each in (*handed, *builtin):
        if each.name == content["form"]:
            if set(each.names) == set(content["values"]):
                return each
            message = (
                f"the fit has coefficients {', '.join(content['values'])}, "
                f"but the law {each.name} has {', '.join(each.names)}"
            )
            raise SavedFitError(message)
    message = (
        f"the fit is of a law {content['form']!r}, which is not built in; "
        f"hand it over: from_json(text, forms=({content['form']},))"
    )
    raise SavedFitError(message)


def _rebuild(content: Mapping[str, Any], form: Form) -> Fit:
    search = {**content["search"]}
    search["minima"] = tuple(search["minima"])
    search["left_out"] = tuple((why, count) for why, count in search["left_out"])
    return Fit(
        form=form,
        values=MappingProxyType({name: float(content["values"][name]) for name in form.names}),
        held=MappingProxyType(dict(content["held"])),
        _records=pd.DataFrame(content["records"], index=content["index"]),
        status=Status[content["status"]],
        trouble=tuple(content["trouble"]),
        notes=tuple(content["notes"]),
        settings=Settings(**content["settings"]),
        search=Search(**search),
    )


def _index(table: pd.DataFrame | None, columns: Mapping[str, Any]) -> pd.Index:
    """Rows of the answer: those of the table, or as many as the longest column has."""
    if table is not None:
        return table.index
    lengths = [len(each) for each in columns.values() if np.ndim(each) > 0]
    return pd.RangeIndex(max(lengths, default=1))
