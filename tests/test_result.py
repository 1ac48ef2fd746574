"""A fit can be read, asked, kept and given away, and nothing in it changes."""

import contextlib
import copy
import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2law
from p2law import forms, testing
from p2law.errors import FormError, RecordError, SavedFitError
from p2law.text.views import number

ASKED = {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.2, "base_loss": 2.0}
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def fits(p2_records, dense_records):
    """One fit of every kind that looks different."""
    two_sizes = p2_records((0.5e9, 1.5e9), noise=0.003)
    with_zero = pd.concat(
        [two_sizes.iloc[:1].assign(tokens=0.0, loss=5.0), p2_records(noise=0.003)]
    )
    return {
        "converged": p2law.fit(p2_records(noise=0.003, seed=4)),
        "held": p2law.fit(two_sizes),
        "not_identified": p2law.fit(two_sizes, forms.p2),
        "at_bound": p2law.fit(larger_suffer_more(p2_records(noise=0.003))),
        "left_out": p2law.fit(with_zero.reset_index(drop=True), objective=p2law.huber(1e-3)),
        "dense": p2law.fit(dense_records, forms.chinchilla, objective=p2law.huber(1e-3, log=True)),
    }


def larger_suffer_more(records):
    """Records in which lasting damage grows with size, as the law does not allow."""
    return records.assign(loss=records["loss"] + 0.03 * np.log(records["params"] / 5e8))


@pytest.mark.parametrize(
    "kind", ["converged", "held", "not_identified", "at_bound", "left_out", "dense"]
)
@pytest.mark.parametrize(
    ("ending", "view"), [("txt", str), ("html", lambda fit: fit._repr_html_())]
)
def test_views_are_the_golden_ones(fits, kind, ending, view, request):
    """
    The text and the HTML of a fit are part of the product and change only on purpose.

    `pytest --rewrite-golden` writes them anew; read the difference before committing it.
    """
    path = GOLDEN / f"fit_{kind}.{ending}"
    if request.config.getoption("--rewrite-golden"):
        path.write_text(view(fits[kind]) + "\n", encoding="utf-8")

    assert path.read_text(encoding="utf-8") == view(fits[kind]) + "\n"


def test_text_is_no_wider_than_a_page(fits):
    """
    Headline, warnings and facts wrap at 96 columns.
    """
    for fit in fits.values():
        table = fit.view()._table_lines()
        assert all(len(line) <= 96 for line in str(fit).splitlines() if line not in table)


# -- keeping -----------------------------------------------------------------------------


def test_a_saved_fit_reads_back_bit_for_bit(fits):
    """
    Text to fit to text changes no byte, and predictions change no bit.
    """
    for fit in fits.values():
        again = p2law.Fit.from_json(fit.to_json())

        assert fit.to_json() == again.to_json()
        assert dict(fit.values) == dict(again.values)
        assert str(fit) == str(again)
        pd.testing.assert_frame_equal(fit.predict(fit.records), again.predict(fit.records))


def test_reading_a_saved_fit_refits_nothing(fits):
    """
    Whoever wants the coefficients of a large table need not wait for its intervals.
    """
    again = p2law.Fit.from_json(fits["converged"].to_json())

    assert "drawn" not in vars(again.known)


@pytest.mark.parametrize(
    "options",
    [
        {"fixed": {"alpha": np.float32(0.3)}},
        {"fixed": {"alpha": np.int64(1)}},
        {"fixed": {np.str_("alpha"): 1}, "tied": {"beta": np.str_("gamma")}},
        {"weight": np.str_("w"), "seed": np.int64(3)},
        {"objective": p2law.huber(np.float32(1e-3), log=np.True_)},
    ],
    ids=str,
)
def test_settings_of_numpy_are_kept_as_plain_ones(p2_records, options):
    """
    What numpy computed can be a setting, and the fit can be saved.
    """
    records = p2_records(noise=0.003).iloc[::4].assign(w=np.float32(2))

    fit = p2law.fit(records, **options)
    again = p2law.Fit.from_json(fit.to_json())

    assert fit.settings == again.settings
    assert fit.to_json() == again.to_json()


