"""What a sweep would cost is said before it starts: exactly, in named terms, or refused."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from p2law.collect import forecasting, jobs, sizing
from p2law.collect.configs import from_config, read_config, to_config
from p2law.collect.forecasting import forecast
from p2law.collect.memory import CHUNK_ELEMENTS, activations, memory_terms
from p2law.collect.settings import (
    Calibration,
    Corpus,
    Evaluation,
    Execution,
    Model,
    Prune,
    Sweep,
    Training,
)
from p2law.collect.shapes import Shape
from p2law.errors import SweepFileError

HERE = Path(__file__).parent
CONFIGS = HERE / "configs"
PARAMETERS = json.loads((HERE / "parameters.json").read_text())
POST = Training(
    corpus="slim",
    tokens=1_000_000_000,
    batch_tokens=4096 * 64,
    learning_rate=1e-4,
    dtype="bfloat16",
)
GB = 1e9


def public(name, training=POST):
    """A public model, from its config.json alone."""
    return Model(
        name=name,
        source=name,
        folder=CONFIGS / f"{name}.json",
        tokenizer="bytes",
        post_training=training,
    )


def sweep(*names, training=POST, **changes):
    """Public models pruned by a quarter of their layers."""
    whole = Sweep(
        name="large study",
        sequence=4096,
        corpora={"slim": Corpus(name="slim", hub="cerebras/SlimPajama-627B", tokens=2_000_000_000)},
        evaluations=(Evaluation(name="slim-valid", hub="x/y", tokens=4_100_000),),
        models=tuple(public(name, training) for name in names),
        folder=Path("/nowhere"),
        post_training=training,
        prune=(Prune("depth", rates=(0.25,)),),
        execution=Execution(micro_batch=1, checkpoint_activations=True),
    )
    return replace(whole, **changes)


def only(whole, **speed):
    """The forecast of a sweep's only run."""
    (run,) = forecast(whole, **speed).runs
    return run


# -- exact numbers -------------------------------------------------------------------


def test_all_public_models_are_planned_from_their_config_alone():
    """
    Exact parameters before and after, rates and tokens, and a number of GPUs, without torch.
    """
    plan = forecast(sweep(*PARAMETERS))

    assert list(PARAMETERS.values()) == [run.params for run in plan.runs]
    for run in plan.runs:
        assert run.params_after == run.params - round(run.pruning_rate * run.params)
        assert run.pruning_rate == pytest.approx(0.25, abs=0.03)
        assert 3814 * 4096 * 64 == run.tokens
        assert sum(run.memory.values()) <= 72 * GB


ODD = (
    *(Prune("depth", rates=(rate,)) for rate in (0.01, 0.5, 0.99)),
    *(Prune("width", rates=(rate,), axes=("attention",)) for rate in (0.001, 0.33)),
    *(Prune("width", rates=(rate,)) for rate in (0.001, 0.33, 0.98)),
    *(Prune("unstructured", rates=(rate,)) for rate in (1e-9, 0.999999)),
    Prune("2:4"),
)


@pytest.mark.parametrize("name", PARAMETERS)
def test_whatever_is_asked_of_a_public_model_is_exact_or_refused_in_words(name):
    """
    Rates that cannot be reached, GPUs that are too small: never another error, never a guess.
    """
    refused = []
    for way in ODD:
        try:
            run = only(sweep(name, prune=(way,)), gpu_memory=40e9)
        except SweepFileError as error:
            refused.append(str(error))
            continue
        assert PARAMETERS[name] == run.params
        assert run.params_after == run.params - round(run.pruning_rate * run.params)
        assert run.gpus in (1, 2, 4, 8) or not run.gpus % 8
        if way.method == "width":
            assert abs(run.pruning_rate - run.rate) <= 0.02
    for words in refused:
        assert re.search("cannot be reached within|does not fit: on", words)


