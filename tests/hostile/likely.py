"""Cases that get past the door: all is as it should be, but for a place or two."""

import contextlib
import functools
import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import p2law
from tests.hostile import others, tables
from tests.hostile.spoiling import CELLS, SURROGATES, VALUES, Generator, pick, spoiled_bytes

MODEL = ("--params", "8e9", "--pruning-rate", "0.3", "--base-loss", "2.1")
COMMANDS: dict[str, tuple[str, ...]] = {
    "fit": ("records.csv", "--objective", "huber(0.01)", "--json"),
    "predict": ("fit.json", *MODEL, "--tokens", "1e9", "2e9", "--kind", "run"),
    "score": ("fit.json", "records.csv", "--where", "tokens > 1e8"),
    "compare": ("records.csv", "--hold", "last-tokens=0.2", "--forms", "p2", "token_power"),
    "tokens": ("fit.json", "--loss", "2.3", *MODEL),
    "saturation": ("fit.json", "--gain", "0.01", *MODEL),
    "plan": ("plan.toml",),
    "import-log": (
        "log.csv",
        *("--kind", "csv", "--column", "step=train/global_step", "loss=eval/loss"),
        *("--tokens-per-step", "128", "-o", "out.csv"),
    ),
    "report": ("fit.json", "-o", "out.html", "--no-holdouts", "--no-pictures"),
    "next-runs": (
        *("fit.json", "candidates.csv", "--budget", "2e20", "--target"),
        *("params=8e9", "tokens=1e10", "pruning_rate=0.3", "base_loss=2.0"),
    ),
    "collect plan": ("sweep.toml", "--peak-flops", "1e14", "--mfu", "0.4"),
    "collect status": ("out",),
    "collect gather": ("out", "-o", "out.csv"),
    "collect run": ("sweep.toml", "--out", "out"),
}
"""Each command with words that it answers; files are those of `_folder`."""

PLAN = """loss = 2.2
rates = [0.25]
[fits]
depth = "fit.json"
[[models]]
name = "8B"
params = 8e9
base_loss = 2.05
[prices]
peak_flops = 1e15
mfu = 0.4
[limits]
params_after = 4e9
"""


def loading(rng: Generator, folder: Path) -> Any:
    """A spoiled file, now and then one whose lines share no columns, or with half a character."""
    if rng.random() < 0.95:
        return tables.from_file(rng, folder)
    return pick(rng, (_wide, _half_characters))(rng, folder)


def _wide(rng: Generator, folder: Path) -> Any:
    """A file that is small and would be a large table, or nearly one."""
    columns = pick(rng, (200, 9_000, 20_000))
    if rng.random() < 0.3:
        (folder / "t.parquet").write_bytes(_parquet(columns if columns == 200 else 10_000))
        return p2law.load(folder / "t.parquet")
    rows = [{f"c{k}": 1, "loss": 2.0} for k in range(columns)]
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return p2law.load(folder / "t.jsonl")


@functools.cache
def _parquet(columns: int) -> bytes:
    """A Parquet file of one row."""
    frame = pd.DataFrame({f"c{k}": [1.0] for k in range(columns)}).assign(loss=2.0)
    # A dictionary for each column would take more memory than this process may have.
    return tables.parquet_of(frame, use_dictionary=False)


