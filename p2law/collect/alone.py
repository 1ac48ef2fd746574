"""One model, pruned alone: `p2law collect prune`.

The same words and the same numbers as in a sweep: with the same text, sequence, number
of sequences and seed, the pruned model is the one that a run of a sweep starts from.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2law.collect.configs import from_config, read_config
from p2law.collect.cuts import Cut, plan_cut
from p2law.collect.ledger import check_system
from p2law.collect.reading import GOES_WITH
from p2law.collect.resizing import DEFAULT_AXES
from p2law.collect.settings import Calibration, Prune
from p2law.collect.shapes import Shape
from p2law.errors import PruningError

if TYPE_CHECKING:
    import torch

SEQUENCE = 512
"""Tokens of a calibration window where nothing is said."""

LOOKING = ("text", "tokens", "tokenizer", "sequence", "sequences", "seed")
"""Options that say what calibration looks at."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes to its parser.

    Parameters
    ----------
    parser : ArgumentParser
    """
    add = parser.add_argument
    add("model", type=Path, help="folder with config.json and safetensors")
    add("out", type=Path, help="folder to write")
    add("--method", required=True, help="depth, width, 2:4, unstructured or none")
    add("--rate", type=float, help="share to remove: of all parameters, or of the linear maps")
    add("--criterion", help="2:4, unstructured: magnitude, wanda or sparsegpt (default)")
    add("--axes", nargs="+", help="width: ffn, attention, hidden (default: ffn hidden)")
    add("--multiple", type=int, help="width: new sizes are multiples of it")
    looking = parser.add_argument_group("calibration, for all but magnitude")
    add = looking.add_argument
    add("--text", type=Path, nargs="+", help="files to calibrate on")
    add("--tokens", type=int, help="read at most so many tokens of them")
    add("--tokenizer", help="'bytes' or a folder (default: the model's own)")
    add("--sequence", type=int, help=f"tokens of a window (default {SEQUENCE})")
    add("--sequences", type=int, help=f"windows (default {Calibration.sequences})")
    add("--seed", type=int, help="which windows are drawn (default 0)")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:N")


def prune_alone(asked: argparse.Namespace) -> str:
    """Prune a model as the options say.

    Parameters
    ----------
    asked : Namespace

    Returns
    -------
    str
        What was done, to be printed.

    Raises
    ------
    PruningError
        Options do not go together, the rate cannot be reached, or the device is not there.
    ModelError
        The folder holds no model that can be pruned.
    RunError
        The system is Windows, the text cannot be read or is too short, or the folder cannot
        be written.
    """
    check_system()
    from p2law.collect import pruning

    shape = from_config(read_config(asked.model), where=str(asked.model))
    cut = _cut(asked, shape)
    device = _device(asked.device)
    tokens = _tokens(asked, shape) if _looks(asked, cut) else None
    found = pruning.prune(asked.model, cut, tokens=tokens, out=asked.out, device=device)
    facts = {
        "folder": str(found.folder),
        "method": "-".join(filter(None, (cut.method, cut.criterion))),
        "params": shape.params,
        "params_after": shape.params - found.removed,
        "pruning_rate": found.pruning_rate,
        "nominal_rate": found.nominal_rate,
    }
    if asked.json:
        return json.dumps(facts, indent=2)
    return "\n".join(f"{name:13} {_plainly(value)}" for name, value in facts.items())


def _plainly(value: Any) -> str:
    """A fact as people read it."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.6f}"


def _cut(asked: argparse.Namespace, shape: Shape) -> Cut:
    for option in ("criterion", "axes", "multiple"):
        _, methods = GOES_WITH[option]
        if getattr(asked, option) is not None and asked.method not in methods:
            raise PruningError(
                f"--{option} goes with --method {' or '.join(methods)}, not with {asked.method}; "
                f"leave it out"
            )
    return plan_cut(
        shape,
        asked.method,
        asked.rate,
        criterion=asked.criterion or Prune.criterion,
        axes=asked.axes or DEFAULT_AXES,
        multiple=asked.multiple,
    )


def _looks(asked: argparse.Namespace, cut: Cut) -> bool:
    """Whether there is something to calibrate, with options that say the same."""
    given = [option for option in LOOKING if getattr(asked, option) is not None]
    way = "-".join(filter(None, (cut.method, cut.criterion)))
    if not cut.removed or cut.criterion == "magnitude":
        if given:
            raise PruningError(
                f"--{given[0]} is for calibration, and {way} at this rate looks at no text; "
                f"leave it out"
            )
        return False
    if not asked.text:
        raise PruningError(
            f"{way} looks at what flows through the model; name a text to calibrate on: --text FILE"
        )
    for option in ("tokens", "sequence", "sequences"):
        value = getattr(asked, option)
        if value is not None and value < 1:
            raise PruningError(f"--{option} is {value}; it must be 1 or more")
    if asked.seed is not None and asked.seed < 0:
        raise PruningError(f"--seed is {asked.seed}; it must be 0 or more")
    if missing := [path for path in asked.text if not path.is_file()]:
        raise PruningError(f"--text names {missing[0]}, which is no file")
    by = asked.tokenizer
    if by not in (None, "bytes") and not (by and Path(by).is_dir()):  # Path("") is this folder
        raise PruningError(
            f"--tokenizer is {by!r}, which is no folder here; name one that holds a "
            f"tokenizer.json, or say bytes"
        )
    return True


def _tokens(asked: argparse.Namespace, shape: Shape) -> "torch.Tensor":
    """Calibration windows, drawn as a sweep draws them: (sequences, sequence)."""
    from p2law.collect import corpus
    from p2law.collect.prepare import windows_to_see
    from p2law.collect.tokenizing import tokenizer_file

    by = asked.tokenizer or asked.model
    by = by if by == "bytes" else str(Path(by).absolute())
    if not asked.tokenizer and not tokenizer_file(by):
        raise PruningError(
            f"{asked.model} has no tokenizer.json; say what turns the text into its ids: "
            f"--tokenizer FOLDER, or --tokenizer bytes"
        )
    sequence, count = asked.sequence or SEQUENCE, asked.sequences or Calibration.sequences
    # One more than targets: the first token of a text is nobody's target.
    most = None if asked.tokens is None else asked.tokens + 1
    text = corpus.Text(tuple(asked.text), most=most)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "text"
        made = corpus.tokenised(text, by, where, vocabulary=shape.vocab_size)
        if (have := made.windows(sequence)) < count:
            raise PruningError(
                f"{', '.join(map(str, asked.text))}: {made.count} tokens make {have} windows of "
                f"{sequence}, but {count} are asked for; give more text, a smaller --sequence or "
                f"fewer --sequences"
            )
        return windows_to_see(made, sequence, count, asked.seed or 0)


def _device(name: str) -> "torch.device":
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise PruningError(f"--device is {name!r}; it must be cpu, cuda or cuda:N")
    seen = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= seen:
        raise PruningError(
            f"--device is {name!r}, but torch sees {seen or 'no'} CUDA GPU{'s' * (seen > 1)} here; "
            f"leave it out to compute on the CPU"
        )
    return device
