"""`p2law collect`: plan, run, status, gather, prune."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from p2law.errors import MissingExtraError, RunError, StoppedError, SweepFileError

FAILED = 1
"""Exit code where some runs failed; 2 is for bad input."""


def add_commands(commands: Any) -> None:
    """Add ``collect`` and its commands to a parser.

    Parameters
    ----------
    commands : argparse subparsers action
    """
    collect = commands.add_parser(
        "collect", allow_abbrev=False, help="prune and post-train models to make records"
    )
    parts = collect.add_subparsers(dest="collecting", required=True, metavar="COMMAND")

    def part(name: str, words: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = parts.add_parser(name, allow_abbrev=False, help=words)
        return parser

    _add_plan(part("plan", "say what a sweep would take, without doing it"))
    _add_run(part("run", "do the runs of a sweep that are missing"))
    status = part("status", "say how the runs of a sweep stand")
    status.add_argument("out", type=Path, help="folder of the sweep")
    _add_json(status)
    gather = part("gather", "put all measurements into a table that p2law.load reads")
    gather.add_argument("out", type=Path, help="folder of the sweep")
    gather.add_argument("-o", "--output", type=Path, required=True, help="CSV file to write")
    gather.add_argument("--eval-text", default="", help="only losses on this text")
    gather.add_argument("--unfinished", action="store_true", help="also of runs that go on")
    _add_prune(part("prune", "prune one model, without training it"))


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def _add_plan(plan: argparse.ArgumentParser) -> None:
    plan.add_argument("sweep", type=Path, help="sweep file (TOML)")
    plan.add_argument("--gpu-memory", type=float, default=80e9, help="bytes (default 80e9)")
    plan.add_argument("--mfu", type=float, help="share of the peak that training reaches")
    plan.add_argument("--peak-flops", type=float, help="FLOP/s of one GPU, for --mfu")
    plan.add_argument("--tokens-per-second", type=float, help="of one GPU, instead of --mfu")
    _add_json(plan)


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("sweep", type=Path, help="sweep file (TOML)")
    run.add_argument("--out", type=Path, required=True, help="folder for the runs")
    which = run.add_mutually_exclusive_group()
    which.add_argument("--index", type=int, nargs="+", help="only these runs, as plan counts them")
    which.add_argument("--only", nargs="+", help="only the runs of these ids")
    run.add_argument("--workers", type=int, default=1, help="runs at the same time")
    run.add_argument("--gpus", default="", help="share these out to the workers: 0,1,2,3")
    run.add_argument("--submit", choices=("slurm", "local"), help="as jobs, through submitit")
    run.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of submitit"
    )
    run.add_argument("--tracker", default="", help="tensorboard, or module:attribute")


def _add_prune(prune: argparse.ArgumentParser) -> None:
    prune.add_argument("model", type=Path, help="folder with config.json and safetensors")
    prune.add_argument("out", type=Path, help="folder to write")
    prune.add_argument("--method", required=True, help="depth, width, 2:4 or unstructured")
    prune.add_argument("--rate", type=float, help="share of the parameters to remove")
    prune.add_argument("--criterion", default="sparsegpt", help="magnitude, wanda or sparsegpt")
    prune.add_argument("--axes", nargs="+", help="width: ffn, attention, hidden")
    prune.add_argument("--text", type=Path, nargs="+", default=[], help="files to calibrate on")
    prune.add_argument("--tokenizer", default="", help="'bytes' or a folder; the model's own")
    prune.add_argument("--sequence", type=int, default=512, help="tokens of a window")
    prune.add_argument("--sequences", type=int, default=128, help="windows to calibrate on")
    prune.add_argument("--device", default="cpu", help="cpu or cuda")
    _add_json(prune)


def main(asked: argparse.Namespace) -> tuple[str, int]:
    """Carry out what was asked.

    Parameters
    ----------
    asked : Namespace

    Returns
    -------
    text : str
        To be printed.
    code : int
        Exit code. A process that torchrun started does not return: it prints and exits.
    """
    leads = os.environ.get("RANK", "0") == "0"
    actions: dict[str, Callable[[argparse.Namespace], tuple[str, int]]] = {
        "plan": _plan,
        "run": _run,
        "status": _status,
        "gather": _gather,
        "prune": _prune,
    }
    together = True
    with _talking(logging.INFO if leads else logging.ERROR) as log:
        try:
            text, code = actions[asked.collecting](asked)
        except StoppedError as stopped:
            log.warning("%s", stopped)
            text, code = "", 128 + stopped.signal
        except KeyboardInterrupt:
            text, code, together = "", 128 + signal.SIGINT, False
    if os.environ.get("WORLD_SIZE", "1") != "1":
        _leave(text if leads else "", code, together=together)
    return text, code


@contextmanager
def _talking(level: int) -> Iterator[logging.Logger]:
    """Send p2law's own words to stderr; other packages keep their own ways."""
    from p2law.collect.tracking import Labelled

    logger, handler = logging.getLogger("p2law"), logging.StreamHandler()
    handler.setFormatter(Labelled())
    before = logger.level
    logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _leave(text: str, code: int, *, together: bool) -> NoReturn:
    """End a process that torchrun started, all of them together where nobody was interrupted.

    Threads of torch sometimes abort a process that is through, at its very end, and
    torchrun would report a failure where there was none.
    """
    from p2law.collect.team import disband

    if together:
        disband()
    if text:
        print(text)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _plan(asked: argparse.Namespace) -> tuple[str, int]:
    from p2law.collect import spec
    from p2law.collect.forecasting import forecast

    found = forecast(
        spec.read(asked.sweep),
        gpu_memory=asked.gpu_memory,
        mfu=asked.mfu,
        peak_flops=asked.peak_flops,
        tokens_per_second=asked.tokens_per_second,
    )
    return (found.to_json() if asked.json else str(found)), 0


