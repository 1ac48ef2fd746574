"""Numbers under stress: the right status and words, and no change where nothing should change."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

import p2law
from p2law import forms, testing
from p2law.fitting import polishing
from p2law.result.verdicts import Status
from p2law.solving import resampling
from p2law.solving.problem import Problem
from tests.conftest import TRUTH

SIZES, RATES = (0.5e9, 1.5e9, 3e9, 8e9), (0.15, 0.25, 0.35, 0.5)
ASKED = {"params": 2e9, "tokens": 5e8, "pruning_rate": 0.3, "base_loss": 2.0}
SQUARED = p2law.squared()


def made(sizes=SIZES, rates=RATES, tokens=None, noise=0.003, seed=0):
    """P² records of a full design."""
    tokens = np.geomspace(2e7, 1e9, 12) if tokens is None else tokens
    return testing.synthesize(
        forms.p2, TRUTH, testing.design(sizes, rates, tokens), noise=noise, seed=seed
    )


@cache
def plain(objective=SQUARED):
    """The fit of plain records, to which those of changed ones are held."""
    return p2law.fit(made(), forms.p2, objective=objective)


def predicted(records, **options):
    """The fitted loss where it is asked about."""
    return float(p2law.fit(records, forms.p2, **options).predict(**ASKED)["loss"].iloc[0])


# -- what should not matter ----------------------------------------------------------


def tells(fit, level=0.9, **asked):
    """The fitted loss with both kinds of interval."""
    asked = asked or ASKED
    kinds = [fit.predict(**asked, level=level, kind=kind) for kind in ("mean", "run")]
    return np.ravel([each[["loss", "low", "high"]].to_numpy()[0] for each in kinds])


def shuffled(records, seed):
    """The same rows in another order, their runs under other names."""
    names = dict(
        zip(records["run"].unique(), np.random.default_rng(seed).random(999), strict=False)
    )
    mixed = records.sample(frac=1, random_state=np.random.default_rng(seed))
    return mixed.assign(run=mixed["run"].map(names).astype(str))


@rules(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_neither_the_order_of_rows_nor_the_names_of_runs_matter(seed):
    """
    Not to the objective, the status, the coefficients, a prediction or its intervals.

    N_C is known to seven digits here: sums over rows in another order round otherwise.
    """
    one, other = plain(), p2law.fit(shuffled(made(), seed), forms.p2)

    assert one.search.objective == pytest.approx(other.search.objective, rel=1e-9)
    assert one.status is other.status is Status.CONVERGED
    assert dict(one.values) == pytest.approx(dict(other.values), rel=1e-6)
    assert tells(one) == pytest.approx(tells(other), abs=1e-9)


def in_few_runs():
    """Two runs, so that stretches are resampled; tokens stand twice in each."""
    table = pd.DataFrame({"run": ["a", "b"] * 24, "seed": np.arange(48) // 2 % 2})
    table["tokens"] = np.geomspace(1e8, 1e11, 12).repeat(4)
    truth = {"floor": 1.7, "scale": 400.0, "beta": 0.35}
    return testing.synthesize(forms.token_power, truth, table, noise=0.01)


def in_many_runs():
    """A hundred and twenty runs of three rows, which are weighed."""
    rates = tuple(np.linspace(0.1, 0.6, 30))
    return made(rates=rates, tokens=np.geomspace(2e7, 1e9, 3))


def with_like_runs():
    """Runs of which no lowest and no highest value tells two apart, only the rows between."""
    records = made()
    again = records.assign(run=records["run"] + " again", seed=1)
    middle = records.groupby("run").cumcount().between(3, 8)
    again["loss"] += 0.001 * middle * np.tile([1.0, -1.0], len(records) // 2)
    return pd.concat([records.assign(seed=0), again], ignore_index=True)


@pytest.mark.parametrize(
    ("records", "form", "asked"),
    [
        (in_few_runs(), forms.token_power, {"tokens": 5e10}),
        (in_many_runs(), forms.p2, ASKED),
        (with_like_runs(), forms.p2, ASKED),
    ],
    ids=["few", "many", "like"],
)
@pytest.mark.parametrize("dear", [False, True])
def test_no_way_of_resampling_follows_the_order_of_rows(records, form, asked, dear, monkeypatch):
    """
    Stretches of few runs, weights of many; fewer rows, or one step each, where refits are dear.
    """
    monkeypatch.setattr(resampling, "DEAR", len(records) // 2 if dear else len(records))

    one, other = p2law.fit(records, form), p2law.fit(shuffled(records, 3), form)

    assert tells(one, **asked) == pytest.approx(tells(other, **asked), abs=1e-7)
    assert one.trouble == other.trouble


@rules(max_examples=8)
@given(exponent=st.integers(-9, 9))
def test_the_unit_of_params_and_tokens_does_not_matter(exponent):
    """
    From counts in billions to counts in billionths: the same curve.
    """
    factor = 10.0**exponent
    records, options = made(), {"params": "params", "tokens": "tokens"}
    scaled = records.assign(**{name: records[name] * factor for name in options})
    asked = {**ASKED, "params": ASKED["params"] * factor, "tokens": ASKED["tokens"] * factor}

    fit = p2law.fit(scaled, forms.p2)

    assert fit.predict(**asked)["loss"].iloc[0] == pytest.approx(tells(plain())[0], abs=1e-8)
    assert fit.status == plain().status


def test_every_row_twice_changes_no_estimate():
    """
    As a second run of the same losses under another name: twice as many runs, so less doubt.

    Less still than twice as many would leave, for the twin of a run that is left out stays.
    """
    records = made()
    twice = pd.concat([records, records.assign(run=records["run"].astype(str) + " again")])

    once, both = plain(), p2law.fit(twice.reset_index(drop=True), forms.p2)

    assert both.status is once.status is Status.CONVERGED
    assert dict(both.values) == pytest.approx(dict(once.values), rel=1e-6)
    (loss, low, high), (same, lower, higher) = tells(once)[:3], tells(both)[:3]
    assert same == pytest.approx(loss, abs=1e-8)
    assert 0.4 < (higher - lower) / (high - low) < 1 / np.sqrt(2)


def test_every_row_twice_in_its_own_run_changes_nothing():
    """
    A run that was logged twice is one run still: status, prediction and intervals stay.
    """
    once, both = plain(), p2law.fit(pd.concat([made()] * 2), forms.p2)

    assert both.search.objective == pytest.approx(2 * once.search.objective, rel=1e-9)
    assert both.status is once.status is Status.CONVERGED
    assert tells(both)[:3] == pytest.approx(tells(once)[:3], abs=1e-9)


def test_every_row_twice_makes_the_objective_twice_as_large_under_huber_too():
    """
    And tells the same of it.
    """
    records, objective = made(noise=0.01), p2law.huber(1e-2)
    again = records.assign(run=records["run"].astype(str) + " again")
    twice = pd.concat([records, again], ignore_index=True)
    once = p2law.fit(records, forms.p2, objective=objective)
    both = p2law.fit(twice, forms.p2, objective=objective)

    assert both.search.objective == pytest.approx(2 * once.search.objective, rel=1e-9)
    assert both.status is once.status


@pytest.mark.parametrize("constant", [-1.0, 0.5, 100.0])
def test_a_constant_in_loss_and_base_loss_changes_no_damage(constant):
    """
    P² is about the difference of the two.
    """
    records = made()
    moved = records.assign(
        loss=records["loss"] + constant, base_loss=records["base_loss"] + constant
    )

    here, there = plain(), p2law.fit(moved, forms.p2)

    assert dict(there.values) == pytest.approx(dict(here.values), rel=1e-5)
    assert there.status is here.status is Status.CONVERGED
    asked = {**ASKED, "base_loss": ASKED["base_loss"] + constant}
    assert tells(there, **asked) - constant == pytest.approx(tells(here), abs=1e-8)


@pytest.mark.parametrize("constant", [0.5, 100.0])
def test_a_constant_in_the_loss_moves_the_floor_alone(constant):
    """
    Under Huber's function and without a base loss: all else stays, the intervals too.
    """
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    table = p2law.grid(params=np.geomspace(1e8, 1e10, 5), tokens=np.geomspace(1e9, 1e11, 5))
    records = testing.synthesize(forms.chinchilla, truth, table, noise=0.003)
    moved = records.assign(loss=records["loss"] + constant)

    here, there = (
        p2law.fit(each, forms.chinchilla, objective=p2law.huber(3e-3)) for each in (records, moved)
    )

    assert there.status is here.status is Status.CONVERGED
    assert there.values["E"] - constant == pytest.approx(here.values["E"], abs=1e-6)
    assert there.values["alpha"] == pytest.approx(here.values["alpha"], rel=1e-5)
    asked = {"params": 2e9, "tokens": 2e10}
    assert tells(there, **asked) - constant == pytest.approx(tells(here, **asked), abs=1e-6)


def test_the_unit_of_the_loss_only_scales_it():
    """
    Bits instead of nats, in loss and base loss: exponents stay, terms scale.
    """
    records, bits = made(), 1 / np.log(2)
    scaled = records.assign(loss=records["loss"] * bits, base_loss=records["base_loss"] * bits)

    here, there = plain(), p2law.fit(scaled, forms.p2)

    for name in ("alpha", "beta", "gamma", "delta"):
        assert there.values[name] == pytest.approx(here.values[name], rel=1e-6)
    assert there.values["D_C"] == pytest.approx(here.values["D_C"] * bits, rel=1e-5)


@pytest.mark.parametrize("objective", [SQUARED, p2law.huber(5e-3)], ids=str)
@pytest.mark.parametrize("exponent", [-149, -100, 60, 70, 80, 95, 120, 149])
def test_losses_in_any_unit_whose_square_is_a_number_give_the_same_fit(exponent, objective):
    """
    Also where the base loss is as large: the terms beside it keep their digits.
    """
    records, unit = made(), 10.0**exponent
    scaled = records.assign(loss=records["loss"] * unit, base_loss=records["base_loss"] * unit)
    in_unit = objective if objective.delta is None else p2law.huber(objective.delta * unit)

    here, there = plain(objective), p2law.fit(scaled, forms.p2, objective=in_unit)

    assert there.status is here.status is Status.CONVERGED
    assert there.search.objective / unit / unit == pytest.approx(here.search.objective, rel=1e-8)
    for name in ("alpha", "beta", "gamma", "delta"):
        assert there.values[name] == pytest.approx(here.values[name], rel=1e-5)
    asked = {**ASKED, "base_loss": ASKED["base_loss"] * unit}
    assert tells(there, **asked) / unit == pytest.approx(tells(here), abs=1e-7)


# -- rates, tokens and losses at their ends ------------------------------------------


@pytest.mark.parametrize("rates", [(1e-6, 1e-4, 1e-2), (0.9, 0.99, 0.999), (1e-6, 0.5, 0.999)])
def test_rates_near_zero_and_one(rates):
    """
    The curve is found wherever rates lie.
    """
    records = made(rates=rates, noise=0)
    fit = p2law.fit(records, forms.p2)

    assert fit.status in (Status.CONVERGED, Status.AT_BOUND)
    assert fit.residuals()["residual"].abs().max() < 1e-6


def test_a_rate_that_is_1_but_for_rounding():
    """
    The term of what is kept is 1e-12 there, and the curve is found.
    """
    fit = p2law.fit(made(rates=(0.3, 0.6, 1 - 1e-12), noise=0), forms.p2)

    assert fit.status is Status.CONVERGED
    assert fit.residuals()["residual"].abs().max() < 1e-9
    assert fit.predict(**ASKED)["loss"].iloc[0] == pytest.approx(forms.p2(*ASKED.values(), **TRUTH))


def test_a_rate_of_zero_is_left_out_and_counted():
    """
    P² has no value there: the fit is that of the other rows, and says so.
    """
    records = made()
    dense = records.iloc[:3].assign(run="dense", pruning_rate=0.0, loss=2.0)

    fit = p2law.fit(pd.concat([records, dense], ignore_index=True), forms.p2)

    assert [count for _, count in fit.search.left_out] == [3]
    assert "pruning_rate" in fit.search.left_out[0][0]
    assert fit.status is Status.CONVERGED
    assert dict(fit.values) == pytest.approx(dict(plain().values), rel=1e-9)


def test_the_smallest_and_the_largest_token_counts_in_one_table():
    """
    Thirty orders of magnitude in one column.
    """
    truth = {"floor": 1.5, "scale": 0.6, "beta": 0.1}
    table = pd.DataFrame({"run": "a", "tokens": np.geomspace(1e-12, 1e18, 31)})
    records = testing.synthesize(forms.token_power, truth, table)

    fit = p2law.fit(p2law.load(records, accept=("tokens",)), forms.token_power)

    assert fit.status is Status.CONVERGED
    assert dict(fit.values) == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("tokens", [np.geomspace(1e-12, 1e-9, 8), np.geomspace(1e15, 1e18, 8)])
def test_token_counts_of_any_size(tokens):
    """
    In whatever unit they came.
    """
    truth = {"floor": 1.5, "scale": 0.3 * tokens[3] ** 0.4, "beta": 0.4}
    table = pd.DataFrame({"run": "a", "tokens": tokens})
    records = testing.synthesize(forms.token_power, truth, table)

    fit = p2law.fit(p2law.load(records, accept=("tokens",)), forms.token_power)

    assert fit.values["beta"] == pytest.approx(0.4, rel=1e-6)


def test_twelve_orders_of_magnitude_between_columns():
    """
    Sizes of thousands beside tokens of quadrillions.
    """
    sizes, tokens = (1e3, 1e4, 1e5, 1e6), np.geomspace(1e12, 1e15, 10)
    truth = TRUTH | {"N_C": 0.3 * 3e4**0.6, "D_C": 0.3 * 3e13**0.3 * 3e4**0.2, "E": 0.3 * 3e4**0.2}
    table = testing.design(sizes, RATES, tokens)
    records = testing.synthesize(forms.p2, truth, table)

    fit = p2law.fit(records, forms.p2)

    assert fit.residuals()["residual"].abs().max() < 1e-8
    assert fit.values["beta"] == pytest.approx(truth["beta"], rel=1e-5)


@pytest.mark.parametrize("factor", [1e-20, 1e9])
def test_token_counts_of_any_size_beside_sizes_and_rates(factor):
    """
    From 1e-12 to 1e18 tokens, also where a term holds size, rate and tokens together.
    """
    tokens = np.geomspace(2e7, 1e9, 12) * factor
    truth = TRUTH | {"D_C": TRUTH["D_C"] * factor ** TRUTH["beta"]}
    table = testing.design(SIZES, RATES, tokens)
    fit = p2law.fit(testing.synthesize(forms.p2, truth, table), forms.p2)

    assert fit.status is Status.CONVERGED
    assert dict(fit.values) == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("objective", [p2law.squared(), p2law.huber(1e-3)], ids=str)
def test_losses_equal_to_base_loss_are_no_damage(objective):
    """
    A law of nothing: all terms are zero, exponents have no meaning, and that is said.
    """
    records = made().assign(base_loss=2.0, loss=2.0)

    fit = p2law.fit(records, forms.p2, objective=objective)

    assert fit.status is Status.AT_BOUND
    for name in ("N_C", "D_C", "E"):
        assert fit.values[name] == 0
    for name in ("N_C", "D_C"):
        assert f"{name} is at its lower bound 0: the records do not need its term" in fit.trouble
    for name, term in {"alpha": "N_C", "beta": "D_C", "gamma": "E", "delta": "E"}.items():
        assert f"{name} has no meaning here: {term} = 0" in fit.trouble
    assert tells(fit) == pytest.approx([2.0] * 6, abs=1e-9)


@pytest.mark.parametrize(
    "objective", [p2law.squared(), p2law.huber(1e-3), p2law.huber(1e-3, log=True)], ids=str
)
def test_losses_that_never_change_are_a_floor(objective):
    """
    A law with a floor: the other terms are zero, and every prediction is that loss.
    """
    table = p2law.grid(params=[1e8, 1e9, 1e10], tokens=[1e9, 1e10, 1e11])
    records = table.assign(loss=2.0, run=range(9))

    fit = p2law.fit(records, forms.chinchilla, objective=objective)

    assert fit.status is Status.AT_BOUND
    assert "A is at its lower bound 0: the records do not need its term" in fit.trouble
    assert tells(fit, params=1e9, tokens=1e10) == pytest.approx([2.0] * 6, abs=1e-9)


def test_exact_records_leave_no_residual_and_no_width():
    """
    Without noise the interval closes around the curve.
    """
    fit = p2law.fit(made(noise=0), forms.p2)
    told = fit.predict(**ASKED).iloc[0]

    assert fit.status is Status.CONVERGED
    assert told["high"] - told["low"] < 1e-6
    assert told["low"] <= told["loss"] <= told["high"]


# -- logarithms and squares that have no value ---------------------------------------


def cut(scores):
    """Scores after pruning at four rates."""
    table = pd.DataFrame({"run": list("abcd"), "pruning_rate": [0.1, 0.3, 0.5, 0.6]})
    return table.assign(base_score=0.7, score=scores)


@pytest.mark.parametrize("score", [1e-4, 1e-12, 1e-30])
def test_a_score_near_zero_counts_as_its_logarithm_says(score):
    """
    The best law is that of a straight line through the logarithms, however low one of them lies.
    """
    records = cut([0.3, 0.2, score, 0.15])
    fit = p2law.fit(records, forms.retention, objective=p2law.squared(log=True))

    ways = np.stack([np.ones(4), np.log(1 - records["pruning_rate"])], axis=1)
    wanted = np.log(records["score"] / 0.7)
    slope = min(10.0, np.linalg.lstsq(ways, wanted, rcond=None)[0][1])
    left = wanted - slope * ways[:, 1]
    assert fit.search.objective == pytest.approx(np.sum((left - left.mean()) ** 2), rel=1e-9)


@pytest.mark.parametrize("objective", [p2law.squared(log=True), p2law.huber(1e-3, log=True)])
def test_a_law_without_a_logarithm_is_refused_for_that(objective):
    """
    A law held at 0 has finite values; what has none is their logarithm.
    """
    with pytest.raises(p2law.P2LawError, match="takes logarithms, but retention was nowhere") as no:
        p2law.fit(cut([0.3, 0.2, 0.1, 0.1]), forms.retention, objective=objective, fixed={"P_0": 0})

    assert f"or fit with {str(objective).replace(', log=True', '').replace('log=True', '')}" in str(
        no.value
    )


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_a_target_whose_square_is_no_number_is_refused_for_that(factor):
    """
    Its square would be 0 or infinite, and any coefficients as good as others.
    """
    with pytest.raises(p2law.P2LawError, match="the square of that is beyond double precision"):
        p2law.fit(cut(np.array([0.3, 0.2, 0.1, 0.1]) * factor), forms.retention)


def test_a_law_without_a_value_where_all_the_weight_lies_is_refused_for_that():
    """
    The squares of its weight are beyond double precision, at whatever coefficients.
    """
    records = pd.DataFrame({"run": "a", "tokens": [1e7, 1e8, 1e308], "loss": [2.36, 2.355, 2.35]})
    records = records.assign(pruning_rate=0.1, base_loss=2.3)

    with pytest.raises(p2law.P2LawError, match="compression has no finite value anywhere in"):
        p2law.fit(
            records, forms.compression, objective=p2law.huber(1e-3, log=True), weight="tokens"
        )


@pytest.mark.parametrize("objective", [p2law.huber(0.01), p2law.huber(1e-3, log=True)], ids=str)
def test_residuals_whose_squares_are_no_numbers_are_told(objective):
    """
    Losses of 2, base losses of 2e300: the fit is far off, and says by how much.
    """
    records = testing.design((1e8, 1e9), (0.1, 0.25, 0.5), (1e9,))
    records = records.assign(base_loss=2e300, loss=[3.03, 3.08, 3.19, 2.13, 2.18, 2.29])

    fit = p2law.fit(records, objective=objective)

    assert "rmse 2e300 nat, worst 2e300 nat" in str(fit)
    assert np.isfinite(fit.predict(records)[["loss", "low", "high"]].to_numpy()).all()


# -- designs that say little ---------------------------------------------------------


def test_identical_rows_tell_one_number():
    """
    A hundred times the same row: nothing is told but the loss there.
    """
    one = made().iloc[[5]]
    records = pd.concat([one] * 100, ignore_index=True).assign(run=np.arange(100))

    fit = p2law.fit(records, forms.p2)

    assert fit.status is Status.NOT_IDENTIFIED
    assert any("1 row leaves nothing over" in each for each in p2law.fit(one, forms.p2).trouble)
    assert np.isnan(fit.predict(**ASKED)["loss"].iloc[0])
    there = fit.predict(one)["loss"].iloc[0]
    assert there == pytest.approx(one["loss"].iloc[0], abs=1e-9)


def test_one_row_a_run_is_enough_when_there_are_many_runs():
    """
    Each run gives its last loss only.
    """
    sizes, rates = (0.5e9, 1e9, 2e9, 4e9, 8e9), (0.1, 0.2, 0.3, 0.4, 0.5)
    records = made(sizes, rates, np.geomspace(2e7, 1e9, 4), noise=0.002)
    lone = records.assign(run=np.arange(len(records)))

    fit = p2law.fit(lone, forms.p2)

    assert fit.status is Status.CONVERGED
    truth = forms.p2(*ASKED.values(), **TRUTH)
    told = fit.predict(**ASKED).iloc[0]
    assert told["low"] < truth < told["high"]


@pytest.mark.parametrize("tied", [{"tokens": 20.0}, {"pruning_rate": 1e-10}])
def test_inputs_that_go_together_are_named(tied):
    """
    Tokens or rates in proportion to the size: one number in two columns.
    """
    ((name, factor),) = tied.items()
    sizes = np.geomspace(5e8, 5e9, 24)
    table = pd.DataFrame({"params": sizes, "tokens": 1e9, "pruning_rate": 0.3, "base_loss": 2.0})
    table[name] = sizes * factor
    records = testing.synthesize(forms.p2, TRUTH, table.assign(run=sizes), noise=0.002)

    fit = p2law.fit(records, forms.p2)

    assert fit.status is not Status.CONVERGED
    assert f"params and {name} vary together in the records" in " ".join(fit.trouble)
    assert np.isnan(fit.predict(**{**ASKED, name: ASKED[name] * 1.1})["loss"].iloc[0])


def test_three_inputs_in_proportion_are_named_and_asked_about_only_together():
    """
    Tokens and rates in proportion to the size: one number in three columns.
    """
    sizes = np.geomspace(5e8, 5e9, 24)
    table = pd.DataFrame({"run": sizes, "params": sizes, "tokens": 20 * sizes})
    table = table.assign(pruning_rate=1e-10 * sizes, base_loss=2.0)
    records = testing.synthesize(forms.p2, TRUTH, table, noise=0.002)

    fit = p2law.fit(records, forms.p2)

    assert fit.status is Status.NOT_IDENTIFIED
    told = " ".join(fit.trouble)
    assert "params and pruning_rate vary together in the records" in told
    assert "tokens and pruning_rate vary together in the records" in told
    together = {"params": 1e9, "tokens": 2e10, "pruning_rate": 0.1, "base_loss": 2.0}
    loss, low, high = tells(fit, **together)[:3]
    assert low <= loss <= high
    assert loss == pytest.approx(forms.p2(*together.values(), **TRUTH), abs=0.004)
    for name in ("params", "tokens", "pruning_rate"):
        assert np.isnan(tells(fit, **{**together, name: together[name] * 1.1})).all()


def hard(form, seed, *, outliers):
    """Records of a law at coefficients of its own, as good or with 30 % of outliers."""
    rng = np.random.default_rng(seed)
    table = testing.design((1e8, 1e9, 1e10), (0.1, 0.3, 0.6), np.geomspace(1e8, 1e11, 5))
    table = table.assign(unique_tokens=1e9)
    truth = testing.some_coefficients(form, table, seed)
    records = testing.synthesize(form, truth, table, noise=0.0 if outliers else 0.003, seed=seed)
    odd = outliers * (rng.random(len(records)) < 0.3)
    return records.assign(loss=records["loss"] + odd * rng.uniform(0.2, 5, len(records)))


def test_what_moves_little_gets_its_default_only_where_that_costs_nothing():
    """
    The objective told is the one of the coefficients told, so that a saved fit is read again.
    """
    fit = p2law.fit(hard(forms.repeated_data, 2, outliers=False), forms.repeated_data)

    total = np.sum(fit.residuals()["residual"] ** 2)
    assert total == pytest.approx(fit.search.objective, rel=1e-6)
    assert total < 0.1
    assert p2law.Fit.from_json(fit.to_json()).values == fit.values


def test_what_was_flat_where_the_search_ended_is_let_go_where_it_is_not():
    """
    Held at its default it would look converged, away from the minimum.
    """
    sizes = [1e8, 1e9, 1e10]
    tokens = list(np.geomspace(1e8, 1e11, 5))
    table = p2law.grid(params=sizes, tokens=tokens, unique_tokens=sizes)
    truth = testing.some_coefficients(forms.repeated_data, table, 336)
    records = testing.synthesize(forms.repeated_data, truth, table)

    fit = p2law.fit(records, forms.repeated_data, objective=p2law.huber(1e-3))

    assert fit.search.objective < 1e-15
    assert fit.residuals()["residual"].abs().max() < 1e-9


def test_the_work_in_a_valley_without_end_is_bounded(monkeypatch):
    """
    Kinks of the law lie across the valley: a fit of 45 rows must not take seconds for that.
    """
    calls, gradient = [], Problem.gradient
    ends, polish = [], polishing.polish
    monkeypatch.setattr(Problem, "gradient", lambda *asked: calls.append(1) or gradient(*asked))
    monkeypatch.setattr(
        polishing, "polish", lambda *asked, **more: ends.append(polish(*asked, **more)) or ends[-1]
    )

    p2law.fit(hard(forms.repeated_data, 58, outliers=False), forms.repeated_data)

    assert len(calls) <= sum(each.evaluations for each in ends) <= 1.2 * polishing.WORK


def test_what_one_row_shows_is_not_said_to_move_nothing():
    """
    At its bound beta makes a term that moves one row 1e15 times as far as the floor can.
    """
    tokens = [6469461006432777.0, 13595747.104025293, 1319445347293.9146]
    table = pd.DataFrame({"run": "a", "tokens": tokens, "loss": [111.4, 56.5, 2.7e-12]})

    fit = p2law.fit(table, forms.token_power)

    assert "floor moves no prediction" not in " ".join(fit.trouble)
    assert fit.table()["note"]["floor"] == ""


@pytest.mark.parametrize(("form", "name"), [(forms.p2, "beta"), (forms.chinchilla, "beta")])
def test_what_moves_no_prediction_has_its_default_not_the_bound_where_the_search_ended(form, name):
    """
    One token count leaves beta free, also where other coefficients are free together.
    """
    table = testing.design((4e8, 1e9, 4e9), (0.1, 0.3, 0.32), (1.4e8,))
    truth = testing.some_coefficients(form, table, 0)
    records = testing.synthesize(form, truth, table, noise=0.02)

    fit = p2law.fit(records.assign(run=np.arange(9)), form)

    assert f"{name} moves no prediction on these records" in " ".join(fit.trouble)
    default = next(each.start for each in form.coefficients if each.name == name)
    assert fit.values[name] == default


def test_a_coefficient_at_a_bound_where_the_law_is_flat_is_not_said_to_be_free():
    """
    One token more or less moves no prediction, a million do: the records want D_0 low.
    """
    fit = p2law.fit(hard(forms.p2_rectified, 1, outliers=True), forms.p2_rectified)

    assert fit.values["D_0"] == pytest.approx(1.0)
    assert fit.status is Status.AT_BOUND
    assert "D_0 is at its lower bound 1" in fit.trouble
    assert p2law.Fit.from_json(fit.to_json()).values == fit.values


def far_apart(seed):
    """Inputs over many orders of magnitude, and losses that have nothing to do with them."""
    rng = np.random.default_rng(seed)

    def column():
        return list(10 ** rng.uniform(-8, 8) * 10 ** rng.uniform(-6, 6, 3))

    table = p2law.grid(params=column(), tokens=column(), pruning_rate=[0.1, 0.5])
    table = table.assign(unique_tokens=column()[0], base_loss=2.0, run=np.arange(len(table)))
    table["params_after"] = table["params"] * (1 - table["pruning_rate"])
    return table.assign(loss=10 ** rng.uniform(-3, 3, len(table)))


FAR_APART = ((forms.repeated_data, 18, p2law.huber(1e-3)),)


@pytest.mark.parametrize(("form", "seed", "objective"), FAR_APART)
def test_what_overflows_on_the_way_is_neither_a_warning_nor_an_error(form, seed, objective):
    """
    Terms of 1e300 less terms of 1e300: the coefficients are free, and that is what is said.
    """
    records = far_apart(seed)

    fit = p2law.fit(records, form, objective=objective)

    assert fit.status is Status.NOT_IDENTIFIED
    assert "NOT IDENTIFIED" in str(fit)
    assert fit.predict(records)["determined"].dtype == bool


# -- noise of all kinds --------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_thirty_percent_of_outliers_do_not_carry_a_huber_fit_away(seed):
    """
    Three in ten of the losses are far too high.
    """
    rng = np.random.default_rng(seed)
    records = made(noise=0.002, seed=seed)
    odd = rng.random(len(records)) < 0.3
    spoiled = records.assign(loss=records["loss"] + odd * rng.uniform(0.2, 2.0, len(records)))

    truth = forms.p2(*ASKED.values(), **TRUTH)

    assert predicted(spoiled, objective=p2law.huber(1e-3)) == pytest.approx(truth, abs=0.01)
    assert abs(predicted(spoiled) - truth) > 0.05


def test_noise_that_grows_with_the_loss():
    """
    Ten times as much where the loss is highest: still near, and the interval holds the truth.
    """
    records = made(noise=0)
    damage = records["loss"] - records["base_loss"]
    rng = np.random.default_rng(4)
    spoiled = records.assign(loss=records["loss"] + 0.02 * damage * rng.normal(size=len(records)))

    told = p2law.fit(spoiled, forms.p2).predict(**ASKED, level=0.99).iloc[0]

    assert told["low"] < forms.p2(*ASKED.values(), **TRUTH) < told["high"]


@pytest.mark.parametrize("scale", [1e-9, 1e6])
def test_noise_far_below_and_far_above_the_damage(scale):
    """
    Next to none, and nothing but noise: in both the words fit.
    """
    records = made(noise=0)
    noise = np.random.default_rng(2).normal(size=len(records))
    spoiled = records.assign(loss=np.abs(records["loss"] + scale * noise))

    fit = p2law.fit(spoiled, forms.p2)
    told = fit.predict(**ASKED).iloc[0]

    assert (fit.status is Status.CONVERGED) == (scale < 1)
    assert (told["high"] - told["low"] < 1e-6) == (scale < 1)


@pytest.mark.parametrize("name", ["N_C", "D_C", "E"])
def test_a_coefficient_of_zero(name):
    """
    The curve stands, and a term that is not there is not held for one that is.
    """
    truth = TRUTH | {name: 0.0}
    table = testing.design(SIZES, RATES, np.geomspace(2e7, 1e9, 12))
    fit = p2law.fit(testing.synthesize(forms.p2, truth, table), forms.p2)

    assert fit.residuals()["residual"].abs().max() < 1e-7
    assert abs(fit.table()["term"][name]) < 1e-6
