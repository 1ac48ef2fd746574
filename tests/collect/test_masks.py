"""Pruned weights stay exactly zero while the others learn."""

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from p2law.collect.masks import from_zeros
from p2law.collect.team import Team
from p2law.errors import RunError


@pytest.fixture
def layer():
    """A linear layer, half of it pruned."""
    torch.manual_seed(0)
    made = torch.nn.Linear(8, 4, bias=False)
    with torch.no_grad():
        made.weight[:, ::2] = 0.0
    return made


def train(layer, masks, steps=20):
    """AdamW with weight decay and clipping, as a run does it."""
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        layer(torch.randn(16, 8, generator=generator)).square().sum().backward()
        masks.mask_gradients_()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimizer.step()
        masks.guard_()
        optimizer.zero_grad()


def test_zeros_survive_training_and_nothing_else_does(layer):
    """
    Pruned weights are 0.0 after twenty steps, the others have moved.
    """
    before = layer.weight.detach().clone()
    masks = from_zeros(layer, ["weight"])

    train(layer, masks)

    masks.check(Team())
    assert 0 == int(torch.count_nonzero(layer.weight[:, ::2]))
    assert bool((layer.weight[:, 1::2] != before[:, 1::2]).all())


def test_masking_is_training_a_smaller_layer(layer):
    """
    A masked layer learns what a layer without the pruned columns learns.
    """
    small = torch.nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        small.weight.copy_(layer.weight[:, 1::2])
    optimizer = torch.optim.AdamW(small.parameters(), lr=0.1, weight_decay=0.1)
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        small(torch.randn(16, 8, generator=generator)[:, 1::2]).square().sum().backward()
        torch.nn.utils.clip_grad_norm_(small.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    train(layer, from_zeros(layer, ["weight"]))

    torch.testing.assert_close(small.weight, layer.weight[:, 1::2], rtol=1e-5, atol=1e-6)


def test_weights_that_become_nan_leave_the_zeros_alone(layer):
    """
    A run that diverges has lost its weights, not its zeros.
    """
    masks = from_zeros(layer, ["weight"])
    layer(torch.full((2, 8), float("nan"))).sum().backward()

    masks.mask_gradients_()
    assert 0 == int(torch.count_nonzero(layer.weight.grad[:, ::2]))
    with torch.no_grad():
        layer.weight.fill_(float("nan"))
    masks.guard_()

    masks.check(Team())
    assert 0 == int(torch.count_nonzero(layer.weight[:, ::2]))
    assert bool(layer.weight[:, 1::2].isnan().all())


def test_a_zero_that_becomes_nan_is_named(layer):
    """
    NaN is no zero.
    """
    masks = from_zeros(layer, ["weight"])
    with torch.no_grad():
        layer.weight[0, 0] = float("nan")

    with pytest.raises(RunError, match="1 pruned weights of weight are no longer zero"):
        masks.check(Team())


def test_a_weight_that_strays_is_named(layer):
    """
    The check tells how many weights of which matrix.
    """
    masks = from_zeros(layer, ["weight"])
    with torch.no_grad():
        layer.weight[0, 0] = 1e-30

    with pytest.raises(RunError, match="1 pruned weights of weight are no longer zero"):
        masks.check(Team())


def test_all_processes_learn_of_a_weight_that_one_holds(layer):
    """
    A process whose own part is as it should be raises with the words of another.
    """
    fellow = "3 pruned weights of another are no longer zero"
    team = SimpleNamespace(together=lambda mine: Team().together(mine or fellow))

    with pytest.raises(RunError, match=fellow):
        from_zeros(layer, ["weight"]).check(team)
