"""What the records cannot tell is found from the Jacobian, not from counting levels."""

import re
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Bounds, Domain, forms, identify, testing
from p2law.identify import ties
from p2law.result.verdicts import Status
from p2law.solving.surface import Surface
from p2law.text.wording import listed

SIZES = [0.49e9, 1.54e9, 3.09e9, 8e9, 14e9, 32e9]
RATES = [0.15, 0.25, 0.35]


def surface_of(records, form=forms.p2):
    return Surface(form, {name: records[name].to_numpy() for name in form.columns})


@pytest.mark.parametrize(
    ("sizes", "rates", "rank"),
    [
        (1, 1, 3),
        (1, 3, 4),
        (2, 1, 5),
        (2, 3, 6),
        (3, 1, 6),
        (3, 2, 7),
        (3, 3, 7),
        (4, 1, 6),
        (6, 3, 7),
    ],
)
def test_rank_of_the_p2_law_on_usual_designs(p2_records, truth, sizes, rates, rank):
    """
    The table of ranks: sizes by rates, whatever the number of rows.
    """
    surface = surface_of(p2_records(SIZES[:sizes], RATES[:rates]))

    found = identify.directions(surface.factor(surface.coordinates(truth)), surface.names)

    assert rank == found.rank


def test_two_sizes_leave_three_coefficients_together(p2_records):
    """
    With two sizes N_C, alpha and E move together, and only at these sizes is the loss known.
    """
    fit = p2law.fit(p2_records(SIZES[:2], RATES, noise=0.002), forms.p2)

    told = fit.predict(
        params=[0.49e9, 1.54e9, 0.8e9, 3e9], tokens=1e8, pruning_rate=0.2, base_loss=2
    )

    assert Status.NOT_IDENTIFIED is fit.status
    assert any(
        "alpha, N_C and E move together: the records hold 2 model sizes" in t for t in fit.trouble
    )
    assert [True, True, False, False] == told["determined"].tolist()
    assert [False, False, True, True] == told["loss"].isna().tolist()


@pytest.mark.parametrize(
    ("sizes", "rates", "asked", "words"),
    [
        (2, RATES, {}, "params 4.9e8 or params 1.54e9"),
        (2, RATES, {"params": SIZES[0]}, ""),
        (4, [0.25], {}, "pruning_rate 0.25"),
        (1, [0.25], {}, "params 4.9e8 with pruning_rate 0.25"),
    ],
)
def test_recorded_values_at_which_a_prediction_would_be_determined_are_named(
    p2_records, sizes, rates, asked, words
):
    """
    Between two sizes on record nothing is known, and at each of them all is.
    """
    fit = p2law.fit(p2_records(SIZES[:sizes], rates, noise=0.002))
    inputs = {"params": 0.8e9, "tokens": 1e8, "pruning_rate": 0.3, "base_loss": 2.0, **asked}

    assert words == fit.known.instead(pd.DataFrame([inputs]))


def test_one_rate_leaves_the_rate_exponent_free(p2_records):
    """
    With one pruning rate, predictions at that rate are determined, at another they are not.
    """
    fit = p2law.fit(p2_records(SIZES[:4], [0.25], noise=0.002), forms.p2)

    told = fit.predict(params=1e9, tokens=1e8, pruning_rate=[0.25, 0.35], base_loss=2)

    assert Status.NOT_IDENTIFIED is fit.status
    assert any(
        "gamma moves no prediction on these records: the records hold 1 pruning rate" in t
        for t in fit.trouble
    )
    assert [True, False] == told["determined"].tolist()


@pytest.mark.parametrize(
    ("sizes", "rates", "held"),
    [
        (4, 3, set()),
        (3, 2, set()),
        (2, 3, {"alpha"}),
        (4, 1, {"gamma"}),
        (2, 1, {"alpha", "gamma"}),
        (1, 3, {"alpha", "N_C", "delta"}),
        (1, 1, {"alpha", "N_C", "delta", "gamma"}),
    ],
)
def test_the_default_fit_holds_as_few_coefficients_as_the_records_allow(
    p2_records, sizes, rates, held
):
    """
    The ladder gives full rank, loses nothing in fit, and its first line says what and why.
    """
    records = p2_records(SIZES[:sizes], RATES[:rates], noise=0.002)

    fit = p2law.fit(records)
    free = p2law.fit(records, forms.p2)
    first = fit.view().headline

    assert held == set(fit.held)
    assert fit.status in {Status.CONVERGED, Status.AT_BOUND}
    assert fit.search.objective <= free.search.objective * (1 + 1e-6)
    assert all(f"{name} = " in first for name in held)
    assert ("because the records hold" in first) == bool(held)


