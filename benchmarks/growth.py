"""How time and memory of a fit grow with rows: P² of nine runs, p2law beside experts.

Each fit is made in a fresh process. CPU time is that of the fit (with 1e5 rows and fewer the
median of three after one more, else the first); the peak is the largest resident set of the
process, with the interpreter, the packages and the records in it.

    python benchmarks/growth.py [--save FILE] [--rows 1e3 1e4 1e5 1e6 1e7]
"""

import statistics
from pathlib import Path

import keeping
import problems
from asking_tools import TOOLS, answers
from options import parser_of

NAMES = ("p2law", "lmfit, expert", "curve_fit, expert")


def main() -> None:
    """Print one line a size and tool."""
    parser = parser_of(__doc__)
    parser.add_argument("--save", type=Path, help="keep the figures in this file")
    parser.add_argument("--rows", type=float, nargs="+", default=[1e3, 1e4, 1e5, 1e6, 1e7])
    asked = parser.parse_args()
    rows = []
    for size in map(int, asked.rows):
        problem = problems.nine_runs(size)
        held = 8 * len(problem.records) * (len(problem.form.columns) + 1) / 2**20
        found = {
            name: answers(TOOLS[name], {"growth": problem}, 3 if size <= 100_000 else 1)
            for name in NAMES
        }
        judged = {name: problem.judge(own.fits["growth"].values) for name, own in found.items()}
        spent = {name: statistics.median(own.fits["growth"].seconds) for name, own in found.items()}
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
