"""Pictures against reference images: what is seen is the product.

`pytest --rewrite-golden` writes them anew; look at every one before committing it. The
tolerance is the root mean square of the differences of grey levels, 0 to 255. Versions of
matplotlib set text differently by a pixel, which at this size makes up to 9; a curve that
is missing, dashed where it was solid, or of another colour makes more than 15 in the
picture that shows it largest, and 5 in that of sixty runs, whose own tolerance is smaller.
"""

from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")

from matplotlib.testing.compare import compare_images  # noqa: E402

import p2law  # noqa: E402
from p2law import plotting  # noqa: E402

GOLDEN = Path(__file__).parents[1] / "golden" / "plots"

TOLERANCE = 12.0

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
    "coefficients": ("coefficients", "p2_fit", {}),
    "coefficients_not_identified": ("coefficients", "two_sizes", {}),
    "gain": ("gain", "p2_fit", {}),
    "frontier": ("frontier", "some_frontier", {}),
    "contour": ("contour", "p2_fit", {}),
    "contour_dense": ("contour", "dense_fit", {}),
}


def compared(figure, name, folder, request):
    """Compare a figure with its reference, or write that anew."""
    path, made = GOLDEN / f"{name}.png", folder / f"{name}.png"
    if request.config.getoption("--rewrite-golden"):
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, metadata={"Software": None})
    figure.savefig(made)
    assert compare_images(path, made, TOLERANCE) is None


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_agreed(name, figure, tmp_path, request):
    """
    Reference images, drawn small.
    """
    function, fixture, wishes = PICTURES[name]

    getattr(plotting, function)(request.getfixturevalue(fixture), ax=figure, **wishes)

    compared(figure, name, tmp_path, request)


def test_held_out_rows_look_as_agreed(p2_records, figure, tmp_path, request):
    """
    Predicted against measured, the largest model held out.
    """
    split = p2law.holdout.largest_model(p2_records(noise=0.01, seed=1))

    plotting.predicted(p2law.fit(split.kept), split.held, ax=figure)

    compared(figure, "predicted_held", tmp_path, request)


def test_pictures_on_given_axes_look_as_agreed(two_sizes, figure, tmp_path, request):
    """
    Two pictures in a figure of somebody else, notes and all.
    """
    left, right = figure.subplots(1, 2)
    figure.set_layout_engine("constrained")

    plotting.curves(two_sizes, by="all", ax=left)
    plotting.contour(two_sizes, ax=right)

    compared(figure, "given_axes", tmp_path, request)


def test_another_picture_is_noticed(p2_fit, figure, tmp_path):
    """
    The tolerance is no free pass: without its extrapolation the picture is another.
    """
    plotting.curves(p2_fit, ax=figure)
    figure.savefig(tmp_path / "curves.png")

    said = compare_images(GOLDEN / "curves.png", tmp_path / "curves.png", TOLERANCE)

    assert "Image files did not match" in said
