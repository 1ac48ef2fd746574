"""Plans by laws that rise again, and by laws that have no value after some numbers of tokens."""

from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Bounds, Domain, form, planning
from p2law.errors import FitError, UnreachableLossError

MODELS = [planning.Model("3B", 3e9, 2.0)]
LOSS = Bounds(0, None, "nat", "loss that stays")


def law(domain, curve):
    """Declare a law: what stays, and a multiple of a curve; a fault outside of its domain."""

    @form(linear=("floor", "scale"))
    def own(
        tokens: Annotated[float, Domain(domain, symbol="D", unit="token")],
        *,
        floor: Annotated[float, LOSS],
        scale: Annotated[float, Bounds(0, None, "nat", "loss that goes")],
    ):
        known = Domain(domain)
        assert (
            known.contains(np.asarray(tokens)) | (np.isinf(tokens) & (known.most > 1e300))
        ).all()
        return floor + scale * curve(tokens)

    return own


def fitted(own, least=1e7, most=1e9, **truth):
    """Fit a law to noisy records of its own."""
    rows = p2law.grid(run=list("abcdefgh"), tokens=np.geomspace(least, most, 12))
    noise = np.random.default_rng(0).normal(0, 0.001, len(rows))
    return p2law.fit(rows.assign(loss=own(rows["tokens"].to_numpy(), **truth) + noise), own)


# -- laws that rise again --------------------------------------------------------------


def vee_where(tokens_are):
    """A law whose least can be written down: floor + 2 sqrt(scale c), at sqrt(scale / c)."""

    @form("L = floor + scale * D^-1 + c * D", linear=("floor", "scale", "c"))
    def vee(
        tokens: Annotated[float, Domain(tokens_are, symbol="D", unit="token")],
        *,
        floor: Annotated[float, LOSS],
        scale: Annotated[float, Bounds(0, None, "nat token", "loss that goes")],
        c: Annotated[float, Bounds(0, None, "nat token^-1", "loss that comes")],
    ):
        return floor + scale / tokens + c * tokens

    return vee


vee = vee_where("> 0")
late_vee = vee_where(">= 9e7")


@pytest.fixture(scope="module", params=[1.0e8, 1.1e8, 1.2e8, 1.3e8], ids="{:g}".format)
def rising(request):
    """Such a law with its least, 2 nat, somewhere between two looks."""
    return fitted(vee, floor=1.0, scale=0.5 * request.param, c=0.5 / request.param)


def leasts(fit):
    """The least of the fit and of its refits."""
    every = pd.concat([pd.DataFrame([fit.values]), fit.draws[list(fit.values)]])
    return (every["floor"] + 2 * np.sqrt(every["scale"] * every["c"])).to_numpy()


def test_a_law_that_rises_again_comes_down_to_its_least_exactly(rising):
    """
    So do its refits, and the interval is theirs.
    """
    own, *refits = leasts(rising)

    with pytest.raises(UnreachableLossError, match="rises again, comes down at the least") as error:
        planning.tokens_for(rising, loss=1.5)

    assert error.value.floor == pytest.approx(own, rel=1e-12, abs=0)
    ends = np.quantile(refits, [0.05, 0.95])
    np.testing.assert_allclose([error.value.low, error.value.high], ends, rtol=1e-10)


@pytest.mark.parametrize("above", [1e-3, 1e-5, 1e-9])
def test_a_loss_just_above_the_least_is_reached(rising, above):
    """
    On the way down, by as many refits as come down so far.
    """
    own, *refits = leasts(rising)
    at, loss = rising.values, own + above
    left = loss - at["floor"]
    tokens = (left - np.sqrt(left**2 - 4 * at["scale"] * at["c"])) / (2 * at["c"])

    found = planning.tokens_for(rising, loss=loss)

    assert float(found) == pytest.approx(tokens, rel=1e-6)
    assert np.mean(np.array(refits) <= loss) == found.reachable
    assert own == pytest.approx(found.floor, rel=1e-12, abs=0)


def test_tables_and_choices_know_the_same_least(rising):
    """
    A loss just above it is a plan, one just below is not, and that says how far down it goes.
    """
    own, *refits = leasts(rising)
    table = planning.candidates(MODELS, 0.25, "depth")

    found = planning.budget_table(rising, table, loss=[own - 1e-6, own + 1e-6])

    assert ["the loss is out of reach", ""] == found.table["why"].tolist()
    assert found.losses[0, 0] == pytest.approx(own, rel=1e-12, abs=0)
    np.testing.assert_allclose(found.losses[1:, 0], refits, rtol=1e-10)
    shares = [np.mean(np.array(refits) <= own + each) for each in (-1e-6, 1e-6)]
    assert shares == found.table["reachable"].tolist()
    said = planning.choose(rising, table, loss=1.5).verdict
    assert f"the lowest loss within reach is {own:.4f}" in said


