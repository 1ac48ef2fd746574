"""What the P² law makes of 150 curves of pruned, post-trained byte-level models.

python docs/p2_on_real_models.py   # writes docs/p2_on_real_models.md and two pictures
"""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import p2law
from p2law import Bounds, forms, holdout, scoring
from p2law.forms.inputs import BaseLoss, Params, PruningRate, Tokens
from p2law.scoring.comparison import Comparison
from p2law.text.views import number

ROOT = Path(__file__).parents[1]
FAMILIES = ("llama", "qwen2")
METHODS = ("depth", "width", "unstructured")
FROM = 1e5
"""Tokens from which on curves are fitted: a tenth of each post-training."""


@p2law.form(
    "L = L0 + D_C * rho^g * N0^-delta * D^-beta", linear=("D_C",), rescales=("params", "tokens")
)
def transient_only(
    params: Params,
    tokens: Tokens,
    pruning_rate: PruningRate,
    base_loss: BaseLoss,
    *,
    D_C: Annotated[float, Bounds(0, None, "nat token^beta param^delta", "damage")],
    g: Annotated[float, Bounds(-4, 12, "1", "power of the rate")] = 1.2,
    delta: Annotated[float, Bounds(-2, 2, "1", "how fast damage falls with size")] = 0.2,
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.3,
) -> np.ndarray:
    """P² without lasting damage: nothing that tokens cannot remove, four coefficients."""
    return base_loss + D_C * pruning_rate**g * params**-delta * tokens**-beta


@p2law.form(
    "L = L0 + E * rho^g1 * N0^-d1 + D_C * rho^g2 * N0^-d2 * D^-beta",
    linear=("E", "D_C"),
    rescales=("params", "tokens"),
)
def two_exponents(
    params: Params,
    tokens: Tokens,
    pruning_rate: PruningRate,
    base_loss: BaseLoss,
    *,
    E: Annotated[float, Bounds(None, None, "nat param^d1", "lasting damage")],
    D_C: Annotated[float, Bounds(0, None, "nat token^beta param^d2", "transient damage")],
    g1: Annotated[float, Bounds(-4, 12, "1", "power of the rate, lasting")] = 1.5,
    d1: Annotated[float, Bounds(-2, 2, "1", "power of size, lasting")] = 0.2,
    g2: Annotated[float, Bounds(-4, 12, "1", "power of the rate, transient")] = 1.2,
    d2: Annotated[float, Bounds(-2, 2, "1", "power of size, transient")] = 0.2,
    beta: Annotated[float, Bounds(0.01, 3, "1", "how fast tokens pay")] = 0.4,
) -> np.ndarray:
    """Lasting and transient damage, each with powers of its own; seven coefficients as P²."""
    lasting = E * pruning_rate**g1 * params**-d1
    return base_loss + lasting + D_C * pruning_rate**g2 * params**-d2 * tokens**-beta


LAWS = (
    forms.p2,
    forms.p2_no_delta,
    forms.p2_rectified,
    forms.compression,
    forms.sparse_pretraining,
    transient_only,
    two_exponents,
)
HOLDS: dict[str, Callable[[pd.DataFrame], object]] = {
    "last 20 % of tokens": holdout.last_tokens,
    "largest model": holdout.largest_model,
    "highest rate": lambda table: holdout.split(table, "is_highest == 1"),
}


@dataclass(frozen=True)
class Group:
    """The curves of one family and method, on one text."""

    family: str
    method: str
    text: str = "novels"
    least: float = FROM

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"{'Llama' if self.family == 'llama' else 'Qwen2'}, {self.method}"

    def records(self, *, seeds: bool = True) -> pd.DataFrame:
        """Their rows from so many tokens on; `is_highest` marks the highest rate of each size."""
        table = p2law.load(ROOT / "data" / f"byte_{self.family}.csv")
        table = table[(table["method"] == self.method) & (table["eval_text"] == self.text)]
        table = table[table["tokens"] >= max(self.least, 1)]
        table = table if seeds else table[table["seed"] == 0]
        highest = table.groupby("params")["pruning_rate"].transform("max")
        return table.assign(is_highest=(table["pruning_rate"] == highest).astype(float))


GROUPS = tuple(Group(family, method) for family in FAMILIES for method in METHODS)


# -- tables --------------------------------------------------------------------------


