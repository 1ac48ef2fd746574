"""Records are taken as they are, or refused by row and with the cure."""

import datetime as dt
import decimal
import fractions
import gzip
import json
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2law import fit, forms
from p2law.errors import MissingExtraError, P2LawError, RecordError
from p2law.files.lines import Lines
from p2law.records import LABELS, MOST_COLUMNS, VOCABULARY, check, counted, grid, load, runs

RECORDS = pd.DataFrame(
    {
        "run": ["a", "a", "b", "b"],
        "params": [1.6e9, 1.6e9, 8e9, 8e9],
        "tokens": [0.0, 2e7, 0.0, 3e7],
        "pruning_rate": [0.25, 0.25, 0.0, 0.0],
        "base_loss": [2.1, 2.1, 1.9, 1.9],
        "loss": [3.5, 2.4, 1.9, 1.85],
    },
    index=[7, 8, 9, 10],
)


def records(**columns):
    """The four sound records above, with columns replaced or added."""
    return RECORDS.assign(**columns)


def refusal(table, **how):
    """The error with which a table is refused."""
    with pytest.raises(RecordError) as error:
        check(table, **how)
    return error.value


def same(one, other):
    """Fail unless two tables agree in every bit, label and type of number."""
    pd.testing.assert_frame_equal(one, other, check_exact=True)


# -- what passes ---------------------------------------------------------------------


def test_sound_records_pass_unchanged():
    """
    Zero tokens, zero rate, losses below the base loss: nothing is touched, and it is a copy.
    """
    checked = check(RECORDS)
    same(RECORDS, checked)

    checked.loc[7, "loss"] = 1.0

    assert 3.5 == RECORDS.loc[7, "loss"]


def test_repeated_trials_pass():
    """
    Trials told apart by seed or run may differ; one that says the same twice may be there twice.
    """
    seeds = records(run="a", tokens=2e7, seed=[0, 1, 2, 3])
    runs_apart = records(run=["a", "b", "c", "d"], tokens=2e7)
    same_loss = records(run="a", tokens=2e7, loss=2.4)
    without_run = records(tokens=2e7).drop(columns="run")
    for table in (seeds, runs_apart, same_loss, without_run):
        assert len(table) == len(check(table))


def test_two_texts_of_one_run_pass():
    """
    One checkpoint measured on two texts has two losses and two base losses.
    """
    table = records(
        run="a", params=1e9, tokens=2e7, eval_text=list("wxwx"), base_loss=[2, 3, 2, 3],
        loss=[2.5, 3.5, 2.5, 3.5],
    )  # fmt: skip

    assert 4 == len(check(table))


def test_models_are_told_apart_by_name_and_by_size():
    """
    Two models of one size may have two base losses, and so may two sizes under one name.
    """
    by_name = records(params=1e9, model=["x", "x", "y", "y"])
    by_size = records(model="x")
    assert 4 == len(check(by_name))
    assert 4 == len(check(by_size))


def test_rounding_of_base_loss_passes():
    """
    Base losses that agree to nine digits are one base loss.
    """
    check(records(params=1e9, base_loss=[2.0, 2.0, 2.0, 2.0 + 1e-12]))


def test_other_columns_order_and_index_are_kept():
    """
    Unknown columns of any type stay, columns and rows in their order, labels as they are.
    """
    table = records(
        note=["x", None, "z", ""],
        step=[1, 2, 3, 4],
        when=pd.Timestamp("2026-01-01"),
        config=[{"lr": 1e-4}, [1], None, ()],
        flag=[True, False, True, False],
    )
    table = table[sorted(table.columns)].sort_values("loss")

    same(table, check(table))


@pytest.mark.parametrize(
    "index",
    [
        [5, 5, 5, 5],
        ["d", "c", "b", "a"],
        pd.MultiIndex.from_tuples([("x", 1), ("x", 1), ("y", 2), ("y", 2)], names=["file", "row"]),
        pd.to_datetime(["2026-01-01"] * 4),
    ],
    ids=["doubled", "text", "levels", "dates"],
)
def test_any_index_is_kept_and_named(index):
    """
    Row labels may be doubled, text, dates or have levels; exactly the wrong rows are named.
    """
    table = RECORDS.set_index(pd.Index(index))
    same(table, check(table))

    error = refusal(table.assign(loss=[2.4, np.nan, 2.5, 2.6]))

    assert [table.index[1]] == error.rows
    assert 1 == str(error).count("  row ")


def test_unknown_numbers_of_optional_columns_may_be_missing():
    """
    What need not be known may be left empty; where it is written it must be right.
    """
    gaps = [np.nan, 0.1, None, 0.3]
    same(
        records(nominal_rate=gaps).astype({"nominal_rate": float}),
        check(records(nominal_rate=gaps)),
    )

    error = refusal(records(nominal_rate=[np.nan, 0.1, np.inf, 0.3]))

    assert [9] == error.rows
    assert "leave the cell empty where it is not known" in str(error)


