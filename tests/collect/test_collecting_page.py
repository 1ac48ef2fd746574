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
SAID = re.findall(r"`([^`\n]+)`", PAGE)
TABLES = [
    settings.Sweep,
    settings.Corpus,
    settings.Evaluation,
    settings.Model,
    settings.Training,
    settings.Measure,
    settings.Calibration,
    settings.Prune,
    settings.Execution,
]


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


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_every_key_of_a_sweep_file_is_documented(table):
    """
    In a table of its own; what is no key is not.
    """
    keys = {each.name for each in dataclasses.fields(table)} - {"folder", "paths"}
    words = {word for each in SAID for word in re.findall(r"\w+", each)}

    assert keys <= words


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
