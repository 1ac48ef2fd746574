"""What every candidate takes to reach a loss, or reaches with a budget."""

import json
import math
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Bounds, Domain, forms, planning, testing
from p2law.errors import FitError, FormError, PlanError
from p2law.text.views import number

SIZES, RATES = (1.5e9, 3e9, 8e9), (0.2, 0.35)
MODELS = [planning.Model(f"{size / 1e9:g}B", size, 2.0) for size in SIZES]
PRICES = planning.Prices(peak_flops=1e15, mfu=0.4, gpu_hour=2.0, evaluation_tokens=1e6)


@pytest.fixture(scope="module")
def table():
    """Three models, two rates, three methods."""
    return planning.candidates(MODELS, RATES, ["depth", "width", "2:4"])


@pytest.mark.parametrize("draws", [None, 100])
def test_tokens_for_a_loss_are_those_of_tokens_for(plan_fits, table, draws):
    """
    For every candidate, by the fit of its method.
    """
    found = planning.budget_table(plan_fits, table, loss=2.25, draws=draws).table

    for _, row in found.iterrows():
        here = {name: row[name] for name in ("params", "pruning_rate", "base_loss")}
        if not np.isfinite(row["tokens"]):
            with pytest.raises(p2law.P2LawError, match="out of reach"):
                p2law.tokens_for(plan_fits[row["method"]], loss=2.25, **here)
            continue
        single = p2law.tokens_for(plan_fits[row["method"]], loss=2.25, **here)
        assert row["tokens"] == pytest.approx(float(single), rel=1e-9)
        assert row["loss"] == pytest.approx(2.25, abs=1e-9)
        if draws is None:
            assert row["tokens_low"] == pytest.approx(single.low, rel=1e-9)
            assert row["tokens_high"] == pytest.approx(single.high, rel=1e-9)
            assert row["reachable"] == pytest.approx(single.reachable)
        assert row["tokens_low"] < row["tokens"] < row["tokens_high"]


def test_losses_for_tokens_are_those_of_predict(plan_fits, table):
    """
    With their intervals, and what lies beyond the records.
    """
    found = planning.budget_table(plan_fits, table, tokens=5e9).table

    for method, rows in found.groupby("method"):
        told = plan_fits[method].predict(rows)
        for ours, theirs in (("loss", "loss"), ("loss_low", "low"), ("loss_high", "high")):
            np.testing.assert_allclose(rows[ours], told[theirs], rtol=1e-9)
        assert told["beyond"].tolist() == rows["beyond"].tolist()
        assert told["determined"].tolist() == rows["determined"].tolist()


def test_a_budget_of_money_is_spent_and_no_more(plan_fits, table):
    """
    Tokens, evaluation and price add up to it.
    """
    found = planning.budget_table(plan_fits, table, cost=100.0, prices=PRICES).table

    np.testing.assert_allclose(found["cost"], 100.0)
    np.testing.assert_allclose(found["gpu_hours"], 50.0)
    multiplied = np.where(found["method"] == "2:4", found["params"], found["params_after"])
    np.testing.assert_allclose(found["flops"], multiplied * (6 * found["tokens"] + 2e6))


def test_what_a_loss_takes_has_an_interval_in_every_unit(plan_fits, table):
    """
    Tokens by the refits; FLOPs, GPU-hours and cost by these tokens. The view shows those of
    tokens and of what is to be small.
    """
    found = planning.budget_table(plan_fits, table, loss=2.3, prices=PRICES)
    spent = found.table[np.isfinite(found.table["tokens_high"])]

    for name, unit in (("flops", 1.0), ("gpu_hours", 0.4e15 * 3600), ("cost", 0.2e15 * 3600)):
        multiplied = np.where(spent["method"] == "2:4", spent["params"], spent["params_after"])
        for end in ("_low", "", "_high"):
            flops = multiplied * (6 * spent[f"tokens{end}"] + 2e6)
            np.testing.assert_allclose(spent[f"{name}{end}"], flops / unit)
    shown = ["size", "tokens", "from", "to", "cost", "from", "to", "loss"]
    assert shown == [*found.view().header[1:-1]]


