"""The right weights become zero, in the right number, and nothing else changes by accident."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import FOUR, cut_of, make, tokens

from p2law.collect.cuts import CRITERIA, group_zeros
from p2law.collect.pruning import prune
from p2law.collect.sparse import (
    chooser,
    curvature,
    lowest_of_all,
    lowest_of_each_row,
    magnitude,
    sparsegpt,
    sparser,
    two_in_four,
    wanda,
)
from p2law.collect.weights import open_module
from p2law.errors import PruningError

REFERENCE = Path(__file__).parents[1] / "reference" / "llmcompressor"
TINY = runpy.run_path(str(REFERENCE / "tiny_models.py"))
PATTERNS = [("2:4", None), ("unstructured", 0.5)]


# -- agreement with llm-compressor -------------------------------------------------------


@pytest.mark.parametrize("family", ["llama", "qwen2"])
@pytest.mark.parametrize("criterion", ["sparsegpt", "wanda"])
@pytest.mark.parametrize(("method", "rate"), PATTERNS)
def test_masks_are_those_of_llm_compressor(family, criterion, method, rate):
    """
    In every position of every linear map of a tiny model of two layers.
    """
    stored = np.load(REFERENCE / "masks.npz")
    model = TINY["build"](family)

    pruned = prune(model, cut_of(model, method, rate, criterion), tokens=TINY["tokens"]())

    start = f"{family}/{criterion}_{rate or method}/"
    names = [name.removeprefix(start) for name in stored.files if name.startswith(start)]
    assert 2 * 7 == len(names)
    for name in names:
        ours = pruned.get_parameter(name).detach().numpy() == 0
        theirs = np.unpackbits(stored[start + name])[: ours.size].reshape(ours.shape) == 1
        assert 0 == np.count_nonzero(ours != theirs), name


# -- which weights ---------------------------------------------------------------------

# Few distinct values: ties are the rule.
matrices = st.integers(1, 4).flatmap(
    lambda rows: st.integers(1, 3).flatmap(
        lambda fours: st.lists(
            st.lists(st.integers(0, 3), min_size=4 * fours, max_size=4 * fours),
            min_size=rows,
            max_size=rows,
        )
    )
)


def by_hand(row, count):
    """The lowest of a list; of equals the first."""
    low = sorted(range(len(row)), key=lambda place: (row[place], place))[:count]
    return [place in low for place in range(len(row))]


@given(matrices)
def test_two_of_four_are_the_lowest_and_of_equals_the_first(rows):
    """
    Every four neighbours lose two, whatever ties there are.
    """
    expected = [
        [gone for start in range(0, len(row), 4) for gone in by_hand(row[start : start + 4], 2)]
        for row in rows
    ]

    assert expected == two_in_four(torch.tensor(rows, dtype=torch.float32)).tolist()


@settings(max_examples=100)
@given(matrices, st.floats(0, 1))
def test_the_lowest_are_counted_exactly(rows, share):
    """
    As many as asked for go, per row or of all, in order where they are equal.
    """
    scores = torch.tensor(rows, dtype=torch.float32)
    each, every = int(share * scores.shape[1]), int(share * scores.numel())

    assert [by_hand(row, each) for row in rows] == lowest_of_each_row(scores, each).tolist()
    flat = lowest_of_all(scores, every).flatten().tolist()
    assert by_hand([value for row in rows for value in row], every) == flat


# -- one matrix ------------------------------------------------------------------------


@pytest.fixture
def problem():
    """A matrix and inputs of very different sizes that hang together."""
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(24, 160, generator=rng)
    inputs = torch.randn(400, 160, generator=rng) @ torch.randn(160, 160, generator=rng)
    return weight, inputs * torch.linspace(0.1, 3, 160)[torch.randperm(160, generator=rng)]


def half(scores):
    """The lower half of all that is compared."""
    return lowest_of_all(scores, scores.numel() // 2)


def error(weight, pruned, inputs):
    """How much the outputs change."""
    return float(((weight - pruned) @ inputs.T).square().sum())


def test_each_criterion_beats_the_one_before(problem):
    """
    At the same number of zeros SparseGPT changes outputs least, magnitude most.
    """
    weight, inputs = problem
    squares = inputs.square().mean(0)

    errors = [
        error(weight, pruned, inputs)
        for pruned in (
            magnitude(weight, half),
            wanda(weight, squares, lambda scores: lowest_of_each_row(scores, 80)),
            sparsegpt(weight, curvature(inputs.T @ inputs), half),
        )
    ]

    assert errors[0] > errors[1] > errors[2]


def test_sparsegpt_solves_one_output_as_least_squares_would(problem):
    """
    When the first weight goes, the others make up for it as well as they can.
    """
    weight, inputs = problem
    weight, inputs = weight[:1, :8], inputs[:, :8]
    gram = inputs.T @ inputs

    first = torch.zeros(1, 8, dtype=torch.bool)
    first[0, 0] = True
    pruned = sparsegpt(weight, curvature(gram.clone()), lambda _: first)

    damped = gram + 0.01 * gram.diagonal().mean() * torch.eye(8)
    target = damped[1:, :] @ weight[0]
    expected = torch.linalg.solve(damped[1:, 1:], target)
    assert 0.0 == pruned[0, 0]
    torch.testing.assert_close(pruned[0, 1:], expected, rtol=1e-4, atol=1e-4)


def test_inputs_that_are_always_zero_lose_their_weights_first(problem):
    """
    They cost nothing, the count stays exact, and no number is lost.
    """
    weight, inputs = problem
    inputs[:, 3::4] = 0.0

    pruned = sparsegpt(weight, curvature(inputs.T @ inputs), half)

    assert (pruned[:, 3::4] == 0).all()
    assert 24 * 80 == (pruned == 0).sum()
    assert pruned.isfinite().all()


@pytest.mark.parametrize("choose", [two_in_four, half])
def test_a_map_whose_inputs_are_all_zero_is_pruned_by_count(problem, choose):
    """
    Half of the weights go, and the rest stays as it is.
    """
    weight, _ = problem

    pruned = sparsegpt(weight, curvature(torch.zeros(160, 160)), choose)

    assert 24 * 80 == (pruned == 0).sum()
    assert torch.equal(pruned[pruned != 0], weight[pruned != 0])


def test_a_hessian_that_cannot_be_inverted_is_refused():
    """
    The message says where, and what to do.
    """
    with pytest.raises(PruningError, match=r"layer 3, mlp.down_proj: the Hessian .* by 'wanda'"):
        curvature(torch.full((4, 4), torch.nan), "layer 3, mlp.down_proj")


def test_damping_grows_until_the_hessian_can_be_inverted():
    """
    Rounding that makes a Hessian indefinite is met with more damping.
    """
    gram = torch.eye(4)
    gram[0, 1] = gram[1, 0] = 1.05

    curve = curvature(gram.clone())

    inverse = torch.linalg.inv(gram + 0.1 * torch.eye(4))
    torch.testing.assert_close(curve.factor.T @ curve.factor, inverse, rtol=1e-3, atol=1e-4)


# -- a model ---------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "tied"), FOUR)
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize(("method", "rate"), [*PATTERNS, ("unstructured", 0.3)])
def test_zeros_are_where_they_should_be(family, tied, criterion, method, rate):
    """
    In the linear maps as many as the cut says, group by group; elsewhere nothing changes.
    """
    model = make(family, tied)
    cut = cut_of(model, method, rate, criterion)

    pruned = prune(model, cut, tokens=tokens())

    total = 0
    for name, tensor in pruned.named_parameters():
        before = model.get_parameter(name)
        if "_proj.weight" not in name:
            assert torch.equal(before, tensor), name
            continue
        zero = tensor == 0
        total += int(zero.sum())
        if method == "2:4":
            assert (zero.reshape(len(zero), -1, 4).sum(2) == 2).all()
        elif criterion == "wanda":
            assert (zero.sum(1) == group_zeros(zero.shape[1], rate, "wanda")).all()
        if criterion != "sparsegpt":
            assert torch.equal(before[~zero], tensor[~zero])
    assert cut.removed == total


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_rate_of_nothing_changes_no_weight(criterion):
    """
    The whole machinery, and no zero asked for: every tensor is the same to the last bit.
    """
    source = open_module(make())
    cut = replace(cut_of(make(), "unstructured", 0.5, criterion), rate=0.0, removed=0)

    for block in sparser(source, cut, tokens()):
        for name, tensor in block.items():
            assert torch.equal(source.weights[name], tensor)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_model_in_half_precision_stays_in_it(criterion):
    """
    Arithmetic is in float32, weights come back as bfloat16, zeros are counted exactly.
    """
    model = make(dtype=torch.bfloat16)
    cut = cut_of(model, "unstructured", 0.5, criterion)

    pruned = prune(model, cut, tokens=tokens())

    linear = [each for name, each in pruned.named_parameters() if "_proj.weight" in name]
    assert {torch.bfloat16} == {each.dtype for each in pruned.parameters()}
    # Wanda and magnitude see equal weights in bfloat16 often: count, not chance, decides.
    assert cut.removed == sum(int((each == 0).sum()) for each in linear)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_pruning_twice_gives_the_same_twice(criterion):
    """
    The same weights and tokens, the same zeros and the same weights.
    """
    first, second = (
        prune(make(), cut_of(make(), "2:4", None, criterion), tokens=tokens()).state_dict()
        for _ in range(2)
    )

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_chooser_compares_what_the_criterion_compares():
    """
    Wanda compares within a row, magnitude all weights of a matrix.
    """
    model = make()
    scores = torch.arange(64.0).reshape(2, 32)

    row = chooser(cut_of(model, "unstructured", 0.5, "wanda"))(scores)
    all_of_it = chooser(cut_of(model, "unstructured", 0.5, "magnitude"))(scores)

    assert [16, 16] == row.sum(1).tolist()
    assert [32, 0] == all_of_it.sum(1).tolist()
