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
RECORDS = ROOT / "data" / "byte_llama.csv"
PICTURE = ROOT / "docs" / "readme.svg"
SHOWN = ("llama-68k", "llama-247k", "llama-689k")
FROM = 1e5
COLOURS = ("#0072b2", "#009e73", "#e69f00", "#d55e00")


def draw(axes: Axes, fit: p2law.Fit, model: str, records: pd.DataFrame) -> None:
    """One model: losses, the law with its band, and the loss before pruning."""
    base = records["base_loss"].iloc[0]
    axes.axhline(base, color="0.5", lw=1, ls=(0, (4, 3)))
    for colour, (rate, curve) in zip(COLOURS, records.groupby("pruning_rate"), strict=True):
        axes.plot(curve["tokens"], curve["loss"], ".", color=colour, ms=4)
        told = fit.predict(
            params=curve["params"].iloc[0],
            tokens=np.geomspace(FROM, 5e6, 100),
            pruning_rate=rate,
            base_loss=base,
        )
        inside = told["tokens"] <= curve["tokens"].max()
        axes.fill_between(told["tokens"], told["low"], told["high"], color=colour, alpha=0.2, lw=0)
        axes.plot(told["tokens"], told["loss"], color=colour, lw=1, ls=":")
        axes.plot(
            told["tokens"][inside], told["loss"][inside], color=colour, lw=2, label=f"{rate:.0%}"
        )
    axes.set_xscale("log")
    axes.set_ylim(base - 0.03, base + 0.75)
    axes.set_title(f"{model.removeprefix('llama-')} parameters", fontsize=10)
    axes.set_xlabel("post-training tokens")
    axes.legend(title="removed", frameon=False, fontsize=8, title_fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Fit the law to five sizes, draw three, write docs/readme.svg."""
    mpl.rcParams["svg.hashsalt"] = "p2law"
    records = p2law.load(RECORDS).query(
        "method == 'depth' and eval_text == 'novels' and seed == 0 and tokens > 0"
    )
    fit = p2law.fit(records[records["tokens"] >= FROM])
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(SHOWN))
    for axes, model in zip(panels, SHOWN, strict=True):
        draw(axes, fit, model, records[records["model"] == model])
    panels[0].set_ylabel("loss (nat per byte)")
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
