"""From a sweep to its runs, each with a name that says what it is and a hash of all it depends on.

The same run has the same id wherever it is mentioned: other models, runs or ways
of execution in the sweep file do not change it, and whatever decides its records
does. So a sweep can grow, and what is done stays done.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from p2law.collect.cuts import Cut, plan_cut
from p2law.collect.models import check_fits
from p2law.collect.settings import Model, Prune, Sweep, TextSource, Training
from p2law.collect.shapes import SIZES, Shape
from p2law.collect.sizing import config_of, shape_of
from p2law.errors import ModelError, PruningError, SweepFileError

DIGITS = 10
"""Of the hash in a run's id."""


@dataclass(frozen=True)
class Run:
    """One model trained once: the unit of work, with a folder of its own.

    Attributes
    ----------
    id : str
        Name of its folder: model, what is done, seed, and a hash of all that decides
        its records.
    model : Model
    shape : Shape
        Before pruning.
    kind : str
        ``"dense"`` (the model is made) or ``"pruned"``.
    cut : Cut or None
        What is removed; None for dense.
    prune : Prune or None
        How that is chosen; None for dense.
    rate : float
        What was asked for; 0 for dense.
    training : Training
    tokenizer : str
        ``"bytes"``, the absolute path of a folder, or a hub id.
    sequence : int, token
    seed : int
    base : str
        Id of the dense run that makes the model; empty where it exists.
    """

    id: str
    model: Model
    shape: Shape
    kind: str
    cut: Cut | None
    prune: Prune | None
    rate: float
    training: Training
    tokenizer: str
    sequence: int
    seed: int
    base: str

    @property
    def method(self) -> str:
        """What records call it: depth, width, 2:4-wanda, unstructured-sparsegpt, none; or dense."""
        if self.cut is None:
            return "dense"
        return "-".join(filter(None, (self.cut.method, self.cut.criterion)))


def expand(sweep: Sweep) -> tuple[Run, ...]:
    """All runs of a sweep, dense ones first.

    Parameters
    ----------
    sweep : Sweep

    Returns
    -------
    tuple of Run
        In the order of models, then of ways to prune, rates and seeds.

    Raises
    ------
    SweepFileError
        A rate cannot be reached, a model cannot be used, or two runs would be the
        same (two rates that remove the same layers), with both named.
    MissingExtraError
        A model of the hub, and huggingface_hub is not installed.
    """
    shapes = {model.name: _shape(model, sweep) for model in sweep.models}
    dense = {
        model.name: _dense(model, shapes[model.name], sweep)
        for model in sweep.models
        if model.dense is not None
    }
    pruned = [
        _pruned(sweep, model, shapes[model.name], prune, rate, seed, base)
        for model in sweep.models
        for base in [dense[model.name].id if model.name in dense else ""]
        for prune, rate, seed in _ways(sweep, model)
    ]
    runs = (*dense.values(), *pruned)
    _check_different(runs)
    return runs


def describe(run: Run, sweep: Sweep) -> dict[str, Any]:
    """All that decides the records of a run, as plain content for JSON.

    The id is a hash of it. Texts and tokenizers enter by what the sweep file says
    of them; that they are still what they were is checked when they are read, and again
    when a run that has ended is asked for.
    What was asked for enters by what it comes to: sizes and zeros, measured counts.

    Parameters
    ----------
    run : Run
    sweep : Sweep

    Returns
    -------
    dict
    """
    content: dict[str, Any] = {
        "kind": run.kind,
        "model": _said_of_model(run.model),
        "tokenizer": run.model.tokenizer,
        "sequence": run.sequence,
        "seed": run.seed,
        "base": run.base,
        "training": _said_of_training(run.training, sweep),
        "evaluations": [_said_of_text(each) for each in sweep.evaluations],
    }
    if run.cut is not None:
        content["cut"] = {
            "method": run.cut.method,
            "criterion": run.cut.criterion,
            "removed": run.cut.removed,
            **{key: getattr(run.cut.after, key) for key in SIZES},
        }
    if run.prune is not None and run.prune.calibrated:
        corpus = sweep.corpora[sweep.calibration.corpus or run.training.corpus]
        content["calibration"] = {
            "corpus": _said_of_text(corpus),
            "sequences": sweep.calibration.sequences,
        }
    return content


# -- runs ----------------------------------------------------------------------------


