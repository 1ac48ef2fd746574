"""Several forward passes a step: no process ever holds the gradients of the whole model."""

import json
import os
import subprocess
import sys

import pytest
import studies

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

IN_TWO = """
import dataclasses
import gc
import json
import os
import socket
import sys
from pathlib import Path
import torch
from p2law.collect import jobs, prepare, spec, team
from p2law.collect.place import Place
from p2law.collect.train import Progress, train

def held():
    tensors = [each for each in gc.get_objects() if isinstance(each, torch.Tensor)]
    found = [each.grad for each in tensors if each.is_leaf and each.grad is not None]
    parts = [each.to_local() if hasattr(each, "to_local") else each for each in found]
    return sum({each.data_ptr(): each.nbytes for each in parts}.values())

class Watched:
    def __init__(self, text, told):
        self.text, self.told = text, told
    def windows(self, sequence):
        return self.text.windows(sequence)
    def read(self, windows, sequence):
        self.told.append(held())
        return self.text.read(windows, sequence)

def rank(number, path, out):
    os.environ["RANK"] = os.environ["LOCAL_RANK"] = str(number)
    together, sweep, told = team.assemble("cpu"), spec.read(path), []
    run = jobs.expand(sweep)[0]
    place = Place(Path(out), run.id)
    if together.leads:
        place.folder.mkdir(parents=True)
    corpus, ruler = prepare.texts(run, sweep, place, together)
    prepare.start(run, sweep, place, together)
    made = prepare.task(run, sweep, place, Watched(corpus, told), ruler)
    for found in train(made, Progress(), lambda _: None):
        if found.tokens:
            break
    team.disband()
    told = {"held": told, "whole": 4 * run.shape.params}
    Path(out, f"{number}.json").write_text(json.dumps(told))

with socket.create_server(("127.0.0.1", 0)) as free:
    os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = map(str, free.getsockname())
os.environ["WORLD_SIZE"] = "2"
torch.multiprocessing.start_processes(rank, sys.argv[1:], nprocs=2, start_method="fork")
"""
"""One step of two processes, each told how many bytes its gradients take before every pass."""


def test_two_processes_hold_half_of_the_gradients_each_however_many_passes_a_step(tmp_path):
    """
    Nothing before the first pass, half of four bytes a parameter before every other.

    It is what `plan` counts as gradients, so a run that accumulates fits where plan says.
    """
    path = studies.write(tmp_path, micro_batch=1)

    done = subprocess.run(
        [sys.executable, "-c", IN_TWO, str(path), str(tmp_path / "out")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )

    assert 0 == done.returncode, done.stderr
    for rank in (0, 1):
        told = json.loads((tmp_path / "out" / f"{rank}.json").read_text())
        assert [0] + 3 * [told["whole"] // 2] == told["held"]
