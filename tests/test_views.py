"""One view, two looks: nothing is lost, nothing can be smuggled in."""

import math

import pytest

from p2law.text.views import View, alike, figures, give_or_take, together


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


def test_digits_of_an_estimate_are_those_that_its_interval_leaves():
    """
    The wider the interval, the fewer; an interval without end counts by its near side.
    """
    told = [figures(6.0853e5, 6.0853e5 - off, 6.0853e5 + off) for off in (3e5, 3e4, 3e3, 3)]

    assert [2, 3, 4, 6] == told
    assert 3 == figures(6.0853e5, 5.8e5, math.inf)
    assert 4 == figures(1e8, 1e8, 1e8) == figures(1e8, math.nan, math.nan)
    assert 4 == figures(math.inf, 1e8, math.inf)


def test_values_beside_an_estimate_end_where_it_ends():
    """
    What has no interval of its own is written as what it stands beside; five digits without any.
    """
    assert ["1.381", "1.400", "1.401"] == alike([1.38052, 1.4, 1.40123], 1.38052, 1.37219, 1.38844)
    assert ["1.3805", "1.4"] == alike([1.38052, 1.4], 1.38052, math.nan, math.nan)


def test_a_value_has_as_many_digits_as_its_deviation_tells():
    """
    Two digits of the deviation, and as many places of the value.
    """
    assert ("0.0123", "0.0046") == give_or_take(0.012345, 0.00456)
    assert ("0.01", "0") == give_or_take(0.01, 0.0)
