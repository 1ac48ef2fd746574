"""Hostile tables: files of every kind, and tables in memory."""

import gzip
import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import p2law
from p2law import forms
from tests.hostile.spoiling import (
    VALUES,
    Generator,
    pick,
    spoiled_bytes,
    spoiled_cell,
    spoiled_text,
)

COLUMNS = ("params", "tokens", "pruning_rate", "base_loss", "loss", "run", "seed", "eval_text")
NAMES = ("", " loss", "Loss", "lоss", "loss", "N0", "tokens", "a\nb", "__len__", "0", "unnamed: 0")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252")
LAWS = (None, None, None, forms.p2, *forms.builtin)
OBJECTIVES = (p2law.squared(), p2law.huber(0.01), p2law.huber(1e-3, log=True))


def table(rng: Generator) -> pd.DataFrame:
    """Records as they should be: some sizes, rates and token counts."""
    sizes = np.sort(rng.choice([1e8, 3e8, 1e9, 3e9, 8e9], int(rng.integers(1, 4)), replace=False))
    rates = np.sort(rng.choice([0.1, 0.25, 0.4, 0.5], int(rng.integers(1, 4)), replace=False))
    made = p2law.grid(
        params=list(sizes),
        pruning_rate=list(rates),
        tokens=list(np.geomspace(1e7, 1e9, int(rng.integers(1, 7)))),
    )
    made["base_loss"] = 2.0 + 1e8 / made["params"]
    damage = made["pruning_rate"] ** 1.2 * (0.2 + 30 * made["tokens"] ** -0.3)
    made["loss"] = made["base_loss"] + damage + rng.normal(0, 0.003, len(made))
    made["run"] = [f"{n:g}-{r:g}" for n, r in made[["params", "pruning_rate"]].to_numpy()]
    made["seed"], made["eval_text"] = 0, "novels"
    made["params_after"] = made["params"] * (1 - made["pruning_rate"])
    made["unique_tokens"], made["base_score"] = 5e8, 0.7
    made["score"] = 0.7 * (1 - made["pruning_rate"])
    return made


def from_file(rng: Generator, folder: Path) -> Any:
    """A spoiled file, or several: loaded, and fitted where it can be."""
    whole = table(rng)
    kind = pick(rng, ("csv", "csv", "csv", "jsonl", "parquet", "gz", "many", "odd"))
    source = WRITERS[kind](whole, rng, folder)
    needs = pick(rng, ((), ("loss",), ("loss", "tokens")))
    return _fitted(p2law.load(source, needs=needs), rng)


def in_memory(rng: Generator, folder: Path) -> Any:
    """A spoiled DataFrame, fitted as it is."""
    made = table(rng)
    for _ in range(int(rng.integers(0, 3))):
        made = _spoiled_frame(made, rng)
    return _fitted(made, rng)


def _fitted(records: Any, rng: Generator) -> Any:
    law, objective = pick(rng, LAWS), pick(rng, OBJECTIVES)
    weight = pick(rng, (*[None] * 9, "run", "tokens", "none", "loss"))
    fit = p2law.fit(records, law, objective=objective, weight=weight)
    told = fit.predict(fit.records, kind=pick(rng, ("mean", "run")))
    return str(fit), fit._repr_html_(), told, fit.to_json()


# -- files ---------------------------------------------------------------------------


def _csv(whole: pd.DataFrame, rng: Generator, folder: Path) -> Path:
    text = whole.to_csv(index=bool(rng.integers(2)), sep=pick(rng, (*[","] * 9, ";", "\t", "|")))
    for _ in range(int(rng.integers(0, 3))):
        text = _spoiled_csv(text, rng)
    content = text.encode(pick(rng, (*["utf-8"] * 5, *ENCODINGS)), "backslashreplace")
    if rng.random() < 0.2:
        content = spoiled_bytes(content, rng)
    path = folder / pick(
        rng, (*["t.csv"] * 6, "t.CSV", "t.txt", "t", "=t.csv", "t.tsv", "t.parquet")
    )
    path.write_bytes(content)
    return path


def _spoiled_csv(text: str, rng: Generator) -> str:
    kind = int(rng.integers(9))
    lines = text.split("\n")
    if kind == 0:
        header = lines[0].split(",")
        header[int(rng.integers(len(header)))] = pick(rng, NAMES)
        return "\n".join([",".join(header), *lines[1:]])
    if kind == 1:
        return pick(
            rng, ("", "\n", lines[0], lines[0] + "\n", "\n".join(lines[1:]), "# x\n" + text)
        )
    if kind == 2:
        return text.replace("\n", pick(rng, ("\r", "\r\n", "\n\n", ",\n")))
    if kind == 3 and rng.random() < 0.05:
        return ",".join(["loss", *map(str, range(100_000))]) + "\n" + "1," * 100_000 + "1\n"
    if kind == 4:
        return text.replace(".", ",")
    if kind in (5, 6):
        return spoiled_text(text, rng)
    return spoiled_cell(text, rng)


