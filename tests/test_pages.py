"""Pages that scripts write say what the scripts say today."""

import importlib.util
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def which_law(monkeypatch):
    """The script behind the page, as a module."""
    pytest.importorskip("matplotlib")
    found = importlib.util.spec_from_file_location("which_law", DOCS / "which_law.py")
    module = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, "which_law", module)
    found.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["qwen3", "gemma3", "t5"])
def test_the_page_on_laws_is_what_its_script_writes(which_law, name, monkeypatch):
    """
    Three of its cases, written anew, stand in the page letter by letter.
    """
    case = next(each for each in which_law.CASES if each.name == name)
    monkeypatch.setattr(which_law, "CASES", [case])

    outcomes = {
        (case.name, hold): which_law.outcome(case.records, split)
        for hold, split in which_law.HOLDS.items()
    }

    own = which_law.page(outcomes).split(f"\n## {name}\n")[1].rstrip()
    page = (DOCS / "which_law.md").read_text(encoding="utf-8")
    assert own in page
    assert f"| {name} | {' | '.join(each.verdict for each in outcomes.values())} |" in page
