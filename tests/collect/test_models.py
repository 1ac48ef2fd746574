"""What fits a model: the keys of its config.json, the length of its windows."""

import dataclasses
import json
from pathlib import Path

import pytest

from p2law.collect.models import KEYS, POSITIONS

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.json"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_public_config_can_be_given_as_a_shape(path):
    """
    Every key that stands in it is known.
    """
    config = json.loads(path.read_text())

    assert set(config) <= set(KEYS[config["model_type"]])


@pytest.mark.parametrize("kind", KEYS)
def test_known_keys_are_those_of_the_config_class(kind):
    """
    Keys that are not its fields are the old names of fields, or in all files.
    """
    transformers = pytest.importorskip("transformers")
    made = type(transformers.AutoConfig.for_model(kind))
    fields = {each.name for each in dataclasses.fields(made)}
    old = {"torch_dtype", "rope_theta", "rope_scaling"}

    assert {"model_type", "head_dim", *old} >= set(KEYS[kind]) - fields
    assert made().max_position_embeddings == POSITIONS[kind]
