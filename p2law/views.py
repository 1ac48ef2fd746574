"""One view for all results: the same content as plain text and as HTML.

A view is a headline, sentences that must not be overlooked, one small table and
a list of facts. Results fill it; only this module knows how it looks.
"""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH = 96


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
            f'<p style="margin:0.3em 0;color:#9a3412"><b>!</b> {html.escape(each)}</p>'
            for each in self.warnings
        )
        head = "".join(f"<th>{html.escape(each)}</th>" for each in self.header)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        facts = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for name, text in self.facts
        )
        return (
            f"<div><p><b>{html.escape(self.headline)}</b><br>"
            f"<code>{html.escape(self.formula)}</code></p>{warnings}"
            f"{table if self.rows else ''}"
            f"<table><tbody>{facts}</tbody></table></div>"
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
