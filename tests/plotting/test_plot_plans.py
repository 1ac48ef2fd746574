"""What a doubling wins, the frontier of a plan, and the map of the loss."""

import itertools

import numpy as np
import pandas as pd
import pytest

matplotlib = pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

from matplotlib.figure import Figure  # noqa: E402

import p2law  # noqa: E402
from p2law import planning, plotting  # noqa: E402
from p2law.errors import FitError, FormError, PlotError  # noqa: E402

HERE = {"params": 1.5e9, "pruning_rate": 0.25, "base_loss": 2.0}


# -- what a doubling wins --------------------------------------------------------------


def test_the_gain_is_that_of_the_next_doubling(p2_fit, figure, lines):
    """
    As `planning.marginal` says, along the whole curve.
    """
    axes = plotting.gain(p2_fit, ax=figure, **HERE)

    for style in ("-", "--"):
        (line,) = lines(axes, style)
        keep = np.isfinite(line.get_ydata())
        told = planning.marginal(p2_fit, tokens=line.get_xdata()[keep], **HERE)
        np.testing.assert_allclose(told["gain"], line.get_ydata()[keep], rtol=1e-12)
    assert "loss won by the next doubling (nat)" == axes.get_ylabel()


def test_the_saturation_point_is_marked_with_its_interval(p2_fit, figure):
    """
    On the level line, where `planning.saturation` puts it, and in words beside.
    """
    axes = plotting.gain(p2_fit, gain=0.005, ax=figure, **HERE)

    found = planning.saturation(p2_fit, gain=0.005, **HERE)
    (mark,) = [each for each in axes.get_lines() if each.get_marker() == "o"]
    (bar,) = [each for each in axes.get_lines() if each.get_linewidth() == 3]
    assert [float(found)] == list(mark.get_xdata())
    assert [0.005] == list(mark.get_ydata())
    assert [found.low, found.high] == list(bar.get_xdata())
    (legend,) = figure.legends
    assert "than 0.005 nat" in legend.get_title().get_text()
    assert legend.get_texts()[0].get_text().startswith("1.5B, 25 %\n")


def test_without_a_wish_the_level_is_the_rmse_of_the_fit(p2_fit, figure, said):
    """
    Less is not seen in one measurement.
    """
    plotting.gain(p2_fit, ax=figure, **HERE)

    rmse = np.sqrt(np.mean(p2_fit.residuals()["residual"] ** 2))
    assert f"level: {rmse:.3g} nat, the rmse of the fit" in said(figure)


def test_a_fit_that_leaves_nothing_over_has_a_level_too(figure, said):
    """
    Three rows and three coefficients: no rmse, no band, and both are said.
    """
    rows = pd.DataFrame({"tokens": [1e6, 2e6, 4e6], "loss": [3.0, 2.6, 2.4]})
    fit = p2law.fit(rows, p2law.forms.token_power)

    plotting.gain(fit, ax=figure)

    assert "level: 0.00026 nat, 0.01 % of the median loss" in said(figure)
    assert "! 3 rows leave nothing over" in said(figure)
    assert "! no band" in said(figure)


def test_settings_on_record_that_are_not_drawn_are_counted(p2_fit, figure, said):
    """
    Five of nine, spread evenly.
    """
    plotting.gain(p2_fit, ax=figure)

    assert 5 == len(figure.legends[0].get_texts())
    assert "4 more curves of settings on record not shown" in said(figure)


def test_settings_with_the_same_curve_are_one(dense_fit, figure, lines, said):
    """
    Where tokens stand in a term of their own, the size has no part in what they win.
    """
    axes = plotting.gain(dense_fit, ax=figure)

    assert 1 == len([each for each in lines(axes, "-") if len(each.get_xdata()) > 20])
    (entry,) = figure.legends[0].get_texts()
    assert entry.get_text().startswith("all sizes\n")
    assert "not shown" not in said(figure)


