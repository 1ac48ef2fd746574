"""The Trainer's callback: forecasts while a model trains, and stops only what it may."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

import p2law
from p2law import forms, logs, testing
from p2law.errors import FitError, FormError

torch = pytest.importorskip("torch", reason="the Trainer needs torch")
transformers = pytest.importorskip("transformers", reason="the callback is of its Trainer")
pytest.importorskip("accelerate", reason="the Trainer needs accelerate")

from p2law.integrations.transformers import FILE, StopWhenSaturated  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

PER_STEP = 1000
TRUTH = {"floor": 2.0, "scale": 30.0, "beta": 0.5}
"""Loss 2.95 after 1,000 tokens, 2.15 after 40,000."""


@pytest.fixture(scope="module")
def law():
    """A power law in tokens, fitted to eight runs."""
    grid = pd.DataFrame({"tokens": np.tile(np.geomspace(500, 1e5, 16), 8)})
    grid["run"] = np.repeat(np.arange(8), 16).astype(str)
    noise = {"noise": 0.002, "run_noise": 0.02, "seed": 3}
    return p2law.fit(testing.synthesize(forms.token_power, TRUTH, grid, **noise), forms.token_power)


class Paced(torch.nn.Module):
    """A model whose loss is a given function of the steps that it was trained for."""

    def __init__(self, loss):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("steps", torch.zeros(1))
        self.of = loss

    def forward(self, x, labels=None):  # noqa: ARG002 - the Trainer hands it over
        """Loss after so many steps, however small the weight."""
        if self.training:
            self.steps += 1
        loss = torch.tensor(float(self.of(max(float(self.steps), 1.0) * PER_STEP)))
        return {"loss": loss + 0 * self.weight.sum(), "logits": x * self.weight}


def falling(tokens):
    """A run a little above the law."""
    return 2.01 + 30.0 * tokens**-0.5


def trainer(folder, callback, loss=falling, steps=40, **settings):
    """A real Trainer of a model with a paced loss, evaluated every second step."""
    data = [{"x": torch.ones(1), "labels": torch.ones(1)}] * 8
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        eval_steps=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        **{"logging_steps": 2, "save_strategy": "no", "eval_strategy": "steps", **settings},
    )
    return transformers.Trainer(
        Paced(loss), arguments, train_dataset=data, eval_dataset=data[:1], callbacks=[callback]
    )


def llama():
    """A language model of 3,000 parameters."""
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=32,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
        )
    )


def texts(count, seed):
    """Texts of 32 letters, each of which depends on the one before."""
    rule = torch.softmax(3 * torch.randn(16, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    chance = torch.Generator().manual_seed(seed)
    found = torch.randint(16, (count, 1), generator=chance)
    for _ in range(31):
        more = torch.multinomial(rule[found[:, -1]], 1, generator=chance)
        found = torch.cat([found, more], dim=1)
    return [{"input_ids": each, "labels": each} for each in found]


def trained(folder, seed, *callbacks):
    """A small Llama learns such texts; its curve on others: 256 tokens a step."""
    torch.manual_seed(seed)
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=100,
        per_device_train_batch_size=8,
        per_device_eval_batch_size=64,
        eval_strategy="steps",
        eval_steps=10,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        learning_rate=1e-2,
        lr_scheduler_type="constant",
        seed=seed,
    )
    run = transformers.Trainer(
        llama(),
        arguments,
        train_dataset=texts(800, seed),
        eval_dataset=texts(64, 999),
        callbacks=[*callbacks],
    )
    run.train()
    read = [
        (each["step"], each["eval_loss"]) for each in run.state.log_history if "eval_loss" in each
    ]
    steps, losses = np.array(read).T
    return pd.DataFrame({"tokens": 256 * steps, "loss": losses, "run": str(seed)})


def written(folder):
    """The lines of the callback's file."""
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def watch(law, gain=0.02, **settings):
    """A callback that knows the tokens of a step."""
    return StopWhenSaturated(law, gain=gain, inputs={}, tokens_per_step=PER_STEP, **settings)


