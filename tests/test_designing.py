"""Which runs to do next, and what is known before any."""

import copy
import itertools
import math
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import forms, planning, testing
from p2law.designing import identifying, searching
from p2law.designing.informing import added, components, ground, variances
from p2law.designing.offers import offers
from p2law.designing.searching import Search
from p2law.errors import FitError, FormError, PlanError, RecordError
from p2law.objectives import squared
from p2law.solving.refitting import refit
from p2law.solving.surface import Surface

GOLDEN = Path(__file__).parent / "golden"
MIDDLE = {"params": 1e9, "tokens": 1e9, "pruning_rate": 0.3, "base_loss": 2.0}
RANGES = {
    **dict.fromkeys(("N_C", "D_C", "E"), (0.05, 0.3)),
    "alpha": (0.2, 0.6),
    "beta": (0.1, 0.5),
    "gamma": (-2.0, -1.0),
    "delta": (0.1, 0.3),
}
WANTED = pd.DataFrame({"params": [8e9], "tokens": [5e9], "pruning_rate": [0.3], "base_loss": [2]})


def candidates(sizes=(0.5e9, 1e9, 3e9, 8e9), rates=(0.15, 0.35, 0.5), tokens=(2.5e8, 1e9)):
    """Runs that cost what they compute."""
    table = p2law.grid(params=sizes, pruning_rate=rates, tokens=tokens)
    return table.assign(base_loss=2.0, cost=table["params"] * table["tokens"] / 1e18)


@pytest.fixture(scope="module")
def prior():
    """A stated guess of the P² law."""
    return planning.Prior(forms.p2, 0.005, 0.01, RANGES, MIDDLE)


@pytest.fixture(scope="module")
def falling():
    """A stated guess of a power law of tokens."""
    guess = {"floor": (1.5, 2.5), "scale": (0.2, 1.0), "beta": (0.2, 0.5)}
    return planning.Prior(forms.token_power, 0.005, 0.01, guess, {"tokens": 1e9})


@pytest.fixture(scope="module")
def pilot(p2_records):
    """A fit to six noisy runs of small models."""
    table = p2_records((0.5e9, 1e9, 1.5e9), (0.15, 0.35), noise=0.004, run_noise=0.01, seed=1)
    return p2law.fit(table, forms.p2)


# -- choosing ----------------------------------------------------------------------------


def test_the_chosen_runs_keep_to_the_budget_and_narrow_the_interval(prior):
    """
    What is spent is what was allowed at most, and every run in the list narrows further.
    """
    found = planning.next_runs(prior, candidates(), WANTED, budget=12.0)

    widths = [found.before, *found.chosen["width"]]
    assert found.chosen["cost"].sum() == pytest.approx(found.cost)
    assert found.cost <= 12.0
    assert widths == sorted(widths, reverse=True)
    assert found.after == widths[-1] < found.before / 2


def test_without_a_budget_the_run_that_pays_best_is_chosen(pilot):
    """
    The first of the ranking, by narrowing per cost.
    """
    found = planning.next_runs(pilot, candidates(), WANTED)

    ratio = np.log(found.before / found.ranking["width"]) / found.ranking["cost"]
    assert 1 == len(found.chosen)
    assert found.chosen["run"].item() == found.ranking["run"][int(np.argmax(ratio))]
    assert found.ranking["gain_per_cost"].is_monotonic_decreasing


@pytest.mark.parametrize("budget", [None, 12.0])
@pytest.mark.parametrize("kind", ["sizes_at left out", "one draw"])
def test_where_no_run_narrows_the_interval_none_is_chosen(prior, kind, budget):
    """
    A prior that is tighter than the noise is said to be, with the likely slip; no run that
    widens is recommended.
    """
    tight = {
        "sizes_at left out": planning.Prior(forms.p2, 0.005, 0.01, RANGES),
        "one draw": planning.Prior(forms.p2, 0.005, 0.01, draws=prior.sample(1)),
    }

    found = planning.next_runs(tight[kind], candidates(), WANTED, budget=budget)

    assert found.chosen.empty
    assert found.after == found.before
    assert 0 == found.cost
    assert (found.ranking["width"] >= found.before).all()
    assert str(found).startswith("no run narrows the 90 % interval, which is ")
    assert "no run narrows" in found._repr_html_()
    assert [] == found.plain()["chosen"]
    cure = "state sizes_at" if kind == "sizes_at left out" else "draws that differ more"
    assert cure in found.trouble[0]


@pytest.fixture
def as_of_many(monkeypatch):
    """Sets grown and exchanged as of many candidates, however few there are."""
    monkeypatch.setattr(searching, "EVERY", 0)


@pytest.mark.usefixtures("as_of_many")
def test_exchange_finds_what_trying_every_set_finds(prior):
    """
    The chosen set is within 1 % of the best of all, where what only grows is not; only sets that
    no further run fits into are tried, for no run makes an interval wider.
    """
    table = candidates((0.5e9, 3e9), (0.15, 0.5), (2.5e8, 1e9))
    found = planning.next_runs(prior, table, WANTED, budget=5.0)

    def after(rows):
        chosen = table.iloc[list(rows)]
        return planning.next_runs(prior, chosen, WANTED, budget=1e9).after

    def full(rows):
        left = 5.0 - table["cost"].iloc[list(rows)].sum()
        return 0 <= left < table["cost"].drop(index=list(rows)).min()

    numbers = range(len(table))
    sets = itertools.chain.from_iterable(itertools.combinations(numbers, k) for k in range(1, 9))
    assert found.after <= 1.01 * min(after(rows) for rows in sets if full(rows))


