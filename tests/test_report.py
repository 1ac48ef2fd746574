"""A report: what it says, and what it never does. A browser opens it in test_report_page."""

import errno
import itertools
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Bounds, Domain, cli, forms, report, testing
from p2law.errors import FitError, FormError, MissingExtraError, RecordError
from p2law.report import figures
from p2law.report.contents import plain, recipe
from p2law.report.holding import again
from p2law.report.planner import checked_tape, planner
from p2law.report.tracing import trace
from p2law.text.amounts import amount
from p2law.text.views import together

pytest.importorskip("jinja2", reason="the extra 'report' is not installed")
mpl = pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
style = pytest.importorskip("matplotlib.style")

PLAIN = {"holdouts": (), "pictures": False}
"""What takes time is left out where a test is about something else."""

HARMFUL = "<script>alert</script>$x_1${{7*7}}"
"""Short enough to stand whole in a picture."""


@pytest.fixture(scope="module")
def fit(p2_records):
    """The P² law with everything determined, and a run with a harmful name."""
    records = p2_records(noise=0.004, seed=2)
    first = records["run"].iloc[0]
    return p2law.fit(records.replace({"run": {first: HARMFUL}}), forms.p2)


@pytest.fixture(scope="module")
def page(fit):
    """Its report."""
    return report.html(fit)


# -- the law as steps ----------------------------------------------------------------


@pytest.mark.parametrize("law", forms.builtin, ids=lambda law: law.name)
def test_the_steps_of_a_law_are_the_law(law):
    """
    Carried out by Python they give what the function gives, wherever it has a value.
    """
    rng = np.random.default_rng(1)
    size = {"token": 1e9, "param": 1e9}
    inputs = {
        each.name: rng.uniform(0.05, 0.95, 50) * size.get(each.domain.unit, 1.0)
        for each in law.inputs
    }
    at = {each.name: 2.0 if each.linear else each.start for each in law.coefficients}

    found = trace(law).run(inputs, at)

    np.testing.assert_allclose(found, law(*inputs.values(), **at), rtol=1e-12)


def a_law(body):
    """A law that does one thing with its tokens and one coefficient."""

    @p2law.form()
    def law(tokens: Annotated[float, Domain("> 0")], *, k: Annotated[float, Bounds(0.1, 9)] = 1.5):
        return body(tokens, k)

    return law


@pytest.mark.parametrize(
    "body",
    [
        lambda t, k: np.sqrt(t) + np.square(k) + np.reciprocal(t),
        lambda t, k: np.log2(t) - np.log10(t) * np.log1p(k) + np.expm1(-k) + np.tanh(t / 9),
        lambda t, k: np.where((t > 3) & ~(k == 2) | (t != 1), t**k, -t),
        lambda t, k: np.clip(t, 2, 5) + np.clip(t, None, k) + np.maximum(t, 3) * np.minimum(k, t),
        lambda t, k: np.abs(t - 4) * np.sign(t - k) + +t - (-k) + 1 / t + 2**-t + 3 * k,
        lambda t, k: sum(np.exp(-n * k) * t for n in range(3)),
        lambda t, k: np.asarray(np.asarray(t) * k) + np.exp(np.asarray(-np.asarray(k))),
        lambda t, k: 2.5 + 0 * k + 0 * t,
    ],
)
def test_what_numpy_does_elementwise_becomes_steps(body):
    """
    Operators, functions, choices, loops over constants, and arrays of a single symbol.
    """
    tokens = np.linspace(1, 9, 17)

    found = trace(a_law(body)).run({"tokens": tokens}, {"k": 1.5})

    expected = np.broadcast_to(body(tokens, 1.5), tokens.shape)
    np.testing.assert_allclose(np.broadcast_to(found, tokens.shape), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda t, k: max(k, t), "branches on its numbers"),
        (lambda t, k: float(t) * k, "code outside numpy"),
        (lambda t, k: np.sum(t) * k, "np.sum is none of the steps"),
        (lambda t, k: np.sin(t) * k, "np.sin is none of the steps"),
        (lambda t, k: np.add.reduce(t) * k, "np.add with reduce"),
        (lambda t, k: t * np.array([1.0, 2.0]) * k, "no single number"),
        (lambda t, k: f"{t} {k}", "no single number"),
    ],
)
def test_what_is_no_step_is_named(body, words):
    """
    Branches, sums over rows, code outside numpy, functions that a page does not know.
    """
    with pytest.raises(FormError, match=words):
        trace(a_law(body))


