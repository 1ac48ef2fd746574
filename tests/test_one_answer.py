"""One question has one answer: by itself, in a table, a choice, a frontier, a page, a command."""

import json
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import Bounds, Domain, form, forms, planning
from p2law.cli import main
from p2law.errors import UnreachableLossError
from p2law.report import budget

HERE = {"params": 3e9, "pruning_rate": 0.25, "base_loss": 2.0}
LOSS = Bounds(0, None, "nat", "a loss")
EITHER = Bounds(None, None, "nat token^-1", "a slope of either sign")
FAR = "the loss is out of reach"
FREE = "the records leave this free"


def bent(domain, slope, power=-1.0):
    """Declare a law that falls, and rises again where its slope is above zero."""

    @form(linear=("floor", "scale", "c"))
    def own(
        tokens: Annotated[float, Domain(domain, symbol="D", unit="token")],
        *,
        floor: Annotated[float, LOSS],
        scale: Annotated[float, LOSS],
        c: Annotated[float, slope],
    ):
        return floor + scale * (tokens / 1e8) ** power + c * tokens

    return own


@form(linear=("floor", "scale"))
def ended(
    tokens: Annotated[float, Domain("(0, 1e12]", symbol="D", unit="token")],
    *,
    floor: Annotated[float, LOSS],
    scale: Annotated[float, LOSS],
):
    """A law that falls with the logarithm, and has no value beyond 1e12 tokens."""
    return floor - scale * np.log(tokens)


def noisy(own, least, seed=0, noise=0.001, **truth):
    """Fit an own law to noisy records of it, from some tokens on."""
    rows = p2law.grid(run=list("abcdefgh"), tokens=np.geomspace(least, 1e9, 12))
    loss = own(rows["tokens"].to_numpy(), **truth)
    loss = loss + np.random.default_rng(seed).normal(0, noise, len(rows))
    return p2law.fit(rows.assign(loss=loss), own)


def few(p2_records, *which):
    """Fit the law to records at some of the token counts alone."""
    records = p2_records(noise=0.003)
    kept = np.unique(records["tokens"])[list(which)]
    return p2law.fit(records[records["tokens"].isin(kept)])


def exact():
    """Fit as many coefficients as there are rows: nothing tells the noise."""
    held = {"alpha": 0.4, "beta": 0.3, "gamma": -1.2, "delta": 0.0}
    rows = p2law.testing.design([1e9, 4e9], [0.2, 0.4], [1e8, 1e9]).iloc[[0, 3, 6]]
    made = p2law.testing.synthesize(forms.p2, held | {"N_C": 100.0, "D_C": 100.0, "E": 0.1}, rows)
    return p2law.fit(made, forms.p2, fixed=held)


def begun_on_record():
    """Fit a law to one token count, the first that it has a value at."""

    @form(linear=("floor", "scale", "c"))
    def own(
        params: Annotated[float, Domain("> 0", symbol="N", unit="parameter")],
        tokens: Annotated[float, Domain(">= 1e6", symbol="D", unit="token")],
        *,
        floor: Annotated[float, Bounds(None, None, "nat", "a loss")],
        scale: Annotated[float, LOSS],
        c: Annotated[float, LOSS],
    ):
        return floor + scale * (params / 1e9) ** -0.3 + c * (tokens / 1e6) ** -0.5

    sizes = np.geomspace(1e8, 2e10, 18)
    rows = pd.DataFrame({"run": [f"r{k}" for k in range(18)], "params": sizes, "tokens": 1e6})
    noise = np.random.default_rng(0).normal(0, 0.003, 18)
    return p2law.fit(rows.assign(loss=1.5 + 0.4 * (sizes / 1e9) ** -0.3 + noise), own)


FITS = {
    "usual": lambda records: p2law.fit(records(noise=0.003)),
    "two token counts": lambda records: few(records, 4, 15),
    "one token count": lambda records: few(records, 12),
    "exact": lambda _: exact(),
    "rising": lambda _: noisy(bent("> 0", LOSS), 9e7, floor=1.0, scale=0.5, c=5e-9),
    "late and rising": lambda _: noisy(bent(">= 9e7", LOSS), 9e7, floor=1.0, scale=0.5, c=5e-9),
    "late": lambda _: noisy(bent(">= 1e7", LOSS), 1e8, floor=1.5, scale=0.3, c=0.0),
    "ended": lambda _: noisy(ended, 1e7, floor=4.0, scale=0.1),
    "falling without end": lambda _: noisy(
        bent("> 0", EITHER, -0.5), 1e7, noise=0.003, floor=1.5, scale=0.3, c=0.0
    ),
    "interval left free": lambda _: noisy(
        bent("> 0", LOSS, -0.5), 1e7, noise=0.003, floor=1.5, scale=0.3, c=0.0
    ),
    "begun on record": lambda _: begun_on_record(),
}
"""Fits by what may make two ways of asking differ."""


