"""Measurements are never lost and never twice."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from p2law.collect import ledger as ledgers
from p2law.collect.ledger import Ledger, settle, write_json
from p2law.errors import RunError


@pytest.fixture
def ledger(tmp_path):
    """A ledger with two lines."""
    made = Ledger(tmp_path / "records.jsonl")
    made.append({"tokens": 0, "loss": 3.5})
    made.append({"tokens": 128, "loss": 3.25})
    return made


def test_lines_come_back_as_they_were_written(ledger):
    """
    What is appended can be read, number by number.
    """
    assert [{"tokens": 0, "loss": 3.5}, {"tokens": 128, "loss": 3.25}] == ledger.lines()


def test_a_checkpoint_holds_what_was_there(ledger):
    """
    It vouches for the file as it was, in full.
    """
    content = ledger.path.read_text(encoding="utf-8")

    assert content == ledger.vouch()
    assert ledger.holds(content)
    assert not ledger.holds(content[:-1])


def test_going_back_drops_what_came_later(ledger):
    """
    Lines that no checkpoint vouches for go, the others stay byte by byte.
    """
    vouched, before = ledger.vouch(), ledger.path.read_bytes()
    ledger.append({"tokens": 256, "loss": 3.0})
    with ledger.path.open("ab") as file:
        file.write(b'{"tokens": 384, "lo')

    ledger.go_back(vouched)

    assert before == ledger.path.read_bytes()


def test_going_back_to_nothing_starts_over(ledger):
    """
    Without a checkpoint, nothing is vouched for.
    """
    ledger.go_back("")

    assert [] == ledger.lines()


@pytest.mark.parametrize("damage", ["changed", "cut", "zeros"])
def test_what_is_not_what_was_measured_is_set_aside_and_that_put_back(ledger, damage, caplog):
    """
    The damaged file is kept under another name, twice as well as once, and the user told.
    """
    vouched, before = ledger.vouch(), ledger.path.read_bytes()
    changes = {"changed": before.replace(b"3.5", b"9.5"), "cut": before[:-9], "zeros": bytes(90)}
    for name in ("records.jsonl.damaged", "records.jsonl.damaged-2"):
        ledger.path.write_bytes(changes[damage])

        ledger.go_back(vouched)

        assert before == ledger.path.read_bytes()
        assert changes[damage] == ledger.path.with_name(name).read_bytes()
        assert f"set aside as {name}, and the 2 lines that were measured are back" in caplog.text


def test_a_lost_ledger_is_put_back(ledger, caplog):
    """
    A checkpoint whose records are gone holds them.
    """
    vouched = ledger.vouch()
    ledger.path.unlink()

    ledger.go_back(vouched)

    assert vouched == ledger.path.read_text(encoding="utf-8")
    assert "it was gone, and the 2 lines that were measured are back" in caplog.text


def test_damaged_lines_are_not_vouched_for(ledger):
    """
    What is no measurement is named before a checkpoint holds it.
    """
    with ledger.path.open("ab") as file:
        file.write(b"?\n")

    with pytest.raises(RunError, match="line 3 is no measurement"):
        ledger.vouch()


def test_an_unfinished_last_line_is_not_there_yet(ledger):
    """
    A line counts once its end is on disk.
    """
    with ledger.path.open("ab") as file:
        file.write(b'{"tokens": 256')

    assert [0, 128] == [line["tokens"] for line in ledger.lines()]


def test_a_damaged_line_is_named(ledger):
    """
    A line that is no JSON object is refused with its number.
    """
    ledger.path.write_bytes(b'{"tokens": 0}\n?\n')

    with pytest.raises(
        RunError, match=r"line 2 is no measurement .* puts back what had been measured"
    ):
        ledger.lines()


def test_no_number_is_never_written_as_one(ledger):
    """
    NaN is not JSON; a missing loss stays missing.
    """
    before = ledger.path.read_bytes()

    with pytest.raises(ValueError, match="JSON compliant"):
        ledger.append({"tokens": 256, "loss": float("nan")})

    assert before == ledger.path.read_bytes()


def test_a_full_disk_is_told_with_the_cure(ledger, monkeypatch):
    """
    What cannot be written is an error that says what to do; nothing is overwritten.
    """
    before = ledger.path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(RunError, match=r"No space left.*mend that and give the same command again"):
        ledger.append({"tokens": 256, "loss": 3.0})

    assert ledger.path.read_bytes().startswith(before)


def test_half_a_line_on_a_disk_that_filled_up_is_cut_off(small_disk):
    """
    The part for which there was room counts for nothing, and the line is written once.
    """
    made = Ledger(small_disk / "records.jsonl")
    made.append({"tokens": 0, "loss": 3.5})
    vouched = made.vouch()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    line = {"tokens": 128, "text": "a" * 5000}

    with pytest.raises(RunError, match=r"No space left.*mend that and give the same command"):
        made.append(line)
    assert len(made.path.read_bytes()) > len(vouched)
    filler.unlink()
    made.go_back(vouched)
    made.append(line)

    assert [0, 128] == [each["tokens"] for each in made.lines()]


def test_a_small_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    """
    A failing write leaves the old content and no draft.
    """
    path = tmp_path / "done.json"
    write_json(path, {"tokens": 1})

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match=r"done.json: cannot write it .*No space left"):
        write_json(path, {"tokens": 2})

    assert {"tokens": 1} == json.loads(path.read_text())
    assert ["done.json"] == [each.name for each in tmp_path.iterdir()]


def test_no_number_leaves_no_draft(tmp_path):
    """
    NaN is not JSON; what cannot be written leaves nothing behind.
    """
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "base.json", {"loss": float("nan")})

    assert [] == list(tmp_path.iterdir())


def test_the_first_error_is_told_where_a_draft_cannot_be_removed_either(tmp_path, monkeypatch):
    """
    On a disk that became read-only both fail; the file is named as the user knows it.
    """

    def refuse(self, *_, **__):
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)

    with pytest.raises(RunError, match=r"done.json: cannot write it \(Read-only file system\)"):
        write_json(tmp_path / "done.json", {"tokens": 2})


def test_what_a_power_cut_left_of_a_line_is_cut_off_where_lines_do_not_count(tmp_path):
    """
    The next line begins at a line's beginning, and the ones before stay.
    """
    timing = Ledger(tmp_path / "timing.jsonl", strict=False)
    timing.append({"seconds": 1})
    with timing.path.open("ab") as file:
        file.write(b'{"seconds": 2')

    timing.append({"seconds": 3})

    assert [{"seconds": 1}, {"seconds": 3}] == timing.lines()


def test_damaged_lines_are_passed_over_with_a_warning_where_they_do_not_count(tmp_path, caplog):
    """
    Times are worth having, not worth failing for.
    """
    timing = Ledger(tmp_path / "timing.jsonl", strict=False)
    timing.path.write_bytes(b'{"seconds": 1}\n\0\0\0\n[]\n{"seconds": 4}\n')

    assert [{"seconds": 1}, {"seconds": 4}] == [each for each in timing.lines() if each]
    assert "timing.jsonl: line 2 is damaged and passed over" in caplog.text


def test_names_are_synced_too(tmp_path, monkeypatch):
    """
    Of a new ledger, and of a small file that was moved to its place, after what is in it.
    """
    synced = []
    monkeypatch.setattr(ledgers, "settle", synced.append)

    made = Ledger(tmp_path / "records.jsonl")
    made.append({"tokens": 0})
    made.append({"tokens": 128})
    write_json(tmp_path / "done.json", {"tokens": 1})

    first, draft, last = synced
    assert [tmp_path, tmp_path] == [first, last]
    assert (tmp_path, "done.json") == (draft.parent, draft.name[:9])


def test_a_file_system_that_syncs_no_folders_is_taken_as_it_is(tmp_path, monkeypatch):
    """
    Some over the network do not; other errors are told.
    """

    def failing(number):
        def fsync(_descriptor):
            raise OSError(number, "no")

        return fsync

    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    settle(tmp_path)
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="no"):
        settle(tmp_path)