def looks_at_its_arguments(tokens, k):
    """Another law for arrays than for symbols."""
    return k * tokens if isinstance(tokens, np.ndarray) else k + tokens


def test_steps_that_are_not_the_law_are_refused():
    """
    A law that does something else when it is called with symbols is found out on the records.
    """
    records = pd.DataFrame({"tokens": [1.0, 2.0, 3.0, 4.0, 5.0], "loss": [2.0, 4.1, 5.9, 8.0, 10]})
    fitted = p2law.fit(records, a_law(looks_at_its_arguments))

    with pytest.raises(FormError, match="something else when it is called with symbols"):
        checked_tape(fitted)


# -- the page ------------------------------------------------------------------------


def test_the_page_needs_nothing_from_outside(page):
    """
    No address but names of formats, no import, no file beside it; and it is small.
    """
    addresses = set(re.findall(r"https?://[^\"'\s<)]+", page))

    assert addresses <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.findall(r"<(?:link|script|img|iframe)[^>]*(?:src|href)=\"(?!data:)", page)
    assert "@import" not in page
    assert len(page.encode()) < 5e6


def test_the_page_says_all_that_it_should(fit, page):
    """
    Law, coefficients, what is not known, hold-outs, conditions, pictures, budget, settings.
    """
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page)

    assert headings == [
        "Predict",
        "Budget",
        "The law and its coefficients",
        "What is not known, and why",
        "Does it hold up?",
        "Does it mean what it should?",
        "Pictures",
        "Make it again",
    ]
    assert fit.form.formula in page
    for name in fit.form.names:
        assert f"<code>{name}</code>" in page
    for words in (
        "the last 20 % of each run&#39;s checkpoints",
        "params = 8e9, the largest of 4 model sizes",
        "pruning_rate = 0.5, the highest",
        "more tokens never hurt",
        f"summed: {fit.search.objective!r}",
        "p2law.Fit.from_json",
    ):
        assert words in page
    assert 7 == page.count("<figure")


def test_trouble_comes_first(p2_records):
    """
    What must be read stands above all else, and what is held is said with its reason.
    """
    held = p2law.fit(p2_records(params=(3e9,), noise=0.004, seed=3))
    page = report.html(held, **PLAIN)

    first = page[page.index("Read this first") : page.index(">Predict</h2>")]
    assert plain(held.trouble[0]) in first
    assert "held, not fitted: the records hold 1 model size" in page
    assert "No hold-out was asked for." in page


def test_the_page_speaks_to_readers_who_do_not_program(p2_records):
    """
    No argument or attribute of Python, and no NaN where a hold-out determines no row.
    """
    one = p2law.fit(p2_records(params=(3e9,), noise=0.004, seed=3))
    free = p2law.fit(p2_records(params=(3e9,), noise=0.004, seed=3), forms.p2)
    two = p2law.fit(p2_records(params=(1e9, 3e9), noise=0.004, seed=3))
    split = p2law.holdout.largest_model(two.records)

    pages = [
        report.html(one, **PLAIN),
        report.html(free, **PLAIN),
        report.html(two, holdouts=[split], pictures=False),
    ]
    shown = [re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL) for page in pages]
    _, open_, held = shown

    assert not [page for page in shown if "(fixed=)" in page or "`trouble`" in page]
    assert not [page for page in shown if "NaN" in page]
    assert "add the runs that “Read this first” names" in open_
    assert "come out as “not determined”; hold them yourself to have them" in shown[0]
    assert ">nan" not in held
    assert '<td class="num">0 of 80</td><td class="num">none</td>' in held


def test_a_hold_out_that_needs_no_law_is_among_what_must_be_read_first(p2_records):
    """
    Where the power law of each run does better, the page says so above the planner.
    """
    records = p2_records(noise=1e-4, run_noise=0.1, seed=7)
    split = p2law.holdout.last_tokens(records)

    page = report.html(p2law.fit(records, forms.p2), holdouts=[split], pictures=False)

    first = page[page.index("Read this first") : page.index(">Predict</h2>")]
    assert "checkpoints: power law of the run needs no law and does better than p2: rmse" in first


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (6, "with 90 % intervals from refits that resample whole runs;"),
        (2, "with 90 % intervals from refits that resample stretches of runs (12 in all);"),
        (1, "Coefficients, intervals unknown;"),
    ],
)
def test_the_coefficients_say_what_their_intervals_come_from(runs, words):
    """
    As the fit did it: whole runs, stretches of a few, or nothing where three rows are all.
    """
    table = p2law.grid(run=range(runs), tokens=np.geomspace(1e6, 1e8, 9 if runs > 1 else 3))
    truth = {"floor": 2.0, "scale": 90.0, "beta": 0.3}
    made = testing.synthesize(forms.token_power, truth, table, noise=0.01, seed=1)

    page = report.html(p2law.fit(made, forms.token_power), **PLAIN)

    assert words in page
    assert (">300, of " in page) is (runs > 1)


