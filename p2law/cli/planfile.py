"""A plan file: fits, models, rates, prices and limits in one TOML, as typed values.

    loss = 2.2                       # or tokens, flops, gpu_hours, cost: a number or a list
    rates = [0.25, 0.35, 0.5]        # or size = 4e9: every model pruned down to it
    [fits]                           # by method; paths are relative to the file
    depth = "depth.json"
    "2:4" = "sparse.json"
    [[models]]
    name = "8B"
    params = 8.03e9
    base_loss = 2.05
    [prices]
    peak_flops = 989e12
    mfu = 0.4
    gpu_hour = 2.5
    [limits]
    params_after = 4e9
    probability = 0.9
    [[dense]]                        # smaller models that need not be pruned
    name = "3B"
    params = 3.2e9
    loss = 2.4

What is not declared below is refused, with the nearest key that is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from p2law.collect.tables import KeyPath, build, check_keys, said, top_table
from p2law.domains import Domain
from p2law.errors import P2LawError, PlanError, SweepFileError
from p2law.planning.budgeting import ASKED
from p2law.planning.limits import Limits
from p2law.planning.models import Dense, Model
from p2law.planning.pricing import Prices

Positive = Annotated[float, Domain("> 0")]
Rate = Annotated[float, Domain("(0, 1)")]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a plan file says."""

    fits: Mapping[str, Path]
    """``[fits]``: files that `p2law fit --save` wrote, by method."""
    models: tuple[Model, ...]
    """``[[models]]``: those that could be pruned; keys are those of `planning.Model`."""
    rates: tuple[Rate, ...] = ()
    """Shares of all parameters that are removed."""
    size: Positive | None = None
    """Instead of rates: parameters after pruning, the same for all."""
    loss: tuple[Positive, ...] = ()
    """A loss to be reached, in nat per token. Of this and the next four one must be given."""
    tokens: tuple[Positive, ...] = ()
    """Tokens of post-training."""
    flops: tuple[Positive, ...] = ()
    """FLOPs that may be spent on each candidate."""
    gpu_hours: tuple[Positive, ...] = ()
    """GPU-hours that may be spent on each."""
    cost: tuple[Positive, ...] = ()
    """Money that may be spent on each."""
    prices: Prices = field(default_factory=Prices)
    """``[prices]``: keys are those of `planning.Prices`."""
    limits: Limits = field(default_factory=Limits)
    """``[limits]``: keys are those of `planning.Limits`."""
    dense: tuple[Dense, ...] = ()
    """``[[dense]]``: models that need not be pruned; keys are those of `planning.Dense`."""
    frontier: Literal["", "cost", "gpu_hours", "flops", "tokens", "params_after"] = ""
    """Show the frontier against this, too; of several losses that of each."""
    level: Annotated[float, Domain("(0, 1)")] = 0.9
    """Of the intervals."""
    draws: Annotated[int, Domain("[20, 100000]")] | None = None
    """How many refits; those of the fits where it is left out."""

    @property
    def asked(self) -> dict[str, tuple[float, ...]]:
        """What is asked for, and its amounts."""
        return {name: getattr(self, name) for name in ASKED if getattr(self, name)}


def read(path: str | Path) -> Plan:
    """Read a plan file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Plan
        Paths of fits are complete.

    Raises
    ------
    PlanError
        The file cannot be read, or says what no plan can say; the text names file and key.
    """
    file = Path(path)
    try:
        return _plan(
            top_table(file, ("models", "dense")), KeyPath(file.name), file.resolve().parent
        )
    except SweepFileError as error:
        raise PlanError(str(error)) from None


def _plan(table: dict[str, Any], top: KeyPath, folder: Path) -> Plan:
    check_keys(table, [each.name for each in fields(Plan)], top)
    if not table.get("models"):
        raise top.error("has no [[models]]; name at least one with params and base_loss")
    for name in ASKED:
        if name in table and not isinstance(table[name], list):
            table[name] = [table[name]]
    parts: dict[str, Any] = {
        "fits": _fits(table.pop("fits", {}), top.key("fits"), folder),
        "models": _several(Model, table.pop("models"), top.key("models")),
        "dense": _several(Dense, table.pop("dense", []), top.key("dense")),
        "prices": _one(Prices, table.pop("prices", {}), top.key("prices")),
        "limits": _one(Limits, table.pop("limits", {}), top.key("limits")),
    }
    plan = build(Plan, table, top, **parts)
    if len(plan.asked) != 1:
        raise top.error(f"must ask for exactly one of {', '.join(ASKED)}")
    if bool(plan.rates) == (plan.size is not None):
        raise top.error("needs either rates or size, and not both")
    if plan.size is not None and plan.frontier:
        raise top.error("with size there is no frontier; write rates instead")
    return plan


def _fits(table: Any, at: KeyPath, folder: Path) -> dict[str, Path]:
    """Paths of saved fits by method."""
    if not (isinstance(table, dict) and table):
        raise at.error('must name a saved fit by method, as depth = "depth.json"')
    for method, path in table.items():
        if not isinstance(path, str):
            raise at.key(method).error(f"is {said(path)}; it must be text in quotes")
    return {method: folder / path for method, path in table.items()}


def _several(kind: type, items: Any, at: KeyPath) -> tuple[Any, ...]:
    """Values of an array of tables."""
    if not isinstance(items, list):
        raise at.error(f"is {said(items)}; write [[{at.path}]]")
    return tuple(_one(kind, each, at.item(k)) for k, each in enumerate(items))


def _one(kind: type, table: Any, at: KeyPath) -> Any:
    """One value of a table; what it refuses itself is told with its place."""
    try:
        return build(kind, table, at)
    except SweepFileError:
        raise
    except P2LawError as error:
        raise at.error(f"is wrong: {error}") from error