def lines_of(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table of the page."""
    lines = [header, ["---"] * len(header), *rows]
    return ["", *(f"| {' | '.join(each)} |" for each in lines), ""]


def paragraph(text: str) -> list[str]:
    """Lines of a paragraph."""
    return textwrap.wrap(" ".join(text.split()), 110)


def dense() -> list[str]:
    """Sizes and losses of the models before pruning."""
    rows = []
    for family in FAMILIES:
        found = p2law.load(ROOT / "data" / f"byte_{family}_dense.csv", needs=())
        last = found[found["tokens"] == found["tokens"].max()].sort_values("params")
        for model, each in last.groupby("model", sort=False):
            on = each.set_index("eval_text")["loss"]
            size = f"{each['params'].iloc[0]:,.0f}"
            rows.append([str(model), size, f"{on['novels']:.3f}", f"{on['wikitext2']:.3f}"])
    return lines_of(("model", "parameters", "novels", "WikiText-2"), rows)


def fitted(groups: Sequence[Group]) -> list[str]:
    """The P² law of each group with intervals, and how well it fits."""
    r2, slopes = "R² of L (of L - L0)", "slope difference"
    header = ["curves", "status", *forms.p2.names, "rmse", r2, slopes]
    rows = []
    for group in groups:
        records = group.records()
        fit = p2law.fit(records, forms.p2)
        told, score = fit.table(), p2law.score(fit, records)
        cells = [_with_interval(told.loc[name]) for name in forms.p2.names]
        status = fit.status.name.replace("_", " ").lower()
        measures = [number(score.rmse, 2), f"{score.r2:.4f} ({score.r2_above_base:.3f})"]
        measures.append(number(score.slope_difference, 2))
        rows.append([group.name, status, *cells, *measures])
    return lines_of(header, rows)


def _with_interval(row: pd.Series) -> str:
    ends = f"{number(row['low'], 2)} to {number(row['high'], 2)}"
    return f"{number(row['estimate'], 3)} ({'-' if np.isnan(row['low']) else ends})"


def recovery() -> list[str]:
    """How damage falls along the curves: before any law."""
    header = (
        "curves, rate",
        "runs",
        "damage at the start",
        "at the end",
        "tokens to half of it, at most",
        "end below L0",
        "rise above their start",
    )
    rows = []
    for family in FAMILIES:
        table = p2law.load(ROOT / "data" / f"byte_{family}.csv")
        table = table[table["eval_text"] == "novels"].sort_values("tokens")
        table["damage"] = table["loss"] - table["base_loss"]
        asked = table["run"].str.extract(r"-(0\.\d+)-s\d", expand=False)
        table["rate"] = asked.fillna("")
        for (method, rate), each in table.groupby(["method", "rate"]):
            curves = [run for _, run in each.groupby("run")]
            first, last, most = (
                np.array([pick(run["damage"]) for run in curves])
                for pick in (lambda x: x.iloc[0], lambda x: x.iloc[-1], max)
            )
            half = [_half(run) for run in curves]
            name = "Llama" if family == "llama" else "Qwen2"
            rows.append(
                [
                    f"{name}, {method} {rate}".strip(),
                    str(len(curves)),
                    f"{first.min():.3f} to {first.max():.3f}",
                    f"{last.min():.3f} to {last.max():.3f}",
                    "" if method == "none" else f"{max(half):,.0f}",
                    str((last < 0).sum() or ""),
                    str((most > first + 1e-4).sum() or ""),
                ]
            )
    return lines_of(header, rows)


def _half(run: pd.DataFrame) -> float:
    """Tokens at which half of what a curve wins back is won."""
    damage = run["damage"].to_numpy()
    middle = (damage[0] + damage[-1]) / 2
    return float(np.interp(-middle, -np.minimum.accumulate(damage), run["tokens"]))


def conditions() -> list[str]:
    """What the law must satisfy to mean anything, group by group."""
    found = {}
    for group in GROUPS:
        fit = p2law.fit(group.records(), forms.p2)
        found[group.name] = scoring.conditions(fit)["verdict"]
    verdicts = pd.DataFrame(found)
    rows = [[str(name), *map(str, row)] for name, row in verdicts.T.items()]
    return lines_of(("condition", *verdicts.columns), rows)


# -- hold-outs -----------------------------------------------------------------------


def outcomes(least: float) -> dict[tuple[str, str], Comparison]:
    """Every group and hold-out, one seed a curve."""
    return {
        (group.name, hold): p2law.compare(
            Group(group.family, group.method, least=least).records(seeds=False), LAWS, split
        )
        for group in GROUPS
        for hold, split in HOLDS.items()
    }


def errors(found: dict[tuple[str, str], Comparison]) -> pd.DataFrame:
    """Held-out errors: one row a group and hold-out, one column a law or baseline."""
    return pd.DataFrame({key: each.table["held_rmse"] for key, each in found.items()}).T


def held_out(found: dict[tuple[str, str], Comparison]) -> list[str]:
    """Held-out errors as a table, the best law of each line in bold."""
    laws = [each.name for each in LAWS]
    naive = ["(last value)", "(power law of the run)"]
    at, rows = errors(found), []
    for (group, hold), row in at.iterrows():
        best = row[laws].min()
        cells = [_error(row.get(name, np.nan), best) for name in [*laws, *naive]]
        rows.append([group, hold, *cells])
    return lines_of(("curves", "held out", *laws, "last value", "power law of the run"), rows)


def _error(value: float, best: float) -> str:
    if np.isnan(value):
        return ""
    text = number(value, 2)
    return f"**{text}**" if value == best else text


def ratios(found: dict[tuple[str, str], Comparison]) -> pd.DataFrame:
    """Held-out error of each law over that of P²: geometric mean over the groups."""
    at = errors(found)[[each.name for each in LAWS]]
    logs = np.log(at.div(at["p2"], axis=0))
    return np.exp(logs.groupby(level=1, sort=False).mean())


def relative(found: dict[tuple[str, str], Comparison]) -> list[str]:
    """The same as a table."""
    at = ratios(found)
    rows = [[str(hold), *(f"{each:.2f}" for each in row)] for hold, row in at.iterrows()]
    return lines_of(("held out", *at.columns), rows)


def coverage() -> list[str]:
    """Share of measured losses in their interval, each run held out in turn."""
    rows = []
    for group in GROUPS:
        hits, size = [], []
        for split in holdout.each_run(group.records()):
            fit = p2law.fit(split.kept, forms.p2)
            score = p2law.score(fit, split.held)
            hits.append(score.coverage)
            size.append(score.mean_relative)
        rows.append([group.name, str(len(hits)), f"{np.mean(hits):.0%}", f"{np.mean(size):.2%}"])
    header = ("curves", "runs held out", "in the 90 % interval of a new run", "mean relative error")
    return lines_of(header, rows)


def two_of_four() -> list[str]:
    """What a fit says of one pattern at all sizes."""
    lines = []
    for family in FAMILIES:
        fit = p2law.fit(Group(family, "2:4").records())
        view = fit.view()
        lines += ["", *paragraph(f"**{family}**: {view.headline}.")]
        lines += [line for each in view.warnings for line in paragraph(f"- {each}")]
    return lines


# -- pictures ------------------------------------------------------------------------


def curves() -> Figure:
    """Measured and fitted losses above the base loss: one panel a group, the middle size."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    panels = figure.subplots(len(FAMILIES), len(METHODS), sharex=True)
    for axes, group in zip(panels.ravel(), GROUPS, strict=True):
        fit = p2law.fit(group.records(), forms.p2)
        whole = Group(group.family, group.method, least=1).records(seeds=False)
        size = sorted(whole["params"].unique())[2]
        shown = whole[whole["params"] == size]
        shades = iter(np.linspace(0.8, 0.25, 4))
        for rate, run in shown.groupby("pruning_rate"):
            _curve(
                axes, fit, run.sort_values("tokens"), rate, mpl.colormaps["viridis"](next(shades))
            )
        axes.axvline(FROM, color="0.6", lw=0.8, ls=":")
        axes.set_xscale("log")
        axes.set_xlim(1.5e3, 3e6)
        axes.set_yscale("function", functions=(_root, _square))
        axes.set_ylim(-0.005, 1.6)
        axes.set_yticks(
            [0, 0.02, 0.1, 0.3, 0.6, 1, 1.5], ["0", "0.02", "0.1", "0.3", "0.6", "1", "1.5"]
        )
        axes.set_title(f"{group.name}, {size / 1000:.0f}k parameters", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("post-training tokens")
    for axes in panels[:, 0]:
        axes.set_ylabel("loss - base loss (nat/byte)")
    return figure


def _curve(axes: Axes, fit: p2law.Fit, run: pd.DataFrame, rate: float, colour: Any) -> None:
    """Points, law and band of one run, its rate beside its end."""
    told, above, tokens = fit.predict(run), run["base_loss"], run["tokens"]
    axes.plot(tokens, run["loss"] - above, ".", ms=4, color=colour)
    axes.plot(tokens, told["loss"] - above, color=colour, lw=1)
    axes.fill_between(tokens, told["low"] - above, told["high"] - above, color=colour, alpha=0.2)
    end = (tokens.iloc[-1] * 1.1, max(told["loss"].iloc[-1] - above.iloc[-1], 0.0))
    axes.annotate(f"{100 * rate:.0f} %", end, va="center", fontsize=7, color=colour)


def _root(values: np.ndarray) -> np.ndarray:
    """Square roots that keep their sign: small damage shows beside large."""
    return np.sign(values) * np.sqrt(np.abs(values))


def _square(values: np.ndarray) -> np.ndarray:
    return np.sign(values) * np.square(values)


def dots(found: dict[tuple[str, str], Comparison]) -> Figure:
    """Held-out errors of all laws, one panel a hold-out."""
    at = errors(found)
    looks = {
        "p2": ("#0072b2", "o"),
        "two_exponents": ("#d55e00", "s"),
        "transient_only": ("#009e73", "^"),
        "(last value)": ("0.5", "x"),
        "(power law of the run)": ("0.5", "+"),
    }
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    names = [group.name for group in GROUPS]
    for axes, hold in zip(figure.subplots(1, len(HOLDS), sharey=True), HOLDS, strict=True):
        for law, (colour, mark) in looks.items():
            values = [at.loc[(name, hold)].get(law, np.nan) for name in names]
            axes.plot(values, range(len(names)), mark, color=colour, ms=6, label=law.strip("()"))
        axes.set_xscale("log")
        axes.set_title(hold, fontsize=10)
        axes.set_xlabel("held-out error (rmse, nat/byte)")
        axes.set_xlim(0.0035, 0.1)
        axes.set_xticks([0.005, 0.01, 0.02, 0.05, 0.1], ["0.005", "0.01", "0.02", "0.05", "0.1"])
        axes.xaxis.set_minor_formatter("")
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(axis="y", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return figure


# -- the page ------------------------------------------------------------------------


def page(late: dict[tuple[str, str], Comparison], early: dict[tuple[str, str], Comparison]) -> str:
    """The whole page."""
    whole = [Group(each.family, each.method, least=1) for each in GROUPS]
    other = [Group(each.family, each.method, text="wikitext2") for each in GROUPS]
    lines = [
        "# P² on real models",
        "",
        *paragraph(ABOUT),
        *dense(),
        "## How the curves fall",
        "",
        *paragraph(FALL),
        *recovery(),
        "## The fitted law",
        "",
        *paragraph(FITTED),
        *fitted(GROUPS),
        "![Loss above the base loss, measured and fitted](p2_on_real_models.svg)",
        "",
        *paragraph(PICTURE),
        "",
        "What the law must satisfy to mean anything (`p2law.scoring.conditions`):",
        *conditions(),
        "## What it predicts of what it has not seen",
        "",
        *paragraph(HELD),
        *held_out(late),
        "![Held-out errors](p2_on_real_models_held.svg)",
        "",
        *paragraph(RATIOS),
        *relative(late),
        "## Do its intervals cover?",
        "",
        *paragraph(COVERED),
        *coverage(),
        "## Where it goes wrong: the first tokens",
        "",
        *paragraph(EARLY),
        *fitted(whole),
        *paragraph("Held-out errors over those of P², all tokens:"),
        *relative(early),
        "## 2:4",
        "",
        *paragraph(TWO_OF_FOUR),
        *two_of_four(),
        "",
        "## Another text",
        "",
        *paragraph(OTHER),
        *fitted(other),
        "## What to take from it",
        "",
        *(line for each in LESSONS for line in (*paragraph(each), "")),
    ]
    return "\n".join(lines) + "\n"


ABOUT = """Five Llama and five Qwen2 models of 62,000 to 689,000 parameters, trained on ten
million bytes of novels, pruned in four ways at up to four rates and post-trained on a million
bytes of other novels: `data/byte_llama.csv` and `data/byte_qwen2.csv`, described in
`data/README.md`. **These models are tiny.** They show what the law and this package do on real
curves; coefficients, and which law wins, need not carry over to billions of parameters. Made by
`python docs/p2_on_real_models.py`; the tables are written by the script. Losses in nat per
byte, before pruning:"""

FALL = """Damage is the loss above that before pruning, on the novels, by the rate that was asked
for. Half of what a run wins back it has won within a tenth of its tokens, mostly within a
twentieth; the exception is one Llama model that lost 0.005 nat to pruning at 0.3. At the lightest
rates nothing is left to repair and the loss ends below that before pruning, because the second
half of the novels teaches the model something, too: the control, which is not pruned ("none"),
ends below it in 5 of 10 models, after a rise in its first tokens. P² can say so only by a negative
E. No byte is
read twice, so nothing here is about repeated data."""

FITTED = f"""P² fitted to each family and method on held-out novels, from {FROM:,.0f} tokens on
(a tenth of the post-training), all seeds, squared errors. In brackets the 90 % interval. N_C,
D_C and E are in the units of the law, which is why they spread over decades where an exponent
is uncertain. The slope difference (ASD) is that of slopes against the logarithm of tokens,
from one checkpoint to the next."""

PICTURE = """*The middle size of each family: loss above that before pruning, measured (dots) and
fitted (lines with 90 % bands), by the share of parameters removed. The axis is that of square
roots, so that little damage shows beside much. Left of the dotted line lie the tokens that the fit
did not see.*"""

HELD = """The three generalisations that the paper claims, for every law that reads these
columns, one seed a curve (`token_power` is about one run, and stands among the baselines).
`two_exponents` and `transient_only` are two forms of ours, written
in the script as a user would write them: the first gives lasting and transient damage powers of
their own (seven coefficients, as P²), the second drops lasting damage (four coefficients).
Held-out error (rmse, nat per byte), the best law in bold; the baselines exist only where a held
row continues a curve that was fitted."""

RATIOS = """Held-out error of each law over that of P², geometric mean over the six groups of
curves (below 1: better than P²):"""

COVERED = """Each run in turn is held out, the law fitted to the others, and the measured losses
of the run compared with the 90 % interval for a new run. Errors of one run go together, so
these shares are rougher than they look."""

EARLY = """The same from the first step on (2,048 tokens). A power of the tokens rises without
end towards zero tokens; a real curve starts at the loss of the pruned model and bends. With all
tokens the error is several times larger, and `p2_rectified`, which is finite at zero tokens,
does better."""

OTHER = """The same curves on WikiText-2, from 100,000 tokens on. Post-training on novels moves
the model away from other text as well as towards recovery, so losses fall less and less evenly."""

TWO_OF_FOUR = """Half of the pruned matrices, whatever the model: one rate in name. As a share
of all parameters it differs a little with size, because embeddings are not pruned, and so it
cannot be told from size. The fit says what follows from that:"""

LESSONS = (
    """1. From a tenth of the post-training on, P² describes every family and method with one
    curve in size, rate and tokens: R² of the loss is 0.985 to 0.997; the paper reports 0.9922
    for depth pruning of Llama-3.""",
    """2. Within a million tokens there is hardly any damage that tokens do not remove: E comes
    out negative in all groups but one, and `alpha` lies at a bound or is unknown. The law
    without lasting damage, with four coefficients instead of seven, predicts held-out data
    about as well; two sizes and two rates suffice for it. It is P² with `fixed={"N_C": 0,
    "E": 0}`.""",
    """3. Powers of their own for lasting and transient damage fit better in every group and
    predict the last tokens better, but neither larger models nor higher rates: there one
    group or another is far off. So `two_exponents` is not among the laws of this package.""",
    """4. For one's own run the power law of that run alone predicts its last tokens as well as
    any law, or better. A law of sizes and rates is for runs that have not been made.""",
    """5. Leave out the first tokens, or use `p2_rectified`.""",
    """6. The 90 % intervals for a new run hold 91 to 97 % of the losses of runs that the fit had
    not seen.""",
)


def main() -> None:
    """Fit, compare, write the page and its pictures."""
    mpl.rcParams["svg.hashsalt"] = "p2law"
    late, early = outcomes(FROM), outcomes(1)
    (ROOT / "docs" / "p2_on_real_models.md").write_text(page(late, early), encoding="utf-8")
    curves().savefig(ROOT / "docs" / "p2_on_real_models.svg", metadata={"Date": None})
    dots(late).savefig(ROOT / "docs" / "p2_on_real_models_held.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
