"""What a reader of logs is asked for, checked before anything is read."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from p2law.domains import is_number
from p2law.errors import RecordError
from p2law.files.textfiles import path_of
from p2law.text.wording import got, nearest, short

UNITS = ("nat", "bit", "perplexity", "bit/byte")
"""Units in which a loss may be logged: per token, but for the last."""


Place = str | os.PathLike[str]


class Asked(TypedDict, total=False):
    """The keywords that all readers share; `Options` says what they mean."""

    tokens_per_step: float | None
    step: str
    tokens: str
    unit: str
    bytes_per_token: float | None
    averaged: bool | None
    drop_first: float
    drop_first_steps: float
    thin: int | None
    smooth: float | None
    repeats: str
    missing: str
    partial: bool
    accept: Sequence[str]


@dataclass(frozen=True)
class Options:
    """How the numbers of a log become records, and what is done to them.

    Parameters
    ----------
    loss : str
        ``"eval"`` or ``"train"``, or the name as logged (``"eval_wiki_loss"``).
    tokens_per_step : float, optional
        Tokens that the whole job takes in one optimiser step: sequence length x batch
        x accumulation x devices. Needed where the log counts steps only; where it
        counts tokens too, this goes before.
    step, tokens : str
        Names of the column or tag that counts steps or tokens, where it is not one of
        the usual ones.
    unit : str
        Of the logged losses: ``"nat"``, ``"bit"``, ``"perplexity"`` (all per token), or
        ``"bit/byte"``. Those in `base_loss` and `train_loss`, where `read_csv` is told of
        such columns, are in it, too; facts are in nats per token.
    bytes_per_token : float, optional
        Mean bytes of a token of the evaluation text; for ``"bit/byte"``.
    averaged : bool, optional
        The loss at a step is the mean over the steps since the loss before. It then
        stands where that mean belongs, in the middle, not at the end. Default: true for
        the train loss of a Hugging Face Trainer, which logs such means, else false.
    drop_first : float, token
        Leave out rows before so many tokens (warm-up).
    drop_first_steps : float
        Leave out rows before this step.
    thin : int, optional
        Keep at most so many rows of a run, evenly in log tokens, first and last among
        them.
    smooth : float, optional
        Smooth the loss over this share of the tokens to either side: 0.1 takes rows
        from D / 1.1 to 1.1 D.
    repeats : str
        ``"refuse"`` repeated steps, or let the ``"last"`` win: where steps go back, what
        was logged before from there on is left out, as after a restart.
    missing : str
        ``"refuse"`` losses that are no number, or ``"leave out"``.
    partial : bool
        Take what stands before the first damage of a file.
    accept : sequence of str
        As in `p2law.load`: small counts that are meant.

    Raises
    ------
    RecordError
        One of them is not among what is allowed; the text says what is.
    """

    loss: str
    tokens_per_step: float | None = None
    step: str = ""
    tokens: str = ""
    unit: str = "nat"
    bytes_per_token: float | None = None
    averaged: bool | None = None
    drop_first: float = 0
    drop_first_steps: float = 0
    thin: int | None = None
    smooth: float | None = None
    repeats: str = "refuse"
    missing: str = "refuse"
    partial: bool = False
    accept: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("loss", "step", "tokens"):
            if not isinstance(getattr(self, name), str):
                raise RecordError(f"{name} is a name, got {got(getattr(self, name))}")
        _check_choice("unit", self.unit, UNITS)
        _check_choice("repeats", self.repeats, ("refuse", "last"))
        _check_choice("missing", self.missing, ("refuse", "leave out"))
        for name in ("tokens_per_step", "bytes_per_token", "smooth"):
            _check_number(name, getattr(self, name), least=0, strictly=True)
        for name in ("drop_first", "drop_first_steps"):
            _check_number(name, getattr(self, name), least=0)
        _check_thin(self.thin)
        if self.averaged is not None:
            _check_truth("averaged", self.averaged)
        _check_truth("partial", self.partial)
        self._check_bytes()

    def _check_bytes(self) -> None:
        if (self.unit == "bit/byte") != (self.bytes_per_token is not None):
            raise RecordError(
                "unit='bit/byte' and bytes_per_token= go together: a loss per byte becomes one "
                "per token through the mean number of bytes of a token of the evaluation text"
            )


def options(loss: str, asked: Mapping[str, Any]) -> Options:
    """Check the keywords that a reader was given.

    Raises
    ------
    RecordError
        One is unknown, or its value is not among what is allowed.
    """
    for name in asked:
        if name not in Asked.__annotations__:
            cure = nearest(name, (*Asked.__annotations__, "facts"))
            if name == "loss":
                cure = "columns= names the loss, as columns={'loss': 'val ppl', ...}"
            raise RecordError(f"a reader of logs takes no {name!r}; {cure}")
    return Options(loss, **asked)


def place(given: Place) -> Path:
    """Check that a log is there.

    Raises
    ------
    RecordError
        It is no path, or there is nothing.
    """
    if not isinstance(given, (str, os.PathLike)):
        raise RecordError(f"a log is a file or a folder, got {got(given)}")
    try:
        path = path_of(given)
    except ValueError as error:
        raise RecordError(f"cannot look up {short(given)}: {error}") from error
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise RecordError(f"{os.fspath(given)}: no such file or folder")
    return path


def _check_choice(name: str, value: Any, allowed: Sequence[str]) -> None:
    if value not in allowed:
        choices = ", ".join(map(repr, allowed))
        raise RecordError(f"{name} is one of {choices}; got {got(value)}")


def _check_number(name: str, value: Any, *, least: float, strictly: bool = False) -> None:
    if value is None:
        return
    number = is_number(value) and math.isfinite(value)
    if not number or value < least or (strictly and value == least):
        raise RecordError(
            f"{name} is a number {'above' if strictly else 'of at least'} {least}, got {got(value)}"
        )


def _check_thin(value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 2):
        raise RecordError(
            f"thin is a whole number of rows, at least 2 (first and last), got {got(value)}"
        )


def _check_truth(name: str, value: Any) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise RecordError(f"{name} is True or False, got {got(value)}")
