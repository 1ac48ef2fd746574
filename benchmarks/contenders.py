"""The tools that are compared; each is asked in a process and an environment of its own."""

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import environments
from problems import Problem

SCRIPTS = Path(__file__).parent / "tools"

Answers = dict[str, dict[str, object]]


@dataclass(frozen=True)
class Tool:
    """A way to fit: its environment ("" is ours), its script, and how dear it is."""

    environment: str
    script: str
    slow: bool = False


TOOLS = {
    "p2law": Tool("", "ours"),
    "lmfit, expert": Tool("lmfit", "lmfit_expert"),
    "lmfit, beginner": Tool("lmfit", "lmfit_beginner"),
    "curve_fit, expert": Tool("scipy", "scipy_expert"),
    "curve_fit, beginner": Tool("scipy", "scipy_beginner"),
    "statsmodels NonlinearLS, expert": Tool("statsmodels", "statsmodels_squares"),
    "statsmodels GenericLikelihoodModel": Tool("statsmodels", "statsmodels_likelihood"),
    "simple-scaling-laws": Tool("simple-scaling-laws", "simple_laws"),
    "chinchilla": Tool("chinchilla", "chinchilla_package", slow=True),
}
DRAWING = {
    "p2law": Tool("", "ours_draws"),
    "simple-scaling-laws": Tool("simple-scaling-laws", "simple_laws"),
}


def answers(tool: Tool, asked: Mapping[str, Problem], repeats: int, **more: str) -> Answers:
    """What a tool finds for each problem that it can do; under the empty name what it is."""
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name) / "found.json"
        for title, problem in asked.items():
            problem.write(folder / f"{title}.npz")
        python = environments.python_of(tool.environment) if tool.environment else sys.executable
        command = [SCRIPTS / "run.py", tool.script, folder, out, repeats]
        if not tool.environment:
            more |= {"PYTHONPATH": str(Path(__file__).parents[1])}
        environments.run(python, command, **more)
        told = json.loads(out.read_text(encoding="utf-8"))
    return told["fits"] | {"": {"version": told["version"], "peak MB": told["peak MB"]}}
