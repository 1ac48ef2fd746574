"""Plans: how exactly they turn round, how often their intervals hold, and how long they take.

Round trip: random coefficients of every law that reads tokens, records of it with noise, a
fit that is told the exponents, and the loss that it predicts at random tokens (1e7 to 1e11)
and random other inputs. `tokens_for` that loss must predict it again, and where the slope
allows it, it must be the tokens that one started from: a loss has an error of half a unit in
its last place, and so have the tokens that belong to it.

Coverage: the designs and noises of `coverage.py`. In each repeat two targets are asked for:
the true loss at 1.5e8 tokens, inside the data, and at 4 times their most tokens, both in the
middle of the sizes and rates. An interval holds if the true tokens lie in it; a fit that
fails, or that withholds the answer, counts as a miss.

Speed: 20 base models x 20 rates x 3 methods with a fit each, 1,000 refits.

    python benchmarks/planning.py --round-trip 1000
    python benchmarks/planning.py --coverage                # goes on where it stopped
    python benchmarks/planning.py --coverage --summary
    python benchmarks/planning.py --speed

Each with `--save FILE`, which keeps the figures.
"""

import argparse
import json
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import keeping
import numpy as np
import pandas as pd
from coverage import DESIGNS, LEVEL, NOISES, TOKENS, TRUTH, noise

import p2law
from p2law import Form, forms, planning, testing

INPUTS = {
    "params": (1e8, 1e10),
    "params_after": (1e8, 8e9),
    "pruning_rate": (0.1, 0.6),
    "base_loss": (1.8, 3.0),
    "unique_tokens": (1e8, 1e10),
}
ASKED = {"inside": 1.5e8, "4 x tokens": 4 * TOKENS[-1]}
REFITS = 300
SECONDS = 2.0
"""What a frontier may take."""

# -- there and back ------------------------------------------------------------------


