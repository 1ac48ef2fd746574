"""Long work shows a bar in a terminal, and nothing anywhere else."""

import io
import logging
import sys

import pytest

import p2law
from p2law import forms, progress


class Terminal(io.StringIO):
    """Text that takes itself for a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def bar(monkeypatch):
    """The bar of tqdm, shown from the first moment on."""
    pytest.importorskip("tqdm", reason="the extra 'progress' is not installed")
    monkeypatch.setattr(progress, "PATIENCE", 0)


@pytest.mark.usefixtures("bar")
def test_a_terminal_sees_how_far_long_work_is(monkeypatch):
    """
    What is done, and how much of it.
    """
    monkeypatch.setattr(sys, "stderr", Terminal())

    assert list(progress.steps(range(5), "counting")) == [0, 1, 2, 3, 4]
    assert "counting" in sys.stderr.getvalue()
    assert "0/5" in sys.stderr.getvalue()


@pytest.mark.usefixtures("bar")
def test_what_is_no_terminal_sees_nothing(capsys):
    """
    A file or a notebook stays as it is.
    """
    assert list(progress.steps([1, 2, 3], "counting")) == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_work_goes_on_without_the_bar(monkeypatch):
    """
    tqdm is no part of the core.
    """
    monkeypatch.setitem(sys.modules, "tqdm", None)

    assert list(progress.steps([1, 2, 3], "counting")) == [1, 2, 3]


def test_a_fit_is_logged_and_nothing_is_printed(dense_records, caplog, capsys):
    """
    One line under `p2law`: the law, the rows, the status, the objective.
    """
    with caplog.at_level(logging.INFO, logger="p2law"):
        p2law.fit(dense_records, forms.chinchilla)

    assert "chinchilla fitted to 24 rows: converged, objective" in caplog.text
    assert capsys.readouterr() == ("", "")
