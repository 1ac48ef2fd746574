"""`p2law collect`: plan, run, status, gather, prune."""

import argparse
import json
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from p2law import collect
from p2law.collect import alone, run_options
from p2law.errors import MissingExtraError, StoppedError

FAILED = 1
"""Exit code where some runs failed; 2 is for bad input."""


def add_commands(commands: Any) -> None:
    """Add ``collect`` and its commands to a parser.

    Parameters
    ----------
    commands : argparse subparsers action
    """
    parser = commands.add_parser(
        "collect", allow_abbrev=False, help="prune and post-train models to make records"
    )
    parts = parser.add_subparsers(dest="collecting", required=True, metavar="COMMAND")

    def part(name: str, words: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = parts.add_parser(name, allow_abbrev=False, help=words)
        return made

    _add_plan(part("plan", "say what a sweep would take, without doing it"))
    _add_run(part("run", "do the runs of a sweep that are missing"))
    status = part("status", "say how the runs of a sweep stand")
    status.add_argument("out", type=Path, help="folder of the sweep")
    _add_json(status)
    gather = part("gather", "put all measurements into a table that p2law.load reads")
    gather.add_argument("out", type=Path, help="folder of the sweep")
    gather.add_argument(
        "-o", "--output", type=Path, required=True, help="NAME.csv, NAME.jsonl or NAME.parquet"
    )
    gather.add_argument("--eval-text", default="", help="only losses on this text")
    gather.add_argument("--unfinished", action="store_true", help="also runs that have not ended")
    gather.add_argument(
        "--earlier", action="store_true", help="also runs that the sweep file no longer names"
    )
    prune = part("prune", "prune one model, without training it")
    alone.add_options(prune)
    _add_json(prune)


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
    run.add_argument("--workers", type=int, help="runs at the same time (default 1)")
    run.add_argument("--gpus", help="share these out to the workers: 0,1,2,3")
    run.add_argument("--submit", choices=("slurm", "local"), help="as jobs, through submitit")
    run.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="of --submit"
    )
    run.add_argument("--tracker", default="", help="tensorboard, or module:attribute")


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
    from p2law.collect import jobs, launch, spec, standing, submitting
    from p2law.collect.place import Place
    from p2law.collect.sweep import check_means

    sweep = spec.read(asked.sweep)
    runs = jobs.expand(sweep)
    numbers = run_options.numbers(asked, [each.id for each in runs])
    wanted = [runs[k] for k in numbers] or list(runs)
    run_options.check_together(asked)
    check_means(sweep, [k for k in wanted if not Place(asked.out, k.id).ended], asked.tracker)
    further = ["--tracker", asked.tracker] if asked.tracker else []
    if asked.submit:
        stages = [
            [each.id for each in wanted if (each.cut is None) == first] for first in (True, False)
        ]
        options = run_options.submitting_options(asked.option)
        standing.remember(asked.out, sweep.name, {each.id: each.training.total for each in runs})
        made = submitting.submit(
            asked.sweep, asked.out, stages, cluster=asked.submit, options=options, words=further
        )
        return f"{len(made)} jobs submitted; p2law collect status {asked.out}", 0
    if (asked.workers or 1) > 1 or asked.gpus is not None:
        count = asked.workers or 1
        gpus: list[str] = []
        if asked.gpus is not None:
            gpus = run_options.shared_gpus(asked.gpus, count, sweep.execution.processes)
        further += ["--only", *(each.id for each in wanted)] if numbers else []
        code = launch.workers(asked.sweep, asked.out, count, gpus, further)
        return standing.report(asked.out), code
    report = collect.run(asked.sweep, asked.out, only=numbers, tracker=asked.tracker)
    count = len(report.diverged)
    of_them = f", {count} of them diverged" if count else ""
    said = [f"{len(report.done)} of {len(wanted)} runs done{of_them}"]
    said += [f"DIVERGED {name}: {reason}" for name, reason in report.diverged.items()]
    said += [f"{name} is being worked on by another process" for name in report.elsewhere]
    said += [f"FAILED {name}: {reason}" for name, reason in report.failed.items()]
    return "\n".join(said), FAILED if report.failed else 0


def _status(asked: argparse.Namespace) -> tuple[str, int]:
    if not asked.json:
        from p2law.collect import standing

        return standing.report(asked.out), 0
    rows = collect.status(asked.out).to_dict("records")
    for row in rows:
        row["loss"] = None if math.isnan(row["loss"]) else row["loss"]
    return json.dumps(rows, indent=2), 0


def _gather(asked: argparse.Namespace) -> tuple[str, int]:
    from p2law.collect.standing import counted

    found = collect.gather(
        asked.out, eval_text=asked.eval_text, unfinished=asked.unfinished, earlier=asked.earlier
    )
    written = found.save(asked.output)
    said = [
        f"{len(table)} records of {table['run'].nunique() if len(table) else 0} {kind} runs"
        for kind, table in (("pruned", found.records), ("dense", found.dense))
    ]
    if found.left_out:
        said.append(f"left out: {counted(each.state for each in found.left_out)}")
        said += [f"  {each.run}: {each.state}, {each.reason}" for each in found.left_out]
    return "\n".join([*said, *(f"wrote {each}" for each in written)]), 0


def _prune(asked: argparse.Namespace) -> tuple[str, int]:
    needs_torch("collect prune")
    return alone.prune_alone(asked), 0


def needs_torch(purpose: str) -> None:
    """Say which extra is missing where torch or transformers are not there.

    Raises
    ------
    MissingExtraError
        One of them is not installed.
    """
    import importlib.util

    for package in collect.EXTRA:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "collect", purpose)
