"""Laws side by side: the same rows, what they had not seen, and whether it is more than noise."""

import copy
import dataclasses
import json
import pickle
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2law
from p2law import forms, holdout
from p2law.errors import FitError, FormError, RecordError, ScoreError
from p2law.scoring import deciding
from p2law.scoring.comparison import Comparison
from p2law.scoring.contenders import Contender, Ground
from p2law.scoring.criteria import criteria
from p2law.scoring.deciding import difference
from p2law.scoring.measures import in_order
from p2law.scoring.trials import Trial, cells

GOLDEN = Path(__file__).parent / "golden"
DENSE = Annotated[float, p2law.Domain("<= 0")]
LAWS = (forms.p2, forms.p2_no_delta, forms.token_power)


@pytest.fixture(scope="module")
def records(p2_records):
    """P² records of 16 runs, noisy, a shift for each run."""
    return p2_records(noise=0.003, run_noise=0.005, seed=7).iloc[::2].reset_index(drop=True)


@pytest.fixture(scope="module")
def found(records):
    """Three laws on the highest rate: the first one made the records."""
    return p2law.compare(records, LAWS, holdout.last_tokens)


def test_the_law_that_made_the_records_wins(found):
    """
    And 16 runs are enough to tell it from a law that knows no size and no rate.
    """
    table = found.table

    assert "p2" == found.winner
    assert "p2" == table.index[0]
    assert table["held_rmse"].iloc[:3].is_monotonic_increasing
    assert table.loc["token_power", "chance"] < 0.01
    assert "larger than its noise: paired over 16 runs" in found.verdict
    assert "% of cases, and 10 % is the limit" in found.verdict


def test_errors_are_those_of_fits_made_by_hand(found, records):
    """
    In-sample: fitted to all rows; held out: fitted to the kept ones.
    """
    parts = holdout.last_tokens(records)

    for law in LAWS:
        whole, kept = p2law.fit(records, law), p2law.fit(parts.kept, law)
        score = p2law.score(kept, parts.held)
        row = found.table.loc[law.name]
        assert row["rmse"] == pytest.approx(np.sqrt(np.mean(whole.residuals()["residual"] ** 2)))
        assert row["held_rmse"] == pytest.approx(score.rmse)
        assert dict(whole.values) == dict(found.fits[law.name].values)
    naive = score.baselines["rmse"]
    assert naive["last value"] == pytest.approx(found.table.loc["(last value)", "held_rmse"])
    assert naive["power law of the run"] == pytest.approx(
        found.table.loc["(power law of the run)", "held_rmse"]
    )


def test_errors_by_run_add_up(found):
    """
    Weighted by rows, squares of the runs are those of the table.
    """
    by_run = found.by_run().loc["p2"]

    for rows, rmse in (("rows", "rmse"), ("held_rows", "held_rmse")):
        whole = np.sqrt(np.sum(by_run[rows] * by_run[rmse] ** 2) / by_run[rows].sum())
        assert found.table.loc["p2", rmse] == pytest.approx(whole)
    assert 16 == len(by_run)


def test_aic_and_bic_are_those_of_normal_errors(found, records):
    """
    n ln(S / n) + 2 (k + 1), and ln(n) (k + 1): seven coefficients and the size of the noise.
    """
    squares = np.sum(found.fits["p2"].residuals()["residual"] ** 2)
    level = len(records) * np.log(squares / len(records))

    row = found.table.loc["p2"]

    assert row["aic"] == pytest.approx(level + 2 * 8)
    assert row["bic"] == pytest.approx(level + np.log(len(records)) * 8)
    assert "AIC and BIC take rows as independent, which those of one run are not" in found.notes


def test_weights_of_another_unit_leave_the_difference_of_aic(records):
    """
    However small all of them are, noisy records are not fitted exactly.
    """
    laws = (forms.p2, forms.p2_no_delta)
    plain, light = (
        [criteria(p2law.fit(records.assign(w=each), law, weight="w")) for law in laws]
        for each in (1.0, 1e-20)
    )

    assert light[0].aic - light[1].aic == pytest.approx(plain[0].aic - plain[1].aic, abs=1e-6)


