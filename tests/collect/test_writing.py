"""Models are written as Hugging Face reads them, whole or not at all."""

import json

import pytest
import torch
from small_models import FOUR, make
from transformers import AutoModelForCausalLM

from p2law.collect import writing, zoo
from p2law.collect.depth import shallower
from p2law.collect.stored import EMBEDDING, FILE, INDEX
from p2law.collect.team import Team
from p2law.collect.weights import open_folder, open_module
from p2law.collect.writing import write_folder
from p2law.errors import RunError


@pytest.fixture
def saved(tmp_path):
    """Folder of a small untied Llama, as transformers saves it."""
    make().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def write(model, out, **settings):
    """Write a model, and what was written."""
    source = open_module(model)
    write_folder(out, source.config, shallower(source, range(4)), **settings)
    return open_folder(out)


@pytest.mark.parametrize(("family", "tied"), FOUR)
@pytest.mark.parametrize("shard", [1, 2**25])
def test_transformers_reads_what_was_written(family, tied, shard, tmp_path, monkeypatch):
    """
    Whether in one file or in shards, no key is missing and none is unexpected.
    """
    monkeypatch.setattr(writing, "SHARD_BYTES", shard)
    model = make(family, tied)

    write(model, tmp_path / "out")

    again, report = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert [] == [each for key in ("missing_keys", "unexpected_keys") for each in report[key]]
    assert type(again) is type(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_model_is_loaded_again_in_the_dtype_that_it_was_saved_in(dtype, tmp_path):
    """
    It was trained in float32, and its config.json says what the files hold.
    """
    zoo.save(make(), tmp_path / "out", Team(), dtype)

    told = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))["dtype"]
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert str(dtype) == f"torch.{told}"
    assert {dtype} == {each.dtype for each in again.parameters()}


def test_shards_and_their_index_fit(tmp_path, monkeypatch):
    """
    The index lists every tensor once and adds up their sizes.
    """
    monkeypatch.setattr(writing, "SHARD_BYTES", 1)
    model = make()

    write(model, tmp_path / "out")

    index = json.loads((tmp_path / "out" / INDEX).read_text(encoding="utf-8"))
    size = 4 * sum(each.numel() for each in model.parameters())
    assert size == index["metadata"]["total_size"]
    assert set(model.state_dict()) == set(index["weight_map"])
    assert 7 == len(set(index["weight_map"].values()))  # embedding, 4 layers, norm, output
    assert {"model-00001-of-00007.safetensors"} == {index["weight_map"][EMBEDDING]}


def test_tokenizer_and_generation_settings_go_along(saved, tmp_path):
    """
    Of the folder a model comes from, only files that belong to the model are copied.
    """
    for name in ("tokenizer.json", "chat_template.jinja", "training_args.bin", "modeling_x.py"):
        (saved / name).write_text("{}", encoding="utf-8")

    write(make(), tmp_path / "out", companions=saved)

    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"config.json", FILE, "generation_config.json"} <= names
    assert {"tokenizer.json", "chat_template.jinja"} <= names
    assert not {"training_args.bin", "modeling_x.py"} & names


def test_nothing_is_overwritten(saved):
    """
    A folder that holds something is left alone.
    """
    with pytest.raises(RunError, match=r"exists and is not empty; nothing is overwritten"):
        write(make(), saved)


def test_a_failure_midway_leaves_nothing(tmp_path):
    """
    A folder appears when it is complete, or not at all.
    """

    def breaking():
        yield {EMBEDDING: torch.ones(2, 2)}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_folder(tmp_path / "out", {}, breaking())

    assert [] == list(tmp_path.iterdir())


def test_what_a_killed_run_left_is_replaced(tmp_path):
    """
    A partial folder of an earlier try does not mix with the new model.
    """
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "shard-9").write_text("old", encoding="utf-8")

    write(make(), tmp_path / "out")

    assert ["config.json", FILE] == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert ["out"] == [path.name for path in tmp_path.iterdir()]


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    """
    The reason of the system stands in the message, and the cure.
    """
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(RunError, match=r"out cannot be written: .*free space or choose another"):
        write(make(), tmp_path / "file" / "out")
