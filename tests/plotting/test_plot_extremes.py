"""Pictures of unusual records and figures: zeros, equal losses, no intervals, others' titles."""

import itertools
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

import p2law
from p2law import Bounds, Domain, form, forms, planning, plotting, testing
from p2law.errors import PlotError


@form("L = a + b * (1 + cost)^-c + d * tokens^-e", linear=("a", "b", "d"))
def of_cost(
    tokens: Annotated[float, Domain("> 0")],
    cost: Annotated[float, Domain(">= 0")],
    *,
    a: Annotated[float, Bounds(0, None, "nat", "floor")],
    b: Annotated[float, Bounds(0, None, "nat", "what cost removes")],
    d: Annotated[float, Bounds(0, None, "nat", "what tokens remove")],
    c: Annotated[float, Bounds(0.1, 5, "1", "how fast cost pays")] = 1.0,
    e: Annotated[float, Bounds(0.1, 2, "1", "how fast tokens pay")] = 0.5,
):
    """A count beside tokens that may be 0."""
    return a + b * (1 + cost) ** -c + d * tokens**-e


@form("err = a + b * rate^c + d * bits", linear=("a", "b", "d"), target="err")
def of_bits(
    pruning_rate: Annotated[float, Domain("[0, 1)", symbol="rate")],
    bits: Annotated[float, Domain(">= 0")],
    *,
    a: Annotated[float, Bounds(None, None, "1", "without pruning")],
    b: Annotated[float, Bounds(None, None, "1", "of the rate")],
    d: Annotated[float, Bounds(None, None, "1", "of the bits")],
    c: Annotated[float, Bounds(0.1, 5, "1", "how steep")] = 1.0,
):
    """An input beside the rate that may be 0, and no tokens."""
    return a + b * pruning_rate**c + d * bits


@pytest.fixture(scope="module")
def cost_fit():
    """Nine costs, the first of them 0."""
    table = p2law.grid(
        tokens=np.geomspace(1e3, 1e6, 5), cost=[0, 1, 3, 10, 30, 100, 300, 1000, 3000]
    )
    truth = {"a": 2.0, "b": 1.0, "d": 30.0, "c": 0.5, "e": 0.4}
    return p2law.fit(testing.synthesize(of_cost, truth, table, noise=0.002, seed=1), of_cost)


@pytest.fixture(scope="module")
def bits_fit():
    """Four rates and three numbers of bits, both from 0 on."""
    table = p2law.grid(pruning_rate=[0.0, 0.2, 0.4, 0.6], bits=[0.0, 4.0, 8.0])
    truth = {"a": 0.3, "b": 0.5, "d": 0.01, "c": 1.5}
    return p2law.fit(testing.synthesize(of_bits, truth, table, noise=0.002, seed=1), of_bits)


@pytest.fixture(scope="module")
def equal_fit(p2_records):
    """Losses that are all the same."""
    return p2law.fit(p2_records((0.5e9, 8e9), noise=0.01, seed=1).assign(loss=2.0))


@pytest.fixture(scope="module")
def no_intervals(one_run):
    """A law with as many coefficients as rows."""
    return p2law.fit(one_run.records.iloc[::5], forms.token_power)


# -- zeros -----------------------------------------------------------------------------


def test_zero_among_counts_has_a_colour_of_its_own(cost_fit, figure):
    """
    Counts span decades, and zero stands below the least of them, on the bar too.
    """
    from p2law.plotting.colours import Hues

    values = cost_fit.records["cost"]
    hues = Hues.of("cost", values)
    plotting.curves(cost_fit, ax=figure)

    shades = [hues.colour(each) for each in hues.values]
    assert len(shades) == len(set(shades))
    bar = figure.axes[-1]
    assert (0.0, 3000.0) == pytest.approx(bar.get_ylim())
    assert "cost" == bar.get_ylabel()
    drawn = {line.get_color() for line in figure.axes[0].get_lines()}
    assert set(shades) <= drawn


def test_points_at_zero_of_another_input_stand_beside_their_curve(bits_fit, figure):
    """
    Every measured row is a point.
    """
    (axes,) = plotting.rates(bits_fit, ax=figure)

    points = [each for each in axes.get_lines() if each.get_linestyle() == "None"]
    assert len(bits_fit.records) == sum(len(each.get_xdata()) for each in points)


