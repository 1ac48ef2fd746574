"""Where files lie: names that cannot lead away, locks that a look does not take for long."""

import json
import sys
import threading

import pytest

pytest.importorskip("filelock")

from p2law.collect.place import Place, slug
from p2law.errors import RunError


@pytest.fixture
def place(tmp_path):
    """The folder of a run."""
    made = Place(tmp_path, "small-dense-s0-0123456789")
    made.folder.mkdir(parents=True)
    return made


@pytest.mark.parametrize("name", ["held-out", "Llama-3.2-1B", "a_b.c", "..", "x" * 100])
def test_a_plain_name_is_its_own_path(name):
    """
    Folders of before are found again.
    """
    assert name == slug(name)


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc", "held out", "Käse", "a\0b", "日本"])
def test_any_other_name_stays_in_its_folder(name, tmp_path):
    """
    No separator, nothing that a file system could trip over.
    """
    path = tmp_path / slug(name)

    assert path.parent == tmp_path
    assert path.resolve().parent == tmp_path.resolve()
    assert slug(name).isascii()


def test_names_that_lose_something_stay_apart():
    """
    What differs only in what a path cannot hold lies in different places.
    """
    names = ["a b", "a-b", "a/b", "a  b", "ä", "ö"]

    assert len(names) == len({slug(each) for each in names})


def test_looking_whether_a_run_is_busy_never_keeps_a_worker_out(place):
    """
    While somebody looks all the time, a lock can be had at once, every time.
    """
    looking = threading.Event()

    def look():
        while not looking.is_set():
            place.busy()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        for _ in range(100):
            with place.lock():
                pass
    finally:
        looking.set()
        for each in threads:
            each.join()


def test_two_who_look_do_not_take_each_other_for_work(place):
    """
    A run that nobody is at is not busy, however many look at once.
    """
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(place.busy() for _ in range(300)))
        for _ in range(2)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert [False] * 600 == found
    with place.lock():
        assert place.busy()


def test_a_lock_is_seen_where_filelock_is_missing(place, monkeypatch):
    """
    Whoever only looks needs no extra, and still tells work from none.
    """
    pytest.importorskip("fcntl")
    lock = place.lock()
    monkeypatch.setitem(sys.modules, "filelock", None)

    assert not place.busy()
    with lock:
        assert place.busy()
    assert not place.busy()


@pytest.mark.parametrize("ended", [False, True])
def test_what_a_killed_run_left_is_cleared_away(place, ended):
    """
    Drafts always; checkpoints and the start once the run has ended; what was set aside stays.
    """
    kept = ["records.jsonl", "lock", "model/config.json"]
    kept += ["checkpoints/step-2.unreadable/a"]
    needed = ["start/config.json", "checkpoints/step-1/a"]
    drafts = ["run.json.1.2.part", "model.partial/config.json", "checkpoints/step-3.part/a"]
    for name in [*kept, *needed, *drafts]:
        (place.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (place.folder / name).touch()
    if ended:
        (place.folder / "done.json").write_text('{"tokens": 1, "trouble": ""}')

    place.tidy()

    for name in kept:
        assert (place.folder / name).exists()
    for name in drafts:
        assert not (place.folder / name).exists()
    assert [not ended] * 2 == [(place.folder / name).exists() for name in needed]


def test_nothing_is_left_of_checkpoints_that_nobody_needs(place):
    """
    Their folder goes with them once the run has ended.
    """
    (place.folder / "checkpoints" / "step-1").mkdir(parents=True)
    (place.folder / "done.json").write_text('{"tokens": 1, "trouble": ""}')

    place.tidy()

    assert not (place.folder / "checkpoints").exists()


def test_measurements_of_a_run_that_has_ended_are_those_that_it_ended_with(place):
    """
    Half a last line, which a run at work would overwrite, is not passed over; it can be put back.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    place.ledger.append({"tokens": 0, "loss": 3.5}, {"tokens": 16, "loss": 3.25})
    content = place.ledger.vouch()
    done = {"tokens": 16, "trouble": "", "records": content}
    (place.folder / "done.json").write_text(json.dumps(done))
    assert [0, 16] == [each["tokens"] for each in place.measured()]

    place.ledger.path.write_text(content[:-5])

    with pytest.raises(RunError, match=r"records.jsonl is no longer what the run ended with; give"):
        place.measured()
    place.restore()
    assert place.intact
    assert content == place.ledger.path.read_text()
    assert content[:-5] == (place.folder / "records.jsonl.damaged").read_text()
