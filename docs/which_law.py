"""Which law predicts what it has not seen: every data set, the three hold-outs of the P² paper.

python docs/which_law.py      # writes docs/which_law.md and docs/which_law.svg
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import p2law
from p2law import forms, holdout
from p2law.scoring.comparison import Comparison
from p2law.text.views import number

ROOT = Path(__file__).parents[1]
P2 = ("p2 (held as needed)", "p2_no_delta", "p2_rectified")
LAWS = (
    None,
    forms.p2_no_delta,
    forms.p2_rectified,
    forms.token_power,
    forms.compression,
    forms.sparse_pretraining,
    forms.chinchilla,
)
HOLDS = {
    "last 20 % of tokens": holdout.last_tokens,
    "largest model": holdout.largest_model,
    "highest rate": holdout.highest_rate,
}
NOISE = 0.1
"""Differences that chance makes more often than this are within the noise."""


@dataclass(frozen=True)
class Case:
    """Records that one law should serve."""

    name: str
    file: str
    about: str
    rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table

    @property
    def records(self) -> pd.DataFrame:
        """The rows, checked."""
        return self.rows(p2law.load(ROOT / "data" / self.file, needs=()))


def one_shot(schedule: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Unstructured pruning in one step, retrained in one way."""
    return lambda table: table.query(
        f"schedule == {schedule!r} and iterative == 0 and method == 'unstructured'"
    )


CASES = (
    Case(
        "qwen3",
        "qwen3_distill.csv",
        "Qwen3-8B pruned by 30 % and distilled, one run on each of two texts. One size, one rate.",
    ),
    Case(
        "gemma3",
        "gemma3_recovery.csv",
        "Gemma-3-270M less 4 of 18 blocks, recovered in 17 ways. One size, one rate, one or two "
        "token counts: recipes differ, not budgets.",
    ),
    Case(
        "gpt2",
        "gpt2_sparse_retrain.csv",
        "GPT-2 124M trained sparse in rounds, each from the initial weights: not post-training. "
        "One size; later rounds are better trained, so that more pruning may mean less loss.",
    ),
    *(
        Case(
            f"cifar, {words}",
            "cifar_retrain.csv",
            f"ResNet-20 and -56 on CIFAR-10, unstructured, one step, {words}. Test errors, not "
            f"nats; two sizes; curves need not fall.",
            one_shot(schedule),
        )
        for schedule, words in (
            ("finetune", "fine-tuned at the last learning rate"),
            ("lr_finetune", "fine-tuned with the learning rate rewound"),
            ("lottery", "weights rewound"),
            ("reinit", "trained anew"),
        )
    ),
    Case(
        "t5",
        "t5_sparse.csv",
        "T5 trained sparse from the start: no loss before pruning, so the P² family has no say.",
    ),
    Case(
        "chinchilla",
        "chinchilla.csv",
        "Dense runs, one loss each: no rate, no loss before pruning.",
        lambda table: table.nsmallest(240, "loss"),
    ),
    *(
        Case(
            f"gemstones, {words}",
            "gemstones.csv",
            f"Dense models of 22 shapes, learning rate {words}. No rate, no loss before pruning.",
            lambda table, words=words: table[table["schedule"] == words],
        )
        for words in ("constant", "constant, then cooled down")
    ),
)

ABOUT = """The paper of the P² law claims three generalisations: to more tokens, to a larger
model, to a higher pruning rate. Here each law that the columns of a data set allow is fitted
without these rows and judged by them, beside what needs no law: the last loss seen of a run, and
a power law in the tokens of that run alone. Made by `python docs/which_law.py` from the records
in `data/`; nothing on this page is written by hand but the descriptions. Errors are in the unit
of the records: nats, but for CIFAR, where they are shares of images. Runs of equal size, rate and
text make one cell: trials of one setting share what a law gets wrong. "Within noise" means that
signs of whole cells, drawn at random, give such a difference in more than 10 % of cases, or that
fewer than 5 cells were held out. The winner of each table was picked by its error on the held
rows and then tested on the same rows, so that chance does as well somewhat more often than is
said. All laws are fitted by least squares of the loss itself; the paper of `compression` takes
logarithms, and does not say in which unit it counts tokens: here in millions. In brackets
stands which law of the P² family did best, or how many of the held rows any of it tells."""