@pytest.fixture(scope="module")
def sized():
    """A fit to runs of which whole curves differ much more than checkpoints do."""
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    design = testing.design(params=[1e8, 2e8, 4e8, 8e8, 2e9, 4e9], pruning_rate=[0.0])
    table = testing.synthesize(forms.chinchilla, truth, design, noise=0.002, run_noise=0.02)
    return p2law.fit(table, forms.chinchilla)


def by_flops(params, tokens):
    """Runs of every size and length, at the cost of their FLOPs."""
    table = p2law.grid(params=params, tokens=tokens)
    return table.assign(cost=6 * table["params"] * table["tokens"])


@pytest.mark.usefixtures("as_of_many")
def test_runs_that_narrow_only_together_are_found_in_any_order(sized):
    """
    From a set of four on, every single further run would widen the interval, and all nine runs
    narrow it by 7 %; the budget pays for them.
    """
    offered = by_flops([1e8, 1e9, 1e10], [1e9, 1e10, 1e11])
    wanted = p2law.grid(params=1e10, tokens=1e12)

    found = planning.next_runs(sized, offered, wanted, budget=1e22)
    other = planning.next_runs(sized, offered.iloc[::-1], wanted, budget=1e22)

    assert 9 == len(found.chosen)
    assert found.after < 0.0252
    assert found.after == pytest.approx(other.after, rel=1e-9)
    assert found.chosen["cost"].tolist() == other.chosen["cost"].tolist()


def test_the_sets_weighed_grow_with_the_square_of_the_candidates(sized, monkeypatch):
    """
    Less than twice the square, where a third of the candidates is chosen.
    """
    weighed, real = [], searching.variances

    def counted(known, slopes):
        found = real(known, slopes)
        weighed.append(found.size / guesses)
        return found

    monkeypatch.setattr(searching, "variances", counted)
    guesses, wanted = 2, p2law.grid(params=1e10, tokens=1e12)
    for count in (10, 20):
        weighed.clear()
        offered = by_flops(np.geomspace(1e8, 1e10, count), np.geomspace(1e9, 1e11, 10))
        budget = offered["cost"].sum() / 20

        found = planning.next_runs(sized, offered, wanted, budget=budget, guesses=guesses)

        assert len(found.chosen) > len(offered) / 5
        assert sum(weighed) < 1.75 * len(offered) ** 2


@pytest.mark.usefixtures("as_of_many")
@pytest.mark.parametrize("decades", [1, 5, 7])
def test_whatever_runs_cost_the_budget_is_kept_and_no_run_stands_twice(falling, decades):
    """
    Also where the budget is the sum of a dear run and a cheap one, so that what is left once the
    dear one is paid is known to fewer digits than the cheap one costs.
    """
    lengths = pd.DataFrame({"tokens": [3e11, 1e11, 1e10, 1e9, 2e8], "cost": 1.0})
    offered, wanted = offers(forms.token_power, lengths, "cost"), pd.DataFrame({"tokens": [1e12]})
    search = Search.of(ground(falling, pd.concat(offered.rows), 2), offered, wanted)
    rng = np.random.default_rng(decades)

    for _ in range(100):
        cost = (10 ** rng.uniform(0, decades, 5)).round(2)
        paid = np.flatnonzero(rng.random(len(cost)) < 0.5).tolist() or [int(cost.argmax())]
        budget = float(cost[paid].sum())
        priced = replace(search, offered=replace(offered, cost=cost))
        chosen = priced.best(budget)

        assert all(run in priced.affordable([*{*paid} - {run}], budget) for run in paid)
        assert len(set(chosen)) == len(chosen)
        assert math.fsum(cost[chosen]) <= budget * (1 + 1e-12)


@pytest.mark.parametrize("seed", [0, 1, 34, 71])
def test_of_few_candidates_no_other_set_that_the_budget_pays_for_is_better(sized, seed):
    """
    Each of all sets, weighed one by one; of sets that are as good the cheapest is named.
    """
    rng = np.random.default_rng(seed)
    offered = by_flops(10 ** rng.uniform(8, 10.5, 4), 10 ** rng.uniform(9, 11, 2))
    wanted = p2law.grid(params=3e10, tokens=1e12)
    budget = float(offered["cost"].sum() * rng.uniform(0.05, 0.7))
    listed = offers(forms.chinchilla, offered, "cost")
    search = Search.of(ground(sized, pd.concat(listed.rows), 24), listed, wanted)

    found = search.best(budget)

    paid = [
        list(some)
        for count in range(len(offered) + 1)
        for some in itertools.combinations(range(len(offered)), count)
        if listed.cost[list(some)].sum() <= budget
    ]
    best = min(search.having(some).width for some in paid)
    assert listed.cost[found].sum() <= budget
    assert search.having(found).width == pytest.approx(best, rel=1e-8)
    for some in paid:
        if search.having(some).width <= best * (1 + 1e-10):
            assert listed.cost[found].sum() <= listed.cost[some].sum() * (1 + 1e-12)


@pytest.mark.usefixtures("as_of_many")
def test_a_pilot_run_beside_a_dear_one_is_chosen_once_and_both_are_paid_by_the_budget(falling):
    """
    The budget pays for the two of them to the last digit, and not for a second dear one.
    """
    offered = pd.DataFrame({"tokens": [1e11, 3e11, 2e8], "cost": [102755.91, 375351.31, 0.53]})
    wanted, budget = pd.DataFrame({"tokens": [1e12]}), 102755.91 + 0.53

    found = planning.next_runs(falling, offered, wanted, budget=budget, guesses=2)

    assert {"run 1", "run 3"} == set(found.chosen["run"])
    assert budget == found.cost
    assert 2 == len(found.chosen)


