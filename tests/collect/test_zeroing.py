"""The right weights of a matrix become zero, in the right number; SparseGPT changes the others."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_models import cut_of, make

from p2law.collect.zeroing import (
    chooser,
    curvature,
    lowest_of_all,
    lowest_of_each_row,
    magnitude,
    sparsegpt,
    two_in_four,
    wanda,
)
from p2law.errors import PruningError

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