WITHOUT = (
    "`routed_lm.csv` has no token axis and `compute_optimal.csv` holds optima, not losses of runs: "
    "no law of these can be asked there. Both serve as examples of laws of one's own in the tests."
)


@dataclass(frozen=True)
class Outcome:
    """One hold-out of one case: a comparison, or why there is none."""

    found: Comparison | None
    why: str = ""

    @property
    def verdict(self) -> str:
        """How the P² family did against the rivals, and naive baselines, in a few words."""
        return self.words + self._which() + ("; naive is better" if self.naive else "")

    @property
    def naive(self) -> bool:
        """Whether a baseline errs less than every law, by more than noise."""
        table = self.found.table if self.found else pd.DataFrame()
        simple = [str(name).startswith("(") for name in table.index]
        if not any(simple) or self.found is None or self.found.winner is None:
            return False
        least = table.loc[[not each for each in simple], "held_rmse"].min()
        found = table[simple]
        return bool(((found["held_rmse"] < least) & (found["chance"] <= NOISE)).any())

    def _which(self) -> str:
        """Which of the P² laws it was, or how many rows they told."""
        if self.found is None or "P²" not in self.words or not self._asked():
            return ""
        ours = self.found.table.loc[[name for name in self.found.table.index if name in P2]]
        if ours["held_rmse"].notna().any():
            return f" ({ours.index[0]})"
        told = int(ours["determined"].max())
        return f" ({told} of {self.found.held_rows})" if told else ""

    @property
    def words(self) -> str:
        """How the P² family did against the rivals, without names and numbers."""
        found = self.found
        if found is None:
            return "not possible"
        held = found.table["held_rmse"]
        laws = held[[name for name in held.index if not name.startswith("(")]].dropna()
        ours = laws[[name for name in laws.index if name in P2]]
        rivals = laws[[name for name in laws.index if name not in P2]]
        if ours.empty:
            return self._silence(found)
        if rivals.empty:
            return "no rival determined"
        first, second = (ours, rivals) if ours.min() <= rivals.min() else (rivals, ours)
        chance = found.table.loc[second.idxmin(), "chance"]
        clearly = bool(chance <= NOISE)
        words = {
            (True, True): "P² wins",
            (True, False): "P² first, within noise",
            (False, True): "P² loses",
            (False, False): "P² second, within noise",
        }
        return words[first is ours, clearly]

    def _silence(self, found: Comparison) -> str:
        """Why no P² law was ranked."""
        if not self._asked():
            return "P² cannot be asked"
        some = found.table.loc[[name for name in found.fits if name in P2], "determined"].max() > 0
        return "P² tells too few rows" if some else "P² not identified"

    def _asked(self) -> bool:
        return self.found is not None and any(name in P2 for name in self.found.fits)


def outcome(records: pd.DataFrame, hold: Callable[..., object]) -> Outcome:
    """Compare all laws that the columns allow."""
    laws = [law for law in LAWS if {*(law or forms.p2).columns} <= {*records.columns}]
    try:
        return Outcome(p2law.compare(records, laws, hold))
    except p2law.P2LawError as error:
        return Outcome(None, " ".join(str(error).split()).rstrip(".:"))


