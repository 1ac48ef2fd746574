"""One table of all measurements, with an account of what is missing, replacing nothing else."""

import dataclasses
import json
import platform
import sys
from pathlib import Path

import folders
import pytest

import p2law
from p2law import collect
from p2law.errors import MissingExtraError, RunError


@pytest.fixture
def out(tmp_path):
    """A sweep with a run in every state but running."""
    return folders.sweep(tmp_path / "out")


@pytest.fixture
def found(out):
    """What is gathered of it."""
    return collect.gather(out)


# -- what is in the table ------------------------------------------------------------


def test_every_run_that_lacks_something_is_listed(found):
    """
    With its state and the reason; of one that diverged the losses before that stay.
    """
    assert [
        ("full", "failed", "cannot write a checkpoint: No space left on device"),
        ("half", "interrupted", "1,024 tokens so far"),
        (
            "nan",
            "diverged",
            "the training loss became nan at 1,024 tokens; losses before that are in the table",
        ),
        ("none", "waiting", "not begun"),
        ("old", "not in the sweep", "the sweep file does not name it"),
    ] == [(each.run, each.state, each.reason) for each in found.left_out]
    assert {"good": 2, "nan": 1} == found.records["run"].value_counts().to_dict()


def test_unfinished_and_earlier_runs_come_when_they_are_asked_for(out):
    """
    What has measured nothing is listed all the same.
    """
    found = collect.gather(out, unfinished=True, earlier=True)

    assert {"good", "nan", "full", "half", "old"} == set(found.records["run"])
    assert ["nan", "none"] == [each.run for each in found.left_out]


def test_runs_without_a_sweep_are_gathered(out):
    """
    A folder of runs that was copied from elsewhere.
    """
    (out / "sweep.json").unlink()

    found = collect.gather(out)

    assert {"good", "nan", "old"} == set(found.records["run"])


def test_a_sweep_that_measured_nothing_yet_is_refused_with_counts(tmp_path):
    """
    Each state with its number of runs.
    """
    folders.remember(tmp_path, "study", {"a": 1, "b": 1})
    folders.lay(tmp_path, "b", 2.0)

    with pytest.raises(RunError, match=r"no run has measured a loss yet \(1 interrupted, 1 wait"):
        collect.gather(tmp_path)


def test_a_folder_that_is_none_is_told(tmp_path):
    """
    A slip in the path.
    """
    with pytest.raises(RunError, match="nowhere is no folder; p2law collect run SWEEP --out"):
        collect.gather(tmp_path / "nowhere")


# -- what is written -----------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_all_kinds_of_tables_are_read_back_to_the_last_digit(found, tmp_path, ending):
    """
    As p2law.load takes them.
    """
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")
    found.records.loc[0, "loss"] = 0.1 + 0.2

    found.save(tmp_path / f"losses.{ending}")

    table = p2law.load(tmp_path / f"losses.{ending}", accept=("params", "tokens"))
    assert found.records["loss"].tolist() == table["loss"].tolist()
    assert set(found.records) == set(table)


def test_a_table_gathered_earlier_is_replaced(out, tmp_path):
    """
    As often as one likes, and nothing but tables is left.
    """
    for unfinished in (False, True):
        collect.gather(out, unfinished=unfinished).save(tmp_path / "losses.csv")

    assert 7 == (tmp_path / "losses.csv").read_text().count("\n")
    assert {"losses.csv", "losses.provenance.json", "out"} == {e.name for e in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("pruned", "dense", "left"), [(True, False, "losses.csv"), (False, True, "losses_dense.csv")]
)
def test_a_table_that_has_no_rows_now_is_not_left_beside_the_new_one(
    found, tmp_path, pruned, dense, left
):
    """
    Its rows would be taken for those of the runs that the provenance names.
    """
    path, no_rows = tmp_path / "losses.csv", found.records.iloc[:0]
    both = dataclasses.replace(found, dense=found.records)
    one = dataclasses.replace(
        both,
        records=found.records if pruned else no_rows,
        dense=found.records if dense else no_rows,
    )
    both.save(path)

    wrote = one.save(path)

    names = {left, "losses.provenance.json"}
    assert names == {each.name for each in wrote}
    assert names | {"out"} == {each.name for each in tmp_path.iterdir()}
    assert {left} == set(json.loads((tmp_path / "losses.provenance.json").read_text())["files"])


