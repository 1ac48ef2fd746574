"""A fit finds the best law from no starts, says what it did, and refuses nonsense."""

import functools
import re
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import fitting, forms, testing
from p2law.errors import FitError, FormError, RecordError
from p2law.fitting.polishing import LMFIT_ROWS
from p2law.result.verdicts import Status

EXPONENTS = ("alpha", "beta", "gamma", "delta")


def curve_error(fit, records, truth):
    """Largest distance between the fitted and the true curve on the records."""
    inputs = [records[name].to_numpy() for name in forms.p2.columns]
    return np.abs(forms.p2(*inputs, **fit.values) - forms.p2(*inputs, **truth)).max()


def named(value):
    """Name a case by its value, without addresses, so that all processes call it the same."""
    return re.sub(" at 0x[0-9a-f]+", "", str(value))


# -- recovery --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_random_laws_are_recovered_without_noise(seed):
    """
    Curve to 1e-10 nat and exponents to rtol 1e-6, from records alone.

    The 200 truths of benchmarks/recovery.py in small.
    """
    rng = np.random.default_rng(seed)
    truth = {
        "alpha": rng.uniform(0.2, 0.9),
        "beta": rng.uniform(0.1, 0.7),
        "gamma": rng.uniform(-2, -0.5),
        "delta": rng.uniform(0.05, 0.6),
    }
    power = {"N_C": truth["alpha"] + truth["delta"], "D_C": truth["beta"] + truth["delta"]}
    power["E"] = truth["delta"]
    truth |= {name: rng.uniform(0.1, 0.6) * 1e9 ** power[name] for name in power}
    records = testing.synthesize(forms.p2, truth, testing.design())

    fit = p2law.fit(records)

    assert Status.CONVERGED is fit.status
    assert curve_error(fit, records, truth) <= 1e-10
    assert [truth[k] for k in EXPONENTS] == pytest.approx(
        [fit.values[k] for k in EXPONENTS], rel=1e-6
    )