def test_several_amounts_make_a_row_each(plan_fits, table):
    """
    Every candidate with every amount.
    """
    found = planning.budget_table(plan_fits, table, tokens=[1e8, 1e9])

    assert 2 * len(table) == len(found.table)
    assert [1e8, 1e9] * len(table) == found.table["tokens"].tolist()
    assert [0, 0, 1, 1] == found.candidate[:4].tolist()
    assert f"what {len(table)} candidates take or reach" in str(found)


@pytest.mark.parametrize(("draws", "probability", "count"), [(300, 0.9, 270), (100, 0.55, 55)])
def test_exactly_the_share_of_a_probability_is_enough(plan_fits, draws, probability, count):
    """
    For tokens to be bought as for a loss that is a limit; 0.55 * 100 is 55.00000000000001.
    """
    rows = planning.candidates(MODELS[1], 0.35, "2:4")
    needed = planning.budget_table(plan_fits, rows, loss=2.3, draws=draws).values[1:, 0]
    sure = planning.budget_table(plan_fits, rows, loss=2.3, draws=draws, probability=probability)
    row = sure.table.iloc[0]
    losses = np.sort(planning.budget_table(plan_fits, rows, tokens=1e9, draws=draws).losses[1:, 0])
    limits = [
        planning.Limits(loss=float(losses[each - 1]), probability=probability)
        for each in (count, count - 1)
    ]

    left = [
        len(planning.choose(plan_fits, rows, tokens=1e9, draws=draws, limits=each).table)
        for each in limits
    ]

    assert count / draws == row["reached"] == probability
    assert row["flops"] == pytest.approx(np.sort(needed)[count - 1])
    assert [1, 0] == left


def test_a_loss_that_exactly_the_asked_share_ever_reaches_is_within_reach(plan_fits):
    """
    The last of these refits needs tokens without end only where it is one too many.
    """
    rows = planning.candidates(MODELS[1], 0.35, "2:4")
    floors = planning.budget_table(plan_fits, rows, loss=1.0, draws=100).losses[1:, 0]
    loss = float(np.sort(floors)[55:57].mean())

    share = planning.budget_table(plan_fits, rows, loss=loss, draws=100).table["reachable"].item()
    just, more = (
        planning.budget_table(plan_fits, rows, loss=loss, draws=100, probability=each).table
        for each in (share, share + 0.01)
    )

    assert 0.56 == share
    assert np.isfinite(just["tokens"].item())
    assert "" == just["why"].item()
    assert "the loss is out of reach" == more["why"].item()


def test_tokens_for_a_probability_reach_the_loss_in_that_share_of_the_refits(plan_fits, table):
    """
    More than the fit itself needs, and no more than is needed.
    """
    plain = planning.budget_table(plan_fits, table, loss=2.3).table
    sure = planning.budget_table(plan_fits, table, loss=2.3, probability=0.9).table

    reached = sure["reached"][np.isfinite(sure["tokens"])]
    assert ((reached >= 0.9) & (reached < 0.91)).all()
    both = np.isfinite(sure["tokens"]) & np.isfinite(plain["tokens"])
    assert (sure["tokens"][both] > plain["tokens"][both]).all()


def test_a_loss_out_of_reach_stands_beside_the_floor(plan_fits, table):
    """
    Infinite tokens and cost; the loss is that of endless tokens.
    """
    found = planning.budget_table(plan_fits, table, loss=2.01, prices=PRICES).table

    assert np.isinf(found[["tokens", "flops", "cost"]]).all(axis=None)
    assert {"the loss is out of reach"} == set(found["why"])
    assert (found["loss"] > 2.01).all()
    assert (found["loss_low"] < found["loss"]).all()
    assert {0.0} == set(found["reached"])


