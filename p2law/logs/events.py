"""TensorBoard's event files: scalars, with the number of the record that is damaged.

A file is a row of records: length, checksum, content, checksum. The content is a
protocol buffer, of which only step and scalars are read. TensorBoard's own reader stops
at a damaged record without a word; here it is an error.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple


class Scalar(NamedTuple):
    """One logged number, and the record that holds it."""

    record: int
    step: int
    tag: str
    value: float


def scalars(content: bytes) -> tuple[list[Scalar], str]:
    """Read all scalars of an event file.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    scalars : list of Scalar
        Up to the first damage.
    fault : str
        What is wrong, and in which record, counted from 0; empty where nothing is.

    Examples
    --------
    >>> scalars(b"no events")
    ([], 'record 0 is cut short or no record')
    """
    found: list[Scalar] = []
    at, number = 0, 0
    while at < len(content):
        end = _end(content, at)
        if end is None:
            return found, f"record {number} is cut short or no record"
        record = content[at + 12 : end - 4]
        if _masked(record) != _word(content, end - 4):
            return found, f"record {number} is damaged: its checksum differs"
        try:
            found += _of_event(record, number)
        except (ValueError, LookupError, struct.error):
            return found, f"record {number} is no event"
        at, number = end, number + 1
    return found, ""


def _end(content: bytes, at: int) -> int | None:
    """Where a record ends, if it is whole."""
    if at + 12 > len(content) or _masked(content[at : at + 8]) != _word(content, at + 8):
        return None
    end = at + 16 + int(struct.unpack_from("<Q", content, at)[0])
    return end if end <= len(content) else None


def _word(content: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", content, at)[0])


def _checksums() -> Iterator[int]:
    """The checksum of every byte, by Castagnoli's polynomial."""
    for byte in range(256):
        code = byte
        for _ in range(8):
            code = (code >> 1) ^ (0x82F63B78 if code & 1 else 0)
        yield code


_TABLE = tuple(_checksums())


def _masked(content: bytes) -> int:
    """CRC-32C, turned and shifted as record files store it."""
    code = 0xFFFFFFFF
    for byte in content:
        code = _TABLE[(code ^ byte) & 0xFF] ^ (code >> 8)
    code ^= 0xFFFFFFFF
    return ((code >> 15 | code << 17) + 0xA282EAD8) & 0xFFFFFFFF


_STEP, _SUMMARY = 2, 5  # fields of an event
_VALUE = 1  # of a summary
_TAG, _SIMPLE, _TENSOR = 1, 2, 8  # of a summary's value
_TYPE, _CONTENT, _FLOATS, _DOUBLES = 1, 4, 5, 6  # of a tensor
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # how a field is written

Field = tuple[int, int, int | bytes]


def _of_event(record: bytes, number: int) -> list[Scalar]:
    """The scalars of one event."""
    step, found = 0, []
    for field, _, value in _fields(record):
        if field == _STEP and isinstance(value, int):
            step = value - (value >> 63 << 64)
        elif field == _SUMMARY and isinstance(value, bytes):
            found += [_of_value(each) for key, _, each in _fields(value) if key == _VALUE]
    return [Scalar(number, step, *each) for each in found if each is not None]


def _of_value(content: int | bytes) -> tuple[str, float] | None:
    """Tag and number of a summary's value, if it is a scalar."""
    tag, found = "", None
    for field, wire, value in _fields(_whole(content)):
        if field == _TAG:
            tag = _whole(value).decode("utf-8")
        elif field == _SIMPLE and wire == _FOUR:
            found = float(struct.unpack("<f", _whole(value))[0])
        elif field == _TENSOR:
            found = _of_tensor(_whole(value))
    return None if found is None else (tag, found)


def _of_tensor(content: bytes) -> float | None:
    """The number in a tensor of one float or double, which is how TensorFlow 2 logs."""
    held = {field: value for field, _, value in _fields(content)}
    if held.get(_TYPE) not in _SINGLE:
        return None
    code, repeated = _SINGLE[int(held[_TYPE])]
    raw = held.get(_CONTENT) or held.get(repeated) or b""
    if not isinstance(raw, bytes) or len(raw) != struct.calcsize(code):
        return None
    return float(struct.unpack(code, raw)[0])


_SINGLE = {1: ("<f", _FLOATS), 2: ("<d", _DOUBLES)}
"""How a float and a double are written, and the field in which they may stand."""


def _whole(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a field that holds bytes was written as a number")  # noqa: TRY004
    return value


def _fields(content: bytes) -> Iterator[Field]:
    """Fields of a protocol buffer: number, way of writing, value."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(content, at)
            yield key >> 3, wire, value
            continue
        if wire == _BYTES:
            size, at = _varint(content, at)
        else:
            size = {_EIGHT: 8, _FOUR: 4}[wire]
        if at + size > len(content):
            raise ValueError("a field is cut short")
        yield key >> 3, wire, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of so many bytes as it needs, and where it ends."""
    value = shift = 0
    while shift < 64:
        byte = content[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise ValueError("a number is longer than 64 bits")
