"""Peak memory of pruning from a folder, beside its terms and beside loading the model.

Writes a random Llama of which one decoder layer is less than a tenth, then prunes it
in every way, each in a process of its own. What is measured is how much the largest
resident set exceeds that of the same process before (libraries loaded and warm).
Linux only.

    python benchmarks/calibration_memory.py [--save FILE]
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keeping
import torch
from options import parser_of
from peak import high_water
from transformers import AutoModelForCausalLM

from p2law.collect.configs import to_config
from p2law.collect.cuts import plan_cut
from p2law.collect.pruning import prune
from p2law.collect.shapes import Shape
from p2law.collect.stored import sizes
from p2law.collect.writing import write_folder

SHAPE = Shape("llama", 1024, 14, 16, 4, 64, 4096, 8192, tie_word_embeddings=False, qkv_bias=False)
SMALL = Shape("llama", 64, 2, 4, 2, 16, 128, 256, tie_word_embeddings=False, qkv_bias=False)
SEQUENCES, LENGTH = 16, 128
WAYS = ("load", "depth", "width", "2:4 magnitude", "2:4 wanda", "2:4 sparsegpt")
MIB = 2**20


def blocks(shape: Shape) -> Iterator[dict[str, torch.Tensor]]:
    """Random tensors, a layer at a time."""
    rng = torch.Generator().manual_seed(0)
    block: dict[str, torch.Tensor] = {}
    for name, size in sizes(shape).items():
        if block and ("input_layernorm" in name or not name.startswith("model.layers.")):
            yield block
            block = {}
        block[name] = torch.ones(size) if len(size) == 1 else torch.randn(size, generator=rng) / 32
    yield block


def work(way: str, folder: Path, out: Path, shape: Shape) -> None:
    """Load or prune one model."""
    tokens = torch.arange(SEQUENCES * LENGTH).reshape(SEQUENCES, LENGTH) % shape.vocab_size
    if way == "load":
        model = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False
        )
        with torch.no_grad():
            model.model(tokens[:1])
        return
    method, _, criterion = way.partition(" ")
    rate = None if method == "2:4" else 0.5
    cut = plan_cut(shape, method, rate, criterion=criterion or "sparsegpt")
    prune(folder, cut, tokens=tokens, out=out)


def child(way: str, folder: Path) -> None:
    """Print by how much the peak grows, in MiB."""
    with tempfile.TemporaryDirectory() as out:
        work(way, folder / "small", Path(out) / "small", SMALL)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak
        before = high_water()
        work(way, folder / "large", Path(out) / "large", SHAPE)
        print(high_water() - before)


def main() -> None:
    """Print one line a way."""
    parser = parser_of(__doc__)
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FOLDER"))
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    if asked.child:
        child(asked.child[0], Path(asked.child[1]))
        return
    layer, whole = 4 * SHAPE.layer_params / MIB, 4 * SHAPE.params / MIB
    table, hidden = 4 * SHAPE.vocab_size * SHAPE.hidden_size / MIB, 4 * SEQUENCES * LENGTH / MIB
    hidden *= SHAPE.hidden_size
    # The Hessians of one layer, and two more of the widest while it is inverted.
    widest = SHAPE.intermediate_size**2
    hessians = 4 * (2 * SHAPE.hidden_size**2 + 3 * widest + 1024**2) / MIB
    print(f"whole model {whole:.0f} MiB, one layer {layer:.0f} ({layer / whole:.0%}), ", end="")
    print(f"hidden states {hidden:.0f}, embedding {table:.0f}, Hessians {hessians:.0f}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in {"small": SMALL, "large": SHAPE}.items():
            write_folder(Path(folder) / name, to_config(shape), blocks(shape))
        for way in WAYS:
            command = [sys.executable, __file__, "--child", way, folder]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
            rows.append({"pruned": way, "MiB": float(done.stdout)})
            print(f"{way:14s} {rows[-1]['MiB']:6.0f} MiB", flush=True)
    parts = {"whole model": whole, "one layer": layer, "hidden states": hidden}
    parts |= {"embedding": table, "Hessians": hessians}
    if asked.save:
        terms = [{"part": name, "MiB": size} for name, size in parts.items()]
        keeping.keep(asked.save, {"memory": rows, "parts": terms}, ("torch", "transformers"))


if __name__ == "__main__":
    main()
