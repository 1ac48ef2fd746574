"""A tiny sweep in processes that can be killed.

The processes are forked from one that has loaded torch, so that a start costs no import;
each then carries out ``p2law collect run``, and what it says goes to a file. Several of
them form a team as torchrun would have it. Linux, CPU.
"""

import itertools
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import moments

from p2law import cli
from p2law.collect import jobs, spec, sweep, train

TEXT = Path(__file__).parents[1] / "examples" / "text"
SWEEP = """
name = "to be disturbed"
tokenizer = "bytes"
sequence = 32
[corpora.text]
files = ["{text}/treasure_island_one.txt"]
[[evaluations]]
name = "held out"
files = ["{text}/treasure_island_three.txt"]
tokens = 512
{models}
[dense]
corpus = "text"
tokens = {tokens}
batch_tokens = 256
learning_rate = 3e-3
measure = {{ first = 256, count = {count} }}
[post_training]
corpus = "text"
tokens = {tokens}
batch_tokens = 256
learning_rate = 1e-3
objective = "kd"
measure = {{ first = 256, count = {count} }}
[calibration]
sequences = 4
[[prune]]
method = "depth"
rates = [0.25]
[[prune]]
method = "2:4"
[execution]
processes = {processes}
checkpoint_minutes = {minutes}
"""
MODEL = """
[[models]]
name = "{name}"
{change}
[models.shape]
model_type = "llama"
vocab_size = 256
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 8
"""
DIVERGING = "post_training = { learning_rate = 1e30 }"
TOKENS, LONG = 3_072, 6_144
"""Of a run with a checkpoint after every step, and of one with checkpoints apart."""

HALF = TOKENS // 2
"""Tokens of half a run."""

COUNT, MORE = 8, 14
"""Measurements that are asked for in them."""

LIMIT = 300.0
"""Seconds after which a sweep that should have ended counts as hanging."""

sweep.PAUSE = 0.05  # between looks at a model that another sweep makes


@dataclass(frozen=True)
class Study:
    """A sweep file, and what it gives when nobody disturbs it.

    Attributes
    ----------
    path : Path
    whole : Path
        Folder of the undisturbed sweep.
    processes : int
    apart : int
        Steps from one checkpoint to the next.
    seconds : float
        What the undisturbed sweep took.
    writes : mapping of str to int
        How often it asked something of the disk, by kind (see `moments`).
    """

    path: Path
    whole: Path
    processes: int
    apart: int
    seconds: float = 0.0
    writes: Mapping[str, int] = field(default_factory=dict)

    @property
    def runs(self) -> list[str]:
        """Ids of its runs."""
        return [each.id for each in jobs.expand(spec.read(self.path))]


def study(folder: Path, *, processes: int = 1, apart: int = 1, diverging: bool = False) -> Study:
    """Write a sweep file and carry it out undisturbed."""
    folder.mkdir()
    names = {"small": "", **({"hot": DIVERGING} if diverging else {})}
    content = SWEEP.format(
        text=TEXT,
        models="".join(MODEL.format(name=name, change=names[name]) for name in names),
        processes=processes,
        tokens=LONG if apart > 1 else TOKENS,
        count=MORE if apart > 1 else COUNT,
        minutes=apart / 60 if apart > 1 else 1e-9,
    )
    path, whole = folder / "sweep.toml", folder / "whole"
    path.write_text(content, encoding="utf-8")
    made, notes = Study(path, whole, processes, apart), folder / "writes.txt"
    began = time.monotonic()
    if not ended(start(made, whole, partial(moments.noting, whole, notes))):
        raise SystemExit(f"the undisturbed sweep failed:\n{said(whole)}")
    seconds, writes = time.monotonic() - began, notes.read_text(encoding="utf-8").splitlines()
    return replace(made, seconds=seconds, writes=Counter(writes))


def start(found: Study, out: Path, before: Callable[[], None] = lambda: None) -> list[int]:
    """Fork the processes of a sweep; their ids. Each does something `before` it begins."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    children = []
    for rank in range(found.processes):
        child = os.fork()
        if not child:
            if found.processes > 1:
                team = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                size = {"WORLD_SIZE": str(found.processes), "MASTER_ADDR": "127.0.0.1"}
                os.environ |= {**team, **size, "MASTER_PORT": port}
            _carry_out(found, out, before)
        children.append(child)
    return children


def _carry_out(found: Study, out: Path, before: Callable[[], None]) -> None:
    """Do the command in a process that was forked for it, and end there."""
    code = 70
    try:
        words = os.open(_words(out), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(words, 1)
        os.dup2(words, 2)
        if found.apart > 1:
            _count_steps()
        before()
        code = cli.main(["collect", "run", str(found.path), "--out", str(out)])
    except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
        print(f"UNFORESEEN {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _count_steps() -> None:
    """Let the clock of checkpoints show steps, one a second: it is looked at after each."""
    steps = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(steps)))
    setattr(train, "time", clock)  # noqa: B010 - a module has no such attribute for mypy


def _words(out: Path) -> Path:
    """File beside a sweep's folder for what its processes say."""
    return out.with_name(f"{out.name}.said.txt")


def said(out: Path) -> str:
    """What the processes of a sweep have said since this was last asked."""
    path = _words(out)
    found = path.read_text(encoding="utf-8") if path.exists() else ""
    path.unlink(missing_ok=True)
    return found


def ended(
    children: Sequence[int], limit: float = LIMIT, until: Callable[[], bool] = lambda: False
) -> bool:
    """Wait for processes to end, so long, or until something is so; whether all ended well.

    Those that have not ended by then are killed.
    """
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


def killed(
    found: Study, out: Path, seconds: float, before: Callable[[], None] = lambda: None
) -> bool:
    """Start a sweep and kill it after so many seconds; False where it had ended by then."""
    return not ended(start(found, out, before), seconds)


def half_way(out: Path, run: str) -> Callable[[], bool]:
    """Tells whether a run has a checkpoint after half of its steps."""
    folder = out / "runs" / run / "checkpoints"

    def reached() -> bool:
        names = [each.name for each in folder.glob("step-*") if not each.suffix]
        return any(int(each[5:]) >= HALF for each in names)

    return reached
