"""A rate is turned into the nearest cut there is, counted exactly, or refused in words."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2law.collect.configs import from_config, read_config
from p2law.collect.cuts import CRITERIA, Cut, group_zeros, plan_cut, zeros
from p2law.collect.resizing import AXES, DEFAULT_AXES, TOLERANCE
from p2law.collect.shapes import Shape
from p2law.errors import PruningError

CONFIGS = Path(__file__).parent / "configs"
RATES = (0.15, 0.25, 0.35, 0.5)


def public(name):
    """Shape of a public model."""
    return from_config(read_config(CONFIGS / f"{name}.json"))


def byte_model(hidden, layers, heads, groups, *, kind="llama", tied=False, ffn=None):
    """A small model that reads bytes."""
    return Shape(
        kind,
        hidden,
        layers,
        heads,
        groups,
        hidden // heads,
        ffn or int(hidden * 8 / 3) // 8 * 8,
        256,
        tie_word_embeddings=tied,
        qkv_bias=kind == "qwen2",
    )


SMALL = [
    byte_model(*sizes, kind=kind, tied=tied)
    for sizes in [(32, 4, 4, 2), (32, 6, 8, 4), (48, 6, 4, 2), (64, 10, 4, 2), (128, 4, 8, 2)]
    for kind in ("llama", "qwen2")
    for tied in (False, True)
]
LARGE = [public(path.stem) for path in sorted(CONFIGS.glob("*.json"))]

small_shapes = st.builds(
    lambda head, group, groups, layers, ffn, kind, tied: Shape(
        kind,
        head * group * groups,
        layers,
        group * groups,
        groups,
        head,
        ffn,
        256,
        tie_word_embeddings=tied,
        qkv_bias=kind == "qwen2",
    ),
    head=st.sampled_from([8, 16]),
    group=st.integers(1, 4),
    groups=st.integers(1, 4),
    layers=st.integers(1, 10),
    ffn=st.integers(8, 400),
    kind=st.sampled_from(["llama", "qwen2"]),
    tied=st.booleans(),
)
rates = st.floats(0, 0.95)


def attempt(shape, method, rate, **options):
    """The cut, or None where it is refused."""
    try:
        return plan_cut(shape, method, rate, **options)
    except PruningError:
        return None


def refusal(shape, method, rate=None, **options):
    """The words with which a cut is refused."""
    with pytest.raises(PruningError) as error:
        plan_cut(shape, method, rate, **options)
    return str(error.value)


# -- promises of every cut -----------------------------------------------------------


@given(shape=small_shapes, rate=rates, method=st.sampled_from(["depth", "width"]))
def test_what_is_removed_is_the_difference(shape, rate, method):
    """
    Structured cuts remove what the new shape lacks, no more and no less, and keep a model.
    """
    cut = attempt(shape, method, rate)

    if cut is not None:
        assert shape == cut.before
        assert cut.before.params - cut.after.params == cut.removed
        assert cut.after.params == cut.params_after
        assert cut.removed / shape.params == cut.pruning_rate
        assert (rate > 0) == (cut.removed > 0)
        assert 0 <= cut.nominal_rate < 1


@given(
    shape=small_shapes,
    one=rates,
    other=rates,
    method=st.sampled_from(["depth", "width", "unstructured"]),
    axes=st.lists(st.sampled_from(AXES), min_size=1, unique=True),
)
def test_a_higher_rate_never_removes_less(shape, one, other, method, axes):
    """
    Whatever the steps of a shape, curves of two rates cannot be mixed up.
    """
    options = {"axes": axes} if method == "width" else {}
    less = attempt(shape, method, min(one, other), **options)
    more = attempt(shape, method, max(one, other), **options)

    if less and more:
        assert less.removed <= more.removed


@given(shape=small_shapes, rate=rates, axes=st.lists(st.sampled_from(AXES), min_size=1))
def test_width_keeps_its_promises(shape, rate, axes):
    """
    Within the tolerance; only chosen axes shrink; whole groups go; transformers takes the sizes.
    """
    cut = attempt(shape, "width", rate, axes=axes)

    if cut is not None:
        after = cut.after
        assert abs(cut.pruning_rate - rate) <= TOLERANCE
        assert "ffn" in axes or after.intermediate_size == shape.intermediate_size
        assert "hidden" in axes or after.hidden_size == shape.hidden_size
        assert "attention" in axes or after.num_key_value_heads == shape.num_key_value_heads
        assert shape.num_hidden_layers == after.num_hidden_layers
        assert shape.head_dim == after.head_dim
        assert (
            shape.num_attention_heads * after.num_key_value_heads
            == after.num_attention_heads * shape.num_key_value_heads
        )
        if shape.model_type == "llama":
            assert 0 == after.hidden_size % after.num_attention_heads


@given(shape=small_shapes, rate=st.floats(0.01, 0.95))
def test_depth_is_the_nearest_number_of_layers(shape, rate):
    """
    No other number of layers comes nearer, and half a layer is the most that it misses.
    """
    cut = attempt(shape, "depth", rate)

    if cut is not None:
        layer = shape.layer_params / shape.params
        assert abs(cut.pruning_rate - rate) <= layer / 2 + 1e-12
        assert cut.after.num_hidden_layers >= 1
        assert cut.nominal_rate == pytest.approx(
            1 - cut.after.num_hidden_layers / shape.num_hidden_layers
        )


@given(shape=small_shapes, rate=rates, criterion=st.sampled_from(CRITERIA))
def test_zeros_are_counted_matrix_by_matrix(shape, rate, criterion):
    """
    What is recorded as removed is the sum over all matrices of all layers.
    """
    cut = attempt(shape, "unstructured", rate, criterion=criterion)

    if cut is not None:
        each = [zeros(rows, columns, rate, criterion) for _, rows, columns in shape.matrices]
        assert shape.num_hidden_layers * sum(each) == cut.removed
        assert shape == cut.after
        assert cut.params_after == shape.params - cut.removed


@pytest.mark.parametrize("method", ["none", "depth", "width", "unstructured"])
@pytest.mark.parametrize("shape", [SMALL[0], LARGE[0]], ids=["small", "large"])
def test_rate_zero_is_the_identity(shape, method):
    """
    Pruning by nothing leaves the shape as it is.
    """
    cut = plan_cut(shape, method, 0.0)

    assert (shape, shape, 0) == (cut.before, cut.after, cut.removed)
    assert (0.0, 0.0) == (cut.pruning_rate, cut.nominal_rate)


# -- what can be reached -------------------------------------------------------------


@pytest.mark.parametrize("axes", [DEFAULT_AXES, AXES, ("ffn",)], ids="+".join)
@pytest.mark.parametrize("rate", RATES)
def test_width_reaches_the_usual_rates(rate, axes):
    """
    From 0.06M to 72B parameters, tied and untied, within a hundredth.
    """
    for shape in SMALL + LARGE:
        assert plan_cut(shape, "width", rate, axes=axes).pruning_rate == pytest.approx(
            rate, abs=0.01
        )


@pytest.mark.parametrize("shape", LARGE, ids=lambda shape: f"{shape.params:,}")
def test_large_models_shrink_in_step_and_in_round_sizes(shape):
    """
    FFN and hidden size keep shares within 0.1 of each other, in multiples that machines like.
    """
    for rate in RATES:
        after = plan_cut(shape, "width", rate).after
        kept = (
            after.hidden_size / shape.hidden_size,
            after.intermediate_size / shape.intermediate_size,
        )

        assert abs(kept[0] - kept[1]) < 0.1
        assert 0 == after.hidden_size % 8 == after.intermediate_size % 64
        assert shape.num_attention_heads == after.num_attention_heads


def test_a_known_model_is_cut_as_written_down():
    """
    Llama-3.1-8B: sizes, and both conventions of the rate.
    """
    llama = public("Llama-3.1-8B")
    depth, width = plan_cut(llama, "depth", 0.35), plan_cut(llama, "width", 0.25)

    assert 19 == depth.after.num_hidden_layers
    assert 13 * 218_112_000 == depth.removed
    assert 13 / 32 == depth.nominal_rate
    assert (3456, 12032, 8) == (
        width.after.hidden_size,
        width.after.intermediate_size,
        width.after.num_key_value_heads,
    )
    assert (0.2514, 0.2658) == (round(width.pruning_rate, 4), round(width.nominal_rate, 4))


def test_attention_goes_in_whole_groups():
    """
    A key-value head leaves with its queries, and all attention sizes follow.
    """
    after = plan_cut(public("Llama-3.1-8B"), "width", 0.35, axes=AXES).after

    assert (6, 24, 128) == (after.num_key_value_heads, after.num_attention_heads, after.head_dim)


def test_a_multiple_is_kept_to():
    """
    Sizes that are cut are multiples of the one given.
    """
    after = plan_cut(public("Llama-3.1-8B"), "width", 0.25, multiple=256).after

    assert 0 == after.hidden_size % 256 == after.intermediate_size % 256


# -- zeros ---------------------------------------------------------------------------


def test_two_of_four_is_exactly_half_of_the_matrices():
    """
    Half of the linear maps; embeddings, norms and biases stay.
    """
    for shape in (public("Qwen2.5-0.5B"), SMALL[0]):
        cut = plan_cut(shape, "2:4")

        assert 0.5 == cut.nominal_rate == cut.rate
        assert shape.num_hidden_layers * shape.matrix_params == 2 * cut.removed
        assert cut == plan_cut(shape, "2:4", 0.5)


def test_each_criterion_counts_in_its_own_groups():
    """
    Wanda a row at a time, magnitude the whole matrix, SparseGPT 128 columns and one more.
    """
    assert 10 * 99 == zeros(10, 333, 0.3, "wanda")
    assert 999 == zeros(10, 333, 0.3, "magnitude")
    assert (384 + 1) + (384 + 1) + (231 + 1) == zeros(10, 333, 0.3, "sparsegpt")
    assert [0, 0, 0] == [zeros(10, 333, 0.0, each) for each in CRITERIA]


def test_counts_round_as_the_published_code_does():
    """
    The product of two doubles is cut off: 0.29 of 100 is 28.999..., so 28.
    """
    assert 28 == group_zeros(100, 0.29, "wanda")
    assert 29 == group_zeros(100, 0.29, "sparsegpt")


def test_the_criterion_is_recorded_with_the_zeros():
    """
    Who prunes later reads rate and criterion from the cut.
    """
    cut = plan_cut(SMALL[0], "unstructured", 0.5, criterion="wanda")

    assert Cut("unstructured", SMALL[0], SMALL[0], cut.removed, 0.5, "wanda") == cut
    assert 0.5 == cut.nominal_rate > cut.pruning_rate
    assert "magnitude" == plan_cut(SMALL[0], "2:4", criterion="magnitude").criterion
    assert "" == plan_cut(SMALL[0], "depth", 0.25, criterion="wanda").criterion


# -- what is refused -----------------------------------------------------------------


def test_rates_that_are_none_are_refused():
    """
    Below 0, 1 and above, missing, or per cent.
    """
    assert "depth: the rate is -0.1; it must lie in [0, 1)" == refusal(SMALL[0], "depth", -0.1)
    assert "the rate is 1.0; it must lie in [0, 1)" in refusal(SMALL[0], "width", 1.0)
    assert "unstructured needs a rate: the share" in refusal(SMALL[0], "unstructured")
    assert "divide by 100 if these are per cent" in refusal(SMALL[0], "depth", 25)
    assert "the rate is nan" in refusal(SMALL[0], "depth", float("nan"))
    assert "'2:4' takes no rate, got 0.3; leave it out" == refusal(SMALL[0], "2:4", 0.3)
    assert "'none' takes no rate, got 0.3" in refusal(SMALL[0], "none", 0.3)


def test_names_that_are_not_known_are_refused_with_those_that_are():
    """
    Methods, criteria and axes are listed.
    """
    assert "method is 'wide'; it must be one of none, depth, width" in refusal(
        SMALL[0], "wide", 0.1
    )
    assert "criterion is 'size'; it must be one of magnitude, wanda" in refusal(
        SMALL[0], "unstructured", 0.5, criterion="size"
    )
    assert "axes are ['heads']; name some of ffn, attention" in refusal(
        SMALL[0], "width", 0.5, axes=["heads"]
    )
    assert "multiple is 0" in refusal(SMALL[0], "width", 0.5, multiple=0)


def test_depth_says_what_its_layers_could_reach():
    """
    Too little, too much, or a single layer.
    """
    one_layer = replace(SMALL[0], num_hidden_layers=1)

    assert (
        "depth: a rate of 0.05 cannot be reached within half a layer: one to 3 of its layers "
        "can go, 0.181 to 0.544 of all parameters" == refusal(SMALL[0], "depth", 0.05)
    )
    assert "0.181 to 0.544" in refusal(SMALL[0], "depth", 0.9)
    assert "its only layer must stay" in refusal(one_layer, "depth", 0.5)


def test_width_says_how_near_it_comes():
    """
    The nearest rate along the axes, and what to do.
    """
    words = refusal(public("Qwen2.5-0.5B"), "width", 0.7, axes=["ffn"])
    coarse = refusal(SMALL[0], "width", 0.5, axes=["hidden"], multiple=32)

    assert "a rate of 0.7 cannot be reached within 0.02 along ffn; the nearest is 0.62" in words
    assert words.endswith("Name more axes")
    assert coarse.endswith("Name more axes, or a smaller multiple")


def test_a_rate_that_removes_nothing_is_refused():
    """
    A pruned run in which nothing is pruned would be a dense one with a wrong name.
    """
    words = refusal(SMALL[0], "unstructured", 0.01, criterion="wanda")

    assert "the rate 0.01 makes no weight zero" in words


def test_rows_that_do_not_divide_into_fours_are_named():
    """
    2:4 has no half group.
    """
    words = refusal(replace(SMALL[0], intermediate_size=83), "2:4")

    assert "mlp.down_proj has 83 columns" in words
    assert "method = 'unstructured'" in words
