"""Ways to spoil a text, bytes, a value or a nested mapping."""

import csv
import io
from typing import Any

import numpy as np

Generator = np.random.Generator

CELLS = (
    "",
    " ",
    "nan",
    "NaN",
    "null",
    "None",
    "inf",
    "-inf",
    "Infinity",
    "1e400",
    "-1e400",
    "5e-324",
    "1e-320",
    "-0",
    "0",
    "-1",
    "1",
    "1e-12",
    "1e18",
    "1e308",
    "9" * 400,
    "1,000",
    "1.000,5",
    "1_000",
    "0x1F",
    "1d5",
    "1e",
    "1.2.3",
    "--1",
    "+3",
    "30%",
    "8B",
    "8e9 ",
    "\t1",
    "true",
    "2026-01-31",
    "12:30",
    "1 2",
    "½",
    "١٢٣",
    "１２",
    "\u2212" + "1",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3+cmd",
    "'",
    '"',
    '"unclosed',
    "a\nb",
    "\x00",
    "\ufeff1",
    "\u202e1",
    "😀",
    "__import__('os').system('true')",
    "{}",
    "[1, 2]",
    "(1+2j)",
    "x" * 100_000,
)

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    0.3,
    8e9,
    1e308,
    5e-324,
    -0.0,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "nan",
    "1e9",
    "x\ud800",
    "\x00",
    [],
    [[]],
    [1, 2],
    [None],
    {},
    {"a": 1},
    "=1+1",
)

SURROGATES = ("\ud800", "a\udfff", "\udc80.csv")
"""Halves of characters: texts to Python, but to no encoding."""


def pick(rng: Generator, options: Any) -> Any:
    """One of them."""
    return options[int(rng.integers(len(options)))]


def spoiled_bytes(content: bytes, rng: Generator) -> bytes:
    """Bytes with a few of them changed, cut off, doubled or put in."""
    kind = int(rng.integers(6))
    at = int(rng.integers(len(content) + 1))
    if kind == 0:
        return content[:at]
    if kind == 1:
        changed = bytearray(content)
        for k in rng.integers(0, max(len(content), 1), 3):
            changed[k : k + 1] = bytes([int(rng.integers(256))])
        return bytes(changed)
    if kind == 2:
        return content[:at] + rng.bytes(int(rng.integers(1, 40))) + content[at:]
    if kind == 3:
        return content + content[at:]
    if kind == 4:
        return content[at:]
    end = min(len(content), at + int(rng.integers(1, 200)))
    return content[:at] + content[end:]


def spoiled_text(text: str, rng: Generator) -> str:
    """Text with one of its lines or words lost, doubled, moved or replaced."""
    lines = text.split("\n")
    at = int(rng.integers(len(lines)))
    kind = int(rng.integers(5))
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[at])
    elif kind == 2:
        lines.insert(int(rng.integers(len(lines))), lines.pop(at))
    else:
        words = lines[at].split(" ")
        words[int(rng.integers(len(words)))] = pick(rng, CELLS)
        lines[at] = " ".join(words)
    return "\n".join(lines)


def spoiled_cell(text: str, rng: Generator) -> str:
    """A table of commas with one cell replaced, quoted as CSV asks for in every second place.

    Which place that is takes no choice of its own: quoted and bare cells come with the others.
    """
    lines = text.split("\n")
    row = int(rng.integers(len(lines)))
    cells = lines[row].split(",")
    cell = pick(rng, CELLS)
    column = int(rng.integers(len(cells)))
    cells[column] = cell
    lines[row] = _joined(cells) if (row + column) % 2 else ",".join(cells)
    return "\n".join(lines)


def _joined(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def spoiled_tree(tree: Any, rng: Generator) -> Any:
    """Nested lists and mappings, copied, one place of them changed."""
    if isinstance(tree, dict) and tree and rng.random() < 0.85:
        name = pick(rng, list(tree))
        kind = int(rng.integers(8))
        rest = {key: value for key, value in tree.items() if key != name}
        if kind == 0:
            return rest
        if kind == 1:
            return {**rest, pick(rng, ("", "x", name.upper(), "__class__")): tree[name]}
        return {**tree, name: spoiled_tree(tree[name], rng)}
    if isinstance(tree, list) and tree and rng.random() < 0.85:
        at = int(rng.integers(len(tree)))
        kind = int(rng.integers(6))
        if kind == 0:
            return tree[:at] + tree[at + 1 :]
        if kind == 1:
            return tree + tree[at:]
        return [*tree[:at], spoiled_tree(tree[at], rng), *tree[at + 1 :]]
    if rng.random() < 0.02:
        for _ in range(300):
            tree = [tree]
        return tree
    return pick(rng, VALUES)
