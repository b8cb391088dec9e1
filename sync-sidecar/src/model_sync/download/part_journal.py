"""Which bytes of a part file are there, kept beside it, so that a kill costs no byte a second time.

A line is `<start> <end> <boot>`. Bytes that were only written survive the death of the process, not that of
the machine: their line names the machine's boot and counts only during the same one. `-` stands for bytes
that were flushed to the disk before the line was written.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from edge_common.atomic_files import flush_to_disk, replace_file

SUFFIX = ".ranges"

_DURABLE = "-"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LINE = re.compile(r"(\d{1,19}) (\d{1,19}) (\S+)")


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


def journal_path(part: Path) -> Path:
    """Where the journal of `part` lies."""
    return part.with_name(part.name + SUFFIX)


class PartJournal:
    """The open journal of one part file. Thread-safe: a line is one write."""

    def __init__(self, descriptor: int, boot: str) -> None:
        """Use `opened`."""
        self._descriptor = descriptor
        self._boot = boot

    @classmethod
    @contextmanager
    def opened(cls, part: Path, size: int) -> Iterator[tuple[Self, CoveredRanges]]:
        """The journal and what it vouches for of `part`, a file that will have `size` bytes.

        Without its journal, or with another size, nothing of the part counts.
        """
        boot = _boot()
        path = journal_path(part)
        covered = CoveredRanges()
        if part.exists() and part.stat().st_size == size:
            for start, end in _trusted(path, boot):
                covered.add(start, min(end, size))
            with part.open("rb") as file:
                flush_to_disk(file.fileno(), part)  # from here on all of it is durable
        # written anew, because a line that was cut off must not run into the next one
        replace_file(path, "".join(f"{start} {end} {_DURABLE}\n" for start, end in covered.ranges).encode())
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            yield cls(descriptor, boot), covered
        finally:
            os.close(descriptor)

    def note(self, start: int, end: int, *, durable: bool = False) -> None:
        """The bytes from `start` up to `end` were handed to the system; if `durable`, flushed to the disk."""
        os.write(self._descriptor, f"{start} {end} {_DURABLE if durable else self._boot}\n".encode())


def _trusted(path: Path, boot: str) -> Iterator[tuple[int, int]]:
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        return
    for line in text.splitlines(keepends=True):
        match = _LINE.fullmatch(line.removesuffix("\n"))
        if match is not None and line.endswith("\n") and match[3] in {_DURABLE, boot}:
            yield int(match[1]), int(match[2])


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"process-{os.getpid()}"  # no telling whether the machine was restarted: trust only ourselves
