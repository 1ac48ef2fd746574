"""Whether the runs that `next_runs` chooses tell more than others at the same cost.

Each task: a random P² law (as in `recovery.py`), one wanted prediction, and the budget of
the paper's grid (1, 3 and 8 billion parameters x rates 0.15, 0.25, 0.35, a billion tokens
each). Candidates: 0.5, 1, 1.5, 3 and 8 billion parameters x rates 0.15, 0.25, 0.35, 0.5 x
0.25, 0.5, 1 and 2 billion tokens; a run costs 6 x parameters after pruning x tokens, and
nothing for being one more run. Wanted: 3 to 20 billion parameters, rate 0.15 to 0.5, 1 to 20
billion tokens. Noise 0.005 nat a checkpoint, 0.01 nat a run, 12 checkpoints a run.

Compared are the widths of the wanted interval that the sets really leave: the range from 5 %
to 95 % of the predictions of fits to 200 sets of simulated records. Random choice: sets
filled up in random order until nothing more can be paid for, median of five.

"prior": before any record, the design knows only the ranges that laws are drawn from.
"pilot": six cheap runs are there, and the design knows nothing but the fit to these.

"--overhead 0 0.5" asks twice: at the cost of the FLOPs, and with half of what a run of the grid
costs on average added to every run.

    python benchmarks/next_runs.py --tasks 100 [--lines LINES] [--save FILE]

Every task is a line of LINES; what is there is not done again, so that a study can go on where it
was stopped, and other runs (`--overhead`, `--guesses`) add theirs. A line keeps its
commit.
"""

import itertools
from pathlib import Path
from time import process_time

import keeping
import numpy as np
import pandas as pd
import repeating
from options import parser_of
from recovery import BILLION, RANGES, truth

import p2law
from p2law import forms, objectives, planning, testing
from p2law.designing.offers import offers
from p2law.solving.refitting import refit
from p2law.solving.surface import Surface

NOISE, RUN_NOISE, REPEATS, BASE = 0.005, 0.01, 200, 2.0
SIZES, RATES = (0.5e9, 1e9, 1.5e9, 3e9, 8e9), (0.15, 0.25, 0.35, 0.5)
LENGTHS, GRIDDED = (2.5e8, 5e8, 1e9, 2e9), (1e9, 3e9, 8e9)
KINDS = ("prior", "pilot")
PILOT = ((0.5e9, 0.15), (0.5e9, 0.35), (1e9, 0.15), (1e9, 0.35), (0.5e9, 0.5), (3e9, 0.25))


def priced(table: pd.DataFrame) -> pd.DataFrame:
    """Runs with what they cost, in FLOPs."""
    after = table["params"] * (1 - table["pruning_rate"])
    return table.assign(base_loss=BASE, cost=6 * after * table["tokens"])


OFFERED = priced(p2law.grid(params=SIZES, pruning_rate=RATES, tokens=LENGTHS))
LINES = Path(__file__).parent / ".next_runs.jsonl"
GRID = priced(p2law.grid(params=GRIDDED, pruning_rate=RATES[:3], tokens=[1e9]))
STARTED = priced(pd.DataFrame(PILOT, columns=["params", "pruning_rate"]).assign(tokens=2.5e8))


def curves(table: pd.DataFrame) -> pd.DataFrame:
    """Checkpoints of runs, as `next_runs` assumes them."""
    rows = offers(forms.p2, table, "cost").rows
    return pd.concat([each.assign(run=str(k)) for k, each in enumerate(rows)], ignore_index=True)


def width(at: dict[str, float], runs: pd.DataFrame, wanted: pd.DataFrame, seed: int) -> float:
    """Range of the predictions of fits to simulated records."""
    table, rng = curves(runs), np.random.default_rng(seed)
    surface = Surface(forms.p2, {name: table[name].to_numpy() for name in forms.p2.columns})
    q, code = surface.coordinates(at), pd.factorize(table["run"])[0]
    shift = RUN_NOISE * rng.standard_normal((REPEATS, code.max() + 1))[:, code]
    noisy = surface.predict(q) + shift + NOISE * rng.standard_normal((REPEATS, len(table)))
    found = refit(surface, noisy, np.ones(len(table)), objectives.squared(), q).q
    asked = surface.over([wanted[name].to_numpy() for name in forms.p2.columns])
    low, high = np.nanquantile(asked.predict(found), [0.05, 0.95], axis=0)
    return float(np.mean(high - low))