def test_the_promised_width_is_what_fits_show(prior):
    """
    Fits to 200 sets of simulated records spread as much as was promised, within a third.
    """
    truth = prior.sample(1).iloc[0].to_dict()
    sure = planning.Prior(forms.p2, 0.005, 0.01, draws=pd.DataFrame([truth] * 3))
    offered = offers(forms.p2, candidates(), "cost")
    table = pd.concat([r.assign(run=str(k)) for k, r in enumerate(offered.rows)])
    surface = Surface(forms.p2, {name: table[name].to_numpy() for name in forms.p2.columns})
    q, rng = surface.coordinates(truth), np.random.default_rng(0)
    code = pd.factorize(table["run"])[0]
    shift = 0.01 * rng.standard_normal((200, code.max() + 1))[:, code]
    noisy = surface.predict(q) + shift + 0.005 * rng.standard_normal((200, len(table)))
    ends = refit(surface, noisy, np.ones(len(table)), squared(), q).q
    asked = surface.over([WANTED[name].to_numpy(float) for name in forms.p2.columns])
    spread = float(asked.predict(ends).std())

    parts = [
        added(surface.over([r[n].to_numpy() for n in forms.p2.columns]).jacobian(q), 0.005, 0.01)
        for r in offered.rows
    ]
    promised = float(np.sqrt(variances(np.sum(parts, axis=0), asked.jacobian(q)))[0])

    assert sure.sample(2).equals(pd.DataFrame([truth] * 2)[list(forms.p2.names)])
    assert promised == pytest.approx(spread, rel=1 / 3)


def test_chosen_runs_tell_more_than_a_grid_of_three_by_three(prior):
    """
    At the cost of the grid, first-order widths are at least a quarter narrower.
    """
    grid = candidates((1e9, 3e9, 8e9), (0.15, 0.25, 0.35), (1e9,))
    budget = float(grid["cost"].sum())

    found = planning.next_runs(prior, candidates(), WANTED, budget=budget)
    gridded = planning.next_runs(prior, grid, WANTED, budget=budget)

    assert 9 == len(gridded.chosen)
    assert found.after < 0.75 * gridded.after


def test_chosen_runs_tell_more_than_random_ones(prior):
    """
    At equal cost, first-order widths are at least a quarter narrower than of random sets.
    """
    table, rng, budget = candidates(), np.random.default_rng(4), 12.0
    found = planning.next_runs(prior, table, WANTED, budget=budget)

    def random():
        order = rng.permutation(len(table))
        spent = np.cumsum(table["cost"].to_numpy()[order])
        return planning.next_runs(
            prior, table.iloc[order[spent <= budget]], WANTED, budget=budget
        ).after

    assert found.after < 0.75 * np.median([random() for _ in range(15)])


def test_several_wanted_predictions_share_the_runs(prior):
    """
    The mean width counts: asked about both, neither is forgotten.
    """
    other = WANTED.assign(params=0.5e9, pruning_rate=0.15)
    both = pd.concat([WANTED, other], ignore_index=True)

    def width_of_other(wanted):
        chosen = planning.next_runs(prior, candidates(), wanted, budget=6.0).chosen
        return planning.next_runs(prior, chosen.drop(columns="width"), other, budget=6.1).after

    assert width_of_other(both) < 0.9 * width_of_other(WANTED)


def test_a_design_is_the_same_every_time(pilot):
    """
    Nothing in it is left to chance.
    """
    one, two = (planning.next_runs(pilot, candidates(), WANTED, budget=9.0) for _ in range(2))

    pd.testing.assert_frame_equal(one.chosen, two.chosen)


def test_the_unit_of_costs_does_not_matter(pilot):
    """
    Dollars or cents: the same runs.
    """
    table = candidates()
    one = planning.next_runs(pilot, table, WANTED, budget=9.0)
    two = planning.next_runs(
        pilot, table.assign(cost=100 * table["cost"]), WANTED, budget=900 * (1 + 1e-13)
    )

    assert one.chosen["run"].tolist() == two.chosen["run"].tolist()


def test_a_prediction_that_the_records_leave_free_is_said_to_be_free(p2_records):
    """
    Two sizes leave a third one free: its width is a vague guess until runs determine it.
    """
    fit = p2law.fit(p2_records((0.5e9, 1e9), (0.15, 0.35), noise=0.004, run_noise=0.01))

    found = planning.next_runs(fit, candidates(), WANTED, budget=20.0)

    assert any("leave the wanted prediction free" in each for each in found.trouble)
    assert any("4 runs hardly tell" in each for each in found.trouble)
    assert len(set(found.chosen["params"]) - {0.5e9, 1e9}) > 0


@pytest.mark.parametrize(("budget", "free"), [(None, True), (4.0, False)])
def test_runs_after_which_a_fit_would_predict_nothing_are_said_to_be_too_few(
    p2_records, budget, free
):
    """
    The fit to both sizes says NaN, and no narrow width is announced for it, though the law that
    was held so far has no term that a second size would not tell.
    """
    sizes, rate = {"params": (0.5e9, 3e9), "tokens": (1e9,)}, 0.35
    few = p2_records((1e9,), (0.15, rate), noise=0.004, run_noise=0.01)
    offered = candidates(sizes["params"], (rate,), sizes["tokens"])

    found = planning.next_runs(p2law.fit(few), offered, WANTED, budget=budget)
    more = p2_records(tuple(found.chosen["params"]), (rate,), noise=0.004, run_noise=0.01, seed=1)
    later = p2law.fit(pd.concat([few, more], ignore_index=True)).predict(WANTED)

    said = [each for each in found.trouble if "these runs predicts NaN for 1 of 1" in each]
    assert [found.after > 1.0, found.after < 0.1] == [free, not free]
    assert [not free] == later["determined"].tolist()
    assert int(free) == len(said)
    assert all("together they hold 2 model sizes" in each for each in said)


