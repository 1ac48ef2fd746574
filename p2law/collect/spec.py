"""Read a sweep file, and refuse before anything runs what cannot be carried out.

A message names the file and the key, what stands there, what must stand there,
and the way out. `p2law.collect.settings` documents every key.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from p2law.collect.models import read_model, training_of
from p2law.collect.reading import (
    check_distinct,
    check_named,
    read_corpora,
    read_evaluations,
    read_prune,
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
    TextSource,
    Training,
)
from p2law.collect.tables import KeyPath, build, check_keys, nearest, top_table

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
    "read",
]

LONGEST = 100
"""Characters of a name, which stands in the names of folders."""


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
    table, top = top_table(file, ("models", "prune", "evaluations")), KeyPath(file.name)
    folder = file.resolve().parent
    check_keys(table, [each.name for each in fields(Sweep) if each.name != "folder"], top)
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
            read_model(each, top.key("models").item(k), sweep, training)
            for k, each in enumerate(models)
        ),
    )
    _check_names(sweep, top)
    _check_texts(sweep, top)
    _check_work(sweep, top)
    return sweep


_PARTS = ("corpora", "evaluations", "calibration", "execution")


def _with_training(sweep: Sweep, training: Mapping[str, Any], top: KeyPath) -> Sweep:
    made = {key: training_of(sweep, table, {}, top.key(key)) for key, table in training.items()}
    return replace(sweep, dense=made.get("dense"), post_training=made.get("post_training"))


# -- what takes two parts ------------------------------------------------------------


def _check_names(sweep: Sweep, top: KeyPath) -> None:
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

    for name in (*names, *sweep.corpora, *(each.name for each in sweep.evaluations)):
        if len(name) > LONGEST:
            raise top.error(f"has a name of {len(name)} characters; {LONGEST} fit into a folder's")


def _check_texts(sweep: Sweep, top: KeyPath) -> None:
    """Refuse texts that are too short, and evaluations on what is trained on."""
    for corpus in sweep.corpora.values():
        _check_length(corpus, top.key("corpora").key(corpus.name), sweep.sequence, 0)
    for k, each in enumerate(sweep.evaluations):
        at = top.key("evaluations").item(k)
        for corpus in sweep.corpora.values():
            if common := _sources(each) & _sources(corpus):
                raise at.error(
                    f"reads {min(common)}, which corpora.{corpus.name} trains on; "
                    f"a loss on trained text is no held-out loss"
                )
        _check_length(each, at, sweep.sequence, each.tokens)
    _check_calibration(sweep, top.key("calibration").key("sequences"))


def _check_calibration(sweep: Sweep, at: KeyPath) -> None:
    """Refuse to calibrate on more windows than a text can have, whatever the tokenizer."""
    wanted = sweep.calibration.sequences
    names = {
        sweep.calibration.corpus or model.post_training.corpus: None
        for prune in sweep.prune
        for model in sweep.models
        if prune.calibrated and model.post_training
        if not prune.models or model.name in prune.models
    }
    for name in names:
        text = sweep.corpora[name]
        sizes = [each for each in (plain_bytes(text), text.tokens) if each is not None]
        if sizes and min(sizes) < wanted * sweep.sequence:
            raise at.error(
                f"is {wanted}, and corpora.{name} has at most {min(sizes) // sweep.sequence} "
                f"windows of {sweep.sequence} tokens; give more text or ask for fewer"
            )


def _check_length(text: Corpus | Evaluation, at: KeyPath, window: int, wanted: int) -> None:
    """Refuse a text that is too short whatever the tokenizer; others are counted when read."""
    if text.tokens is not None and text.tokens < window:
        raise at.key("tokens").error(
            f"is {text.tokens}, less than one window (sequence = {window})"
        )
    size, needed = plain_bytes(text), max(wanted // window, 1) * window
    if size is not None and size < needed:
        raise at.error(
            f"needs {needed} tokens, but {', '.join(text.files)} has {size} bytes, which make no "
            f"more tokens than that; give more text{' or ask for fewer tokens' * bool(wanted)}"
        )


def plain_bytes(text: TextSource) -> int | None:
    """Size of a plain text, of which every token takes a byte at least.

    Parameters
    ----------
    text : TextSource

    Returns
    -------
    int or None, byte
        None for compressed files, tables and the hub.
    """
    if not text.paths or any(path.suffix not in (".txt", ".jsonl") for path in text.paths):
        return None
    return sum(path.stat().st_size for path in text.paths)


def _sources(text: TextSource) -> set[str]:
    if text.hub:
        return {" ".join(filter(None, (text.hub, text.subset, text.split)))}
    return {str(each.resolve()) for each in text.paths}


def _check_work(sweep: Sweep, top: KeyPath) -> None:
    if not sweep.models:
        raise top.key("models").error("is missing; write [[models]] at least once")
    if sweep.prune and sweep.post_training is None:
        raise top.key("post_training").error("is missing; say how pruned models are trained")
    if not sweep.prune and not any(each.shape for each in sweep.models):
        raise top.key("prune").error("is missing; without it there is nothing to do")
