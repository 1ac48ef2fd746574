"""Where a run can go on from: weights, optimiser, and the measurements they vouch for.

A checkpoint is written beside its place and then moved there, so it is whole or
not there at all. It may be read by another number of processes than wrote it.
"""

import contextlib
import json
import logging
import re
import shutil
import uuid
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load as load_distributed
from torch.distributed.checkpoint.state_dict_saver import save as save_distributed

from p2law.collect import trusting
from p2law.collect.ledger import set_aside, settle, write_json
from p2law.collect.team import Team, once
from p2law.collect.zoo import named
from p2law.errors import RunError

LOG = logging.getLogger(__name__)
MANIFEST = "manifest.json"
BYTES = 12
"""Of a checkpoint for each parameter: the weight and the two moments of AdamW, in float32."""
HEADERS = 2**20
"""More bytes than the names and sizes of tensors take, but for large models."""

_RAW = re.compile(r"^\w*Error: \[Errno \d+\] ")
"""What torch puts before the words of the system."""

_WRITER = "inline_container"
"""Where torch fails that wrote less than it wanted to, with words about positions."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run; there is one, or two while the next is being made."""

    folder: Path
    team: Team

    def save(
        self, model: Any, optimizer: torch.optim.Optimizer, progress: Mapping[str, Any]
    ) -> None:
        """Write a checkpoint and then remove the one before.

        Parameters
        ----------
        model : Module
        optimizer : Optimizer
        progress : mapping
            Plain values; `tokens` names the checkpoint.

        Raises
        ------
        RunError
            The disk is full, the folder read-only, or the like. The checkpoint
            before is still there, and what was written of this one is gone.
        """
        place = self.folder / _name(progress["tokens"])
        # Processes of a team that was killed may still be writing: no draft is written to twice.
        mark = self.team.share(uuid.uuid4().hex[:8])
        draft = place.with_name(f"{place.name}-{mark}.part")
        if self.team.share(place in self._all()):
            return
        try:
            self._save(model, optimizer, progress, place, draft)
        except RunError as error:
            words = ""
            if self.team.leads:  # it would take the room that the reason needs
                shutil.rmtree(draft, ignore_errors=True)
                words = _room(self.folder, model)
            raise RunError(f"{error}{self.team.share(words)}") from error

    def _save(
        self,
        model: Any,
        optimizer: torch.optim.Optimizer,
        progress: Mapping[str, Any],
        place: Path,
        draft: Path,
    ) -> None:
        """Write a checkpoint as a draft, move it to its place, and remove those before."""
        old, trouble = self._all(), ""
        if self.team.leads:
            trouble = _try(lambda: _make_room(draft))
        self.team.together(trouble)
        state = {"model": named(model), "optimizer": _moments(model, optimizer)}
        trouble = _try(lambda: _write(state, draft))
        self.team.together(trouble)
        mine: dict[str, list[int]] = {}
        trouble = _try(lambda: mine.update(_checksums(draft, self.team)))
        self.team.together(trouble)
        sums = self.team.gather(mine)
        if self.team.leads:
            files = {name: each for part in sums for name, each in part.items()}
            trouble = _try(lambda: _finish(draft, place, {**progress, "files": files}))
            for each in [] if trouble else old:
                shutil.rmtree(each, ignore_errors=True)
        self.team.together(trouble)

    def latest(self, along: Path | None = None) -> tuple[Path, dict[str, Any]] | None:
        """The newest checkpoint that can be read and its progress, None where there is none.

        One that cannot be read is set aside under another name, with a warning.

        Parameters
        ----------
        along : Path, optional
            A file of which a copy is laid into what is set aside: what has been measured
            since the checkpoint before.

        Raises
        ------
        RunError
            One cannot be read, and the folder not be written to.
        """
        while found := self.team.share(self._all()):
            place = found[-1]
            told = self.team.gather(_faults(place, self.team))
            faults = [each for part in told for each in part]
            if not faults:
                return place, _manifest(place)
            before = found[-2].name if found[1:] else "the start"
            why = f"the checkpoint {place} cannot be read ({faults[0]})"
            once(self.team, partial(_set_aside, place, along, why))
            if self.team.leads:
                LOG.warning("%s; it was set aside, and the run goes on from %s", why, before)
        return None

    def load(self, place: Path, model: Any, optimizer: torch.optim.Optimizer) -> None:
        """Put weights and optimiser back, on any number of processes.

        Raises
        ------
        RunError
            The checkpoint names more than tensors and numbers need: it could run code.
        """
        trusting.check(place)
        state = {"model": named(model), "optimizer": _moments(model, optimizer)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_distributed(state, checkpoint_id=place)
        options = StateDictOptions(strict=False)  # a tied head is not there under its own name
        set_state_dict(
            model,
            optimizer,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
            options=options,
        )

    def _all(self) -> list[Path]:
        return sorted(each for each in self.folder.glob("step-*") if not each.suffix)


def _moments(model: Any, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return dict(get_optimizer_state_dict(model, optimizer))


def _make_room(draft: Path) -> None:
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)


def _write(state: dict[str, Any], draft: Path) -> None:
    with warnings.catch_warnings():
        # Without a process group torch warns that there is one process.
        warnings.simplefilter("ignore")
        save_distributed(state, checkpoint_id=draft)


def _finish(draft: Path, place: Path, manifest: Mapping[str, Any]) -> None:
    write_json(draft / MANIFEST, _sealed(manifest))  # syncs the folder's names, too
    draft.rename(place)
    settle(place.parent)


def _room(folder: Path, model: Any) -> str:
    """Words about the disk where it has less room than a checkpoint takes; torch has none."""
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.exists()))
        needed = BYTES * sum(each.numel() for each in model.parameters())
        if free.free < 1.1 * needed + HEADERS:
            return (
                f"; the disk of {folder} has {free.free:,} bytes left, and a checkpoint takes "
                f"{needed:,} and a little more, beside the one before: make room and give the same "
                f"command again"
            )
    return ""


