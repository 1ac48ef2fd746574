"""Base models, rates and methods, and every combination of them."""

import inspect

import numpy as np
import pandas as pd
import pytest

from p2law import planning
from p2law.errors import PlanError, RecordError
from p2law.planning.combining import checked, names
from p2law.planning.models import checked_dense

MODELS = [planning.Model("3B", 3e9, 2.2), planning.Model("8B", 8e9, 2.0)]


def test_candidates_are_every_combination():
    """
    Models first, then methods, then rates.
    """
    table = planning.candidates(MODELS, [0.25, 0.5], ["depth", "2:4"])

    assert [
        "3B depth 0.25",
        "3B depth 0.5",
        "3B 2:4 0.25",
        "3B 2:4 0.5",
        "8B depth 0.25",
        "8B depth 0.5",
        "8B 2:4 0.25",
        "8B 2:4 0.5",
    ] == names(table)
    np.testing.assert_allclose(table["params_after"], [2.25e9, 1.5e9] * 2 + [6e9, 4e9] * 2)
    assert {2.2, 2.0} == set(table["base_loss"])


def test_an_exact_size_tells_the_rate_that_was_achieved():
    """
    Whole layers hardly ever make the rate that was asked for.
    """
    exact = planning.Model("8B", 8e9, 2.0, params_after=((0.25, 6.2e9),))

    table = planning.candidates(exact, [0.25, 0.5], "depth")

    np.testing.assert_allclose(table["params_after"], [6.2e9, 4e9])
    np.testing.assert_allclose(table["pruning_rate"], [0.225, 0.5])


def test_two_exact_sizes_for_one_rate_are_refused():
    """
    The second is not lost without a word.
    """
    twice = planning.Model("8B", 8e9, 2.0, params_after=((0.25, 6.2e9), (0.25, 6.1e9)))

    with pytest.raises(PlanError, match=r"two sizes at rate 0.25, 6.2e9 and 6.1e9; keep one"):
        planning.candidates(twice, 0.25, "depth")


@pytest.mark.parametrize("name", ["", " ", 3, None])
def test_a_model_has_a_name_that_can_be_read(name):
    """
    Answers tell candidates apart by it.
    """
    for kind in (planning.Model, planning.Dense):
        with pytest.raises(PlanError, match=r"the name of a .* is a text such as '8B', got"):
            kind(name, 8e9, 2.0)


def test_missing_sizes_are_filled_in():
    """
    Where a table has no column for them, or gaps in it.
    """
    table = planning.candidates(MODELS, 0.5, "depth")
    gaps = table.assign(params_after=[np.nan, 3.9e9])

    assert [1.5e9, 4e9] == checked(table.drop(columns="params_after"))["params_after"].tolist()
    assert [1.5e9, 3.9e9] == checked(gaps)["params_after"].tolist()
    assert np.isnan(gaps["params_after"].iloc[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["8B"], 0.5, "depth"), r"a model is planning.Model\(name, params, base_loss\), got '8B'"),
        (([], 0.5, "depth"), "no model is given"),
        ((MODELS + MODELS, 0.5, "depth"), "two models are called '3B'"),
        (([planning.Model("x", -1, 2.0)], 0.5, "depth"), "model 'x': params is a positive number"),
        ((MODELS, 25, "depth"), "a pruning rate lies between 0 and 1, got 25.*per cent are 0.25"),
        ((MODELS, [], "depth"), r"rates is empty; give one or more, as \[0.25\]"),
        ((MODELS, [0.5, 0.25, 0.5], "depth"), r"rates holds 0.5 \(float\) twice; name each once"),
        ((MODELS, 0.5, ["depth", "depth"]), r"methods holds 'depth' \(str\) twice"),
        ((MODELS, 0.5, []), r"methods is empty; give one or more, as \['depth'\]"),
    ],
)
def test_what_makes_no_candidates_is_refused(arguments, words):
    """
    What it is, and what belongs there.
    """
    with pytest.raises(PlanError, match=words):
        planning.candidates(*arguments)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda t: t.drop(columns="params"), PlanError, "the columns params are missing"),
        (lambda t: t.iloc[:0], PlanError, "there is no row"),
        (lambda _: [1], PlanError, r"candidates are a DataFrame, got \[1\]"),
        (lambda t: t.assign(tokens=1e9), PlanError, "tokens are not part of a candidate"),
        (lambda t: t.assign(params_after=9e9), PlanError, "candidate 0 has more parameters after"),
        (
            lambda t: t.assign(params_after=0.9 * t["params"]),
            PlanError,
            r"candidate 0 \(3B depth 0.5\): params_after 2.7e9 of 3e9 is a rate of 0.1, not 0.5",
        ),
        (lambda t: t.assign(pruning_rate=25.0), RecordError, "divide by 100"),
        (lambda t: t.assign(params=8.0), PlanError, "looks like billions"),
        (
            lambda t: pd.concat([t, t.iloc[[0]], t.iloc[[0]]], ignore_index=True),
            PlanError,
            r"candidates in rows 0, 2, 3 are the same: 3B, pruning rate 0.5, depth; keep one",
        ),
        (
            lambda t: pd.concat([t, t], ignore_index=True),
            PlanError,
            r"candidates in rows 0, 2 are the same: 3B, pruning rate 0.5, depth; so are 2 more",
        ),
        (
            lambda t: pd.concat([t, t.iloc[[0]]]),
            PlanError,
            r"candidates in rows 0, 2 are the same: 3B, pruning rate 0.5, depth; keep one of each",
        ),
    ],
)
def test_a_table_that_holds_no_candidates_is_refused(change, error, words):
    """
    The cure is part of the message.
    """
    with pytest.raises(error, match=words):
        checked(change(planning.candidates(MODELS, 0.5, "depth")))