@pytest.fixture(scope="module")
def in_one_go(law, tmp_path_factory):
    """A Trainer that has trained for forty steps, and what the callback wrote."""
    folder = tmp_path_factory.mktemp("whole")
    run = trainer(folder, watch(law))
    run.train()
    return run, written(folder)


def test_the_end_is_forecast_while_the_model_trains(in_one_go):
    """
    From a quarter of the run on, the interval holds the final loss; log and file agree.
    """
    run, lines = in_one_go
    end = falling(40 * PER_STEP)
    late = [each for each in lines if each["tokens"] >= 10 * PER_STEP]
    logged = [each for each in run.state.log_history if "p2law_final_loss" in each]
    assert 20 == len(lines)
    assert all(each["final_low"] < end < each["final_high"] for each in late)
    assert all(each["final_tokens"] == 40 * PER_STEP for each in lines)
    assert [each["final_loss"] for each in lines] == [each["p2law_final_loss"] for each in logged]
    assert lines[-1]["gain_low"] < lines[-1]["gain"] < lines[-1]["gain_high"]


def test_it_only_advises_unless_told_to_stop(law, tmp_path, caplog):
    """
    The run goes to its end, and the log says that it might have stopped.
    """
    run = trainer(tmp_path, watch(law, gain=0.2))
    with caplog.at_level(logging.INFO, logger="p2law"):
        run.train()

    assert 40 == run.state.global_step
    assert "tokens have stopped paying; it may be stopped" in caplog.text


def test_it_stops_when_a_doubling_buys_less_than_asked_for(law, tmp_path):
    """
    Not before three readings, and not before the upper end of the gain is below it.
    """
    run = trainer(tmp_path, watch(law, gain=0.15, stop=True))
    run.train()

    lines = written(tmp_path)
    assert 4 < run.state.global_step < 40
    assert lines[-1]["gain_high"] < 0.15
    assert "stopping" in lines[-1]["said"]
    assert not any(each["saturated"] for each in lines[:-1])


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda tokens: falling(min(tokens, 1e4)) + max(tokens - 1e4, 0) * 1e-5, "risen"),
        (lambda tokens: falling(tokens) if tokens < 1e4 else float("nan"), "no forecast"),
    ],
)
def test_a_diverging_run_is_never_stopped_in_silence(law, tmp_path, caplog, loss, words):
    """
    It would be stopped after 16,000 tokens, but from 10,000 on it is not trusted, and says so.
    """
    run = trainer(tmp_path, watch(law, gain=0.07, stop=True), loss)
    with caplog.at_level(logging.WARNING, logger="p2law"):
        run.train()

    last = written(tmp_path)[-1]
    assert 40 == run.state.global_step
    assert not last["saturated"]
    assert words in last["said"]
    assert words in caplog.text


def test_a_rising_curve_does_not_stop_a_run_that_is_to_be_stopped(law, tmp_path):
    """
    The forecast of a rising curve stops nothing, however little it promises.
    """
    run = trainer(tmp_path, watch(law, gain=1e3, stop=True), lambda tokens: 2 + 1e-5 * tokens)
    run.train()

    lines = written(tmp_path)
    assert 40 == run.state.global_step
    assert "not to be trusted: not stopped" in lines[-1]["said"]


def test_a_bump_in_the_curve_is_said(law, tmp_path):
    """
    A curve that rose and fell again is told from one that fell all along, and stops nothing.
    """
    run = trainer(
        tmp_path,
        watch(law, gain=0.08, stop=True),
        lambda tokens: falling(tokens) + 0.1 * (9e3 < tokens < 11e3),
    )
    run.train()

    last = written(tmp_path)[-1]
    assert not last["saturated"]
    assert "bump at 1e4 tokens" in last["said"]


def test_a_resumed_run_goes_on_where_it_was(law, in_one_go, tmp_path):
    """
    Readings before the checkpoint count: forecasts after it are those of a run in one go.
    """
    saved = {"save_strategy": "steps", "save_steps": 10}
    trainer(tmp_path / "parts", watch(law), **saved, steps=40).train()
    again = watch(law)
    (tmp_path / "parts" / FILE).unlink()
    trainer(tmp_path / "parts", again, **saved).train(
        resume_from_checkpoint=str(tmp_path / "parts" / "checkpoint-20")
    )

    parts = written(tmp_path / "parts")
    assert 20 == len(again.curve())
    assert [22, 24] == [each["step"] for each in parts[:2]]
    assert [20, None] == [each.get("resumed_from") for each in parts[:2]]
    del parts[0]["resumed_from"]
    assert in_one_go[1][10:] == parts


