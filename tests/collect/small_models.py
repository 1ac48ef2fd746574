"""Small random models of both families for the tests of pruning."""

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from p2law.collect.cuts import plan_cut
from p2law.collect.weights import open_module

FAMILIES = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
FOUR = [(family, tied) for family in FAMILIES for tied in (True, False)]
WAYS = (
    ("depth", 0.25, ""),
    ("width", 0.25, ""),
    ("2:4", None, "sparsegpt"),
    ("unstructured", 0.5, "magnitude"),
    ("unstructured", 0.5, "wanda"),
    ("unstructured", 0.5, "sparsegpt"),
)
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


def make(family="llama", tied=None, *, seed=0, dtype=torch.float32, **changes):
    """A random model of 4 layers; weights are large, so that every part of it matters."""
    settings, model = FAMILIES[family]
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 64,
        "max_position_embeddings": 64,
        "pad_token_id": None,
        "initializer_range": 0.2,
    }
    torch.manual_seed(seed)
    built = model(settings(**sizes | changes, tie_word_embeddings=bool(tied))).eval()
    with torch.no_grad():
        for name, weight in built.named_parameters():
            if "norm" in name or "bias" in name:
                weight.add_(0.2 * torch.randn_like(weight))
    return built.to(dtype)


def tokens(sequences=6, length=16, vocabulary=64):
    """Calibration tokens."""
    rng = torch.Generator().manual_seed(1)
    return torch.randint(0, vocabulary, (sequences, length), generator=rng)


def cut_of(model, method, rate=None, criterion="", **settings):
    """A cut for the shape of a model."""
    shape = open_module(model).shape
    return plan_cut(shape, method, rate, criterion=criterion or "sparsegpt", **settings)


@torch.no_grad()
def logits(model):
    """What a model answers to a text that it was not calibrated on."""
    return model(tokens(2, 20).flip(1)).logits
