"""Tokens for a loss, tokens after which more buy little, and what each of these rests on."""

import functools
import math
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Bounds, Domain, form, forms, planning, testing
from p2law.errors import FitError, FormError, PlanError, RecordError, UnreachableLossError
from p2law.report import budget
from p2law.text.views import number

Tokens = Annotated[float, Domain("> 0", symbol="D", unit="token")]
HERE = {"params": 3e9, "pruning_rate": 0.25, "base_loss": 2.0}
EXPONENTS = ("alpha", "beta", "gamma", "delta")
INPUTS = {
    "params": (1e8, 1e9, 1e10),
    "params_after": (1e8, 1e9, 8e9),
    "pruning_rate": (0.1, 0.3, 0.6),
    "base_loss": (1.8, 2.3, 3.0),
    "unique_tokens": (1e8, 1e9, 1e10),
}


@pytest.fixture(scope="module")
def fit(p2_records):
    """A P² law with its exponents told, fitted to noisy records."""
    held = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2}
    return p2law.fit(p2_records(noise=0.01, seed=4), forms.p2, fixed=held)


@pytest.fixture(scope="module")
def curves():
    """Six noisy curves of one model, 1e5 to 1e8 tokens, that fall to 2 nat by a square root."""
    table = pd.DataFrame(
        {"run": np.repeat(list("abcdef"), 12), "tokens": np.tile(np.geomspace(1e5, 1e8, 12), 6)}
    )
    noise = np.random.default_rng(0).normal(0, 0.01, len(table))
    return table.assign(loss=2 + 100 * table["tokens"] ** -0.5 + noise)


@form("L = floor + scale * D^-0.5", linear=("floor", "scale"))
def root(
    tokens: Tokens,
    *,
    floor: Annotated[float, Bounds(0, None, "nat", "loss that stays")],
    scale: Annotated[float, Bounds(0, None, "nat token^0.5", "loss that goes")],
):
    """A law that takes one set of coefficients at a time."""
    return floor + float(scale) * tokens**-0.5


@form("L = floor + scale * D^-0.5 + c * D", linear=("floor", "scale", "c"))
def bowl(
    tokens: Tokens,
    *,
    floor: Annotated[float, Bounds(0, None, "nat", "loss that stays")],
    scale: Annotated[float, Bounds(0, None, "nat token^0.5", "loss that goes")],
    c: Annotated[float, Bounds(0, None, "nat token^-1", "loss that comes")],
):
    """A law that falls and rises again."""
    return floor + scale * tokens**-0.5 + c * tokens


