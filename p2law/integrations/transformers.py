"""A callback of the Hugging Face Trainer: forecast the run, and stop it when tokens stop paying.

It reads the running curve, calibrates a fitted law to it (`planning.continue_run`), logs the
final loss to be expected with its interval and what the next doubling buys, and writes all
that it saw to a file. It stops nothing unless asked to, and never on a curve that it has
reason to distrust. A resumed run goes on from the readings in the Trainer's log, which its
checkpoints keep; the forecasts stand there, too, as `p2law_final_loss` and so on. Trackers that
the Trainer calls before this callback do not see these.
"""

import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from p2law import asking
from p2law.continuation import Continuation
from p2law.continuing import continue_run
from p2law.deviations import TOKENS
from p2law.errors import FitError, MissingExtraError, P2LawError
from p2law.result import Fit
from p2law.wording import nearest

try:
    from transformers.trainer_callback import (
        TrainerCallback,
        TrainerControl,
        TrainerState,
    )
    from transformers.training_args import TrainingArguments
except ImportError as error:
    raise MissingExtraError("transformers", "collect", "p2law.integrations.transformers") from error

LOG = logging.getLogger(__name__)

FILE = "p2law_forecasts.jsonl"
"""What the callback saw, in the output folder of the Trainer, one line a reading; the first one
after a resumption says the step that it went on from."""

LEAST = 3
"""Checkpoints of the curve that are needed before it may stop a run."""

NO_METRICS = ("epoch", "total_flos", "num_input_tokens_seen")
"""What a Trainer logs beside what it measures."""

DIVERGED = 2
"""So many readings in a row above the lowest one, by more than noise, are divergence."""


