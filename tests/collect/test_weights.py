"""Models are opened tensor by tensor, and checked."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import FOUR, make

from p2law.collect.stored import FILE, HEAD, INDEX, sizes
from p2law.collect.weights import open_folder, open_module
from p2law.errors import ModelError

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
