"""One run from start to end: make or prune the model, train it, write down what is measured.

Everything a run leaves lies in one folder, and each step looks there first: what is
done is not done again, however often and wherever the run is started.
"""

import logging
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from filelock import Timeout
from torch.distributed.checkpoint.api import CheckpointException

from p2law._version import __version__
from p2law.collect import prepare, tracking, zoo
from p2law.collect.checkpoint import Checkpoints
from p2law.collect.corpus import TokenFile
from p2law.collect.jobs import Run, describe
from p2law.collect.launch import listening
from p2law.collect.ledger import settle_folder, write_json
from p2law.collect.place import Place
from p2law.collect.spec import Sweep
from p2law.collect.team import Team, once, threads, told
from p2law.collect.train import Measurement, Progress, Task, train
from p2law.errors import P2LawError, RunError, StoppedError

LOG = logging.getLogger(__name__)


def carry_out(run: Run, sweep: Sweep, out: Path, team: Team, tracker: str = "") -> bool:
    """Do what is missing of a run.

    Parameters
    ----------
    run : Run
    sweep : Sweep
    out : Path
        Folder of the whole sweep.
    team : Team
    tracker : str
        As in `tracking.find`.

    Returns
    -------
    bool
        False where another process is at it.

    Raises
    ------
    RunError
        The run cannot go on; the reason is also written to its folder.
    StoppedError
        It was asked to stop, and goes on from a checkpoint when it is carried out again.
    """
    place = Place(out, run.id)
    lock = place.lock()
    with tracking.telling_of(run.id):
        if not once(team, lambda: _lock(place, lock)):
            return False
        try:
            once(team, place.tidy)
            if once(team, lambda: place.ending) is None:
                with _reasons(place, team), threads(sweep.execution.threads):
                    _carry_out(run, sweep, place, team, tracker)
            else:
                once(team, place.restore)
        finally:
            lock.release()
    return True


def _lock(place: Place, lock: Any) -> bool:
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        return False
    except OSError as error:
        raise RunError(f"cannot use the folder {place.folder}: {error}") from error
    return True


@contextmanager
def _reasons(place: Place, team: Team) -> Iterator[None]:
    """Leave the reason of a failure, whatever it is, in the run's folder."""
    record = place.folder / "failed.json"
    once(team, lambda: record.unlink(missing_ok=True))
    try:
        yield
    except StoppedError:
        raise
    # What torch cannot read of a checkpoint is an error that is no Exception.
    except (Exception, CheckpointException) as error:
        LOG.debug("the run failed", exc_info=True)
        if not record.exists():  # who fails alone knows why, the others only that it did
            try:
                write_json(record, {"reason": told(error), "type": type(error).__name__})
            except RunError as another:
                LOG.warning("%s", another)
        if isinstance(error, P2LawError):
            raise
        raise RunError(f"{place.folder}: {told(error)}") from error


def _carry_out(run: Run, sweep: Sweep, place: Place, team: Team, tracker: str) -> None:
    """Do a run that is neither done nor locked."""
    once(team, lambda: write_json(place.folder / "run.json", describe(run, sweep)))
    started = {"event": "start", "time": time.time(), **_versions()}
    started["base"] = once(team, lambda: prepare.origin(run, place))
    once(team, lambda: place.timing.append(started))
    train_on, ruler = prepare.texts(run, sweep, place, team)
    base_losses = prepare.base_losses(run, sweep, place, ruler) if run.cut else {}
    facts = prepare.start(run, sweep, place, team)
    task = prepare.task(run, sweep, place, train_on, ruler)
    fixed = _fixed_columns(run, train_on, facts)

    def record(found: Measurement) -> list[dict[str, Any]]:
        return [{**fixed, **each} for each in _lines(found, base_losses)]

    with listening(_ask) as asked:
        ending = _trained(run, sweep, place, task, record, tracker, asked)
        if ending.trouble and team.leads:
            LOG.warning("diverged at %s tokens: %s", f"{ending.tokens:,}", ending.trouble)
        if ending.trouble or ending.tokens == run.training.total:
            _finish(run, sweep, place, task, ending)
    if stops := [number for each in team.gather(asked) for number in each]:
        raise StoppedError(run.id, stops[0])


