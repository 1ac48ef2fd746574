"""Where a run can go on from: weights, optimiser, and the measurements they vouch for.

A checkpoint is written beside its place and then moved there, so it is whole or
not there at all. It may be read by another number of processes than wrote it.
"""

import contextlib
import json
import logging
import shutil
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
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
from p2law.collect.ledger import settle, write_whole
from p2law.collect.team import Team
from p2law.collect.zoo import named
from p2law.errors import RunError

LOG = logging.getLogger(__name__)
MANIFEST = "manifest.json"
BYTES = 12
"""Of a checkpoint for each parameter: the weight and the two moments of AdamW, in float32."""
HEADERS = 2**20
"""More bytes than the names and sizes of tensors take, but for large models."""


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
        place = self.folder / f"step-{progress['tokens']:015d}"
        draft = place.with_suffix(".part")
        if place in self._all():
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
        sums = self.team.gather(_checksums(draft, self.team))
        if self.team.leads:
            files = {name: each for part in sums for name, each in part.items()}
            trouble = _try(lambda: _finish(draft, place, {**progress, "files": files}))
            for each in [] if trouble else old:
                shutil.rmtree(each, ignore_errors=True)
        self.team.together(trouble)

    def latest(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest checkpoint and its progress, None where there is none.

        Raises
        ------
        RunError
            It cannot be read. It has then been set aside under another name, so
            that the same command goes on from the one before, or from the start.
        """
        found = self.team.share(self._all())
        if not found:
            return None
        place = found[-1]
        faults = [each for part in self.team.gather(_faults(place, self.team)) for each in part]
        if faults:
            aside = place.with_suffix(".unreadable")
            if self.team.leads:
                place.rename(aside)
            raise RunError(
                f"the checkpoint {place} cannot be read ({faults[0]}); it was set aside as "
                f"{aside.name} and nothing else was touched: give the same command again to go "
                f"on from the checkpoint before it, or from the start"
            )
        return place, json.loads((place / MANIFEST).read_text(encoding="utf-8"))

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
    write_whole(draft / MANIFEST, manifest)  # syncs the folder's names, too
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
        said = str(error).strip().splitlines()
        return f"cannot write a checkpoint: {said[-1] if said else type(error).__name__}"
    return ""


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


def _faults(place: Path, team: Team) -> list[str]:
    """What is wrong with this process's share of a checkpoint's files."""
    try:
        known = json.loads((place / MANIFEST).read_text(encoding="utf-8"))["files"]
        found = {each.name: _checksum(each) for each in _files(place, team)}
    except (OSError, ValueError, KeyError) as error:
        return [f"{MANIFEST}: {type(error).__name__}: {error}"]
    missing = [f"{name} is missing" for name in sorted(known) if not (place / name).exists()]
    return missing + [f"{name} is damaged" for name in found if known.get(name) != found[name]]