def test_rows_of_weight_0_are_no_evidence_of_which_law_errs_less(records):
    """
    They are neither fitted nor predicted, whatever they hold: left out, and said to be.
    """
    last = records.groupby("run").tail(1).index
    spoiled = records.assign(w=1.0)
    spoiled.loc[last, ["loss", "w"]] = 9.0, 0.0

    whole, without = (
        p2law.compare(each, LAWS[:2], "params == 8e9", weight="w")
        for each in (spoiled, spoiled.drop(index=last))
    )

    pd.testing.assert_frame_equal(without.table, whole.table)
    assert (without.rows, without.held_rows) == (whole.rows, whole.held_rows)
    assert (("w is 0", len(last)),) == whole.left_out
    assert f"{len(last)} rows: w is 0" in str(whole)


def test_truths_weigh_rows_as_1_and_0(records):
    """
    As in a fit.
    """
    kept = records["tokens"] > records["tokens"].min()

    by_truth, by_number = (
        p2law.compare(records.assign(w=each), LAWS[:2], "params == 8e9", weight="w")
        for each in (kept, kept.astype(float))
    )

    pd.testing.assert_frame_equal(by_number.table, by_truth.table)
    assert by_number.left_out == by_truth.left_out


def test_a_comparison_in_which_no_law_can_be_fitted_says_why_of_each(records):
    """
    All that is left for a column of the table may be missing then.
    """
    huge = records.assign(loss=records["loss"] * 1e200)

    found = p2law.compare(huge, LAWS[:2], holdout.last_tokens)

    assert all("beyond double precision" in each for each in found.table["why"].head(2))
    assert ["", ""] == found.table["status"].head(2).tolist()


def test_weights_that_are_0_in_every_row_are_refused(records):
    """
    No law is at fault then.
    """
    with pytest.raises(ScoreError, match="w is 0 in every row: none is left to compare laws on"):
        p2law.compare(records.assign(w=0), LAWS, holdout.last_tokens, weight="w")


def test_aic_is_empty_where_there_is_no_likelihood(records):
    """
    Huber's function is none; an unidentified fit has an unknown number of coefficients.
    """
    one_size = records[records["params"] == 5e8]

    robust = p2law.compare(records, LAWS[:1], holdout.highest_rate, objective=p2law.huber(1e-3))
    loose = p2law.compare(one_size, (forms.p2, None), holdout.last_tokens)

    assert robust.table[["aic", "bic"]].isna().all(axis=None)
    assert "no AIC and BIC for p2: huber(0.001) is no likelihood" in " ".join(robust.notes)
    assert np.isnan(loose.table.loc["p2", "aic"])
    assert np.isfinite(loose.table.loc["p2 (held as needed)", "aic"])
    assert "no AIC and BIC for p2: the fit is NOT IDENTIFIED" in " ".join(loose.notes)


def test_all_laws_are_judged_on_rows_that_all_can_use(records):
    """
    The rectified law has a value at zero tokens, but p2 has none there.
    """
    zero = records.iloc[:3].assign(tokens=0.0, loss=6.0, run=["x", "y", "z"])
    table = pd.concat([records, zero], ignore_index=True)

    found = p2law.compare(table, (forms.p2_rectified, forms.p2), holdout.last_tokens)

    assert len(records) == found.rows
    assert (("p2 has no value where tokens is not > 0", 3),) == found.left_out
    assert {len(records)} == {len(each.records) for each in found.fits.values()}


def test_a_law_whose_columns_are_missing_has_a_row_with_the_reason(records):
    """
    The others are compared as if it were not there.
    """
    found = p2law.compare(records, (forms.sparse_pretraining, forms.p2), holdout.highest_rate)

    assert "p2" == found.winner
    assert "the records have no column params_after" == found.table.loc["sparse_pretraining", "why"]
    assert "sparse_pretraining: the records have no column params_after" in found.trouble


