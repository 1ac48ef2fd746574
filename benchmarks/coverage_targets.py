"""Bytes as input of one target, guided by the branches of p2law that they reach; see coverage_fuzz.

Runs in an environment with atheris: `python coverage_targets.py TARGET MINUTES FOLDER`.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["p2law"]):
    import p2law

    # All of it now: what is loaded later, by a first fit, is not looked at.
    for each in pkgutil.walk_packages(p2law.__path__, "p2law.", onerror=lambda _: None):
        if not each.name.endswith("__main__"):
            with contextlib.suppress(ImportError, p2law.P2LawError):  # its extra is not there
                importlib.import_module(each.name)
    from p2law import forms, logs, testing
    from p2law.cli import planfile
    from p2law.collect import forecast, jobs, spec
    from p2law.holdout.selecting import chosen
    from tests.hostile import likely, others, tables
    from tests.hostile.choices import Choices
    from tests.hostile.running import limit_memory, outcome

Work = Callable[[bytes, Path], Any]

LOG: dict[str, Any] = {"loss": "eval", "tokens_per_step": 128}
RECORDS = tables.table(np.random.default_rng(0))


def by_choices(maker: Callable[[Any, Path], Any]) -> Work:
    """Bytes as the choices of a maker of hostile cases."""
    return lambda content, folder: maker(Choices(content), folder)


def file(name: str, read: Callable[[Path], Any]) -> Work:
    """Bytes as a file of that name."""

    def work(content: bytes, folder: Path) -> Any:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return work


def sweep(path: Path) -> Any:
    """Read a sweep file and count what it asks for."""
    shutil.copytree(others.SWEEP.parent / "text", path.parent / "text")
    found = spec.read(path)
    return len(jobs.expand(found)), str(forecast(found))


def saved(content: bytes, _: Path) -> Any:
    """Bytes as a saved fit."""
    return str(p2law.Fit.from_json(content.decode("utf-8", "replace")))


def formula(content: bytes, _: Path) -> Any:
    """Bytes as the text of a law."""
    text = content.decode("utf-8", "replace")
    made = p2law.form(text, linear=("floor", "scale"))(forms.token_power.function)
    return testing.check_form(made)


def expression(content: bytes, _: Path) -> Any:
    """Bytes as a choice of rows."""
    return chosen(RECORDS, content.decode("utf-8", "replace"))


def written(suffix: str) -> bytes:
    """Plain records as the bytes of a file."""
    text = RECORDS.to_csv(index=False)
    return (text if suffix == "csv" else RECORDS.to_json(orient="records", lines=True)).encode()


TARGETS: dict[str, tuple[Work, Callable[[], list[bytes]]]] = {
    "load, CSV": (file("t.csv", p2law.load), lambda: [written("csv")]),
    "load, JSONL": (file("t.jsonl", p2law.load), lambda: [written("jsonl")]),
    "load, choices": (by_choices(likely.loading), lambda: [bytes(range(64))]),
    "log, trainer": (
        file("trainer_state.json", lambda path: logs.read_trainer_state(path, **LOG)),
        lambda: [(others.LOGS / "trainer/checkpoint-60/trainer_state.json").read_bytes()],
    ),
    "log, wandb": (
        file("t.csv", lambda path: logs.read_wandb(path, **LOG)),
        lambda: [path.read_bytes() for path in (others.LOGS / "wandb").glob("*.csv")],
    ),
    "log, tensorboard": (
        file("events.out.tfevents.1", lambda path: logs.read_tensorboard(path, **LOG)),
        lambda: [p.read_bytes() for p in (others.LOGS / "tensorboard").rglob("events*")],
    ),
    "from_json, text": (saved, lambda: [each.encode() for each in others.saved_fits()]),
    "from_json, choices": (by_choices(likely.saved_fit), lambda: [bytes(range(64))]),
    "sweep file, text": (file("sweep.toml", sweep), lambda: [others.SWEEP.read_bytes()]),
    "sweep file, choices": (by_choices(others.sweep_file), lambda: [bytes(range(64))]),
    "plan file": (file("plan.toml", planfile.read), lambda: [likely.PLAN.encode()]),
    "command line": (by_choices(likely.command_line), lambda: [bytes(range(64))]),
    "law, choices": (by_choices(others.law), lambda: [bytes(range(64))]),
    "law, formula": (formula, lambda: [forms.token_power.formula.encode()]),
    "rows chosen": (expression, lambda: [b"params > 1e9 and run in ('a', 'b') or not seed == 0"]),
}


def main() -> None:
    """Fuzz one target for some minutes; write counts, and each kind of unexplained input."""
    target, minutes, folder = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
    work, seeds = TARGETS[target]
    corpus, counts, seen = folder / "corpus", Counter[str](), dict[str, str]()
    shutil.rmtree(corpus, ignore_errors=True)  # so that what is reached at first is from the seeds
    corpus.mkdir(parents=True)
    for k, seed in enumerate(seeds()):
        (corpus / f"seed{k}").write_bytes(seed)
    ends, slowest = time.monotonic() + 60 * minutes, 0.0
    limit_memory()

    def once(content: bytes) -> None:
        nonlocal slowest
        begun = time.process_time()
        kind, what = outcome(lambda inner: work(content, inner), commands=target == "command line")
        slowest = max(slowest, time.process_time() - begun)
        counts[kind] += 1
        place = what.split(":")[0] + what.split(":")[1][:6] if ":" in what else what
        if kind == "unexplained" and place not in seen:
            seen[place] = what
            (folder / f"unexplained{len(seen)}").write_bytes(content)
        if time.monotonic() > ends:
            told = {"counts": counts, "slowest": slowest, "unexplained": list(seen.values())}
            told["kept"] = len(list(corpus.iterdir()))
            (folder / "counts.json").write_text(json.dumps(told))
            os._exit(0)

    atheris.Setup([sys.argv[0], str(corpus), "-max_len=20000", "-timeout=120"], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