def test_flops_have_names_and_add_up():
    """
    Training on what is left, evaluation at every count and before, calibration of what was.
    """
    run = only(sweep("Llama-3.1-8B", calibration=Calibration(sequences=16)))
    before = from_config(read_config(CONFIGS / "Llama-3.1-8B.json"))
    after = replace(before, num_hidden_layers=23)
    layers = before.forward_flops_per_token(4096) - 2 * 128256 * 4096
    measured = len(POST.counts()) * after.forward_flops_per_token(4096)

    assert {
        "training": run.tokens * after.flops_per_token(4096),
        "evaluation": 1000 * 4096 * (measured + before.forward_flops_per_token(4096)),
        "calibration": 16 * 4096 * layers,
    } == run.flops


def test_the_loss_before_pruning_is_counted_once_a_model():
    """
    It is measured by whichever run comes first, and serves all runs of the model.
    """
    ways = (Prune("depth", rates=(0.25,)), Prune("2:4"))
    plan = forecast(sweep("Llama-3.2-1B", "Qwen2.5-0.5B", prune=ways))

    for first, other in (plan.runs[:2], plan.runs[2:]):
        whole = from_config(read_config(CONFIGS / f"{first.model}.json"))
        once = 1000 * 4096 * whole.forward_flops_per_token(4096)
        assert len(POST.counts()) * once == other.flops["evaluation"]  # 2:4 prunes to zeros
        assert first.flops == only(sweep(first.model)).flops


def test_a_teacher_costs_a_forward_pass():
    """
    Of the unpruned model, on every token.
    """
    distilled = replace(POST, objective="kd")
    run = only(sweep("Llama-3.2-1B", training=distilled))
    shape = from_config(read_config(CONFIGS / "Llama-3.2-1B.json"))

    assert run.tokens * shape.forward_flops_per_token(4096) == run.flops["teacher"]
    assert 4 * shape.params == run.memory["teacher"] * run.gpus
    assert "teacher" not in only(sweep("Llama-3.2-1B")).flops


def test_sparse_methods_calibrate_twice_and_train_all_weights():
    """
    Zeros save no FLOP in training; SparseGPT makes Hessians besides.
    """
    cost = {}
    for criterion in ("magnitude", "wanda", "sparsegpt"):
        prune = (Prune("2:4", criterion=criterion),)
        cost[criterion] = only(sweep("Llama-3.2-1B", prune=prune)).flops
    depth = only(sweep("Llama-3.2-1B")).flops
    none = only(sweep("Llama-3.2-1B", prune=(Prune("none"),))).flops

    assert cost["wanda"]["training"] == none["training"] > depth["training"]
    assert 2 * depth["calibration"] == cost["wanda"]["calibration"]
    assert cost["sparsegpt"]["calibration"] > cost["wanda"]["calibration"]
    assert "calibration" not in cost["magnitude"]
    assert "calibration" not in none


# -- against numbers that were counted by other means --------------------------------


@pytest.mark.parametrize(
    ("name", "state", "stored", "hours"),
    [
        ("Qwen2.5-0.5B", 7.9, 0.18, 2.8),
        ("Llama-3.2-1B", 19.8, 0.27, 6.3),
        ("Llama-3.1-8B", 128.0, 1.1, 36.0),
        ("Qwen2.5-72B", 1163.0, 5.4, 324.0),
    ],
)
def test_large_models_agree_with_a_table_made_by_hand(name, state, stored, hours):
    """
    Weights with gradients and Adam, stored layer inputs, and H100-hours of 1e9 tokens at 40 %.
    """
    whole = sweep(name, prune=(Prune("none"),))
    run = only(whole, mfu=0.4, peak_flops=989e12)
    shape = from_config(read_config(CONFIGS / f"{name}.json"))
    full = activations(shape, "bfloat16", checkpoint=True)
    one = activations(replace(shape, num_hidden_layers=1), "bfloat16", checkpoint=True)
    inputs = (full - one) * shape.num_hidden_layers / (shape.num_hidden_layers - 1)
    training = run.flops["training"] / 0.4 / 989e12 / 3600

    assert state == pytest.approx(
        run.gpus * sum(run.memory[each] for each in ("weights", "gradients", "Adam")) / GB, rel=0.01
    )
    # The table keeps them in bfloat16, autocast in float32.
    assert 2 * stored == pytest.approx(inputs * 4096 / GB, rel=0.03)
    assert hours == pytest.approx(training * 1e9 / run.tokens, rel=0.02)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_activations_are_what_autograd_keeps(dtype, kind):
    """
    Bytes of all tensors that two more layers save, within five per cent.

    bfloat16 is autocast, whose copies of the weights are counted apart.
    """
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    shape = Shape(
        kind, 64, 2, 8, 2, 8, 160, 64, tie_word_embeddings=False, qkv_bias=kind == "qwen2"
    )
    more = replace(shape, num_hidden_layers=4)
    tokens = torch.arange(4 * 512).reshape(4, 512) % 64
    counted = (_kept(more, dtype, tokens) - _kept(shape, dtype, tokens)) / 2048
    told = [activations(each, dtype, checkpoint=False) for each in (shape, more)]

    assert told[1] - told[0] == pytest.approx(counted, rel=0.05)


