"""The command `p2law next-runs` says what Python says."""

import json

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import forms, planning
from p2law.cli import main

TARGET = "--target params=8e9 tokens=5e9 pruning-rate=0.3 base_loss=2.0"
WANTED = pd.DataFrame({"params": [8e9], "tokens": [5e9], "pruning_rate": [0.3], "base_loss": [2.0]})


@pytest.fixture(scope="module")
def place(tmp_path_factory, p2_records):
    """A folder with a saved fit and candidates."""
    folder = tmp_path_factory.mktemp("next-runs")
    fit = p2law.fit(p2_records((0.5e9, 1e9, 3e9), (0.15, 0.35), noise=0.004), forms.p2)
    (folder / "fit.json").write_text(fit.to_json(), encoding="utf-8")
    table = p2law.grid(params=[1e9, 8e9], pruning_rate=[0.2, 0.5], tokens=[5e8, 2e9])
    table = table.assign(base_loss=2.0, cost=table["params"] / 1e9)
    table.assign(dollars=1.0).to_csv(folder / "runs.csv", index=False)
    return folder


@pytest.fixture
def said(place, monkeypatch, capsys):
    """What the command prints in the folder."""
    monkeypatch.chdir(place)

    def run(words, code=0):
        assert main(words.split()) == code
        out = capsys.readouterr()
        return out.err if code else out.out

    return run


def python(place, **settings):
    """The same in Python."""
    fit = p2law.Fit.from_json((place / "fit.json").read_text(encoding="utf-8"))
    return planning.next_runs(fit, pd.read_csv(place / "runs.csv"), WANTED, **settings)


def test_the_command_prints_what_python_prints(said, place):
    """
    Letter by letter.
    """
    expected = str(python(place, budget=12.0))

    assert expected == said(f"next-runs fit.json runs.csv {TARGET} --budget 12").rstrip("\n")


def test_json_holds_the_whole_answer(said, place):
    """
    Chosen runs, ranking and widths, as numbers.
    """
    found = json.loads(said(f"next-runs fit.json runs.csv {TARGET} --budget 12 --json"))
    expected = python(place, budget=12.0)

    assert expected.chosen["run"].tolist() == [each["run"] for each in found["chosen"]]
    np.testing.assert_allclose([found["before"], found["after"]], [expected.before, expected.after])
    assert 8 == len(found["ranking"])


def test_one_guess_trusts_the_estimate(said, place):
    """
    How many there are to be is passed on.
    """
    expected = str(python(place, budget=12.0, guesses=1))

    assert "trusts one estimate" in expected
    assert expected == said(f"next-runs fit.json runs.csv {TARGET} --budget 12 --guesses 1").rstrip(
        "\n"
    )


def test_costs_level_and_several_targets_are_passed_on(said, place):
    """
    Another column, another level, two predictions.
    """
    words = f"{TARGET} {TARGET.replace('8e9', '1e9')} --cost dollars --budget 2 --level 0.8 --json"
    found = json.loads(said(f"next-runs fit.json runs.csv {words}"))

    assert (2.0, 0.8) == (found["cost"], found["level"])
    assert found["after"] < python(place, cost="dollars", budget=2.0).after


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--target size=1e9", "--target size=1e9: p2 reads params, tokens"),
        ("--target params=big", "--target takes INPUT=VALUE, as tokens=1e10, got 'params=big'"),
        ("--target params=1e9 params=2e9", "--target names params twice"),
        ("--target params=1e9", "missing: tokens, pruning_rate, base_loss"),
        (f"{TARGET} --budget 0.1", "pays for none of the candidates"),
        (f"{TARGET} --cost euros", "no column 'euros' of costs"),
        (f"{TARGET} --guesses 0", "guesses is a whole number from 1 to 400, got 0"),
    ],
)
def test_bad_words_are_named(said, words, expected):
    """
    One message, exit code 2.
    """
    assert expected in said(f"next-runs fit.json runs.csv {words}", 2)


def test_candidates_may_stand_in_any_file_of_records(said, place):
    """
    Parquet and JSONL as well as CSV.
    """
    pytest.importorskip("pyarrow")
    table = pd.read_csv(place / "runs.csv")
    table.to_parquet(place / "runs.parquet")
    table.to_json(place / "runs.jsonl", orient="records", lines=True)
    expected = said(f"next-runs fit.json runs.csv {TARGET}")

    assert "budget" not in expected
    for name in ("runs.parquet", "runs.jsonl"):
        assert expected == said(f"next-runs fit.json {name} {TARGET}")


def test_a_run_without_a_name_in_a_file_is_named_by_its_row(said, place):
    """
    An empty cell is no name.
    """
    table = pd.read_csv(place / "runs.csv")
    names = [f"one {k}" for k in range(len(table) - 1)]
    table.assign(run=["", *names]).to_csv(place / "unnamed.csv", index=False)

    words = said(f"next-runs fit.json unnamed.csv {TARGET}", 2)

    assert "candidates: 1 of 8 records has run missing:\n  row 0: run = " in words
    assert "or take the column out" in words


def test_a_file_that_is_none_is_named(said):
    """
    Candidates that cannot be read.
    """
    assert "runs.xyz" in said(f"next-runs fit.json runs.xyz {TARGET}", 2)
