"""Read tables of a TOML file into frozen dataclasses, or say in words what is wrong.

A dataclass declares its keys: names, types, defaults, and with `Annotated[...,
Domain(...)]` where a number may lie. What is not declared is refused, with the
nearest key that is.
"""

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import numpy as np

from p2law.domains import Domain
from p2law.errors import SweepFileError
from p2law.files.textfiles import text_of

_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class KeyPath:
    """Where in a file a key stands; knows how to complain about it.

    Attributes
    ----------
    file : str
    path : str
        Keys from the top, for instance ``"prune[1].rates"``; empty for the top.
    """

    file: str
    path: str = ""

    def key(self, name: str) -> "KeyPath":
        """A key of the table that stands here."""
        return KeyPath(self.file, f"{self.path}.{name}" if self.path else name)

    def item(self, number: int) -> "KeyPath":
        """An item of the list that stands here, counted from 0."""
        return KeyPath(self.file, f"{self.path}[{number}]")

    def error(self, message: str) -> SweepFileError:
        """What to raise about this place."""
        return SweepFileError(f"{self.file}: {self.path}{' ' if self.path else ''}{message}")


def top_table(file: Path, several: Collection[str]) -> dict[str, Any]:
    """Read the table that a whole TOML file is.

    Parameters
    ----------
    file : Path
    several : collection of str
        Keys of which there may be several tables, each below two brackets.

    Raises
    ------
    SweepFileError
        There is no such file, or it is no TOML.
    """
    try:
        return tomllib.loads(text_of(file))
    except FileNotFoundError:
        raise SweepFileError(f"{file}: no such file") from None
    except tomllib.TOMLDecodeError as error:
        slips = [each for each in several if f"('{each}',) twice" in str(error)]
        cure = "".join(f"; write [[{each}]] above each of several" for each in slips)
        raise SweepFileError(f"{file}: this is not TOML: {error}{cure}") from error
    except RecursionError as error:
        raise SweepFileError(f"{file}: brackets are nested too deeply to be read") from error
    except UnicodeDecodeError as error:
        raise SweepFileError(f"{file}: this is not UTF-8 text: {error}") from error
    except (OSError, ValueError) as error:  # a path that no system has is a ValueError
        words = getattr(error, "strerror", None) or error
        raise SweepFileError(f"{str(file)!r} cannot be read: {words}") from error


def build(kind: type[_Kind], table: Any, at: KeyPath, **given: Any) -> _Kind:
    """Make a dataclass of a table.

    Parameters
    ----------
    kind : type
        A dataclass.
    table : mapping
        Keys are those fields that are not in `given`.
    at : KeyPath
    **given
        Fields that no key gives.

    Returns
    -------
    object
        Of type `kind`.

    Raises
    ------
    SweepFileError
        No table; an unknown or missing key; a value of another type, or not where it
        may lie.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = [
        each for each in dataclasses.fields(typing.cast("Any", kind)) if each.name not in given
    ]
    check_keys(table, [each.name for each in fields], at)
    for each in fields:
        needed = each.default is MISSING and each.default_factory is MISSING
        if needed and each.name not in table:
            raise at.key(each.name).error("is missing; it must be given")
    values = {name: convert(value, hints[name], at.key(name)) for name, value in table.items()}
    return kind(**values, **given)


def check_keys(table: Any, known: Iterable[str], at: KeyPath) -> None:
    """Refuse what is no table, or has a key that is not known.

    Raises
    ------
    SweepFileError
        With the nearest known key.
    """
    if not isinstance(table, Mapping):
        raise at.error(f"is {said(table)}; it must be a table of keys")
    names = sorted(known)
    for name in table:
        if name not in names:
            raise at.key(name).error(f"is no key; {nearest(name, names)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Words that lead from a wrong name to a right one; no name is empty."""
    names = [name for name in known if name]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names) or 'none'}"


def said(value: Any) -> str:
    """A value and its type, as it may stand in a message."""
    words = {str: "text", bool: "truth value", int: "number", float: "number"}
    words |= {list: "list", dict: "table"}
    text = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."
    return f"{text} ({words.get(type(value), type(value).__name__)})"


def convert(value: Any, hint: Any, at: KeyPath) -> Any:
    """Turn a value as TOML gives it into one of the declared type.

    Parameters
    ----------
    value : object
    hint : type
        str, bool, int, float, Mapping, a Literal, a tuple of one of these (of any
        length if it ends with ...), one of these or None; Annotated with a Domain.
    at : KeyPath

    Returns
    -------
    object
        A whole float is taken as int, so that 1e9 tokens can be written as such.

    Raises
    ------
    SweepFileError
        The value is of another type or outside the domain.
    """
    origin = typing.get_origin(hint)
    if origin is Annotated:
        kind, *notes = typing.get_args(hint)
        converted = convert(value, kind, at)
        for domain in notes:
            _check_domain(converted, domain, at)
        return converted
    if origin in (types.UnionType, typing.Union):  # something or None; TOML has no None
        return convert(value, typing.get_args(hint)[0], at)
    if origin is Literal:
        if value not in typing.get_args(hint):
            raise at.error(f"is {said(value)}; {nearest(str(value), typing.get_args(hint))}")
        return value
    if origin is tuple:
        return _items(value, typing.get_args(hint), at)
    return _plain(value, hint if origin is None else origin, at)


def _check_domain(value: Any, domain: Domain, at: KeyPath) -> None:
    if not domain.contains(np.asarray(_float(value, at))):
        cure = ""
        if domain.rule.endswith("1)") and 1 < value <= 100:
            cure = "; divide by 100 if this is per cent"
        lies = f"in {domain}" if "," in domain.rule else domain
        must = "lie " if "," in domain.rule else "be "
        raise at.error(f"is {value}; it must {must}{lies}{cure}")


def _items(value: Any, kinds: tuple[Any, ...], at: KeyPath) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise at.error(f"is {said(value)}; it must be a list in [ ]")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise at.error(f"has {len(value)} items; it must have {len(kinds)}")
    return tuple(
        convert(each, kind, at.item(k))
        for k, (each, kind) in enumerate(zip(value, kinds, strict=True))
    )


def _float(value: float, at: KeyPath) -> float:
    """A number in double precision; TOML has whole numbers without end."""
    try:
        return float(value)
    except OverflowError:
        raise at.error(f"is {said(value)}; it must be a number below 1.8e308") from None


def _plain(value: Any, kind: type, at: KeyPath) -> Any:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and is_number:
        return _float(value, at)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    words = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}
    raise at.error(f"is {said(value)}; it must be {words.get(kind, 'a table')}")
