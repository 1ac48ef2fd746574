"""Hugging Face Trainer: `trainer_state.json`, by itself, in a checkpoint or in a run's folder."""

import contextlib
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from p2law.errors import RecordError
from p2law.files.textfiles import LARGE, text_of
from p2law.logs.curves import Curve, cut
from p2law.logs.naming import TOKENS, chosen, first, one_of
from p2law.logs.options import Options
from p2law.text.wording import first_line, short

STATE = "trainer_state.json"
WHOLE = "train_loss"
_OF_THE_RUN = "the mean over the whole run, which a Trainer logs at its end: the loss of no step"
_CHECKPOINT = re.compile(r"^checkpoint-(\d+)$")

Entries = list[dict[str, Any]]


def curve_of(source: Path, options: Options) -> Curve:
    """Read the curve that a Trainer logged.

    Parameters
    ----------
    source : Path
        The file, a checkpoint, or a run's folder.
    options : Options

    Returns
    -------
    Curve

    Raises
    ------
    RecordError
        There is no such file, it is damaged, or does not hold the loss.
    """
    path, others = _furthest(source)
    notes = [f"the one of {len(others) + 1} states that went furthest"] if others else []
    entries, state, fault = _entries(path)
    notes += cut(fault, len(entries), "entries of log_history", partial=options.partial)
    where = f"{path}: "
    names = list(dict.fromkeys(name for each in entries for name in each))
    loss = _loss(options.loss, [each for each in names if each not in ("step", "epoch")], where)
    _check_one_story(path, entries, others, loss)
    notes += [f"{WHOLE} is {_OF_THE_RUN}"] if loss == WHOLE else []
    step = one_of(options.step, names, where) if options.step else "step"
    tokens = one_of(options.tokens, names, where) if options.tokens else first(TOKENS, names, where)
    wanted = {"step": step, "loss": loss} | ({"tokens": tokens} if tokens else {})
    table, more = _table(entries, wanted, where, partial=options.partial)
    notes += more
    size = state.get("train_batch_size")
    cure = f"; this run had {short(size)} sequences a device and micro-step" if size else ""
    notes += _replaced(entries, loss)
    averaged = loss == "loss"
    return Curve(_run(path), path, table, loss, tuple(notes), averaged, tokens, cure)


def _loss(asked: str, names: Sequence[str], where: str) -> str:
    """The name of the loss that is meant."""
    if asked != "train":
        return chosen(asked, names, where)
    if "loss" in names:
        return "loss"
    try:
        return chosen(asked, [each for each in names if each != WHOLE], where)
    except RecordError as error:
        more = f"\n{WHOLE} is {_OF_THE_RUN}" if WHOLE in names else ""
        raise RecordError(f"{error}{more}") from None


def _furthest(source: Path) -> tuple[Path, list[Path]]:
    """The state that went furthest, and all others that there are."""
    if source.exists() and not source.is_dir():
        return source, []
    found = {source / STATE: _steps(source / STATE)} if (source / STATE).is_file() else {}
    for folder in source.glob("checkpoint-*") if source.is_dir() else ():
        if (match := _CHECKPOINT.match(folder.name)) and (folder / STATE).is_file():
            found[folder / STATE] = int(match[1])
    if not found:
        raise RecordError(f"{source}: no {STATE} here nor in a checkpoint-* folder below")
    # The state beside the checkpoints is written last, at the end of a run.
    best = max(found, key=lambda path: (found[path], path.parent == source))
    return best, sorted(each for each in found if each != best)


def _check_one_story(path: Path, entries: Entries, others: Sequence[Path], loss: str) -> None:
    """Refuse states that tell of one step differently: one of them was given up.

    Which one, no step and no date of a file tells: a run may be taken up again at an earlier
    step, and files that are copied have the date of the copy.
    """
    mine = _told(entries, loss)
    for other in others:
        try:
            theirs = _told(_entries(other)[0], loss)
        except RecordError:
            continue  # not the state that is read
        apart = [step for step, said in theirs.items() if mine.get(step, said) != said]
        if apart:
            step = min(apart)
            raise RecordError(
                f"{path} and {other} tell of two runs: at step {step:g} {loss} is "
                f"{mine[step][:20]} and {theirs[step][:20]}; where a run was taken up again at an "
                f"earlier step, one of them was given up: name the file that is meant"
            )