def test_settings_that_only_the_loss_before_pruning_tells_apart_have_it_in_their_names(p2_fit):
    """
    Of two lines called the same, one cannot know which is which.
    """
    from p2law.plotting.marginal_gain import _names

    settings = pd.DataFrame({"params": 8e9, "pruning_rate": 0.25, "base_loss": [2.0, 2.001]})
    groups = [settings.iloc[[k]] for k in range(2)]

    assert ["8B, 25 %, base loss 2", "8B, 25 %, base loss 2.001"] == _names(p2_fit, groups)
    assert ["8B, 25 %"] == _names(p2_fit, [settings])


def test_a_saturation_point_outside_the_picture_is_an_arrow(p2_fit, figure, said):
    """
    At the edge towards which it lies.
    """
    axes = plotting.gain(p2_fit, gain=0.2, ax=figure, **HERE)

    first = p2_fit.records["tokens"].min()
    (arrow,) = [each for each in axes.get_lines() if each.get_marker() == "<"]
    assert [first] == list(arrow.get_xdata())
    assert "arrows: saturated outside the picture" in said(figure)


def test_a_gain_that_is_not_determined_is_not_drawn(one_rate, figure, said):
    """
    At a rate that the records leave free there is a sentence, no curve.
    """
    axes = plotting.gain(one_rate, ax=figure, params=1.5e9, pruning_rate=0.5, base_loss=2.0)

    assert not [each for each in axes.get_lines() if np.isfinite(each.get_ydata()).sum() > 2]
    assert "not determined" in figure.legends[0].get_texts()[0].get_text()
    assert "100 % of the law" in said(figure)


def test_wrong_wishes_of_gain_are_refused(p2_fit, retention_fit):
    """
    In the words of planning.
    """
    with pytest.raises(PlotError, match="no tokens; so no number of them can be drawn"):
        plotting.gain(retention_fit)
    with pytest.raises(FormError, match="missing: base_loss"):
        plotting.gain(p2_fit, params=1e9, pruning_rate=0.2)
    with pytest.raises(FitError, match="gain is a positive number"):
        plotting.gain(p2_fit, gain=0)
    with pytest.raises(PlotError, match="until is 1 tokens"):
        plotting.gain(p2_fit, until=1)


# -- the frontier ----------------------------------------------------------------------


def test_the_frontier_is_drawn_with_a_number_a_plan(some_frontier, figure):
    """
    Stairs through its plans, the key beside.
    """
    axes = plotting.frontier(some_frontier, ax=figure)

    table = some_frontier.table
    (stairs,) = [each for each in axes.get_lines() if each.get_drawstyle() == "steps-post"]
    np.testing.assert_array_equal(table[["params_after", "loss"]], stairs.get_xydata())
    assert [str(k + 1) for k in range(len(table))] == [each.get_text() for each in axes.texts]
    key = figure.legends[0].get_title().get_text()
    for k, name in enumerate(names(table), 1):
        assert f"{k}  {name}" in key


def names(table):
    """What candidates are called."""
    from p2law.planning import combining

    return combining.names(table)


def test_on_given_axes_plans_are_numbered_and_not_listed(some_frontier):
    """
    A list would cover them.
    """
    axes = plotting.frontier(some_frontier, ax=Figure(figsize=(4, 3)).add_subplot())

    numbers = [each.get_text() for each in axes.texts if each.get_text().isdigit()]
    assert [str(k) for k in range(1, len(some_frontier.table) + 1)] == numbers
    assert "" == axes.get_legend().get_title().get_text()


def test_of_many_plans_the_first_have_numbers(plan_fits, figure):
    """
    Sixty numbers would be a smear; all plans are drawn.
    """
    model = planning.Model("3B", params=3.2e9, base_loss=2.0)
    rates = np.linspace(0.1, 0.6, 40).tolist()
    many = planning.candidates([model], rates=rates, methods=["width"])
    found = planning.frontier(plan_fits, many, tokens=1e9, against="params_after")
    axes = plotting.frontier(found, ax=figure)

    black = [line for line in axes.get_lines() if line.get_color() == "#000000"]
    drawn = {x for line in black if line.get_marker() == "o" for x in line.get_xdata()}
    assert set(found.table["params_after"]) == drawn
    assert 12 == sum(each.get_text().isdigit() for each in axes.texts)
    assert (
        f"{len(found.table) - 12} plans more in .table" in figure.legends[0].get_title().get_text()
    )


