"""Kill runs at random moments, start them again, compare the record files.

What must come out is made first, undisturbed and by the command itself: a dense run, a
2:4 run trained by cross entropy, and one that is distilled. Each trial does one of them
anew, is killed with SIGKILL several times, once soon after its start and then in the
middle of training, and compares its record file byte by byte. A checkpoint is made
after every step, so that most of the time one is being written.

The processes of a trial are forked from this one, so that a start costs no import; two
of them form a team as torchrun would have it. Linux, CPU.

    python benchmarks/kill.py --trials 20 --processes 1
    python benchmarks/kill.py --trials 20 --processes 2
"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from p2law.collect import jobs, spec, sweep
from p2law.collect.team import disband

TEXT = Path(__file__).parents[1] / "examples" / "text"
SWEEP = """
name = "to be killed"
tokenizer = "bytes"
sequence = 32
[corpora.text]
files = ["{text}/treasure_island_one.txt"]
[[evaluations]]
name = "held out"
files = ["{text}/treasure_island_three.txt"]
tokens = 1_024
[[models]]
name = "small"
[models.shape]
model_type = "llama"
vocab_size = 256
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 8
[dense]
corpus = "text"
tokens = 10_240
batch_tokens = 256
learning_rate = 3e-3
measure = {{ first = 256, count = 15 }}
[post_training]
corpus = "text"
tokens = 10_240
batch_tokens = 256
learning_rate = 1e-3
objective = "{objective}"
measure = {{ first = 256, count = 15 }}
[calibration]
sequences = 4
[[prune]]
method = "2:4"
[execution]
processes = {processes}
checkpoint_minutes = 1e-9
"""
BATCH = 256
LIMIT = 300.0
"""Seconds after which a run that should have ended counts as hanging."""

RETRIES = 3


@dataclass(frozen=True)
class Kind:
    """One of the runs that are killed."""

    name: str
    path: Path
    index: int
    run: str

    def folder(self, out: Path) -> Path:
        """Where it lies."""
        return out / "runs" / self.run


def kinds(folder: Path, processes: int) -> list[Kind]:
    """Write the sweep files; both have the same dense run."""
    found = []
    for objective in ("ce", "kd"):
        path = folder / f"{objective}.toml"
        content = SWEEP.format(text=TEXT, objective=objective, processes=processes)
        path.write_text(content, encoding="utf-8")
        dense, sparse = jobs.expand(spec.read(path))
        found += [Kind(f"2:4 {objective}", path, 1, sparse.id)]
    return [Kind("dense", found[0].path, 0, dense.id), *found]


def undisturbed(kind: Kind, out: Path) -> None:
    """Do a run by the command."""
    words = [sys.executable, "-m", "p2law", "collect", "run", str(kind.path), "--out", str(out)]
    words += ["--index", str(kind.index)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - a command of ours


def start(kind: Kind, out: Path, processes: int) -> list[int]:
    """Fork the processes of a run; their ids."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    found = []
    for rank in range(processes):
        child = os.fork()
        if not child:
            team = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
            os.environ |= {**team, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            carry_out(kind, out)
        found.append(child)
    return found


def carry_out(kind: Kind, out: Path) -> None:
    """Do a run in a process that was forked for it, and end there."""
    code = 1
    try:
        os.dup2(os.open(out / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        report = sweep.run(kind.path, out, only=[kind.index])
        disband()
        code = 0 if report.done else 1
    except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(code)


def ended(children: list[int], limit: float, until: Callable[[], bool] = lambda: False) -> bool:
    """Wait for processes to end, so long, or until something is so; whether all ended well."""
    end, codes = time.monotonic() + limit, dict[int, int]()
    while len(codes) < len(children) and time.monotonic() < end and not until():
        for each in children:
            if each not in codes and (found := os.waitpid(each, os.WNOHANG))[0]:
                codes[each] = os.waitstatus_to_exitcode(found[1])
        time.sleep(0.002)
    for each in (left := [each for each in children if each not in codes]):
        os.kill(each, signal.SIGKILL)
    for each in left:
        os.waitpid(each, 0)
    return not left and not any(codes.values())


def killed(kind: Kind, out: Path, processes: int, steps: int, seconds: float) -> str:
    """Start a run, kill it so many seconds after so many steps; how far it had come."""
    aim, seen = reached(kind, out) + steps * BATCH, list[float]()

    def due() -> bool:
        if not seen and reached(kind, out) >= aim:
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= seconds

    return "end" if ended(start(kind, out, processes), LIMIT, due) else str(reached(kind, out))


def reached(kind: Kind, out: Path) -> int:
    """Tokens at the last whole checkpoint."""
    found = (kind.folder(out) / "checkpoints").glob("step-*")
    return max((int(each.name[5:]) for each in found if not each.suffix), default=0)


def trial(kind: Kind, out: Path, processes: int, rng: random.Random) -> str:
    """Kill a run several times and let it end; at which tokens it was killed, or what failed."""
    # A step and its checkpoint take some 0.05 s.
    moments = [
        (0, rng.uniform(0, 1)),
        *((rng.randint(1, 10), rng.uniform(0, 0.1)) for _ in range(3)),
    ]
    tokens = [killed(kind, out, processes, steps, seconds) for steps, seconds in moments]
    for _ in range(RETRIES):
        if ended(start(kind, out, processes), LIMIT):
            return f"killed at {', '.join(tokens)} tokens"
    said = (out / "said.txt").read_text().splitlines()
    return f"killed at {', '.join(tokens)} tokens, DOES NOT END: {said[-1] if said else ''}"


def main() -> int:
    """Print a line a trial, and how many were equal; 0 where all were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    rng, folder = random.Random(asked.seed), Path(tempfile.mkdtemp())  # noqa: S311 - no secret
    ways, whole, equal = kinds(folder, asked.processes), folder / "whole", 0
    began = time.monotonic()
    for kind in ways:
        undisturbed(kind, whole)
    for number in range(asked.trials):
        kind, out = ways[number % len(ways)], folder / str(number)
        shutil.copytree(whole, out, ignore=shutil.ignore_patterns(kind.run))
        said = trial(kind, out, asked.processes, rng)
        records = [kind.folder(each) / "records.jsonl" for each in (whole, out)]
        same = records[1].exists() and records[0].read_bytes() == records[1].read_bytes()
        equal += same
        print(f"{kind.name}, {said}: {'equal' if same else 'DIFFERENT'}", flush=True)
    took = time.monotonic() - began
    print(f"{equal} of {asked.trials} equal, {asked.processes} process(es), {took:.0f} s")
    shutil.rmtree(folder)
    return 0 if equal == asked.trials else 1


if __name__ == "__main__":
    sys.exit(main())
