"""Keeping pruned weights pruned while the others learn.

The mask of a weight is where it is not zero. Gradients are masked before they
are clipped, so that neither the norm nor the optimiser's moments see pruned
weights; after the step the weights are masked once more, as a guard. Masked is
what is set to zero, not multiplied by it: NaN times zero is NaN, and a run that
diverges must not look like one whose zeros got lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from p2law.collect.team import Team


@dataclass(frozen=True)
class Masks:
    """Where the weights of a sparse model must stay zero, by name of the weight."""

    pruned: Mapping[str, Tensor]
    weights: Mapping[str, nn.Parameter]

    @torch.no_grad()
    def mask_gradients_(self) -> None:
        """Set the gradients of pruned weights to zero, in place."""
        for name, weight in self.weights.items():
            if weight.grad is not None:
                _local(weight.grad).masked_fill_(_local(self.pruned[name]), 0.0)

    @torch.no_grad()
    def guard_(self) -> None:
        """Set pruned weights to zero again, in place."""
        for name, weight in self.weights.items():
            _local(weight).masked_fill_(_local(self.pruned[name]), 0.0)

    def check(self, team: Team) -> None:
        """Make sure that every pruned weight is exactly zero, whichever process holds it.

        Raises
        ------
        RunError
            One is not; on all processes.
        """
        team.together(self._strayed())

    @torch.no_grad()
    def _strayed(self) -> str:
        """Words for the weights of this process that are no longer zero."""
        for name, weight in self.weights.items():
            strayed = torch.count_nonzero((_local(weight) != 0) & _local(self.pruned[name]))
            if int(strayed):
                return f"{int(strayed)} pruned weights of {name} are no longer zero"
        return ""


def from_zeros(model: nn.Module, names: list[str]) -> Masks:
    """Masks of the named weights as they are now: pruned where they are zero.

    Parameters
    ----------
    model : Module
    names : list of str
        Weights that were pruned; those without any zero need no mask.

    Returns
    -------
    Masks
    """
    weights = {name: model.get_parameter(name) for name in names}
    with torch.no_grad():
        pruned = {name: weight == 0 for name, weight in weights.items()}
    return Masks(pruned, weights)


def _local(tensor: Tensor) -> Tensor:
    """The part of a tensor that this process holds."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor
