"""The cheapest way to a loss, the best loss for a budget, and ties named as ties."""

from pathlib import Path

import numpy as np
import pytest

import p2law
from p2law import forms, planning
from p2law.errors import PlanError
from p2law.planning.budgets import digits
from p2law.text.views import number

SIZES, RATES = (1.5e9, 3e9, 8e9), (0.2, 0.35, 0.5)
MODELS = [planning.Model(f"{size / 1e9:g}B", size, 2.0) for size in SIZES]
PRICES = planning.Prices(peak_flops=1e15, mfu=0.4, gpu_hour=2.0)
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def fits(plan_fits):
    """Depth and width, both well known."""
    return {name: plan_fits[name] for name in ("depth", "width")}


@pytest.fixture(scope="module")
def table():
    """Three models, three rates, two methods."""
    return planning.candidates(MODELS, RATES, ["depth", "width"])


def test_the_cheapest_way_to_a_loss_is_the_least_of_the_table(fits, table):
    """
    Among the candidates below the limit of size, by cost.
    """
    every = planning.budget_table(fits, table, loss=2.3, prices=PRICES).table
    small = every[(every["params_after"] <= 4e9) & np.isfinite(every["tokens"])]

    found = planning.choose(
        fits, table, loss=2.3, prices=PRICES, limits=planning.Limits(params_after=4e9)
    )

    best = small.loc[small["cost"].idxmin()]
    row = found.table.iloc[0]
    assert (best["model"], best["method"]) == (row["model"], row["method"])
    assert best["cost"] == row["cost"]
    assert len(small) == len(found.table)
    assert found.table["cost"].is_monotonic_increasing
    assert ("params_after above 4e9", 4) in found.left_out
    assert "cheapest way to loss 2.3, params after at most 4e9" == found.purpose


def test_the_best_loss_for_a_budget_is_the_least_of_the_table(fits, table):
    """
    Every candidate spends the budget.
    """
    found = planning.choose(fits, table, flops=1e20)

    assert found.table["loss"].iloc[0] == found.table["loss"].min()
    np.testing.assert_allclose(found.table["flops"], 1e20)
    assert found.best.startswith("8B width 0.2")
    assert found.verdict.startswith("8B width 0.2 has the lowest loss")


def test_without_prices_the_cheapest_is_that_of_fewest_flops(fits, table):
    """
    FLOPs are always known.
    """
    found = planning.choose(fits, table, loss=2.3)

    assert found.table["flops"].is_monotonic_increasing
    assert "FLOPs" in found.verdict


def test_a_difference_larger_than_its_noise_is_stated_with_its_interval(fits, table):
    """
    The next is no tie.
    """
    found = planning.choose(fits, table, tokens=1e9)

    row = found.table.iloc[1]
    assert not found.ties
    assert not row["tied"]
    assert 0 < row["behind_low"] < row["behind"] < row["behind_high"]
    assert f"the next, {found.table['model'].iloc[1]} " in found.verdict
    assert "nat more (90 %: " in found.verdict


def test_a_difference_within_the_noise_is_named_as_a_tie(plan_fits):
    """
    2:4 is as good as width, but so noisy that nobody can tell.
    """
    rows = planning.candidates(MODELS[1], 0.35, ["width", "2:4", "depth"])

    found = planning.choose(plan_fits, rows, tokens=3e8)

    assert found.best.split()[1] in {"width", "2:4"}
    assert {found.best.split()[1], found.ties[0].split()[1]} == {"width", "2:4"}
    assert "within the noise" in found.verdict
    assert f"{found.ties[0]} in " in found.verdict
    assert 0.05 < found.table["chance"].iloc[1] < 0.95


def test_candidates_of_one_fit_are_compared_by_the_same_refits(plan_fits):
    """
    Intervals overlap by far, and yet less pruning is better in every refit.
    """
    rows = planning.candidates(MODELS[1], [0.3, 0.31], "2:4")

    found = planning.choose(plan_fits, rows, tokens=3e8).table

    assert found["loss_high"].iloc[0] > found["loss_low"].iloc[1]
    assert not found["tied"].iloc[1]


