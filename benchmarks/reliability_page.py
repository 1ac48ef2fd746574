"""docs/reliability.md, made of the files of benchmarks/figures alone.

python benchmarks/reliability_page.py
"""

from pathlib import Path

import reliability_text as text
from pages import Part, page_of, section

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"

OUTCOMES = {
    "results": ("results", ","),
    "refused in words": ("refused", ","),
    "unexplained": ("unexplained", ","),
}
SLOWEST = {"slowest, CPU s": ("slowest_cpu_s", ".2f")}

PARTS = (
    Part(
        "fuzz",
        "Hostile input",
        text.FUZZ,
        {
            "targets": {
                "what is spoiled": ("target", ""),
                "cases": ("cases", ","),
                **OUTCOMES,
                "run again": ("again", ","),
                **SLOWEST,
            }
        },
        text.of_cases,
    ),
    Part(
        "coverage_fuzz",
        "Hostile input guided by coverage",
        text.COVERAGE,
        {
            "targets": {
                "what is spoiled": ("target", ""),
                "cases": ("inputs", ","),
                **OUTCOMES,
                "branches at first": ("branches_first", ","),
                "in all": ("branches", ","),
                "inputs kept": ("kept", ","),
                **SLOWEST,
            }
        },
        text.of_cases,
    ),
    Part(
        "faults",
        "Faults while collecting",
        text.FAULTS,
        {
            "faults": {
                "fault": ("fault", ""),
                "sweeps": ("trials", ""),
                "faults": ("faults", ""),
                "measured again": ("again", ""),
                "equal records": ("equal", ""),
                "all equal": ("whole", ""),
                "lines lost": ("lost", ""),
                "doubled": ("doubled", ""),
                "unforeseen": ("unforeseen", ""),
                "cut off, or refused": ("where", ""),
                "what users are told, for example": ("said", text.example),
            }
        },
        text.of_faults,
    ),
    Part(
        "recovery",
        "Finding the law",
        text.RECOVERY,
        {
            "recovery": {
                "records": ("records", ""),
                "sizes": ("sizes", ""),
                "laws": ("laws", ""),
                "within, nat": ("within, nat", ""),
                "curves found": ("curves", ""),
                "worst curve, nat": ("worst, nat", ""),
                "exponents within 1e-6": ("exponents within 1e-6", ""),
                "worst exponent": ("worst", ""),
                "status": ("status", ""),
            }
        },
        text.of_recovery,
    ),
    Part(
        "planning_coverage",
        "Intervals of plans",
        text.PLANS,
        {
            "noises": {
                "noise": ("noise", ""),
                "designs": ("designs", ""),
                "studies of each": ("repeats", ","),
                "inside, mean": ("inside, mean", ".0%"),
                "lowest": ("inside, min", ".0%"),
                "highest": ("inside, max", ".0%"),
                "4 times the tokens, mean": ("4 x tokens, mean", ".0%"),
                "lowest there": ("4 x tokens, min", ".0%"),
                "highest there": ("4 x tokens, max", ".0%"),
            }
        },
    ),
    Part(
        "continuing_coverage",
        "Intervals of forecasts",
        text.FORECASTS,
        {
            "forecasts": {
                "law": ("law", ""),
                "runs": ("runs", ""),
                "forecasts": ("forecasts", ","),
                "held, no checkpoint": ("0, held", ".0%"),
                "one": ("1, held", ".0%"),
                "four": ("4, held", ".0%"),
                "half the width in nat, no checkpoint": ("0, half", ".4f"),
                "one checkpoint": ("1, half", ".4f"),
                "four checkpoints": ("4, half", ".4f"),
            }
        },
    ),
    Part(
        "round_trips",
        "There and back",
        text.ROUND_TRIPS,
        {
            "round trips": {
                "law": ("law", ""),
                "fits": ("fits", ","),
                "no answer": ("without an answer", ""),
                "loss within, nat": ("loss within, nat", ".0e"),
                "steep enough": ("where the slope allows 1e-6", ","),
                "tokens within": ("tokens within", ".0e"),
            }
        },
    ),
    Part(
        "ends",
        "Ends of real curves",
        text.ENDS,
        {
            "ends": {
                "curves": ("curves", ""),
                "runs": ("runs", ""),
                **{
                    name: (name, ".2f")
                    for name in (
                        "calibrated",
                        "worst",
                        "law alone",
                        "last value",
                        "power law",
                        "calibrated / naive",
                    )
                },
                "held, %": ("held", ".0f"),
            }
        },
    ),
    Part(
        "versions",
        "Versions",
        text.VERSIONS,
        {
            "built": {
                "file": ("file", ""),
                "bytes": ("bytes", ","),
                "sha256 begins": ("sha256", text.short),
                "built by": ("built by", ""),
                "the second time from": ("second time from", ""),
                "same the second time": ("same the second time", ""),
            },
            "environments": {
                "environment": ("environment", ""),
                "from": ("built", ""),
                "Python": ("python", ""),
                "versions": ("versions", ""),
                "tests": ("tests", text.files),
                "passed": ("passed", ","),
                "failed": ("failed", ","),
                "skipped": ("skipped", ","),
                "measured": ("measured", ""),
            },
        },
        text.of_versions,
    ),
    Part(
        "licences",
        "Licences",
        text.LICENCES,
        {
            "packages": {
                "package": ("package", ""),
                "version": ("version", ""),
                "licence": ("licence", ""),
                "kind": ("kind", ""),
                "needed by": ("needed by", ""),
            }
        },
        text.of_licences,
    ),
    Part(
        "audit",
        "Known vulnerabilities",
        text.AUDIT,
        {
            "summary": {
                "service of PyPI": ("service", ""),
                "packages with none known": ("none known", ""),
                "with some known": ("known", ""),
                "not asked about": ("not asked about", ""),
            }
        },
        text.of_audit,
    ),
)


def page() -> str:
    """Text of the page."""
    told = {each.figures: section(each) for each in PARTS}
    after = {"recovery": [text.STRESS], "audit": [text.SECURITY, text.DEFECTS]}
    parts = [each for name, own in told.items() for each in (own, *after.get(name, []))]
    return page_of(text.INTRO, parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
