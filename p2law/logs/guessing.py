"""What kind of log a path is, by its name, content of the folder, or header."""

from p2law.errors import RecordError
from p2law.logs.options import Place, place
from p2law.logs.sheets import sheet
from p2law.logs.tensorboard import MARK
from p2law.logs.trainer import STATE
from p2law.logs.wandb import is_export

KINDS = ("trainer", "wandb", "tensorboard", "csv")
_TABLES = {".csv", ".tsv", ".txt"}


def kind_of(path: Place) -> str:
    """Guess which reader a path is for.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str
        One of `KINDS`.

    Raises
    ------
    RecordError
        There is no such path, or nothing tells.
    """
    found = place(path)
    if MARK in found.name:
        return "tensorboard"
    if found.is_dir():
        if (found / STATE).is_file() or any(found.glob(f"checkpoint-*/{STATE}")):
            return "trainer"
        if any(found.rglob(f"*{MARK}*")):
            return "tensorboard"
    elif found.suffix == ".json":
        return "trainer"
    elif _TABLES & set(found.suffixes):
        return "wandb" if is_export(list(sheet(found, partial=True).columns)) else "csv"
    raise RecordError(
        f"{found}: cannot tell what log this is; say which of {', '.join(KINDS)} (--kind)"
    )