def test_a_table_without_rows_that_was_changed_by_hand_is_left(found, tmp_path):
    """
    Somebody's work is in it; it is no longer called gathered.
    """
    path, beside = tmp_path / "losses.csv", tmp_path / "losses_dense.csv"
    dataclasses.replace(found, dense=found.records).save(path)
    beside.write_text("by hand\n")

    found.save(path)

    assert "by hand\n" == beside.read_text()
    sources = json.loads((tmp_path / "losses.provenance.json").read_text())
    assert {"losses.csv"} == set(sources["files"])


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_that_cannot_be_written_is_named(found, tmp_path, monkeypatch, ending):
    """
    On a disk that became read-only its draft cannot be removed either; the first error is told.
    """

    def refuse(self, *_, **__):
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(type(found.records), "to_csv", lambda *_, **__: refuse(tmp_path))
    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)

    with pytest.raises(
        RunError, match=rf"losses.{ending}: cannot write it \(Read-only file system\)"
    ):
        found.save(tmp_path / f"losses.{ending}")


@pytest.mark.parametrize("name", ["losses.csv", "losses_dense.csv", "losses.provenance.json"])
def test_what_was_not_gathered_is_never_replaced(out, tmp_path, name):
    """
    Of three files that would be written the first that is in the way is named.
    """
    folders.lay(out, "good-dense", 2.0, ending="", method=None, pruning_rate=None)
    folders.remember(out, "study", {"good": 1, "good-dense": 1})
    (tmp_path / name).write_text('{"mine": 1}')

    with pytest.raises(RunError, match=rf"{name} is there already and is not, or no longer"):
        collect.gather(out).save(tmp_path / "losses.csv")

    assert '{"mine": 1}' == (tmp_path / name).read_text()
    assert {name, "out"} == {each.name for each in tmp_path.iterdir()}


def test_a_table_that_was_changed_by_hand_is_kept(found, tmp_path):
    """
    Somebody's work is in it.
    """
    path = tmp_path / "losses.csv"
    found.save(path)
    path.write_text(path.read_text() + "by hand\n")

    with pytest.raises(RunError, match="move it away or name another file"):
        found.save(path)

    assert path.read_text().endswith("by hand\n")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sweep.toml", r"a table is written as \.csv or \.jsonl or \.parquet"),
        ("losses", r"name such a file"),
        ("no/losses.csv", "there is no folder .*no; make it first"),
        ("out/runs.csv", "is there already"),
    ],
)
def test_names_that_are_no_tables_are_refused(found, out, tmp_path, name, words):
    """
    Another ending, a folder that is not there, a folder in the way.
    """
    (out / "runs.csv").mkdir()

    with pytest.raises(RunError, match=words):
        found.save(tmp_path / name)


def test_a_table_that_cannot_be_written_leaves_nothing(found, tmp_path, monkeypatch):
    """
    No half of it, and the old one stays.
    """

    def full(_, draft, **__):
        draft.write_text("run,")
        raise OSError(28, "No space left on device")

    found.save(tmp_path / "losses.csv")
    before = {each: each.read_text() for each in tmp_path.iterdir() if each.is_file()}
    monkeypatch.setattr(type(found.records), "to_csv", full)

    with pytest.raises(RunError, match=r"losses\.csv: cannot write it \(No space left on device\)"):
        found.save(tmp_path / "losses.csv")

    assert before == {each: each.read_text() for each in tmp_path.iterdir() if each.is_file()}


def test_a_system_that_cannot_sync_folders_is_told_at_once(found, tmp_path, monkeypatch):
    """
    Nothing is written that could not be vouched for.
    """
    monkeypatch.setattr(platform, "system", lambda: "Windows")

    with pytest.raises(RunError, match=r"needs a POSIX system, such as Linux or macOS.* use WSL"):
        found.save(tmp_path / "losses.csv")

    assert ["out"] == [each.name for each in tmp_path.iterdir()]


def test_without_pyarrow_the_extra_is_named(found, tmp_path, monkeypatch):
    """
    For a Parquet file alone.
    """
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'p2law\[parquet\]'"):
        found.save(tmp_path / "losses.parquet")


def test_what_is_missing_stands_in_the_provenance(found, tmp_path):
    """
    Beside the versions and checksums.
    """
    *_, sources = found.save(tmp_path / "losses.csv")

    content = json.loads(sources.read_text())
    assert "waiting: not begun" == content["left_out"]["none"]
    assert {"losses.csv"} == set(content["files"])