NUMBERS = {
    "int": np.array([2, 3, 4, 5]),
    "uint8": np.array([2, 3, 4, 5], dtype=np.uint8),
    "float32": np.array([2.1, 3.1, 4.1, 5.1], dtype=np.float32),
    "float16": np.array([2.1, 3.1, 4.1, 5.1], dtype=np.float16),
    "longdouble": np.array([2.1, 3.1, 4.1, 5.1], dtype=np.longdouble),
    "Int64": pd.array([2, 3, 4, 5], dtype="Int64"),
    "Float64": pd.array([2.1, 3.1, 4.1, 5.1], dtype="Float64"),
    "string": pd.array(["2.1", "3e0", " 4.1", "0.1"], dtype="string"),
    "category": pd.Categorical([2.1, 3.1, 2.1, 3.1]),
    "category of text": pd.Categorical(["2.1", "3.1", "2.1", "3.1"]),
    "sparse": pd.arrays.SparseArray([2.1, 3.1, 4.1, 5.1]),
    "object": np.array([2, 3.1, "4.1", decimal.Decimal("5.1")], dtype=object),
    "numpy scalars": np.array([np.float32(2.1), np.int8(3), np.uint64(4), 5.5], dtype=object),
    "large integers": np.array([10**30, 2**53 + 1, 10**300, 1], dtype=object),
    "fractions": np.array([fractions.Fraction(7, 3)] * 4, dtype=object),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_every_type_become_floats(kind):
    """
    Whatever holds numbers is read as float64, with the value that Python's float gives.
    """
    values = NUMBERS[kind]
    expected = np.array([float(each) for each in list(values)])

    loss = check(records(loss=values))["loss"]

    assert np.float64 == loss.dtype
    np.testing.assert_array_equal(expected, loss.to_numpy())


def test_texts_are_read_to_the_last_bit():
    """
    A number given as text is the double that is nearest to it.
    """
    texts = ["2.300000000000000266453525910037569701671600341796875", "0.1", "1e-320", "2.3"]

    loss = check(records(loss=texts))["loss"]

    assert [float(each) for each in texts] == loss.tolist()


# -- missing columns and tables that are none ----------------------------------------


@pytest.mark.parametrize(
    ("has", "misses", "said"),
    [
        ("val_loss", "loss", "did you mean 'val_loss'? rename it to 'loss'"),
        ("Loss ", "loss", "did you mean 'Loss '? rename it to 'loss'"),
        ("N", "params", "did you mean 'N'? rename it to 'params'"),
        ("Model Size", "params", "did you mean 'Model Size'? rename it to 'params'"),
        ("sparsity", "pruning_rate", "did you mean 'sparsity'? rename it to 'pruning_rate'"),
        ("prunning_rate", "pruning_rate", "did you mean 'prunning_rate'?"),
        ("baseloss", "base_loss", "did you mean 'baseloss'?"),
        ("Tokens", "tokens", "did you mean 'Tokens'?"),
        ("num_expert", "num_experts", "did you mean 'num_expert'?"),
        ("xyz", "num_experts", "add it"),
        ("xyz", "loss", "add it: loss after `tokens` tokens"),
    ],
)
def test_missing_column_is_named_with_the_nearest(has, misses, said):
    """
    The nearest name is offered; where there is none, the message says what belongs there.
    """
    error = refusal(pd.DataFrame({has: [1.0]}), needs=[misses])

    assert f"missing columns (the table has {has}):\n  {misses}: {said}" in str(error)
    assert [] == error.rows


@pytest.mark.parametrize(
    ("has", "misses"),
    [("params_after", "params"), ("unique_tokens", "tokens"), ("train_loss", "loss"),
     ("loss", "base_loss")],
)  # fmt: skip
def test_known_columns_are_not_offered_for_others(has, misses):
    """
    A column that means something of its own is never offered as another one.
    """
    assert "did you mean" not in str(refusal(pd.DataFrame({has: [2.0]}), needs=[misses]))


def test_all_missing_columns_are_named_at_once():
    """
    One message for all that is missing, and a single name may be given as text.
    """
    error = refusal(RECORDS[["run", "params"]], needs=["tokens", "params", "loss"])
    assert "\n  tokens: add it" in str(error)
    assert "\n  loss: add it" in str(error)
    assert "\n  params" not in str(error)
    assert "missing columns" in str(refusal(RECORDS[["run"]], needs="loss"))


def test_a_column_in_the_index_is_found_there():
    """
    A column that was made the index is not missing without a hint.
    """
    assert "loss: it is in the index; pass table.reset_index()" in str(
        refusal(RECORDS.set_index("loss"))
    )


def test_wrong_separator_is_recognised(tmp_path):
    """
    Semicolons make one wide column; the message says so.
    """
    path = tmp_path / "x.csv"
    path.write_text("run;tokens;loss\na;1e6;2.5\n")

    with pytest.raises(RecordError, match="separated by ';'; separate them by commas"):
        load(path)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pd.DataFrame(), "the table has no rows"),
        (RECORDS.iloc[:0], "the table has no rows; a fit needs at least one measured loss"),
        (RECORDS.iloc[:0, :0], "the table has no rows"),
        (pd.concat([RECORDS, RECORDS["loss"]], axis=1), "column loss stands more than once"),
        (pd.concat({"x": RECORDS}, axis=1), "column ('x', 'run') has a name of several levels"),
        ({"loss": [1.0]}, "records are a DataFrame, got {'loss': [1.0]} (dict)"),
        ("x.csv", "p2law.load reads files"),
        (pd.DataFrame([range(MOST_COLUMNS + 1)]), "10,001 columns; keep those that matter"),
    ],
    ids=["nothing", "rows", "index", "doubled", "levels", "dict", "path", "wide"],
)
def test_what_is_no_table_is_refused(table, said):
    """
    No rows, doubled names, several header lines or no table at all: said in one sentence.
    """
    assert said in str(refusal(table))


# -- values --------------------------------------------------------------------------


def test_rate_given_as_percentage_is_named_row_by_row():
    """
    A percentage where a fraction belongs is refused, with the rows and the cure.
    """
    error = refusal(
        pd.DataFrame({"pruning_rate": [0.15, 25.0, 0.35, -0.1]}, [7, 8, 9, 10]), needs=()
    )

    assert [8, 10] == error.rows
    assert str(error) == (
        "2 of 4 records have pruning_rate outside [0, 1):\n"
        "  row 8: pruning_rate = 25\n"
        "  row 10: pruning_rate = -0.1\n"
        "`pruning_rate` is the fraction of parameters removed; "
        "divide by 100 if these are percentages."
    )


