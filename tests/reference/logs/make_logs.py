"""Make the logs in this folder: two tiny runs of a real Trainer on a CPU, in seconds.

Needs transformers, accelerate, torch and tensorboard. The two tables of `wandb/` are
written from the log of the first run in the shapes in which Weights & Biases exports
them: a panel's CSV, and `run.history().to_csv()`.

    python tests/reference/logs/make_logs.py
"""

import contextlib
import csv
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import torch
from tensorboard.plugins.scalar import summary_v2
from torch.utils.tensorboard import SummaryWriter
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

HERE = Path(__file__).parent
SEQUENCE, BATCH = 32, 4  # 128 tokens a step


class Text(torch.utils.data.Dataset):
    """Sequences in which every token mostly follows from the one before."""

    def __init__(self, seed, count):
        generator = torch.Generator().manual_seed(seed)
        steps = torch.randint(1, 4, (count, SEQUENCE), generator=generator)
        self.sequences = steps.cumsum(1) % 32

    def __len__(self):
        return len(self.sequences)

    def __getitem__(self, k):
        return {"input_ids": self.sequences[k], "labels": self.sequences[k]}


def train(out, texts, resume=None, **settings):
    """Train for 60 steps; several texts are several evaluation sets."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=60,
        per_device_train_batch_size=BATCH,
        learning_rate=1e-2,
        logging_steps=5,
        eval_strategy="steps",
        eval_steps=10,
        eval_on_start=True,
        save_steps=20,
        use_cpu=True,
        seed=0,
        disable_tqdm=True,
        **settings,
    )
    trainer = Trainer(
        model=LlamaForCausalLM(config),
        args=arguments,
        train_dataset=Text(1, 512),
        eval_dataset=texts,
    )
    trainer.train(resume_from_checkpoint=resume)


def keep(out, into, *steps):
    """Copy the states of some checkpoints."""
    for step in steps:
        state = f"checkpoint-{step}/trainer_state.json"
        (into / state).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(out / state, into / state)


def export(history, into):
    """Write the two shapes of W&B's tables."""
    into.mkdir(exist_ok=True)
    names = ("train/loss", "eval/loss", "train/learning_rate", "train/global_step")
    rows = []
    for count, entry in enumerate(each for each in history if {"loss", "eval_loss"} & set(each)):
        values = (entry.get("loss"), entry.get("eval_loss"), entry.get("learning_rate"))
        rows.append({"_step": count, **dict(zip(names, (*values, entry["step"]), strict=True))})
    with (into / "history.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["", "_step", *names])  # pandas writes its index first
        table.writeheader()
        table.writerows({"": k, **row} for k, row in enumerate(rows))
    run = "brisk-pond-1 - eval/loss"
    with (into / "panel.csv").open("w", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL)
        table.writerow(["train/global_step", run, f"{run}__MIN", f"{run}__MAX"])
        for row in rows:
            if row["eval/loss"] is not None:
                table.writerow([row["train/global_step"], *[row["eval/loss"]] * 3])


def events(into):
    """Write one event file as TensorFlow 2 does, and one with a loss that is not a number."""
    with SummaryWriter(str(into / "tf2")) as writer:
        for step in (10, 20, 30):
            summary = summary_v2.scalar_pb("eval/loss", 3.0 / math.sqrt(step))
            writer._get_file_writer().add_summary(summary, step)
    with SummaryWriter(str(into / "nan")) as writer:
        for step, loss in ((10, 2.0), (20, math.nan), (30, 1.5)):
            writer.add_scalar("eval/loss", loss, step)


def plainly(folder):
    """Give event files names without the time and the machine."""
    for k, path in enumerate(sorted(folder.rglob("events.out.tfevents.*"))):
        path.rename(path.parent / f"events.out.tfevents.{k}")


def main():
    """Make all logs anew."""
    for name in ("trainer", "two_texts", "tensorboard", "wandb"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        one, two = Path("one"), Path("two")  # event files hold the name of the folder
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(HERE / "tensorboard" / "one")
        train(one, Text(2, 64), report_to="tensorboard")
        train(one, Text(2, 64), report_to="tensorboard", resume=str(one / "checkpoint-40"))
        keep(one, HERE / "trainer", 40, 60)
        counted = {"report_to": "none", "include_num_input_tokens_seen": "all"}
        train(two, {"wiki": Text(2, 64), "code": Text(3, 64)}, **counted)
        keep(two, HERE / "two_texts", 60)
    events(HERE / "tensorboard")
    plainly(HERE / "tensorboard")
    state = json.loads((HERE / "trainer/checkpoint-60/trainer_state.json").read_text())
    export(state["log_history"], HERE / "wandb")


if __name__ == "__main__":
    main()
