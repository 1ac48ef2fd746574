"""A shape from a model's config.json and back; what cannot be handled is refused here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p2law.collect.shapes import SIZES, Shape
from p2law.errors import ModelError
from p2law.files.textfiles import text_of

ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}

LARGEST = 10_000_000
"""The largest size that is taken for one: vocabularies reach a million."""


def from_config(config: Mapping[str, Any], where: str = "") -> Shape:
    """Read a shape from the content of a config.json.

    Parameters
    ----------
    config : mapping
        As Hugging Face writes it; a missing `head_dim` is hidden size / heads,
        missing `num_key_value_heads` of a Llama are as many as heads.
    where : str
        Put before every message, for instance ``"Llama-3.2-1B/config.json"``.

    Returns
    -------
    Shape

    Raises
    ------
    ModelError
        Another architecture, biases or attention that are not handled, sizes that
        are missing or do not fit together.
    """
    at = f"{where}: " if where else ""
    _check_architecture(config, at)
    sizes = {key: _size(config, key, at) for key in SIZES if key in _required(config)}
    sizes.setdefault("num_key_value_heads", sizes["num_attention_heads"])
    if "head_dim" not in sizes:
        _check_divides(sizes, "hidden_size", "num_attention_heads", at)
        sizes["head_dim"] = sizes["hidden_size"] // sizes["num_attention_heads"]
    _check_sizes(sizes, config["model_type"], at)
    return Shape(
        model_type=config["model_type"],
        **sizes,
        tie_word_embeddings=_flag(config, "tie_word_embeddings", at),
        qkv_bias=config["model_type"] == "qwen2",
    )


def read_config(folder_or_file: Path) -> dict[str, Any]:
    """Read the config.json of a model.

    Parameters
    ----------
    folder_or_file : Path
        A model's folder, or the file itself.

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        There is no such file, or it holds no JSON object.
    """
    given = Path(folder_or_file)
    path = given
    try:
        path = given / "config.json" if given.is_dir() else given
        config = json.loads(text_of(path))
    except FileNotFoundError:
        raise ModelError(
            f"{path}: no such file; a model is a folder with config.json and safetensors"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} holds a {type(config).__name__}, not the object of a config.json")
    return config


def to_config(shape: Shape, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Content of config.json for a shape.

    `head_dim` is always written: Qwen2's files do without it, and what their
    readers then derive from other sizes is wrong after pruning.

    Parameters
    ----------
    shape : Shape
    base : mapping, optional
        Content of the config.json of the model that was cut. Everything that is no
        size is kept: rotary settings, norms, special tokens, dtype.

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        `base` is of another model type than the shape.
    """
    config = dict(base or {"hidden_act": "silu"})
    if config.setdefault("model_type", shape.model_type) != shape.model_type:
        raise ModelError(
            f"a {shape.model_type} shape cannot be written into the config.json of a "
            f"{config['model_type']}"
        )
    config["architectures"] = [ARCHITECTURES[shape.model_type]]
    config.update({key: getattr(shape, key) for key in SIZES})
    config["tie_word_embeddings"] = shape.tie_word_embeddings
    if "layer_types" in config:
        config["layer_types"] = ["full_attention"] * shape.num_hidden_layers
    if "max_window_layers" in config:
        config["max_window_layers"] = min(config["max_window_layers"], shape.num_hidden_layers)
    return config


# -- what is refused -----------------------------------------------------------------


def _required(config: Mapping[str, Any]) -> set[str]:
    """Sizes that must be read, because they are given or have no meaning when missing."""
    optional = {"head_dim"} | (
        {"num_key_value_heads"} if config["model_type"] == "llama" else set()
    )
    return {key for key in SIZES if key not in optional or config.get(key) is not None}


def _check_architecture(config: Mapping[str, Any], at: str) -> None:
    kind = config.get("model_type")
    if kind not in [*ARCHITECTURES]:
        raise ModelError(
            f"{at}model_type is {kind!r}; only 'llama' (Llama 3) and 'qwen2' (Qwen 2.5) "
            f"models can be pruned and trained here"
        )
    for key in ("attention_bias", "mlp_bias", "use_sliding_window"):
        if config.get(key):
            raise ModelError(f"{at}{key} is {config[key]!r}; only models without it are handled")
    if config.get("attention_dropout"):
        raise ModelError(
            f"{at}attention_dropout is {config['attention_dropout']!r}; chance in the forward pass "
            f"would make losses that cannot be repeated: set it to 0.0"
        )
    if "sliding_attention" in (config.get("layer_types") or ()):
        raise ModelError(f"{at}layer_types has 'sliding_attention'; only full attention is handled")
    if config.get("quantization_config"):
        raise ModelError(f"{at}the weights are quantized; take the model in bfloat16 or float32")
    if config.get("hidden_act", "silu") != "silu":
        raise ModelError(f"{at}hidden_act is {config['hidden_act']!r}; only 'silu' is handled")


def _size(config: Mapping[str, Any], key: str, at: str) -> int:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        got = "missing" if key not in config else repr(value)
        raise ModelError(f"{at}{key} is {got}; it must be a whole number above 0")
    if value > LARGEST:
        raise ModelError(f"{at}{key} is {value:,}; no model has more than {LARGEST:,}")
    return value


def _flag(config: Mapping[str, Any], key: str, at: str) -> bool:
    value = config.get(key, False)
    if not isinstance(value, bool):
        raise ModelError(f"{at}{key} is {value!r}; it must be true or false")
    return value


def _check_sizes(sizes: Mapping[str, int], model_type: str, at: str) -> None:
    _check_divides(sizes, "num_attention_heads", "num_key_value_heads", at)
    if model_type == "llama":  # transformers refuses other Llamas, whatever head_dim says
        _check_divides(sizes, "hidden_size", "num_attention_heads", at)
    if sizes["head_dim"] % 2:
        raise ModelError(
            f"{at}head_dim is {sizes['head_dim']}; rotary positions need an even number"
        )


def _check_divides(sizes: Mapping[str, int], whole: str, part: str, at: str) -> None:
    if sizes[whole] % sizes[part]:
        raise ModelError(
            f"{at}{whole} {sizes[whole]} is not a multiple of {part} {sizes[part]}; "
            f"change one of them"
        )