@pytest.mark.parametrize(
    ("column", "value", "what", "cure"),
    [
        ("pruning_rate", 1.0, "outside [0, 1)", "1 would remove all, and a dense model has 0"),
        ("pruning_rate", 1.5, "outside [0, 1)", "divide by 100"),
        ("pruning_rate", 100, "outside [0, 1)", "divide by 100"),
        ("pruning_rate", -0.1, "outside [0, 1)", "it lies in [0, 1)"),
        ("pruning_rate", 250, "outside [0, 1)", "it lies in [0, 1)"),
        ("tokens", -1.0, "that is not >= 0", "post-training tokens seen so far"),
        ("params", 0.0, "that is not > 0", "parameters of the model before pruning"),
        ("params", -8e9, "that is not > 0", "parameters of the model before pruning"),
        ("loss", 0.0, "that is not > 0", "turn the sign of log-likelihoods"),
        ("loss", -2.3, "that is not > 0", "turn the sign of log-likelihoods"),
        ("base_loss", 0, "that is not > 0", "loss before pruning, on the same text"),
        ("params_after", 0, "that is not > 0", "parameters after pruning"),
        ("loss", np.nan, "missing or infinite", "measure it or take the row out"),
        ("loss", None, "missing or infinite", "measure it or take the row out"),
        ("loss", np.inf, "missing or infinite", "measure it or take the row out"),
        ("loss", "NaN", "missing or infinite", "measure it or take the row out"),
        ("loss", "-inf", "missing or infinite", "measure it or take the row out"),
        ("loss", "1e400", "missing or infinite", "measure it or take the row out"),
        ("tokens", np.nan, "missing or infinite", "write it, or take the rows out"),
        ("params", -np.inf, "missing or infinite", "(or the column params"),
        ("nominal_rate", "NaN", "missing or infinite", "leave the cell empty"),
        ("run", None, "missing", "name the curve of every row, or take the column out"),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused(column, value, what, cure):
    """
    Every known column has its range and its own cure; the one wrong row is named.
    """
    values = list(RECORDS[column]) if column in RECORDS else [0.5] * 4
    values[2] = value
    error = refusal(records(**{column: pd.Series(values, RECORDS.index, dtype=object)}))

    assert f"1 of 4 records has {column} {what}:\n  row 9: {column} = " in str(error)
    assert cure in str(error)
    assert [9] == error.rows


@pytest.mark.parametrize(
    "value",
    [
        "two", "", "1,234.5", "25 %", "3B", "2026-01-01", "1_000", "0x10", "=1+1", b"2.5", True,
        np.True_, [2.5], {"mean": 2.5}, (2.5,), 2 + 1j, object, pd.Timestamp("2026-01-01"),
        dt.date(2026, 1, 1), np.timedelta64(3, "s"), decimal.Decimal("sNaN"),
        np.array([1.0, 2.0]), pd.Period("2026"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_number_is_refused(value):
    """
    Text, dates, truth values and nested things are not turned into numbers.
    """
    values = pd.Series([2.5, "2.4", None, 2.3], RECORDS.index, dtype=object)
    values.iloc[2] = value
    error = refusal(records(loss=values))

    assert [9] == error.rows
    assert "1 of 4 records has loss that is not a number:\n  row 9: loss = " in str(error)
    assert "no thousands separators, percent signs, units or dates" in str(error)


@pytest.mark.parametrize(
    "values",
    [
        np.array([True, False, True, True]),
        pd.array([True, False, True, True], dtype="boolean"),
        pd.to_datetime(["2026-01-01"] * 4),
        pd.to_timedelta([1, 2, 3, 4]),
        np.array([1j, 2, 3, 4]),
        pd.period_range("2026", periods=4, freq="D"),
        pd.interval_range(1, 5),
    ],
    ids=lambda values: str(values.dtype),
)
def test_columns_of_no_numbers_are_refused(values):
    """
    A whole column of dates, truth values or complex numbers is refused in all its rows.
    """
    error = refusal(records(loss=values))

    assert [7, 8, 9, 10] == error.rows
    assert "4 of 4 records have loss that is not a number:" in str(error)


def test_missing_values_of_nullable_types_are_missing():
    """
    pandas' own ways to say that nothing is there are all understood.
    """
    for values in (
        pd.array([1, None, 3, 4], dtype="Int64"),
        pd.array([1.5, None, 3, 4], dtype="Float64"),
        pd.array(["1.5", None, "3", "4"], dtype="string"),
        pd.Categorical([1.5, None, 3, 4]),
        np.array([1.5, pd.NA, 3, 4], dtype=object),
        np.array([1.5, pd.NaT, 3, 4], dtype=object),
    ):
        error = refusal(records(loss=values))
        assert [8] == error.rows
        assert "1 of 4 records has loss missing or infinite" in str(error)


def test_a_long_refusal_shows_five_rows_and_counts_the_rest():
    """
    Messages stay short; `rows` is complete.
    """
    table = pd.DataFrame({"loss": [-1.0] * 100})
    error = refusal(table)

    assert list(range(100)) == error.rows
    assert 5 == str(error).count("  row ")
    assert "  and 95 more\n" in str(error)


def test_long_values_are_cut_in_messages():
    """
    A cell of a million letters or digits does not make a message of a million letters.
    """
    huge = pd.Series([10**400, 10**5000, 2, 2], RECORDS.index, dtype=object)
    assert [7, 8] == refusal(records(loss=huge)).rows
    assert 400 > len(str(refusal(records(loss=huge))))
    assert 400 > len(str(refusal(records(loss=["x" * 10**6, 2.0, 2.0, 2.0]))))
    assert 400 > len(str(refusal(records(loss=[[0] * 10**5, 2.0, 2.0, 2.0]))))


def test_a_needed_column_outside_the_vocabulary_is_checked():
    """
    A law may read any column; what it reads is numbers, all of them there.
    """
    table = records(num_experts=[8, 16, None, 32])
    same(table, check(table))

    error = refusal(table, needs=["num_experts"])

    assert [9] == error.rows
    assert "num_experts missing or infinite" in str(error)
    assert "take the rows out (or the column num_experts" in str(error)


def test_run_may_be_needed_and_is_text():
    """
    Asking for `run` asks that it be there, not that it be a number.
    """
    same(RECORDS, check(RECORDS, needs=["run", "loss"]))
    assert "run: add it" in str(refusal(RECORDS.drop(columns="run"), needs=["run"]))


# -- units ---------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["params", "tokens"])
def test_counts_that_look_like_billions_are_refused_and_can_be_accepted(column):
    """
    8.03 parameters are a slip of unit; whoever means them says so by name.
    """
    table = records(**{column: [0.5, 1.0, 8.03, 70.0]}, base_loss=2.0)
    error = refusal(table)

    assert [7, 8, 9, 10] == error.rows
    assert f"row 9: {column} = 8.03\n" in str(error)
    assert "multiply by 1e9" in str(error)
    assert f"pass accept=('{column}',)" in str(error)
    same(table, check(table, accept=(column,)))
    same(table, check(table, accept=column))


def test_small_whole_token_counts_are_plain_counts():
    """
    Among large counts a small whole one is an early checkpoint, a broken one a slip of unit.
    """
    check(records(tokens=[0, 512, 0, 2e7]))

    error = refusal(records(tokens=[0, 0.512, 0, 2e7]))

    assert [8] == error.rows
    assert "row 8: tokens = 0.512" in str(error)


@pytest.mark.parametrize("column", ["params", "tokens"])
def test_counts_that_are_none_in_billions_either_are_refused_as_that(column):
    """
    A millionth of a billionth: no unit that anybody counts in explains it.
    """
    error = refusal(records(**{column: [1e-12, 1e-11, 1e-10, 1e-9]}, base_loss=2.0))

    assert f"4 of 4 records have {column} below 1:" in str(error)
    assert f"`{column}` is a plain count; these are none in billions either" in str(error)
    assert "look like billions" not in str(error)
    assert f"pass accept=('{column}',)" in str(error)


def test_zero_tokens_are_not_billions():
    """
    Losses right after pruning, and nothing else, are legal.
    """
    check(records(run=list("abcd"), tokens=0.0))


def test_only_params_and_tokens_can_be_accepted():
    """
    `accept` is no way around any other check.
    """
    error = refusal(RECORDS, accept=["loss", "params"])

    assert "accept takes 'params' and 'tokens', got 'loss'" == str(error)


# -- contradictions ------------------------------------------------------------------


def test_base_loss_that_differs_within_one_model_is_refused():
    """
    One model has one base loss on one text; each value is shown once, with its model.
    """
    table = records(model="m", params=1.6e9, base_loss=[2.1, 2.1, 1.9, 2.1])
    error = refusal(table)

    assert [7, 8, 9, 10] == error.rows
    assert str(error) == (
        "4 of 4 records have base_loss that differs within one model, params:\n"
        "  row 7: base_loss = 2.1 at model = 'm', params = 1600000000\n"
        "  row 9: base_loss = 1.9 at model = 'm', params = 1600000000\n"
        "  and 2 more\n"
        "`base_loss` is one number per model and evaluation text; "
        "name models or texts apart in the columns `model` and `eval_text`."
    )
    check(table.assign(eval_text=["x", "x", "y", "x"]))


def test_only_the_models_concerned_are_named():
    """
    Where one of two models contradicts itself, the rows of the other are not named.
    """
    assert [9, 10] == refusal(records(base_loss=[2.1, 2.1, 1.9, 1.8])).rows


def test_missing_names_are_one_name():
    """
    Rows without a model or text belong together.
    """
    table = records(params=1e9, eval_text=[None, None, "x", "x"], base_loss=[2.0, 2.1, 3.0, 3.0])

    assert [7, 8] == refusal(table).rows


def test_two_losses_for_one_run_and_token_count_are_refused():
    """
    One run has one loss at a token count, unless the seed differs.
    """
    table = records(run="a", tokens=[0.0, 2e7, 2e7, 2e7], loss=[3.5, 2.4, 2.4, 2.45])
    error = refusal(table.assign(base_loss=1.9))

    assert [8, 9, 10] == error.rows
    assert str(error) == (
        "3 of 4 records have loss that differs at one run, tokens:\n"
        "  row 8: loss = 2.4 at run = 'a', tokens = 20000000\n"
        "  row 10: loss = 2.45 at run = 'a', tokens = 20000000\n"
        "  and 1 more\n"
        "One run has one loss at a token count: name repeated trials apart in `run` or `seed`."
    )
    methods = table.assign(base_loss=1.9, method=["a", "a", "a", "b"], model="m")
    assert str(refusal(methods)).endswith(
        "`run` or `seed`. `method` differs between them: each has runs of its own."
    )
    check(table.assign(base_loss=1.9, seed=[0, 0, 0, 1]))
    assert [8, 9, 10] == refusal(table.assign(base_loss=1.9, seed=1)).rows
    assert [8, 9, 10] == refusal(table.assign(base_loss=1.9, seed=None)).rows


@pytest.mark.parametrize("column", ["run", "seed", "model"])
def test_nested_labels_are_refused(column):
    """
    Lists and objects cannot tell runs or models apart; the rows that hold them are named.
    """
    values = pd.Series(["x", ["x"], {"x": 1}, ("x",)], RECORDS.index)
    error = refusal(records(**{column: values}))

    assert [8, 9] == error.rows
    signalling = pd.Series([decimal.Decimal("sNaN")] * 4, RECORDS.index)
    assert [7, 8, 9, 10] == refusal(records(run=signalling)).rows
    assert f"2 of 4 records have {column} that is nested:\n  row 8: {column} = ['x']" in str(error)


# -- runs ----------------------------------------------------------------------------


def test_given_runs_are_taken_as_they_are():
    """
    With a column `run` there is nothing to find out and nothing to say.
    """
    labels, note = runs(RECORDS)

    pd.testing.assert_series_equal(RECORDS["run"], labels)
    assert "" == note


def test_runs_are_made_from_identifying_columns():
    """
    Without `run`, size, rate and names tell curves apart, in readable labels.
    """
    table = RECORDS.drop(columns="run").assign(method="depth", seed=[1, 1, 2, 2])
    labels, note = runs(table)

    assert ["params=1600000000 base_loss=2.1 pruning_rate=0.25 depth seed=1"] * 2 == list(
        labels[:2]
    )
    assert ["params=8000000000 base_loss=1.9 pruning_rate=0 depth seed=2"] * 2 == list(labels[2:])
    assert (
        "no column run: runs are told apart by params, base_loss, pruning_rate, method, seed"
        == note
    )
    assert table.index.equals(labels.index)


def test_without_identifying_columns_every_row_is_a_run():
    """
    Sizes and token counts alone are no curves: dense runs are measured once each.
    """
    labels, note = runs(RECORDS[["params", "tokens", "loss"]])

    assert [0, 1, 2, 3] == list(labels)
    assert "no column run: every row counts as a run of its own" == note


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.1 + 1e-15, 0.2, 0.3],
        [1, "1", "seed=1", 2],
        [None, "seed=?", "?", "x"],
        ["x y", "x", "y", "x  y"],
    ],
)
def test_runs_that_differ_have_names_that_differ(values):
    """
    However alike two values look, their runs are not merged.
    """
    labels, _ = runs(pd.DataFrame({"seed": pd.Series(values, dtype=object), "model": "m"}))

    assert 4 == labels.nunique()


def test_names_that_run_together_are_numbered():
    """
    "a b" of family "c" is another run than "a" of family "b c".
    """
    labels, _ = runs(pd.DataFrame({"model": ["a b", "a"], "family": ["c", "b c"]}))

    assert ["a b c (0)", "a b c (1)"] == list(labels)


def test_runs_need_labels_that_can_be_compared():
    """
    A nested label is refused here too, where it is needed.
    """
    with pytest.raises(
        RecordError, match="schedule that is nested:\n  row 0: schedule = "
    ) as error:
        runs(pd.DataFrame({"schedule": [{"lr": 1}, "cosine"]}))

    assert [0] == error.value.rows


@pytest.mark.parametrize("column", ["metric", "schedule", "eval_text", "seed"])
def test_labels_that_a_fit_only_tells_of_are_compared_too(column):
    """
    What a fit says of metrics and schedules cannot rest on lists.
    """
    table = grid(params=[1e9, 2e9], tokens=[1e9, 2e9, 4e9]).assign(run=["a"] * 3 + ["b"] * 3)
    values = pd.Series(["x"] * 5 + [["x"]])

    with pytest.raises(RecordError, match=f"{column} that is nested:\n  row 5: {column} = "):
        fit(table.assign(loss=3.0, **{column: values}), forms.chinchilla)


# -- small helpers -------------------------------------------------------------------


def test_grid_makes_every_combination():
    """
    Single values go with all; the last column runs fastest; types are kept.
    """
    found = grid(params=1e9, tokens=[1e8, 1e9], name=["x", "y"], seed=np.array([3]))

    assert ["params", "tokens", "name", "seed"] == list(found.columns)
    assert [1e8, 1e8, 1e9, 1e9] == found["tokens"].tolist()
    assert ["x", "y", "x", "y"] == found["name"].tolist()
    assert np.dtype(int) == found["seed"].dtype
    assert 0 == len(grid(params=[]))


@pytest.mark.parametrize("values", [None, {1e9}, {"a": 1}, [[1, 2]], [[1], [2, 3]], iter([1])])
def test_a_grid_is_made_of_values(values):
    """
    Sets, dictionaries, tables and generators are no list of values.
    """
    with pytest.raises(RecordError, match="tokens is a value or a list of values, got"):
        grid(tokens=values, params=1e9)


@pytest.mark.parametrize("what", ["needs", "accept"])
@pytest.mark.parametrize("names", [3, None, [3], [["loss"]], {"loss": 1}, iter(["loss"])])
def test_columns_are_asked_for_by_name(what, names):
    """
    Whatever is no list of names is refused with words.
    """
    with pytest.raises(RecordError, match=rf"{what} names columns, as \('tokens', 'loss'\), got"):
        load(RECORDS, **{what: names})


def test_counts_are_put_in_words():
    """
    Singular, plural, and columns that have no name for what they count.
    """
    assert "1 model size" == counted(1, "params")
    assert "2 pruning rates" == counted(2, "pruning_rate")
    assert "3 losses" == counted(3, "loss")
    assert "1 loss" == counted(1, "loss")
    assert "0 values of train_loss" == counted(0, "train_loss")
    assert "1 value of num_experts" == counted(1, "num_experts")


def test_the_vocabulary_is_the_readme_s():
    """
    Known columns and their ranges are a promise.
    """
    assert {name: str(each.domain) for name, each in VOCABULARY.items()} == {
        "params": "> 0",
        "tokens": ">= 0",
        "pruning_rate": "[0, 1)",
        "base_loss": "> 0",
        "loss": "> 0",
        "nominal_rate": "[0, 1]",
        "params_after": "> 0",
        "unique_tokens": "> 0",
        "flops_per_token": "> 0",
        "train_loss": "> 0",
    }
    assert LABELS == ("model", "family", "method", "seed", "corpus", "eval_text", "schedule")


# -- files ---------------------------------------------------------------------------

TABLE = RECORDS.reset_index(drop=True)
CSV = TABLE.to_csv(index=False)
TABS = TABLE.to_csv(index=False, sep="\t")
JSONL = "".join(json.dumps(row) + "\n" for row in TABLE.to_dict("records"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", CSV.encode()),
        ("X.CSV", CSV.encode()),
        ("bom.csv", CSV.encode("utf-8-sig")),
        ("crlf.csv", CSV.replace("\n", "\r\n").encode()),
        ("cr.csv", CSV.replace("\n", "\r").encode()),
        ("unended.csv", CSV.strip().encode()),
        ("blank-lines.csv", ("\n" + CSV.replace("\n", "\n\n")).encode()),
        ("quoted.csv", "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) for line in CSV.split()).encode()),
        ("x.csv.gz", gzip.compress(CSV.encode("utf-8-sig"), mtime=0)),
        ("x.tsv", TABS.encode()),
        ("unended.TSV", TABS.strip().encode("utf-8-sig")),
        ("x.tsv.gz", gzip.compress(TABS.encode(), mtime=0)),
        ("x.jsonl", JSONL.encode()),
        ("bom.jsonl", JSONL.encode("utf-8-sig")),
        ("crlf.jsonl", JSONL.replace("\n", "\r\n\r\n").encode()),
        ("unended.jsonl", JSONL.strip().encode()),
        ("x.jsonl.gz", gzip.compress(JSONL.encode(), mtime=0)),
    ],
)  # fmt: skip
def test_every_kind_of_file_gives_the_same_table(tmp_path, name, content):
    """
    Byte-order marks, line ends, quotes, blank lines and gzip make no difference.
    """
    path = tmp_path / name
    path.write_bytes(content)

    same(TABLE, load(path))
    same(TABLE, load(str(path)))


def test_parquet_gives_the_same_table(tmp_path):
    """
    Parquet keeps everything, row labels too.
    """
    pytest.importorskip("pyarrow")
    RECORDS.to_parquet(tmp_path / "x.parquet")

    same(RECORDS, load(tmp_path / "x.parquet"))


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    """
    An optional package is asked for by the name of the extra that brings it.
    """
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'p2law\[parquet\]'") as error:
        load(tmp_path / "x.parquet")

    assert ("pyarrow", "parquet") == (error.value.package, error.value.extra)
    assert "x.parquet" in str(error.value)


def test_tables_need_no_pyarrow(tmp_path):
    """
    CSV and JSONL load without the optional package, in a process that has never seen it.
    """
    (tmp_path / "x.csv").write_text(CSV)
    TABLE.to_json(tmp_path / "x.jsonl", orient="records", lines=True)
    code = (
        "import sys\n"
        "sys.modules['pyarrow'] = None\n"
        "import p2law\n"
        "print(*(len(p2law.load(each)) for each in sys.argv[1:]))"
    )
    words = [sys.executable, "-c", code, tmp_path / "x.csv", tmp_path / "x.jsonl"]

    done = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: S603

    assert f"4 {len(TABLE)}\n" == done.stdout


def test_labels_stay_as_they_are_written(tmp_path):
    """
    Runs "1.10" and "1.1", seeds "007" and "7" are two each; whole numbers are numbers.
    """
    text = "run,seed,model,family,schedule,loss\n1.10,007,0,NA,7,2.5\n1.1,7,-3,None,8,2.4\n"
    (tmp_path / "x.csv").write_text(text)

    found = load(tmp_path / "x.csv")

    assert ["1.10", "1.1"] == found["run"].tolist()
    assert ["007", "7"] == found["seed"].tolist()
    assert [0, -3] == found["model"].tolist()
    assert ["NA", "None"] == found["family"].tolist()
    assert np.dtype(np.int64) == found["schedule"].dtype


def test_empty_cells_are_missing_and_words_are_not(tmp_path):
    """
    Only an empty cell is a missing value; "NaN" where a loss belongs is refused as such.
    """
    (tmp_path / "x.csv").write_text("loss,nominal_rate,note\n2.5,,NA\n2.4,0.1,\n")
    found = load(tmp_path / "x.csv")
    assert found["nominal_rate"].isna().tolist() == [True, False]
    assert "NA" == found["note"][0]

    (tmp_path / "y.csv").write_text("loss,note\n2.5,x\nNaN,y\n,z\n")
    with pytest.raises(RecordError, match="2 of 3 records have loss missing or infinite") as error:
        load(tmp_path / "y.csv")
    assert [1, 2] == error.value.rows
    assert "row 1: loss = 'NaN'" in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("run,loss\n", "the table has no rows"),
        ("loss,loss\n2.5,2.4\n", "column loss stands more than once"),
        ("run,loss\na,2.5,9\nb,2.4,9\n", "line 2 has 3 cells, but the header has 2"),
        ("run,loss\na,2.5\nb,2.4,9\n", "line 3 has 3 cells, but the header has 2"),
        ("run,loss,note\na,2.5,x\nb,2.4\n", "line 3 has 2 cells, but the header has 3"),
        ("run,loss\na,2,5\n", "quote cells that hold a comma"),
        ("run;tokens;loss\na;1,5;2,5\n", "cells seem to be separated by ';'; separate them by co"),
        ('run,loss\na,"2.5\n', "cannot be read as CSV"),
        ("run,loss\na,1,234\n", "line 2 has 3 cells"),
        (f"{','.join(map(str, range(MOST_COLUMNS + 1)))}\n", "10,001 columns"),
        ("<html><body>Not found</body></html>\n", "the table has no rows"),
    ],
)
def test_a_broken_csv_is_refused_by_line(tmp_path, text, said):
    """
    Lines that do not fit the header are not shifted, padded or cut; the line is named.
    """
    path = tmp_path / "x.csv"
    path.write_text(text)

    with pytest.raises(RecordError) as error:
        load(path)

    assert str(error.value).startswith(str(path))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the table has no rows"),
        ('{"loss": 2.5}\n{"loss": 2.', "line 2 is not JSON (Expecting"),
        ('{"loss": 2.5}\n{"loss": 2.', "it is the last: if the file was cut short, take it out"),
        ('{"loss"\n{"loss": 2.4}\n', "line 1 is not JSON (Expecting ':' delimiter)"),
        ('{"loss": 2.5}\n[2.4]\n', "line 2 is not a JSON object with one value per column"),
        ('[{"loss": 2.5}]', "line 1 is not a JSON object"),
        ('{\n  "loss": 2.5\n}', "line 1 is not JSON"),
        ('{"loss": 2.5, "loss": 2.4}\n', "line 1 is not JSON (column loss stands more than once"),
        ('{"loss": NaN}\n', "row 0: loss = nan"),
        ('{"loss": 2.5}\n{"loss": Infinity}\n', "row 1: loss = inf"),
        ('{"loss": 2.5}\n{"loss": 1e999}\n', "row 1: loss = inf"),
        ('{"loss": 2.5}\n{"loss": null}\n', "1 of 2 records has loss missing"),
        ('{"loss": 2.5}\n{"tokens": 5}\n', "missing or infinite"),
        ('{"loss": {"mean": 2.5}}\n', "row 0: loss = {'mean': 2.5}"),
        ('{"loss": "2.5 nat"}\n', "row 0: loss = '2.5 nat'"),
        ('{"loss": true}\n', "loss that is not a number"),
        ("[" * 100_000, "line 1 is not JSON"),
    ],
)
def test_a_broken_jsonl_is_refused_by_line(tmp_path, text, said):
    """
    A line that is no record is named by its number, a value by its row.
    """
    path = tmp_path / "x.jsonl"
    path.write_text(text)

    with pytest.raises(RecordError) as error:
        load(path)

    assert str(error.value).startswith(str(path))
    assert said in str(error.value)
    assert (
        "take it out" not in str(error.value)
        or "line 2" in str(error.value)
        or 1 == len(text.splitlines())
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", TABS, r"separated by '\t'; end the file's name in .tsv"),
        ("x.tsv", CSV, "separated by ','; end the file's name in .csv"),
        ("x.csv", '"run,loss"\n"a,2.5"\n', "each line is one quoted cell; take the quotes off"),
        ("x.tsv", '"run\tloss"\n"a\t2.5"\n', "each line is one quoted cell; take the quotes off"),
        ("x.csv", "run\tloss\na\t2,5\n", r"separated by '\t'; separate them by commas, and write"),
        ("x.tsv", TABS + "b\t1\n", "2 cells, but the header has 6; quote cells that hold a tab"),
        ("x.tsv", "", "is empty"),
        ("x.tsv", "loss\tloss\n2.5\t2.4\n", "column loss stands more than once"),
    ],
)
def test_what_separates_cells_is_said_by_the_ending(tmp_path, name, text, said):
    """
    A name that says otherwise is told which ending is meant; lines are refused as in a CSV.
    """
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(RecordError) as error:
        load(path)

    assert str(error.value).startswith(str(path))
    assert said in str(error.value)


