"""A score says how far a law is off, on which rows, and what needs no law beside it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import p2law
from p2law import forms, holdout, testing
from p2law.errors import FitError, RecordError, ScoreError
from p2law.scoring import Score, conditions
from p2law.scoring.baselines import baselines
from p2law.scoring.judging import beaten
from p2law.scoring.measures import measured, measures, slopes
from p2law.text.views import number

GOLDEN = Path(__file__).parent / "golden"
DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def records(p2_records):
    """P² records of 16 runs, noisy, a shift for each run."""
    return p2_records(noise=0.003, run_noise=0.01, seed=7)


@pytest.fixture(scope="module")
def parts(records):
    """The last fifth of every run held out."""
    return holdout.last_tokens(records)


@pytest.fixture(scope="module")
def fit(parts):
    """Fitted to what is kept."""
    return p2law.fit(parts.kept)


@pytest.fixture(scope="module")
def score(fit, parts):
    """Of rows that the fit has not seen."""
    return p2law.score(fit, parts.held)


# -- errors, by hand ---------------------------------------------------------------------

LOSS = np.array([4.0, 3.0, 2.5, 2.0])
OFF = np.array([0.4, 0.0, -0.1, 0.2])


def rows(loss=LOSS, per="log_tokens", **columns):
    """Two checkpoints of each of two runs."""
    table = pd.DataFrame({"run": ["a", "a", "b", "b"], "loss": loss, **columns})
    table["tokens"] = columns.get("tokens", [1.0, np.e, np.e, np.e**3])
    return measured(table, "loss", table["run"], per)


def test_errors_are_what_they_are_called():
    """
    Computed by hand: squares 0.16, 0, 0.01, 0.04; relative errors 10, 0, 4 and 10 %.
    """
    found = measures(rows()[0], LOSS + OFF)

    spread = np.sum((LOSS - 2.875) ** 2)
    logs = np.abs(np.log1p(OFF / LOSS))[[0, 2, 3]]
    assert found["rmse"] == pytest.approx(np.sqrt(0.21 / 4))
    assert found["mean_relative"] == pytest.approx(0.06)
    assert found["worst_relative"] == pytest.approx(0.1)
    assert found["r2"] == pytest.approx(1 - 0.21 / spread)
    assert found["huber"] == pytest.approx(np.sum(1e-3 * (logs - 0.5e-3)) / 4)
    assert np.isnan(found["r2_above_base"])


def test_r2_above_the_base_loss_counts_what_the_law_is_about():
    """
    With base losses that follow the losses nearly nothing is left to explain.
    """
    base = np.array([3.9, 2.8, 2.2, 1.6])

    found = measures(rows(base_loss=base)[0], LOSS + OFF)

    above = LOSS - base
    expected = 1 - 0.21 / np.sum((above - above.mean()) ** 2)
    assert expected == pytest.approx(found["r2_above_base"])


def test_the_slope_difference_is_the_mean_over_runs():
    """
    Run a: the error falls by 0.4 over 1; run b: it grows by 0.3 over 2 factors e of tokens.
    """
    found, note = rows()

    assert [0.4, 0.15] == pytest.approx(slopes(found, LOSS + OFF).tolist())
    assert measures(found, LOSS + OFF)["slope_difference"] == pytest.approx(0.275)
    assert "" == note


def test_a_level_that_is_off_does_not_change_slopes():
    """
    The slope difference is blind to a shift, which is why it stands beside the others.
    """
    found = measures(rows()[0], LOSS + 0.5)

    assert found["slope_difference"] == pytest.approx(0.0, abs=1e-15)
    assert found["rmse"] == pytest.approx(0.5)


def test_rows_at_zero_tokens_have_no_logarithm_and_it_is_said():
    """
    Against tokens they have a slope.
    """
    columns = {"tokens": [0.0, 10.0, 5.0, 10.0]}

    found, note = rows(**columns)

    assert 1 == len(slopes(found, LOSS + OFF))
    assert "1 row at zero tokens has no slope against ln(tokens)" == note
    assert [0.04, 0.06] == pytest.approx(
        slopes(rows(per="tokens", **columns)[0], LOSS + OFF).tolist()
    )


@pytest.mark.parametrize(
    ("columns", "each"),
    [
        ({"flops_per_token": [7.0] * 4}, [7.0] * 4),
        ({"params": [10.0] * 4}, [60.0] * 4),
        ({"params": [10.0] * 4, "method": ["depth", "width", "2:4", "unstructured"],
          "params_after": [6.0, np.nan, 5.0, 5.0], "pruning_rate": [0.4, 0.3, 0.5, 0.5]},
         [36.0, 42.0, 60.0, 60.0]),
        ({"params": [10.0] * 4, "flops_per_token": [7.0, np.nan, 7.0, 7.0]}, [7, 60, 7, 7]),
    ],
)  # fmt: skip
def test_flops_are_those_of_what_is_really_multiplied(columns, each):
    """
    As stated, else six for each parameter: those left by depth and width, all with zeros.
    """
    tokens = np.array([1.0, 2.0, 3.0, 4.0])

    found, note = rows(per="flops", tokens=tokens, **columns)

    assert (tokens * each).tolist() == found.x.tolist()
    assert "FLOP are" in note


def test_what_has_no_abscissa_has_no_slopes():
    """
    And the note says which column it takes.
    """
    table = pd.DataFrame({"run": ["a", "a"], "loss": [3.0, 2.0]})

    found, note = measured(table, "loss", table["run"], "flops")
    unknown = measured(table.assign(tokens=[1.0, 2.0]), "loss", table["run"], "flops")

    assert np.isnan(measures(found, np.array([3.0, 2.0]))["slope_difference"])
    assert "no column tokens: there are no slopes" == note
    assert "no column params or flops_per_token: FLOP are not known everywhere" == unknown[1]


def test_seeds_of_one_run_are_curves_of_their_own():
    """
    No slope is taken from one seed to another.
    """
    table = pd.DataFrame({"run": "a", "seed": [1.0, 1.0, 2.0, 2.0], "loss": LOSS})
    table["tokens"] = [1.0, 3.0, 2.0, 4.0]

    found, _ = measured(table, "loss", table["run"], "tokens")

    assert [[0, 2], [1, 3]] == [each.tolist() for each in found.neighbours]


def test_equal_losses_have_no_r2():
    """
    Without variance there is no share of it.
    """
    assert np.isnan(measures(rows(loss=np.full(4, 2.2))[0], np.full(4, 2.3))["r2"])


# -- baselines ---------------------------------------------------------------------------


def test_power_laws_of_many_runs_are_those_of_the_fitter():
    """
    Fitted one by one with `forms.token_power`, on real curves that also rise.
    """
    table = p2law.load(DATA / "cifar_retrain.csv")
    table = table[table["schedule"].eq("finetune") & table["iterative"].eq(0)]
    table = table[table["run"].isin(table["run"].unique()[::11])]
    parts = holdout.last_tokens(table)

    found = baselines(parts.kept, parts.held, "loss")

    for run in parts.held["run"].unique():
        kept = parts.kept[parts.kept["run"] == run]
        asked = parts.held[parts.held["run"] == run]
        alone = p2law.fit(kept, forms.token_power)
        expected = forms.token_power(asked["tokens"].to_numpy(), **alone.values)
        at = (parts.held["run"] == run).to_numpy()
        np.testing.assert_allclose(found.power[at], expected, rtol=2e-6)
        assert (found.last[at] == kept["loss"].iloc[-1]).all()


@given(
    floor=st.floats(0.5, 4),
    scale=st.floats(0.1, 2),
    beta=st.floats(0.05, 2.5),
    runs=st.integers(1, 4),
)
def test_a_power_law_without_noise_is_found_again(floor, scale, beta, runs):
    """
    Whatever its coefficients, and however many runs stand beside it.
    """
    tokens = np.geomspace(1e6, 1e8, 8)
    loss = floor + scale * (tokens / 1e6) ** -beta
    many = [pd.DataFrame({"run": k, "tokens": tokens, "loss": loss + k}) for k in range(runs)]
    table = pd.concat(many, ignore_index=True)
    asked = pd.DataFrame({"run": range(runs), "tokens": 3e8})

    found = baselines(table, asked, "loss")

    expected = floor + scale * 300.0**-beta + np.arange(runs)
    np.testing.assert_allclose(found.power, expected, atol=1e-5 * scale)


def test_only_rows_that_follow_have_a_baseline():
    """
    A run that was not fitted, and checkpoints that were, have none; two points make no law.
    """
    kept = pd.DataFrame(
        {
            "run": list("aaabb"),
            "tokens": [1.0, 2.0, 4.0, 1.0, 2.0],
            "loss": [3.0, 2.5, 2.2, 4.0, 3.0],
        }
    )
    asked = pd.DataFrame({"run": list("aabc"), "tokens": [4.0, 8.0, 4.0, 4.0]})

    found = baselines(kept, asked, "loss")

    np.testing.assert_array_equal([np.nan, 2.2, 3.0, np.nan], found.last)
    assert [False, True, False, False] == np.isfinite(found.power).tolist()


def test_seeds_and_texts_of_a_run_have_baselines_of_their_own(p2_records):
    """
    In a comparison and in a score, also of a fit that was saved.
    """
    table = p2_records(noise=0.003).query("params < 1e9").iloc[::4]
    other = table.assign(seed=1, eval_text="web", loss=table["loss"] + 1)
    table = pd.concat([table.assign(seed=0, eval_text="book"), other], ignore_index=True)
    parts = holdout.last_tokens(table)
    fit = p2law.Fit.from_json(p2law.fit(parts.kept, forms.token_power).to_json())

    naive = p2law.score(fit, parts.held).residuals()["last"]
    compared = p2law.compare(table, [forms.token_power], parts).table

    end = parts.kept.groupby(["run", "seed"]).last()["loss"]
    expected = [
        end[run, seed] for run, seed in zip(parts.held["run"], parts.held["seed"], strict=True)
    ]
    off = np.array(expected) - parts.held["loss"]
    assert expected == naive.tolist()
    assert compared.loc["(last value)", "held_rmse"] == pytest.approx(np.sqrt(np.mean(off**2)))


def test_other_targets_than_losses_may_rise():
    """
    A share of right answers that grows towards 0.8.
    """
    tokens = np.array([1e6, 2e6, 4e6, 8e6])
    kept = pd.DataFrame({"run": "a", "tokens": tokens, "acc": 0.8 - 90 * tokens**-0.5})

    found = baselines(kept, pd.DataFrame({"run": ["a"], "tokens": [64e6]}), "acc")

    assert [0.8 - 90 * 64e6**-0.5] == pytest.approx(found.power.tolist(), abs=1e-6)


def test_a_curve_that_only_rises_has_its_mean_for_a_power_law():
    """
    The law cannot rise.
    """
    kept = pd.DataFrame({"run": "a", "tokens": [1e6, 2e6, 4e6], "loss": [2.0, 2.1, 2.2]})

    found = baselines(kept, pd.DataFrame({"run": ["a"], "tokens": [8e6]}), "loss")

    assert [2.1] == pytest.approx(found.power.tolist())


# -- scores ------------------------------------------------------------------------------


def test_a_score_is_of_the_rows_that_it_is_given(score, fit, parts):
    """
    Its errors are those of the predictions of the fit.
    """
    told = fit.predict(parts.held, kind="run")
    off = told["loss"] - parts.held["loss"]

    inside = (told["low"] <= parts.held["loss"]) & (parts.held["loss"] <= told["high"])
    assert (64, 16, 0) == (score.rows, score.runs, score.undetermined)
    assert score.rmse == pytest.approx(np.sqrt(np.mean(off**2)))
    assert score.worst_row == (off / parts.held["loss"]).abs().idxmax()
    assert score.coverage == inside.mean()
    assert ("nat per factor e of tokens", 48) == (score.slope_unit, score.pairs)
    assert parts.held.index.tolist() == score.residuals().index.tolist()


def test_rows_that_were_fitted_are_said_to_be(fit, records, parts):
    """
    They tell nothing about a new run, and their coverage is called none of one.
    """
    again = p2law.score(fit, parts.kept)
    some = p2law.score(fit, records)

    kept, rows = len(parts.kept), len(records)
    assert kept == again.fitted == some.fitted
    assert f"{kept} of {rows} rows were fitted: errors and coverage there tell" in some.notes[0]
    assert "for a new run" not in str(again)
    assert "for a new run" not in str(some)


def test_a_row_like_a_fitted_one_but_for_what_was_measured_is_new(fit, parts, score):
    """
    A run that was measured anew is no run that was fitted.
    """
    anew = parts.kept.assign(loss=parts.kept["loss"] + 1e-6)

    assert 0 == p2law.score(fit, anew).fitted == score.fitted
    assert "for a new run" in str(score)


def test_errors_by_run_add_up(score):
    """
    Weighted by rows, squares of the runs are those of the whole.
    """
    by_run = score.by_run()

    squares = np.sum(by_run["rows"] * by_run["rmse"] ** 2) / by_run["rows"].sum()
    assert score.rmse == pytest.approx(np.sqrt(squares))
    assert score.worst_relative == by_run["worst_relative"].max()
    assert score.slope_difference == pytest.approx(by_run["slope_difference"].mean())
    assert score.worst_run == by_run["worst_relative"].idxmax()


def test_a_law_that_made_the_records_has_no_error(p2_records):
    """
    Without noise all that is left is rounding.
    """
    clean = holdout.largest_model(p2_records())

    found = p2law.score(p2law.fit(clean.kept), clean.held)

    assert found.rmse < 1e-7
    assert found.r2 == pytest.approx(1.0)
    assert "no naive baselines: no row continues a run that was fitted" in found.notes


def test_baselines_stand_on_the_same_rows(fit, records, parts):
    """
    Rows of new runs are judged, but not beside what needs the run.
    """
    new = records.iloc[:5].assign(run="new")

    found = p2law.score(fit, pd.concat([parts.held, new]))

    assert 69 == found.rows
    assert [64.0] * 3 == found.baselines["rows"].tolist()
    assert ["p2", "last value", "power law of the run"] == found.baselines.index.tolist()
    assert "64 of 69 rows continue a fitted run" in found.notes
    assert "p2, same rows" in str(found)


def test_rows_that_are_not_determined_are_counted_and_in_no_error(p2_records):
    """
    Two sizes do not tell a third: nothing is judged there, and the fit says why.
    """
    table = p2_records((5e8, 1.5e9, 8e9), noise=0.003)
    fitted = p2law.fit(table[table["params"] < 5e9])

    both = p2law.score(fitted, table)
    none = p2law.score(fitted, table[table["params"] > 5e9])

    assert (160, 80) == (both.rows, both.undetermined)
    assert (0, 80) == (none.rows, none.undetermined)
    assert np.isfinite(both.rmse)
    assert np.isnan(none.rmse)
    assert none.worst_run is None
    assert (
        "80 of 240 rows are not determined by the fit and in none of the errors" == both.trouble[0]
    )
    assert fitted.trouble == both.trouble[1 : 1 + len(fitted.trouble)]
    assert both.by_run()["rmse"].isna().sum() == 4


def test_rows_where_the_law_has_no_value_are_counted(fit, parts):
    """
    The pruned model before any token, and a dense one.
    """
    odd = parts.held.iloc[:3].assign(
        tokens=[0.0, 1e9, 2e9], pruning_rate=[0.15, 0.0, 0.15], run="odd", loss=[9.0, 2.0, 2.1]
    )

    found = p2law.score(fit, odd)

    assert 1 == found.rows
    assert (
        ("p2 has no value where tokens is not > 0", 1),
        ("p2 has no value where pruning_rate is not in (0, 1)", 1),
    ) == found.left_out


def test_labels_may_stand_more_than_once(fit, parts, score):
    """
    Rows are told apart by place.
    """
    again = p2law.score(fit, parts.held.set_axis([0] * len(parts.held)))

    assert score.rmse == again.rmse
    assert 0 == again.worst_row


def test_rows_may_come_in_any_order(fit, parts, score):
    """
    Permuting them changes no number but by rounding.
    """
    again = p2law.score(fit, parts.held.sample(frac=1, random_state=3))

    for name in ("rmse", "r2", "huber", "coverage", "slope_difference"):
        assert getattr(score, name) == pytest.approx(getattr(again, name), rel=1e-12)


def test_other_targets_are_scored_in_their_own_unit():
    """
    A score kept after pruning, no tokens, no base loss.
    """
    table = p2law.grid(pruning_rate=[0.1, 0.2, 0.3, 0.4], base_score=[0.6, 0.8])
    truth = {"P_0": 0.9, "alpha": 1.5}
    table = testing.synthesize(forms.retention, truth, table, noise=0.01)

    found = p2law.score(p2law.fit(table, forms.retention), table)

    assert "score per factor e of tokens" == found.slope_unit
    assert "rmse, in score" in str(found)
    assert "no naive baselines: retention does not read tokens" in found.notes


@pytest.mark.parametrize(
    ("metric", "unit"),
    [("test error", "in test error"), ("nat", "nat"), (None, "nat"), (list("aabb"), "in loss")],
)
def test_the_unit_of_a_loss_is_what_the_records_say(metric, unit, p2_records):
    """
    The same words in a fit, one that was saved, a score, conditions and a comparison.
    """
    table = p2_records(noise=0.003).iloc[::20]
    table = table.assign(metric=metric * (len(table) // 4) if isinstance(metric, list) else metric)

    fit = p2law.fit(table)
    back = p2law.Fit.from_json(fit.to_json())
    score = p2law.score(fit, table)
    compared = p2law.compare(table, [forms.token_power], holdout.highest_rate)

    assert {unit} == {fit.unit, back.unit, score.unit}
    assert f" {unit}, worst " in str(fit)
    assert f"rmse, {unit}" in str(score)
    assert f"{unit.removeprefix('in ')} per factor e of tokens" == score.slope_unit
    assert unit.removeprefix("in ") == conditions(fit)["unit"].iloc[0]
    assert f" {unit};" in compared.verdict


def test_without_a_column_run_nothing_continues_anything(fit, parts):
    """
    Row numbers are no names of runs.
    """
    found = p2law.score(fit, parts.held.drop(columns="run"))

    assert "no naive baselines: no column run says which row continues which" in found.notes


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda _, held: p2law.score("fit.json", held),
            ScoreError,
            "p2law.fit returns, got 'fit",
        ),
        (
            lambda fit, held: p2law.score(fit, held, per="steps"),
            ScoreError,
            "per is one of 'tokens'",
        ),
        (lambda fit, held: p2law.score(fit, held, per=[]), ScoreError, r"got \[\] \(list\)"),
        (lambda fit, held: p2law.score(fit, held, level=90), FitError, "level is a probability"),
        (
            lambda fit, held: p2law.score(fit, held.drop(columns="loss")),
            RecordError,
            "loss: add it",
        ),
        (lambda fit, held: p2law.score(fit, held.iloc[:0]), RecordError, "the table has no rows"),
        (
            lambda fit, held: p2law.score(fit, held.iloc[:2].assign(tokens=0.0, seed=[1, 2])),
            RecordError,
            r"no row is left for p2 \(2 rows",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(fit, parts, call, error, words):
    """
    What it is stands in the message.
    """
    with pytest.raises(error, match=words):
        call(fit, parts.held)


def test_refused_rows_are_named_by_their_own_labels(fit, parts):
    """
    Not by their places.
    """
    odd = parts.held.iloc[[5, 9]].assign(tokens=0.0)

    with pytest.raises(RecordError, match="no row is left") as error:
        p2law.score(fit, odd)

    assert odd.index.tolist() == error.value.rows


def test_what_needs_no_law_and_does_better_is_said_before_all_else(p2_records):
    """
    Runs that lie far off the law, each smooth in itself, are told best by themselves.
    """
    split = holdout.last_tokens(p2_records(noise=1e-4, run_noise=0.1, seed=7))

    found = p2law.score(p2law.fit(split.kept), split.held)

    law, power = (found.baselines["rmse"][name] for name in ("p2", "power law of the run"))
    assert power < law
    said = f"needs no law and does better than p2: rmse {number(power)} against {number(law)} nat"
    assert any(each.startswith(f"power law of the run {said}") for each in found.trouble)
    for shown in (str(found), found._repr_html_()):
        assert shown.index("needs no law") < shown.index("rmse, nat")


def test_a_single_row_continues_a_run():
    """
    Two of them continue one.
    """
    rows = pd.Index(["p2", "last value"])

    def said(count):
        table = pd.DataFrame({"rmse": [0.2, 0.1], "rows": [count] * 2}, index=rows)
        return beaten(table, "nat")[0]

    assert said(1).endswith("on the 1 row that continues a fitted run")
    assert said(2).endswith("on the 2 rows that continue a fitted run")


@pytest.mark.parametrize(("power", "better"), [(0.0154082, False), (0.01538, True)])
def test_an_error_that_is_the_same_is_not_better(power, better):
    """
    On a single run the P² law is the power law of that run, and only rounding parts their errors.
    """
    rows = pd.Index(["p2", "power law of the run"])
    table = pd.DataFrame({"rmse": [0.0154083, power], "rows": [8, 8]}, index=rows)

    said = beaten(table, "nat")

    assert ("rmse 0.01538 against 0.01541 nat" in "".join(said)) is better
    assert bool(said) is better


def test_a_law_that_does_better_than_what_needs_none_is_in_no_trouble(p2_records):
    """
    Runs that share the law to the last digit but for noise of single rows.
    """
    split = holdout.last_tokens(p2_records(noise=0.01, seed=7))

    found = p2law.score(p2law.fit(split.kept), split.held)

    assert found.baselines["rmse"].idxmin() == "p2"
    assert not any("needs no law" in each for each in found.trouble)


@pytest.mark.parametrize(("ending", "view"), [("txt", str), ("html", Score._repr_html_)])
def test_the_views_of_a_score_are_the_golden_ones(ending, view, request):
    """
    `pytest --rewrite-golden` writes them anew; read the difference before committing it.
    """
    path = GOLDEN / f"score.{ending}"
    shown = view(made_score())
    if request.config.getoption("--rewrite-golden"):
        path.write_text(shown + "\n", encoding="utf-8")

    assert path.read_text(encoding="utf-8") == shown + "\n"


def made_score():
    """A score with fixed numbers, so that its view does not hang on those of a fit."""
    errors = {"rmse": 0.0123, "mean_relative": 0.004, "worst_relative": 0.021, "r2": 0.93}
    errors |= {"r2_above_base": 0.81, "huber": 3.2e-6, "slope_difference": 0.0031}
    names = ["p2", "last value", "power law of the run"]
    table = pd.DataFrame([{"rows": 60, **errors} for _ in names], names)
    table.loc["last value"] *= 2
    table.loc["last value", "rows"] = 60
    return Score(
        law="p2", target="loss", unit="nat", rows=64, runs=16, undetermined=4, fitted=0,
        left_out=(("p2 has no value where tokens is not > 0", 16),),
        worst_run="small-0.35", worst_row=219, coverage=59 / 64, level=0.9,
        per="log_tokens", slope_unit="nat per factor e of tokens", pairs=48,
        trouble=("4 of 68 rows are not determined by the fit and in none of the errors",),
        notes=("60 of 64 rows continue a fitted run",),
        _baselines=table, _residuals=pd.DataFrame(), _by_run=pd.DataFrame(), **errors,
    )  # fmt: skip


def test_a_score_is_frozen_and_plain_for_programs(score):
    """
    Tables are copies; the plain form is JSON.
    """
    runs = score.by_run()
    runs["rmse"] = 0.0
    taken = score.baselines
    taken["rmse"] = 0.0

    assert score.by_run()["rmse"].min() > 0
    assert score.baselines["rmse"].min() > 0
    with pytest.raises(AttributeError, match="cannot assign to field"):
        score.rmse = 0.0
    assert 64 == json.loads(json.dumps(score.plain()))["rows"]


# -- conditions --------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.9, 0.99, 0.999])
def test_conditions_are_judged_by_the_intervals_of_the_table(fit, level):
    """
    At high levels both need more refits than a fit keeps.
    """
    found = conditions(fit, level=level).loc["smaller models recover faster"]
    told = fit.table(level=level).loc["delta"]

    assert (told["low"], told["high"]) == pytest.approx((found["low"], found["high"]), rel=1e-12)


def test_records_without_any_training_leave_open_what_tokens_do(p2_records):
    """
    All rows at 0 tokens, where the middle of the tokens is none of their logarithms.
    """
    records = p2_records().groupby("run").head(1).assign(tokens=0.0)

    fit = p2law.fit(records, forms.p2_rectified)

    assert "not known" == conditions(fit).loc["more tokens never hurt", "verdict"]
    assert not any("billions" in each for each in fit.notes)


def test_a_law_as_it_should_be_satisfies_all_conditions(fit):
    """
    Made with gamma -1.2, delta 0.2 and tokens that pay.
    """
    found = conditions(fit)

    assert ["yes"] * 4 == found["verdict"].tolist()
    assert (found["low"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["high"]).all()
    assert fit.values["delta"] == found.loc["smaller models recover faster", "estimate"]


def test_the_gain_of_tokens_is_told_in_nats_at_the_middle(fit):
    """
    The derivative by ln(tokens) of the law itself, by central differences.
    """
    middle = np.exp(np.log(fit.records[list(forms.p2.columns)]).mean()).to_dict()
    step = {**middle, "tokens": middle["tokens"] * np.array([np.exp(-1e-4), np.exp(1e-4)])}
    low, high = forms.p2(*step.values(), **fit.values)

    found = conditions(fit).loc["more tokens never hurt"]

    assert found["estimate"] == pytest.approx((low - high) / 2e-4, rel=1e-6)


def test_a_law_that_contradicts_a_condition_says_no(p2_records, truth):
    """
    Records in which more pruning is made to help.
    """
    table = testing.synthesize(forms.p2, truth | {"gamma": 0.8}, p2_records(), noise=0.002)

    found = conditions(p2law.fit(table))

    assert "no" == found.loc["more pruning means more loss", "verdict"]
    assert "yes" == found.loc["smaller models recover faster", "verdict"]


def test_what_the_records_do_not_tell_is_not_known(p2_records):
    """
    One size: delta is held. One rate: gamma is held.
    """
    one_size = conditions(p2law.fit(p2_records((1e9,), noise=0.002)))
    one_rate = conditions(p2law.fit(p2_records(rates=(0.25,), noise=0.002)))

    delta, gamma = "smaller models recover faster", "more pruning means more loss"
    assert "delta is held: the records hold 1 model size" == one_size.loc[delta, "reason"]
    assert "gamma is held: the records hold 1 pruning rate" == one_rate.loc[gamma, "reason"]
    assert {"not known"} == {one_size.loc[delta, "verdict"], one_rate.loc[gamma, "verdict"]}
    assert np.isnan(one_size.loc[delta, "estimate"])
    assert "yes" == one_size.loc["more tokens never hurt", "verdict"]


@pytest.mark.parametrize(
    ("records", "condition"),
    [
        ({"params": (1e9,)}, "smaller models recover faster"),
        ({"rates": (0.25,)}, "more pruning means more loss"),
    ],
)
def test_a_verdict_does_not_hang_on_how_a_note_is_worded(
    p2_records, monkeypatch, records, condition
):
    """
    What the records leave free is not known, whatever the table calls it.
    """
    fit = p2law.fit(p2_records(**records, noise=0.002), forms.p2)
    told = {name: replace(each, note="in other words") for name, each in fit.known.footings.items()}
    monkeypatch.setitem(fit.known.__dict__, "footings", told)

    found = conditions(fit).loc[condition]

    assert "not known" == found["verdict"]
    assert "in other words" in found["reason"]
    assert np.isnan(found["estimate"])


def test_without_an_interval_nothing_is_known(p2_records):
    """
    As many rows as coefficients leave no noise to tell: no interval, here as in `predict`.
    """
    table = p2_records(noise=0.003)
    fit = p2law.fit(table.iloc[np.linspace(0, len(table) - 1, 7).astype(int)])

    found = conditions(fit)

    assert fit.draws.isna().all(axis=None)
    assert fit.predict(fit.records.head(1))["low"].isna().all()
    assert {"not known"} == {*found["verdict"]}
    assert "the interval is unknown (NaN)" in " ".join(found["reason"])


def test_damage_below_zero_is_no_damage():
    """
    Every loss of the distilled model lies below that of the teacher. One rate leaves gamma held:
    whether more pruning means more loss is then not known, not denied.
    """
    table = p2law.load(DATA / "qwen3_distill.csv")

    found = conditions(p2law.fit(table[table["tokens"] > 1e6]))

    assert "no" == found.loc["damage is positive on the records", "verdict"]
    assert "not known" == found.loc["more pruning means more loss", "verdict"]
    assert "gamma is held" in found.loc["more pruning means more loss", "reason"]
    assert "positive on the records: no" in found.loc["more pruning means more loss", "reason"]


def test_a_law_without_a_size_factor_cannot_say_who_recovers_faster(records):
    """
    It is not known rather than false.
    """
    found = conditions(p2law.fit(records, forms.p2_no_delta))

    reason = "p2_no_delta has no delta: it takes every size to recover alike"
    assert reason == found.loc["smaller models recover faster", "reason"]


def test_conditions_are_those_of_the_p2_law(dense_records, fit):
    """
    Other laws, and what is no fit, are refused.
    """
    with pytest.raises(ScoreError, match=r"chinchilla is no P² law: .* of p2, p2_no_delta"):
        conditions(p2law.fit(dense_records, forms.chinchilla))
    with pytest.raises(ScoreError, match=r"p2law\.fit returns, got 'p2'"):
        conditions("p2")
    with pytest.raises(FitError, match="level is a probability"):
        conditions(fit, level=1.5)