@pytest.mark.parametrize("log", [False, True])
def test_a_term_that_is_held_at_0_widens_nothing_that_has_nothing_to_do_with_it(p2_records, log):
    """
    At the one size of the records the law without that term is as good as the whole one.
    """
    objective = squared(log=log)
    few = p2_records((1e9,), (0.15, 0.35, 0.5), noise=0.004, run_noise=0.01)
    offered, wanted = candidates((1e9,), (0.15, 0.45)), WANTED.assign(params=1e9, pruning_rate=0.05)

    fit = p2law.fit(few, objective=objective)
    without = p2law.fit(few, objective=objective, fixed={"N_C": 0, "alpha": 0.4, "delta": 0})
    one, other = (planning.next_runs(each, offered, wanted, guesses=1) for each in (fit, without))

    assert 0 == fit.values["N_C"]
    assert "N_C" in fit.held
    assert one.before == pytest.approx(other.before, rel=1e-6)
    np.testing.assert_allclose(one.ranking["width"], other.ranking["width"], rtol=1e-6)


def test_runs_that_narrow_a_prior_but_make_no_fit_are_said_to_be_too_few(prior):
    """
    Before any record the fit is to the chosen runs alone.
    """
    few = planning.next_runs(prior, candidates(sizes=(1e9, 3e9)), WANTED, budget=12.0)
    many = planning.next_runs(prior, candidates(), WANTED, budget=12.0)

    assert "a fit to nothing but these runs predicts NaN for 1 of 1" in few.trouble[0]
    assert "together they hold 2 model sizes" in few.trouble[0]
    assert not any("NaN" in each for each in many.trouble)


# -- what candidates are -----------------------------------------------------------------


def test_a_row_is_a_run_logged_at_log_spaced_tokens():
    """
    Twelve token counts, the last of which is the run's.
    """
    found = offers(forms.p2, candidates().iloc[:1], "cost").rows[0]

    assert 12 == len(found)
    assert 2.5e8 == pytest.approx(found["tokens"].max())
    np.testing.assert_allclose(np.ptp(np.diff(np.log(found["tokens"]))), 0, atol=1e-9)


def test_rows_of_one_run_are_its_token_counts():
    """
    With a column run, token counts are taken as they are.
    """
    table = candidates((1e9,), (0.15,), (1e8, 1e9)).assign(run="mine", cost=3.0)
    found = offers(forms.p2, table, "cost")

    assert [1e8, 1e9] == found.rows[0]["tokens"].tolist()
    assert "mine" == found.table["run"].item()
    assert 1e9 == found.table["tokens"].item()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="cost"), "no column 'cost' of costs; they have params"),
        (lambda t: t.iloc[:0], "there are no candidates"),
        (lambda t: t.assign(cost=-1.0), "costs are positive numbers, row 1 has -1"),
        (lambda t: t.assign(cost="dear"), "costs: "),
        (lambda t: t.assign(run="one"), "run one has several costs"),
        (lambda _: [1, 2], "candidates are a DataFrame"),
        (
            lambda t: pd.concat([t.iloc[:2], t.iloc[:1]]).assign(run="one", cost=1.0),
            "run one has a checkpoint twice: params 5e8, tokens 2.5e8, .* needs two names",
        ),
    ],
)
def test_candidates_that_are_none_are_refused(prior, change, words):
    """
    Each message says what stands there and what should.
    """
    with pytest.raises(FitError, match=words):
        planning.next_runs(prior, change(candidates()), WANTED, budget=5.0)


@pytest.mark.parametrize("choose", [planning.next_runs, planning.identifying_runs])
@pytest.mark.parametrize("dtype", [object, "string", "category"])
@pytest.mark.parametrize("none", [None, np.nan, pd.NA])
def test_candidates_without_the_name_of_their_run_are_refused(prior, choose, dtype, none):
    """
    As records are: by row and with the cure, and whatever stands there in place of a name.
    """
    table = candidates((1e9,), (0.15,), (2.5e8, 5e8, 1e9)).set_index(pd.Index(["x", "y", "z"]))
    names = pd.Series([none, "one", none], dtype=dtype, index=table.index)
    asked = [WANTED] if choose is planning.next_runs else []

    with pytest.raises(RecordError) as refused:
        choose(prior, table.assign(run=names), *asked)

    assert ["x", "z"] == refused.value.rows
    for part in (
        "candidates: 2 of 3 records have run missing",
        "row x: run = ",
        "row z: run = ",
        "name the run of every row, or take the column out: every row is then a run of its own",
    ):
        assert part in str(refused.value)


def test_candidates_that_stand_there_twice_are_said(prior):
    """
    A run may be done twice, with two seeds; whether that is meant nobody else can tell.
    """
    once, twice = candidates(), pd.concat([candidates(), candidates().iloc[:2]])

    said = planning.next_runs(prior, twice, WANTED, budget=5.0).trouble
    words = "run 1 and run 25 are the same candidates, and 1 more such groups: each may be chosen"

    assert [words] == [each[: len(words)] for each in said]
    assert () == planning.next_runs(prior, once, WANTED, budget=5.0).trouble


def test_a_budget_that_nobody_stated_is_not_spoken_of(pilot):
    """
    Without one the single run that pays best is chosen, whatever it costs.
    """
    found = planning.next_runs(pilot, candidates(), WANTED)

    assert found.budget is None
    assert "budget" not in str(found)
    assert "budget" in str(planning.next_runs(pilot, candidates(), WANTED, budget=5.0))


def test_a_budget_that_pays_for_nothing_is_refused(prior):
    """
    The cheapest candidate is named.
    """
    with pytest.raises(
        FitError, match=r"pays for none of the candidates: the cheapest costs 0.125"
    ):
        planning.next_runs(prior, candidates(), WANTED, budget=0.01)