def test_a_size_may_differ_a_little_from_what_its_rate_leaves():
    """
    Rates are told in round numbers.
    """
    table = planning.candidates(MODELS, 0.5, "depth")

    found = checked(table.assign(params_after=0.52 * table["params"]))

    assert (0.52 * table["params"]).tolist() == found["params_after"].tolist()


def test_no_models_are_no_candidates():
    """
    Not a TypeError of Python.
    """
    with pytest.raises(PlanError, match=r"planning.Model\(.*\) are wanted, got None"):
        planning.candidates(None, 0.5, "depth")


def test_a_dense_model_has_a_size_and_a_loss():
    """
    Anything else is refused.
    """
    with pytest.raises(PlanError, match=r"planning.Dense\(name, params, loss\), got '3B'"):
        checked_dense(["3B"])
    with pytest.raises(PlanError, match="Dense '3B': loss is a positive number, got 0"):
        checked_dense(planning.Dense("3B", 3e9, 0))


@pytest.mark.parametrize("name", ["why", "loss", "cost", "beyond", "chance"])
def test_a_column_that_the_answer_fills_in_is_refused(name):
    """
    Two columns of one name would be mixed up without a word.
    """
    table = planning.candidates(MODELS, 0.25, "depth").assign(**{name: 1.0})

    with pytest.raises(PlanError, match=f"the column {name}, which the answer fills in; rename"):
        checked(table)


@pytest.mark.parametrize("name", ["Depth", "WIDTH", "depth_pruning"])
def test_another_spelling_of_a_method_is_refused(name):
    """
    All parameters would be counted without a word.
    """
    with pytest.raises(PlanError, match=r"write '(depth|width)', or all parameters"):
        planning.candidates(MODELS, 0.25, name)
    with pytest.raises(PlanError, match=r"write '(depth|width)', or all parameters"):
        checked(planning.candidates(MODELS, 0.25, "depth").assign(method=name))


def test_exact_sizes_that_do_not_fit_are_refused():
    """
    More than before pruning, or for a rate that nobody asks for.
    """
    larger = planning.Model("8B", 8e9, 2.0, params_after=((0.25, 9e9),))
    other = planning.Model("8B", 8e9, 2.0, params_after=((0.3, 5.6e9),))

    with pytest.raises(PlanError, match=r"params_after 9e\+09 at rate 0.25 is more than the 8e"):
        planning.candidates(larger, 0.25, "depth")
    with pytest.raises(
        PlanError, match=r"exact sizes for other rates than are asked for: 0\.3, not"
    ):
        planning.candidates(other, [0.25, 0.5], "depth")


def test_an_exact_size_that_its_rate_cannot_have_left_is_refused():
    """
    A coarse cut has the rate that it achieved; an eighth of a model is no pruning by a quarter.
    """
    slip = planning.Model("8B", 8e9, 2.0, params_after=((0.25, 1e9),))
    coarse = planning.Model("8B", 8e9, 2.0, params_after=((0.25, 5.5e9), (0.5, 5e9)))
    words = r"model '8B': params_after 1e9 of 8e9 is a rate of 0.875, not 0.25; .* 6e9 stay"

    with pytest.raises(PlanError, match=words):
        planning.candidates(slip, 0.25, "depth")
    rates = planning.candidates(coarse, [0.25, 0.5], "depth")["pruning_rate"]
    np.testing.assert_allclose(rates, [0.3125, 0.375])


def test_a_model_of_eight_parameters_is_refused_in_words_that_help():
    """
    No argument is named that nobody takes here.
    """
    with pytest.raises(PlanError, match="model '8B': params is 8, which looks like billions"):
        planning.Model("8B", 8, 2.0)
    table = planning.candidates(MODELS, 0.25, "depth").assign(params=8.0)
    with pytest.raises(PlanError, match=r"params of a candidate is 8, .* write 8e9"):
        checked(table)


@pytest.mark.parametrize(
    "ask",
    [
        planning.budget_table,
        planning.choose,
        planning.frontier,
        planning.next_runs,
        planning.identifying_runs,
    ],
)
def test_candidates_are_called_so_wherever_they_are_asked_for(ask):
    """
    One name for one thing, second after what is known.
    """
    assert "candidates" == [*inspect.signature(ask).parameters][1]