def table(found: Comparison) -> list[str]:
    """One comparison as a table of the page."""
    lines = [
        "| law | fitted | in sample | held out | rows told | note |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found.table.iterrows():
        cells = [
            f"**{name}**" if name == found.winner else str(name),
            "" if np.isnan(row["free"]) else f"{int(row['free'])}, {row['status']}",
            *(
                "" if np.isnan(row[each]) else number(row[each], 3)
                for each in ("rmse", "held_rmse")
            ),
            "" if np.isnan(row["determined"]) else str(int(row["determined"])),
            str(row["why"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def troubles(found: Comparison) -> list[str]:
    """What must be known of a comparison and is in no row of its table."""
    laws = tuple(f"{name}: " for name in found.table.index)
    return [said for said in found.trouble if not said.startswith(laws)]


def picture(outcomes: dict[tuple[str, str], Outcome]) -> Figure:
    """Held-out error of every law beside that of the last value seen, one panel a hold-out."""
    mpl.rcParams["svg.hashsalt"] = "p2law"
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    names = [case.name for case in CASES]
    looks = {"P² family": ("#0072b2", "o"), "rival laws": ("#d55e00", "s"), "naive": ("0.45", "x")}
    for axes, hold in zip(figure.subplots(1, len(HOLDS), sharey=True), HOLDS, strict=True):
        for place, name in enumerate(names):
            found = outcomes[name, hold].found
            held = found.table["held_rmse"].dropna() if found else pd.Series(dtype=float)
            for law, rmse in held.items():
                naive = str(law).startswith("(")
                kind = "naive" if naive else "P² family" if law in P2 else "rival laws"
                colour, mark = looks[kind]
                axes.plot(rmse, place, mark, color=colour, ms=5, alpha=0.8, label=kind)
        axes.set_xscale("log")
        axes.set_title(hold, fontsize=10)
        axes.set_xlabel("held-out error (rmse)")
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.grid(axis="y", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    once: dict[str, object] = {}
    for axes in figure.axes:
        once |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def page(outcomes: dict[tuple[str, str], Outcome]) -> str:
    """The whole page."""
    lines = [
        "# Which law?",
        "",
        *textwrap.wrap(ABOUT, 110),
        "",
        f"| records | {' | '.join(HOLDS)} |",
        f"|---|{'---|' * len(HOLDS)}",
    ]
    for case in CASES:
        said = " | ".join(outcomes[case.name, hold].verdict for hold in HOLDS)
        lines.append(f"| {case.name} | {said} |")
    lines += ["", "![Held-out error of every law on every data set](which_law.svg)", ""]
    lines += textwrap.wrap(f"{WITHOUT} {summary(outcomes)}", 110)
    for case in CASES:
        lines += ["", f"## {case.name}", "", *textwrap.wrap(case.about, 110)]
        for hold in HOLDS:
            each = outcomes[case.name, hold]
            lines += ["", f"### {case.name}: {hold}", ""]
            if each.found is None:
                lines += textwrap.wrap(f"Not possible: {each.why}.", 110)
                continue
            lines += [*table(each.found), "", *textwrap.wrap(f"{each.found.verdict}.", 110)]
            for said in troubles(each.found):
                lines += ["", *textwrap.wrap(f"Mind: {said}.", 110)]
    return "\n".join(lines) + "\n"


def summary(outcomes: dict[tuple[str, str], Outcome]) -> str:
    """How often each thing was said."""
    said = pd.Series([each.words for each in outcomes.values()])
    counted = ", ".join(f"{what}: {count}" for what, count in said.value_counts().items())
    naive = sum(each.naive for each in outcomes.values())
    return (
        f"Of {len(said)} hold-outs: {counted}; in {naive} of them a naive baseline beats every law "
        f"by more than noise."
    )


def main() -> None:
    """Compare, write the page and its picture."""
    outcomes = {
        (case.name, hold): outcome(case.records, split)
        for case in CASES
        for hold, split in HOLDS.items()
    }
    (ROOT / "docs" / "which_law.md").write_text(page(outcomes), encoding="utf-8")
    picture(outcomes).savefig(ROOT / "docs" / "which_law.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
