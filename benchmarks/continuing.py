"""Held-out ends of real curves: the calibrated law beside what needs no law.

Each run is shown up to a quarter of its tokens, a law is fitted to other runs, and the loss
of its last checkpoint is forecast. "Others": the other runs of the same table and method;
"family" and "method": only runs of another family or another way of pruning. Naive
forecasts: the last value shown, and a power law in tokens of that run alone, with a floor
where it has three checkpoints, without one where it has two; once over all that is shown
and once over what the calibrated law is shown, of which the better in the mean is printed.

    python benchmarks/continuing.py [--save FILE]
    python benchmarks/continuing.py --only gemstones    # tables whose name begins so
    python benchmarks/continuing.py --speed             # how long a reading takes instead
"""

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keeping
import numpy as np
import pandas as pd
from options import parser_of

import p2law
from p2law import forms, planning
from p2law.declaring import Form
from p2law.scoring.baselines import baselines

DATA = Path(__file__).parents[1] / "data"
SHARE = 0.25
FROM = 20_000
"""Tokens from which the byte-level runs are fitted: before, the learning rate warms up."""

EVERY = "all with checkpoints to go by"
"""The row of all runs that anything calibrates; the others have no naive forecast to be beside."""


@dataclass(frozen=True)
class Trial:
    """Runs to be forecast, and what is fitted for each of them."""

    name: str
    runs: pd.DataFrame
    fitted: Callable[[str], pd.DataFrame]
    form: Form | None
    least: float = 0.0


def naive(shown: pd.DataFrame, end: pd.DataFrame) -> tuple[float, float]:
    """Last value, and a power law of the run alone."""
    both = baselines(shown.assign(run="a"), end.assign(run="a"), "loss")
    last, power, later = both.last[0], both.power[0], shown[shown["tokens"] > 0]
    if np.isnan(power) and len(later) > 1:
        line = np.polyfit(np.log(later["tokens"]), np.log(later["loss"]), 1)
        power = np.exp(np.polyval(line, np.log(end["tokens"].iloc[0])))
    return last, power


def forecasts(trial: Trial) -> Iterator[dict[str, object]]:
    """Relative errors of the last checkpoint of each run."""
    for name, run in trial.runs.groupby("run"):
        end, shown = run.iloc[[-1]], run[run["tokens"] <= SHARE * run["tokens"].max() * (1 + 1e-9)]
        if shown.empty:
            continue
        others = trial.fitted(str(name))
        fit = p2law.fit(others[others["tokens"] >= trial.least], trial.form)
        inputs = {each: end[each].item() for each in fit.form.columns if each != "tokens"}
        later = shown[shown["tokens"] >= trial.least]
        found = planning.continue_run(fit, later, **inputs).predict(end["tokens"].item())
        truth, told = end["loss"].item(), found.iloc[0]
        last, power = naive(shown, end)
        said = {
            "calibrated": told["loss"],
            "law alone": told["law"],
            "last value": last,
            "power law": power,
            "power law, later": naive(later, end)[1] if len(later) else np.nan,
        }
        out = {each: abs(value / truth - 1) for each, value in said.items()}
        yield {**out, "held": told["low"] <= truth <= told["high"], "trial": trial.name}


def byte_trials() -> Iterator[Trial]:
    """Byte-level models pruned and trained again, on the text that they were trained for."""
    tables = [pd.read_csv(DATA / f"byte_{each}.csv") for each in ("llama", "qwen2")]
    tables = [each[(each["eval_text"] == "novels") & (each["pruning_rate"] > 0)] for each in tables]
    for own, other in (tables, tables[::-1]):
        family = own["family"].iloc[0]
        depth, rest = own[own["method"] == "depth"], own[own["method"] != "depth"]
        strange = other[other["method"] == "depth"]
        yield Trial(f"byte {family} depth, others", depth, _without(depth), None, FROM)
        yield Trial(f"byte {family} depth, family", depth, _the_same(strange), None, FROM)
        yield Trial(f"byte {family} rest, method", rest, _the_same(depth), None, FROM)


def trials() -> Iterator[Trial]:
    """All curves of language models that have a beginning and an end."""
    yield from byte_trials()
    dense = pd.read_csv(DATA / "gemstones.csv")
    for phase in dense["phase"].unique():
        own = dense[dense["phase"] == phase]
        yield Trial(f"gemstones {phase}, others", own, _without(own), forms.chinchilla)
    distilled = pd.read_csv(DATA / "qwen3_distill.csv")
    yield Trial("qwen3_distill, others", distilled, _without(distilled), None, 1.0)
    sparse = pd.read_csv(DATA / "gpt2_sparse_retrain.csv")
    end = sparse.groupby("run")["tokens"].transform("max")
    sparse = sparse[(sparse["pruning_rate"] > 0) & (end > 0)]
    yield Trial("gpt2_sparse_retrain, others", sparse, _without(sparse), forms.token_power, 1.0)


