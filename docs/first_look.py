"""The picture on the first page of the documentation: what the lines above it draw.

python docs/first_look.py
"""

import os
import re
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "index.md"
PICTURE = ROOT / "docs" / "first_look.svg"


def main() -> None:
    """Run the first lines of docs/index.md, write docs/first_look.svg."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "p2law"
    os.chdir(ROOT)
    (lines, *_) = re.findall(r"```python\n(.*?)\n```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(compile(lines, "index.md", "exec"), {})  # noqa: S102 - that is the point
    plt.gcf().savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
