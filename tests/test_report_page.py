"""The page as a reader has it: in a real browser, from a file, with nobody to ask.

The browser is headless Chromium of the system, driven by selenium (extra ``test``). On
Debian or Ubuntu it is installed, as root, by ``apt-get install chromium chromium-driver``;
``.ci/run`` does that. Where there is none, these tests are skipped and say so.
"""

import itertools
import json
import shutil
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Bounds, Domain, forms, report, testing
from p2law.report import contents, rendering
from p2law.text.views import number

pytest.importorskip("jinja2", reason="the extra 'report' is not installed")
webdriver = pytest.importorskip("selenium.webdriver", reason="the extra 'test' is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no browser: as root, apt-get install chromium chromium-driver",
)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)

HARMFUL = '</script><script>window.broken = true</script><img src=x onerror="window.broken = true">'


@p2law.form(linear=("floor", "scale"), target="accuracy")
def saturating(
    tokens: Annotated[float, Domain(">= 0", symbol="D", unit="token")],
    shots: Annotated[float, Domain("[0, 64]")],
    *,
    floor: Annotated[float, Bounds(None, None, "1", "where it starts")],
    scale: Annotated[float, Bounds(None, None, "1", "what is to be won")],
    knee: Annotated[float, Bounds(1e3, 1e12, "token", "where it bends", log=True)] = 1e8,
    gain: Annotated[float, Bounds(0.01, 3, "1", "what an example helps")] = 0.3,
):
    """A law of a user's own, with a helper, a maximum, a logarithm and a square root."""
    worth = np.where(shots > 0, np.sqrt(np.maximum(shots, 1)) * gain, 0.0)
    return floor + scale * (1 - np.exp(-tokens / knee)) + 0.01 * np.log1p(worth)


@pytest.fixture(scope="module")
def saturating_fit():
    """The user's law, fitted to an objective on logarithms."""
    return saturated(np.geomspace(1e7, 1e9, 9))


@pytest.fixture(scope="module")
def untrained_fit():
    """The same with rows before the first token."""
    return saturated([0, *np.geomspace(1e7, 1e9, 9)])


def saturated(tokens):
    """The user's law, fitted to rows after so many tokens."""
    table = p2law.grid(shots=[0, 4, 16], tokens=tokens)
    table.insert(0, "run", [f"{shots} shots" for shots in table["shots"]])
    at = {"floor": 0.3, "scale": 0.4, "knee": 2e8, "gain": 0.5}
    rng = np.random.default_rng(5)
    found = saturating(table["tokens"].to_numpy(), table["shots"].to_numpy(), **at)
    table["accuracy"] = found + rng.normal(0, 0.003, len(table))
    return p2law.fit(table, saturating, objective=p2law.squared(log=True))


@pytest.fixture(scope="module")
def p2_fit(p2_records):
    """The P² law with everything determined."""
    return p2law.fit(p2_records(noise=0.004, seed=2), forms.p2)


@pytest.fixture(scope="module")
def ragged_fit(p2_records):
    """The P² law of which only small models were trained for long."""
    records = p2_records(noise=0.004, seed=2)
    return p2law.fit(records[records["params"] * records["tokens"] < 1e18], forms.p2)


@pytest.fixture(scope="module")
def one_size_fit(p2_records):
    """The P² law where one model size leaves much free, and a run has a harmful name."""
    records = p2_records(params=(3e9,), noise=0.004, seed=3)
    first = records["run"].iloc[0]
    return p2law.fit(records.replace({"run": {first: HARMFUL}}))


@pytest.fixture(scope="module")
def chinchilla_fit(dense_records):
    """A dense law, exponents tied, under a robust objective."""
    options = {"objective": p2law.huber(1e-3, log=True), "tied": {"beta": "alpha"}}
    return p2law.fit(dense_records, forms.chinchilla, **options)


@pytest.fixture(scope="module")
def exchanged_fit():
    """A dense law whose records never vary tokens and size apart: its parts can change places."""
    sizes = np.geomspace(1e8, 1e10, 12)
    table = pd.DataFrame({"params": sizes, "tokens": 20 * sizes})
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    return p2law.fit(
        testing.synthesize(forms.chinchilla, truth, table, noise=0.002, seed=1), forms.chinchilla
    )