def test_names_of_runs_are_text(page):
    """
    Markup, formulas of matplotlib and of the template in a name stay what they are.
    """
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "$x_1${{7*7}}" in page


def test_the_same_fit_gives_the_same_page(fit, page):
    """
    Byte for byte, also of a fit that was read from a file: only what has changed changes a page.
    """
    assert page == report.html(p2law.Fit.from_json(fit.to_json()))


def test_a_hold_out_that_cannot_be_made_says_why(p2_records):
    """
    One model size leaves no largest model to hold out.
    """
    page = report.html(p2law.fit(p2_records(params=(3e9,), noise=0.004, seed=3)), pictures=False)

    assert "not possible: held out: params = 3e9" in page


def test_rows_that_the_fit_has_not_seen_judge_it(fit, p2_records):
    """
    They stand first among the hold-outs.
    """
    held = p2_records(rates=(0.3,), noise=0.004, seed=9)
    holdouts = [p2law.holdout.last_tokens(fit.records)]

    page = report.html(fit, held=held, holdouts=holdouts, pictures=False)

    assert page.index("rows that the fit has not seen") < page.index("the last 20 % of each run")
    assert "80 of 80" in page


def test_rows_that_the_fit_has_seen_are_not_called_unseen(fit):
    """
    Its own records are no test of it, and the page says how many they are.
    """
    page = report.html(fit, held=fit.records, **PLAIN)

    assert f"rows given, of which the fit has seen {len(fit.records)}" in page
    assert "rows that the fit has not seen" not in page


def test_rows_that_cannot_judge_the_fit_are_told_why(fit, p2_records):
    """
    Which column is missing, not only that one is.
    """
    page = report.html(fit, held=p2_records().drop(columns="loss"), **PLAIN)

    why = re.search("not possible: (missing columns.*?)</td>", page)[1]
    assert why.endswith("base_loss): loss: add it: loss after `tokens` tokens")


PARTS = (
    "The law is fitted to a part of the records and asked about the rest, which it has not seen."
)
GIVEN = "The fit as it stands is asked about the rows given."


@pytest.mark.parametrize(
    ("held", "split", "words"),
    [(False, True, PARTS), (True, False, GIVEN), (True, True, f"{PARTS} {GIVEN}")],
)
def test_a_page_says_how_the_law_was_tried(fit, held, split, words):
    """
    Fitted anew to a part of the records, or as it stands on rows given; not what was not done.
    """
    splits = [p2law.holdout.last_tokens(fit.records)] * split
    asked = {"holdouts": splits, "held": fit.records if held else None, "pictures": False}

    assert f"<p>{words} Beside it stands what needs no law.</p>" in report.html(fit, **asked)


def test_cases_tokens_and_losses_make_the_budget(fit):
    """
    Loss after tokens for the cases asked about, and tokens that reach losses.
    """
    cases = pd.DataFrame({"params": [8e9], "pruning_rate": [0.3], "base_loss": [2.0]})
    asked = {"cases": cases, "tokens": [5e8], "losses": [2.1, 1.5]}
    page = report.html(fit, **PLAIN, title="Our plan", **asked)
    told = fit.predict(cases, tokens=5e8).iloc[0]

    assert "<h1>Our plan</h1>" in page
    assert f"<b>{together(told['loss'], told['low'], told['high'])[0]}</b>" in page
    assert "Tokens that reach a loss" in page
    assert "out of reach" in page


def test_a_case_without_an_input_is_refused(fit):
    """
    The law reads it, so it must be there.
    """
    with pytest.raises(FormError, match="missing: pruning_rate"):
        report.html(fit, **PLAIN, cases=pd.DataFrame({"params": [8e9], "base_loss": [2.0]}))


def test_a_case_outside_the_law_is_refused(fit):
    """
    A percentage is no rate.
    """
    cases = pd.DataFrame({"params": [8e9], "pruning_rate": [30.0], "base_loss": [2.0]})
    with pytest.raises(RecordError, match="pruning_rate = 30"):
        report.html(fit, **PLAIN, cases=cases)


