"""docs/performance.md, made of the files of benchmarks/figures alone.

python benchmarks/performance_page.py
"""

from pathlib import Path

import performance_text as text
from pages import Part, page_of, section
from performance_goals import of_goals

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

PARTS = (
    Part(
        "peers",
        "Beside other tools",
        text.PEERS,
        {
            "known": {
                "problem": ("problem", ""),
                "tool": ("tool", ""),
                "excess of the objective": ("excess", ".2e"),
                "CPU ms": ("cpu_ms", ",.1f"),
                "CPU time / p2law's": ("times_p2law", ",.2f"),
            },
            "draws": {
                "240 points with 1,000 draws": ("tool", ""),
                "CPU s": ("cpu_s", ".2f"),
                "CPU time / p2law's": ("times_p2law", ".1f"),
                "random problems": ("problems", ""),
                "true losses held": ("held", ".1%"),
                "at ten times the tokens": ("held_longer", ".1%"),
                "width / p2law's": ("width", ".2f"),
            },
            "random": {
                "law": ("law", ""),
                "family": ("family", ""),
                "tool": ("tool", ""),
                "problems": ("problems", ""),
                "best found": ("found", ""),
                "no answer": ("no_answer", ""),
                "outside bounds": ("outside_bounds", ""),
                "median excess": ("median_excess", ".1e"),
                "worst excess": ("worst_excess", ".1e"),
                "CPU ms": ("cpu_ms", ",.1f"),
            },
        },
        text.of_peers,
        of_goals,
    ),
    Part(
        "growth",
        "Growth with rows",
        text.GROWTH,
        {
            "growth": {
                "rows": ("rows", ","),
                "tool": ("tool", ""),
                "CPU s": ("cpu_s", ".3g"),
                "CPU time / p2law's": ("times_p2law", ".2f"),
                "excess of the objective": ("excess", ".1e"),
                "peak, MiB": ("peak_mb", ",.0f"),
                "records alone, MiB": ("columns_mb", ",.1f"),
            }
        },
        text.of_growth,
    ),
    Part(
        "scale",
        "Large tables, many runs, clusters",
        text.SCALE,
        {
            "rows": {
                "10,000,000 rows": ("after", text.grouped),
                "CPU s so far": ("CPU seconds", ".1f"),
                "peak so far, MiB": ("peak MiB", ","),
            },
            "runs": {
                "10,000 runs": ("after", text.grouped),
                "CPU s so far": ("CPU seconds", ".1f"),
                "peak so far, MiB": ("peak MiB", ","),
            },
            "lone": {
                "1,000,000 rows without runs": ("after", text.grouped),
                "CPU s so far": ("CPU seconds", ".1f"),
                "peak so far, MiB": ("peak MiB", ","),
            },
            "jobs": {
                "backend": ("backend", ""),
                "hash of all answers": ("hash of all answers", ""),
            },
        },
        text.of_scale,
    ),
    Part(
        "speed",
        "Refits, intervals, import",
        text.SPEED,
        {
            "refits": {
                "problem": ("problem", ""),
                "refits": ("refits", ","),
                "CPU s": ("cpu_s", ".2f"),
                "the expert's, CPU s": ("expert_cpu_s", ".2f"),
                "CPU time / p2law's": ("times_p2law", ".1f"),
                "worst excess": ("excess", ".0e"),
                "the expert's": ("expert_excess", ".0e"),
            },
            "interval": {"fit and an interval": ("problem", ""), "CPU s": ("cpu_s", ".2f")},
            "import": {
                "import": ("module", ""),
                "seconds": ("wall_s", ".2f"),
                "wall time / p2law's": ("times_p2law", ".2f"),
            },
        },
        wall=("seconds",),
    ),
    Part(
        "plans",
        "Plans",
        text.PLANS,
        {
            "plans": {
                "what": ("what", ""),
                "CPU s": ("CPU s", ".2f"),
                "wall clock, s": ("wall s", ".2f"),
            }
        },
        wall=("wall clock, s",),
    ),
    Part(
        "next_runs",
        "The runs to do next",
        text.NEXT_RUNS,
        {
            "next runs": {
                "known before": ("known before", ""),
                "more": ("overhead", ".1f"),
                "tasks": ("tasks", ""),
                "runs chosen": ("runs chosen", ".0f"),
                "random, median": ("random, median", ".2f"),
                "worst": ("random, worst", ".2f"),
                "grid, median": ("grid, median", ".2f"),
                "worst of grid": ("grid, worst", ".2f"),
                "above 1.05": ("grid, above 1.05", ""),
                "promised": ("promised, median", ".2f"),
                "a choice, CPU s": ("CPU s, median", ".1f"),
            }
        },
    ),
    Part(
        "readings",
        "A reading of a running run",
        text.READINGS,
        {
            "readings": {
                "checkpoints": ("checkpoints", ","),
                "first, CPU ms": ("first, CPU ms", ",.0f"),
                "then, CPU ms": ("then, CPU ms", ",.0f"),
            }
        },
    ),
    Part(
        "pictures",
        "Pictures",
        text.PICTURES,
        {
            "pictures": {
                "picture": ("picture", ""),
                "PNG, CPU s": ("png, CPU s", ".2f"),
                "SVG, CPU s": ("svg, CPU s", ".2f"),
            }
        },
    ),
    Part(
        "calibration_memory",
        "Memory of calibration",
        text.MEMORY,
        {
            "memory": {"pruned": ("pruned", ""), "MiB": ("MiB", ",.0f")},
            "parts": {"of which the part": ("part", ""), "MiB": ("MiB", ",.0f")},
        },
    ),
    Part(
        "real_shapes",
        "Pruning in real shapes",
        text.SHAPES,
        {
            "shapes": {
                "shape": ("model", ""),
                "pruned": ("pruned", ""),
                "rate": ("rate", ".3f"),
                "nominal rate": ("nominal rate", ".3f"),
                "one layer, MiB": ("layer MiB", ",.0f"),
                "more memory, MiB": ("MiB", ",.0f"),
                "seconds": ("wall s", ",.1f"),
            }
        },
        wall=("seconds",),
    ),
    Part(
        "loop",
        "The training loop",
        text.LOOP,
        {
            "loop": {
                "model": ("model", ""),
                "loop": ("loop", ""),
                "seconds of": ("seconds", ""),
                "tokens/s": ("tokens/s", ",.0f"),
                "of the bare loop": ("of the bare loop", ".1%"),
            }
        },
    ),
)


def page() -> str:
    """Text of the page."""
    return page_of(text.INTRO, map(section, PARTS))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