def anything(offered: pd.DataFrame, budget: float, rng: np.random.Generator) -> pd.DataFrame:
    """Candidates in random order while the budget lasts."""
    chosen, left = [], budget
    for k in rng.permutation(len(offered)):
        if (cost := float(offered["cost"].iloc[k])) <= left:
            chosen.append(k)
            left -= cost
    return offered.iloc[chosen]


def known(kind: str, at: dict[str, float], seed: int) -> planning.Prior | p2law.Fit:
    """What the design may use."""
    if kind == "prior":
        sizes = dict.fromkeys(("N_C", "D_C", "E"), (0.1, 0.6))
        middle = {"params": BILLION, "tokens": BILLION, "pruning_rate": 1.0, "base_loss": BASE}
        return planning.Prior(forms.p2, NOISE, RUN_NOISE, {**RANGES, **sizes}, middle)
    table = curves(STARTED)
    records = testing.synthesize(forms.p2, at, table, noise=NOISE, run_noise=RUN_NOISE, seed=seed)
    return p2law.fit(records, forms.p2)


def task(kind: str, number: int, guesses: int, overhead: float) -> dict[str, object]:
    """Widths that the three ways of choosing leave."""
    rng = np.random.default_rng([7, number])
    at = truth(rng)
    place = {"params": np.exp(rng.uniform(*np.log([3e9, 2e10]))), "base_loss": BASE}
    place |= {"pruning_rate": rng.uniform(0.15, 0.5)}
    place |= {"tokens": np.exp(rng.uniform(*np.log([1e9, 2e10])))}
    more = overhead * float(GRID["cost"].mean())
    offered = OFFERED.assign(cost=OFFERED["cost"] + more)
    wanted, budget = pd.DataFrame([place]), float((GRID["cost"] + more).sum())
    source = known(kind, at, number)
    begun = process_time()
    found = planning.next_runs(source, offered, wanted, budget=budget, guesses=guesses)
    spent = process_time() - begun
    before = [] if kind == "prior" else [STARTED]

    def left(chosen: pd.DataFrame) -> float:
        # Every row is a run of its own, whatever it was called among the candidates.
        rows = pd.concat([*before, chosen.drop(columns="run", errors="ignore")], ignore_index=True)
        return width(at, rows, wanted, number)

    chosen = left(found.chosen)
    random = float(np.median([left(anything(offered, budget, rng)) for _ in range(5)]))
    return {
        "task": number,
        "kind": kind,
        "guesses": guesses,
        "overhead": overhead,
        "chosen": chosen,
        "random": random,
        "grid": left(GRID),
        "promised": found.after,
        "runs": len(found.chosen),
        "CPU s": spent,
    }


def main() -> None:
    """Do what is still to be done, and print the figures."""
    parser = parser_of(__doc__)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--guesses", type=int, nargs="+", default=[24])
    parser.add_argument("--overhead", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    repeating.options(parser, LINES)
    asked = parser.parse_args()
    done, commit = repeating.before(asked.lines, asked.other_commit)
    there = {(each["kind"], each["task"], each["guesses"], each["overhead"]) for each in done}
    asks = (asked.overhead, range(asked.tasks), asked.kinds, asked.guesses)
    for more, number, kind, guesses in itertools.product(*asks):
        if (kind, number, guesses, more) in there:
            continue
        done += repeating.add(asked.lines, [task(kind, number, guesses, more)])
    rows = summary(pd.DataFrame(done))
    keeping.show({"next runs": rows})
    if asked.save:
        keeping.keep(asked.save, {"next runs": rows}, commit=commit)


def summary(table: pd.DataFrame) -> list[dict[str, object]]:
    """One row for what was known, how much a run costs, and how many guesses were made."""
    rows = []
    for (kind, guesses, more), own in table.groupby(["kind", "guesses", "overhead"]):
        random, grid = own["chosen"] / own["random"], own["chosen"] / own["grid"]
        promised = (own["promised"] / own["chosen"]).median()
        rows.append(
            {
                "known before": kind,
                "guesses": guesses,
                "overhead": more,
                "tasks": len(own),
                "runs chosen": own["runs"].median(),
                "random, median": random.median(),
                "random, worst": random.max(),
                "grid, median": grid.median(),
                "grid, worst": grid.max(),
                "grid, above 1.05": int((grid > 1.05).sum()),
                "promised, median": promised,
                "CPU s, median": own["CPU s"].median(),
            }
        )
    return rows


if __name__ == "__main__":
    main()