def test_a_law_without_tokens_has_a_report():
    """
    Its table has a line a case, and its planner runs along the pruning rate.
    """
    rates = np.linspace(0.05, 0.6, 12)
    records = pd.DataFrame({"pruning_rate": rates, "base_score": 0.7})
    records["score"] = 0.7 * 0.98 * (1 - rates) ** 0.4 + np.tile([1e-3, -1e-3], 6)
    page = report.html(p2law.fit(records, forms.retention), pictures=False)

    assert "What the law predicts (score)" in page
    along = page.split('<select id="along"')[1].split("</select>")[0]
    assert ["pruning_rate", "base_score"] == re.findall('<option value="(.*?)"', along)
    assert "selected" not in along


def test_a_law_that_is_no_list_of_steps_has_a_table_in_place_of_a_planner():
    """
    The page says so and why, and shows what Python computed.
    """
    law = a_law(lambda t, k: k * np.cos(t / 9) + 2)
    tokens = np.arange(1.0, 21.0)
    records = pd.DataFrame({"tokens": tokens, "loss": 1.5 * np.cos(tokens / 9) + 2})
    records["loss"] += np.tile([0.01, -0.01], 10)

    page = report.html(p2law.fit(records, law), **PLAIN)

    assert "No planner for this law:" in page
    assert "np.cos is none of the steps that a page knows" in page
    assert "after so many tokens" in page
    assert 'id="plan"' not in page


def test_what_the_page_is_told_can_be_written_as_json(fit):
    """
    Bounds at infinity and unknown noise are texts, and nothing else is lost.
    """
    import json

    told = planner(fit)
    lone = p2law.fit(fit.records[["run", "tokens", "loss"]].head(3), forms.token_power)
    unknown = planner(lone)

    assert not np.isfinite(lone.known.drawn.noise).any()
    for each in (told, unknown):
        assert each == json.loads(json.dumps(each, allow_nan=False))
    assert fit.values["N_C"] == told["values"][told["coefficients"].index("N_C")]
    assert len(fit.draws) == len(told["draws"][0])


def test_none_asks_for_what_a_report_does_by_default(fit):
    """
    So that a caller can hand on what it was itself not asked for.
    """
    none = dict.fromkeys(("title", "level", "held", "cases", "tokens", "losses"))

    assert report.html(fit, **PLAIN) == report.html(fit, **PLAIN, **none)


def test_what_is_no_fit_is_refused():
    """
    With words, not with an attribute that is missing.
    """
    with pytest.raises(FitError, match=r"a report is of what p2law\.fit returns, got 3"):
        report.html(3)


def test_a_level_that_is_none_is_refused(fit):
    """
    As `predict` refuses it.
    """
    with pytest.raises(FitError, match="level is a probability"):
        report.html(fit, level=90)


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_without_a_package_the_extra_is_named_before_anything_is_fitted(fit, monkeypatch, package):
    """
    What is missing, what needs it, and how it is installed; not after a minute of refits.
    """
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("p2law.report.holding.tried", lambda *_: pytest.fail("fitted first"))
    with pytest.raises(MissingExtraError, match=r"pip install 'p2law\[report\]'") as error:
        report.html(fit)
    assert f"a report needs the optional package '{package}'" in str(error.value)


def test_without_matplotlib_there_is_a_page_without_pictures(fit, monkeypatch):
    """
    Where none are asked for.
    """
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert "<figure" not in report.html(fit, **PLAIN)


def test_a_report_is_saved_where_one_says(fit, tmp_path):
    """
    The path comes back, and the page stands there.
    """
    place = report.save(fit, tmp_path / "report.html", **PLAIN)

    assert tmp_path / "report.html" == place
    assert place.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_leaves_the_one_before(fit, tmp_path, monkeypatch):
    """
    A disk that is full in the middle of a page does not take the page that stood there.
    """
    place = report.save(fit, tmp_path / "report.html", **PLAIN)
    before = place.read_bytes()

    def full(path, content, *_, **__):
        with path.open("wb") as file:
            file.write(content[:100] if isinstance(content, bytes) else content[:100].encode())
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left on device"):
        report.save(fit, place, title="another", **PLAIN)

    assert before == place.read_bytes()
    assert [place] == list(tmp_path.iterdir())


