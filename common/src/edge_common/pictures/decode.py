"""From the bytes of a picture file to 8-bit RGB pixels, refusing all that is not a whole picture.

Pillow opens files, because unlike OpenCV it tells kind and size before decoding and reports a truncated file
instead of filling the missing part with grey. Whole colour JPEG files, the usual ones, are then decoded by
OpenCV, which gives the same pixels in a quarter of the time.
"""

import io
import struct
import time
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from edge_common.errors import RejectedError
from edge_common.pictures.files import jpeg_work, kind_of_file, without_metadata
from edge_common.quantities import format_size

# A bomb warning printed to standard error helps nobody; as an exception it becomes a refusal below.
warnings.simplefilter("error", Image.DecompressionBombWarning)

_FORMATS_OF_PILLOW: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "AVIF")
FORMATS: Final = (*_FORMATS_OF_PILLOW, "HEIF")
FORMATS_FOR_PEOPLE: Final = "JPEG, PNG, WebP, BMP, GIF, AVIF or HEIC"
SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".gif", ".avif", ".avifs"}
    | {".heic", ".heics", ".heif", ".heifs", ".hif"}
)
"""Of every file that Pillow opens in one of the formats above."""
_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final[dict[object, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ISO_MEDIA: Final = b"ftyp"
"""Begins HEIF, AVIF and videos, after four bytes of length."""
_CAN_BE_READ: Final = "JPEG, PNG, WebP, BMP, GIF, AVIF and HEIC files can be classified"
_WIDE_GREY_MODES: Final = frozenset({"I;16", "I;16B", "I;16L", "I"})
_JPEG_END: Final = b"\xff\xd9"
_JPEG_TAIL: Final = 16
_DAMAGE: Final = (OSError, ValueError, SyntaxError, TypeError, EOFError, struct.error, zlib.error)
"""What Pillow's readers raise on damaged files; it promises no narrower set."""


class NotAPictureError(RejectedError):
    """The bytes are not a complete picture of a kind and size that is accepted."""


class PictureTooLargeError(NotAPictureError):
    """It may well be a picture, but one with more bytes, pixels or work than are accepted."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What is refused before any work is spent on it."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture file and what is in it: upright RGB pixels [height,width,3].

    `plain_jpeg`: every decoder gets these pixels from the file, being a colour JPEG that is not rotated.
    """

    name: str
    content: bytes
    pixels: NDArray[np.uint8]
    plain_jpeg: bool
    decode_seconds: float


def decode_picture(name: str, content: bytes, limits: PictureLimits) -> Picture:
    """Decode the whole file, after its kind and size were checked; `name` is for messages.

    The first picture of an animation counts. The higher byte is kept of 16-bit values; transparent parts
    become white. Raises NotAPictureError for what is not a picture, is damaged or cut off, and its subclass
    PictureTooLargeError for what exceeds `limits`.
    """
    start = time.perf_counter()
    if not content:
        raise NotAPictureError(f"{name} is empty; send the whole file")
    if len(content) > limits.max_bytes:
        raise PictureTooLargeError(
            f"{name} has more than {format_size(limits.max_bytes)}; send a smaller picture"
        )
    try:
        pixels, plain_jpeg = _decode_at_all(name, content, limits)
    except UnidentifiedImageError as error:
        kind = kind_of_file(content)
        what = f"is {kind}, which is not read" if kind else "is not a picture"
        raise NotAPictureError(f"{name} {what}; {_CAN_BE_READ}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PictureTooLargeError(
            f"{name} has too many pixels; at most {limits.max_pixels} are accepted, send a smaller picture"
        ) from error
    except _DAMAGE as error:
        raise NotAPictureError(f"{name} is incomplete or damaged ({error}); send the whole file") from error
    return Picture(name, content, pixels, plain_jpeg, time.perf_counter() - start)


@cache
def _formats_with_heif() -> tuple[str, ...]:
    from pillow_heif import register_heif_opener  # noqa: PLC0415 - libheif costs 5 MB, and few send such files

    register_heif_opener()
    return FORMATS


def _decode_at_all(name: str, content: bytes, limits: PictureLimits) -> tuple[NDArray[np.uint8], bool]:
    """Pixels and `plain_jpeg`; what is damaged is tried once more without what the pixels do not need."""
    try:
        return _decode(name, content, limits)
    except _DAMAGE:
        bare = without_metadata(content)
        if bare is None:
            raise
        return _decode(name, bare, limits)[0], False


def _decode(name: str, content: bytes, limits: PictureLimits) -> tuple[NDArray[np.uint8], bool]:
    formats = _formats_with_heif() if content[4:8] == _ISO_MEDIA else _FORMATS_OF_PILLOW
    with Image.open(io.BytesIO(content), formats=formats) as image:
        width, height = image.size
        if width * height > limits.max_pixels:
            raise PictureTooLargeError(
                f"{name} has {width}x{height} pixels; at most {limits.max_pixels} are accepted, "
                "send a smaller picture"
            )
        work = jpeg_work(content)
        if work is not None and work.is_too_much(limits.max_pixels):
            raise PictureTooLargeError(
                f"{name} draws its {width}x{height} pixels {work.scans} times or more; "
                "save it anew as an ordinary JPEG"
            )
        orientation = _orientation(image)
        plain_jpeg = image.format == "JPEG" and image.mode == "RGB" and orientation is None
        if plain_jpeg and _is_whole_jpeg(content):
            return _decode_jpeg(content), True
        upright = image if orientation is None else image.transpose(orientation)
        return _as_rgb(upright), plain_jpeg


def _orientation(image: Image.Image) -> Image.Transpose | None:
    """How to turn the picture upright; None when it is, or when nothing sensible is said of it."""
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except (*_DAMAGE, KeyError, IndexError, OverflowError, ZeroDivisionError):
        return None  # what says how to turn it is damaged, and the pixels are not


def _is_whole_jpeg(content: bytes) -> bool:
    """Whether the end-of-image mark is where it belongs; some cameras add a few bytes after it."""
    return _JPEG_END in content[-_JPEG_TAIL:]


def _decode_jpeg(content: bytes) -> NDArray[np.uint8]:
    """By OpenCV, four times faster than Pillow; the caller made sure of size, kind and end."""
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise OSError("the JPEG data cannot be decoded")
    return np.asarray(pixels, np.uint8)


def _as_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in _WIDE_GREY_MODES:
        grey = (np.asarray(image, dtype=np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2))
    if image.has_transparency_data:
        solid = image.convert("RGBA")
        white = Image.new("RGBA", solid.size, "white")
        return np.asarray(Image.alpha_composite(white, solid).convert("RGB"))
    return np.asarray(image.convert("RGB"))
