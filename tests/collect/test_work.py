"""A run from start to end, interrupted or not: the same records, byte by byte."""

import contextlib
import dataclasses
import fnmatch
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import studies

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import tokenizers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

import p2law
from p2law import collect
from p2law.collect import checkpoint, masks, prepare, spec, work, writing, zoo
from p2law.collect.place import Place
from p2law.collect.team import Team, told
from p2law.errors import ModelError, RecordError, RunError, StoppedError


def carry_out(path, out, k):
    """Do one run of a sweep file in this process."""
    run = studies.runs(path)[k]
    assert work.carry_out(run, spec.read(path), out, Team())
    return run


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished study: dense, depth, 2:4."""
    folder = tmp_path_factory.mktemp("study")
    path, out = studies.write(folder), folder / "out"
    for k in range(3):
        carry_out(path, out, k)
    return path, out, studies.runs(path)


# -- what a run leaves ---------------------------------------------------------------


def test_records_are_in_the_vocabulary_of_load(study):
    """
    The record file of a pruned run is a table that p2law.load takes as it is.
    """
    _, out, runs = study

    table = p2law.load(out / "runs" / runs[1].id / "records.jsonl")

    assert {
        "run",
        "params",
        "tokens",
        "pruning_rate",
        "base_loss",
        "loss",
        "model",
        "family",
        "method",
        "nominal_rate",
        "params_after",
        "seed",
        "corpus",
        "eval_text",
        "schedule",
        "objective",
        "unique_tokens",
        "flops_per_token",
        "train_loss",
    } == set(table.columns)
    assert {"held-out", "other"} == set(table["eval_text"])


def test_rates_are_counted_in_the_pruned_model(study):
    """
    What is recorded was achieved: parameters that are gone, or zeros in the trained model.
    """
    _, out, runs = study
    depth, sparse = (json.loads(studies.records(out, run).splitlines()[-1]) for run in runs[1:])
    model = AutoModelForCausalLM.from_pretrained(out / "runs" / runs[2].id / "model")
    zeros = sum(int((each == 0).sum()) for each in model.parameters())

    assert depth["params_after"] == runs[1].cut.after.params
    assert depth["nominal_rate"] == 1 - runs[1].cut.after.num_hidden_layers / 3
    assert sparse["params_after"] == sparse["params"] - zeros
    assert sparse["pruning_rate"] == zeros / sparse["params"]
    assert 0.5 == sparse["nominal_rate"]


def test_base_loss_is_the_loss_of_the_model_that_was_pruned(study):
    """
    One number per model and text: what the dense run measured last.
    """
    _, out, runs = study
    dense, depth = (
        [json.loads(line) for line in studies.records(out, run).splitlines()] for run in runs[:2]
    )

    for text in ("held-out", "other"):
        last = [line["loss"] for line in dense if line["eval_text"] == text][-1]
        assert {last} == {line["base_loss"] for line in depth if line["eval_text"] == text}


def test_the_models_are_ordinary_ones(study):
    """
    transformers loads what a run leaves, and generates with it.
    """
    _, out, runs = study
    for run in runs:
        model = AutoModelForCausalLM.from_pretrained(out / "runs" / run.id / "model")
        made = model.generate(torch.tensor([[72, 101]]), max_new_tokens=3, do_sample=False)
        assert (1, 5) == tuple(made.shape)


def left(out, run):
    """Names of all that a run has left in its folder."""
    return {each.name for each in Place(out, run.id).folder.iterdir()}


def test_a_finished_run_keeps_what_matters_and_no_more(study):
    """
    No start, no checkpoints, no drafts.
    """
    _, out, runs = study

    assert {
        "done.json",
        "lock",
        "model",
        "records.jsonl",
        "run.json",
        "start.json",
        "timing.jsonl",
    } == left(out, runs[2])


def test_a_finished_run_is_not_done_again(study):
    """
    The same command changes nothing.
    """
    path, out, _ = study
    before = {each: each.stat().st_mtime_ns for each in (out / "runs").rglob("*.json*")}

    carry_out(path, out, 1)

    assert before == {each: each.stat().st_mtime_ns for each in (out / "runs").rglob("*.json*")}


def test_one_run_again_from_its_file_gives_the_same_records(study, tmp_path):
    """
    Bit for bit, in another folder.
    """
    path, out, _ = study
    for k in (0, 1):
        run = carry_out(path, tmp_path, k)
        assert studies.records(out, run) == studies.records(tmp_path, run)


def test_a_run_leaves_torch_to_its_caller_as_it_was(tmp_path):
    """
    A notebook that collects computes with as many threads as before, on its own random numbers.
    """
    path, before = studies.write(tmp_path), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        run = carry_out(path, tmp_path / "out", 0)
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)

    assert 2 == after
    assert torch.equal(expected, torch.rand(3))
    timing = Place(tmp_path / "out", run.id).timing.lines()
    assert 1 == timing[0]["threads"]


def test_a_run_whose_model_is_not_there_waits_with_words(tmp_path):
    """
    A pruned run needs the dense one.
    """
    path = studies.write(tmp_path)

    with pytest.raises(RunError, match=r"small-llama-depth-.* waits for small-llama-dense-"):
        carry_out(path, tmp_path / "out", 1)


def test_the_unpruned_model_teaches(study, tmp_path, monkeypatch):
    """
    As much and as softly as the sweep file says, itself unchanged; the records say so.
    """
    _, out, runs = study
    training = 'objective = "kd"\nkd_weight = 0.9\ntemperature = 2.0'
    path = studies.write(tmp_path, training=training)
    shutil.copytree(out, tmp_path / "out")
    tasks = []
    train = work.train
    monkeypatch.setattr(work, "train", lambda task, *rest: tasks.append(task) or train(task, *rest))

    run = carry_out(path, tmp_path / "out", 1)

    (objective,) = (each.objective for each in tasks)
    unpruned = load_file(out / "runs" / runs[0].id / "model" / "model.safetensors")
    for name, each in unpruned.items():
        assert torch.equal(each, objective.teacher.get_parameter(name)), name
    assert (0.9, 2.0) == (objective.kd_weight, objective.temperature)
    lines = [json.loads(line) for line in studies.records(tmp_path / "out", run).splitlines()]
    assert {"kd"} == {line["objective"] for line in lines}
    assert lines[-1]["loss"] < lines[0]["loss"]


# -- trouble -------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2], ids=["depth", "2:4"])
def test_a_diverging_run_ends_with_its_reason(study, tmp_path, k):
    """
    The last line has no loss and says why; the run is not tried again.
    """
    _, out, _ = study
    path = studies.write(tmp_path, training="# diverges").resolve()
    path.write_text(path.read_text().replace("learning_rate = 3e-3", "learning_rate = 1e30"))
    shutil.copytree(out, tmp_path / "out")

    run = carry_out(path, tmp_path / "out", k)

    *_, last = (json.loads(line) for line in studies.records(tmp_path / "out", run).splitlines())
    assert "loss" not in last
    assert "nan" in last["trouble"] or "inf" in last["trouble"]
    assert last["trouble"] == Place(tmp_path / "out", run.id).ending["trouble"]
    with pytest.raises(RecordError, match=r"1 of \d+ records has loss missing") as error:
        p2law.load(tmp_path / "out" / "runs" / run.id / "records.jsonl", needs=("loss",))
    assert f"the run ended there ({last['trouble']}): take the row out, or let" in str(error.value)
    assert "`p2law collect gather` make the table" in str(error.value)


def test_a_read_only_folder_is_told(tmp_path):
    """
    The folder is named; nothing is overwritten.
    """
    path = studies.write(tmp_path)
    (tmp_path / "out").write_text("a file, not a folder")

    with pytest.raises(RunError, match="cannot use the folder"):
        carry_out(path, tmp_path / "out", 0)

    assert "a file, not a folder" == (tmp_path / "out").read_text()


def test_a_locked_run_is_left_to_whoever_has_it(tmp_path):
    """
    Two processes never work on one run.
    """
    path, out = studies.write(tmp_path), tmp_path / "out"
    run = studies.runs(path)[0]
    place = Place(out, run.id)
    place.folder.mkdir(parents=True)

    with place.lock():
        assert not work.carry_out(run, spec.read(path), out, Team())
        assert place.busy()
    assert not place.busy()


def test_a_failure_leaves_its_reason_and_the_next_try_goes_on(tmp_path, monkeypatch):
    """
    A disk that is full while a checkpoint is written: told, kept, gone on from.
    """
    path, out = studies.write(tmp_path, minutes=1e-9), tmp_path / "out"
    run = studies.runs(path)[0]
    writes = []

    def full(self, *_):
        writes.append(self)
        if len(writes) > 3:
            raise RunError("cannot write a checkpoint: No space left on device")
        return save(self, *_)

    save = checkpoint.Checkpoints.save
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "save", full)
        with pytest.raises(RunError, match="No space left"):
            carry_out(path, out, 0)
    assert "No space left" in Place(out, run.id).failure

    carry_out(path, out, 0)

    assert "" == Place(out, run.id).failure
    whole = studies.write(tmp_path / "whole")
    carry_out(whole, tmp_path / "whole" / "out", 0)
    assert studies.records(out, run) == studies.records(tmp_path / "whole" / "out", run)


def failing(*_):
    """Something that nobody foresaw."""
    raise KeyError("a bug")


def test_whatever_goes_wrong_is_the_failure_of_the_run(tmp_path, monkeypatch):
    """
    Its kind and its words stand in the folder, what led to it in the log.
    """
    path, out = studies.write(tmp_path), tmp_path / "out"
    run = studies.runs(path)[0]
    monkeypatch.setattr(work.prepare, "task", failing)

    with pytest.raises(RunError, match=rf"{run.id}: KeyError: 'a bug'"):
        carry_out(path, out, 0)

    failed = json.loads((out / "runs" / run.id / "failed.json").read_text())
    assert {"reason": "KeyError: 'a bug'", "type": "KeyError"} == failed


def test_masks_are_checked_before_a_checkpoint_is_kept(study, tmp_path, monkeypatch):
    """
    A pruned weight that came back between two measurements ends the run there.
    """
    _, out, _ = study
    path = studies.write(tmp_path, minutes=1e-9)
    shutil.copytree(out, tmp_path / "out")
    folder = tmp_path / "out" / "runs" / studies.runs(path)[2].id
    shutil.rmtree(folder)
    counts = studies.runs(path)[2].training.counts()
    guard, steps = masks.Masks.guard_, []

    def careless(self):
        steps.append(128 * (len(steps) + 1))
        if steps[-1] in counts:
            guard(self)
        else:
            for weight in self.weights.values():
                weight.data.fill_(1.0)

    monkeypatch.setattr(masks.Masks, "guard_", careless)
    with pytest.raises(RunError, match=r"pruned weights of .* are no longer zero"):
        carry_out(path, tmp_path / "out", 2)

    assert steps[-1] not in counts
    kept = [each.name for each in (folder / "checkpoints").iterdir()]
    assert [f"step-{steps[-2]:015d}"] == kept


@pytest.mark.parametrize("damage", ["records", "checkpoint"])
def test_damage_to_a_run_costs_time_and_no_measurement(study, tmp_path, damage):
    """
    Of the file of records or of the checkpoint: it lies aside, and the records are the same.
    """
    path, whole, runs = study
    with pytest.raises(StoppedError):
        work.carry_out(runs[0], spec.read(path), tmp_path, Team(), f"{__name__}:Asking")
    folder = Place(tmp_path, runs[0].id).folder
    records, place = folder / "records.jsonl", next((folder / "checkpoints").iterdir())
    before = records.read_bytes()
    if damage == "records":
        records.write_bytes(before[:-20] + bytes(20))
    else:
        (place / ".metadata").write_bytes(b"")

    carry_out(path, tmp_path, 0)

    assert studies.records(whole, runs[0]) == studies.records(tmp_path, runs[0])
    kept = {each.name: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    if damage == "records":
        assert before[:-20] + bytes(20) == kept["records.jsonl.damaged"]
    else:
        assert (
            before
            == (folder / "checkpoints" / f"{place.name}.unreadable" / "records.jsonl").read_bytes()
        )


def test_clocks_that_jump_change_nothing(study, tmp_path, monkeypatch):
    """
    Back and forth by up to 40 minutes at every look: no lock, no checkpoint, no record minds.
    """
    path, whole, runs = study
    rng = random.Random(3)
    for name in ("time", "monotonic", "perf_counter"):
        true = getattr(time, name)
        monkeypatch.setattr(time, name, lambda true=true: true() + rng.uniform(-2_400, 2_400))

    carry_out(path, tmp_path, 0)

    assert studies.records(whole, runs[0]) == studies.records(tmp_path, runs[0])


def test_a_process_that_fails_alone_leaves_its_own_words(tmp_path):
    """
    The others only learn that it is gone, and do not write over them.
    """
    place = Place(tmp_path, "some-run")
    place.folder.mkdir(parents=True)
    follower = SimpleNamespace(leads=False, size=2, together=str, share=lambda _: None)

    with contextlib.suppress(RunError), work._reasons(place, Team()):
        with contextlib.suppress(RunError), work._reasons(place, follower):
            raise RunError("pruned weights came back")
        raise RunError("a connection is closed")

    assert "pruned weights came back" == place.failure


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device; make room and give"),
        (OSError(30, "Read-only", "/a/b"), "/a/b: Read-only; make it writable and give the same"),
        (OSError(5, "Input/output error"), "OSError: [Errno 5] Input/output error"),
        (RuntimeError("[x/third_party/gloo/a.cc:1] Connection reset"), "another process of the ru"),
    ],
)
def test_what_others_break_is_told_with_the_cure(error, words):
    """
    Disks and fellows, wherever it happens; what has no cure is told with its kind.
    """
    assert told(error).startswith(words)


def test_a_model_without_a_loss_is_not_pruned(tmp_path):
    """
    Where it is no number before anything is done to it, the model and the text are named.
    """
    path, out = of_a_folder(tmp_path), tmp_path / "out"
    file = tmp_path / "model" / "model.safetensors"
    weights = load_file(file)
    weights["model.norm.weight"] *= float("nan")
    save_file(weights, file)

    with pytest.raises(RunError, match=r"the loss of .*model on held-out is nan before anything"):
        carry_out(path, out, 0)


# -- weights and tokenizers ----------------------------------------------------------


def of_a_folder(folder, **settings):
    """A sweep file for a model that lies in a folder, with a tokenizer of its own."""
    path = studies.write(folder, **settings)
    text = path.read_text()
    start, end = text.index("[[models]]"), text.index("[post_training]")
    model = '[[models]]\nname = "small"\nsource = "model"\n\n'
    none = '\n[[prune]]\nmethod = "none"\n'
    path.write_text(text[:start] + model + text[end:] + none)
    config = dict(studies.runs(studies.write(folder / "other"))[0].model.shape)
    if not (folder / "model").exists():
        zoo.make(config, 0, folder / "model")
        tokenizer(folder / "model")
    return path


def tokenizer(folder):
    """Write a tokenizer into a folder."""
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "</s>": 1}, "a"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def test_weights_that_change_under_their_path_are_refused(tmp_path):
    """
    Runs of one study never meet another model under the same name, and what is done stays.
    """
    path, out = of_a_folder(tmp_path), tmp_path / "out"
    depth = carry_out(path, out, 0)
    before = studies.records(out, depth)
    shutil.rmtree(tmp_path / "model")
    config = dict(studies.runs(tmp_path / "other" / "sweep.toml")[0].model.shape)
    zoo.make(config, 1, tmp_path / "model")

    for k in (1, 2):
        with pytest.raises(RunError, match=r"model is not the model that this study began with"):
            carry_out(path, out, k)

    report = collect.run(path, out, only=[0])
    assert "is not the model that this study began with" in report.failed[depth.id]
    assert before == studies.records(out, depth)
    started = json.loads((out / "runs" / depth.id / "timing.jsonl").read_text().splitlines()[0])
    note = json.loads(next((out / "bases").glob("small-*.model.json")).read_text())
    assert note["sha256"] == started["base"]["sha256"]


def test_a_run_that_has_ended_is_not_called_done_for_a_tokenizer_that_has_changed(tmp_path):
    """
    Its records are of the old ids and stay; with the old tokenizer it is done again.
    """
    path, out = of_a_folder(tmp_path), tmp_path / "out"
    path.write_text(path.read_text().replace('tokenizer = "bytes"\n', ""))
    run = carry_out(path, out, 0)
    before = studies.records(out, run)
    words = tmp_path / "model" / "tokenizer.json"
    old = words.read_text()

    words.write_text(old.replace('"a"', '"b"'))
    report = collect.run(path, out, only=[0])
    assert f"{words} has changed since" in report.failed[run.id]
    assert before == studies.records(out, run)

    words.write_text(old)
    assert (run.id,) == collect.run(path, out, only=[0]).done


@pytest.mark.parametrize(
    ("name", "tensor", "words"),
    [
        ("lm_head.weight", None, "1 of 30 tensors are missing, first lm_head.weight"),
        ("lora", torch.ones(2), "1 tensors are not of a plain llama model, first lora"),
    ],
)
def test_a_model_that_is_not_whole_is_never_trained(tmp_path, name, tensor, words):
    """
    Not pruned or pruned: random tensors are not made up, and nothing is dropped in silence.
    """
    path, out = of_a_folder(tmp_path), tmp_path / "out"
    sweep, runs = spec.read(path), studies.runs(path)
    found = {**load_file(tmp_path / "model/model.safetensors"), name: tensor}
    save_file(
        {key: each for key, each in found.items() if each is not None},
        tmp_path / "model/model.safetensors",
    )

    for run in runs:
        with pytest.raises(ModelError, match=words):
            work.carry_out(run, sweep, out, Team())

    assert words in Place(out, runs[2].id).failure
    assert not (out / "corpora").exists()


def test_a_model_of_the_hub_is_pinned_to_its_commit(tmp_path, monkeypatch):
    """
    What was loaded first is what is asked for ever after, and its commit is noted.
    """
    commit, asked = "0123456789" * 4, []
    folder = tmp_path / "snapshots" / commit
    run = studies.runs(studies.write(tmp_path))[1]
    zoo.make(run.model.config, 0, folder)

    def download(_name, *, revision, **_settings):
        asked.append(revision)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    model = dataclasses.replace(run.model, shape={}, source="some/model", revision="main")
    run, place = dataclasses.replace(run, model=model, base=""), Place(tmp_path, "some-run")

    for _ in range(2):
        assert folder == prepare.base(run, place)

    assert ["main", commit] == asked
    origin = prepare.origin(run, place)
    assert ("some/model", "main", commit) == tuple(
        origin[key] for key in ("source", "revision", "commit")
    )


def test_all_that_goes_with_a_model_comes_from_the_hub_with_it(monkeypatch):
    """
    Weights, settings, tokenizer and chat template; no pickles.
    """
    asked = []

    def download(_name, *, allow_patterns, **_settings):
        asked.extend(allow_patterns)
        return "here"

    def comes(name):
        return any(fnmatch.fnmatch(name, each) for each in asked)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)

    zoo.fetch("some/model")

    assert [] == [each for each in writing.COMPANIONS if not comes(each)]
    assert comes("model-00001-of-00002.safetensors")
    assert comes("model.safetensors.index.json")
    assert not comes("pytorch_model.bin")


def test_a_folder_here_is_no_model_of_the_hub(tmp_path, monkeypatch):
    """
    A sweep file that means the hub means it wherever the command is given.
    """
    run = studies.runs(studies.write(tmp_path))[1]
    zoo.make(run.model.config, 0, tmp_path / "some" / "model")
    zoo.make(run.model.config, 1, tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: tmp_path / "hub")
    monkeypatch.chdir(tmp_path)
    model = dataclasses.replace(run.model, shape={}, source="some/model")
    run = dataclasses.replace(run, model=model, base="")

    assert tmp_path / "hub" == prepare.base(run, Place(tmp_path, "some-run"))


def test_another_tokenizer_has_another_base_loss(tmp_path):
    """
    A loss is of tokens: what a study measured with one tokenizer is not that of the next.
    """
    path, out = of_a_folder(tmp_path), tmp_path / "out"
    carry_out(path, out, 2)
    text = path.read_text()
    shutil.copytree(tmp_path / "model", tmp_path / "words")
    words = json.loads((tmp_path / "words/tokenizer.json").read_text())
    words["model"]["vocab"] = {"the": 0, "</s>": 1, "a": 2}
    (tmp_path / "words/tokenizer.json").write_text(json.dumps(words))
    path.write_text(text.replace('"bytes"', '"words"'))

    run = carry_out(path, out, 2)

    first = json.loads(studies.records(out, run).splitlines()[0])
    assert first["base_loss"] == first["loss"]


def test_every_saved_model_opens_with_the_tokenizer_of_its_origin(tmp_path):
    """
    Pruned or not, and one that was trained with a tokenizer from its beginning.
    """
    path, out = of_a_folder(tmp_path), tmp_path / "out"
    dense = studies.write(tmp_path / "dense")
    (tmp_path / "dense" / "words").mkdir()
    tokenizer(tmp_path / "dense" / "words")
    dense.write_text(dense.read_text().replace('"bytes"', '"words"'))
    sentence = "a " * 4000
    for name in ("one", "two", "three", "four"):
        (tmp_path / "dense" / f"{name}.txt").write_text(sentence)

    for run, where in ((carry_out(path, out, 0), out), (carry_out(path, out, 2), out)):
        opened = AutoTokenizer.from_pretrained(where / "runs" / run.id / "model")
        assert "</s>" == opened.eos_token, run.id
    run = carry_out(dense, tmp_path / "dense" / "out", 0)
    opened = AutoTokenizer.from_pretrained(tmp_path / "dense" / "out" / "runs" / run.id / "model")
    assert [0, 0] == opened("a a")["input_ids"]


@pytest.mark.parametrize("shown", [True, False])
def test_bars_of_transformers_are_left_as_they_were(study, monkeypatch, shown):
    """
    None while a model is loaded; afterwards as the user has it.
    """
    from transformers.utils import logging as theirs

    _, out, runs = study
    before, meanwhile = theirs.is_progress_bar_enabled(), []
    load = AutoModelForCausalLM.from_pretrained

    def watched(*words, **settings):
        meanwhile.append(theirs.is_progress_bar_enabled())
        return load(*words, **settings)

    monkeypatch.setattr(zoo.AutoModelForCausalLM, "from_pretrained", watched)
    (theirs.enable_progress_bar if shown else theirs.disable_progress_bar)()
    try:
        zoo.load(out / "runs" / runs[0].id / "model")
        after = theirs.is_progress_bar_enabled()
    finally:
        (theirs.enable_progress_bar if before else theirs.disable_progress_bar)()

    assert ([False], shown) == (meanwhile, after)


# -- asked to stop -------------------------------------------------------------------


class Asking:
    """A tracker that asks its process to stop at the third measurement."""

    number = signal.SIGTERM

    def __init__(self, _folder):
        self.left = 6

    def start(self, name, settings):
        """Nothing."""

    def log(self, _record):
        """Count lines, two a measurement."""
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), self.number)

    def finish(self):
        """Nothing."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_can_be_gone_on_with(study, tmp_path, monkeypatch, number):
    """
    A notebook gets an error that names the run and survives it; no failure is noted. What is left
    in the end is what is left without a stop: its checkpoint is gone.
    """
    path, whole, runs = study
    monkeypatch.setattr(Asking, "number", number)

    with pytest.raises(StoppedError, match=rf"{runs[0].id} was asked to stop; the same") as error:
        work.carry_out(runs[0], spec.read(path), tmp_path, Team(), f"{__name__}:Asking")

    place = Place(tmp_path, runs[0].id)
    assert (number, "", None) == (error.value.signal, place.failure, place.ending)
    assert "checkpoints" in left(tmp_path, runs[0])
    carry_out(path, tmp_path, 0)
    assert left(whole, runs[0]) == left(tmp_path, runs[0])
    assert studies.records(whole, runs[0]) == studies.records(tmp_path, runs[0])


