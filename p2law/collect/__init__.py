"""Make loss records: prune Llama and Qwen2 models, post-train them, measure.

The extra ``collect`` (torch, transformers) is needed to prune and to train; sweep
files are read and planned without it. The rest of p2law meets this package only
through the record files that it writes.

    from p2law import collect

    print(collect.forecast(collect.read("sweep.toml")))     # no torch, no GPU
    collect.run("sweep.toml", "study")
    records = collect.gather("study").records
"""

import importlib
from typing import TYPE_CHECKING, Any

from p2law.errors import MissingExtraError

if TYPE_CHECKING:
    from p2law.collect.configs import from_config, read_config
    from p2law.collect.cuts import plan_cut
    from p2law.collect.forecasting import forecast
    from p2law.collect.gathering import gather
    from p2law.collect.jobs import expand
    from p2law.collect.pruning import prune
    from p2law.collect.spec import read
    from p2law.collect.standing import status
    from p2law.collect.sweep import run

__all__ = [
    "expand",
    "forecast",
    "from_config",
    "gather",
    "plan_cut",
    "prune",
    "read",
    "read_config",
    "run",
    "status",
]

_HOME = {
    "expand": "jobs",
    "forecast": "forecasting",
    "from_config": "configs",
    "gather": "gathering",
    "plan_cut": "cuts",
    "prune": "pruning",
    "read": "spec",
    "read_config": "configs",
    "run": "sweep",
    "status": "standing",
}
EXTRA = ("torch", "transformers", "safetensors", "filelock", "tqdm")
"""Packages of the extra ``collect``."""


def __getattr__(name: str) -> Any:
    """Load what is asked for; where torch or its like is missing, say which extra has it."""
    if name not in _HOME:
        raise AttributeError(f"module 'p2law.collect' has no attribute {name!r}")
    try:
        module = importlib.import_module(f"p2law.collect.{_HOME[name]}")
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package not in EXTRA:
            raise
        raise MissingExtraError(package, "collect", f"p2law.collect.{name}") from error
    return getattr(module, name)


def __dir__() -> list[str]:
    """Everything public, loaded or not."""
    return __all__