def test_rows_at_zero_of_the_upward_axis_stand_at_the_lower_edge(from_zero, figure, said):
    """
    They are drawn on the map and counted below it.
    """
    axes = plotting.contour(from_zero, x="pruning_rate", y="tokens", ax=figure)

    count = int((from_zero.records["tokens"] == 0).sum())
    figure.draw_without_rendering()
    low = axes.get_window_extent().y0
    points = [line.get_transform().transform(line.get_xydata()) for line in axes.get_lines()]
    assert count == sum(int(np.isclose(each[:, 1], low).sum()) for each in points)
    assert f"hollow at the lower edge: before the first token ({count})" in said(figure)


def test_rows_at_zero_of_a_count_are_not_called_before_the_first_token(cost_fit, figure, said):
    """
    Zero cost is no beginning of training.
    """
    plotting.residuals(cost_fit, against="cost", ax=figure)

    assert "hollow at the left edge: cost 0 (5)" in said(figure)
    assert "first token" not in said(figure)


def test_a_map_reaches_to_records_at_the_end_of_the_domain(bits_fit, figure):
    """
    No row lies outside of it.
    """
    axes = plotting.contour(bits_fit, x="bits", y="pruning_rate", ax=figure)

    assert 0.0 == axes.get_xlim()[0] == axes.get_ylim()[0]


def test_a_map_of_counts_ends_where_the_law_does(figure):
    """
    Logarithmic axes as well.
    """

    @form("L = a + d * tokens^-e + f * bits", linear=("a", "d", "f"))
    def late(
        tokens: Annotated[float, Domain(">= 5e7")],
        bits: Annotated[float, Domain("> 0")],
        *,
        a: Annotated[float, Bounds(0, None, "nat", "floor")],
        d: Annotated[float, Bounds(0, None, "nat", "of tokens")],
        f: Annotated[float, Bounds(None, None, "nat", "of bits")],
        e: Annotated[float, Bounds(0.1, 2, "1", "how fast tokens pay")] = 0.5,
    ):
        """A law that begins late."""
        return a + d * tokens**-e + f * bits

    table = p2law.grid(tokens=np.geomspace(5e7, 1e9, 5), bits=[2.0, 4.0, 8.0])
    truth = {"a": 2.0, "d": 9e2, "f": 0.01, "e": 0.4}
    fit = p2law.fit(testing.synthesize(late, truth, table, noise=0.002, seed=1), late)

    assert 5e7 == plotting.contour(fit, ax=figure).get_xlim()[0]


def test_plans_that_take_nothing_are_drawn(from_zero, figure):
    """
    At zero, a decade below the least of the others.
    """
    models = [planning.Model("a", params=1e9, base_loss=2.0)]
    rates = [0.2, 0.25, 0.3, 0.4, 0.5]
    asked = planning.candidates(models, rates=rates, methods=["m"])
    loss = float(
        from_zero.predict(asked[asked["pruning_rate"] == 0.3].assign(tokens=0))["loss"].iloc[0]
    )
    found = planning.frontier(from_zero, asked, loss=loss + 0.01, against="tokens")
    axes = plotting.frontier(found, ax=figure)
    figure.draw_without_rendering()

    rows = found.candidates
    assert (rows["tokens"] == 0).sum() >= 2
    panel = axes.get_window_extent()
    for line in (each for each in axes.get_lines() if each.get_marker() == "o"):
        places = line.get_transform().transform(line.get_xydata())
        assert ((panel.x0 <= places[:, 0]) & (places[:, 0] <= panel.x1)).all()


# -- losses that lie close together ----------------------------------------------------


@pytest.mark.parametrize(
    ("base", "scale", "texts"),
    [
        (2.0, 1.0, {"2.1", "2.2", "2.3"}),
        (11.0, 0.3, {"11.025", "11.05", "11.1"}),
        (2.0, 3e-4, {"2.00005", "2.000075", "2.0001"}),
    ],
)
def test_values_of_lines_are_those_of_their_steps(base, scale, texts, p2_records, figure):
    """
    Written in all their digits, on lines and beside the bar, no two alike.
    """
    rows = p2_records((0.5e9, 1.5e9, 8e9), (0.15, 0.25, 0.5), noise=0.001, seed=1)
    rows = rows.assign(loss=base + scale * (rows["loss"] - 2.0), base_loss=base)
    axes = plotting.contour(p2law.fit(rows), ax=figure)

    bar = figure.axes[1]
    beside = [each.get_text() for each in bar.get_yticklabels()]
    assert texts <= set(beside)
    assert len(beside) == len(set(beside))
    np.testing.assert_allclose(bar.get_yticks(), [float(each) for each in beside], rtol=1e-12)
    on_lines = {each.get_text() for each in axes.texts}
    assert len(on_lines) > 2
    assert on_lines <= set(beside)