def test_hold_outs_are_fitted_by_the_settings_of_the_fit(p2_records):
    """
    Weights, held coefficients and objective are those of the fit.
    """
    records = p2_records(noise=0.004, seed=2)
    records["trust"] = np.where(records["tokens"] > 1e8, 3.0, 1.0)
    asked = {"weight": "trust", "fixed": {"alpha": 0.4}, "objective": p2law.huber(0.01)}
    split = p2law.holdout.last_tokens(records)

    found = again(
        p2law.fit(records, **asked),
        p2law.holdout.last_tokens(p2law.fit(records, **asked).records).kept,
    )

    assert dict(p2law.fit(split.kept, **asked).values) == dict(found.values)


def test_the_recipe_on_the_page_makes_the_fit_again(p2_records, tmp_path, monkeypatch):
    """
    Run on the same records, it finds the same coefficients to the last bit.
    """
    monkeypatch.chdir(tmp_path)
    p2_records(noise=0.004, seed=2).to_csv("records.csv", index=False)
    asked = {"weight": "run", "tied": {"beta": "alpha"}, "objective": p2law.huber(1e-3, log=True)}
    first = p2law.fit(p2law.load("records.csv"), forms.p2, **asked)
    scope = {}

    exec(recipe(first), scope)  # noqa: S102 - that is the point

    assert dict(first.values) == dict(scope["fit"].values)


# -- the pictures of the page ---------------------------------------------------------


NAME = '模 id="x"'
"""Of a run: letters that matplotlib's font lacks, and what looks like markup."""


@pytest.fixture(scope="module")
def small():
    """A law of tokens alone, whose pictures are soon drawn."""
    table = p2law.grid(run=[NAME, "b", "c"], tokens=np.geomspace(1e6, 1e8, 5))
    truth = {"floor": 2.0, "scale": 90.0, "beta": 0.3}
    made = testing.synthesize(forms.token_power, truth, table, noise=0.01, seed=1)
    return p2law.fit(made, forms.token_power)


@pytest.fixture(scope="module")
def drawn(small):
    """Its pictures."""
    return figures.pictures(small, None, 0.9)


def test_pictures_drawn_in_threads_leave_matplotlib_as_it_was(small, drawn):
    """
    They are the same as those of one thread, and no setting is another one afterwards.
    """
    before = dict(mpl.rcParams)

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: figures.pictures(small, None, 0.9), range(2)))

    assert [drawn] * 2 == made
    assert before == dict(mpl.rcParams)


def test_the_style_of_the_user_does_not_reach_the_page(small, drawn):
    """
    White texts for dark paper, TeX that a machine may lack, cut margins: all would spoil it.
    """
    other = {"text.usetex": True, "savefig.bbox": "tight", "svg.fonttype": "path"}

    with style.context(["dark_background", other]):
        styled = figures.pictures(small, None, 0.9)
        kept = mpl.rcParams["text.usetex"]

    assert drawn == styled
    assert kept


def test_a_name_that_no_font_and_no_markup_expects_is_a_text_of_the_pictures(small):
    """
    A browser has the letters that matplotlib lacks, so nobody is warned; a text is never an id.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made, _ = figures.pictures(small, None, 0.9)

    (shown,) = [each.drawing for each in made if each.caption.startswith("Measured minus")]
    assert NAME in shown


def luminance(colour):
    """How bright a colour is, as the Web Content Accessibility Guidelines count it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *itertools.product(("ink", "soft", "blue", "orange", "red"), ("paper", "card")),
        *(("ink", f"{each}-paper") for each in ("orange", "red")),
        *(("soft", f"{each}-paper") for each in ("orange", "red")),
        *((each, f"{each}-paper") for each in ("orange", "red", "green")),
        ("soft", "faint"),
    ],
)
def test_every_text_stands_out_from_its_ground(page, theme, ink, paper):
    """
    By 4.5 to 1 at least, in light, in dark and on paper.
    """
    blocks = re.findall(r":root \{(.*?)\}", page, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w+);", blocks[theme]))
    full = {n: c if len(c) > 4 else "#" + "".join(x * 2 for x in c[1:]) for n, c in colours.items()}

    bright, dark = sorted((luminance(full[ink]), luminance(full[paper])), reverse=True)

    assert 4.5 <= (bright + 0.05) / (dark + 0.05)


# -- the numbers of the page ----------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "column", "words"),
    [
        (67987.0, "tokens", "67.99k"),
        (999_960.0, "tokens", "1M"),
        (512, "params", "512"),
        (3e15, "flops", "3e15"),
        (1234.5, "gpu_hours", "1.234k"),
        (0.3, "pruning_rate", "30 %"),
        (1.35164, "base_loss", "1.352"),
    ],
)
def test_amounts_are_written_in_short(value, column, words):
    """
    Counts with letters, shares in percent, all else plainly; to four digits here.
    """
    assert words == amount(value, column, 4)