@pytest.fixture(scope="module")
def bound_fit(truth_without_lasting_damage, p2_records):
    """The P² law where no damage lasts, which noise has driven to a bound; two model sizes."""
    table = p2_records(params=(1.5e9, 3e9))[[*forms.p2.columns]]
    made = testing.synthesize(forms.p2, truth_without_lasting_damage, table, noise=0.02, seed=4)
    return p2law.fit(made, forms.p2)


@pytest.fixture(scope="module")
def truth_without_lasting_damage():
    """Coefficients of a P² law whose damage does not depend on size but by its common factor."""
    at = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2, "N_C": 0.0}
    return at | {"D_C": 0.3 * 1e9**0.5, "E": 0.3 * 1e9**0.2}


@pytest.fixture(scope="module")
def lone_fit():
    """Three rows of one run: a law, and nothing that tells the noise."""
    records = pd.DataFrame({"tokens": [1e6, 1e7, 1e8], "loss": [3.0, 2.4, 2.1]})
    return p2law.fit(records, forms.token_power)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One headless Chromium for all tests of this file."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory, request):
    """Reports in files, each made once."""
    made, folder = {}, tmp_path_factory.mktemp("pages")

    def page(name):
        if name not in made:
            fit = request.getfixturevalue(name)
            made[name] = report.save(
                fit, folder / f"{name}.html", holdouts=(), pictures=name == "one_size_fit"
            ).as_uri()
        return made[name]

    return page


@pytest.fixture
def opened(browser, pages):
    """Open the report of a fit from its file, at a width."""

    def show(name, width=1280):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(pages(name))
        return browser

    return show


def plain(text):
    """A number as the page writes it."""
    powers = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    return float(text.rstrip("kMBT")) * powers.get(text[-1], 1)


def part(browser, name):
    """A named part of the planner."""
    return browser.find_element("css selector", f'[data-part="{name}"]')


def field(browser, name, kind="text"):
    """The field or slider of an input."""
    return browser.find_element("css selector", f'input[type="{kind}"][data-input="{name}"]')


def write(browser, **inputs):
    """Type numbers into the form, as a reader would."""
    for name, value in inputs.items():
        box = field(browser, name)
        box.clear()
        box.send_keys(str(value))


def drawn(browser):
    """The chart, once the page has drawn what was last asked for."""
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done));"
    )
    return part(browser, "chart")


def from_page(browser, table, level, kind):
    """What the page's own script predicts for the rows of a table."""
    rows = json.dumps(table.to_dict("records"))
    text = "(key, each) => typeof each === 'number' ? String(each) : each"
    answers = f"{rows}.map((row) => p2law.predict(row, {level}, '{kind}'))"
    told = browser.execute_script(f"return JSON.stringify({answers}, {text})")
    found = pd.DataFrame(json.loads(told))
    return found.astype(dict.fromkeys(("estimate", "low", "high"), float))


