"""Labels of runs and rows as texts and numbers, which every file can hold."""

import math
from typing import Any

import numpy as np
import pandas as pd

from p2law.records import lean


def is_plain(label: Any) -> bool:
    """Tell whether a label is a text, a truth, a whole or a finite number."""
    return isinstance(label, (str, int)) or (isinstance(label, float) and math.isfinite(label))


def plain_runs(runs: pd.Series) -> pd.Series:
    """The same runs under plain labels: what is not plain is named by its text."""
    if _stands(runs) or (len(runs) > lean.MANY and _names(runs.dtype)):
        return runs
    code, values = pd.factorize(runs)
    words = [_word(each) for each in pd.Index(values).tolist()]
    if len(set(words)) < len(words):
        words = [f"{word} ({k})" for k, word in enumerate(words)]
    return pd.Series(pd.Series(words).array.take(code), index=runs.index, name="run")


def plain_texts(labels: pd.Series) -> Any:
    """Labels as texts, so that those of two files can be compared; "" where there is none."""
    code, values = pd.factorize(labels)
    words = [_item(each) for each in pd.Index(values).tolist()]
    whole = [int(each) if isinstance(each, float) and each.is_integer() else each for each in words]
    return np.array([*map(str, whole), ""], dtype=object)[code]


def plain_rows(rows: pd.Index) -> pd.Index:
    """The same labels of rows in their usual types; dates, levels and the like stay."""
    if rows.nlevels > 1 or _stands(rows):
        return rows
    labels = [_word(each) if is_plain(_item(each)) else each for each in rows.tolist()]
    usual = all(is_plain(each) for each in labels)
    return pd.Index(labels, name=rows.name) if usual else rows


def _stands(labels: "pd.Series | pd.Index") -> bool:
    """Tell at a glance whether labels are of a usual type."""
    if labels.dtype == np.float64:
        return bool(np.isfinite(labels.to_numpy()).all())
    return labels.dtype == np.int64 or labels.dtype == _TEXT != np.dtype(object)


def _names(kind: Any) -> bool:
    """Tell whether labels are categories and all of these texts, whatever type holds them."""
    return isinstance(kind, pd.CategoricalDtype) and all(
        isinstance(each, str) for each in kind.categories
    )


def _word(label: Any) -> Any:
    label = _item(label)
    if isinstance(label, str):
        return str(label)
    return label if is_plain(label) else str(label)


def _item(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


_TEXT = pd.Index(["text"]).dtype