def test_what_the_records_lack_is_said_once(p2_records):
    """
    However many of the held coefficients lack it.
    """
    records = p2_records(SIZES[:1], RATES, noise=0.002)
    fit = p2law.fit(records[records["tokens"] == records["tokens"].max()])

    first = fit.view().headline
    assert len(fit.held) > 2
    assert "because the records hold 1 model size and 1 token count, fitted" in first


def test_what_the_ladder_holds_determines_no_other_prediction(p2_records):
    """
    Between and beyond two sizes a prediction would rest on the held coefficient: it is withheld.
    """
    fit = p2law.fit(p2_records(SIZES[:2], RATES, noise=0.002))

    told = fit.predict(params=[0.49e9, 0.8e9], tokens=1e8, pruning_rate=0.2, base_loss=2)

    assert [True, False] == told["determined"].tolist()
    assert any("come out as NaN" in each for each in fit.trouble)


@pytest.mark.parametrize("form", [None, forms.p2], ids=["ladder", "p2"])
def test_a_term_that_noise_has_driven_to_zero_hides_nothing(truth, form):
    """
    Two sizes and little lasting damage: in half of the cases the fit ends at N_C = 0, where no
    null direction is left; a third size is as unknown as in the other half.
    """
    small = truth | {"N_C": truth["N_C"] / 15}
    table = testing.design(SIZES[:2], RATES, np.geomspace(2e7, 1e9, 12))
    at_zero = 0
    for seed in range(8):
        fit = p2law.fit(testing.synthesize(forms.p2, small, table, noise=0.005, seed=seed), form)
        told = fit.predict(params=[SIZES[0], 1e10], tokens=1e9, pruning_rate=0.25, base_loss=2)
        at_zero += fit.values["N_C"] == 0

        assert [True, False] == told["determined"].tolist()
        assert any("2 model sizes" in each for each in fit.trouble)
        assert (form is None) == (fit.status is not Status.NOT_IDENTIFIED)
    assert 0 < at_zero < 8


@pytest.mark.parametrize("form", [None, forms.p2], ids=["ladder", "p2"])
@pytest.mark.parametrize("step", [1e-2, 1e-3, 1e-5, 1e-10])
@pytest.mark.parametrize(
    ("sizes", "rates"),
    [
        (lambda d: [1e9, 1e9 * (1 + d)], lambda _: RATES),
        (lambda d: [1e9, 1e9 * (1 + d), 1e9 * (1 + 2 * d)], lambda _: RATES),
        (lambda d: [1e9, 1e9 * (1 + d), 3e9], lambda _: RATES),
        (lambda _: SIZES[:4], lambda d: [0.25, 0.25 * (1 + d)]),
    ],
    ids=["two sizes", "three sizes", "two sizes and one", "two rates"],
)
def test_values_that_nearly_agree_make_no_absurd_prediction(truth, form, sizes, rates, step):
    """
    Where the losses are noisy, what hardly varies tells little: predictions at the records are
    right, and elsewhere they are right to their intervals and tell much of the damage, or withheld.
    """
    table = testing.design(sizes(step), rates(step), np.geomspace(2e7, 1e9, 40))
    records = testing.synthesize(forms.p2, truth, table, noise=0.003, seed=1)

    fit = p2law.fit(records, form)
    near = fit.predict(params=1e9, tokens=1e9, pruning_rate=0.25, base_loss=2)
    told = fit.predict(
        params=[2e9, 8e9, 1e9], tokens=1e9, pruning_rate=[0.25, 0.25, 0.5], base_loss=2
    )

    true = forms.p2(1e9, 1e9, 0.25, 2.0, **truth)
    assert true == pytest.approx(near["loss"][0], abs=0.003)
    true = forms.p2(told["params"], told["tokens"], told["pruning_rate"], 2.0, **truth)
    off, wide, damage = np.abs(told["loss"] - true), told["high"] - told["low"], true - 2
    assert (off < 0.6 * np.minimum(wide, damage))[told["determined"]].all()
    why = "the records hold [23] (model sizes|pruning rates)|the inputs hardly vary"
    assert told["determined"].all() or re.search(why, " ".join(fit.trouble))
    if form is None:
        assert Status.NOT_IDENTIFIED is not fit.status