GRIDS = {
    "p2_fit": {
        "params": [1e8, 0.5e9, 3e9, 5e10],
        "tokens": [1e5, 2e7, 3.3e8, 1e9 * (1 + 1e-12), 1e11],
        "pruning_rate": [0.05, 0.25, 0.8],
        "base_loss": [1.8, 2.0],
    },
    "ragged_fit": {
        "params": [0.5e9, 1.5e9, 4e9, 8e9, 9e9],
        "tokens": [2.1e7, 1e8, 2e8, 4e8, 9.9e8],
        "pruning_rate": [0.15, 0.3],
        "base_loss": [2.0],
    },
    "one_size_fit": {
        "params": [1e9, 2.9999e9, 3e9, 8e9],
        "tokens": [1e6, 1e8, 1e10],
        "pruning_rate": [0.15, 0.3],
        "base_loss": [2.0],
    },
    "bound_fit": {
        "params": [1e9, 1.5e9, 2e9, 3e9, 8e9],
        "tokens": [1e7, 1e8, 1e10],
        "pruning_rate": [0.15, 0.3],
        "base_loss": [2.0],
    },
    "chinchilla_fit": {"params": [1e7, 1e9, 1e11], "tokens": [1e8, 1e10, 1e13]},
    "exchanged_fit": {"params": [1e8, 1e9, 1e10], "tokens": [2e9, 2e10, 2.001e10, 2e11]},
    "saturating_fit": {"tokens": [0.0, 1e7, 5e8, 1e10], "shots": [0.0, 0.5, 4.0, 64.0]},
    "lone_fit": {"tokens": [1e5, 1e7, 1e9]},
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize(("level", "kind"), [(0.9, "mean"), (0.5, "run"), (0.97, "mean")])
def test_the_page_predicts_what_python_predicts(opened, request, name, level, kind):
    """
    Estimate and both ends to 1e-9, and the same rows determined and extrapolated, for eight fits.
    """
    fit, table = request.getfixturevalue(name), p2law.grid(**GRIDS[name])
    expected = fit.predict(table, level=level, kind=kind)

    found = from_page(opened(name), table, level, kind)

    for theirs, ours in (("estimate", fit.form.target), ("low", "low"), ("high", "high")):
        np.testing.assert_allclose(found[theirs], expected[ours], rtol=1e-9, atol=1e-9)
    assert expected["determined"].tolist() == found["determined"].tolist()
    assert expected["beyond"].tolist() == [", ".join(each) for each in found["beyond"]]


def test_the_grids_hold_what_can_go_wrong(request):
    """
    Sound, extrapolated, undetermined and unknown answers are all among those compared above.
    """
    told = {
        name: request.getfixturevalue(name).predict(p2law.grid(**grid))
        for name, grid in GRIDS.items()
    }

    assert told["p2_fit"]["determined"].all()
    assert (told["p2_fit"]["beyond"] == "").any()
    assert (told["p2_fit"]["beyond"] != "").any()
    assert {"", "params", "params with tokens"} == set(told["ragged_fit"]["beyond"])
    assert 2 == len(request.getfixturevalue("bound_fit").known.evidence.places)
    for name in ("one_size_fit", "exchanged_fit", "bound_fit"):
        assert {True, False} == set(told[name]["determined"])
    assert told["lone_fit"]["low"].isna().all()
    assert told["lone_fit"]["loss"].notna().all()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["p2_fit", "one_size_fit", "saturating_fit", "lone_fit"])
def test_the_page_opens_from_a_file_without_an_error(opened, name, width):
    """
    The console stays empty, and nothing is wider than the window.
    """
    browser = opened(name, width)

    assert [] == browser.get_log("browser")
    assert width >= browser.execute_script("return document.documentElement.scrollWidth")
    assert part(browser, "estimate").text not in ("", "no number")


def test_a_number_that_is_typed_moves_the_answer_and_the_band(opened, p2_fit):
    """
    The answer is that of Python to the digits shown, and the curve is drawn anew.
    """
    browser = opened("p2_fit")
    before = drawn(browser).get_attribute("innerHTML")

    write(browser, params="3e9", tokens="5e8", pruning_rate="0.3", base_loss="2.0")

    told = p2_fit.predict(params=3e9, tokens=5e8, pruning_rate=0.3, base_loss=2.0).iloc[0]
    shown = float(part(browser, "estimate").text)
    assert told["loss"] == pytest.approx(shown, abs=5e-4)
    assert told["low"] == pytest.approx(float(part(browser, "interval").text.split()[0]), abs=5e-4)
    assert "Within the records" == part(browser, "verdict").text
    assert before != drawn(browser).get_attribute("innerHTML")


def test_arrow_keys_move_a_slider_and_with_it_the_answer(opened):
    """
    No mouse is needed: tab to a slider, press an arrow, read another number.
    """
    browser = opened("p2_fit")
    field(browser, "tokens").click()
    browser.switch_to.active_element.send_keys("\ue004")  # the tab key
    slider = browser.switch_to.active_element
    before = part(browser, "estimate").text, field(browser, "tokens").get_attribute("value")

    slider.send_keys("\ue012" * 40)  # the arrow to the left

    after = part(browser, "estimate").text, field(browser, "tokens").get_attribute("value")
    assert "tokens, slider" == slider.accessible_name
    assert plain(after[1]) < plain(before[1])
    assert float(after[0]) > float(before[0])


