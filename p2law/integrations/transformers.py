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
import re
from pathlib import Path
from typing import Any

import pandas as pd

from p2law.continuing.readings import Readings
from p2law.continuing.watching import Watch
from p2law.errors import FitError, MissingExtraError
from p2law.result import Fit, asking
from p2law.text.wording import first_line, got, nearest

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
of a training says so, or the step that a resumed one went on from."""

NO_METRICS = ("epoch", "total_flos", "num_input_tokens_seen")
"""What a Trainer logs beside what it measures."""

NO_LOSS = re.compile(
    "epoch|step|grad_norm|learning_rate|total_flos|num_input_tokens_seen|"
    ".*_(runtime|per_second|flos|time|accuracy)"
)
"""What it logs that is no loss, and would be forecast as one."""


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
        loss since the last log, whose noise the interval knows nothing of; it stands at the
        tokens in the middle of its steps.
    tokens_per_step : float, optional
        Tokens in one optimiser step; where not given, the Trainer must count them
        (``include_num_input_tokens_seen``).
    level : float
        Of the intervals.

    Raises
    ------
    FitError
        The law does not read tokens, a number is none, `stop` is not a bool, or `metric` is no
        name of a loss. When training begins: nobody counts the tokens, the Trainer never
        evaluates though a metric of evaluations is read, or it would hide a loss that is not
        finite.
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
        self.watch = Watch(fit, gain, inputs, level, stop)
        if tokens_per_step is not None:
            asking.positive("tokens_per_step", tokens_per_step)
        if not isinstance(stop, bool):
            raise FitError(f"stop is True or False, got {got(stop)}")
        if not isinstance(metric, str) or NO_LOSS.fullmatch(metric):
            raise FitError(
                f"metric is the name of a loss as the Trainer logs it ('eval_loss', 'loss', "
                f"'eval_wiki_loss'), got {got(metric)}"
            )
        self.stop, self.metric, self.tokens_per_step = stop, metric, tokens_per_step
        # Whatever is wrong is said before training.
        for each in self.watch.doubts():
            LOG.warning("%s: forecasts will be unknown (NaN), and nothing stops", each)
        self.readings = Readings(metric == "loss")
        self.latest: dict[str, Any] = {}
        self._begin({})

    def _begin(self, opening: dict[str, Any]) -> None:
        """Forget what was said in a training before; `opening` goes with its first line."""
        self.opening = opening
        self.named = dict[str, None]()
        self.missed, self.unwritten = False, False
        self.evaluated: int | None = None
        self.doubted = frozenset[str]()

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
        step = state.global_step
        self.readings = self._logged(state)
        self.readings.begin(step, self._tokens(state))
        self._begin({"resumed_from": step} if step else {"training_begins": True})

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
            self._miss(logs or {}, state.global_step)
            return control
        self.readings.add(state.global_step, self._tokens(state), value)
        told = self.watch.read(self.curve(), self._end(state))
        plain, told["said"] = told["said"], _sentence(told["said"], told["trouble"])
        self.latest = told
        shown = {f"p2law_{name}": each for name, each in told.items() if _number(each)}
        if logs is not None:
            logs.update(shown)
        if state.log_history:
            state.log_history[-1].update(shown)
        self._tell(plain, told["trouble"])
        if state.is_world_process_zero:
            self._write(args, {"step": state.global_step, **self.opening, **told})
            self.opening = {}
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

    def _miss(self, logs: dict[str, float], step: int) -> None:
        """Say once that what is read was not logged by a whole round of evaluations.

        Several sets are logged one by one at the same step, so the first later step tells.
        """
        if self.missed or self.metric in self.named or not self.metric.startswith("eval_"):
            return
        if self.evaluated is None:
            if any(_is_evaluation(name) for name in logs):
                self.evaluated = step
        elif step > self.evaluated:
            self.missed = True
            LOG.warning(
                "%s was not logged, and without it there is no forecast; there are %s",
                *(self.metric, ", ".join(filter(_is_evaluation, self.named))),
            )

    # -- what it keeps, and what it says -----------------------------------------------

    def curve(self) -> pd.DataFrame:
        """The readings so far: tokens and the target."""
        return self.readings.curve(self.watch.fit.form.target)

    def _tell(self, said: str, trouble: list[str]) -> None:
        """Log a reading; a trouble that the reading before had too, with other numbers, once."""
        alike = {re.sub(r"[\d.e+-]+", "", each): each for each in trouble}
        new = [each for words, each in alike.items() if words not in self.doubted]
        self.doubted = frozenset(alike)
        LOG.log(logging.WARNING if new else logging.INFO, "%s", _sentence(said, new))

    def _logged(self, state: TrainerState) -> Readings:
        """Readings in the Trainer's own log, which its checkpoints keep."""
        found = Readings(self.readings.means)
        for line in state.log_history:
            step, counted = line.get("step", 0), line.get("num_input_tokens_seen")
            tokens = counted if self.tokens_per_step is None else self.tokens_per_step * step
            if self.metric in line and tokens is not None and step <= state.global_step:
                found.add(step, tokens, line[self.metric])
        return found

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
        plain = {name: None if _lost(each) else each for name, each in line.items()}
        place = Path(str(args.output_dir)) / FILE
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("a", encoding="utf-8") as file:
                file.write(json.dumps(plain, allow_nan=False) + "\n")
        except OSError as error:
            if not self.unwritten:
                self.unwritten = True
                LOG.warning(
                    "%s cannot be written (%s): forecasts stand in the Trainer's log alone",
                    *(place, first_line(error)),
                )


def _sentence(said: str, trouble: list[str]) -> str:
    """What is said with its troubles, each once."""
    return "; ".join(dict.fromkeys([said, *trouble]))


def _is_evaluation(name: str) -> bool:
    """Whether it is the loss of an evaluation."""
    return name.startswith("eval_") and name.endswith("loss")


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
