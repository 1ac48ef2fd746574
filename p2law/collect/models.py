"""The models of a sweep file: those that exist, those that are made, and what must fit them."""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from p2law.collect.configs import from_config, read_config
from p2law.collect.reading import read_training
from p2law.collect.settings import Beta, Model, Positive, Sweep, Training
from p2law.collect.shapes import SIZES
from p2law.collect.stored import has_weights, locate
from p2law.collect.tables import KeyPath, build, check_keys, convert, nearest, said
from p2law.errors import ModelError
from p2law.files.textfiles import text_of

HUB_ID = re.compile(r"^\w[\w.-]*/[\w.-]+$")
BYTES = 256
"""Ids of the tokenizer "bytes"."""

_USUAL = (
    *SIZES,
    "model_type",
    "architectures",
    "transformers_version",
    "torch_dtype",
    "dtype",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "rms_norm_eps",
    "use_cache",
    "tie_word_embeddings",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "attention_dropout",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
_WINDOWS = ("use_sliding_window", "sliding_window", "max_window_layers", "layer_types")
KEYS = {
    "llama": (*_USUAL, "pretraining_tp", "attention_bias", "mlp_bias"),
    "qwen2": (*_USUAL, *_WINDOWS),
}
"""Keys of a config.json that mean something; transformers takes any other without a word."""

NUMBERS = {
    "rope_theta": Positive,
    "rms_norm_eps": Positive,
    "initializer_range": Positive,
    "attention_dropout": Beta,
}
"""Where those may lie that are no sizes."""

POSITIONS = {"llama": 2048, "qwen2": 32768}
"""What transformers takes for `max_position_embeddings` where a config.json has none."""


def read_model(table: Any, at: KeyPath, sweep: Sweep, training: Mapping[str, Any]) -> Model:
    """Read one model, with its own complete training.

    Parameters
    ----------
    table : mapping
        As it stands in the file.
    at : KeyPath
    sweep : Sweep
        All but its models.
    training : mapping
        The tables ``dense`` and ``post_training`` as they stand in the file, which the
        model may change in part.

    Returns
    -------
    Model

    Raises
    ------
    SweepFileError
        Keys that do not go together, or a model that cannot be used, as far as files tell.
    """
    check_keys(table, [each.name for each in fields(Model) if each.name != "folder"], at)
    changes = {key: table[key] for key in ("dense", "post_training") if key in table}
    rest = {key: value for key, value in table.items() if key not in changes}
    model = build(Model, rest, at, folder=None, dense=None, post_training=None)
    if bool(model.shape) == bool(model.source):
        raise at.error("must have either a source (it exists) or a shape (it is trained first)")
    own = {key: getattr(sweep, key) for key in ("dense", "post_training")}
    for key, table_of in changes.items():
        if key not in training:
            raise at.key(key).error(f"changes [{key}], which is missing; write it first")
        own[key] = training_of(sweep, training[key], table_of, at.key(key))
    if model.source:
        model = _existing(model, table, at, sweep)
        own["dense"] = None
    else:
        model = _to_be_made(model, at, sweep, own["dense"])
    model = replace(model, tokenizer=model.tokenizer or sweep.tokenizer or model.source, **own)
    _check_usable(model, at, sweep)
    return model


def training_of(sweep: Sweep, base: Any, changes: Any, at: KeyPath) -> Training:
    """Read a training with what one model changes in it, and see that the sweep can do it.

    Parameters
    ----------
    sweep : Sweep
        All but its models and trainings.
    base, changes : mapping
        As they stand in the file.
    at : KeyPath
        Of the changes, or of the base where there are none.

    Returns
    -------
    Training

    Raises
    ------
    SweepFileError
    """
    training = read_training(base, changes, at, sweep.sequence)
    if training.corpus not in sweep.corpora:
        raise at.key("corpus").error(
            f"is {training.corpus!r}, which is no corpus; {nearest(training.corpus, sweep.corpora)}"
        )
    if at.path.endswith("dense") and training.objective == "kd":
        raise at.key("objective").error("is 'kd', but a dense model has no teacher; use 'ce'")
    windows = training.batch_tokens // sweep.sequence
    if windows % sweep.execution.processes:
        raise at.key("batch_tokens").error(
            f"is {windows} windows, which {sweep.execution.processes} processes "
            f"(execution.processes) cannot share evenly"
        )
    return training


def _existing(model: Model, table: Mapping[str, Any], at: KeyPath, sweep: Sweep) -> Model:
    for key in ("dense", "seed"):
        if key in table:
            raise at.key(key).error("goes with a shape; a model with a source is trained already")
    folder = _local(model.source, at.key("source"), sweep)
    if folder and model.revision:
        raise at.key("revision").error("goes with a hub id, and the source is a folder")
    return replace(model, folder=folder)


def _to_be_made(model: Model, at: KeyPath, sweep: Sweep, dense: Training | None) -> Model:
    if model.revision:
        raise at.key("revision").error("goes with a source, and this model has a shape")
    if dense is None:
        raise KeyPath(at.file, "dense").error(
            f"is missing; {model.name!r} has a shape, so say how it is trained"
        )
    if not (model.tokenizer or sweep.tokenizer):
        raise KeyPath(at.file, "tokenizer").error(
            f'is missing; {model.name!r} has a shape and needs one, such as "bytes"'
        )
    first = sweep.seeds[0] if sweep.seeds else 0
    return replace(model, seed=first if model.seed is None else model.seed)


def _local(source: str, at: KeyPath, sweep: Sweep) -> Path | None:
    """The folder that a source stands for, or None for a hub id."""
    try:
        if (sweep.folder / source).is_dir():
            return sweep.folder / source
    except OSError as error:  # a name longer than any, or a folder that may not be looked into
        raise at.error(f"is {said(source)}; it cannot be looked up: {error.strerror}") from error
    if HUB_ID.match(source):
        return None
    raise at.error(
        f"is {source!r}; it is neither a folder in {sweep.folder} nor a hub id (OWNER/NAME)"
    )


def _check_usable(model: Model, at: KeyPath, sweep: Sweep) -> None:
    """Refuse shapes that are none and what does not fit them, as far as files tell."""
    if model.tokenizer != "bytes":
        _local(model.tokenizer, at.key("tokenizer"), sweep)
    where = at.key("shape" if model.shape else "source")
    try:
        config = model.config or (read_config(model.folder) if model.folder else None)
        if config is None:
            return
        if model.shape and config.get("model_type") in [*KEYS]:  # a list: what is there may be any
            _check_shape(config, where)
        shape = from_config(config)
        check_fits(model, config, sweep)
        if model.folder and has_weights(model.folder):
            locate(model.folder, shape)
    except (ModelError, OSError) as error:
        raise where.error(f"cannot be used: {error}") from error


def _check_shape(config: Mapping[str, Any], at: KeyPath) -> None:
    """Refuse what transformers would take without a word."""
    check_keys(config, KEYS[config["model_type"]], at)
    for key, kind in NUMBERS.items():
        if key in config:
            convert(config[key], kind, at.key(key))


def check_fits(model: Model, config: Mapping[str, Any], sweep: Sweep) -> None:
    """Refuse a tokenizer with too many ids or no eos token, and windows longer than positions.

    Parameters
    ----------
    model : Model
    config : mapping
        Content of its config.json, from which a shape can be read.
    sweep : Sweep
        A tokenizer of the hub is not looked at.

    Raises
    ------
    ModelError
        It does not fit, or the tokenizer's file cannot be read.
    """
    most = config.get("max_position_embeddings") or POSITIONS[config["model_type"]]
    if not isinstance(most, int) or most < sweep.sequence:
        raise ModelError(
            f"max_position_embeddings is {most!r}; it must be a number of tokens, no less than "
            f"sequence = {sweep.sequence}: take shorter windows or a model made for longer ones"
        )
    path = sweep.folder / model.tokenizer / "tokenizer.json"
    if model.tokenizer == "bytes":
        ids = BYTES
    elif path.parent.is_dir():
        ids = _ids(path)
    else:
        return
    if ids > config["vocab_size"]:
        raise ModelError(
            f"the tokenizer {model.tokenizer!r} has {ids} ids, and vocab_size is only "
            f"{config['vocab_size']}; take the model's own tokenizer or a larger vocabulary"
        )
    if model.tokenizer != "bytes" and not _ends(path.parent):
        raise ModelError(
            f"the tokenizer {model.tokenizer!r} has no eos token to put between documents; name "
            f'one as "eos_token" in {path.with_name("tokenizer_config.json")}'
        )


def _ends(folder: Path) -> bool:
    """Whether a tokenizer has an eos token, by name or because all of its class have one."""
    settings, more = (
        _settings(folder / f"{name}.json") for name in ("tokenizer_config", "special_tokens_map")
    )
    if settings.get("eos_token") or more.get("eos_token"):
        return True
    of_model = _OWN_CLASS.get(_settings(folder / "config.json").get("model_type", ""), "")
    named = settings.get("tokenizer_class") or of_model
    return "eos_token" not in settings and named not in _PLAIN_CLASSES


_OWN_CLASS = {"qwen2": "Qwen2Tokenizer"}
_PLAIN_CLASSES = ("", "PreTrainedTokenizerFast", "TokenizersBackend")
"""Classes of transformers that have no special tokens but those that are named."""


def _settings(path: Path) -> Mapping[str, Any]:
    """Content of a JSON file, nothing where there is none."""
    try:
        return dict(json.loads(text_of(path)))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} cannot be read: {error}; put it back as it was") from error


def _ids(path: Path) -> int:
    """How many ids a tokenizer.json may give: one more than the largest."""
    try:
        content = json.loads(text_of(path))
        known = content["model"]["vocab"]
        ids = list(known.values()) if isinstance(known, dict) else list(range(len(known)))
        return 1 + max(ids + [each["id"] for each in content.get("added_tokens") or ()])
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; a tokenizer's folder must hold one") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is no tokenizer that can be read: {error!r}") from error