def test_an_extrapolated_answer_says_which_input_lies_beyond(opened):
    """
    In words, and by its looks.
    """
    browser = opened("p2_fit")
    sound = part(browser, "answer").value_of_css_property("border-left-style")

    write(browser, tokens="1e12")

    assert "Extrapolated" == part(browser, "verdict").text
    assert "Beyond the records: tokens." in part(browser, "why").text
    assert "beyond" == part(browser, "answer").get_attribute("data-verdict")
    assert sound != part(browser, "answer").value_of_css_property("border-left-style")
    assert drawn(browser).find_elements("css selector", ".curve.beyond")


def test_an_answer_far_from_the_records_in_two_inputs_together_says_so(opened):
    """
    Each of the two is on record; what is sound says that every pair was looked at.
    """
    browser = opened("ragged_fit")
    write(browser, params="5e8", tokens="9e8", pruning_rate="0.3", base_loss="2.0")
    sound = part(browser, "verdict").text, part(browser, "why").text

    write(browser, params="8e9")

    words = "Each input lies within what the records cover, and so does every pair of them, the "
    assert ("Within the records", f"{words}base loss apart.") == sound
    assert "Extrapolated" == part(browser, "verdict").text
    assert part(browser, "why").text.startswith("No records lie near such params with such tokens,")
    assert drawn(browser).find_elements("css selector", ".curve.beyond")


def test_an_undetermined_answer_has_no_number_and_says_why(opened, one_size_fit):
    """
    What Python gives as NaN is no number here either, with the sentence of the fit in plain words.
    """
    browser = opened("one_size_fit")

    write(browser, params="8e9")

    assert "Not determined" == part(browser, "verdict").text
    assert "no number" == part(browser, "estimate").text
    assert "" == part(browser, "interval").text
    assert contents.plain(one_size_fit.trouble[0]) in part(browser, "why").text
    assert "not determined anywhere along this line" in drawn(browser).text


def test_an_unknown_interval_is_not_a_narrow_one(opened):
    """
    An estimate stands there, and beside it that nothing tells how good it is.
    """
    browser = opened("lone_fit")

    assert "Interval unknown" == part(browser, "verdict").text
    assert "interval unknown" == part(browser, "interval").text
    assert not drawn(browser).find_elements("css selector", ".band")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("much", "write a number"),
        ("0,3", "write a number"),
        ("4 millions", "write a number"),
        ("", "write a number"),
        ("-3", "> 0"),
    ],
)
def test_what_is_no_input_is_named_at_its_field(opened, text, words):
    """
    The field says what belongs there, is marked for readers of screens, and no answer stands.
    """
    browser = opened("p2_fit")

    write(browser, tokens=text)

    error = browser.find_element("css selector", '[data-error="tokens"]')
    assert words in error.text
    assert "true" == field(browser, "tokens").get_attribute("aria-invalid")
    assert error.get_attribute("id") in field(browser, "tokens").get_attribute("aria-describedby")
    assert "No answer" == part(browser, "verdict").text


WRITTEN = [
    ("tokens", "4M", 4e6),
    ("tokens", "1.5 B", 1.5e9),
    ("tokens", "7b", 7e9),
    ("tokens", "250k", 2.5e5),
    ("tokens", "2T", 2e12),
    ("tokens", "4,000,000", 4e6),
    ("tokens", "4e6", 4e6),
    ("pruning_rate", "30%", 0.3),
    ("pruning_rate", "30 %", 0.3),
    ("pruning_rate", "0.3", 0.3),
]