def _kept(shape, dtype, tokens):
    """Bytes that the forward pass of a model leaves for the backward pass, weights left out."""
    import torch
    import transformers

    config = transformers.AutoConfig.for_model(**to_config(shape))
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    small = {each.numel() for each in model.parameters() if each.ndim > 1}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if tensor.numel() not in small:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    autocast = torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16")
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), autocast:
        model.model(input_ids=tokens, use_cache=False)
    return sum(size for size, _ in kept.values())


# -- memory and GPUs -----------------------------------------------------------------


def run_of(name, training=POST, **changes):
    """The only run of a public model."""
    (run,) = jobs.expand(sweep(name, training=training, **changes))
    return run


def test_every_term_of_memory_has_its_reason():
    """
    Shares fall with the number of GPUs; what one micro-batch needs does not.
    """
    run = run_of("Llama-3.1-8B", prune=(Prune("2:4"),))
    execution = sweep().execution
    one, eight = (memory_terms(run, execution, gpus) for gpus in (1, 8))

    for name in ("weights", "gradients", "Adam", "masks"):
        assert one[name] == 8 * eight[name]
    assert 4 * 8_030_261_248 == one["weights"] == one["gradients"] == one["Adam"] / 2
    assert 32 * run.shape.matrix_params == one["masks"]
    assert CHUNK_ELEMENTS * 12 == one["logits"] == eight["logits"]
    layer, table = run.shape.layer_params, run.shape.vocab_size * run.shape.hidden_size
    assert 2 * (32 * run.shape.matrix_params + table) == one["copies"]
    assert 2 * table == eight["copies"]
    assert 8 * run.shape.embedding_params + 6 * 2 * layer == eight["gathered"]
    assert not {"teacher", "gathered"} & set(one)


def test_less_is_stored_where_activations_are_made_anew():
    """
    By a factor of eight and more at 32 layers.
    """
    run = run_of("Llama-3.1-8B")
    plain, anew = (
        memory_terms(run, Execution(micro_batch=1, checkpoint_activations=each), 8)["activations"]
        for each in (False, True)
    )

    assert plain > 8 * anew


def test_the_smallest_number_of_gpus_is_found():
    """
    Powers of two on one machine, then whole machines that share 64 windows evenly (not 24).
    """
    small, large = "Llama-3.2-1B", "Qwen2.5-72B"

    assert 1 == only(sweep(small)).gpus
    assert 2 == only(sweep(small), gpu_memory=20e9).gpus
    assert 32 == only(sweep(large)).gpus
    assert 8 == only(sweep(large), gpu_memory=192e9).gpus


def test_a_run_that_fits_nowhere_is_refused_with_its_terms_and_cures():
    """
    GPUs cannot be more than the windows of a batch.
    """
    with pytest.raises(SweepFileError) as error:
        forecast(sweep("Llama-3.1-70B", execution=Execution(micro_batch=4)), gpu_memory=24e9)

    words = str(error.value)
    assert "on 64 GPUs, the most that can share its 64 windows a batch, each needs" in words
    assert "21.6 of 24.0 GB can be used. Most goes to activations" in words
    assert "checkpoint_activations = true or a larger batch_tokens" in words


def test_rates_that_cannot_be_are_refused_here_too():
    """
    A plan is refused whole.
    """
    with pytest.raises(SweepFileError, match=r"depth: a rate of 0\.95 cannot be reached"):
        forecast(sweep("Llama-3.2-1B", prune=(Prune("depth", rates=(0.95,)),)))