def test_nearness_is_said(p2_records):
    """
    Three sizes usually suffice; that these lie within a thousandth says why they do not here.
    """
    fit = p2law.fit(p2_records([1e9, 1.0001e9, 1.0002e9], RATES, noise=0.002), forms.p2)

    assert "the records hold 3 model sizes within 0.02 %" in " ".join(fit.trouble)


@pytest.mark.parametrize(
    ("fixed", "jobless"), [({"N_C": 0}, ["alpha"]), ({"N_C": 0, "D_C": 0}, ["alpha", "beta"])]
)
@pytest.mark.parametrize("form", [None, forms.p2], ids=["ladder", "p2"])
def test_a_term_that_the_caller_takes_out_leaves_its_exponent_without_meaning(
    p2_records, form, fixed, jobless
):
    """
    Not a matter of the records: more of them would not help, and nothing rests on it.
    """
    fit = p2law.fit(p2_records(SIZES[:3], RATES, noise=0.002), form, fixed=fixed)

    assert Status.CONVERGED is fit.status
    assert set(fixed) == set(fit.held)
    assert [f"{name} has no meaning here" for name in jobless] == [
        each.split(":")[0] for each in fit.trouble
    ]
    assert fit.predict(params=2e10, tokens=1e9, pruning_rate=0.4, base_loss=2)["determined"].all()


def test_the_table_says_what_an_estimate_rests_on(p2_records):
    """
    One size: D_C is known there, but in its unit it depends on the held delta; E on N_C too.
    """
    records = p2_records(SIZES[:1], RATES, noise=0.002)

    held = p2law.fit(records).table()["note"]
    free = p2law.fit(records, forms.p2).table()["note"]

    assert "known at the middle, else rests on delta" == held["D_C"]
    assert "rests on delta and N_C" == held["E"]
    assert "" == held["beta"]
    assert "ONLY AT THE MIDDLE, with delta free" == free["D_C"]
    assert "NOT DETERMINED with E" == free["N_C"]


def test_what_the_user_holds_is_taken_on_trust(p2_records):
    """
    The same coefficient held by the caller gives predictions everywhere.
    """
    fit = p2law.fit(p2_records(SIZES[:2], RATES, noise=0.002), fixed={"alpha": 0.4})

    told = fit.predict(params=[0.49e9, 0.8e9, 3e9], tokens=1e8, pruning_rate=0.2, base_loss=2)

    assert Status.CONVERGED is fit.status
    assert told["determined"].all()


def test_one_model_size_of_dense_runs():
    """
    The Chinchilla law with a single size: E and A are one number, alpha has nothing to act on.
    """
    grid = p2law.grid(params=1e9, tokens=np.geomspace(1e9, 1e11, 40))
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    records = testing.synthesize(forms.chinchilla, truth, grid, noise=0.005)

    fit = p2law.fit(records, forms.chinchilla)

    assert Status.NOT_IDENTIFIED is fit.status
    assert "E and A move together: the records hold 1 model size" in fit.trouble[0]
    assert "alpha moves no prediction" in fit.trouble[1]


def test_a_rich_design_raises_no_alarm(p2_records):
    """
    Four sizes and three rates determine everything.
    """
    fit = p2law.fit(p2_records(SIZES[:4], RATES, noise=0.002))

    assert () == fit.trouble
    assert fit.predict(params=20e9, tokens=1e10, pruning_rate=0.5, base_loss=2)["determined"].all()


def test_units_do_not_matter_to_what_is_determined(p2_records):
    """
    Tokens counted in millions: the same null directions.
    """
    records = p2_records(SIZES[:2], RATES, noise=0.002)
    plain = p2law.fit(records, forms.p2)
    millions = p2law.fit(records.assign(tokens=records["tokens"] / 1e6), forms.p2)

    assert plain.status is millions.status
    assert plain.trouble == tuple(each for each in millions.trouble if "look like" not in each)