class StopWhenSaturated(TrainerCallback):
    """Forecast a run from its first checkpoints; stop it once tokens stop paying, if asked to.

    Parameters
    ----------
    fit : Fit
        Fitted law of other runs.
    gain : float
        Unit of the target: a further doubling that buys less than this does not pay.
    inputs : mapping of str to float
        The other inputs of the law, for this run.
    stop : bool
        Stop the run when even the upper end of the interval of the next doubling's gain lies
        below `gain`; otherwise only say so.
    metric : str
        What is read from the Trainer's log: ``"eval_loss"``, or ``"loss"``, the mean training
        loss since the last log, whose noise the interval knows nothing of.
    tokens_per_step : float, optional
        Tokens in one optimiser step; where not given, the Trainer must count them
        (``include_num_input_tokens_seen``).
    level : float
        Of the intervals.

    Raises
    ------
    FitError
        The law does not read tokens, or a number is none. When training begins: nobody
        counts the tokens, the Trainer never evaluates though a metric of evaluations is
        read, or it would hide a loss that is not finite.
    FormError
        An input of the law is missing.

    Examples
    --------
    Give it to a Trainer: ``Trainer(..., callbacks=[StopWhenSaturated(fit, gain=0.01,
    inputs={"params": 1.2e9, "pruning_rate": 0.25, "base_loss": 2.1})])``.
    """

    def __init__(
        self,
        fit: Fit,
        *,
        gain: float,
        inputs: dict[str, float],
        stop: bool = False,
        metric: str = "eval_loss",
        tokens_per_step: float | None = None,
        level: float = 0.9,
    ) -> None:
        self.fit, self.gain = fit, asking.positive("gain", gain)
        asking.interval(level, "run")
        if tokens_per_step is not None:
            asking.positive("tokens_per_step", tokens_per_step)
        self.inputs, self.stop, self.metric = dict(inputs), stop, metric
        self.tokens_per_step, self.level = tokens_per_step, level
        # Whatever is wrong is said before training.
        for each in continue_run(self.fit, **self.inputs).trouble:
            if "do not determine" in each:
                LOG.warning("%s: forecasts will be unknown (NaN), and nothing stops", each)
        self.missed, self.resumed = False, dict[str, Any]()
        self.named = dict[str, None]()
        self.seen: list[list[float]] = []
        self.latest: dict[str, Any] = {}

    # -- what the Trainer calls --------------------------------------------------------

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Refuse a run that cannot be read; take a resumed run up where its log ends."""
        del control
        if self.tokens_per_step is None and not _counts(args):
            raise FitError(
                "nobody counts the tokens of this run: give tokens_per_step, or set "
                "include_num_input_tokens_seen in the TrainingArguments"
            )
        if self.metric == "loss" and args.logging_nan_inf_filter:
            raise FitError(
                "the Trainer logs an average where a training loss is not finite, so that a run "
                "that breaks looks saturated: set logging_nan_inf_filter=False in the "
                "TrainingArguments, or read metric='eval_loss'"
            )
        if self.metric.startswith("eval_") and not _evaluates(args):
            raise FitError(
                f"{self.metric} never comes: eval_strategy is 'no' in the TrainingArguments; set "
                f"'steps' there, or read metric='loss'"
            )
        self.seen, self.missed, self.named = list(self._logged(state)), False, {}
        self.resumed = {"resumed_from": state.global_step} if state.global_step else {}

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> TrainerControl:
        """Take a reading, forecast, and put the forecast into the Trainer's log."""
        value = (logs or {}).get(self.metric)
        self.named |= dict.fromkeys(logs or {})
        if value is None:
            self._miss(logs or {})
            return control
        tokens = self._tokens(state)
        self.seen.append([float(state.global_step), tokens, float(value)])
        told = self._read(tokens, float(value), self._end(state))
        self.latest = told
        shown = {f"p2law_{name}": each for name, each in told.items() if _number(each)}
        if logs is not None:
            logs.update(shown)
        if state.log_history:
            state.log_history[-1].update(shown)
        LOG.log(logging.WARNING if told["trouble"] else logging.INFO, "%s", told["said"])
        if state.is_world_process_zero:
            self._write(args, {"step": state.global_step, **self.resumed, **told})
            self.resumed = {}
        if told["saturated"] and self.stop:
            control.should_training_stop = True
        return control

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Say so where what is read was never logged, naming what was."""
        del args, control
        if self.missed or self.metric in self.named or not state.global_step:
            return
        came = [name for name in self.named if name not in NO_METRICS]
        LOG.warning(
            "%s never came, so that there was not one forecast; %s (logged: %s)",
            *(self.metric, nearest(self.metric, came), ", ".join(came) or "nothing"),
        )

    def _miss(self, logs: dict[str, float]) -> None:
        """Say once that what is read is not in the log of an evaluation."""
        found = [name for name in logs if name.endswith("loss")]
        if self.missed or not any(name.startswith("eval_") for name in found):
            return
        if self.metric.startswith("eval_"):
            self.missed = True
            LOG.warning(
                "%s was not logged, and without it there is no forecast; there are %s",
                *(self.metric, ", ".join(found)),
            )

    # -- what it makes of the curve ----------------------------------------------------

    def curve(self) -> pd.DataFrame:
        """The readings so far: tokens and the target."""
        table = pd.DataFrame(self.seen, columns=["step", TOKENS, self.fit.form.target])
        return table[[TOKENS, self.fit.form.target]]

    def _read(self, tokens: float, value: float, end: float) -> dict[str, Any]:
        """One reading with what it tells, as a line of the file."""
        told: dict[str, Any] = {TOKENS: tokens, "loss": value, "saturated": False}
        if tokens <= 0:
            return {**told, "said": "before the first token there is no forecast", "trouble": []}
        if not math.isfinite(value):
            said = f"the loss is {value}: no forecast, and no stop because of one"
            return {**told, "said": said, "trouble": [said]}
        try:
            found = continue_run(self.fit, self._whole(), **self.inputs)
            told |= self._forecast(found, tokens, end)
        except P2LawError as error:
            return {**told, "said": f"no forecast: {error}", "trouble": [str(error)]}
        return told | self._judged(found, told)

    def _whole(self) -> pd.DataFrame:
        """The readings that are finite, of each token count the last."""
        table = self.curve()
        sound = table[(table[TOKENS] > 0) & table[self.fit.form.target].map(math.isfinite)]
        return sound.drop_duplicates(TOKENS, keep="last").reset_index(drop=True)

    def _forecast(self, found: Continuation, tokens: float, end: float) -> dict[str, Any]:
        """Final loss, and what the next doubling buys."""
        final = found.predict(max(end, tokens), level=self.level).iloc[0]
        more = found.gain(tokens, level=self.level).iloc[0]
        return {
            "final_tokens": max(end, tokens),
            "final_loss": float(final[self.fit.form.target]),
            "final_low": float(final["low"]),
            "final_high": float(final["high"]),
            "gain": float(more["gain"]),
            "gain_low": float(more["low"]),
            "gain_high": float(more["high"]),
            "gain_per_token": float(more["per_token"]),
        }

    def _judged(self, found: Continuation, told: dict[str, Any]) -> dict[str, Any]:
        """Whether tokens still pay, and the sentence that says so."""
        said = (
            f"{told[TOKENS]:.3g} tokens, loss {told['loss']:.4f}; {100 * self.level:g} % interval "
            f"at {told['final_tokens']:.3g} tokens {told['final_low']:.4f} to "
            f"{told['final_high']:.4f}; the next doubling buys {told['gain']:.4f} "
            f"({told['gain_low']:.4f} to {told['gain_high']:.4f})"
        )
        distrust = [*found.trouble] if found.risen or found.unlike else []
        if self._diverging(found):
            distrust.append("the loss rises from reading to reading: the run diverges")
        little = told["gain_high"] < self.gain and len(found.curve) >= LEAST
        if little and distrust:
            said += "; that is too little, but this curve is not to be trusted: not stopped"
        elif little:
            done = "stopping" if self.stop else "it may be stopped"
            said += f": less than {self.gain:g}, tokens have stopped paying; {done}"
        trouble = list(dict.fromkeys([*found.trouble, *distrust]))
        said = "; ".join([said, *trouble])
        return {"saturated": bool(little and not distrust), "said": said, "trouble": trouble}

    def _diverging(self, found: Continuation) -> bool:
        """Whether the last readings all lie above the lowest one by more than noise."""
        loss = self._whole()[self.fit.form.target].to_numpy()
        later = loss[-DIVERGED:] - loss.min()
        return len(loss) > DIVERGED and bool((later > 2 * found.sizes.noise).all())

    def _logged(self, state: TrainerState) -> Iterator[list[float]]:
        """Readings in the Trainer's own log, which its checkpoints keep."""
        for line in state.log_history:
            step, counted = line.get("step", 0), line.get("num_input_tokens_seen")
            tokens = counted if self.tokens_per_step is None else self.tokens_per_step * step
            if self.metric in line and tokens is not None and step <= state.global_step:
                yield [float(step), float(tokens), float(line[self.metric])]

    def _tokens(self, state: TrainerState) -> float:
        """Tokens so far."""
        if self.tokens_per_step is not None:
            return float(self.tokens_per_step * state.global_step)
        return float(state.num_input_tokens_seen)

    def _end(self, state: TrainerState) -> float:
        """Tokens at the end of the run, as planned."""
        return self._tokens(state) * state.max_steps / max(state.global_step, 1)

    def _write(self, args: TrainingArguments, line: dict[str, Any]) -> None:
        """Append a line to the file; what is not finite stands there as null."""
        folder = Path(str(args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        plain = {name: None if _lost(each) else each for name, each in line.items()}
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain, allow_nan=False) + "\n")


def _evaluates(args: TrainingArguments) -> bool:
    """Whether the Trainer evaluates at all."""
    strategy = getattr(args, "eval_strategy", "steps")
    return str(getattr(strategy, "value", strategy)) != "no"


def _counts(args: TrainingArguments) -> bool:
    """Whether the Trainer counts tokens."""
    return str(getattr(args, "include_num_input_tokens_seen", "no")).lower() not in ("no", "false")


def _number(each: Any) -> bool:
    """Whether trackers can take it."""
    return isinstance(each, float) and math.isfinite(each)


def _lost(each: Any) -> bool:
    """Whether JSON has no word for it."""
    return isinstance(each, float) and not math.isfinite(each)
