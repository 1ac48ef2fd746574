"""The picture at the top of the README: measured losses and the law fitted to them.

python docs/readme_picture.py
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import p2law

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "data" / "qwen3_distill.csv"
PICTURE = ROOT / "docs" / "readme.svg"


def draw(axes: Axes, text: str, records: pd.DataFrame) -> None:
    """One evaluation text: losses, the law, and the loss before pruning."""
    fit = p2law.fit(records)
    used, raw = fit.records, records[records["tokens"] == 0]
    same = {name: used[name].iloc[0] for name in ("params", "pruning_rate", "base_loss")}
    tokens = np.geomspace(used["tokens"].min() / 2, used["tokens"].max() * 10, 200)
    curve = fit.predict(tokens=tokens, **same)
    inside = curve["beyond"] == ""
    axes.axhline(same["base_loss"], color="0.5", lw=1, ls=(0, (4, 3)))
    axes.annotate(
        "before pruning",
        (1, same["base_loss"]),
        (-2, 3),
        ("axes fraction", "data"),
        "offset points",
        ha="right",
        color="0.35",
    )
    axes.plot(curve["tokens"], curve["loss"], color="#0072b2", lw=1, ls=":")
    axes.plot(curve["tokens"][inside], curve["loss"][inside], color="#0072b2", lw=2)
    axes.plot(used["tokens"], used["loss"], "o", color="#d55e00")
    axes.set_xscale("log")
    axes.set_title(f"{text}\npruned, not trained: {raw['loss'].iloc[0]:.2f}", fontsize=10)
    axes.set_xlabel("post-training tokens")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Fit each text, draw two panels, write docs/readme.svg."""
    mpl.rcParams["svg.hashsalt"] = "p2law"
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, (text, records) in zip(panels, p2law.load(RECORDS).groupby("eval_text"), strict=True):
        draw(axes, str(text), records)
    panels[0].set_ylabel("loss (nat per token)")
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
