"""Bytes read as the choices of a random generator, so that a fuzzer can guide them."""

from typing import Any

import numpy as np


class Choices:
    """As much of `numpy.random.Generator` as the makers of cases use, driven by bytes.

    When the bytes are used up, what is usual is chosen.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0
        self._plain = np.random.default_rng(0)
        self.choice, self.normal = self._plain.choice, self._plain.normal

    def integers(self, low: int, high: int | None = None, size: int | None = None) -> Any:
        """Whole numbers from low, below high."""
        low, high = (0, low) if high is None else (low, high)
        width = max(1, (int(high - low - 1).bit_length() + 7) // 8)
        found = [low + self._number(width) % max(1, high - low) for _ in range(size or 1)]
        return found[0] if size is None else np.array(found)

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._number(1) / 256

    def bytes(self, count: int) -> bytes:
        """The next bytes, and 255 after the last."""
        part = self._content[self._at : self._at + count]
        self._at += count
        return part.ljust(count, b"\xff")

    def _number(self, width: int) -> int:
        return int.from_bytes(self.bytes(width), "big")