def test_a_law_of_ones_own_that_breaks_has_a_row_with_the_reason(records):
    """
    Whatever it raises, the others are compared.
    """

    @p2law.form(linear=("a",))
    def broken(tokens, *, a, b=0.5):
        if len(np.atleast_1d(tokens)) > 100:
            raise KeyError("out of luck")
        return a * tokens**-b

    found = p2law.compare(records, (broken, forms.token_power), holdout.last_tokens)

    assert "token_power" == found.winner
    assert "KeyError: 'out of luck'" in found.table.loc["broken", "why"]
    assert "" == found.table.loc["broken", "status"]


def test_a_law_that_a_split_leaves_open_does_not_compete(records):
    """
    Two sizes do not tell p2 a third; the law without sizes wins by default, and that is said.
    """
    three = records[records["params"] != 5e8]

    found = p2law.compare(three, (forms.p2, forms.token_power), holdout.largest_model)

    assert "token_power" == found.winner
    assert 0 == found.table.loc["p2", "determined"]
    assert np.isnan(found.table.loc["p2", "held_rmse"])
    assert "rows are not determined: " in found.table.loc["p2", "why"]
    assert "no other law predicts these rows" in found.verdict


def test_the_reason_that_is_told_is_what_the_records_lack(records):
    """
    One size; that a term is at its bound is true as well, and no reason.
    """
    flat = records[records["params"] <= 1.5e9].copy()
    flat["loss"] = flat.groupby("run")["loss"].transform("min") + 1e-3 * np.log(flat["tokens"])

    found = p2law.compare(flat, (None, forms.p2_no_delta), holdout.largest_model)

    assert "D_C is at its lower bound 0" in " ".join(found.fits["p2_no_delta"].trouble)
    ends = [why.split("not determined: ")[1] for why in found.table["why"] if why]
    assert ends[0].startswith("the records hold 1 model size, so alpha, N_C and delta were held")
    assert ends[1].startswith("N_C and E move together: the records hold 1 model size")
    assert not any("bound" in each for each in ends)


def test_where_no_law_predicts_there_is_no_winner(records):
    """
    One size cannot tell another.
    """
    two = records[records["params"].isin([5e8, 1.5e9])]

    found = p2law.compare(two, (forms.p2,), holdout.largest_model)

    assert found.winner is None
    assert "no law predicts the held rows" == found.verdict
    assert found.by_run()["held_rmse"].isna().all()


def test_few_runs_cannot_tell_a_difference_from_noise(records):
    """
    Four runs at the highest rate: one arrangement of signs in eight is as good.
    """
    found = p2law.compare(records, LAWS, holdout.highest_rate)

    assert "cannot be told from noise: 4 runs held out, and it takes 5" in found.verdict


def test_a_naive_prediction_that_wins_is_shouted(records):
    """
    The law without sizes does worse than the last value of each run.
    """
    found = p2law.compare(records, (forms.token_power,), holdout.last_tokens)

    assert any(each.startswith("last value needs no law and does better") for each in found.trouble)


@pytest.mark.parametrize(
    "hold",
    [
        lambda _: holdout.largest_model,
        holdout.largest_model,
        lambda _: "params > 5e9",
        lambda records: [holdout.largest_model(records)],
    ],
    ids=["function", "split", "text", "list"],
)
def test_what_is_held_can_be_said_in_several_ways(records, hold):
    """
    A function of this library, what it returns, an expression, or a list of splits.
    """
    expected = p2law.compare(records, LAWS[2:], holdout.largest_model).table

    pd.testing.assert_frame_equal(expected, p2law.compare(records, LAWS[2:], hold(records)).table)


def test_splits_in_turn_hold_every_row(records):
    """
    Each run once: as many held rows as there are rows.
    """
    found = p2law.compare(records, LAWS[2:], holdout.each_run)

    assert (len(records), 16) == (found.held_rows, found.held_runs)
    assert "16 splits in turn, from run '5e+08-0.15' to run '8e+09-0.5'" == found.held