def test_a_target_without_all_inputs_is_refused(prior):
    """
    The missing input is named.
    """
    with pytest.raises(FormError, match="missing: tokens"):
        planning.next_runs(prior, candidates(), WANTED.drop(columns="tokens"), budget=5.0)


def test_a_target_without_rows_is_refused(prior):
    """
    Nothing is wanted.
    """
    with pytest.raises(FitError, match="target has no rows"):
        planning.next_runs(prior, candidates(), WANTED.iloc[:0], budget=5.0)


@pytest.mark.parametrize("guesses", [0, 401, 2.5, True])
def test_a_number_of_guesses_that_is_none_is_refused(prior, guesses):
    """
    A whole number, and no more than there are draws.
    """
    with pytest.raises(FitError, match="guesses is a whole number from 1 to 400, got"):
        planning.next_runs(prior, candidates(), WANTED, budget=5.0, guesses=guesses)


@pytest.mark.parametrize("guesses", [1, 2, 300, 301, 302, 303, 400])
def test_as_many_guesses_are_averaged_over_as_were_asked_for(falling, curves, guesses):
    """
    The estimate and its refits, also where a fit has fewer of them as a rule; draws of a prior.
    """
    fit, asked = p2law.fit(curves, forms.token_power), pd.DataFrame({"tokens": [1e12]})

    assert guesses == len(ground(fit, asked, guesses).q)
    assert guesses == len(ground(falling, asked, guesses).q)


def test_more_guesses_are_those_of_fewer_and_others(curves):
    """
    In the same order, the estimate first.
    """
    fit, asked = p2law.fit(curves, forms.token_power), pd.DataFrame({"tokens": [1e12]})

    few, many = (ground(fit, asked, guesses).q for guesses in (24, 400))

    np.testing.assert_array_equal(few, many[:24])


def test_only_a_fit_or_a_prior_will_do():
    """
    Anything else is named.
    """
    with pytest.raises(FitError, match=r"a fit or a planning\.Prior is asked for, got dict"):
        planning.next_runs({}, candidates(), WANTED)


# -- noise and information ---------------------------------------------------------------


def test_the_noise_of_rows_and_runs_is_found(p2_records):
    """
    Shifts of whole runs and noise of rows come out of the deviations of a fit.
    """
    table = p2_records(noise=0.004, run_noise=0.012, seed=2)

    noise, run_noise = components(p2law.fit(table, forms.p2).known)

    assert 0.004 == pytest.approx(noise, rel=0.2)
    assert 0.012 == pytest.approx(run_noise, rel=0.6)


@pytest.fixture(scope="module")
def curves():
    """Eight runs of a power law of tokens."""
    grid = p2law.grid(run=list("abcdefgh"), tokens=np.geomspace(1e6, 1e9, 20))
    truth = {"floor": 2.0, "scale": 90.0, "beta": 0.3}
    return testing.synthesize(forms.token_power, truth, grid, noise=0.005, run_noise=0.02, seed=1)


@pytest.mark.parametrize("unit", [1e-6, 1e4, 1e6])
@pytest.mark.parametrize("log", [False, True])
def test_the_unit_of_the_target_does_not_matter(curves, log, unit):
    """
    Neither to widths, nor to the noise that they rest on; of logarithms it is a share.
    """
    offered = pd.DataFrame({"tokens": [1e10, 1e11], "cost": [1.0, 5.0]})
    wanted = pd.DataFrame({"tokens": [1e12]})

    one, other = (
        planning.next_runs(
            p2law.fit(table, forms.token_power, objective=squared(log=log)),
            offered,
            wanted,
            budget=6.0,
            guesses=1,
        )
        for table in (curves, curves.assign(loss=unit * curves["loss"]))
    )

    assert one.before == pytest.approx(other.before / unit, rel=1e-4)
    assert one.after == pytest.approx(other.after / unit, rel=1e-4)
    assert one.noise == pytest.approx(other.noise / (1 if log else unit), rel=1e-4)
    assert one.run_noise == pytest.approx(other.run_noise / (1 if log else unit), rel=1e-4)


def test_records_without_noise_are_told_by_a_millionth_of_the_target(curves):
    """
    Or of one, where noise is of logarithms: no less, for nothing can be divided by 0.
    """
    truth = {"floor": 2.0, "scale": 90.0, "beta": 0.3}
    exact = curves.assign(loss=forms.token_power(curves["tokens"].to_numpy(), **truth))

    raw, log = (
        components(p2law.fit(exact, forms.token_power, objective=squared(log=log)).known)[0]
        for log in (False, True)
    )

    assert 1e-6 * exact["loss"].mean() == pytest.approx(raw)
    assert 1e-6 == pytest.approx(log)


def test_a_fit_without_rows_to_spare_tells_no_noise():
    """
    The cure is a prior that states it.
    """
    table = pd.DataFrame({"tokens": [1e8, 1e9, 1e10], "loss": [3.0, 2.6, 2.4]})
    fit = p2law.fit(table, forms.token_power)
    offered = pd.DataFrame({"tokens": [1e9], "cost": [1.0]})

    with pytest.raises(FitError, match=r"nothing tells the noise; state it: planning\.Prior"):
        planning.next_runs(fit, offered, pd.DataFrame({"tokens": [1e11]}))


def test_logging_more_often_does_not_remove_the_shift_of_a_run():
    """
    A level measured once or a thousand times in one run is known to the run's shift.
    """
    slopes = [np.ones((1, 1, rows)) for rows in (1, 1000)]

    few, many = (float(variances(added(s, 0.01, 0.03), np.ones((1, 1, 1)))[0, 0]) for s in slopes)

    assert few == pytest.approx(0.01**2 + 0.03**2)
    assert many == pytest.approx(0.03**2 + 0.01**2 / 1000)


