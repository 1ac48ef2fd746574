"""Hidden states through one decoder layer after another, and what is seen on the way.

A layer computes what it computes in the whole model, to the last bit: it runs in
transformers' own decoder, of one layer, so masks and rotary positions are its own
too. In memory are one layer and the hidden states of the calibration tokens, which
wait on the CPU while another device computes. One sequence runs at a time: results
do not depend on a batch size.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaModel, Qwen2Config, Qwen2Model

from p2law.collect.stored import EMBEDDING, NORM
from p2law.collect.weights import Source
from p2law.errors import PruningError

Device = str | torch.device

FAMILIES: Mapping[str, tuple[Any, Any]] = {
    "llama": (LlamaConfig, LlamaModel),
    "qwen2": (Qwen2Config, Qwen2Model),
}

ATTENTION_IN, ATTENTION_OUT = "self_attn.q_proj", "self_attn.o_proj"
FFN_IN, FFN_OUT = "mlp.gate_proj", "mlp.down_proj"
"""The linear maps whose inputs are all the inputs there are in a layer."""

SHARED = {
    ATTENTION_IN: (ATTENTION_IN, "self_attn.k_proj", "self_attn.v_proj"),
    ATTENTION_OUT: (ATTENTION_OUT,),
    FFN_IN: (FFN_IN, "mlp.up_proj"),
    FFN_OUT: (FFN_OUT,),
}
"""Which linear maps read the same input."""


class Decoder:
    """A decoder of one layer, whose tensors are those of any layer of a model."""

    def __init__(self, source: Source, device: Device) -> None:
        settings, model = FAMILIES[source.shape.model_type]
        config = copy.deepcopy(settings.from_dict(dict(source.config)))
        config.num_hidden_layers = 1
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:1]
        config._attn_implementation = source.attention  # noqa: SLF001 - as transformers sets it
        with torch.device("meta"):
            self._model: Any = model(config).eval()
        # What does not come from the source: nothing else stays on the meta device.
        self._model.embed_tokens = self._model.norm = nn.Identity()
        rotary = source.rotary or type(self._model.rotary_emb)(config=config)
        self._model.rotary_emb = copy.deepcopy(rotary).to(device)
        self._source, self._device, self._dtype = source, device, source.dtype
        self.index = 0

    @property
    def layer(self) -> nn.Module:
        """The decoder layer that runs now."""
        layer: nn.Module = self._model.layers[0]
        return layer

    def load(self, index: int) -> None:
        """Become another layer of the model; the one before is let go.

        Parameters
        ----------
        index : int
        """
        self.index = index
        tensors = {
            name: tensor.to(self._device, self._dtype) for name, tensor in self._source.layer(index)
        }
        self.layer.load_state_dict(tensors, assign=True)
        self.layer.requires_grad_(requires_grad=False)

    def release(self) -> None:
        """Let the layer go."""
        self.layer.to("meta")

    @torch.no_grad()
    def __call__(self, hidden: Tensor) -> Tensor:
        """Run hidden states (1, length, channels) through the layer, back to where they wait."""
        out = self._model(inputs_embeds=hidden.to(self._device), use_cache=False)
        states: Tensor = out.last_hidden_state.to(hidden.device)
        if not bool(states.isfinite().all()):
            raise PruningError(
                f"hidden states after layer {self.index} are not finite; the model cannot be "
                f"calibrated in {self._dtype} with these weights"
            )
        return states

    def advance(self, hidden: list[Tensor]) -> None:
        """Run all hidden states through the layer, each in place of its own."""
        for number, states in enumerate(hidden):
            hidden[number] = self(states)


def embed(source: Source, tokens: Tensor | None) -> list[Tensor]:
    """Hidden states before the first layer.

    Parameters
    ----------
    source : Source
    tokens : Tensor of int64, (sequences, length)

    Returns
    -------
    list of Tensor, each (1, length, channels), on the CPU

    Raises
    ------
    PruningError
        Tokens of another kind or shape, none at all, or ids outside the vocabulary.
    """
    table = source.weights[EMBEDDING]
    rows = checked_tokens(tokens, source.shape.vocab_size).to(table.device)
    with torch.no_grad():
        return [functional.embedding(each[None], table).cpu() for each in rows]


def checked_tokens(tokens: Tensor | None, vocabulary: int) -> Tensor:
    """The calibration tokens, if a model can read them.

    Parameters
    ----------
    tokens : Tensor of int64, (sequences, length)
    vocabulary : int

    Returns
    -------
    Tensor

    Raises
    ------
    PruningError
        No tokens, of another kind or shape, or ids outside the vocabulary.
    """
    if tokens is None:
        raise PruningError(
            "this method needs calibration tokens: pass tokens, torch.int64 of (sequences, length)"
        )
    if tokens.dtype != torch.int64 or tokens.dim() != 2 or not tokens.numel():
        raise PruningError(
            f"calibration tokens are {tokens.dtype} of {tuple(tokens.shape)}; they must be "
            f"torch.int64 of (sequences, length)"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocabulary:
        raise PruningError(
            f"calibration tokens run from {low} to {high}, but the vocabulary of the model is "
            f"0 to {vocabulary - 1}; take the model's own tokenizer"
        )
    return tokens


def layers(source: Source, device: Device = "cpu") -> Iterator[tuple[int, Decoder]]:
    """Walk through a model's decoder layers, one in memory at a time.

    Parameters
    ----------
    source : Source
    device : str or torch.device

    Yields
    ------
    int, Decoder
        What the caller changes in the layer's tensors counts from then on. Hidden
        states are the caller's to advance.
    """
    decoder = Decoder(source, device)
    for index in range(source.shape.num_hidden_layers):
        decoder.load(index)
        yield index, decoder
        decoder.release()


def final_norm(
    source: Source, hidden: Sequence[Tensor], device: Device = "cpu"
) -> Iterator[Tensor]:
    """What the output layer reads: hidden states behind the last norm.

    Parameters
    ----------
    source : Source
    hidden : sequence of Tensor, each (1, length, channels)
    device : str or torch.device

    Yields
    ------
    Tensor, (1, length, channels)
    """
    settings, model = FAMILIES[source.shape.model_type]
    config = copy.deepcopy(settings.from_dict(dict(source.config)))
    config.num_hidden_layers = 1
    with torch.device("meta"):
        norm: nn.Module = model(config).norm
    weight = source.weights[NORM].to(device, source.dtype)
    norm.load_state_dict({"weight": weight}, assign=True)
    for states in hidden:
        with torch.no_grad():
            yield norm(states.to(device))


# -- what is seen --------------------------------------------------------------------


@contextmanager
def watching(layer: nn.Module, watchers: Mapping[str, Callable[[Tensor], None]]) -> Iterator[None]:
    """Let watchers see what flows into parts of a layer, as rows of channels.

    Parameters
    ----------
    layer : Module
    watchers : mapping from a submodule's name to a callable
        It is given the input as (tokens, channels) in the model's dtype.
    """

    def hook(watch: Callable[[Tensor], None]) -> Callable[..., None]:
        def see(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:  # None: the input stays
            watch(inputs[0].flatten(0, -2))

        return see

    handles = [
        layer.get_submodule(name).register_forward_pre_hook(hook(watch))
        for name, watch in watchers.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Mean:
    """The mean of a statistic over all tokens seen, channel by channel.

    Parameters
    ----------
    statistic : callable
        From rows (tokens, channels) in float32 to one row of values a token.
    """

    def __init__(self, statistic: Callable[[Tensor], Tensor]) -> None:
        self._statistic = statistic
        self._sum: Tensor | None = None
        self._count = 0

    def __call__(self, rows: Tensor) -> None:
        """Take rows (tokens, channels) in."""
        new = self._statistic(rows.float()).double().sum(0)
        self._sum = new if self._sum is None else self._sum + new
        self._count += len(rows)

    @property
    def value(self) -> Tensor:
        """The mean, float64, on the CPU."""
        if self._sum is None:
            raise PruningError("nothing was seen yet; run tokens through the layer first")
        return (self._sum / self._count).cpu()


class Gram:
    """Twice the products of every two channels, summed over a sequence, averaged over sequences.

    (channels, channels), float32. Factors do not matter, but this order of operations
    is llm-compressor's, so that nearly equal scores of weights fall the same way.
    """

    def __init__(self) -> None:
        self._mean: Tensor | None = None
        self._count = 0

    def __call__(self, rows: Tensor) -> None:
        """Take the rows (tokens, channels) of a sequence in."""
        if self._mean is None:
            self._mean = torch.zeros(rows.shape[1], rows.shape[1], device=rows.device)
        self._mean *= self._count / (self._count + 1)
        self._count += 1
        scaled = math.sqrt(2 / self._count) * rows.float()
        self._mean += scaled.T @ scaled

    def take(self) -> Tensor:
        """The mean; given away, since it is large."""
        if self._mean is None:
            raise PruningError("nothing was seen yet; run tokens through the layer first")
        out, self._mean = self._mean, None
        return out
