"""Curves over tokens and over pruning rates: what is drawn is what the fit says."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import p2law
from p2law import forms, plotting, testing
from p2law.errors import FitError, PlotError

DASHED = "--"


def test_the_law_is_drawn_as_it_is_predicted(p2_fit, figure, lines):
    """
    Every solid line holds what `predict` says there, one a rate in each panel.
    """
    panels = plotting.curves(p2_fit, ax=figure)

    assert (3,) == panels.shape
    for axes, params in zip(panels, (0.5e9, 1.5e9, 8e9), strict=True):
        curves = [each for each in lines(axes, "-") if len(each.get_xdata()) > 20]
        assert 3 == len(curves)
        for curve, rate in zip(curves, (0.15, 0.25, 0.5), strict=True):
            told = p2_fit.predict(
                params=params, tokens=curve.get_xdata(), pruning_rate=rate, base_loss=2.0
            )
            np.testing.assert_array_equal(told["loss"], curve.get_ydata())


def test_every_measured_row_is_a_point(p2_fit, figure):
    """
    Nothing is thinned out.
    """
    panels = plotting.curves(p2_fit, ax=figure)

    drawn = [
        (x, y)
        for axes in panels
        for line in axes.get_lines()
        if line.get_linestyle() == "None"
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
    assert sorted(drawn) == sorted(
        zip(p2_fit.records["tokens"], p2_fit.records["loss"], strict=True)
    )


def test_panels_are_named_in_plain_words_with_units(p2_fit, figure, said):
    """
    A title a size, tokens below, nat at the left.
    """
    panels = plotting.curves(p2_fit, ax=figure)

    assert ["500M parameters", "1.5B parameters", "8B parameters"] == [
        a.get_title("left") for a in panels
    ]
    assert {"tokens"} == {axes.get_xlabel() for axes in panels}
    assert ["loss (nat)", "", ""] == [axes.get_ylabel() for axes in panels]
    assert "points measured, lines the law with its 90 % band" in said(figure)
    figure.draw_without_rendering()
    assert {"100M", "1B"} <= {t.get_text() for t in panels[0].get_xticklabels()}


def test_titles_have_as_many_digits_as_tell_them_apart(one_rate, figure):
    """
    Three panels called "base loss 3.74" are one too many, twice.
    """
    which = one_rate.records["params"].rank(method="dense").astype(int)
    named = {"model": which.astype(str), "params": 1e9, "base_loss": 3.737 + 0.003 * which}
    fit = p2law.fit(one_rate.records.assign(**named), p2law.forms.p2_no_delta)

    titles = [axes.get_title("left") for axes in plotting.curves(fit, ax=figure)]

    assert "base loss 3.743" in titles
    assert len(titles) == len(set(titles)) > 1


def test_the_loss_before_pruning_is_a_dotted_line(p2_fit, figure):
    """
    In each panel, and in the legend.
    """
    panels = plotting.curves(p2_fit, ax=figure)

    assert all(
        2.0 in [float(each.get_ydata()[0]) for each in a.get_lines() if each.get_linestyle() == ":"]
        for a in panels
    )
    (legend,) = figure.legends
    assert ["15 %", "25 %", "50 %", "base loss"] == [t.get_text() for t in legend.get_texts()]
    assert "pruning rate" == legend.get_title().get_text()


def test_what_lies_beyond_the_records_is_dashed(p2_fit, figure, lines, said):
    """
    Solid up to the last token on record, dashed from there on, and that is said.
    """
    panels = plotting.curves(p2_fit, until=1e10, ax=figure)

    last = p2_fit.records["tokens"].max()
    for axes in panels:
        for line in lines(axes, "-"):
            assert last == line.get_xdata()[np.isfinite(line.get_ydata())].max()
        dashed = lines(axes, DASHED)
        assert 3 == len(dashed)
        for line in dashed:
            x = line.get_xdata()[np.isfinite(line.get_ydata())]
            assert last == x.min()
            assert pytest.approx(1e10) == x.max()
    assert "dashed beyond the records" in said(figure)


def test_nothing_is_dashed_inside_the_records(p2_fit, figure, lines, said):
    """
    Nor is it said.
    """
    panels = plotting.curves(p2_fit, ax=figure)

    assert not any(lines(axes, DASHED) for axes in panels)
    assert "dashed" not in said(figure)


def test_panels_by_rate_have_colours_by_size(p2_fit, figure):
    """
    What has no panel has a colour.
    """
    panels = plotting.curves(p2_fit, by="pruning_rate", ax=figure)

    assert ["15 % pruned", "25 % pruned", "50 % pruned"] == [
        axes.get_title("left") for axes in panels
    ]
    assert ["500M", "1.5B", "8B", "base loss"] == [
        t.get_text() for t in figure.legends[0].get_texts()
    ]


def test_all_curves_can_stand_in_one_panel(p2_fit, figure, said):
    """
    Then curves of one colour are of several rates, and that is said.
    """
    panels = plotting.curves(p2_fit, by="all", ax=figure)

    assert (1,) == panels.shape
    assert "curves of one colour differ in pruning rate" in said(
        figure
    ) or "curves of one colour differ in parameters" in said(figure)


def test_a_panel_a_run_is_named_by_the_run(p2_fit, figure, said):
    """
    Nine runs, nine panels, one curve each.
    """
    panels = plotting.curves(p2_fit, by="run", ax=figure)

    runs = list(p2_fit.records["run"].unique())
    assert 9 == len(runs) == len(panels)
    assert "differ in" not in said(figure)


def test_panels_beyond_the_limit_are_counted(sixty_runs, figure, said):
    """
    Four of ten sizes, spread evenly, and the figure says so.
    """
    panels = plotting.curves(sixty_runs, panels=4, ax=figure)

    assert ["300M parameters", "1.39B parameters", "6.46B parameters", "30B parameters"] == [
        axes.get_title("left") for axes in panels
    ]
    assert "6 of 10 panels not shown" in said(figure)


def test_axes_that_are_too_few_limit_the_panels(sixty_runs, figure):
    """
    What has no axes is counted in a note.
    """
    axes = figure.subplots(1, 2)

    panels = plotting.curves(sixty_runs, ax=axes)

    assert list(axes) == list(panels)
    assert any(
        "8 of 10 panels not shown" in note.get_text().replace("\n  ", " ") for note in axes[0].texts
    )


def test_more_values_than_a_legend_holds_have_a_colour_bar(p2_records, figure, said):
    """
    Thirty sizes in one panel: a bar instead of a legend, some curves instead of all.
    """
    many = p2law.fit(p2_records(np.geomspace(1e8, 1e10, 30), (0.25,), noise=0.01, seed=1))

    panels = plotting.curves(many, ax=figure)

    assert (1,) == panels.shape
    assert [] == figure.legends
    assert "parameters" == figure.axes[-1].get_ylabel()
    assert "the law is drawn for 12 of 30 settings" in said(figure)


def test_sixty_runs_are_drawn_whole(sixty_runs, figure, lines, said):
    """
    Ten panels of six curves, none left out.
    """
    panels = plotting.curves(sixty_runs, ax=figure)

    assert [6] * 10 == [
        len([x for x in lines(axes, "-") if len(x.get_xdata()) > 20]) for axes in panels
    ]
    assert "not shown" not in said(figure)


def test_one_run_has_one_panel_without_a_legend(one_run, figure):
    """
    There is nothing to tell apart.
    """
    panels = plotting.curves(one_run, ax=figure)

    assert (1,) == panels.shape
    assert [] == figure.legends
    assert "" == panels[0].get_title("left")


def test_a_law_without_rates_is_drawn_by_size(dense_fit, figure):
    """
    Chinchilla reads sizes and tokens: one panel, a colour a size.
    """
    panels = plotting.curves(dense_fit, ax=figure)

    assert (1,) == panels.shape
    assert ["100M", "1B", "10B"] == [t.get_text() for t in figure.legends[0].get_texts()]


def test_rows_before_the_first_token_stand_at_the_left_edge(from_zero, figure, said):
    """
    A logarithmic axis has no zero; the rows are hollow, not gone.
    """
    panels = plotting.curves(from_zero, ax=figure)

    edge = [
        y
        for axes in panels
        for line in axes.get_lines()
        if line.get_markerfacecolor() == "none"
        for y in line.get_ydata()
    ]
    rows = from_zero.records.query("tokens == 0")
    assert sorted(rows["loss"]) == sorted(edge)
    assert f"before the first token ({len(rows)})" in said(figure)


def test_a_law_of_scores_has_no_curve_over_tokens(retention_fit):
    """
    The refusal says what to draw instead.
    """
    with pytest.raises(
        PlotError, match=r"retention reads .* and no tokens; draw it with plotting.rates"
    ):
        plotting.curves(retention_fit)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (
            {"by": "colour"},
            PlotError,
            "by is 'auto', 'all' or one of run, params, .*, got 'colour'",
        ),
        ({"by": "tokens"}, PlotError, "by is 'auto', 'all' or one of"),
        ({"panels": 0}, PlotError, "panels is a number of panels, at least 1, got 0"),
        ({"panels": True}, PlotError, "panels is a number of panels"),
        ({"until": -1}, FitError, "until is a positive number, got -1"),
        ({"until": 1}, PlotError, "until is 1 tokens, .* from the first on record on, 2e7: ask"),
        ({"level": 2}, FitError, "level is a probability"),
    ],
)
def test_wrong_wishes_are_refused_in_words(p2_fit, wrong, error, words):
    """
    What was wanted, what is there, what was given.
    """
    with pytest.raises(error, match=words):
        plotting.curves(p2_fit, **wrong)


def test_the_band_is_the_interval(p2_fit, figure):
    """
    The shaded ends are those of `predict` at the level asked for.
    """
    (axes,) = plotting.curves(p2_fit, panels=1, level=0.5, ax=figure)

    band = axes.collections[0].get_paths()[0].vertices
    line = next(each for each in axes.get_lines() if len(each.get_xdata()) > 50)
    told = p2_fit.predict(
        params=0.5e9, tokens=line.get_xdata(), pruning_rate=0.15, base_loss=2.0, level=0.5
    )
    ends = {*told["low"], *told["high"]}
    assert ends <= set(band[:, 1])


# -- loss against pruning rate ---------------------------------------------------------


def test_rates_are_drawn_at_the_least_a_middle_and_the_most_tokens(p2_fit, figure, lines):
    """
    Three curves a size, each what `predict` says.
    """
    panels = plotting.rates(p2_fit, ax=figure)

    tokens = np.sort(p2_fit.records["tokens"].unique())
    middle = tokens[np.abs(np.log(tokens / np.sqrt(tokens[0] * tokens[-1]))).argmin()]
    for axes, params in zip(panels, (0.5e9, 1.5e9, 8e9), strict=True):
        curves = [each for each in lines(axes, "-") if len(each.get_xdata()) > 20]
        assert 3 == len(curves)
        for line, amount in zip(curves, (tokens[0], middle, tokens[-1]), strict=True):
            keep = np.isfinite(line.get_ydata())
            told = p2_fit.predict(
                params=params, tokens=amount, pruning_rate=line.get_xdata()[keep], base_loss=2.0
            )
            np.testing.assert_allclose(told["loss"], line.get_ydata()[keep], rtol=1e-12)


def test_points_belong_to_the_tokens_of_a_curve(p2_fit, figure):
    """
    One a run and curve, measured at the tokens asked for.
    """
    amount = p2_fit.records["tokens"].iloc[5]

    panels = plotting.rates(p2_fit, tokens=1.01 * amount, ax=figure)

    rows = p2_fit.records.query("tokens == @amount")
    drawn = [
        y
        for axes in panels
        for each in axes.get_lines()
        if each.get_linestyle() == "None"
        for y in each.get_ydata()
    ]
    assert sorted(rows["loss"]) == sorted(drawn)


def test_tokens_that_were_not_measured_have_a_curve_without_points(p2_fit, figure, lines):
    """
    Beyond the records it is dashed all along.
    """
    (axes,) = plotting.rates(p2_fit, tokens=1e12, panels=1, ax=figure)

    assert not [x for x in axes.get_lines() if x.get_linestyle() == "None" and len(x.get_xdata())]
    assert 1 == len(lines(axes, DASHED))
    assert not [each for each in lines(axes, "-") if len(each.get_xdata()) > 20]


def test_a_law_that_one_rate_leaves_open_is_not_drawn_elsewhere(one_rate, figure, lines, said):
    """
    A dash at the rate that is known, and a sentence on the rest.
    """
    (axes,) = plotting.rates(one_rate, panels=1, ax=figure)

    assert not [each for each in lines(axes, "-") if np.isfinite(each.get_ydata()).sum() > 1]
    assert 3 == len([each for each in axes.get_lines() if each.get_marker() == "_"])
    assert "which the records leave undetermined" in said(figure)


def test_a_law_of_scores_is_drawn_over_rates(retention_fit, figure):
    """
    Without tokens a colour is a score before pruning.
    """
    panels = plotting.rates(retention_fit, ax=figure)

    assert (1,) == panels.shape
    assert ["0.4", "0.6", "0.7"] == [t.get_text() for t in figure.legends[0].get_texts()]
    assert "score" == panels[0].get_ylabel()


@pytest.mark.parametrize("wrong", [0, -1.0, "many", [], [1e9, None], np.nan])
def test_tokens_that_are_no_numbers_are_refused(p2_fit, wrong):
    """
    What belongs there, and what was given.
    """
    with pytest.raises(PlotError, match="tokens is a positive number, or a list of these, got"):
        plotting.rates(p2_fit, tokens=wrong)


def test_rates_of_a_fit_without_a_token_ask_after_how_many():
    """
    None of those on record can be drawn.
    """
    truth = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.2, "N_C": 7.5e4, "D_C": 9.5e3}
    rows = testing.design()
    rows = rows[rows["tokens"] == rows["tokens"].min()].assign(tokens=0.0)
    made = truth | {"E": 19.0, "D_0": 1e7}
    records = testing.synthesize(forms.p2_rectified, made, rows, noise=0.01)
    fit = p2law.fit(records, forms.p2_rectified)

    with pytest.raises(PlotError, match=r"all rows of the fit lie at tokens = 0; say after how"):
        plotting.rates(fit)


def test_rates_of_laws_without_rates_or_tokens_are_refused(dense_fit, retention_fit):
    """
    The refusal says what to do instead.
    """
    with pytest.raises(
        PlotError, match="chinchilla reads params, tokens and no pruning_rate; draw"
    ):
        plotting.rates(dense_fit)
    with pytest.raises(PlotError, match="and no tokens; leave out tokens="):
        plotting.rates(retention_fit, tokens=1e9)


@pytest.fixture(scope="module")
def single_points():
    """A law over forty models of one measurement each, most of them small."""
    params = np.r_[np.geomspace(1e8, 2e8, 30), np.geomspace(4e8, 1e11, 10)]
    table = pd.DataFrame({"params": params, "tokens": np.tile(np.geomspace(1e9, 1e11, 8), 5)})
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    rows = table.assign(run=[f"r{k}" for k in range(len(table))])
    return p2law.fit(
        p2law.testing.synthesize(forms.chinchilla, truth, rows, noise=0.01, seed=1),
        forms.chinchilla,
    )


def test_a_lone_crowded_panel_is_large_and_its_curves_are_thin(single_points, p2_fit, lines):
    """
    Thick ones would cover the points.
    """
    try:
        (crowded,) = plotting.curves(single_points)
        panel, *_ = plotting.curves(p2_fit)

        assert crowded.figure.get_figwidth() > 6
        assert crowded.figure.get_figheight() > 4
        widths = [{each.get_linewidth() for each in lines(x, "-")} for x in (crowded, panel)]
        assert max(widths[0]) < min(widths[1])
    finally:
        plt.close("all")


def test_curves_are_spread_evenly_over_what_colours_tell(single_points, figure, lines):
    """
    Not over settings, of which most may be alike.
    """
    (axes,) = plotting.curves(single_points, ax=figure)

    ends = sorted(each.get_ydata()[-1] for each in lines(axes, "-"))
    drawn = {each.get_color() for each in lines(axes, "-")}
    small = single_points.predict(params=2e8, tokens=1e11)["loss"].iloc[0]
    assert 5 < len(drawn) <= 12
    assert sum(each > small for each in ends) < len(ends) / 2


def test_a_legend_of_rates_stands_where_the_law_is_not(p2_fit, retention_fit):
    """
    At the left of what rises, at the right of what falls.
    """
    for fit, side in ((p2_fit, "left"), (retention_fit, "right")):
        axes = Figure().add_subplot()
        plotting.rates(fit, ax=axes)

        box, panel = (each.get_window_extent() for each in (axes.get_legend(), axes))
        middle = (box.x0 + box.x1) / 2 < (panel.x0 + panel.x1) / 2
        assert side == ("left" if middle else "right")


def test_long_names_of_runs_keep_the_rate_above_their_panels(p2_fit, figure):
    """
    What all begin with goes first.
    """
    rows = p2_fit.records.sort_values(["params", "pruning_rate"])
    parts = zip(rows["params"], rows["pruning_rate"], strict=True)
    names = [f"a-family-of-models-{size / 1e9:g}B-depth-{rate}-novels" for size, rate in parts]
    panels = plotting.curves(p2law.fit(rows.assign(run=names)), by="run", ax=figure)

    heads = [axes.get_title("left") for axes in panels]
    assert "…0.5B-depth-0.15…" == heads[0]
    assert len(set(names)) == len(set(heads))