def test_weights_of_the_fit_are_those_of_the_widths(p2_records):
    """
    Where every run counts the same, one that is logged a hundred times as often narrows no more
    than it did; weights that say the same in a column give the same width, in any unit.
    """
    few = p2_records((0.5e9, 1.5e9, 8e9), (0.15, 0.35), noise=0.0005, run_noise=0.01)
    often = few[(few["params"] == 8e9) & (few["pruning_rate"] == 0.35)]
    records = pd.concat([few, *[often] * 99], ignore_index=True)
    size = records.groupby("run")["run"].transform("size")
    records = records.assign(share=1e6 / size)

    def before(table, weight):
        fit = p2law.fit(table, forms.p2, weight=weight)
        return planning.next_runs(fit, candidates(), WANTED, guesses=1).before

    by_run = before(records, "run")

    assert by_run == pytest.approx(before(few, None), rel=0.02)
    assert by_run == pytest.approx(before(records, "share"), rel=1e-6)


def test_a_new_run_counts_as_the_others_where_every_run_does(p2_records):
    """
    However often it is logged; under weights in a column nobody knows what its rows weigh, and
    what is taken for it is said.
    """
    records = p2_records(noise=0.0005, run_noise=0.01).assign(even=1.0)

    def logged(count):
        tokens = np.geomspace(1e7, 1e9, 2).repeat(count) + np.tile(np.arange(count), 2)
        table = pd.DataFrame({"tokens": tokens, "params": 8e9, "pruning_rate": 0.5})
        return table.assign(base_loss=2.0, run="new", cost=1.0)

    def width(weight, run):
        found = planning.next_runs(p2law.fit(records, weight=weight), run, WANTED, guesses=1)
        said = "weighted by even, which candidates are not"
        assert (weight == "even") == any(said in each for each in found.trouble)
        return found.ranking["width"].item()

    assert width("run", logged(2)) == pytest.approx(width("run", logged(200)), rel=0.01)
    assert width("even", logged(2)) != pytest.approx(width("even", logged(200)), rel=0.01)


# -- priors ------------------------------------------------------------------------------


def test_ranges_of_linear_coefficients_are_sizes_of_terms_where_said(prior):
    """
    Each term of each draw has a size within its range at the stated inputs.
    """
    drawn = prior.sample(20)
    at = [MIDDLE[name] for name in forms.p2.columns]

    for values in drawn.to_dict("records"):
        for name in ("N_C", "D_C", "E"):
            none = dict.fromkeys(("N_C", "D_C", "E"), 0.0)
            only = {**values, **none, name: values[name]}
            assert 0.0499 < forms.p2(*at, **only) - MIDDLE["base_loss"] < 0.3001


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise": 0.0}, "noise is a positive number"),
        ({"noise": "small"}, "noise is a positive number, got 'small'"),
        ({"run_noise": -1.0}, "run_noise, where it is not 0, is a positive number, got -1"),
        ({"noise": 1e200}, r"noise is from 1e-30 to 1e\+30, got 1e\+200"),
        ({"noise": 1e-200, "run_noise": 0}, r"noise is from 1e-30 to 1e\+30, got 1e-200"),
        ({"run_noise": 1e200}, r"where it is not 0, is from 1e-30 to 1e\+30, got 1e\+200"),
        ({"ranges": {**RANGES, "alpha": 0.4}}, "the range of alpha is two numbers"),
        ({"draws": [1.0]}, "draws are a DataFrame of coefficients"),
        ({"sizes_at": {"params": 1e9}}, "sizes_at states every input of the law.*missing: tokens"),
        ({"sizes_at": {**MIDDLE, "tokens": [1e9, 2e9]}}, "one number for each input, tokens is"),
        ({"ranges": {"alpha": (0.1, 0.2)}}, "missing or unknown: D_C, E, N_C, beta, delta, gamma"),
        ({"ranges": {**RANGES, "alpha": (0.6, 0.2)}}, "alpha goes from low to high within"),
        ({"ranges": {**RANGES, "N_C": (-1.0, 1.0)}}, "N_C goes from low to high within 0 to inf"),
    ],
)
def test_a_prior_that_contradicts_itself_is_refused(change, words):
    """
    Before any design is made of it.
    """
    stated = {"noise": 0.005, "run_noise": 0.01, "ranges": RANGES, "sizes_at": MIDDLE} | change

    with pytest.raises(FitError, match=words):
        planning.Prior(forms.p2, **stated)


@pytest.mark.parametrize("noise", [1e-30, 1e30])
def test_any_noise_that_a_prior_takes_gives_a_design(noise):
    """
    However absurd: finite widths, without a warning of numpy's.
    """
    prior = planning.Prior(forms.p2, noise, noise, RANGES, MIDDLE)
    runs = p2law.grid(params=[1e9, 3e9], pruning_rate=[0.15, 0.35], tokens=[1e9])

    found = planning.next_runs(prior, runs.assign(base_loss=2.0, cost=1.0), WANTED)

    assert np.isfinite(found.ranking["width"]).all()


@pytest.mark.parametrize("odd", [np.nan, np.inf, "0.3?"])
def test_draws_that_are_no_numbers_are_refused(odd):
    """
    One of them would make every width unknown.
    """
    draws = planning.Prior(forms.p2, 0.005, 0.01, RANGES, MIDDLE).sample(3).astype(object)
    draws.loc[1, "beta"] = odd

    with pytest.raises(FitError, match="draws hold what is no finite number"):
        planning.Prior(forms.p2, 0.005, 0.01, draws=draws)


def test_a_term_without_a_size_is_named():
    """
    Nothing is pruned: the term of N_C is zero there, and no coefficient gives it a size.
    """
    prior = planning.Prior(forms.p2, 0.005, 0.01, RANGES, {**MIDDLE, "pruning_rate": 0.0})

    with pytest.raises(FitError, match="the term of N_C has no size at the inputs"):
        prior.sample(3)


