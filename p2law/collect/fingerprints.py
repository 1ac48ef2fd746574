"""Which weights a model's folder holds, by checksum: one study is of one set of weights.

A folder may change under its path, and so may a name on the hub. What a model was when
a study first looked at it is noted in the study's folder, and compared ever after.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from p2law.collect.ledger import clear_drafts, write_json
from p2law.collect.place import read_json
from p2law.errors import RunError


def same(folder: Path, note: Path, **told: str) -> dict[str, Any]:
    """Make sure that a model is the one that the study began with.

    Parameters
    ----------
    folder : Path
        With config.json and safetensors.
    note : Path
        JSON file that says what the study began with; written where there is none.
        Checksums are kept beside it, so that files of the same size and time are
        read once a study.
    **told : str
        More to note: what the sweep file says of the model.

    Returns
    -------
    dict
        Content of the note: `sha256` of the whole, `files` with one each, the `commit`
        of a model of the hub, and what was told.

    Raises
    ------
    RunError
        The model is another one.
    """
    note.parent.mkdir(parents=True, exist_ok=True)
    cache = note.with_name("checksums.json")
    with FileLock(f"{cache}.lock"):
        clear_drafts(cache, note)
        files = checksums(folder, cache)
        found: dict[str, Any] = {
            **told,
            "commit": commit(folder),
            "files": files,
            "sha256": _sha256(files),
        }
        known = read_json(note)
        if known is None:
            write_json(note, found)
            return found
    if known["sha256"] != found["sha256"]:
        raise RunError(
            f"{folder} is not the model that this study began with: its fingerprint is "
            f"{found['sha256'][:16]}, and {note} has {known['sha256'][:16]} "
            f"({', '.join(_differing(files, known['files']))} differ); put the model back as it "
            f"was, or collect into another folder"
        )
    return known


def checksums(folder: Path, cache: Path) -> dict[str, str]:
    """SHA-256 of a model's config.json and safetensors, by name.

    Parameters
    ----------
    folder : Path
    cache : Path
        JSON file with the checksums of files by path, size and time.

    Returns
    -------
    dict from str to str

    Raises
    ------
    RunError
        The cache cannot be read or written.
    """
    known = read_json(cache) or {}
    found = {}
    for path in sorted([*folder.glob("config.json"), *folder.glob("*.safetensors")]):
        where, stat = str(path.resolve()), path.stat()
        size, time, checksum = known.get(where, (0, 0, ""))
        if (size, time) != (stat.st_size, stat.st_mtime_ns):
            with path.open("rb") as file:
                checksum = hashlib.file_digest(file, "sha256").hexdigest()
            known[where] = [stat.st_size, stat.st_mtime_ns, checksum]
            write_json(cache, known)
        found[path.name] = checksum
    return found


def commit(folder: Path) -> str:
    """The commit of the hub that a folder of its cache holds, empty for other folders."""
    of_hub = folder.parent.name == "snapshots" and re.fullmatch("[0-9a-f]{40}", folder.name)
    return folder.name if of_hub else ""


def _sha256(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _differing(files: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    return sorted(k for k in {*files, *others} if files.get(k) != others.get(k))
