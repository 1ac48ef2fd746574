"""What the training loop of collect costs beside a bare loop on the same model.

The bare loop has no line of p2law in it: transformers' own forward, torch's cross
entropy of its logits, backward, clip, AdamW, and fresh windows from the same token
file. Beside it runs the whole loop of a run as `p2law collect run` does it, first
without measurements and checkpoints, then with both. All take turns in one process,
so that a machine that slows down slows all. On a GPU: 100M and 1B Llama shapes in
bfloat16, compiled and not, with the share of the peak that is reached.

    python benchmarks/loop.py [--own-seconds] [--save FILE]
    python benchmarks/loop.py --device cuda --peak-flops 989e12
"""

import argparse
import dataclasses
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keeping
import numpy as np
import torch
from options import parser_of
from torch.nn import functional
from transformers import AutoModelForCausalLM

from p2law.collect import jobs, prepare, spec
from p2law.collect.checkpoint import Checkpoints
from p2law.collect.configs import to_config
from p2law.collect.place import Place
from p2law.collect.shapes import Shape
from p2law.collect.team import Team
from p2law.collect.train import Progress, Task, train

TEXT = Path(__file__).parents[1] / "examples" / "text"
CPU = {  # with windows of a batch, windows of a forward pass, and batches
    "0.25M": (Shape("llama", 48, 8, 4, 2, 16, 128, 256, False, False), 32, 16, 8),  # noqa: FBT003
    "3M": (Shape("llama", 192, 8, 6, 2, 32, 512, 256, False, False), 16, 8, 6),  # noqa: FBT003
}
GPU = {
    "100M": Shape("llama", 768, 12, 12, 4, 64, 2048, 32_000, False, False),  # noqa: FBT003
    "1B": Shape("llama", 2048, 16, 32, 8, 64, 8192, 32_000, False, False),  # noqa: FBT003
}
SWEEP = """
name = "loop"
tokenizer = "bytes"
sequence = {sequence}
[corpora.text]
files = ["{text}/treasure_island_one.txt"]
[[evaluations]]
name = "held out"
files = ["{text}/treasure_island_three.txt"]
tokens = {held_out}
[[models]]
name = "model"
[models.shape]
{shape}
[dense]
corpus = "text"
tokens = {tokens}
batch_tokens = {batch}
learning_rate = 1e-3
weight_decay = {decay}
clip = {clip}
dtype = "{dtype}"
measure = [{half}]
[execution]
micro_batch = {micro}
compile = {compiled}
"""
DECAY, CLIP = 0.1, 1.0


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is trained: `steps` batches of `windows` windows, `micro` at a time."""

    shape: Shape
    sequence: int
    windows: int
    micro: int
    steps: int
    dtype: str
    compiled: bool = False

    @property
    def tokens(self) -> int:
        """Tokens that are timed."""
        return self.steps * self.windows * self.sequence


def wait() -> None:
    """Let the GPU finish."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


# -- the bare loop -------------------------------------------------------------------


def batches(path: Path, setting: Setting, device: torch.device) -> Iterator[list[torch.Tensor]]:
    """Fresh windows, a micro-batch at a time, from a file of uint32 tokens."""
    flat, length = np.memmap(path, dtype="<u4", mode="r"), setting.sequence + 1
    rng = np.random.default_rng(0)
    while True:
        starts = rng.integers(0, len(flat) - length, setting.windows)
        rows = np.stack([flat[each : each + length] for each in starts]).astype(np.int64)
        windows: Any = torch.from_numpy(rows).to(device)
        yield list(windows.split(setting.micro))


def bare(folder: Path, tokens: Path, setting: Setting, device: torch.device) -> Callable[[], None]:
    """Make ready as many steps of forward, backward, clip, step as the other loop takes."""
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    model.to(device)
    weights, parts = list(model.parameters()), batches(tokens, setting, device)
    optimizer = torch.optim.AdamW(weights, 1e-3, (0.9, 0.95), weight_decay=DECAY, fused=True)
    half = torch.autocast(device.type, torch.bfloat16, enabled=setting.dtype == "bfloat16")
    for layer in model.model.layers if setting.compiled else ():
        layer.compile()
    model.train()

    def steps() -> None:
        for _ in range(setting.steps):
            for part in next(parts):
                with half:
                    logits = model(input_ids=part[:, :-1], use_cache=False).logits
                found, true = logits.float().flatten(0, 1), part[:, 1:].flatten()
                loss: Any = functional.cross_entropy(found, true)
                (loss * len(part) / setting.windows).backward()
            torch.nn.utils.clip_grad_norm_(weights, CLIP)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return steps


# -- the loop of a run ---------------------------------------------------------------