@pytest.mark.parametrize("seed", range(4))
def test_outliers_hardly_move_a_huber_fit(truth, seed):
    """
    With 1 % of the rows off by half a nat the curve stays within 1e-3 nat.
    """
    records = testing.synthesize(forms.p2, truth, testing.design())
    rows = np.random.default_rng(seed).choice(len(records), len(records) // 100, replace=False)
    records.loc[rows, "loss"] += 0.5

    fit = p2law.fit(records, objective=p2law.huber(1e-3))

    assert curve_error(fit, records, truth) <= 1e-3


@pytest.mark.parametrize(("zero", "jobless"), [("N_C", "alpha"), ("D_C", "beta")])
def test_a_term_that_is_not_there_is_put_on_its_bound(truth, zero, jobless):
    """
    Right curve, coefficient exactly 0, and the exponent that lost its job is named.
    """
    truth[zero] = 0.0
    records = testing.synthesize(forms.p2, truth, testing.design())

    fit = p2law.fit(records)

    assert Status.AT_BOUND is fit.status
    assert 0.0 == fit.values[zero]
    assert f"{jobless} has no meaning here: {zero} = 0" in fit.trouble
    assert curve_error(fit, records, truth) <= 1e-10


def test_coefficients_are_within_four_standard_errors_of_a_noisy_truth(truth):
    """
    Independent noise: lmfit's standard errors are right there, so they judge.
    """
    records = testing.synthesize(forms.p2, truth, testing.design(), noise=0.003, seed=1)

    fit = p2law.fit(records)
    raw = fitting.minimizer(fit).leastsq().params

    for name in EXPONENTS:
        assert abs(fit.values[name] - truth[name]) < 4 * raw[name].stderr


def test_one_run_a_fit_of_more_rows_than_lmfit_gets_is_as_good(truth):
    """
    Beyond 200,000 rows block-wise steps replace lmfit; the minimum is the same kind of minimum.
    """
    many = testing.design(tokens=np.geomspace(2e7, 1e9, LMFIT_ROWS // 16 + 1))
    records = testing.synthesize(forms.p2, truth, many, noise=0.01, seed=1)

    fit = p2law.fit(records, forms.p2)

    assert "block-wise Gauss-Newton" == fit.search.engine
    assert fit.search.gradient < 1e-7
    assert curve_error(fit, records, truth) < 1e-3


def test_block_wise_steps_and_lmfit_agree(truth, monkeypatch):
    """
    The same records through either engine give the same objective.
    """
    records = testing.synthesize(forms.p2, truth, testing.design(), noise=0.01, seed=1)
    for objective in (p2law.squared(), p2law.huber(0.01), p2law.huber(1e-3, log=True)):
        by_lmfit = p2law.fit(records, forms.p2, objective=objective)
        with monkeypatch.context() as patch:
            patch.setattr("p2law.fitting.polishing.LMFIT_ROWS", 0)
            patch.delattr("p2law.fitting.polishing._Run")  # the only way to lmfit
            by_blocks = p2law.fit(records, forms.p2, objective=objective)

        assert by_blocks.search.objective == pytest.approx(by_lmfit.search.objective, rel=1e-9)


@pytest.mark.parametrize(
    ("noise", "objective"),
    [
        (lambda rng, rows: np.abs(0.1 * rng.standard_normal(rows)), p2law.squared()),
        (lambda rng, rows: np.abs(0.3 * rng.standard_normal(rows)), p2law.squared()),
        (lambda rng, rows: 0.1 * rng.standard_normal(rows), p2law.huber(1e-3, log=True)),
    ],
    ids=["squares 0.1", "squares 0.3", "huber 0.1"],
)
def test_noise_without_structure_is_no_endless_work(truth, noise, objective):
    """
    Long narrow valleys with the minimum beyond a bound: 48,000 calls of the law are not needed.
    """
    calls = []

    @p2law.form(linear=forms.p2.linear, derivatives=forms.p2.derivatives)
    @functools.wraps(forms.p2.function)
    def counted(*columns, **at):
        calls.append(1)
        return forms.p2(*columns, **at)

    table = testing.design((0.5e9, 1.5e9, 3e9), (0.15, 0.25, 0.35), np.geomspace(2e7, 1e9, 200))
    p2law.fit(testing.synthesize(counted, truth, table, noise=0.003), counted, objective=objective)
    usual = len(calls)
    calls.clear()

    loss = 2.5 + noise(np.random.default_rng(0), len(table))
    fit = p2law.fit(table.assign(loss=loss), counted, objective=objective)

    assert len(calls) < 200 * usual
    assert fit.search.gradient < 1e-6


# -- objectives, weights, fixed, tied ----------------------------------------------------


def test_the_objective_is_a_sum(dense_records):
    """
    Two copies of every row double it and move nothing.
    """
    once = p2law.fit(dense_records, forms.chinchilla)
    twice = p2law.fit(pd.concat([dense_records] * 2, ignore_index=True), forms.chinchilla)

    assert 2 * once.search.objective == pytest.approx(twice.search.objective, rel=1e-9)
    assert once.values["alpha"] == pytest.approx(twice.values["alpha"], rel=1e-6)


@pytest.mark.parametrize(
    ("objective", "by_hand"),
    [
        (p2law.squared(), lambda p, m: np.sum((p - m) ** 2)),
        (p2law.squared(log=True), lambda p, m: np.sum(np.log(p / m) ** 2)),
        (p2law.huber(0.003), lambda p, m: np.sum(huber(p - m, 0.003))),
        (p2law.huber(0.002, log=True), lambda p, m: np.sum(huber(np.log(p / m), 0.002))),
    ],
    ids=named,
)
def test_the_stated_objective_is_what_its_name_says(dense_records, objective, by_hand):
    """
    The reported minimum is the objective computed by hand at the fitted coefficients.
    """
    fit = p2law.fit(dense_records, forms.chinchilla, objective=objective)
    rows = fit.residuals()

    expected = by_hand(rows["predicted"].to_numpy(), rows["loss"].to_numpy())

    assert expected == pytest.approx(fit.search.objective, rel=1e-12)
    assert str(objective) == fit.settings.objective


def huber(residual, delta):
    """Huber's function, written out."""
    size = np.abs(residual)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))


def test_a_row_of_weight_two_counts_like_two_rows(dense_records):
    """
    Weights multiply a row's objective, for squares and for Huber.
    """
    doubled = pd.concat([dense_records, dense_records.iloc[:6]], ignore_index=True)
    weighted = dense_records.assign(w=np.where(np.arange(len(dense_records)) < 6, 2.0, 1.0))
    for objective in (p2law.squared(), p2law.huber(0.002, log=True)):
        by_rows = p2law.fit(doubled, forms.chinchilla, objective=objective)
        by_weight = p2law.fit(weighted, forms.chinchilla, objective=objective, weight="w")

        assert by_rows.search.objective == pytest.approx(by_weight.search.objective, rel=1e-9)


def test_weight_run_makes_every_curve_count_the_same(p2_records):
    """
    A run logged ten times as densely gets no more say.
    """
    records = p2_records(noise=0.01)
    dense = records[records["run"] == records["run"].iloc[0]]
    often = pd.concat(
        [records, *[dense.assign(tokens=dense["tokens"] * (1 + k / 100)) for k in range(1, 10)]]
    )

    fit = p2law.fit(often.reset_index(drop=True), weight="run")
    total = fit.records.groupby("run")["fit_weight"].sum()

    np.testing.assert_allclose(total, total.iloc[0])
    assert len(often) == pytest.approx(total.sum())


def test_a_fixed_coefficient_stays_where_it_is_put(p2_records):
    """
    It is not fitted, and the result says who held it.
    """
    fit = p2law.fit(p2_records(noise=0.003), forms.p2, fixed={"alpha": 0.3})

    assert 0.3 == fit.values["alpha"]
    assert {"alpha": "asked for"} == dict(fit.held)


def test_tied_coefficients_are_equal(dense_records):
    """
    Tying two exponents gives one exponent, by whichever name.
    """
    one = p2law.fit(dense_records, forms.chinchilla, tied={"beta": "alpha"})
    other = p2law.fit(dense_records, forms.chinchilla, tied={"alpha": "beta"})

    assert one.values["alpha"] == one.values["beta"]
    assert one.search.objective == pytest.approx(other.search.objective, rel=1e-12)
    assert {"beta": "tied to alpha"} == dict(one.held)


def test_a_law_with_everything_held_is_only_evaluated(dense_records):
    """
    Published coefficients can be scored on one's own records.
    """
    published = forms.chinchilla.published[0].values

    fit = p2law.fit(dense_records, forms.chinchilla, fixed=published)

    assert dict(published) == dict(fit.values)
    assert np.sum(fit.residuals()["residual"] ** 2) == pytest.approx(fit.search.objective)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"fixed": {"alhpa": 1}}, FormError, "chinchilla has no coefficient 'alhpa'"),
        ({"fixed": {"alpha": 9}}, FitError, r"fixed alpha = 9 lies outside its bounds 0.01\.\.3"),
        ({"fixed": {"alpha": 1}, "tied": {"alpha": "beta"}}, FitError, "fixed and tied at once"),
        ({"tied": {"alpha": "beta", "beta": "alpha"}}, FitError, "tied in a circle"),
        (
            {"tied": {"A": "alpha"}},
            FitError,
            r"A is tied to alpha, but one is in nat param\^alpha, the other in 1: .* of one kind",
        ),
        ({"weight": "w"}, RecordError, "missing columns"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(dense_records, options, error, words):
    """
    The message names the coefficient and what is wrong with the setting.
    """
    with pytest.raises(error, match=words):
        p2law.fit(dense_records, forms.chinchilla, **options)


@pytest.mark.parametrize(
    ("columns", "law", "words"),
    [
        ({"tokens"}, None, "suffice for forms.token_power (reads tokens); name the law: "),
        ({"tokens"}, forms.chinchilla, "p2law.fit(records, p2law.forms.token_power), or on the"),
        ({"tokens"}, None, "or on the command line --form token_power."),
        (
            {"params", "tokens"},
            None,
            "suffice for forms.chinchilla (reads params, tokens) or forms.token_power (reads tok",
        ),
        (
            {"pruning_rate", "tokens", "base_loss"},
            None,
            "suffice for forms.compression (reads pruning_rate, tokens, base_loss) or forms.tok",
        ),
        ({"params"}, None, "To fit a law that reads other columns, name it: forms.chinchilla."),
    ],
)
def test_a_table_without_the_columns_of_a_law_is_told_which_law_has_its_own(columns, law, words):
    """
    What is missing comes first, then the built-in laws that could be fitted, and how.
    """
    held = {"params": 1e9, "tokens": [1e8, 2e8, 4e8], "pruning_rate": 0.3, "base_loss": 2.0}
    table = pd.DataFrame({"run": "a", "loss": [3.0, 2.8, 2.7], **held})[["run", *columns, "loss"]]

    with pytest.raises(RecordError, match=r"^missing columns") as error:
        p2law.fit(table, law)

    assert words in str(error.value)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"tokens": [1e8, 2e8], "prune_rate": 0.3, "loss": [3.0, 2.8]}),
        pd.DataFrame({"tokens": np.nan, "loss": [3.0, 2.8]}),
    ],
    ids=["a name that is nearly right", "a column with nothing in it"],
)
def test_no_other_law_is_offered_where_its_columns_are_not_there(table):
    """
    A column to rename is the cure by itself, and an empty one is no column.
    """
    with pytest.raises(RecordError) as error:
        p2law.fit(table)

    assert "forms.token_power" not in str(error.value)