def test_a_best_plan_that_part_of_the_refits_never_reach_is_said_to_be(plan_fits):
    """
    In the verdict with the share, and above the table with how many candidates are so.
    """
    rows = planning.candidates(MODELS[1], [0.2, 0.35], "2:4")
    floor = planning.budget_table(plan_fits, rows, loss=1.9).table["loss"].min()

    found = planning.choose(plan_fits, rows, loss=floor + 1e-4)

    share = found.table["reachable"].item()
    assert 0.3 < share < 0.7
    assert np.isinf(found.table["flops_high"].item())
    assert "to inf)" in found.verdict
    assert f"and in {100 * (1 - share):.2g} % of the refits never gets there" in found.verdict
    assert any("reached in only part of the refits by 1 of 2" in each for each in found.trouble)


def test_a_verdict_says_how_sure_the_best_is_of_what_it_takes(fits, table):
    """
    The interval of what is compared, which the table shows for every plan.
    """
    found = planning.choose(fits, table, loss=2.3, prices=PRICES)

    best = found.table.iloc[0]
    cost, low, high = (number(best[f"cost{each}"], digits(best)) for each in ("", "_low", "_high"))
    assert "cost" == found.measure
    assert best["cost_low"] < best["cost"] < best["cost_high"]
    assert f"takes least, {cost} USD (90 %: {low} to {high}); " in found.verdict
    assert ["size", "tokens", "cost", "from", "to", "loss"] == [*found.view().header[1:7]]
    assert max(map(len, str(found.view().text()).splitlines())) <= 96


def test_what_a_verdict_holds_against_each_other_beyond_the_records_is_named(fits):
    """
    The best and the next, each with its inputs; their rows have a mark.
    """
    models = [planning.Model("3B", 3e9, 2.4), planning.Model("8B", 8e9, 2.0)]

    found = planning.at_size(fits["width"], models, 2.4e9, tokens=1e9)
    alone = planning.at_size(fits["width"], models[1], 2.4e9, tokens=1e9)

    best, other = found.table["beyond"]
    assert {"pruning_rate", "base_loss"} == {best, other}
    assert (
        f"; beyond the records: {found.best} in {best}; 3B pruned 0.2 in base_loss" in found.verdict
    )
    assert [True, True] == [row[0].endswith("*") for row in found.view().rows]
    assert alone.verdict.endswith("; this lies beyond the records in pruning_rate")


def test_what_lies_beyond_is_counted_by_input(fits):
    """
    Not once for all inputs together.
    """
    models = [planning.Model("3B", 3e9, 2.5), planning.Model("8B", 8e9, 2.0)]

    found = planning.choose(fits, planning.candidates(models, [0.35, 0.8], "width"), tokens=1e9)

    words = "3 of 4 lie beyond the records in base_loss (2), pruning_rate (2) and rest on the form"
    said = next(each for each in found.trouble if each.startswith(words))
    for name, value, reach in (("base_loss", 2.5, "2"), ("pruning_rate", 0.8, "0.15 to 0.5")):
        assert f"{name} {value} (records: {reach})" in said.split("; furthest ")[1]
    assert found.verdict.endswith("; beyond the records: 8B width 0.8 in pruning_rate")
    assert 3 == sum(row[0].endswith("*") for row in found.view().rows)


def test_losses_on_different_texts_are_said_not_to_be_comparable(p2_records):
    """
    Fits to records of one text are compared without a word.
    """
    records = p2_records(noise=0.003)
    novels, code = (p2law.fit(records.assign(eval_text=each)) for each in ("novels", "code"))
    rows = planning.candidates(MODELS[1], 0.35, ["depth", "width"])

    apart = planning.choose({"depth": novels, "width": code}, rows, tokens=1e9)
    alike = planning.choose({"depth": novels, "width": novels}, rows, tokens=1e9)

    said = "losses on different texts cannot be compared: depth novels, width code"
    assert said == apart.trouble[0]
    assert not any("texts" in each for each in alike.trouble)