# -- there and back ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "law", [each for each in forms.builtin if "tokens" in each.columns], ids=lambda law: law.name
)
def test_tokens_for_a_predicted_loss_are_those_that_it_was_predicted_for(law, seed):
    """
    There and back for every law; a thousand fits of each in `benchmarks/planning.py`.
    """
    others = {name: INPUTS[name] for name in law.columns if name != "tokens"}
    table = p2law.grid(**others, tokens=np.geomspace(1e7, 1e10, 6))
    table["run"] = table["model"] = (np.arange(len(table)) // 6).astype(str)
    truth = testing.some_coefficients(law, table, seed)
    held = {name: truth[name] for name in law.names if name not in law.linear}
    held = dict(list(held.items())[: len(truth) - 1])
    found = p2law.fit(testing.synthesize(law, truth, table), law, fixed=held)
    here = {name: values[1] for name, values in others.items()}
    target = found.predict(tokens=3e8, **here)["loss"].iloc[0]

    budget = planning.tokens_for(found, loss=target, **here)

    assert float(budget) == pytest.approx(3e8, rel=1e-6)
    assert found.predict(tokens=float(budget), **here)["loss"].iloc[0] == pytest.approx(
        target, abs=1e-9, rel=0
    )


def test_ends_of_the_interval_are_those_of_the_refits(fit):
    """
    Every refit is turned round by itself.
    """
    budget = planning.tokens_for(fit, loss=2.2, level=0.8, **HERE)
    draws = fit.draws
    scale = HERE["pruning_rate"] ** -draws["gamma"] * HERE["params"] ** -draws["delta"]
    lasting = draws["N_C"] * HERE["params"] ** -draws["alpha"] + draws["E"]
    own = (((2.2 - HERE["base_loss"]) / scale - lasting) / draws["D_C"]) ** (-1 / draws["beta"])

    low, high = np.quantile(own, [0.1, 0.9])
    np.testing.assert_allclose([budget.low, budget.high], [low, high], rtol=1e-9)
    assert 1.0 == budget.reachable
    assert budget.low < float(budget) < budget.high


# -- what cannot be reached, or is there already -------------------------------------


def test_a_loss_below_the_floor_is_refused_with_the_floor(fit):
    """
    The error carries the floor, its interval and the share of refits that get there.
    """
    floor = fit.predict(tokens=1e300, **HERE).iloc[0]

    with pytest.raises(
        UnreachableLossError,
        match=r"loss 2.01 is out of reach: endless post-training would end at 2\.0\d+ \(90 % "
        r"interval .*; 0 % of the refits get there; ask for a higher loss, prune less, or start ",
    ) as error:
        planning.tokens_for(fit, loss=2.01, **HERE)

    assert error.value.floor == pytest.approx(floor["loss"], abs=1e-12)
    assert error.value.low <= error.value.floor <= error.value.high
    assert 0 == error.value.reachable


def test_a_loss_just_below_the_floor_is_reached_by_some_refits(fit):
    """
    The error says by how many.
    """
    floor = fit.predict(tokens=1e300, **HERE)["loss"].iloc[0]

    with pytest.raises(UnreachableLossError, match=r"\d+ % of the refits get there") as error:
        planning.tokens_for(fit, loss=floor - 1e-6, **HERE)

    assert 0.2 < error.value.reachable < 0.8


def test_a_loss_just_above_the_floor_is_not_reached_by_all_refits(fit):
    """
    The upper end is infinite then, and a sentence says why.
    """
    floor = fit.predict(tokens=1e300, **HERE)["loss"].iloc[0]

    budget = planning.tokens_for(fit, loss=floor + 0.0005, **HERE)

    assert 0.5 < budget.reachable < 0.95
    assert math.inf == budget.high
    assert any("of the refits never get there" in each for each in budget.trouble)


def test_a_loss_that_the_pruned_model_has_needs_no_tokens():
    """
    Zero tokens, and said so.
    """
    table = testing.design([1e9, 4e9], [0.2, 0.4], np.geomspace(1e6, 1e9, 8))
    truth = {"N_C": 0.0, "D_C": 100.0, "E": 0.1, "alpha": 0.4, "beta": 0.4, "gamma": -1.0}
    truth |= {"delta": 0.0, "D_0": 1e6}
    records = testing.synthesize(forms.p2_rectified, truth, table, noise=1e-3)
    held = {name: truth[name] for name in truth if name not in ("D_C", "E")}
    found = p2law.fit(records, forms.p2_rectified, fixed=held)

    budget = planning.tokens_for(found, loss=9.0, params=1e9, pruning_rate=0.3, base_loss=2.0)

    assert 0 == float(budget)
    assert any("loss 9 is met before the first token" in each for each in budget.trouble)


def test_tokens_beyond_the_records_are_named(fit):
    """
    The answer rests on the form of the law there.
    """
    inside = planning.tokens_for(fit, loss=2.2, **HERE)
    outside = planning.tokens_for(fit, loss=2.1, **HERE)

    assert ("", "tokens") == (inside.beyond, outside.beyond)
    assert not inside.trouble
    far = f"tokens {number(float(outside))} (records: 2e7 to 1e9): the answer rests on the form"
    assert far in outside.trouble[0]


def test_every_input_beyond_the_records_is_said_with_how_far(fit):
    """
    Its value, and what the records hold.
    """
    far = planning.tokens_for(fit, loss=2.2, **(HERE | {"params": 1e14}))

    held = fit.records["params"]
    said = f"params 1e14 (records: {number(held.min())} to {number(held.max())}), tokens "
    assert far.trouble[0].startswith(said)
    assert far.trouble[0] in str(far).replace("\n  ", " ")


def test_an_unreachable_loss_carries_what_the_floor_rests_on(fit):
    """
    Inputs beyond the records with how far, in the text, and for programs; endless tokens are
    no news.
    """
    with pytest.raises(UnreachableLossError, match=r"; params 1e7 \(records: ") as error:
        planning.tokens_for(fit, loss=2.01, **(HERE | {"params": 1e7}))

    assert "params" == error.value.beyond
    assert error.value.trouble[-1].endswith("the answer rests on the form of the law")
    assert error.value.trouble[-1] in str(error.value)


def test_an_unreachable_loss_carries_the_trouble_of_the_fit(p2_records):
    """
    As an answer would.
    """
    few = p2law.fit(p2_records(params=(1e9, 3e9), rates=(0.15, 0.35), noise=0.01), forms.p2)
    assert few.trouble

    with pytest.raises(UnreachableLossError) as error:
        planning.tokens_for(few, loss=1.9, **(HERE | {"params": 3e9}))

    assert few.trouble == error.value.trouble
    assert few.trouble[0] in str(error.value)


def test_an_answer_that_is_not_determined_names_the_input_that_is_outside(p2_records):
    """
    With its value and the range on record: most often a slip.
    """
    one_size = p2law.fit(p2_records(params=(3e9,), noise=0.003), forms.p2)

    budget = planning.tokens_for(one_size, loss=2.2, **(HERE | {"params": 9e9}))

    assert not budget.determined
    assert any("params 9e9 (records: 3e9)" in each for each in budget.trouble)


def test_an_answer_that_is_not_determined_names_no_tokens_that_nobody_asked_for(p2_records):
    """
    Far from all sizes on record the law takes the loss for out of reach, which means nothing.
    """
    free = p2law.fit(p2_records(noise=0.01, seed=4))

    budget = planning.tokens_for(free, loss=2.15, **(HERE | {"params": 1e-5}))

    assert not budget.determined
    assert "params" == budget.beyond
    assert not any("tokens inf" in each for each in budget.trouble)


def test_thousands_of_millions_are_refused_as_a_slip(fit):
    """
    3000 million parameters; few parameters, or few tokens, are no slip by themselves.
    """
    with pytest.raises(RecordError, match=r"params = 3000 .* looks like millions.* write 3e9"):
        planning.tokens_for(fit, loss=2.2, **(HERE | {"params": 3000}))

    assert 2 == len(fit.predict(tokens=[1e4, 1e5], **HERE))


def test_a_loss_above_all_on_record_is_said_to_be(fit):
    """
    The law was not tested there, and may climb without end.
    """
    highest = fit.records["loss"].max()

    above = planning.tokens_for(fit, loss=highest + 1, **HERE)
    below = planning.tokens_for(fit, loss=2.2, **HERE)

    said = f"loss {number(highest + 1, 6)} is above all on record, up to {number(highest)}: "
    assert any(each.startswith(said) for each in above.trouble)
    assert not below.trouble


def test_a_doubling_that_never_buys_so_much_is_said_to_be(fit):
    """
    Zero tokens, and no word of tokens beyond the records.
    """
    found = planning.saturation(fit, gain=1e6, **HERE)

    assert 0 == float(found)
    assert "" == found.beyond
    assert ("no doubling above one token buys 1e6",) == found.trouble


def test_a_gain_below_the_rounding_of_losses_is_refused(fit):
    """
    What is asked for must be seen in the difference of two losses of about 2.
    """
    for gain in (1e-100, 1e-16, 1e-13):
        with pytest.raises(FitError, match=r"below what the rounding of losses about 2.* or more"):
            planning.saturation(fit, gain=gain, **HERE)
    least = planning.saturation(fit, gain=1e-12, **HERE)

    after = fit.predict(tokens=float(least), **HERE)["loss"].item()
    doubled = fit.predict(tokens=2 * float(least), **HERE)["loss"].item()
    assert after - doubled == pytest.approx(1e-12, rel=2e-3)


def test_what_the_records_leave_free_is_no_answer(p2_records):
    """
    One size tells nothing of another: NaN, with the reason.
    """
    one_size = p2law.fit(p2_records(params=(3e9,), noise=0.003), forms.p2)

    budget = planning.tokens_for(one_size, loss=2.2, **(HERE | {"params": 9e9}))

    assert not budget.determined
    assert np.isnan([budget.tokens, budget.low, budget.high, budget.floor]).all()
    assert "the answer rests on what the records leave free" in budget.trouble[0]
    assert "not determined" in str(budget)
    assert planning.tokens_for(one_size, loss=2.2, **HERE).determined


def test_what_is_not_known_is_not_met_before_the_first_token_either(p2_records):
    """
    Where the loss begins at another size is as free as how it goes on.
    """
    one_size = p2law.fit(p2_records(params=(3e9,), noise=0.003), forms.p2)

    budget = planning.tokens_for(one_size, loss=50.0, **(HERE | {"params": 9e9}))

    assert not budget.determined
    assert not any("before the first token" in each for each in budget.trouble)


def test_without_rows_to_spare_nothing_tells_the_interval(curves):
    """
    NaN for the ends and the share; the tokens stand.
    """
    bare = p2law.fit(curves.iloc[[0, 6]], root)

    budget = planning.tokens_for(bare, loss=2.2)

    assert np.isfinite(float(budget))
    assert np.isnan([budget.low, budget.high, budget.reachable]).all()
    assert "reached  not known" in str(budget)
    assert "all intervals are unknown" in budget.trouble[0]


# -- laws of other shapes ------------------------------------------------------------


def test_a_law_that_rises_again_is_reached_where_it_first_comes_down(curves):
    """
    Its floor is the lowest point, and a sentence says that it does not fall all along.
    """
    rising = curves.assign(loss=curves["loss"] + 3e-9 * curves["tokens"])
    found = p2law.fit(rising, bowl)

    budget = planning.tokens_for(found, loss=2.2)

    assert found.predict(tokens=float(budget))["loss"].iloc[0] == pytest.approx(2.2, abs=1e-9)
    assert float(budget) < 1e6
    assert "the law does not fall all along; these are the first such tokens" in budget.trouble
    with pytest.raises(
        UnreachableLossError, match=r"rises again, comes down at the least to 2\.06"
    ) as error:
        planning.tokens_for(found, loss=2.01)
    assert 2.05 < error.value.floor < 2.07


def test_a_law_of_single_coefficients_is_turned_round_as_well(curves):
    """
    It is called once for each refit.
    """
    found = p2law.fit(curves, root)

    budget = planning.tokens_for(found, loss=2.2)

    own = (found.values["scale"] / (2.2 - found.values["floor"])) ** 2
    assert float(budget) == pytest.approx(own, rel=1e-9)
    assert budget.low < float(budget) < budget.high


@form("L = floor + level * D^-0.5", linear=("floor",))
def named(
    tokens: Tokens,
    level: Annotated[float, Domain("> 0")],
    *,
    floor: Annotated[float, Bounds(0, None, "nat", "loss that stays")],
    e: Annotated[float, Bounds(0.1, 2)] = 0.5,
):
    """A law whose input is called as what questions take."""
    return floor + level * tokens**-e


@pytest.mark.parametrize(
    "ask",
    [
        functools.partial(planning.tokens_for, loss=2.5),
        functools.partial(planning.saturation, gain=0.01),
    ],
)
def test_an_input_that_is_called_as_part_of_a_question_cannot_be_asked(ask):
    """
    `level` is that of the interval; the message says what to do.
    """
    table = p2law.grid(tokens=np.geomspace(1e3, 1e6, 8), level=[10.0, 20.0])
    found = p2law.fit(testing.synthesize(named, {"floor": 2.0, "e": 0.5}, table), named)

    with pytest.raises(
        FormError, match=r"named reads level, which means something else .* another name in the law"
    ):
        ask(found, level=0.9)


# -- when more tokens stop paying ----------------------------------------------------


def test_from_saturation_on_a_doubling_buys_less(fit):
    """
    Just there it buys as much as asked for.
    """
    found = planning.saturation(fit, gain=0.01, **HERE)

    bought = planning.marginal(fit, tokens=float(found), **HERE).iloc[0]

    assert bought["gain"] == pytest.approx(0.01, rel=1e-9)
    assert found.low < float(found) < found.high
    assert str(found).startswith("a doubling buys less than 0.01: ")


def test_a_slow_start_is_no_saturation():
    """
    A law that is finite at zero tokens first gains little with each doubling, then much.
    """
    table = testing.design([1e9, 4e9], [0.2, 0.4], np.geomspace(1e6, 1e9, 8))
    truth = {"N_C": 0.0, "D_C": 100.0, "E": 0.1, "alpha": 0.4, "beta": 0.4, "gamma": -1.0}
    truth |= {"delta": 0.0, "D_0": 1e6}
    held = {name: truth[name] for name in truth if name not in ("D_C", "E")}
    records = testing.synthesize(forms.p2_rectified, truth, table, noise=1e-4)
    found = p2law.fit(records, forms.p2_rectified, fixed=held)
    here = {"params": 1e9, "pruning_rate": 0.3, "base_loss": 2.0}

    tokens = float(planning.saturation(found, gain=0.002, **here))

    assert tokens > 1e7
    gains = planning.marginal(found, tokens=[tokens / 1.01, tokens * 1.01, 1e3], **here)["gain"]
    assert gains[0] > 0.002 > gains[1]
    assert gains[2] < 0.002


def test_what_no_token_is_needed_for_is_judged_where_there_are_records(curves):
    """
    At one token the law is not determined, but with the fewest on record the answer is.
    """
    found = p2law.fit(curves, forms.token_power)
    assert not found.known.determines(pd.DataFrame({"tokens": [1.0]})).any()

    assert 0 == float(planning.saturation(found, gain=1e6))
    assert 0 == float(planning.tokens_for(found, loss=1e6))
    assert "" == planning.tokens_for(found, loss=1e6).beyond


def test_an_unreachable_loss_is_judged_at_endless_tokens(curves):
    """
    The floor is determined although one token is not.
    """
    with pytest.raises(UnreachableLossError, match=r"would end at 2\.00"):
        planning.tokens_for(p2law.fit(curves, forms.token_power), loss=1.9)


def test_what_rises_with_tokens_is_not_planned(curves):
    """
    Of an accuracy all tokens would seem to be met before the first.
    """

    @form("accuracy = 1 - scale * D^-beta", linear=("scale",), target="accuracy")
    def rising(
        tokens: Tokens,
        *,
        scale: Annotated[float, Bounds(0, None)],
        beta: Annotated[float, Bounds(0.01, 3)] = 0.4,
    ):
        return 1 - scale * tokens**-beta

    fit = p2law.fit(curves.assign(accuracy=1 - curves["loss"] / 100), rising)

    for ask in (
        functools.partial(planning.tokens_for, fit, loss=0.7),
        functools.partial(planning.saturation, fit, gain=0.01),
        functools.partial(planning.marginal, fit, tokens=1e8),
    ):
        with pytest.raises(PlanError, match="plans are made of losses; rising tells accuracy"):
            ask()
    with pytest.raises(FitError, match="forecasts are of losses, which fall; rising tells"):
        planning.continue_run(fit)


def test_marginal_tells_the_slope_and_the_next_doubling(fit):
    """
    Slopes are those of the law; the interval holds the gain.
    """
    found = planning.marginal(fit, tokens=[1e8, 1e9], **HERE)
    losses = fit.predict(tokens=[1e8, 2e8, 1e9, 2e9, 1e8 + 1e3], **HERE)["loss"].to_numpy()

    np.testing.assert_allclose(found["gain"], [losses[0] - losses[1], losses[2] - losses[3]])
    assert found["per_token"].iloc[0] == pytest.approx((losses[0] - losses[4]) / 1e3, rel=1e-4)
    assert (found["low"] < found["gain"]).all()
    assert (found["gain"] < found["high"]).all()
    assert ["", "tokens"] == found["beyond"].tolist()


def _ahead(*early):
    """Pruned models that come down as if they had seen ten million tokens before the first."""
    truth = {"N_C": 20, "D_C": 600.0, "E": 0.3, "alpha": 0.3, "beta": 0.4}
    truth |= {"gamma": -1.3, "delta": 0.1, "D_0": 1e7}
    counts = [*early, *np.geomspace(1e6, 1e9, 8)]
    table = testing.design((1e8, 3e8, 1e9, 3e9), (0.2, 0.3, 0.4), counts).assign(base_loss=2.5)
    return p2law.fit(testing.synthesize(forms.p2_rectified, truth, table), forms.p2_rectified)


def test_marginal_tells_the_slope_from_the_first_token_to_the_last():
    """
    That of the formula, also before the first token, where the law falls as steeply as it ever
    does, and after so many that hardly anything is left to be won.
    """
    fit = _ahead(0.0)
    here = {"params": 1e9, "pruning_rate": 0.3, "base_loss": 2.5}
    tokens = np.array([0, 1e-3, 1, 1e3, 1e5, 1e6, 1e9, 1e12, 1e15])
    at = fit.values
    size = here["pruning_rate"] ** -at["gamma"] * here["params"] ** -at["delta"] * at["D_C"]
    slopes = size * at["beta"] * (tokens + at["D_0"]) ** (-at["beta"] - 1)

    found = planning.marginal(fit, tokens=tokens, **here)

    np.testing.assert_allclose(found["per_token"], slopes, rtol=2e-6)
    assert found["determined"].all()


def test_a_law_that_falls_without_end_towards_no_tokens_has_its_slope_there_too(curves):
    """
    Long before the fewest on record a share of these would reach over all that happens.
    """
    fit = p2law.fit(curves, forms.token_power)
    tokens = np.array([2e3, 1e4, 1e5, 1e8])
    slopes = fit.values["scale"] * fit.values["beta"] * tokens ** (-fit.values["beta"] - 1)

    found = planning.marginal(fit, tokens=tokens)

    np.testing.assert_allclose(found["per_token"], slopes, rtol=1e-6)


def test_a_token_more_wins_the_same_in_a_table_as_in_a_forecast():
    """
    Of a run without a checkpoint both ask the law alone.
    """
    fit, here = _ahead(), {"params": 1e9, "pruning_rate": 0.3, "base_loss": 2.5}
    run = planning.continue_run(fit, **here)

    for tokens in (2e3, 1e6, 1e9, 1e13):
        told = planning.marginal(fit, tokens=tokens, **here)["per_token"].item()
        assert told == pytest.approx(run.gain(tokens)["per_token"].item(), rel=1e-12, abs=0)


# -- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize("ask", [planning.tokens_for, planning.saturation])
def test_a_law_without_tokens_is_refused(ask):
    """
    The retention law reads none.
    """
    table = pd.DataFrame({"pruning_rate": [0.1, 0.2, 0.3, 0.4], "base_score": [0.7, 0.6, 0.5, 0.6]})
    records = testing.synthesize(
        forms.retention, testing.some_coefficients(forms.retention, table), table
    )
    found = p2law.fit(records, forms.retention)
    goal = {"loss": 2.0} if ask is planning.tokens_for else {"gain": 0.01}

    with pytest.raises(FitError, match="retention reads no tokens, so no number of them can be"):
        ask(found, pruning_rate=0.2, base_score=0.6, **goal)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"loss": -1}, FitError, r"loss is a positive number, got -1 \(int\)"),
        ({"loss": "2.2"}, FitError, r"loss is a positive number, got '2.2' \(str\)"),
        ({"loss": math.nan}, FitError, "loss is a positive number, got nan"),
        ({"level": 90}, FitError, "level is a probability between 0 and 1, got 90"),
        ({"tokens": 1e9}, FormError, "tokens are what is asked for; leave them out"),
        ({"size": 1e9}, FormError, "it does not read: size"),
        ({"params": [1e9, 2e9]}, FormError, "one question at a time: each input is a single"),
        ({"pruning_rate": 25.0}, RecordError, "row 0: pruning_rate = 25\n.*divide by 100"),
        ({"pruning_rate": 0.0}, RecordError, "p2 has no value at pruning_rate = 0"),
        ({"params": "big"}, RecordError, "params is a number or a list of numbers, got 'big'"),
    ],
)
def test_wrong_arguments_are_refused_in_words(fit, wrong, error, words):
    """
    What, what was given, what belongs there.
    """
    with pytest.raises(error, match=words):
        planning.tokens_for(fit, **({"loss": 2.2} | HERE | wrong))