def test_a_mean_training_loss_stands_in_the_middle_of_its_steps(law, tmp_path):
    """
    Where `p2law.logs` puts it, too; there, a run on the law of others is forecast rightly.
    """
    end, lines = falling(4e4), {}
    settings = {"logging_nan_inf_filter": False, "save_strategy": "steps", "save_steps": 40}
    for metric in ("loss", "eval_loss"):
        callback = watch(law, metric=metric)
        trainer(tmp_path / metric, callback, **settings, logging_steps=8).train()
        lines[metric] = written(tmp_path / metric)[-1]
    read = logs.read_trainer_state(
        tmp_path / "loss", tokens_per_step=PER_STEP, loss="train"
    ).records

    assert [each["tokens"] for each in written(tmp_path / "loss")] == read["tokens"].tolist()
    assert [3500, 11_500, 19_500, 27_500, 35_500] == read["tokens"].tolist()
    assert lines["loss"]["final_loss"] == pytest.approx(end, abs=0.003)
    assert lines["loss"]["final_loss"] == pytest.approx(lines["eval_loss"]["final_loss"], abs=0.003)


def test_a_resumed_mean_is_over_the_steps_since_the_checkpoint(law, tmp_path):
    """
    Readings before it stay where they were; the Trainer forgets losses that it had not logged.
    """
    settings = {"logging_nan_inf_filter": False, "save_strategy": "steps", "save_steps": 10}
    trainer(tmp_path, watch(law, metric="loss"), **settings, logging_steps=4, steps=24).train()
    again = watch(law, metric="loss")
    trainer(tmp_path, again, **settings, logging_steps=4, steps=24).train(
        resume_from_checkpoint=str(tmp_path / "checkpoint-10")
    )

    # Steps 1 to 4, 5 to 8, then 11 and 12 alone, and 13 to 16.
    assert [1500, 5500, 10_500, 13_500] == again.curve()["tokens"].tolist()[:4]


def test_tokens_are_counted_by_the_trainer_where_nobody_says(law, tmp_path):
    """
    A tiny Llama trained for six steps: tokens are those of its batches.
    """
    data = [{"input_ids": torch.arange(128) % 32, "labels": torch.arange(128) % 32}] * 64
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=6,
        per_device_train_batch_size=4,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        include_num_input_tokens_seen="all",
        logging_nan_inf_filter=False,
        learning_rate=1e-2,
    )
    callback = StopWhenSaturated(law, gain=0.01, inputs={}, metric="loss")
    transformers.Trainer(llama(), arguments, train_dataset=data, callbacks=[callback]).train()

    # The loss of a step is that of the model before it.
    assert [512.0 * k for k in range(6)] == callback.curve()["tokens"].tolist()
    assert 6 == len(written(tmp_path))
    assert callback.latest["final_tokens"] == 6 * 512


def test_a_language_model_stops_where_other_runs_say_that_tokens_stop_paying(tmp_path):
    """
    The same run in one go shows that the next doubling bought less than asked for, as forecast.
    """
    others = pd.concat([trained(tmp_path, seed) for seed in range(3)])
    fit = p2law.fit(others[others["tokens"] > 7000], forms.token_power)
    watched = StopWhenSaturated(fit, gain=0.05, inputs={}, tokens_per_step=256, stop=True)

    stopped, whole = trained(tmp_path, 9, watched), trained(tmp_path, 9)

    last, loss = written(tmp_path)[-1], whole.set_index("tokens")["loss"]
    bought = loss[last["tokens"]] - loss[2 * last["tokens"]]
    assert len(stopped) < len(whole) == 10
    assert last["gain_high"] < 0.05
    assert bought < 0.05
    assert last["gain"] == pytest.approx(bought, abs=0.03)


