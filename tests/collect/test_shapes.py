"""Sizes of models are read from their config.json, counted exactly, and written back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from p2law.collect.configs import from_config, read_config, to_config
from p2law.collect.shapes import SIZES, Shape
from p2law.errors import ModelError

HERE = Path(__file__).parent
CONFIGS = sorted((HERE / "configs").glob("*.json"))
PARAMETERS = json.loads((HERE / "parameters.json").read_text())
TINY = Shape("llama", 48, 3, 6, 2, 8, 80, 97, tie_word_embeddings=False, qkv_bias=False)
LLAMA = to_config(TINY)
FAMILIES = [
    replace(TINY, tie_word_embeddings=tied, model_type=kind, qkv_bias=kind == "qwen2")
    for kind in ("llama", "qwen2")
    for tied in (False, True)
]


def named(shape):
    """Name of a test case."""
    return f"{shape.model_type}-{'tied' if shape.tie_word_embeddings else 'untied'}"


def built(shape, **settings):
    """The shape as a transformers model with random weights."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = {**to_config(shape), **settings}
    kind = {"llama": transformers.LlamaConfig, "qwen2": transformers.Qwen2Config}
    return transformers.AutoModelForCausalLM.from_config(
        kind[shape.model_type].from_dict(config), attn_implementation="eager"
    )


def refusal(**changes):
    """The words with which a changed config is refused."""
    with pytest.raises(ModelError) as error:
        from_config({**LLAMA, **changes}, "here")
    return str(error.value)


# -- counting ------------------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_public_models_have_their_published_number_of_parameters(path):
    """
    The eleven configurations give the counts of the published weights, to the last one.
    """
    shape = from_config(read_config(path), path.name)

    assert PARAMETERS[path.stem] == shape.params
    assert shape.embedding_params + shape.stack_params + shape.hidden_size == shape.params


def test_there_are_eleven_public_configurations():
    """
    None of them can get lost without notice.
    """
    assert sorted(PARAMETERS) == [path.stem for path in CONFIGS]
    assert 11 == len(CONFIGS)


@pytest.mark.parametrize("shape", FAMILIES, ids=named)
def test_counts_are_those_of_the_built_model(shape):
    """
    Parameters of the model, of one layer and of its matrices, as torch counts them.
    """
    model = built(shape)
    layer = model.model.layers[0]
    matrices = {
        name.removesuffix(".weight"): tuple(weight.shape)
        for name, weight in layer.named_parameters()
        if weight.dim() == 2
    }

    assert sum(each.numel() for each in model.parameters()) == shape.params
    assert sum(each.numel() for each in layer.parameters()) == shape.layer_params
    assert {name: (rows, columns) for name, rows, columns in shape.matrices} == matrices
    assert sum(rows * columns for rows, columns in matrices.values()) == shape.matrix_params


@pytest.mark.parametrize("sequence", [1, 24])
@pytest.mark.parametrize("shape", FAMILIES, ids=named)
def test_flops_are_what_torch_counts(shape, sequence):
    """
    Forward and backward on two windows, counted by torch: equal, not close.

    Transformers up to some version makes the rotary angles by a matrix product,
    which is no work of the model and is taken off.
    """
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    model = built(shape)
    tokens = torch.arange(2 * sequence).reshape(2, sequence) % shape.vocab_size
    with FlopCounterMode(display=False) as counter:
        logits = model(tokens).logits
        forward = counter.get_total_flops()
        logits.sum().backward()
    rotary = sum(
        sum(counts.values())
        for name, counts in counter.get_flop_counts().items()
        if name.endswith("rotary_emb")
    )

    assert counter.get_total_flops() - rotary == 2 * sequence * shape.flops_per_token(sequence)
    assert forward - rotary == 2 * sequence * shape.forward_flops_per_token(sequence)


def test_flops_of_large_models_agree_with_counted_ones():
    """
    Ratios to six FLOP a parameter, as counted for whole models at 4,096 tokens a window.
    """
    counted = {
        "Qwen2.5-0.5B": 1.356,
        "Llama-3.2-1B": 1.217,
        "Llama-3.1-8B": 1.068,
        "Qwen2.5-72B": 1.057,
    }
    for name, ratio in counted.items():
        shape = from_config(read_config(HERE / "configs" / f"{name}.json"))

        assert ratio == pytest.approx(shape.flops_per_token(4096) / (6 * shape.params), abs=6e-4)


# -- reading and writing -------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_written_config_is_read_back_and_keeps_the_rest(path):
    """
    Writing the shape of a model into its own config adds head_dim and changes nothing else.
    """
    config = read_config(path)
    shape = from_config(config)

    written = to_config(shape, config)

    assert shape == from_config(written)
    assert {**config, "head_dim": shape.head_dim} == written
    assert "head_dim" in written