@pytest.mark.parametrize("name", ["run,loss", "run\tloss"])
def test_what_is_no_file_of_cells_is_not_told_how_to_end_its_name(tmp_path, name):
    """
    A table has no name to end, and in a JSONL file nothing separates cells.
    """
    (tmp_path / "x.jsonl").write_text(json.dumps({name: 1}) + "\n")

    for source in (pd.DataFrame({name: [1]}), tmp_path / "x.jsonl"):
        with pytest.raises(RecordError, match="missing columns") as error:
            load(source)
        assert "end the file's name" not in str(error.value)


def test_a_name_of_a_column_may_hold_a_comma_or_a_tab(tmp_path):
    """
    Where the cells below it hold none, it is one column.
    """
    for ending in ("csv", "tsv"):
        (tmp_path / f"x.{ending}").write_text('"loss, in\tnat"\n2.5\n')
        assert [2.5] == load(tmp_path / f"x.{ending}", needs=())["loss, in\tnat"].tolist()


def test_a_cell_of_a_tsv_may_hold_commas_and_quotes(tmp_path):
    """
    As pandas writes it.
    """
    table = TABLE.assign(note=["a, b", "tab\there", '"quoted"', "line\nend"])
    table.to_csv(tmp_path / "x.tsv", sep="\t", index=False)

    same(table, load(tmp_path / "x.tsv"))


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.tsv"])
@pytest.mark.parametrize("end", ["2.", "", "  "])
def test_a_table_cut_short_in_its_last_number_is_refused(tmp_path, name, end):
    """
    As of a log: a last number without a line end, shorter than all above it; ended, it is taken.
    """
    text = "run,tokens,loss\n\na,1e6,2.51\na,2e6,2.43\na,3e6," + end
    path = tmp_path / name

    def write(text):
        text = text.replace(",", "\t") if ".tsv" in name else text
        path.write_bytes(gzip.compress(text.encode()) if ".gz" in name else text.encode())

    write(text)
    with pytest.raises(RecordError) as error:
        load(path)
    assert str(error.value) == (
        f"{path}: the last line (5) has no line end, and its loss = {end.strip() or 'nothing'} is "
        f"shorter than all before it: it may be cut short; end the line if it is whole"
    )

    write(text + "\n")
    if end.strip():
        assert [2.51, 2.43, 2.0] == load(path)["loss"].tolist()