def test_numbers_are_read_as_people_write_them(opened, p2_fit):
    """
    With letters for thousands and more, with commas, and as percentages.
    """
    browser = opened("p2_fit")
    asked = {"params": 3e9, "tokens": 5e8, "pruning_rate": 0.25, "base_loss": 2.0}
    write(browser, **asked)

    for name, text, value in WRITTEN:
        write(browser, **{name: text})

        (told,) = p2_fit.predict(**{**asked, name: value})["loss"]
        assert told == pytest.approx(float(part(browser, "estimate").text), abs=5e-4), text
        write(browser, **{name: asked[name]})


def test_a_percentage_in_place_of_a_share_says_what_to_write(opened):
    """
    30 is no rate; 0.3 is.
    """
    browser = opened("p2_fit")

    write(browser, pruning_rate="30")

    error = browser.find_element("css selector", '[data-error="pruning_rate"]')
    assert "a share, 0.3 for 30 %" in error.text


def test_a_slider_tells_readers_of_screens_its_number(opened):
    """
    At the start, after it is moved, and after a number is typed; not its place from 0 to 1000.
    """
    browser = opened("p2_fit")

    def told():
        pairs = [(field(browser, name, "range"), field(browser, name)) for name in forms.p2.columns]
        return [(a.get_attribute("aria-valuetext"), b.get_attribute("value")) for a, b in pairs]

    start = told()
    field(browser, "tokens", "range").send_keys("\ue012" * 40)
    moved = told()
    write(browser, params="3B")

    assert all(said == shown for said, shown in [*start, *moved, *told()])
    assert start != moved
    assert "3B" == field(browser, "params", "range").get_attribute("aria-valuetext")


def test_a_table_that_scrolls_says_so(opened):
    """
    In its caption, where a reader looks first, and only where it does.
    """
    words = (
        "return [...document.querySelectorAll('.wide')].map((e) => [e.scrollWidth > e.clientWidth,"
        "getComputedStyle(e.querySelector('.said'), '::after').content.includes('scroll')])"
    )
    browser = opened("p2_fit", 400)
    drawn(browser)
    found = browser.execute_script(words)

    assert any(scrolls for scrolls, _ in found)
    assert all(scrolls == said for scrolls, said in found)


def test_a_level_beyond_the_refits_of_the_page_is_refused(opened):
    """
    More than 97 % needs refits that the page does not have.
    """
    browser = opened("p2_fit")
    box = part(browser, "level")
    box.clear()
    box.send_keys("99")

    assert "at most 97" in part(browser, "level-error").text
    assert "No answer" == part(browser, "verdict").text


def test_a_recorded_case_fills_the_form(opened):
    """
    Choosing it writes its inputs; tokens stay.
    """
    browser = opened("p2_fit")
    tokens = field(browser, "tokens").get_attribute("value")

    browser.find_element("css selector", '#case option[value="0"]').click()

    assert "500M" == field(browser, "params").get_attribute("value")
    assert "15 %" == field(browser, "pruning_rate").get_attribute("value")
    assert tokens == field(browser, "tokens").get_attribute("value")
    assert "Within the records" == part(browser, "verdict").text


def test_what_was_measured_in_a_case_is_shown_beside_the_curve(opened, p2_fit):
    """
    One dot a row of that case, and none once another input is asked about.
    """
    browser = opened("p2_fit")
    browser.find_element("css selector", '#case option[value="5"]').click()
    rows = p2_fit.records.groupby(["params", "pruning_rate"]).size().iloc[5]

    assert rows == len(drawn(browser).find_elements("css selector", ".measured circle"))
    write(browser, pruning_rate="0.26")
    assert not drawn(browser).find_elements("css selector", ".measured circle")


def test_rows_at_no_tokens_stand_in_a_strip_of_their_own(opened):
    """
    A logarithmic axis has no 0: it is marked at the left, with what was measured and the answer.
    """
    browser = opened("untrained_fit")
    browser.find_element("css selector", '#case option[value="0"]').click()

    write(browser, tokens="0")

    chart = drawn(browser)
    measured = chart.find_elements("css selector", ".measured circle")
    at = [float(each.get_attribute("cx")) for each in measured]
    here = chart.find_element("css selector", ".here circle").get_attribute("cx")
    zero, *ticks = chart.find_elements("css selector", '.axes text[text-anchor="middle"]')
    assert 10 == len(at)
    assert min(at) == float(here) == float(zero.get_attribute("x"))
    assert "0" == zero.text
    assert float(ticks[0].get_attribute("x")) > float(here) + 15
    assert "Within the records" == part(browser, "verdict").text
    assert [] == browser.get_log("browser")