def test_candidates_are_drawn_by_method_and_what_is_no_plan_crossed(some_frontier, figure, said):
    """
    All of them, each once.
    """
    axes = plotting.frontier(some_frontier, ax=figure)

    rows = some_frontier.candidates
    drawn = {}
    for each in axes.get_lines():
        if each.get_linestyle() == "None" and len(each.get_xdata()) > 1:
            drawn[each.get_marker()] = drawn.get(each.get_marker(), 0) + len(each.get_xdata())
    refused = int((rows["refused"] != "").sum())
    assert refused == drawn["x"]
    assert len(rows) - refused == sum(n for mark, n in drawn.items() if mark in "os^") - rings(axes)
    assert "no plan: " in said(figure)


def rings(axes):
    """How many ties are marked."""
    ring = [each for each in axes.get_lines() if each.get_markersize() == 13]
    return sum(len(each.get_xdata()) for each in ring)


def test_ties_are_ringed(some_frontier, figure):
    """
    As many candidates as the table names, each at its best row.
    """
    axes = plotting.frontier(some_frontier, ax=figure)

    tied = {name for each in some_frontier.table["tied_with"] for name in each}
    assert tied
    assert len(tied) == rings(axes)
    assert "as good within the noise" in [t.get_text() for t in figure.legends[0].get_texts()]


def test_intervals_of_plans_are_strokes(some_frontier, figure):
    """
    Those of the refits.
    """
    axes = plotting.frontier(some_frontier, ax=figure)

    rows = some_frontier.candidates
    chosen = rows[rows["chosen"]].sort_values("params_after")
    strokes = next(each for each in axes.collections if hasattr(each, "get_segments"))
    ends = [segment[:, 1] for segment in strokes.get_segments()]
    np.testing.assert_allclose(chosen[["low", "high"]], ends)
    assert (chosen["low"] <= chosen["loss"]).all()


def test_a_frontier_of_costs_names_the_currency(plan_fits, candidates, figure):
    """
    What axes measure is said with its unit.
    """
    prices = planning.Prices(peak_flops=1e15, mfu=0.4, gpu_hour=2.0, currency="EUR")
    found = planning.frontier(
        plan_fits, candidates, tokens=[1e8, 1e9], against="cost", prices=prices
    )

    axes = plotting.frontier(found, ax=figure)

    assert "cost (EUR)" == axes.get_xlabel()
    assert "loss (nat)" == axes.get_ylabel()


def test_a_loss_that_some_never_reach_leaves_these_out(plan_fits, candidates, figure, said):
    """
    And counts them.
    """
    found = planning.frontier(plan_fits, candidates, loss=2.05, against="params_after")

    plotting.frontier(found, ax=figure)

    lacking = int((~np.isfinite(found.candidates["flops"])).sum())
    assert lacking
    assert f"{lacking} candidates not drawn: out of reach, or not known" in said(figure)


def test_a_table_is_no_frontier(some_frontier):
    """
    The result itself is wanted.
    """
    with pytest.raises(PlotError, match=r"what planning.frontier returns, got .* \(DataFrame\)"):
        plotting.frontier(some_frontier.table)


# -- the map ---------------------------------------------------------------------------


def test_the_map_is_of_the_commonest_setting_and_says_so(p2_fit, figure):
    """
    Its rows are dots, the others hollow.
    """
    axes = plotting.contour(p2_fit, ax=figure)

    assert "500M parameters, base loss 2" == axes.get_title("left")
    counts = {each.get_markerfacecolor(): len(each.get_xdata()) for each in axes.get_lines()}
    assert {"none": 120, "#000000": 60} == counts
    assert ("tokens", "pruning rate") == (axes.get_xlabel(), axes.get_ylabel())


def test_a_setting_can_be_asked_for(p2_fit, figure):
    """
    The rest is filled in from the records of that size.
    """
    axes = plotting.contour(p2_fit, params=8e9, ax=figure)

    assert "8B parameters, base loss 2" == axes.get_title("left")