def _told(entries: Entries, loss: str) -> dict[float, str]:
    """What is said of the loss at each step, the last time, as text: NaN is NaN."""
    return {float(each["step"]): repr(each[loss]) for each in entries if loss in each}


def _steps(path: Path) -> int:
    """Steps of a state, as far as it can be read."""
    match = re.search(r'"global_step":\s*(\d+)', _text(path))
    return int(match[1][:18]) if match else 0


def _text(path: Path) -> str:
    try:
        return text_of(path, LARGE)
    except UnicodeError as error:
        raise RecordError(f"{path} is not UTF-8 text: {first_line(error)}") from error
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read: {first_line(error)}") from error


def _entries(path: Path) -> tuple[Entries, Mapping[str, Any], str]:
    """Entries of the log, the whole state, and what is wrong with the file."""
    text = _text(path)
    try:
        state = json.loads(text)
    except (ValueError, RecursionError) as error:
        what = f"{path} is not whole JSON: {first_line(error)}; it may have been cut short"
        return _sound(_salvaged(text)), {}, what
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise RecordError(f"{path} has no list log_history; a Trainer writes one into {STATE}")
    entries = _sound(state["log_history"])
    if len(entries) < len(state["log_history"]):
        return entries, state, f"{path}: entry {len(entries)} of log_history is no object with step"
    if not entries:
        raise RecordError(f"{path}: log_history is empty; train with logging_steps or eval_steps")
    return entries, state, ""


def _sound(entries: Sequence[Any]) -> Entries:
    """Entries up to the first that is none."""
    return list(itertools.takewhile(_is_entry, entries))


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and _number(entry.get("step")) is not None


def _salvaged(text: str) -> list[Any]:
    """Whole entries of a log in a file that is cut short."""
    start = re.search(r'"log_history":\s*\[\s*', text)
    at, decoder, found = start.end() if start else len(text), json.JSONDecoder(), []
    with contextlib.suppress(ValueError, RecursionError):
        while True:
            entry, at = decoder.raw_decode(text, at)
            found.append(entry)
            between = re.compile(r"\s*,\s*").match(text, at)
            at = between.end() if between else len(text)
    return found


def _table(
    entries: Entries, wanted: Mapping[str, str], where: str, *, partial: bool
) -> tuple[pd.DataFrame, Sequence[str]]:
    """Loss, step and tokens of the entries that hold the loss; a note where some were left."""
    held = [k for k, each in enumerate(entries) if wanted["loss"] in each]
    wrong = [(k, name) for k in held for name in wanted.values() if _is_text(entries[k].get(name))]
    notes: Sequence[str] = ()
    if wrong:
        k, name = wrong[0]
        fault = f"entry {k} of log_history: {name} = {short(entries[k][name])} is not a number"
        held = held[: held.index(k)]
        notes = cut(
            f"{where}{fault}", len(held), "entries with a loss",
            partial=partial, places=list(dict.fromkeys(f"entry {k}" for k, _ in wrong)),
        )  # fmt: skip
    columns = {
        column: [_said(entries[k].get(name)) for k in held] for column, name in wanted.items()
    }
    table = pd.DataFrame(columns, index=[f"entry {k}" for k in held], dtype=float)
    return table, notes


def _is_text(value: Any) -> bool:
    """Whether it is neither a number nor missing."""
    return value is not None and _number(value) is None


def _said(value: Any) -> float:
    number = _number(value)
    return math.nan if number is None else number


def _number(value: Any) -> float | None:
    """A number as it may stand in JSON, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def _replaced(entries: Entries, loss: str) -> list[str]:
    """Say where a Trainer may have logged averages in place of losses that were NaN."""
    if loss != "loss":
        return []
    norms = {each["step"]: _number(each.get("grad_norm", 0.0)) for each in entries if loss in each}
    odd = [
        f"{short(step)}" for step, norm in norms.items() if norm is None or not np.isfinite(norm)
    ]
    if not odd:
        return []
    steps = ", ".join(odd[:5]) + (" ..." if len(odd) > 5 else "")
    why = "may be averages put in place of NaN (logging_nan_inf_filter, on by default)"
    return [f"the gradient was no number at step {steps}: the losses logged there {why}"]


def _run(path: Path) -> str:
    """Name of the run: of its folder, above those of checkpoints."""
    folder = path.resolve().parent
    return (folder.parent if _CHECKPOINT.match(folder.name) else folder).name or "run"
