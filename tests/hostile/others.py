"""Hostile logs, saved fits, sweep files, command lines and laws."""

import contextlib
import functools
import io
import itertools
import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import numpy as np

import p2law
from p2law import Bounds, Domain, forms, logs, testing
from p2law.cli import main
from p2law.collect import jobs, spec
from tests.hostile import tables
from tests.hostile.spoiling import (
    CELLS,
    VALUES,
    Generator,
    pick,
    spoiled_bytes,
    spoiled_cell,
    spoiled_text,
    spoiled_tree,
)

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "tests" / "reference" / "logs"
SWEEP = ROOT / "examples" / "collect_on_cpu.toml"


# -- logs ----------------------------------------------------------------------------


def log(rng: Generator, folder: Path) -> Any:
    """A spoiled log of a trainer, read with spoiled options."""
    options: dict[str, Any] = {"loss": _mostly(rng, "eval", ("train", "loss", "", "x", 3))}
    per_step = (8192.0, 0, -1, "x", None, np.nan, 1e300)
    if rng.random() < 0.9:
        options["tokens_per_step"] = _mostly(rng, 128, per_step)
    if rng.random() < 0.2:
        options["unit"] = pick(rng, ("nat", "bit", "perplexity", "", 3))
    if rng.random() < 0.2:
        options["thin"] = pick(rng, (1, 20, 0, -1, "x", 1e9))
    if rng.random() < 0.2:
        options["drop_first"] = pick(rng, (0, 1e6, -1, "x", np.inf))
    if rng.random() < 0.2:
        options["facts"] = {pick(rng, (*tables.COLUMNS, "x", "")): pick(rng, VALUES)}
    return pick(rng, (_trainer, _wandb, _tensorboard, _mapped))(rng, folder, options)


def _trainer(rng: Generator, folder: Path, options: dict[str, Any]) -> logs.Log:
    source = LOGS / "trainer" / "checkpoint-60" / "trainer_state.json"
    state = json.loads(source.read_text(encoding="utf-8"))
    content = json.dumps(spoiled_tree(state, rng)).encode()
    path = folder / "trainer_state.json"
    path.write_bytes(spoiled_bytes(content, rng) if rng.random() < 0.3 else content)
    return logs.read_trainer_state(pick(rng, (path, folder)), **options)


def _wandb(rng: Generator, folder: Path, options: dict[str, Any]) -> logs.Log:
    path = folder / "t.csv"
    path.write_bytes(_table_of_log(rng))
    return logs.read_wandb(path, **options)


def _mapped(rng: Generator, folder: Path, options: dict[str, Any]) -> logs.Log:
    path = folder / "t.csv"
    path.write_bytes(_table_of_log(rng))
    names = path.read_text(encoding="utf-8", errors="replace").split("\n")[0].split(",")
    columns = {"step": names[0], "loss": names[-1]}
    if rng.random() < 0.4:
        name = pick(rng, ("tokens", "step", "loss", "run", "x"))
        columns[name] = pick(rng, (pick(rng, names), *VALUES))
    options = {name: value for name, value in options.items() if name != "loss"}
    return logs.read_csv(path, columns, **options)


def _table_of_log(rng: Generator) -> bytes:
    source = LOGS / "wandb" / pick(rng, ("panel.csv", "history.csv"))
    text = source.read_text(encoding="utf-8").replace('"', "")
    for _ in range(int(rng.integers(1, 4))):
        text = spoiled_cell(text, rng)
    if rng.random() < 0.05:  # a column twice
        text = "\n".join(line + "," + line.split(",")[-1] for line in text.split("\n"))
    content = _encoded(text, rng)
    return spoiled_bytes(content, rng) if rng.random() < 0.2 else content


def _tensorboard(rng: Generator, folder: Path, options: dict[str, Any]) -> logs.Log:
    sources = sorted((LOGS / "tensorboard").rglob("events*"))
    content = pick(rng, sources).read_bytes()
    path = folder / "events.out.tfevents.1"
    path.write_bytes(spoiled_bytes(content, rng))
    return logs.read_tensorboard(pick(rng, (path, folder)), **options)


# -- saved fits ----------------------------------------------------------------------


