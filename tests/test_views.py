"""One view, two looks: nothing is lost, nothing can be smuggled in."""

import pytest

from p2law.views import View, together


def test_html_escapes_what_comes_from_outside():
    """
    A run named like a script is shown, not run.
    """
    evil = "<script>alert(1)</script>"

    page = View(evil, evil, [evil], ("", evil), [(evil, evil)], [(evil, evil)]).html()

    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 8


def test_text_leaves_out_what_is_empty():
    """
    No table and no warnings leave no blank blocks.
    """
    assert "title\n\nnote  all is well" == View("title", facts=[("note", "all is well")]).text()


def test_columns_of_numbers_are_aligned_right():
    """
    Names to the left, numbers to the right.
    """
    text = View("t", header=("", "x"), rows=[("a", "1"), ("bb", "200")]).text()

    assert "a     1\nbb  200" in text


def test_a_notebook_shows_warnings_in_its_own_colour():
    """
    A colour of text that is right on white would be dim on a dark theme.
    """
    page = View("t", warnings=["look out"]).html()

    assert "<b>!</b> look out" in page
    assert "border-left" in page
    assert ";color:" not in page
    assert '"color:' not in page


def test_a_notebook_shows_numbers_to_the_right_in_a_table_that_scrolls():
    """
    Names stay to the left; what is wider than a narrow window does not overflow it.
    """
    page = View("t", header=("", "x"), rows=[("a", "1"), ("bb", "200")]).html()

    assert '<td style="text-align:left">bb</td><td style="text-align:right">200</td>' in page
    assert '<th style="text-align:right">x</th>' in page
    assert '<div style="overflow-x:auto"><table>' in page


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ((1.38052, 1.37219, 1.38844), ("1.381", "1.372", "1.388")),
        ((762.2, 299.1, 1620.4), ("760", "300", "1620")),
        ((-113.4, -191.2, -0.5961), ("-110", "-190", "-0.6")),
        ((-1.339, -72.5, -0.599), ("-1.3", "-72.5", "-0.6")),
        ((2.0, 2.0, 2.0), ("2", "2", "2")),
        ((5.56e5, 37.8, 3.1e14), ("5.56e5", "37.8", "3.1e14")),
        ((3.21e-4, 3.1e-4, 3.35e-4), ("0.000321", "0.00031", "0.000335")),
        ((0.5, float("nan"), float("nan")), ("0.5", "nan", "nan")),
    ],
)
def test_numbers_have_as_many_digits_as_are_known(given, shown):
    """
    Two digits of how far the nearer end of the interval lies off, and no end that is 0 by that.
    """
    assert shown == together(*given)
