"""The right weights of a model become zero, and nothing else changes by accident."""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import FOUR, cut_of, make, tokens

from p2law.collect.cuts import CRITERIA, group_zeros
from p2law.collect.pruning import prune
from p2law.collect.sparse import sparser
from p2law.collect.weights import open_module

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