def test_what_is_out_of_reach_does_not_lie_beyond_the_records_in_tokens(plan_fits, table):
    """
    Nobody asked for endless tokens.
    """
    found = planning.budget_table(plan_fits, table, loss=2.01)

    assert not found.table["beyond"].str.contains("tokens").any()
    assert not [each for each in found.trouble if "lie beyond the records" in each]


def test_a_probability_without_rows_to_spare_has_its_reason_in_the_table():
    """
    No loss of endless tokens stands there for one that nobody can tell.
    """
    held = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.0}
    rows = testing.design([1e9, 4e9], [0.2, 0.4], [1e8, 1e9]).iloc[[0, 3, 6]]
    made = testing.synthesize(forms.p2, held | {"N_C": 100.0, "D_C": 100.0, "E": 0.1}, rows)
    fit = p2law.fit(made, forms.p2, fixed=held)
    one = planning.candidates(MODELS[:1], 0.25, "pruned")

    row = planning.budget_table(fit, one, loss=2.3, probability=0.9).table.iloc[0]

    assert np.isnan(row[["tokens", "loss"]].astype(float)).all()
    assert "too few rows tell how sure its loss is" == row["why"]


def test_a_budget_in_billions_is_refused_beside_rows_without_tokens():
    """
    What was measured after none at all says nothing of the unit.
    """
    truth = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2, "N_C": 7.5e4, "D_C": 9.5e3}
    rows = testing.design()
    rows = pd.concat([rows[rows["tokens"] == rows["tokens"].min()].assign(tokens=0.0), rows])
    records = testing.synthesize(
        forms.p2_rectified, truth | {"E": 19.0, "D_0": 1e7}, rows.reset_index(drop=True), noise=0.01
    )
    fit = p2law.fit(records, forms.p2_rectified)

    with pytest.raises(PlanError, match=r"a budget of tokens is 8, which looks like billions"):
        planning.budget_table(fit, planning.candidates(MODELS[:1], 0.25, "pruned"), tokens=8)


def test_a_loss_that_is_met_before_the_first_token_takes_none(plan_fits, table):
    """
    Zero tokens; what calibration and evaluation take is left.
    """
    found = planning.budget_table(plan_fits, table, loss=1e7, prices=PRICES).table

    assert (found["tokens"] == 0).all()
    assert (found["flops"] > 0).all()
    assert found["determined"].all()


def test_a_budget_that_does_not_pay_for_evaluation_says_so(plan_fits, table):
    """
    No tokens, no loss, no plan.
    """
    found = planning.budget_table(plan_fits, table, flops=1e15, prices=PRICES).table

    assert {"the budget does not pay for calibration and evaluation"} == set(found["why"])
    assert np.isnan(found[["tokens", "loss"]]).all(axis=None)


def test_a_budget_of_less_than_a_token_is_no_plan(plan_fits, table):
    """
    A slip in the unit of FLOPs: no loss is told of the third part of a token.
    """
    per_token = 6 * table["params_after"].max()
    cheap = table[table["method"] != "2:4"]

    found = planning.budget_table(plan_fits, cheap, flops=per_token / 3).table
    choice = planning.choose(plan_fits, cheap, flops=1e9)

    less = found["flops"].isna()
    assert less.any()
    assert {"the budget does not pay for one token"} == set(found["why"][less])
    assert np.isnan(found[less][["tokens", "loss"]]).all(axis=None)
    assert "no candidate is a plan; below stands why" == choice.verdict


def test_a_budget_of_one_token_lies_beyond_the_records(plan_fits, table):
    """
    As one of two does: only what is there before the first token needs none on record.
    """
    one = table[table["method"] != "2:4"].iloc[[0]]
    per_token = 6 * one["params_after"].item()

    found = planning.budget_table(plan_fits, one, flops=[per_token, 2 * per_token]).table

    np.testing.assert_allclose(found["tokens"], [1, 2])
    assert ["tokens", "tokens"] == found["beyond"].tolist()