def test_a_missing_input_is_named(fit):
    """
    With all that the law reads.
    """
    with pytest.raises(FormError, match="missing: params"):
        planning.tokens_for(fit, loss=2.2, pruning_rate=0.25, base_loss=2.0)


def test_a_gain_must_be_positive(fit):
    """
    Zero is never less than what is bought.
    """
    with pytest.raises(FitError, match="gain is a positive number, got 0"):
        planning.saturation(fit, gain=0, **HERE)


def test_what_is_no_fit_is_refused():
    """
    By what it is.
    """
    with pytest.raises(FitError, match="dict reads no tokens"):
        planning.tokens_for({}, loss=2.0)


def test_a_budget_is_shown_as_text_and_html(fit):
    """
    The first line answers; what must be read with it comes next.
    """
    budget = planning.tokens_for(fit, loss=2.1, **HERE)

    text, page = str(budget), budget._repr_html_()

    assert text.startswith("loss 2.1: ")
    assert "tokens, 90 % interval" in text.splitlines()[0]
    assert "beyond   the records: tokens" in text
    assert "the answer rests on the form of the law" in page


def test_what_is_left_free_is_said_with_the_values_that_are_not(p2_records):
    """
    The two sizes on record, wherever tokens are asked for.
    """
    fit = p2law.fit(p2_records((1e9, 8e9), (0.15, 0.35), noise=0.003))
    models = [planning.Model("3B", 3e9, 2.0), planning.Model("8B", 8e9, 2.0)]
    words = "what is determined lies at params 1e9 or params 8e9"

    one = p2law.tokens_for(fit, loss=2.3, params=3e9, pruning_rate=0.25, base_loss=2.0)
    many = planning.choose(fit, planning.candidates(models, 0.25, "depth"), tokens=1e9)

    assert any(words in each for each in one.trouble)
    assert f"1 of 2 rest on what the records leave free, and are NaN; {words}" in many.trouble


