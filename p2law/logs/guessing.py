"""What kind of log a path is, by its name, content of the folder, or header."""

from pathlib import Path

from p2law.errors import RecordError
from p2law.logs.sheets import sheet
from p2law.logs.tensorboard import MARK
from p2law.logs.trainer import STATE
from p2law.logs.wandb import is_export

KINDS = ("trainer", "wandb", "tensorboard", "csv")
_TABLES = {".csv", ".tsv", ".txt"}


def kind_of(path: Path) -> str:
    """Guess which reader a path is for.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        One of `KINDS`.

    Raises
    ------
    RecordError
        There is no such path, or nothing tells.
    """
    if not path.exists():
        raise RecordError(f"{path}: no such file or folder")
    if MARK in path.name:
        return "tensorboard"
    if path.is_dir():
        if (path / STATE).is_file() or any(path.glob(f"checkpoint-*/{STATE}")):
            return "trainer"
        if any(path.rglob(f"*{MARK}*")):
            return "tensorboard"
    elif path.suffix == ".json":
        return "trainer"
    elif _TABLES & set(path.suffixes):
        return "wandb" if is_export(list(sheet(path, partial=True).columns)) else "csv"
    raise RecordError(
        f"{path}: cannot tell what log this is; say which of {', '.join(KINDS)} (--kind)"
    )