def test_a_map_of_equal_losses_has_few_digits(equal_fit, figure):
    """
    Steps of rounding errors would say nothing.
    """
    plotting.contour(equal_fit, ax=figure)

    assert max(len(each.get_text()) for each in figure.axes[1].get_yticklabels()) <= 6


def test_the_gain_of_equal_losses_is_a_line_at_zero(equal_fit, figure, lines):
    """
    Without a warning of numpy.
    """
    axes = plotting.gain(equal_fit, ax=figure)

    (line,) = lines(axes, "-")
    assert {0.0} == set(line.get_ydata()[np.isfinite(line.get_ydata())])


def test_no_run_is_furthest_off_where_nothing_is_left_over(equal_fit, figure, said):
    """
    Zero is not far.
    """
    by_run, _ = plotting.residuals(equal_fit, ax=figure)

    assert "furthest off" not in said(figure)
    assert [] == [
        x for each in by_run.get_lines() if each.get_marker() == "D" for x in each.get_xdata()
    ]


# -- what a key says is there ----------------------------------------------------------


@pytest.mark.parametrize("name", ["curves", "gain"])
def test_a_band_that_is_unknown_is_not_in_the_key(name, no_intervals, figure, said):
    """
    "no band" above and a band below would be two stories.
    """
    getattr(plotting, name)(no_intervals, ax=figure)

    assert "! no band" in said(figure)
    assert "90 %" not in said(figure)


def test_a_map_that_is_left_white_has_no_hatching_in_its_key(p2_records, figure, said):
    """
    And it is said that all of it is white.
    """
    rows = p2_records((0.5e9, 1.5e9, 8e9), (0.15, 0.25, 0.5), noise=0.01, seed=1)
    axes = plotting.contour(p2law.fit(rows.groupby("run").tail(1)), ax=figure)

    assert [] == list(axes.collections)
    assert "white: all of the map, which the records do not determine" in said(figure)
    assert "hatched" not in said(figure)


def test_more_amounts_of_tokens_than_a_legend_holds_have_a_colour_bar(p2_fit, figure):
    """
    Colours without a key are none.
    """
    count = len(plotting.rates(p2_fit, tokens=np.geomspace(2e7, 1e9, 10), ax=figure))

    assert count + 1 == len(figure.axes)
    assert "tokens" == figure.axes[-1].get_ylabel()
    assert (2e7, 1e9) == pytest.approx(figure.axes[-1].get_ylim())


def test_plans_beyond_the_records_have_the_star_that_the_warning_speaks_of(
    plan_fits, candidates, figure, said
):
    """
    In the panel and in the list; the others have none.
    """
    found = planning.frontier(plan_fits, candidates, tokens=[1e8, 1e12], against="params_after")
    axes = plotting.frontier(found, ax=figure)

    rows = found.candidates
    beyond = rows[rows["beyond"] != ""]
    (stars,) = [each for each in axes.get_lines() if each.get_marker() == "$*$"]
    assert 0 < len(beyond) < len(rows)
    assert len(beyond) == len(stars.get_xdata())
    listed = figure.legends[0].get_title().get_text().splitlines()
    assert [bool(each) for each in found.table["beyond"]] == ["*" in each for each in listed]
    assert "those with *" in said(figure)


# -- what belongs to somebody else -----------------------------------------------------


@pytest.mark.parametrize("name", ["curves", "residuals", "contour"])
def test_a_title_of_the_figure_stays(name, two_sizes, figure):
    """
    The warning stands inside the panel then.
    """
    figure.suptitle("mine")
    figure.supxlabel("below")

    drawn = getattr(plotting, name)(two_sizes, ax=figure)

    assert ("mine", "below") == (figure.get_suptitle(), figure.get_supxlabel())
    axes = np.atleast_1d(drawn)[0]
    assert any("NOT IDENTIFIED" in each.get_text() for each in axes.texts)


