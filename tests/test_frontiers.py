"""Plans that no other beats in both of two things."""

from pathlib import Path

import numpy as np
import pytest

import p2law
from p2law import forms, planning
from p2law.errors import PlanError

MODELS = [planning.Model(f"{size / 1e9:g}B", size, 2.0) for size in (1.5e9, 3e9, 8e9)]
PRICES = planning.Prices(peak_flops=1e15, mfu=0.4, gpu_hour=2.0)
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def table():
    """Three models, three rates, three methods."""
    return planning.candidates(MODELS, [0.2, 0.35, 0.5], ["depth", "width", "2:4"])


def beaten(row, others, x, y):
    """Whether a plan has no less of one thing and more of the other than some other plan."""
    less = (others[x] <= row[x]) & (others[y] <= row[y])
    return (less & ((others[x] < row[x]) | (others[y] < row[y]))).any()


@pytest.mark.parametrize(
    ("asked", "against", "measure"),
    [
        ({"tokens": [1e8, 1e9, 1e10]}, "flops", "loss"),
        ({"tokens": 1e9}, "params_after", "loss"),
        ({"cost": [10, 100, 1000]}, "cost", "loss"),
        ({"loss": 2.3}, "params_after", "cost"),
        ({"loss": 2.3}, "tokens", "cost"),
    ],
)
def test_no_plan_of_the_frontier_is_beaten_and_all_others_are(
    plan_fits, table, asked, against, measure
):
    """
    By the definition, plan by plan.
    """
    found = planning.frontier(plan_fits, table, against=against, prices=PRICES, **asked)
    every = planning.budget_table(plan_fits, table, prices=PRICES, **asked).table
    every = every[every["why"] == ""]

    assert (measure, against) == (found.measure, found.against)
    free = every[[not beaten(row, every, against, measure) for _, row in every.iterrows()]]
    np.testing.assert_array_equal(
        found.table[[against, measure]], free.sort_values(against)[[against, measure]]
    )
    assert len(every) == found.plans


def test_ties_on_the_frontier_are_named(plan_fits, table):
    """
    2:4 is too noisy to be told from the others.
    """
    found = planning.frontier(plan_fits, table, against="params_after", tokens=1e9)

    names = [name for each in found.table["tied_with"] for name in each]
    assert any(" 2:4 " in name or " width " in name for name in names)
    assert found.table["ties"].tolist() == [len(each) for each in found.table["tied_with"]]
    for _, row in found.table.iterrows():
        own = f"{row['model']} {row['method']} {row['pruning_rate']:.3g}"
        assert own not in row["tied_with"]


def test_limits_hold_on_the_frontier(plan_fits, table):
    """
    What is left out is counted.
    """
    found = planning.frontier(
        plan_fits,
        table,
        against="cost",
        prices=PRICES,
        limits=planning.Limits(params_after=2e9, cost=500),
        tokens=np.geomspace(1e8, 1e11, 7),
    )

    assert (found.table["params_after"] <= 2e9).all()
    assert (found.table["cost"] <= 500).all()
    assert {"params_after above 2e9", "cost above 500"} == {why for why, _ in found.left_out}


def test_an_empty_frontier_says_why(plan_fits, table):
    """
    Nothing is reached.
    """
    found = planning.frontier(plan_fits, table, against="params_after", loss=2.001)

    assert 0 == len(found.table)
    assert "0 of 0 plans" in str(found)
    assert "27 candidates: the loss is out of reach" in str(found)


@pytest.mark.parametrize(
    ("against", "words"),
    [
        ("size", "against is one of cost, .*, got 'size'"),
        ("cost", r"nothing tells cost; give prices \(planning.Prices"),
    ],
)
def test_a_frontier_against_what_nothing_tells_is_refused(plan_fits, table, against, words):
    """
    No such column, or no price.
    """
    with pytest.raises(PlanError, match=words):
        planning.frontier(plan_fits, table, against=against, tokens=1e9)


def test_a_frontier_needs_two_things(plan_fits, table):
    """
    What a loss takes against itself is none.
    """
    with pytest.raises(PlanError, match="flops is what is to be small already"):
        planning.frontier(plan_fits, table, against="flops", loss=2.3)


def test_a_frontier_is_of_one_loss(plan_fits, table):
    """
    Of two losses the higher one takes less of everything, and the lower one would vanish.
    """
    with pytest.raises(PlanError, match=r"loss is one number here, got 2: .* a frontier of each"):
        planning.frontier(plan_fits, table, against="params_after", loss=[2.2, 2.3])

    single = planning.frontier(plan_fits, table, against="params_after", loss=[2.2])
    assert "frontier of FLOPs and size, loss 2.2" == single.purpose


