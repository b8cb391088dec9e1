"""Memory for one large request body, placed so that the tensors in it are aligned."""

import numpy as np

_ALIGNMENT = 64
"""A cache line, and the widest vector register."""


class AlignedBody:
    """`size` bytes that the socket fills in place; byte `tail_offset` lies on an aligned address."""

    def __init__(self, size: int, tail_offset: int) -> None:
        memory = np.empty(size + _ALIGNMENT, dtype=np.uint8)  # not zeroed: every byte is received
        padding = -(memory.ctypes.data + tail_offset) % _ALIGNMENT
        self._bytes = memory.data[padding : padding + size]
        self._size = size
        self._filled = 0

    def append(self, data: bytes) -> None:
        """Copy in what came together with the headers."""
        end = self._filled + len(data)
        self._bytes[self._filled : end] = data
        self._filled = end

    def missing(self) -> memoryview:
        """The part to be received, for the socket to write into."""
        return self._bytes[self._filled :]

    def advance(self, count: int) -> None:
        """The socket wrote `count` bytes."""
        self._filled += count

    @property
    def filled(self) -> int:
        """Bytes that are there."""
        return self._filled

    @property
    def is_complete(self) -> bool:
        """Whether every byte is there."""
        return self._filled == self._size

    def content(self) -> memoryview:
        """All bytes."""
        return self._bytes