def _the_same(table: pd.DataFrame) -> Callable[[str], pd.DataFrame]:
    return lambda _: table


def _without(table: pd.DataFrame) -> Callable[[str], pd.DataFrame]:
    return lambda run: table[table["run"] != run]


def row(name: str, found: pd.DataFrame) -> dict[str, object]:
    """Mean errors in per cent, and how often the interval held; None where nothing can be said."""
    means = 100 * found.drop(columns=["trial", "held"]).mean(skipna=False)
    power = np.nanmin([*means[["power law", "power law, later"]], np.inf])
    ratio = means["calibrated"] / min(power, means["last value"])
    return {
        "curves": name,
        "runs": len(found),
        "calibrated": means["calibrated"],
        "worst": 100 * found["calibrated"].max(),
        "law alone": means["law alone"],
        "last value": means["last value"],
        "power law": power if np.isfinite(power) else None,
        "calibrated / naive": ratio,
        "held": 100 * found["held"].mean(),
    }


def line(name: str, found: pd.DataFrame) -> str:
    """One row of the table as text."""
    told = row(name, found)
    power = f"{told['power law']:8.2f}" if told["power law"] else f"{'-':>8}"
    return (
        f"{name:34s}{told['runs']:5d}{told['calibrated']:11.2f}{told['worst']:8.2f}"
        f"{told['law alone']:8.2f}{told['last value']:8.2f}{power}"
        f"{told['calibrated / naive']:8.2f}{told['held']:8.0f}"
    )


def speed() -> list[dict[str, object]]:
    """Tell how long a forecast takes with so many checkpoints, as the live callback asks it."""
    dense = pd.read_csv(DATA / "gemstones.csv")
    fit = p2law.fit(dense[dense["phase"] == "hot"], forms.chinchilla)
    law, inputs = dict(fit.values), {"params": 1e9}
    least, most, rows = dense["tokens"].min(), dense["tokens"].max(), list[dict[str, object]]()
    for count in (1, 10, 100, 1_000, 10_000):
        tokens = np.linspace(least, most, count)
        loss = forms.chinchilla(inputs["params"], tokens, **law)
        noise = 0.002 * np.random.default_rng(0).standard_normal(count)
        curve, spent = pd.DataFrame({"tokens": tokens, "loss": loss + noise}), []
        for _ in range(11):
            begun = time.process_time()
            found = planning.continue_run(fit, curve, **inputs)
            found.predict(4 * most)
            found.gain()
            spent.append(1000 * (time.process_time() - begun))
        then = float(np.median(spent[1:]))
        rows.append({"checkpoints": count, "first, CPU ms": spent[0], "then, CPU ms": then})
    return rows


def main() -> None:
    """Print the table, row by row."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", default="", help="tables whose name begins so")
    parser.add_argument("--speed", action="store_true", help="time of a reading instead")
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    if asked.speed:
        rows = speed()
        keeping.show({"readings": rows})
        if asked.save:
            keeping.keep(asked.save, {"readings": rows})
        return
    known = list(trials())
    chosen = [each for each in known if each.name.startswith(asked.only)]
    if not chosen:
        names = "\n  ".join(each.name for each in known)
        parser.error(f"no table has a name that begins with {asked.only!r}; there are\n  {names}")
    warnings.simplefilter("ignore", RuntimeWarning)
    print("mean relative error of the last loss, %; ratio to the best naive forecast; 90 % held, %")
    titles = ("runs", "calibrated", "worst", "law", "last", "power", "ratio", "held")
    widths = (5, 11, 8, 8, 8, 8, 8, 8)
    print(" " * 34 + "".join(f"{t:>{w}}" for t, w in zip(titles, widths, strict=True)))
    every = []
    for trial in chosen:
        every.append(pd.DataFrame(forecasts(trial)))
        print(line(trial.name, every[-1]), flush=True)
    # Runs of the byte tables that were forecast from their own family count once.
    whole = pd.concat([each for each in every if not each["trial"].iloc[0].endswith("family")])
    later = whole[whole["power law, later"].notna()]
    print(line(EVERY, later))
    if asked.save:
        rows = [row(str(own["trial"].iloc[0]), own) for own in every]
        rows.append(row(EVERY, later))
        keeping.keep(asked.save, {"ends": rows})


if __name__ == "__main__":
    main()
