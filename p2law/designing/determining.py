"""Whether a fit to the records and chosen runs would determine what is wanted, and if not why.

Widths are to first order around what is known. A coefficient that a fit holds, for its records
lack sizes or rates, hardly moves there, so that an interval may look narrow where the next fit
would hold a coefficient still, and predict nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from p2law.designing.prior import Prior
from p2law.identify import causes
from p2law.objectives import squared
from p2law.result import Fit
from p2law.result.knowing import Knowledge
from p2law.solving.settings import settings
from p2law.text.wording import listed


def left_free(source: Fit | Prior, runs: Sequence[pd.DataFrame], wanted: pd.DataFrame) -> list[str]:
    """Say which wanted predictions a fit would leave free once some runs are done.

    Parameters
    ----------
    source : Fit or Prior
        A prior has no records: the fit is to the runs alone.
    runs : sequence of DataFrame
        The inputs of each.
    wanted : DataFrame

    Returns
    -------
    list of str
        One sentence with the reason and the cure; none where all are determined.
    """
    known = _after(source, runs)
    count = int((~known.determines(wanted)).sum())
    if not count:
        return []
    to = "the records and" if isinstance(source, Fit) else "nothing but"
    said = (
        f"a fit to {to} these runs predicts NaN for {count} of {len(wanted)} wanted "
        f"predictions: {_why(known)}; no width counts there until runs that differ more are "
        f"done too: offer some, and planning.identifying_runs finds the cheapest"
    )
    return [said]


def _after(source: Fit | Prior, runs: Sequence[pd.DataFrame]) -> Knowledge:
    """What a fit would know once some runs are done, wherever their losses fall."""
    if isinstance(source, Prior):
        draw = {str(name): each for name, each in source.sample(1).iloc[0].items()}
        asked = settings(squared(), None, None, None, source.seed)
        return Knowledge(source.form, draw, {}, asked, pd.concat(runs, ignore_index=True))
    inputs = source.records[list(source.form.columns)]
    known = replace(source.known, records=pd.concat([inputs, *runs], ignore_index=True))
    if not source.held:
        return known
    # A term that a held coefficient has put out would hide what its exponent leaves free.
    return replace(known, values=known.full.coefficients(known.full.generic_point()))


def _why(known: Knowledge) -> str:
    """What the rows hold too little of."""
    q = known.full.coordinates(known.values)
    lacks = [each.why for each in causes.loose(known.full, q, known.directions)]
    lacks += [each.fact for each in known.ties if each.exchanged]
    words = listed([*dict.fromkeys(lacks or causes.faint(known.full, known.evidence))])
    return words.replace(causes.HOLD, "together they hold ")
