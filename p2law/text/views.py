"""One view for all results: the same content as plain text and as HTML.

A view is a headline, sentences that must not be overlooked, one small table and
a list of facts. Results fill it; only this module knows how it looks.
"""

import html
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH = 96

MARKED = "margin:0.3em 0;padding-left:0.6em;border-left:0.25em solid #d97706"
"""Looks of a warning: text in the colour of the notebook, light or dark, and a stroke beside it."""

LARGE, SMALL = 1e6, 1e-3
"""Sizes from which on, and up to which, numbers have exponents."""


@dataclass(frozen=True)
class View:
    """What a result shows of itself.

    Attributes
    ----------
    headline : str
    formula : str
    warnings : sequence of str
        Sentences shown before anything else.
    header : sequence of str
        Titles of the table's columns; the first column names its rows.
    rows : sequence of sequence of str
    facts : sequence of (str, str)
        Label and text.
    """

    headline: str
    formula: str = ""
    warnings: Sequence[str] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    facts: Sequence[tuple[str, str]] = field(default=())

    def text(self) -> str:
        """Plain text, at most 96 characters wide where the content allows."""
        headline = _wrapped(self.headline, "", "  ")
        parts = ["\n".join(filter(None, [headline, self.formula]))]
        parts += ["\n".join(_wrapped(each, "! ", "  ") for each in self.warnings)]
        parts += ["\n".join(self._table_lines())]
        label = max((len(name) for name, _ in self.facts), default=0) + 2
        parts += [
            "\n".join(_wrapped(text, name.ljust(label), " " * label) for name, text in self.facts)
        ]
        return "\n\n".join(part for part in parts if part)

    def _table_lines(self) -> list[str]:
        table = [list(self.header), *map(list, self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        numeric = [_is_numeric(column[1:]) for column in zip(*table, strict=True)]
        return [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numeric, strict=True)
            ).rstrip()
            for row in table
        ]

    def html(self) -> str:
        """A fragment that a notebook shows; no script, no outside resource."""
        warnings = "".join(
            f'<p style="{MARKED}"><b>!</b> {html.escape(each)}</p>' for each in self.warnings
        )
        facts = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self.facts
        )
        return (
            f"<div><p><b>{html.escape(self.headline)}</b><br>"
            f"<code>{html.escape(self.formula)}</code></p>{warnings}"
            f"{self._html_table() if self.rows else ''}"
            f"<table><tbody>{facts}</tbody></table></div>"
        )

    def _html_table(self) -> str:
        """The table, which scrolls by itself where it is wider than what holds it."""
        numeric = [_is_numeric(column) for column in zip(*self.rows, strict=True)]
        sides = ["right" if each else "left" for each in numeric]

        def line(tag: str, cells: Sequence[str]) -> str:
            return "".join(
                f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>'
                for cell, side in zip(cells, sides, strict=True)
            )

        body = "".join(f"<tr>{line('td', row)}</tr>" for row in self.rows)
        return (
            f'<div style="overflow-x:auto"><table><thead><tr>{line("th", self.header)}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )


def _wrapped(text: str, first: str, later: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False
    )


def _is_numeric(cells: Sequence[str]) -> bool:
    try:
        return bool(cells) and all(
            float(cell) is not None for cell in cells if cell not in {"", "-"}
        )
    except ValueError:
        return False


def number(value: float, digits: int = 4) -> str:
    """A number to so many significant digits, without a needless exponent.

    Examples
    --------
    >>> number(0.00012345), number(-1.2), number(8.03e9), number(12.0)
    ('0.0001234', '-1.2', '8.03e9', '12')
    """
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{float(text):.0f}" if 0 < int(exponent) < 4 else f"{mantissa}e{int(exponent)}"
    return text


def exact(value: float) -> str:
    """A number in as many significant digits as it has, four at the most where they do.

    Examples
    --------
    >>> exact(8.03e9), exact(8030261248.0), exact(0.3)
    ('8.03e9', '8030261248', '0.3')
    """
    texts = (number(value, digits) for digits in range(4, 18))
    return next((text for text in texts if float(text) == value), repr(value))


def together(estimate: float, low: float, high: float) -> tuple[str, str, str]:
    """An estimate and its interval, to two digits of how far its nearer end lies off.

    An end that would be written as 0 so, and is none, keeps a digit of its own. Numbers with
    exponents have three digits at least.

    Examples
    --------
    >>> together(1.38052, 1.37219, 1.38844), together(-113.42, -191.3, -0.5961)
    (('1.381', '1.372', '1.388'), ('-110', '-190', '-0.6'))
    >>> together(6.7987e4, 6.7012e4, 6.9121e4), together(2.34567e9, 2.34512e9, 2.34598e9)
    (('68000', '67000', '69100'), ('2.34567e9', '2.34512e9', '2.34598e9'))
    """
    first, second, third = alike((estimate, low, high), estimate, low, high)
    return first, second, third


def alike(values: Sequence[float], estimate: float, low: float, high: float) -> list[str]:
    """Several values, each up to the last digit that an estimate with an interval has.

    Examples
    --------
    >>> alike([1.38052, 1.4], 1.38052, 1.37219, 1.38844)
    ['1.381', '1.400']
    """
    last, most = _last(estimate, low, high), max(map(abs, (estimate, low, high)))
    if last is None:
        return [number(each, 5) for each in values]
    write = _with_exponent if most >= LARGE or most < SMALL else _plainly
    return [write(each, last) for each in values]


def figures(estimate: float, low: float, high: float) -> int:
    """How many digits of an estimate its interval leaves, two to six; four where it has none.

    Of an interval without end the near side counts.

    Examples
    --------
    >>> figures(6.0853e5, 5.9e5, 6.2e5), figures(6.0853e5, 5.9e5, math.inf), figures(1e8, 1e8, 1e8)
    (3, 3, 4)
    """
    last = _last(estimate, low, 2 * estimate - low if high == math.inf else high)
    if last is None or not estimate:
        return 4
    return min(max(math.floor(math.log10(abs(estimate))) - last + 1, 2), 6)


def give_or_take(value: float, spread: float) -> tuple[str, str]:
    """A value and its standard deviation, which has two digits and says how many that has.

    Examples
    --------
    >>> give_or_take(0.012345, 0.00456), give_or_take(1.2345, 0.31)
    (('0.0123', '0.0046'), ('1.23', '0.31'))
    """
    if not 0 < spread < math.inf:
        return number(value, 3), number(spread, 2)
    last = math.floor(math.log10(spread)) - 1
    return _plainly(value, last), _plainly(spread, last)


def _last(estimate: float, low: float, high: float) -> int | None:
    """The power of ten of the last digit that is written; None where there is no interval."""
    width = high - low
    if not 0 < width < math.inf:
        return None
    nearer = min(each for each in (estimate - low, high - estimate) if each > 0)
    return math.floor(math.log10(max(2 * nearer, width / 50))) - 1


def _with_exponent(value: float, last: int) -> str:
    """A number up to a power of ten, three to nine digits."""
    size = math.floor(math.log10(abs(value))) if value else 0
    return number(value, min(max(size - last + 1, 3), 9))


def _plainly(value: float, last: int) -> str:
    """A number up to a power of ten, or to one digit where that would make it 0."""
    rounded = round(value, -last)
    if rounded == 0 != value:
        return number(value, 1)
    return f"{rounded:.{max(-last, 0)}f}"