@pytest.mark.parametrize(
    ("renamed", "words"),
    [
        (
            {"pruning_rate": "nominal_rate"},
            "1 - params_after / params; nominal_rate is the share of the pruned layers alone",
        ),
        ({"loss": "perplexity"}, "loss: make it: loss = ln(perplexity)"),
        ({"loss": "PPL"}, "loss: make it: loss = ln(ppl)"),
        ({"base_loss": "base_ppl"}, "base_loss: make it: base_loss = ln(base_ppl)"),
    ],
    ids=str,
)
def test_a_column_that_can_be_made_of_another_is_told_how(p2_records, renamed, words):
    """
    The rate of the layers is not that of the model, and a perplexity is no loss: no law that does
    without is offered in their place.
    """
    with pytest.raises(RecordError) as error:
        p2law.fit(p2_records().rename(columns=renamed))

    assert str(error.value).endswith(words)


def test_a_wrong_separator_is_no_reason_for_another_law():
    """
    A header in one cell lacks every column of every law.
    """
    with pytest.raises(RecordError) as error:
        p2law.fit(pd.DataFrame({"run;params;tokens;loss": ["a;1e9;1e9;2.5"]}))

    assert str(error.value).endswith("separate them by commas, and write decimal points")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"form": "p2"}, FormError, r"a law such as p2law.forms.chinchilla, got 'p2' \(str\)"),
        ({"form": forms.p2.function}, FormError, r"declare the function with @p2law.form\(\)"),
        ({"form": forms}, FormError, r"\(module\); pass the law itself"),
        ({"objective": "huber"}, FitError, r"got 'huber' \(str\); write .* p2law.huber\(1e-3\)"),
        ({"objective": p2law.squared}, FitError, r"\(function\); call it"),
        ({"objective": None}, FitError, r"got None \(NoneType\)"),
        ({"fixed": ["alpha"]}, FitError, r"fixed maps .* as \{'alpha': 0.3\}, got \['alpha'\]"),
        ({"fixed": 0.3}, FitError, r"fixed maps names of coefficients.* got 0.3 \(float\)"),
        ({"fixed": {1: 0.3}}, FitError, "fixed maps names of coefficients"),
        ({"fixed": pd.Series({"alpha": 0.3})}, FitError, r"fixed maps .* \(Series\)"),
        ({"fixed": {"alpha": "0.3"}}, FitError, "fixed alpha = '0.3' is not a finite number"),
        ({"fixed": {"alpha": None}}, FitError, "fixed alpha = None is not a finite number"),
        ({"fixed": {"alpha": np.nan}}, FitError, "fixed alpha = nan is not a finite number"),
        ({"fixed": {"E": np.inf}}, FitError, "fixed E = inf is not a finite number"),
        ({"fixed": {"alpha": True}}, FitError, "fixed alpha = True is not a finite number"),
        ({"fixed": {"E": 1e300}}, FitError, "no finite value .* check the bounds, what is fixed"),
        ({"tied": "alpha"}, FitError, r"tied maps .* as \{'beta': 'alpha'\}, got 'alpha'"),
        ({"tied": {"beta": 0.3}}, FitError, "tied beta = 0.3 names no coefficient.*with fixed"),
        ({"tied": {"beta": "omega"}}, FormError, "p2 has no coefficient 'omega'; it has N_C"),
        ({"weight": np.ones(80)}, FitError, r"weight is the name of a column, .* \(ndarray\)"),
        ({"weight": 3}, FitError, r"weight is the name of a column, or 'run', got 3 \(int\)"),
        ({"weight": "size"}, RecordError, r"missing columns .*\n  size: add it$"),
        ({"seed": "a"}, FitError, r"seed is a whole number from 0 on, got 'a' \(str\)"),
        ({"seed": -1}, FitError, "seed is a whole number from 0 on, got -1"),
        ({"seed": 1.5}, FitError, r"got 1.5 \(float\)"),
    ],
    ids=named,
)
def test_settings_of_the_wrong_kind_are_refused(p2_records, options, error, words):
    """
    What was given, its type, what belongs there and how to write it, before anything is computed.
    """
    with pytest.raises(error, match=words):
        p2law.fit(p2_records(noise=0.003).iloc[::4], **options)