@pytest.mark.parametrize(
    "text",
    [
        "tokens,loss\n1e6,2.51\n2e6,2.43\n3e6,2.38",
        "tokens,loss\n1e6,2.51\n2e6,2.4\n3e6,2.3",
        "tokens,loss\n1e6,2.51\n2e6,2.43\n3e6,2.4",
        "tokens,loss\n1e6,2.51\n2e6,2.43\n3e6,2.3\n   ",
        "tokens,loss\n1e6,2.51\n2e6,2.43\n3e6,2.3\r",
        "loss,method\n2.51,depth\n2.43,width\n2.3,2:4",
        "tokens,loss\n1e6,2",
    ],
)
def test_a_last_line_without_an_end_is_taken_where_nothing_seems_cut(tmp_path, text):
    """
    As long as another number, a word, ended by blanks alone, or with none above it.
    """
    (tmp_path / "x.csv").write_text(text, newline="")

    assert text.count(".") == load(tmp_path / "x.csv")["loss"].mod(1).gt(0).sum()


@pytest.mark.parametrize(
    ("losses", "last"),
    [(["2.51", "2.43"] * 10, "2.3"), (["2.5106183842", "2.43806183842"], "2.40618")],
    ids=["many rows", "long numbers"],
)
def test_a_number_without_its_zeros_is_no_cut_one_unless_a_program_wrote_the_table(
    tmp_path, losses, last
):
    """
    Who types 2.3 means 2.30; twenty numbers of one length, or one of ten digits, nobody types.
    """
    rows = [f"{k + 1}e6,{each}" for k, each in enumerate([*losses, last])]
    (tmp_path / "x.csv").write_text("tokens,loss\n" + "\n".join(rows))

    with pytest.raises(RecordError, match=f"its loss = {last} is shorter than all before it"):
        load(tmp_path / "x.csv")