# -- time ----------------------------------------------------------------------------


def test_time_is_never_guessed():
    """
    No speed, no hours.
    """
    plan = forecast(sweep("Llama-3.2-1B"))

    assert plan.gpu_hours is None
    assert "gpu_hours" not in plan.table()
    assert "time" not in str(plan)


def test_time_follows_from_a_stated_speed():
    """
    From an MFU with a peak, or from a throughput.
    """
    whole = sweep("Llama-3.2-1B")
    by_mfu = only(whole, mfu=0.5, peak_flops=1e15)
    by_speed = forecast(whole, tokens_per_second=1000)

    assert sum(by_mfu.flops.values()) / 5e14 / 3600 == pytest.approx(by_mfu.gpu_hours)
    assert by_mfu.tokens / 1000 / 3600 == by_speed.gpu_hours
    assert "GPU-hours, at the speed that was stated" in str(by_speed)


@pytest.mark.parametrize(
    ("speed", "words"),
    [
        ({"mfu": 0.4}, "says nothing without the peak"),
        ({"peak_flops": 1e15}, "give both"),
        ({"mfu": 40, "peak_flops": 1e15}, "mfu is 40; it must lie in"),
        ({"mfu": 0.4, "peak_flops": 1e15, "tokens_per_second": 1}, "and not both"),
        ({"tokens_per_second": 0}, "must be above 0"),
        ({"gpu_memory": 0}, "gpu_memory is 0"),
        ({"gpu_memory": 80}, "gpu_memory is 80; it must be above 1e.08, in bytes: 80e9"),
        ({"gpu_memory": float("inf")}, "gpu_memory is inf"),
        ({"mfu": float("nan"), "peak_flops": 1e15}, "mfu is nan; it must be above 0, a share"),
        ({"mfu": -0.1, "peak_flops": 1e15}, "mfu is -0.1"),
        ({"mfu": 0.4, "peak_flops": 989}, "peak_flops is 989; .* 989e12 for 989 TFLOP/s"),
        ({"tokens_per_second": float("nan")}, "tokens_per_second is nan"),
    ],
)
def test_speeds_that_say_nothing_are_refused(speed, words):
    """
    With what is missing or wrong.
    """
    with pytest.raises(SweepFileError, match=words):
        forecast(sweep("Llama-3.2-1B"), **speed)