@pytest.mark.parametrize("records", ["records.csv", None, {"loss": [2.0]}, pd.Series([2.0])])
def test_only_tables_are_fitted(records):
    """
    A path is no table; what reads one is named.
    """
    words = rf"records are a DataFrame, got .* \({type(records).__name__}\); p2law.load reads files"

    with pytest.raises(RecordError, match=words):
        p2law.fit(records)


def test_a_minimiser_is_made_of_a_fit():
    """
    Not of a law or a table.
    """
    with pytest.raises(FitError, match=r"what p2law.fit returns, got <form p2.* \(Form\)"):
        fitting.minimizer(forms.p2)


@pytest.mark.parametrize("kind", [float, int, bool, "boolean"])
def test_rows_of_weight_zero_are_no_evidence(p2_records, kind):
    """
    With one size left that counts, the fit is that of one size, and the others are counted.
    """
    records = p2_records(noise=0.003)
    records["w"] = (records["params"] == 0.5e9).astype(kind)

    fit = p2law.fit(records, weight="w")

    assert {"alpha", "N_C", "delta"} == set(fit.held)
    assert (("w is 0", 240),) == fit.search.left_out
    assert not fit.predict(params=2e9, tokens=1e9, pruning_rate=0.25, base_loss=2)["determined"][0]


