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
    """An object with a method ``read``."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to ``size`` bytes; no bytes at the end."""


class Stream(io.RawIOBase):
    """Pieces as a file.

    Args:
        pieces: the bytes; its exceptions propagate to the reader.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        #: The number of bytes read so far.
        self.bytes = 0
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer from one piece; return 0 at the end."""
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
    """Yield a file's bytes."""
    while piece := source.read(PIECE):
        yield piece
