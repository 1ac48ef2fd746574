"""What the records cover, of each input and of every two together."""

import time

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Fit, forms, planning
from p2law.result.covering import Coverage, apart

NAMES = ("params", "tokens", "pruning_rate", "base_loss")
FAR = {"params": 8e9, "tokens": 1e9, "pruning_rate": 0.25, "base_loss": 2.0}


def ragged(table):
    """The records without the long tokens of the larger models."""
    longest = table["params"].map({0.5e9: 1e9, 1.5e9: 1e9, 3e9: 1.5e8, 8e9: 7e7})
    return table[table["tokens"] <= longest]


@pytest.fixture(scope="module")
def ragged_fit(p2_records):
    """A P² law of which only the small models were trained for long."""
    return p2law.fit(ragged(p2_records(noise=0.004, seed=2)), forms.p2)


def beyond(records, **asked):
    """What lies outside some records, one text a row."""
    names = list(asked)
    return Coverage.of(records, names).beyond(p2law.grid(**asked))


def test_two_inputs_far_from_the_records_together_are_named(ragged_fit):
    """
    The largest model after the longest tokens: each is on record, the two of them are not.
    """
    told = ragged_fit.predict(**{**FAR, "params": [0.5e9, 8e9, 8e9], "tokens": [1e9, 7e7, 1e9]})

    assert ["", "", "params with tokens"] == told["beyond"].tolist()


def test_what_lies_outside_alone_is_said_alone(ragged_fit):
    """
    An input that no record reaches is reason enough.
    """
    told = ragged_fit.predict(**{**FAR, "tokens": 1e11})

    assert ["tokens"] == told["beyond"].tolist()


@pytest.mark.parametrize("sign", [1, -1])
def test_an_end_of_the_records_in_other_digits_is_on_record(sign):
    """
    0.1 + 0.2 is 0.3, from above as from below, whatever its sign; a millionth further is not.
    """
    records = pd.DataFrame({"tokens": [1e6, 1e9, 1e6, 1e9], "share": [0.1, 0.3, 0.3, 0.1]})
    records["share"] *= sign

    same = beyond(records, tokens=[1e6, 1e9], share=[sign * (0.1 + 0.2), sign * (0.4 - 0.3)])
    other = beyond(records, tokens=[1e6], share=[sign * 0.3 * (1 + 1e-6), sign * 0.1 * (1 - 1e-6)])

    assert {""} == set(same)
    assert {"share"} == set(other)


def test_plans_at_an_end_of_the_records_are_not_the_furthest_from_them(p2_records):
    """
    Tokens lie beyond the records; the rate, 0.1 + 0.2 in place of 0.3, does not.
    """
    fit = p2law.fit(p2_records(rates=(0.15, 0.2, 0.3), noise=0.004, seed=2), forms.p2)
    models = [planning.Model("large", params=8e9, base_loss=2.0)]
    table = planning.candidates(models, rates=[0.1 + 0.2], methods=["depth"])

    said = planning.budget_table(fit, table, tokens=1e11).trouble

    assert any(each.endswith("furthest tokens 1e11 (records: 2e7 to 1e9)") for each in said)


def test_a_saved_fit_covers_what_it_covered(ragged_fit):
    """
    The hulls are made of the records, which are saved.
    """
    asked = p2law.grid(
        params=np.geomspace(4e8, 9e9, 9),
        tokens=np.geomspace(1e7, 2e9, 12),
        pruning_rate=[0.15, 0.3],
        base_loss=2.0,
    )
    again = Fit.from_json(ragged_fit.to_json())

    told = ragged_fit.predict(asked)["beyond"]

    assert {"", "params", "tokens", "params, tokens", "params with tokens"} == set(told)
    assert told.tolist() == again.predict(asked)["beyond"].tolist()


def test_a_full_grid_covers_all_between_its_ends(p2_records):
    """
    No pair of inputs is far from a grid, and none has to be looked at.
    """
    records = p2_records()
    rng = np.random.default_rng(1)
    asked = pd.DataFrame(
        {name: rng.uniform(records[name].min(), records[name].max(), 500) for name in NAMES}
    )

    found = Coverage.of(records, NAMES)

    assert {""} == set(found.beyond(asked))
    assert [0, 0, 0] == [len(each.edges) for each in found.pairs]


def test_all_that_was_recorded_is_covered_and_so_is_what_lies_near(p2_records):
    """
    Ragged records raise no alarm at themselves, nor a few per cent away from themselves.
    """
    records = ragged(p2_records())
    found = Coverage.of(records, NAMES)
    rng = np.random.default_rng(2)
    near = records[[*NAMES]] * np.exp(rng.uniform(-0.05, 0.05, (len(records), 4)))
    within = near.clip(records[[*NAMES]].min(), records[[*NAMES]].max(), axis=1)

    assert {""} == set(found.beyond(records))
    assert {""} == set(found.beyond(within))