@functools.cache
def saved_fits() -> tuple[str, ...]:
    """Fits that cases spoil or ask, made once in a process."""
    rng = np.random.default_rng(0)
    dense = testing.design((1e8, 1e9, 1e10), (0.0,), np.geomspace(1e9, 1e11, 4))
    truth = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.37}
    made = testing.synthesize(forms.chinchilla, truth, dense, noise=0.005)
    records = tables.table(rng)
    fits = (p2law.fit(records), p2law.fit(made, forms.chinchilla, objective=p2law.huber(0.01)))
    return tuple(each.to_json() for each in fits)


def saved_fit(rng: Generator, folder: Path) -> Any:
    """A spoiled saved fit: read, asked and shown."""
    text = pick(rng, saved_fits())
    kind = int(rng.integers(4))
    if kind == 0:
        text = spoiled_bytes(text.encode(), rng).decode("utf-8", "replace")
    elif kind == 1:
        text = text.replace(str(pick(rng, text.split(","))), str(pick(rng, CELLS)), 1)
    else:
        tree = json.loads(text)
        for _ in range(int(rng.integers(1, 3))):
            tree = spoiled_tree(tree, rng)
        text = json.dumps(tree)
    if rng.random() < 0.05:
        text = pick(rng, ("\ufeff", " ", "\x00", "\u2028")) + text
    fit = p2law.Fit.from_json(text)
    return str(fit), fit.predict(fit.records), fit.to_json()


# -- sweep files ---------------------------------------------------------------------


def sweep_file(rng: Generator, folder: Path) -> Any:
    """A spoiled sweep file: read, counted out."""
    shutil.copytree(SWEEP.parent / "text", folder / "text")
    text = SWEEP.read_text(encoding="utf-8")
    for _ in range(int(rng.integers(1, 3))):
        text = _spoiled_toml(text, rng)
    content = _encoded(text, rng)
    path = folder / "sweep.toml"
    path.write_bytes(spoiled_bytes(content, rng) if rng.random() < 0.1 else content)
    sweep = spec.read(path)
    return len(jobs.expand(sweep)), str(p2law.collect.forecast(sweep))