def prepared(folder: Path, setting: Setting, team: Team) -> tuple[Task, Place]:
    """The task of a run, as a sweep file makes it."""
    batch = setting.windows * setting.sequence
    text = SWEEP.format(
        text=TEXT,
        sequence=setting.sequence,
        held_out=8 * setting.sequence,
        shape="\n".join(f"{k} = {json.dumps(v)}" for k, v in to_config(setting.shape).items()),
        tokens=setting.tokens + batch,
        batch=batch,
        half=(setting.steps // 2 + 1) * batch,
        decay=DECAY,
        clip=CLIP,
        dtype=setting.dtype,
        micro=setting.micro,
        compiled=str(setting.compiled).lower(),
    )
    (folder / "sweep.toml").write_text(text, encoding="utf-8")
    sweep = spec.read(folder / "sweep.toml")
    (run,) = jobs.expand(sweep)
    place = Place(folder / "out", run.id)
    place.folder.mkdir(parents=True)
    corpus, ruler = prepare.texts(run, sweep, place, team)
    prepare.start(run, sweep, place, team)
    return prepare.task(run, sweep, place, corpus, ruler), place


def ours(task: Task, place: Place | None = None) -> Callable[[], None]:
    """The whole loop; where there is a place, with measurements and a checkpoint half way."""
    if place is None:
        task = dataclasses.replace(task, ruler=dataclasses.replace(task.ruler, texts={}))
        return lambda: _run(task, lambda _: None)
    checkpoints = Checkpoints(place.folder / "checkpoints", task.ruler.team)
    batch, model = task.training.batch_tokens, task.objective.model

    def keep(progress: Progress) -> None:
        if progress.tokens == task.training.counts()[1]:
            checkpoints.save(model, task.optimizer, dataclasses.asdict(progress))

    def steps() -> None:
        shutil.rmtree(place.folder / "checkpoints", ignore_errors=True)
        _run(dataclasses.replace(task, checkpoint_minutes=0.0), keep)

    assert task.training.counts()[1] > batch  # noqa: S101 - the first batch is not timed
    return steps


def _run(task: Task, keep: Callable[[Progress], None]) -> None:
    for _ in train(task, Progress(tokens=task.training.batch_tokens), keep):
        pass


# -- side by side --------------------------------------------------------------------


def seconds(loop: Callable[[], None], clock: Callable[[], float]) -> float:
    """Time one turn."""
    wait()
    begin = clock()
    loop()
    wait()
    return clock() - begin


def compare(
    name: str, setting: Setting, team: Team, asked: argparse.Namespace
) -> list[dict[str, object]]:
    """Print tokens per second of each loop, and what they are of the bare one's."""
    with tempfile.TemporaryDirectory() as made:
        task, place = prepared(Path(made), setting, team)
        loops = {
            "bare loop": bare(place.start, task.corpus.path, setting, team.device),
            "loop of collect": ours(task),
            "with 2 measurements, 1 checkpoint": ours(task, place),
        }
        for loop in loops.values():
            loop()
        clock = time.process_time if asked.own_seconds else time.perf_counter
        turns = [
            {said: seconds(loop, clock) for said, loop in loops.items()}
            for _ in range(asked.repeats)
        ]
    print(f"{name}: {setting.steps} steps of {setting.windows} x {setting.sequence} tokens")
    rows = []
    for said in loops:
        taken = statistics.median(turn[said] for turn in turns)
        ratio = statistics.median(turn["bare loop"] / turn[said] for turn in turns)
        speed = setting.tokens / taken
        flops = setting.shape.flops_per_token(setting.sequence)
        peak = asked.peak_flops
        share = f", {speed * flops / peak:.1%} of the peak" if peak else ""
        print(f"  {said:34s} {speed:9,.0f} tokens/s, {ratio:6.1%} of the bare loop{share}")
        kind = "CPU" if asked.own_seconds else "wall"
        row: dict[str, object] = {"model": name, "loop": said, "seconds": kind}
        rows.append(row | {"tokens/s": speed, "of the bare loop": ratio})
    return rows


def main() -> None:
    """Print a block a model."""
    parser = parser_of(__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--peak-flops", type=float)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--own-seconds",
        action="store_true",
        help="count this process's seconds on the CPU, not the wall's: beside other work",
    )
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    team = Team(device=torch.device(asked.device))
    rows = []
    if asked.device == "cpu":
        torch.set_num_threads(1)
        for name, (shape, windows, micro, steps) in CPU.items():
            setting = Setting(shape, 128, windows, micro, steps, "float32")
            rows += compare(name, setting, team, asked)
    for name, shape in GPU.items() if asked.device != "cpu" else ():
        for compiled in (False, True):
            setting = Setting(shape, 2048, 32, 8, 8, "bfloat16", compiled)
            said = f"{name}, bfloat16{', compiled' * compiled}"
            rows += compare(said, setting, team, asked)
    if asked.save:
        keeping.keep(asked.save, {"loop": rows}, ("torch", "transformers"))


if __name__ == "__main__":
    main()
