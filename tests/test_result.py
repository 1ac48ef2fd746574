"""A fit can be read, asked, kept and given away, and nothing in it changes."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2law
from p2law import forms
from p2law.errors import FormError, RecordError, SavedFitError
from p2law.views import number

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
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
        "determined",
        "beyond",
    ] == list(told)


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
        ({"params": 1e9}, FormError, "missing: tokens, pruning_rate, base_loss"),
        (
            {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.2, "base_loss": 2, "rate": 1},
            FormError,
            "it does not read: rate",
        ),
        (
            {"params": 1e9, "tokens": 0, "pruning_rate": 0.2, "base_loss": 2},
            RecordError,
            r"p2 has no value at tokens = 0 \(row 0\); tokens must be > 0",
        ),
        (
            {"params": "big", "tokens": 1, "pruning_rate": 0.2, "base_loss": 2},
            RecordError,
            "cannot line up the inputs",
        ),
        (
            {"params": [1e9, 2e9], "tokens": [1e9] * 3, "pruning_rate": 0.2, "base_loss": 2},
            RecordError,
            "cannot line up the inputs",
        ),
    ],
)
def test_questions_that_make_no_sense_are_refused(fits, columns, error, words):
    """
    Missing, unknown, impossible and ragged inputs are each named.
    """
    with pytest.raises(error, match=words):
        fits["converged"].predict(**columns)


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
