"""The vocabulary of records: every known column, where it may lie and what it is called."""

from dataclasses import dataclass
from typing import Any

from p2law.domains import Domain


@dataclass(frozen=True)
class Column:
    """A numeric column of the vocabulary: where it may lie and what it is often called."""

    domain: Domain
    meaning: str
    noun: str = ""
    aliases: tuple[str, ...] = ()
    gaps: bool = False
    made: tuple[tuple[str, str], ...] = ()
    """Columns that are not it, and how it is made where they are there."""


TOKENS = "tokens"
"""The column along which curves run, for modules that treat it unlike other inputs."""

NOMINAL = "1 - params_after / params; nominal_rate is the share of the pruned layers alone"

VOCABULARY = {
    "params": Column(
        Domain("> 0", "N0", "param"),
        "parameters of the model before pruning",
        "model size",
        ("n0", "n", "model_size", "n_params", "num_params", "parameters", "size"),
    ),
    "tokens": Column(
        Domain(">= 0", "D", "token"),
        "post-training tokens seen so far",
        "token count",
        ("d", "n_tokens", "num_tokens", "tokens_seen", "token_count"),
    ),
    "pruning_rate": Column(
        Domain("[0, 1)", "rho"),
        "fraction of the parameters removed",
        "pruning rate",
        ("rho", "rate", "sparsity", "pruning_ratio", "prune_rate"),
        made=(("nominal_rate", NOMINAL),),
    ),
    "base_loss": Column(
        Domain("> 0", "L0", "nat"),
        "loss before pruning, on the same text",
        "base loss",
        ("l0", "dense_loss", "loss_before", "teacher_loss"),
        made=(("base_perplexity", "ln(base_perplexity)"), ("base_ppl", "ln(base_ppl)")),
    ),
    "loss": Column(
        Domain("> 0", "L", "nat"),
        "loss after `tokens` tokens",
        "loss",
        ("l", "val_loss", "eval_loss", "validation_loss", "test_loss", "ce"),
        made=(("perplexity", "ln(perplexity)"), ("ppl", "ln(ppl)")),
    ),
    "nominal_rate": Column(Domain("[0, 1]"), "share of the pruned layers removed", gaps=True),
    "params_after": Column(Domain("> 0"), "parameters after pruning", gaps=True),
    "unique_tokens": Column(Domain("> 0"), "distinct tokens in the corpus", gaps=True),
    "flops_per_token": Column(Domain("> 0"), "training FLOP per token", gaps=True),
    "train_loss": Column(Domain("> 0"), "training loss, smoothed or a mean", gaps=True),
}
PLAIN = 1000
"""A count of parameters or tokens below that is no plain count, but perhaps one in billions."""

BILLIONS = 1e-4
"""Below that it is none in billions either: no model is that small, no training that short."""

LABELS = ("model", "family", "method", "seed", "corpus", "eval_text", "schedule")

CURVES = ("seed", "eval_text")
"""Labels that tell curves of one run apart."""

METRIC = "metric"
"""The label that says what the numbers in `loss` are, where they are no nats."""

NATS = ("", "nat", "nats")
"""What `metric` says of losses in nats."""


def counted(count: int, name: str) -> str:
    """Words for so many distinct values of a column: "1 model size", "2 values of x"."""
    return f"{count} {noun(name, count)}"


def noun(name: str, count: int) -> str:
    """What one value of a column is called, or several: "model size", "values of x"."""
    known = VOCABULARY.get(name)
    one, of = (known.noun, "") if known and known.noun else ("value", f" of {name}")
    return f"{one}{'' if count == 1 else 'es' if one.endswith('ss') else 's'}{of}"


def unit(target: str, table: Any) -> str:
    """Words for the unit of a target after a number: "nat", "in test error", "in score".

    Parameters
    ----------
    target : str
    table : DataFrame
        Its column `metric`, where it has one, says what a loss is measured in.

    Returns
    -------
    str
    """
    if target != "loss":
        return f"in {target}"
    said = {*table[METRIC].fillna("").astype(str)} if METRIC in table else {""}
    if said <= {*NATS}:
        return "nat"
    return f"in {said.pop()}" if len(said) == 1 else f"in {target}"