@pytest.mark.parametrize("asked", [{"tokens": [1e9, 1e10, 1e9]}, {"loss": [2.3, 2.3]}])
def test_an_amount_that_is_asked_for_twice_is_refused(plan_fits, table, asked):
    """
    As rates, methods and candidates are.
    """
    ((name, (first, *_)),) = asked.items()

    with pytest.raises(PlanError, match=f"{name} holds {number(first)} twice; name each once"):
        planning.budget_table(plan_fits, table, **asked)


@pytest.mark.parametrize("asked", [{"tokens": 1e300}, {"cost": 1e308}])
def test_a_budget_without_end_is_refused(plan_fits, table, asked):
    """
    In words, and without a warning of numpy.
    """
    (name,) = asked

    with pytest.raises(PlanError, match=f"a budget of {name} is 1e3.*more than any number can say"):
        planning.budget_table(plan_fits, table, prices=PRICES, **asked)


def test_what_the_records_leave_free_is_nan(p2_records):
    """
    One size tells nothing of another; the reason stands beside it.
    """
    one_size = p2law.fit(p2_records(params=(3e9,), noise=0.003), forms.p2)
    rows = planning.candidates(MODELS[1:], 0.25, "depth")

    found = planning.budget_table(one_size, rows, tokens=1e9)

    assert [True, False] == found.table["determined"].tolist()
    assert ["", "the records leave this free"] == found.table["why"].tolist()
    assert np.isnan(found.table[["tokens", "loss", "flops"]].iloc[1]).all()
    assert any(
        "1 of 2 rest on what the records leave free, and are NaN" in t for t in found.trouble
    )


def test_refits_of_one_fit_are_paired_and_those_of_two_are_not(p2_records):
    """
    Two fits with the same seed throw the same signs, but say nothing of each other.
    """
    held = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2}
    records = p2_records(noise=0.01, seed=5)
    fit, same = (p2law.fit(records, forms.p2, fixed=held) for _ in range(2))
    rows = planning.candidates(MODELS[0], 0.25, ["depth", "width"])

    one = planning.choose({"depth": fit, "width": fit}, rows, tokens=1e9).table.iloc[1]
    two = planning.choose({"depth": fit, "width": same}, rows, tokens=1e9).table.iloc[1]

    width = two["loss_high"] - two["loss_low"]
    assert (1, 0, 0) == (one["chance"], one["behind_low"], one["behind_high"])
    assert two["chance"] == pytest.approx(0.5, abs=0.01)
    assert two["behind_high"] - two["behind_low"] == pytest.approx(2**0.5 * width, rel=0.1)


@p2law.form("L = floor + scale * D^-0.5 + c * D", linear=("floor", "scale", "c"))
def bowl(
    tokens: Annotated[float, Domain("> 0", symbol="D", unit="token")],
    *,
    floor: Annotated[float, Bounds(0, None, "nat", "loss that stays")],
    scale: Annotated[float, Bounds(0, None, "nat token^0.5", "loss that goes")],
    c: Annotated[float, Bounds(0, None, "nat token^-1", "loss that comes")],
):
    """A law that falls and rises again."""
    return floor + scale * tokens**-0.5 + c * tokens


def test_a_law_that_rises_again_is_reached_where_it_first_comes_down():
    """
    As `tokens_for` has it.
    """
    rows = pd.DataFrame(
        {"run": np.repeat(list("abcdef"), 12), "tokens": np.tile(np.geomspace(1e5, 1e8, 12), 6)}
    )
    truth = {"floor": 2.0, "scale": 100.0, "c": 3e-9}
    fit = p2law.fit(testing.synthesize(bowl, truth, rows, noise=0.01), bowl)
    table = planning.candidates(MODELS[0], 0.25, "depth")

    found = planning.budget_table(fit, table, loss=[2.2, 2.02]).table

    single = p2law.tokens_for(fit, loss=2.2)
    ours = found[["tokens", "tokens_low", "tokens_high"]].iloc[0]
    np.testing.assert_allclose(ours, [float(single), single.low, single.high], rtol=0.01)
    assert "the loss is out of reach" == found["why"].iloc[1]


