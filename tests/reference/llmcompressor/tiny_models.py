"""Two tiny models and their calibration tokens, the same on every machine.

Weights come from numpy's legacy generator, whose numbers never change, so that only
masks need to be stored. The seed is one of those for which masks do not depend on the
order of the calibration sequences: no two scores are so close that rounding decides.
"""

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

SIZES = {
    "hidden_size": 128,  # one block of columns for SparseGPT
    "intermediate_size": 192,  # one and a half
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 64,
    "max_position_embeddings": 64,
}
SEQUENCES, LENGTH = 16, 32
SEED = 705


def build(family):
    """An untied Llama or a tied Qwen2, with one FFN neuron that never fires."""
    config, model = {
        "llama": (LlamaConfig(**SIZES, tie_word_embeddings=False), LlamaForCausalLM),
        "qwen2": (Qwen2Config(**SIZES, tie_word_embeddings=True), Qwen2ForCausalLM),
    }[family]
    built = model(config).eval()
    rng = np.random.RandomState(SEED)
    with torch.no_grad():
        for name, weight in sorted(built.named_parameters()):
            around = 1.0 if "norm" in name else 0.0
            numbers = around + 0.2 * rng.standard_normal(tuple(weight.shape))
            weight.copy_(torch.from_numpy(numbers.astype(np.float32)))
        built.model.layers[0].mlp.up_proj.weight[7] = 0.0
    return built


def tokens():
    """Calibration tokens, (sequences, length)."""
    rng = np.random.RandomState(SEED + 1)
    return torch.from_numpy(rng.randint(0, SIZES["vocab_size"], (SEQUENCES, LENGTH)))
