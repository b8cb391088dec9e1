"""Picture files by their bytes, without decoding: their kind, the work they make, what pixels do not need.

A progressive JPEG file draws the whole picture once for every scan, and an empty scan takes a few bytes: 437
KB of them keep a decoder busy for 16 s (measured). So pixels alone say nothing. Needs no package.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_SCANS: Final = 200
"""Encoders write 1 to 20, the most thorough ones up to 64."""
FULL_SCANS: Final = 16
"""So often the largest picture allowed may be drawn; a smaller one as much more often as it is smaller."""
_MAX_SEGMENTS: Final = 4096
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_JPEG: Final = b"\xff\xd8"
_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""In the data of a scan: 0 is an escaped byte, D0 to D7 mark restarts."""
_LEFT_OUT: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Segments with metadata: APP1 to APP15 and comments, but not APP14, which tells the colours."""
_BEGINS: Final = (
    (b"II*\0", "a TIFF file"),
    (b"MM\0*", "a TIFF file"),
    (b"%PDF", "a PDF file"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\x01\0", "an icon file"),
    (b"\xff\x0a", "a JPEG XL file"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"FUJIFILMCCD-RAW", "a raw photo"),
)
_VIDEOS: Final = frozenset({b"mp4", b"iso", b"qt ", b"M4V", b"3gp"})
_APP14: Final = 0xEE
_APP14_LENGTH: Final = 14


def kind_of_file(content: bytes) -> str:
    """What `content` begins like, with its article, where people often take it for a picture; else empty."""
    begin = content[:64].lstrip()
    for magic, name in _BEGINS:
        if begin.lower().startswith(magic.lower()) if magic.startswith(b"<") else content.startswith(magic):
            return name
    if content[4:8] == b"ftyp":
        return "a video" if content[8:11] in _VIDEOS else "an unknown media file"
    if content.startswith(b"RIFF") and content[8:12] == b"AVI ":
        return "a video"
    return ""


def without_metadata(content: bytes) -> bytes | None:
    """A PNG or JPEG file with nothing but what its pixels need; None for all else, or if there is no more."""
    try:
        if content.startswith(_PNG):
            bare = _PNG + b"".join(_png_chunks(content))
        elif content.startswith(_JPEG):
            bare = _JPEG + b"".join(_jpeg_segments(content))
        else:
            return None
    except (struct.error, IndexError):
        return None
    return bare if len(bare) < len(content) else None


def _png_chunks(content: bytes) -> Iterator[bytes]:
    place = len(_PNG)
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        end = place + 12 + length
        if content[place + 4 : place + 8] in _PNG_KEPT:
            yield content[place:end]
        place = end


def _jpeg_segments(content: bytes) -> Iterator[bytes]:
    place = len(_JPEG)
    while content[place + 1] != _SCAN:
        (length,) = struct.unpack_from(">H", content, place + 2)
        if content[place] != 0xFF:  # noqa: PLR2004 - begins every segment
            return
        broken = content[place + 1] == _APP14 and length < _APP14_LENGTH
        if content[place + 1] not in _LEFT_OUT and not broken:
            yield content[place : place + 2 + length]
        place += 2 + length
    yield content[place:]


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
    if bytes(content[:2]) != _JPEG:
        return None
    pixels = scans = 0
    position = len(_JPEG)
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
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            break
        position += max(2, int.from_bytes(segment[:2]))
    return JpegWork(pixels, max(scans, MAX_SCANS + 1))
