"""The documentation builds without a warning, and what it says to type works."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)\n```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"collecting.md"}
"""Pages that write files; the tests of what they are about run them in a folder of their own."""


def pages_to_run():
    """Pages with Python on them."""
    return [n for n in PAGES if n not in ELSEWHERE and BLOCK.search((DOCS / n).read_text("utf-8"))]


@pytest.mark.parametrize("name", pages_to_run())
def test_every_python_block_of_the_documentation_runs(name, monkeypatch):
    """
    All blocks of a page in one session, from the root of a copy of the repository.
    """
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="the extra 'plot' is not installed")
    monkeypatch.chdir(ROOT)
    scope = {"__name__": "page"}

    for block in BLOCK.findall((DOCS / name).read_text(encoding="utf-8")):
        exec(compile(block, name, "exec"), scope)  # noqa: S102 - that is the point
    pyplot.close("all")


def test_the_page_of_laws_is_what_its_script_writes():
    """
    Formulas, bounds and sources are those of the code.
    """
    found = importlib.util.spec_from_file_location("laws", DOCS / "laws.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)

    assert module.page() == (DOCS / "laws.md").read_text(encoding="utf-8")


def test_the_site_builds_without_a_warning(tmp_path):
    """
    Broken links, missing pages and docstrings that cannot be read are warnings, and errors here.
    """
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "reference.html").read_text(encoding="utf-8")
    assert "p2law.planning.tokens_for" in reference
    assert "Raises" in reference


def test_every_page_can_be_reached():
    """
    The navigation names every page.
    """
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert sorted(re.findall(r": (\w+\.md)$", text, re.MULTILINE)) == PAGES


@pytest.mark.parametrize("name", ["reliability", "performance"])
def test_a_page_of_figures_is_what_its_script_writes(name, monkeypatch):
    """
    Its figures are those that the benchmarks kept.
    """
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    module = importlib.import_module(f"{name}_page")

    assert module.page() == (DOCS / f"{name}.md").read_text(encoding="utf-8")


def test_one_command_runs_every_benchmark_that_keeps_figures(monkeypatch):
    """
    Every file of figures has a command, and every command is that of a script that is there.
    """
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    jobs = importlib.import_module("all").JOBS

    assert {each.stem for each in (ROOT / "benchmarks" / "figures").glob("*.json")} <= {*jobs}
    for name, job in jobs.items():
        script = ROOT / "benchmarks" / job.command.split()[0]
        assert script.is_file(), name
        assert '"--save"' in script.read_text(encoding="utf-8"), name