def test_numbers_of_the_planner_are_written_as_those_of_the_tables(opened):
    """
    The page's script writes what Python writes, but for the sign of minus.
    """
    script = rendering._part("words.js")
    values = [21500.0, 1e5, 9999.6, 12, 1234567.0, 1e-4, 3.25e-5, -3.25e-5, -1.2, 0.0, 2e21]
    asked = [(value, digits) for value in values for digits in (2, 3, 4, 6)]
    expected = [number(*each).replace("-", "\N{MINUS SIGN}") for each in asked]

    browser = opened("lone_fit")
    told = f"{script}; return arguments[0].map(([value, digits]) => number(value, digits))"

    assert expected == browser.execute_script(f"const TOGETHER = ''; {told}", asked)


def test_only_what_scrolls_is_a_stop_for_keys(opened):
    """
    At 400 pixels tables scroll, and can be scrolled by keys; at 1280 most of them need not.
    """
    stops = "return document.querySelectorAll('.wide[tabindex]').length"

    narrow = opened("p2_fit", 400)
    drawn(narrow)
    some = narrow.execute_script(stops)
    wide = opened("p2_fit", 1280)
    drawn(wide)

    assert some > wide.execute_script(stops)


def test_the_curve_can_run_along_every_input(opened):
    """
    Each choice names its axis and draws a curve.
    """
    browser = opened("p2_fit")

    for name in forms.p2.columns:
        browser.find_element("css selector", f'#along option[value="{name}"]').click()
        assert name.replace("_", " ") in drawn(browser).text
        assert drawn(browser).find_elements("css selector", ".curve")
    assert [] == browser.get_log("browser")


def test_a_harmful_name_is_shown_and_does_nothing(opened):
    """
    Markup in the name of a run stays text, in the tables and in what the page carries along.
    """
    browser = opened("one_size_fit")

    assert browser.execute_script("return window.broken") is None
    assert not browser.find_elements("css selector", "img[src=x]")
    carried = browser.execute_script("return document.getElementById('saved-fit').textContent")
    assert HARMFUL in set(p2law.Fit.from_json(carried).records["run"])


def test_the_fit_that_the_page_carries_is_the_fit(opened, p2_fit):
    """
    Read back, it predicts the very same numbers.
    """
    carried = opened("p2_fit").execute_script(
        "return document.getElementById('saved-fit').textContent"
    )
    asked = {"params": 3e9, "tokens": 1e9, "pruning_rate": 0.3, "base_loss": 2.0}

    found = p2law.Fit.from_json(carried).predict(**asked)

    pd.testing.assert_frame_equal(p2_fit.predict(**asked), found, check_exact=True)


def test_no_script_from_elsewhere_may_run(opened):
    """
    The page's policy lets its own script run and refuses any other, and every address.
    """
    browser = opened("p2_fit")

    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.other = 1';"
        "document.body.append(s);"
    )

    assert browser.execute_script("return window.other") is None
    assert any("Content Security Policy" in each["message"] for each in browser.get_log("browser"))


def test_the_page_is_made_for_readers_of_screens(opened):
    """
    Headings follow each other, every control and table has a name, ids are not used twice.
    """
    browser = opened("p2_fit")
    levels = browser.execute_script(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))"
    )
    controls = browser.find_elements("css selector", "main input, main select, main button")
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map((e) => e.id)")

    assert 1 == levels[0]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(each.accessible_name for each in controls)
    assert all(
        browser.execute_script(
            "return [...document.querySelectorAll('table')].map((t) => t.caption.textContent)"
        )
    )
    assert [] == browser.execute_script(
        "return [...document.querySelectorAll('th:not([scope])')].map((each) => each.textContent)"
    )
    assert len(ids) == len(set(ids))
