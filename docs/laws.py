"""Write docs/laws.md: every built-in law as it describes itself.

python docs/laws.py
"""

import inspect
import re
import textwrap
from pathlib import Path

from p2law import forms
from p2law.declaring import Form
from p2law.text.views import number

PAGE = Path(__file__).with_name("laws.md")

ABOUT = """Formula, inputs, coefficients and source of every law that comes with p2law, as the code
states them; made by `python docs/laws.py`. Coefficients are in raw units: plain counts and nats. A
law of your own is [one function](own_law.md)."""


def section(law: Form) -> list[str]:
    """A law: its formula, what it reads and finds, and where it comes from."""
    module = inspect.getdoc(inspect.getmodule(law.function)) or ""
    lines = [f"## {law.name}", "", *_paragraph(module), ""]
    lines += [f"    {law.formula}", ""] if law.formula else []
    for each in (inspect.getdoc(law.function) or "").split("\n\n"):
        lines += [*_paragraph(each), ""]
    lines += ["| reads | symbol | unit | where |", "|---|---|---|---|"]
    lines += [
        f"| `{each.name}` | {each.domain.symbol} | {each.domain.unit or '1'} | {each.domain} |"
        for each in law.inputs
    ]
    lines += ["", "| finds | what it is | unit | searched within |", "|---|---|---|---|"]
    for each in law.coefficients:
        bounds, how = each.bounds, "solved for" if each.name in law.linear else "searched"
        ends = f"{_end(bounds.low, '-')} to {_end(bounds.high, '')}"
        lines.append(f"| `{each.name}` | {bounds.meaning} | {bounds.unit} | {ends}, {how} |")
    lines += ["", f"Source: {_linked(law.reference) or 'this project'}.", ""]
    for each in law.published:
        values = ", ".join(f"{name} {number(value)}" for name, value in each.values.items())
        said = "; ".join(filter(None, [each.source, each.note]))
        lines += [*_paragraph(f"Published: {values} ({_linked(said)})."), ""]
    return lines


def _end(value: float | None, sign: str) -> str:
    return f"{sign}∞" if value is None else number(value)


def _linked(text: str) -> str:
    """Papers as links."""
    return re.sub(r"arXiv:(\d{4}\.\d{5}(?:v\d)?)", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def _paragraph(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 110, break_on_hyphens=False)


def page() -> str:
    """The whole page."""
    lines = ["# The laws", "", *_paragraph(ABOUT), ""]
    for law in forms.builtin:
        lines += section(law)
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
