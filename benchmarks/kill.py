"""Kill runs at random moments, give the same command again, compare the record files.

Each trial starts a run of a small study, sends SIGKILL to all its processes at a
random moment between its start and its end, starts it again until it has ended, and
compares its record file byte by byte with that of an undisturbed run. Checkpoints are
made after every step, so that most of the time one is being written. Linux only: the
processes of a trial are found by a mark in their environment.

    python benchmarks/kill.py --trials 20 --processes 1
    python benchmarks/kill.py --trials 20 --processes 2
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from p2law.collect import jobs, spec

MARK = "P2LAW_TRIAL"
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
tokens = 30_720
batch_tokens = 512
learning_rate = 3e-3
measure = {{ first = 512, count = 20 }}
[execution]
processes = {processes}
checkpoint_minutes = 1e-9
"""


def start(path: Path, out: Path, mark: str) -> "subprocess.Popen[bytes]":
    """Start the run; all processes it starts carry the mark."""
    command = [sys.executable, "-m", "p2law", "collect", "run", str(path), "--out", str(out)]
    return subprocess.Popen(  # noqa: S603 - a command of ours
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", MARK: mark},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill(mark: str) -> None:
    """Kill every process that carries the mark, those of torchrun too."""
    wanted = f"{MARK}={mark}\0".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environment.read_bytes():
                os.kill(int(environment.parent.name), signal.SIGKILL)
        except (OSError, ProcessLookupError):  # gone, or not ours
            continue


def records(path: Path, out: Path) -> bytes:
    """The record file of the only run."""
    (run,) = jobs.expand(spec.read(path))
    return (out / "runs" / run.id / "records.jsonl").read_bytes()


def main() -> None:
    """Print a line a trial, and how many were equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng, folder = random.Random(asked.seed), Path(tempfile.mkdtemp())  # noqa: S311
    path = folder / "sweep.toml"
    path.write_text(SWEEP.format(text=TEXT, processes=asked.processes), encoding="utf-8")
    begin = time.monotonic()
    start(path, folder / "whole", "whole").wait()
    whole, seconds = records(path, folder / "whole"), time.monotonic() - begin
    equal = 0
    for trial in range(asked.trials):
        out, moment = folder / str(trial), rng.uniform(0, seconds)
        process = start(path, out, str(trial))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        kill(str(trial))
        process.wait()
        while start(path, out, str(trial)).wait():
            pass
        same = records(path, out) == whole
        equal += same
        print(f"killed after {moment:.1f} of {seconds:.1f} s: {'equal' if same else 'DIFFERENT'}")
    print(f"{equal} of {asked.trials} equal, {asked.processes} process(es)")


if __name__ == "__main__":
    main()
