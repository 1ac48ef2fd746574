"""How time and memory of a fit grow with rows: P² of nine runs, p2law beside experts.

Each size and tool has a fresh process, which first fits 900 rows, so that what a first fit loads
counts nowhere. CPU time is the median of three fits (one from 1e7 rows on); the peak is the largest
resident set of the process, with the interpreter, the packages and the records in it.

    python benchmarks/growth.py [--save FILE] [--rows 1e3 1e4 1e5 1e6 1e7]
"""

import statistics
from pathlib import Path

import keeping
import problems
from asking_tools import TOOLS, answers
from options import parser_of

NAMES = ("p2law", "lmfit, expert", "curve_fit, expert")
FIRST, THEN = "1 first", "2 then"
"""Titles of problems, which are taken in their order."""


def main() -> None:
    """Print one line a size and tool."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    parser.add_argument("--rows", type=float, nargs="+", default=[1e3, 1e4, 1e5, 1e6, 1e7])
    asked = parser.parse_args()
    rows = []
    for size in map(int, asked.rows):
        problem = problems.nine_runs(size)
        asked_of = {FIRST: problems.nine_runs(900), THEN: problem}
        held = 8 * len(problem.records) * (len(problem.form.columns) + 1) / 2**20
        repeats = 3 if size <= 1_000_000 else 1
        found = {name: answers(TOOLS[name], asked_of, repeats) for name in NAMES}
        judged = {name: problem.judge(own.fits[THEN].values) for name, own in found.items()}
        spent = {name: statistics.median(own.fits[THEN].seconds) for name, own in found.items()}
        for name, own in found.items():
            rows.append(
                {
                    "rows": len(problem.records),
                    "tool": name,
                    "cpu_s": spent[name],
                    "times_p2law": spent[name] / spent["p2law"],
                    "excess": judged[name] / min(judged.values()) - 1,
                    "peak_mb": own.peak_mb,
                    "columns_mb": held,
                }
            )
            print(rows[-1], flush=True)
    if asked.save:
        keeping.keep(asked.save, {"growth": rows})


if __name__ == "__main__":
    main()