def test_counts_in_billions_are_refused_wherever_they_stand(plan_fits):
    """
    A size, a limit, a budget, a run, a wanted prediction: 2.4 is no number of parameters.
    """
    model, fit = planning.Model("8B", 8e9, 2.0), plan_fits["depth"]
    table = planning.candidates(model, 0.25, "depth")
    here = {"pruning_rate": 0.25, "base_loss": 2.0}
    runs = pd.DataFrame([{"params": 3e9, "tokens": 1e9, "cost": 1.0, **here}])
    wanted = pd.DataFrame([{"params": 8.0, "tokens": 1e9, **here}])
    trials = {
        "params_after is 2.4, which looks like billions": lambda: planning.at_size(
            fit, [model], 2.4, tokens=1e9
        ),
        "limit params_after is 2.4, .* write 2.4e9": lambda: planning.Limits(params_after=2.4),
        "a budget of tokens is 10, which looks": lambda: planning.choose(fit, table, tokens=10),
        "Dense '3B': params is 3, which looks like": lambda: planning.Dense("3B", 3, 2.1),
        "params = 8 .* looks like billions": lambda: planning.continue_run(fit, params=8, **here),
        "params = 8 .*, but the records": lambda: planning.next_runs(fit, runs, wanted),
    }

    for words, asked in trials.items():
        with pytest.raises(p2law.P2LawError, match=words):
            asked()


