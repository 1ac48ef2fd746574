"""What a sweep file may say: one frozen dataclass a table, one sentence a key.

The sentence below a field is its documentation. Nothing here reads a file; see
`p2law.collect.spec`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from p2law.collect.cuts import SPARSE
from p2law.collect.resizing import DEFAULT_AXES
from p2law.collect.schedule import Schedule
from p2law.domains import Domain

Positive = Annotated[float, Domain("> 0")]
NotNegative = Annotated[float, Domain(">= 0")]
Share = Annotated[float, Domain("[0, 1]")]
Rate = Annotated[float, Domain("(0, 1)")]
Beta = Annotated[float, Domain("[0, 1)")]
Whole = Annotated[int, Domain(">= 1")]
Count = Annotated[int, Domain(">= 0")]
Tokens = Annotated[int, Domain("[1, 1e15]")]
Seed = Annotated[int, Domain("[0, 4294967295]")]


@dataclass(frozen=True, kw_only=True)
class TextSource:
    """Where a text comes from: files, or a data set of the Hugging Face hub."""

    name: str
    """What records call it, in the column `corpus` or `eval_text`."""
    files: tuple[str, ...] = ()
    """Paths or globs, relative to the sweep file: .txt, .jsonl, .jsonl.gz, .jsonl.zst, .parquet."""
    hub: str = ""
    """Instead of files a data set of the Hugging Face hub, which is streamed."""
    subset: str = ""
    """hub: its configuration, where it has several."""
    split: str = "train"
    """hub: its split."""
    revision: str = ""
    """hub: its revision; empty for the newest."""
    field: str = "text"
    """Where the text stands in .jsonl, .parquet and hub data."""
    paths: tuple[Path, ...] = ()
    """Where the files lie. Not a key."""


@dataclass(frozen=True, kw_only=True)
class Corpus(TextSource):
    """``[corpora.NAME]``: a text to train or calibrate on."""

    tokens: Whole | None = None
    """Read at most so many tokens; must be given for hub data."""


@dataclass(frozen=True, kw_only=True)
class Evaluation(TextSource):
    """``[[evaluations]]``: a text to measure the loss on, never trained on."""

    tokens: Whole
    """Evaluated from the start of the text, which must hold as many; whole windows of them."""


@dataclass(frozen=True)
class Measure:
    """Token counts at which the loss is measured, besides zero and the end."""

    first: Count = 0
    """The first of the log-spaced counts, which are rounded to whole batches; 0 for a hundredth
    of the run."""
    count: Whole = 24
    """At most so many log-spaced counts, the end included: those that fall on one batch are one."""
    at: tuple[Whole, ...] = ()
    """These counts instead, whole batches; in the file a plain list, ``measure = [512, 1_024]``."""


@dataclass(frozen=True)
class Training:
    """How a model is trained: ``[dense]``, ``[post_training]``, and partly of one model."""

    corpus: str
    """Name of the corpus; after its last window it is gone through anew in another order."""
    tokens: Tokens
    """Trained targets of the run, rounded down to whole batches."""
    batch_tokens: Tokens
    """Tokens of one step of the optimiser: a multiple of `sequence`."""
    learning_rate: Positive
    """Peak of the learning rate of AdamW."""
    schedule: Schedule = "constant"
    """After warm-up: constant, so that checkpoints are data points; cosine; or constant, then
    linear decay (wsd)."""
    warmup_tokens: Count = 0
    """Tokens of the linear rise from 0."""
    decay_tokens: Count = 0
    """wsd: tokens of the final linear decay."""
    final_rate: Share = 0.1
    """cosine, wsd: share of the learning rate that is left at the end."""
    weight_decay: NotNegative = 0.1
    """Of AdamW, on matrices."""
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    """Of AdamW."""
    clip: Positive = 1.0
    """Norm to which gradients are clipped, after sparse masks."""
    objective: Literal["ce", "kd"] = "ce"
    """Cross entropy, or distillation: forward KL from the unpruned model, mixed with it."""
    kd_weight: Share = 0.5
    """kd: share of the KL divergence; the rest is cross entropy."""
    temperature: Positive = 1.0
    """kd: softens both distributions of the divergence."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type of the products; weights, gradients and optimiser stay in float32."""
    measure: Measure = Measure()
    """When the loss is measured."""

    @property
    def total(self) -> int:
        """Tokens of the run in whole batches."""
        return self.tokens // self.batch_tokens * self.batch_tokens

    def counts(self) -> tuple[int, ...]:
        """Token counts at which the loss is measured.

        Returns
        -------
        tuple of int
            0, then ascending whole batches; the last is `total`.
        """
        last = self.total // self.batch_tokens
        if self.measure.at:
            wanted = np.array(self.measure.at) / self.batch_tokens
        else:
            first = (self.measure.first or self.total / 100) / self.batch_tokens
            count = self.measure.count  # one is the end alone
            wanted = np.geomspace(min(max(first, 1), last), last, max(count, 2))[-count:]
        batches = np.clip(np.floor(wanted + 0.5), 1, last).astype(int)
        return tuple(int(each) * self.batch_tokens for each in sorted({0, *batches.tolist(), last}))


