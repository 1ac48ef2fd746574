"""Logs of trainers as records: Hugging Face, Weights & Biases, TensorBoard, any CSV.

Every reader takes a path, which loss is meant, facts about the run, and the keywords of
`Options`. It returns a `Log`: checked records, and sentences about all that was done to
them. Nothing is dropped, smoothed or converted without one.
"""

from collections.abc import Mapping
from typing import Any, Unpack

from p2law.logs import mapped, tensorboard, trainer, wandb
from p2law.logs.assembling import assembled
from p2law.logs.guessing import KINDS, kind_of
from p2law.logs.log import Log, Measured, together
from p2law.logs.options import UNITS, Asked, Options, Place, place
from p2law.logs.options import options as checked

__all__ = [
    "KINDS",
    "UNITS",
    "Asked",
    "Log",
    "Measured",
    "Options",
    "kind_of",
    "read_csv",
    "read_tensorboard",
    "read_trainer_state",
    "read_wandb",
    "together",
]

Facts = Mapping[str, Any]


def read_trainer_state(
    path: Place, *, loss: str, facts: Facts | None = None, **options: Unpack[Asked]
) -> Log:
    """Read what a Hugging Face Trainer logged.

    The train loss of a Trainer is a mean over the steps since the log before. It is put
    at the tokens where this mean belongs unless ``averaged=False``.

    Parameters
    ----------
    path : str or Path
        A `trainer_state.json`, a checkpoint, or a run's folder: the one of its states that
        went furthest.
    loss : str
        ``"eval"``, ``"train"``, or the name as logged (``"eval_wiki_loss"``).
    facts : mapping, optional
        Columns to add, as ``{"params": 1.24e9, "pruning_rate": 0.25, "base_loss": 2.1}``.
        The base loss may come from `Log.base_loss`.
    **options : see `Options`
        `tokens_per_step` is needed unless the log counts tokens
        (``include_num_input_tokens_seen``).

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        The file is damaged, does not hold the loss, or the losses cannot become records;
        states of a folder contradict each other; or a keyword or a fact is misspelt.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> history = [{"step": 100, "eval_loss": 2.5}, {"step": 200, "eval_loss": 2.4}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "trainer_state.json")
    ...     _ = path.write_text(json.dumps({"log_history": history}))
    ...     log = read_trainer_state(path, loss="eval", tokens_per_step=8192)
    >>> log.records[["tokens", "loss"]]
          tokens  loss
    0   819200.0   2.5
    1  1638400.0   2.4
    """
    asked = checked(loss, options)
    return assembled([trainer.curve_of(place(path), asked)], asked, facts)


def read_wandb(
    path: Place, *, loss: str, facts: Facts | None = None, **options: Unpack[Asked]
) -> Log:
    r"""Read a table exported from Weights & Biases.

    Parameters
    ----------
    path : str or Path
        The CSV of a line plot (one column a run), or of ``run.history().to_csv()``.
    loss : str
        ``"eval"``, ``"train"``, or the metric's name (``"val/ce"``).
    facts : mapping, optional
        Columns to add; a value may be a mapping from runs to values.
    **options : see `Options`
        W&B's own step counts calls of ``wandb.log``; name the trainer's step with `step`.

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        The table is damaged, does not hold the loss, or the losses cannot become records;
        or a keyword or a fact is misspelt.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "panel.csv")
    ...     _ = path.write_text("train/global_step,a - eval/loss\n100,2.5\n200,2.4\n")
    ...     log = read_wandb(path, loss="eval", tokens_per_step=8192)
    >>> log.records[["run", "tokens", "loss"]]
      run     tokens  loss
    0   a   819200.0   2.5
    1   a  1638400.0   2.4
    """
    asked = checked(loss, options)
    curves, notes = wandb.curves_of(place(path), asked)
    return assembled(curves, asked, facts, notes)


def read_tensorboard(
    path: Place, *, loss: str, facts: Facts | None = None, **options: Unpack[Asked]
) -> Log:
    """Read TensorBoard's event files; no other package is needed.

    Parameters
    ----------
    path : str or Path
        An event file, a run's folder, or a folder of such folders: each is one run, the
        files of a folder follow each other by name.
    loss : str
        ``"eval"``, ``"train"``, or the tag (``"Loss/valid"``).
    facts : mapping, optional
        Columns to add; a value may be a mapping from runs to values.
    **options : see `Options`

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        A file is damaged, none holds the loss, or the losses cannot become records; or a
        keyword or a fact is misspelt.
    """
    asked = checked(loss, options)
    curves, notes = tensorboard.curves_of(place(path), asked)
    return assembled(curves, asked, facts, notes)


def read_csv(
    path: Place, columns: Facts, *, facts: Facts | None = None, **options: Unpack[Asked]
) -> Log:
    r"""Read any CSV or TSV by naming its columns.

    Parameters
    ----------
    path : str or Path
        The header says whether commas, tabs, semicolons or bars separate cells.
    columns : mapping
        From names of records to columns, or to a column and a factor:
        ``{"tokens": ("Tokens (B)", 1e9), "loss": "val ppl", "run": "name"}``.
        ``"loss"``, and ``"tokens"`` or ``"step"``, must be among them, or columns of the table:
        where neither of the two is named, both are read that stand there.
        Rows in which the loss is empty are left out and counted.
        `unit` is also that of ``"base_loss"`` and ``"train_loss"``.
    facts : mapping, optional
        Columns to add; a value may be a mapping from runs to values.
    **options : see `Options`

    Returns
    -------
    Log

    Raises
    ------
    RecordError
        The table is damaged, lacks a column, or the losses cannot become records; or a
        keyword or a fact is misspelt.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "curve.tsv")
    ...     _ = path.write_text("Tokens (B)\tppl\n1\t12.5\n2\t11.0\n")
    ...     columns = {"tokens": ("Tokens (B)", 1e9), "loss": "ppl"}
    ...     log = read_csv(path, columns, unit="perplexity")
    >>> log.records[["tokens", "loss"]].round(4)
             tokens    loss
    0  1.000000e+09  2.5257
    1  2.000000e+09  2.3979
    """
    asked = checked("loss", options)
    curves, notes = mapped.curves_of(place(path), columns, asked)
    return assembled(curves, asked, facts, notes)