def test_splits_without_usable_rows_are_said(records):
    """
    A run of its own that no law can use is in no error.
    """
    zero = records.iloc[:1].assign(tokens=0.0, loss=6.0, run="untrained")
    table = pd.concat([records[records["params"] < 1e9], zero], ignore_index=True)

    found = p2law.compare(table, LAWS[2:], holdout.each_run)

    assert "left out: 1 of 5 splits (run 'untrained')" in found.notes[0]


def test_runs_may_be_told_apart_by_other_columns(records):
    """
    As in a fit, and it is said.
    """
    found = p2law.compare(records.drop(columns="run"), LAWS[2:], holdout.last_tokens)

    assert 16 == found.held_runs
    assert "no column run: runs are told apart by params, base_loss, pruning_rate" in found.notes


def test_coefficients_of_all_laws_stand_in_one_table(found):
    """
    Each with what its fit says of it.
    """
    table = found.coefficients()

    assert found.fits["p2"].values["beta"] == table.loc[("p2", "beta"), "estimate"]
    assert ["p2", "p2_no_delta", "token_power"] == sorted(table.index.unique("law"))


@pytest.mark.parametrize(
    ("forms_", "hold", "error", "words"),
    [
        ((), holdout.last_tokens, ScoreError, "forms is a list of laws, and it is empty"),
        ("p2", holdout.last_tokens, ScoreError, r"as \(p2law.forms.p2,\), got 'p2'"),
        (("p2",), holdout.last_tokens, FormError, "form is a law such as"),
        (
            LAWS[:1] * 2,
            holdout.last_tokens,
            ScoreError,
            "two laws are called p2; compare each once",
        ),
        (
            (forms.p2, forms.retention),
            holdout.last_tokens,
            ScoreError,
            "different targets .*: p2 predicts loss, retention predicts score",
        ),
        ((forms.sparse_pretraining,), holdout.last_tokens, ScoreError, "none of these laws can be"),
        (LAWS, 0.2, ScoreError, r"hold is a split, .* got 0.2 \(float\)"),
        (LAWS, [], ScoreError, r"hold is a split, .* got \[\]"),
        (LAWS, holdout.split, TypeError, "expression"),
        (LAWS, "params > 1e12", ScoreError, "nothing is left to predict; params goes from"),
        (LAWS, "size > 1", ScoreError, "no column 'size'"),
    ],
)
def test_comparisons_that_make_no_sense_are_refused(records, forms_, hold, error, words):
    """
    No law, one law twice, other targets, no hold-out.
    """
    with pytest.raises(error, match=words):
        p2law.compare(records, forms_, hold)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "huber"}, r"objective is p2law\.squared\(\) or"),
        ({"weight": 3}, "weight is the name of a column"),
        ({"seed": -1}, "seed is a whole number from 0 on"),
    ],
)
def test_settings_are_checked_before_anything_is_fitted(records, options, words):
    """
    Once, and not as a reason in the row of every law.
    """
    with pytest.raises(FitError, match=words):
        p2law.compare(records, LAWS, holdout.last_tokens, **options)


def test_a_split_of_other_records_is_refused(records):
    """
    Its rows would be taken for others.
    """
    other = holdout.last_tokens(records.assign(loss=records["loss"] + 0.1))

    with pytest.raises(ScoreError, match="was made of other records than these"):
        p2law.compare(records, LAWS, other)
    with pytest.raises(RecordError, match=r"p2law\.load reads files"):
        p2law.compare("records.csv", LAWS, other)


def test_laws_that_no_row_serves_together_are_refused():
    """
    One reads only dense rows, the other only pruned ones.
    """

    @p2law.form(linear=("a",))
    def dense(pruning_rate: DENSE, *, a):
        return a + 0 * pruning_rate

    table = pd.DataFrame(
        {"run": ["a", "b"], "tokens": [1e6, 2e6], "pruning_rate": [0.0, 0.5], "loss": [2.0, 3.0]}
    ).assign(base_loss=2.0, params=1e9)

    with pytest.raises(ScoreError, match=r"no row that all laws can use .*; compare fewer"):
        p2law.compare(table, (dense, forms.p2), holdout.highest_rate)


# -- noise -------------------------------------------------------------------------------


