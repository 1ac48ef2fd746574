"""A tiny sweep in processes that can be killed, and what became of its records.

The processes are forked from one that has loaded torch, so that a start costs no import;
each then carries out ``p2law collect run``, and what it says goes to a file. Several of
them form a team as torchrun would have it. Linux, CPU.
"""

import json
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from p2law import cli
from p2law.collect import jobs, spec, sweep

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
tokens = 3_072
batch_tokens = 256
learning_rate = 3e-3
measure = {{ first = 256, count = 8 }}
[post_training]
corpus = "text"
tokens = 3_072
batch_tokens = 256
learning_rate = 1e-3
objective = "kd"
measure = {{ first = 256, count = 8 }}
[calibration]
sequences = 4
[[prune]]
method = "depth"
rates = [0.25]
[[prune]]
method = "2:4"
[execution]
processes = {processes}
checkpoint_minutes = 1e-9
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
HALF = 1_536
"""Tokens of half a run."""

LIMIT = 300.0
"""Seconds after which a sweep that should have ended counts as hanging."""

sweep.PAUSE = 0.05  # between looks at a model that another sweep makes


@dataclass(frozen=True)
class Study:
    """A sweep file, and what it gives when nobody disturbs it."""

    path: Path
    whole: Path
    processes: int
    seconds: float

    @property
    def runs(self) -> list[str]:
        """Ids of its runs."""
        return [each.id for each in jobs.expand(spec.read(self.path))]


def study(folder: Path, *, processes: int = 1, diverging: bool = False) -> Study:
    """Write a sweep file and carry it out undisturbed."""
    folder.mkdir()
    names = {"small": "", **({"hot": DIVERGING} if diverging else {})}
    models = "".join(MODEL.format(name=name, change=names[name]) for name in names)
    content = SWEEP.format(text=TEXT, models=models, processes=processes)
    path, whole = folder / "sweep.toml", folder / "whole"
    path.write_text(content, encoding="utf-8")
    began = time.monotonic()
    made = Study(path, whole, processes, 0.0)
    if not ended(start(made, whole)):
        raise SystemExit(f"the undisturbed sweep failed:\n{said(whole)}")
    return Study(path, whole, processes, time.monotonic() - began)


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
            _carry_out(found.path, out, before)
        children.append(child)
    return children


def _carry_out(path: Path, out: Path, before: Callable[[], None]) -> None:
    """Do the command in a process that was forked for it, and end there."""
    code = 70
    try:
        words = os.open(_words(out), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(words, 1)
        os.dup2(words, 2)
        before()
        code = cli.main(["collect", "run", str(path), "--out", str(out)])
    except BaseException as error:  # noqa: BLE001 - a fork must not go on as its parent
        print(f"UNFORESEEN {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


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


def killed(found: Study, out: Path, seconds: float, before: Callable[[], None] = int) -> bool:
    """Start a sweep and kill it after so many seconds; False where it had ended by then."""
    return not ended(start(found, out, before), seconds)


def half_way(out: Path, run: str) -> Callable[[], bool]:
    """Tells whether a run has a checkpoint after half of its steps."""
    folder = out / "runs" / run / "checkpoints"

    def reached() -> bool:
        names = [each.name for each in folder.glob("step-*") if not each.suffix]
        return any(int(each[5:]) >= HALF for each in names)

    return reached


@dataclass(frozen=True)
class Compared:
    """The records of a sweep beside those of an undisturbed one."""

    equal: bool
    lost: int
    doubled: int


def compared(found: Study, out: Path) -> Compared:
    """Compare the record files of all runs, byte by byte, and their lines one by one."""
    equal, lost, doubled = True, 0, 0
    for run in found.runs:
        ours, theirs = (
            _content(each / "runs" / run / "records.jsonl") for each in (out, found.whole)
        )
        equal &= ours == theirs
        have, should = Counter(map(_key, ours.split(b"\n"))), set(map(_key, theirs.split(b"\n")))
        lost += len(should - have.keys())
        doubled += sum(count - 1 for count in have.values())
    return Compared(equal, lost, doubled)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _key(line: bytes) -> str:
    """What tells measurements of a run apart: tokens and text, or the line itself."""
    try:
        found = json.loads(line)
        return f"{found['tokens']} {found.get('eval_text')}"
    except (ValueError, KeyError, TypeError):
        return repr(line)
