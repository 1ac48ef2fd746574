"""Layer by layer, a model computes what it computes as a whole; what is seen is what flows."""

import pytest
import torch
from small_models import FOUR, LLAMA3_ROPE, make, tokens

from p2law.collect.calibrate import (
    FFN_OUT,
    Decoder,
    Gram,
    Mean,
    checked_tokens,
    embed,
    final_norm,
    layers,
    watching,
)
from p2law.collect.weights import open_folder, open_module
from p2law.errors import PruningError


@torch.no_grad()
def whole(model):
    """Hidden states of the whole model: for each sequence those before each layer, and the last."""
    return [model(each[None], output_hidden_states=True).hidden_states for each in tokens()]


def worst(source, expected):
    """The largest difference of the layer-by-layer pass."""
    hidden, differences = embed(source, tokens()), []
    for index, decoder in layers(source):
        differences += [one - states[index] for one, states in zip(hidden, expected, strict=True)]
        decoder.advance(hidden)
    last = final_norm(source, hidden)
    differences += [one - states[-1] for one, states in zip(last, expected, strict=True)]
    return max(float(each.abs().max()) for each in differences)


@pytest.mark.parametrize(("family", "tied"), FOUR)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_layer_by_layer_is_the_whole_model(family, tied, dtype, tmp_path):
    """
    Every hidden state is the same to the last bit, from memory and from a folder.
    """
    model = make(family, tied, dtype=dtype)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    loaded = type(model).from_pretrained(tmp_path)

    assert dtype == loaded.dtype
    assert 0.0 == worst(open_module(model), whole(model))
    assert 0.0 == worst(open_module(loaded), whole(loaded))
    assert 0.0 == worst(open_folder(tmp_path), whole(loaded))


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_parameters": LLAMA3_ROPE},
        {"head_dim": 16},
        {"rms_norm_eps": 1e-3},
        {"attn_implementation": "eager"},
    ],
    ids=lambda each: next(iter(each)),
)
def test_settings_of_the_configuration_count(changes):
    """
    Rotary scaling, head size, norms and the implementation of attention are the model's own.
    """
    model = make("llama", **changes)

    assert 0.0 == worst(open_module(model), whole(model))


def test_a_model_is_left_as_it_was():
    """
    Calibration changes neither weights nor whether they are trained.
    """
    model = make()
    before = {name: each.clone() for name, each in model.state_dict().items()}

    worst(open_module(model), whole(model))

    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert all(each.requires_grad for each in model.parameters())


def test_norms_in_another_dtype_are_computed_with(tmp_path):
    """
    Norms in float32 beside a model in bfloat16 are read in the model's dtype.
    """
    model = make(dtype=torch.bfloat16)
    for layer in model.model.layers:
        layer.input_layernorm.float()
    model.save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path, dtype=torch.bfloat16)

    assert 0.0 == worst(open_folder(tmp_path), whole(loaded))


def test_statistics_are_those_of_all_tokens():
    """
    A mean is over all tokens of all sequences, a Gram matrix twice the sum of a sequence.
    """
    source = open_module(make())
    decoder = Decoder(source, "cpu")
    decoder.load(0)
    rows, mean, gram = [], Mean(torch.abs), Gram()

    for watch in (rows.append, mean, gram):
        with watching(decoder.layer, {FFN_OUT: watch}):
            for states in embed(source, tokens()):
                decoder(states)

    every = torch.cat(rows).double()
    assert (6 * 16, 48) == every.shape
    torch.testing.assert_close(mean.value, every.abs().mean(0), rtol=1e-6, atol=0)
    product = 2 * every.T @ every / 6
    torch.testing.assert_close(gram.take().double(), product, rtol=1e-5, atol=1e-6)


def test_watchers_see_and_do_not_touch():
    """
    A layer computes the same whether somebody watches or not, and nobody stays behind.
    """
    source = open_module(make())
    decoder = Decoder(source, "cpu")
    decoder.load(0)
    states, seen = embed(source, tokens())[0], []
    expected = decoder(states)

    with watching(decoder.layer, {FFN_OUT: lambda rows: seen.append(rows.mul(0))}):
        assert torch.equal(expected, decoder(states))
    decoder(states)

    assert 1 == len(seen)


@pytest.mark.parametrize("statistic", [Gram().take, lambda: Mean(torch.abs).value])
def test_a_statistic_of_nothing_is_refused(statistic):
    """
    Without tokens there is no mean.
    """
    with pytest.raises(PruningError, match="nothing was seen yet"):
        statistic()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"needs calibration tokens: pass tokens, torch.int64 of \(sequences, length\)"),
        (torch.zeros(2, 3), r"are torch.float32 of \(2, 3\); they must be torch.int64"),
        (torch.zeros(3, dtype=torch.int64), r"torch.int64 of \(3,\); they must be"),
        (torch.zeros(0, 3, dtype=torch.int64), r"torch.int64 of \(0, 3\); they must be"),
        (torch.tensor([[1, 64]]), r"run from 1 to 64, but the vocabulary of the model is 0 to 63"),
        (torch.tensor([[-1, 6]]), r"run from -1 to 6, .* take the model's own tokenizer"),
    ],
)
def test_tokens_that_the_model_cannot_read_are_refused(given, message):
    """
    The message says what came, what is expected, and the likely cause.
    """
    with pytest.raises(PruningError, match=message):
        checked_tokens(given, 64)


def test_a_model_that_overflows_is_refused_with_the_layer():
    """
    Hidden states that are not finite are found where they arise.
    """
    model = make()
    with torch.no_grad():
        model.model.layers[2].mlp.down_proj.weight[0, 0] = torch.inf

    with pytest.raises(PruningError, match=r"after layer 2 are not finite; .* in torch.float32"):
        worst(open_module(model), whole(model))
