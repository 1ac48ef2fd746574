"""Files to text: plain, or a gzip of one or several members."""

import zlib
from pathlib import Path

from p2law.errors import RecordError
from p2law.files.textfiles import LARGE, content_of
from p2law.text.wording import first_line

CHUNK = 1 << 20
"""Bytes taken at once, so that what is left of a large file is not copied for each member."""


def text_of(path: Path) -> tuple[str, str]:
    """Read the text of a file.

    Parameters
    ----------
    path : Path
        UTF-8, ``.gz`` or plain.

    Returns
    -------
    text : str
        Of a damaged gzip, whole lines only.
    fault : str
        What is wrong with the rest of it; empty where nothing is.

    Raises
    ------
    RecordError
        The file cannot be read, is no UTF-8, or nothing of it can be unpacked.
    """
    fault = ""
    try:
        content = content_of(path, LARGE)
        if path.suffix.lower() == ".gz":
            content, fault = _unpacked(content)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read: {first_line(error)}") from error
    if fault:
        content = content[: content.rfind(b"\n") + 1]
        fault = f"{path} is compressed and {fault}"
        if not content:
            raise RecordError(f"{fault}; nothing can be read before it")
    try:
        return content.decode("utf-8-sig"), fault
    except UnicodeError as error:
        raise RecordError(f"{path} is not UTF-8 text: {error}; save it as UTF-8") from error


def _unpacked(packed: bytes) -> tuple[bytes, str]:
    """What a gzip holds, and what is wrong with its end.

    Appending to a gzip, joining several, and bgzip all make further members. One whose checksum
    fails gives nothing, as its text may be wrong anywhere; one that ends early, what came before.
    """
    whole: list[bytes] = []
    at = 0
    while at < len(packed):
        begin, member, pieces = at, zlib.decompressobj(wbits=31), list[bytes]()
        try:
            while not member.eof and at < len(packed):
                pieces.append(member.decompress(packed[at : at + CHUNK]))
                at = min(at + CHUNK, len(packed))
        except zlib.error as error:
            return b"".join(whole), f"damaged from byte {begin} on: {first_line(error)}"
        whole += pieces
        if not member.eof:
            return b"".join(whole), "cut short"
        at -= len(member.unused_data)
        while packed[at : at + 1] == b"\0":  # fills up blocks, of tapes for instance
            at += 1
    return b"".join(whole), ""