# -- identified --------------------------------------------------------------------------


def test_two_sizes_need_a_third_and_the_cheapest_will_do(p2_records):
    """
    One run of the smallest new size that is on offer.
    """
    fit = p2law.fit(p2_records((0.5e9, 1e9), (0.15, 0.35), noise=0.004, run_noise=0.01))

    found = planning.identifying_runs(fit, candidates())

    assert found.cheapest
    assert [3e9] == found.chosen["params"].tolist()
    assert found.cost == candidates().query("params == 3e9")["cost"].min()
    assert {"alpha", "N_C"} <= set(found.missing)


def test_with_these_runs_a_fit_holds_nothing(p2_records):
    """
    The fit to the records with the chosen runs holds no coefficient by itself.
    """
    few = p2_records((0.5e9, 1e9), (0.15, 0.35), noise=1e-4)
    fit = p2law.fit(few)
    chosen = planning.identifying_runs(fit, candidates()).chosen.iloc[0]
    more = p2_records((chosen["params"],), (chosen["pruning_rate"],), noise=1e-4, seed=1)

    whole = p2law.fit(pd.concat([few, more], ignore_index=True))

    assert fit.held
    assert not whole.held


def test_before_any_record_the_cheapest_set_is_the_best_of_all(prior):
    """
    As cheap as trying every set finds it.
    """
    from p2law.designing.identifying import _Ranks

    table = candidates((1e9, 3e9, 8e9), (0.15, 0.5), (1e9,))
    ranks = _Ranks.of(prior, offers(forms.p2, table, "cost"))
    found = planning.identifying_runs(prior, table)

    full = [
        table["cost"].iloc[list(rows)].sum()
        for count in range(1, 7)
        for rows in itertools.combinations(range(6), count)
        if ranks.full(list(rows))
    ]
    assert min(full) == pytest.approx(found.cost)


def test_nothing_lacking_needs_no_run(pilot):
    """
    An identified law costs nothing more.
    """
    found = planning.identifying_runs(pilot, candidates())

    assert found.chosen.empty
    assert 0 == found.cost
    assert "identified without any more runs" in str(found)


def test_candidates_that_cannot_identify_the_law_are_refused(prior):
    """
    What stays free is named, and the cure.
    """
    with pytest.raises(FitError, match="free; offer runs in which more inputs vary"):
        planning.identifying_runs(prior, candidates(sizes=(1e9,)))


def test_where_not_every_cheaper_set_was_tried_that_is_said(prior, monkeypatch):
    """
    The runs identify the law all the same.
    """
    sure = planning.identifying_runs(prior, candidates())
    monkeypatch.setattr(identifying, "TRIALS", 3)

    found = planning.identifying_runs(prior, candidates())

    assert sure.cheapest
    assert "! not every" not in str(sure)
    assert not found.cheapest
    assert "! not every cheaper set was tried" in str(found)


# -- how it looks ------------------------------------------------------------------------


def test_a_choice_shows_runs_costs_and_widths(pilot):
    """
    The text says what is spent on what, and what it rests on.
    """
    found = planning.next_runs(pilot, candidates(), WANTED, budget=9.0)

    for part in ("90 % interval goes from", "width then", "budget", "of whole runs"):
        assert part in str(found)
    assert "<table>" in found._repr_html_()


def test_programs_get_the_cheapest_runs_as_plain_values(prior):
    """
    Rows of the table, their cost, and what lacks without them.
    """
    found = planning.identifying_runs(prior, candidates()).plain()

    assert found["cost"] == pytest.approx(sum(each["cost"] for each in found["chosen"]))
    assert set(forms.p2.names) == set(found["missing"])


def test_tables_of_chosen_runs_are_copies(prior):
    """
    What is written into them changes no answer.
    """
    next_ones = planning.next_runs(prior, candidates(), WANTED, budget=4.0)
    cheapest = planning.identifying_runs(prior, candidates())
    said = str(next_ones), str(cheapest), next_ones.plain()

    for table in (next_ones.chosen, next_ones.ranking, cheapest.chosen):
        table["cost"] = -1.0

    assert said == (str(next_ones), str(cheapest), next_ones.plain())


