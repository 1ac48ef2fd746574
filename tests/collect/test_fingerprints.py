"""A study is of one set of weights, and notices when others lie in their place."""

import hashlib
import json
import os

import pytest

pytest.importorskip("filelock")

from p2law.collect import fingerprints
from p2law.collect.fingerprints import checksums, commit, same
from p2law.errors import RunError


@pytest.fixture
def folder(tmp_path):
    """A model's folder, as far as its files go."""
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "README.md").write_text("words")
    return made


@pytest.fixture
def note(tmp_path):
    """Where the study notes what it began with."""
    return tmp_path / "bases" / "small.model.json"


def change(path, content):
    """Other content of the same size, at another time."""
    path.write_bytes(content)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def test_what_the_study_began_with_is_noted(folder, note):
    """
    Checksums of the configuration and of the weights, one of them all, and what was told.
    """
    found = same(folder, note, source="models/small")

    assert json.loads(note.read_text()) == found
    assert {
        "config.json": hashlib.sha256(b"{}").hexdigest(),
        "model.safetensors": hashlib.sha256(b"weights").hexdigest(),
    } == found["files"]
    assert ("models/small", "", 64) == (found["source"], found["commit"], len(found["sha256"]))


def test_the_same_weights_anywhere_are_the_same(folder, note, tmp_path):
    """
    A folder that was moved, or touched, is still the model.
    """
    first = same(folder, note)
    (folder / "README.md").write_text("other words")
    os.utime(folder / "model.safetensors", ns=(1, 1))

    assert first == same(folder.rename(tmp_path / "elsewhere"), note)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "more.safetensors"])
def test_other_weights_under_the_same_path_are_refused(folder, note, name):
    """
    The folder, both fingerprints, the files and the cure are in the message; the note stays.
    """
    first = same(folder, note)
    change(folder / name, b"WEIGHTS")

    words = rf"model is not the model that this study began with: .* {first['sha256'][:16]} "
    with pytest.raises(RunError, match=words + rf"\({name} differ\); put the model back") as error:
        same(folder, note)

    (folder / "new").mkdir()
    assert same(folder, note.with_name("another.json"))["sha256"][:16] in str(error.value)
    assert json.loads(note.read_text()) == first


def test_files_that_are_known_are_not_read_again(folder, tmp_path, monkeypatch):
    """
    Seventy billion weights are hashed once a study, not once a run.
    """
    read = []

    def digest(file, _kind):
        read.append(file.name)
        return hashlib.sha256(file.read())

    monkeypatch.setattr(fingerprints.hashlib, "file_digest", digest)
    cache = tmp_path / "checksums.json"

    first = checksums(folder, cache)
    assert first == checksums(folder, cache)
    assert 2 == len(read)

    change(folder / "model.safetensors", b"WEIGHTS")
    assert first != checksums(folder, cache)
    assert 3 == len(read)


def test_a_folder_of_the_hub_says_its_commit(tmp_path):
    """
    As the cache of the hub names it; other folders have none.
    """
    name = "0123456789" * 4

    assert name == commit(tmp_path / "models--some--model" / "snapshots" / name)
    assert "" == commit(tmp_path / "some" / name)
    assert "" == commit(tmp_path / "snapshots" / "main")
