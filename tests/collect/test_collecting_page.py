"""docs/collecting.md says all that can be said to `p2law collect`, and no more."""

import argparse
import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from p2law import collect
from p2law.collect import cli, settings, spec

PAGE = (Path(__file__).parents[2] / "docs" / "collecting.md").read_text(encoding="utf-8")
TABLES = {
    "corpora": settings.Corpus,
    "evaluations": settings.Evaluation,
    "models": settings.Model,
    "dense": settings.Training,
    "post_training": settings.Training,
    "calibration": settings.Calibration,
    "prune": settings.Prune,
    "execution": settings.Execution,
}
"""The tables of a sweep file by the names that they have there."""
PARTS = re.split(r"^(?=\*\*)", PAGE.split("\n### ")[0], flags=re.MULTILINE)[1:]
"""What the page says of the top of a sweep file, and of its tables."""


def commands():
    """Every command with its parser."""
    parser = argparse.ArgumentParser()
    cli.add_commands(parser.add_subparsers())
    (collecting,) = parser._actions[-1].choices.values()
    return collecting._actions[-1].choices


@pytest.mark.parametrize(("name", "parser"), commands().items())
def test_every_option_is_documented(name, parser):
    """
    In the section of its command.
    """
    (section,) = (
        each
        for each in re.split(r"^## ", PAGE, flags=re.MULTILINE)
        if f"collect {name} " in each[:60]
    )
    for action in parser._actions[1:]:
        for option in action.option_strings:
            assert re.search(rf"`{option}\b|[` ]{option}[` ]", section), option


def named(part):
    """Names of the tables of a sweep file that a part of the page is about."""
    return re.findall(r"\*\*`\[+(\w+)", part)


def keys(*tables):
    """All keys of some tables."""
    fields = {each.name for table in tables for each in dataclasses.fields(table)}
    return fields - {"folder", "paths"}


def told(part):
    """Keys that a part tells of: first in a row of a table of keys, or at the head of another."""
    words = set()
    for head, rows in re.findall(r"^(\|.*)\n\|[-|]+\n((?:\|.*\n)+)", part, re.MULTILINE):
        cells = re.findall(r"^\|([^|]*)", rows, re.MULTILINE) if head[:6] == "| key " else [head]
        words |= set(re.findall(r"`(\w+)`", " ".join(cells)))
    return words


@pytest.mark.parametrize("part", PARTS[1:], ids=lambda part: "-".join(named(part)))
def test_every_key_of_a_sweep_file_is_documented(part):
    """
    In a table of its own; what is no key is not.
    """
    assert keys(*(TABLES[name] for name in named(part))) == told(part)


def test_every_table_of_a_sweep_file_is_documented():
    """
    Each once; all other keys of the file stand at the top.
    """
    assert [*TABLES] == [name for part in PARTS for name in named(part)]
    assert keys(settings.Sweep) - {*TABLES} == told(PARTS[0])
    (row,) = re.findall(r"^\| `measure` .*", PAGE, re.MULTILINE)
    assert keys(settings.Measure) == set(re.findall(r"(\w+) =", row))


@pytest.mark.parametrize("name", collect.__all__)
def test_every_public_name_is_documented(name):
    """
    On the page, and in numpydoc with what comes back and what is refused.
    """
    found = getattr(collect, name)
    text = inspect.getdoc(found)

    assert f"collect.{name}(" in PAGE
    for part in ("Parameters\n---", "Returns\n---", "Raises\n---"):
        assert part in text, part
    hints = inspect.signature(found)
    assert inspect.Signature.empty is not hints.return_annotation


def test_the_sweep_file_on_the_page_can_be_read(tmp_path):
    """
    As it stands there.
    """
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "sweep.toml").write_text(text)

    sweep = spec.read(tmp_path / "sweep.toml")

    assert ["Llama-3.2-1B", "Llama-3.2-3B"] == [each.name for each in sweep.models]


def test_lines_are_not_too_long():
    """
    But in tables, which cannot be wrapped.
    """
    assert [] == [each for each in PAGE.splitlines() if len(each) > 120 and each[0] != "|"]