@pytest.mark.parametrize("power", [1.0, -0.7])
def test_inputs_tied_to_one_another_have_a_hull_too(power):
    """
    All records on one line, upwards or downwards: near it is covered, off it is not.
    """
    sizes = np.geomspace(1e8, 1e10, 9)
    records = pd.DataFrame({"params": sizes, "tokens": 1e10 * (sizes / 1e9) ** power})

    on = Coverage.of(records, ["params", "tokens"]).beyond(records)
    off = beyond(records, params=[1e8, 1e10], tokens=sorted(records["tokens"].iloc[[0, -1]]))

    assert {""} == set(on)
    assert 2 == off.count("params with tokens")
    assert 2 == off.count("")


def test_two_records_have_a_hull():
    """
    The least there can be: a line between two places.
    """
    records = pd.DataFrame({"params": [1e8, 1e10], "tokens": [1e9, 1e11]})

    told = beyond(records, params=[1e8, 1e9, 1e10], tokens=[1e9, 1e10, 1e11])

    far = ["params with tokens"] * 3
    assert ["", *far, "", *far, ""] == told


def test_rates_that_differ_by_what_was_achieved_are_no_design():
    """
    A quarter of one model is 0.24 and of another 0.26: neither counts as varied.
    """
    records = pd.DataFrame({"params": [1e8, 1e10], "pruning_rate": [0.25, 0.26]})

    assert {""} == set(beyond(records, params=[1e8, 1e10], pruning_rate=[0.25, 0.26]))


def test_base_losses_are_in_no_pair():
    """
    They go with the models, and the law adds them wherever they are.
    """
    records = pd.DataFrame({"params": [1e8, 1e10], "base_loss": [3.5, 2.5]})

    assert {""} == set(beyond(records, params=[1e8, 1e10], base_loss=[2.5, 3.5]))


def test_inputs_that_begin_at_zero_or_below_have_a_hull():
    """
    Zero tokens count as the fewest others; what may be negative is not put in logarithms.
    """
    records = pd.DataFrame({"tokens": [0, 1e6, 1e8, 0, 1e6, 1e7], "shift": [-1.0, -1, -1, 1, 1, 1]})

    told = beyond(records, tokens=[0, 1e7, 1e8], shift=[-1.0, 1.0])

    assert ["", "", "", "", "", "tokens with shift"] == told


def test_the_hull_holds_every_record_whatever_they_are():
    """
    Scattered, on a curve, on a few values or repeated: none lies outside its own hull.
    """
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 6, (2, 20_000))
    shapes = [(x, y), (x, np.sqrt(36 - x**2)), (np.round(x), np.round(y)), (x, x**2), (x[:1], y)]

    for first, second in shapes:
        table = pd.DataFrame({"a": 10 ** np.resize(first, len(y)), "b": 10**second})
        assert {""} == set(Coverage.of(table, ["a", "b"]).beyond(table))


def test_a_budget_says_which_inputs_are_far_from_the_records_together(ragged_fit):
    """
    Not that the records hold no so many tokens, for they do.
    """
    other = {name: FAR[name] for name in FAR if name != "tokens"}
    wanted = float(ragged_fit.predict(**{**FAR, "tokens": 9e8})["loss"].iloc[0])

    budget = planning.tokens_for(ragged_fit, loss=wanted, **other)

    assert "params with tokens" == budget.beyond
    assert budget.trouble[0] == apart("params with tokens")
    assert "no records lie near such params with such tokens, though each" in budget.trouble[0]


def test_a_million_questions_are_answered_in_a_moment(p2_records):
    """
    Looking at the pairs is small beside the prediction itself, which takes seconds.
    """
    records = ragged(p2_records())
    rng = np.random.default_rng(4)
    asked = pd.DataFrame(
        {name: np.geomspace(records[name].min(), records[name].max(), 1_000_000) for name in NAMES}
    ).apply(rng.permutation)
    found = Coverage.of(records, NAMES)

    start = time.process_time()
    told = found.beyond(asked)

    assert time.process_time() - start < 2
    assert {"", "params with tokens"} == set(told)


def test_a_run_is_told_which_of_its_inputs_are_far_from_the_records_together(p2_records):
    """
    What the run is, not how far it is forecast: tokens are left out of it.
    """
    records = ragged(p2_records(noise=0.004, seed=2))
    few = records[(records["pruning_rate"] < 0.4) | (records["params"] < 2e9)]
    fit = p2law.fit(few, forms.p2)
    start = pd.DataFrame({"tokens": [2e7, 4e7, 6e7], "loss": [2.4, 2.38, 2.36]})

    usual = planning.continue_run(fit, start, params=8e9, pruning_rate=0.3, base_loss=2.0)
    odd = planning.continue_run(fit, start, params=8e9, pruning_rate=0.5, base_loss=2.0)

    said = "params with pruning_rate outside the records: the law is extended to this run"
    assert said in odd.trouble
    assert not any("outside the records" in each for each in usual.trouble)


def test_a_table_of_plans_says_which_inputs_are_far_from_the_records_together(ragged_fit):
    """
    With the number of such plans.
    """
    models = [planning.Model("large", params=8e9, base_loss=2.0)]
    table = planning.candidates(models, rates=[0.25], methods=["depth"])

    found = planning.budget_table(ragged_fit, table, tokens=[5e7, 9e8])

    assert ["", "params with tokens"] == found.table["beyond"].tolist()
    assert any(
        "1 of 2 lie beyond the records in params with tokens and rest on" in each
        for each in found.trouble
    )