@pytest.mark.parametrize("kind", ["txt", "html"])
def test_the_views_of_a_frontier_are_the_agreed_ones(plan_fits, table, kind, request):
    """
    Golden files: what is seen is the product.
    """
    found = planning.frontier(
        plan_fits, table, against="cost", prices=PRICES, tokens=[1e8, 1e9, 1e10]
    )

    path = GOLDEN / f"frontier.{kind}"
    text = f"{found}\n" if kind == "txt" else f"{found._repr_html_()}\n"
    if request.config.getoption("--rewrite-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
    assert found.purpose in text
    assert found.plain()["plans"] == found.plans


def test_a_frontier_keeps_all_that_there_was_to_choose_from(plan_fits, table):
    """
    Plans or not, each with its interval, with why it is none, and whether it was chosen.
    """
    limits = planning.Limits(params_after=5.5e9)
    found = planning.frontier(plan_fits, table, tokens=[1e8, 1e9], limits=limits)

    rows = found.candidates
    assert len(rows) == 2 * len(table)
    assert found.plans == (rows["refused"] == "").sum()
    assert dict(found.left_out) == rows["refused"][rows["refused"] != ""].value_counts().to_dict()
    assert sorted(found.table["loss"]) == sorted(rows["loss"][rows["chosen"]])
    assert ((rows["low"] <= rows["loss"]) & (rows["loss"] <= rows["high"])).all()
    assert "USD" == found.currency


def test_candidates_of_a_frontier_are_a_copy(plan_fits, table):
    """
    Nothing in a result changes.
    """
    found = planning.frontier(plan_fits, table, tokens=1e9)

    mine = found.candidates
    mine["loss"] = 0.0

    assert (found.candidates["loss"] > 1).all()


FIXED = planning.Prices(
    peak_flops=989e12, mfu=0.37, gpu_hour=2.3, calibration_tokens=1.3e6, evaluation_tokens=1e7
)
BUDGETS = [("cost", 5.3), ("cost", 35), ("gpu_hours", 7), ("flops", 1e20), ("tokens", 1e9)]


@pytest.mark.parametrize("prices", [PRICES, FIXED])
@pytest.mark.parametrize(("what", "amount"), BUDGETS)
def test_of_plans_that_spend_the_same_budget_only_the_best_is_on_the_frontier(
    plan_fits, table, what, amount, prices
):
    """
    What they spend is the budget itself, whatever tokens it pays for.
    """
    found = planning.frontier(
        plan_fits, table, against=what, prices=prices, draws=20, **{what: amount}
    )

    assert [amount] * len(table) == found.candidates[what].tolist()
    assert [found.candidates["loss"].min()] == found.table["loss"].tolist()


def test_what_a_budget_takes_of_something_else_is_the_same_but_for_rounding(plan_fits, table):
    """
    A sum of money buys every candidate the same FLOPs.
    """
    sums = [float(each) for each in range(3, 60, 4)]

    found = planning.frontier(plan_fits, table, against="flops", prices=FIXED, draws=20, cost=sums)

    assert len(sums) < len(set(found.candidates["flops"]))
    assert sums == found.table["cost"].tolist()


def test_ties_that_no_noise_is_told_of_are_not_counted(plan_fits):
    """
    Three rows for three coefficients: not told, as in a choice, where 0 would be an answer.
    """
    records = p2law.testing.design([1e9, 4e9], [0.2, 0.4], [1e8, 1e9]).iloc[[0, 3, 6]]
    held = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.0}
    truth = held | {"N_C": 100.0, "D_C": 100.0, "E": 0.1}
    exact = p2law.fit(p2law.testing.synthesize(forms.p2, truth, records), forms.p2, fixed=held)
    rows = planning.candidates(MODELS[:2], 0.35, "depth")

    alone = planning.frontier(exact, rows, against="params_after", tokens=1e9)
    beside = planning.frontier(
        {"depth": plan_fits["depth"], "width": exact},
        planning.candidates(MODELS[:2], 0.35, ["depth", "width"]),
        against="params_after",
        tokens=1e9,
    )

    # The smallest plan has no other that takes no more.
    np.testing.assert_array_equal([0, np.nan], alone.table["ties"])
    assert beside.table["ties"].isna().all()
    assert {"-"} == {row[-1] for row in beside.view().rows}