def test_a_truth_that_is_missing_is_no_weight(p2_records):
    """
    It is refused as a missing number is, by row.
    """
    records = p2_records()
    records["w"] = pd.Series([None, *[True] * (len(records) - 1)], dtype="boolean")

    with pytest.raises(RecordError, match="1 of 320 records has w missing") as error:
        p2law.fit(records, weight="w")
    assert [0] == error.value.rows


def test_a_constant_law_is_the_mean():
    """
    The natural baseline: a law that returns its coefficient as it is.
    """

    @p2law.form(linear=("floor",))
    def flat(tokens, *, floor):  # noqa: ARG001 - that is the point
        return floor

    records = pd.DataFrame({"tokens": [1e6, 2e6, 3e6], "loss": [2.0, 2.5, 3.0]})

    assert 2.5 == pytest.approx(p2law.fit(records, flat).values["floor"])


def test_negative_weights_are_refused_by_row(dense_records):
    """
    The offending rows are carried by the error.
    """
    records = dense_records.assign(w=[-1.0, *[1.0] * (len(dense_records) - 1)])

    with pytest.raises(RecordError, match="weights in column w must not be negative") as error:
        p2law.fit(records, forms.chinchilla, weight="w")

    assert [0] == error.value.rows


# -- rows --------------------------------------------------------------------------------


