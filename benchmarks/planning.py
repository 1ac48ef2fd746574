"""Plans: how exactly they turn round, and how long they take.

Round trip: random coefficients of every law that reads tokens, records of it with noise, a
fit that is told the exponents, and the loss that it predicts at random tokens (1e7 to 1e11)
and random other inputs. `tokens_for` that loss must predict it again, and where the slope
allows it, it must be the tokens that one started from: a loss has an error of half a unit in
its last place, and so have the tokens that belong to it.

Speed: 20 base models x 20 rates x 3 methods with a fit each, 1,000 refits.

    python benchmarks/planning.py --round-trip 1000
    python benchmarks/planning.py --speed

Each with `--save FILE`, which keeps the figures.
"""

import time
import zlib
from collections.abc import Callable
from pathlib import Path

import keeping
import numpy as np
import pandas as pd
from options import parser_of
from simulated import TRUTH

import p2law
from p2law import Form, forms, planning, testing
from p2law.errors import UnreachableLossError

INPUTS = {
    "params": (1e8, 1e10),
    "params_after": (1e8, 8e9),
    "pruning_rate": (0.1, 0.6),
    "base_loss": (1.8, 3.0),
    "unique_tokens": (1e8, 1e10),
}

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
        return float(fit.predict(pd.DataFrame([{**others, "tokens": at}]))["loss"].iloc[0])

    target = loss(tokens)
    slope = abs(loss(tokens * 1.0001) - loss(tokens * 0.9999)) / 0.0002
    blur = np.spacing(target) / slope if slope > 0 else np.inf
    try:
        found = float(planning.tokens_for(fit, loss=target, **others))
    except UnreachableLossError:  # the target is the floor to the last digit
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


# -- how long it takes ---------------------------------------------------------------


def speed() -> list[dict[str, object]]:
    """Tell what plans over 1,200 candidates take, the refits made before and made anew."""
    table = testing.design(tokens=np.geomspace(2e7, 1e9, 20).tolist())
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
    chosen = planning.candidates(models, np.linspace(0.15, 0.5, 20).tolist(), methods)
    prices = planning.Prices(peak_flops=989e12, mfu=0.4, gpu_hour=2.5)
    amounts = np.geomspace(1e8, 1e10, 5).tolist()

    rows: list[dict[str, object]] = []

    def timed(what: str, run: Callable[[], object]) -> None:
        wall, own = time.perf_counter(), time.process_time()
        run()
        wall, own = time.perf_counter() - wall, time.process_time() - own
        rows.append({"what": what, "CPU s": own, "wall s": wall})

    timed(
        "1,000 refits of 3 fits, once",
        lambda: [fit.known.of_refits(1000).draws for fit in fits.values()],
    )
    timed(
        "candidates to a loss",
        lambda: planning.budget_table(fits, chosen, loss=2.4, prices=prices, draws=1000),
    )
    timed(
        "the same with a budget",
        lambda: planning.budget_table(fits, chosen, cost=500, prices=prices, draws=1000),
    )
    timed(
        "frontier of size and cost, to a loss",
        lambda: planning.frontier(
            fits, chosen, loss=2.4, against="params_after", prices=prices, draws=1000
        ),
    )
    timed(
        "frontier of loss and cost, 5 amounts of tokens each",
        lambda: planning.frontier(
            fits, chosen, tokens=amounts, against="cost", prices=prices, draws=1000
        ),
    )
    timed(
        "the best with a budget",
        lambda: planning.choose(fits, chosen, cost=500, prices=prices, draws=1000),
    )
    return rows


def main() -> None:
    """Do what is asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--round-trip", type=int, metavar="FITS", default=0)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    options = parser.parse_args()
    if not (options.round_trip or options.speed):
        parser.error("nothing is asked for; give --round-trip 1000, --speed, or both")
    tables: dict[str, list[dict[str, object]]] = {}
    if options.round_trip:
        tables["round trips"] = round_trips(options.round_trip)
    if options.speed:
        tables["plans"] = speed()
    keeping.show(tables)
    if options.save:
        keeping.keep(options.save, tables)


if __name__ == "__main__":
    main()