def _run(asked: argparse.Namespace) -> tuple[str, int]:
    needs_torch("collect run")
    from p2law.collect import gathering, jobs, launch, spec, sweep

    runs = jobs.expand(spec.read(asked.sweep))
    only = list(asked.index or []) or _numbers(asked.only or [], [each.id for each in runs])
    gpus = [each for each in asked.gpus.split(",") if each]
    if asked.submit:
        wanted = only or list(range(len(runs)))
        stages = [[k for k in wanted if runs[k].cut is None], [k for k in wanted if runs[k].cut]]
        made = launch.submit(
            asked.sweep, asked.out, stages, cluster=asked.submit, options=_options(asked.option)
        )
        return f"{len(made)} jobs submitted; p2law collect status {asked.out}", 0
    if asked.workers > 1 or gpus:
        words = [*(["--only", *(runs[k].id for k in only)] if only else [])]
        words += ["--tracker", asked.tracker] if asked.tracker else []
        code = launch.workers(asked.sweep, asked.out, asked.workers, gpus, words)
        return gathering.status(asked.out).to_string(index=False), code
    report = sweep.run(asked.sweep, asked.out, only=only, tracker=asked.tracker)
    said = [f"{len(report.done)} of {len(only or runs)} runs done"]
    said += [f"{name} is being worked on by another process" for name in report.elsewhere]
    said += [f"FAILED {name}: {reason}" for name, reason in report.failed.items()]
    return "\n".join(said), FAILED if report.failed else 0


def _numbers(ids: Sequence[str], known: Sequence[str]) -> list[int]:
    if unknown := [each for each in ids if each not in known]:
        raise SweepFileError(f"no run {unknown[0]!r} in this sweep; p2law collect plan lists them")
    return [known.index(each) for each in ids]


def _options(words: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE words; values that are JSON are taken as such."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if not (name and value):
            raise RunError(f"--option takes NAME=VALUE, got {word!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _status(asked: argparse.Namespace) -> tuple[str, int]:
    from p2law.collect import gathering

    table = gathering.status(asked.out)
    if asked.json:
        return json.dumps(json.loads(table.to_json(orient="records")), indent=2), 0
    counts = table["state"].value_counts()
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{table.to_string(index=False, na_rep='')}\n{summary}", 0


def _gather(asked: argparse.Namespace) -> tuple[str, int]:
    from p2law.collect import gathering

    found = gathering.gather(asked.out, eval_text=asked.eval_text, unfinished=asked.unfinished)
    written = found.save(asked.output)
    said = [f"{len(found.records)} records of pruned runs, {len(found.dense)} of dense ones"]
    said += [f"left out {name}: {reason}" for name, reason in found.left_out]
    return "\n".join([*said, *(f"wrote {each}" for each in written)]), 0


def _prune(asked: argparse.Namespace) -> tuple[str, int]:
    needs_torch("collect prune")
    from p2law.collect import corpus, cuts, pruning, shapes

    shape = shapes.from_config(shapes.read_config(asked.model), where=str(asked.model))
    axes = tuple(asked.axes or cuts.DEFAULT_AXES)
    cut = cuts.plan_cut(shape, asked.method, asked.rate, criterion=asked.criterion, axes=axes)
    tokens = None
    if asked.text:
        import torch

        by, text = asked.tokenizer or str(asked.model), corpus.Text(tuple(asked.text))
        tokens = torch.from_numpy(corpus.some(text, by, asked.sequence, asked.sequences))
    found = pruning.prune(asked.model, cut, tokens=tokens, out=asked.out, device=asked.device)
    facts = {
        "folder": str(found.folder),
        "params": shape.params,
        "params_after": shape.params - found.removed,
        "pruning_rate": found.pruning_rate,
        "nominal_rate": found.nominal_rate,
    }
    if asked.json:
        return json.dumps(facts, indent=2), 0
    return "\n".join(f"{name:13} {value}" for name, value in facts.items()), 0


def needs_torch(purpose: str) -> None:
    """Say which extra is missing where torch or transformers are not there.

    Raises
    ------
    MissingExtraError
        One of them is not installed.
    """
    import importlib.util

    for package in ("torch", "transformers", "safetensors", "filelock", "tqdm"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "collect", purpose)