def _trained(
    run: Run,
    sweep: Sweep,
    place: Place,
    task: Task,
    record: Callable[[Measurement], list[dict[str, Any]]],
    tracker: str,
    asked: list[int],
) -> Measurement:
    """Train from the last checkpoint on, to the end or a request to stop; the last measurement."""
    team = task.ruler.team
    checkpoints = Checkpoints(place.folder / "checkpoints", team)
    begin = _resume(task, checkpoints, place, team)
    ending = Measurement(begin.tokens, {})

    def keep(progress: Progress) -> None:
        task.masks.check(team)
        state = {**asdict(progress), "records": once(team, place.ledger.vouch)}
        checkpoints.save(task.objective.model, task.optimizer, state)

    def write(lines: list[dict[str, Any]]) -> None:
        once(team, lambda: place.ledger.append(*lines))

    with _reporting(run, sweep, place, team, begin, tracker) as (step, tell):

        def watch(tokens: int, loss: float) -> bool:
            step(tokens, loss)
            return bool(asked)

        for ending in train(task, begin, keep, watch):
            lines = record(ending)
            write(lines)
            tell(lines)
    return ending


def _ask() -> None:
    LOG.warning("stopping after the next step, with a checkpoint")


def _resume(task: Task, checkpoints: Checkpoints, place: Place, team: Team) -> Progress:
    """Go back to the last checkpoint, or to the start where there is none."""
    found = checkpoints.latest(along=place.ledger.path)
    once(team, lambda: place.ledger.go_back(found[1]["records"] if found else ""))
    if found is None:
        return Progress()
    checkpoints.load(found[0], task.objective.model, task.optimizer)
    task.masks.check(team)
    return Progress(found[1]["tokens"], found[1]["entropy"], found[1]["since"])


def _finish(run: Run, sweep: Sweep, place: Place, task: Task, ending: Measurement) -> None:
    """Save the model, say that the run is done, and clear away what nobody needs then."""
    team = task.ruler.team
    if not ending.trouble and (run.cut is None or sweep.execution.keep_models):
        once(team, lambda: shutil.rmtree(place.model, ignore_errors=True))
        dtype = prepare.DTYPES[run.training.dtype]
        zoo.save(task.objective.model, place.model, team, dtype, _companions(run, place, team))
        once(team, lambda: settle_folder(place.model))
    content = {"tokens": ending.tokens, "trouble": ending.trouble}
    content["records"] = once(team, place.ledger.vouch)
    once(team, lambda: write_json(place.folder / "done.json", content))
    once(team, place.tidy)


def _companions(run: Run, place: Place, team: Team) -> Path:
    """Folder with the tokenizer of a model: its start, or the model that it starts from."""
    return place.start if place.start.is_dir() else once(team, lambda: prepare.base(run, place))


# -- what a run writes ---------------------------------------------------------------


def _fixed_columns(run: Run, text: TokenFile, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that all lines of a run share."""
    training, shape = run.training, run.cut.after if run.cut else run.shape
    fixed: dict[str, Any] = {
        "run": run.id,
        "model": run.model.name,
        "family": run.shape.family,
        "params": run.shape.params,
    }
    if run.cut is not None:
        fixed |= {"method": run.cut.method, **facts}
        if run.cut.criterion:
            fixed["criterion"] = run.cut.criterion
    return fixed | {
        "seed": run.seed,
        "corpus": training.corpus,
        "schedule": training.schedule,
        "objective": training.objective,
        "unique_tokens": text.windows(run.sequence) * run.sequence,
        "flops_per_token": shape.flops_per_token(run.sequence),
    }


def _lines(found: Measurement, base: Mapping[str, float]) -> list[dict[str, Any]]:
    """One line a text, or one that says why there is none."""
    if found.trouble:
        return [{"tokens": found.tokens, "trouble": found.trouble}]
    trained = {} if found.train_loss is None else {"train_loss": found.train_loss}
    before = {name: {"base_loss": base[name]} if base else {} for name in found.losses}
    return [
        {"tokens": found.tokens, "eval_text": name, **before[name], "loss": loss, **trained}
        for name, loss in found.losses.items()
    ]


@contextmanager
def _reporting(
    run: Run, sweep: Sweep, place: Place, team: Team, begin: Progress, tracker: str
) -> Iterator[tuple[Callable[[int, float], None], Callable[[list[dict[str, Any]]], None]]]:
    """A progress bar, a tracker, the clock: what to tell of a step, and of a measurement."""
    began, voice = time.perf_counter(), tracking.silent()
    if team.leads:
        total = run.training.total
        voice = tracking.voice(run.id, total, begin.tokens, tracker, place.out)
    voice.start(run.id, describe(run, sweep))

    def tell(lines: list[dict[str, Any]]) -> None:
        seconds = round(time.perf_counter() - began, 3)
        if team.leads:
            tokens = lines[0]["tokens"]
            place.timing.append({"event": "measured", "tokens": tokens, "seconds": seconds})
        for line in lines:
            voice.log(line)

    try:
        yield voice.step, tell
    finally:
        voice.finish()


def _versions() -> dict[str, Any]:
    """What did the work: packages, processor, accelerator."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return {
        "p2law": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": gpu or platform.processor(),
        "threads": torch.get_num_threads(),
    }