def test_planning_loads_no_torch():
    """
    A laptop without it can plan for a cluster.
    """
    code = (
        "import sys\n"
        "from p2law.collect import forecasting, jobs, spec\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True)

    assert not {"torch", "transformers", "huggingface_hub", "datasets"} & set(found.stdout.split())


# -- disk and views ------------------------------------------------------------------


def test_disk_counts_checkpoints_models_and_token_files(tmp_path):
    """
    Two checkpoints under way; final models and token files stay.
    """
    (tmp_path / "a.txt").write_bytes(b"x" * 1000)
    corpus = Corpus(name="slim", files=("a.txt",), paths=(tmp_path / "a.txt",))
    plan = forecast(sweep("Llama-3.2-1B", corpora={"slim": corpus}))
    (run,) = plan.runs
    after = 1_235_814_400 - round(run.pruning_rate * 1_235_814_400)

    assert {"checkpoints": 24.0 * after, "start": 4.0 * after, "model": 2.0 * after} == run.disk
    assert {"slim (bytes)": 4000.0, "slim-valid, evaluated (bytes)": 4 * 4_100_000.0} == plan.texts
    assert 2 * after + 4000 + 4 * 4_100_000 == plan.kept_bytes
    assert replace(plan, keep_models=False).kept_bytes == 4000 + 4 * 4_100_000


def test_a_corpus_and_an_evaluation_of_one_name_are_two_texts():
    """
    The corpus is the larger part of the disk by far, and is not lost.
    """
    corpus = Corpus(name="wiki", hub="x/y", tokens=2_000_000_000)
    plan = forecast(
        sweep(
            "Llama-3.2-1B",
            training=replace(POST, corpus="wiki"),
            corpora={"wiki": corpus},
            evaluations=(Evaluation(name="wiki", hub="x/y", tokens=4_100_000),),
        )
    )

    assert {"wiki (bytes)": 8e9, "wiki, evaluated (bytes)": 16_400_000.0} == plan.texts
    assert plan.kept_bytes == plan.runs[0].disk["model"] + 8e9 + 16_400_000


def test_downloads_are_counted_once_a_model(monkeypatch):
    """
    In the dtype that the hub has them in; models of folders are there already.
    """
    config = read_config(CONFIGS / "Llama-3.2-1B.json")
    for module in (sizing, jobs, forecasting):
        monkeypatch.setattr(module, "config_of", lambda _: config)
    hub = replace(public("meta/1B"), folder=None)

    plan = forecast(sweep("Qwen2.5-0.5B", models=(public("Qwen2.5-0.5B"), hub)))

    assert {"meta/1B": 2.0 * 1_235_814_400} == plan.downloads
    assert "2.5 GB of downloads in the cache of the hub: meta/1B" in str(plan)


def test_runs_are_numbered_as_run_counts_them():
    """
    The first column is what --index takes.
    """
    lines = str(forecast(sweep("Llama-3.2-1B", "Qwen2.5-0.5B"))).splitlines()

    assert ["0  Llama-3.2-1B-depth", "1  Qwen2.5-0.5B-depth"] == [
        each.split("-0.25")[0] for each in lines if "-depth-0.25" in each and each[0] in "01"
    ]


def test_a_text_of_unknown_length_is_named():
    """
    Nothing is counted as nothing in silence.
    """
    corpus = Corpus(name="slim", files=("a.parquet",), paths=(Path("a.parquet"),))
    plan = forecast(sweep("Llama-3.2-1B", corpora={"slim": corpus}))

    assert plan.texts["slim (bytes)"] is None
    assert "not counted, since no `tokens` is given: slim (bytes)" in str(plan)


@pytest.mark.parametrize(("length", "said"), [(2_000_000_000, False), (1_000_000, True)])
def test_many_passes_over_a_short_text_are_said(length, said):
    """
    P² counts tokens, not new ones; a text whose length is not known says nothing.
    """
    corpus = Corpus(name="slim", hub="cerebras/SlimPajama-627B", tokens=length)
    plan = forecast(sweep("Llama-3.2-1B", corpora={"slim": corpus}))

    words = "! 1 of 1 train on the same text more than 4 times,\n  Llama-3.2-1B-depth-0.25-"
    assert plan.runs[0].passes == pytest.approx(plan.runs[0].tokens / length)
    assert said == (words in str(plan))
    assert said == ("! " in str(plan))


def test_the_table_has_a_row_a_run_in_plain_units():
    """
    For whoever goes on with pandas.
    """
    table = forecast(sweep("Llama-3.2-1B", "Qwen2.5-0.5B"), mfu=0.4, peak_flops=1e15).table()

    assert [
        "run",
        "params",
        "params_after",
        "pruning_rate",
        "nominal_rate",
        "tokens",
        "flops",
        "gpus",
        "memory",
        "disk",
        "gpu_hours",
    ] == list(table)
    assert [1_235_814_400, 494_032_768] == table["params"].tolist()


def test_all_terms_are_in_the_json():
    """
    For other programs.
    """
    content = json.loads(forecast(sweep("Llama-3.2-1B")).to_json())

    assert {"training", "evaluation", "calibration"} == set(content["runs"][0]["flops"])
    assert {"weights", "gradients", "Adam"} < set(content["runs"][0]["memory"])
    assert content["kept_bytes"] > 0


def test_the_text_is_the_agreed_one(request):
    """
    What people read is pinned, digit by digit.
    """
    golden = HERE.parent / "golden" / "collect_plan.txt"
    text = str(forecast(sweep("Llama-3.2-1B", "Qwen2.5-7B"), mfu=0.4, peak_flops=989e12)) + "\n"
    if request.config.getoption("--rewrite-golden"):
        golden.write_text(text, encoding="utf-8")

    assert golden.read_text(encoding="utf-8") == text
