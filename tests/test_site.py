"""The documentation builds without a warning, and what it says to type works."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests import drawing

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)\n```", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"collecting.md"}
"""Pages that write files; the tests of what they are about run them in a folder of their own."""


MECHANICS = {"fitting", "result"}
"""Modules whose names are met at the top: `p2law.fit`, `p2law.Fit`."""


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


def words_of(picture):
    """What is written in an SVG of matplotlib, where letters are drawn."""
    return re.findall(r"<!-- (.*?) -->", picture.read_text(encoding="utf-8"))


def test_the_first_page_shows_the_picture_that_its_lines_draw(tmp_path):
    """
    Four lines and no more, and under them what comes out of them.
    """
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    page = (DOCS / "index.md").read_text(encoding="utf-8")

    drawing.drawn(DOCS / "first_look.py", tmp_path / "look.svg")

    assert 4 == len(BLOCK.search(page)[1].splitlines())
    assert page.index("curves(fit)") < page.index("(first_look.svg)") < page.index("## ")
    assert words_of(DOCS / "first_look.svg")
    assert words_of(DOCS / "first_look.svg") == words_of(tmp_path / "look.svg")


def test_what_getting_started_prints_of_a_plan_shows_the_loss(monkeypatch, capsys):
    """
    A terminal of 80 columns hides none of the columns that the page explains.
    """
    monkeypatch.chdir(ROOT)
    blocks = BLOCK.findall((DOCS / "start.md").read_text(encoding="utf-8"))
    scope = {"__name__": "page"}

    for block in blocks:
        if "plotting" in block:
            continue
        capsys.readouterr()
        with pd.option_context("display.width", 80):
            exec(compile(block, "start.md", "exec"), scope)  # noqa: S102 - that is the point
        if "predict" in block:
            break

    header = capsys.readouterr().out.splitlines()[0].split()
    assert ["tokens", "loss", "low", "high", "determined", "beyond"] == header


def test_the_page_of_laws_is_what_its_script_writes():
    """
    Formulas, bounds and sources are those of the code.
    """
    assert drawing.loaded(DOCS / "laws.py").page() == (DOCS / "laws.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, built once; a warning is an error."""
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_builds_without_a_warning(site):
    """
    Broken links, missing pages and docstrings that cannot be read are warnings, and errors here.
    """
    reference = (site / "reference.html").read_text(encoding="utf-8")
    assert "p2law.planning.tokens_for" in reference
    assert "Raises" in reference


HOMES = ("", ".planning", ".plotting", ".report", ".logs", ".collect", ".scoring", ".holdout")


@pytest.mark.parametrize("home", HOMES)
def test_every_public_name_is_in_the_reference(site, home):
    """
    What is exported has its place there; of modules, something that they hold.
    """
    module = importlib.import_module(f"p2law{home}")
    page = (site / "reference.html").read_text(encoding="utf-8")
    there = {part for path in re.findall(r'id="(p2law[\w.]+)"', page) for part in path.split(".")}

    public = {name for name in module.__all__ if not name.isupper() and not name.startswith("_")}
    assert set() == public - there - MECHANICS


def test_an_entry_of_the_reference_says_what_its_arguments_are(site):
    """
    A table of arguments with nothing in it is worse than none.
    """
    page = (site / "reference.html").read_text(encoding="utf-8")
    entry = page[page.index('id="p2law.grid"') : page.index('id="p2law.records.check"')]

    assert "A value that all rows have, or several values" in entry
    assert "As many rows as there are combinations" in entry


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, as the tests of the report's page have it."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="the extra 'test' is not installed"
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no browser: as root, apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def test_the_search_of_the_site_works_from_a_folder(site, browser):
    """
    Without a server and without the network, and the console stays empty.
    """
    browser.get((site / "choosing.html").as_uri())
    browser.execute_script("document.querySelector('[data-md-toggle=search]').click()")
    field = browser.find_element("css selector", "input.md-search__input")
    wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait(browser, 20)
    wait.until(lambda _: field.is_displayed())
    field.send_keys("saturation")
    found = wait.until(
        lambda now: now.find_elements("css selector", ".md-search-result__article h1")
    )

    assert "Glossary" in [each.get_attribute("textContent").strip() for each in found]
    assert [] == [each for each in browser.get_log("browser") if each["level"] == "SEVERE"]


BROKEN = """
return [...document.querySelectorAll("td code")]
  .filter((each) => /^[\\w.]+$/.test(each.textContent) && each.getClientRects().length > 1)
  .map((each) => each.textContent);
"""
"""Names in tables that stand on more than one line."""


@pytest.mark.parametrize("page", ["index", "start", "choosing", "reference", "laws", "which_law"])
def test_no_name_is_broken_on_a_telephone_and_nothing_is_wider_than_it(site, browser, page):
    """
    At 400 pixels a name in a table stays whole, and what is wide scrolls by itself.
    """
    size = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get((site / f"{page}.html").as_uri())

    broken = browser.execute_script(BROKEN)
    width = browser.execute_script("return document.documentElement.scrollWidth")

    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert [] == broken
    assert width <= 400


def test_every_page_can_be_reached():
    """
    The navigation names every page.
    """
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")

    assert sorted(re.findall(r": (\w+\.md)$", text, re.MULTILINE)) == PAGES


@pytest.mark.parametrize("name", ["reliability", "performance", "coverage"])
def test_a_page_of_figures_is_what_its_script_writes(name, monkeypatch):
    """
    Its figures are those that the benchmarks kept.
    """
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    module = importlib.import_module(f"{name}_page")

    assert module.page() == (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["README.md", "docs/index.md"])
def test_what_is_said_of_coverage_is_what_was_measured(file):
    """
    How many studies with runs apart from each other, each of two fits, and the least and most that
    were held.
    """
    figures = json.loads((ROOT / "benchmarks/figures/interval_coverage.json").read_text())
    cells = [
        row
        for noise, rows in figures["tables"].items()
        for row in rows
        if not noise.startswith("shifts by model")
    ]
    held = [row[what] for row in cells for what in ("inside", "4 x tokens", "2 x size")]
    held += [row["higher rate"] for row in cells]
    said = " ".join((ROOT / file).read_text(encoding="utf-8").split())

    studies = sum(row["repeats"] for row in cells) // 2
    assert f"In {studies:,} simulated studies of a P² law, each fitted with squares and" in said
    assert f"held the truth in {min(held):.0%} to {max(held):.0%}".replace("%", "") in said


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
        source = script.read_text(encoding="utf-8")
        assert '"--save"' in source or "repeating.options(" in source, name