def test_an_empty_last_cell_below_an_empty_one_is_not_cut(tmp_path):
    """
    A column that is not known for every row may end with a gap.
    """
    rows = ["2.51,6.1e8", "2.43,", "2.4,6.2e8", "2.3,"]
    (tmp_path / "x.csv").write_text("\n".join(["loss,flops_per_token", *rows]))

    assert [2.51, 2.43, 2.4, 2.3] == load(tmp_path / "x.csv")["loss"].tolist()


def test_where_a_text_ends_is_known_however_it_is_read(tmp_path):
    """
    In pieces of any size, also where a line end stands alone in one.
    """
    (tmp_path / "x").write_text("a,b\r\n1,2\n \n3,4")
    with (tmp_path / "x").open(newline="") as file:
        text = Lines(tmp_path / "x", file)
        known = [text.unended for _ in iter(partial(text.read, 1), "")]

    assert "".join(".|"[each] for each in known) == "|||..|||...|||"


def test_nested_values_of_other_columns_are_kept(tmp_path):
    """
    A JSON object in a column that nothing reads is nobody's concern.
    """
    (tmp_path / "x.jsonl").write_text('{"loss": 2.5, "config": {"lr": [1e-4]}}\n')

    assert {"lr": [1e-4]} == load(tmp_path / "x.jsonl")["config"][0]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", CSV.encode("utf-16"), "is not UTF-8 text"),
        ("x.csv", "run,loss\ncafé,2.5\n".encode("latin-1"), "save it as UTF-8"),
        ("x.csv", gzip.compress(CSV.encode(), mtime=0), "is not UTF-8 text"),
        ("x.jsonl", b"\xff\xfe", "is not UTF-8 text"),
        ("x.csv.gz", CSV.encode(), "cannot be read as CSV: Not a gzipped file"),
        ("x.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-20], "cannot be read as CSV"),
        ("x.jsonl.gz", gzip.compress(JSONL.encode(), mtime=0)[:40], "cannot be read as JSONL"),
        ("x.parquet", b"PAR1 no PAR1", "cannot be read as Parquet"),
        ("x.parquet", b"", "cannot be read as Parquet"),
        ("x.txt", CSV.encode(), "cannot tell what this is; records end in .csv, .csv.gz,"),
        ("x", CSV.encode(), "cannot tell what this is"),
        ("x.csv.xz", CSV.encode(), "cannot tell what this is"),
    ],
    ids=str.split("utf-16 latin-1 gz-named-csv half-character text-named-gz cut-gz cut-jsonl-gz "
        "parquet-ends empty-parquet txt no-ending xz"),
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused(tmp_path, name, content, said):
    """
    Wrong encodings, broken archives and unknown endings are said to be what they are.
    """
    if "parquet" in name:
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(RecordError) as error:
        load(path)

    assert str(error.value).startswith(str(path))
    assert said in str(error.value)


