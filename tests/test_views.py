"""One view, two looks: nothing is lost, nothing can be smuggled in."""

from p2law.views import View


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
