"""Bytes that arrive piece by piece, as a file that can be read once."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed import WriteableBuffer

#: Bytes of a piece.
PIECE = 64 * 1024


class Source(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to ``size`` bytes; none are the end."""


class Stream(io.RawIOBase):
    """Pieces as a file.

    Args:
        pieces: the bytes; what it raises, the reader meets.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        #: How many bytes were read.
        self.bytes = 0
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        """Say that this is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as one piece goes; 0 is the end."""
        view = memoryview(buffer).cast("B")
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.bytes += count
        return count


def pieces_of(source: Source) -> Iterator[bytes]:
    """Yield what a file holds."""
    while piece := source.read(PIECE):
        yield piece
