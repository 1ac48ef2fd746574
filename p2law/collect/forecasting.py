"""What a sweep would cost, from sizes alone: no torch, no GPU, no weights.

Numbers are exact where they can be (parameters, rates, tokens, FLOP of matrix
products) and sums of named terms where they are estimates (memory, disk). Time is
never guessed: GPU-hours follow only from an MFU or a throughput that the user states.

FLOP of a run
    training: matrix products forward and backward, attention in full; sparse models
    cost what dense ones do. teacher: forward, for distillation. evaluation: forward,
    at every measured count; of the first pruned run of a model also the loss before
    pruning, which serves all of its runs. calibration: the decoder layers
    forward, once for depth and width, twice for Wanda and SparseGPT (statistics, then
    on with pruned weights), with SparseGPT's Hessians; solving for the weights is left
    out, a few hundredths of it.

Disk of a run
    checkpoints: weights and Adam, 12 bytes a parameter, two at a time. start: the
    model that training starts from. model: the one it ends with. The first two go
    when the run is done. Models of the hub lie in its cache, once for all runs.
"""

import math
from collections.abc import Iterator

from p2law.collect.cuts import SPARSE
from p2law.collect.jobs import Run, expand
from p2law.collect.memory import BYTES, smallest, trained
from p2law.collect.plan import Forecast, Plan
from p2law.collect.settings import Corpus, Evaluation, Sweep
from p2law.collect.sizing import config_of, shape_of
from p2law.collect.spec import plain_bytes
from p2law.errors import SweepFileError

__all__ = ["Forecast", "Plan", "forecast"]


def forecast(
    sweep: Sweep,
    *,
    gpu_memory: float = 80e9,
    mfu: float | None = None,
    peak_flops: float | None = None,
    tokens_per_second: float | None = None,
) -> Plan:
    """Say what a sweep would cost, without doing any of it.

    Parameters
    ----------
    sweep : Sweep
    gpu_memory : float, byte
        Of one GPU.
    mfu : float, share in (0, 1]
        Share of `peak_flops` that training would reach; small models reach less.
    peak_flops : float, FLOP per second
        Of one GPU, for instance 989e12 for bfloat16 on an H100.
    tokens_per_second : float, token per second and GPU
        Measured throughput of training, instead of these two.

    Returns
    -------
    Plan

    Raises
    ------
    SweepFileError
        A run cannot be: a rate, a model, or no number of GPUs that has the memory.
    MissingExtraError
        A model of the hub, and huggingface_hub is not installed.

    Notes
    -----
    GPU-hours are those of training, teacher, evaluation and calibration where an MFU
    is stated, and those of training where a throughput is.
    """
    _check_speed(gpu_memory, mfu, peak_flops, tokens_per_second)
    runs, measured = [], set[str]()
    for run in expand(sweep):
        flops = _flops(run, sweep, before=run.cut is not None and run.model.name not in measured)
        measured |= {run.model.name} if run.cut else set()
        gpus, memory = smallest(run, sweep.execution, gpu_memory)
        hours = None
        if mfu is not None and peak_flops is not None:
            hours = sum(flops.values()) / (mfu * peak_flops) / 3600
        elif tokens_per_second is not None:
            hours = run.training.total / tokens_per_second / 3600
        text = _tokens(sweep.corpora[run.training.corpus])
        passes = run.training.total / text if text else None
        runs.append(_forecast(run, flops, gpus, memory, hours, passes))
    return Plan(
        name=sweep.name,
        runs=tuple(runs),
        texts=dict(_texts(sweep)),
        downloads=dict(_downloads(sweep)),
        keep_models=sweep.execution.keep_models,
        processes=sweep.execution.processes,
    )


# -- one run -------------------------------------------------------------------------


def _check_speed(
    gpu_memory: float, mfu: float | None, peak: float | None, speed: float | None
) -> None:
    given = (
        ("gpu_memory", gpu_memory, 1e8, "in bytes: 80e9 for 80 GB"),
        ("mfu", mfu, 0.0, "a share: 0.4 for 40 per cent"),
        ("peak_flops", peak, 1e9, "in FLOP per second: 989e12 for 989 TFLOP/s"),
        ("tokens_per_second", speed, 0.0, "a number of tokens"),
    )
    for name, value, least, words in given:
        if value is not None and not least < value < math.inf:
            raise SweepFileError(f"{name} is {value:g}; it must be above {least:g}, {words}")
    if mfu is not None and mfu > 1:
        raise SweepFileError(f"mfu is {mfu:g}; it must lie in (0, 1]: 0.4 for 40 per cent")
    if (mfu is None) != (peak is None):
        raise SweepFileError("an MFU says nothing without the peak FLOP/s of the GPU: give both")
    if mfu is not None and speed is not None:
        raise SweepFileError("give either an MFU with a peak or a throughput, and not both")


