"""What the training loop of collect costs beside a bare loop on the same model.

The bare loop is forward, backward, clip, step on the same windows, and nothing else:
no data order, no masks, no measurements, no checkpoints. Both take turns in one
process, so that a machine that slows down slows both. On a GPU: 100M and 1B Llama
shapes in bfloat16, compiled and not, with the share of the peak that is reached.

    python benchmarks/loop.py
    python benchmarks/loop.py --device cuda --peak-flops 989e12
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from p2law.collect import zoo
from p2law.collect.corpus import Text, tokenised, upcoming
from p2law.collect.loss import Objective
from p2law.collect.masks import Masks
from p2law.collect.ruler import Ruler, computing
from p2law.collect.settings import Measure, Training
from p2law.collect.shapes import Shape, to_config
from p2law.collect.team import Team
from p2law.collect.train import Progress, Task, train

TEXT = Path(__file__).parents[1] / "examples" / "text" / "treasure_island_one.txt"
CPU = {"0.25M": Shape("llama", 48, 8, 4, 2, 16, 128, 256, False, False)}  # noqa: FBT003
GPU = {
    "100M": Shape("llama", 768, 12, 12, 4, 64, 2048, 32_000, False, False),  # noqa: FBT003
    "1B": Shape("llama", 2048, 16, 32, 8, 64, 8192, 32_000, False, False),  # noqa: FBT003
}


def prepare(
    shape: Shape, sequence: int, batch: int, micro: int, team: Team, dtype: torch.dtype, steps: int
) -> Task:
    """A task on random weights, as a run would have it."""
    folder = Path(tempfile.mkdtemp())
    zoo.make(to_config(shape), 0, folder / "model")
    text = tokenised(Text(files=(TEXT,)), "bytes", folder / "tokens")
    objective = Objective(zoo.load(folder / "model").to(team.device))
    tokens = sequence * batch
    training = Training(
        corpus="text",
        tokens=steps * tokens,
        batch_tokens=tokens,
        learning_rate=1e-3,
        measure=Measure(at=(steps * tokens,)),
    )
    return Task(
        objective=objective,
        optimizer=torch.optim.AdamW(objective.parameters(), lr=1e-3, fused=True),
        masks=Masks({}, {}),
        corpus=text,
        ruler=Ruler({}, sequence, micro, dtype, team),
        training=training,
        seed=0,
        checkpoint_minutes=1e9,
    )


def ours(task: Task) -> float:
    """Seconds of the loop from the first step to the last."""
    steps = train(task, Progress(tokens=task.training.batch_tokens), lambda _: None)
    wait(task)
    begin = time.perf_counter()
    for _ in steps:
        pass
    wait(task)
    return time.perf_counter() - begin


def bare(task: Task) -> float:
    """Seconds of as many steps of nothing but forward, backward, clip, step."""
    sequence, device = task.ruler.sequence, task.ruler.team.device
    per_step, micro = task.training.batch_tokens // sequence, task.ruler.micro_batch
    steps = task.training.total // task.training.batch_tokens - 1
    windows = upcoming(task.corpus.windows(sequence), 0, 0, per_step)
    batch = torch.from_numpy(task.corpus.read(windows.tolist(), sequence)).to(device)
    weights = list(task.objective.parameters())
    task.objective.train()
    wait(task)
    begin = time.perf_counter()
    for _ in range(steps):
        for part in batch.split(micro):
            with computing(task.ruler.dtype, task.ruler.team):
                total, _ = task.objective(part)
            (total / task.training.batch_tokens).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        task.optimizer.step()
        task.optimizer.zero_grad(set_to_none=True)
    wait(task)
    return time.perf_counter() - begin


def wait(task: Task) -> None:
    """Let the GPU finish."""
    if task.ruler.team.device.type == "cuda":
        torch.cuda.synchronize()


def compare(name: str, shape: Shape, task: Task, repeats: int, peak: float | None) -> None:
    """One line: tokens per second of both, their ratio, and the share of the peak."""
    tokens = task.training.total - task.training.batch_tokens
    ours(task)
    bare(task)
    pairs = [(ours(task), bare(task)) for _ in range(repeats)]
    ratio = statistics.median(other / one for one, other in pairs)
    speed, plain = (tokens / statistics.median(each) for each in zip(*pairs, strict=True))
    flops = shape.flops_per_token(task.ruler.sequence)
    share = f", {speed * flops / peak:.1%} of the peak" if peak else ""
    print(
        f"{name}: {speed:,.0f} tokens/s, bare loop {plain:,.0f}; "
        f"{ratio:.1%} of its speed (median of {repeats} pairs){share}"
    )


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--peak-flops", type=float)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    if asked.device == "cpu":
        torch.set_num_threads(1)
        for name, shape in CPU.items():
            task = prepare(shape, 128, 32, 16, Team(), torch.float32, 9)
            compare(name, shape, task, asked.repeats, asked.peak_flops)
        return
    team = Team(device=torch.device(asked.device))
    for name, shape in GPU.items():
        for compiled in (False, True):
            task = prepare(shape, 2048, 32, 8, team, torch.bfloat16, 9)
            if compiled:
                zoo.compile_layers(task.objective.model)
            said = f"{name}, bfloat16{', compiled' * compiled}"
            compare(said, shape, task, asked.repeats, asked.peak_flops)


if __name__ == "__main__":
    main()
