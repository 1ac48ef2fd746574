"""Trackers hear of a run; one that is missing loses nothing."""

import sys
from typing import ClassVar

import pytest
import studies

pytest.importorskip("torch")
pytest.importorskip("transformers")

from p2law import collect
from p2law.collect import tracking
from p2law.errors import MissingExtraError, RunError


class Notebook:
    """A tracker that remembers."""

    heard: ClassVar = []

    def __init__(self, folder):
        self.folder = folder

    def start(self, name, settings):
        """Remember what begins."""
        self.heard.append(("start", name, settings["sequence"]))

    def log(self, record):
        """Remember a measurement."""
        self.heard.append(("log", record["tokens"], record["eval_text"]))

    def finish(self):
        """Remember the end."""
        self.heard.append(("finish",))


def test_a_tracker_of_ones_own_hears_everything(tmp_path):
    """
    Start, every line of the record file, finish.
    """
    path = studies.write(tmp_path)
    Notebook.heard.clear()

    collect.run(path, tmp_path / "out", only=[0], tracker=f"{__name__}:Notebook")

    run = studies.runs(path)[0]
    assert ("start", run.id, 16) == Notebook.heard[0]
    assert ("finish",) == Notebook.heard[-1]
    lines = studies.records(tmp_path / "out", run).splitlines()
    assert len(lines) == len(Notebook.heard) - 2
    assert ("log", 0, "held-out") == Notebook.heard[1]


def test_tensorboard_without_its_package_says_so(tmp_path, monkeypatch):
    """
    The optional package is named.
    """
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(MissingExtraError, match=r"--tracker tensorboard needs .* 'tensorboard'"):
        tracking.find("tensorboard", tmp_path).start("run", {})


@pytest.mark.parametrize("name", ["no_such_module:Tracker", "sys:no_such_name", "wandb"])
def test_a_tracker_that_is_none_is_refused(tmp_path, name):
    """
    What stands there, and what may.
    """
    with pytest.raises(RunError, match="write 'tensorboard' or module:attribute"):
        tracking.find(name, tmp_path)


def test_silence_is_allowed(tmp_path):
    """
    Without a tracker and a terminal nothing is heard and nothing fails.
    """
    assert tracking.find("", tmp_path) is None
    voice = tracking.silent()
    voice.start("run", {})
    voice.step(1, 2.0)
    voice.log({})
    voice.finish()


def test_the_bar_is_silent_where_nobody_looks(capsys, tmp_path):
    """
    Under a test stderr is no terminal.
    """
    voice = tracking.voice("run", 100, 0, "", tmp_path)
    voice.step(50, 2.0)
    voice.finish()

    assert ("", "") == capsys.readouterr()