@pytest.fixture(scope="module", params=FITS)
def asked(request, p2_records):
    """A fit, the inputs beside tokens, one candidate, and losses from high to out of reach."""
    fit = FITS[request.param](p2_records)
    inputs = {name: each for name, each in HERE.items() if name in fit.form.columns}
    candidate = planning.candidates(planning.Model("3B", 3e9, 2.0), 0.25, "pruned")
    held = fit.records["tokens"]
    tokens = np.unique([held.min(), held.median(), 3 * held.max(), 1e12])
    rows = pd.DataFrame({**inputs, "tokens": tokens})[list(fit.form.columns)]
    told = fit.form.function(*(rows[name].to_numpy() for name in rows), **fit.values)
    losses = {1.2 * told.max(), *told[told > 0], 0.99 * told[told > 0].min(), 0.3}
    return fit, inputs, candidate, sorted(map(float, losses))


def single(fit, inputs, loss):
    """What `tokens_for` says, out of reach or not."""
    try:
        found = planning.tokens_for(fit, loss=loss, **inputs)
    except UnreachableLossError as error:
        return {"tokens": np.inf, "reachable": error.reachable, "beyond": error.beyond}, error
    names = ("tokens", "low", "high", "reachable", "beyond")
    return {name: getattr(found, name) for name in names}, None


def test_a_table_says_of_one_candidate_what_a_single_question_does(asked):
    """
    Tokens, their interval, how many refits get there, what lies beyond, and what the least is.
    """
    fit, inputs, candidate, losses = asked

    table = planning.budget_table(fit, candidate, loss=losses).table

    for loss, row in zip(losses, table.to_dict("records"), strict=True):
        one, error = single(fit, inputs, loss)
        ends = {} if error else {"low": row["tokens_low"], "high": row["tokens_high"]}
        same = {"tokens": row["tokens"], "reachable": row["reachable"], **ends}
        for name, each in same.items():
            assert each == pytest.approx(one[name], rel=1e-9, nan_ok=True), (loss, name)
        assert one["beyond"] == row["beyond"], loss
        known = {True: FAR, False: "" if row["determined"] else FREE}[error is not None]
        assert known == row["why"], loss
        assert error is None or error.floor == pytest.approx(row["loss"], rel=1e-12), loss


def test_choices_and_frontiers_take_what_a_single_question_tells(asked):
    """
    The same tokens, or no plan for the same reason.
    """
    fit, inputs, candidate, losses = asked

    for loss in losses:
        one, error = single(fit, inputs, loss)
        choice = planning.choose(fit, candidate, loss=loss)
        frontier = planning.frontier(fit, candidate, loss=loss, against="params_after")
        why = FAR if error else FREE if np.isnan(one["tokens"]) else ""
        for found in (choice, frontier):
            assert found.left_out == (((why, 1),) if why else ()), loss
            told = found.table["tokens"].tolist()
            assert told == pytest.approx([] if why else [one["tokens"]], rel=1e-9), loss


def test_a_page_shows_what_a_single_question_tells(asked):
    """
    Cell by cell.
    """
    fit, inputs, _, losses = asked
    cases = pd.DataFrame([inputs]) if inputs else pd.DataFrame(index=[0])

    shown = budget.tables(fit, cases, [1e8], losses, 0.9)[1]

    for loss, (_, (cell,)) in zip(losses, shown.rows, strict=True):
        one, error = single(fit, inputs, loss)
        unsure = error is not None or np.isnan(one["low"])
        sure = "unknown" if unsure else "beyond" if one["beyond"] else "sound"
        free = error is None and np.isnan(one["tokens"])
        assert ("free" if free else sure) == cell.verdict, loss
        assert (cell.estimate == "out of reach") == (error is not None), loss


def test_a_command_tells_what_python_does(asked, tmp_path, capsys):
    """
    Of the laws that the command line knows.
    """
    fit, inputs, _, losses = asked
    if fit.form.name != "p2":
        pytest.skip("a law of one's own")
    (tmp_path / "fit.json").write_text(fit.to_json(), encoding="utf-8")
    others = [f"--{name.replace('_', '-')}={each}" for name, each in inputs.items()]

    for loss in losses:
        one, error = single(fit, inputs, loss)
        words = ["tokens", str(tmp_path / "fit.json"), f"--loss={loss!r}", "--json", *others]
        code = main(words)
        printed = capsys.readouterr()
        assert bool(code) == (error is not None), loss
        if error:
            assert str(error).split(";")[0] in printed.err
            continue
        plain = json.loads(printed.out)
        for name in ("tokens", "low", "high", "reachable"):
            said = np.nan if plain[name] is None else float(plain[name])
            assert said == pytest.approx(one[name], rel=1e-9, nan_ok=True), (loss, name)


def test_where_a_law_is_saturated_the_next_doubling_buys_the_gain(asked):
    """
    As `marginal` tells it; where it is at once, less.
    """
    fit, inputs, *_ = asked

    for gain in (0.3, 0.01):
        found = planning.saturation(fit, gain=gain, **inputs)
        if not np.isfinite(found.tokens):
            continue
        at = max(found.tokens, float(fit.records["tokens"].min()) * (found.tokens == 0))
        bought = planning.marginal(fit, tokens=at, **inputs).iloc[0]
        assert bought["determined"]
        at_once = any("no doubling above" in each for each in found.trouble)
        assert bought["gain"] < gain * (1 + 1e-6)
        assert at_once or bought["gain"] == pytest.approx(gain, rel=1e-6)