def _try(action: Any) -> str:
    """Words for what went wrong on this process, empty where nothing did."""
    try:
        action()
    # The writer wraps what goes wrong on a disk into an error of its own, which is no Exception.
    except (Exception, CheckpointException) as error:  # noqa: BLE001
        *_, said = str(error).strip().splitlines() or [type(error).__name__]
        said = "a file ended too early" if _WRITER in said else _RAW.sub("", said)
        return f"cannot write a checkpoint: {said}"
    return ""


def _set_aside(place: Path, along: Path | None, why: str) -> None:
    try:
        if along is not None and along.exists():
            shutil.copyfile(along, place / along.name)
        set_aside(place, "unreadable")
    except OSError as error:
        raise RunError(
            f"{why}, nor be set aside ({error.strerror or error}); move it away and give the "
            f"same command again"
        ) from error


def _files(place: Path, team: Team) -> list[Path]:
    """The share of a checkpoint's files that this process looks at."""
    found = sorted(each for each in place.iterdir() if each.name != MANIFEST)
    return found[team.rank :: team.size]


def _checksums(place: Path, team: Team) -> dict[str, list[int]]:
    return {each.name: _checksum(each) for each in _files(place, team)}


def _checksum(path: Path) -> list[int]:
    """Size and CRC-32 of a file."""
    size, found = 0, 0
    with path.open("rb") as file:
        while piece := file.read(1 << 24):
            size, found = size + len(piece), zlib.crc32(piece, found)
    return [size, found]


def _name(tokens: int) -> str:
    return f"step-{tokens:015d}"


def _sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content with its own checksum."""
    text = json.dumps(content, sort_keys=True)
    return {**content, "crc32": zlib.crc32(text.encode())}


def _manifest(place: Path) -> dict[str, Any]:
    """What a checkpoint says of itself.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or is not what was written.
    """
    raw = (place / MANIFEST).read_bytes()
    try:
        found = json.loads(raw)
        content = {key: each for key, each in dict(found).items() if key != "crc32"}
        same = found == _sealed(content) and place.name == _name(content["tokens"])
    except (ValueError, TypeError, KeyError):
        same = False
    if not same:
        raise ValueError("it is not what was written there")
    return content


def _faults(place: Path, team: Team) -> list[str]:
    """What is wrong with this process's share of the files that were written there.

    What else lies there, as file managers and network file systems leave it, harms nothing.
    """
    try:
        known = _manifest(place)["files"]
        mine = sorted(known)[team.rank :: team.size]
        found = {name: _checksum(place / name) for name in mine if (place / name).exists()}
    except (OSError, ValueError) as error:
        return [f"{MANIFEST}: {getattr(error, 'strerror', '') or error}"]
    missing = [f"{name} is missing" for name in mine if name not in found]
    return missing + [f"{name} is damaged" for name in found if known[name] != found[name]]
