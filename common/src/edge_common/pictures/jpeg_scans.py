"""How much work a JPEG file makes, read from its markers without decoding it.

A progressive file draws the whole picture once for every scan, and an empty scan takes a few bytes: 437 KB of
them keep a decoder busy for 16 s (measured). So pixels alone say nothing. Needs the standard library only.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_SCANS: Final = 200
"""Encoders write 1 to 20, the most thorough ones up to 64."""
FULL_SCANS: Final = 16
"""So often the largest picture allowed may be drawn; a smaller one as much more often as it is smaller."""
_MAX_SEGMENTS: Final = 4096
_START: Final = b"\xff\xd8"
_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""In the data of a scan: 0 is an escaped byte, D0 to D7 mark restarts."""


@dataclass(frozen=True, slots=True)
class JpegWork:
    """Pixels of the picture, and how often a decoder goes over them."""

    pixels: int
    scans: int

    def is_too_much(self, max_pixels: int) -> bool:
        """Whether decoding takes far longer than for any picture of `max_pixels` that a camera makes."""
        return self.scans > MAX_SCANS or self.pixels * self.scans > max_pixels * FULL_SCANS


def jpeg_work(content: bytes | memoryview) -> JpegWork | None:
    """The work of a JPEG file, as far as a decoder would read it; None for what is no JPEG file.

    A file of absurdly many parts counts as one with more than MAX_SCANS scans.
    """
    if bytes(content[:2]) != _START:
        return None
    pixels = scans = 0
    position = len(_START)
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(content, position)
        if found is None:
            return JpegWork(pixels, scans)
        position = found.end()
        marker = found[1][0]
        if marker == _END_OF_IMAGE:
            return JpegWork(pixels, scans)
        if marker in _BARE:
            continue
        segment = bytes(content[position : position + 8])
        if marker in _SIZES:
            height, width = int.from_bytes(segment[3:5]), int.from_bytes(segment[5:7])
            pixels = max(pixels, width * height)
        scans += marker == _START_OF_SCAN
        if scans > MAX_SCANS:
            break
        position += max(2, int.from_bytes(segment[:2]))
    return JpegWork(pixels, max(scans, MAX_SCANS + 1))
