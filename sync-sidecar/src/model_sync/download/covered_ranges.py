"""Which bytes of a file are there already. Pure."""

from collections.abc import Iterator

Range = tuple[int, int]
"""First byte and the one after the last."""


class CoveredRanges:
    """Ranges of one file, merged and in order."""

    def __init__(self) -> None:
        """Nothing is there."""
        self.ranges: list[Range] = []

    def add(self, start: int, end: int) -> None:
        """The bytes from `start` up to `end` are there; what was there before may be among them."""
        if start >= end:
            return
        merged: list[Range] = []
        for known_start, known_end in self.ranges:
            if known_end < start or known_start > end:
                merged.append((known_start, known_end))
            else:
                start, end = min(start, known_start), max(end, known_end)
        merged.append((start, end))
        self.ranges = sorted(merged)

    @property
    def frontier(self) -> int:
        """How many bytes are there from the beginning on, without a gap."""
        return self.ranges[0][1] if self.ranges and self.ranges[0][0] == 0 else 0

    @property
    def total(self) -> int:
        """How many bytes are there."""
        return sum(end - start for start, end in self.ranges)

    def missing(self, size: int, longest: int) -> Iterator[Range]:
        """What a file of `size` bytes lacks, in order, in pieces of at most `longest` bytes."""
        at = 0
        for start, end in [*self.ranges, (size, size)]:
            while at < start:
                yield at, min(start, at + longest)
                at = min(start, at + longest)
            at = max(at, end)
