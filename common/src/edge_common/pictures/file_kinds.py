"""What a file is by its bytes, and picture files without the parts that their pixels do not need."""

import struct
from collections.abc import Iterator
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_JPEG: Final = b"\xff\xd8"
_SCAN: Final = 0xDA
_LEFT_OUT: Final = frozenset({0xE1, 0xE2, 0xE3, *range(0xE4, 0xEE), 0xEF, 0xFE})
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
        return (
            "a video"
            if content[8:11] in {b"mp4", b"iso", b"qt ", b"M4V", b"3gp"}
            else "an unknown media file"
        )
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