# -- laws that end ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def ended():
    """A law that falls with the logarithm, to 1.24 nat after 1e12 tokens, and has no value then."""
    return fitted(law("(0, 1e12]", lambda tokens: -np.log(tokens)), floor=4.0, scale=0.1)


def test_what_takes_more_tokens_than_a_law_knows_is_out_of_reach(ended):
    """
    The error says where the law ends, and what it has come down to there.
    """
    with pytest.raises(
        UnreachableLossError,
        match=r"loss 1 is out of reach: the law, which has no value beyond 1e12 tokens, comes down "
        r"at the least to 1\.23",
    ) as error:
        planning.tokens_for(ended, loss=1.0)

    end = ended.predict(tokens=1e12, level=0.9).iloc[0]
    ours = [error.value.floor, error.value.low, error.value.high]
    np.testing.assert_allclose(ours, end[["loss", "low", "high"]].astype(float), rtol=1e-12)


@pytest.mark.parametrize("tokens", [1e6, 1e8, 1e11, 1e12])
def test_up_to_its_end_a_law_is_turned_round(ended, tokens):
    """
    There and back.
    """
    loss = ended.predict(tokens=tokens)["loss"].iloc[0]

    found = planning.tokens_for(ended, loss=loss)

    assert float(found) == pytest.approx(tokens, rel=1e-9)
    assert ended.predict(tokens=float(found))["loss"].iloc[0] == pytest.approx(loss, abs=1e-12)
    assert "1.237 with 1e12 tokens, where the law ends" in str(found)


def test_what_only_part_of_the_refits_reach_before_the_end_says_so(ended):
    """
    Of one question as of a table.
    """
    words = "own has no value beyond 1e12 tokens: what takes more is out of reach"
    loss = ended.predict(tokens=9.9e11)["loss"].iloc[0]
    table = planning.candidates(MODELS, 0.25, "depth")

    single = planning.tokens_for(ended, loss=loss)
    many = planning.budget_table(ended, table, loss=[2.0, loss])

    assert 0.5 < single.reachable < 0.9
    assert np.inf == single.high
    assert words in single.trouble
    assert words in many.trouble
    assert [1.0, single.reachable] == many.table["reachable"].tolist()
    assert words not in planning.budget_table(ended, table, loss=2.0).trouble


def test_a_table_tells_which_losses_lie_beyond_the_end(ended):
    """
    None of its other rows is refused for that.
    """
    table = planning.candidates(MODELS, 0.25, "depth")

    found = planning.budget_table(ended, table, loss=[2.0, 1.0])
    spent = planning.budget_table(ended, table, tokens=[1e12, 1e13])

    assert ["", "the loss is out of reach"] == found.table["why"].tolist()
    assert float(planning.tokens_for(ended, loss=2.0)) == pytest.approx(found.table["tokens"][0])
    assert ["", "the law has no value after so many tokens"] == spent.table["why"].tolist()
    assert spent.table["loss"].isna().tolist() == [False, True]
    assert "the lowest loss within reach is 1.23" in planning.choose(ended, table, loss=1.0).verdict


def test_a_law_may_end_before_it_is_saturated(ended):
    """
    Every doubling buys 0.07 nat, until there are no more.
    """
    never = planning.saturation(ended, gain=0.05)
    always = planning.saturation(ended, gain=0.1)

    assert np.inf == float(never)
    assert "own has no value beyond 1e12 tokens: what takes more is out of reach" in never.trouble
    assert 0 == float(always)


def test_a_law_without_a_doubling_is_not_saturated():
    """
    A refusal, and no doubling from where the law has no value.
    """
    short = law("[1e7, 1.5e7]", lambda tokens: 1e3 * tokens**-0.5)
    fit = fitted(short, least=1e7, most=1.5e7, floor=1.0, scale=1.0)

    with pytest.raises(FitError, match=r"at 1e7 to 1\.5e7 tokens alone: no doubling lies there"):
        planning.saturation(fit, gain=0.01)


# -- laws that begin -------------------------------------------------------------------


@pytest.fixture(scope="module")
def begun():
    """A law that has a value beyond a million tokens alone."""
    own = law("> 1e6", lambda tokens: 1e3 * (tokens - 1e6) ** -0.5)
    return fitted(own, floor=1.0, scale=0.9)