def test_a_trainer_that_hides_broken_losses_is_refused(law, tmp_path):
    """
    An average in place of a loss that is not finite would look saturated.
    """
    run = trainer(tmp_path, watch(law, metric="loss"))

    with pytest.raises(FitError, match="set logging_nan_inf_filter=False"):
        run.train()


def test_a_run_whose_tokens_nobody_counts_is_refused(law, tmp_path):
    """
    Before the first step, with both ways out.
    """
    run = trainer(tmp_path, StopWhenSaturated(law, gain=0.01, inputs={}))

    with pytest.raises(FitError, match="give tokens_per_step, or set include_num_input_tokens"):
        run.train()

    assert 0 == run.state.global_step


def test_what_is_wrong_is_said_before_training(law):
    """
    A gain that is none, an input that the law does not read.
    """
    with pytest.raises(FitError, match="gain is a positive number, got 0"):
        watch(law, gain=0)
    with pytest.raises(FormError, match="it does not read: params"):
        StopWhenSaturated(law, gain=0.1, inputs={"params": 1e9}, tokens_per_step=1)
    with pytest.raises(FitError, match="tokens_per_step is a positive number"):
        StopWhenSaturated(law, gain=0.1, inputs={}, tokens_per_step=-1)
    with pytest.raises(FitError, match=r"stop is True or False, got 'no' \(str\)"):
        watch(law, stop="no")
    with pytest.raises(FormError, match=r"inputs are those of the law .* got None"):
        StopWhenSaturated(law, gain=0.1, inputs=None, tokens_per_step=1)


@pytest.mark.parametrize("metric", [3, "epoch", "eval_runtime", "eval_wiki_samples_per_second"])
def test_what_is_no_loss_is_not_forecast(law, metric):
    """
    A metric that does not fall with tokens is refused before training.
    """
    with pytest.raises(FitError, match="metric is the name of a loss as the Trainer logs it"):
        watch(law, metric=metric)


def test_a_metric_that_never_comes_is_said(law, tmp_path, caplog):
    """
    Refused where the Trainer never evaluates; else said once, with what was logged.
    """
    plain = {"gain": 0.01, "inputs": {}, "tokens_per_step": PER_STEP}
    never = trainer(tmp_path, StopWhenSaturated(law, **plain), eval_strategy="no")
    with pytest.raises(FitError, match="eval_loss never comes: eval_strategy is 'no'"):
        never.train()

    odd = StopWhenSaturated(law, metric="eval_lss", **plain)
    with caplog.at_level(logging.WARNING, "p2law"):
        trainer(tmp_path, odd, steps=6).train()

    said = [each for each in caplog.messages if "eval_lss was not logged" in each]
    assert 1 == len(said)
    assert "eval_loss" in said[0]


@pytest.mark.parametrize("metric", ["lss", "evl_loss"])
def test_a_misspelt_metric_of_training_is_said_at_the_end(law, tmp_path, caplog, metric):
    """
    It might have come later; with the likely name, and all that were logged.
    """
    odd = StopWhenSaturated(law, gain=0.01, inputs={}, metric=metric, tokens_per_step=PER_STEP)
    with caplog.at_level(logging.WARNING, "p2law"):
        trainer(tmp_path, odd, steps=4).train()

    said = [each for each in caplog.messages if f"{metric} never came" in each]
    meant = "eval_loss" if metric.startswith("ev") else "loss"
    assert 1 == len(said)
    assert f"did you mean '{meant}'?" in said[0]
    assert "grad_norm" in said[0]


def test_a_metric_that_came_is_not_missed(law, tmp_path, caplog):
    """
    Not at the end either.
    """
    callback = StopWhenSaturated(law, gain=0.01, inputs={}, tokens_per_step=PER_STEP)
    with caplog.at_level(logging.WARNING, "p2law"):
        trainer(tmp_path, callback, steps=4).train()

    assert not [each for each in caplog.messages if "never came" in each]