def _jsonl(whole: pd.DataFrame, rng: Generator, folder: Path) -> Path:
    rows = whole.to_dict("records")
    for _ in range(int(rng.integers(1, 4))):
        row = pick(rng, rows)
        row[pick(rng, COLUMNS)] = pick(rng, VALUES)
    lines = [json.dumps(row) for row in rows]
    if rng.random() < 0.3:
        odd = (
            "",
            "null",
            "[]",
            "{",
            '{"loss": 1, "loss": 2}',
            "[" * 50_000,
            "NaN",
            '{"loss": 1e999}',
        )
        lines.insert(int(rng.integers(len(lines))), pick(rng, odd))
    content = "\n".join(lines).encode(pick(rng, ENCODINGS))
    path = folder / pick(rng, ("t.jsonl", "t.json", "t.ndjson"))
    path.write_bytes(spoiled_bytes(content, rng) if rng.random() < 0.3 else content)
    return path


def _parquet(whole: pd.DataFrame, rng: Generator, folder: Path) -> Path:
    spoiled = _spoiled_frame(whole, rng)
    try:
        content = parquet_of(spoiled)
    except Exception:  # noqa: BLE001 - not every table can be Parquet; then one that can
        content = parquet_of(whole)
    path = folder / "t.parquet"
    path.write_bytes(spoiled_bytes(content, rng) if rng.random() < 0.6 else content)
    return path


def parquet_of(frame: pd.DataFrame, **more: Any) -> bytes:
    """A table as a Parquet file; where nothing can write one, nothing reads what stands for it."""
    if find_spec("pyarrow") is None:
        return b"PAR1"
    buffer = io.BytesIO()
    frame.to_parquet(buffer, **more)
    return buffer.getvalue()


def _gz(whole: pd.DataFrame, rng: Generator, folder: Path) -> Path:
    content = gzip.compress(whole.to_csv(index=False).encode())
    path = folder / pick(rng, ("t.csv.gz", "t.jsonl.gz", "t.gz", "t.csv"))
    path.write_bytes(spoiled_bytes(content, rng) if rng.random() < 0.7 else content)
    return path


def _many(whole: pd.DataFrame, rng: Generator, folder: Path) -> Any:
    for k in range(int(rng.integers(0, 4))):
        inner = folder / f"part{k}"
        inner.mkdir()
        _csv(whole, rng, inner)
    whole.to_csv(folder / "whole.csv", index=False)
    sources = (folder, str(folder / "*.csv"), str(folder / "**"), [folder / "whole.csv"] * 2, [])
    return pick(rng, sources)


def _odd(whole: pd.DataFrame, rng: Generator, folder: Path) -> Any:
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "folder.csv").mkdir()
    return pick(
        rng,
        (
            folder / "loop",
            folder / "folder.csv",
            folder / "none.csv",
            "",
            "\x00",
            "x" * 5_000,
            "http://localhost/t.csv",
            b"bytes",
            3,
            None,
            [1, 2],
            {"loss": [1.0]},
            [whole],
            whole.to_numpy(),
        ),
    )


WRITERS = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "gz": _gz,
    "many": _many,
    "odd": _odd,
}


# -- tables in memory ----------------------------------------------------------------


def _spoiled_frame(made: pd.DataFrame, rng: Generator) -> pd.DataFrame:
    """A table with a value, a type, a name or the index spoiled."""
    name = pick(rng, COLUMNS)
    name = name if name in made.columns else made.columns[0]
    kind = int(rng.integers(12))
    if not len(made) or not isinstance(made[name], pd.Series):  # two columns of one name
        return made
    if kind <= 3:
        column = made[name].astype(object)
        column.iloc[int(rng.integers(len(made)))] = pick(rng, VALUES)
        return made.assign(**{str(name): column})
    if kind == 4:
        types = ("float32", "Int64", "string", "category", "complex128", "object", "Float64")
        try:
            return made.astype({name: pick(rng, types)})
        except (ValueError, TypeError, OverflowError):
            return made
    if kind == 5:
        return made.rename(columns={name: pick(rng, (*NAMES, 3, None, ("a", "b"), float("nan")))})
    if kind == 6:
        try:
            return made.set_index(pick(rng, (["run"], ["run", "tokens"], "loss", "params")))
        except (KeyError, TypeError):  # the column is gone, or holds what cannot be a label
            return made
    if kind == 7:
        return pd.concat([made, made]) if rng.integers(2) else made.iloc[:0]
    if kind == 8:
        return made.assign(**{str(name): made[name].iloc[0]})
    if kind == 9:
        factor = pick(rng, (0.0, -1.0, 1e-300, 1e-12, 1e12, 1e300, np.nan))
        numeric = pd.to_numeric(made[name], errors="coerce")
        with np.errstate(all="ignore"):
            return made.assign(**{str(name): numeric * factor})
    if kind == 10:
        return made.assign(extra=_column([pick(rng, VALUES) for _ in range(len(made))], made))
    return made.assign(**{str(name): pd.Timestamp("2026-01-31")})


def _column(values: list[Any], made: pd.DataFrame) -> Any:
    """Values as pandas would hold them, or as objects where it cannot.

    It cannot hold half a character as text, and before 2.3 no whole number beyond all floats.
    """
    try:
        return pd.Series(values, made.index)
    except (UnicodeEncodeError, OverflowError):
        return pd.Series(values, made.index, dtype=object)
