"""What a sweep would be and cost, as a value that prints itself."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from p2law.collect.columns import aligned

PASSES = 4
"""Over the same text, past which further ones pay less than new tokens would."""


@dataclass(frozen=True)
class Forecast:
    """What one run would be and cost.

    Attributes
    ----------
    id, model, method : str
    rate : float
        Asked for.
    params, params_after : int
    pruning_rate, nominal_rate : float
        Achieved.
    tokens : int
    flops : mapping of str to float
        By what for: training, teacher, evaluation, calibration.
    gpus : int
        The smallest number whose memory is enough.
    memory : mapping of str to float, byte
        Of each of these GPUs, by what for.
    disk : mapping of str to float, byte
        By what for.
    gpu_hours : float or None
        For the MFU or throughput that was stated.
    passes : float or None
        Over the text it is trained on, at the least; None where its length is not known.
    """

    id: str
    model: str
    method: str
    rate: float
    params: int
    params_after: int
    pruning_rate: float
    nominal_rate: float
    tokens: int
    flops: Mapping[str, float]
    gpus: int
    memory: Mapping[str, float]
    disk: Mapping[str, float]
    gpu_hours: float | None
    passes: float | None = None


@dataclass(frozen=True)
class Plan:
    """What a sweep would be and cost; prints itself.

    Attributes
    ----------
    name : str
    runs : tuple of Forecast
    texts : mapping of str to float or None, byte
        Token files, by corpus or evaluation and tokenizer; None where it is not known.
    downloads : mapping of str to float, byte
        Models of the hub, by source; they stay in its cache.
    keep_models : bool
        Final models of pruned runs stay on disk.
    processes : int
        That the sweep file asks for.
    """

    name: str
    runs: tuple[Forecast, ...]
    texts: Mapping[str, float | None]
    downloads: Mapping[str, float]
    keep_models: bool
    processes: int

    @property
    def kept_bytes(self) -> float:
        """Disk of the sweep's folder when all is done: token files and final models."""
        kept = (each for each in self.runs if self.keep_models or each.method == "dense")
        models = sum(each.disk["model"] for each in kept)
        return models + sum(each or 0.0 for each in self.texts.values())

    @property
    def gpu_hours(self) -> float | None:
        """Of all runs, where an MFU or a throughput was stated."""
        hours = [each.gpu_hours for each in self.runs if each.gpu_hours is not None]
        return sum(hours) if hours else None

    def table(self) -> pd.DataFrame:
        """One row a run, in plain units.

        Returns
        -------
        DataFrame
            The index is the number that ``collect run --index`` takes. Columns `run`,
            `params`, `params_after`, `pruning_rate`, `nominal_rate`, `tokens`, `flops`,
            `gpus`, `memory` (bytes per GPU), `disk` (bytes while it is under way) and,
            where time was asked for, `gpu_hours`.
        """
        rows = [
            {
                "run": each.id,
                "params": each.params,
                "params_after": each.params_after,
                "pruning_rate": each.pruning_rate,
                "nominal_rate": each.nominal_rate,
                "tokens": each.tokens,
                "flops": sum(each.flops.values()),
                "gpus": each.gpus,
                "memory": sum(each.memory.values()),
                "disk": sum(each.disk.values()),
                "gpu_hours": each.gpu_hours,
            }
            for each in self.runs
        ]
        table = pd.DataFrame(rows)
        return table if self.gpu_hours is not None else table.drop(columns="gpu_hours")

    def to_json(self) -> str:
        """All of it, with every term, as JSON."""
        return json.dumps({**asdict(self), "kept_bytes": self.kept_bytes}, indent=2)

    def __str__(self) -> str:
        return "\n\n".join(["\n".join(part) for part in _parts(self)])