LABELS = {
    "whole": lambda k: k,
    "narrow": np.int32,
    "single": np.float32,
    "half": lambda k: k + 0.5,
    "big": lambda k: 10**30 + k,
    "mixed": lambda k: ["a", 1, 2.5, "1", 7, -3, "b", 8, 9][k],
    "numpy text": lambda k: np.str_(f"r{k}"),
}
ODD_LABELS = {
    "date": lambda k: pd.Timestamp("2026-01-01") + pd.Timedelta(days=k),
    "pair": lambda k: (k, "a"),
    "infinite": lambda k: np.inf if k == 0 else float(k),
    "bytes": lambda k: bytes([65 + k]),
    "complex": complex,
    "any": lambda k: [(1,), "(1,)", b"x", 3j, None.__class__, 1.5, "x", frozenset(), 7][k],
}


@pytest.fixture
def nine_runs(p2_records):
    """Few records of nine runs, and the number of each row's run."""
    records = p2_records((5e8, 1e9, 2e9), (0.15, 0.25, 0.35), noise=0.003).iloc[::5]
    return records, pd.factorize(records["run"])[0].tolist()


@pytest.mark.parametrize("kind", [*LABELS, *ODD_LABELS, "category", "string", "nullable"])
def test_runs_may_be_named_by_anything(nine_runs, kind):
    """
    Numbers and texts stay; dates, pairs and whatever else are named by their text.
    """
    records, number = nine_runs
    arrays = {
        "category": pd.Categorical([f"r{k}" for k in number]),
        "string": pd.array([f"r{k}" for k in number], dtype="string"),
        "nullable": pd.array(number, dtype="Int64"),
    }
    make = {**LABELS, **ODD_LABELS}.get(kind)
    labels = arrays[kind] if make is None else pd.Series([make(k) for k in number], records.index)

    fit = p2law.fit(records.assign(run=labels))
    again = p2law.Fit.from_json(fit.to_json())

    assert 9 == fit.records["run"].nunique()
    pd.testing.assert_frame_equal(fit.records, again.records, check_exact=True)
    assert fit.to_json() == again.to_json()
    assert str(fit) == str(again)


@pytest.mark.parametrize("kind", [*LABELS, "levels", "named", "doubled"])
def test_rows_keep_their_labels(nine_runs, kind):
    """
    Texts, numbers and levels of these read back as they were.
    """
    records, number = nine_runs
    index = {
        "levels": pd.MultiIndex.from_arrays([number, records["run"]], names=["k", None]),
        "named": pd.RangeIndex(3, 3 + len(records), name="row"),
        "doubled": pd.Index([0] * len(records)),
    }
    made = index[kind] if kind in index else pd.Index([LABELS[kind](k) for k in number])

    fit = p2law.fit(records.set_axis(made))
    again = p2law.Fit.from_json(fit.to_json())

    assert made.tolist() == fit.residuals().index.tolist()
    pd.testing.assert_frame_equal(fit.records, again.records, check_exact=True)


@pytest.mark.parametrize("kind", ODD_LABELS)
def test_labels_that_json_cannot_keep_are_refused_when_a_fit_is_saved(nine_runs, kind):
    """
    The fit is made and labels its rows; saving it says which label is odd and what to do.
    """
    records, number = nine_runs
    labels = np.empty(len(records), dtype=object)
    labels[:] = [ODD_LABELS[kind](k) for k in number]
    fit = p2law.fit(records.set_axis(pd.Index(labels, tupleize_cols=False)))

    with pytest.raises(SavedFitError, match=r"labels of rows, not .*reset_index\(drop=True\)"):
        fit.to_json()


def test_what_is_no_finite_number_survives_saving(fits):
    """
    A minimum that overflowed is infinite, and JSON has no word for it.
    """
    fit = fits["converged"]
    odd = dataclasses.replace(
        fit, search=dataclasses.replace(fit.search, minima=(0.1, np.inf), gradient=-np.inf)
    )

    text = odd.to_json()

    assert json.loads(text, parse_constant=pytest.fail)
    assert odd.search == p2law.Fit.from_json(text).search


@pytest.mark.parametrize("text", [None, 3, {}, ["{}"]])
def test_only_text_is_read(text):
    """
    A dictionary is no JSON text.
    """
    with pytest.raises(SavedFitError, match=r"the text that to_json gives, got .* \("):
        p2law.Fit.from_json(text)


@pytest.mark.parametrize("handed", ["p2", forms.p2, (forms.p2.function,), None])
def test_only_laws_can_be_handed_over(fits, handed):
    """
    A name or a bare function is no law.
    """
    with pytest.raises(SavedFitError, match=r"forms are laws, as \(my_law,\), got"):
        p2law.Fit.from_json(fits["converged"].to_json(), forms=handed)