def test_the_page_writes_counts_with_letters(page):
    """
    In the budget, the cases and what the records cover.
    """
    assert '<td class="num">500M to 8B</td>' in page
    assert '<td class="num">15 % to 50 %</td>' in page
    assert '<th scope="row">1B</th>' in page


def test_coefficients_stand_in_as_many_digits_as_are_known(fit, page):
    """
    As in the views of the fit.
    """
    row = fit.table().loc["alpha"]
    estimate, low, high = together(row["estimate"], row["low"], row["high"])

    shown = page[page.index("<code>alpha</code>") :]
    cells = re.findall(r'<td class="num">(.*?)</td>', shown)

    assert [estimate, f"{low} to {high}"] == cells[:2]
    assert estimate in str(fit)


# -- the command ---------------------------------------------------------------------


def test_the_command_writes_the_page(fit, tmp_path, capsys):
    """
    `p2law report fit.json -o report.html` says what it wrote.
    """
    (tmp_path / "fit.json").write_text(fit.to_json(), encoding="utf-8")
    words = ["report", str(tmp_path / "fit.json"), "-o", str(tmp_path / "page.html")]

    code = cli.main(
        [*words, "--no-holdouts", "--no-pictures", "--title", "Ours", "--tokens", "1e9", "2e9"]
    )

    assert 0 == code
    assert f"wrote {tmp_path / 'page.html'}" in capsys.readouterr().out
    assert "<h1>Ours</h1>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_command_refuses_a_folder_that_is_not_there(fit, tmp_path, monkeypatch, capsys):
    """
    Before anything is computed.
    """
    (tmp_path / "fit.json").write_text(fit.to_json(), encoding="utf-8")
    monkeypatch.setattr(report, "html", pytest.fail)

    code = cli.main(
        ["report", str(tmp_path / "fit.json"), "-o", str(tmp_path / "no" / "page.html")]
    )

    assert 2 == code
    assert "name a file in a folder that exists" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fit.json", "held.csv"])
def test_no_page_takes_the_place_of_what_it_is_made_of(fit, tmp_path, monkeypatch, capsys, name):
    """
    Neither the saved fit nor the rows held is written over.
    """
    monkeypatch.chdir(tmp_path)
    Path("fit.json").write_text(fit.to_json(), encoding="utf-8")
    fit.records.to_csv("held.csv", index=False)
    before = Path(name).read_bytes()

    code = cli.main(["report", "fit.json", "--no-pictures", "--held", "held.csv", "-o", name])

    assert 2 == code
    assert f"{name} is read, and would be lost" in capsys.readouterr().err
    assert before == Path(name).read_bytes()


def test_a_report_loads_no_pyplot():
    """
    Importing the module loads neither Jinja2 nor matplotlib.
    """
    code = "import p2law.report, sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603

    assert not {"jinja2", "matplotlib"} & set(found.stdout.split())


def test_ci_has_a_browser():
    """
    Its script installs one where there is none and it may; otherwise it says what is skipped.
    """
    script = (Path(__file__).parents[1] / ".ci" / "run").read_text(encoding="utf-8")

    assert "--no-install-recommends chromium chromium-driver" in script
    assert "its tests are skipped" in script


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"title": 3}, r"title of a report is a text, got 3 \(int\)"),
        ({"held": 3}, "held of a report is a DataFrame"),
        ({"holdouts": False}, r"holdouts of a report is a list of splits.*or \(\) for none"),
        ({"holdouts": [3]}, "holdouts of a report is a list of splits"),
        ({"cases": 3}, "cases of a report is a DataFrame with the inputs"),
        ({"tokens": "x"}, "tokens of a report is a list of positive numbers"),
        ({"tokens": [-1.0]}, "tokens of a report is a list of positive numbers"),
        ({"losses": [None]}, "losses of a report is a list of positive numbers"),
        ({"pictures": 3}, "pictures of a report is True or False"),
        ({"nonsense": 1}, "a report has no nonsense; it can be asked for title, level"),
    ],
)
def test_what_no_report_can_be_asked_for_is_refused(fit, asked, words):
    """
    What it is, what was given and what belongs there.
    """
    with pytest.raises(FitError, match=words):
        report.html(fit, **{**PLAIN, **asked})