def test_losses_of_different_measures_are_said_not_to_be_comparable(p2_records):
    """
    Perplexities against nats; that these are called nat, or nothing, makes no difference.
    """
    records = p2_records(noise=0.003)
    nats, named, other = (
        p2law.fit(each)
        for each in (records, records.assign(metric="nat"), records.assign(metric="perplexity"))
    )
    rows = planning.candidates(MODELS[1], 0.35, ["depth", "width"])

    apart = planning.choose({"depth": nats, "width": other}, rows, tokens=1e9)
    alike = planning.choose({"depth": nats, "width": named}, rows, tokens=1e9)

    said = "losses on different measures cannot be compared: depth nats, width perplexity"
    assert said == apart.trouble[0]
    assert not any("measures" in each for each in alike.trouble)


@pytest.mark.parametrize(
    ("key", "recorded", "said"),
    [
        ("depth", ["width"], True),
        ("2:4", ["unstructured-wanda"], True),
        ("2:4", ["2:4-wanda", "2:4-sparsegpt"], False),
        ("depth", ["depth", "width"], False),
        ("layers of the novels", ["width"], False),
        ("depth", ["my own way"], False),
    ],
)
def test_a_fit_to_records_of_another_method_is_noted(p2_records, key, recorded, said):
    """
    Keys are free names; only two known methods that differ tell of a slip.
    """
    records = p2_records(noise=0.003)
    fit = p2law.fit(records.assign(method=np.resize(recorded, len(records))))

    found = planning.choose({key: fit}, planning.candidates(MODELS[1], 0.35, key), tokens=1e9)

    words = f"{key} is foreseen by a fit to records of {recorded[0]}: was another meant?"
    assert said == (words in found.notes)
    assert said == any("foreseen" in each for each in found.notes)


def test_a_probability_asks_for_more_tokens(fits, table):
    """
    The loss is reached in so many of the refits.
    """
    plain = planning.choose(fits, table, loss=2.3)
    sure = planning.choose(fits, table, loss=2.3, limits=planning.Limits(probability=0.95))

    assert sure.table["tokens"].iloc[0] > plain.table["tokens"].iloc[0]
    assert (sure.table["reached"] >= 0.95).all()
    assert "loss 2.3 in 95 % of the refits" in sure.purpose


def test_a_limit_of_loss_with_a_probability_leaves_out_the_unsure(plan_fits):
    """
    What the fit promises and too few refits keep is no plan.
    """
    rows = planning.candidates(MODELS[1], 0.35, ["width", "2:4"])
    most = planning.budget_table(plan_fits, rows, tokens=3e8).table["loss"].max() + 1e-4

    plain = planning.choose(plan_fits, rows, tokens=3e8, limits=planning.Limits(loss=most))
    sure = planning.choose(
        plan_fits, rows, tokens=3e8, limits=planning.Limits(loss=most, probability=0.99)
    )

    assert 2 == len(plain.table)
    assert len(sure.table) < 2
    assert any("loss above" in why for why, _ in sure.left_out)


def test_nothing_that_is_a_plan_is_an_answer_too(fits, table):
    """
    No exception: the reasons are counted.
    """
    found = planning.choose(
        fits, table, loss=2.3, limits=planning.Limits(params_after=1e8, flops=1e10)
    )

    assert found.best is None
    assert "no candidate is a plan; below stands why" == found.verdict
    assert ("params_after above 1e8", len(table)) in found.left_out
    assert "left out  18 candidates: params_after above 1e8" in str(found)


def test_a_loss_that_nothing_reaches_is_said(fits, table):
    """
    Beside what lies above a limit.
    """
    found = planning.choose(fits, table, loss=2.001)

    assert (("the loss is out of reach", len(table)),) == found.left_out


# -- one final size ------------------------------------------------------------------


def test_at_one_size_each_model_is_pruned_down_to_it(fits):
    """
    Harder the larger it is; no smaller one takes part.
    """
    found = planning.at_size(fits, MODELS, 2e9, tokens=1e9)

    rates = found.table.set_index(["model", "method"])["pruning_rate"]
    assert rates["3B", "depth"] == pytest.approx(1 / 3)
    assert rates["8B", "width"] == pytest.approx(0.75)
    assert {"3B", "8B"} == set(found.table["model"])
    assert (found.table["params_after"] == 2e9).all()
    assert found.best.startswith("3B width")