def _parts(plan: Plan) -> Iterator[list[str]]:
    dense = sum(each.method == "dense" for each in plan.runs)
    models = len({each.model for each in plan.runs})
    kinds = f"{dense} dense and {len(plan.runs) - dense} pruned"
    yield [f"{plan.name}: {len(plan.runs)} runs of {models} model{'s' * (models > 1)}, {kinds}"]
    if short := [each for each in plan.runs if each.gpus > plan.processes]:
        most = max(each.gpus for each in short)
        asked = f"execution.processes = {plan.processes}"
        yield [
            f"! {len(short)} of {len(plan.runs)} ask for more GPUs than {asked}; {most} do for all"
        ]
    if again := _repeated(plan):
        yield again
    yield _columns(plan)
    largest = max(plan.runs, key=lambda each: sum(each.memory.values()) * each.gpus)
    each, on = _gigabytes(sum(largest.memory.values())), f"{largest.gpus} GPU"
    yield [
        f"memory    {each} GB on {'each of ' * (largest.gpus > 1)}{on}{'s' * (largest.gpus > 1)}",
        f"          for {largest.id}:",
        *_terms(largest.memory, _gigabytes, "GB"),
    ]
    flops: dict[str, float] = {}
    for run in plan.runs:
        for name, value in run.flops.items():
            flops[name] = flops.get(name, 0.0) + value
    yield [f"compute   {sum(flops.values()):.3g} FLOP in all:", *_terms(flops, _short, "FLOP")]
    yield list(_on_disk(plan))
    if plan.gpu_hours is not None:
        yield [f"time      {plan.gpu_hours:.3g} GPU-hours, at the speed that was stated"]


def _repeated(plan: Plan) -> list[str]:
    """Lines on runs that see their text too often; none where there is none."""
    again = [each for each in plan.runs if (each.passes or 0.0) > PASSES]
    if not again:
        return []
    most = max(again, key=lambda each: each.passes or 0.0)
    return [
        f"! {len(again)} of {len(plan.runs)} train on the same text more than {PASSES} times,",
        f"  {most.id} {most.passes:.3g} times at the least:",
        "  tokens seen so often buy little; give more text, or ask for fewer tokens",
    ]


def _columns(plan: Plan) -> list[str]:
    header = ["#", "run", "params", "after", "pruning", "nominal", "tokens", "FLOP", "GPUs"]
    header += ["GB/GPU", "GPU-hours"][: 1 + (plan.gpu_hours is not None)]
    rows = [header]
    for number, each in enumerate(plan.runs):
        row = [str(number), each.id, f"{each.params:,}", f"{each.params_after:,}"]
        row += [f"{each.pruning_rate:.4f}", f"{each.nominal_rate:.4f}", f"{each.tokens:,}"]
        row += [f"{sum(each.flops.values()):.3g}", str(each.gpus)]
        row += [_gigabytes(sum(each.memory.values()))]
        row += [] if each.gpu_hours is None else [f"{each.gpu_hours:.3g}"]
        rows.append(row)
    return aligned(rows, words=(1,))


def _on_disk(plan: Plan) -> Iterator[str]:
    under_way = max(sum(each.disk.values()) for each in plan.runs)
    yield f"disk      {_gigabytes(plan.kept_bytes)} GB stay: final models and token files"
    yield f"          up to {_gigabytes(under_way)} GB more for each run under way"
    if plan.downloads:
        size = _gigabytes(sum(plan.downloads.values()))
        names = ", ".join(plan.downloads)
        yield f"          {size} GB of downloads in the cache of the hub: {names}"
    unknown = [name for name, size in plan.texts.items() if size is None]
    if unknown:
        yield f"          not counted, since no `tokens` is given: {', '.join(unknown)}"


def _terms(terms: Mapping[str, float], say: Callable[[float], str], unit: str) -> list[str]:
    wide = max(map(len, terms))
    ordered = sorted(terms.items(), key=lambda item: -item[1])
    shown = [(name, say(value)) for name, value in ordered]
    right = max(len(text) for _, text in shown)
    return [f"          {name.ljust(wide)}  {text.rjust(right)} {unit}" for name, text in shown]


def _short(value: float) -> str:
    return f"{value:.3g}"


def _gigabytes(value: float) -> str:
    return f"{value / 1e9:,.1f}" if value >= 1e8 else f"{value / 1e9:.2g}"