def random_fit(form: Form, seed: int) -> p2law.Fit:
    """Make a fit of random coefficients; what is not linear is told to it."""
    others = {n: np.geomspace(*INPUTS[n], 3) for n in form.columns if n != "tokens"}
    table = p2law.grid(**others, tokens=np.geomspace(1e7, 1e10, 6))
    table["run"] = table["model"] = (np.arange(len(table)) // 6).astype(str)
    truth = testing.some_coefficients(form, table, seed)
    held = {name: truth[name] for name in form.names if name not in form.linear}
    if len(held) == len(truth):
        held.popitem()
    records = testing.synthesize(form, truth, table, noise=0.003, seed=seed)
    records["loss"] = records["loss"].clip(lower=1e-3)
    return p2law.fit(records, form, fixed=held)


def there_and_back(form: Form, seed: int) -> dict[str, float]:
    """One trip: errors of the loss (nat) and of the tokens (relative), and what rounding allows."""
    rng = np.random.default_rng([seed, zlib.crc32(form.name.encode())])
    fit = random_fit(form, seed)
    names = [each for each in form.columns if each != "tokens"]
    others = {name: float(np.exp(rng.uniform(*np.log(INPUTS[name])))) for name in names}
    tokens = 10 ** rng.uniform(7, 11)

    def loss(at: float) -> float:
        return float(fit.predict(tokens=at, **others)["loss"].iloc[0])

    target = loss(tokens)
    slope = abs(loss(tokens * 1.0001) - loss(tokens * 0.9999)) / 0.0002
    blur = np.spacing(target) / slope if slope > 0 else np.inf
    try:
        found = float(planning.tokens_for(fit, loss=target, **others))
    except p2law.P2LawError:  # the target is the floor to the last digit
        found = np.inf
    again = loss(found) if 0 < found < np.inf else np.nan
    return {"loss": abs(again - target), "tokens": abs(found / tokens - 1), "blur": blur}


def round_trips(count: int) -> list[dict[str, object]]:
    """Tell the worst of so many trips of each law."""
    rows = []
    for form in forms.builtin:
        if "tokens" not in form.columns:
            continue
        trips = pd.DataFrame([there_and_back(form, seed) for seed in range(count)])
        clear = trips[trips["blur"] < 1e-8]
        rows.append(
            {
                "law": form.name,
                "fits": count,
                "without an answer": int(trips["loss"].isna().sum()),
                "loss within, nat": float(trips["loss"].max()),
                "where the slope allows 1e-6": len(clear),
                "tokens within": float(clear["tokens"].max()),
            }
        )
    return rows


# -- how often the truth lies inside -------------------------------------------------


def repeat(design: str, kind: str, seed: int) -> dict[str, list[float]]:
    """One simulated study: tokens low, tokens, high of each target, NaN where there is none."""
    sizes, rates = DESIGNS[design]
    table = testing.design(sizes, rates, TOKENS)
    cell = zlib.crc32(f"{design}/{kind}".encode())
    records = testing.synthesize(forms.p2, TRUTH, table)
    records["loss"] += noise(kind, table, np.random.default_rng([cell, seed]))
    middle = {
        "params": float(np.sqrt(sizes[0] * sizes[-1])),
        "pruning_rate": float(np.sqrt(rates[0] * rates[-1])),
        "base_loss": 2.0,
    }
    fit, found = p2law.fit(records, forms.p2), {}
    for what, tokens in ASKED.items():
        asked = pd.DataFrame({**middle, "tokens": [tokens]})
        target = float(testing.synthesize(forms.p2, TRUTH, asked)["loss"].iloc[0])
        try:
            told = planning.tokens_for(fit, loss=target, level=LEVEL, **middle)
        except p2law.P2LawError:
            found[what] = [np.nan] * 3
        else:
            found[what] = [told.low, told.tokens, told.high]
    return found


def coverage(folder: Path, repeats: int, which: slice) -> None:
    """Do what is missing, one file a cell, one line a repeat."""
    folder.mkdir(parents=True, exist_ok=True)
    for design, kind in [(design, kind) for kind in NOISES for design in DESIGNS][which]:
        path = folder / f"{design} {kind}.jsonl".replace(" ", "_")
        done = len(path.read_text().splitlines()) if path.exists() else 0
        with path.open("a") as file:
            for seed in range(done, repeats):
                file.write(f"{json.dumps(repeat(design, kind, seed))}\n")
                file.flush()
        print(path.stem, flush=True)


def summary(folder: Path) -> pd.DataFrame:
    """Coverage of each cell, and half the median width of the interval in powers of ten."""
    rows = []
    for design, kind in [(design, kind) for kind in NOISES for design in DESIGNS]:
        path = folder / f"{design} {kind}.jsonl".replace(" ", "_")
        if not path.exists():
            continue
        repeats = [json.loads(line) for line in path.read_text().splitlines()]
        row: dict[str, object] = {"noise": kind, "design": design, "repeats": len(repeats)}
        for what, true in ASKED.items():
            low, _, high = np.array([each[what] for each in repeats], dtype=float).T
            row[what] = float(np.mean((low <= true) & (true <= high)))
            row[f"{what}, decades"] = float(np.nanmedian(np.log10(high / low)) / 2)
        rows.append(row)
    return pd.DataFrame(rows)


# -- how long it takes ---------------------------------------------------------------


def speed() -> list[dict[str, object]]:
    """Tell what plans over 1,200 candidates take, the refits made before and made anew."""
    table = testing.design(tokens=np.geomspace(2e7, 1e9, 20))
    methods = ("depth", "width", "2:4")
    fits = {
        each: p2law.fit(
            testing.synthesize(
                forms.p2, TRUTH | {"beta": 0.3 + 0.02 * k}, table, noise=0.005, seed=k
            ),
            forms.p2,
        )
        for k, each in enumerate(methods)
    }
    models = [
        planning.Model(f"{size:.2e}", float(size), 2.0 + 0.3 * (1e9 / size) ** 0.3)
        for size in np.geomspace(5e8, 8e9, 20)
    ]
    chosen = planning.candidates(models, np.linspace(0.15, 0.5, 20), methods)
    prices = planning.Prices(peak_flops=989e12, mfu=0.4, gpu_hour=2.5)
    amounts = np.geomspace(1e8, 1e10, 5)

    rows: list[dict[str, object]] = []

    def timed(what: str, run: Callable[[], object]) -> None:
        wall, own = time.perf_counter(), time.process_time()
        run()
        wall, own = time.perf_counter() - wall, time.process_time() - own
        rows.append({"what": what, "CPU s": own, "wall s": wall})

    common = {"prices": prices, "draws": 1000}
    timed(
        "1,000 refits of 3 fits, once",
        lambda: [fit.known.of_refits(1000).draws for fit in fits.values()],
    )
    timed("candidates to a loss", lambda: planning.budget_table(fits, chosen, loss=2.4, **common))
    timed("the same with a budget", lambda: planning.budget_table(fits, chosen, cost=500, **common))
    timed(
        "frontier of size and cost, to a loss",
        lambda: planning.frontier(fits, chosen, loss=2.4, against="params_after", **common),
    )
    timed(
        "frontier of loss and cost, 5 amounts of tokens each",
        lambda: planning.frontier(fits, chosen, tokens=amounts, against="cost", **common),
    )
    timed("the best with a budget", lambda: planning.choose(fits, chosen, cost=500, **common))
    return rows


def main() -> None:
    """Do what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--round-trip", type=int, metavar="FITS", default=0)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=Path("coverage_tokens"))
    parser.add_argument("--part", default="1/1", help="2/3 does the second third of the cells")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    tables: dict[str, list[dict[str, object]]] = {}
    if options.round_trip:
        tables["round trips"] = round_trips(options.round_trip)
    if options.coverage and not options.summary:
        part, parts = map(int, options.part.split("/"))
        coverage(options.folder, options.repeats, slice(part - 1, None, parts))
    if options.summary:
        tables["coverage"] = summary(options.folder).to_dict("records")
    if options.speed:
        tables["plans"] = speed()
    keeping.show(tables)
    if options.save and tables:
        keeping.keep(options.save, tables)


if __name__ == "__main__":
    main()