def at_counts(records, *tokens):
    """The records at so many tokens alone."""
    return records[np.isclose(records["tokens"].to_numpy()[:, None], tokens).any(axis=1)]


def test_what_rests_on_a_held_exponent_is_not_told_of_a_plan_either(p2_records):
    """
    With two token counts the loss is known there alone: not the floor, nor how many tokens more a
    refit would need, nor what a doubling buys.
    """
    fit = p2law.fit(at_counts(p2_records(noise=0.003), 2e7, 1e9))
    here = {"params": 3e9, "pruning_rate": 0.25, "base_loss": 2.0}
    loss = fit.predict(tokens=1e9, **here)["loss"].item()
    table = planning.candidates(planning.Model("3B", 3e9, 2.0), 0.25, "depth")

    found = p2law.tokens_for(fit, loss=loss, **here)
    listed = planning.budget_table(fit, table, loss=loss).table.iloc[0]

    assert found.tokens == pytest.approx(1e9)
    assert found.determined
    assert np.isnan([found.low, found.high, found.floor, found.reachable]).all()
    assert "its interval rests on what the records leave free" in found.trouble
    assert "1e9 tokens, interval not known" in str(found)
    assert "floor    not determined" in str(found)
    assert listed["tokens"] == pytest.approx(1e9)
    assert listed[["tokens_low", "tokens_high", "reached", "reachable"]].isna().all()
    assert not planning.saturation(fit, gain=0.005, **here).determined