def test_independent_ambiguities_are_told_apart():
    """
    Two null directions that share no coefficient are two sentences, not one.
    """
    jacobian = np.array([[1.0, 2, 3, 4], [2, 4, 6, 8], [1, 0, 1, 0], [3, 0, 3, 0]])

    found = identify.directions(jacobian, ("a", "b", "c", "d"))

    assert {("a", "b"), ("c", "d")} == set(found.together)


def test_names_are_listed_as_a_sentence():
    """
    One, two and three names.
    """
    assert ["a", "a and b", "a, b and c"] == [listed(list("abc")[:k]) for k in (1, 2, 3)]


# -- inputs that never vary apart --------------------------------------------------------


def on_a_line(tokens_per_param, noise=0.005):
    """Dense runs that all saw the same number of tokens per parameter."""
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    table = pd.DataFrame({"params": np.geomspace(1e8, 1e10, 40)})
    table["tokens"] = tokens_per_param * table["params"]
    return testing.synthesize(forms.chinchilla, truth, table, noise=noise)


@pytest.mark.parametrize("often", [1, 300])
@pytest.mark.parametrize("order", ["in turn", "sorted", "shuffled"])
def test_what_is_exchanged_is_seen_in_any_order_of_rows(order, often):
    """
    Sizes in turn: rows evenly apart in the table are of one size, or nearly all rows are.
    """
    sizes = np.geomspace(1e6, 1e12, 10)[np.arange(311) % 10]
    sizes = np.append(sizes, np.full(11 * often, 1e6))
    table = pd.DataFrame({"params": sizes, "tokens": 20 * sizes})
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.30, "beta": 0.45}
    records = testing.synthesize(forms.chinchilla, truth, table, noise=0.0005)
    listed = {
        "in turn": records,
        "sorted": records.sort_values("params"),
        "shuffled": records.sample(frac=1, random_state=0),
    }

    fit = p2law.fit(listed[order].reset_index(drop=True), forms.chinchilla)

    assert Status.NOT_IDENTIFIED is fit.status
    assert "A, B, alpha and beta cannot be told apart" in fit.trouble[0]
    assert fit.predict(params=1e9, tokens=1e12)["loss"].isna().all()


@pytest.mark.parametrize("place", [0, *range(4000, 4010), 20_000])
def test_one_row_of_a_large_table_shows_that_two_inputs_vary_apart(place):
    """
    Whether it is among those that are looked at first or not.
    """
    sizes = np.geomspace(1e6, 1e12, 10)[np.arange(20_001) % 10]
    tokens = 20 * sizes

    (tie,) = ties.ties(Surface(forms.chinchilla, {"params": sizes, "tokens": tokens}))
    tokens[place] *= 2

    assert {"A", "B", "alpha", "beta"} == {*tie.exchanged}
    assert () == ties.ties(Surface(forms.chinchilla, {"params": sizes, "tokens": tokens}))


@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_a_fixed_number_of_tokens_per_parameter_tells_no_two_powers_apart(noise):
    """
    The rank is full there, but N^-alpha and D^-beta fit as well with their places exchanged.
    """
    fit = p2law.fit(on_a_line(20, noise), forms.chinchilla)

    told = fit.predict(params=1e9, tokens=[2e10, 2e11])

    assert Status.NOT_IDENTIFIED is fit.status
    assert 1 == len(fit.trouble)
    assert "params and tokens vary together in the records (tokens = 20 params)" in fit.trouble[0]
    assert "add runs in which they vary apart" in fit.trouble[0]
    assert {"A", "B", "alpha", "beta"} <= {*re.findall(r"\w+", fit.trouble[0])}
    assert "NOT DETERMINED with B, alpha and beta" == fit.table()["note"]["A"]
    assert [True, False] == told["determined"].tolist()


def test_one_run_off_the_line_is_enough_to_tell_two_powers_apart():
    """
    The cure that the sentence names.
    """
    records = pd.concat([on_a_line(20), on_a_line(200).iloc[::8]], ignore_index=True)

    fit = p2law.fit(records, forms.chinchilla)

    assert Status.CONVERGED is fit.status
    assert () == fit.trouble


