"""What is trained: a model with its loss, in one module so that FSDP gathers the head too.

Logits of large vocabularies do not fit: rows are taken in chunks, each chunk's
logits are made anew in the backward pass. Losses are sums, in float32 whatever
the model computes in; torch's own fused cross entropy returns a loss rounded to
bfloat16, which would ruin records.
"""

from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from p2law.collect.memory import CHUNK_ELEMENTS


class Objective(nn.Module):
    """Next-token loss of a model, mixed with the divergence from a teacher where there is one.

    Parameters
    ----------
    model : Module
        A Hugging Face causal language model (Llama, Qwen2).
    teacher : Module, optional
        The unpruned model, with the same vocabulary.
    kd_weight : float
        Share of the divergence KL(teacher || model); the rest is cross entropy.
    temperature : float
        Softens both distributions of the divergence, which is multiplied by its square.
    """

    def __init__(
        self,
        model: nn.Module,
        teacher: nn.Module | None = None,
        *,
        kd_weight: float = 0.0,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.teacher = (
            None if teacher is None else teacher.eval().requires_grad_(requires_grad=False)
        )
        self.kd_weight = kd_weight if teacher is not None else 0.0
        self.temperature = temperature

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - as torch has it
        """Set the model to training; a teacher does not change."""
        self.model.train(mode)
        self.training = mode
        return self

    def forward(self, windows: Tensor, *, exact: bool = False) -> tuple[Tensor, Tensor]:
        """Sums over all targets of some windows.

        Parameters
        ----------
        windows : Tensor of int64, (batch, sequence + 1)
            Each token but the first of a window is a target.
        exact : bool
            Make the logits in float32 whatever the model computes in: for measuring.

        Returns
        -------
        objective, cross_entropy : Tensor of float32, scalars
        """
        hidden, head = _hidden(self.model, windows), _head(self.model)
        others = [hidden, head]
        if self.kd_weight and not exact:
            with torch.no_grad():
                others += [_hidden(self.teacher, windows), _head(self.teacher)]
        targets = windows[:, 1:].flatten()
        rows = max(1, CHUNK_ELEMENTS // head.shape[0])
        total, entropy = (
            torch.zeros((), device=hidden.device),
            torch.zeros((), device=hidden.device),
        )
        for start in range(0, len(targets), rows):
            chunk = slice(start, start + rows)
            parts = [each[chunk] for each in others[::2]] + others[1::2]
            if torch.is_grad_enabled() and len(targets) > rows:
                sums = checkpoint(
                    self._sums, targets[chunk], *parts, exact=exact, use_reentrant=False
                )
            else:
                sums = self._sums(targets[chunk], *parts, exact=exact)
            total, entropy = total + sums[0], entropy + sums[1]
        return total, entropy

    def _sums(self, targets: Tensor, *parts: Tensor, exact: bool) -> tuple[Tensor, Tensor]:
        """Sums over a chunk of rows, from the states and the heads of one or two models."""
        states, heads = parts[: len(parts) // 2], parts[len(parts) // 2 :]
        logits = [
            _logits(state, head, exact=exact) for state, head in zip(states, heads, strict=True)
        ]
        entropy = F.cross_entropy(logits[0], targets, reduction="sum")
        if len(logits) == 1:
            return entropy, entropy.detach()
        ours, theirs = (F.log_softmax(each / self.temperature, dim=-1) for each in logits)
        divergence = F.kl_div(ours, theirs, reduction="sum", log_target=True)
        mixed = self.kd_weight * self.temperature**2 * divergence
        return mixed + (1 - self.kd_weight) * entropy, entropy.detach()


def _hidden(model: Any, windows: Tensor) -> Tensor:
    """Final hidden states, (batch * sequence, hidden)."""
    found = model.model(input_ids=windows[:, :-1], use_cache=False).last_hidden_state
    return torch.as_tensor(found).flatten(0, 1)


def _head(model: Any) -> Tensor:
    return torch.as_tensor(model.lm_head.weight)


def _logits(states: Tensor, head: Tensor, *, exact: bool) -> Tensor:
    if not exact:
        return F.linear(states, head).float()
    with torch.autocast(states.device.type, enabled=False):
        return F.linear(states.float(), head.float())