def test_a_law_that_begins_late_is_planned_with(begun):
    """
    No question speaks of one token, of which nobody has asked.
    """
    at = begun.values
    tokens = 1e6 + (1e3 * at["scale"] / (1.5 - at["floor"])) ** 2
    table = planning.candidates(MODELS, 0.25, "depth")

    reached = planning.budget_table(begun, table, loss=1.5).table
    spent = planning.budget_table(begun, table, tokens=[1e8, 1e5]).table

    assert float(planning.tokens_for(begun, loss=1.5)) == pytest.approx(tokens, rel=1e-9)
    assert reached["tokens"].iloc[0] == pytest.approx(tokens, rel=1e-9)
    assert spent["loss"].iloc[0] == begun.predict(tokens=1e8)["loss"].iloc[0]
    assert "the law has no value after so many tokens" == spent["why"].iloc[1]
    with pytest.raises(UnreachableLossError, match="endless post-training would end at 1"):
        planning.tokens_for(begun, loss=0.9)


def test_a_law_that_begins_late_is_saturated_late(begun):
    """
    From there on a doubling buys less.
    """
    found = float(planning.saturation(begun, gain=0.01))

    bought = planning.marginal(begun, tokens=[0.99 * found, 1.01 * found])["gain"]
    assert bought.iloc[0] > 0.01 > bought.iloc[1]


def test_what_is_met_where_a_law_begins_takes_the_tokens_from_there():
    """
    Before them nothing is known: none is no answer.
    """
    fit = fitted(law(">= 1e6", lambda tokens: 1e3 * tokens**-0.5), floor=1.0, scale=1.0)
    words = "loss 5 is met with the 1e6 tokens from which on the law has a value"

    found = planning.tokens_for(fit, loss=5.0)

    assert 1e6 == float(found)
    assert words in found.trouble
    table = planning.budget_table(fit, planning.candidates(MODELS, 0.25, "depth"), loss=5.0).table
    assert 1e6 == table["tokens"].iloc[0]


# -- laws that begin late and rise again, and laws that fall without end ---------------


def test_a_law_that_begins_just_before_its_least_comes_down_to_it():
    """
    Between where it begins and the next look: there is its least, and what lies above it.
    """
    fit = fitted(late_vee, least=9e7, floor=1.0, scale=0.47e8, c=0.5 / 0.94e8)
    own, *refits = leasts(fit)

    with pytest.raises(UnreachableLossError) as error:
        planning.tokens_for(fit, loss=1.5)
    found = planning.tokens_for(fit, loss=own + 2e-4)

    assert error.value.floor == pytest.approx(own, rel=1e-12)
    assert fit.predict(tokens=float(found))["loss"].iloc[0] == pytest.approx(own + 2e-4, rel=1e-12)
    assert np.mean(np.array(refits) <= own + 2e-4) == found.reachable


def test_out_of_reach_of_a_law_that_rises_again_is_known_to_be(rising):
    """
    By the fit and by all its refits; asking for a probability changes nothing of it.
    """
    table = planning.candidates(MODELS, 0.25, "depth")

    for probability in (None, 0.9):
        row = planning.budget_table(rising, table, loss=1.5, probability=probability).table.iloc[0]
        limits = planning.Limits(probability=probability)
        choice = planning.choose(rising, table, loss=1.5, limits=limits)

        told = row[["tokens", "tokens_low", "tokens_high", "reached", "reachable"]]
        assert [np.inf, np.inf, np.inf, 0.0, 0.0] == told.tolist()
        assert "the loss is out of reach" == row["why"]
        assert (("the loss is out of reach", 1),) == choice.left_out
        assert "the lowest loss within reach is 2" in choice.verdict


@pytest.fixture(scope="module", params=[0.1, 0.3, 1.0])
def sinking(request):
    """A law that falls by a power of the tokens, without end, and that power."""
    own = law("> 0", lambda tokens: -((tokens / 1e9) ** request.param))
    return fitted(own, floor=2.5, scale=0.5), request.param


def test_a_law_that_falls_without_end_is_turned_round_amid_the_records(sinking):
    """
    By itself and by its refits: of heights above its end no digit is left.
    """
    fit, power = sinking
    loss = float(fit.predict(tokens=3e8)["loss"].iloc[0])
    at = fit.draws[list(fit.values)]
    refits = 1e9 * ((at["floor"] - loss) / at["scale"]) ** (1 / power)
    table = planning.candidates(MODELS, 0.25, "depth")

    found = planning.tokens_for(fit, loss=loss)
    row = planning.budget_table(fit, table, loss=loss).table.iloc[0]

    assert float(found) == pytest.approx(3e8, rel=1e-9)
    ends = np.quantile(refits, [0.05, 0.95])
    np.testing.assert_allclose([found.low, found.high], ends, rtol=1e-6)
    np.testing.assert_allclose(row[["tokens_low", "tokens_high"]].astype(float), ends, rtol=1e-6)
    assert "takes least" in planning.choose(fit, table, loss=loss).verdict