def _half_characters(rng: Generator, folder: Path) -> Any:
    """Labels or names of columns that no UTF-8 text can hold, in JSONL and in memory."""
    made, odd = tables.table(rng), pick(rng, SURROGATES)
    if rng.random() < 0.3:
        names = [odd if name == "seed" else name for name in made.columns]
        made.columns = pd.Index(names, dtype=object)
    else:
        made["run"] = made["run"].astype(object)
        made.loc[int(rng.integers(len(made))), "run"] = odd
    if rng.random() < 0.5:
        lines = [json.dumps(row) for row in made.to_dict("records")]
        (folder / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
        made = p2law.load(folder / "t.jsonl")
    fit = p2law.fit(made)
    return str(fit), fit._repr_html_(), p2law.Fit.from_json(fit.to_json())


def saved_fit(rng: Generator, folder: Path) -> Any:
    """A saved fit with one leaf spoiled, or spoiled anywhere."""
    if rng.random() < 0.5:
        return others.saved_fit(rng, folder)
    tree = json.loads(pick(rng, others.saved_fits()))
    leaves = _leaves(tree)
    # Most leaves are numbers of records; what else there is must have its turn.
    kinds = {name: list(part) for name, part in itertools.groupby(leaves, lambda each: each[0])}
    at = pick(rng, kinds[pick(rng, list(kinds))])
    inner = tree
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = _other(inner[at[-1]], rng)
    fit = p2law.Fit.from_json(json.dumps(tree))
    return str(fit), fit.predict(fit.records), fit.to_json()


def _leaves(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where all that is neither a list nor a mapping stands in a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [
        place
        for key, value in inner
        for place in (
            _leaves(value, (*at, key)) if isinstance(value, (dict, list)) else [(*at, key)]
        )
    ]


def _other(value: Any, rng: Generator) -> Any:
    """A value in place of another: one much like it, or any."""
    if isinstance(value, float) and rng.random() < 0.5:
        return value * pick(rng, (1 + 1e-15, 1 + 1e-9, 1.01, -1.0, 1e-300, 1e300))
    if isinstance(value, str) and rng.random() < 0.5:
        return value + pick(rng, ("x", " ", "\x00", "\u202e", "<script>", *SURROGATES))
    return pick(rng, (*VALUES, *SURROGATES))


# -- the command line ----------------------------------------------------------------


def command_line(rng: Generator, folder: Path) -> Any:
    """A command with words that it answers, none, one or two of them spoiled."""
    _folder(rng, folder)
    command = pick(rng, list(COMMANDS))
    words = [*command.split(" "), *COMMANDS[command]]
    for _ in range(int(rng.integers(0, 3))):
        words = _spoiled(words, len(command.split(" ")), rng)
    if command == "collect run":
        words.insert(2, "--help")  # nothing is to be trained here
    here = {each.name: str(each) for each in (*folder.iterdir(), *_to_come(folder))}
    with contextlib.chdir(folder):  # a spoiled word may name a file to write
        return others.answered([here.get(each, each) for each in words])


def _to_come(folder: Path) -> Sequence[Path]:
    return [folder / name for name in ("none.csv", "out.csv", "out.html")]


def _folder(rng: Generator, folder: Path) -> None:
    """Write the files that commands are about."""
    (folder / "fit.json").write_text(others.saved_fits()[0], encoding="utf-8")
    records = tables.table(rng)
    records.to_csv(folder / "records.csv", index=False)
    records.assign(run=[f"new {k}" for k in range(len(records))], cost=1e19).head(6).to_csv(
        folder / "candidates.csv", index=False
    )
    (folder / "broken.csv").write_bytes(
        spoiled_bytes((folder / "records.csv").read_bytes(), rng),
    )
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    shutil.copy(others.LOGS / "wandb" / "history.csv", folder / "log.csv")
    shutil.copy(others.SWEEP, folder / "sweep.toml")
    shutil.copytree(others.SWEEP.parent / "text", folder / "text")
    (folder / "out").mkdir()


def _spoiled(words: Sequence[str], first: int, rng: Generator) -> list[str]:
    """Words with one after the command's name lost, doubled, changed or put in."""
    at = int(rng.integers(first, len(words) + 1))
    files = ("fit.json", "records.csv", "broken.csv", "none.csv", "plan.toml", "log.csv", "out")
    other = pick(rng, (*files, *others.WORDS, *CELLS, *SURROGATES))
    kind = int(rng.integers(4))
    if at == len(words) or kind == 0:
        return [*words[:at], other, *words[at:]]
    if kind == 1:
        return [*words[:at], *words[at + 1 :]]
    if kind == 2 and "=" in words[at]:
        return [*words[:at], f"{words[at].partition('=')[0]}={other}", *words[at + 1 :]]
    return [*words[:at], other, *words[at + 1 :]]
