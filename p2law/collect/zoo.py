"""Models from folders and back: made, loaded, shared out over processes, saved.

A model is a folder with a config.json and safetensors, as Hugging Face writes
them; transformers is the zoo, nothing else of it is used. With several processes
each reads its own part of the weights straight from the files.
"""

import contextlib
import functools
import itertools
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars
from torch import Tensor, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.state_dict import get_model_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_distributed
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.utils.checkpoint import checkpoint
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging as transformers_logging

from p2law.collect.loss import Objective
from p2law.collect.shapes import Shape
from p2law.collect.stored import HEAD
from p2law.collect.team import Team
from p2law.collect.writing import COMPANIONS, write_folder
from p2law.errors import RunError

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the progress bars of transformers away for a while, and leave them as they were."""
    bars: Any = transformers_logging
    if not bars.is_progress_bar_enabled():
        yield
        return
    of_hub_too = not are_progress_bars_disabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        bars.enable_progress_bar()
        if not of_hub_too:
            disable_progress_bars()


def fetch(name: str, revision: str = "") -> Path:
    """Folder of a model of the hub, downloaded as far as it is not here; no other is looked for.

    Raises
    ------
    RunError
        The hub does not have it, or cannot be reached.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for a hub id

    LOG.info("asking the hub for the model %s", name)
    try:
        patterns = ["*.safetensors", "*.json", "tokenizer*", *COMPANIONS]
        found = snapshot_download(name, revision=revision or None, allow_patterns=patterns)
    except (OSError, ValueError) as error:
        raise RunError(f"cannot fetch the model {name!r} from the hub: {error}") from error
    return Path(found)


def make(
    config: Mapping[str, Any], seed: int, folder: Path, companions: Path | None = None
) -> None:
    """Write a model with random weights, the same for the same seed.

    Parameters
    ----------
    config : mapping
        Content of a config.json.
    seed : int
    folder : Path
    companions : Path, optional
        A folder whose tokenizer is copied along.
    """
    settings = dict(config)
    found = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers go on as they were
        torch.default_generator.manual_seed(seed)
        model = _from_config(found)
    save(model, folder, Team(), companions=companions)


def load(folder: Path, dtype: torch.dtype = torch.float32) -> nn.Module:
    """Load a whole model into this process."""
    with _quietly():
        model: nn.Module = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            attn_implementation="sdpa",
        )
    return model


def objective(
    folder: Path,
    teacher: Path | None,
    team: Team,
    *,
    dtype: torch.dtype,
    kd_weight: float = 0.0,
    temperature: float = 1.0,
) -> Objective:
    """Load a model, and a teacher where there is one, ready to be trained by a team.

    Parameters
    ----------
    folder : Path
        The model; its weights are trained in float32.
    teacher : Path or None
    team : Team
    dtype : torch.dtype
        What to compute in.
    kd_weight, temperature : float
        As in `Objective`.

    Returns
    -------
    Objective
    """
    folders = [folder] if teacher is None else [folder, teacher]
    if team.size == 1:
        models = [load(each).to(team.device) for each in folders]
        return Objective(*models, kd_weight=kd_weight, temperature=temperature)
    models = [_empty(each) for each in folders]
    found = Objective(*models, kd_weight=kd_weight, temperature=temperature)
    for model in models:
        for layer in _layers(model):
            _share_out(layer, dtype)
    fully_shard(found)
    found.to_empty(device=team.device)
    for model, each in zip(models, folders, strict=True):
        _fill(model, each)
    return found


def _share_out(layer: Any, dtype: torch.dtype) -> None:
    """Share the linear maps of a layer out over the processes.

    They travel in the dtype that autocast would cast them to: the same products as in
    one process, and half the traffic. Norms and embeddings, which autocast leaves in
    float32, go with the root.
    """
    policy = MixedPrecisionPolicy(dtype, reduce_dtype=torch.float32, cast_forward_inputs=False)
    fully_shard([layer.self_attn, layer.mlp], mp_policy=policy)


def _empty(folder: Path) -> nn.Module:
    """The model of a folder without its weights."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        return _from_config(config)


def _from_config(config: Any) -> nn.Module:
    make: Any = AutoModelForCausalLM.from_config
    model: nn.Module = make(config, dtype=torch.float32, attn_implementation="sdpa")
    return model


def _fill(model: Any, folder: Path) -> None:
    """Read this process's part of the weights, and make anew what no file holds."""
    model.tie_weights()
    rotary = model.model.rotary_emb
    # Its buffers are not saved, so after to_empty they hold garbage.
    model.model.rotary_emb = type(rotary)(config=model.config).to(model.lm_head.weight.device)
    load_distributed(named(model), storage_reader=HuggingFaceStorageReader(str(folder)))


def named(model: Any) -> dict[str, Any]:
    """Weights by name, one that is tied to another left out."""
    state: dict[str, Any] = dict(get_model_state_dict(model))
    if model.config.tie_word_embeddings:
        state.pop(HEAD, None)
    return state


def save(
    model: Any,
    folder: Path,
    team: Team,
    dtype: torch.dtype | None = None,
    companions: Path | None = None,
) -> None:
    """Write a model as an ordinary Hugging Face folder, whole or not at all.

    Parameters
    ----------
    model : Module
        On several processes, all call this; the first writes.
    folder : Path
        Must not exist.
    team : Team
    dtype : torch.dtype, optional
        Of the weights on disk; that of the weights if not given.
    companions : Path, optional
        A folder whose tokenizer is copied along.

    Raises
    ------
    RunError
        The folder holds something, or cannot be written; on all processes.
    """
    blocks, trouble = _by_layer(named(model), team, dtype), ""
    config = model.config.to_dict()
    if dtype is not None:  # readers load in what config.json says, whatever the files hold
        config["dtype"] = str(dtype).removeprefix("torch.")
    if team.leads:
        try:
            write_folder(folder, config, blocks, companions)
        except RunError as error:
            if team.size == 1:
                raise
            trouble = str(error)
    for _ in blocks:  # the others give their parts, also of what cannot be written
        pass
    team.together(trouble)


def _by_layer(
    state: Mapping[str, Any], team: Team, dtype: torch.dtype | None
) -> Iterator[dict[str, Tensor]]:
    """Whole tensors for the first process, nothing for the others, one layer after another.

    No process holds more of the model than its part and one layer: of 70 billion
    parameters, all in one place would be 280 GB.
    """
    for _, names in itertools.groupby(state, key=lambda name: name.split(".")[:3]):
        block = {}
        for name in names:
            whole = _whole(state[name])
            if team.leads:
                block[name] = whole.detach().to("cpu", dtype)
            del whole
        yield block


def _whole(tensor: Any) -> Tensor:
    """A tensor, put together from the parts of all processes where it is shared out."""
    found: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return found


def _layers(model: Any) -> Iterator[nn.Module]:
    yield from model.model.layers


def matrices(shape: Shape) -> list[str]:
    """Names of the weights that sparse methods prune."""
    return [
        f"model.layers.{k}.{name}.weight"
        for k in range(shape.num_hidden_layers)
        for name, _, _ in shape.matrices
    ]


def checkpoint_layers(model: nn.Module) -> None:
    """Keep only the inputs of decoder layers; the backward pass makes the rest anew."""
    for layer in _layers(model):
        # FSDP gathers the weights before the backward pass of a layer, so they are there.
        layer.forward = functools.partial(checkpoint, layer.forward, use_reentrant=False)


def compile_layers(model: nn.Module) -> None:
    """Compile every decoder layer; they are alike, so one compilation serves all."""
    for layer in _layers(model):
        layer.compile()
