"""Records are split by what a law has not seen; every row is kept or held."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import p2law
from p2law import holdout
from p2law.errors import RecordError, ScoreError
from p2law.holdout.selecting import chosen


@pytest.fixture
def records():
    """Two models, three rates, five checkpoints; one model has no run at the highest rate."""
    table = p2law.grid(params=[5e8, 3e9], pruning_rate=[0.15, 0.25, 0.35], tokens=[0, 1, 2, 3, 4])
    table["tokens"] *= 1e8
    table = table[(table["params"] < 1e9) | (table["pruning_rate"] < 0.3)].reset_index(drop=True)
    size = pd.Series(np.where(table["params"] < 1e9, "small", "large"))
    table["run"] = size + "-" + table["pruning_rate"].astype(str)
    return table.assign(model=size, loss=np.linspace(4.0, 2.0, len(table)))


MAKERS = {
    "split": lambda records: holdout.split(records, "pruning_rate > 0.2"),
    "last_tokens": holdout.last_tokens,
    "largest_model": holdout.largest_model,
    "highest_rate": holdout.highest_rate,
    "each_run": lambda records: holdout.each_run(records)[2],
    "rollout": lambda records: holdout.rollout(records)[1],
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_row_is_kept_or_held_and_none_is_both(records, make):
    """
    Labels, columns and values come back as they were, and the caller's table is left alone.
    """
    shuffled = records.sample(frac=1, random_state=0)
    before = shuffled.copy(deep=True)

    parts = make(shuffled)

    both = pd.concat([parts.kept, parts.held]).loc[shuffled.index]
    pd.testing.assert_frame_equal(before, both, check_dtype=False)
    pd.testing.assert_frame_equal(before, shuffled)
    assert len(parts.held) == parts.mask.sum() > 0


def test_nothing_in_a_split_can_be_changed(records):
    """
    What is taken out of it is a copy.
    """
    parts = holdout.largest_model(records)
    taken = parts.kept
    taken["loss"] = 0.0
    parts.mask[:] = True

    assert parts.kept["loss"].min() > 0
    assert not parts.mask.all()
    with pytest.raises(AttributeError, match="cannot assign to field"):
        parts.words = ""


# -- the hold-outs of the paper ----------------------------------------------------------


def test_the_first_four_of_five_checkpoints_are_fitted(records):
    """
    80 % of five are four, for every run whatever its order in the table.
    """
    parts = holdout.last_tokens(records.sample(frac=1, random_state=1))

    assert {4e8} == set(parts.held["tokens"])
    assert (
        "the last 20 % of each run's checkpoints: held 5 rows of 5 runs; kept 20 rows of 5 runs"
        == (str(parts))
    )


@pytest.mark.parametrize(
    ("checkpoints", "share", "held"),
    [(10, 0.2, 2), (4, 0.2, 1), (12, 0.2, 3), (10, 0.9, 9), (2, 0.2, 1), (5, 0.6, 3)],
)
def test_what_is_kept_is_rounded_down(checkpoints, share, held):
    """
    The share is of checkpoints, not of tokens; 10 x 0.1 is 1 although 1 - 0.9 is a little less.
    """
    table = pd.DataFrame({"run": "a", "tokens": np.geomspace(1e3, 1e9, checkpoints), "loss": 2.0})

    assert held == len(holdout.last_tokens(table, share).held)


def test_repeated_trials_of_a_checkpoint_stay_together(records):
    """
    A token count is one checkpoint, however many seeds were measured there.
    """
    both = pd.concat([records.assign(seed=1), records.assign(seed=2)], ignore_index=True)

    parts = holdout.last_tokens(both)

    assert {4e8} == set(parts.held["tokens"])
    assert 10 == len(parts.held)


def test_runs_that_are_too_short_are_kept_whole_and_said(records):
    """
    One checkpoint cannot be cut.
    """
    single = records.iloc[:1].assign(run="alone")

    parts = holdout.last_tokens(pd.concat([records, single], ignore_index=True))

    assert ("1 run has fewer than 2 checkpoints and is kept whole",) == parts.notes
    assert "alone" in set(parts.kept["run"]) - set(parts.held["run"])


def test_the_largest_model_is_held_at_all_rates(records):
    """
    All its runs, none of another model.
    """
    parts = holdout.largest_model(records)

    assert {"large"} == set(parts.held["model"])
    assert {"small"} == set(parts.kept["model"])
    assert "params = 3e9, the largest of 2 model sizes" == parts.words


def test_the_highest_rate_is_one_cut_although_models_achieve_it_differently():
    """
    0.347 and 0.352 are one nominal rate of two models; 0.3380 is another cut.
    """
    rates = [0.25, 0.338, 0.347, 0.352]
    table = pd.DataFrame({"run": list("abcd"), "pruning_rate": rates, "loss": 2.0})

    parts = holdout.highest_rate(table)

    assert [0.347, 0.352] == parts.held["pruning_rate"].tolist()
    assert "pruning_rate = 0.347 to 0.352, the highest; the next is 0.338" == parts.words
    assert [0.352] == holdout.highest_rate(table, within=0).held["pruning_rate"].tolist()


def test_near_one_it_is_what_is_left_that_tells_rates_apart():
    """
    0.99 removes only a little more than 0.98, but leaves half as much.
    """
    table = pd.DataFrame({"run": list("ab"), "pruning_rate": [0.98, 0.99], "loss": 2.0})

    assert [0.99] == holdout.highest_rate(table).held["pruning_rate"].tolist()


def test_each_run_is_held_once(records):
    """
    As many splits as runs, together all rows.
    """
    parts = holdout.each_run(records)

    assert records["run"].unique().tolist() == [each.held["run"].iloc[0] for each in parts]
    assert (np.sum([each.mask for each in parts], axis=0) == 1).all()


def test_a_rollout_keeps_more_and_more(records):
    """
    One of five checkpoints, then two, three, four.
    """
    parts = holdout.rollout(records)

    assert [1, 2, 3, 4] == [each.kept["tokens"].nunique() for each in parts]
    assert "all after the first 20 % of each run's checkpoints" == parts[0].words


def test_the_shares_of_a_rollout_may_come_one_after_the_other(records):
    """
    As from a generator, which can be gone through once.
    """
    listed = holdout.rollout(records, [0.5, 0.8])
    coming = holdout.rollout(records, (share for share in (0.5, 0.8)))

    assert [each.words for each in listed] == [each.words for each in coming]


def test_a_rollout_says_which_share_no_run_is_long_enough_for(records):
    """
    A tenth of five checkpoints is none; the other share goes on.
    """
    (only,) = holdout.rollout(records, (0.1, 0.5))

    assert "the first 50 %" in only.words
    assert "the first 10 % of each run's checkpoints: that holds none" in only.notes[-1]


def test_runs_are_named_where_no_column_names_them(records):
    """
    Both sides carry the names, so that a score knows which run a row continues.
    """
    parts = holdout.last_tokens(records.drop(columns="run"))

    assert 5 == parts.held["run"].nunique()
    assert "no column run: runs are told apart by params, pruning_rate, model" in parts.notes


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda table: holdout.largest_model(table[table["params"] > 1e9]),
            ScoreError,
            "of 1 model size: that holds all 10 rows, nothing is left to fit; it takes two sizes",
        ),
        (
            lambda table: holdout.highest_rate(table[table["pruning_rate"] == 0.25]),
            ScoreError,
            "nothing is left to fit; it takes two rates",
        ),
        (
            lambda table: holdout.each_run(table.iloc[:5]),
            ScoreError,
            "run 'small-0.15': that holds all 5 rows",
        ),
        (
            lambda table: holdout.last_tokens(table[table["tokens"] == 1e8]),
            ScoreError,
            "none of 5 rows, nothing is left to predict; the longest run has 1 checkpoint",
        ),
        (
            lambda table: holdout.rollout(table[table["tokens"] == 1e8]),
            ScoreError,
            "the first 20 % .* the longest run has 1 checkpoint",
        ),
        (
            lambda table: holdout.split(table, "pruning_rate > 0.5"),
            ScoreError,
            "nothing is left to predict; pruning_rate goes from 0.15 to 0.35",
        ),
        (
            lambda table: holdout.split(table, "model in ('small', 'large')"),
            ScoreError,
            "nothing is left to fit; model is 'small', 'large'",
        ),
        (
            lambda table: holdout.last_tokens(table, 20),
            ScoreError,
            "share lies between 0 and 1, got 20",
        ),
        (lambda table: holdout.last_tokens(table, "a"), ScoreError, r"got 'a' \(str\)"),
        (lambda table: holdout.last_tokens(table, share=True), ScoreError, r"got True \(bool\)"),
        (lambda table: holdout.rollout(table, 0.5), ScoreError, "shares is a list of numbers"),
        (lambda table: holdout.rollout(table, ()), ScoreError, "shares is a list of numbers"),
        (lambda table: holdout.rollout(table, (0.5, 1.0)), ScoreError, "shares lies between"),
        (lambda table: holdout.rollout(table, (0.8, 0.8)), ScoreError, "holds 0.8 twice; name"),
        (lambda table: holdout.highest_rate(table, -1), ScoreError, "within lies between"),
        (
            lambda table: holdout.highest_rate(table.drop(columns="pruning_rate")),
            RecordError,
            "rate",
        ),
        (
            lambda table: holdout.last_tokens(table.drop(columns="tokens")),
            RecordError,
            "tokens: add",
        ),
        (lambda _: holdout.largest_model("records.csv"), RecordError, "p2law.load reads files"),
    ],
)
def test_hold_outs_that_hold_nothing_or_all_are_refused(records, make, error, words):
    """
    With what the records hold instead, and what it takes.
    """
    with pytest.raises(error, match=words):
        make(records)


# -- expressions -------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "rate": [0.1, 0.2, 0.3, np.nan],
        "base": [0.2, 0.2, 0.2, 0.2],
        "count": pd.array([1, None, 3, 4], dtype="Int64"),
        "flag": [True, False, True, False],
        "method": ["depth", "width", None, "2:4"],
        "kind": pd.Categorical(["a", "b", "a", "b"]),
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate > 0.15", [False, True, True, False]),
        ("0.15 < rate <= 0.3", [False, True, True, False]),
        ("rate < base", [True, False, False, False]),
        ("rate == 0.2 or method == '2:4'", [False, True, False, True]),
        ("not (rate > 0.15)", [True, False, False, True]),
        ("rate != 0.2", [True, False, True, False]),
        ("rate >= -1 and not rate == 0.1", [False, True, True, False]),
        ("rate in (0.1, 0.3)", [True, False, True, False]),
        ("rate not in [0.1]", [False, True, True, False]),
        ("count > 1", [False, False, True, True]),
        ("flag == True", [True, False, True, False]),
        ("flag == 0", [False, True, False, True]),
        ("method in ('depth', '2:4')", [True, False, False, True]),
        ("method != 'depth'", [False, True, False, True]),
        ("method not in {'depth'}", [False, True, False, True]),
        ("kind == 'a'", [True, False, True, False]),
        ("method == kind", [False] * 4),
        ("0.2 == 0.2 == rate", [False, True, False, False]),
        ("rate < 1e400", [True, True, True, False]),
        (f"rate < 1{'0' * 400}", [True, True, True, False]),
    ],
)
def test_comparisons_choose_rows(text, expected):
    """
    As in Python, except that a comparison with an empty cell is false, unequal included.
    """
    assert expected == chosen(TABLE, text)[0].tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rat > 0.1", r"no column 'rat', .* did you mean 'rate'\? The table has rate, base"),
        ("method == depth", "no column 'depth', .*texts stand in quotes"),
        ("rate", "'rate' is no comparison; join comparisons by and, or, not"),
        ("rate > 0.1 & base > 0.1", "is neither a column nor a number"),
        ("(rate > 0.1) & (base > 0.1)", "is no comparison"),
        ("rate = 0.1", "cannot read 'rate = 0.1' .*equal is =="),
        ("rate >", "cannot read"),
        ("", "cannot read ''"),
        ("1 < 2", "'1 < 2' compares no column"),
        ("3 in (rate,)", "compares no column"),
        ("rate is 0.1", "is compared by a word; equal is =="),
        ("rate > 'high'", "'high'.* is text, which has no order"),
        ("method > 'a'", "'method' in .* is text, which has no order; compare it by ==, != or in"),
        ("rate == 'high'", "'high' is text and rate is not; texts stand in quotes"),
        ("method == 3", "method is text and 3 is not"),
        ("method in 'depth'", "is no list; write in"),
        ("'de' in method", "is no list; write in"),
        ("rate > max(base)", r"'max\(base\)' in .* is neither a column nor a number"),
        ("__import__('os').system('true')", "is no comparison"),
        ("base > rate.real", "'rate.real' in .* is neither a column"),
        ("rate > -'a'", "is neither a column nor a number"),
        ("rate > 1j", "is neither a column nor a number"),
        ("rate > " + "(" * 500 + "1" + ")" * 500, "cannot read"),
        ("not " * 5000 + "rate > 1", "cannot read|nested too deeply"),
        ("rate > 1\0", "cannot read"),
        (3, r"rows are chosen by a text, got 3 \(int\); write for instance 'pruning_rate > 0.3"),
    ],
)
def test_anything_else_is_refused_with_words(text, words):
    """
    Nothing is run, and the part at fault is named.
    """
    with pytest.raises(ScoreError, match=words):
        chosen(TABLE, text)


def test_empty_cells_that_were_compared_are_counted():
    """
    They are on one side or the other, and the split says that nothing was known.
    """
    _, notes = chosen(TABLE, "rate > 0.1 or method == 'depth'")

    assert (
        "1 row holds no rate: comparisons with it are false there",
        "1 row holds no method: comparisons with it are false there",
    ) == notes


@given(
    low=st.floats(-2, 2),
    high=st.floats(-2, 2),
    joined=st.sampled_from(["and", "or"]),
    turned=st.booleans(),
)
def test_an_expression_says_what_numpy_says(low, high, joined, turned):
    """
    For any thresholds, joined and negated.
    """
    x = np.linspace(-1, 1, 21)
    both = np.logical_and if joined == "and" else np.logical_or
    expected = both(x >= low, x < high)

    text = f"x >= {low!r} {joined} x < {high!r}"
    found, _ = chosen(pd.DataFrame({"x": x}), f"not ({text})" if turned else text)

    assert (~expected if turned else expected).tolist() == found.tolist()


@given(text=st.text(alphabet="rate<>=!()[]., '\"0123andornti\\", max_size=30))
@example(text="'\\d' == rate")
def test_any_text_chooses_rows_or_is_refused(text):
    """
    One kind of error, whatever was typed.
    """
    try:
        found, _ = chosen(TABLE, text)
    except ScoreError:
        return
    assert (4,) == found.shape


def test_where_there_is_one_rate_no_next_one_is_named():
    """
    All rows would be held, and that is all there is to say.
    """
    records = pd.DataFrame({"run": ["a", "b"], "pruning_rate": [0.3, 0.3], "loss": [2.0, 2.1]})

    with pytest.raises(ScoreError, match=r"pruning_rate = 0.3, the highest: that holds all 2 rows"):
        holdout.highest_rate(records)


@pytest.mark.parametrize(
    "text", [" and ".join(["rate > 0"] * 50_000), f"rate in ({'0.1, ' * 200_000})"]
)
def test_a_text_that_would_take_seconds_is_refused_by_its_length(text):
    """
    Nobody writes one by hand; a column does the same at once.
    """
    with pytest.raises(ScoreError, match=r"characters, and at most 10,000 are read; mark the rows"):
        chosen(pd.DataFrame({"rate": [0.1, 0.5]}), text)