def test_what_lies_beyond_the_records_is_hatched(p2_fit, figure, said):
    """
    Around the records, not over them.
    """
    axes = plotting.contour(p2_fit, ax=figure)

    (veil,) = [each for each in axes.collections if getattr(each, "hatches", [None])[0]]
    rows = p2_fit.records
    inside = (rows["tokens"].median(), 0.3)
    assert not any(path.contains_point(inside) for path in solid(veil))
    assert "hatched: beyond the records" in said(figure)


def solid(drawn):
    """Polygons of a filled contour without what lies in their holes."""
    from matplotlib.path import Path

    for path in drawn.get_paths():
        codes, points = path.codes, path.vertices
        starts = [*np.flatnonzero(codes == Path.MOVETO), len(codes)]
        parts = [points[a:b] for a, b in itertools.pairwise(starts)]
        yield Holed(parts)


class Holed:
    """A polygon with holes, by the even-odd rule."""

    def __init__(self, parts):
        self.parts = parts

    def contains_point(self, point):
        """Whether an odd number of rings is around a point."""
        from matplotlib.path import Path

        return sum(Path(each).contains_point(point) for each in self.parts) % 2 == 1


def test_a_law_of_sizes_and_tokens_has_sizes_upwards(dense_fit, figure):
    """
    Without a rate the model size goes up the axis.
    """
    axes = plotting.contour(dense_fit, ax=figure)

    assert ("tokens", "parameters") == (axes.get_xlabel(), axes.get_ylabel())
    assert ("log", "log") == (axes.get_xscale(), axes.get_yscale())


def test_a_map_that_is_known_on_one_line_only_is_left_white(one_rate, figure, said):
    """
    With a sentence, and the points.
    """
    axes = plotting.contour(one_rate, ax=figure)

    assert [] == list(axes.collections)
    assert "of the map, which the records do not determine" in said(figure)
    assert axes.get_lines()


def test_wrong_wishes_of_a_map_are_refused(p2_fit, one_run):
    """
    Inputs that are none, one twice, one on an axis, one alone.
    """
    with pytest.raises(PlotError, match=r"y is an input of p2 \(params, .*\), got 'seed'"):
        plotting.contour(p2_fit, y="seed")
    with pytest.raises(PlotError, match=r"x and y are two inputs, got tokens twice"):
        plotting.contour(p2_fit, y="tokens")
    with pytest.raises(
        PlotError, match=r"tokens is on an axis already; give x= or y= another input"
    ):
        plotting.contour(p2_fit, tokens=1e9)
    with pytest.raises(FormError, match="it does not read: size"):
        plotting.contour(p2_fit, size=1e9)
    with pytest.raises(
        PlotError, match=r"token_power reads tokens alone; draw it with plotting.curves"
    ):
        plotting.contour(one_run)


@pytest.mark.parametrize("inches", [(6.4, 4.6), (4, 3)])
@pytest.mark.parametrize("which", ["p2_fit", "dense_fit", "sixty_runs"])
def test_values_on_lines_of_equal_loss_are_read_whole(which, inches, request):
    """
    None is cut by an edge or lies below a dot, and no two meet.
    """
    figure = Figure(figsize=inches, dpi=80)
    axes = plotting.contour(request.getfixturevalue(which), ax=figure)
    figure.draw_without_rendering()

    values = [each for each in axes.texts if each.get_text()]
    boxes = [each.get_window_extent() for each in values]
    panel = axes.get_window_extent()
    assert len(boxes) > 2
    assert all(panel.x0 < b.x0 < b.x1 < panel.x1 for b in boxes)
    assert all(panel.y0 < b.y0 < b.y1 < panel.y1 for b in boxes)
    middles = np.array([[b.x0 + b.x1, b.y0 + b.y1] for b in boxes]) / 2
    apart = np.hypot(*(middles[:, None] - middles[None]).T) + 1e9 * np.eye(len(boxes))
    assert apart.min() > 8
    assert min(v.get_zorder() for v in values) > max(d.get_zorder() for d in axes.get_lines())