def test_five_runs_that_agree_are_told_and_four_are_not():
    """
    All signs alike: 2 arrangements of 32, and 2 of 16.
    """
    off = np.ones(5)

    five = difference(off, 2 * off, np.arange(5))
    four = difference(off[:4], 2 * off[:4], np.arange(4))

    assert (2 / 32, True, True) == (five.chance, five.told, five.more_than_noise)
    assert (2 / 16, False, False) == (four.chance, four.told, four.more_than_noise)


def test_rows_of_one_run_count_once():
    """
    However many rows two runs have, they stay two.
    """
    one, run = np.ones(2000), np.repeat([0, 1], 1000)

    assert 0.5 == difference(one, 2 * one, run).chance


def test_repeats_of_a_run_count_once():
    """
    Three trials of each of two settings share what a law gets wrong: they stay two.
    """
    one, cell = np.ones(6), np.repeat([0, 1], 3)

    found = difference(one, 2 * one, np.arange(6), cell)

    assert (0.5, False) == (found.chance, found.told)
    assert "2 cells (6 runs, those of equal inputs together)" == found.over


def test_repeats_in_records_are_found(records):
    """
    Every run twice, under other names: as many cells as before, and the verdict says so.
    """
    again = records.assign(run=records["run"] + " again", loss=records["loss"] + 0.001)
    twice = pd.concat([records, again], ignore_index=True)

    found = p2law.compare(twice, LAWS[1:], holdout.last_tokens)

    assert 32 == found.held_runs
    assert "16 cells (32 runs, those of equal inputs together)" in found.verdict


def test_checkpoints_of_a_run_make_no_cells():
    """
    An input that changes along a run leaves it one; other texts are other cells.
    """
    table = pd.DataFrame({"run": list("aabbcc"), "flops": [1.0, 2.0] * 3})
    table["eval_text"] = list("xxxxyy")

    @p2law.form(linear=("a",))
    def law(flops, *, a):
        return a + 0 * flops

    found = cells(table, Ground(np.ones(6, bool), (Contender("law", law),), {}, ()))

    assert [0, 0, 0, 0, 1, 1] == found.tolist()


@given(seed=st.integers(0, 99), runs=st.integers(2, 30))
def test_equal_laws_differ_by_noise(seed, runs):
    """
    The same errors under other signs, and which law is named first, change nothing.
    """
    rng = np.random.default_rng(seed)
    run = rng.integers(runs, size=60)
    one, other = rng.standard_normal((2, 60))

    assert 1.0 == difference(one, -one, run).chance
    assert difference(one, other, run).chance == difference(other, one, run).chance


def test_chance_is_as_rare_as_it_says():
    """
    Of 400 pairs of equally good laws about one in ten is told apart at 90 %.

    Three binomial standard deviations are 4.5 %.
    """
    rng = np.random.default_rng(5)
    run = np.repeat(np.arange(10), 6)
    errors = rng.standard_normal((400, 2, 60)) + rng.standard_normal((400, 2, 10))[..., run]

    told = [difference(*each, run).more_than_noise for each in errors]

    assert abs(np.mean(told) - 0.1) < 0.045


def test_of_laws_that_do_equally_well_the_simplest_wins():
    """
    One law in two writings is no contest.
    """
    measured = np.arange(6.0)
    same = {"long": measured + 0.1, "short": measured + 0.1, "bad": measured + 1.0}
    trial = Trial(measured, np.arange(6), np.arange(6), same, {}, dict.fromkeys(same, ""), ())

    ranks = deciding.contest(trial, {"long": 7, "short": 3, "bad": 1}, seed=0)

    assert "short" == ranks.winner
    assert "error, rmse 0.1 nat, and so has long; the difference to bad" in ranks.verdict("nat")


def partly(first, *, most=12):
    """A contest of a law that predicts all rows and one that predicts `first` of 12."""
    measured = np.arange(12.0)
    some = np.where(np.arange(12) < first, measured + 0.2, np.nan)
    told = {"whole": np.where(np.arange(12) < most, measured + 0.1, np.nan), "part": some}
    trial = Trial(measured, np.arange(12), np.arange(12), told, {}, dict.fromkeys(told, ""), ())
    return deciding.contest(trial, {"whole": 3, "part": 3}, seed=0)