@pytest.mark.parametrize("part", [False, True])
def test_a_figure_that_holds_axes_is_refused(part, p2_fit, figure):
    """
    New panels would lie over them.
    """
    whole = figure.subfigures(1, 2)[0] if part else figure
    whole.subplots(1, 2)
    kind = type(whole).__name__

    with pytest.raises(PlotError, match=rf"ax is a {kind} that holds 2 Axes, .* give the Axes"):
        plotting.curves(p2_fit, ax=whole)

    assert 2 == len(whole.axes)


# -- texts -----------------------------------------------------------------------------


@pytest.mark.parametrize("inches", [7, 9, 10])
def test_ticks_below_the_runs_keep_clear_of_each_other(inches, one_run):
    """
    They are as many as there is room for.
    """
    figure = Figure(figsize=(inches, 2.8))
    by_run, _ = plotting.residuals(one_run, ax=figure)
    figure.draw_without_rendering()

    low, high = by_run.get_xlim()
    ticks = [each for each in by_run.get_xticklabels() if low <= each.get_position()[0] <= high]
    boxes = [each.get_window_extent() for each in ticks]
    assert len(boxes) > 2
    assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))


def test_short_names_below_the_correlation_stand_upright(cost_fit, p2_fit):
    """
    A letter on its side is no letter; longer names need the room.
    """
    turned = [
        {
            each.get_rotation()
            for each in plotting.coefficients(fit, ax=Figure())[1].get_xticklabels()
        }
        for fit in (cost_fit, p2_fit)
    ]

    assert [{0.0}, {90.0}] == turned


# -- wishes that are refused -----------------------------------------------------------


def test_tokens_are_no_setting_of_the_gain(p2_fit):
    """
    The picture is drawn along them; nothing is dropped in silence.
    """
    setting = {"params": 5e8, "pruning_rate": 0.2, "base_loss": 2.0}
    with pytest.raises(PlotError, match=r"tokens= is no setting here: .* see until="):
        plotting.gain(p2_fit, tokens=2e9, **setting)


def test_what_is_refused_leaves_no_empty_figure(p2_fit):
    """
    Counts in billions, and several values where a map has one.
    """
    before = plt.get_fignums()

    for words, draw in {
        "tokens = 1 .* looks like": lambda: plotting.rates(p2_fit, tokens=1.0),
        "tokens = 0.3 .* looks like": lambda: plotting.contour(p2_fit, x="params", tokens=0.3),
        "one value of base_loss, got": lambda: plotting.contour(p2_fit, base_loss=[2.0, 2.1]),
    }.items():
        with pytest.raises(p2law.P2LawError, match=words):
            draw()

    assert before == plt.get_fignums()


def test_a_number_of_panels_of_numpy_is_one(p2_fit, figure):
    """
    It comes out of a table as often as not.
    """
    assert 2 == len(plotting.curves(p2_fit, panels=np.int64(2), ax=figure))
    with pytest.raises(PlotError, match="panels is a number of panels"):
        plotting.curves(p2_fit, panels=np.True_)


def test_an_array_is_no_column(p2_fit):
    """
    It is refused in words, wherever a column is asked for.
    """
    several = np.array(["params", "tokens"])
    with pytest.raises(PlotError, match=r"by is 'auto', 'all' or one of .*, got array"):
        plotting.curves(p2_fit, by=several)
    with pytest.raises(PlotError, match=r"x is an input of p2 \(.*\), got array"):
        plotting.contour(p2_fit, x=several)
    with pytest.raises(PlotError, match=r"against is one of .*, got array"):
        plotting.residuals(p2_fit, against=several)


def test_a_map_of_something_else_is_refused_whatever_else_is_asked_for():
    """
    An axis that was asked for does not hide that there is no fit.
    """
    with pytest.raises(PlotError, match=r"what p2law.fit returns, got None"):
        plotting.contour(None, y="tokens")


def test_a_score_of_another_law_or_target_is_refused_beside_a_fit(p2_fit, one_run, retention_fit):
    """
    Losses do not belong on an axis of scores.
    """
    score = p2law.score(one_run, pd.DataFrame({"tokens": [2e9, 4e9], "loss": [2.1, 2.0]}))

    with pytest.raises(PlotError, match=r"score of token_power \(loss, nat\), .* is of p2 \(loss"):
        plotting.predicted(p2_fit, score)
    with pytest.raises(PlotError, match=r"the fit is of retention \(score"):
        plotting.predicted(retention_fit, score)
