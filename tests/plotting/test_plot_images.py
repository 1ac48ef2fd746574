"""Pictures against reference images: what is seen is the product.

`pytest --rewrite-golden` writes them anew; look at every one before committing it.

Versions of matplotlib set text differently, and what stands around it moves. So each picture is
compared twice: without its texts, on panels that stand still, with any version; and whole, with
the version that made the references. Both tolerances are root mean squares of the differences
of levels from 0 to 255. Between 3.8.0, 3.10.0 and 3.11.2 pictures without texts differ by 1.4 at
most, maps by 4.7, for lines of equal loss have gaps where their numbers stand. The tip of a single
curve that is missing makes more (see the last test).
"""

from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

from matplotlib.figure import Figure  # noqa: E402
from matplotlib.layout_engine import PlaceHolderLayoutEngine  # noqa: E402
from matplotlib.testing.compare import compare_images  # noqa: E402
from matplotlib.text import Text  # noqa: E402

import p2law  # noqa: E402
from p2law import plotting  # noqa: E402

GOLDEN = Path(__file__).parents[1] / "golden" / "plots"

TOLERANCE = 2.0
OF_MAPS = 6.0

MADE_WITH = "3.11"
"""The version of matplotlib that made the whole pictures."""

PICTURES = {
    "curves": ("curves", "p2_fit", {"until": 1e10}),
    "curves_by_rate": ("curves", "p2_fit", {"by": "pruning_rate"}),
    "curves_one_run": ("curves", "one_run", {"until": 1e11}),
    "curves_sixty_runs": ("curves", "sixty_runs", {}),
    "curves_not_identified": ("curves", "two_sizes", {}),
    "curves_dense": ("curves", "dense_fit", {}),
    "curves_from_zero": ("curves", "from_zero", {}),
    "rates": ("rates", "p2_fit", {}),
    "rates_one_rate": ("rates", "one_rate", {}),
    "rates_scores": ("rates", "retention_fit", {}),
    "residuals": ("residuals", "p2_fit", {}),
    "residuals_sixty_runs": ("residuals", "sixty_runs", {}),
    "predicted": ("predicted", "p2_fit", {}),
    "predicted_held": ("predicted", "held_out", {}),
    "coefficients": ("coefficients", "p2_fit", {}),
    "coefficients_not_identified": ("coefficients", "two_sizes", {}),
    "gain": ("gain", "p2_fit", {}),
    "frontier": ("frontier", "some_frontier", {}),
    "contour": ("contour", "p2_fit", {}),
    "contour_dense": ("contour", "dense_fit", {}),
}

WHOLE = (
    "curves",
    "curves_not_identified",
    "curves_sixty_runs",
    "rates",
    "residuals",
    "predicted_held",
    "coefficients",
    "gain",
    "frontier",
    "contour",
)
"""Pictures that are compared with their texts as well: every function, and what is crowded."""


@pytest.fixture(scope="session")
def held_out(p2_records):
    """A fit without the largest model, and the rows of that."""
    split = p2law.holdout.largest_model(p2_records(noise=0.01, seed=1))
    return p2law.fit(split.kept), split.held


@pytest.fixture
def still():
    """A figure whose panels stay where they are, whatever stands around them."""
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        yield Figure(figsize=(6, 3.6), dpi=50, layout=PlaceHolderLayoutEngine(True, True))  # noqa: FBT003


def draw(name, figure, request):
    """Draw one of the pictures."""
    function, fixture, wishes = PICTURES[name]
    shown = request.getfixturevalue(fixture)
    several = shown if isinstance(shown, tuple) else (shown,)
    getattr(plotting, function)(*several, ax=figure, **wishes)


def without_texts(figure):
    """Take all texts away, and legends, whose size is that of their texts."""
    for legend in [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]:
        legend.remove()
    for text in figure.findobj(Text):
        text.set_visible(False)


def compared(figure, path, folder, request):
    """Compare a figure with its reference, or write that anew."""
    made = folder / path.name
    if request.config.getoption("--rewrite-golden"):
        path.parent.mkdir(exist_ok=True, parents=True)
        figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
    figure.savefig(made)
    return compare_images(path, made, OF_MAPS if "contour" in path.name else TOLERANCE)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_without_its_texts_is_the_agreed_one(name, still, tmp_path, request):
    """
    Curves, bands, points and panels, with any version of matplotlib.
    """
    draw(name, still, request)
    without_texts(still)

    assert compared(still, GOLDEN / "bare" / f"{name}.png", tmp_path, request) is None


@pytest.mark.skipif(
    not matplotlib.__version__.startswith(MADE_WITH),
    reason=f"texts are set as matplotlib {MADE_WITH} does",
)
@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_is_the_agreed_one(name, figure, tmp_path, request):
    """
    As a user sees it, small.
    """
    draw(name, figure, request)

    assert compared(figure, GOLDEN / f"{name}.png", tmp_path, request) is None


def test_a_curve_that_is_missing_is_noticed(p2_fit, still, tmp_path):
    """
    The tolerance is no free pass.
    """
    panels = plotting.curves(p2_fit, until=1e10, ax=still)
    next(each for each in panels[0].get_lines() if each.get_linestyle() == "--").remove()
    without_texts(still)
    still.savefig(tmp_path / "curves.png")

    said = compare_images(GOLDEN / "bare" / "curves.png", tmp_path / "curves.png", TOLERANCE)

    assert "did not match" in said
