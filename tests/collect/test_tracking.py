"""Trackers hear of a run; one that is missing loses nothing."""

import logging
import sys
from typing import ClassVar

import folders
import pytest
import studies

pytest.importorskip("torch")
pytest.importorskip("transformers")

from p2law import collect
from p2law.cli import main
from p2law.collect import documents, tracking
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


@pytest.mark.parametrize("words", [(), ("--workers", "2"), ("--submit", "local")])
def test_a_tracker_that_is_none_is_refused_before_anything_runs(tmp_path, capsys, words):
    """
    Once, not in every run, worker or job.
    """
    command = ["collect", "run", studies.write(tmp_path), "--out", tmp_path / "out", *words]

    assert 2 == main([*map(str, command), "--tracker", "nowhere:Tracker"])

    assert "--tracker 'nowhere:Tracker': " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_text_that_nothing_can_read_is_refused_before_anything_runs(tmp_path, monkeypatch):
    """
    The package is named once; a study with nothing left to do does not need it.
    """
    path = studies.write(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").rename(tmp_path / f"{name}.parquet")
    path.write_text(path.read_text().replace('"one.txt"', '"one.parquet"'))
    path.write_text(path.read_text().replace('"two.txt"', '"two.parquet"'))
    monkeypatch.setattr(documents.importlib.util, "find_spec", lambda _: None)

    with pytest.raises(MissingExtraError, match=r"reading one.parquet needs .*'datasets'"):
        collect.run(path, tmp_path / "out", only=[0])

    assert not (tmp_path / "out").exists()
    run = studies.runs(path)[0]
    folders.lay(tmp_path / "out", run.id, ending="")
    assert (run.id,) == collect.run(path, tmp_path / "out", only=[0]).done


def test_tensorboard_without_its_package_says_so(tmp_path, monkeypatch):
    """
    The optional package is named.
    """
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(RunError, match=r"--tracker tensorboard needs .*: pip install tensorboard"):
        collect.run(studies.write(tmp_path), tmp_path / "out", tracker="tensorboard")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["no_such_module:Tracker", "sys:no_such_name", "wandb"])
def test_a_tracker_that_is_none_is_refused(name):
    """
    What stands there, and what may.
    """
    with pytest.raises(RunError, match="write 'tensorboard' or module:attribute"):
        tracking.find(name)


def test_silence_is_allowed():
    """
    Without a tracker and a terminal nothing is heard and nothing fails.
    """
    assert tracking.find("") is None
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


class Broken:
    """A tracker that fails where it is told to."""

    where = "log"
    heard: ClassVar = []

    def __init__(self, _folder):
        self.hear("make")

    def hear(self, what):
        """Remember what was called, and fail at the right place."""
        self.heard.append(what)
        if what == self.where:
            raise KeyError("the network is away")

    def start(self, _name, _settings):
        """Begin."""
        self.hear("start")

    def log(self, _record):
        """Take a line."""
        self.hear("log")

    def finish(self):
        """End."""
        self.hear("finish")


@pytest.mark.parametrize("where", ["make", "start", "log", "finish"])
def test_a_tracker_that_fails_is_dropped_with_one_warning(tmp_path, caplog, monkeypatch, where):
    """
    Its error is told once, it hears no more, and the run goes on.
    """
    monkeypatch.setattr(Broken, "where", where)
    monkeypatch.setattr(Broken, "heard", [])
    voice = tracking.voice("run", 100, 0, f"{__name__}:Broken", tmp_path)

    voice.start("run", {})
    voice.log({"tokens": 1})
    voice.log({"tokens": 2})
    voice.finish()

    assert 1 == Broken.heard.count(where)
    assert where == Broken.heard[-1]
    (warning,) = (each for each in caplog.records if each.levelno == logging.WARNING)
    assert "the tracker failed and hears no more: KeyError: 'the network is away'" in str(
        warning.getMessage()
    )


def test_what_is_said_of_a_run_carries_its_name():
    """
    Every line, while the run is at work and no longer.
    """
    said = logging.LogRecord("p2law.collect", logging.INFO, "", 0, "one\ntwo %d", (2,), None)

    with tracking.telling_of("small-dense"):
        labelled = tracking.Labelled().format(said)

    assert "small-dense: one\nsmall-dense: two 2" == labelled
    assert "one\ntwo 2" == tracking.Labelled().format(said)
