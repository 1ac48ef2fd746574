"""Measuring the held-out loss: the same way for every model and any number of processes."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from p2law.collect.corpus import TokenFile
from p2law.collect.loss import Objective
from p2law.collect.team import Team


@dataclass(frozen=True)
class Ruler:
    """Held-out texts and how to measure on them.

    Attributes
    ----------
    texts : mapping of str to TokenFile
    sequence : int
        Targets of a window; only whole windows are measured.
    micro_batch : int
        Windows in one forward pass.
    dtype : torch.dtype
        What the model computes in; logits and losses are float32, sums float64.
    team : Team
    """

    texts: Mapping[str, TokenFile]
    sequence: int
    micro_batch: int
    dtype: torch.dtype
    team: Team

    def losses(self, objective: Objective) -> dict[str, float]:
        """Mean loss on every text, nat per token."""
        objective.eval()
        return {name: self._loss(objective, text) for name, text in self.texts.items()}

    @torch.no_grad()
    def _loss(self, objective: Objective, text: TokenFile) -> float:
        windows, team = text.windows(self.sequence), self.team
        starts = range(0, windows, self.micro_batch)
        total = torch.zeros((), dtype=torch.float64, device=team.device)
        # All processes must run the forward pass equally often; what is done twice counts once.
        for turn in range(-(-len(starts) // team.size)):
            k = turn * team.size + team.rank
            first = starts[min(k, len(starts) - 1)]
            part = range(first, min(first + self.micro_batch, windows))
            batch = torch.from_numpy(text.read(part, self.sequence)).to(team.device)
            with computing(self.dtype, team):
                _, entropy = objective(batch, exact=True)
            total += entropy.double() * (k < len(starts))
        return float(team.total(total)) / (windows * self.sequence)


def computing(dtype: torch.dtype, team: Team) -> Any:
    """Where a forward pass multiplies matrices in `dtype`, on one process as on many."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(team.device.type, dtype)