def test_rows_without_a_value_are_left_out_and_counted(p2_records):
    """
    No tokens and no pruning: the P² law has no value there, and nothing is dropped in silence.
    """
    records = p2_records(noise=0.003)
    extra = records.iloc[:5].assign(tokens=0.0, loss=9.0)
    dense = records.iloc[:3].assign(pruning_rate=0.0, run="dense", loss=2.0)

    fit = p2law.fit(pd.concat([records, extra, dense], ignore_index=True), forms.p2)

    assert len(records) == len(fit.records)
    assert (
        ("p2 has no value where tokens is not > 0", 5),
        ("p2 has no value where pruning_rate is not in (0, 1)", 3),
    ) == fit.search.left_out
    assert "left out" in str(fit)


def test_records_of_which_no_row_can_be_used_are_refused(p2_records):
    """
    The message says why each group of rows is of no use.
    """
    records = p2_records().assign(tokens=0.0).drop_duplicates("run")

    with pytest.raises(RecordError, match=r"no row is left for p2 .*tokens is not > 0"):
        p2law.fit(records, forms.p2)


def test_a_law_needs_only_its_own_columns(dense_records):
    """
    Without a run column rows count as independent, and the result says so.
    """
    fit = p2law.fit(dense_records, forms.chinchilla)

    assert "no column run: every row counts as a run of its own" == fit.notes[0]


def test_missing_columns_are_answered_with_another_law(dense_records):
    """
    A dense table given to the default law is told which columns are missing and what else to do.
    """
    with pytest.raises(RecordError, match=r"pruning_rate(.|\n)*suffice for forms.chinchilla"):
        p2law.fit(dense_records)


def test_mixtures_are_named(p2_records):
    """
    Two methods in one fit: the law does not know them apart.
    """
    records = p2_records(noise=0.003)
    records["method"] = np.where(records["pruning_rate"] > 0.3, "depth", "width")

    fit = p2law.fit(records)

    assert any("2 values of method in one fit (width, depth)" in each for each in fit.trouble)


def test_counts_in_billions_are_named(dense_records):
    """
    The fit is the same law in another unit, so it is made, but the slip is said.
    """
    fit = p2law.fit(dense_records.assign(params=dense_records["params"] / 1e9), forms.chinchilla)

    assert "params look like billions, but `params` is a plain count" in fit.trouble


def test_fewer_rows_than_coefficients_is_no_crash(p2_records):
    """
    Three rows cannot tell seven coefficients; that is a status, not an exception.
    """
    fit = p2law.fit(p2_records().iloc[[0, 30, 200]], forms.p2)

    assert Status.NOT_IDENTIFIED is fit.status


# -- a user's law ------------------------------------------------------------------------


def test_a_law_from_a_notebook_is_fitted_like_a_built_in(dense_records):
    """
    Declared in a cell, with loops over scalars and central differences, it reaches the optimum.
    """
    import math

    @p2law.form(linear=("E",))
    def scalar_law(
        params: Annotated[float, p2law.Domain("> 0")],
        tokens: Annotated[float, p2law.Domain("> 0")],
        *,
        E: Annotated[float, p2law.Bounds(0, None, "nat", "floor")],
        A: Annotated[float, p2law.Bounds(1, 1e6, "nat", "size", log=True)] = 100.0,
        B: Annotated[float, p2law.Bounds(1, 1e7, "nat", "data", log=True)] = 100.0,
        alpha: Annotated[float, p2law.Bounds(0.01, 3)] = 0.5,
        beta: Annotated[float, p2law.Bounds(0.01, 3)] = 0.5,
    ):
        return (
            E + A * np.exp(-alpha * np.log(params)) + B * np.exp(-math.fabs(beta) * np.log(tokens))
        )

    own = p2law.fit(dense_records, scalar_law)
    built_in = p2law.fit(dense_records, forms.chinchilla)

    assert "central differences" == own.search.derivatives
    assert any("central differences instead of complex step" in each for each in own.notes)
    assert own.search.objective == pytest.approx(built_in.search.objective, rel=1e-8)