def test_a_law_that_predicts_some_rows_is_not_said_to_predict_none():
    """
    It is not ranked, but its error stands beside that of the winner on the same rows.
    """
    said = partly(5).verdict("nat")

    assert "whole has the smallest held-out error, rmse 0.1 nat; part predicts 5 of 12 rows" in said
    assert "was not ranked (rmse there: part 0.2 nat, whole 0.1 nat)" in said
    assert "no other law predicts these rows" in partly(0).verdict("nat")


def test_where_all_laws_predict_few_rows_that_is_said():
    """
    None is ranked, and none is said to predict nothing.
    """
    said = partly(5, most=4).verdict("nat")

    assert "no law predicts half of the held rows; whole and part predict 4 to 5 of 12" in said


def test_chance_does_not_hang_on_the_order_of_rows():
    """
    Random signs go to runs by what they contribute, not by where they are listed.
    """
    rng, run = np.random.default_rng(0), np.repeat(np.arange(16), 3)
    one, other = rng.normal(0, [[1.0], [1.1]], (2, len(run)))
    others = [rng.permutation(len(run)) for _ in range(5)]

    listed = difference(one, other, run).chance
    shuffled = [difference(one[k], other[k], run[k]).chance for k in others]
    renamed = difference(one, other, rng.permutation(16)[run]).chance

    assert 0 < listed < 1
    assert {listed} == {renamed, *shuffled}


def test_chance_is_not_told_finer_than_it_was_tried():
    """
    Of 4,095 random arrangements none was as lopsided: less than one in 4,096.
    """
    many = difference(np.ones(40), 2 * np.ones(40), np.arange(40))
    few = difference(np.ones(12), 2 * np.ones(12), np.arange(12))

    assert "chance does as well in less than 0.025 % of cases" == many.share
    assert "chance does as well in 0.049 % of cases" == few.share


def test_a_mixture_of_texts_is_told(records):
    """
    As a fit does: no law can tell them apart.
    """
    mixed = records.assign(eval_text=np.where(records["params"] < 1e9, "book", "web"))

    found = p2law.compare(mixed, LAWS[2:], holdout.last_tokens)

    assert found.trouble[0].startswith("2 values of eval_text in one fit (book, web)")


def test_that_the_winner_was_picked_first_is_said(found):
    """
    The best of many is the best by luck as well.
    """
    assert "the winner was picked by its error on the held rows" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("naive", "better"),
    [(np.full(6, 0.05), True), (np.full(6, 0.09995), False), (np.array([0.3, *[0.0] * 5]), False)],
    ids=["better", "the same but for a thousandth", "no more than noise"],
)
def test_a_naive_prediction_is_better_only_by_more_than_noise(naive, better):
    """
    As a law must be.
    """
    measured = np.arange(6.0)
    law, simple = {"law": measured + 0.1}, {"last": measured + naive}
    trial = Trial(measured, np.arange(6), np.arange(6), law, simple, {"law": ""}, ())
    ranks = deciding.contest(trial, {"law": 3}, seed=0)

    assert (("last",) if better else ()) == ranks.shame


@pytest.mark.parametrize(
    ("naive", "words"),
    [
        (np.full(6, 0.05), "rmse 0.05 nat, a difference larger than its noise"),
        (np.array([0.2, *[0.0] * 5]), "rmse 0.08165 nat, a difference no larger than its noise"),
        (np.full(6, 0.3), ""),
    ],
    ids=["better", "no more than noise", "worse"],
)
def test_a_winner_is_named_beside_what_needs_no_law_and_errs_less(naive, words):
    """
    The smallest error of all laws need not be the smallest of all.
    """
    measured = np.arange(6.0)
    law, simple = {"law": measured + 0.1}, {"last": measured + naive}
    trial = Trial(measured, np.arange(6), np.arange(6), law, simple, {"law": ""}, ())
    ranks = deciding.contest(trial, {"law": 3}, seed=0)

    beside = f"; last value needs no law and errs less, {words}" if words else ""
    said = f"law has the smallest held-out error, rmse 0.1 nat{beside}"
    assert f"{said}; no other law predicts these rows" == ranks.verdict("nat")


