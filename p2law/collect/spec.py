"""Read a sweep file, and refuse before anything runs what cannot be carried out.

A message names the file and the key, what stands there, what must stand there,
and the way out. `p2law.collect.settings` documents every key.
"""

import dataclasses
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from p2law.collect.reading import (
    check_distinct,
    check_named,
    read_corpora,
    read_evaluations,
    read_prune,
    read_training,
    tables,
)
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
from p2law.collect.shapes import Shape, from_config, read_config
from p2law.collect.tables import Place, build, check_keys, nearest
from p2law.errors import ModelError, SweepFileError

__all__ = [
    "Calibration",
    "Corpus",
    "Evaluation",
    "Execution",
    "Measure",
    "Model",
    "Prune",
    "Sweep",
    "Training",
    "check_fits",
    "read",
]

HUB_ID = re.compile(r"^\w[\w.-]*/[\w.-]+$")
BYTES = 256


def read(path: str | Path) -> Sweep:
    """Read a sweep file (TOML).

    Parameters
    ----------
    path : str or Path
        Paths inside the file are relative to its folder.

    Returns
    -------
    Sweep
        Globs are expanded, and every model carries its own complete training.

    Raises
    ------
    SweepFileError
        The file cannot be read, or what it says cannot be carried out.
    """
    file = Path(path)
    table, top = _toml(file), Place(file.name)
    folder = file.resolve().parent
    models = tables(table.pop("models", []), top.key("models"))
    prune = tables(table.pop("prune", []), top.key("prune"))
    training: dict[str, Any] = {
        key: table.pop(key) for key in ("dense", "post_training") if key in table
    }
    sweep = build(
        Sweep,
        {key: value for key, value in table.items() if key not in _PARTS},
        top,
        corpora=read_corpora(table.get("corpora", {}), top.key("corpora"), folder),
        evaluations=read_evaluations(table.get("evaluations", []), top.key("evaluations"), folder),
        calibration=build(Calibration, table.get("calibration", {}), top.key("calibration")),
        execution=build(Execution, table.get("execution", {}), top.key("execution")),
        prune=tuple(read_prune(each, top.key("prune").item(k)) for k, each in enumerate(prune)),
        folder=folder,
        models=(),
        dense=None,
        post_training=None,
    )
    sweep = _with_training(sweep, training, top)
    sweep = replace(
        sweep,
        models=tuple(
            _model(each, top.key("models").item(k), sweep, training)
            for k, each in enumerate(models)
        ),
    )
    _check_names(sweep, top)
    _check_texts(sweep, top)
    _check_work(sweep, top)
    return sweep


_PARTS = ("corpora", "evaluations", "calibration", "execution")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SweepFileError(f"{path}: no such file") from None
    except tomllib.TOMLDecodeError as error:
        raise SweepFileError(f"{path}: this is not TOML: {error}") from error
    except (OSError, ValueError) as error:
        raise SweepFileError(f"{path} cannot be read: {error}") from error


def _with_training(sweep: Sweep, training: Mapping[str, Any], top: Place) -> Sweep:
    made = {
        key: read_training(table, {}, top.key(key), sweep.sequence)
        for key, table in training.items()
    }
    for key, each in made.items():
        _check_training(each, top.key(key), sweep)
    return replace(sweep, dense=made.get("dense"), post_training=made.get("post_training"))


def _check_training(training: Training, at: Place, sweep: Sweep) -> None:
    if training.corpus not in sweep.corpora:
        raise at.key("corpus").error(
            f"is {training.corpus!r}, which is no corpus; {nearest(training.corpus, sweep.corpora)}"
        )
    if at.path.endswith("dense") and training.objective == "kd":
        raise at.key("objective").error("is 'kd', but a dense model has no teacher; use 'ce'")
    windows = training.batch_tokens // sweep.sequence
    if windows % sweep.execution.processes:
        raise at.key("batch_tokens").error(
            f"is {windows} windows, which {sweep.execution.processes} processes "
            f"(execution.processes) cannot share evenly"
        )


# -- models --------------------------------------------------------------------------


def _model(table: Any, at: Place, sweep: Sweep, training: Mapping[str, Any]) -> Model:
    check_keys(
        table, [each.name for each in dataclasses.fields(Model) if each.name != "folder"], at
    )
    changes = {key: table[key] for key in ("dense", "post_training") if key in table}
    rest = {key: value for key, value in table.items() if key not in changes}
    model = build(Model, rest, at, folder=None, dense=None, post_training=None)
    if bool(model.shape) == bool(model.source):
        raise at.error("must have either a source (it exists) or a shape (it is trained first)")
    own = {key: getattr(sweep, key) for key in ("dense", "post_training")}
    for key, table_of in changes.items():
        if key not in training:
            raise at.key(key).error(f"changes [{key}], which is missing; write it first")
        own[key] = read_training(training[key], table_of, at.key(key), sweep.sequence)
        _check_training(own[key], at.key(key), sweep)
    if model.source:
        model = _existing(model, table, at, sweep)
        own["dense"] = None
    else:
        model = _to_be_made(model, at, sweep, own["dense"])
    model = replace(model, tokenizer=model.tokenizer or sweep.tokenizer or model.source, **own)
    _check_vocabulary(model, at, sweep)
    return model