def _ways(sweep: Sweep, model: Model) -> Iterator[tuple[Prune, float | None, int]]:
    """Ways to prune a model, with rates and seeds."""
    for prune in sweep.prune:
        if not prune.models or model.name in prune.models:
            for rate in prune.rates or (None,):
                for seed in prune.seeds or sweep.seeds:
                    yield prune, rate, seed


def _shape(model: Model, sweep: Sweep) -> Shape:
    try:
        shape = shape_of(model)
        check_fits(model, config_of(model), sweep)
    except ModelError as error:
        raise SweepFileError(f"model {model.name!r}: {error}") from error
    return shape


def _dense(model: Model, shape: Shape, sweep: Sweep) -> Run:
    assert model.dense is not None  # noqa: S101 - the caller has looked
    run = Run(
        id="",
        model=model,
        shape=shape,
        kind="dense",
        cut=None,
        prune=None,
        rate=0.0,
        training=model.dense,
        tokenizer=_tokenizer(model, sweep),
        sequence=sweep.sequence,
        seed=model.seed or 0,
        base="",
    )
    return _named(run, sweep)


def _pruned(
    sweep: Sweep,
    model: Model,
    shape: Shape,
    prune: Prune,
    rate: float | None,
    seed: int,
    base: str,
) -> Run:
    assert model.post_training is not None  # noqa: S101 - `spec.read` has looked
    try:
        cut = plan_cut(
            shape,
            prune.method,
            rate,
            criterion=prune.criterion,
            axes=prune.axes,
            multiple=prune.multiple,
        )
    except PruningError as error:
        raise SweepFileError(f"model {model.name!r} cannot be pruned as asked: {error}") from error
    run = Run(
        id="",
        model=model,
        shape=shape,
        kind="pruned",
        cut=cut,
        prune=prune,
        rate=cut.rate,
        training=model.post_training,
        tokenizer=_tokenizer(model, sweep),
        sequence=sweep.sequence,
        seed=seed,
        base=base,
    )
    return _named(run, sweep)


def _tokenizer(model: Model, sweep: Sweep) -> str:
    folder = sweep.folder / model.tokenizer
    return str(folder) if model.tokenizer != "bytes" and folder.is_dir() else model.tokenizer


def _named(run: Run, sweep: Sweep) -> Run:
    """The run with its id."""
    rate = f"{run.rate:g}" if run.rate and run.method[:3] != "2:4" else ""
    # An id may be given on a command line, where what begins with "-" is an option.
    name = re.sub(r"[^\w.-]+", "-", run.model.name, flags=re.ASCII).lstrip("-.") or "model"
    parts = (name, run.method.replace("2:4", "2of4"), rate, f"s{run.seed}")
    readable = "-".join(filter(None, parts))
    return dataclasses.replace(run, id=f"{readable}-{_digest(describe(run, sweep))}")


def _digest(content: Mapping[str, Any]) -> str:
    """Short hash of plain content; keys in order, floats in their shortest exact form."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _check_different(runs: tuple[Run, ...]) -> None:
    """Refuse two runs that would be the same but for what was asked for."""
    seen: dict[str, Run] = {}
    for run in runs:
        other = seen.setdefault(run.id[-DIGITS:], run)
        if other is not run:
            rates = " and ".join(f"{each.rate:g}" for each in (other, run))
            removed = run.cut.removed if run.cut else 0
            raise SweepFileError(
                f"{other.id} and {run.id} would be the same run: {run.method} at the rates "
                f"{rates} removes the same {removed:,} parameters of {run.model.name!r} with "
                f"seed {run.seed}; take one out"
            )


# -- what is hashed ------------------------------------------------------------------


def _said_of_model(model: Model) -> dict[str, Any]:
    if model.shape:
        return {"name": model.name, "shape": dict(model.shape)}
    return {"name": model.name, "source": model.source, "revision": model.revision}


def _said_of_training(training: Training, sweep: Sweep) -> dict[str, Any]:
    content = dataclasses.asdict(training)
    del content["measure"]
    content["betas"] = list(training.betas)
    if training.objective != "kd":
        del content["kd_weight"], content["temperature"]
    if training.schedule == "constant":
        del content["final_rate"]
    corpus = _said_of_text(sweep.corpora[training.corpus])
    return {**content, "corpus": corpus, "counts": list(training.counts())}


def _said_of_text(text: TextSource) -> dict[str, Any]:
    content = dataclasses.asdict(text)
    del content["paths"]
    if not text.hub:
        del content["hub"], content["subset"], content["split"], content["revision"]
    return {key: list(value) if key == "files" else value for key, value in content.items()}
