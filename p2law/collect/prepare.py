"""What a run needs before its first step: texts, the model before pruning, the model to train.

Each thing is made once, by whoever needs it first, and then lies in the sweep's folder.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from p2law.collect import corpus, fingerprints, zoo
from p2law.collect.corpus import Text, TokenFile
from p2law.collect.cuts import SPARSE
from p2law.collect.jobs import Run, describe
from p2law.collect.ledger import clear_drafts, settle_folder, write_json
from p2law.collect.loss import Objective
from p2law.collect.masks import Masks, from_zeros
from p2law.collect.place import Place, read_json, slug
from p2law.collect.pruning import prune
from p2law.collect.ruler import Ruler
from p2law.collect.settings import Corpus, Evaluation, Sweep
from p2law.collect.team import Team, once
from p2law.collect.tokenizing import tokenizer_file
from p2law.collect.train import Task
from p2law.collect.weights import open_folder
from p2law.errors import RunError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def texts(run: Run, sweep: Sweep, place: Place, team: Team) -> tuple[TokenFile, Ruler]:
    """Tokens to train on, and the ruler made of the held-out texts.

    Raises
    ------
    RunError
        A text cannot be read, has changed, or does not fill one window.
    """
    source = sweep.corpora[run.training.corpus]
    train_on = once(team, lambda: _tokenised(source, run, place))
    _check_filled(source.name, train_on, run.sequence)
    made = once(team, lambda: [_tokenised(each, run, place) for each in sweep.evaluations])
    held_out = {each.name: file for each, file in zip(sweep.evaluations, made, strict=True)}
    for each in sweep.evaluations:
        _check_filled(each.name, held_out[each.name], run.sequence, each.tokens)
    dtype, micro = DTYPES[run.training.dtype], sweep.execution.micro_batch
    return train_on, Ruler(held_out, run.sequence, micro, dtype, team)


def _check_filled(name: str, text: TokenFile, sequence: int, tokens: int = 1) -> None:
    """Refuse a text that does not fill one window, or not as many as were asked for."""
    windows = text.windows(sequence)
    if not windows:
        raise RunError(
            f"{name}: {text.count} tokens do not fill one window of {sequence}; give more text"
        )
    if windows < tokens // sequence:
        raise RunError(
            f"{name}: the text has {text.count} tokens and cannot be evaluated on {tokens}; "
            f"give more text, or ask for {windows * sequence}"
        )


def _tokenised(text: Corpus | Evaluation, run: Run, place: Place) -> TokenFile:
    source, folder = tokens_of(text, run, place)
    return corpus.tokenised(source, run.tokenizer, folder, vocabulary=run.shape.vocab_size)


def tokens_of(text: Corpus | Evaluation, run: Run, place: Place) -> tuple[Text, Path]:
    """A text as a run reads it, and the folder that its tokens lie in."""
    most = None if text.tokens is None else text.tokens + 1  # the first is nobody's target
    source = Text(
        files=tuple(text.paths),
        hub=text.hub,
        subset=text.subset,
        split=text.split,
        revision=text.revision,
        field=text.field,
        most=most,
    )
    said = [*text.files, text.hub, text.subset, text.split, text.revision]
    name = f"{slug(text.name)}-{_key(said, text.field, most, run.model.tokenizer)}"
    return source, place.out / "corpora" / name


def _key(*content: Any) -> str:
    """A short name for plain content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def base(run: Run, place: Place) -> Path:
    """Folder of the model before pruning, which is as it was when the study began.

    Raises
    ------
    RunError
        It cannot be fetched, the run that makes it has not ended, or it has changed.
    ModelError
        Its weights are not there, broken, or not those that its config.json asks for.
    """
    note, model = note_of(run, place), run.model
    if run.base:
        made = Place(place.out, run.base)
        if made.ending is None or not made.model.is_dir():
            raise RunError(f"{run.id} waits for {run.base}, which makes its model: run that first")
        folder = made.model
    else:
        began = (read_json(note) or {}).get("commit")
        folder = model.folder or zoo.fetch(model.source, began or model.revision)
    open_folder(folder)  # transformers makes up what is missing, and drops what it does not know
    fingerprints.same(folder, note, source=run.base or model.source, revision=model.revision)
    return folder


def origin(run: Run, place: Place) -> dict[str, str]:
    """What the model before pruning is: its fingerprint, and its commit on the hub; for dense none.

    Raises
    ------
    RunError, ModelError
        As `base`.
    """
    if run.cut is None:
        return {}
    base(run, place)
    noted = read_json(note_of(run, place)) or {}
    return {key: noted[key] for key in ("source", "revision", "commit", "sha256")}


def note_of(run: Run, place: Place) -> Path:
    """File that says which weights the study began with."""
    key = _key(run.model.source, run.model.revision, run.base)
    return place.out / "bases" / f"{slug(run.model.name)}-{key}.model.json"


