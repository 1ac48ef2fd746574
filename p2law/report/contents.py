"""What a report says of a fit, as words and tables."""

import platform
from collections.abc import Mapping
from importlib import metadata

import numpy as np

from p2law import forms, identify, scoring
from p2law.identify import causes
from p2law.result import Fit
from p2law.scoring.meaning import FAMILY
from p2law.text.amounts import span
from p2law.text.views import number, together
from p2law.text.wording import listed, several

PLAIN = {
    "`trouble`": "“Read this first”",
    " (fixed=)": "",
    "come out as NaN": "come out as “not determined”",
    " (NaN)": "",
}
"""Words of code, and what a page says in their place."""

PACKAGES = ("numpy", "scipy", "pandas", "lmfit", "matplotlib", "jinja2")


def summary(fit: Fit) -> dict[str, str]:
    """What stands at the top: the law, how much it rests on, and its status."""
    runs, headline = fit.records["run"].nunique(), fit.view().headline
    return {
        "law": fit.form.name,
        "formula": fit.form.formula,
        "reference": fit.form.reference,
        "about": f"{several(len(fit.records), 'record')} of {several(runs, 'run')}",
        "status": fit.status.words,
        "sound": "yes" if fit.status.words == fit.status.words.lower() else "no",
        "meaning": plain(fit.status.value),
        "held": headline if ", holding " in headline else "",
    }


def plain(sentence: str) -> str:
    """The same for readers who do not program: the page's own words in place of names of code."""
    for code, words in PLAIN.items():
        sentence = sentence.replace(code, words)
    return sentence


def coefficients(fit: Fit, level: float) -> list[dict[str, str]]:
    """One line a coefficient: estimate and interval, unit, size of its term, meaning, note."""
    lines = []
    for name, row in fit.table(level=level).to_dict("index").items():
        known = bool(np.isfinite([row["low"], row["high"]]).all())
        estimate, low, high = together(row["estimate"], row["low"], row["high"])
        lines.append(
            {
                "name": str(name),
                "estimate": estimate if known else number(row["estimate"]),
                "interval": f"{low} to {high}" if known else "",
                "term": "" if np.isnan(row["term"]) else number(row["term"], 3),
                "unit": "" if row["unit"] == "1" else row["unit"],
                "meaning": fit.form.coefficient(str(name)).bounds.meaning,
                "note": row["note"],
            }
        )
    return lines


def caption(fit: Fit, level: float) -> str:
    """What the table of coefficients holds, and what its intervals come from."""
    of = fit.known.resampled
    if not of:
        return "Coefficients, intervals unknown"
    return f"Coefficients with {100 * level:g} % intervals from refits that resample {of}"


def unknowns(fit: Fit) -> list[tuple[str, str, str]]:
    """What the records do not tell: coefficients, why, and what would."""
    known, found = fit.known, list[tuple[str, str, str]]()
    by_cause: dict[str, list[str]] = {}
    for name, why in fit.held.items():
        by_cause.setdefault(why, []).append(f"{name} = {number(fit.values[name])}")
    for why, held in by_cause.items():
        cure = "" if why.startswith(("fixed", "tied")) else "add some, or hold it yourself"
        found.append((listed(held), f"held, not fitted: {why}", cure))
    surface = known.problem.surface
    q = surface.coordinates(fit.values)
    for each in causes.loose(surface, q, identify.at(surface, q)):
        moves = "move together" if len(each.names) > 1 else "moves no prediction"
        found.append((listed(each.names), f"{moves}: {each.why}", plain(each.cure)))
    for tie in known.ties:
        names = listed(tie.exchanged) or f"the parts of {listed(tie.names)}"
        found.append((names, plain(str(tie)), ""))
    return found


def hardly(fit: Fit) -> tuple[str, ...]:
    """Sentences about what is known a little, and what nothing checks."""
    return tuple(map(plain, (*fit.known.doubts, *fit.known.unchecked)))