def _flops(run: Run, sweep: Sweep, *, before: bool) -> dict[str, float]:
    """FLOP of a run by what for; `before` where it is the one that measures what is pruned."""
    shape, length, training = trained(run), run.sequence, run.training
    evaluated = sum(each.tokens // length * length for each in sweep.evaluations)
    measured = len(training.counts()) * shape.forward_flops_per_token(length)
    if before:
        measured += run.shape.forward_flops_per_token(length)
    flops = {
        "training": training.total * shape.flops_per_token(length),
        "evaluation": evaluated * measured,
    }
    if training.objective == "kd":
        flops["teacher"] = training.total * run.shape.forward_flops_per_token(length)
    if run.prune is not None and run.prune.calibrated:
        flops["calibration"] = sweep.calibration.sequences * length * _calibration(run)
    return flops


def _calibration(run: Run) -> float:
    """FLOP of calibration for one token."""
    shape, sparse = run.shape, run.prune is not None and run.prune.method in SPARSE
    head = 2.0 * shape.vocab_size * shape.hidden_size
    layers = shape.forward_flops_per_token(run.sequence) - head
    if not sparse:
        return layers
    if run.prune is None or run.prune.criterion != "sparsegpt":
        return 2 * layers
    queries = shape.num_attention_heads * shape.head_dim
    inputs = 2 * shape.hidden_size**2 + queries**2 + shape.intermediate_size**2
    return 2 * layers + 2.0 * shape.num_hidden_layers * inputs


def _forecast(
    run: Run,
    flops: dict[str, float],
    gpus: int,
    memory: dict[str, float],
    hours: float | None,
    passes: float | None,
) -> Forecast:
    stored = BYTES[run.training.dtype] * trained(run).params
    return Forecast(
        id=run.id,
        model=run.model.name,
        method=run.method,
        rate=run.rate,
        params=run.shape.params,
        params_after=run.cut.params_after if run.cut else run.shape.params,
        pruning_rate=run.cut.pruning_rate if run.cut else 0.0,
        nominal_rate=run.cut.nominal_rate if run.cut else 0.0,
        tokens=run.training.total,
        flops=flops,
        gpus=gpus,
        memory=memory,
        disk={
            "checkpoints": 24.0 * trained(run).params,
            "start": 4.0 * trained(run).params,
            "model": float(stored),
        },
        gpu_hours=hours,
        passes=passes,
    )


def _texts(sweep: Sweep) -> Iterator[tuple[str, float | None]]:
    """Bytes of the token files: four a token, at most one token a byte of plain text."""
    used = {each.corpus for each in (sweep.dense, sweep.post_training) if each}
    used |= {sweep.calibration.corpus} - {""}
    used |= {each.corpus for m in sweep.models for each in (m.dense, m.post_training) if each}
    texts: list[Corpus | Evaluation] = [
        *(sweep.corpora[name] for name in sorted(used)),
        *sweep.evaluations,
    ]
    for tokenizer in sorted({model.tokenizer for model in sweep.models}):
        for text in texts:
            tokens = _tokens(text)
            # An evaluation may be called like a corpus.
            kind = ", evaluated" * isinstance(text, Evaluation)
            yield f"{text.name}{kind} ({tokenizer})", None if tokens is None else 4.0 * tokens


def _downloads(sweep: Sweep) -> Iterator[tuple[str, float]]:
    """Bytes of the weights that are fetched from the hub, in the dtype of their config.json."""
    for model in sweep.models:
        if model.source and not model.folder:
            config = config_of(model)
            dtype = str(config.get("dtype") or config.get("torch_dtype") or "float32")
            width = 2 if dtype.endswith("float16") else 4
            yield model.source, float(width * shape_of(model).params)


def _tokens(text: Corpus | Evaluation) -> int | None:
    size = plain_bytes(text)
    return text.tokens if size is None else min(size, text.tokens or size)
