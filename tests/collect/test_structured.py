"""The least important layers, neurons, groups and channels go; the others stay as they are."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_models import FOUR, cut_of, logits, make, tokens
from torch.nn import functional
from transformers import AutoConfig, AutoModelForCausalLM

from p2law.collect.configs import from_config, read_config, to_config
from p2law.collect.cuts import plan_cut
from p2law.collect.depth import block_influence, kept_layers
from p2law.collect.pruning import prune
from p2law.collect.stored import NORM
from p2law.collect.weights import open_module
from p2law.collect.width import Activity, choose, measure_activity, narrower

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.json"))


def narrowed(model, **sizes):
    """A model cut to smaller sizes."""
    shape = open_module(model).shape
    after = replace(shape, **sizes)
    cut = replace(cut_of(model, "width", 0.25), after=after, removed=shape.params - after.params)
    return prune(model, cut, tokens=tokens())


# -- depth ---------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_block_influence_is_what_its_definition_says(family):
    """
    One minus the cosine of a layer's input and output, averaged over tokens.
    """
    model = make(family)
    with torch.no_grad():
        output = model.model(tokens(), output_hidden_states=True)
    states = list(output.hidden_states)
    expected = [
        1 - functional.cosine_similarity(one.double(), other.double(), dim=-1).mean()
        for one, other in itertools.pairwise(states[:-1])
    ]

    influence = block_influence(open_module(model), tokens())

    # transformers shows the last state behind the last norm: that layer is left out here.
    torch.testing.assert_close(torch.stack(expected), torch.tensor(influence[:-1]).double())


def test_a_layer_that_does_nothing_goes_first():
    """
    It has no influence, and without it not one logit changes.
    """
    model = make()
    with torch.no_grad():
        model.model.layers[2].self_attn.o_proj.weight.zero_()
        model.model.layers[2].mlp.down_proj.weight.zero_()

    smaller = prune(model, cut_of(model, "depth", 0.2), tokens=tokens())

    assert 3 == smaller.config.num_hidden_layers == len(smaller.model.layers)
    assert torch.equal(logits(model), logits(smaller))


def test_layers_that_stay_keep_their_order():
    """
    The least influential go; of equal ones the later; the others are numbered anew.
    """
    assert (0, 3) == kept_layers([0.5, 0.1, 0.2, 0.3], 2)
    assert (0, 1) == kept_layers([0.5, 0.5, 0.5, 0.5], 2)
    assert (0, 1, 2) == kept_layers([0.1, 0.2, 0.3], 3)


# -- width ---------------------------------------------------------------------------


def seen(model, name):
    """What flows into a submodule of the whole model, as rows."""
    rows = []
    hook = model.get_submodule(name).register_forward_pre_hook(
        lambda _, inputs: rows.append(inputs[0].detach().flatten(0, -2).double())
    )
    with torch.no_grad():
        model(tokens())
    hook.remove()
    return torch.cat(rows)


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_activity_is_that_of_the_whole_model(family):
    """
    Importances are means over all tokens of what flows in the unpruned model.
    """
    model = make(family)

    activity = measure_activity(open_module(model), tokens())

    for index in range(4):
        neurons = seen(model, f"model.layers.{index}.mlp.down_proj").abs().mean(0)
        torch.testing.assert_close(activity.ffn[index], neurons, rtol=1e-5, atol=0)
        heads = seen(model, f"model.layers.{index}.self_attn.o_proj").reshape(-1, 2, 16)
        lengths = heads.norm(dim=2).mean(0)
        torch.testing.assert_close(activity.groups[index], lengths, rtol=1e-5, atol=0)
    outputs = [
        seen(model, f"model.layers.{index}.{name}").abs().mean(0)
        for index in range(4)
        for name in ("self_attn.q_proj", "mlp.gate_proj")
    ]
    total = torch.stack([*outputs, seen(model, "lm_head").abs().mean(0)]).sum(0)
    torch.testing.assert_close(activity.hidden, total, rtol=1e-5, atol=0)
    squares = seen(model, "model.norm").square().mean(0)
    torch.testing.assert_close(activity.squares[NORM], squares, rtol=1e-5, atol=0)


@pytest.mark.parametrize(("family", "tied"), FOUR)
def test_narrowing_to_the_full_size_changes_no_logit(family, tied):
    """
    All the machinery, and nothing removed: the difference is 0.0.
    """
    model = make(family, tied)
    source = open_module(model)
    cut = replace(cut_of(model, "width", 0.25), after=source.shape)

    kept = choose(measure_activity(source, tokens()), cut)

    for block in narrower(source, kept):
        for name, tensor in block.items():
            assert torch.equal(source.weights[name], tensor)
    assert {1.0} == set(kept.norms.values())


@pytest.mark.parametrize(("family", "tied"), FOUR)
def test_neurons_that_never_fire_go_first(family, tied):
    """
    Without neurons that are always zero, the model answers as before.
    """
    model = make(family, tied)
    with torch.no_grad():
        for index, layer in enumerate(model.model.layers):
            layer.mlp.up_proj.weight[index % 3 :: 3] = 0.0  # others in every layer

    smaller = narrowed(model, intermediate_size=32)

    torch.testing.assert_close(logits(smaller), logits(model), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("family", "tied"), FOUR)
def test_attention_groups_without_output_go_first(family, tied):
    """
    A key-value head goes with all its queries, and the others keep theirs.
    """
    model = make(family, tied)
    with torch.no_grad():
        for index, layer in enumerate(model.model.layers):
            start = 8 * (index % 2)
            layer.self_attn.v_proj.weight[start : start + 8] = 0.0
            if family == "qwen2":
                layer.self_attn.v_proj.bias[start : start + 8] = 0.0

    smaller = narrowed(model, num_attention_heads=2, num_key_value_heads=1)

    assert (2, 1, 8) == tuple(
        getattr(smaller.config, key)
        for key in ("num_attention_heads", "num_key_value_heads", "head_dim")
    )
    torch.testing.assert_close(logits(smaller), logits(model), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("family", "tied"), FOUR)
def test_silent_channels_go_first_and_norms_make_up_for_them(family, tied):
    """
    Half of the channels are always zero; without them norms divide by a larger mean square.
    """
    model = make(family, tied)
    model.config.rms_norm_eps = 0.0
    with torch.no_grad():
        for module in model.modules():
            if hasattr(module, "variance_epsilon"):
                module.variance_epsilon = 0.0
        model.model.embed_tokens.weight[:, ::2] = 0.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[::2] = 0.0
            layer.mlp.down_proj.weight[::2] = 0.0

    smaller = narrowed(model, hidden_size=16)

    ratio = smaller.model.norm.weight / model.model.norm.weight[1::2]
    torch.testing.assert_close(ratio, torch.full((16,), 2**0.5))
    torch.testing.assert_close(logits(smaller), logits(model), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("family", "tied"), FOUR)
def test_what_norms_add_to_a_mean_square_is_counted(family, tied):
    """
    Where it is as large as the activations, leaving it out would be off by a tenth.
    """
    model = make(family, tied)
    with torch.no_grad():
        table = model.model.embed_tokens.weight
        table[:, ::2] = 0.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        before, eps = table.square().mean(1, keepdim=True), model.config.rms_norm_eps
        table.mul_((eps / before).sqrt())  # every token has a mean square of eps

    smaller = narrowed(model, hidden_size=16)

    ratio = smaller.model.norm.weight / model.model.norm.weight[1::2]
    torch.testing.assert_close(ratio, torch.full((16,), (3 / 2) ** 0.5))
    torch.testing.assert_close(logits(smaller), logits(model), rtol=0, atol=1e-6)


def test_equally_active_parts_go_from_the_end():
    """
    Ties are broken the same way every time.
    """
    model = make()
    cut = cut_of(model, "width", 0.25)
    ones = torch.ones(32)
    even = Activity(ones, torch.ones(4, 48), torch.ones(4, 2), {NORM: ones}, eps=1e-6)

    kept = choose(even, cut)

    assert list(range(cut.after.hidden_size)) == kept.hidden.tolist()
    assert [list(range(cut.after.intermediate_size))] * 4 == kept.ffn.tolist()
    assert [[0, 1]] * 4 == kept.groups.tolist()
    assert {NORM: 1.0} == kept.norms


# -- whole public models ---------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("method", ["depth", "width"])
def test_public_models_can_be_built_in_their_pruned_shapes(path, method):
    """
    transformers accepts the new configuration and counts the parameters that the cut says.
    """
    config = read_config(path)
    cut = plan_cut(from_config(config), method, 0.25)
    settings = AutoConfig.for_model(**to_config(cut.after, config))

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(settings)

    assert cut.params_after == model.num_parameters()
