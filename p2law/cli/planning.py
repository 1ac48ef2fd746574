"""The commands `p2law tokens`, `p2law saturation` and `p2law plan`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2law import planning
from p2law.cli import planfile
from p2law.cli.shell import as_json, law_inputs, saved
from p2law.declaring import Form
from p2law.records.vocabulary import TOKENS

if TYPE_CHECKING:
    from p2law.result import Fit

WANTED = {"tokens": "--loss LOSS", "saturation": "--gain GAIN"}
"""What is asked of the commands that take the inputs of a law, too."""

OF_ONE = tuple(WANTED)

OPTIONS = "[--form MODULE:NAME] [--level L] [--json]"

INPUTS = (
    "The other inputs are those of the law, for instance --params 8.03e9 --pruning-rate 0.25 "
    "--base-loss 2.05."
)


def add_commands(commands: Any) -> None:
    """Add the three commands to those of the program."""
    tokens = commands.add_parser(
        "tokens",
        allow_abbrev=False,
        help="how many tokens reach a loss, by a saved fit",
        usage=f"%(prog)s [-h] {OPTIONS} FIT {WANTED['tokens']} --INPUT VALUE ...",
        epilog=INPUTS,
    )
    tokens.add_argument("--loss", type=float, required=True, help="to be reached")
    saturation = commands.add_parser(
        "saturation",
        allow_abbrev=False,
        help="from how many tokens on a doubling buys little",
        usage=f"%(prog)s [-h] {OPTIONS} FIT {WANTED['saturation']} --INPUT VALUE ...",
        epilog=INPUTS,
    )
    saturation.add_argument("--gain", type=float, required=True, help="what is little, in nat")
    for each in (tokens, saturation):
        each.add_argument("fit", type=Path, help="JSON file that `p2law fit --save` wrote")
        each.add_argument("--level", type=float, default=0.9, help="of the interval (default: 0.9)")
        _add_common(each)
    plan = commands.add_parser(
        "plan", allow_abbrev=False, help="which model, rate and method, from a plan file"
    )
    plan.add_argument("plan", type=Path, help="TOML file; its keys stand in the README")
    _add_common(plan)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--form", help="module:name of the law, where it is not built in")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def main(asked: argparse.Namespace, words: Sequence[str]) -> str:
    """Carry out `tokens` or `saturation`; its answer as text.

    Parameters
    ----------
    asked : Namespace
    words : sequence of str
        Inputs of the law: ``--name value``.

    Raises
    ------
    P2LawError
        As in `planning.tokens_for` and `planning.saturation`.
    """
    fit = saved(
        asked.fit, asked.form, f"p2law {asked.command} fit.json {WANTED[asked.command]} ..."
    )
    others = _inputs(asked, words, fit.form)
    if asked.command == "tokens":
        found = planning.tokens_for(fit, loss=asked.loss, level=asked.level, **others)
    else:
        found = planning.saturation(fit, gain=asked.gain, level=asked.level, **others)
    return as_json(found.plain()) if asked.json else str(found)


def _inputs(asked: argparse.Namespace, words: Sequence[str], form: Form) -> dict[str, float]:
    """Read the inputs of a law but for tokens: ``--name value``."""
    names = [name for name in form.columns if name != TOKENS]
    taken = {"help", *vars(asked)} - {"command"}  # `fit` is an argument of what is asked in Python
    before = f"{OPTIONS} FIT {WANTED[asked.command]}"
    return law_inputs(asked.command, before, names, words, taken)


def plan_main(asked: argparse.Namespace) -> tuple[str, int]:
    """Carry out `plan`; its answer as text, and 0, or 2 where no candidate is a plan.

    Raises
    ------
    P2LawError
        As in `planning.choose`.
    """
    plan = planfile.read(asked.plan)
    fits = {method: saved(path, asked.form) for method, path in plan.fits.items()}
    common: dict[str, Any] = {"prices": plan.prices, "level": plan.level, "draws": plan.draws}
    # Plans for different amounts are no rivals: one choice for each. A frontier is of all that may
    # be spent, but of one loss.
    ((name, amounts),) = plan.asked.items()
    choices = [_choice(plan, fits, {**common, name: each}) for each in amounts]
    sets = [amounts] if name != "loss" else [(each,) for each in amounts]
    frontiers = [_frontier(plan, fits, {**common, name: each}) for each in sets if plan.frontier]
    code = 2 if all(each.best is None for each in choices) else 0
    if not asked.json:
        return "\n\n".join(map(str, [*choices, *frontiers])), code
    return as_json({**_plain("choice", choices), **_plain("frontier", frontiers)}), code


def _plain(name: str, found: Sequence[Any]) -> dict[str, Any]:
    """One answer under its name, several under the plural, none under neither."""
    every = [each.plain() for each in found]
    if len(every) == 1:
        return {name: every[0]}
    return {f"{name}s": every} if every else {}


def _frontier(plan: planfile.Plan, fits: "dict[str, Fit]", common: dict[str, Any]) -> Any:
    table = planning.candidates(plan.models, plan.rates, list(fits))
    return planning.frontier(fits, table, against=plan.frontier, limits=plan.limits, **common)


def _choice(plan: planfile.Plan, fits: "dict[str, Fit]", common: dict[str, Any]) -> Any:
    if plan.size is not None:
        beside: dict[str, Any] = {"limits": plan.limits, "dense": plan.dense}
        return planning.at_size(fits, plan.models, plan.size, **beside, **common)
    table = planning.candidates(plan.models, plan.rates, list(fits))
    return planning.choose(fits, table, limits=plan.limits, dense=plan.dense, **common)