def test_a_law_of_ones_own_must_be_handed_over(dense_records):
    """
    Reading imports nothing; the message says what to hand over.
    """

    @p2law.form(linear=("a", "b"))
    def mine(tokens, *, a, b, c=0.5):
        return a + b * tokens**-c

    text = p2law.fit(dense_records, mine).to_json()

    with pytest.raises(SavedFitError, match=r"law 'mine', which is not built in; hand it over"):
        p2law.Fit.from_json(text)
    assert mine is p2law.Fit.from_json(text, forms=(mine,)).form


def test_a_law_with_other_coefficients_is_refused(dense_records):
    """
    A namesake is not taken for the law of the fit.
    """
    text = p2law.fit(dense_records, forms.chinchilla).to_json()

    @p2law.form()
    def chinchilla(params, *, a=1.0):
        return a * params

    with pytest.raises(SavedFitError, match="has coefficients E, A, B, alpha, beta, but the law"):
        p2law.Fit.from_json(text, forms=(chinchilla,))


def power(low, high):
    """A law of one's own whose exponent lies between these."""

    def mine(tokens, *, a, b: Annotated[float, p2law.Bounds(low, high)]):
        return a * tokens**-b

    return p2law.form(linear=("a",))(mine)


@pytest.mark.parametrize(
    ("fitted", "now", "words"),
    [
        (
            (0.1, 2.0),
            (0.4, 2.0),
            r"b = 0\.3\d* of the saved fit lies outside the bounds 0\.4\.\.2 of",
        ),
        (
            (0.1, 2.0),
            (0.01, 0.2),
            r"b = 0\.3\d* of the saved fit lies outside the bounds 0\.01\.\.0\.2",
        ),
        (
            (0.4, 2.0),
            (0.1, 2.0),
            "ended at a bound of the law mine, and no coefficient is at one now",
        ),
    ],
)
def test_a_law_with_other_bounds_is_refused(fitted, now, words):
    """
    Beyond a bound refits would all stand at it: intervals would have no width.
    """
    table = testing.design([1e9], [0.1, 0.2, 0.3], np.geomspace(1e7, 1e9, 8))
    records = testing.synthesize(power(0.1, 2.0), {"a": 300.0, "b": 0.3}, table, noise=0.01)
    text = p2law.fit(records, power(*fitted)).to_json()

    assert p2law.Fit.from_json(text, forms=(power(*fitted),)).to_json() == text
    with pytest.raises(SavedFitError, match=words + ".*hand over the law that was fitted"):
        p2law.Fit.from_json(text, forms=(power(*now),))


def test_a_namesake_of_the_law_is_not_blamed_on_the_file(dense_records):
    """
    The law handed over may be the one that was changed.
    """

    def named(factor):
        def mine(tokens, *, a, b=0.5):
            return factor * a * tokens**-b

        return p2law.form(linear=("a",))(mine)

    text = p2law.fit(dense_records, named(1.0)).to_json()

    with pytest.raises(SavedFitError, match="was changed, or mine is not the law that was fitted"):
        p2law.Fit.from_json(text, forms=(named(2.0),))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"format": "p2law fit 1"}', '{"format": 3}', "[" * 10_000],
)
def test_what_is_no_saved_fit_is_refused_with_words(text):
    """
    Any text gives a fit or one kind of error.
    """
    with pytest.raises(SavedFitError, match=r"not a (whole )?(saved )?fit"):
        p2law.Fit.from_json(text)


def test_a_fit_that_was_saved_before_is_still_read():
    """
    The format has a number; files of this number must not become unreadable.
    """
    text = (GOLDEN / "saved_fit.json").read_text(encoding="utf-8").rstrip()

    assert text == p2law.Fit.from_json(text).to_json()


@given(data=st.data())
def test_a_damaged_fit_is_refused_or_read(data):
    """
    Whatever is cut out of a saved fit, nothing but a SavedFitError comes of it.
    """
    content = json.loads((GOLDEN / "saved_fit.json").read_text(encoding="utf-8"))
    key = data.draw(st.sampled_from(sorted(content)))
    content[key] = data.draw(st.none() | st.integers() | st.text() | st.lists(st.integers()))

    with contextlib.suppress(SavedFitError):
        p2law.Fit.from_json(json.dumps(content))


