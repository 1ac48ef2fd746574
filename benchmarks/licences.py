"""Under which licences comes what p2law needs: the core and each extra, with all they need.

Read from the metadata of what is installed here. Permissive licences ask for a notice; weak
copyleft (MPL, LGPL) asks that changes of those very files be published; anything beyond is refused,
with exit code 1, and so is what states no licence that this script knows.

    python benchmarks/licences.py [--save FILE] [--check FILE]

With `--check`, whatever is needed here and is not in a file that was kept, or under another licence
than there, is told with exit code 1, too.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import keeping
from options import parser_of
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = (
    "",
    "plot",
    "report",
    "parquet",
    "progress",
    "parallel",
    "collect",
    "collect-data",
    "collect-slurm",
)
PERMISSIVE = (
    r"\bMIT\b",
    r"\bBSD\b",
    r"\b[02]BSD\b",
    r"Apache",
    r"\bISC\b",
    r"\bPSF\b|Python Software Foundation",
    r"\bHPND\b",
    r"\bZlib\b",
    r"\bUnlicense\b",
    r"\bCC0\b",
    r"\bBSL-1.0\b|Boost",
    r"\bCNRI-Python\b",
)
WEAK = (r"\bMPL\b|Mozilla Public", r"\bLGPL|Lesser General Public")
STRONG = (r"\bA?GPL", r"(?<!Lesser )General Public License", r"\bEUPL|\bSSPL|\bCC-BY-(SA|NC)")
PROPRIETARY = (r"NVIDIA|Proprietary",)
KINDS = {
    "copyleft": STRONG,
    "weak copyleft": WEAK,
    "proprietary": PROPRIETARY,
    "permissive": PERMISSIVE,
}
ORDER = ("permissive", "weak copyleft", "proprietary", "copyleft", "unknown")
FOR_GPUS = re.compile(r"^(nvidia|cuda|triton)")
"""What torch brings on some machines and not on others; it need not be in a list that was kept."""

LIBRARIES = re.compile(r"^(nvidia|cuda)-")
"""CUDA comes with torch for GPUs and is Nvidia's own; it is listed, and nothing else may be so."""


def needs(package: str, extras: Sequence[str]) -> Iterator[Requirement]:
    """What an installed package needs here, with some of its extras."""
    for text in _own(extras) if package == "p2law" else metadata.requires(package) or []:
        asked = Requirement(text)
        settings = [{"extra": extra} for extra in (extras or [""])]
        if asked.marker is None or any(asked.marker.evaluate(each) for each in settings):
            yield asked


def _own(extras: Sequence[str]) -> list[str]:
    """What pyproject.toml says that the core and some extras need."""
    optional = PROJECT["optional-dependencies"]
    return [*PROJECT["dependencies"], *(each for name in extras for each in optional.get(name, ()))]


def all_needs(extra: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Packages under an extra, each with what asked for it; and those that are not installed."""
    found: dict[str, tuple[str, ...]] = {}
    missing: list[str] = []
    waiting: list[tuple[str, tuple[str, ...]]] = [("p2law", (extra,) if extra else ())]
    seen = set(waiting)
    while waiting:
        package, extras = waiting.pop()
        for asked in needs(package, ("", *extras)):
            name = canonicalize_name(asked.name)
            try:
                metadata.distribution(name)
            except metadata.PackageNotFoundError:
                missing.append(name)
                continue
            found[name] = tuple(sorted({*found.get(name, ()), package}))
            step = (name, tuple(sorted(asked.extras)))
            if step not in seen:
                seen.add(step)
                waiting.append(step)
    return found, sorted(set(missing))


def licence(name: str) -> str:
    """What a package says of its licence: SPDX where it does, else classifiers, else its text."""
    about: Mapping[str, Any] = metadata.metadata(name).json
    if spdx := str(about.get("license_expression", "")):
        return spdx
    stated = [each for each in about.get("classifier", ()) if each.startswith("License ::")]
    words = [each.split(" :: ")[-1] for each in stated]
    words = [each for each in words if each != "OSI Approved"]
    if words:
        return "; ".join(words)
    text = str(about.get("license", ""))
    return (text.strip().splitlines() or ["not stated"])[0][:80]


def kind(stated: str) -> str:
    """The strictest kind of all that is stated; where there is a choice, the mildest of it."""
    if len(choices := re.split(r"\s+OR\s+", stated)) > 1:
        return min(map(kind, choices), key=ORDER.index)
    if len(parts := re.split(r"\s+AND\s+|;\s*", stated)) > 1:
        return max(map(kind, parts), key=ORDER.index)
    fits = (name for name, rules in KINDS.items() if any(re.search(r, stated) for r in rules))
    return next(fits, "unknown")


def listed() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """A row for each package, and a row for each that is not installed here."""
    rows: dict[str, dict[str, object]] = {}
    wanted: dict[str, list[str]] = {}
    lacking: list[dict[str, object]] = []
    for extra in EXTRAS:
        found, missing = all_needs(extra)
        title = extra or "core"
        lacking += [{"extra": title, "package": name} for name in missing]
        for name in found:
            stated = licence(name)
            row = {"version": metadata.version(name), "licence": stated, "kind": kind(stated)}
            rows[name] = {"package": name, **row}
            wanted.setdefault(name, []).append(title)
    whole = [
        rows[name] | {"needed by": "core" if "core" in said else ", ".join(said)}
        for name, said in sorted(wanted.items())
    ]
    return whole, lacking


def refused(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Rows of licences that p2law does not want: strong copyleft, unknown, others' property."""
    allowed = ("permissive", "weak copyleft")
    return [
        each
        for each in rows
        if each["kind"] not in allowed and not LIBRARIES.match(str(each["package"]))
    ]


def changed(rows: Sequence[dict[str, object]], file: Path) -> list[str]:
    """Sentences on what is needed now and does not stand so in a list that was kept."""
    kept = {each["package"]: each["licence"] for each in keeping.read(file)["tables"]["packages"]}
    return [
        f"{name} is under {each['licence']}, kept was {kept.get(name, 'nothing of it')}"
        for each in rows
        if not FOR_GPUS.match(name := str(each["package"])) and kept.get(name) != each["licence"]
    ]


def main() -> None:
    """List, keep, and refuse."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--check", type=Path, help="list that was kept, to be compared with")
    options = parser.parse_args()
    rows, lacking = listed()
    for each in rows:
        print("{package:28}{version:20}{kind:16}{licence:50}  {needed by}".format(**each))
    for each in lacking:
        print("{package} (of {extra}) is not installed here and not listed".format(**each))
    if options.save:
        keeping.keep(options.save, {"packages": rows, "not installed": lacking})
    if news := changed(rows, options.check) if options.check else []:
        print(*news, sep="\n")
        sys.exit(f"{options.check} is not current; keep it anew with --save")
    if odd := refused(rows):
        sys.exit(f"not wanted: {', '.join(str(each['package']) for each in odd)}")


if __name__ == "__main__":
    main()
