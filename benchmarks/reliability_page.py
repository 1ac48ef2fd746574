"""docs/reliability.md, made of the files of benchmarks/figures alone.

python benchmarks/reliability_page.py
"""

from pathlib import Path
from typing import Any

from keeping import FIGURES, kept

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"

SECTIONS = {
    "fuzz": (
        "Hostile input",
        "Spoiled files, tables, logs, saved fits, sweep files, commands, laws.",
    ),
    "coverage_fuzz": (
        "Hostile input guided by coverage",
        (
            "Inputs that reach new branches of the library are kept and changed further. "
            "`branches_first` is what the first inputs reach, `branches` what was reached in all."
        ),
    ),
    "faults": ("Faults while collecting", "Sweeps that were disturbed, beside undisturbed ones."),
    "recovery": ("Finding the law", "How often a fit finds the law that made the records."),
    "versions": ("Versions", "The tests with the oldest and newest versions of what is needed."),
    "licences": ("Licences", "Of what is installed beside p2law."),
}


def page() -> str:
    """Text of the page."""
    intro = (
        "# Reliability\n\nWhat was done to break the library, and what became of it. "
        "Each table is written by the command above it.\n"
    )
    return "\n".join([intro, *(section(name) for name in SECTIONS)])


def section(name: str) -> str:
    """One section, or a line that says that it was not measured yet."""
    title, text = SECTIONS[name]
    if not (FIGURES / f"{name}.json").exists():
        return f"## {title}\n\nNot measured for this version.\n"
    found: dict[str, Any] = kept(name)
    tables = "\n".join(_table(rows) for rows in found["tables"].values() if rows)
    where = f"{found['date']}, {found['machine']}, Python {found['python']}."
    return f"## {title}\n\n{text}\n\n    {found['command']}\n\n{where}\n\n{tables}"


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(v) for v in r.values()] for r in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: object) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