@pytest.mark.parametrize("shape", FAMILIES, ids=named)
def test_transformers_reads_a_written_config_as_it_was_meant(shape, tmp_path):
    """
    Also where heads times head_dim is not the hidden size, and after saving once more.
    """
    narrow = replace(shape, hidden_size=36, num_attention_heads=3, num_key_value_heads=1)
    model = built(narrow)
    model.config.save_pretrained(tmp_path)

    assert sum(each.numel() for each in model.parameters()) == narrow.params
    assert narrow == from_config(read_config(tmp_path))


def test_lists_of_layers_are_shortened():
    """
    Whatever a config says layer by layer fits the new number of layers.
    """
    config = {
        **to_config(FAMILIES[2]),
        "layer_types": ["full_attention"] * 3,
        "max_window_layers": 3,
    }

    written = to_config(replace(FAMILIES[2], num_hidden_layers=2), config)

    assert ["full_attention"] * 2 == written["layer_types"]
    assert 2 == written["max_window_layers"]


def test_missing_sizes_are_derived_only_where_transformers_does():
    """
    head_dim from hidden size and heads, key-value heads of an old Llama from heads.
    """
    config = {key: value for key, value in LLAMA.items() if key != "head_dim"}
    old = {key: value for key, value in config.items() if key != "num_key_value_heads"}

    assert 8 == from_config(config).head_dim
    assert 6 == from_config(old).num_key_value_heads
    with pytest.raises(ModelError, match="num_key_value_heads is missing"):
        from_config({**old, "model_type": "qwen2"})


def test_a_shape_is_not_written_into_another_family():
    """
    A Llama cut from a Qwen2 is a mistake.
    """
    with pytest.raises(ModelError, match=r"llama shape cannot be written .* of a qwen2"):
        to_config(TINY, {"model_type": "qwen2"})


# -- what is refused -----------------------------------------------------------------


def test_other_architectures_are_refused_by_name():
    """
    The message says what was found and what is handled.
    """
    assert "here: model_type is 'gpt2'; only 'llama' (Llama 3)" in refusal(model_type="gpt2")
    assert "model_type is None" in refusal(model_type=None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attention_bias": True}, "attention_bias is True; only models without it"),
        ({"mlp_bias": True}, "mlp_bias is True"),
        ({"use_sliding_window": True}, "use_sliding_window is True"),
        ({"attention_dropout": 0.1}, "losses that cannot be repeated: set it to 0.0"),
        ({"layer_types": ["sliding_attention"]}, "only full attention"),
        ({"quantization_config": {"bits": 4}}, "quantized; take the model in bfloat16"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'; only 'silu'"),
    ],
)
def test_parts_that_are_not_handled_are_refused(changes, words):
    """
    A bias or an attention that would be dropped in silence ends here.
    """
    assert words in refusal(**changes)


@pytest.mark.parametrize("key", SIZES)
@pytest.mark.parametrize("value", [0, -1, 2.0, "8", True])
def test_sizes_are_whole_and_positive(key, value):
    """
    Every size is checked, by name and with the value.
    """
    words = refusal(**{key: value})

    assert f"here: {key} is {value!r}; it must be a whole number above 0" == words


def test_sizes_fit_together():
    """
    Heads share keys evenly, rotary positions come in pairs, and a Llama's heads divide its width.
    """
    assert "num_attention_heads 6 is not a multiple of num_key_value_heads 4" in refusal(
        num_key_value_heads=4
    )
    assert "head_dim is 7; rotary positions need an even number" in refusal(head_dim=7)
    assert "hidden_size 50 is not a multiple of num_attention_heads 6" in refusal(hidden_size=50)
    assert "hidden_size 50 is not a multiple" in refusal(hidden_size=50, head_dim=None)
    assert 50 == from_config({**LLAMA, "model_type": "qwen2", "hidden_size": 50}).hidden_size


def test_tying_is_true_or_false():
    """
    A word is no answer to whether embeddings are tied.
    """
    assert "tie_word_embeddings is 'no'; it must be true or false" in refusal(
        tie_word_embeddings="no"
    )


def test_files_that_cannot_be_read_are_named(tmp_path):
    """
    Nothing there, no JSON, no object: each is said with the path.
    """
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[1]")

    with pytest.raises(ModelError, match=r"config\.json: no such file; a model is a folder"):
        read_config(tmp_path)
    with pytest.raises(ModelError, match=r"broken\.json cannot be read as JSON"):
        read_config(tmp_path / "broken.json")
    with pytest.raises(ModelError, match=r"list\.json holds a list"):
        read_config(tmp_path / "list.json")
