"""How many tokens the model had seen at each loss."""

import numpy as np
import pandas as pd

from p2law.domains import Array
from p2law.errors import RecordError
from p2law.logs.curves import Curve, refuse
from p2law.logs.options import Options

_BACK = "a count of tokens seen so far rises; this may count those of one step: name another"

_AS_AT_ITS_STEP = (
    "each loss is taken as that at its step; if it is a mean over the steps since the one before, "
    "as a Hugging Face Trainer logs it, pass averaged=True"
)


def placed(curve: Curve, table: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """Give every row of a curve its tokens.

    Parameters
    ----------
    curve : Curve
    table : DataFrame
        In order of steps.
    options : Options

    Returns
    -------
    table : DataFrame
    notes : list of str

    Raises
    ------
    RecordError
        The log does not tell the tokens, or what it tells is no count.
    """
    for name in {"step", "tokens"} & set(table.columns):
        values = table[name].to_numpy()
        wrong = ~np.isfinite(values) & (name == "step") | (values < 0)
        refuse(curve, table, name, wrong, "that is not a count", f"`{name}` is 0 or more")
    tokens, note = _tokens(curve, table, options)
    notes = [note, *_two_counts(table, tokens, options)]
    averaged = curve.averaged if options.averaged is None else options.averaged
    if options.loss == "train" and options.averaged is None and not averaged:
        notes.append(_AS_AT_ITS_STEP)
    if averaged:
        tokens = _middles(curve, table, tokens)
        notes.append(
            "each loss is a mean over the steps since the one before and stands at the tokens in "
            "the middle of them (averaged=False puts it at the end)"
        )
    return table.assign(tokens=tokens), notes


def _tokens(curve: Curve, table: pd.DataFrame, options: Options) -> tuple[Array, str]:
    """Tokens at the end of each row's step, and where they come from."""
    if options.tokens_per_step is not None:
        if "step" not in table.columns:
            raise RecordError(
                f"{curve.where}this log counts tokens, not steps; leave tokens_per_step out"
            )
        with np.errstate(over="ignore"):
            tokens = table["step"].to_numpy() * options.tokens_per_step
        cure = f"at {options.tokens_per_step:.12g} tokens per step no tokens are left to count"
        refuse(curve, table, "step", ~np.isfinite(tokens), "beyond all counts", cure)
        return tokens, f"tokens = step x {options.tokens_per_step:.12g} tokens per step"
    if "tokens" not in table.columns:
        raise RecordError(
            f"{curve.where}the log counts steps, not tokens; pass tokens_per_step= (sequence "
            f"length x batch x accumulation x devices){curve.cure}"
        )
    tokens = table["tokens"].to_numpy()
    missing = "missing here though logged elsewhere"
    refuse(curve, table, "tokens", ~np.isfinite(tokens), missing, "pass tokens_per_step=")
    refuse(curve, table, "tokens", np.r_[False, np.diff(tokens) <= 0], "that do not rise", _BACK)
    return tokens, f"tokens as logged in {curve.tokens!r}"


def _two_counts(table: pd.DataFrame, tokens: Array, options: Options) -> list[str]:
    """Say so where the log counts tokens too and says something else."""
    if options.tokens_per_step is None or "tokens" not in table.columns:
        return []
    known = np.flatnonzero(np.isfinite(table["tokens"].to_numpy()))
    if not len(known) or np.isclose(table["tokens"].iloc[known[-1]], tokens[known[-1]], rtol=1e-6):
        return []
    k = known[-1]
    logged, mine = table["tokens"].iloc[k], tokens[k]
    return [f"the log counts {logged:.10g} tokens at {table.index[k]}, tokens_per_step {mine:.10g}"]


def _middles(curve: Curve, table: pd.DataFrame, tokens: Array) -> Array:
    """Tokens seen, on average, by the models whose losses were averaged.

    The loss of step i is that of the model after i - 1 steps. The mean over steps a+1
    to b is thus one over models after a to b-1 steps, half a step before the middle.
    """
    if "step" not in table.columns:
        raise RecordError(f"{curve.where}averaged=True needs steps, and this log has none")
    steps = table["step"].to_numpy()
    width, grown = np.diff(steps, prepend=0), np.diff(tokens, prepend=0)
    if len(steps) > 1 and width[1] < width[0]:  # a log that begins in the middle of a run
        width[0], grown[0] = width[1], min(grown[1], grown[0])
    middle = tokens - grown / 2 - grown / (2 * np.maximum(width, 1))
    rounded: Array = np.round(np.maximum(middle, 0))
    return rounded