@pytest.fixture(scope="module")
def bowls():
    """A law with its least, 2.075, at 6.5e6 tokens, and one that falls all along."""
    rows = pd.DataFrame(
        {"run": np.repeat(list("abcdef"), 12), "tokens": np.tile(np.geomspace(1e5, 1e8, 12), 6)}
    )
    truth = {"floor": 2.0, "scale": 100.0}
    return {
        name: p2law.fit(
            testing.synthesize(bowl, truth | {"c": c}, rows, noise=0.01), bowl, fixed=held
        )
        for name, c, held in (("depth", 3e-9, {}), ("width", 0.0, {"c": 0.0}))
    }


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"loss": 2.2}, "the law does not fall all along; these are the first such tokens"),
        ({"tokens": 1e8}, "the law does not fall all along: after its least, tokens cost loss"),
        ({"tokens": 1e6}, None),
        (
            {"tokens": [1e6, 1e8]},
            "the law, for 2 of 4, does not fall all along: after its least, tokens cost loss",
        ),
    ],
    ids=str,
)
def test_plans_by_a_law_that_rises_again_say_so(bowls, asked, words):
    """
    Wherever a loss is asked for, as `tokens_for` does; of a budget where less of it did better.
    """
    table = planning.candidates(MODELS[0], [0.25, 0.5], ["depth", "width"])
    alone = table[table["method"] == "depth"]

    single = planning.budget_table(bowls["depth"], alone, **asked)
    both = planning.budget_table(bowls, table, **asked)

    assert ([words] if words else []) == [each for each in single.trouble if "all along" in each]
    assert ([f"depth: {words}"] if words else []) == [
        each for each in both.trouble if "all along" in each
    ]


def test_choices_and_frontiers_by_a_law_that_rises_again_say_so(bowls):
    """
    A budget beyond the least is not spent for the best loss.
    """
    fit, table = bowls["depth"], planning.candidates(MODELS, 0.25, "depth")
    words = "the law does not fall all along: after its least, tokens cost loss"

    assert words in planning.choose(fit, table, tokens=1e8).trouble
    assert words in planning.at_size(fit, MODELS, 1e9, tokens=1e8).trouble
    assert words in planning.frontier(fit, table, against="params_after", tokens=1e8).trouble
    assert words in planning.saturation(fit, gain=0.01).trouble


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"loss": None}, PlanError, "ask for exactly one of loss, tokens, .*; got none"),
        ({"tokens": 1e9}, PlanError, "ask for exactly one of loss, tokens, .*; got loss, tokens"),
        ({"loss": None, "tokens": 10**400}, PlanError, "tokens is a positive number"),
        (
            {"loss": None, "money": 1},
            PlanError,
            "there is no money=: there are loss, tokens, .*draws",
        ),
        ({"loss": -1}, PlanError, r"loss is a positive number, got -1 \(int\)"),
        ({"loss": []}, PlanError, "loss is an empty list"),
        ({"level": 90}, FitError, "level is a probability between 0 and 1"),
        ({"probability": 90}, PlanError, "probability lies between 0 and 1, got 90"),
        ({"draws": 7}, PlanError, "draws is an even number of refits, 20 to 100,000, got 7"),
        (
            {"loss": None, "tokens": 1e9, "probability": 0.9},
            PlanError,
            "probability goes with a loss; tokens is what is asked for",
        ),
        ({"loss": None, "cost": 1.0}, PlanError, "a budget of cost says nothing without a"),
    ],
)
def test_what_is_asked_for_must_make_sense(plan_fits, table, change, error, words):
    """
    One thing at a time, and numbers that can be.
    """
    with pytest.raises(error, match=words):
        planning.budget_table(plan_fits, table, **({"loss": 2.3} | change))


def test_every_method_needs_a_fit(plan_fits, table):
    """
    The message names those that have one.
    """
    with pytest.raises(PlanError, match="no fit for 2:4, width; there are fits for depth"):
        planning.budget_table({"depth": plan_fits["depth"]}, table, loss=2.3)


