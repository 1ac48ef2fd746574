"""How the runs of a sweep stand, as a table and as text."""

import json

import folders
import pytest

from p2law import collect
from p2law.collect import standing
from p2law.errors import RunError

TEXT = """\
1 done, 1 diverged, 1 failed, 1 interrupted, 1 waiting; 0% of 10,000,000 tokens

run   state        tokens         of    loss
good  done          1,024  2,000,000  1.7500
nan   diverged      1,024  2,000,000  2.5000
full  failed            0  2,000,000  2.0000
half  interrupted   1,024  2,000,000  1.8750
none  waiting           0  2,000,000

! nan diverged: the training loss became nan
! full failed: cannot write a checkpoint: No space left on device

1 more of earlier sweep files; p2law collect gather --earlier"""


def test_the_text_is_the_agreed_one(tmp_path):
    """
    Words to the left, numbers to the right, whole reasons below.
    """
    assert TEXT == standing.report(folders.sweep(tmp_path))


def test_only_runs_that_the_sweep_file_names_are_counted(tmp_path):
    """
    What an earlier state of the file asked for does not keep a sweep from being complete.
    """
    table = collect.status(folders.sweep(tmp_path))

    assert ["good", "nan", "full", "half", "none"] == table["run"].tolist()
    assert {"old": 2048} == standing.planned(tmp_path).earlier


def test_a_folder_of_an_older_version_is_read(tmp_path):
    """
    It did not tell earlier runs apart, so all are shown.
    """
    out = folders.sweep(tmp_path)
    content = json.loads((out / "sweep.json").read_text())
    del content["latest"]
    (out / "sweep.json").write_text(json.dumps(content))

    assert 6 == len(collect.status(out))


def test_a_running_run_has_no_reason_of_its_last_failure(tmp_path):
    """
    Somebody is trying again.
    """
    out = folders.sweep(tmp_path)

    with standing.Place(out, "full").lock():
        table = collect.status(out).set_index("run")

    assert ["running", ""] == table.loc["full", ["state", "reason"]].tolist()


def test_a_folder_that_is_none_is_told_from_an_empty_one(tmp_path):
    """
    A slip in the path is not a sweep that has not begun.
    """
    with pytest.raises(RunError, match="nowhere is no folder; p2law collect run SWEEP --out"):
        collect.status(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"holds no sweep; p2law collect run SWEEP --out .* begins"):
        standing.report(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    """
    Also where only the lock cannot be made.
    """
    (tmp_path / "sweep.json.lock").mkdir()
    (tmp_path / "file").write_text("")

    for out in (tmp_path, tmp_path / "file"):
        with pytest.raises(RunError, match=r"cannot write to the folder .*; name another, or"):
            standing.remember(out, "study", {})
