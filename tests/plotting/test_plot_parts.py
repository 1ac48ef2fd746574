"""What pictures share: words on axes, colours, room, and what is said beside."""

import itertools

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

import p2law  # noqa: E402
from p2law import forms, plotting  # noqa: E402
from p2law.errors import PlotError  # noqa: E402
from p2law.plotting.canvas import canvas, grid  # noqa: E402
from p2law.plotting.colours import FEW, Hues, evenly  # noqa: E402
from p2law.plotting.families import stretch  # noqa: E402
from p2law.plotting.line_values import write_values  # noqa: E402
from p2law.plotting.notes import shortened  # noqa: E402
from p2law.plotting.quantities import named  # noqa: E402
from p2law.text.amounts import amount  # noqa: E402


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (1e9, "tokens", "1B"),
        (999.6e6, "tokens", "1B"),
        (1.24e9, "params", "1.24B"),
        (2.5e5, "tokens", "250k"),
        (12, "tokens", "12"),
        (3e12, "tokens", "3T"),
        (3e21, "flops", "3e21"),
        (0.3, "pruning_rate", "30 %"),
        (0.102365, "pruning_rate", "10.2 %"),
        (1.3516, "base_loss", "1.35"),
        (0, "tokens", "0"),
    ],
)
def test_amounts_are_written_as_people_say_them(value, column, text):
    """
    Counts with a letter, shares as percentages, the rest to three digits.
    """
    assert text == amount(value, column)


def test_titles_name_what_an_amount_is_of():
    """
    A count before its noun, anything else after its name.
    """
    assert "8B parameters" == named(8e9, "params")
    assert "30 % pruned" == named(0.3, "pruning_rate")
    assert "base loss 2.1" == named(2.1, "base_loss")


@pytest.mark.parametrize("count", [2, FEW, FEW + 1, 60])
def test_colours_are_told_apart_in_grey(count):
    """
    Each next value is lighter, so that print without colour keeps the order.
    """
    hues = Hues.of("params", np.geomspace(1e8, 1e10, count))

    light = [np.dot(to_rgb(hues.colour(each)), [0.2126, 0.7152, 0.0722]) for each in hues.values]

    assert np.all(np.diff(light) > 0)
    assert light[-1] < 0.75  # yellow is not seen on white


def test_few_values_have_markers_and_a_legend_and_many_a_colour_bar():
    """
    A legend of sixty entries is none.
    """
    few, many = Hues.of("params", range(1, FEW + 1)), Hues.of("params", range(1, 61))

    assert FEW == len({few.marker(each) for each in few.values}) == len(few.handles())
    assert {"o"} == {many.marker(each) for each in many.values}
    assert [] == many.handles()


def test_places_are_spread_evenly_with_both_ends():
    """
    Some of many, the first and the last among them.
    """
    assert [0, 1, 2] == list(evenly(3, 5))
    assert [0, 5, 10] == list(evenly(11, 3))


def test_a_curve_has_points_at_the_ends_of_the_records():
    """
    There it turns from solid to dashed.
    """
    import pandas as pd

    places = stretch(pd.Series([2.0, 7.0]), 1.0, 10.0, log=True)

    assert {1.0, 2.0, 7.0, 10.0} <= set(places)
    assert np.all(np.diff(places) > 0)
    assert [3.0] == list(stretch(pd.Series([3.0]), 3.0, 3.0, log=True))


@pytest.mark.parametrize(
    ("count", "shape"),
    [(1, (1, 1)), (4, (4, 1)), (5, (3, 2)), (7, (4, 2)), (9, (3, 3)), (12, (4, 3)), (13, (4, 4))],
)
def test_panels_stand_in_a_compact_grid(count, shape):
    """
    At most four beside each other.
    """
    assert shape == grid(count)


def test_long_names_lose_their_middle():
    """
    Runs differ at their ends.
    """
    assert "llama…a50c1" == shortened("llama-109k-depth-3122aa50c1", 11)
    assert "short" == shortened("short", 11)