@pytest.mark.parametrize("kind", ["txt", "html"])
@pytest.mark.parametrize("asked", ["next_runs", "identifying_runs"])
def test_the_views_of_runs_are_the_agreed_ones(prior, asked, kind, request):
    """
    Golden files: what is seen is the product.
    """
    if asked == "next_runs":
        found = planning.next_runs(prior, candidates(), WANTED, budget=4.0)
    else:
        found = planning.identifying_runs(prior, candidates())

    path = GOLDEN / f"{asked}.{kind}"
    text = f"{found}\n" if kind == "txt" else f"{found._repr_html_()}\n"
    if request.config.getoption("--rewrite-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_a_seed_gives_the_same_draws():
    """
    And another one others.
    """
    one, same, other = (
        planning.Prior(forms.p2, 0.005, 0.01, RANGES, MIDDLE, seed=seed).sample(5)
        for seed in (1, 1, 2)
    )

    assert one.equals(same)
    assert not one.equals(other)


def test_any_law_can_be_designed_for():
    """
    A law without params or rates will do.
    """
    truth = {"floor": 2.0, "scale": 100.0, "beta": 0.3}
    grid = pd.DataFrame({"tokens": np.geomspace(1e7, 1e9, 8).repeat(6)})
    grid["run"] = np.tile(np.arange(6), 8).astype(str)
    records = testing.synthesize(forms.token_power, truth, grid, noise=0.004, run_noise=0.01)
    offered = pd.DataFrame({"tokens": [1e9, 1e10], "cost": [1.0, 10.0]})

    found = planning.next_runs(
        p2law.fit(records, forms.token_power), offered, pd.DataFrame({"tokens": [1e11]}), budget=11
    )

    assert found.after < found.before


def test_what_the_records_tell_better_than_any_run_could_is_said(p2_records):
    """
    Thousands of checkpoints of one run, weighed as a fit weighs them, would drown all others.
    """
    known = p2law.fit(p2_records(noise=0.0005, run_noise=0.02, seed=3), forms.p2)
    middle = WANTED.assign(params=1e9, tokens=5e8)
    long = p2law.grid(params=1e9, pruning_rate=0.25, tokens=np.geomspace(1e7, 1e9, 5000))
    long = long.assign(run="long", base_loss=2.0, cost=1.0)

    found = planning.next_runs(known, long, middle)

    assert found.chosen.empty
    assert "the records tell the wanted prediction better than with" in found.trouble[0]


@pytest.mark.parametrize("choose", [planning.next_runs, planning.identifying_runs])
def test_with_a_prior_candidates_in_billions_are_refused(prior, choose):
    """
    No records stand beside them to tell.
    """
    table = candidates()
    asked = [WANTED] if choose is planning.next_runs else []

    with pytest.raises(PlanError, match=r"params of a candidate is 0.5, .* so write 5e8"):
        choose(prior, table.assign(params=table["params"] / 1e9), *asked)


def test_with_a_prior_a_target_in_billions_is_refused(prior):
    """
    As a candidate is.
    """
    with pytest.raises(PlanError, match=r"params of the wanted prediction is 8, .* so write 8e9"):
        planning.next_runs(prior, candidates(), WANTED.assign(params=8.0))


def test_sizes_at_inputs_in_billions_are_refused():
    """
    They would make every coefficient wrong.
    """
    with pytest.raises(PlanError, match=r"tokens of sizes_at is 1, .* so write 1e9"):
        planning.Prior(forms.p2, 0.005, 0.01, RANGES, MIDDLE | {"tokens": 1})


def test_identifying_runs_in_billions_are_refused_with_a_fit(pilot):
    """
    By what its records hold.
    """
    table = candidates()

    with pytest.raises(RecordError, match="looks like billions"):
        planning.identifying_runs(pilot, table.assign(params=table["params"] / 1e9))


def test_a_prior_is_what_was_stated_whatever_becomes_of_that():
    """
    Ranges that are written into afterwards, and their ends, change no draw; neither do inputs.
    """
    ends, middle = {name: list(each) for name, each in RANGES.items()}, dict(MIDDLE)
    prior = planning.Prior(forms.p2, 0.005, 0.01, ends, middle)
    before = prior.sample(5)

    ends["alpha"][0] = -9.0
    ends["beta"] = (-5.0, -4.0)
    middle["tokens"] = 1.0

    assert before.equals(prior.sample(5))
    assert RANGES == prior.ranges
    assert MIDDLE == prior.sizes_at
    for each in (prior.ranges, prior.sizes_at):
        with pytest.raises(TypeError, match="does not support item assignment"):
            each["tokens"] = 1.0


def test_draws_of_a_prior_are_copies(prior):
    """
    Neither the table that was handed over, nor the one that is handed out, is the prior's own.
    """
    table = prior.sample(50)
    drawn = planning.Prior(forms.p2, 0.005, 0.01, draws=table)
    before = drawn.sample(5)

    table["beta"] = -5.0
    handed = drawn.draws
    handed["beta"] = -5.0
    handed.loc[:, "alpha"] = np.nan

    assert before.equals(drawn.sample(5))
    assert drawn.draws["beta"].between(0.1, 0.5).all()
    assert planning.Prior(forms.p2, 0.005, 0.01, RANGES).draws is None


@pytest.mark.parametrize("kind", ["ranges", "draws"])
def test_a_prior_travels(prior, kind):
    """
    To other processes, and into copies with something else in them.
    """
    drawn = planning.Prior(forms.p2, 0.005, 0.01, draws=prior.sample(50), seed=3)
    one = {"ranges": prior, "draws": drawn}[kind]

    there = pickle.loads(pickle.dumps(one))  # noqa: S301 - its own

    assert one.sample(5).equals(there.sample(5))
    assert one.sample(5).equals(copy.deepcopy(one).sample(5))
    assert one.sample(5).equals(replace(one, noise=1.0).sample(5))
    assert 1.0 == replace(one, noise=1.0).noise


@pytest.mark.parametrize("name", ["ranges", "sizes_at"])
@pytest.mark.parametrize("odd", [3.0, [1.0], "alpha"])
def test_what_is_no_mapping_is_refused(name, odd):
    """
    Named, with what belongs there.
    """
    stated = {"ranges": RANGES, "sizes_at": MIDDLE} | {name: odd}

    with pytest.raises(FitError, match=f"{name} is a mapping of names, as "):
        planning.Prior(forms.p2, 0.005, 0.01, **stated)


@pytest.mark.parametrize("choose", [planning.next_runs, planning.identifying_runs])
def test_a_run_in_billions_is_refused_by_its_own_tokens(pilot, choose):
    """
    Not by those of the checkpoints that are made for it, which nobody wrote.
    """
    table = candidates()
    asked = [WANTED] if choose is planning.next_runs else []
    words = r"tokens = 0.25 \(row 0\) looks like billions, .* so write 2.5e8"

    with pytest.raises(RecordError, match=words):
        choose(pilot, table.assign(tokens=table["tokens"] / 1e9), *asked)


def test_a_seed_of_a_prior_is_a_whole_number():
    """
    Refused when it is stated, not when it is drawn from.
    """
    with pytest.raises(FitError, match="seed is a whole number from 0 on, got 'x'"):
        planning.Prior(forms.p2, 0.005, 0.01, RANGES, MIDDLE, seed="x")
