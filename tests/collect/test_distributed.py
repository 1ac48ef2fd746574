"""Several processes learn what one learns, and can take over from any number of others."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import studies

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from p2law.collect import spec, work, writing, zoo
from p2law.collect.place import Place
from p2law.collect.team import Team
from p2law.errors import StoppedError

SHARD = 2**13
"""Bytes, so that small models are saved in several files."""


def losses(out, run):
    """Held-out losses by tokens."""
    lines = map(json.loads, studies.records(out, run).splitlines())
    return {line["tokens"]: line["loss"] for line in lines if line["eval_text"] == "held-out"}


def every_step(path):
    """Measure after each of fifty steps, on one short text: what is measured is compared."""
    text = path.read_text()
    other = text.index('[[evaluations]]\nname = "other"')
    text = text[:other] + text[text.index("[[models]]") :]
    text = text.replace("tokens = 512", "tokens = 256")
    text = text.replace("tokens = 3_200", "tokens = 6_400").replace("1e-2", "1e-3")
    text = text.replace("{ first = 128, count = 5 }", str(list(range(128, 6401, 128))))
    path.write_text(text)
    return path


IN_TWO = """
import os
import socket
import sys
from pathlib import Path
import torch
from p2law.cli import main
from p2law.collect import team, work, writing, zoo
from p2law.errors import RunError

def rank(number, shard, sweep, out, only, sources):
    os.environ["RANK"] = os.environ["LOCAL_RANK"] = str(number)
    writing.SHARD_BYTES, before = shard, writing.SHARD_BYTES
    together = team.assemble("cpu")
    for source in map(Path, sources):
        found, two = zoo.objective(source, None, together, dtype=torch.float32), source / "two"
        zoo.save(found.model, two, together, torch.bfloat16, companions=source)
        try:
            zoo.save(found.model, two, together)
        except RunError as error:
            (source / f"{together.rank}.txt").write_text(str(error))
    writing.SHARD_BYTES = before
    main(["collect", "run", sweep, "--out", out, "--only", *only])

with socket.create_server(("127.0.0.1", 0)) as free:
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = map(str, free.getsockname())
os.environ["WORLD_SIZE"] = "2"
shard, sweep, out, only, *sources = sys.argv[1:]
asked = int(shard), sweep, out, only.split(), sources
torch.multiprocessing.start_processes(rank, asked, nprocs=2, start_method="fork")
"""
"""Saving and learning in two processes, which part from one that has loaded torch for both."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A sweep file in a folder of its own, and its dense runs."""
    path = every_step(
        studies.write(tmp_path_factory.mktemp("learned"), families=("llama", "qwen2"))
    )
    path.write_text(path.read_text().replace("[dense]", in_half() + "[dense]", 1))
    return path, [run for run in studies.runs(path) if run.kind == "dense"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Folders of a Llama and a Qwen2 with tied embeddings, each saved by one process."""
    folder = tmp_path_factory.mktemp("saved")
    runs = studies.runs(studies.write(folder / "study", families=("llama", "qwen2")))
    found = {"llama": folder / "llama", "qwen2-tied": folder / "qwen2"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "SHARD_BYTES", SHARD)
        for source, run in zip(found.values(), runs, strict=False):
            zoo.make(run.model.config, 0, source)
            zoo.save(zoo.load(source), source / "one", Team(), torch.bfloat16)
    return found


@pytest.fixture(scope="module")
def in_two(study, sources):
    """Both done by two processes, once; what they said is told where they fail."""
    path, runs = study
    only = " ".join(run.id for run in runs)
    asked = (SHARD, path, path.parent / "two", only, *sources.values())
    done = subprocess.run(
        [sys.executable, "-c", IN_TWO, *map(str, asked)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert 0 == done.returncode, done.stderr


@pytest.fixture(scope="module")
def learned(study, in_two):  # noqa: ARG001 - done by then
    """Losses after each of fifty steps by run, on one process and on two."""
    path, runs = study
    for run in runs:
        assert work.carry_out(run, spec.read(path), path.parent / "one", Team())
    return {
        run.model.name: tuple(losses(path.parent / which, run) for which in ("one", "two"))
        for run in runs
    }


def in_half():
    """Both models once more, computing in bfloat16 and measured less often."""
    change = '[models.dense]\ndtype = "bfloat16"\ntokens = 2_560\nmeasure = [128, 2_560]\n'
    return "".join(
        studies.MODEL.format(family=family, tied=tied).replace("small-", "half-") + change
        for family, tied in (("llama", "false"), ("qwen2", "true"))
    )


@pytest.mark.parametrize("name", ["small-llama", "small-qwen2"])
def test_two_processes_learn_what_one_learns(learned, name):
    """
    Fifty steps with FSDP over two processes, Llama untied and Qwen2 tied: within 1e-6 nat.
    """
    one, two = learned[name]

    assert 51 == len(one)
    assert one.keys() == two.keys()
    assert max(abs(one[tokens] - two[tokens]) for tokens in one) < 1e-6


@pytest.mark.parametrize("name", ["half-llama", "half-qwen2"])
def test_bfloat16_is_the_same_arithmetic_on_one_process_and_on_two(learned, name):
    """
    Before the first step losses are equal; twenty steps later they agree to 2e-4 nat.

    Each process rounds the gradients of its own windows to bfloat16, so their sums differ.
    """
    one, two = learned[name]

    assert [0, 128, 2560] == list(one) == list(two)
    assert one[0] == two[0]
    assert max(abs(one[tokens] - two[tokens]) for tokens in one) < 2e-4


@pytest.mark.parametrize("name", ["llama", "qwen2-tied"])
def test_two_processes_save_the_files_of_one(sources, in_two, name):  # noqa: ARG001
    """
    Byte by byte, in shards, layer by layer; where it cannot be, all of them say so.
    """
    ours, theirs = (
        {each.name: each.read_bytes() for each in (sources[name] / which).iterdir()}
        for which in ("one", "two")
    )

    assert len(ours) > 3
    assert ours == theirs
    for rank in (0, 1):
        assert "exists and is not empty" in (sources[name] / f"{rank}.txt").read_text()


def stop_in_the_middle(path, out, run):
    """Ask the only process that a user knows of to stop, once those it started have measured."""
    command = [sys.executable, "-m", "p2law", "collect", "run", str(path), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--only", run.id],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TRIAL": str(out)},
        stderr=subprocess.PIPE,
        text=True,
    )
    records = out / "runs" / run.id / "records.jsonl"
    before = records.read_bytes()
    for _ in range(6000):
        if records.exists() and len(records.read_bytes()) > len(before):
            break
        time.sleep(0.01)
    process.terminate()
    _, said = process.communicate()
    return process.returncode, said


def marked(out):
    """Processes that were started for a folder and are still there."""
    mark, found = f"TRIAL={out}\0".encode(), []
    for each in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # gone, or somebody else's
            if mark in each.read_bytes():
                found.append(each.parent.name)
    return found


class Asking:
    """A tracker that asks its process to stop at the fourth measurement after the start."""

    def __init__(self, _folder):
        self.left = 8

    def start(self, name, settings):
        """Nothing."""

    def log(self, _record):
        """Count lines, two a measurement."""
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGTERM)

    def finish(self):
        """Nothing."""


def test_any_number_of_processes_goes_on_from_a_checkpoint_of_any_other(tmp_path):
    """
    Begun by one, taken up by two, stopped, ended by one: 2:4 masks, teacher and all.
    """
    training = 'objective = "kd"'
    one = studies.write(tmp_path, training=training, minutes=1e-9)
    out, runs = tmp_path / "out", studies.runs(one)
    assert work.carry_out(runs[0], spec.read(one), out, Team())
    whole = tmp_path / "whole"
    shutil.copytree(out, whole)
    assert work.carry_out(runs[2], spec.read(one), whole, Team())
    with pytest.raises(StoppedError, match=r"small-llama-2of4-.* was asked to stop"):
        work.carry_out(runs[2], spec.read(one), out, Team(), f"{__name__}:Asking")
    vouched = studies.records(out, runs[2])

    two = studies.write(tmp_path, training=training, minutes=1e-9, processes=2)
    code, said = stop_in_the_middle(two, out, runs[2])

    assert 128 + signal.SIGTERM == code, said
    assert "was asked to stop; the same command goes on from there" in said
    assert "Traceback" not in said
    assert [] == marked(out)
    assert Place(out, runs[2].id).ending is None
    taken_up = studies.records(out, runs[2])
    assert taken_up.startswith(vouched)
    assert len(taken_up) > len(vouched)
    assert work.carry_out(runs[2], spec.read(one), out, Team())

    # What a checkpoint vouches for stays byte by byte, whoever goes on.
    assert studies.records(out, runs[2]).startswith(taken_up)
    ours, theirs = losses(whole, runs[2]), losses(out, runs[2])
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[tokens] - theirs[tokens]) for tokens in ours) < 1e-5
    assert "" == Place(out, runs[2].id).ending["trouble"]
