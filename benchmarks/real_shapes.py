"""One decoder layer in the real shapes of Llama-3.1-8B and Qwen2.5-7B, pruned in every way.

Random weights, a small vocabulary, few calibration tokens: calibrate, prune from the
folder, write, load with transformers, compare with what the cut promises. Two decoder
layers for depth, so that one can go. Linux only.

    python benchmarks/real_shapes.py [--save FILE]
"""

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keeping
import torch
from calibration_memory import blocks
from options import parser_of
from peak import high_water
from transformers import AutoModelForCausalLM

from p2law.collect.configs import to_config
from p2law.collect.cuts import plan_cut
from p2law.collect.pruning import prune
from p2law.collect.shapes import Shape
from p2law.collect.writing import write_folder

SHAPES = {
    "Llama-3.1-8B": Shape("llama", 4096, 1, 32, 8, 128, 14336, 1024, False, False),  # noqa: FBT003
    "Qwen2.5-7B": Shape("qwen2", 3584, 1, 28, 4, 128, 18944, 1024, False, True),  # noqa: FBT003
}
WAYS = (
    "depth",
    "width",
    "2:4 magnitude",
    "2:4 wanda",
    "2:4 sparsegpt",
    "unstructured magnitude",
    "unstructured wanda",
    "unstructured sparsegpt",
)
SEQUENCES, LENGTH = 4, 256


def child(name: str, way: str) -> None:
    """Print seconds and the largest resident set of one way of pruning one shape, as JSON."""
    method, _, criterion = way.partition(" ")
    shape = replace(SHAPES[name], num_hidden_layers=2) if method == "depth" else SHAPES[name]
    tokens = torch.arange(SEQUENCES * LENGTH).reshape(SEQUENCES, LENGTH) % shape.vocab_size
    rate = {"2:4": None, "depth": 0.5, "width": 0.3, "unstructured": 0.5}[method]
    cut = plan_cut(shape, method, rate, criterion=criterion or "sparsegpt")
    with tempfile.TemporaryDirectory() as folder:
        model, out = Path(folder) / "model", Path(folder) / "out"
        halves = ({k: v.bfloat16() for k, v in block.items()} for block in blocks(shape))
        write_folder(model, to_config(shape, {"hidden_act": "silu", "dtype": "bfloat16"}), halves)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak
        before, start = high_water(), time.perf_counter()
        found = prune(model, cut, tokens=tokens, out=out)
        seconds, peak = time.perf_counter() - start, high_water() - before
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            out, output_loading_info=True, use_safetensors=True, trust_remote_code=False
        )
        again, report = loaded
        fits = again.num_parameters() == cut.after.params and found.removed == cut.removed
        known = not report["missing_keys"] and not report["unexpected_keys"]
        with torch.no_grad():
            finite = bool(again(tokens[:1, :16]).logits.isfinite().all())
    told = {"model": name, "pruned": way, "wall s": seconds, "MiB": peak}
    told |= {"layer MiB": 2 * shape.layer_params / 2**20}  # in bfloat16
    told |= {"rate": found.pruning_rate, "nominal rate": found.nominal_rate}
    print(json.dumps(told | {"as planned": bool(fits and known and finite)}))


def main() -> None:
    """Print one line a shape and way."""
    parser = parser_of(__doc__)
    parser.add_argument("--child", nargs=2, metavar=("SHAPE", "WAY"))
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    if asked.child:
        child(*asked.child)
        return
    rows = []
    for name, shape in SHAPES.items():
        size = 2 * shape.layer_params / 2**20
        print(
            f"{name}: one layer has {shape.layer_params:,} parameters, {size:.0f} MiB in bfloat16"
        )
        for way in WAYS:
            command = [sys.executable, __file__, "--child", name, way]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], flush=True)
    if asked.save:
        keeping.keep(asked.save, {"shapes": rows}, ("torch", "transformers"))


if __name__ == "__main__":
    main()
