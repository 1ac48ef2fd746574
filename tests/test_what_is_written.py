"""Labels that look like markup, formulas or several lines, in all that the library writes."""

import json

import pytest

import p2law
from p2law import forms, holdout

LABELS = (
    '<script>alert("x")</script>',
    "=cmd|' /C calc'!A0",
    '@SUM(1+1)*"x"',
    "two\nlines, and a comma",
    "-2+3",
    "'; DROP TABLE runs; --",
    "&amp; <b>",
)


@pytest.fixture(scope="module")
def fit(p2_records):
    """The P² law over runs with such names."""
    records = p2_records(noise=0.004, seed=2)
    names = dict(zip(records["run"].unique(), LABELS, strict=False))
    return p2law.fit(records.replace({"run": names}), forms.p2)


def test_such_labels_come_back_from_a_saved_fit(fit):
    """
    As they were, through JSON that any reader takes.
    """
    text = fit.to_json()
    again = p2law.Fit.from_json(json.dumps(json.loads(text)))

    assert set(LABELS) <= set(again.records["run"])
    assert again.to_json() == text


def test_such_labels_come_back_from_a_file_of_records(fit, tmp_path):
    """
    Quoted where the file needs it: no column, no row more or less.
    """
    path = tmp_path / "records.csv"
    fit.records.to_csv(path, index=False)

    again = p2law.load(path)

    assert list(again["run"]) == list(fit.records["run"])
    assert list(again["loss"]) == list(fit.records["loss"])


def test_a_label_that_is_missing_is_missing_in_a_saved_fit_too(fit):
    """
    Also in one that was written by hand, and again in what is saved of that.
    """
    content = json.loads(fit.to_json())
    rows = len(content["records"]["loss"])
    content["records"]["eval_text"] = [None, *["novels"] * (rows - 1)]

    again = json.loads(p2law.Fit.from_json(json.dumps(content)).to_json())

    assert again["records"]["eval_text"] == content["records"]["eval_text"]


def test_a_notebook_shows_such_labels_as_text(fit):
    """
    The fit, its ranking beside another law, and its trouble hold no markup from outside.
    """
    compared = p2law.compare(
        fit.records, [forms.p2, forms.p2_no_delta], holdout.last_tokens(fit.records)
    )
    pages = [fit._repr_html_(), compared._repr_html_()]

    for page in pages:
        assert "<script" not in page
        assert "<b>&" not in page


def test_labels_of_a_picture_are_written_as_text(p2_records, tmp_path):
    """
    No formula of matplotlib, whole or broken, and no markup in an SVG.
    """
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    from p2law import plotting

    names = ("$x_1$ <script>alert(1)</script>", "$\\broken{$", "a\nb $")
    records = p2_records((1e9, 3e9, 8e9), (0.2, 0.3, 0.5), noise=0.003)
    some = dict(zip(records["run"].unique(), names, strict=False))
    fit = p2law.fit(records.replace({"run": some}), forms.p2)

    path = tmp_path / "residuals.svg"
    plotting.residuals(fit)[0].figure.savefig(path)

    assert "<script" not in path.read_text(encoding="utf-8")
