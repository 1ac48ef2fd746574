"""The rows of a table as curves: one a run."""

from pathlib import Path

import pandas as pd

from p2law.errors import RecordError
from p2law.logs.curves import Curve


def parted(
    path: Path, rows: pd.DataFrame, labels: pd.Series | None, loss: str, tokens: str
) -> tuple[list[Curve], list[str]]:
    """Make curves of the rows that hold a loss.

    Parameters
    ----------
    path : Path
        Of the table; without labels its name is that of the one run.
    rows : DataFrame
        As in `Curve`.
    labels : Series, optional
        The run of every row of the table, also of rows without a loss.
    loss, tokens : str
        As in `Curve`.

    Returns
    -------
    curves : list of Curve
    notes : list of str

    Raises
    ------
    RecordError
        A row with a loss is of no run.
    """
    if labels is None:
        return [Curve(path.name.split(".")[0], path, rows, loss, tokens=tokens)], []
    own = labels.loc[rows.index]
    if nameless := [place for place, each in own.items() if not str(each).strip()]:
        listed = ", ".join(map(str, nameless[:5])) + (" ..." if len(nameless) > 5 else "")
        raise RecordError(
            f"{path}: {len(nameless)} of {len(rows)} rows with a loss are of no run, their cell "
            f"of {labels.name!r} is empty: {listed}; write the run there",
            nameless,
        )
    others = labels[~labels.isin(own)].unique()
    without = [str(each) for each in others if str(each).strip()]
    notes = [f"without {loss!r} and not read: {', '.join(without)}"] if without else []
    parts = rows.groupby(own, sort=False)
    return [Curve(str(run), path, part, loss, tokens=tokens) for run, part in parts], notes
