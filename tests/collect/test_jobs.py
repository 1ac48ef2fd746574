"""A sweep becomes runs whose names are stable and whose hashes miss nothing that matters."""

import json
import re
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

from p2law.collect import jobs, sizing
from p2law.collect.settings import (
    Calibration,
    Corpus,
    Evaluation,
    Execution,
    Measure,
    Model,
    Prune,
    Sweep,
    Training,
)
from p2law.errors import MissingExtraError, ModelError, SweepFileError

CONFIGS = Path(__file__).parent / "configs"
SHAPE = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 88,
    "vocab_size": 256,
}
DENSE = Training(corpus="first", tokens=8_000, batch_tokens=64, learning_rate=3e-3)
POST = Training(corpus="second", tokens=4_000, batch_tokens=64, learning_rate=1e-3)
MODEL = Model(
    name="llama s", shape=SHAPE, tokenizer="bytes", seed=0, dense=DENSE, post_training=POST
)


def sweep(**changes):
    """A small sweep, read already, with fields replaced."""
    whole = Sweep(
        name="study",
        sequence=16,
        corpora={
            "first": Corpus(name="first", files=("a.txt",)),
            "second": Corpus(name="second", files=("b.txt",), tokens=9_000),
        },
        evaluations=(Evaluation(name="held-out", files=("v.txt",), tokens=64),),
        models=(MODEL,),
        folder=Path("/nowhere"),
        tokenizer="bytes",
        dense=DENSE,
        post_training=POST,
        prune=(Prune("depth", rates=(0.25, 0.5)), Prune("unstructured", rates=(0.5,))),
    )
    return replace(whole, **changes)


def ids(whole):
    """Ids of all runs of a sweep."""
    return [run.id for run in jobs.expand(whole)]


def changed(field, **values):
    """The sweep with values of its only model's training, dense or after pruning, replaced."""
    model = replace(MODEL, **{field: replace(getattr(MODEL, field), **values)})
    return sweep(models=(model,))


# -- what there is to do -------------------------------------------------------------


def test_dense_runs_come_first_and_pruned_ones_wait_for_them():
    """
    One dense run a model, then methods, rates and seeds in the order of the file.
    """
    dense, *pruned = jobs.expand(sweep(seeds=(0, 1)))

    assert ("dense", "dense", None, None, "") == (
        dense.kind,
        dense.method,
        dense.cut,
        dense.prune,
        dense.base,
    )
    assert {dense.id} == {run.base for run in pruned}
    assert [(0.25, 0), (0.25, 1), (0.5, 0), (0.5, 1), (0.5, 0), (0.5, 1)] == [
        (run.rate, run.seed) for run in pruned
    ]
    assert DENSE == dense.training
    assert {POST} == {run.training for run in pruned}
    assert [3, 3, 1, 1, 4, 4] == [run.cut.after.num_hidden_layers for run in pruned]


def test_ids_say_what_a_run_is():
    """
    Model, method, rate, seed and a hash, in letters that every file system takes.
    """
    found = ids(sweep(prune=(*sweep().prune, Prune("2:4", criterion="wanda"), Prune("none"))))

    assert [
        "llama-s-dense-s0",
        "llama-s-depth-0.25-s0",
        "llama-s-depth-0.5-s0",
        "llama-s-unstructured-sparsegpt-0.5-s0",
        "llama-s-2of4-wanda-s0",
        "llama-s-none-s0",
    ] == [each.rsplit("-", 1)[0] for each in found]
    assert all(re.fullmatch(r"[\w.-]+-[0-9a-f]{10}", each, re.ASCII) for each in found)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("模型", "model"), ("模型-1B", "1B"), ("-x", "x"), ("../x", "x"), ("x-", "x-"), ("_x", "_x")],
)
def test_ids_can_be_given_on_a_command_line(name, begins):
    """
    They begin with a letter, a digit or _, so that none is taken for an option or hidden.
    """
    model = replace(MODEL, name=name)
    found = ids(sweep(models=(model,)))

    assert f"{begins}-dense-s0" == found[0].rsplit("-", 1)[0]
    assert f"{begins}-depth-0.25-s0" == found[1].rsplit("-", 1)[0]


def test_ids_are_the_same_tomorrow():
    """
    These are folders of finished runs: change them only when records would change.
    """
    assert "llama-s-dense-s0-225a48f184" == ids(sweep())[0]
    assert "llama-s-depth-0.25-s0-5fe897c9dd" == ids(sweep())[1]


