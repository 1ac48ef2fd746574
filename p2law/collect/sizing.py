"""Sizes of a model before any weight is there: from its shape, its folder or the hub."""

import functools
import logging
from pathlib import Path
from typing import Any

from p2law.collect.configs import from_config, read_config
from p2law.collect.settings import Model
from p2law.collect.shapes import Shape
from p2law.errors import MissingExtraError, ModelError

LOG = logging.getLogger(__name__)


def shape_of(model: Model) -> Shape:
    """Sizes of a model: from its shape, its folder, or the hub.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Shape

    Raises
    ------
    ModelError
        There is no config.json, or none that can be used.
    MissingExtraError
        A model of the hub, and huggingface_hub is not installed.
    """
    if model.shape:
        return from_config(model.shape, model.name)
    return from_config(config_of(model), model.name)


def config_of(model: Model) -> dict[str, Any]:
    """Content of a model's config.json; of a hub model this one file is fetched.

    Parameters
    ----------
    model : Model

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        There is none.
    MissingExtraError
        A model of the hub, and huggingface_hub is not installed.
    """
    if model.shape:
        return model.config
    return read_config(model.folder or _fetched(model.source, model.revision))


@functools.lru_cache(maxsize=64)
def _fetched(name: str, revision: str) -> Path:
    """The config.json of a hub model, alone."""
    try:
        import huggingface_hub  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "collect", f"reading {name}") from error
    LOG.info("asking the hub for the config.json of %s", name)
    try:
        found = huggingface_hub.hf_hub_download(name, "config.json", revision=revision or None)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the config.json of {name} cannot be fetched from the hub ({error}); "
            f"give a local folder, or see that the id, the access and the network are right"
        ) from error
    return Path(found)