def test_at_one_size_one_fit_stands_for_any_method(fits):
    """
    All parameters are counted then, for nothing says that they are gone.
    """
    found = planning.at_size(fits["depth"], MODELS, 2e9, tokens=1e9)

    assert {"pruned"} == set(found.table["method"])
    np.testing.assert_allclose(found.table["flops"], 6e9 * found.table["params"])


def test_at_one_size_some_model_must_be_larger(fits):
    """
    Otherwise there is nothing to prune.
    """
    with pytest.raises(PlanError, match="no model is larger than 9e9 parameters"):
        planning.at_size(fits, MODELS, 9e9, tokens=1e9)
    with pytest.raises(PlanError, match="params_after is a positive number, got -1"):
        planning.at_size(fits, MODELS, -1, tokens=1e9)


# -- not pruning at all --------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (2.9, "is worse: the best plan beats it in 100 % of the refits"),
        (2.1, "is better: the best plan beats it in 0 % of the refits"),
    ],
)
def test_a_smaller_dense_model_is_compared_with_the_best_plan(fits, loss, words):
    """
    Its loss is taken as exact.
    """
    found = planning.at_size(fits, MODELS, 2e9, tokens=1e9, dense=planning.Dense("2B", 2e9, loss))

    assert f"2B (2e9 parameters, loss {loss:g}) {words}" == found.dense[0]


def test_a_dense_model_within_the_noise_is_as_good(fits):
    """
    Neither pruning nor not pruning is told to be better.
    """
    loss = planning.at_size(fits, MODELS, 2e9, tokens=1e9).table["loss"].iloc[0]

    found = planning.at_size(fits, MODELS, 2e9, tokens=1e9, dense=planning.Dense("2B", 2e9, loss))

    assert "is as good in the noise" in found.dense[0]


def test_dense_models_of_other_sizes_or_losses_are_told_apart(fits, table):
    """
    There already; too large; of another size.
    """
    dense = [
        planning.Dense("there", 3e9, 2.2),
        planning.Dense("large", 6e9, 2.2),
        planning.Dense("small", 1e8, 3.0),
    ]

    found = planning.choose(
        fits, table, loss=2.3, dense=dense, limits=planning.Limits(params_after=5e9)
    )

    assert "is there without pruning and without a token" in found.dense[0]
    assert "is above the limit of 5e9 parameters" in found.dense[1]
    assert "times as large as the best plan, is worse" in found.dense[2]


# -- how it is asked for and how it looks --------------------------------------------


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"params_after": -1}, "the limit params_after is a positive number, got -1"),
        ({"probability": 90}, "probability lies between 0 and 1, got 90"),
    ],
)
def test_limits_that_are_none_are_refused(limits, words):
    """
    When they are stated.
    """
    with pytest.raises(PlanError, match=words):
        planning.Limits(**limits)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (planning.Limits(cost=100), "a limit of cost needs prices"),
        (planning.Limits(probability=0.9), "probability needs a loss"),
        ({"params_after": 1e9}, r"limits are planning.Limits\(params_after=4e9, ...\), got {"),
    ],
)
def test_limits_that_nothing_tells_are_refused(fits, table, limits, words):
    """
    Nothing is left out in silence, and nothing let through.
    """
    with pytest.raises(PlanError, match=words):
        planning.choose(fits, table, tokens=1e9, limits=limits)


def test_a_choice_without_rows_to_spare_tells_no_noise(table):
    """
    The order stands; no tie is claimed to be told.
    """
    records = p2law.testing.design([1e9, 4e9], [0.2, 0.4], [1e8, 1e9]).iloc[[0, 3, 6]]
    truth = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.0}
    made = {"N_C": 100.0, "D_C": 100.0, "E": 0.1}
    exact = p2law.testing.synthesize(p2law.forms.p2, truth | made, records)
    fit = p2law.fit(exact, p2law.forms.p2, fixed=truth)

    found = planning.choose(fit, table, tokens=1e9)

    assert "nothing tells how much of the difference to" in found.verdict
    assert found.table["chance"].isna().all()