# -- views -------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "view"), [("txt", str), ("html", Comparison._repr_html_)])
def test_the_views_of_a_comparison_are_the_golden_ones(ending, view, request):
    """
    `pytest --rewrite-golden` writes them anew; read the difference before committing it.
    """
    path = GOLDEN / f"comparison.{ending}"
    shown = view(made_comparison())
    if request.config.getoption("--rewrite-golden"):
        path.write_text(shown + "\n", encoding="utf-8")

    assert path.read_text(encoding="utf-8") == shown + "\n"


def test_long_reasons_do_not_hide_the_table():
    """
    Cut in the view, whole in `trouble`, and that is said.
    """
    long = f"p2: {'many words ' * 90}".strip()

    shown = str(dataclasses.replace(made_comparison(), trouble=(long,)))

    assert max(k for k, line in enumerate(shown.splitlines()) if line.startswith("p2 ")) < 8
    assert "many words many ..." in " ".join(shown.split())
    assert "what ends in ... stands whole in `trouble`" in shown


def made_comparison():
    """A comparison with fixed numbers, so that its view does not hang on those of fits."""
    table = pd.DataFrame(
        {
            "status": ["converged", "AT BOUND", "", ""],
            "free": [7.0, 3.0, np.nan, np.nan],
            "rmse": [0.003, 0.21, np.nan, np.nan],
            "aic": [-1800.2, -400.0, np.nan, np.nan],
            "bic": [-1770.1, -390.0, np.nan, np.nan],
            "held_rmse": [0.0041, 0.22, np.nan, 0.0102],
            "determined": [64.0, 64.0, np.nan, 64.0],
            "chance": [np.nan, 0.0123, np.nan, np.nan],
            "why": ["", "", "the records have no column params_after", ""],
        },
        ["p2", "token_power", "sparse_pretraining", "(last value)"],
    )
    return Comparison(
        held="the last 20 % of each run's checkpoints", winner="p2",
        verdict="p2 has the smallest held-out error, rmse 0.0041 nat; the difference to "
        "token_power (0.22 nat) is larger than its noise: paired over 16 runs, chance does as "
        "well in 1.2 % of cases, and 10 % is the limit",
        fits={}, rows=320, runs=16, held_rows=64, held_runs=16, compared=60,
        left_out=(("p2 has no value where tokens is not > 0", 16),),
        trouble=("sparse_pretraining: the records have no column params_after",),
        notes=("AIC and BIC take rows as independent, which those of one run are not",),
        _table=table, _by_run=pd.DataFrame(),
    )  # fmt: skip


def test_a_comparison_travels(found):
    """
    Copied and pickled it says the same.
    """
    for other in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):  # noqa: S301 - its own
        assert str(found) == str(other)
        assert dict(found.fits["p2"].values) == dict(other.fits["p2"].values)
        pd.testing.assert_frame_equal(found.by_run(), other.by_run())


def test_a_comparison_is_frozen_and_plain_for_programs(found):
    """
    Tables are copies; the plain form is JSON but for numbers that are none.
    """
    taken = found.table
    taken["rmse"] = 0.0

    assert found.table["rmse"].max() > 0
    assert "p2" == json.loads(json.dumps(found.plain()))["winner"]
    with pytest.raises(AttributeError, match="cannot assign to field"):
        found.winner = "mine"
    with pytest.raises(TypeError, match="does not support item assignment"):
        found.fits["p2"] = None


def test_laws_that_err_alike_come_in_one_order_whatever_rounding_says():
    """
    Those with the fewest coefficients first, and of these as they were given, down to the last.
    """
    free = {"held": 3, "whole": 6, "other": 3, "best": 7}
    errors = {"whole": 0.3, "held": 0.3 * (1 + 1e-13), "best": 0.1, "other": 0.3 * (1 - 1e-13)}

    assert ["best", "held", "other", "whole"] == in_order(errors, free)
