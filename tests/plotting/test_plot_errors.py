"""Residuals, predicted against measured, and coefficients."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

import p2law
from p2law import plotting
from p2law.errors import FitError, PlotError


def points(axes, marker="o"):
    """Points of a panel as (x, y)."""
    drawn = [each for each in axes.get_lines() if each.get_marker() == marker]
    return sorted((x, y) for line in drawn for x, y in line.get_xydata().tolist())


def lightness(line):
    """How light the markers of a line are in grey, on white."""
    shade = np.dot(to_rgb(line.get_color()), (0.299, 0.587, 0.114))
    opaque = line.get_alpha() or 1.0
    return opaque * shade + 1 - opaque


# -- residuals -------------------------------------------------------------------------


def test_residuals_are_those_of_the_fit(p2_fit, figure):
    """
    Every row stands in both panels, once.
    """
    by_run, along = plotting.residuals(p2_fit, ax=figure)

    rows = p2_fit.residuals()
    left = [x for x, _ in points(by_run) + points(by_run, "D")]
    right = points(along) + points(along, "D")
    np.testing.assert_allclose(sorted(rows["residual"]), sorted(left))
    assert sorted(zip(rows["tokens"], rows["residual"], strict=True)) == sorted(right)


def test_runs_stand_in_the_order_of_their_means(p2_fit, figure):
    """
    Each with its mean as a stroke, named at the left.
    """
    by_run, _ = plotting.residuals(p2_fit, ax=figure)

    means = p2_fit.residuals().groupby("run")["residual"].mean().sort_values()
    (strokes,) = [each for each in by_run.get_lines() if each.get_marker() == "|"]
    np.testing.assert_allclose(means, strokes.get_xdata())
    assert list(means.index) == [each.get_text() for each in by_run.get_yticklabels()]


def test_the_runs_furthest_off_are_told_apart_in_grey(p2_fit, figure, said):
    """
    Darker, larger and of another shape, in both panels; and named as at the left.
    """
    for axes in plotting.residuals(p2_fit, ax=figure):
        (near,) = [each for each in axes.get_lines() if each.get_marker() == "o"]
        (far,) = [each for each in axes.get_lines() if each.get_marker() == "D"]

        assert lightness(near) - lightness(far) > 0.25
        assert far.get_markersize() > near.get_markersize()

    means = p2_fit.residuals().groupby("run")["residual"].mean().abs()
    assert f"diamonds, furthest off: {', '.join(means.nlargest(3).index)}" in said(figure)


def test_runs_of_one_row_have_no_mean(dense_fit, figure, said):
    """
    A stroke would only cover the point.
    """
    once = dense_fit.records.drop_duplicates(["params", "tokens"])
    rows = once.assign(run=[f"r{k}" for k in range(len(once))])
    by_run, _ = plotting.residuals(p2law.fit(rows, dense_fit.form), ax=figure)

    assert [] == points(by_run, "|")
    assert "strokes" not in said(figure)


def test_names_of_runs_keep_what_tells_them_apart():
    """
    Not a hash, nor what all begin or end with, but size, method and rate.
    """
    from p2law.plotting.run_names import LETTERS, labels

    assert ["a", "b"] == labels(["a", "b"])
    other = ["llama-390k-depth-0.25-s0-811f73a6b1", "qwen2-390k-depth-0.5-s0-811f73a6b2"]
    assert ["llama-390k-depth-0.25-s0", "qwen2-390k-depth-0.5-s0"] == labels(other)
    same = [f"llama-390k-unstructured-sparsegpt-{rate}-s0-811f73a6b1" for rate in (0.3, 0.5)]
    assert ["…0.3…", "…0.5…"] == labels(same)
    folders = ["cool/PyGemma-512x11_pretrain", "lr_ablation_hot/cooler_PyGemma-768x3_pretrain"]
    assert ["cool…512x11…", "lr_ablation_hot/cooler…768x3…"] == labels(folders)
    long = [f"resnet20/unstructured/iterative{k}/finetuned/0.737856" for k in "ab"]
    assert max(map(len, labels(long))) <= LETTERS[0]
    assert 2 == len(set(labels(long)))


def test_names_that_are_cut_stay_different():
    """
    Where the usual room does not tell them apart they have more.
    """
    from p2law.plotting.run_names import labels

    runs = [
        f"NB_EXP0{k}_DataDriven_Blocks_2K/{which} (Skew KLD + FDD)"
        for k in range(3)
        for which in (
            "Selected-Layer + Features",
            "Selected-Layer + Labels",
            "Uniform-Layer + Labels",
        )
    ]

    assert 9 == len(set(labels(runs)))
    assert max(map(len, labels(runs))) < min(map(len, runs))


def test_a_hash_stays_where_nothing_else_tells_runs_apart():
    """
    Two lines of one name would be a lie.
    """
    from p2law.plotting.run_names import labels

    runs = [f"llama-390k-unstructured-0.25-s0-811f73a6b{k}" for k in range(2)]

    assert 2 == len(set(labels(runs)))
    assert all(each.endswith(run[-1]) for each, run in zip(labels(runs), runs, strict=True))


def test_of_many_runs_only_the_worst_are_named(sixty_runs, figure, said):
    """
    Sixty names would be a smear.
    """
    by_run, _ = plotting.residuals(sixty_runs, ax=figure)

    means = sixty_runs.residuals().groupby("run")["residual"].mean().abs()
    assert [] == by_run.get_yticklabels()
    assert "by run (60)" == by_run.get_title("left")
    assert f"furthest off: {', '.join(means.nlargest(3).index)}" in said(figure)


def test_residuals_of_a_law_without_tokens_are_against_what_is_predicted(retention_fit, figure):
    """
    And labelled so.
    """
    _, along = plotting.residuals(retention_fit, ax=figure)

    assert "predicted score" == along.get_xlabel()


def test_residuals_can_be_against_another_input(p2_fit, figure):
    """
    The pruning rate, say.
    """
    _, along = plotting.residuals(p2_fit, against="pruning_rate", ax=figure)

    assert "pruning rate" == along.get_xlabel()
    with pytest.raises(PlotError, match=r"against is one of params, .*, predicted, got 'seed'"):
        plotting.residuals(p2_fit, against="seed")


def test_rows_before_the_first_token_are_kept_among_residuals(from_zero, figure, said):
    """
    At the left edge.
    """
    _, along = plotting.residuals(from_zero, ax=figure)

    count = int((from_zero.records["tokens"] == 0).sum())
    hollow = [each for each in along.get_lines() if each.get_markerfacecolor() == "none"]
    assert count == sum(len(each.get_xdata()) for each in hollow)
    assert f"before the first token ({count})" in said(figure)


# -- predicted against measured --------------------------------------------------------


def test_predicted_stands_against_measured(p2_fit, figure):
    """
    One point a row, both axes alike.
    """
    axes = plotting.predicted(p2_fit, ax=figure)

    rows = p2_fit.residuals()
    assert sorted(zip(rows["loss"], rows["predicted"], strict=True)) == points(axes)
    assert axes.get_xlim() == axes.get_ylim()
    assert ("measured loss (nat)", "predicted loss (nat)") == (axes.get_xlabel(), axes.get_ylabel())


@pytest.fixture(scope="module")
def largest(p2_records):
    """The largest model held out of a P² law."""
    split = p2law.holdout.largest_model(p2_records(noise=0.01, seed=1))
    return p2law.fit(split.kept), split


def test_rows_that_were_held_out_are_marked(largest, figure):
    """
    Diamonds with bars, whether as records or as a score.
    """
    fit, split = largest
    left, right = figure.subplots(1, 2)

    axes = plotting.predicted(fit, split.held, ax=left)
    again = plotting.predicted(fit, p2law.score(fit, split.held), ax=right)

    told = p2law.score(fit, split.held).residuals()
    assert sorted(zip(told["loss"], told["predicted"], strict=True)) == points(axes, "D")
    assert points(axes, "D") == points(again, "D")
    used, marked = (next(x for x in axes.get_lines() if x.get_marker() == m) for m in "oD")
    assert lightness(used) - lightness(marked) > 0.25
    assert "none" == marked.get_markerfacecolor()
    labels = [each.get_text() for each in axes.get_legend().get_texts()]
    assert labels[0].startswith("fitted: 240 rows, rmse 0.0")
    assert labels[1].startswith("held out: 80 rows, rmse 0.0")


def test_the_bars_are_intervals_for_a_new_run(largest, figure, said):
    """
    At the level asked for, and it is said.
    """
    fit, split = largest

    axes = plotting.predicted(fit, split.held, level=0.5, ax=figure)

    told = p2law.score(fit, split.held, level=0.5).residuals()
    ends = [segment[:, 1] for segment in axes.collections[0].get_segments()]
    np.testing.assert_allclose(told[["low", "high"]].to_numpy(), ends)
    assert "bars: 50 % interval for a new run" in said(figure)


def test_a_score_is_drawn_alone(largest, figure):
    """
    Without the rows of the fit.
    """
    fit, split = largest

    axes = plotting.predicted(p2law.score(fit, split.held), ax=figure)

    assert [] == points(axes)
    assert 80 == len(points(axes, "D"))


def test_held_rows_without_a_prediction_are_counted(one_rate, p2_records, figure, said):
    """
    Rates that the fit does not determine are not drawn, and not forgotten.
    """
    held = p2_records(rates=(0.25, 0.5), noise=0.01, seed=7)

    axes = plotting.predicted(one_rate, held, ax=figure)

    assert 80 == len(points(axes, "D"))
    assert "80 held rows not drawn: the fit does not determine them" in said(figure)


def test_held_rows_without_a_value_are_counted(one_run, figure, said):
    """
    A law that has none at zero tokens leaves such rows out, and says why.
    """
    held = pd.DataFrame({"tokens": [0.0, 2e9], "loss": [3.0, 2.1]})

    plotting.predicted(one_run, held, ax=figure)

    assert "left out: 1 row, token_power has no value where tokens is not > 0" in said(figure)


def test_what_cannot_be_held_is_refused(p2_fit, largest):
    """
    Something else, or something beside a score.
    """
    fit, split = largest
    with pytest.raises(PlotError, match=r"held is a Score or a table of records, got 3"):
        plotting.predicted(p2_fit, 3)
    with pytest.raises(PlotError, match="held goes with a fit; a score is drawn alone"):
        plotting.predicted(p2law.score(fit, split.held), split.held)


# -- coefficients ----------------------------------------------------------------------


def test_every_coefficient_has_a_row_with_its_numbers(p2_fit, figure):
    """
    Estimate and interval as in the table, unit and note below.
    """
    rows, _ = plotting.coefficients(p2_fit, ax=figure)

    names = [each.get_text() for each in rows.get_yticklabels()]
    texts = " ".join(each.get_text() for each in rows.texts)
    assert list(p2_fit.values) == names
    for name, row in p2_fit.table().iterrows():
        estimate, low, high = p2law.text.views.together(row["estimate"], row["low"], row["high"])
        assert f"{estimate} ({low} to {high})" in texts, name
        assert row["unit"] in texts or row["unit"] == "1"


def test_the_correlation_is_that_of_the_refits(p2_fit, figure):
    """
    By ranks, each with each.
    """
    _, matrix = plotting.coefficients(p2_fit, ax=figure)

    shown = np.ma.getdata(matrix.collections[0].get_array()).reshape(7, 7)
    np.testing.assert_allclose(p2_fit.draws.rank().corr(), shown)
    assert list(p2_fit.draws.columns) == [each.get_text() for each in matrix.get_xticklabels()]


def test_what_is_held_or_free_is_said_in_words(two_sizes, figure):
    """
    It has no bar and no part in the correlation.
    """
    rows, matrix = plotting.coefficients(two_sizes, ax=figure)

    texts = " ".join(each.get_text() for each in rows.texts)
    assert "NOT DETERMINED with alpha and E" in texts
    assert {"N_C", "alpha", "E"}.isdisjoint(each.get_text() for each in matrix.get_xticklabels())


def test_bars_are_equally_wide_whatever_the_unit(p2_fit, figure):
    """
    Each row is on a scale of its own, its interval from -1 to 1.
    """
    rows, _ = plotting.coefficients(p2_fit, level=0.5, ax=figure)

    bars = [each.get_xdata() for each in rows.get_lines() if each.get_solid_capstyle() == "butt"]
    assert 7 == len(bars)
    np.testing.assert_allclose(bars, [[-1, 1]] * 7, atol=1e-12)
    with pytest.raises(FitError, match="level is a probability"):
        plotting.coefficients(p2_fit, level=7)


def test_a_positive_coefficient_over_decades_has_a_logarithmic_row(p2_fit, figure, said):
    """
    Marked by ticks, a decade each, and in words; other rows are linear, without a word on it.
    """
    rows, _ = plotting.coefficients(p2_fit, ax=figure)

    table = p2_fit.table()
    wide = table["high"] > 10**1.5 * table["low"]
    (log,) = table.index[(table["low"] > 0) & wide]
    (ticks,) = [each for each in rows.collections if isinstance(each, LineCollection)]
    places = np.array([segment[0] for segment in ticks.get_segments()])
    decades = np.log10(table.loc[log, "high"] / table.loc[log, "low"])
    np.testing.assert_allclose(2 / decades, np.diff(places[:, 0]))
    assert set(np.floor(places[:, 1])) == {list(table.index).index(log)}
    beside = [each.get_text() for each in rows.texts if "log scale" in each.get_text()]
    assert [f"{table.loc[log, 'unit']}; log scale"] == beside
    assert "ticks: decades" in said(figure)


def test_a_single_coefficient_has_no_correlation(p2_records, figure):
    """
    The second panel says what it would need.
    """
    held = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2, "E": 20.0, "N_C": 7e4}
    fit = p2law.fit(p2_records(noise=0.01, seed=1), p2law.forms.p2, fixed=held)

    _, matrix = plotting.coefficients(fit, ax=figure)

    assert ["needs two coefficients with intervals"] == [t.get_text() for t in matrix.texts]