def _spoiled_toml(text: str, rng: Generator) -> str:
    lines = text.split("\n")
    settings = [k for k, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    if rng.random() < 0.3 or not settings:
        return spoiled_text(text, rng)
    at = pick(rng, settings)
    name, _, value = lines[at].partition(" = ")
    odd = (
        "0",
        "-1",
        "1",
        "0.5",
        "1.5",
        "1e308",
        "nan",
        "inf",
        "9223372036854775807",
        "99999999999999999999",
        '""',
        '"x"',
        "true",
        "[]",
        "[0.5, 0.5]",
        "[[1]]",
        "{}",
        "2026-01-31",
        '"../../etc/passwd"',
        '"\\u0000"',
        "'''" + "x" * 10_000 + "'''",
        "[" * 500 + "]" * 500,
    )
    if rng.random() < 0.2:
        name = pick(rng, ("x", "tokens", "rates", "name", "seeds", '""', "a.b", name.upper()))
    lines[at] = f"{name} = {pick(rng, (*odd, value))}"
    return "\n".join(lines)


# -- the command line ----------------------------------------------------------------

WORDS = (
    "--json",
    "--form",
    "p2",
    "chinchilla",
    "os:system",
    "x:y",
    "--level",
    "0.9",
    "2",
    "--kind",
    "run",
    "--where",
    "params > 1e9",
    "__import__('os').system('false')",
    "loss == loss",
    "--objective",
    "huber(0.01)",
    "squared(",
    "eval('1')",
    "--fixed",
    "N_C=0",
    "alpha=x",
    "--tied",
    "alpha=beta",
    "--weight",
    "--hold",
    "last-tokens=0.2",
    "largest-model",
    "rollout=x",
    "--loss",
    "2.1",
    "--gain",
    "0.01",
    "--params",
    "8e9",
    "1e9",
    "--tokens",
    "--pruning-rate",
    "0.3",
    "--base-loss",
    "--tokens-per-step",
    "-o",
    "--help",
    "--",
)


def answered(words: list[str]) -> str:
    """What the command line says; words on what is wrong are a refusal, a bare code is none."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as stop:
            code = int(stop.code or 0)
    said = err.getvalue()
    told = said.strip() or (code and out.getvalue().strip())  # an answer may be that nothing is
    if code not in (0, 1, 2) or (code and not told) or "Traceback" in said:
        raise AssertionError(f"code {code}, stderr {said[:200]!r} after {words}")
    if code and said.strip():
        raise p2law.P2LawError(said)
    return out.getvalue()


# -- laws ----------------------------------------------------------------------------


def law(rng: Generator, folder: Path) -> Any:
    """A law declared with some of it wrong, checked and fitted."""
    made = p2law.form(
        _mostly(rng, "L = a + c * D^-b", FORMULAS),
        linear=_mostly(rng, ("a", "c"), (("b",), ("none",), "a", (), (3,), None)),
        rescales=_mostly(rng, ("tokens",), ((), ("none",), "tokens", None)),
        target=_mostly(rng, "loss", ("score", "", 3)),
        derivatives=_mostly(rng, None, (_no_derivatives, 3)),
    )(_function(rng))
    testing.check_form(made)
    return str(p2law.fit(tables.table(rng), made))


def _encoded(text: str, rng: Generator) -> bytes:
    """A text as most programs write it, or in another encoding."""
    encoding = pick(rng, tables.ENCODINGS) if rng.random() < 0.2 else "utf-8"
    return text.encode(encoding, "backslashreplace")


def _mostly(rng: Generator, usual: Any, odd: Any) -> Any:
    """The usual, now and then something odd."""
    return pick(rng, odd) if rng.random() < 0.1 else usual


FORMULAS = (
    "L = a + c * D^-b",
    "",
    "L = a",
    "a + c * D^-b",
    "L = a + c * D^",
    "L = __import__('os').system('false')",
    "L = a.__class__",
    "L = (lambda: 1)()",
    "L = " + "(" * 300 + "a" + ")" * 300,
    "L = 9^9^9^9^9",
    "L = D[0]",
    "= = =",
    "\x00",
    "L = exp(a) + log(c) * D",
    3,
    None,
)


def _no_derivatives(*_: Any, **__: Any) -> Any:
    return {}


def _function(rng: Generator) -> Any:
    """A function that may be a law, with bounds, domains, defaults and results at random."""
    results = (
        lambda tokens, a, b, c: a + c * tokens**-b,
        lambda tokens, a, b, c: a + c / (b - b),
        lambda tokens, a, b, c: a * np.nan,
        lambda tokens, a, b, c: None,
        lambda tokens, a, b, c: "x",
        lambda tokens, a, b, c: np.zeros(3),
        lambda tokens, a, b, c: np.zeros((3, 3)),
        lambda tokens, a, b, c: a + c * np.exp(b * tokens),
        lambda tokens, a, b, c: [][1],
        lambda tokens, a, b, c: a if tokens > b else c,
        lambda tokens, a, b, c: np.sqrt(a - c) * tokens**b,
        lambda tokens, a, b, c: a + 0j,
        lambda tokens, a, b, c: next(COUNTER),
    )
    result = _mostly(rng, results[0], results)
    ends = (None, 0, 0.01, 1, 3, -1, 1e300, np.inf, np.nan, "x")
    odd = (float, 3, "x", Annotated[float, "x"], Annotated[float, Domain("> 0")])
    texts = (">= 0", "(0, 1)", "[0, 1)", "< 0", "", "x", "> x", "(1, 0)")

    def bounds(low: Any, high: Any) -> Any:
        unit = _mostly(rng, "nat", ("1", "", "token", 3))
        made = Bounds(_mostly(rng, low, ends), _mostly(rng, high, ends), unit)
        return _mostly(
            rng, Annotated[float, made], (*odd, Annotated[float, Bounds(0, 3, log=True)])
        )

    def domain() -> Any:
        symbol = _mostly(rng, "D", ("", "a", "D D", 3))
        return Annotated[float, Domain(_mostly(rng, "> 0", texts), symbol=symbol)]

    def fading(tokens: Any, *, a: Any, b: Any, c: Any) -> Any:
        return result(tokens, a, b, c)

    fading.__annotations__ = {"tokens": domain(), "a": bounds(0, None)}
    fading.__annotations__ |= {"b": bounds(0.01, 3), "c": bounds(0, None)}
    fading.__kwdefaults__ = {"b": 0.4}
    if rng.random() < 0.1:
        fading.__annotations__.pop(pick(rng, ("tokens", "a", "b")))
    if rng.random() < 0.1:
        fading.__kwdefaults__ = {pick(rng, ("a", "b")): pick(rng, VALUES)}
    if rng.random() < 0.05:
        return pick(rng, (3, None, print, "x", lambda *x: x, lambda **x: x, int, dict.get))
    return fading


COUNTER = itertools.count()
