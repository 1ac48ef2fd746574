"""A pruned model is an ordinary model, whether it comes from memory or from a folder."""

import weakref
from dataclasses import replace

import pytest
import torch
from small_models import FOUR, LLAMA3_ROPE, WAYS, cut_of, logits, make, tokens
from transformers import AutoModelForCausalLM

from p2law.collect import writing
from p2law.collect.configs import from_config, read_config
from p2law.collect.cuts import CRITERIA, plan_cut
from p2law.collect.pruning import Pruned, prune
from p2law.collect.weights import Folder, open_module
from p2law.errors import PruningError, RunError

WAY_NAMES = ("method", "rate", "criterion")


def reload(folder):
    """Load a folder as anybody would, and make sure that every key is known."""
    model, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert [] == [each for key in ("missing_keys", "unexpected_keys") for each in report[key]]
    return model.eval()


def gone(before, after):
    """How many parameters are gone, or zero."""
    sizes = before.num_parameters() - after.num_parameters()
    return sizes + sum(int((each == 0).sum()) for each in after.parameters())


def nothing(model, method="none"):
    """A cut by which nothing is removed."""
    return plan_cut(open_module(model).shape, method, 0)


# -- pruning by nothing ----------------------------------------------------------------


@pytest.mark.parametrize(("family", "tied"), FOUR)
def test_pruning_by_nothing_changes_no_logit(family, tied, tmp_path):
    """
    In memory, from a folder, and after saving and loading: the difference is 0.0, the text alike.
    """
    model = make(family, tied)
    model.save_pretrained(tmp_path / "model")
    expected = logits(model)

    same = prune(model, nothing(model))
    same.save_pretrained(tmp_path / "saved")
    written = prune(tmp_path / "model", nothing(model), out=tmp_path / "out")

    assert (0, 0.0, 0.0) == (written.removed, written.pruning_rate, written.nominal_rate)
    for each in (same, reload(tmp_path / "saved"), reload(tmp_path / "out")):
        assert 0.0 == float((logits(each) - expected).abs().max())
    start = {"inputs": tokens(1, 4), "max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False}
    assert torch.equal(model.generate(**start), each.generate(**start))


@pytest.mark.parametrize("method", ["depth", "width", "unstructured"])
def test_at_rate_zero_no_method_looks_at_anything(method):
    """
    No tokens are needed, and the weights are the same.
    """
    model = make()

    same = prune(model, nothing(model, method))

    for name, each in model.named_parameters():
        assert torch.equal(each, same.get_parameter(name)), name


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_model_cast_in_memory_answers_as_before(family):
    """
    Casting a module rounds its rotary frequencies; the pruned model has the same ones.
    """
    model = make(family, dtype=torch.bfloat16)

    same = prune(model, nothing(model))

    assert torch.equal(logits(model), logits(same))


# -- pruning ---------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "tied"), FOUR)
@pytest.mark.parametrize(WAY_NAMES, WAYS)
def test_a_pruned_model_is_an_ordinary_model(family, tied, method, rate, criterion, tmp_path):
    """
    Saved and loaded it gives the same logits, it generates, and its parameters are counted.
    """
    model = make(family, tied)
    cut = cut_of(model, method, rate, criterion)

    pruned = prune(model, cut, tokens=tokens())
    pruned.save_pretrained(tmp_path)
    again = reload(tmp_path)

    assert type(model) is type(again)
    assert torch.equal(logits(pruned), logits(again))
    assert cut.after == from_config(read_config(tmp_path))
    assert cut.after.params == again.num_parameters()
    assert cut.removed == gone(model, again)
    text = again.generate(tokens(1, 4), max_new_tokens=5, min_new_tokens=5, do_sample=False)
    assert (1, 9) == text.shape


@pytest.mark.parametrize(("family", "tied"), FOUR)
@pytest.mark.parametrize(WAY_NAMES, WAYS)
@pytest.mark.parametrize("shard", [1, 2**25])
def test_a_folder_is_pruned_as_in_memory(
    family, tied, method, rate, criterion, shard, tmp_path, monkeypatch
):
    """
    Layer by layer from shards to shards, the result is the same to the last bit.
    """
    monkeypatch.setattr(writing, "SHARD_BYTES", shard)
    model = make(family, tied, rope_parameters=LLAMA3_ROPE if family == "llama" else None)
    model.save_pretrained(tmp_path / "model", max_shard_size="20KB")
    cut = cut_of(model, method, rate, criterion)

    expected = prune(model, cut, tokens=tokens())
    found = prune(tmp_path / "model", cut, tokens=tokens(), out=tmp_path / "out")

    again = reload(tmp_path / "out")
    assert Pruned(tmp_path / "out", cut, cut.removed) == found
    assert cut.pruning_rate == found.pruning_rate
    assert cut.nominal_rate == found.nominal_rate
    for name, tensor in expected.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert torch.equal(logits(expected), logits(again))


@pytest.mark.parametrize(WAY_NAMES, WAYS)
def test_the_model_given_stays_as_it_was(method, rate, criterion):
    """
    Pruning makes a new model and shares nothing with the old one.
    """
    model = make()
    before = {name: each.clone() for name, each in model.state_dict().items()}

    pruned = prune(model, cut_of(model, method, rate, criterion), tokens=tokens())

    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert not {each.data_ptr() for each in model.parameters()} & {
        each.data_ptr() for each in pruned.parameters()
    }
    assert all(each.requires_grad for each in pruned.parameters())


def test_a_pruned_model_keeps_how_it_runs():
    """
    Attention, generation settings, dtype and mode are those of the model that was pruned.
    """
    model = make(attn_implementation="eager", dtype=torch.bfloat16).train()
    model.generation_config.temperature = 0.5
    model.generation_config.do_sample = True

    pruned = prune(model, cut_of(model, "depth", 0.25), tokens=tokens())

    assert pruned.training
    assert torch.bfloat16 == pruned.dtype
    assert "eager" == pruned.config._attn_implementation
    assert 0.5 == pruned.generation_config.temperature


def test_a_tied_model_stays_tied():
    """
    The output layer of a pruned model is its embedding, not a copy.
    """
    model = make("qwen2", tied=True)

    pruned = prune(model, cut_of(model, "width", 0.25), tokens=tokens())

    assert pruned.lm_head.weight is pruned.model.embed_tokens.weight


def test_the_configuration_says_what_its_reader_must_know(tmp_path):
    """
    Head size and layer types are written, since readers would guess them wrongly.
    """
    make("qwen2").save_pretrained(tmp_path / "model")
    cut = cut_of(make("qwen2"), "depth", 0.25)

    prune(tmp_path / "model", cut, tokens=tokens(), out=tmp_path / "out")

    config = read_config(tmp_path / "out")
    assert 8 == config["head_dim"]
    assert ["full_attention"] * 3 == config["layer_types"]
    assert ["Qwen2ForCausalLM"] == config["architectures"]


@pytest.mark.parametrize(
    WAY_NAMES, [("depth", 0.5, ""), ("width", 0.3, ""), ("2:4", None, "wanda")]
)
def test_layers_of_a_real_shape_are_pruned(method, rate, criterion, tmp_path):
    """
    Two layers as in Qwen2.5-0.5B, in bfloat16, come out as planned; for more see benchmarks.
    """
    sizes = {"hidden_size": 896, "intermediate_size": 4864, "num_attention_heads": 14}
    model = make(
        "qwen2", num_hidden_layers=2, dtype=torch.bfloat16, initializer_range=0.02, **sizes
    )
    model.save_pretrained(tmp_path / "model")
    cut = cut_of(model, method, rate, criterion)

    found = prune(tmp_path / "model", cut, tokens=tokens(2, 64), out=tmp_path / "out")

    assert cut.removed == found.removed
    assert logits(reload(tmp_path / "out")).isfinite().all()


# -- memory ----------------------------------------------------------------------------


@pytest.mark.parametrize(WAY_NAMES, WAYS)
def test_no_more_than_a_layer_is_held_at_a_time(method, rate, criterion, tmp_path, monkeypatch):
    """
    Tensors of a folder are let go with their layer: of sixteen never more than two are held.

    Two while one is written and the first tensor of the next is asked for.
    """
    monkeypatch.setattr(writing, "SHARD_BYTES", 1)
    model = make(num_hidden_layers=16)
    model.save_pretrained(tmp_path / "model")
    held, most = {}, [0]
    read = Folder.__getitem__

    def watched(self, name):
        tensor = read(self, name)
        if "layers" in name:
            held[name, len(held)] = weakref.ref(tensor.untyped_storage())
            most[0] = max(most[0], sum(each() is not None for each in held.values()))
        return tensor

    monkeypatch.setattr(Folder, "__getitem__", watched)
    cut = cut_of(model, method, rate, criterion)

    prune(tmp_path / "model", cut, tokens=tokens(), out=tmp_path / "out")

    assert 9 * 16 <= len(held)
    assert 9 + 1 >= most[0]


# -- what is refused -------------------------------------------------------------------


def test_a_cut_of_another_model_is_refused():
    """
    The first size that differs is named.
    """
    cut = cut_of(make(num_hidden_layers=6), "depth", 0.25)

    with pytest.raises(PruningError, match=r"its num_hidden_layers is 6, the model's 4; plan it"):
        prune(make(), cut, tokens=tokens())


@pytest.mark.parametrize(WAY_NAMES, [each for each in WAYS if each[2] != "magnitude"])
def test_a_method_that_needs_tokens_says_so(method, rate, criterion, tmp_path):
    """
    Before anything is written.
    """
    make().save_pretrained(tmp_path / "model")

    with pytest.raises(PruningError, match=r"this method needs calibration tokens"):
        prune(tmp_path / "model", cut_of(make(), method, rate, criterion), out=tmp_path / "out")

    assert ["model"] == [path.name for path in tmp_path.iterdir()]


def test_a_sparse_cut_without_criterion_is_refused():
    """
    A cut made by hand must say how weights are compared.
    """
    cut = replace(cut_of(make(), "2:4"), criterion="")

    with pytest.raises(PruningError, match=rf"criterion is ''; .* {', '.join(CRITERIA)}"):
        prune(make(), cut, tokens=tokens())


def test_a_folder_needs_a_place_to_go(tmp_path):
    """
    What comes from a folder goes to a folder.
    """
    make().save_pretrained(tmp_path)

    with pytest.raises(PruningError, match=r"is a folder: say in out where the pruned model goes"):
        prune(tmp_path, cut_of(make(), "2:4"), tokens=tokens())


def test_a_model_in_memory_is_not_written(tmp_path):
    """
    What comes from memory stays there; the message says how to save it.
    """
    with pytest.raises(PruningError, match=r"call save_pretrained on what prune returns"):
        prune(make(), cut_of(make(), "2:4"), tokens=tokens(), out=tmp_path)


def test_the_place_is_looked_at_before_the_work(tmp_path):
    """
    A folder that holds something is refused before calibration.
    """
    make().save_pretrained(tmp_path)

    with pytest.raises(RunError, match=r"nothing is overwritten"):
        prune(tmp_path, cut_of(make(), "2:4"), tokens=tokens(), out=tmp_path)


def test_tokens_of_another_tokenizer_are_refused():
    """
    Ids beyond the vocabulary mean another tokenizer.
    """
    with pytest.raises(PruningError, match=r"vocabulary of the model is 0 to 63"):
        prune(make(), cut_of(make(), "depth", 0.25), tokens=tokens(vocabulary=600))


def test_rates_of_what_was_written_are_counted(tmp_path):
    """
    Weights that were zero before count too, since masks are what is zero.
    """
    model = make()
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[:12] = 0.0  # 12 x 32, half of them more than asked
    model.save_pretrained(tmp_path / "model")
    cut = cut_of(model, "unstructured", 0.5, "wanda")

    found = prune(tmp_path / "model", cut, tokens=tokens(), out=tmp_path / "out")

    shape = cut.before
    assert 12 * 16 <= found.removed - cut.removed
    assert found.removed / shape.params == found.pruning_rate
    assert found.removed / (4 * shape.matrix_params) == found.nominal_rate
