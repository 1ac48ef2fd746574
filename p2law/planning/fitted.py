"""Fits that plans can be made of: of laws of the loss that read tokens, counted one by one."""

from collections.abc import Mapping
from typing import Any

from p2law.errors import FitError, PlanError
from p2law.records.vocabulary import TOKENS
from p2law.result import Fit, asking
from p2law.text.views import number
from p2law.text.wording import got


def by_method(fits: Any) -> Mapping[str, Fit]:
    """Check fits, one or one for each method; a single one stands under the empty name.

    Raises
    ------
    PlanError
        They are no fits, or of something else than a loss, or of tokens in billions.
    FitError
        A law reads no tokens.
    """
    found = {"": fits} if isinstance(fits, Fit) else fits
    if not (isinstance(found, Mapping) and found):
        raise PlanError(f"fits are one Fit, or a mapping from method to Fit, got {got(fits)}")
    for method, fit in found.items():
        if not isinstance(fit, Fit):
            raise PlanError(f"the fit of {method!r} is a Fit, got {got(fit)}")
        reads_tokens(fit)
    return found


def reads_tokens(fit: Any) -> None:
    """Check that something is a fit of a law of the loss that reads tokens.

    Raises
    ------
    FitError
        It reads none.
    PlanError
        It tells what may rise with them, or its records seem to count them in billions.
    """
    if not isinstance(fit, Fit) or TOKENS not in fit.form.columns:
        name = fit.form.name if isinstance(fit, Fit) else type(fit).__name__
        raise FitError(f"{name} reads no tokens, so no number of them can be told")
    if why := unplanned(fit):
        raise PlanError(why)


def unplanned(fit: Fit) -> str:
    """Why no plans are made by a fit of a law that reads tokens; empty where they are."""
    if fit.form.target != "loss":
        return f"plans are made of losses; {fit.form.name} tells {fit.form.target}"
    held = fit.records[TOKENS][fit.records[TOKENS] > 0]
    small = held[held < asking.SMALL]
    # A first checkpoint may come early, but few do, and all after whole tokens.
    if (small % 1 == 0).all() and len(small) <= len(held) / 2:
        return ""
    return (
        f"the records of the fit hold {number(float(held.min()))} to "
        f"{number(float(held.max()))} tokens, which looks like billions: plans are made in "
        f"whole tokens, so multiply them by 1e9 (or 1e6) and fit again"
    )