def _existing(model: Model, table: Mapping[str, Any], at: Place, sweep: Sweep) -> Model:
    for key in ("dense", "seed"):
        if key in table:
            raise at.key(key).error("goes with a shape; a model with a source is trained already")
    folder = _local(model.source, at.key("source"), sweep)
    if folder and model.revision:
        raise at.key("revision").error("goes with a hub id, and the source is a folder")
    return replace(model, folder=folder)


def _to_be_made(model: Model, at: Place, sweep: Sweep, dense: Training | None) -> Model:
    if model.revision:
        raise at.key("revision").error("goes with a source, and this model has a shape")
    if dense is None:
        raise Place(at.file, "dense").error(
            f"is missing; {model.name!r} has a shape, so say how it is trained"
        )
    if not (model.tokenizer or sweep.tokenizer):
        raise Place(at.file, "tokenizer").error(
            f'is missing; {model.name!r} has a shape and needs one, such as "bytes"'
        )
    first = sweep.seeds[0] if sweep.seeds else 0
    return replace(model, seed=first if model.seed is None else model.seed)


def _local(source: str, at: Place, sweep: Sweep) -> Path | None:
    """The folder that a source stands for, or None for a hub id."""
    if (sweep.folder / source).is_dir():
        return sweep.folder / source
    if HUB_ID.match(source):
        return None
    raise at.error(
        f"is {source!r}; it is neither a folder in {sweep.folder} nor a hub id (OWNER/NAME)"
    )


def _check_vocabulary(model: Model, at: Place, sweep: Sweep) -> None:
    """Refuse shapes that are none and tokenizers that do not fit, as far as files tell."""
    if model.tokenizer != "bytes":
        _local(model.tokenizer, at.key("tokenizer"), sweep)
    try:
        if model.shape:
            check_fits(model, from_config(model.shape), sweep.folder)
        elif model.folder:
            check_fits(model, from_config(read_config(model.folder)), sweep.folder)
    except ModelError as error:
        where = at.key("shape" if model.shape else "source")
        raise where.error(f"cannot be used: {error}") from error


def check_fits(model: Model, shape: Shape, folder: Path) -> None:
    """Refuse a tokenizer with more ids than the model has embeddings.

    Parameters
    ----------
    model : Model
    shape : Shape
    folder : Path
        Of the sweep file. A tokenizer of the hub is not looked at.

    Raises
    ------
    ModelError
        It does not fit, or its file cannot be read.
    """
    path = folder / model.tokenizer / "tokenizer.json"
    if model.tokenizer == "bytes":
        ids = BYTES
    elif path.parent.is_dir():
        ids = _ids(path)
    else:
        return
    if ids > shape.vocab_size:
        raise ModelError(
            f"the tokenizer {model.tokenizer!r} has {ids} ids, and vocab_size is only "
            f"{shape.vocab_size}; take the model's own tokenizer or a larger vocabulary"
        )


def _ids(path: Path) -> int:
    """How many ids a tokenizer.json may give: one more than the largest."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = content["model"]["vocab"]
        ids = list(known.values()) if isinstance(known, dict) else list(range(len(known)))
        return 1 + max(ids + [each["id"] for each in content.get("added_tokens") or ()])
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; a tokenizer's folder must hold one") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is no tokenizer that can be read: {error!r}") from error


# -- what takes two parts ------------------------------------------------------------


def _check_names(sweep: Sweep, top: Place) -> None:
    names = [each.name for each in sweep.models]
    for k, name in enumerate(names):
        check_named(name, top.key("models").item(k))
    check_distinct(names, top.key("models"))
    check_distinct(sweep.seeds, top.key("seeds"))
    if not sweep.seeds:
        raise top.key("seeds").error("is empty; one seed is needed, such as [0]")
    for k, prune in enumerate(sweep.prune):
        for n, name in enumerate(prune.models):
            if name not in names:
                at = top.key("prune").item(k).key("models").item(n)
                raise at.error(f"is {name!r}, which is no model; {nearest(name, names)}")
    corpus = sweep.calibration.corpus
    if corpus and corpus not in sweep.corpora:
        raise (
            top.key("calibration")
            .key("corpus")
            .error(f"is {corpus!r}, which is no corpus; {nearest(corpus, sweep.corpora)}")
        )


def _check_texts(sweep: Sweep, top: Place) -> None:
    """Refuse evaluations that are too short or were trained on."""
    for k, each in enumerate(sweep.evaluations):
        at = top.key("evaluations").item(k)
        if each.tokens < sweep.sequence:
            raise at.key("tokens").error(
                f"is {each.tokens}, less than one window (sequence = {sweep.sequence})"
            )
        for corpus in sweep.corpora.values():
            if common := _sources(each) & _sources(corpus):
                raise at.error(
                    f"reads {min(common)}, which corpora.{corpus.name} trains on; "
                    f"a loss on trained text is no held-out loss"
                )


def _sources(text: Corpus | Evaluation) -> set[str]:
    if text.hub:
        return {" ".join(filter(None, (text.hub, text.subset, text.split)))}
    return {str(each.resolve()) for each in text.paths}


def _check_work(sweep: Sweep, top: Place) -> None:
    if not sweep.models:
        raise top.key("models").error("is missing; write [[models]] at least once")
    if sweep.prune and sweep.post_training is None:
        raise top.key("post_training").error("is missing; say how pruned models are trained")
    if not sweep.prune and not any(each.shape for each in sweep.models):
        raise top.key("prune").error("is missing; without it there is nothing to do")