def test_a_truncated_parquet_is_refused(tmp_path):
    """
    A Parquet file cut anywhere is no table.
    """
    pytest.importorskip("pyarrow")
    path = tmp_path / "x.parquet"
    TABLE.to_parquet(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(RecordError, match="cannot be read as Parquet"):
            load(path)


# -- several files -------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Two files of records, beside others that are none."""
    TABLE.iloc[2:].to_csv(tmp_path / "b.csv", index=False)
    lines = [json.dumps(row) for row in TABLE.iloc[:2].to_dict("records")]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    (tmp_path / "notes.txt").write_text("no records")
    (tmp_path / "deeper.csv").mkdir()
    return tmp_path


def test_folder_glob_and_list_give_the_files_in_order(folder):
    """
    Files follow each other by name, or as they are listed, with new row labels.
    """
    same(TABLE, load(folder))
    same(
        TABLE,
        load(str(folder / "*.*l")).pipe(
            lambda a: pd.concat([a, load(folder / "b.csv")], ignore_index=True)
        ),
    )
    same(TABLE, load([folder / "a.jsonl", str(folder / "b.csv")]))
    same(TABLE, load([folder]))
    swapped = load([folder / "b.csv", folder / "a.jsonl"])
    same(TABLE.iloc[[2, 3, 0, 1]].reset_index(drop=True), swapped)


def test_a_glob_goes_down_folders(folder):
    """
    Two stars stand for folders of any depth.
    """
    (folder / "deeper.csv" / "still").mkdir()
    TABLE.to_csv(folder / "deeper.csv" / "still" / "c.csv", index=False)

    assert 6 == len(load(f"{folder}/**/*.csv"))


def test_a_name_with_brackets_is_a_file_first(tmp_path):
    """
    A file may be called like a glob.
    """
    (tmp_path / "run[1].csv").write_text(CSV)

    assert 4 == len(load(tmp_path / "run[1].csv"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nothing.csv", "nothing.csv: no such file, folder or glob"),
        ("*.parquet", "no such file, folder or glob"),
        ("deeper.csv", "holds no file ending in .csv, .csv.gz, .tsv, .tsv.gz, .parquet, "),
        ("x" * 5000, "cannot look up 'xxx"),
        ("", "cannot look up '': the name is empty; the current folder is '.'"),
        (["b.csv", ""], "the name is empty; the current folder is '.'"),
        ("a\0b", "a\\x00b"),
    ],
)
def test_what_is_not_there_is_said(folder, monkeypatch, source, said):
    """
    No file, an empty folder, an impossible name: refused with the name.
    """
    monkeypatch.chdir(folder)

    with pytest.raises(RecordError) as error:
        load(source)

    assert said in str(error.value).replace("\0", "\\x00")
    assert 400 > len(str(error.value))


def test_the_folder_is_said_in_which_nothing_is_found(folder, monkeypatch):
    """
    A notebook runs where it lies, which is often not where its reader thinks.
    """
    monkeypatch.chdir(folder)
    for source, said in ((folder / "x.csv", "glob"), ("data/x.csv", f"glob in {folder}")):
        with pytest.raises(RecordError) as error:
            load(source)
        assert str(error.value).endswith(f"x.csv: no such file, folder or {said}")


@pytest.mark.parametrize(
    "source", [None, 5, b"x.csv", {"a": 1}, ["a.csv", 5], [["a.csv"]], TABLE["loss"]]
)
def test_what_is_no_source_is_said(source):
    """
    Neither a file nor a table: the message says what would be.
    """
    with pytest.raises(RecordError, match="load takes a file, folder or glob, a list of these"):
        load(source)


def test_files_must_be_some_and_each_once(folder):
    """
    An empty list and a file read twice are mistakes.
    """
    with pytest.raises(RecordError, match="the list of files is empty"):
        load([])
    with pytest.raises(RecordError, match=r"b\.csv would be read more than once"):
        load([folder, folder / "b.csv"])


def test_files_must_have_the_same_needed_columns(folder):
    """
    A column that only some files have would be filled with nothing; optional ones may.
    """
    (folder / "c.csv").write_text("run,params,tokens,loss,nominal_rate\nc,1e9,1e6,2.5,0.1\n")

    with pytest.raises(RecordError, match=r"c\.csv has no column base_loss, but .*a\.jsonl has"):
        load(folder)

    together = load([folder / "a.jsonl", folder / "b.csv"])
    assert "nominal_rate" not in together
    TABLE.iloc[:1].assign(run="c", nominal_rate=0.1).to_csv(folder / "c.csv", index=False)
    assert load(folder)["nominal_rate"].tolist()[-1] == 0.1
    assert load(folder)["nominal_rate"].isna().sum() == 4


def test_files_that_contradict_each_other_are_named(folder):
    """
    A contradiction between files names file and row.
    """
    TABLE.iloc[:2].assign(loss=2.0).to_csv(folder / "c.csv", index=False)

    with pytest.raises(RecordError, match="4 of 6 records have loss that differs") as error:
        load(folder)

    assert (str(folder / "c.csv"), 1) == error.value.rows[-1]
    assert f"row {folder / 'c.csv'}, 1: loss = 2 at run = 'a'" in str(error.value)


def test_the_file_with_the_wrong_row_is_named(folder):
    """
    Each file is checked for itself, so that the row is counted in it.
    """
    (folder / "c.csv").write_text(CSV.replace("2.4", "-2.4"))

    with pytest.raises(RecordError, match=r"c\.csv: 1 of 4 records has loss") as error:
        load(folder)

    assert [1] == error.value.rows


def test_unreadable_files_are_refused(tmp_path, monkeypatch):
    """
    What the system forbids is told in its words.
    """
    path = tmp_path / "x.csv"
    path.write_text(CSV)

    def forbid(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("builtins.open", forbid)
    with pytest.raises(RecordError, match=r"cannot be read as CSV: .*Permission denied"):
        load(path)


# -- properties ----------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6).map("x".__add__)


@st.composite
def tables(draw):
    """Sound records of any size, in any order, with other columns."""
    rows = draw(st.integers(1, 8))
    counts = st.one_of(st.just(0.0), st.floats(1e3, 1e15), st.integers(1000, 2**53).map(float))
    sizes = draw(st.lists(st.floats(1e3, 1e15), min_size=rows, max_size=rows))
    base = {each: draw(st.floats(1e-300, 1e300)) for each in sizes}
    column = {"min_size": rows, "max_size": rows}
    table = {
        "run": draw(st.lists(TEXT, **column)),
        "params": sizes,
        "tokens": draw(st.lists(counts, unique=True, **column)),
        "pruning_rate": draw(st.lists(st.floats(0, 1, exclude_max=True), **column)),
        "base_loss": [base[each] for each in sizes],
        "loss": draw(st.lists(st.floats(5e-324, 1e300), **column)),
        "note": draw(st.lists(TEXT, **column)),
        "step": draw(st.lists(st.integers(-(2**63), 2**63 - 1), **column)),
        "other": draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), **column)),
        "nominal_rate": draw(st.lists(st.just(np.nan) | st.floats(0, 1), **column)),
    }
    return pd.DataFrame(table)[draw(st.permutations(list(table)))]