def conditions(fit: Fit, level: float) -> list[dict[str, str]]:
    """One line a condition of a P² law; none for other laws."""
    if fit.form not in FAMILY:
        return []
    lines = []
    for name, row in scoring.conditions(fit, level=level).to_dict("index").items():
        known = bool(np.isfinite([row["estimate"], row["low"], row["high"]]).all())
        estimate, low, high = together(row["estimate"], row["low"], row["high"])
        unit = "" if row["unit"] == "1" else f" {row['unit']}"
        lines.append(
            {
                "name": str(name),
                "expression": row["expression"],
                "quantity": row["quantity"],
                "found": f"{estimate}{unit} ({low} to {high})" if known else "none",
                "verdict": row["verdict"],
                "reason": plain(row["reason"]),
            }
        )
    return lines


def covered(fit: Fit) -> list[tuple[str, str, str]]:
    """What the records hold of each input and of the target: values, from, to."""
    names = [*fit.form.columns, fit.form.target]
    return [
        (
            name.replace("_", " "),
            str(fit.records[name].nunique()),
            span(fit.records[name].min(), fit.records[name].max(), name),
        )
        for name in names
    ]


def settings(fit: Fit) -> list[tuple[str, str]]:
    """What was asked for and how it was found: enough to ask again."""
    asked, search = fit.settings, fit.search
    residuals = fit.residuals()["residual"].to_numpy()
    rmse = float(np.sqrt(np.mean(residuals**2)))
    lines = [
        ("law", f"{fit.form.name} ({fit.form.reference or 'no reference given'})"),
        ("objective", f"{asked.objective}, summed: {search.objective!r}"),
        ("weight", asked.weight or "none: every row counts the same"),
        ("held by the user", _pairs(asked.fixed)),
        ("tied by the user", _pairs(asked.tied)),
        ("seed", str(asked.seed)),
        ("refits", _refits(fit)),
        ("distinct minima", f"{len(search.minima)}: {', '.join(map(number, search.minima[:5]))}"),
        ("gradient at the end", f"{search.gradient:.1e} (largest cosine; 0 at a minimum)"),
        ("engine", f"{search.engine}, {search.derivatives} derivatives"),
        ("residuals", f"rmse {number(rmse, 3)} {fit.unit}"),
    ]
    lines += [("left out", f"{several(n, 'row')}: {why}") for why, n in search.left_out]
    return lines + [("note", each) for each in fit.notes]


def _refits(fit: Fit) -> str:
    of = fit.known.resampled
    return f"{len(fit.draws)}, of {of}" if of else "none: nothing tells the noise"


def _pairs(given: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in given.items()) or "none"


def versions(fit: Fit) -> list[tuple[str, str]]:
    """Versions that made the fit and this page."""
    found = [("p2law, for the fit", fit.settings.version), ("p2law", _version("p2law"))]
    found += [(name, _version(name)) for name in PACKAGES]
    return [*found, ("Python", platform.python_version())]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def recipe(fit: Fit) -> str:
    """Python that fits the same law to the same records by the same settings."""
    asked = fit.settings
    builtin = fit.form in forms.builtin
    own = [name for name in fit.held if name not in asked.fixed and name not in asked.tied]
    law = f"p2law.forms.{fit.form.name}" if builtin else f"{fit.form.name}  # your own law"
    lines = ["import p2law", "", 'records = p2law.load("records.csv")  # the rows of this fit']
    lines += ["fit = p2law.fit(", "    records,"]
    if not own:
        lines.append(f"    {law},".replace("  # your own law,", ",  # your own law"))
    lines.append(f"    objective=p2law.{asked.objective},")
    options = {"weight": asked.weight, "fixed": dict(asked.fixed), "tied": dict(asked.tied)}
    lines += [f"    {name}={value!r}," for name, value in options.items() if value]
    return "\n".join([*lines, f"    seed={asked.seed},", ")"])
