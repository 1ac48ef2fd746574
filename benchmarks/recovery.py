"""How often a fit finds the law that made the records: 200 random P² truths.

Three sizes or four, four rates, forty log-spaced token counts. Coefficients are drawn with
params and tokens counted in 1e9: alpha 0.2 to 0.9, beta 0.1 to 0.7, gamma -2 to
-0.5, delta 0.05 to 0.6, N_C, D_C and E 0.1 to 0.6.

    python benchmarks/recovery.py [--save FILE]
"""

from collections import Counter
from pathlib import Path

import keeping
import numpy as np
import pandas as pd
from options import parser_of

import p2law
from p2law import forms, testing

RANGES = {"alpha": (0.2, 0.9), "beta": (0.1, 0.7), "gamma": (-2, -0.5), "delta": (0.05, 0.6)}
SIZES = ((0.5e9, 1.5e9, 3e9), (0.3e9, 1e9, 3e9, 8e9))
BILLION = 1e9


def truth(rng: np.random.Generator, without: str | None = None) -> dict[str, float]:
    """One random law, in plain counts."""
    at = {name: rng.uniform(*ends) for name, ends in RANGES.items()}
    sizes = {name: rng.uniform(0.1, 0.6) for name in ("N_C", "D_C", "E")}
    power = {"N_C": at["alpha"] + at["delta"], "D_C": at["beta"] + at["delta"], "E": at["delta"]}
    linear = {name: sizes[name] * BILLION ** power[name] for name in sizes}
    return at | linear | ({without: 0.0} if without else {})


def outliers(records: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same records with 1 % of the rows off by half a nat."""
    out = records.copy()
    rows = rng.choice(len(out), round(0.01 * len(out)), replace=False)
    out.loc[out.index[rows], "loss"] += 0.5 * rng.choice([-1, 1], len(rows))
    return out


def study(
    sizes: tuple[float, ...],
    repeats: int,
    seed: int,
    without: str | None = None,
    *,
    spoiled: bool = False,
) -> dict[str, object]:
    """Fit so many truths and tell how well."""
    rng, table = np.random.default_rng(seed), testing.design(sizes)
    curve, exponents, statuses = [], [], Counter[str]()
    for _ in range(repeats):
        at = truth(rng, without)
        clean = testing.synthesize(forms.p2, at, table)
        records = outliers(clean, rng) if spoiled else clean
        objective = p2law.huber(1e-3) if spoiled else p2law.squared()
        fit = p2law.fit(records, forms.p2, objective=objective)
        loss = forms.p2(*(clean[name].to_numpy() for name in forms.p2.columns), **fit.values)
        curve.append(np.abs(loss - clean["loss"]).max())
        exponents.append(max(abs(fit.values[name] / at[name] - 1) for name in RANGES))
        statuses[fit.status.name] += 1
    limit = 1e-3 if spoiled else 1e-10
    good = sum(each <= limit for each in curve)
    told = {"sizes": len(sizes), "laws": repeats, "within, nat": f"{limit:g}", "curves": good}
    told |= {"worst, nat": f"{max(curve):.1e}"}
    # Without a term, or with rows that are off, the records do not tell all exponents.
    exact = not without and not spoiled
    near = f"{sum(each <= 1e-6 for each in exponents)}" if exact else "-"
    told |= {"exponents within 1e-6": near, "worst": f"{max(exponents):.1e}" if exact else "-"}
    words = (f"{name} {count}" for name, count in sorted(statuses.items()))
    return told | {"status": ", ".join(words)}


def main() -> None:
    """Print one line a study, and keep them where asked."""
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    asked = parser.parse_args()
    rows = []
    for sizes in SIZES:
        asking = (sizes, asked.repeats, asked.seed)
        rows.append({"records": "exact", **study(*asking)})
        rows.append({"records": "1 % of rows off by 0.5 nat", **study(*asking, spoiled=True)})
        rows.extend({"records": f"{name} = 0", **study(*asking, name)} for name in ("N_C", "D_C"))
    keeping.show({"recovery": rows})
    if asked.save:
        keeping.keep(asked.save, {"recovery": rows})


if __name__ == "__main__":
    main()
