"""What reading a log gives: records, and an account of everything done to them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from p2law.errors import RecordError
from p2law.records import check
from p2law.records.suspecting import suspicions
from p2law.text.views import View, number
from p2law.text.wording import got, short


@dataclass(frozen=True)
class Measured:
    """A loss of the model before pruning, read from a log. `float` of it is the loss.

    Attributes
    ----------
    loss : float, nat per token
    source : str
        Where it was read, for the account of the records that it goes into.
    """

    loss: float
    source: str

    def __float__(self) -> float:
        return self.loss


_FORMULA = re.compile(r"[\t\r ]*[=+@-](?![\d.]+(?:[eE][+-]?\d+)?$)")
"""How a text begins that a spreadsheet runs; a number with a sign is none."""


@dataclass(frozen=True)
class Log:
    """Records from a log.

    Attributes
    ----------
    records : DataFrame
        Checked, as from `p2law.load`; the notes also stand in ``records.attrs["p2law"]``.
    notes : tuple of str
        What was read and all that was done to it, in sentences.
    """

    records: pd.DataFrame
    notes: tuple[str, ...]

    def base_loss(self, at: str = "") -> Measured:
        """The loss of an un-pruned model, from its own log.

        Parameters
        ----------
        at : str
            ``"first"`` or ``"last"`` loss of the log. May be left out where there is
            only one.

        Returns
        -------
        Measured
            To be given as ``facts={"base_loss": ...}`` when the pruned model's log is read.

        Raises
        ------
        RecordError
            The log holds several runs, or several losses and it was not said which.

        Examples
        --------
        >>> dense = Log(pd.DataFrame({"run": ["dense"], "tokens": [0.0], "loss": [2.1]}), ())
        >>> float(dense.base_loss())
        2.1
        """
        if at not in ("", "first", "last"):
            raise RecordError(f"at is 'first' or 'last', got {got(at)}")
        runs = self.records["run"].unique()
        if len(runs) > 1:
            raise RecordError(f"a base loss is read from the log of one run; this has {len(runs)}")
        if len(self.records) > 1 and not at:
            raise RecordError(
                f"the log of {runs[0]} has {len(self.records)} losses; say which is that of the "
                f"model before pruning: at='first' (evaluated, then trained on) or at='last'"
            )
        row = self.records.sort_values("tokens").iloc[0 if at == "first" else -1]
        which = f"{at} loss" if len(self.records) > 1 else "only loss"
        source = f"run {runs[0]}, the {which} ({row['tokens']:.10g} tokens)"
        return Measured(float(row["loss"]), source)

    @property
    def trouble(self) -> tuple[str, ...]:
        """What looks like a slip, as losses that are too large for nats; a fit says it, too."""
        table = self.records
        return tuple(suspicions(table, table["run"], list(table.columns)))

    def view(self) -> View:
        """The content of the text and HTML views."""
        rows = [
            (
                str(name),
                str(len(part)),
                f"{number(part['tokens'].min())} to {number(part['tokens'].max())}",
                f"{number(part['loss'].iloc[0])} to {number(part['loss'].iloc[-1])}",
            )
            for name, part in self.records.groupby("run", sort=False)
        ]
        headline = f"{_many(len(self.records), 'record')} of {_many(len(rows), 'run')}"
        header = ("run", "records", "tokens", "loss, first to last")
        facts = [("-", each) for each in self.notes]
        return View(headline, warnings=self.trouble, header=header, rows=rows, facts=facts)

    def __str__(self) -> str:
        return self.view().text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.view().html()


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def together(logs: Sequence[Log]) -> Log:
    """Put the records of several logs into one table.

    Parameters
    ----------
    logs : sequence of Log

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        There is none, two have a run of one name, or together they contradict each other.
    """
    if not logs or not all(isinstance(each, Log) for each in logs):
        raise RecordError("together takes a list of logs, at least one")
    names = [name for each in logs for name in each.records["run"].unique()]
    if doubled := sorted({str(name) for name in names if names.count(name) > 1}):
        raise RecordError(
            f"two logs hold a run named {', '.join(doubled)}; name runs apart: facts={{'run': ...}}"
        )
    notes = tuple(dict.fromkeys(note for each in logs for note in each.notes))
    table = pd.concat([each.records for each in logs], ignore_index=True)
    return finished(table, notes, ("params", "tokens"))  # each has been checked by itself


def finished(table: pd.DataFrame, notes: Sequence[str], accept: Sequence[str]) -> Log:
    """Check a table of records and hand it over with its account.

    Parameters
    ----------
    table : DataFrame
    notes : sequence of str
    accept : sequence of str
        As in `p2law.load`.

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        As in `p2law.load`.
    """
    checked = check(table, needs=("tokens", "loss"), accept=accept)
    said = tuple(dict.fromkeys([*notes, *_formulas(checked)]))
    checked.attrs["p2law"] = list(said)
    return Log(checked, said)


def _formulas(table: pd.DataFrame) -> list[str]:
    """What to beware of in texts that a spreadsheet would take for formulas."""
    notes = []
    for name in table:
        texts = {each: None for each in table[name].unique() if isinstance(each, str)}
        found = [each for each in texts if _FORMULA.match(each)]
        if found:
            count = _many(len(found), "text")
            notes.append(
                f"{name}: a spreadsheet would run {count} as a formula, {short(found[0])}; the "
                f"text stays as it was logged: import it there as text, not by opening the file"
            )
    return notes