def test_the_unit_of_a_coefficient_changes_no_fit_of_a_law_without_complex_steps():
    """
    Billions of tokens or tokens: a coefficient of 1e9 is not left where the search put it.
    """
    found = {}
    for unit in (1.0, 1e-9):

        @p2law.form(linear=("E", "A"))
        def ahead(
            tokens: Annotated[float, p2law.Domain(">= 0")],
            *,
            E: float,
            A: Annotated[float, p2law.Bounds(0, None)],
            T: Annotated[float, p2law.Bounds(1e-9, 1e15, log=True)] = 1e9 * unit,
        ):
            return E + A * np.abs(tokens + T) ** -0.4

        tokens = np.geomspace(1e8, 1e11, 40)
        loss = 2 + 3 * (tokens / 1e9 + 3) ** -0.4 + np.random.default_rng(0).normal(0, 1e-3, 40)
        table = {"run": np.repeat(list("abcdefgh"), 5), "tokens": tokens * unit, "loss": loss}
        fit = p2law.fit(pd.DataFrame(table), ahead)
        found[unit] = fit.search.derivatives, fit.status, fit.values["T"] / unit, fit.values["E"]

    assert found[1.0][:2] == found[1e-9][:2] == ("central differences", Status.CONVERGED)
    assert found[1.0][2:] == pytest.approx(found[1e-9][2:], rel=1e-5)
    assert found[1.0][2] == pytest.approx(3e9, rel=0.01)


def test_a_law_that_fails_is_named_with_its_error(dense_records):
    """
    An exception in a user's law becomes an error that names the law and keeps the words.
    """

    @p2law.form()
    def broken(params, *, a=1.0):  # noqa: ARG001 - it never gets there
        raise KeyError("oops")

    with pytest.raises(FormError, match="broken cannot be evaluated: KeyError: 'oops'"):
        p2law.fit(dense_records, broken)


def test_a_law_of_another_target_reads_its_own_column():
    """
    Accuracy, or anything else, may be what a law predicts.
    """
    rates = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    records = pd.DataFrame({"pruning_rate": rates, "base_score": 0.7})
    records["score"] = 0.7 * 0.95 * (1 - rates) ** 0.6

    fit = p2law.fit(records, forms.retention)

    assert {"P_0": 0.95, "alpha": 0.6} == pytest.approx(dict(fit.values))
    assert "score" in fit.predict(pruning_rate=0.25, base_score=0.7)


def test_minimizer_stands_at_the_fit(dense_records):
    """
    lmfit, started at the fitted coefficients in raw units, finds nothing better.
    """
    fit = p2law.fit(dense_records, forms.chinchilla)

    again = fitting.minimizer(fit).leastsq()

    assert again.chisqr == pytest.approx(fit.search.objective, rel=1e-9)
    assert {"E", "A", "B", "alpha", "beta"} == set(again.params)


@pytest.mark.parametrize("answer", ["x", None, [None, "a"]])
def test_a_law_that_returns_no_numbers_is_named(dense_records, answer):
    """
    Forgetting `return` is the usual way.
    """

    @p2law.form(linear=("a",))
    def silent(params, *, a, b=1.0):  # noqa: ARG001 - that is the point
        return answer

    with pytest.raises(FormError, match=r"silent cannot be evaluated: .*(no number|broadcast)"):
        p2law.fit(dense_records, silent)


@pytest.mark.parametrize("delta", [1e-300, 1e300])
def test_any_delta_can_be_asked_for(dense_records, delta):
    """
    From the sum of sizes to plain squares, without an overflow.
    """
    fit = p2law.fit(dense_records, forms.chinchilla, objective=p2law.huber(delta))

    assert 0 < fit.search.objective < np.inf
