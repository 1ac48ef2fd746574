"""A checkpoint is whole or not there, and one that cannot be read is set aside."""

import dataclasses
import json
import os
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import AutoConfig, AutoModelForCausalLM

from p2law.collect import checkpoint, trusting
from p2law.collect.checkpoint import Checkpoints
from p2law.collect.team import Team
from p2law.errors import RunError


def trained(steps, tied=False, seed=0):
    """A tiny model and its optimiser after some steps."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        "qwen2" if tied else "llama",
        vocab_size=32,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
    )
    model = AutoModelForCausalLM.from_config(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    step(model, optimizer, steps)
    return model, optimizer


def step(model, optimizer, steps):
    """Some steps on fixed tokens."""
    tokens = torch.arange(16).reshape(2, 8)
    for _ in range(steps):
        model(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def weights(model):
    """All weights, copied."""
    return {name: each.detach().clone() for name, each in model.named_parameters()}


@pytest.fixture
def checkpoints(tmp_path):
    """Where checkpoints of a run go."""
    return Checkpoints(tmp_path / "checkpoints", Team())


@pytest.mark.parametrize("tied", [False, True])
def test_going_on_from_a_checkpoint_is_never_having_stopped(checkpoints, tied):
    """
    Three steps, a checkpoint, three more: bit for bit what six steps give.
    """
    model, optimizer = trained(3, tied)
    checkpoints.save(model, optimizer, {"tokens": 48})
    step(model, optimizer, 3)
    other, another = trained(0, tied, seed=5)

    place, progress = checkpoints.latest()
    checkpoints.load(place, other, another)
    step(other, another, 3)

    assert 48 == progress["tokens"]
    for name, each in weights(model).items():
        assert torch.equal(each, weights(other)[name]), name


def test_there_is_one_checkpoint_and_it_is_the_last(checkpoints):
    """
    The one before goes once the next is there.
    """
    model, optimizer = trained(1)
    for tokens in (16, 32):
        checkpoints.save(model, optimizer, {"tokens": tokens})

    assert ["step-000000000000032"] == [each.name for each in checkpoints.folder.iterdir()]


def test_without_checkpoints_there_is_none(checkpoints):
    """
    A run that has not begun has nowhere to go on from.
    """
    assert checkpoints.latest() is None


def test_an_unfinished_checkpoint_is_none(checkpoints):
    """
    A process that was killed while writing leaves a draft, which is not looked at.
    """
    model, optimizer = trained(1)
    checkpoints.save(model, optimizer, {"tokens": 16})
    whole = checkpoints.folder / "step-000000000000016"
    draft = checkpoints.folder / "step-000000000000032.part"
    shutil.copytree(whole, draft)

    assert whole == checkpoints.latest()[0]
    assert {whole, draft} == set(checkpoints.folder.iterdir())


def damage(place, kind):
    """Spoil a checkpoint in one of the ways that disks know."""
    manifest, data = place / "manifest.json", next(place.glob("__*"))
    content = bytearray(data.read_bytes())
    if kind == "a bit turned over":
        content[len(content) // 2] ^= 1
        data.write_bytes(content)
    elif kind == "cut short":
        data.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        data.write_bytes(b"")
    elif kind == "a file is missing":
        data.unlink()
    elif kind == "manifest cut short":
        manifest.write_text("{")
    elif kind == "manifest of another kind":
        manifest.write_text("[]")
    else:
        manifest.write_text(manifest.read_text().replace('"tokens": 16', '"tokens": 17'))


DAMAGES = (
    *("a bit turned over", "cut short", "empty", "a file is missing"),
    *("manifest cut short", "manifest of another kind", "another number in the manifest"),
)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_with_what_was_measured(
    checkpoints, kind, tmp_path, caplog
):
    """
    The run goes on from the start; why, and where the checkpoint lies now, is said.
    """
    model, optimizer = trained(1)
    records = tmp_path / "records.jsonl"
    records.write_text("measured")
    for aside in ("step-000000000000016.unreadable", "step-000000000000016.unreadable-2"):
        checkpoints.save(model, optimizer, {"tokens": 16})
        damage(checkpoints.folder / "step-000000000000016", kind)

        assert checkpoints.latest(along=records) is None

        assert "measured" == (checkpoints.folder / aside / "records.jsonl").read_text()
        said = caplog.records[-1].getMessage()
        assert "it was set aside, and the run goes on from the start" in said
        assert "step-000000000000016 cannot be read (" in said


@pytest.mark.parametrize("stray", [".DS_Store", "._manifest.json", ".nfs0000000000c0ffee"])
def test_what_others_leave_in_a_checkpoint_does_no_harm(checkpoints, stray):
    """
    File managers and network file systems lay files into folders; what was written is whole.
    """
    model, optimizer = trained(1)
    checkpoints.save(model, optimizer, {"tokens": 16})
    place = checkpoints.folder / "step-000000000000016"
    (place / stray).write_bytes(b"not ours")

    found, progress = checkpoints.latest()
    checkpoints.load(found, *trained(0, seed=5))

    assert (place, 16) == (found, progress["tokens"])


def test_the_checkpoint_before_a_damaged_one_is_gone_on_from(checkpoints, caplog):
    """
    Where a kill left two of them and the newer one cannot be read.
    """
    model, optimizer = trained(1)
    checkpoints.save(model, optimizer, {"tokens": 16})
    shutil.copytree(checkpoints.folder, checkpoints.folder.with_name("before"))
    checkpoints.save(model, optimizer, {"tokens": 32})
    shutil.copytree(checkpoints.folder.with_name("before"), checkpoints.folder, dirs_exist_ok=True)
    damage(checkpoints.folder / "step-000000000000032", "cut short")

    assert 16 == checkpoints.latest()[1]["tokens"]
    assert "goes on from step-000000000000016" in caplog.text


def test_a_damaged_checkpoint_that_cannot_be_set_aside_is_told(checkpoints, monkeypatch):
    """
    What is wrong, what stands in the way, and the cure.
    """
    model, optimizer = trained(1)
    checkpoints.save(model, optimizer, {"tokens": 16})
    damage(checkpoints.folder / "step-000000000000016", "empty")

    def refuse(self, _target):
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(
        RunError, match=r"is damaged\), nor be set aside \(Read-only.* move it away"
    ):
        checkpoints.latest()


def test_no_draft_is_written_to_twice(checkpoints, monkeypatch):
    """
    What is left of a team that was killed may still be writing to the draft of before.
    """
    model, optimizer = trained(1)
    drafts = []

    def broken(_state, checkpoint_id):
        drafts.append(checkpoint_id.name)
        raise RuntimeError("no")

    monkeypatch.setattr(checkpoint, "save_distributed", broken)
    for _ in range(2):
        with pytest.raises(RunError, match="no"):
            checkpoints.save(model, optimizer, {"tokens": 16})

    assert 2 == len(set(drafts))


def test_a_full_disk_leaves_the_checkpoint_before(checkpoints, monkeypatch):
    """
    What cannot be written is told; the last checkpoint is still there and whole.
    """
    model, optimizer = trained(1)
    checkpoints.save(model, optimizer, {"tokens": 16})

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"cannot write a checkpoint: .*No space left"):
            checkpoints.save(model, optimizer, {"tokens": 32})

    assert 16 == checkpoints.latest()[1]["tokens"]


def test_a_disk_that_fills_up_is_left_as_it_was(small_disk):
    """
    The draft is gone, the checkpoint before is whole, and the reason has room.
    """
    model, optimizer = trained(1)
    checkpoints = Checkpoints(small_disk / "checkpoints", Team())
    checkpoints.save(model, optimizer, {"tokens": 16})
    needed = 12 * sum(each.numel() for each in model.parameters())
    before = shutil.disk_usage(small_disk).free

    filler = small_disk / "filler"
    filler.write_bytes(bytes(before - needed // 2))
    words = rf"checkpoint: No space left .*[\d,]+ bytes left, and a checkpoint takes {needed:,}"
    with pytest.raises(RunError, match=words):
        checkpoints.save(model, optimizer, {"tokens": 32})
    (small_disk / "failed.json").write_text("the reason")

    assert ["step-000000000000016"] == [each.name for each in checkpoints.folder.iterdir()]
    assert 16 == checkpoints.latest()[1]["tokens"]
    filler.unlink()
    checkpoints.save(model, optimizer, {"tokens": 32})


def test_a_disk_without_room_is_named_whatever_torch_says_of_it(checkpoints, monkeypatch):
    """
    How much there is, how much is needed; the draft goes, and with room there are no such words.
    """
    model, optimizer = trained(1)
    needed = 12 * sum(each.numel() for each in model.parameters())

    def broken(_state, checkpoint_id):
        (checkpoint_id / "__0_0.distcp").write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")

    monkeypatch.setattr(checkpoint, "save_distributed", broken)
    for free, words in (
        (needed - 1, f"checkpoint: a file ended too early; .*has {needed - 1:,} bytes left"),
        (10**9, "checkpoint: a file ended too early$"),
    ):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with pytest.raises(RunError, match=words):
            checkpoints.save(model, optimizer, {"tokens": 16})
        assert [] == list(checkpoints.folder.iterdir())


def test_a_checkpoint_names_its_files_and_what_it_vouches_for(checkpoints):
    """
    The manifest is plain JSON with a size and a checksum for every file.
    """
    model, optimizer = trained(1)

    checkpoints.save(model, optimizer, {"tokens": 16, "records": "{}\n"})

    place, _ = checkpoints.latest()
    manifest = json.loads((place / "manifest.json").read_text())
    assert "{}\n" == manifest["records"]
    assert {each.name for each in place.iterdir()} == {"manifest.json", *manifest["files"]}


def test_a_checkpoint_is_there_after_a_power_cut(checkpoints, monkeypatch):
    """
    Its name is synced after it was moved to its place, before the one before is removed.
    """
    model, optimizer = trained(1)
    checkpoints.save(model, optimizer, {"tokens": 16})
    synced = []

    def settled(path):
        synced.append((path, sorted(each.name for each in path.iterdir())))

    monkeypatch.setattr(checkpoint, "settle", settled)
    checkpoints.save(model, optimizer, {"tokens": 32})

    both = ["step-000000000000016", "step-000000000000032"]
    assert [(checkpoints.folder, both)] == synced


class Bomb:
    """What runs when it is unpickled."""

    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return os.mkdir, (self.file,)


@pytest.fixture
def kept(checkpoints):
    """A checkpoint, and what it was made of."""
    model, optimizer = trained(1)
    checkpoints.save(model, optimizer, {"tokens": 1})
    return checkpoints.latest()[0], model, optimizer


def test_a_checkpoint_whose_list_could_run_code_is_refused(checkpoints, kept, tmp_path):
    """
    Torch would unpickle what lies where; nothing of it runs.
    """
    place, model, optimizer = kept
    (place / ".metadata").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))

    with pytest.raises(RunError, match=r"it names \w+\.mkdir, which no checkpoint needs.*code"):
        checkpoints.load(place, model, optimizer)

    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_whose_numbers_could_run_code_is_refused(checkpoints, kept, tmp_path):
    """
    Learning rates and the like are pickles of their own.
    """
    place, model, optimizer = kept
    about = pickle.loads((place / ".metadata").read_bytes())  # noqa: S301 - made above
    index = next(each for each in about.storage_data if each.fqn.endswith("lr"))
    torch.save(Bomb(tmp_path / "ran"), place / "bomb")
    size = (place / "bomb").stat().st_size
    part = dataclasses.replace(
        about.storage_data[index], relative_path="bomb", offset=0, length=size
    )
    about.storage_data[index] = part
    (place / ".metadata").write_bytes(pickle.dumps(about))

    with pytest.raises(RunError, match=r"is not read: Weights only load failed.*your own runs"):
        checkpoints.load(place, model, optimizer)

    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["os.system", "load", "Path", "io"])
def test_names_that_only_lie_in_modules_of_torch_are_refused(tmp_path, name):
    """
    A module that a checkpoint names has imported others, which must not be reached through it.
    """
    code = f"ctorch.distributed.checkpoint.filesystem\n{name}\n."
    (tmp_path / ".metadata").write_bytes(code.encode())

    with pytest.raises(RunError, match=f"names torch.distributed.checkpoint.filesystem.{name}"):
        trusting.check(tmp_path)