def test_a_request_in_the_last_step_is_no_less_a_request(study, tmp_path, monkeypatch):
    """
    The run ends as it would have, and whoever asked is told.
    """
    path, _, runs = study
    monkeypatch.setattr(Asking, "log", lambda *_: None)
    monkeypatch.setattr(Asking, "finish", lambda self: os.kill(os.getpid(), self.number))

    with pytest.raises(StoppedError, match="was asked to stop"):
        work.carry_out(runs[0], spec.read(path), tmp_path, Team(), f"{__name__}:Asking")

    assert "" == Place(tmp_path, runs[0].id).ending["trouble"]


# -- killed --------------------------------------------------------------------------


def command(path, out, k):
    """The command line of one run."""
    return [sys.executable, "-m", "p2law", "collect", "run", path, "--out", out, "--index", str(k)]


def starts(out, run):
    """How often a run has begun to train."""
    lines = Place(out, run.id).timing.lines()
    return sum(each.get("event") == "start" for each in lines)


def until(true, timeout=60.0):
    """Wait until something is true."""
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


def test_killed_at_any_moment_and_started_again_the_records_are_the_same(study, tmp_path):
    """
    SIGKILL and SIGTERM at moments of training; then the same command finishes the run.
    """
    path, whole, runs = study
    out, run, rng = tmp_path / "out", runs[0], random.Random(7)
    words = command(path, out, 0)
    slow = {**os.environ, "OMP_NUM_THREADS": "1"}
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = starts(out, run)
        process = subprocess.Popen(
            list(map(str, words)), start_new_session=True, env=slow, stderr=subprocess.DEVNULL
        )
        until(lambda: starts(out, run) > before)  # noqa: B023 - called in this turn
        time.sleep(rng.uniform(0, 0.6))
        os.killpg(process.pid, number)
        assert process.wait() in (-number, 128 + number, 0)

    carry_out(path, out, 0)

    assert studies.records(whole, run) == studies.records(out, run)
    assert Path(out / "runs" / run.id / "done.json").exists()