def test_a_term_that_is_held_at_zero_makes_no_answer_of_no_tokens(p2_records):
    """
    One token count tells nothing of what tokens do.
    """
    fit = p2law.fit(at_counts(p2_records(noise=0.003), 1e9))
    here = {"params": 3e9, "pruning_rate": 0.25, "base_loss": 2.0}
    table = planning.candidates(planning.Model("3B", 3e9, 2.0), 0.25, "depth")

    asked = [planning.saturation(fit, gain=0.005, **here), p2law.tokens_for(fit, loss=2.9, **here)]
    listed = planning.budget_table(fit, table, loss=2.9).table

    assert fit.values["D_C"] == 0
    for found in asked:
        assert not found.determined
        assert np.isnan(found.tokens)
        assert not any("token buys" in each or "first token" in each for each in found.trouble)
    assert not listed["determined"].any()


def test_a_choice_says_how_many_refits_never_get_to_what_the_fit_has_at_once():
    """
    Without transient damage the loss is what it is; some of the refits have some.
    """
    truth = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2}
    truth |= {"N_C": 7.5e4, "D_C": 0.0, "E": 19.0}
    design = testing.design([1e9, 2e9, 3e9, 8e9], [0.15, 0.25, 0.5], np.geomspace(2e7, 1e9, 10))
    fit = p2law.fit(testing.synthesize(forms.p2, truth, design, noise=0.01, seed=1), forms.p2)
    table = planning.candidates(planning.Model("8B", 8e9, 2.0), 0.25, "depth")
    loss = fit.predict(params=8e9, pruning_rate=0.25, base_loss=2.0, tokens=1e9)["loss"].item()

    said = planning.choose(fit, table, loss=loss).verdict

    assert "the loss is met before the first token (90 %: 0 to inf), and in" in said
    assert "% of the refits never gets there" in said


