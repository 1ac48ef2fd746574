"""Which of the logged numbers is meant: losses, steps and tokens by their usual names."""

import re
from collections.abc import Iterable, Sequence

from p2law.errors import RecordError

TRAIN = ("loss", "train/loss", "training/loss")
EVAL = tuple(f"{kind}/loss" for kind in ("eval", "evaluation", "val", "valid", "validation"))
STEPS = ("global/step", "step")
TOKENS = (
    "num/input/tokens/seen", "num/tokens", "n/tokens", "tokens/seen", "total/tokens", "tokens",
)  # fmt: skip
_GROUP = re.compile(r"^(train|trainer|progress|throughput|perf)/")
_ONE_TEXT = re.compile(r"^(?:eval|evaluation|val|valid|validation)[/_](.+)[/_]loss$")


def plain(name: str) -> str:
    """A name without the differences that do not matter.

    Examples
    --------
    >>> plain("eval_loss"), plain("Train/Loss"), plain("_step")
    ('eval/loss', 'train/loss', 'step')
    """
    return re.sub(r"[\W_]+", "/", name.strip().lower()).strip("/")


def text_of(name: str) -> str:
    """The evaluation set that a loss belongs to, where its name says so.

    Examples
    --------
    >>> text_of("eval_wiki_loss"), text_of("eval/code_loss"), text_of("eval_loss")
    ('wiki', 'code', '')
    """
    found = _ONE_TEXT.match(name)
    return found[1] if found else ""


def chosen(loss: str, names: Iterable[str], where: str) -> str:
    """The logged name that a loss was asked for by.

    Parameters
    ----------
    loss : str
        ``"eval"``, ``"train"`` or a name.
    names : iterable of str
        What the log holds.
    where : str
        Put before the message.

    Returns
    -------
    str

    Raises
    ------
    RecordError
        None or several can be meant; the text lists them.
    """
    held = list(dict.fromkeys(names))
    if loss in held:
        return loss
    found = [each for each in held if plain(each) in {"train": TRAIN, "eval": EVAL}.get(loss, ())]
    if loss == "eval" and not found:
        found = [each for each in held if text_of(each)]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(map(repr, found))
        raise RecordError(f"{where}holds several {loss} losses: {several}; name one: loss=...")
    losses = [each for each in held if "loss" in each.lower()] or held
    listed = ", ".join(repr(each[:80]) for each in losses[:20]) or "nothing"
    what = f"no {loss} loss" if loss in ("train", "eval") else f"nothing named {loss!r}"
    raise RecordError(f"{where}holds {what}; it holds {listed}; name one of these: loss=...")


def first(known: Sequence[str], names: Iterable[str], where: str = "") -> str:
    """The name that comes first in a list of usual ones, alone or else in a usual group; or none.

    Parameters
    ----------
    known : sequence of str
        `STEPS` or `TOKENS`.
    names : iterable of str
        What the log holds.
    where : str
        Put before the message.

    Returns
    -------
    str

    Raises
    ------
    RecordError
        Several can be meant, as ``train/tokens`` and ``perf/tokens``; the text lists them.

    Examples
    --------
    >>> first(STEPS, ["epoch", "_step", "train/global_step"])
    'train/global_step'
    >>> first(TOKENS, ["train/tokens", "tokens"]), first(TOKENS, ["train/tokens_per_second"])
    ('tokens', '')
    """
    held = list(dict.fromkeys(names))
    for usual in known:
        grouped = [each for each in held if _GROUP.sub("", plain(each)) == usual]
        found = [each for each in grouped if plain(each) == usual] or grouped
        if len(found) > 1:
            what, several = "step" if known is STEPS else "tokens", ", ".join(map(repr, found))
            raise RecordError(
                f"{where}holds several counts of {what}: {several}; name one: {what}=..."
            )
        if found:
            return found[0]
    return ""


def one_of(name: str, names: Iterable[str], where: str) -> str:
    """A name that was given, if the log holds it.

    Parameters
    ----------
    name : str
    names : iterable of str
    where : str

    Returns
    -------
    str

    Raises
    ------
    RecordError
        The log does not hold it.
    """
    held = [each for each in names if each]
    if name in held:
        return name
    listed = ", ".join(repr(each[:80]) for each in held[:20])
    raise RecordError(f"{where}holds nothing named {name!r}; it holds {listed or 'nothing'}")
