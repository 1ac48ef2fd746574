"""Models are opened tensor by tensor, checked, and written as Hugging Face reads them."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import FOUR, make
from transformers import AutoModelForCausalLM

from p2law.collect import weights
from p2law.collect.structured import shallower
from p2law.collect.weights import (
    EMBEDDING,
    FILE,
    HEAD,
    INDEX,
    open_folder,
    open_module,
    sizes,
    write_folder,
)
from p2law.errors import ModelError, RunError

QUERY = "model.layers.1.self_attn.q_proj.weight"


def spoil(folder, **changes):
    """Change tensors of a saved model; None takes one out."""
    found = load_file(folder / FILE) | changes
    save_file({name: value for name, value in found.items() if value is not None}, folder / FILE)


@pytest.fixture
def saved(tmp_path):
    """Folder of a small untied Llama, as transformers saves it."""
    make().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(("family", "tied"), FOUR)
@pytest.mark.parametrize("shard", ["1GB", "20KB"])
def test_a_folder_gives_the_tensors_of_the_model_that_was_saved(family, tied, shard, tmp_path):
    """
    One file or shards with an index, tied or not: names, sizes and values are the model's.
    """
    model = make(family, tied)
    model.save_pretrained(tmp_path, max_shard_size=shard)

    source = open_folder(tmp_path)

    assert (tmp_path / INDEX).exists() == (shard == "20KB")
    assert sizes(source.shape) == {name: tuple(each.shape) for name, each in source.weights.items()}
    assert source.shape.params == sum(each.numel() for each in model.parameters())
    for name, tensor in source.weights.items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_a_module_shares_its_tensors():
    """
    A model in memory is looked at, not copied.
    """
    model = make()

    source = open_module(model)

    assert model.lm_head.weight.data_ptr() == source.weights[HEAD].data_ptr()


def test_rotary_frequencies_of_old_files_are_passed_over(saved):
    """
    Files of old Llamas hold buffers that mean nothing today.
    """
    spoil(saved, **{"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)})

    assert open_folder(saved).shape.num_hidden_layers == 4


def test_a_pickled_model_is_refused(saved):
    """
    Formats that can run code are not read, and the message says why.
    """
    (saved / FILE).unlink()
    (saved / "pytorch_model.bin").write_bytes(b"")

    with pytest.raises(ModelError, match=r"pytorch_model.bin is not read: it could run code\)"):
        open_folder(saved)


def test_a_missing_tensor_is_named(saved):
    """
    A model without one of its tensors is refused before anything runs.
    """
    spoil(saved, **{QUERY: None})

    with pytest.raises(ModelError, match=rf"1 of 39 tensors are missing, first {QUERY}"):
        open_folder(saved)


def test_a_tensor_of_another_size_is_named(saved):
    """
    Sizes must be those of config.json.
    """
    spoil(saved, **{QUERY: torch.ones(16, 32)})

    with pytest.raises(ModelError, match=r"q_proj.weight is \(16, 32\), but .* it \(32, 32\)"):
        open_folder(saved)


def test_adapters_are_refused(saved):
    """
    Tensors that a plain model does not have are not silently dropped.
    """
    spoil(saved, **{"model.layers.0.mlp.up_proj.lora_A.weight": torch.ones(2, 2)})

    with pytest.raises(ModelError, match=r"not of a plain llama model, first .*lora_A"):
        open_folder(saved)


def test_a_tied_model_whose_output_layer_differs_is_refused(tmp_path):
    """
    What the output layer is must not depend on who reads the folder.
    """
    make(tied=True).save_pretrained(tmp_path)
    spoil(tmp_path, **{HEAD: torch.ones(64, 32)})

    with pytest.raises(ModelError, match=r"tie_word_embeddings is true, yet lm_head.weight is not"):
        open_folder(tmp_path)


def test_a_tied_model_that_was_saved_with_its_output_layer_is_read(tmp_path):
    """
    An output layer that equals the embedding is no contradiction.
    """
    model = make(tied=True)
    model.save_pretrained(tmp_path)
    spoil(tmp_path, **{HEAD: model.lm_head.weight.detach().clone()})

    assert open_folder(tmp_path).shape.tie_word_embeddings


def test_a_missing_shard_is_named(tmp_path):
    """
    A folder that was copied in part says which file is not there.
    """
    make().save_pretrained(tmp_path, max_shard_size="50KB")
    sorted(tmp_path.glob("*.safetensors"))[1].unlink()

    with pytest.raises(ModelError, match=r"lacks model-00002-of-\d+.safetensors \(1 of \d shards"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ('{"weight_map": {"a": "../other.safetensors"}}', "shards lie beside their index"),
        ('{"weight_map": 3}', "is no index of shards"),
        ("{", "is no index of shards"),
    ],
)
def test_a_wrong_index_is_refused(saved, index, message):
    """
    An index names files in its own folder, or it is no index.
    """
    (saved / INDEX).write_text(index, encoding="utf-8")

    with pytest.raises(ModelError, match=message):
        open_folder(saved)


def test_a_broken_file_is_refused(saved):
    """
    A file cut short is named.
    """
    (saved / FILE).write_bytes((saved / FILE).read_bytes()[:5000])

    with pytest.raises(ModelError, match=r"model.safetensors is no readable safetensors file"):
        open_folder(saved)


def test_something_else_in_memory_is_refused():
    """
    A module without a configuration is no model.
    """
    with pytest.raises(ModelError, match=r"a Linear has no config; pass a LlamaForCausalLM"):
        open_module(torch.nn.Linear(2, 2))


def test_a_wrapped_model_is_refused():
    """
    A model inside another has other names; the first unknown one is shown.
    """
    model = make()
    model.model.layers[0] = torch.nn.Sequential(model.model.layers[0])

    with pytest.raises(ModelError, match=r"tensors are missing, first model.layers.0.input"):
        open_module(model)


# -- writing -------------------------------------------------------------------------


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
    monkeypatch.setattr(weights, "SHARD_BYTES", shard)
    model = make(family, tied)

    write(model, tmp_path / "out")

    again, report = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert [] == [each for key in ("missing_keys", "unexpected_keys") for each in report[key]]
    assert type(again) is type(model)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_shards_and_their_index_fit(tmp_path, monkeypatch):
    """
    The index lists every tensor once and adds up their sizes.
    """
    monkeypatch.setattr(weights, "SHARD_BYTES", 1)
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