def tied(rate):
    """One run for each size, with a rate that its size gives."""
    rates = [rate(size) for size in SIZES[:4]]
    table = testing.design(SIZES[:4], rates)
    return table[np.isclose(table["pruning_rate"], table["params"].map(rate))]


def test_rates_that_follow_from_sizes_are_seen_through(truth):
    """
    Four sizes and four rates, but gamma and delta do one and the same.
    """
    table = tied(lambda size: 0.15 * (size / 5e8) ** 0.4)
    fit = p2law.fit(testing.synthesize(forms.p2, truth, table, noise=0.003, seed=1), forms.p2)

    assert Status.NOT_IDENTIFIED is fit.status
    assert fit.trouble[0].startswith(
        "gamma and delta move together: params and pruning_rate vary together in the records "
        "(pruning_rate = 4.972e-5 params^0.4); add runs in which they vary apart, or hold"
    )


def test_rates_that_only_rise_with_sizes_are_named(truth):
    """
    The rank is full, but only because the law is a product of exact powers.
    """
    table = tied(dict(zip(SIZES[:4], [0.15, 0.25, 0.35, 0.5], strict=True)).get)
    fit = p2law.fit(testing.synthesize(forms.p2, truth, table, noise=0.003, seed=1), forms.p2)

    assert fit.trouble[0] == (
        "params and pruning_rate vary together in the records (4 pairs of values): what each does "
        "is told apart by the form of the law alone; add runs in which they vary apart"
    )


def test_a_base_loss_that_goes_with_size_is_no_tie(truth):
    """
    It always does, and no coefficient depends on it.
    """
    table = testing.design(base_loss={0.5e9: 2.4, 1.5e9: 2.2, 3e9: 2.1, 8e9: 2.0})
    fit = p2law.fit(testing.synthesize(forms.p2, truth, table, noise=0.003, seed=1), forms.p2)

    assert () == fit.trouble


# -- what just suffices ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "rates", "notes"),
    [
        (3, 3, ["3 model sizes just suffice for N_C, E and alpha"]),
        (4, 2, ["2 pruning rates just suffice for N_C, D_C, E and gamma"]),
        (4, 3, []),
    ],
)
def test_a_design_without_a_spare_value_says_that_nothing_checks_the_law(
    p2_records, sizes, rates, notes
):
    """
    Three sizes give alpha, N_C and E exactly: how damage goes with size cannot be tested.
    """
    fit = p2law.fit(p2_records(SIZES[:sizes], RATES[:rates], noise=0.002), forms.p2)

    assert notes == [each.split(":")[0] for each in fit.notes]
    assert all("no interval shows an error in that" in each for each in fit.notes)


def test_a_value_of_few_rows_is_one_to_spare():
    """
    Of thousands of rows some stand for all; the only two of the fourth size are among them.
    """
    sizes = np.append(np.repeat([1e8, 1e9, 1e10], 1000), [1e11, 1e11])
    tokens = np.append(np.tile(np.geomspace(1e9, 1e11, 1000), 3), [1e9, 1e10])
    table = pd.DataFrame({"params": sizes, "tokens": tokens})
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    records = testing.synthesize(forms.chinchilla, truth, table, noise=0.002)

    with_it, without = (
        " ".join(p2law.fit(each, forms.chinchilla).notes) for each in (records, records[:3000])
    )

    assert "just suffice" not in with_it
    assert "3 model sizes just suffice for E, A and alpha" in without


def test_rows_where_a_law_overflows_do_not_hide_what_matters():
    """
    Infinite before and after, tokens say nothing there; elsewhere they do.
    """

    @p2law.form("L = A * D^k")
    def steep(
        tokens: Annotated[Any, Domain("> 0", symbol="D")],
        *,
        A: Annotated[float, Bounds(0.0, 1e3)] = 1.0,
        k: Annotated[float, Bounds(0.5, 4.0)] = 2.0,
    ):
        return A * tokens**k

    surface = Surface(steep, {"tokens": np.array([1.0, 10.0, 100.0, 1e300, 2e300])})

    with np.errstate(over="ignore"):
        assert ties.matters(surface, "tokens")