def changed(fit, where, value):
    """The text of a fit with one thing in it changed."""
    content = json.loads(fit.to_json())
    *path, last = where
    place = content
    for each in path:
        place = place[each]
    place[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (["values", "beta"], 0.9, "its objective is .* something in it was changed"),
        (["values", "D_C"], 1e308, "its objective is .* something in it was changed"),
        (["records", "loss", 3], 7.0, "its objective is .* something in it was changed"),
        (["records", "loss", 3], 1e308, "its objective is .* something in it was changed"),
        (["settings", "objective"], "huber(0.001)", "its objective is .*was changed"),
        (["settings", "fixed"], {"alpha": 0.4}, "alpha was to be held .* in it was changed"),
        (["settings", "weight"], "zzz", "weight is 'zzz', but its records are not weighted; some"),
        (["search", "minima"], [], "search must be how the coefficients were found"),
        (["records", "loss", 3], float("inf"), "is not a finite number"),
        (["records", "run", 3], None, "row 3 of its records names no run"),
        (["records", "loss"], [], "records are not columns of one length"),
        (["index", "levels"], [], "records are not columns of one length"),
        (["index"], [], "index must be labels of rows"),
        (["held", "beta"], True, "held must be a reason for each coefficient"),
        (
            ["held", "beta"],
            "so",
            "'beta' is held, which neither fixed= nor tied= nor its value exp",
        ),
        (
            ["held", "zeta"],
            "so",
            "'zeta' is held, which neither fixed= nor tied= nor its value exp",
        ),
        (["status"], "FINE", "status must be one of CONVERGED, AT_BOUND, NOT_IDENTIFIED, STOPPED"),
        (["search", "evaluations"], -1, "search must be how the coefficients were found"),
        (["settings", "seed"], 0.5, "settings must be what the fit was asked for"),
    ],
)
def test_a_changed_fit_is_told_from_a_saved_one(fits, where, value, words):
    """
    Coefficients, rows and objective belong together; nothing is taken on trust.
    """
    with pytest.raises(SavedFitError, match=words):
        p2law.Fit.from_json(changed(fits["converged"], where, value))


def test_a_rate_at_which_the_law_overflows_is_refused_when_a_saved_fit_is_asked():
    """
    Reading and showing it ends in no warning, whatever one row holds.
    """
    records = p2law.grid(params=[3e8, 1e9, 8e9], pruning_rate=0.1, tokens=[1e7, 1e9])
    records["base_loss"] = np.repeat([2.333, 2.1, 2.012], 2)
    records["loss"] = [2.362, 2.354, 2.13, 2.114, 2.036, 2.027]
    fit = p2law.fit(records.assign(run=records["params"].map(str)))

    found = p2law.Fit.from_json(changed(fit, ["records", "pruning_rate", 5], 1e299))

    assert "pruning_rate 0.1..1e299" in str(found)
    with pytest.raises(p2law.P2LawError, match=r"1 of 6 records has pruning_rate outside \[0, 1\)"):
        found.predict(found.records)


# -- frozen ------------------------------------------------------------------------------


def test_nothing_in_a_fit_can_be_changed(fits):
    """
    Attributes, values and records are the fit's own.
    """
    fit = fits["converged"]
    before = fit.to_json()

    with pytest.raises(AttributeError, match="cannot assign to field"):
        fit.values = {}
    with pytest.raises(TypeError, match="does not support item assignment"):
        fit.values["alpha"] = 1.0
    taken = fit.records
    taken["loss"] = 0.0

    assert before == fit.to_json()


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda fit: pickle.loads(pickle.dumps(fit))],  # noqa: S301 - ours
)
def test_a_copy_is_the_same_fit_and_as_frozen(fits, copied):
    """
    Copied or pickled, asked before or not: the same bits, and nothing in it can be changed.
    """
    for fit in fits.values():
        before = fit.predict(fit.records)

        again = copied(fit)

        assert fit.to_json() == again.to_json()
        assert fit.form is again.form
        pd.testing.assert_frame_equal(before, again.predict(fit.records), check_exact=True)
        with pytest.raises(TypeError, match="does not support item assignment"):
            again.values["alpha"] = 1.0
        with pytest.raises(AttributeError, match="cannot assign to field"):
            again.status = None


def test_a_fit_travels_to_other_processes(tmp_path):
    """
    Also one of a law that was declared in the main module, as in a notebook or a script.
    """
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, str(script)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert (0, "same\n", "") == (done.returncode, done.stdout, done.stderr)