def test_tokens_that_were_fitted_in_billions_make_no_plan(p2_records):
    """
    One of their units is a billion tokens: every plan would come out as none at all.
    """
    records = p2_records(noise=0.003)
    records["tokens"] /= 1e9
    fit = p2law.fit(p2law.load(records, accept=("tokens",)))
    table = planning.candidates(planning.Model("3B", 3e9, 2.0), 0.25, "depth")
    here = {"params": 3e9, "pruning_rate": 0.25, "base_loss": 2.0}
    words = "hold 0.02 to 1 tokens, which looks like billions: .* multiply them by 1e9"

    for asked in (
        lambda: p2law.tokens_for(fit, loss=2.3, **here),
        lambda: planning.saturation(fit, gain=0.01, **here),
        lambda: planning.marginal(fit, tokens=0.5, **here),
        lambda: planning.choose(fit, table, tokens=0.5),
    ):
        with pytest.raises(PlanError, match=words):
            asked()
    page = p2law.report.html(fit, holdouts=(), pictures=False, losses=[2.3])
    assert "after so many tokens" in page
    assert "Where more stops paying" not in page
    assert "Tokens that reach a loss are not told: the records of the fit hold 0.02 to 1" in page


TRUTH = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2} | {
    "N_C": 7.5e4,
    "D_C": 9.5e3,
    "E": 19.0,
}


@pytest.mark.parametrize(
    ("tokens", "unit"),
    [
        pytest.param(np.geomspace(2e7, 3e12, 10), 1e9, id="billions up to thousands"),
        pytest.param(np.geomspace(2e7, 3e12, 10), 1e6, id="millions, some below a thousand"),
        pytest.param(np.geomspace(2e7, 3e9, 10), 1e6, id="millions up to thousands"),
        pytest.param(1e6 * np.array([20, 50, 100, 500, 3000]), 1e6, id="whole millions"),
    ],
)
def test_long_runs_in_billions_or_millions_make_no_plan_either(tokens, unit):
    """
    However large their last counts are: most are small, or not whole.
    """
    records = testing.synthesize(forms.p2, TRUTH, testing.design(tokens=tokens))
    records["tokens"] /= unit
    fit = p2law.fit(p2law.load(records, accept=("tokens",)))

    with pytest.raises(PlanError, match="which looks like billions"):
        p2law.tokens_for(fit, loss=2.3, params=3e9, pruning_rate=0.25, base_loss=2.0)


@pytest.mark.parametrize("early", [[64, 640], [1, 8, 512]])
def test_early_checkpoints_after_few_whole_tokens_are_planned_with(early):
    """
    Beside others after millions, and taken by `load` without a word.
    """
    tokens = np.array([*early, *np.geomspace(2e7, 1e9, 8)])
    table = testing.design(tokens=tokens)
    records = testing.synthesize(forms.p2, TRUTH, table, noise=0.003)
    fit = p2law.fit(p2law.load(records))

    found = p2law.tokens_for(fit, loss=2.3, params=3e9, pruning_rate=0.25, base_loss=2.0)

    assert found.determined
    assert found.low < found.tokens < found.high


