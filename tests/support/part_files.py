"""What of an object lies in staging, as the part file and its journal say."""

from pathlib import Path

from model_sync.download.part_journal import SUFFIX, CoveredRanges, Range


def covered_ranges(volume: Path, model: str, source: str) -> list[Range] | None:
    """The bytes of the one object on its way; None: nothing is on its way, because all has arrived.

    A part without a journal is filled from its beginning on.
    """
    parts = volume / ".model-sync" / "staging" / model / source / "parts"
    # a kill may leave what was being written aside, under a name that begins with a dot
    files = [path for path in parts.glob("[!.]*") if path.suffix != SUFFIX] if parts.exists() else []
    if not files:
        return None if (parts.parent / "tree").exists() or (volume / model).exists() else []
    (part,) = files
    journal = part.with_name(part.name + SUFFIX)
    covered = CoveredRanges()
    if journal.exists():
        for line in journal.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # else it was cut off
                covered.add(*map(int, line.split()[:2]))
    else:
        covered.add(0, part.stat().st_size)
    return covered.ranges


def total_of(ranges: list[Range]) -> int:
    """How many bytes they are."""
    return sum(end - start for start, end in ranges)


def complement_of(ranges: list[Range], size: int) -> list[Range]:
    """What of `size` bytes they lack, in as few ranges as possible."""
    covered = CoveredRanges()
    for start, end in ranges:
        covered.add(start, end)
    return list(covered.missing(size, size))


def merged(ranges: list[Range]) -> list[Range]:
    """The same bytes in as few ranges as possible; raises AssertionError when a byte is in two of them."""
    covered = CoveredRanges()
    for start, end in ranges:
        covered.add(start, end)
    assert covered.total == total_of(ranges), f"some bytes are in two of {ranges}"
    return covered.ranges