def base_losses(run: Run, sweep: Sweep, place: Place, ruler: Ruler) -> dict[str, float]:
    """Held-out losses before pruning, measured once for all runs of a model.

    Raises
    ------
    RunError
        One is no number, or they cannot be written down.
    """
    said, team = describe(run, sweep), ruler.team
    # The evaluations as tokens: another tokenizer reads another loss off the same text.
    tokens = {name: text.sha256 for name, text in ruler.texts.items()}
    how = (run.sequence, run.training.dtype, tokens)
    key = _key(said["model"], said["evaluations"], run.base, *how)
    path = place.out / "bases" / f"{slug(run.model.name)}-{key}.json"
    lock = FileLock(f"{path}.lock")
    once(team, lambda: path.parent.mkdir(parents=True, exist_ok=True))
    once(team, lambda: bool(lock.acquire()))
    try:
        once(team, lambda: clear_drafts(path))
        found: dict[str, Any] | None = once(team, lambda: read_json(path))
        if found is None:
            folder = once(team, lambda: base(run, place))
            found = ruler.losses(zoo.objective(folder, None, team, dtype=ruler.dtype))
            _check_numbers(found, folder)
            once(team, lambda: write_json(path, found))
    finally:
        lock.release()
    return dict(found)


def _check_numbers(losses: Mapping[str, float], folder: Path) -> None:
    """Refuse a model whose loss is no number already before it is pruned."""
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise RunError(
                f"the loss of {folder} on {name} is {loss} before anything is pruned; see that "
                f"its weights are whole, or compute in float32 (dtype)"
            )


def start(run: Run, sweep: Sweep, place: Place, team: Team) -> dict[str, Any]:
    """Make the model that training starts from, and say what was removed from it."""
    once(team, lambda: _make_start(run, sweep, place, team))
    return once(team, lambda: place.facts or {})


def _make_start(run: Run, sweep: Sweep, place: Place, team: Team) -> None:
    if place.facts is not None:
        return
    shutil.rmtree(place.start, ignore_errors=True)
    facts: dict[str, Any] = {}
    if run.cut is None:
        tokenizer = tokenizer_file(run.tokenizer)
        zoo.make(run.model.config, run.seed, place.start, tokenizer and tokenizer.parent)
    elif run.cut.method == "none":
        facts = {"params_after": run.shape.params, "pruning_rate": 0.0, "nominal_rate": 0.0}
    else:
        blind = run.cut.criterion == "magnitude"
        tokens = None if blind else _calibration(run, sweep, place)
        found = prune(base(run, place), run.cut, tokens=tokens, out=place.start, device=team.device)
        facts = {
            "params_after": run.shape.params - found.removed,
            "pruning_rate": found.pruning_rate,
            "nominal_rate": found.nominal_rate,
        }
    if place.start.is_dir():
        settle_folder(place.start)
    write_json(place.folder / "start.json", facts)


def _calibration(run: Run, sweep: Sweep, place: Place) -> torch.Tensor:
    """Windows to calibrate on: (sequences, sequence).

    Raises
    ------
    RunError
        The text is too short for so many different ones.
    """
    wanted = sweep.calibration
    source = sweep.corpora[wanted.corpus or run.training.corpus]
    text = _tokenised(source, run, place)
    have = text.windows(run.sequence)
    if have < wanted.sequences:
        raise RunError(
            f"{source.name!r}: {text.count} tokens make {have} windows of {run.sequence}, but "
            f"calibration.sequences asks for {wanted.sequences}; give more text or ask for fewer"
        )
    return windows_to_see(text, run.sequence, wanted.sequences, run.seed)


def windows_to_see(text: TokenFile, sequence: int, count: int, seed: int) -> torch.Tensor:
    """Windows of a text to calibrate on: (count, sequence), int64."""
    chosen = corpus.upcoming(text.windows(sequence), seed, 0, count)
    return torch.from_numpy(text.read(chosen.tolist(), sequence)[:, :-1])


def task(run: Run, sweep: Sweep, place: Place, train_on: TokenFile, ruler: Ruler) -> Task:
    """Put the model of a run to work.

    Raises
    ------
    RunError
        The batch cannot be shared evenly by the processes.
    """
    training, execution, team = run.training, sweep.execution, ruler.team
    windows = training.batch_tokens // run.sequence
    if windows % team.size:
        raise RunError(
            f"a batch of {windows} windows cannot be shared evenly by {team.size} processes; "
            f"change batch_tokens or processes"
        )
    objective = _objective(run, place, team)
    model = objective.model
    if execution.checkpoint_activations:
        zoo.checkpoint_layers(model)
    sparse = run.cut is not None and run.cut.method in SPARSE
    masks = from_zeros(model, zoo.matrices(run.shape)) if sparse else Masks({}, {})
    if execution.compile:
        zoo.compile_layers(model)
    return Task(
        objective=objective,
        optimizer=_optimizer(run, model),
        masks=masks,
        corpus=train_on,
        ruler=ruler,
        training=training,
        seed=run.seed,
        checkpoint_minutes=execution.checkpoint_minutes,
    )


def _objective(run: Run, place: Place, team: Team) -> Objective:
    training = run.training
    unpruned = run.cut is not None and run.cut.method == "none"
    taught = training.objective == "kd"
    before = once(team, lambda: base(run, place)) if unpruned or taught else place.start
    return zoo.objective(
        before if unpruned else place.start,
        before if taught else None,
        team,
        dtype=DTYPES[training.dtype],
        kd_weight=training.kd_weight,
        temperature=training.temperature,
    )


def _optimizer(run: Run, model: torch.nn.Module) -> torch.optim.Optimizer:
    """AdamW; norms and biases do not decay."""
    weights, decay = list(model.parameters()), run.training.weight_decay
    return torch.optim.AdamW(
        [
            {"params": [each for each in weights if each.ndim > 1], "weight_decay": decay},
            {"params": [each for each in weights if each.ndim < 2], "weight_decay": 0.0},
        ],
        lr=run.training.learning_rate,
        betas=(run.training.betas[0], run.training.betas[1]),
        fused=True,
    )