def test_ways_to_prune_may_be_for_some_models_and_seeds():
    """
    Names and seeds of a method win over the sweep's.
    """
    other = replace(MODEL, name="other")
    prune = (Prune("depth", rates=(0.5,), models=("other",), seeds=(5, 6)),)
    runs = jobs.expand(sweep(models=(MODEL, other), prune=prune))

    assert ["llama s", "other", "other", "other"] == [run.model.name for run in runs]
    assert [0, 0, 5, 6] == [run.seed for run in runs]


def test_an_existing_model_needs_no_dense_run():
    """
    Its sizes come from its config.json.
    """
    public = Model(
        name="1B",
        source="1B",
        folder=CONFIGS / "Llama-3.2-1B.json",
        tokenizer="bytes",
        post_training=POST,
    )
    runs = jobs.expand(sweep(models=(public,)))

    assert [""] * 3 == [run.base for run in runs]
    assert 1_235_814_400 == runs[0].shape.params


def test_a_tokenizer_beside_the_sweep_file_is_given_by_its_path(tmp_path):
    """
    Others are names.
    """
    (tmp_path / "words").mkdir()
    (tmp_path / "words/tokenizer.json").write_text('{"model": {"vocab": {"a": 0}}}')
    (tmp_path / "words/tokenizer_config.json").write_text('{"eos_token": "a"}')
    model = replace(MODEL, tokenizer="words")

    assert "bytes" == jobs.expand(sweep())[0].tokenizer
    assert (
        str(tmp_path / "words") == jobs.expand(sweep(models=(model,), folder=tmp_path))[0].tokenizer
    )


# -- what an id depends on -----------------------------------------------------------


def test_growing_a_sweep_keeps_what_is_done():
    """
    Models, methods, seeds, corpora, execution, names and folders leave other runs alone.
    """
    before = ids(sweep())
    prune = (*sweep().prune, Prune("width", rates=(0.25,)))
    other = replace(MODEL, name="other")
    corpora = {**sweep().corpora, "third": Corpus(name="third", files=("c.txt",))}
    for after in (
        sweep(models=(other, MODEL)),
        sweep(prune=prune),
        sweep(prune=prune[::-1]),
        sweep(seeds=(0, 1)),
        sweep(corpora=corpora),
        sweep(name="renamed", folder=Path("/elsewhere")),
        sweep(execution=Execution(micro_batch=1, processes=2, compile=True, keep_models=False)),
    ):
        assert set(before) <= set(ids(after))


@pytest.mark.parametrize(
    "after",
    [
        sweep(sequence=32),
        sweep(evaluations=(replace(sweep().evaluations[0], tokens=128),)),
        sweep(evaluations=(replace(sweep().evaluations[0], name="another"),)),
        sweep(models=(replace(MODEL, shape={**SHAPE, "rms_norm_eps": 1e-6}),)),
        sweep(models=(replace(MODEL, name="another"),)),
        sweep(models=(replace(MODEL, seed=1),)),
        sweep(corpora={**sweep().corpora, "first": Corpus(name="first", files=("c.txt",))}),
        changed("dense", learning_rate=3.1e-3),
        changed("dense", measure=Measure(count=5)),
        changed("dense", dtype="bfloat16"),
    ],
)
def test_what_decides_the_dense_records_changes_all_ids(after):
    """
    Pruned runs inherit it through the id of the run that makes their model.
    """
    assert not set(ids(sweep())) & set(ids(after))


@pytest.mark.parametrize(
    "after",
    [
        changed("post_training", tokens=5_000),
        changed("post_training", betas=(0.9, 0.99)),
        changed("post_training", objective="kd"),
        changed("post_training", schedule="cosine"),
        sweep(seeds=(1,)),
        sweep(calibration=Calibration(sequences=7)),
        sweep(calibration=Calibration(corpus="first")),
    ],
)
def test_what_decides_the_pruned_records_alone_keeps_the_dense_run(after):
    """
    The model is not trained anew.
    """
    assert ids(sweep())[0] == ids(after)[0]
    assert not set(ids(sweep())[1:]) & set(ids(after)[1:])


def test_what_is_not_looked_at_changes_nothing():
    """
    Weights of a distillation that is none, calibration of magnitude, how counts are said.
    """
    prune = (Prune("2:4", criterion="magnitude"),)
    counts = changed("post_training", measure=Measure(at=POST.counts()[1:]))

    assert ids(sweep()) == ids(changed("post_training", kd_weight=0.9, final_rate=0.0))
    assert ids(sweep()) == ids(counts)
    assert ids(sweep(prune=prune)) == ids(sweep(prune=prune, calibration=Calibration(sequences=7)))