@dataclass(frozen=True)
class Model:
    """``[[models]]``: a model that exists (`source`), or one that is trained first (`shape`)."""

    name: str
    """What records and run folders call it."""
    shape: Mapping[str, Any] = field(default_factory=dict)
    """Content of its config.json, sizes at least: it is made and trained as [dense] says."""
    source: str = ""
    """A folder with config.json and safetensors, relative to the sweep file, or a hub id."""
    revision: str = ""
    """Of the hub; empty for the newest."""
    tokenizer: str = ""
    """Instead of the sweep's; in a sweep that was read it is never empty."""
    seed: Seed | None = None
    """Of the first weights and the order of dense training; the first of the sweep's otherwise."""
    dense: Training | None = None
    """[dense] with what this model changes in it; None where the model exists."""
    post_training: Training | None = None
    """[post_training] with what this model changes in it."""
    folder: Path | None = None
    """Where `source` is a folder: where it lies. Not a key."""

    @property
    def config(self) -> dict[str, Any]:
        """Content of the config.json of a model that is trained first."""
        return dict(self.shape)


@dataclass(frozen=True)
class Calibration:
    """``[calibration]``: the text whose activations tell what can go."""

    corpus: str = ""
    """Name of the corpus; that of post-training where empty."""
    sequences: Whole = 128
    """Windows of `sequence` tokens."""


@dataclass(frozen=True)
class Prune:
    """``[[prune]]``: one way to prune, at some rates."""

    method: Literal["depth", "width", "2:4", "unstructured", "none"]
    """Layers; neurons and channels; two zeros of four weights; zeros anywhere; nothing."""
    rates: tuple[Rate, ...] = ()
    """depth, width: share of all parameters; unstructured: share of the pruned weights."""
    criterion: Literal["magnitude", "wanda", "sparsegpt"] = "sparsegpt"
    """2:4, unstructured: how weights are chosen."""
    axes: tuple[Literal["ffn", "attention", "hidden"], ...] = DEFAULT_AXES
    """width: what becomes narrower."""
    multiple: Whole | None = None
    """width: new sizes are multiples of it; by default of a power of two that fits the model."""
    models: tuple[str, ...] = ()
    """Names of models; all where empty."""
    seeds: tuple[Seed, ...] = ()
    """Seeds of calibration and data order; the sweep's where empty."""

    @property
    def calibrated(self) -> bool:
        """Whether the choice looks at activations."""
        blind = self.method in SPARSE and self.criterion == "magnitude"
        return self.method != "none" and not blind


@dataclass(frozen=True)
class Execution:
    """``[execution]``: how, not what; never part of what a run is."""

    micro_batch: Whole = 8
    """Windows per forward pass and process."""
    processes: Whole = 1
    """Processes of one run, through torchrun where there are several."""
    threads: Count = 1
    """CPU threads of a process; 0 for torch's own choice."""
    compile: bool = False
    """Compile the decoder layers (torch.compile)."""
    checkpoint_activations: bool = False
    """Make activations anew in the backward pass; for models from 8B on."""
    checkpoint_minutes: Positive = 10.0
    """Minutes between checkpoints."""
    keep_models: bool = True
    """Keep the final weights of pruned runs; those of dense ones are always kept."""


@dataclass(frozen=True)
class Sweep:
    """A whole sweep file."""

    name: str
    """Free text, for provenance."""
    sequence: Whole
    """Targets of a window, in training and in evaluation."""
    corpora: Mapping[str, Corpus]
    """Texts to train on, by name."""
    evaluations: tuple[Evaluation, ...]
    """Texts to measure the loss on; the first is the one that matters."""
    models: tuple[Model, ...]
    """What is pruned."""
    folder: Path
    """Where the sweep file lies. Not a key."""
    tokenizer: str = ""
    """"bytes" (256 ids), a folder with tokenizer.json, or a hub id; each model's own if empty."""
    seeds: tuple[Seed, ...] = (0,)
    """Every pruned run is made once with each."""
    dense: Training | None = None
    """How models with a shape are trained."""
    post_training: Training | None = None
    """How pruned models are trained."""
    calibration: Calibration = Calibration()
    """What pruning looks at."""
    prune: tuple[Prune, ...] = ()
    """How models are pruned."""
    execution: Execution = Execution()
    """How runs are carried out."""