SCRIPT = """
import multiprocessing
import p2law

@p2law.form(linear=("a", "b"))
def mine(tokens, *, a, b, c=0.5):
    return a + b * tokens**-c

def asked(fit):
    return fit.predict(tokens=3e7)["loss"].item(), fit

if __name__ == "__main__":
    table = p2law.grid(tokens=[1e7, 2e7, 4e7, 8e7])
    records = p2law.testing.synthesize(mine, {"a": 2.0, "b": 90.0, "c": 0.3}, table, noise=0.01)
    fit = p2law.fit(records, mine)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (loss, again), = pool.map(asked, [fit])
    same = loss == fit.predict(tokens=3e7)["loss"].item() and again.form is mine
    print("same" if same and again.to_json() == fit.to_json() else "different")
"""


def test_settings_cannot_be_changed_from_outside(p2_records):
    """
    Neither through the fit nor through the dictionary that was handed in.
    """
    fixed = {"alpha": 0.3}
    fit = p2law.fit(p2_records(noise=0.003), fixed=fixed)
    fixed["alpha"] = 0.9

    with pytest.raises(TypeError, match="does not support item assignment"):
        fit.settings.fixed["alpha"] = 0.9
    assert {"alpha": 0.3} == fit.settings.fixed


def test_the_records_of_the_caller_are_left_alone(p2_records):
    """
    Fitting changes no column, no type and no index of the table it is given.
    """
    records = p2_records(noise=0.003).astype({"params": "int64"})
    before = records.copy(deep=True)

    p2law.fit(records)

    pd.testing.assert_frame_equal(before, records)


# -- asking ------------------------------------------------------------------------------


def test_predictions_are_those_of_the_law(fits):
    """
    A prediction is the law at the fitted coefficients, nothing more.
    """
    fit = fits["converged"]

    told = fit.predict(params=2e9, tokens=[1e8, 1e9], pruning_rate=0.25, base_loss=2.1)

    expected = forms.p2(2e9, np.array([1e8, 1e9]), 0.25, 2.1, **fit.values)
    np.testing.assert_allclose(told["loss"], expected, rtol=1e-15)
    assert [
        "params",
        "tokens",
        "pruning_rate",
        "base_loss",
        "loss",
        "low",
        "high",
        "determined",
        "beyond",
    ] == list(told)


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        ({"params": 8}, r"params = 8 \(row 0\) looks like billions, .*plain count, so write 8e9$"),
        ({"tokens": [1e9, 2]}, r"tokens = 2 \(row 1\) looks like billions, .*so write 2e9$"),
        ({"tokens": 700}, r"tokens = 700 \(row 0\) looks like millions, .*so write 7e8$"),
    ],
)
def test_counts_in_billions_are_refused_where_the_records_hold_plain_ones(fits, slip, words):
    """
    The row, what the records hold, and what was probably meant.
    """
    with pytest.raises(RecordError, match=words):
        fits["converged"].predict(**{**ASKED, **slip})


def test_a_count_below_a_thousand_that_no_unit_explains_is_answered(fits):
    """
    A hundredth of a parameter is odd but no slip: the records hold nothing near 10 million.
    """
    found = fits["converged"].predict(**{**ASKED, "params": 0.01})

    assert found["beyond"][0] == "params"


def test_a_table_is_predicted_row_by_row_under_its_own_labels(fits):
    """
    The index of the table is the index of the answer.
    """
    fit = fits["converged"]
    table = p2law.grid(params=2e9, tokens=[1e8, 1e9], pruning_rate=0.25, base_loss=2.1)
    table.index = ["short", "long"]

    assert ["short", "long"] == fit.predict(table).index.tolist()


def test_series_go_together_by_order_not_by_label(fits):
    """
    Columns of a sorted or filtered table keep their rows.
    """
    fit = fits["converged"]
    table = fit.records.iloc[[300, 5, 120]]
    columns = {name: table[name] for name in forms.p2.columns}

    told = fit.predict(**columns)

    assert fit.predict(table)["loss"].tolist() == told["loss"].tolist()


