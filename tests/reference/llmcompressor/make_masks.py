"""Make masks.npz: where llm-compressor puts its zeros in two tiny models.

Run in an environment of its own, since llm-compressor pins transformers:

    pip install "llmcompressor==0.14.*" "torch==2.13.0"
    python tests/reference/llmcompressor/make_masks.py

Settings: every Linear but lm_head, 16 sequences of 32 tokens one at a time, float32
on one CPU thread, SparseGPT with blocks of 128 columns and 1 % damping, layers in
order with pruned inputs (the sequential pipeline).
"""

import importlib.metadata
import tempfile
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
from tiny_models import LENGTH, SEQUENCES, build, tokens
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
WAYS = {
    "sparsegpt_2:4": (SparseGPTModifier, {"mask_structure": "2:4"}),
    "sparsegpt_0.5": (SparseGPTModifier, {}),
    "wanda_2:4": (WandaPruningModifier, {"mask_structure": "2:4"}),
    "wanda_0.5": (WandaPruningModifier, {}),
}


def pruned(family, modifier, settings):
    """The tiny model after llm-compressor."""
    with tempfile.TemporaryDirectory() as folder:  # it insists on a path that has a config
        build(family).save_pretrained(folder)
        return _pruned(AutoModelForCausalLM.from_pretrained(folder), modifier, settings)


def _pruned(model, modifier, settings):
    rows = tokens().tolist()
    data = Dataset.from_dict({"input_ids": rows, "attention_mask": [[1] * LENGTH] * SEQUENCES})
    if modifier is SparseGPTModifier:
        settings = settings | {"block_size": 128, "dampening_frac": 0.01}
    oneshot(
        model=model,
        dataset=data,
        processor=PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel({"0": 0}, "0"))),
        recipe=modifier(sparsity=0.5, targets=["Linear"], ignore=["re:.*lm_head"], **settings),
        num_calibration_samples=SEQUENCES,
        max_seq_length=LENGTH,
        shuffle_calibration_samples=False,
        pipeline="sequential",
    )
    return model


def main():
    """Write the masks, packed to bits."""
    torch.set_num_threads(1)
    packages = ("llmcompressor", "torch", "transformers")
    out = {"versions": np.array([f"{p} {importlib.metadata.version(p)}" for p in packages])}
    for family in ("llama", "qwen2"):
        for way, (modifier, settings) in WAYS.items():
            for name, weight in pruned(family, modifier, settings).named_parameters():
                if "_proj.weight" in name:
                    zero = (weight == 0).numpy()
                    out[f"{family}/{way}/{name}"] = np.packbits(zero)
    np.savez_compressed(HERE / "masks.npz", **out)


if __name__ == "__main__":
    main()