@pytest.mark.parametrize("fits", [{}, None, {"depth": 1}])
def test_what_is_no_fit_is_refused(table, fits):
    """
    A Fit, or a mapping to some.
    """
    with pytest.raises(PlanError, match="Fit"):
        planning.budget_table(fits, table, loss=2.3)


def test_a_law_that_reads_more_needs_a_column_for_it(table):
    """
    As anywhere; once it is there, it is read.
    """
    truth = {"E": 1.5, "A": 400.0, "B": 1500.0, "alpha": 0.35, "beta": 0.35, "R_D": 15.0}
    grid = p2law.grid(
        params=[1e9, 8e9], unique_tokens=[1e9, 1e10], tokens=np.geomspace(1e8, 1e11, 6)
    )
    held = {name: truth[name] for name in truth if name != "A"} | {"R_N": 5.0}
    records = testing.synthesize(forms.repeated_data, truth | {"R_N": 5.0}, grid, noise=1e-3)
    fit = p2law.fit(records, forms.repeated_data, fixed={n: held[n] for n in held if n != "E"})

    with pytest.raises(FormError, match="missing: unique_tokens"):
        planning.budget_table(fit, table, tokens=1e9)

    rows = table.assign(unique_tokens=2e9)
    found = planning.budget_table(fit, rows, tokens=1e9).table
    np.testing.assert_allclose(found["loss"], fit.predict(rows.assign(tokens=1e9))["loss"])


def test_a_table_is_a_copy_and_shows_itself(plan_fits, table):
    """
    Nothing in the result changes; text and HTML say the same.
    """
    found = planning.budget_table(plan_fits, table, loss=2.3, prices=PRICES)

    other = found.table
    other["tokens"] = math.nan

    assert found.table["tokens"].notna().all()
    text = str(found)
    assert text.startswith("what 18 candidates take or reach: loss 2.3")
    assert "8B 2:4 0.35" in text
    assert "a GPU-hour costs 2 USD" in text
    assert "8B 2:4 0.35" in found._repr_html_()


def test_programs_get_a_table_and_single_budgets_as_plain_values(plan_fits, table):
    """
    JSON has room for all of it.
    """
    found = planning.budget_table(plan_fits, table, loss=[2.3, 2.4])
    single = p2law.tokens_for(
        plan_fits["depth"], loss=2.3, params=3e9, pruning_rate=0.2, base_loss=2.0
    )

    many, one = (json.loads(json.dumps(each.plain())) for each in (found, single))

    assert found.table["tokens"].tolist() == [each["tokens"] for each in many["table"]]
    assert ("loss", [2.3, 2.4], found.refits) == (many["asked"], many["amounts"], many["refits"])
    assert (single.tokens, single.high) == (one["tokens"], one["high"])


@pytest.mark.parametrize("asked", [{"loss": 2.3}, {"tokens": 1e9}])
@pytest.mark.parametrize("name", ["candidate", "values", "losses"])
def test_arrays_of_a_table_cannot_be_written_into(plan_fits, table, name, asked):
    """
    What is worked out from them later would be another answer.
    """
    found = planning.budget_table(plan_fits, table, **asked)

    with pytest.raises(ValueError, match="read-only"):
        getattr(found, name)[:] = 0


def test_a_law_that_knows_no_rates_is_said_to_tell_none_apart(table):
    """
    All candidates of one model would come out the same.
    """
    grid = pd.DataFrame({"tokens": np.tile(np.geomspace(1e8, 1e10, 8), 6)})
    grid["run"] = np.repeat(np.arange(6), 8).astype(str)
    truth = {"floor": 2.0, "scale": 300.0, "beta": 0.35}
    fit = p2law.fit(
        testing.synthesize(forms.token_power, truth, grid, noise=0.002), forms.token_power
    )

    said = planning.budget_table(fit, table, tokens=1e9).trouble

    assert any("token_power reads neither pruning_rate nor params_after" in each for each in said)