def test_a_probability_without_rows_to_spare_is_told_for_what_it_is(table):
    """
    No refit says how sure the loss is; it is not above the limit for that.
    """
    records = p2law.testing.design([1e9, 4e9], [0.2, 0.4], [1e8, 1e9]).iloc[[0, 3, 6]]
    truth = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.0}
    made = {"N_C": 100.0, "D_C": 100.0, "E": 0.1}
    exact = p2law.testing.synthesize(p2law.forms.p2, truth | made, records)
    fit = p2law.fit(exact, p2law.forms.p2, fixed=truth)
    limits = planning.Limits(loss=99.0, probability=0.9)

    found = planning.choose(fit, table, tokens=1e9, limits=limits)

    assert {"too few rows tell how sure its loss is"} == {why for why, _ in found.left_out}


@pytest.mark.parametrize("kind", ["txt", "html"])
def test_the_views_of_a_choice_are_the_agreed_ones(plan_fits, kind, request):
    """
    Golden files: what is seen is the product.
    """
    rows = planning.candidates(MODELS, [0.2, 0.5], ["depth", "width", "2:4"])
    limits = planning.Limits(params_after=4e9, probability=0.8)
    dense = planning.Dense("2B", 2e9, 2.5)

    found = planning.choose(plan_fits, rows, loss=2.4, prices=PRICES, limits=limits, dense=dense)

    path = GOLDEN / f"choice.{kind}"
    text = f"{found}\n" if kind == "txt" else f"{found._repr_html_()}\n"
    if request.config.getoption("--rewrite-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_plain_values_are_those_of_the_result(fits, table):
    """
    For programs.
    """
    found = planning.choose(fits, table, tokens=1e9)

    plain = found.plain()

    assert found.best == plain["best"]
    assert len(found.table) == len(plain["table"])
    assert found.table["loss"].tolist() == [row["loss"] for row in plain["table"]]


def test_candidates_of_unknown_cost_are_no_plans(fits, table):
    """
    A gap in the throughput passes no limit, is not chosen, and empties no frontier.
    """
    gaps = table.assign(tokens_per_second=np.where(table["model"] == "1.5B", np.nan, 5e4))
    prices, unknown = planning.Prices(gpu_hour=2.0), ("nothing tells its cost", 6)

    cheap = planning.choose(fits, gaps, loss=2.3, prices=prices)
    limited = planning.choose(
        fits, gaps, tokens=1e9, prices=prices, limits=planning.Limits(cost=1e6)
    )
    edge = planning.frontier(fits, gaps, loss=2.3, prices=prices, against="params_after")
    spent = planning.frontier(fits, gaps, tokens=[1e8, 1e9], prices=prices, against="cost")

    for found in (cheap, limited, edge):
        assert unknown in found.left_out
        assert np.isfinite(found.table["cost"]).all()
        assert len(found.table)
    assert ("nothing tells its cost", 12) in spent.left_out
    assert len(spent.table)
    assert "nan" not in str(cheap)


def test_what_the_records_leave_free_is_not_said_to_be_out_of_reach(p2_records):
    """
    A fit of two sizes tells nothing of a third, however low the loss that is asked for.
    """
    fit = p2law.fit(p2_records(params=(0.5e9, 3e9), noise=0.003, run_noise=0.01))
    third = planning.candidates(planning.Model("10B", 1e10, 2.0), 0.25, "depth")

    found = planning.choose(fit, third, loss=0.1)

    assert (("the records leave this free", 1),) == found.left_out


def test_where_all_is_out_of_reach_the_lowest_loss_within_reach_is_named(fits, table):
    """
    What to ask for instead.
    """
    found = planning.choose(fits, table, loss=2.001)
    every = planning.budget_table(fits, table, loss=2.001).table

    lowest = every.loc[every["loss"].idxmin()]
    assert f"lowest loss within reach is {lowest['loss']:.4f}" in found.verdict
    assert f"of {lowest['model']} {lowest['method']}" in found.verdict


def test_what_most_refits_need_has_no_interval_of_each(fits, table):
    """
    With a probability, `behind` stands without an interval that it need not lie in.
    """
    found = planning.choose(fits, table, loss=2.3, limits=planning.Limits(probability=0.98))

    assert found.table[["behind_low", "behind_high"]].isna().all(axis=None)
    assert "nan" not in found.verdict
    limits = planning.Limits(loss=2.3, probability=0.98)
    assert ", loss at most 2.3 in 98 % of the refits" == limits.words


def test_at_one_size_there_may_be_limits(fits):
    """
    As anywhere else.
    """
    limits = planning.Limits(loss=1.0)

    found = planning.at_size(fits, MODELS, 2e9, tokens=1e9, limits=limits)

    assert found.best is None
    small = ("no larger than 2e9 before pruning", 2)
    assert [("loss above 1", 4), small] == list(found.left_out)


def test_at_one_size_smaller_models_are_counted_as_left_out(fits):
    """
    One for each method, and in the view.
    """
    found = planning.at_size(fits, MODELS, 2e9, tokens=1e9)

    assert (("no larger than 2e9 before pruning", 2),) == found.left_out
    assert "2 candidates: no larger than 2e9 before pruning" in str(found)


@pytest.mark.parametrize(
    ("asked", "cure"),
    [
        ({"loss": [2.3, 2.4]}, "planning.budget_table takes several"),
        ({"tokens": [1e8, 1e9]}, "planning.budget_table and planning.frontier take several"),
    ],
)
def test_plans_for_several_amounts_are_no_rivals(fits, table, asked, cure):
    """
    The larger budget and the higher loss would always win.
    """
    words = f"{next(iter(asked))} is one number here, got 2: .* {cure}"

    with pytest.raises(PlanError, match=words):
        planning.choose(fits, table, **asked)
    with pytest.raises(PlanError, match=words):
        planning.at_size(fits, MODELS, 2e9, **asked)


@pytest.mark.parametrize(
    ("slip", "words"),
    [
        ({"price": PRICES}, "there is no price=: did you mean 'prices'"),
        ({"token": 1e9}, "there is no token=: did you mean 'tokens'"),
        ({"limit": None, "loss": 2.3, "dens": 1}, "there is no dens=: did you mean 'dense'"),
    ],
)
def test_a_misspelt_option_is_told_the_nearest(fits, table, slip, words):
    """
    Not that a loss or a budget is lacking.
    """
    with pytest.raises(PlanError, match=words):
        planning.choose(fits, table, **slip)


def test_a_limit_below_the_loss_that_is_asked_for_contradicts_it(fits, table):
    """
    The same number, or a higher one, goes without saying.
    """
    with pytest.raises(PlanError, match=r"limit loss is 2.2, below the 2.4 .* ask for loss=2.2"):
        planning.choose(fits, table, loss=2.4, limits=planning.Limits(loss=2.2))

    plain = planning.choose(fits, table, loss=2.4)
    same = planning.choose(fits, table, loss=2.4, limits=planning.Limits(loss=2.4))
    assert len(plain.table) == len(same.table)


def test_no_dense_model_is_none(fits, table):
    """
    None, as for limits and prices; what is no model is refused.
    """
    assert () == planning.choose(fits, table, tokens=1e9, dense=None).dense
    with pytest.raises(PlanError, match=r"planning.Dense\(name, params, loss\) are wanted, got 3"):
        planning.choose(fits, table, tokens=1e9, dense=3)


@pytest.mark.parametrize(("models", "words"), [(None, "got None"), ([None], "got None")])
def test_models_that_are_none_are_refused_at_one_size(fits, models, words):
    """
    With what they should be.
    """
    with pytest.raises(PlanError, match=rf"planning.Model\(name, params, base_loss\).*{words}"):
        planning.at_size(fits, models, 2e9, tokens=1e9)


def test_a_loss_that_is_there_before_the_first_token_is_said_to_be(p2_records):
    """
    Nothing need be trained, tokens are not beyond anything, and the loss was never measured.
    """
    fit = p2law.fit(p2_records(noise=0.003), forms.p2_rectified)
    rows = planning.candidates(MODELS[1], 0.35, "depth")

    found = planning.choose(fit, rows, loss=50.0)

    assert "takes least, 0 FLOPs: the loss is met before the first token" in found.verdict
    assert [""] == found.table["beyond"].tolist()
    assert found.trouble[-1].startswith("loss 50 is above all on record, up to ")


def test_a_single_fit_at_one_size_says_how_flops_are_counted(fits):
    """
    Nobody has named the method.
    """
    found = planning.at_size(fits["depth"], MODELS, 2e9, tokens=1e9)

    assert any("no method is named" in each for each in found.notes)