def test_a_gain_from_a_law_that_falls_without_end_is_seen(sinking):
    """
    The rounding of a loss is that of losses on record, not of an end that is never seen.
    """
    fit, _ = sinking

    planning.saturation(fit, gain=0.01)

    with pytest.raises(FitError, match=r"the rounding of losses about 2\.\d+ leaves to be seen"):
        planning.saturation(fit, gain=1e-14)


@form(linear=("floor", "scale", "c"))
def either(
    tokens: Annotated[float, Domain("> 0", symbol="D", unit="token")],
    *,
    floor: Annotated[float, LOSS],
    scale: Annotated[float, Bounds(0, None, "nat", "loss that goes")],
    c: Annotated[float, Bounds(None, None, "nat token^-1", "loss that comes or goes")],
):
    """A law whose refits fall without end or rise again, as noise will have it."""
    return floor + scale * (tokens / 1e8) ** -0.5 + c * tokens


def test_refits_that_fall_without_end_beside_others_that_rise_are_all_turned_round():
    """
    Each where it first comes down, as looking closely shows it.
    """
    fit = fitted(either, floor=1.5, scale=0.3, c=0.0)
    tokens = np.geomspace(1e7, 1e14, 20001)
    at = fit.draws[["floor", "scale", "c"]].to_numpy().T[..., None]
    loss = 1.54
    below = at[0] + at[1] * (tokens / 1e8) ** -0.5 + at[2] * tokens <= loss
    first = np.where(below.any(axis=1), tokens[below.argmax(axis=1)], np.inf)

    found = planning.tokens_for(fit, loss=loss)
    table = planning.candidates(MODELS, 0.25, "depth")
    row = planning.budget_table(fit, table, loss=loss).table.iloc[0]

    assert 0 < (at[2] > 0).mean() < 1
    assert np.isfinite(first).mean() == found.reachable == row["reachable"]
    low, high = (np.quantile(first, share, method="nearest") for share in (0.05, 0.95))
    for ours in (found.low, row["tokens_low"]):
        assert ours == pytest.approx(low, rel=0.02)
    for ours in (found.high, row["tokens_high"]):
        assert ours == pytest.approx(high, rel=0.05)


def test_a_probability_of_what_the_refits_leave_free_is_left_free():
    """
    The tokens that so many of them need are no answer, and the reason is not the price.
    """

    @form(linear=("floor", "scale", "c"))
    def own(
        tokens: Annotated[float, Domain("> 0", symbol="D", unit="token")],
        *,
        floor: Annotated[float, LOSS],
        scale: Annotated[float, LOSS],
        c: Annotated[float, Bounds(0, None, "nat token^-1", "loss that comes")],
    ):
        return floor + scale * (tokens / 1e8) ** -0.5 + c * tokens

    rows = p2law.grid(run=list("abcdefgh"), tokens=np.geomspace(1e7, 1e9, 12))
    noise = np.random.default_rng(0).normal(0, 0.003, len(rows))
    truth = {"floor": 1.5, "scale": 0.3, "c": 0.0}
    fit = p2law.fit(rows.assign(loss=own(rows["tokens"].to_numpy(), **truth) + noise), own)
    table = planning.candidates(MODELS, 0.25, "depth")
    words = "the records leave this free"

    plain = planning.budget_table(fit, table, loss=1.55).table
    sure = planning.budget_table(fit, table, loss=1.55, probability=0.9).table.iloc[0]
    limits = planning.Limits(probability=0.9)

    assert plain["tokens"].iloc[0] > 0
    assert np.isnan(plain["tokens_high"].iloc[0])
    said = "the interval of 1 of 1 rests on what the records leave free"
    assert said in planning.choose(fit, table, loss=1.55).trouble
    assert np.isnan(sure[["tokens", "loss", "loss_high"]].astype(float)).all()
    assert words == sure["why"]
    assert ((words, 1),) == planning.choose(fit, table, loss=1.55, limits=limits).left_out
    frontier = planning.frontier(fit, table, loss=1.55, limits=limits, against="params_after")
    assert ((words, 1),) == frontier.left_out