@given(tables())
def test_loading_never_changes_a_value(table):
    """
    Sound records come out as they went in, to the last bit.
    """
    same(table, load(table))


def write(table, path):
    """Write a table as its users would, keeping every bit."""
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        rows = table.astype(object).to_dict("records")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables())
def test_what_is_written_is_read(tmp_path, ending, table):
    """
    Writing and loading gives the same table, bit for bit, in every format.
    """
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"x{ending}"
    write(table, path)

    same(table, load(path))


def answer(function, *arguments, **how):
    """What a function returns, and the error where it raises one of p2law's."""
    try:
        return function(*arguments, **how), None
    except P2LawError as error:
        return None, error


def outcome(table, **how):
    """The checked table or the refusal, which is short and names a row or a column."""
    checked, error = answer(check, table, **how)
    said = "" if error is None else str(error)
    named = any(str(name) in said for name in [*table.columns, "loss", "no rows"])
    assert error is None or ((error.rows or named) and len(said) < 4000)
    return checked, error


@given(tables(), st.randoms(use_true_random=False), st.booleans())
def test_permuting_rows_permutes_the_result(table, random, spoil):
    """
    The order of rows decides neither what is refused nor what is returned.
    """
    if spoil:
        table.loc[random.randrange(len(table)), random.choice(["loss", "tokens"])] = -1.0
    order = random.sample(range(len(table)), len(table))

    checked, error = outcome(table)
    permuted, other = outcome(table.iloc[order])

    if error is None:
        same(checked.iloc[order], permuted)
    else:
        assert set(error.rows) == set(other.rows)
        assert str(error).splitlines()[0] == str(other).splitlines()[0]


ANY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.text(max_size=4),
    st.sampled_from(["NaN", "inf", "1,5", "1_0", "", " 2 ", pd.NA, pd.NaT, 2j, b"1"]),
    st.sampled_from([[], {}, (1, []), (1, 2), frozenset()]),
    st.decimals(), st.fractions(), st.dates(), st.datetimes(), st.timedeltas(),
    st.lists(st.integers(), max_size=2), st.sampled_from([0.5, 1e6, 2e6, 3e9, 2.5]),
)  # fmt: skip
NAMES = st.sampled_from(["run", *VOCABULARY, *LABELS, "x", "Loss", 0, None, ("loss", 1)])


@settings(max_examples=300)
@given(
    st.integers(0, 4).flatmap(
        lambda rows: st.dictionaries(NAMES, st.lists(ANY, min_size=rows, max_size=rows), max_size=6)
    ),
    st.lists(st.sampled_from(["loss", "x", "tokens", "run"]), max_size=2),
    st.booleans(),
)
def test_any_table_gives_records_or_words(columns, needs, typed):
    """
    Whatever a table holds, the answer is a table or a RecordError; no other error, no warning.
    """
    table = pd.DataFrame({name: pd.Series(each, dtype=object) for name, each in columns.items()})
    table = table.infer_objects() if typed else table

    checked, _ = outcome(table, needs=needs, accept=("params", "tokens"))

    if checked is not None:
        assert table.index.equals(checked.index)
        assert table.columns.equals(checked.columns)
        found, error = answer(runs, checked)
        assert error.rows if found is None else len(found[0]) == len(checked)


SEEDS = {
    ".csv": CSV.encode(),
    ".jsonl": JSONL.encode(),
    ".csv.gz": gzip.compress(CSV.encode(), mtime=0),
    ".jsonl.gz": gzip.compress(JSONL.encode(), mtime=0),
}
JUNK = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\x00", b"\xef\xbb\xbf", b'"', b",", b"\n", b"\r", b"NaN", b"1e999", b"9" * 400,
         b"[" * 99, b'{"loss":', b"\\ud800", b"=cmd()", b"1,234", b"2026-01-01", b"\t;", b"-",
         b"1e-320"]
    ),
)  # fmt: skip


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ending=st.sampled_from([*SEEDS, ".parquet"]),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), JUNK), min_size=1, max_size=4),
)
def test_any_bytes_give_records_or_words(tmp_path, ending, edits):
    """
    Whatever a file holds, the answer is a table or a P2LawError; no other error, no warning.
    """
    path = tmp_path / f"x{ending}"
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
        TABLE.to_parquet(path)
    content = bytearray(SEEDS.get(ending) or path.read_bytes())
    for where, length, junk in edits:
        start = int(where * len(content))
        content[start : start + length] = junk
    path.write_bytes(content)

    found, error = answer(load, path)

    assert len(found) if error is None else str(error).startswith(str(path))


def test_counts_that_no_float_tells_apart_are_named_as_the_cause():
    """
    Whole numbers of 64 bits, next to each other, are one number as floats.
    """
    tokens = np.array([2**64 - 1 - k for k in range(3)], dtype=np.uint64)
    table = pd.DataFrame({"run": "a", "tokens": tokens, "loss": [2.0, 2.1, 2.2]})

    with pytest.raises(RecordError, match=r"Counts of 9e\+15 and more .* neighbours are one"):
        load(table)
    with pytest.raises(RecordError, match="One run has one loss") as caught:
        load(table.assign(tokens=1e9))
    assert "53 bits" not in str(caught.value)


def test_parquet_that_no_table_could_be_is_refused_in_words(tmp_path):
    """
    A column twice, and an index that is not there.
    """
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    table = pa.table({"tokens": [1e9, 2e9], "loss": [2.1, 2.0]})
    twice = [*table.columns, table["loss"]]
    pq.write_table(pa.Table.from_arrays(twice, ["tokens", "loss", "loss"]), path)

    with pytest.raises(RecordError, match="column loss stands more than once; keep one"):
        load(path)

    noted = {b"pandas": b'{"index_columns":["nope"],"columns":[],"column_indexes":[{}]}'}
    pq.write_table(table.replace_schema_metadata(noted), path)

    with pytest.raises(RecordError, match=r"names an index 'nope' .* write the table again"):
        load(path)


@pytest.mark.parametrize("column", ["run", "a\udc80"])
def test_half_a_character_is_refused_where_it_stands(tmp_path, column):
    """
    Python and JSON can hold what no file can; it is refused by row or line, not found when saving.
    """
    odd = "x" if column.endswith("\udc80") else "a\udfff"
    table = pd.DataFrame({"loss": [2.5, 2.4], "tokens": [1e6, 2e6]})
    table.insert(0, "other", pd.Series(["b", odd], dtype=object))
    table.columns = pd.Index([column, "loss", "tokens"], dtype=object)
    path = tmp_path / "x.jsonl"
    rows = [dict(zip(table.columns, each, strict=True)) for each in table.to_numpy()]
    path.write_text("\n".join(map(json.dumps, rows)))

    with pytest.raises(RecordError, match="holds half a character"):
        check(table)
    with pytest.raises(RecordError, match=r"x\.jsonl: line [12] holds half a character"):
        load(path)