def test_records_without_a_token_leave_plans_free_and_are_no_billions():
    """
    Words, not a unit that nobody got wrong; a page tells what is known at no tokens.
    """
    rows = testing.design()
    rows = rows[rows["tokens"] == rows["tokens"].min()].assign(tokens=0.0)
    made = TRUTH | {"D_0": 1e7}
    records = testing.synthesize(forms.p2_rectified, made, rows, noise=0.01)
    fit = p2law.fit(records, forms.p2_rectified)
    here = {"params": 3e9, "pruning_rate": 0.25, "base_loss": 2.0}

    found = p2law.tokens_for(fit, loss=2.1, **here)
    after, reaching, _ = budget.tables(fit, None, None, [2.1], 0.9)

    assert not found.determined
    assert "what is determined lies at tokens 0" in " ".join(found.trouble)
    assert ["0"] == [label for label, _ in after.rows]
    assert {"sound"} == {each.verdict for each in after.rows[0][1]}
    assert {"free"} == {each.verdict for each in reaching.rows[0][1]}


def test_few_refits_are_counted_in_two_figures():
    """
    One of 300 is not none of them.
    """
    records = p2law.grid(run=list("abcdef"), tokens=np.geomspace(1e7, 1e9, 10))
    noise = np.random.default_rng(0).normal(0, 0.004, len(records))
    fit = p2law.fit(
        records.assign(loss=1.5 + 300 * records["tokens"] ** -0.4 + noise), forms.token_power
    )
    floors = np.sort(fit.draws["floor"])

    most = p2law.tokens_for(fit, loss=float(floors[-2:].mean()))

    assert "0.33 % of the refits never get there" in most.trouble
    assert "by 99.7 % of the refits" in str(most)
    with pytest.raises(UnreachableLossError, match=r"; 0\.33 % of the refits get there"):
        p2law.tokens_for(fit, loss=float(floors[:2].mean()))


def test_what_the_floor_leaves_free_is_reached_by_as_many_refits_as_a_table_says():
    """
    How many get there is known wherever the interval is.
    """
    records = p2law.grid(run=list("abcdef"), tokens=np.geomspace(1e8, 3e8, 40))
    noise = np.random.default_rng(0).normal(0, 1e-4, len(records))
    loss = 1.5 + 1.2 * (records["tokens"] / 1e8) ** -0.02 + noise
    fit = p2law.fit(records.assign(loss=loss), forms.token_power)
    table = planning.candidates(planning.Model("3B", 3e9, 2.0), 0.25, "depth")

    found = p2law.tokens_for(fit, loss=2.66)

    assert np.isnan(found.floor)
    assert 1.0 == found.reachable
    assert "reached  by 100 % of the refits" in str(found)
    row = planning.budget_table(fit, table, loss=2.66).table.iloc[0]
    assert row["reachable"] == found.reachable


def test_the_next_runs_say_what_lies_beyond_the_records(plan_fits):
    """
    The wanted prediction, and candidates.
    """
    here = {"pruning_rate": 0.25, "base_loss": 2.0}
    runs = pd.DataFrame([{"params": 3e9, "tokens": 1e9, "cost": 1.0, **here}])
    far = pd.DataFrame([{"params": 8e12, "tokens": 1e15, **here}])

    found = planning.next_runs(plan_fits["depth"], runs, far)

    said = "1 of 1 wanted predictions lie beyond the records in params, tokens"
    assert any(said in each for each in found.trouble)


def test_a_high_level_asks_for_more_refits(plan_fits):
    """
    The ends of a 99.5 % interval lie beyond the last of three hundred refits.
    """
    fit, level = plan_fits["depth"], 0.995
    here = {"params": 3e9, "pruning_rate": 0.3, "base_loss": 2.0}
    known = fit.known.for_level(level)
    shaped = {name: np.full((1, 1), each) for name, each in here.items()}
    losses = [known.curves({**shaped, "tokens": np.full((1, 1), n)})[1:, 0] for n in (1e9, 2e9)]
    ends = [(1 - level) / 2, (1 + level) / 2]

    bought = planning.marginal(fit, tokens=1e9, level=level, **here)
    found = planning.budget_table(
        fit,
        planning.candidates(planning.Model("3B", 3e9, 2.0), 0.3, "depth"),
        tokens=1e9,
        level=level,
    )
    narrow, wide = (p2law.tokens_for(fit, loss=2.25, level=each, **here) for each in (0.97, level))

    assert known.refits == found.refits > fit.known.refits
    expected = np.quantile(losses[0] - losses[1], ends)
    np.testing.assert_allclose(bought[["low", "high"]].to_numpy()[0], expected)
    assert wide.low < narrow.low


def test_the_answer_carries_the_doubts_of_the_fit(p2_records):
    """
    Few runs: what the intervals assume stands with every number that rests on it.
    """
    records = p2_records(params=(1e9, 3e9), noise=0.003, run_noise=0.01)
    few = records[records["run"] == records["run"].iloc[0]]
    fit = p2law.fit(few, forms.token_power)

    said = planning.tokens_for(fit, loss=float(few["loss"].median())).trouble

    assert fit.known.doubts
    assert set(fit.known.doubts) <= set(said)
    assert set(fit.known.doubts) <= set(planning.saturation(fit, gain=0.01).trouble)
