"""Text line by line, with a limit on how long a line may be."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from p2law.errors import RecordError

LONGEST = 10_000_000
"""Characters of a line. A few kilobytes of a packed file can hold a line of gigabytes."""


@dataclass
class Lines:
    """An open text that is read by lines or by pieces, until a line is too long.

    Attributes
    ----------
    path : Path
        Named where a line is refused.
    text : file
        Opened with ``newline=""``.
    unended : bool
        Whether what was read last by pieces is a line without an end.

    Raises
    ------
    RecordError
        A line has more than `LONGEST` characters; known before more of it is read.
    """

    path: Path
    text: TextIO
    unended: bool = field(default=False, init=False)
    _begun: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[str]:
        """The lines, each with its end."""
        while line := self.text.readline(LONGEST + 1):
            self._check(len(line))
            yield line

    def read(self, size: int = -1) -> str:
        """The next characters, at most `LONGEST` of them."""
        piece = self.text.read(LONGEST if size < 0 else min(size, LONGEST))
        ends = max(piece.rfind("\n"), piece.rfind("\r"))
        self.unended = bool(piece[ends + 1 :].strip()) or (ends < 0 and self.unended)
        if ends < 0:
            self._begun += len(piece)
        else:
            self._check(self._begun + min(k for each in "\r\n" if (k := piece.find(each)) >= 0))
            self._begun = len(piece) - ends - 1
        self._check(self._begun)
        return piece

    def rewind(self) -> None:
        """Go back to the first line."""
        self._begun, self.unended = 0, False
        self.text.seek(0)

    def _check(self, length: int) -> None:
        """Refuse a line that is too long."""
        if length > LONGEST:
            raise RecordError(
                f"{self.path} has a line of more than {LONGEST:,} characters, which no record "
                "takes; one record stands in one line, so this file is damaged or holds no records"
            )
