"""The training loop, top to bottom: a generator that yields measurements.

A token is a trained target. Which windows come next depends on the tokens seen
and the seed alone, so neither the number of processes nor the size of a forward
pass changes what is learned, and a run goes on from two numbers.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from p2law.collect.corpus import TokenFile, upcoming
from p2law.collect.loss import Objective
from p2law.collect.masks import Masks
from p2law.collect.ruler import Ruler, computing
from p2law.collect.schedule import learning_rate
from p2law.collect.spec import Training


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes
    ----------
    tokens : int
    entropy : float
        Cross entropy of training, summed since the last measurement.
    since : int
        Tokens since the last measurement.
    """

    tokens: int = 0
    entropy: float = 0.0
    since: int = 0


@dataclass(frozen=True)
class Measurement:
    """Held-out losses at one token count.

    Attributes
    ----------
    tokens : int
    losses : mapping of str to float
        Nat per token, by evaluation text; empty where there is trouble.
    train_loss : float or None
        Mean training loss since the measurement before.
    trouble : str
        Why there is no loss; the run ends here.
    """

    tokens: int
    losses: Mapping[str, float]
    train_loss: float | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Task:
    """What to train, on what, and how."""

    objective: Objective
    optimizer: torch.optim.Optimizer
    masks: Masks
    corpus: TokenFile
    ruler: Ruler
    training: Training
    seed: int
    checkpoint_minutes: float


def train(
    task: Task,
    start: Progress,
    keep: Callable[[Progress], None],
    watch: Callable[[int, float], bool] = lambda _tokens, _loss: False,
) -> Iterator[Measurement]:
    """Train from where a run stands to its end.

    Parameters
    ----------
    task : Task
    start : Progress
    keep : callable
        Makes a checkpoint; called every `checkpoint_minutes`, between a
        measurement that has been taken away and the next step.
    watch : callable
        Told the tokens and the training loss after every step. Where it answers
        True, the run keeps where it stands after the next step and ends there.

    Yields
    ------
    Measurement
        At every measured token count after `start`, and at the start itself where
        no token has been seen. The last one says so where the loss is no number.
    """
    training, team = task.training, task.ruler.team
    counts = training.counts()
    tokens, entropy, since = start.tokens, start.entropy, start.since
    kept, asked = time.monotonic(), False

    found = Measurement(tokens, {}) if tokens else measure(task, 0, None)
    if not tokens:
        yield found

    while tokens < counts[-1] and not found.trouble:
        loss = _step(task, tokens)
        tokens, since = tokens + training.batch_tokens, since + training.batch_tokens

        # What only the first process knows, it tells with the sum that all need anyway.
        due = time.monotonic() - kept >= 60 * task.checkpoint_minutes
        told = torch.stack([loss, loss.new_tensor(float(due)), loss.new_tensor(float(asked))])
        step_loss, due, stop = team.total(told).tolist()
        entropy += step_loss
        if not math.isfinite(step_loss):
            found = Measurement(tokens, {}, trouble=f"the training loss became {step_loss}")
            yield found
        elif tokens in counts:
            found = measure(task, tokens, entropy / since)
            yield found
            entropy, since = 0.0, 0
        if (due or stop) and not found.trouble and tokens < counts[-1]:
            keep(Progress(tokens, entropy, since))
            kept = time.monotonic()
        if stop:
            return
        asked = watch(tokens, step_loss / training.batch_tokens)


def _step(task: Task, tokens: int) -> torch.Tensor:
    """Learn one batch; the sum of the cross entropies of this process's share."""
    training, sequence, team = task.training, task.ruler.sequence, task.ruler.team
    objective, micro = task.objective, task.ruler.micro_batch

    # The rate of a step is that of its end, so that the first one does not idle.
    for group in task.optimizer.param_groups:
        group["lr"] = _rate(training, tokens + training.batch_tokens)

    # Forward and backward over this process's share of the batch, a few windows at a time.
    windows, per_step = task.corpus.windows(sequence), training.batch_tokens // sequence
    mine = upcoming(windows, task.seed, tokens // sequence, per_step)[team.rank :: team.size]
    parts = [mine[k : k + micro] for k in range(0, len(mine), micro)]
    loss = torch.zeros((), dtype=torch.float64, device=team.device)
    objective.train()
    for part in parts:
        batch = torch.from_numpy(task.corpus.read(part, sequence)).to(team.device)
        with computing(task.ruler.dtype, team):
            total, entropy = objective(batch)
        # FSDP averages over processes, so each gives its share times their number. Gradients meet
        # after every pass: to wait for the last would save traffic, and hold them whole till then.
        (total * (team.size / training.batch_tokens)).backward()
        loss += entropy.double()

    # Pruned weights stay pruned: out of the norm, out of the moments, out of the step.
    task.masks.mask_gradients_()
    weights = [each for each in objective.model.parameters() if each.requires_grad]
    torch.nn.utils.clip_grad_norm_(weights, training.clip)
    task.optimizer.step()
    task.masks.guard_()
    task.optimizer.zero_grad(set_to_none=True)
    return loss


def _rate(training: Training, tokens: int) -> float:
    return learning_rate(
        tokens,
        schedule=training.schedule,
        peak=training.learning_rate,
        total=training.total,
        warmup=training.warmup_tokens,
        decay=training.decay_tokens,
        final_rate=training.final_rate,
    )


def measure(task: Task, tokens: int, train_loss: float | None) -> Measurement:
    """Measure the held-out losses of a model as it is now."""
    task.masks.check(task.ruler.team)
    losses = task.ruler.losses(task.objective)
    for name, loss in losses.items():
        if not math.isfinite(loss):
            return Measurement(tokens, {}, train_loss, f"the loss on {name} is {loss}")
    return Measurement(tokens, losses, train_loss)
