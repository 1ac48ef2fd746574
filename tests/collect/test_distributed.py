"""Several processes learn what one learns, and can take over from any number of others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import studies

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from p2law.collect import spec, work
from p2law.collect.place import Place
from p2law.collect.team import Team


def losses(out, run):
    """Held-out losses by tokens."""
    lines = map(json.loads, studies.records(out, run).splitlines())
    return {line["tokens"]: line["loss"] for line in lines if line["eval_text"] == "held-out"}


def every_step(path):
    """Measure after each of fifty steps."""
    text = path.read_text()
    text = text.replace("tokens = 3_200", "tokens = 6_400").replace("1e-2", "1e-3")
    text = text.replace("{ first = 128, count = 5 }", str(list(range(128, 6401, 128))))
    path.write_text(text)
    return path


def collect(path, out, *words, check=True, launcher=()):
    """`p2law collect run` in a process of its own, or in those that a launcher starts."""
    command = [sys.executable, "-m", *launcher, "p2law", "collect", "run", str(path)]
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": here}
    return subprocess.run(
        [*command, "--out", str(out), *words],
        check=check,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Losses after each of fifty steps by run, on one process and on two."""
    folder = tmp_path_factory.mktemp("learned")
    path = every_step(studies.write(folder, families=("llama", "qwen2")))
    path.write_text(path.read_text().replace("[dense]", in_half() + "[dense]", 1))
    runs = [run for run in studies.runs(path) if run.kind == "dense"]
    for run in runs:
        assert work.carry_out(run, spec.read(path), folder / "one", Team())
    torchrun = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")
    collect(path, folder / "two", "--only", *(run.id for run in runs), launcher=torchrun)
    return {
        run.model.name: (losses(folder / "one", run), losses(folder / "two", run)) for run in runs
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


def test_two_processes_go_on_from_the_checkpoint_of_one(tmp_path):
    """
    Stopped after a checkpoint of one process, finished by two, 2:4 masks and teacher and all.
    """
    training = 'objective = "kd"'
    one = studies.write(tmp_path, training=training, minutes=1e-9)
    out, runs = tmp_path / "out", studies.runs(one)
    assert work.carry_out(runs[0], spec.read(one), out, Team())
    whole = tmp_path / "whole"
    for k in (0, 2):
        assert work.carry_out(runs[k], spec.read(one), whole, Team())
    stopped = collect(one, out, "--index", "2", "--tracker", "quitting:Quitter", check=False)
    assert stopped.returncode == 9, stopped.stderr
    before = studies.records(out, runs[2])

    two = studies.write(tmp_path, training=training, processes=2)
    collect(two, out, "--index", "2")

    # What the last checkpoint vouches for stays byte by byte; the rest is measured anew.
    vouched = b"".join(before.splitlines(keepends=True)[:-2])
    assert vouched == studies.records(out, runs[2])[: len(vouched)]
    ours, theirs = losses(whole, runs[2]), losses(out, runs[2])
    assert ours.keys() == theirs.keys()
    assert max(abs(ours[tokens] - theirs[tokens]) for tokens in ours) < 1e-5
    assert "" == Place(out, runs[2].id).ending["trouble"]