@pytest.mark.parametrize("ax", [3, "axes", [1, 2], []])
def test_what_is_no_place_to_draw_is_refused(ax):
    """
    Kinds that can be given are named.
    """
    with pytest.raises(PlotError, match="ax is an Axes, several of them, a Figure or a SubFigure"):
        canvas(ax, 1)


def test_a_picture_of_two_panels_needs_two_axes(p2_fit, figure):
    """
    One is refused before anything is drawn.
    """
    axes = figure.subplots()

    with pytest.raises(PlotError, match="this picture has 2 panels, and ax holds 1; give 2 Axes"):
        plotting.residuals(p2_fit, ax=axes)

    assert not axes.get_lines()


def test_without_axes_a_new_figure_of_pyplot_is_made(p2_fit):
    """
    A notebook shows it; nothing that was there is drawn on.
    """
    import matplotlib.pyplot as plt

    plt.close("all")  # what tests before this one in the same process have left open
    before = plt.figure()
    axes = plotting.predicted(p2_fit)
    try:
        assert axes.figure is not before
        assert [before.number, axes.figure.number] == plt.get_fignums()
    finally:
        plt.close("all")


def test_settings_and_open_figures_stay_as_they_are(p2_fit, some_frontier):
    """
    No picture leaves anything behind in matplotlib.
    """
    import matplotlib.pyplot as plt

    matplotlib.get_backend()  # is chosen when first asked for
    before, opened = matplotlib.rcParams.copy(), plt.get_fignums()
    for name in plotting.__all__:
        getattr(plotting, name)(some_frontier if name == "frontier" else p2_fit, ax=Figure())

    assert before == matplotlib.rcParams
    assert opened == plt.get_fignums()


def test_limits_that_were_set_on_given_axes_stay(p2_fit, figure):
    """
    Whoever chose a part of a picture keeps it.
    """
    axes = figure.subplots()
    axes.set_ylim(2.0, 2.4)

    plotting.curves(p2_fit, by="all", ax=axes)

    assert (2.0, 2.4) == axes.get_ylim()