def test_inputs_outside_the_records_are_named(fits):
    """
    `beyond` lists every input that no record reaches.
    """
    told = fits["converged"].predict(
        params=[2e9, 70e9], tokens=[1e8, 1e12], pruning_rate=0.25, base_loss=2
    )

    assert ["", "params, tokens"] == told["beyond"].tolist()


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ({}, FormError, "p2 reads params, .*; missing: params, tokens"),
        ({"params": 1e9}, FormError, "missing: tokens, pruning_rate, base_loss"),
        (
            {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.2, "base_loss": 2, "rate": 1},
            FormError,
            "it does not read: rate",
        ),
        (
            {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.2, "base_loss": 2, "method": "width"},
            FormError,
            "it does not read: method",
        ),
        (
            {"params": 1e9, "tokens": 0, "pruning_rate": 0.2, "base_loss": 2},
            RecordError,
            r"p2 has no value at tokens = 0 \(row 0\); tokens must be > 0",
        ),
        (ASKED | {"params": "big"}, RecordError, r"params is a number .* got 'big' \(str\)"),
        (ASKED | {"params": ["1e9"]}, RecordError, r"params is a number .* got \['1e9'\] \(list\)"),
        (ASKED | {"params": [[1, 2]]}, RecordError, "combination .* is made by p2law.grid"),
        (ASKED | {"params": []}, RecordError, r"params is a number .* got \[\]"),
        (ASKED | {"params": [[1], [2, 3]]}, RecordError, "params holds no numbers"),
        (ASKED | {"params": iter([1e9])}, RecordError, r"got <list_iterator .* \(list_iterator\)"),
        (ASKED | {"params": {1e9}}, RecordError, r"got \{1000000000.0\} \(set\)"),
        (ASKED | {"params": 1 + 2j}, RecordError, r"params that is not a number:\n  row 0: .*2j"),
        (ASKED | {"params": True}, RecordError, "row 0: params = True"),
        (
            ASKED | {"params": [1e9, None]},
            RecordError,
            "infinite:\n  row 1: params = None",
        ),
        (
            ASKED | {"params": np.nan},
            RecordError,
            r"cannot predict: 1 of 1 .*\n  row 0: params = nan",
        ),
        (ASKED | {"params": 10**400}, RecordError, "params missing or infinite"),
        (ASKED | {"pruning_rate": 25}, RecordError, "divide by 100 if these are percentages"),
        (
            ASKED | {"params": [1e9, 2e9], "tokens": [1e9] * 3},
            RecordError,
            "lists of unequal length: params 2, tokens 3; they go together row by row",
        ),
    ],
)
def test_questions_that_make_no_sense_are_refused(fits, columns, error, words):
    """
    Missing, unknown, impossible and ragged inputs are each named.
    """
    with pytest.raises(error, match=words):
        fits["converged"].predict(**columns)


@pytest.mark.parametrize("table", ["records.csv", {"params": 1e9}, [1e9], pd.Series(dtype=float)])
def test_a_question_that_is_no_table_is_refused(fits, table):
    """
    What it is stands in the message, with both ways to ask.
    """
    words = rf"a DataFrame .* or inputs by name as tokens=1e9, got .* \({type(table).__name__}\)"

    with pytest.raises(FormError, match=words):
        fits["converged"].predict(table)


def test_an_empty_table_has_an_empty_answer(fits):
    """
    Filtering down to nothing is no error.
    """
    fit = fits["converged"]

    assert 0 == len(fit.predict(fit.records.iloc[:0]))


def test_table_gives_each_term_in_nats_at_the_middle(fits):
    """
    In raw units N_C may be anything; beside it stands what it is worth at the pivot.
    """
    fit = fits["converged"]
    middle = np.exp(np.log(fit.records[list(forms.p2.columns)]).mean())

    table = fit.table()

    at = {**fit.values, "D_C": 0.0, "E": 0.0}
    worth = forms.p2(*middle, **at) - middle["base_loss"]
    assert worth == pytest.approx(table.loc["N_C", "term"], rel=1e-9)
    assert "nat token^beta param^delta" == table.loc["D_C", "unit"]


def test_a_held_linear_coefficient_has_its_size_in_the_table(dense_records):
    """
    Holding E, or tying A to B, leaves the table and the text complete.
    """
    held = p2law.fit(dense_records, forms.chinchilla, fixed={"E": 1.8})
    tied = p2law.fit(dense_records, forms.chinchilla, tied={"A": "B"})

    assert 1.8 == pytest.approx(held.table().loc["E", "term"])
    assert tied.table()["term"].loc[["A", "B"]].notna().all()
    assert "held: asked for" in str(held)
    assert "tied to B" in str(tied)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (-1.2, "-1.2"),
        (8.03e9, "8.03e9"),
        (1.5e-7, "1.5e-7"),
        (12345.6, "1.235e4"),
    ],
)
def test_numbers_are_short(value, text):
    """
    Four digits, no padded exponent.
    """
    assert text == number(value)