def test_content_is_plain_and_survives_json():
    """
    What is hashed can be written beside the records and compared later.
    """
    for run in jobs.expand(sweep()):
        content = jobs.describe(run, sweep())

        assert content == json.loads(json.dumps(content))
        assert "/nowhere" not in json.dumps(content)


def test_content_says_what_a_cut_comes_to():
    """
    Sizes and zeros, not the rate that was wished for.
    """
    _, depth, _, sparse = jobs.expand(sweep())

    assert 3 == jobs.describe(depth, sweep())["cut"]["num_hidden_layers"]
    assert sparse.cut.removed == jobs.describe(sparse, sweep())["cut"]["removed"]
    assert {"corpus", "sequences"} == set(jobs.describe(depth, sweep())["calibration"])


# -- what is refused -----------------------------------------------------------------


def test_two_rates_that_come_to_the_same_are_refused_with_both_names():
    """
    0.15 and 0.2 both remove one layer of four.
    """
    with pytest.raises(SweepFileError) as error:
        jobs.expand(sweep(prune=(Prune("depth", rates=(0.15, 0.2)),)))

    words = str(error.value)
    assert re.match(r"llama-s-depth-0.15-s0-\w+ and llama-s-depth-0.2-s0-\w+ would be the", words)
    assert "depth at the rates 0.15 and 0.2 removes the same 11,584 parameters" in words
    assert words.endswith("take one out")


def test_a_rate_that_cannot_be_reached_is_refused_before_anything_runs():
    """
    With the model and what it can do.
    """
    with pytest.raises(SweepFileError, match=r"model 'llama s' cannot be pruned as asked: depth:"):
        jobs.expand(sweep(prune=(Prune("depth", rates=(0.9,)),)))


def test_a_model_that_cannot_be_used_is_named(tmp_path):
    """
    Its config.json is gone since the sweep was read, or its vocabulary too small.
    """
    gone = replace(MODEL, shape={}, source="small", folder=tmp_path)
    small = replace(MODEL, shape={**SHAPE, "vocab_size": 100})

    with pytest.raises(SweepFileError, match=r"model 'llama s': .*config\.json: no such file"):
        jobs.expand(sweep(models=(gone,)))
    with pytest.raises(SweepFileError, match=r"'bytes' has 256 ids, and vocab_size is only 100"):
        jobs.expand(sweep(models=(small,)))


# -- models of the hub ---------------------------------------------------------------

HUB = Model(name="1B", source="owner/1B", revision="v1", tokenizer="bytes", post_training=POST)


@pytest.fixture
def hub(monkeypatch):
    """A hub that holds one config.json, or fails."""
    asked = []

    def download(name, file, revision=None):
        asked.append((name, file, revision))
        if name != "owner/1B":
            raise OSError("no network")
        return str(CONFIGS / "Llama-3.2-1B.json")

    module = types.SimpleNamespace(hf_hub_download=download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    sizing._fetched.cache_clear()
    yield asked
    sizing._fetched.cache_clear()


def test_of_a_hub_model_only_the_config_is_fetched_and_once(hub, caplog):
    """
    Planning for 72B costs a few hundred bytes; whoever waits for them is told what for.
    """
    caplog.set_level("INFO", "p2law")
    assert 1_235_814_400 == sizing.shape_of(HUB).params == sizing.shape_of(HUB).params
    assert [("owner/1B", "config.json", "v1")] == hub
    assert "asking the hub for the config.json of owner/1B" in caplog.text


@pytest.mark.usefixtures("hub")
def test_windows_longer_than_a_hub_model_was_made_for_are_refused():
    """
    Its config.json is there when the runs are listed.
    """
    with pytest.raises(SweepFileError, match="'1B': max_position_embeddings is 131072; it must"):
        jobs.expand(sweep(models=(HUB,), sequence=262_144))


def test_a_hub_that_does_not_answer_is_said_to(hub):
    """
    With the way out.
    """
    with pytest.raises(ModelError, match=r"owner/2B cannot be fetched .*give a local folder"):
        sizing.shape_of(replace(HUB, source="owner/2B"))
    assert ("owner/2B", "config.json", "v1") in hub


def test_without_huggingface_hub_the_extra_is_named(monkeypatch):
    """
    Plans of local models need no extra.
    """
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    sizing._fetched.cache_clear()

    with pytest.raises(MissingExtraError, match=r"pip install 'p2law\[collect\]'"):
        sizing.shape_of(HUB)