@pytest.mark.parametrize("name", [name for name in plotting.__all__ if name != "frontier"])
def test_labels_of_rows_may_stand_more_than_once(name, p2_fit, figure):
    """
    Records put together from several tables are drawn as any others.
    """
    records = p2_fit.records.set_index(p2_fit.records.groupby("run").cumcount())
    left, right = figure.subfigures(1, 2)

    getattr(plotting, name)(p2law.fit(records), ax=left)
    getattr(plotting, name)(p2_fit, ax=right)

    for one, other in zip(drawn(left), drawn(right), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def drawn(figure):
    """Everything that lines of a figure hold."""
    return [line.get_xydata() for axes in figure.axes for line in axes.get_lines()]


@pytest.mark.parametrize("name", plotting.__all__)
def test_every_picture_fits_into_a_part_of_a_figure(name, p2_fit, some_frontier, figure):
    """
    A SubFigure is as good as a Figure.
    """
    left, right = figure.subfigures(1, 2)

    getattr(plotting, name)(some_frontier if name == "frontier" else p2_fit, ax=right)

    assert len(right.axes) >= 1
    assert [] == left.axes


@pytest.mark.parametrize("name", [name for name in plotting.__all__ if name != "frontier"])
def test_a_picture_of_something_else_is_refused(name):
    """
    What is wanted, and what was given.
    """
    with pytest.raises(PlotError, match=r"this picture is of .*, got 3 \(int\)"):
        getattr(plotting, name)(3)


@pytest.mark.parametrize(
    "name", ["curves", "rates", "residuals", "predicted", "coefficients", "gain", "contour"]
)
def test_a_status_that_is_not_sound_stands_above(name, two_sizes, figure, said):
    """
    A picture says what the fit says of itself, in capitals.
    """
    getattr(plotting, name)(two_sizes, ax=figure)

    assert "! NOT IDENTIFIED: alpha, N_C and E move together" in said(figure)


@pytest.mark.parametrize(
    "name", ["curves", "rates", "residuals", "predicted", "coefficients", "gain", "contour"]
)
def test_a_sound_fit_has_no_warning(name, p2_fit, figure):
    """
    Capitals only for trouble.
    """
    getattr(plotting, name)(p2_fit, ax=figure)

    assert "" == figure.get_suptitle()


@pytest.mark.parametrize("name", ["curves", "residuals", "predicted", "coefficients", "gain"])
def test_trouble_of_a_sound_fit_stands_above(name, one_run, figure, said):
    """
    A fit that converged on two schedules at once is no fit to trust, and the picture says so.
    """
    mixed = one_run.records.assign(schedule=["constant", "cosine"] * 6)
    fit = p2law.fit(mixed, forms.token_power)
    getattr(plotting, name)(fit, ax=figure)

    assert "! 2 values of schedule in one fit (constant, cosine)" in said(figure)
    assert "fit one at a time (+1 more)" in said(figure)


def test_a_coefficient_at_a_bound_is_said_above(one_run, figure, said):
    """
    Curves of a law that lacks a term look like any others.
    """
    tokens = one_run.records["tokens"].to_numpy()
    fit = p2law.fit(one_run.records.assign(loss=9e3 / tokens**0.3), forms.token_power)
    plotting.curves(fit, ax=figure)

    assert f"! AT BOUND: {fit.trouble[0]}" in said(figure)


@pytest.mark.parametrize("name", ["curves", "rates", "gain", "predicted"])
@pytest.mark.parametrize("shape", [(1, 1, (4, 3)), (2, 2, (6.4, 4.8))])
def test_notes_and_legends_stay_inside_given_axes(name, shape, two_sizes):
    """
    The figure belongs to somebody else: its title and other panels are not touched, nothing is
    cut off, and no legend lies on a note.
    """
    rows, columns, inches = shape
    figure = Figure(figsize=inches, dpi=80)
    figure.suptitle("mine")
    given = figure.subplots(rows, columns, squeeze=False)[-1, 0]
    getattr(plotting, name)(two_sizes, ax=given)
    figure.draw_without_rendering()

    (note,) = [each for each in given.texts if "NOT IDENTIFIED" in each.get_text()]
    panel = given.get_window_extent()
    inside = [note.get_window_extent()]
    inside += [given.get_legend().get_window_extent()] if given.get_legend() else []
    assert "mine" == figure.get_suptitle()
    for box in inside:
        assert panel.y0 - 1 <= box.y0 <= box.y1 <= panel.y1 + 1
        assert box.x1 <= panel.x1 + 1
    assert not any(one.padded(-1).overlaps(two) for one, two in itertools.pairwise(inside))


@pytest.mark.parametrize("layout", ["constrained", "none"])
@pytest.mark.parametrize("name", ["residuals", "coefficients"])
@pytest.mark.parametrize("inches", [(8, 3), (9, 4)])
def test_notes_stand_above_the_rows_of_given_axes(name, layout, inches, two_sizes):
    """
    Rows begin below the note; names and numbers keep clear of each other and of the next panel.
    """
    figure = Figure(figsize=inches, dpi=80, layout=layout)
    left, right = figure.subplots(1, 2)
    getattr(plotting, name)(two_sizes, ax=[left, right])
    figure.draw_without_rendering()

    (note,) = [each for each in left.texts if "NOT IDENTIFIED" in each.get_text()]
    places = [y for line in left.get_lines() for y in np.atleast_1d(line.get_ydata()) if y > 0.99]
    top = max(left.transData.transform((0, y))[1] for y in [*places, *left.get_yticks()])
    assert note.get_window_extent().y0 > top
    shown = [each for each in [*left.texts, *left.get_yticklabels()] if each.get_text()]
    boxes = [each.get_window_extent().padded(-0.5) for each in shown]
    clash = [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]
    assert [] == clash
    assert max(box.x1 for box in boxes) < right.get_window_extent().x0


@pytest.mark.parametrize("inches", [(2.6, 2.2), (4, 3), (8, 5)])
def test_the_name_of_a_low_axis_is_not_cut(inches, p2_fit):
    """
    It has several lines there.
    """
    figure = Figure(figsize=inches, dpi=80, layout="constrained")
    axes = plotting.gain(p2_fit, ax=figure.add_subplot())
    figure.draw_without_rendering()

    box = axes.yaxis.label.get_window_extent()
    assert 0 <= box.y0 < box.y1 <= figure.bbox.height
    assert "loss won by the next doubling (nat)" == axes.get_ylabel().replace("\n", " ")


@pytest.mark.parametrize("name", plotting.__all__)
@pytest.mark.parametrize("which", ["p2_fit", "two_sizes", "one_run", "sixty_runs"])
def test_no_two_texts_of_a_picture_overlap(name, which, some_frontier, figure, request):
    """
    Labels, titles, legends and notes keep clear of each other.
    """
    shown = some_frontier if name == "frontier" else request.getfixturevalue(which)
    if which == "one_run" and name in ("rates", "contour"):
        pytest.skip("a law of tokens alone has no such picture")
    getattr(plotting, name)(shown, ax=figure)
    figure.draw_without_rendering()

    boxes = {text: text.get_window_extent().padded(-1) for text in seen(figure)}

    clashes = [
        (one.get_text(), other.get_text())
        for k, one in enumerate(boxes)
        for other in list(boxes)[:k]
        if boxes[one].overlaps(boxes[other])
    ]
    assert [] == clashes


@pytest.fixture(scope="module", params=[15, 400])
def wide(request):
    """A law over tokens that span so many times the least of them."""
    tokens = np.geomspace(1.7e8, 1.7e8 * request.param, 5)
    table = p2law.grid(params=[6e7, 5e9, 3e10], tokens=tokens)
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    rows = p2law.testing.synthesize(forms.chinchilla, truth, table, noise=0.01, seed=1)
    return p2law.fit(rows, forms.chinchilla)


@pytest.mark.parametrize("inches", [(3.3, 2.8), (6.4, 4.6)])
@pytest.mark.parametrize("name", ["curves", "contour", "gain"])
def test_labels_of_ticks_keep_clear_of_each_other(name, wide, inches):
    """
    Room is measured on the panel as it is drawn, beside colour bars and legends.
    """
    figure = Figure(figsize=inches, dpi=90)
    wish = {"by": "params", "until": 6e12} if name == "curves" else {}
    getattr(plotting, name)(wide, ax=figure, **wish)
    figure.draw_without_rendering()

    for side in (side for axes in figure.axes for side in (axes.xaxis, axes.yaxis)):
        low, high = sorted(side.get_view_interval())
        ticks = [each for each in side.get_major_ticks() if low <= each.get_loc() <= high]
        both = [label for each in ticks for label in (each.label1, each.label2)]
        shown = [each for each in both if each.get_visible() and each.get_text()]
        boxes = [each.get_window_extent() for each in shown]
        clash = [one for one, two in itertools.pairwise(boxes) if one.overlaps(two)]
        assert [] == clash, [each.get_text() for each in shown]


def seen(figure):
    """Texts that stand straight; ticks beyond the end of an axis are none."""
    hidden = set()
    for axes in figure.axes:
        for side in (axes.xaxis, axes.yaxis):
            low, high = sorted(side.get_view_interval())
            ticks = [*side.get_major_ticks(), *side.get_minor_ticks()]
            hidden |= {t.label1 for t in ticks if not low <= t.get_loc() <= high}
    return [
        text
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_text().strip()
        and text.get_visible()
        and text.get_rotation() in (0, 90)
        and text not in hidden
    ]


def test_values_of_lines_ask_nothing_that_warns(monkeypatch):
    """
    In matplotlib 3.8.0 `allsegs` does; each island of a line has a value of its own without it.
    """
    axes = Figure().subplots()
    heights = np.zeros((9, 13))
    heights[4, 3] = heights[4, 9] = 1.0
    lines = axes.contour(heights, levels=[-1.0, 0.1])
    monkeypatch.setattr(type(lines), "allsegs", property(lambda _: 1 / 0))

    write_values(axes, lines, str, np.empty((0, 2)), 5)

    assert ["0.1", "0.1"] == [each.get_text() for each in lines.labelTexts]
