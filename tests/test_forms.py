"""Every law, built in or a user's, keeps one contract; breaches are put into words."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import p2law
from p2law import forms, testing
from p2law.errors import FitError, FormError, RecordError
from p2law.testing import formulas

HELD = {(forms.compression, "nat"), (forms.compression, "token"), (forms.sparse_pretraining, "nat")}
"""Units that a law holds in alone: its constants and its powers of losses are made for them."""

EACH_FORM = pytest.mark.parametrize("law", forms.builtin, ids=lambda law: law.name)


def has(law, unit):
    """Whether a law reads or predicts what has this unit, and holds in others, too."""
    units = {each.domain.unit for each in law.inputs} | ({"nat"} if law.target == "loss" else set())
    return unit in units and (law, unit) not in HELD


@EACH_FORM
def test_built_in_laws_keep_the_contract(law):
    """
    Starts, domains, linearity, rescalings, purity, derivatives and formula are as declared.
    """
    testing.check_form(law)


@EACH_FORM
def test_every_coefficient_says_its_meaning(law):
    """
    A table of coefficients can be read without the code.
    """
    for each in law.coefficients:
        assert each.bounds.meaning, each.name


@pytest.mark.parametrize(
    ("law", "unit"),
    [(law, unit) for law in forms.builtin for unit in ("nat", "param", "token") if has(law, unit)],
    ids=lambda each: getattr(each, "name", each),
)
def test_coefficients_follow_a_change_of_unit_as_their_own_units_say(law, unit):
    """
    The curve stays what it was, which tells a unit that is wrong or was forgotten.
    """
    table = rich_table(law)
    before = testing.some_coefficients(law, table, seed=5)

    def anew(said):
        symbols = {"nat": 1.0, "param": 1.0, "token": 1.0, unit: 3.0, **before}
        return formulas.evaluate(said.replace(" ", " * "), symbols)

    after = {each.name: before[each.name] * anew(each.bounds.unit) for each in law.coefficients}
    moved = [table[each.name] * anew(each.domain.unit) for each in law.inputs]

    was = law(*(table[name] for name in law.columns), **before)
    np.testing.assert_allclose(law(*moved, **after), was * anew("nat"), rtol=1e-12)


@EACH_FORM
def test_noiseless_records_give_back_the_curve_that_made_them(law):
    """
    Without noise, the fitted curve is the true one, whatever the coefficients.

    Curves are compared, not coefficients: a law may be right and its coefficients
    still not unique. What moves the curve by less than 1e-11 of it is rounding.
    """
    table = rich_table(law)
    truth = testing.some_coefficients(law, table, seed=5)
    records = testing.synthesize(law, truth, table)

    fit = p2law.fit(records, law)

    near = 1e-11 * records[law.target].max()
    np.testing.assert_allclose(fit.residuals()["residual"], 0, rtol=0, atol=near)


@EACH_FORM
def test_order_of_the_rows_does_not_matter(law):
    """
    Shuffled records give the same fit to rounding.
    """
    table = rich_table(law)
    truth = testing.some_coefficients(law, table, seed=5)
    records = testing.synthesize(law, truth, table, noise=0.01, seed=1)

    fit = p2law.fit(records, law)
    shuffled = p2law.fit(records.sample(frac=1, random_state=2), law)

    # Compared where it counts: the objective is flat around its minimum.
    assert shuffled.search.objective == pytest.approx(fit.search.objective, rel=1e-9)


@pytest.mark.parametrize(
    ("law", "name"),
    [(law, name) for law in forms.builtin for name in law.rescales],
    ids=lambda each: getattr(each, "name", each),
)
@settings(max_examples=8)
@given(factor=st.floats(1e-3, 1e3))
def test_a_change_of_unit_changes_no_fit(law, name, factor):
    """
    Records in another unit are fitted as well as before, in every declared input.
    """
    before = fitted(law)
    records = before.records

    after = p2law.fit(records.assign(**{name: records[name] * factor}), law)

    assert after.search.objective == pytest.approx(before.search.objective, rel=1e-6)


@cache
def fitted(law):
    """A fit to noisy records of a law."""
    table = rich_table(law)
    truth = testing.some_coefficients(law, table, seed=5)
    return p2law.fit(testing.synthesize(law, truth, table, noise=0.01, seed=1), law)


def rich_table(law):
    """Inputs that determine every built-in law."""
    rng = np.random.default_rng(11)
    count = 160
    tokens = np.exp(rng.uniform(np.log(2e7), np.log(2e9), count))
    params = rng.choice([0.5e9, 1.5e9, 3e9, 8e9], count)
    columns = {
        "params": params,
        "params_after": rng.choice([0.4e9, 1.2e9, 2e9, 6e9], count),
        "tokens": tokens,
        "unique_tokens": tokens / rng.choice([1.0, 4.0, 16.0, 64.0], count),
        "pruning_rate": rng.choice([0.15, 0.25, 0.35, 0.5], count),
        "base_loss": 4.0 * params**-0.03,
        "base_score": rng.choice([0.5, 0.6, 0.7], count),
    }
    return pd.DataFrame({name: columns[name] for name in law.columns})


# -- reference values ------------------------------------------------------------------


def test_chinchilla_reproduces_the_printed_predictions():
    """
    Hoffmann's rounded coefficients and Besiroglu's paper, at two points computed by hand.
    """
    hoffmann = forms.chinchilla.published[0].values
    besiroglu = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
    points = np.array([70e9, 280e9]), np.array([1.4e12, 300e9])

    assert [1.93664547, 1.99325846] == pytest.approx(
        forms.chinchilla(*points, **hoffmann), abs=5e-9
    )
    assert [1.97388186, 1.99960768] == pytest.approx(
        forms.chinchilla(*points, **besiroglu), abs=5e-9
    )


def test_repeated_data_reproduces_the_official_examples():
    """
    The two predictions in the README of huggingface/datablations, to all digits.
    """
    law = forms.repeated_data
    at = law.published[0].values

    assert 2.2256440889984477 == pytest.approx(law(6.34e9, 242e9, 25e9, **at), rel=1e-15)
    assert 2.2269634075087867 == pytest.approx(law(8.67e9, 178e9, 25e9, **at), rel=1e-15)


def test_sparse_pretraining_constants_are_those_of_the_paper():
    """
    The notebook's constants, in plain counts, round to the table that the paper prints.
    """
    t5, vit = (each.values for each in forms.sparse_pretraining.published)

    assert (16.8, 45.0, 6.90e8) == tuple(float(f"{t5[k]:.3g}") for k in ("a_S", "c_S", "a_D"))
    assert (294, 468, 2.37e8) == tuple(float(f"{vit[k]:.3g}") for k in ("a_S", "c_S", "a_D"))


def test_rectified_law_tends_to_p2_and_is_finite_at_zero(truth):
    """
    Far beyond D_0 tokens the two agree; at no tokens at all only the rectified law has a value.
    """
    at = {**truth, "D_0": 1e6}
    many, none = np.array([1e12]), np.array([0.0])

    rectified = forms.p2_rectified(1e9, many, 0.25, 2.0, **at)
    damage = forms.p2_rectified(1e9, none, 0.25, 2.0, **at) - 2.0

    np.testing.assert_allclose(rectified, forms.p2(1e9, many, 0.25, 2.0, **truth), rtol=1e-6)
    assert np.isfinite(damage).all()
    assert (damage > 0).all()


# -- what check_form says --------------------------------------------------------------

POSITIVE = Annotated[float, p2law.Domain("> 0", symbol="D")]


def breach(function, **options):
    """Words of check_form for a law."""
    with pytest.raises(FormError) as error:
        testing.check_form(p2law.form(**options)(function))
    return str(error.value)


def test_a_law_that_is_not_finite_is_told_where():
    """
    The inputs of the first bad row are given.
    """

    def law(tokens: POSITIVE, *, a=1.0):
        return a * np.log(tokens - 1e9)

    assert "law: is not finite at tokens = " in breach(law)


def test_a_law_that_changes_its_inputs_is_caught():
    """
    Working in place on a column is refused.
    """

    def law(tokens: POSITIVE, *, a=1.0):
        tokens *= 2
        return a * tokens

    assert "changes its inputs; work on copies" in breach(law)


def test_a_law_whose_rows_depend_on_each_other_is_caught():
    """
    A mean over the column is no function of a row.
    """

    def law(tokens: POSITIVE, *, a=1.0):
        return a * tokens / (np.mean(tokens) + np.arange(np.size(tokens)))

    assert "lets one row depend on another" in breach(law)


def test_a_coefficient_that_is_not_linear_is_caught():
    """
    Declared linear, used squared.
    """

    def law(tokens: POSITIVE, *, a):
        return a**2 * tokens

    assert "declares a linear, but the prediction is not linear in it" in breach(law, linear=("a",))


def test_a_coefficient_that_is_squared_is_caught_beside_others():
    """
    At the size that makes a linear term matter its square is worth nothing.
    """

    def law(tokens: POSITIVE, *, floor, scale, beta=0.4):
        return floor + scale**2 * tokens**-beta

    words = breach(law, linear=("floor", "scale"))

    assert "declares scale linear, but the prediction is not linear in it" in words


def test_a_coefficient_without_effect_is_caught():
    """
    A number where its name should stand.
    """

    def law(tokens: POSITIVE, *, floor, scale, beta=0.4):  # noqa: ARG001
        return floor + scale * tokens**-0.4

    words = breach(law, linear=("floor", "scale"))

    assert "declares beta, but the prediction does not depend on it" in words


def test_a_law_without_complex_steps_is_told_why():
    """
    np.abs hides the derivative from a complex step.
    """

    def law(tokens: POSITIVE, *, a=1.5):
        return np.abs(a) * np.log(tokens)

    assert "central differences instead of complex step" in breach(law)


@pytest.mark.parametrize("linear", [(), ("a",)])
def test_a_search_cannot_start_at_infinity(linear):
    """
    The coefficient is named with its default, before any number is made of it.
    """

    def law(tokens: POSITIVE, *, a, b=np.inf):
        return a * tokens**-b

    words = "law: the default of b is the number where a search starts, got inf (float)"
    assert breach(law, linear=linear) == words


def test_a_coefficient_is_not_linear_where_the_law_loses_its_value():
    """
    The root of a - c has none where c is three times as large.
    """

    def law(tokens: POSITIVE, *, a, c, b=0.4):
        return np.sqrt(a - c) * tokens**b

    assert "the prediction is not linear in it" in breach(law, linear=("a", "c"))


def test_a_false_rescaling_is_caught():
    """
    A law with a fixed unit inside cannot be rescaled.
    """

    def law(tokens: POSITIVE, *, floor, scale, beta=0.5):
        return floor + scale * (1 + tokens / 1e9) ** -beta

    words = breach(law, linear=("floor", "scale"), rescales=("tokens",))

    assert "declares that tokens may be rescaled" in words


def test_a_term_that_vanishes_at_all_inputs_is_checked_without_a_warning():
    """
    With a wide range of its exponent a term is too small for a double where the range is halved.
    """

    def law(tokens: POSITIVE, *, floor, scale, beta: Annotated[float, p2law.Bounds(0, 500)]):
        return floor + scale * tokens**-beta

    testing.check_form(p2law.form(linear=("floor", "scale"), rescales=("tokens",))(law))


def test_a_formula_that_says_something_else_is_caught():
    """
    The text of a law is evaluated against its function.
    """

    def law(tokens: POSITIVE, *, floor, beta=0.5):
        return floor + tokens**-beta

    words = breach(law, formula="L = floor + D^beta", linear=("floor",))

    assert "does not compute what its formula says" in words


@pytest.mark.parametrize(
    "text", ["L = open('x')", "L = D.real", "L = D[0]", "L = unknown * D", "L = D +"]
)
def test_formulas_are_arithmetic_and_nothing_else(text):
    """
    A formula cannot run code; what cannot be read is quoted.
    """
    with pytest.raises(FormError, match="cannot read"):
        testing.evaluate(text, {"D": np.ones(2)})


def test_the_page_on_own_laws_says_what_a_formula_may_hold():
    """
    All functions that are known, and parts that are not, each of which is refused.
    """
    page = (Path(__file__).parents[1] / "docs" / "own_law.md").read_text(encoding="utf-8")
    said = " ".join(page.partition("## What a formula may hold")[2].partition("\n## ")[0].split())

    def named(after, before):
        return re.findall(r"`(.+?)`", said.partition(after)[2].partition(before)[0])

    assert [*formulas._FUNCTIONS] == named("the functions ", ", the names")
    refused, instead = named("other functions (", ": write "), named(": write ", "), a symbol")
    assert (["ln(D)", "sqrt(D)"], ["log(D)", "D^0.5"]) == (refused, instead)
    for text in refused:
        with pytest.raises(FormError, match="which is no arithmetic"):
            testing.evaluate(f"L = a + {text}", {"a": 1.0, "D": np.ones(2)})
    for text in instead:
        assert 1 == testing.evaluate(f"L = {text} + 1 - {text}", {"D": np.ones(2)})[0]


# -- wrong arguments ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["p2", forms.p2.function, None])
@pytest.mark.parametrize(
    "use",
    [
        testing.check_form,
        lambda form: testing.synthesize(form, {}, pd.DataFrame()),
        lambda form: testing.some_coefficients(form, pd.DataFrame()),
    ],
    ids=["check_form", "synthesize", "some_coefficients"],
)
def test_what_is_no_law_is_told_so(use, form):
    """
    The same words wherever a law is wanted.
    """
    with pytest.raises(FormError, match=r"form is a law such as .*, got"):
        use(form)


@pytest.mark.parametrize(
    ("coefficients", "odd"), [({"E": 2.0}, "A, B, alpha, beta"), ({"omega": 1.0}, "omega")]
)
def test_records_need_all_coefficients_and_no_others(dense_records, coefficients, odd):
    """
    What is missing or unknown is named.
    """
    full = dict(forms.chinchilla.published[0].values)
    at = coefficients if "E" in coefficients else full | coefficients

    with pytest.raises(FormError, match=f"missing or unknown: {odd}"):
        testing.synthesize(forms.chinchilla, at, dense_records)


def test_records_need_the_inputs_of_the_law(dense_records):
    """
    A design without a column is refused as a prediction would be.
    """
    table = dense_records[["params"]]

    with pytest.raises(FormError, match="chinchilla reads params, tokens; missing: tokens"):
        testing.check_form(forms.chinchilla, table)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"noise": -1}, FitError, r"noise is a number from 0 on, got -1 \(int\)"),
        ({"noise": float("nan")}, FitError, "noise is a number from 0 on, got nan"),
        ({"run_noise": None}, FitError, "run_noise is a number from 0 on, got None"),
        ({"seed": 1.5}, FitError, "seed is a whole number from 0 on, got 1.5"),
        ({"coefficients": ["a", "b"]}, FormError, r"are numbers by name, got \['a', 'b'\]"),
        (
            {"coefficients": {"a": "1", "b": 0.3}},
            FormError,
            "coefficient a of mine is a number, got",
        ),
        (
            {"coefficients": {"a": np.nan, "b": 0.3}},
            FormError,
            "coefficient a of mine is a number, g",
        ),
        (
            {"coefficients": {"a": 1.0, "b": -99}},
            RecordError,
            "mine is not finite at tokens = 1e9 wi",
        ),
        (
            {"table": pd.DataFrame({"tokens": [1.0], "run": [None]})},
            RecordError,
            "row 0 names no run",
        ),
    ],
)
def test_records_are_made_of_numbers_alone(given, error, words):
    """
    What would make NaN of them, or end in an error of numpy's, is named.
    """

    @p2law.form(linear=("a",))
    def mine(tokens: POSITIVE, *, a, b=0.5):
        return a * tokens**-b

    asked = {
        "coefficients": {"a": 1.0, "b": 0.3},
        "table": pd.DataFrame({"tokens": [1e9]}),
        **given,
    }

    with pytest.raises(error, match=words):
        testing.synthesize(mine, **asked)


def test_a_law_is_checked_on_one_row_and_on_none_it_is_not(dense_records):
    """
    A table without rows would tell nothing.
    """
    one = dense_records.head(1)

    testing.check_form(forms.chinchilla, one)
    for use in (testing.check_form, testing.some_coefficients):
        with pytest.raises(RecordError, match="the table has no rows; chinchilla is tried on one"):
            use(forms.chinchilla, one.head(0))
    with pytest.raises(FitError, match="seed is a whole number from 0 on, got -1"):
        testing.some_coefficients(forms.chinchilla, one, seed=-1)


def test_a_law_of_too_few_values_is_told_how_many():
    """
    One for each row, and a number for a number, whoever calls it.
    """

    @p2law.form(linear=("a",))
    def mine(tokens: POSITIVE, *, a, b=0.5):
        return (a * np.atleast_1d(tokens) ** -b)[:3]

    with pytest.raises(FormError, match="gives 3 values for 24 rows; it must give one a row"):
        testing.check_form(mine)
    with pytest.raises(FormError, match="gives 1 value for a single number"):
        testing.check_form(mine, pd.DataFrame({"tokens": [1e8, 1e9]}))
    with pytest.raises(FormError, match="gives 3 values for 4 rows"):
        testing.synthesize(mine, {"a": 1.0, "b": 0.5}, pd.DataFrame({"tokens": [1e9] * 4}))


@pytest.mark.parametrize(
    ("symbols", "words"),
    [
        ({"a": "x"}, r"a is no number: 'x' \(str\)"),
        ({"a": 10**400}, "a is no number"),
        ({"a": None}, "a is no number: None"),
        ([1.0], r"symbols are numbers by name, as \{'a': 1.0\}, got \[1.0\]"),
    ],
)
def test_symbols_are_numbers(symbols, words):
    """
    Texts would be put together, lists too; a list of numbers is an array.
    """
    with pytest.raises(FormError, match=words):
        testing.evaluate("a + a", symbols)
    assert [2.0, 4.0] == testing.evaluate("a + a", {"a": [1, 2]}).tolist()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"params": -1}, "`params`: parameters of the model before pruning; it is > 0"),
        ({"pruning_rate": 2}, r"1 of 1 records has pruning_rate outside \[0, 1\)"),
        ({"params": "many"}, "params = 'many'"),
        ({"tokens": [1e8, 1e9, 1e8]}, "tokens holds 1e8 twice; give each value once"),
        ({"base_loss": [1, 2, 3, 4]}, r"base_loss = \[1, 2, 3, 4\]"),
        ({"base_loss": None}, "base_loss missing or infinite"),
        ({"params": 1e9, "base_loss": {1e9: -1}}, "base_loss that is not > 0"),
    ],
)
def test_a_design_is_made_of_numbers_that_its_columns_can_hold(given, words):
    """
    Each once: a row that stood there twice would count twice.
    """
    with pytest.raises(RecordError, match=words):
        testing.design(**given)


def test_a_design_needs_a_base_loss_for_every_size():
    """
    One number serves all sizes; a mapping must hold each.
    """
    assert 40 == len(testing.design(params=1e9, pruning_rate=0.2))
    assert 0 == len(testing.design(params=()))
    with pytest.raises(RecordError, match="base_loss holds no value for params = 500000000"):
        testing.design(base_loss={1e9: 2.0})
