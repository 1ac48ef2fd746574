"""The tools that are compared; each is asked in a process and an environment of its own."""

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import environments
from problems import Problem

SCRIPTS = Path(__file__).parent / "tools"


@dataclass(frozen=True)
class Tool:
    """A way to fit: its environment ("" is ours), its script, what it can do, how dear it is."""

    environment: str
    script: str
    laws: tuple[str, ...] = ("chinchilla", "p2")
    robust: bool = False
    """Whether it can minimise Huber's function over logarithms."""
    slow: bool = False

    def can(self, problem: Problem) -> bool:
        """Whether it knows the law and what is minimised."""
        return problem.law in self.laws and (self.robust or problem.delta is None)


@dataclass(frozen=True)
class Found:
    """What a tool found for one problem: coefficients, CPU seconds of each repeat, its error."""

    values: dict[str, float] | None
    seconds: list[float]
    error: str
    ends: dict[str, list[float]] | None = None
    """Ends of intervals of losses, where these were asked for."""


@dataclass(frozen=True)
class Answers:
    """What a tool found, by the title of the problem, and what it is."""

    version: str
    peak_mb: float
    fits: dict[str, Found]


DENSE = ("chinchilla",)
TOOLS = {
    "p2law": Tool("", "ours", robust=True),
    "lmfit, expert": Tool("lmfit", "lmfit_expert", robust=True),
    "lmfit, 30 random starts": Tool("lmfit", "lmfit_starts", robust=True),
    "lmfit, beginner": Tool("lmfit", "lmfit_beginner"),
    "curve_fit, expert": Tool("scipy", "scipy_expert", robust=True),
    "curve_fit, beginner": Tool("scipy", "scipy_beginner"),
    "statsmodels NonlinearLS, expert": Tool("statsmodels", "statsmodels_squares"),
    "statsmodels GenericLikelihoodModel": Tool("statsmodels", "statsmodels_likelihood"),
    "simple-scaling-laws": Tool("simple-scaling-laws", "simple_laws", DENSE),
    "chinchilla": Tool("chinchilla", "chinchilla_package", DENSE, robust=True, slow=True),
}
DRAWING = {
    "p2law": Tool("", "ours_draws"),
    "simple-scaling-laws": Tool("simple-scaling-laws", "simple_laws_draws", DENSE),
}
"""Those that draw 1,000 times what might have been measured, for intervals of losses."""


def answers(tool: Tool, asked: Mapping[str, Problem], repeats: int) -> Answers:
    """What a tool finds for each problem whose law it knows."""
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name) / "found.json"
        for title, problem in asked.items():
            problem.write(folder / f"{title}.npz")
        python = environments.python_of(tool.environment) if tool.environment else sys.executable
        command = [SCRIPTS / "run.py", tool.script, folder, out, repeats]
        more = {} if tool.environment else {"PYTHONPATH": str(Path(__file__).parents[1])}
        environments.run(python, command, **more)
        told = json.loads(out.read_text(encoding="utf-8"))
    fits = {title: Found(**each) for title, each in told["fits"].items()}
    return Answers(told["version"], told["peak MB"], fits)


def median_seconds(turns: Sequence[Answers], title: str) -> float:
    """CPU time of a fit of one problem, over all turns and repeats."""
    return statistics.median(each for turn in turns for each in turn.fits[title].seconds)