def test_a_metric_of_several_evaluation_sets_is_waited_for(law, tmp_path, caplog):
    """
    Each set is logged by itself: that code comes before wiki does not mean that wiki is missed.
    """
    data = [{"x": torch.ones(1), "labels": torch.ones(1)}] * 8

    def complaints(metric):
        caplog.clear()
        run = trainer(tmp_path, watch(law, metric=metric), steps=8)
        run.eval_dataset = {"code": data, "wiki": data}
        with caplog.at_level(logging.WARNING, "p2law"):
            run.train()
        return [each for each in caplog.messages if "was not logged" in each]

    assert [] == complaints("eval_wiki_loss")
    assert [] == complaints("eval_code_loss")
    assert 4 == len({each["step"] for each in written(tmp_path)})
    (said,) = complaints("eval_wik_loss")
    assert said.endswith("there are eval_code_loss, eval_wiki_loss")


@pytest.mark.parametrize("kind", ["full", "folder"])
def test_a_file_that_cannot_be_written_ends_no_training(law, tmp_path, caplog, kind):
    """
    It is said once; the forecasts stand in the Trainer's log all the same.
    """
    if kind == "full":
        (tmp_path / FILE).symlink_to("/dev/full")
    else:
        (tmp_path / FILE).mkdir()
    run = trainer(tmp_path, watch(law), steps=8)

    with caplog.at_level(logging.WARNING, "p2law"):
        run.train()

    said = [each for each in caplog.messages if "cannot be written" in each]
    assert 8 == run.state.global_step
    assert 1 == len(said)
    assert "forecasts stand in the Trainer's log alone" in said[0]
    assert 4 == sum("p2law_final_loss" in each for each in run.state.log_history)


def test_a_forecast_that_fails_ends_no_training(law, tmp_path, monkeypatch):
    """
    Whatever is wrong with the numbers is told in the file, and the run goes on.
    """
    callback = watch(law, stop=True)

    def fail(*_, **__):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr("p2law.continuing.watching.continue_run", fail)
    run = trainer(tmp_path, callback, steps=8)
    run.train()

    assert 8 == run.state.global_step
    assert ["no forecast: LinAlgError: Singular matrix"] == written(tmp_path)[-1]["trouble"]


def test_a_new_training_in_an_old_folder_is_told_apart(law, tmp_path):
    """
    The first line of each training says that it is one.
    """
    for _ in range(2):
        trainer(tmp_path, watch(law), steps=4).train()

    begins = [each.get("training_begins") for each in written(tmp_path)]
    assert [True, None, True, None] == begins


def test_a_trouble_that_stays_is_warned_of_once(law, tmp_path, caplog):
    """
    The file has it on every line; in the log it stands again only after it had gone.
    """
    run = trainer(tmp_path, watch(law), lambda tokens: falling(tokens) + 3)
    with caplog.at_level(logging.INFO, "p2law"):
        run.train()

    warned = [each for each in caplog.records if "unlike those fitted" in each.getMessage()]
    lines = [each for each in written(tmp_path) if "unlike those fitted" in each["said"]]
    assert 1 == len(warned)
    assert logging.WARNING == warned[0].levelno
    assert len(lines) > 10


def test_an_evaluation_before_the_first_token_is_no_trouble(law, tmp_path):
    """
    There is nothing to forecast from, and nothing wrong.
    """
    callback = StopWhenSaturated(law, gain=0.01, inputs={}, tokens_per_step=PER_STEP)

    trainer(tmp_path, callback, steps=2, eval_on_start=True).train()
    first = json.loads((tmp_path / FILE).read_text().splitlines()[0])

    assert 0 == first["tokens"]
    assert [] == first["trouble"]
    assert "before the first token" in first["said"]


def test_a_law_that_is_not_determined_for_this_run_is_said_before_training(p2_records, caplog):
    """
    Forecasts would all be NaN.
    """
    fit = p2law.fit(p2_records(params=(0.5e9, 3e9), noise=0.003, run_noise=0.01))

    with caplog.at_level(logging.WARNING, "p2law"):
        StopWhenSaturated(
            fit,
            gain=0.01,
            inputs={"params": 1e10, "pruning_rate": 0.25, "base_loss": 2.0},
            tokens_per_step=PER_STEP,
        )

    assert any("forecasts will be unknown (NaN)" in each for each in caplog.messages)
