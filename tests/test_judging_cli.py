"""The commands `p2law score` and `p2law compare` say what Python says."""

import json

import numpy as np
import pytest

import p2law
from p2law import forms, holdout
from p2law.cli import main


@pytest.fixture(scope="module")
def place(tmp_path_factory, p2_records):
    """A folder with records, some of them held out, and a saved fit to the others."""
    folder = tmp_path_factory.mktemp("judging")
    records = p2_records(noise=0.003, seed=2).iloc[::4].reset_index(drop=True)
    records.to_csv(folder / "records.csv", index=False)
    parts = holdout.last_tokens(records)
    parts.held.to_csv(folder / "held.csv", index=False)
    (folder / "fit.json").write_text(p2law.fit(parts.kept).to_json(), encoding="utf-8")
    return folder


@pytest.fixture
def said(place, monkeypatch, capsys):
    """What a command prints in the folder; its words are split at blanks but for the last."""
    monkeypatch.chdir(place)

    def run(words, *more, code=0):
        assert code == main([*words.split(), *more])
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return run


def test_a_saved_fit_is_scored_as_in_python(said, place):
    """
    Text and JSON.
    """
    fit = p2law.Fit.from_json((place / "fit.json").read_text(encoding="utf-8"))
    expected = p2law.score(fit, p2law.load(place / "held.csv"), level=0.8, per="flops")

    shown = said("score fit.json held.csv --level 0.8 --per flops")
    plain = json.loads(said("score fit.json held.csv --level 0.8 --per flops --json"))

    assert f"{expected}\n" == shown
    assert expected.rmse == plain["rmse"]
    assert "nat per FLOP" == plain["slope_unit"]


@pytest.mark.parametrize(
    ("words", "hold"),
    [
        ("last-tokens", holdout.last_tokens),
        ("last-tokens=0.4", lambda table: holdout.last_tokens(table, 0.4)),
        ("largest-model", holdout.largest_model),
        ("highest-rate", holdout.highest_rate),
        ("rollout=0.6,0.8", lambda table: holdout.rollout(table, (0.6, 0.8))),
        ("pruning_rate > 0.3 and params < 1e9", "pruning_rate > 0.3 and params < 1e9"),
        ("params==8e9", "params == 8e9"),
    ],
)
def test_laws_are_compared_as_in_python(said, place, words, hold):
    """
    Every hold-out has a name, or is an expression.
    """
    table = p2law.load(place / "records.csv")
    expected = p2law.compare(table, (None, forms.token_power), hold)

    plain = json.loads(said("compare records.csv --forms auto token_power --json --hold", words))

    assert expected.winner == plain["winner"]
    held = [row["held_rmse"] for row in plain["table"].values()]
    np.testing.assert_allclose(expected.table["held_rmse"], np.array(held, dtype=float))


def test_the_seed_is_that_of_python(said, monkeypatch):
    """
    Handed on as it is.
    """
    asked = {}
    monkeypatch.setattr(p2law, "compare", lambda *_, **options: asked.update(options))

    said("compare records.csv --forms token_power --seed 7 --hold last-tokens")

    assert 7 == asked["seed"]


def test_without_forms_all_laws_are_compared_that_the_columns_allow(said):
    """
    The P² law with coefficients held as needed, and the others.
    """
    plain = json.loads(said("compare records.csv --hold highest-rate --json"))

    names = {name for name in plain["table"] if not name.startswith("(")}
    assert {
        "p2 (held as needed)",
        "p2_no_delta",
        "p2_rectified",
        "token_power",
        "chinchilla",
        "compression",
    } == names


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        ("largest-modle", "did you mean largest-model? It takes last-tokens, largest-model"),
        ("last_tokens=0.2", "did you mean last-tokens? It takes last-tokens, largest-model"),
        ("last-token=0.2", "did you mean last-tokens? It takes last-tokens, largest-model"),
        ("last-tokens=a", "shares are numbers, as last-tokens=0.2"),
        ("last-tokens=0.1,0.2", "last-tokens takes one share"),
        ("largest-model=0.5", "largest-model takes no share"),
        ("last-tokens=2", "share lies between 0 and 1, got 2 (float)"),
        ("rate > 0.3", "no column 'rate'"),
        ("pruning_rate = 0.3", "equal is =="),
    ],
)
def test_a_hold_out_that_cannot_be_read_is_refused(said, hold, words):
    """
    One message, exit code 2.
    """
    assert words in said("compare records.csv --hold", hold, code=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("score none.json held.csv", "cannot read the saved fit 'none.json'"),
        ("score fit.json none.csv", "none.csv"),
        ("compare records.csv --hold each-run --forms p3", "no built-in law 'p3'"),
        ("compare records.csv --hold each-run --objective mae", "cannot read the objective 'mae'"),
        ("compare losses.csv --hold each-run", "no built-in law can be fitted to the columns run"),
    ],
)
def test_what_cannot_be_judged_is_refused(said, place, words, message):
    """
    Missing files, unknown laws and objectives, columns that no law reads.
    """
    (place / "losses.csv").write_text("run,loss\na,2\nb,3\n", encoding="utf-8")

    assert message in said(words, code=2)
